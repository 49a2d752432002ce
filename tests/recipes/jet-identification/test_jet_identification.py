"""Jet identification: levels, bytes, inputs in another order, and what files lack, in both engines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import runs
import small_files
from cookbook import recipe
from cookbook.recipe import Engine
from jets import CROWDED, JET, Identified, Jets, columns
from shared import Cases
from small_files import event_columns

SLUG = "jet-identification"
CASES: Cases = {
    "jets": [[[JET, {**JET, "neHEF": 0.995}], [{**JET, "muEF": 0.85}]]],
    "wrong": [
        ({"TIGHT": "AK4CHS_Tight"}, "no correction 'AK4CHS_Tight'.*AK4PUPPI_Tight"),
        ({"LEPTON_VETO": "AK4PUPPI_LeptonVeto"}, "did you mean AK4PUPPI_TightLeptonVeto"),
    ],
}

pytestmark = pytest.mark.parametrize("engine", recipe.ENGINES)


def write(path: Path, jets: Jets, drop: str = "") -> str:
    """Write a file with these jets by event, without the branch to drop."""
    return small_files.write(path, {**event_columns(len(jets)), "Jet": columns(jets, drop)}, None)


def run(engine: Engine, path: str, **parameters: Any) -> runs.Results:
    """Run the recipe on a file."""
    return runs.run(recipe.load(SLUG), engine, {"TTbar": [path]}, parameters)


class TestIdentification(Identified):
    """What this page shares with the other that evaluates the identification."""

    cases, write, run = CASES, staticmethod(write), staticmethod(run)


def levels(engine: Engine, path: str) -> list[float]:
    """Return how many jets of a file have each level."""
    counts: list[float] = run(engine, path)["jets"].project(2).values().tolist()
    return counts


def test_levels_of_the_identification(engine: Engine, tmp_path: Path) -> None:
    """A jet with a hard muon is tight, and does not pass the veto on leptons."""
    jets = [JET, {**JET, "muEF": 0.85}, {**JET, "neEmEF": 0.95}]
    assert levels(engine, write(tmp_path / "nano.root", [jets])) == [1, 1, 1]


@pytest.mark.parametrize("change", [{"neHEF": 0.995}, {"chHEF": 0.0}, {"chMultiplicity": 0}, {"neEmEF": 0.95}])
def test_what_is_not_tight(engine: Engine, change: Mapping[str, float], tmp_path: Path) -> None:
    """A jet of neutral particles alone, or without charged hadrons, fails."""
    assert levels(engine, write(tmp_path / "nano.root", [[{**JET, **change}]])) == [1, 0, 0]


def test_the_sum_of_two_bytes(engine: Engine, tmp_path: Path) -> None:
    """A jet of 256 particles has not none."""
    assert levels(engine, write(tmp_path / "nano.root", [[{**JET, **CROWDED}]])) == [0, 0, 1]


def test_events_without_jets(engine: Engine, tmp_path: Path) -> None:
    """Events without a jet count nothing, whether others have jets or none does."""
    assert levels(engine, write(tmp_path / "some.root", [[], [JET], []])) == [0, 0, 1]
    assert levels(engine, write(tmp_path / "none.root", [[], []])) == [0, 0, 0]
