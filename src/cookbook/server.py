"""A throw-away server of XRootD and HTTP behind proxies that count, delay and break off.

`Server(files)` starts this file as a program: where it may, in a network namespace of its own, out of which the proxies
alone lead. All of it ends with `close`, with the process that started it, or with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["Proxy", "Server", "ServerError", "serve"]

# ROOT takes 127.0.0.1 for this machine, and opens the path of an address there instead
HOST = "127.0.0.2"
USER = "nobody"  # the server refuses to run as root
PATIENCE = 30  # seconds
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
CONFIGURATION = """
xrd.port {root}
xrd.protocol http:{http} libXrdHttp.so
all.export /data
oss.localroot {folder}
all.adminpath {folder}/run
all.pidpath {folder}/run
"""
OPERATIONS = {
    3003: "close",
    3010: "open",
    3013: "read",
    3017: "stat",
    3025: "readv",
    3030: "pgread",
}
LOOPBACK_UP = ["ip", "link", "set", "lo", "up"]
NAMESPACES = (  # as root, and as an ordinary user
    ["unshare", "--net"],
    ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"],
)
OPEN_DATA = (  # top pairs of CMS Open Data, in NanoAOD v9
    "root://eospublic.cern.ch//eos/opendata/cms/mc/RunIISummer20UL16NanoAODv9/"
    "TTToSemiLeptonic_TuneCP5_13TeV-powheg-pythia8/NANOAODSIM/"
    "106X_mcRun2_asymptotic_v17-v1/120000/08FCB2ED-176B-064B-85AB-37B898773B98.root"
)
MOST = 50_000_000  # bytes of a file that is served


class ServerError(RuntimeError):
    """There is no server on this machine, or it does not start."""


def serve(files: Iterable[str]) -> tuple[Server | None, list[str]]:
    """Return a server of small local files and their addresses, or what is read instead."""
    paths = list(files)
    if any("://" in path or Path(path).stat().st_size > MOST for path in paths):
        return None, paths
    try:
        server = Server(paths)
    except (ServerError, OSError) as error:
        print("no server:", error)
    else:
        print("an XRootD server in", server.where)
        near = server.proxy()
        return server, [near.address(Path(path).name) for path in paths]
    try:
        socket.create_connection(("eospublic.cern.ch", 1094), timeout=5).close()
    except OSError as error:
        print("no CMS Open Data either:", error)
        return None, paths
    return None, [OPEN_DATA]


class Server:
    """A server of copies of files, and where to reach it."""

    def __init__(self, files: Iterable[str]) -> None:
        program = shutil.which("xrootd")
        if program is None:
            raise ServerError("no xrootd on this machine: apt-get install xrootd-server")
        self.space = next((space for space in NAMESPACES if _works(space)), [])
        self.folder = Path(tempfile.mkdtemp(prefix="remote-"))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        for path in (self.data, self.folder / "run"):
            path.mkdir()
        for file in files:
            shutil.copy(file, self.data)
        self._control, other = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with other:
            own = "own" if self.space else "shared"
            script = [sys.executable, "-P", __file__]  # -P: the modules beside this file are no others' names
            command = [*self.space, *script, str(self.folder), program, str(other.fileno()), own]
            self.process = subprocess.Popen(command, pass_fds=[other.fileno()])
        self._control.settimeout(PATIENCE)
        self._answer()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def where(self) -> str:
        """Say where the server runs."""
        if self.space:
            return "a network namespace of its own"
        return "the loopback network of this machine"

    def proxy(self, **faults: Any) -> Proxy:
        """Open a port to the server; see `Proxy`."""
        ports = []
        for protocol in ("root", "http"):
            with socket.create_server((HOST, 0)) as listening:
                ports.append(listening.getsockname()[1])
                request = json.dumps({"protocol": protocol, "port": ports[-1], **faults}).encode()
                socket.send_fds(self._control, [request], [listening.fileno()])
            self._answer()
        return Proxy(self, *ports)

    def ask(self, **request: Any) -> Any:
        """Send a request to the program, and return its answer."""
        self._control.send(json.dumps(request).encode())
        return self._answer()

    def _answer(self) -> Any:
        if not (told := self._control.recv(2**16)):
            raise ServerError(f"the server ended with {self.process.wait(PATIENCE)}")
        return json.loads(told)

    def close(self) -> None:
        """Stop the server and the proxies; the program removes its folder."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        self.process.kill()
        self.process.wait()


class Proxy:
    """A way to a server that counts what passes.

    `delay` is the time of a round trip in seconds. After `limit` bytes of answers,
    nothing passes any more, or with `dies` all connections end, and each new one at once.
    """

    def __init__(self, server: Server, root: int, http: int) -> None:
        self.server, self.root, self.http = server, root, http

    def address(self, name: str, protocol: str = "root") -> str:
        """Return the address of a file."""
        port, folder = getattr(self, protocol), {"root": "//data", "http": "/data"}[protocol]
        return f"{protocol}://{HOST}:{port}{folder}/{name}"

    def counts(self) -> Counter[str]:
        """Return requests by kind and bytes of answers since the last call."""
        answers = [self.server.ask(port=port) for port in (self.root, self.http)]
        return sum((Counter(answer) for answer in answers), Counter())


