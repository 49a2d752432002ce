"""Lepton and photon scale factors from the truth."""

from itertools import pairwise
from typing import Any

from correctionlib import schemav2 as cs

from .. import model
from ..truth import Truth
from .nodes import binning, category, correction, in_signed_eta, real, string

YEAR = "2024Cookbook"
MUON_NAMES = {
    "medium": "NUM_MediumID_DEN_TrackerMuons",
    "tight": "NUM_TightID_DEN_TrackerMuons",
    "isolation": "NUM_TightPFIso_DEN_TightID",
    "trigger": "NUM_IsoMu24_DEN_CutBasedIdTight_and_PFIsoTight",
}
RECONSTRUCTION: dict[str, list[Any]] = {
    "RecoBelow20": [10.0, 20.0],
    "Reco20to75": [20.0, 75.0],
    "RecoAbove75": [75.0, "inf"],
}


def muon(truth: Truth, key: str) -> Any:
    """One muon scale factor in eta and pt."""
    table = truth.table["muon"]
    edges = table["trigger_pt_bins"] if key == "trigger" else table["pt_bins"]
    error = table["sf_error"]

    def content(i: int) -> Any:
        value = table[f"sf_{key}"][i]
        entry = {"nominal": value, "systup": value + error, "systdown": value - error, "stat": error / 2, "syst": error}
        return binning("pt", edges, [category("scale_factors", entry)] * (len(edges) - 1))

    inputs = [real("eta", "muon pseudorapidity"), real("pt", "muon pt"), string("scale_factors")]
    data = in_signed_eta("eta", table["eta"], content, flow="error")
    return correction(MUON_NAMES[key], "data over simulation", inputs, data)


def muons(truth: Truth) -> Any:
    """All muon scale factors."""
    corrections = [muon(truth, key) for key in MUON_NAMES]
    return cs.CorrectionSet(schema_version=2, description="Muons of the cookbook's sample", corrections=corrections)


def varied(make: Any, error: float) -> Any:
    """Nominal, up and down of a node that ``make(shift)`` builds."""
    return category("ValType", {"sf": make(0.0), "sfup": make(error), "sfdown": make(-error)})


def electron_id(truth: Truth, level: str, shift: float) -> Any:
    """Identification scale factor in eta of the supercluster and pt."""
    table = truth.table["electron"]
    edges, pt = table["eta"], table["pt"]
    rows = []
    for low, high in pairwise(edges):
        centres = [(a + b) / 2 for a, b in pairwise(pt)]
        values = [float(model.electron_sf(truth, level, (low + high) / 2, x)) + shift for x in centres]
        rows.append(binning("pt", [*pt[:-1], "inf"], values, "error"))
    return binning("eta", edges, rows, "error")


def electron_set(truth: Truth) -> Any:
    """Reconstruction, identification and trigger scale factors of electrons."""
    table = truth.table["electron"]
    error = table["sf_error"]

    def points(shift: float) -> Any:
        content: dict[str, Any] = {
            name: binning("pt", edges, [table["sf_reconstruction"][i] + shift], "error")
            for i, (name, edges) in enumerate(RECONSTRUCTION.items())
        }
        content |= {f"{level}iso": electron_id(truth, level, shift) for level in ("wp80", "wp90")}
        return category("WorkingPoint", content)

    def trigger(shift: float) -> Any:
        barrel, endcap = (value + shift for value in table["trigger"]["sf"])
        data = binning("eta", [-2.5, -1.5, 1.5, 2.5], [endcap, barrel, endcap], "error")
        return category("Path", {"HLT_SF_Ele30_MVAiso90ID": data})

    def inputs(third: str) -> list[Any]:
        names = [string("year"), string("ValType", "sf, sfup or sfdown"), string(third)]
        return [*names, real("eta", "of the supercluster"), real("pt", "electron pt")]

    identification = category("year", {YEAR: varied(points, error)})
    paths = category("year", {YEAR: varied(trigger, error)})
    text = "data over simulation"
    return cs.CorrectionSet(
        schema_version=2,
        description="Electrons of the cookbook's sample",
        corrections=[
            correction("Electron-ID-SF", text, inputs("WorkingPoint"), identification),
            correction("Electron-HLT-SF", text, inputs("Path"), paths),
        ],
    )


def photons(truth: Truth) -> Any:
    """Identification scale factors of photons."""
    barrel, endcap = truth.table["photon"]["sf_wp90"]
    error = truth.table["electron"]["sf_error"]

    def points(shift: float) -> Any:
        content = [endcap + shift, barrel + shift, endcap + shift]
        data = binning("eta", [-2.5, -1.479, 1.479, 2.5], content, "error")
        return category("WorkingPoint", {"wp90": data, "wp80": data})

    inputs = [string("year"), string("ValType"), string("WorkingPoint"), real("eta"), real("pt")]
    data = category("year", {YEAR: varied(points, error)})
    return cs.CorrectionSet(
        schema_version=2,
        description="Photons of the cookbook's sample",
        corrections=[correction("Photon-ID-SF", "data over simulation", inputs, data)],
    )
