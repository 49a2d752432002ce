"""Many samples: every process is there, no file counts twice, and sums of weights hold where nothing survives."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import ROOT
import uproot

from cookbook import agreement, recipe
from cookbook.recipe import Engine
from runs import Results, agreed, complaint, run
from small_files import event_columns, write

SUBJECT = recipe.load("many-samples")
TRIGGER = SUBJECT.parameters()["TRIGGER"]
CROSS_SECTIONS = {"a": 6.0, "b": 3.0, "ab": 2.0}
PARAMETERS: Mapping[str, Any] = {"CROSS_SECTION": CROSS_SECTIONS, "LUMINOSITY": 2.0}

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def muons(size: int, count: int = 2) -> dict[str, Any]:
    """Return a number of good muons for each event."""
    values = {"pt": 50.0, "eta": 0.1, "phi": 0.0, "mass": 0.1, "pfRelIso04_all": 0.0, "charge": 1, "tightId": True}
    kinds = {"charge": "i4", "tightId": "?"}
    return {n: ak.from_regular(np.full((size, count), v, kinds.get(n, "f4"))) for n, v in values.items()}


def simulated(path: Path, size: int, total: float, count: int = 2) -> str:
    """Write a file of events of weight one, with the sum of weights of those that were generated."""
    columns = event_columns(size, TRIGGER)
    columns |= {"genWeight": np.ones(size, "f4"), "Muon": muons(size, count)}
    return write(path, columns, [total])


def data(path: Path, *runs: int) -> str:
    """Write a file of data, an event in the first section of each of these runs."""
    columns = event_columns(len(runs), TRIGGER)
    columns |= {"run": np.array(runs, "uint32"), "Muon": muons(len(runs))}
    return write(path, columns, None)


def yields(result: Results) -> dict[str, float]:
    """Return the weighted events by process."""
    totals = result["pt"].project(0)
    return dict(zip(totals.axes[0], totals.values(), strict=True))


def test_a_process_without_events_is_there(tmp_path: Path) -> None:
    """Where no event passes, and where no file has any; the sums of all files count."""
    files = {
        "a": [simulated(tmp_path / "a1.root", 3, 4.0), simulated(tmp_path / "a2.root", 0, 8.0)],
        "b": [simulated(tmp_path / "b.root", 3, 4.0, count=1)],
        "ab": [simulated(tmp_path / "ab.root", 0, 4.0)],
    }
    result = agreed(SUBJECT, files, PARAMETERS)
    assert yields(result) == {"a": 3 * 6.0 * 2.0 / 12.0, "b": 0.0, "ab": 0.0}
    assert list(result["events"].values()) == [3, 0, 0]


def test_data_count_one_where_they_are_certified(tmp_path: Path) -> None:
    """Beside simulation, whichever of them is listed first."""
    (tmp_path / "certified.json").write_text('{"7": [[1, 1]]}')
    given = {**PARAMETERS, "DATA": ["d"], "CERTIFIED": str(tmp_path / "certified.json")}
    files = {"a": [simulated(tmp_path / "a.root", 2, 2.0)], "d": [data(tmp_path / "d.root", 7, 7, 8)]}
    for order in (files, dict(reversed(files.items()))):
        assert yields(agreed(SUBJECT, order, given)) == {"a": 12.0, "d": 2.0}


def test_names_of_samples_that_contain_each_other(tmp_path: Path) -> None:
    """Neither in a path nor in a name is another one found."""
    (tmp_path / "b").mkdir()
    files = {name: [simulated(tmp_path / "b" / f"{name}.root", 1, 1.0)] for name in ("ab", "a", "b")}
    assert yields(agreed(SUBJECT, files, PARAMETERS)) == {name: 2.0 * CROSS_SECTIONS[name] for name in files}


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


def relative(path: str, folder: Path) -> str:
    """Return the path from here."""
    return os.path.relpath(path)


def itself(path: str, folder: Path) -> str:
    """Return the path."""
    return path


def unguarded(engine: Engine, files: Mapping[str, Sequence[str]]) -> None:
    """Run an engine's half as it is copied, without the check of files before it."""
    namespace = SUBJECT.parameters(PARAMETERS)
    SUBJECT.define(engine, namespace)(files)