def _works(space: list[str]) -> bool:
    """Return whether a namespace can be made, and its loopback network be set up."""
    try:
        tried = subprocess.run([*space, *LOOPBACK_UP], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


class _Port:
    """What listens on one port, counts, and breaks."""

    def __init__(self, to: int, protocol: str, **faults: Any) -> None:
        self.to, self.protocol = to, protocol
        self.delay = faults.get("delay", 0.0)
        self.limit = faults.get("limit", float("inf"))
        self.dies = faults.get("dies", False)
        self.counted: Counter[str] = Counter()
        self.dead = False
        self.writers: set[StreamWriter] = set()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass on what goes over a connection."""
        if self.dead:
            return writer.close()
        back, forth = await asyncio.open_connection("127.0.0.1", self.to)
        self.writers |= {writer, forth}
        ask = _http(self.counted) if self.protocol == "http" else _xrootd(self.counted)
        next(ask)
        asked = self._pass(reader, forth, ask.send)
        answered = self._pass(back, writer, self._answered())
        with contextlib.suppress(OSError, asyncio.CancelledError):  # broken off, or the end
            await asyncio.gather(asked, answered)
        self.writers -= {writer, forth}

    def _answered(self) -> Any:
        def count(data: bytes) -> None:
            self.limit -= len(data)
            self.counted["bytes"] += len(data)
            if self.limit < 0 and self.dies:
                self.dead = True
                for one in self.writers:
                    one.transport.abort()
            if self.limit < 0:
                raise BlockingIOError

        return count

    async def _pass(self, reader: StreamReader, writer: StreamWriter, count: Any) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def write() -> None:
            loop = asyncio.get_running_loop()
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    return writer.close()
                writer.write(data)
                await writer.drain()

        writing = asyncio.create_task(write())
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(2**16):
                try:
                    count(data)
                except BlockingIOError:  # hangs
                    await asyncio.sleep(3600)
                queue.put_nowait((asyncio.get_running_loop().time() + self.delay / 2, data))
        queue.put_nowait((0.0, b""))
        with contextlib.suppress(ConnectionError):
            await writing


def _xrootd(counted: Counter[str]) -> Any:
    """Count the requests in what a client sends.

    It is 20 bytes of greeting, then heads of 24 bytes with as much as they announce.
    """
    pending, skipped = b"", 20
    while True:
        pending += yield
        while len(pending) >= skipped + 24:
            head = pending[skipped : skipped + 24]
            kind, size = struct.unpack(">2xH16xI", head)
            if len(pending) < skipped + 24 + size:
                break
            body = pending[skipped + 24 : skipped + 24 + size]
            pending, skipped = pending[skipped + 24 + size :], 0
            if kind in OPERATIONS:
                counted[OPERATIONS[kind]] += 1
            if kind == 3025:
                counted["pieces"] += len(body) // 16


def _http(counted: Counter[str]) -> Any:
    """Count the requests in what a client sends."""
    pending = b""
    while True:
        pending += yield
        *heads, pending = pending.split(b"\r\n\r\n")
        for head in heads:
            counted[head.split(b" ", 1)[0].decode()] += 1
            if ranges := re.search(rb"(?im)^range: *bytes=(.*)$", head):
                counted["pieces"] += ranges[1].count(b"-")


def _start(folder: Path, program: str, ports: dict[str, int]) -> subprocess.Popen[bytes]:
    """Start the server proper, which dies with this process."""
    user = USER if os.getuid() == 0 else None
    for path in (folder, *folder.rglob("*")):
        if user:
            shutil.chown(path, user)
    (folder / "server.cfg").write_text(CONFIGURATION.format(folder=folder, **ports))
    command = [program, "-c", str(folder / "server.cfg"), "-l", str(folder / "run" / "log")]
    prctl = ctypes.CDLL(None).prctl
    server = subprocess.Popen(
        command,
        cwd=folder,
        user=user,
        extra_groups=[] if user else None,
        preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    end = time.monotonic() + PATIENCE
    while not all(map(_listens, ports.values())):
        if server.poll() is not None or time.monotonic() > end:
            server.kill()
            said = (folder / "run" / "log").read_text()[-500:]
            raise ServerError(f"xrootd ended with {server.wait()}: {said}")
        time.sleep(0.05)
    return server


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def _control(control: socket.socket, ports: dict[str, int]) -> None:
    """Do what the starting process asks, until it goes."""
    loop, open_ports, ready = asyncio.get_running_loop(), {}, asyncio.Event()
    loop.add_reader(control, ready.set)
    control.setblocking(False)
    while True:
        await ready.wait()
        ready.clear()
        try:
            data, handles, *_ = socket.recv_fds(control, 2**16, 1)
        except BlockingIOError:  # woken twice
            continue
        if not data:
            return
        request = json.loads(data)
        number, answer = request.pop("port"), {}
        if handles:
            protocol = request.pop("protocol")
            port = open_ports[number] = _Port(ports[protocol], protocol, **request)
            await asyncio.start_server(port.serve, sock=socket.socket(fileno=handles[0]))
        else:
            answer = dict(open_ports[number].counted)
            open_ports[number].counted.clear()
        control.send(json.dumps(answer).encode())


def main(folder: Path, program: str, handle: int, own: bool) -> None:
    """Run server and proxies until the other end of the control socket is closed."""
    for signum in (signal.SIGINT, signal.SIGTERM):  # to the group of who started it
        signal.signal(signum, signal.SIG_IGN)
    server = None
    try:
        with socket.socket(fileno=handle) as control:
            if own:
                subprocess.run(LOOPBACK_UP, check=True)
            ports = {"root": 1094, "http": 8080}
            if not own:
                ports = {protocol: _free_port() for protocol in ports}
            server = _start(folder, program, ports)
            control.send(b"{}")
            asyncio.run(_control(control, ports))
    finally:
        if server:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "own")
