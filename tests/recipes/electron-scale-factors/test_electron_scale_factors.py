"""Electron scale factors at the edges: between maps and outside, without a pair, and files of other content."""

from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import inputs, recipe, sample
from cookbook.recipe import Engine
from leptons import PAIR, SIMULATION, Lepton, Page, ScaleFactors
from shared import Cases
from small_files import jagged

PAGE = Page("electron-scale-factors", "Electron")
PARAMETERS = PAGE.parameters
PATH: str = PARAMETERS["SCALE_FACTORS"]
CASES: Cases = {
    "pair": [
        [(50.0, 0.5), (40.0, -1.0)],
        [(75.0, 1.7), (20.0, 0.3)],
        [(74.99, -2.4), (19.99, -1.5)],
        [(1000.0, 0.0), (10.0, 0.0)],
    ],
    "outside": [
        ([(50.0, 0.5), (40.0, -2.6)], {"MAX_ETA": 3.0}),
        ([(500.0, 0.5), (9.5, 0.4)], {"MIN_PT": 9.0}),
    ],
    "wrong": {
        "key": (
            {"MAPS": {**PARAMETERS["MAPS"], "id": ("Electron-ID", "WorkingPoint")}},
            "no correction 'Electron-ID'; did you mean .*Electron-ID-SF",
        ),
        "working point": (
            {"FACTORS": {**PARAMETERS["FACTORS"], "id": {"Tight": (0, 1e9)}}},
            "has no WorkingPoint 'Tight' for .*; there are .*wp90iso",
        ),
        "year": ({"YEAR": "2018"}, "has no year '2018'; there are 2024Cookbook"),
        "variation": ({"WAYS": ["nominal", "sfup", "sfdown"]}, "has no ValType 'nominal' for .*; "),
        "input": (
            {"MAPS": {**PARAMETERS["MAPS"], "id": ("Electron-ID-SF", "Path")}},
            "takes no input 'Path'; its inputs are year, ValType, WorkingPoint",
        ),
    },
}


def from_file(electron: Lepton, trigger: bool) -> float:
    """Return the product of the factors of an electron, looked up by hand."""
    (pt, eta), found = electron, correctionlib.CorrectionSet.from_file(PATH)
    point = "RecoBelow20" if pt < 20 else "Reco20to75" if pt < 75 else "RecoAbove75"
    about = "2024Cookbook", "sf"
    values = [found["Electron-ID-SF"].evaluate(*about, wp, eta, pt) for wp in (point, "wp90iso")]
    if trigger:
        values.append(found["Electron-HLT-SF"].evaluate(*about, "HLT_SF_Ele30_MVAiso90ID", eta, pt))
    return float(np.prod(values))


class TestElectrons(ScaleFactors):
    """What electrons share with muons."""

    page, data, cases = PAGE, "EGamma_Dilepton", CASES

    def factor(self, lepton: Lepton, trigger: bool) -> float:
        """Return the product of the factors of an electron, looked up by hand."""
        return from_file(lepton, trigger)

    def flat(self, entry: dict[str, Any]) -> None:
        """Make a correction 0.9 with an uncertainty of 0.09 everywhere."""
        ways = {"sf": 0.9, "sfup": 0.99, "sfdown": 0.81}
        content = [{"key": key, "value": value} for key, value in ways.items()]
        data: Any = {"nodetype": "category", "input": "ValType", "content": content}
        keys = ["2024Cookbook", "RecoBelow20", "Reco20to75", "RecoAbove75", "wp90iso", "HLT_SF_Ele30_MVAiso90ID"]
        for text in ("year", "WorkingPoint", "Path"):
            if text in [variable["name"] for variable in entry["inputs"]]:
                data = {"nodetype": "category", "input": text, "content": [{"key": k, "value": data} for k in keys]}
        entry["data"] = data


def test_electrons_are_looked_up_at_their_supercluster(tmp_path: Path) -> None:
    """A track in the barrel with a supercluster in the endcap gets the factor of the endcap."""
    shift = jagged([[0.25, 0.0]], np.float32)
    pair = [(50.0, 1.40), (40.0, 0.5)]
    found = PAGE.yields(PAGE.agreed(PAGE.written(tmp_path / "in.root", [pair], deltaEtaSC=shift)))
    expected = from_file((50.0, 1.65), True) * from_file(pair[1], False)
    assert expected != pytest.approx(from_file(pair[0], True) * from_file(pair[1], False))
    assert found("nominal") == pytest.approx(expected)


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_file_without_the_superclusters_is_named(engine: Engine, tmp_path: Path) -> None:
    """The track's pseudorapidity does not silently take the place of the supercluster's."""
    path = PAGE.written(tmp_path / "in.root", [PAIR], drop="deltaEtaSC")
    with pytest.raises(inputs.InputError, match=r"in\.root: tree 'Events' has no branch 'Electron_deltaEtaSC'"):
        PAGE.run(engine, path)


def test_the_sum_is_what_nanoaod_v15_stores() -> None:
    """Track pseudorapidity plus `deltaEtaSC` is `superclusterEta`, within the rounding of the branches."""
    with uproot.open(sample.files(SIMULATION)[0]) as file:
        names = ["eta", "deltaEtaSC", "superclusterEta"]
        eta, delta, stored = (
            ak.to_numpy(ak.flatten(file["Events"][f"Electron_{name}"].array())).astype(float) for name in names
        )
    assert np.abs(eta + delta - stored).max() < 2e-3
