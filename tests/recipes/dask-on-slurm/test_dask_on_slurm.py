"""Workers give what one core gives, name a bad file, and end with the page or with its kernel."""

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")
pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: make env")

from cookbook import agreement, recipe, roothist, sample, slurm
from cookbook.recipe import Engine

distributed: Any = importlib.import_module("dask.distributed")
SUBJECT = recipe.load("dask-on-slurm")
FILES = SUBJECT.parameters()["FILES"]
PATIENCE = 300  # seconds
# The page up to its workers, then its last cell, or nothing more.
RUN = """
import sys
import time

from cookbook import recipe, slurm

if __name__ == "__main__":
    subject, namespace = recipe.load("dask-on-slurm"), {"__name__": "page"}
    if "local" in sys.argv:
        slurm.PROGRAMS = ("no such program",)
    cells = subject.cells
    workers = next(i for i, cell in enumerate(cells) if "cluster.scale(" in cell.source)
    for cell in cells[: workers + 1]:
        exec(cell.source, namespace)
    namespace["client"].wait_for_workers(namespace["WORKERS"], timeout=300)
    print(type(namespace["cluster"]).__name__, flush=True)
    time.sleep(1000 if "stays" in sys.argv else 0)
    exec(cells[-1].source, namespace)
"""

engines = pytest.mark.parametrize("engine", recipe.ENGINES)
pytestmark = pytest.mark.filterwarnings("ignore")  # of workers that a test ends


@contextmanager
def workers() -> Iterator[Any]:
    """Start two workers, which have none of what this process has, and give their client."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        cluster.get_client() as found,
    ):
        yield found


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Share two workers."""
    with workers() as found:
        yield found


def run(engine: Engine, files: list[str], client: Any = None, **parameters: Any) -> dict[str, Any]:
    """Run a half as the page has it, without any check of files before."""
    namespace = SUBJECT.parameters(parameters)
    half: Any = SUBJECT.define(engine, namespace)
    return {name: roothist.to_hist(h) for name, h in half(files, client).items()}


@engines
def test_workers_give_what_one_core_gives(client: Any, engine: Engine) -> None:
    """Each bin, and in coffea each count of each bin, bit by bit."""
    merged, here = run(engine, FILES, client), run(engine, FILES)
    assert merged == here
    agreement.check(merged if engine == "coffea" else here, here)


@engines
def test_any_number_of_tasks_gives_the_same(client: Any, engine: Engine) -> None:
    """Fewer events in a chunk, more partitions than clusters, and more files than one."""
    files = [*FILES, *sample.files("DYto2L_M-50")]
    merged = run(engine, files, client, WORKERS=20, CHUNK=1000)
    assert merged == run(engine, files)


@engines
def test_a_bad_file_is_named(client: Any, engine: Engine, tmp_path: Path) -> None:
    """A missing one, and one with a basket that cannot be unpacked, read by a worker after a good one."""
    damaged, content = tmp_path / "damaged.root", bytearray(Path(FILES[0]).read_bytes())
    with uproot.open(FILES[0]) as file:
        key = file["Events/Muon_pt"].basket_key(0)
    place = key.fSeekKey + key.fKeylen
    content[place : place + 9] = bytes(9)
    damaged.write_bytes(content)
    good = sample.files("DYto2L_M-50")
    for bad in (damaged, tmp_path / "missing.root"):
        with pytest.raises(Exception, match=bad.name):  # of a kind of its own in each library
            run(engine, [*good, str(bad)], client)


def test_the_preparation_runs_here_and_before_each_task(client: Any, tmp_path: Path) -> None:
    """As the page says: so it must do no harm a second time."""
    import ROOT

    calls = tmp_path / "calls.txt"

    def noted() -> None:
        with calls.open("a") as file:
            file.write(f"{os.getpid()}\n")

    ROOT.RDF.Distributed.initialize(noted)
    frame = ROOT.RDataFrame("Events", FILES, executor=client, npartitions=4)
    frame.Count().GetValue()
    pids = calls.read_text().split()
    assert len(pids) == 5
    assert len(set(pids)) <= 3
    assert str(os.getpid()) in pids


def test_workers_that_join_later_have_the_error_handler_too(client: Any, tmp_path: Path) -> None:
    """It comes with each task, so a worker that has run none of the graph's needs no preparation."""
    run("rdataframe", FILES, client)
    with workers() as later, pytest.raises(RuntimeError, match=r"missing\.root"):
        run("rdataframe", [*FILES, str(tmp_path / "missing.root")], later)


def marked(mark: str) -> list[str]:
    """Return the command lines of the processes that have a mark in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended, or is another user's
            continue
    return found


@pytest.mark.parametrize("way", ["Slurm", "local"])
@pytest.mark.parametrize("end", ["last cell", "killed"])
def test_workers_end_with_the_page(way: str, end: str, repository: Path, tmp_path: Path) -> None:
    """By its last cell, and where its kernel is killed; batch jobs and processes alike."""
    if way == "Slurm" and (os.getuid() or any(shutil.which(one) is None for one in slurm.PROGRAMS)):
        pytest.skip("no Slurm: apt-get install slurm-wlm munge, and be root")
    mark, script = f"mark-{uuid.uuid4()}", tmp_path / "page.py"
    script.write_text(RUN)
    environment = {**os.environ, "PYTHONPATH": str(repository / "src"), "MARK": mark}
    command = [sys.executable, str(script), way, "stays" if end == "killed" else "ends"]
    said = tmp_path / "said.txt"
    with said.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment) as page:
        until = time.monotonic() + PATIENCE
        while page.poll() is None and not re.search(r"Cluster$", said.read_text(), re.MULTILINE):
            assert time.monotonic() < until, said.read_text()
            time.sleep(0.2)
        if end == "killed":
            assert len(marked(mark)) > 2
            page.send_signal(signal.SIGKILL)
    assert {"Slurm": "SLURMCluster", "local": "LocalCluster"}[way] in said.read_text(), said.read_text()
    assert page.returncode == (-signal.SIGKILL if end == "killed" else 0), said.read_text()
    until = time.monotonic() + PATIENCE
    while left := marked(mark):
        assert time.monotonic() < until, left
        time.sleep(0.2)
