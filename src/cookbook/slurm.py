"""A throw-away Slurm on this machine: authentication, controller and one node, for root, under a temporary folder.

`Slurm()` starts this file as a program, which starts the three services and adopts whatever they leave behind. All of
it ends with `close`, with the process that started it, or with an error: each by its process id.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Slurm", "SlurmError", "started"]

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "sinfo")
PATIENCE = 30  # seconds
LOOK = 0.5  # seconds after which the program looks for its parent again
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # of linux/prctl.h
CONFIGURATION = """\
ClusterName=cookbook
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
KillWait=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class SlurmError(RuntimeError):
    """There can be no Slurm on this machine, or it does not start."""


def started(cpus: int | None = None) -> Slurm | None:
    """Return a Slurm, or none where this machine can have none; it prints which, and why."""
    try:
        slurm = Slurm(cpus)
    except (SlurmError, OSError) as error:
        print("no batch system:", error)
        return None
    print(f"a Slurm of this page's own, with {slurm.cpus} CPUs")
    return slurm


class Slurm:
    """A Slurm of one node with `cpus` CPUs, however many the machine has; by default as many, and two at least.

    Its commands find it by `environment`. Files beside the services' own may lie in `folder`, which goes with it.
    """

    def __init__(self, cpus: int | None = None) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
        if missing:
            raise SlurmError(f"no {', '.join(missing)} on this machine: apt-get install slurm-wlm munge")
        if os.getuid() != 0:
            raise SlurmError("its services run as root, and this process does not")
        self.cpus = cpus or max(2, os.cpu_count() or 2)
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        # -P: the modules beside this file are no others' names; in a session of its own no interrupt reaches it
        command = [sys.executable, "-P", __file__, str(self.folder), str(self.cpus), str(os.getpid())]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)
        assert self.process.stdout
        told = json.loads(self.process.stdout.readline() or '{"error": "the program that starts it has ended"}')
        if "error" in told:
            self.close()
            raise SlurmError(told["error"])

    def __enter__(self) -> Slurm:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def environment(self) -> Mapping[str, str]:
        """What Slurm's commands need in their environment."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    @property
    def options(self) -> Mapping[str, Any]:
        """What `dask_jobqueue.SLURMCluster` needs on this machine: its loopback network, and folders that go away."""
        folders = {name: str(self.folder / name) for name in ("local_directory", "log_directory")}
        return {"interface": "lo", "scheduler_options": {"dashboard_address": "127.0.0.1:0"}, **folders}

    def close(self) -> None:
        """End jobs and services, and remove the folder."""
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            pipe.close()  # of which the program takes notice
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _path() -> str:
    """Return where programs are looked for; Debian's services stand where an ordinary user does not look."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in taken]


def _configure(folder: Path, cpus: int) -> None:
    """Write a configuration, and a key for this Slurm alone."""
    folder.chmod(0o755)  # or munged does not serve a socket there
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    host = socket.gethostname().partition(".")[0]
    controller, node = _free_ports(2)
    text = CONFIGURATION.format(
        folder=folder, host=host, cpus=cpus, memory=memory, controller_port=controller, node_port=node
    )
    (folder / "slurm.conf").write_text(text)


def _commands(folder: Path) -> dict[str, list[str]]:
    """Return how each service is started, in the foreground."""
    munge = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munged.pid", "seed-file": "munged.seed"}
    options = [f"--{option}={folder / name}" for option, name in {**munge, "log-file": "munged.log"}.items()]
    configured = ["-D", "-f", str(folder / "slurm.conf")]
    return {
        "munged": ["munged", "--foreground", *options],
        "slurmctld": ["slurmctld", *configured],
        "slurmd": ["slurmd", *configured],
    }


def _start(folder: Path, cpus: int) -> None:
    """Start the services, which die with this process, and wait until the node takes jobs."""
    _configure(folder, cpus)
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # what slurmd starts apart from itself comes here when its parent goes
    running: dict[str, subprocess.Popen[bytes]] = {}
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}
    for name, command in _commands(folder).items():
        with (folder / f"{name}.out").open("w") as said:
            running[name] = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        if name == "munged":
            _wait_for(folder, running, lambda: (folder / "munge.socket").exists())
    state = ["sinfo", "--noheader", "--format=%T"]

    def idle() -> bool:
        asked = subprocess.run(state, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return asked.stdout.strip() == b"idle"

    _wait_for(folder, running, idle)


def _wait_for(folder: Path, running: Mapping[str, subprocess.Popen[bytes]], done: Callable[[], bool]) -> None:
    """Wait until something holds; raise where a service has ended before."""
    end = time.monotonic() + PATIENCE
    while not done():
        ended = [name for name, process in running.items() if process.poll() is not None]
        if ended or time.monotonic() > end:
            name = ended[0] if ended else [*running][-1]
            said = (folder / f"{name}.out").read_text(errors="replace")[-500:]
            raise SlurmError(f"{name} {'has ended' if ended else 'is not ready'}: {said}")
        time.sleep(0.1)


def _children() -> list[int]:
    """Return the process ids of the children of this process, adopted ones as well."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            parent = entry.read_text(errors="replace").rpartition(")")[2].split()[1]
            found += [int(entry.parent.name)] if int(parent) == os.getpid() else []
    return found


def _end_all() -> None:
    """End all children by process id, then theirs, which come here, until there is none."""
    end = time.monotonic() + PATIENCE / 2
    while (children := _children()) and time.monotonic() < end:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def main(folder: Path, cpus: int, parent: int) -> None:
    """Run a Slurm until its standard input is closed, or the process that started it has gone."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        try:
            _start(folder, cpus)
        except (SlurmError, OSError) as error:
            print(json.dumps({"error": str(error)}), flush=True)
            return
        print("{}", flush=True)
        while os.getppid() == parent and not select.select([sys.stdin], [], [], LOOK)[0]:
            pass
    finally:
        _end_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
