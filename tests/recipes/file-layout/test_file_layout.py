"""The content stays bit for bit in every layout; clusters and baskets are those that were asked for."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT

from cookbook import agreement, recipe
from cookbook.recipe import Engine
from runs import complaint, run
from small_files import event_columns, jagged, write

SUBJECT = recipe.load("file-layout")
PARAMETERS = SUBJECT.parameters()
KEEP, FILE = PARAMETERS["KEEP"], PARAMETERS["FILE"]
SIZE = 110

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


@cache
def page() -> dict[str, Any]:
    """Return what the halves define."""
    namespace: dict[str, Any] = SUBJECT.parameters()
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    return namespace


def rewritten(engine: Engine, files: Sequence[str], folder: Path, **given: Any) -> tuple[Any, str]:
    """Return what an engine gives, and the file that it leaves in a folder of its own."""
    folder.mkdir()
    result = run(SUBJECT, engine, list(files), {"FOLDER": str(folder), **given})
    (path,) = folder.glob("*/fast.root")
    return result, str(path)


def made(path: Path, size: int = SIZE, first: int = 0) -> str:
    """Write events with odd numbers, lists of zero to two muons, and sums of weights; return the path."""
    columns = event_columns(SIZE, "HLT_IsoMu24")
    columns["event"] = columns["event"] + np.uint64(first)
    odd = [np.nan, -np.inf, -0.0, 1e-42, 40.0]
    kinds = {"charge": "i4", "tightId": "?", **dict.fromkeys(("pt", "eta", "phi", "mass", "pfRelIso04_all"), "f4")}
    for name, kind in kinds.items():
        chosen = odd if kind == "f4" else [0, 1]
        lists = [[chosen[(i + j) % len(chosen)] for j in range(i % 3)] for i in range(SIZE)]
        columns.setdefault("Muon", {})[name] = jagged(lists, kind)[:size]
    columns |= {name: columns[name][:size] for name in columns if name != "Muon"}
    written: str = write(path, columns, [1.0 + first])
    return written


def content(files: Sequence[str]) -> dict[str, tuple[str, bytes, bytes]]:
    """Return type, lengths of lists and values of each kept column, as bytes."""
    found = {}
    for name in KEEP:
        column = ak.concatenate([uproot.open(path)["Events"][name].array() for path in files])
        lists = column.ndim > 1
        values = ak.flatten(column) if lists else column
        lengths = np.asarray(ak.num(column)).tobytes() if lists else b""
        found[name] = str(values.type.content), lengths, np.asarray(values).tobytes()
    return found


def clusters(path: str) -> list[int]:
    """Return where ROOT sees clusters start."""
    file = ROOT.TFile.Open(path)
    tree = file["Events"]
    return [*iter(tree.GetClusterIterator(0), tree.GetEntries())]


def starts(path: str) -> list[int]:
    """Return where the baskets of all branches start together."""
    return [int(start) for start in uproot.open(path)["Events"].common_entry_offsets()]


@engines
@pytest.mark.parametrize("cluster", [1, 40, 10_000])
def test_the_content_stays_bit_for_bit(cluster: int, engine: Engine, tmp_path: Path) -> None:
    """NaN, negative zero, infinite and denormal numbers, empty lists, and the trees that belong to no event."""
    files = [made(tmp_path / f"{i}.root", first=i) for i in range(2)]
    _, path = rewritten(engine, files, tmp_path / "out", CLUSTER=cluster)
    assert content([path]) == content(files)
    tree = uproot.open(path)["Events"]
    assert set(tree.keys()) == {*KEEP, "nMuon"}
    assert ak.to_list(uproot.open(path)["Runs/genEventSumw"].array()) == [1.0, 2.0]


@engines
def test_the_sample_stays_bit_for_bit(engine: Engine, tmp_path: Path) -> None:
    """Rewritten by either engine, and again by the other."""
    expected, path = rewritten(engine, [FILE], tmp_path / "first")
    other = next(name for name in recipe.ENGINES if name != engine)
    result, again = rewritten(other, [path], tmp_path / "second")
    assert content([again]) == content([path]) == content([FILE])
    for name in ("Runs", "LuminosityBlocks"):
        before, after = (uproot.open(p)[name].arrays() for p in (FILE, again))
        assert sorted(before.fields) == sorted(after.fields)
        assert all(ak.array_equal(before[n], after[n], dtype_exact=False) for n in before.fields)
    agreement.check(expected, result)


@engines
def test_clusters_are_full_across_files(engine: Engine, tmp_path: Path) -> None:
    """Also where files are smaller than a cluster, or hold no event."""
    sizes = [30, 0, 5, 110, 1]
    files = [made(tmp_path / f"{i}.root", size) for i, size in enumerate(sizes)]
    _, path = rewritten(engine, files, tmp_path / "out", CLUSTER=40)
    assert starts(path) == [0, 40, 80, 120, 146]
    tree = uproot.open(path)["Events"]
    assert {branch.num_baskets for branch in tree} == {4}
    assert tree.num_entries == sum(sizes)


@engines
def test_no_events(engine: Engine, tmp_path: Path) -> None:
    """A file without events gives one with all branches."""
    result, path = rewritten(engine, [made(tmp_path / "none.root", 0)], tmp_path / "out")
    assert uproot.open(path)["Events"].num_entries == 0
    assert set(uproot.open(path)["Events"].keys()) == {*KEEP, "nMuon"}
    for reader in recipe.ENGINES:
        again, _ = rewritten(reader, [path], tmp_path / reader)
        agreement.check(result, again, empty=True)


@engines
def test_the_settings_are_those_of_the_parameters(engine: Engine, tmp_path: Path) -> None:
    """Algorithm and level are read back from the file."""
    _, path = rewritten(engine, [FILE], tmp_path / "out", UPROOT_LEVEL=3, ROOT_LEVEL=3)
    assert uproot.open(path)["Events"].file.compression == uproot.ZSTD(3)


def test_a_smaller_basket_size_gives_more_baskets(tmp_path: Path) -> None:
    """Snapshot cuts baskets where a cluster has more bytes."""
    _, path = rewritten("rdataframe", [FILE], tmp_path / "out", BASKET=2_000)
    tree = uproot.open(path)["Events"]
    assert len(tree["event"].entry_offsets) > 50 > 10 > len(starts(path))


def test_chunks_of_coffea_end_with_clusters(tmp_path: Path) -> None:
    """So no basket is read twice; without alignment some are."""
    _, path = rewritten("rdataframe", [FILE], tmp_path / "out", CLUSTER=20_000)
    read = {}
    for aligned in (False, True):
        options: dict[str, Any] = {"savemetrics": True, "metadata_cache": {}}
        read[aligned] = page()["read_coffea"]([path], chunksize=15_000, align_clusters=aligned, **options)
    agreement.check(read[False][0], read[True][0])
    assert read[True][1]["chunks"] == 3
    assert read[False][1]["bytesread"] > 1.5 * read[True][1]["bytesread"]


@pytest.fixture
def threads() -> Iterator[None]:
    """Two threads in ROOT."""
    ROOT.EnableImplicitMT(2)
    yield
    ROOT.DisableImplicitMT()


def test_threads_keep_the_events_and_full_clusters(tmp_path: Path, threads: None) -> None:
    """In whatever order."""
    _, small = rewritten("rdataframe", [FILE], tmp_path / "small", CLUSTER=1_000)
    _, path = rewritten("rdataframe", [small], tmp_path / "out", CLUSTER=10_000)
    before, after = (uproot.open(p)["Events"].arrays(["run", "event"], library="np") for p in (FILE, path))
    assert [sorted(before[n]) for n in before] == [sorted(after[n]) for n in before]
    assert len(clusters(path)) <= 2 * len(range(0, len(before["run"]), 10_000))


def test_uproot_writes_no_list_of_clusters(tmp_path: Path) -> None:
    """Pinned: ROOT sees one in a small file, the page says so."""
    seen = {}
    for engine in recipe.ENGINES:
        _, path = rewritten(engine, [FILE], tmp_path / engine, CLUSTER=20_000)
        assert starts(path)[:-1] == [0, 20_000, 40_000]
        seen[engine] = clusters(path)
    assert seen == {"coffea": [0], "rdataframe": [0, 20_000, 40_000]}


def test_defaults_are_as_the_page_says(tmp_path: Path) -> None:
    """Pinned: zlib at level 1 in both; baskets of 32 kB in Snapshot, one for each extend in uproot."""
    path = str(tmp_path / "snapshot.root")
    ROOT.RDataFrame("Events", FILE).Snapshot("Events", path, ["run"])
    tree = uproot.open(path)["Events"]
    assert tree.file.compression == uproot.ZLIB(1)
    assert tree["run"].basket(0).uncompressed_bytes == pytest.approx(32_000, rel=0.01)
    with uproot.recreate(tmp_path / "uproot.root") as out:
        new = out.mktree("Events", {"x": "f4"})
        for _ in range(7):
            new.extend({"x": np.zeros(3, "f4")})
    tree = uproot.open(tmp_path / "uproot.root")["Events"]
    assert (tree.file.compression, tree["x"].num_baskets) == (uproot.ZLIB(1), 7)


def test_root_doubles_the_level_of_zstd(tmp_path: Path) -> None:
    """Pinned: what is level 5 in ROOT is 10 in uproot."""
    sizes = []
    levels: dict[Engine, int] = {"rdataframe": 5, "coffea": 10}
    for engine, level in levels.items():
        _, path = rewritten(engine, [FILE], tmp_path / engine, UPROOT_LEVEL=level, ROOT_LEVEL=level)
        sizes.append(uproot.open(path)["Events/Muon_pt"].compressed_bytes)
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_uproot_ignores_the_level_of_lz4() -> None:
    """Pinned: the page says so."""
    data = np.random.default_rng(1).integers(0, 50, 40_000).astype("i4").tobytes()
    assert {len(uproot.LZ4(level).compress(data)) for level in (1, 4, 9, 12)} == {len(uproot.LZ4(1).compress(data))}


@engines
def test_a_file_that_is_cut_or_lacks_something_is_named(engine: Engine, tmp_path: Path) -> None:
    """As the second of two, without any check before: an error, never a smaller file."""
    good, bytes_of = made(tmp_path / "good.root"), Path(FILE).read_bytes()
    (tmp_path / "cut.root").write_bytes(bytes_of[: len(bytes_of) // 2])
    with uproot.recreate(tmp_path / "branch.root") as out:
        out.mktree("Events", {"run": "u4"}).extend({"run": np.zeros(3, "u4")})
    with uproot.recreate(tmp_path / "tree.root") as out:
        out.mktree("Other", {"run": "u4"}).extend({"run": np.zeros(3, "u4")})
    work, target = page()[f"rewrite_{engine}"], tmp_path / "target.root"
    for name in ("cut", "branch", "tree", "missing"):
        files = [good, str(tmp_path / f"{name}.root")]
        said = complaint(partial(work, files, str(target)))
        assert f"{name}.root" in said, said
        assert target.read_bytes() == b"", "a part of the events stands under the name of the whole"
        target.unlink()


@engines
def test_nothing_is_overwritten(engine: Engine, tmp_path: Path) -> None:
    """The input as target is an error, and stays as it is."""
    source = Path(made(tmp_path / "source.root"))
    before = source.read_bytes()
    with pytest.raises(FileExistsError, match=r"source\.root"):
        page()[f"rewrite_{engine}"]([str(source)], str(source))
    assert source.read_bytes() == before
