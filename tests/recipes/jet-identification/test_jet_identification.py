"""Jet identification: levels, bytes, inputs in another order, and what files lack, in both engines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runs
import small_files
from cookbook import agreement, corrections, inputs, recipe, sample
from cookbook.recipe import Engine
from small_files import edited, event_columns, jagged

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

SLUG = "jet-identification"
BYTES = ("chMultiplicity", "neMultiplicity")
JET: Mapping[str, float] = {
    "pt": 50.0,
    "phi": 0.1,
    "mass": 5.0,
    "eta": 0.5,
    "chHEF": 0.5,
    "neHEF": 0.2,
    "chEmEF": 0.1,
    "neEmEF": 0.1,
    "muEF": 0.0,
    "chMultiplicity": 10,
    "neMultiplicity": 5,
}

pytestmark = pytest.mark.parametrize("engine", recipe.ENGINES)


def write(path: Path, jets: Sequence[Sequence[Mapping[str, float]]], drop: str = "") -> str:
    """Write a file with these jets by event, without the branch to drop."""
    names = [name for name in JET if f"Jet_{name}" != drop]
    types = dict.fromkeys(BYTES, np.uint8)
    columns = {
        name: jagged([[jet[name] for jet in event] for event in jets], types.get(name, np.float32)) for name in names
    }
    return small_files.write(path, {**event_columns(len(jets)), "Jet": columns}, None)


def run(engine: Engine, path: str, **parameters: Any) -> runs.Results:
    """Run the recipe on a file."""
    return runs.run(recipe.load(SLUG), engine, {"TTbar": [path]}, parameters)


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
    crowded = {**JET, "chMultiplicity": 250, "neMultiplicity": 6}
    assert levels(engine, write(tmp_path / "nano.root", [[crowded]])) == [0, 0, 1]


def test_events_without_jets(engine: Engine, tmp_path: Path) -> None:
    """Events without a jet count nothing, whether others have jets or none does."""
    assert levels(engine, write(tmp_path / "some.root", [[], [JET], []])) == [0, 0, 1]
    assert levels(engine, write(tmp_path / "none.root", [[], []])) == [0, 0, 0]


def test_inputs_go_by_name(engine: Engine, tmp_path: Path) -> None:
    """A file that lists its inputs in another order gives the same answer."""

    def reverse(content: dict[str, Any]) -> None:
        for entry in content["corrections"]:
            entry["inputs"].reverse()

    changed = edited(sample.corrections("JME", "jetid.json.gz"), tmp_path / "jetid.json", reverse)
    path = write(tmp_path / "nano.root", [[JET, {**JET, "neHEF": 0.995}], [{**JET, "muEF": 0.85}]])
    agreement.check(run(engine, path), run(engine, path, JET_ID=changed))


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("TIGHT", "AK4CHS_Tight", "no correction 'AK4CHS_Tight'.*AK4PUPPI_Tight"),
        ("LEPTON_VETO", "AK4PUPPI_LeptonVeto", "did you mean AK4PUPPI_TightLeptonVeto"),
    ],
)
def test_what_the_file_lacks_is_named(engine: Engine, parameter: str, value: str, message: str, tmp_path: Path) -> None:
    """A missing key ends in an error that says which there are."""
    path = write(tmp_path / "nano.root", [[JET]])
    with pytest.raises(corrections.CorrectionError, match=message):
        run(engine, path, **{parameter: value})


def test_a_missing_branch_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file of v12, and so without multiplicities, ends in an error that names the branch."""
    path = write(tmp_path / "nano.root", [[JET]], drop="Jet_chMultiplicity")
    with pytest.raises(inputs.InputError, match="no branch 'Jet_chMultiplicity'"):
        run(engine, path)
