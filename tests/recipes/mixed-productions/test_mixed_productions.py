"""Mixed productions: odd files among others, in any order, and what ends the run."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import ROOT
import uproot

from cookbook import agreement, recipe, roothist, sample
from cookbook.recipe import Engine
from runs import Results, complaint

SUBJECT = recipe.load("mixed-productions")
SIZE = 500
TRIGGER, READ = (SUBJECT.parameters()[name] for name in ("TRIGGER", "READ"))
MUON = ("pt", "eta", "phi", "mass", "charge")
NUMBERS = ("run", "luminosityBlock", "event", "genWeight", TRIGGER)

engines = pytest.mark.parametrize("engine", recipe.ENGINES)
places = pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])


def content(part: int) -> dict[str, Any]:
    """Return some events of the sample."""
    with uproot.open(sample.files("TTbar")[0]) as file:
        read = file["Events"].arrays(entry_start=part * SIZE, entry_stop=(part + 1) * SIZE)
    return {name: read[name] for name in NUMBERS} | {"Muon": {name: read[f"Muon_{name}"] for name in MUON}}


def write(path: Path, columns: Mapping[str, Any], total: float | None, filled: bool = True) -> str:
    """Write a file, without Runs where there is no total."""
    arrays = {name: ak.zip(c) if isinstance(c, dict) else c for name, c in columns.items()}
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", {name: array.type.content for name, array in arrays.items()})
        if filled:
            tree.extend(arrays)
        if total is not None:
            file.mktree("Runs", {"genEventSumw": "f8"}).extend({"genEventSumw": np.array([total])})
    return str(path)


def bare(path: Path, total: float) -> str:
    """Write a file whose Events have no branch."""
    with ROOT.TFile(write(path, content(2), total, filled=False), "UPDATE") as file:
        file.Delete("Events;*")
        tree = ROOT.TTree("Events", "")
        tree.Write()
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return two files, a third, odd ones of the third, and one with its sum of weights and no accepted event."""
    folder = tmp_path_factory.mktemp("mixed")
    parts = [content(part) for part in range(3)]
    sums = [float(np.sum(np.asarray(part["genWeight"], "f8"))) for part in parts]
    whole = {name: write(folder / f"{name}.root", parts[i], sums[i]) for i, name in enumerate("abc")}
    c, total = parts[2], sums[2]
    double = {name: ak.values_astype(values, "f8") for name, values in c["Muon"].items()}
    return {
        **whole,
        "none": write(folder / "none.root", c | {TRIGGER: c[TRIGGER] & False}, total),
        "path": write(folder / "path.root", {n: v for n, v in c.items() if n != TRIGGER}, total),
        "number": write(folder / "number.root", c | {"genWeight": ak.values_astype(c["genWeight"], "f8")}, total),
        "list": write(folder / "list.root", c | {"Muon": double}, total),
        "empty": write(folder / "empty.root", c, total, filled=False),
        "bare": bare(folder / "bare.root", total),
        "runs": write(folder / "runs.root", c, None),
        "muons": write(folder / "muons.root", {n: v for n, v in c.items() if n != "Muon"}, total),
    }


ODD = {"path": "none", "number": "c", "list": "c", "empty": "none", "bare": "none", "runs": "c"}


def placed(files: Mapping[str, str], odd: str, place: int) -> list[str]:
    """Return the two files with another at a place among them."""
    names = ["a", "b"]
    names.insert(place, odd)
    return [files[name] for name in names]


def defined(engine: Engine, **values: Any) -> tuple[Callable[[Sequence[str]], Any], dict[str, Any]]:
    """Return an engine's half as it is copied, without the check of files before it, and its names."""
    namespace = SUBJECT.parameters(values)
    return SUBJECT.define(engine, namespace), namespace


