"""RNTuples are read and written as trees are; what is damaged, missing or of another format is named."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea import processor
from coffea.nanoevents import NanoAODSchema

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT

from cookbook import agreement, recipe
from cookbook.recipe import Engine
from copies import emptied
from runs import agreed, complaint, run

SUBJECT = recipe.load("rntuple")
PARAMETERS = SUBJECT.parameters()
KEEP, FILES, FILE = PARAMETERS["KEEP"], PARAMETERS["FILES"], PARAMETERS["FILE"]

engines = pytest.mark.parametrize("engine", recipe.ENGINES)
writers = pytest.mark.parametrize("writer", recipe.ENGINES)


@cache
def page() -> Mapping[str, Any]:
    """Return what the page defines: both halves, and how it finds and checks pages."""
    namespace = SUBJECT.parameters() | {"Path": Path}
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    exec(next(cell.source for cell in SUBJECT.cells if "def pages_of" in cell.source), namespace)
    return namespace


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the check of the input, as where a half is copied without it."""
    monkeypatch.setattr(recipe.Recipe, "check_files", lambda *_: 0)


def converted(writer: Engine, target: Path, files: Sequence[str] = (FILE,), **options: Any) -> str:
    """Return an RNTuple written as the page writes it with an engine."""
    if writer == "coffea":
        assert list(page()["write_coffea"](list(files), str(target)))
    else:
        frame = page()["one_frame"](list(files))
        frame.Snapshot("Events", str(target), KEEP, page()["as_rntuple"](**options)).GetValue()
    return str(target)


def written(target: Path, columns: Any) -> str:
    """Write an RNTuple with uproot."""
    with uproot.recreate(target) as out:
        out.mkrntuple("Events", columns)
    return str(target)


def content(events: int = 100) -> Any:
    """Return the first events of the sample's file."""
    return uproot.open(FILE)["Events"].arrays(KEEP, entry_stop=events)


def flipped(source: str, target: Path, name: str = "Muon_pt") -> str:
    """Copy a file with a bit of the last page of a field changed."""
    *_, last = page()["pages_of"](source, name)
    damaged = bytearray(Path(source).read_bytes())
    damaged[last.locator.offset + last.locator.num_bytes - 1] ^= 1
    target.write_bytes(damaged)
    return str(target)


@writers
def test_values_types_and_order_stay(writer: Engine, tmp_path: Path) -> None:
    """Of every field, booleans and lists among them."""
    before, after = (uproot.open(path)["Events"] for path in (FILE, converted(writer, tmp_path / "a.root")))
    assert set(after.keys()) == set(KEEP)
    for name in KEEP:
        one, other = before[name].array(), after[name].array()
        assert ak.array_equal(one, other, dtype_exact=False), name
        assert ak.flatten(one, axis=None).type.content == ak.flatten(other, axis=None).type.content


@writers
def test_rntuples_give_what_trees_give(writer: Engine, tmp_path: Path) -> None:
    """Two files, converted and given to both engines, in either order."""
    ntuples = [converted(writer, tmp_path / f"{i}.root", [path]) for i, path in enumerate(FILES)]
    expected = agreed(SUBJECT, FILES)
    agreement.check(expected, agreed(SUBJECT, ntuples))
    agreement.check(expected, agreed(SUBJECT, ntuples[::-1]))


def test_threads_read_and_write_rntuples(tmp_path: Path) -> None:
    """In clusters of any order, with the same events."""
    source = converted("coffea", tmp_path / "a.root")
    usual = run(SUBJECT, "rdataframe", [source])
    ROOT.EnableImplicitMT(2)
    try:
        agreement.check(usual, run(SUBJECT, "rdataframe", [source]))
        target = converted("rdataframe", tmp_path / "b.root", [source] * 3)
    finally:
        ROOT.DisableImplicitMT()
    one, three = (uproot.open(path)["Events"]["event"].array(library="np") for path in (source, target))
    assert np.array_equal(np.sort(np.tile(one, 3)), np.sort(three))


