"""A skim keeps sums, types, counters and order; it is read where nothing survives, and overwrites nothing."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT

from cookbook import agreement, inputs, recipe
from cookbook.recipe import Engine
from copies import copied, lean
from runs import complaint, few

SUBJECT = recipe.load("skim-and-slim")
PARAMETERS = SUBJECT.parameters()
KEEP, FILE = [*PARAMETERS["KEEP"], PARAMETERS["TRIGGER"]], PARAMETERS["FILE"]
KEYS = ["run", "luminosityBlock", "event"]

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


@pytest.fixture
def threads() -> Iterator[None]:
    """Two threads in ROOT."""
    ROOT.EnableImplicitMT(2)
    yield
    ROOT.DisableImplicitMT()


def skimmed(engine: Engine, files: list[str], folder: Path, **given: Any) -> tuple[dict[str, Any], str]:
    """Return what an engine gives, and the skim that it leaves in a folder of its own."""
    folder.mkdir()
    result = SUBJECT.run(engine, files, {"FOLDER": str(folder), **given})
    (path,) = folder.glob("*/skim.root")
    return result, str(path)


def sum_of(*paths: str) -> float:
    """Return the sum of weights of files."""
    return float(sum(ak.sum(uproot.open(path)["Runs/genEventSumw"].array()) for path in paths))


def defined(**given: Any) -> dict[str, Any]:
    """Return what the page defines, both halves and the way to parquet, with some parameters given."""
    namespace = SUBJECT.parameters(given)
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    source = next(cell.source for cell in SUBJECT.cells if "def to_parquet" in cell.source)
    exec(source.split("\n\n\n")[0], namespace)
    return namespace


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
        assert after.typenames() == {name: before[name].typename for name in [*KEEP, "nMuon"]}
        values = before.arrays([*KEEP, "nMuon"])
        values = values[ak.any(values.Muon_pt > PARAMETERS["MIN_PT"], axis=1)]
        for name in values.fields:
            assert ak.array_equal(values[name], after[name].array(), dtype_exact=False), name
    file = ROOT.TFile(path)
    leaf = file.Get("Events").GetLeaf("Muon_pt")
    assert leaf.GetLeafCount().GetName() == "nMuon"


@engines
def test_counters_and_lists_of_no_collection_may_be_named(engine: Engine, tmp_path: Path) -> None:
    """A counter that is listed is written once, and a list without a field has its own."""
    names = [*PARAMETERS["KEEP"], "nMuon", "LHEScaleWeight"]
    _, path = skimmed(engine, [FILE], tmp_path / "skim", KEEP=names)
    tree = uproot.open(path)["Events"]
    assert set(tree.keys()) == {*names, PARAMETERS["TRIGGER"], "nLHEScaleWeight"}
    assert tree["LHEScaleWeight"].count_branch.name == "nLHEScaleWeight"


def test_another_counter_is_an_error(tmp_path: Path) -> None:
    """Lists that are not zipped have a counter each: the skim does not get its name."""
    namespace = defined()
    namespace["as_columns"] = lambda arrays: {name: arrays[name] for name in arrays.fields}
    path = tmp_path / "skim.root"
    with pytest.raises(ValueError, match="nMuon_pt"):
        namespace["skim_coffea"]([FILE], str(path))
    assert path.read_bytes() == b""


@engines
def test_a_skim_without_sums_is_an_error(engine: Engine, tmp_path: Path) -> None:
    """A job that ends before it copied Runs leaves a file without the skim's name."""
    namespace = defined()
    namespace["copy_whole"] = namespace["clone_whole"] = lambda *_: None
    path = tmp_path / "skim.root"
    with pytest.raises(KeyError, match="Runs"):
        namespace[f"skim_{engine}"]([FILE], str(path))
    assert path.read_bytes() == b""