def run(engine: Engine, paths: Sequence[str], **values: Any) -> Results:
    """Run it."""
    return {name: roothist.to_hist(h) for name, h in defined(engine, **values)[0](paths).items()}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let ROOT use threads."""
    if count:
        ROOT.EnableImplicitMT(count)
    try:
        yield
    finally:
        if count:
            ROOT.DisableImplicitMT()


@places
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_file_gives_what_an_even_one_gives(odd: str, place: int, files: dict[str, str]) -> None:
    """Wherever it stands, in both engines and with two threads."""
    paths = placed(files, odd, place)
    expected = run("coffea", placed(files, ODD[odd], place))
    assert expected["events"].sum(flow=True)
    agreement.check(expected, run("coffea", paths, WHOLE=[files["runs"]]))
    for count in (0, 2):
        with threads(count):
            agreement.check(expected, run("rdataframe", paths, WHOLE=[files["runs"]]))


@engines
def test_all_odd_files_together(engine: Engine, files: dict[str, str]) -> None:
    """Also where the first ones are those without events."""
    names = ["bare", "empty", "path", "number", "list", "runs"]
    found = run(engine, [files[name] for name in names], WHOLE=[files["runs"]])
    once = run(engine, [files["c"]])
    assert np.array_equal(found["events"].values(flow=True), 3 * once["events"].values(flow=True))
    assert np.allclose(found["fraction"].values(flow=True), once["fraction"].values(flow=True) / 2, rtol=1e-12)


def linked(path: str, folder: Path) -> str:
    """Return another path of a file."""
    (folder / "link.root").symlink_to(path)
    return str(folder / "link.root")


def hard_linked(path: str, folder: Path) -> str:
    """Return another name of a file."""
    os.link(path, folder / "hard.root")
    return str(folder / "hard.root")


def duplicate(path: str, folder: Path) -> str:
    """Return a copy of a file."""
    return str(shutil.copy(path, folder / "copy.root"))


@engines
@pytest.mark.parametrize("again", [lambda path, _: path, linked, hard_linked, duplicate])
def test_the_same_file_twice(
    engine: Engine, again: Callable[[str, Path], str], files: dict[str, str], tmp_path: Path
) -> None:
    """Under its path, behind a link, or as a copy: both paths are named."""
    second = again(files["a"], tmp_path)
    with pytest.raises(ValueError, match="the same file as") as raised:
        run(engine, [files["a"], files["b"], second])
    assert str(raised.value) == f"{second}: the same file as {files['a']}, or a copy"


def test_a_file_in_two_lists(files: dict[str, str]) -> None:
    """Lists are looked at together."""
    by_layout = SUBJECT.parameters()["by_layout"]
    first, second = [files["a"], files["b"]], [files["c"], files["b"]]
    assert len(by_layout(first, READ, TRIGGER)) == len(by_layout(second, READ, TRIGGER)) == 1
    with pytest.raises(ValueError, match=r"b\.root: the same file as"):
        by_layout(first + second, READ, TRIGGER)


def test_files_without_an_identifier(files: dict[str, str], tmp_path: Path) -> None:
    """ROOT can write files that all have the same, zero: they are told apart by their paths."""
    paths = []
    for name in "ab":
        (path := tmp_path / f"{name}.root").write_bytes(Path(files[name]).read_bytes())
        with uproot.open(path) as file:
            content = bytearray(path.read_bytes())
            place = content.index(file.file.uuid.bytes)
        content[place : place + 16] = bytes(16)
        path.write_bytes(content)
        paths.append(str(path))
    with uproot.open(paths[0]) as file:
        assert not file.file.uuid.int
    groups = SUBJECT.parameters()["by_layout"](paths, READ, TRIGGER)
    assert [len(group) for group in groups.values()] == [2]


@engines
def test_a_file_without_a_branch_is_named(engine: Engine, files: dict[str, str]) -> None:
    """Before anything runs."""
    said = complaint(lambda: run(engine, [files["a"], files["muons"]]))
    assert said == f"{files['muons']}: lacks one of genWeight, nMuon, Muon_pt"


@engines
@places
def test_a_file_without_sums_is_named(engine: Engine, place: int, files: dict[str, str]) -> None:
    """Unless the reader knows it to be whole."""
    said = complaint(lambda: run(engine, placed(files, "runs", place)))
    assert said == f"{files['runs']}: no sums in Runs; if it is no skim, name it in WHOLE"


@pytest.fixture
def trusting() -> Iterator[Callable[[Sequence[str]], dict[str, float]]]:
    """Return the frame that takes all files at once, and ROOT as it starts."""
    _, namespace = defined("rdataframe")
    ROOT.gInterpreter.ProcessLine("SetErrorHandler(DefaultErrorHandler);")

    def results(paths: Sequence[str]) -> dict[str, float]:
        booked = namespace["booked"](ROOT.RDataFrame("Events", list(paths)))
        kept = {name: h.GetValue() for name, h in booked.items()}
        return {name: h.Integral(0, -1) for name, h in kept.items()} | {"low": kept["events"].GetBinContent(1)}

    yield results
    ROOT.gInterpreter.ProcessLine("SetErrorHandler(stop_at_errors);")


def test_a_path_in_some_files_is_an_error_of_rdataframe(trusting: Callable[..., Any], files: dict[str, str]) -> None:
    """It names the path and the operations that help."""
    said = complaint(lambda: trusting([files["a"], files["path"]]))
    assert f"could not retrieve value for column '{TRIGGER}'" in said
    assert "DefaultValueFor" in said


def test_a_path_in_some_files_is_an_error_of_coffea(files: dict[str, str]) -> None:
    """It names what the record lacks."""
    _, namespace = defined("coffea")
    said = complaint(lambda: namespace["NanoEventsFactory"].from_root({files["path"]: "Events"}).events().HLT)
    assert "no field named 'HLT'" in said


def test_a_number_of_another_type(trusting: Callable[..., Any], files: dict[str, str]) -> None:
    """One thread reads it as zero, two refuse it."""
    paths, expected = placed(files, "number", 1), trusting(placed(files, "c", 1))
    found = trusting(paths)
    assert found["events"] == expected["events"]
    assert found["fraction"] < 0.8 * expected["fraction"]
    with threads(2):
        assert "status code is: 6" in complaint(lambda: trusting(paths))


@pytest.mark.parametrize("count", [0, 2])
def test_a_list_of_another_type(count: int, trusting: Callable[..., Any], files: dict[str, str]) -> None:
    """Read wrong with any number of threads."""
    expected = trusting(placed(files, "c", 1))
    with threads(count):
        found = trusting(placed(files, "list", 1))
    assert found["low"] > expected["low"] + 20


@places
def test_a_tree_that_is_missing_in_one_file(place: int, trusting: Callable[..., Any], files: dict[str, str]) -> None:
    """One thread leaves it out where it stands between others; elsewhere, and with two, it is an error."""
    paths = placed(files, "runs", place)

    def total() -> float:
        return float(ROOT.RDataFrame("Runs", paths).Sum("genEventSumw").GetValue())

    assert trusting([files["a"]])
    assert bool(complaint(total)) == (place != 1)
    with threads(2):
        assert complaint(total)


@pytest.mark.parametrize("place", [0, 1])
def test_a_default_where_a_path_is_missing(place: int, trusting: Callable[..., Any], files: dict[str, str]) -> None:
    """The answer's way: right with any threads, whichever file is first."""
    for count in (0, 2):
        with threads(count):
            df = ROOT.RDataFrame("Events", placed(files, "path", place)).DefaultValueFor(TRIGGER, False)
            found = df.Filter(f"{TRIGGER} && nMuon > 0").Count().GetValue()
        assert found == trusting([files["a"], files["b"]])["events"]


@pytest.mark.parametrize("place", [0, 2])
def test_leaving_out_what_lacks_the_path(place: int, trusting: Callable[..., Any], files: dict[str, str]) -> None:
    """FilterAvailable drops these events, but the path is only known where the first file has it."""
    assert trusting([files["a"]])
    df = ROOT.RDataFrame("Events", placed(files, "path", place))
    assert df.FilterMissing(TRIGGER).Count().GetValue() == SIZE
    kept = df.FilterAvailable(TRIGGER)
    assert kept.Count().GetValue() == 2 * SIZE
    said = complaint(lambda: kept.Filter(TRIGGER).Count().GetValue())
    assert ("just-in-time compilation" in said) == (place == 0)
