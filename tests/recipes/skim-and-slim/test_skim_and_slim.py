"""A skim keeps sums, types, counters and order; it is read where nothing survives, and overwrites nothing."""

from collections.abc import Iterator
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
from copies import copied, lean

SUBJECT = recipe.load("skim-and-slim")
PARAMETERS = SUBJECT.parameters()
KEEP, FILE = PARAMETERS["KEEP"], PARAMETERS["FILE"]
KEYS = ["run", "luminosityBlock", "event"]

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


@pytest.fixture
def threads() -> Iterator[None]:
    """Two threads in ROOT."""
    ROOT.EnableImplicitMT(2)
    yield
    ROOT.DisableImplicitMT()


def skimmed(engine: Engine, files: list[str], folder: Path, **given: Any) -> tuple[Any, str]:
    """Return what an engine gives, and the skim that it leaves in a folder of its own."""
    folder.mkdir()
    result = SUBJECT.run(engine, files, {"FOLDER": str(folder), **given})
    (path,) = folder.glob("*/skim.root")
    return result, str(path)


def sum_of(*paths: str) -> float:
    """Return the sum of weights of files."""
    return float(sum(ak.sum(uproot.open(path)["Runs/genEventSumw"].array()) for path in paths))


def events_of(path: str) -> Any:
    """Return the keys of the events of a file."""
    return uproot.open(path)["Events"].arrays(KEYS, library="pd")


@engines
def test_a_skim_of_a_skim_still_normalises(engine: Engine, tmp_path: Path) -> None:
    """The sums stay, whichever engine skims the skim, and so do the histograms."""
    expected = SUBJECT.run("coffea", [FILE])
    agreement.check({"h": expected["written"]}, {"h": expected["read"]})
    first, path = skimmed(engine, [FILE], tmp_path / "first")
    agreement.check(expected, first)
    for other in recipe.ENGINES:
        second, again = skimmed(other, [path], tmp_path / other)
        assert sum_of(FILE) == sum_of(path) == sum_of(again)
        agreement.check(expected, second)
    trees = uproot.open(FILE), uproot.open(path)
    for name in ("Runs", "LuminosityBlocks"):
        before, after = (file[name].arrays() for file in trees)
        assert set(before.fields) == set(after.fields)
        assert all(ak.array_equal(before[n], after[n], dtype_exact=False) for n in before.fields)


@engines
def test_types_counters_values_and_order_stay(engine: Engine, tmp_path: Path) -> None:
    """Every kept branch has the type, and the values in the order, of the input."""
    _, path = skimmed(engine, [FILE], tmp_path / "skim")
    with uproot.open(FILE) as source, uproot.open(path) as skim:
        before, after = source["Events"], skim["Events"]
        assert set(after.keys()) == {*KEEP, "nMuon"}
        assert after.typenames() == {name: before[name].typename for name in after}
        values = before.arrays([*KEEP, "nMuon"])
        values = values[ak.any(values.Muon_pt > PARAMETERS["MIN_PT"], axis=1)]
        for name in values.fields:
            assert ak.array_equal(values[name], after[name].array(), dtype_exact=False), name
    file = ROOT.TFile(path)
    leaf = file.Get("Events").GetLeaf("Muon_pt")
    assert leaf.GetLeafCount().GetName() == "nMuon"


def test_snapshot_alone_keeps_titles(tmp_path: Path) -> None:
    """Pinned: the day uproot writes titles, the page can say so."""
    titles = {}
    for engine in recipe.ENGINES:
        _, path = skimmed(engine, [FILE], tmp_path / engine)
        titles[engine] = uproot.open(path)["Events/Muon_pfRelIso04_all"].title
    own = uproot.open(FILE)["Events/Muon_pfRelIso04_all"].title
    assert [titles[engine] == own for engine in recipe.ENGINES] == [False, True], titles


@engines
@pytest.mark.parametrize("second", [False, True], ids=["one file", "beside another"])
def test_no_survivors(second: bool, engine: Engine, tmp_path: Path) -> None:
    """Where none passes, the skim has an empty tree with all branches, which both engines read, and the sums."""
    _, empty = skimmed(engine, [FILE], tmp_path / "empty", MIN_PT=1e9)
    assert uproot.open(empty)["Events"].num_entries == 0
    assert set(uproot.open(empty)["Events"].keys()) == {*KEEP, "nMuon"}
    files = [empty, FILE] if second else [empty]
    results = []
    for reader in recipe.ENGINES:
        result, path = skimmed(reader, files, tmp_path / f"again {reader}")
        assert sum_of(path) == sum_of(*files)
        results.append(result)
    agreement.check(*results, empty=True)
    assert bool(results[0]["read"].sum(flow=True).value) == second


def test_no_survivors_with_threads(tmp_path: Path, threads: None) -> None:
    """Snapshot keeps the branches of an empty tree there as well."""
    _, path = skimmed("rdataframe", [FILE], tmp_path / "empty", MIN_PT=1e9)
    assert set(uproot.open(path)["Events"].keys()) == {*KEEP, "nMuon"}


def test_two_threads_keep_the_same_events(tmp_path: Path, threads: None) -> None:
    """In whatever order."""
    files = [copied(SUBJECT, lean, tmp_path)([FILE])[0] for _ in range(3)]
    _, threaded = skimmed("rdataframe", files, tmp_path / "threaded")
    _, usual = skimmed("coffea", files, tmp_path / "usual")
    one, two = (events_of(path).sort_values(KEYS).to_numpy() for path in (threaded, usual))
    assert np.array_equal(one, two)


@engines
def test_a_folder_that_is_missing_is_named(engine: Engine, tmp_path: Path) -> None:
    """Before anything is read."""
    with pytest.raises(FileNotFoundError, match="nowhere"):
        SUBJECT.run(engine, [FILE], {"FOLDER": str(tmp_path / "nowhere")})


@engines
def test_nothing_is_overwritten(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The input as target is an error, and stays as it is."""
    source = tmp_path / "skim.root"
    source.write_bytes(content := Path(FILE).read_bytes())
    monkeypatch.setattr("tempfile.mkdtemp", lambda **_: str(tmp_path))
    with pytest.raises(FileExistsError, match=r"skim\.root"):
        SUBJECT.run(engine, [str(source)])
    assert source.read_bytes() == content


def test_snapshot_itself_overwrites_its_input(tmp_path: Path) -> None:
    """Pinned: what the page warns of."""
    path = str(tmp_path / "input.root")
    Path(path).write_bytes(Path(FILE).read_bytes())
    ROOT.RDataFrame("Events", path).Filter("nMuon > 1").Snapshot("Events", path, ["run"])
    assert uproot.open(path).keys(cycle=False) == ["Events"]
