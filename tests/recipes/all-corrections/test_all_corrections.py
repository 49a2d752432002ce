"""The chain of corrections: any part of it agrees in both engines, and what is missing is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from copies import needed
from runs import Results, agreed, run
from small_files import edited, from_file

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("all-corrections")
STEPS: list[str] = RECIPE.parameters()["STEPS"]
FILES = {name: sample.files(name) for name in ("TTbar", "Muon")}
engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def results(engine: Engine, files: recipe.Files = FILES, **parameters: Any) -> Results:
    """Run one engine and return its histograms as hist."""
    return run(RECIPE, engine, files, parameters)


@pytest.mark.parametrize(
    "steps",
    [[], STEPS[:3], [step for step in STEPS if step != "jet scale"], [*STEPS[4:], *STEPS[:4]]],
    ids=["none", "the first", "one forgotten", "another order"],
)
def test_any_part_of_the_chain_agrees(steps: list[str]) -> None:
    """Both engines do the steps asked for, in the order asked for."""
    coffea, rdataframe = (results(engine, STEPS=steps) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)
    assert list(coffea["yields"].axes["stage"]) == ["selected", *steps]


@engines
def test_an_unknown_step_is_named(engine: Engine) -> None:
    """A misspelt step is refused with the names there are, and not left out."""
    with pytest.raises(ValueError, match="no step pile-up; there are pileup, muon, jet scale"):
        RECIPE.run(engine, FILES, {"STEPS": ["pile-up"]})


@engines
def test_weights_are_for_simulation_alone(engine: Engine) -> None:
    """Steps that weigh leave data as they are; the scale and the veto map do not."""
    found = results(engine)["yields"]["Muon", :].values()
    stages = dict(zip(["selected", *STEPS], found, strict=True))
    assert stages["selected"] == stages["pileup"] == stages["muon"]
    assert stages["veto map"] == stages["b tagging"]
    # what is stored is corrected in full, so the same correction, from raw, moves no event
    assert stages["muon"] == stages["jet scale"] == stages["smearing"]


@engines
def test_the_scale_of_data_is_their_own(engine: Engine) -> None:
    """With the correction of simulation, which has no residual, fewer jets of data are above the threshold."""
    keys = RECIPE.parameters()["KEYS"]
    without = run(RECIPE, engine, FILES, {"KEYS": {**keys, "scale_data": keys["scale_mc"]}})["yields"]
    assert without["Muon", "jet scale"].value < results(engine)["yields"]["Muon", "jet scale"].value


@engines
def test_every_key_is_checked_before_the_loop(engine: Engine, tmp_path: Path) -> None:
    """A file without a correction of the chain is refused, whichever step needs it."""
    paths = RECIPE.parameters()["PATHS"]

    def without_shape(content: dict[str, Any]) -> None:
        content["corrections"] = [c for c in content["corrections"] if c["name"] != "particleNet_shape"]

    changed = {**paths, "BTV/btagging": edited(paths["BTV/btagging"], tmp_path / "btagging.json", without_shape)}
    with pytest.raises(CorrectionError, match=r"btagging\.json: no correction 'particleNet_shape'; did you mean"):
        RECIPE.run(engine, FILES, {"PATHS": changed})


def changed(target: Path, change: Callable[[dict[str, Any]], Any]) -> str:
    """Write the first events of the top pairs with their columns changed."""
    return from_file(FILES["TTbar"][0], target, needed(RECIPE), 1500, change)


def test_odd_events_agree(tmp_path: Path) -> None:
    """Events without jets, without generator jets, and with a momentum that is no number give the same."""

    def odd(columns: dict[str, Any]) -> None:
        for collection, every in (("Jet", 3), ("GenJet", 4)):
            first = next(iter(columns[collection].values()))
            some = (ak.local_index(first) >= 0) & (np.arange(len(first)) % every != 0)
            columns[collection] = {name: values[some] for name, values in columns[collection].items()}
        pt = columns["Jet"]["pt"]
        columns["Jet"]["pt"] = ak.where(np.arange(len(pt)) % 7 == 0, np.float32(np.nan), pt)

    files = {"TTbar": [changed(tmp_path / "odd.root", odd)]}
    assert all(h.sum(flow=True).value for h in agreed(RECIPE, files).values())


def test_a_missing_branch_is_named(tmp_path: Path) -> None:
    """A file of an older version, without the multiplicities that the identification needs, is refused."""
    path = changed(tmp_path / "old.root", lambda columns: columns["Jet"].pop("chMultiplicity"))
    with pytest.raises(inputs.InputError, match=r"old\.root: tree 'Events' has no branch 'Jet_chMultiplicity'"):
        RECIPE.run("coffea", {"TTbar": [path]})