@writers
@pytest.mark.parametrize("aligned", [False, True], ids=["of events", "of clusters"])
def test_chunks_hold_every_event_once(aligned: bool, writer: Engine, tmp_path: Path) -> None:
    """Chunks of coffea that end within clusters, or with them."""
    executor = processor.IterativeExecutor(compression=None)

    def summed(events: Any) -> dict[str, int]:
        muons = events.Muon[events.Muon.pt > PARAMETERS["MIN_PT"]]
        return {"events": len(events), "muons": int(ak.count(muons.pt)), "charge": int(ak.sum(muons.charge))}

    found = []
    for path in (FILE, converted(writer, tmp_path / "a.root")):
        options = {"chunksize": 1000, "align_clusters": aligned, "metadata_cache": {}}
        runner = processor.Runner(executor, schema=NanoAODSchema, **options)
        found.append(runner({"sample": {"treename": "Events", "files": [path]}}, summed))
    assert found[0] == found[1]


@engines
def test_a_file_without_events(engine: Engine, tmp_path: Path, unchecked: None) -> None:
    """Of a tree an empty RNTuple is made; an empty one is nothing to coffea, beside others to both, an error alone."""
    emptied(SUBJECT, FILE, tmp_path / "tree.root")
    assert not run(SUBJECT, engine, [str(tmp_path / "tree.root")])["read"].values(flow=True).any()
    empty = written(tmp_path / "empty.root", content().layout.form)
    agreement.check(run(SUBJECT, "coffea", [FILE]), run(SUBJECT, "coffea", [FILE, empty]))
    full = converted("coffea", tmp_path / "full.root")
    agreement.check(run(SUBJECT, engine, [full]), run(SUBJECT, engine, [empty, full]))
    message = complaint(partial(run, SUBJECT, engine, [empty]))
    assert ("empty.root" in message) == (engine == "rdataframe"), message


def test_formats_are_not_mixed_in_a_frame(tmp_path: Path, unchecked: None) -> None:
    """An error names the files; coffea reads them one by one."""
    ntuple = converted("coffea", tmp_path / "a.root")
    for files in ([FILE, ntuple], [ntuple, FILE]):
        with pytest.raises(TypeError, match=r"a\.root"):
            run(SUBJECT, "rdataframe", files)
        twice = run(SUBJECT, "coffea", files)["read"]
        assert twice.sum(flow=True) == 2 * run(SUBJECT, "coffea", [FILE])["read"].sum(flow=True)


def cases(folder: Path) -> dict[str, str]:
    """Return RNTuples that no engine may take for whole."""
    good = converted("rdataframe", folder / "good.root", fCompressionLevel=0)
    size = Path(good).stat().st_size
    for name, part in (("short", 0.5), ("shorter", 0.05), ("nearly", 0.98)):
        (folder / f"{name}.root").write_bytes(Path(good).read_bytes()[: int(size * part)])
    written(folder / "lacking.root", content()[[name for name in KEEP if name != "Muon_pt"]])
    with uproot.recreate(folder / "other.root") as out:
        out.mkrntuple("Runs", {"run": np.ones(1, "uint32")})
    names = "short", "shorter", "nearly", "lacking", "other", "missing"
    return {"good": good} | {name: str(folder / f"{name}.root") for name in names}


@engines
@pytest.mark.filterwarnings("ignore:Performed attempt")  # coffea tries more than once
def test_a_bad_file_is_named(engine: Engine, tmp_path: Path, unchecked: None) -> None:
    """First, or behind a good one: in this process, which goes on."""
    paths = cases(tmp_path)
    good = paths.pop("good")
    for name, path in paths.items():
        for files in ([path], [good, path]):
            assert f"{name}.root" in complaint(partial(run, SUBJECT, engine, files)), files


@engines
def test_a_damaged_page_is_an_error_that_names_the_file(engine: Engine, tmp_path: Path, unchecked: None) -> None:
    """Compressed, so that either tool sees it."""
    bad = flipped(converted("rdataframe", tmp_path / "good.root"), tmp_path / "bad.root")
    damaged = bytearray(Path(bad).read_bytes())
    first, *_ = page()["pages_of"](bad, "Muon_pt")
    damaged[first.locator.offset : first.locator.offset + 9] = bytes(9)  # the head of a compressed page
    Path(bad).write_bytes(damaged)
    message = complaint(partial(run, SUBJECT, engine, [bad]))
    assert "bad.root" in message


