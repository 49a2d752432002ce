"""Uncertainty sources at the edges: jets outside the file, other inputs, a source that is not there."""

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
from small_files import edited, from_file, odd_jets

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("jet-energy-uncertainties")
JERC: str = RECIPE.parameters()["JERC"]
EVENTS = 200

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def written(target: Path, change: Callable[[dict[str, Any]], None] = lambda columns: None) -> str:
    """Write the first events of top pairs with their columns changed, collections as dictionaries by field."""
    return from_file(sample.files("TTbar")[0], target, needed(RECIPE), EVENTS, change)


def results(engine: Engine, path: str, **parameters: Any) -> runs.Results:
    """Run one engine and return its histograms as hist."""
    return runs.run(RECIPE, engine, [path], parameters)


def different(one: runs.Results, other: runs.Results) -> set[str]:
    """Return the names of the histograms that differ between two runs."""
    return {name for name, h in one.items() if not np.array_equal(h.values(flow=True), other[name].values(flow=True))}


@engines
def test_an_unknown_source_is_named(engine: Engine) -> None:
    """A source that the file does not have is refused before the loop."""
    with pytest.raises(CorrectionError, match="no correction 'Cookbook24_V1_MC_FlavourQCD_AK4PFPuppi'; did you mean"):
        RECIPE.run(engine, sample.files("TTbar"), {"SOURCES": ["FlavourQCD"]})


def test_a_missing_branch_is_named(tmp_path: Path) -> None:
    """A file without masses of jets is refused."""

    def lose(columns: dict[str, Any]) -> None:
        del columns["Jet"]["mass"]

    with pytest.raises(inputs.InputError, match="no branch 'Jet_mass'"):
        RECIPE.run("coffea", [written(tmp_path / "events.root", lose)])


def test_odd_jets_agree(tmp_path: Path) -> None:
    """Events without jets, with one, and with a momentum that is not a number give the same in both engines."""
    path = written(tmp_path / "events.root", odd_jets)
    coffea, rdataframe = (results(engine, path) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    with_two, with_one = (coffea[f"{name} Total:up"].values(flow=True).sum() for name in ("dijet_mass", "place"))
    assert 0 < with_two < with_one < EVENTS


@engines
def test_jets_outside_the_map_take_its_last_bin(engine: Engine, tmp_path: Path) -> None:
    """A pseudorapidity beyond the last bin has the sources of the last bin."""
    found = []
    for eta in (5.1, 7.0):

        def forward(columns: dict[str, Any], eta: float = eta) -> None:
            columns["Jet"]["eta"] = ak.values_astype(eta * ak.ones_like(columns["Jet"]["eta"]), np.float32)

        found.append(results(engine, written(tmp_path / f"{eta}.root", forward)))
    assert not {name for name in different(*found) if "pt" in name}


def flavour(content: dict[str, Any], data: Any = 0.1) -> None:
    """Give one source another size, and turn round the order of the inputs of all."""
    for entry in content["corrections"]:
        if "_MC_FlavorQCD_" in entry["name"]:
            entry["data"] = data
        elif any(f"_MC_{source}_" in entry["name"] for source in RECIPE.parameters()["SOURCES"]):
            entry["inputs"].reverse()


@engines
def test_a_source_moves_nothing_else_and_inputs_go_by_name(engine: Engine, tmp_path: Path) -> None:
    """Another size of one source changes its own histograms alone, although all inputs stand in another order."""
    path = written(tmp_path / "events.root")
    usual = results(engine, path)
    other = results(engine, path, JERC=edited(JERC, tmp_path / "flavour.json", flavour))
    changed = different(usual, other)
    assert {"leading_pt FlavorQCD:up", "dijet_mass FlavorQCD:down"} <= changed
    assert all("FlavorQCD" in name for name in changed)


@engines
def test_a_source_of_zero_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    """Momentum, mass and order of a source without size are the nominal ones, up and down."""
    path = written(tmp_path / "events.root")
    found = results(engine, path, JERC=edited(JERC, tmp_path / "zero.json", lambda content: flavour(content, 0.0)))
    for column in ("leading_pt", "dijet_mass", "place"):
        nominal, *moved = (found[f"{column} {key}"].values() for key in ("nominal", "FlavorQCD:up", "FlavorQCD:down"))
        assert all(np.array_equal(nominal, values) for values in moved)


@engines
def test_every_variation_is_sorted(engine: Engine, tmp_path: Path) -> None:
    """Jets that are stored the wrong way round give the same leading jets in every variation."""

    def turned(columns: dict[str, Any]) -> None:
        columns["Jet"] = {name: values[:, ::-1] for name, values in columns["Jet"].items()}

    usual, other = (
        results(engine, written(tmp_path / f"{i}.root", *change)) for i, change in enumerate([(), (turned,)])
    )
    assert {name.partition(" ")[0] for name in different(usual, other)} == {"place"}
