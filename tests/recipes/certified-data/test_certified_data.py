"""Certified data: the ends of the ranges, what a JSON may not be, and simulation, which has no sections."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import mistakes
from cookbook import recipe, sample
from cookbook.recipe import Engine
from runs import Results, agreed

SUBJECT = recipe.load("certified-data")
SIMULATION = "DYto2L_M-50"
FILES = {name: sample.files(name) for name in ("Muon", SIMULATION)}
MUON = {"Muon": FILES["Muon"]}


def certified(folder: Path, ranges: object) -> str:
    """Write a JSON of certified sections."""
    path = folder / "certified.json"
    path.write_text(ranges if isinstance(ranges, str) else json.dumps(ranges))
    return str(path)


def stored(*names: str) -> dict[str, Any]:
    """Return columns of the events of data."""
    return dict(uproot.open(f"{FILES['Muon'][0]}:Events").arrays(names, library="np"))


def count(histograms: Results, which: str, dataset: str = "Muon") -> int:
    """Return how many events of a dataset were read or kept."""
    return int(histograms[which][dataset])


def test_events_of_certified_sections_are_kept() -> None:
    """Data lose what is in no range of the JSON, listed here section by section, and simulation loses nothing."""
    found = agreed(SUBJECT, FILES)
    golden = json.loads(Path(sample.certified()).read_text()).items()
    good = {
        (int(run), section) for run, ranges in golden for first, last in ranges for section in range(first, last + 1)
    }
    columns = stored("run", "luminosityBlock")
    pairs = list(zip(columns["run"].tolist(), columns["luminosityBlock"].tolist(), strict=True))
    assert count(found, "read") == len(pairs)
    assert count(found, "kept") == sum(pair in good for pair in pairs) < len(pairs)
    assert count(found, "read", SIMULATION) == count(found, "kept", SIMULATION) > 0


def test_what_is_rejected_is_the_rest() -> None:
    """The closure's sections and the certified ones add up to all events of data."""
    found = SUBJECT.run("coffea", MUON)
    rejected = mistakes.run(SUBJECT, "not_certified", MUON)
    assert count(found, "kept") + count(rejected, "kept") == count(found, "read")


def test_a_run_that_is_absent_from_the_json_does_not_count(tmp_path: Path) -> None:
    """None of its events remains, and those of the other runs do."""
    content = json.loads(Path(sample.certified()).read_text())
    del content["380115"]
    found = agreed(SUBJECT, MUON, {"CERTIFIED": certified(tmp_path, content)})
    lost = count(agreed(SUBJECT, MUON), "kept") - count(found, "kept")
    assert lost == (stored("run")["run"] == 380115).sum() > 0


@pytest.mark.parametrize(
    ("ranges", "sections"), [([[27, 34]], range(27, 35)), ([[5, 5], [6, 7], [60, 90]], [5, 6, 7, 60])]
)
def test_the_ends_of_a_range_are_certified(tmp_path: Path, ranges: list[list[int]], sections: Sequence[int]) -> None:
    """First and last section count, a range may be one section, and the next may begin right after it."""
    found = agreed(SUBJECT, MUON, {"CERTIFIED": certified(tmp_path, {"378985": ranges})})
    columns = stored("run", "luminosityBlock")
    inside = (columns["run"] == 378985) & np.isin(columns["luminosityBlock"], list(sections))
    assert count(found, "kept") == inside.sum() > 0


def test_nothing_counts_where_nothing_is_certified(tmp_path: Path) -> None:
    """An empty JSON is no error, and nothing of the one before it remains."""
    agreed(SUBJECT, MUON)
    found = agreed(SUBJECT, FILES, {"CERTIFIED": certified(tmp_path, {})})
    assert count(found, "kept") == 0
    assert count(found, "kept", SIMULATION) > 0


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize(
    "content",
    [
        "<html>",
        "[[1, 5]]",
        '{"378985": [[10, 20], [1, 5]]}',
        '{"378985": [[1, 20], [5, 6]]}',
        '{"378985": [[5, 1]]}',
        '{"378985": [[0, 5]]}',
        '{"378985": [1, 5]}',
        '{"378985": [[1, 5, 7]]}',
        '{"378985": [[1, "5"]]}',
        '{"run": [[1, 5]]}',
    ],
)
def test_a_malformed_json_is_refused(
    engine: Engine, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the ranges, the error names the file; LumiMask alone would lose sections in silence."""
    monkeypatch.setattr(recipe.Recipe, "check_files", lambda *_: 0)  # which sees some of it before
    with pytest.raises(ValueError, match=r"certified\.json: not a JSON of certified sections"):
        SUBJECT.run(engine, MUON, {"CERTIFIED": certified(tmp_path, content)})


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_json_of_a_whole_year_is_loaded_in_seconds(engine: Engine, tmp_path: Path) -> None:
    """Four hundred runs of several ranges, which as pairs would take ROOT minutes."""
    ranges = [[first, first + 7] for first in range(1, 100, 10)]
    content = {str(run): ranges for run in range(380000, 380400)}
    found = SUBJECT.run(engine, MUON, {"CERTIFIED": certified(tmp_path, content)})
    assert set(found) == {"read", "kept", "phi"}
