"""Jet energy corrections at the edges: what lies outside the file, what is missing, and what a file may be called."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import runs
from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from copies import needed
from small_files import edited, from_file

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("jet-energy-corrections")
JERC: str = RECIPE.parameters()["JERC"]
SIMULATION, DATA = "TTbar", "JetMET"
EVENTS = 200

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def written(target: Path, dataset: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Write the first events of a dataset with its columns changed, collections as dictionaries by field."""
    return from_file(sample.files(dataset)[0], target, needed(RECIPE), EVENTS, change)


def nothing(columns: dict[str, Any]) -> None:
    """Change nothing."""


def jets(**values: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    """Return a change of fields of the jets."""

    def change(columns: dict[str, Any]) -> None:
        for field, function in values.items():
            columns["Jet"][field] = ak.values_astype(function(columns["Jet"][field]), np.float32)

    return change


def in_run(number: int) -> Callable[[dict[str, Any]], None]:
    """Return a change that puts all events into one run."""

    def change(columns: dict[str, Any]) -> None:
        columns["run"] = np.full(EVENTS, number, dtype=np.uint32)

    return change


def results(engine: Engine, files: recipe.Files, **parameters: Any) -> runs.Results:
    """Run one engine and return its histograms as hist."""
    return runs.run(RECIPE, engine, files, parameters)


def same(one: Any, other: Any) -> bool:
    """Return whether two histograms hold the same, flow bins included."""
    return bool(np.allclose(one.values(flow=True), other.values(flow=True), rtol=1e-9))


@engines
def test_a_missing_key_names_the_ones_there_are(engine: Engine) -> None:
    """A tag that the file does not have is refused before the loop, with the nearest one."""
    files = {SIMULATION: sample.files(SIMULATION)}
    with pytest.raises(CorrectionError, match="did you mean Cookbook24_V1_MC_L1L2L3Res_AK4PFPuppi"):
        RECIPE.run(engine, files, {"TAG": "Cookbook24_V2"})


@engines
def test_an_unknown_source_is_named(engine: Engine) -> None:
    """A source that the file does not have is refused before the loop."""
    files = {SIMULATION: sample.files(SIMULATION)}
    with pytest.raises(CorrectionError, match="no correction 'Cookbook24_V1_MC_FlavourQCD_AK4PFPuppi'; did you mean"):
        RECIPE.run(engine, files, {"SOURCES": ["FlavourQCD"]})


@pytest.mark.parametrize(("lost", "hint"), [("Jet_rawFactor", "Jet_"), ("Rho_fixedGridRhoFastjetAll", "fixedGridRho")])
def test_a_missing_branch_is_named(lost: str, hint: str, tmp_path: Path) -> None:
    """A file without the raw factor, or with the old name of the energy density, is refused."""

    def lose(columns: dict[str, Any]) -> None:
        collection, _, field = lost.partition("_")
        if collection == "Jet":
            del columns[collection][field]
        else:
            columns[field] = columns.pop(lost)

    path = written(tmp_path / "events.root", SIMULATION, lose)
    with pytest.raises(inputs.InputError, match=f"no branch '{lost}'; the nearest names are .*{hint}"):
        RECIPE.run("coffea", {SIMULATION: [path]})


def test_odd_jets_agree(tmp_path: Path) -> None:
    """Events without jets, with one, and with a momentum that is not a number give the same in both engines."""

    def odd(columns: dict[str, Any]) -> None:
        order = np.arange(EVENTS)
        kept = np.where(order % 3 == 0, 0, np.where(order % 3 == 1, 1, 99))
        few = ak.local_index(columns["Jet"]["pt"]) < kept
        columns["Jet"] = {name: values[few] for name, values in columns["Jet"].items()}
        pt = columns["Jet"]["pt"]
        columns["Jet"]["pt"] = ak.where((ak.num(pt) == 1) & (order % 2 == 0), np.float32(np.nan), pt)

    path = written(tmp_path / "events.root", SIMULATION, odd)
    coffea, rdataframe = (results(engine, {SIMULATION: [path]}) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    assert coffea["leading_pt"]["nominal", :].sum(flow=True).value > 0
    with_jets, all_events = (coffea[name].sum(flow=True).value for name in ("leading_position", "met_change"))
    assert 0 < with_jets < all_events


@engines
def test_jets_outside_the_map_take_its_last_bin(engine: Engine, tmp_path: Path) -> None:
    """A pseudorapidity beyond the last bin is corrected as in the last bin."""
    found = []
    for eta in (5.1, 7.0):
        change = jets(eta=lambda old, eta=eta: eta * ak.ones_like(old))  # type: ignore[misc]
        path = written(tmp_path / f"{eta}.root", SIMULATION, change)
        found.append(results(engine, {SIMULATION: [path]}))
    assert all(same(found[0][name], found[1][name]) for name in ("leading_pt", "met_shift", "response"))


@engines
def test_a_run_outside_the_residuals_takes_the_last_bin(engine: Engine, tmp_path: Path) -> None:
    """Data of a run that the file does not know get the residuals of the nearest run, in both engines."""
    certified = tmp_path / "certified.json"
    certified.write_text(json.dumps({str(run): [[1, 1_000_000]] for run in (1, 380000)}))
    found = []
    for run in (1, 380000):
        path = written(tmp_path / f"{run}.root", DATA, in_run(run))
        simulated = written(tmp_path / "simulated.root", SIMULATION, nothing)
        files = {SIMULATION: [simulated], DATA: [path]}
        found.append(results(engine, files, CERTIFIED=str(certified)))
    assert found[0]["met_change"][DATA, :].sum(flow=True).value == EVENTS
    assert same(found[0]["met_change"], found[1]["met_change"])


def reordered(content: dict[str, Any]) -> None:
    """Turn the order of the inputs round, and let the correction of simulation take the run as well."""
    run = {"name": "run", "type": "real"}
    for entry in content["compound_corrections"]:
        others = [variable for variable in entry["inputs"] if variable["name"] != "run"]
        entry["inputs"] = [run, *reversed(others)]


def doubled(content: dict[str, Any]) -> None:
    """Make the last level of the correction of simulation twice as large."""
    entry = next(c for c in content["corrections"] if c["name"] == "Cookbook24_V1_MC_L3Absolute_AK4PFPuppi")
    entry["data"] = 2.0


@engines
def test_inputs_go_by_name_and_the_file_can_change(engine: Engine, tmp_path: Path) -> None:
    """A file with other inputs in another order gives the same, and one with other values takes effect at once."""
    files = {SIMULATION: [written(tmp_path / "events.root", SIMULATION, nothing)]}
    nominal = results(engine, files)
    turned = results(engine, files, JERC=edited(JERC, tmp_path / "turned.json", reordered))
    other = results(engine, files, JERC=edited(JERC, tmp_path / "doubled.json", doubled))
    assert same(nominal["leading_pt"], turned["leading_pt"])
    assert not same(nominal["leading_pt"], other["leading_pt"])