@engines
@pytest.mark.filterwarnings("ignore:Performed attempt")  # coffea tries more than once
def test_a_trigger_that_a_file_lacks_is_named(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before anything is written; and where the job is copied without the check of its input."""
    given = {"TRIGGER": "HLT_Nothing", "FOLDER": str(tmp_path)}
    with pytest.raises(inputs.InputError, match="HLT_Nothing"):
        SUBJECT.run(engine, [FILE], given)
    monkeypatch.setattr(recipe.Recipe, "check_files", lambda *_: 0)
    assert "HLT_Nothing" in complaint(partial(SUBJECT.run, engine, [FILE], given)) + capfd.readouterr().err
    assert [path.stat().st_size for path in tmp_path.glob("*/skim.root")] == [0]


@engines
def test_a_damaged_file_leaves_no_skim(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flipped bytes in a basket of the second file: an error that names it, and nothing that looks whole."""
    monkeypatch.setattr(recipe.Recipe, "check_files", lambda *_: 0)
    (good,) = few(SUBJECT.slug)
    content = bytearray(Path(good).read_bytes())
    with uproot.open(good) as file:
        key = file["Events/Muon_pt"].basket_key(0)
    content[key.fSeekKey + key.fKeylen : key.fSeekKey + key.fKeylen + 9] = bytes(9)
    bad = tmp_path / "damaged.root"
    bad.write_bytes(content)
    said = complaint(partial(SUBJECT.run, engine, [good, str(bad)], {"FOLDER": str(tmp_path)}))
    assert "damaged.root" in said
    assert [path.stat().st_size for path in tmp_path.glob("*/skim.root")] == [0]


FULL = """
import resource, signal, sys
from cookbook import recipe

engine, folder = sys.argv[1:]
subject = recipe.load("skim-and-slim")
namespace = subject.parameters()
subject.define(engine, namespace)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, resource.RLIM_INFINITY))
namespace[f"skim_{engine}"]([namespace["FILE"]], f"{folder}/skim.root")
"""


@engines
def test_a_full_disc_leaves_no_skim(engine: Engine, tmp_path: Path) -> None:
    """A file that may not grow ends the job, ROOT's with an abort, and has not got its name."""
    command = [sys.executable, "-c", FULL, engine, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode
    assert re.search("File too large|error writing all requested bytes", ended.stderr)
    assert (tmp_path / "skim.root").read_bytes() == b""


@pytest.mark.parametrize("cut", [PARAMETERS["MIN_PT"], 1e9])
def test_parquet_has_the_same_events_and_sums(cut: float, tmp_path: Path) -> None:
    """Types and values of what both engines keep, also where nothing is."""
    path = str(tmp_path / "skim.parquet")
    defined(MIN_PT=cut)["to_parquet"]([FILE], path)
    events, runs = ak.from_parquet(path), ak.from_parquet(f"{path}.runs")
    expected = uproot.open(FILE)["Events"].arrays(KEEP)
    expected = expected[ak.any(expected.Muon_pt > cut, axis=1)]
    assert events.fields == expected.fields
    for name in KEEP:
        assert ak.array_equal(ak.drop_none(events[name]), expected[name], check_parameters=False), name
    assert ak.sum(runs.genEventSumw) == sum_of(FILE)


def test_snapshot_alone_keeps_titles_and_those_of_lists_alone(tmp_path: Path) -> None:
    """Pinned: the day the others do, the page can say so."""
    names, kept = ["genWeight", "Muon_pfRelIso04_all"], {}
    own = uproot.open(FILE)["Events"]
    for engine in recipe.ENGINES:
        _, path = skimmed(engine, [FILE], tmp_path / engine, KEEP=[*PARAMETERS["KEEP"], names[1]])
        tree = uproot.open(path)["Events"]
        kept[engine] = [name for name in names if tree[name].title == own[name].title]
    assert kept == {"coffea": [], "rdataframe": names[1:]}


@engines
@pytest.mark.parametrize("second", [False, True], ids=["one file", "beside another"])
def test_no_survivors(second: bool, engine: Engine, tmp_path: Path) -> None:
    """Where none passes, the skim has an empty tree with all branches, which both engines read, and the sums."""
    _, empty = skimmed(engine, [FILE], tmp_path / "empty", MIN_PT=1e9)
    assert uproot.open(empty)["Events"].num_entries == 0
    assert set(uproot.open(empty)["Events"].keys()) == {*KEEP, "nMuon"}
    files = [empty, FILE] if second else [empty]
    results: list[dict[str, Any]] = []
    for reader in recipe.ENGINES:
        result, path = skimmed(reader, files, tmp_path / f"again {reader}")
        assert sum_of(path) == sum_of(*files)
        results.append(result)
    agreement.check(results[0], results[1], empty=True)
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
def test_nothing_stays_where_no_folder_is_given(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither after a run nor after an error."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    SUBJECT.run(engine, few(SUBJECT.slug))
    monkeypatch.setattr(recipe.Recipe, "check_files", lambda *_: 0)
    with pytest.raises(Exception, match="missing"):
        SUBJECT.run(engine, [*few(SUBJECT.slug), str(tmp_path / "missing.root")])
    assert not list(tmp_path.glob("*/skim.root*"))


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
        SUBJECT.run(engine, [str(source)], {"FOLDER": str(tmp_path)})
    assert source.read_bytes() == content


def test_snapshot_itself_overwrites_its_input(tmp_path: Path) -> None:
    """Pinned: what the page warns of."""
    path = str(tmp_path / "input.root")
    Path(path).write_bytes(Path(FILE).read_bytes())
    ROOT.RDataFrame("Events", path).Filter("nMuon > 1").Snapshot("Events", path, ["run"])
    assert uproot.open(path).keys(cycle=False) == ["Events"]