@engines
@pytest.mark.parametrize("again", [itself, linked, hard_linked, duplicate, relative])
@pytest.mark.parametrize("sample", ["a", "b"])
def test_a_file_that_is_there_twice_is_refused(sample: str, again: Any, engine: Engine, tmp_path: Path) -> None:
    """In its own sample or in another, by any of its names; both places are named."""
    paths = {name: [simulated(tmp_path / f"{name}.root", 1, 1.0)] for name in ("a", "b")}
    other = again(paths["a"][0], tmp_path)
    paths[sample].append(other)
    said = complaint(lambda: unguarded(engine, paths))
    assert re.search(rf"{re.escape(other)} of {sample}: same file as {re.escape(paths['a'][0])} of a", said)


def test_files_of_the_same_content_are_two(tmp_path: Path) -> None:
    """The identifier is of the file, not of what it holds."""
    paths = [simulated(tmp_path / f"{i}.root", 1, 1.0) for i in range(2)]
    assert yields(agreed(SUBJECT, {"a": paths}, PARAMETERS)) == {"a": 12.0}


def test_files_without_identifier_are_told_by_their_paths() -> None:
    """Zeros are no identifier."""
    namespace = SUBJECT.parameters()
    SUBJECT.define("coffea", namespace)
    refuse_again, nothing = namespace["refuse_again"], namespace["NO_IDENTIFIER"]
    refuse_again({"a": ["x.root", "y.root"]}, lambda _: nothing)
    with pytest.raises(ValueError, match=r"x\.root of b: same file as x\.root of a"):
        refuse_again({"a": ["x.root"], "b": ["x.root"]}, lambda _: nothing)


def test_many_small_files_with_threads(tmp_path: Path) -> None:
    """Three processes in forty files, some of them empty, give the same with two threads."""
    files = {name: [simulated(tmp_path / f"{name}{i}.root", i % 4, 4.0) for i in range(14)] for name in CROSS_SECTIONS}
    expected = agreed(SUBJECT, files, PARAMETERS)
    assert expected["events"].sum() == 3 * sum(i % 4 for i in range(14))
    ROOT.EnableImplicitMT(2)
    try:
        agreement.check(expected, run(SUBJECT, "rdataframe", files, PARAMETERS))
    finally:
        ROOT.DisableImplicitMT()


def closure() -> dict[str, Any]:
    """Return what the page defines, with its counters of RDataFrame's log."""
    namespace = SUBJECT.parameters({"np": np, "ak": ak, "uproot": uproot})
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    exec(next(cell.source for cell in SUBJECT.cells if "def followed" in cell.source), namespace)
    return namespace


def test_a_text_is_compiled_once_in_a_process() -> None:
    """Whichever frame it stands in; another number makes it another text."""
    page, files = closure(), SUBJECT.parameters()["FILES"]

    def summed(name: str, text: str) -> float:
        total: float = ROOT.RDataFrame("Events", files[name]).Define("x", text).Sum("x").GetValue()
        return total

    counts = [
        page["followed"](summed, *given)[1:]
        for given in (
            ("TTbar", "nMuon * 1.25 /* a text */"),
            ("Diboson", "nMuon * 1.25 /* a text */"),
            ("Diboson", "nMuon * 1.5 /* a text */"),
        )
    ]
    loops, phases, texts = zip(*counts, strict=True)
    assert loops == (1, 1, 1)
    assert phases == (1, 0, 1)
    assert texts[0] >= texts[2] == 1
    assert texts[1] == 0


def test_the_log_is_quiet_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the level nor the handler of the counters stays."""
    page = closure()
    page["followed"](lambda: None)
    said = str(ROOT.many_samples.said)
    assert ROOT.RDataFrame(3).Sum("rdfentry_").GetValue() == 3
    assert str(ROOT.many_samples.said) == said
    assert "ROOT.RDF" not in capfd.readouterr().err