def test_a_flipped_bit_that_decompresses(tmp_path: Path, unchecked: None) -> None:
    """ROOT's checksum finds it, and the page's; pinned: uproot reads another momentum, and writes no checksums."""
    good = converted("rdataframe", tmp_path / "good.root", fCompressionLevel=0)
    bad = flipped(good, tmp_path / "bad.root")
    assert page()["damaged_pages"](good, "Muon_pt") == (0, 0)
    assert page()["damaged_pages"](bad, "Muon_pt") == (1, 0)
    assert "bad.root" in complaint(partial(run, SUBJECT, "rdataframe", [bad]))
    one, other = (uproot.open(path)["Events"]["Muon_pt"].array() for path in (good, bad))
    assert ak.sum(one != other) == 1
    of_uproot = converted("coffea", tmp_path / "uproot.root")
    bad_pages, without = page()["damaged_pages"](of_uproot, "Muon_pt")
    assert bad_pages == 0
    assert without > 0


def test_strings_and_lists_of_lists(tmp_path: Path) -> None:
    """Written by uproot, read by both."""
    nested = [[[True], []], [], [[False, True]]]
    path = written(tmp_path / "a.root", {"text": ["a", "", "b c"], "nested": ak.Array(nested)})
    assert uproot.open(path)["Events"].arrays().nested.tolist() == nested
    frame = ROOT.RDataFrame("Events", path).Define("first", "nested.empty() ? -1 : int(Sum(nested[0]))")
    columns = frame.AsNumpy(["text", "first"])
    assert [str(text) for text in columns["text"]] == ["a", "", "b c"]
    assert columns["first"].tolist() == [1, -1, 1]


def test_the_importer_keeps_names_and_loses_titles(tmp_path: Path) -> None:
    """Pinned: the counters are of another type, and the texts of branches are gone."""
    target = str(tmp_path / "a.root")
    importer = ROOT.Experimental.RNTupleImporter.Create(FILE, "Events", target)
    importer.SetIsQuiet(True)
    importer.Import()
    before, after = (uproot.open(path)["Events"] for path in (FILE, target))
    assert set(before.keys()) == {name for name in after.keys(recursive=False) if not name.startswith("_collection")}
    assert before["Muon_pfRelIso04_all"].title.startswith("PF relative isolation")
    assert not after["Muon_pfRelIso04_all"].description
    assert ROOT.RDataFrame("Events", target).GetColumnType("nMuon") == "std::uint32_t"


def test_small_chunks_cost_space(tmp_path: Path) -> None:
    """Each that uproot is given is a cluster."""
    arrays, sizes = content(5000), []
    for step in (5000, 100):
        with uproot.recreate(tmp_path / "a.root") as out:
            ntuple = out.mkrntuple("Events", arrays.layout.form)
            for start in range(0, 5000, step):
                ntuple.extend(arrays[start : start + step])
        assert len(uproot.open(tmp_path / "a.root")["Events"].cluster_summaries) == 5000 / step
        sizes.append((tmp_path / "a.root").stat().st_size)
    assert sizes[1] > 2 * sizes[0]


def test_repeated_events_flatter_rntuple(tmp_path: Path) -> None:
    """Its large pages compress them away: a sample made larger by repetition is no measure of size."""
    grown = {}
    for kind in ("kTTree", "kRNTuple"):
        form = getattr(ROOT.RDF.ESnapshotOutputFormat, kind)
        once, often = (
            Path(converted("rdataframe", tmp_path / f"{kind}{times}.root", [FILE] * times, fOutputFormat=form))
            for times in (1, 10)
        )
        grown[kind] = often.stat().st_size / once.stat().st_size
    assert grown["kRNTuple"] < grown["kTTree"] / 3
