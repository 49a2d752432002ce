"""Type-1 MET at the edges: jets that must not count, other stored corrections, runs and keys that are not there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import mistakes
import runs
from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from copies import needed
from small_files import from_file, odd_jets

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("type1-met")
SIMULATION, DATA = "TTbar", "JetMET"
EVENTS = 200

Change = Callable[[dict[str, Any]], None]
engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def nothing(columns: dict[str, Any]) -> None:
    """Change nothing."""


def written(target: Path, dataset: str, change: Change = nothing) -> recipe.Files:
    """Write the first events of a dataset with its columns changed, collections as dictionaries by field."""
    return {dataset: [from_file(sample.files(dataset)[0], target, needed(RECIPE), EVENTS, change)]}


def jets(**values: float) -> Change:
    """Return a change that gives fields of the jets one value."""

    def change(columns: dict[str, Any]) -> None:
        jet = columns["Jet"]
        for field, value in values.items():
            jet[field] = ak.values_astype(value * ak.ones_like(jet[field]), np.float32)
        columns["PuppiMET_pt"] = columns["RawPuppiMET_pt"]  # what there is if no jet counts

    return change


def results(engine: Engine, files: recipe.Files, **parameters: Any) -> runs.Results:
    """Run one engine and return its histograms as hist."""
    return runs.run(RECIPE, engine, files, parameters)


def within(h: Any, size: float = 0.5) -> float:
    """Return how many events lie this near to zero."""
    return float(h[-size * 1j : size * 1j].values().sum())


@engines
def test_an_unknown_source_is_named(engine: Engine) -> None:
    """A source that the file does not have is refused before the loop."""
    files = {SIMULATION: sample.files(SIMULATION)}
    with pytest.raises(CorrectionError, match="no correction 'Cookbook24_V1_MC_FlavourQCD_AK4PFPuppi'; did you mean"):
        RECIPE.run(engine, files, {"SOURCES": ["FlavourQCD"]})


def test_a_missing_branch_is_named(tmp_path: Path) -> None:
    """A file without the raw missing momentum is refused."""

    def lose(columns: dict[str, Any]) -> None:
        del columns["RawPuppiMET_pt"]

    with pytest.raises(inputs.InputError, match="no branch 'RawPuppiMET_pt'"):
        RECIPE.run("coffea", written(tmp_path / "events.root", SIMULATION, lose))


def test_odd_jets_agree(tmp_path: Path) -> None:
    """Events without jets, with one, and with a momentum that is not a number give the same in both engines."""
    found = runs.agreed(RECIPE, written(tmp_path / "events.root", SIMULATION, odd_jets))
    assert found["met"].values(flow=True).sum() == EVENTS


@engines
@pytest.mark.parametrize(
    "change",
    [jets(muonSubtrFactor=1.0), jets(chEmEF=0.5, neEmEF=0.45), jets(pt=10.0, rawFactor=0.0)],
    ids=["all muon", "electromagnetic", "soft"],
)
def test_some_jets_do_not_count(engine: Engine, change: Change, tmp_path: Path) -> None:
    """Jets that are muons alone, electromagnetic, or soft leave the raw sum as it is, also when they are moved."""
    found = results(engine, written(tmp_path / "events.root", SIMULATION, change))
    assert within(found["change"][SIMULATION, :]) == EVENTS
    assert all(within(found["shift"][key, :]) == EVENTS for key in ("Total:up", "Total:down"))


@engines
def test_muons_in_a_jet_are_not_moved(engine: Engine, tmp_path: Path) -> None:
    """Where half of each jet is muons, a shift moves the sum half as far."""
    beyond = []
    for share in (0.0, 0.5):
        found = results(engine, written(tmp_path / f"{share}.root", SIMULATION, jets(muonSubtrFactor=share)))
        beyond.append(EVENTS - within(found["shift"]["Total:up", :], 2.0))
    assert beyond[0] > 2 * beyond[1]


@engines
def test_what_was_stored_does_not_matter(engine: Engine, tmp_path: Path) -> None:
    """The sum starts from raw: files that were made with another correction give the same."""

    def corrected_once_more(columns: dict[str, Any]) -> None:
        jet = columns["Jet"]
        jet["pt"], jet["mass"] = (ak.values_astype(1.25 * jet[name], np.float32) for name in ("pt", "mass"))
        jet["rawFactor"] = ak.values_astype(1 - (1 - jet["rawFactor"]) / 1.25, np.float32)

    for dataset in (SIMULATION, DATA):
        found = [
            results(engine, written(tmp_path / f"{dataset}_{change.__name__}.root", dataset, change))
            for change in (nothing, corrected_once_more)
        ]
        for name in ("met", "change"):  # but for an event at the edge of a bin
            assert abs(found[0][name].values(flow=True) - found[1][name].values(flow=True)).sum() <= 2


@engines
def test_jets_and_runs_outside_the_map_take_its_last_bin(engine: Engine, tmp_path: Path) -> None:
    """A pseudorapidity or a run that the file does not know is corrected as in the nearest bin."""

    def in_run(number: int) -> Change:
        def change(columns: dict[str, Any]) -> None:
            columns["run"] = np.full(EVENTS, number, dtype=np.uint32)

        return change

    for dataset, changes in ((SIMULATION, [jets(eta=5.1), jets(eta=7.0)]), (DATA, [in_run(1), in_run(380000)])):
        one, other = (
            results(engine, written(tmp_path / f"{dataset}{i}.root", dataset, change))
            for i, change in enumerate(changes)
        )
        agreement.check(one, other, empty=True)


def test_a_stale_raw_factor_loses_the_shift(tmp_path: Path) -> None:
    """Each mistake of the closure moves what it should: a stale factor the shift alone, the others the sum."""
    files = written(tmp_path / "events.root", SIMULATION)
    right = results("coffea", files)
    stale = mistakes.run(RECIPE, "stale_raw_factor", files, argument="added")
    assert np.array_equal(stale["met"].values(), right["met"].values())
    assert within(stale["shift"]["Total:up", :]) > within(right["shift"]["Total:up", :])
    for name in ("muons_scaled", "electromagnetic_too"):
        wrong = mistakes.run(RECIPE, name, files, argument="added")
        assert within(wrong["change"][SIMULATION, :]) < within(right["change"][SIMULATION, :])
