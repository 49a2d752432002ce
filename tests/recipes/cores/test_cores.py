"""Any number of workers gives what one gives; pieces are as said; nothing is left running after an error."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT
from coffea import processor
from coffea.nanoevents import NanoAODSchema

from cookbook import agreement, recipe
from runs import complaint, few
from small_files import event_columns, jagged, write

SUBJECT = recipe.load("cores")
SIZES = 50, 1, 7
TWO = 2


@cache
def page() -> Mapping[str, Any]:
    """Return what both halves define, and how the closure follows tasks and bytes."""
    namespace = SUBJECT.parameters()
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    for text in ("cores_heap", "def followed"):
        source = next(cell.source for cell in SUBJECT.cells if text in cell.source)
        exec(source.partition("\nPART =")[0], namespace)
    return namespace


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Write files of some events, of one and of few, and return their paths."""
    folder = tmp_path_factory.mktemp("files")
    return [made(folder / f"{size}.root", size) for size in SIZES]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Make sure that no test leaves ROOT's threads on, or a process behind."""
    before = workers()
    yield
    assert not ROOT.IsImplicitMTEnabled()
    assert workers() <= before


def made(path: Path, size: int) -> str:
    """Write events with none to three tight muons of either charge."""
    columns: dict[str, Any] = event_columns(size)
    number = np.random.default_rng(size).integers(0, 4, size)

    def lists(kind: str, low: float, high: float) -> Any:
        values = np.random.default_rng(size + 1).uniform(low, high, number.sum())
        return jagged([list(part) for part in np.split(values, np.cumsum(number)[:-1])], kind)

    kinematics = {"pt": lists("f4", 15, 90), "eta": lists("f4", -2, 2), "phi": lists("f4", -3, 3)}
    sign = [[1 - 2 * ((i + j) % 2) for j in range(n)] for i, n in enumerate(number)]
    tight = jagged([[True] * n for n in number], "?")
    columns["Muon"] = {**kinematics, "mass": lists("f4", 0.1, 0.11), "charge": jagged(sign, "i4"), "tightId": tight}
    return write(path, columns, None)


def workers() -> set[int]:
    """Return the processes of pools that this one has started."""
    children = {int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}
    return {pid for pid in children if b"popen_loky" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def rewritten(files: Sequence[str], folder: Path, cluster: int) -> list[str]:
    """Return these files as one, with clusters of so many events."""
    options = ROOT.RDF.RSnapshotOptions()
    options.fAutoFlush, path = cluster, str(folder / "one.root")
    columns = [*SUBJECT.metadata["unread"], *(n for n in SUBJECT.metadata["branches"]["Events"] if "_" in n)]
    ROOT.RDataFrame("Events", list(files)).Snapshot("Events", path, columns, options)
    return [path]


@pytest.mark.parametrize("number", [TWO, 5])
def test_workers_give_what_one_gives(number: int, files: list[str]) -> None:
    """In both engines, also where there are more workers than pieces."""
    one = page()["run_coffea"](files)
    assert one["mass"].sum(flow=True) > 0
    assert page()["run_coffea"](files, number) == one
    agreement.check(one, page()["run_rdataframe"](files, number))


def test_workers_of_the_whole_sample_agree() -> None:
    """With the chunks of the page."""
    agreement.check(page()["run_coffea"](few("cores"), TWO), page()["run_rdataframe"](few("cores"), TWO))


def test_pieces_hold_every_event_once(files: list[str], tmp_path: Path) -> None:
    """Chunks and clusters, in files of any size, also of one event."""
    for given in (files, rewritten(files, tmp_path, 10)):
        for chunksize in (1, 7, 20, 100_000):
            chunks = page()["chunks_of"](given, chunksize)
            assert sum(chunks) == sum(SIZES)
            assert max(chunks) <= chunksize * 1.5
        assert sum(page()["clusters_of"](given)) == sum(SIZES)
    assert page()["clusters_of"](files) == list(SIZES)
    assert page()["clusters_of"](rewritten(files, tmp_path, 10)) == [10, 10, 10, 10, 10, 8]


@pytest.mark.parametrize(("cluster", "tasks"), [(100, 1), (10, 6), (1, 10 * TWO)])
def test_a_task_is_a_cluster_or_some(cluster: int, tasks: int, files: list[str], tmp_path: Path) -> None:
    """One cluster is one task; of very many there are at most ten tasks for each thread."""
    path = rewritten(files, tmp_path, cluster)
    if (os.cpu_count() or 1) < TWO:
        pytest.skip("ROOT takes no more threads than there are cores")
    found = page()["tasks_of"](path)
    assert sum(events for _, events in found) == sum(SIZES)
    assert len(found) <= tasks if tasks > 6 else len(found) == tasks


def test_who_works() -> None:
    """One worker is this process and thread; several are a pool, and ROOT's threads."""
    for number in (1, TWO, 3):
        with page()["executor_of"](number) as executor:
            assert isinstance(executor, processor.IterativeExecutor if number == 1 else processor.FuturesExecutor)
        with page()["threads"](number):
            assert ROOT.IsImplicitMTEnabled() == (number > 1)


def test_threads_are_left_as_they_were() -> None:
    """Off after an error too; where they were on, they stay on."""
    threads = page()["threads"]

    def failing() -> None:
        with threads(TWO):
            assert ROOT.IsImplicitMTEnabled()
            raise ValueError("inside")

    assert complaint(failing) == "inside"
    assert not ROOT.IsImplicitMTEnabled()
    ROOT.EnableImplicitMT(TWO)
    try:
        with threads(TWO):
            pass
        assert ROOT.IsImplicitMTEnabled()
    finally:
        ROOT.DisableImplicitMT()


def test_a_frame_that_was_made_before_is_refused(files: list[str]) -> None:
    """The message says which was first."""
    if (os.cpu_count() or 1) < TWO:
        pytest.skip("ROOT takes no more threads than there are cores")
    df = ROOT.RDataFrame("Events", files)
    with page()["threads"](TWO):
        assert "EnableImplicitMT() was called after" in complaint(lambda: df.Count().GetValue())


@pytest.mark.filterwarnings("ignore:Performed attempt")  # coffea tries more than once
@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_bad_file_ends_all_workers(engine: str, files: list[str], tmp_path: Path) -> None:
    """The error names the file, and neither processes nor threads stay; the fixture looks."""
    bad = tmp_path / "bad.root"
    bad.write_bytes(Path(files[0]).read_bytes()[:300])
    assert "bad.root" in complaint(partial(page()[f"run_{engine}"], [*files, str(bad)], TWO))


def test_the_setting_of_the_schema_reaches_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the class that it inherits from has another."""
    monkeypatch.setattr(NanoAODSchema, "warn_missing_crossrefs", True)
    with page()["ProcessPoolExecutor"](1) as pool:
        assert pool.submit(getattr, page()["Schema"], "warn_missing_crossrefs").result() is False


def test_threads_have_a_copy_of_each_histogram(files: list[str], tmp_path: Path) -> None:
    """As many histograms in use during the loop as there are slots, and one where threads share it."""
    source = next(cell.source for cell in SUBJECT.cells if "def fine" in cell.source)
    namespace = {**page(), "LAYOUTS": {"some clusters": rewritten(files, tmp_path, 5)}}
    exec(source.partition("\nCASES =")[0], namespace)
    for case in ((1,), (TWO,), (TWO, TWO)):
        namespace["fine"](*case)  # compiles
        during, after, slots = namespace["fine"](*case)
        assert round(during) == (1 if len(case) == TWO else slots)
        assert round(after) == 1
