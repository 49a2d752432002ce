"""A real XRootD server on this host, in a folder of its own that goes with it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Server", "free_port", "started"]

CONFIGURATION = """
xrd.port {port}
all.export /data
oss.localroot {folder}
all.adminpath {folder}/run
all.pidpath {folder}/run
"""
PATIENCE = 30  # seconds
USER = "nobody"  # the server refuses to run as root


@dataclass(frozen=True)
class Server:
    """Where a server listens, and the folder of what it exports."""

    port: int
    data: Path

    def address(self, name: str) -> str:
        """Return the address of a file."""
        return f"root://127.0.0.1:{self.port}//data/{name}"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def started() -> Iterator[Server]:
    """Run a server, and stop it at the end, whatever happens; skip the test where there is none."""
    program = shutil.which("xrootd")
    if program is None:
        pytest.skip("no xrootd: apt-get install xrootd-server")
    user = USER if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="xrootd-") as name:  # pytest's own folders are closed to other users
        folder = Path(name)
        server = Server(free_port(), folder / "data")
        for path in (folder, server.data, folder / "run"):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
            if user:
                shutil.chown(path, user)
        (folder / "server.cfg").write_text(CONFIGURATION.format(port=server.port, folder=folder))
        command = [program, "-c", str(folder / "server.cfg"), "-l", str(folder / "run" / "log")]
        with subprocess.Popen(command, cwd=folder, user=user, extra_groups=[] if user else None) as process:
            try:
                _wait(server.port, process)
                yield server
            finally:
                process.kill()


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server listens."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"xrootd did not start within {PATIENCE} s, or ended with {process.poll()}")
