"""Jet energy corrections at the edges: what lies outside the file, what is missing, and what a file may be called."""

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
from small_files import edited, from_file, odd_jets

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


@pytest.mark.parametrize(
    ("lost", "hint"), [("Jet_rawFactor", "; "), ("Rho_fixedGridRhoFastjetAll", "; .*fixedGridRho")]
)
def test_a_missing_branch_is_named(lost: str, hint: str, tmp_path: Path) -> None:
    """A file without the raw factor, or with the old name of the energy density, is refused."""

    def lose(columns: dict[str, Any]) -> None:
        collection, _, field = lost.partition("_")
        if collection == "Jet":
            del columns[collection][field]
        else:
            columns[field] = columns.pop(lost)

    path = written(tmp_path / "events.root", SIMULATION, lose)
    with pytest.raises(inputs.InputError, match=f"no branch '{lost}'{hint}"):
        RECIPE.run("coffea", {SIMULATION: [path]})


def test_odd_jets_agree(tmp_path: Path) -> None:
    """Events without jets, with one, and with a momentum that is not a number give the same in both engines."""
    path = written(tmp_path / "events.root", SIMULATION, odd_jets)
    coffea, rdataframe = (results(engine, {SIMULATION: [path]}) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    with_jets, all_events = (coffea[name].values(flow=True).sum() for name in ("place", "ht"))
    assert 0 < with_jets < all_events


def turned(columns: dict[str, Any]) -> None:
    """Store the jets in the wrong order."""
    columns["Jet"] = {name: values[:, ::-1] for name, values in columns["Jet"].items()}


@engines
def test_jets_come_sorted_with_their_own_mass_and_factor(engine: Engine, tmp_path: Path) -> None:
    """Jets that are stored in another order give the same leading jets, at another former place."""
    usual, other = (
        results(engine, {SIMULATION: [written(tmp_path / f"{change.__name__}.root", SIMULATION, change)]})
        for change in (nothing, turned)
    )
    assert all(same(usual[name], other[name]) for name in ("pt", "mass", "rawFactor", "ht"))
    assert not same(usual["place"], other["place"])


def corrected_once_more(columns: dict[str, Any]) -> None:
    """Store the jets at another momentum, with the rawFactor that leads back to the same raw one."""
    jet = columns["Jet"]
    jet["pt"], jet["mass"] = (ak.values_astype(1.25 * jet[name], np.float32) for name in ("pt", "mass"))
    jet["rawFactor"] = ak.values_astype(1 - (1 - jet["rawFactor"]) / 1.25, np.float32)


@engines
def test_what_was_stored_does_not_matter(engine: Engine, tmp_path: Path) -> None:
    """The correction starts from raw: files that were made with another correction give the same jets."""
    found = []
    for change in (nothing, corrected_once_more):
        files = {SIMULATION: [written(tmp_path / f"{change.__name__}.root", SIMULATION, change)]}
        found.append(results(engine, files))
    for name in ("pt", "rawFactor", "ht"):  # but for a jet at the edge of a bin
        assert abs(found[0][name].values(flow=True) - found[1][name].values(flow=True)).sum() <= 2


def test_a_mistake_moves_the_leading_jets(tmp_path: Path) -> None:
    """Each of the closure's ways gives other momenta; the residuals matter to data alone."""
    change_in_data = {"raw", "twice", "residuals_forgotten", "residuals_twice"}
    for dataset, changes in ((SIMULATION, {"raw", "twice"}), (DATA, change_in_data)):
        files = {dataset: [written(tmp_path / f"{dataset}.root", dataset, nothing)]}
        right = results("coffea", files)["ht"].values()
        wrong = {name: mistakes.run(RECIPE, name, files, argument="correct")["ht"].values() for name in changes}
        assert not any(np.array_equal(values, right) for values in wrong.values())
    forgotten = mistakes.run(RECIPE, "residuals_forgotten", files, argument="correct")["ht"]
    means = [h[DATA, :].axes[0].centers @ h[DATA, :].values() for h in (forgotten, results("coffea", files)["ht"])]
    assert means[0] < means[1]


@engines
def test_jets_outside_the_map_take_its_last_bin(engine: Engine, tmp_path: Path) -> None:
    """A pseudorapidity beyond the last bin is corrected as in the last bin."""
    found = []
    for eta in (5.1, 7.0):
        change = jets(eta=lambda old, eta=eta: eta * ak.ones_like(old))  # type: ignore[misc]
        path = written(tmp_path / f"{eta}.root", SIMULATION, change)
        found.append(results(engine, {SIMULATION: [path]}))
    assert all(same(found[0][name], found[1][name]) for name in ("pt", "mass", "rawFactor"))


@engines
def test_a_run_outside_the_residuals_takes_the_last_bin(engine: Engine, tmp_path: Path) -> None:
    """Data of a run that the file does not know get the residuals of the nearest run, in both engines, also alone."""
    found = []
    for run in (1, 380000):
        files = {DATA: [written(tmp_path / f"{run}.root", DATA, in_run(run))]}
        found.append(results(engine, files))
    assert found[0]["ht"][DATA, :].values(flow=True).sum() == EVENTS
    assert all(same(found[0][name], found[1][name]) for name in found[0])


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
    assert same(nominal["pt"], turned["pt"])
    assert not same(nominal["pt"], other["pt"])
