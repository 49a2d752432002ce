"""A throw-away Slurm takes jobs, stands beside another, and leaves nothing behind, however it ends."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cookbook import slurm
from cookbook.slurm import Slurm, SlurmError, started

PATIENCE = 120  # seconds
NEEDED = [program for program in slurm.PROGRAMS if shutil.which(program) is None]
needs_slurm = pytest.mark.skipif(
    bool(NEEDED) or os.getuid() != 0, reason="no Slurm: apt-get install slurm-wlm munge, and be root"
)
JOB = "sleep 1000"
START = """
import os
import sys
import time

from cookbook.slurm import Slurm

running = Slurm()
print(running.folder, running.process.pid, flush=True)
time.sleep(1000)
"""


def run(running: Slurm, *command: str) -> str:
    """Run one of Slurm's commands, and return what it prints."""
    environment = {**os.environ, **running.environment}
    return subprocess.run(command, env=environment, check=True, text=True, capture_output=True).stdout.strip()


def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.1)


def submitted(running: Slurm, job: str = JOB) -> str:
    """Submit a job, wait until it runs or has ended, and return its number."""
    printed = run(running, "sbatch", "--parsable", f"--output={running.folder}/said.txt", f"--wrap={job}")
    until(lambda: run(running, "squeue", "--noheader", "--format=%t", f"--jobs={printed}") in ("R", "CG", ""))
    return printed


def of(folder: Path) -> list[str]:
    """Return the command lines of all processes that have this folder in theirs, or stand in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = (entry / "cwd").readlink()
        except OSError:  # it has ended
            continue
        found += [command] if str(folder) in f"{command} {place}" else []
    return found


@pytest.fixture(scope="module")
def running() -> Iterator[Slurm]:
    """Start a Slurm for all tests that only ask it."""
    with Slurm(2) as one:
        yield one


@needs_slurm
def test_a_job_runs(running: Slurm) -> None:
    """It knows its number, and finds Slurm's commands."""
    number = submitted(running, "squeue --noheader --format=%i,%T --jobs=$SLURM_JOB_ID")
    said = running.folder / "said.txt"
    until(lambda: said.is_file() and said.read_text().strip() == f"{number},RUNNING")


@needs_slurm
def test_the_node_has_the_cpus_that_were_asked_for(running: Slurm) -> None:
    """Also where the machine has fewer: as many jobs run side by side, and no more."""
    with Slurm(3) as other:
        assert run(other, "sinfo", "--noheader", "--format=%c") == "3"
        for _ in range(3):
            submitted(other)
        run(other, "sbatch", "--output=/dev/null", f"--wrap={JOB}")
        assert sorted(run(other, "squeue", "--noheader", "--format=%t").split()) == ["PD", "R", "R", "R"]
        assert run(running, "sinfo", "--noheader", "--format=%c") == "2"


@needs_slurm
def test_nothing_is_heard_but_on_the_loopback_network(running: Slurm) -> None:
    """Both ports of the configuration are bound to 127.0.0.1."""
    text = (running.folder / "slurm.conf").read_text()
    listening = "0A"
    for port in re.findall(r"^Slurm\w+Port=(\d+)$", text, re.MULTILINE):
        tables = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
        bound = re.findall(rf" (\w+):{int(port):04X} \w+:\w+ {listening} ", tables)
        assert bound == ["0100007F"]


@needs_slurm
def test_close_leaves_nothing() -> None:
    """Neither a service, nor a job, nor a process that a job has detached, nor the folder."""
    with Slurm() as one:
        folder = one.folder
        submitted(one, f"cd {folder}; setsid {JOB} & {JOB}")
        until(lambda: sum(JOB in line for line in of(folder)) >= 2)
    assert (of(folder), folder.exists()) == ([], False)
    one.close()  # a second time does no harm


@needs_slurm
def test_an_error_leaves_nothing() -> None:
    """Where the block raises."""

    def use(one: Slurm) -> None:
        with one:
            submitted(one)
            raise ZeroDivisionError

    one = Slurm()
    with pytest.raises(ZeroDivisionError):
        use(one)
    assert (of(one.folder), one.folder.exists()) == ([], False)


@needs_slurm
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_the_end_of_the_parent_leaves_nothing(signum: signal.Signals, repository: Path) -> None:
    """However it is ended; a job is running."""
    environment = {**os.environ, "PYTHONPATH": str(repository / "src")}
    with subprocess.Popen([sys.executable, "-c", START], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout
        folder = Path(parent.stdout.readline().split()[0])
        one = object.__new__(Slurm)
        one.folder = folder
        submitted(one, f"cd {folder}; {JOB}")
        until(lambda: any(JOB in line for line in of(folder)))
        parent.send_signal(signum)
    until(lambda: (of(folder), folder.exists()) == ([], False))


@needs_slurm
def test_a_child_that_outlives_the_parent_does_not_keep_it(repository: Path) -> None:
    """As a forked worker that has the parent's end of the pipe."""
    stays = "child = os.fork() == 0\nwhile child and running.folder.exists():\n    time.sleep(0.1)"
    fork = START.replace("time.sleep(1000)", stays)
    environment = {**os.environ, "PYTHONPATH": str(repository / "src")}
    with subprocess.Popen([sys.executable, "-c", fork], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout
        folder = Path(parent.stdout.readline().split()[0])
        until(lambda: (of(folder), folder.exists()) == ([], False))


@needs_slurm
def test_a_service_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the name of the service and what it said; nothing is left."""
    made: list[Path] = []

    def make(prefix: str) -> str:
        made.append(Path(make_folder(prefix=prefix)))
        return str(made[-1])

    make_folder = tempfile.mkdtemp
    monkeypatch.setattr("cookbook.slurm.tempfile.mkdtemp", make)
    fake = tmp_path / "slurmd"
    fake.write_text("#!/bin/sh\necho no luck\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SlurmError, match=r"slurmd has ended: no luck"):
        Slurm()
    (folder,) = made
    assert (of(folder), folder.exists()) == ([], False)


def test_missing_programs_are_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the packages that have them; a page goes on without."""
    monkeypatch.setattr("cookbook.slurm.shutil.which", lambda name, path: None if name == "munged" else name)
    with pytest.raises(SlurmError, match=r"no munged on this machine: apt-get install slurm-wlm munge"):
        Slurm()
    assert started() is None
    assert capsys.readouterr().out == "no batch system: no munged on this machine: apt-get install slurm-wlm munge\n"


def test_an_ordinary_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The services run as root."""
    monkeypatch.setattr("cookbook.slurm.shutil.which", lambda name, path: name)
    monkeypatch.setattr("cookbook.slurm.os.getuid", lambda: 1000)
    with pytest.raises(SlurmError, match="run as root"):
        Slurm()
