"""Pileup from the truth: the profiles as histograms, and the weights that are their ratio."""

from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot
from correctionlib import schemav2 as cs

from .. import model
from ..arrays import Floats
from ..truth import Truth
from .nodes import binning, category, correction, real, string

PILEUP = "Collisions24_Cookbook_goldenJSON"
PROFILES = "PileupHistogram-goldenJSON-13p6TeV-Cookbook24-100bins.root"


def profiles(truth: Truth) -> dict[str, Floats]:
    """Normalised profiles in unit bins: of certified data (nominal, up and down) and of simulation."""
    shift = truth.table["pileup"]["data_uncertainty"]
    data = {"pileup": 0.0, "pileup_up": shift, "pileup_down": -shift}
    found = {name: model.pileup_density(truth, "data", change) for name, change in data.items()}
    return found | {"simulation": model.pileup_density(truth, "simulation")}


def write_profiles(path: Path, truth: Truth) -> None:
    """Write the profiles as histograms, unless the file holds them already: a ROOT file notes when it was written."""
    wanted = profiles(truth)
    if path.is_file():
        with uproot.open(path) as file:
            held = {name: file[name].values() for name in file.keys(cycle=False)}
        if held.keys() == wanted.keys() and all(np.array_equal(held[name], wanted[name]) for name in wanted):
            return
    with uproot.recreate(path) as file:
        for name, content in wanted.items():
            h = hist.Hist(hist.axis.Regular(len(content), 0, len(content), label="true interactions"))
            h.values()[:] = content
            file[name] = h


def pileup(truth: Truth) -> Any:
    """Weights that bring the simulated pileup profile to that of data."""
    known = profiles(truth)
    simulation = known["simulation"]
    edges = [float(i) for i in range(len(simulation) + 1)]

    def weights(name: str) -> Any:
        ratio = [float(d / s) if s > 0 else 0.0 for d, s in zip(known[name], simulation, strict=True)]
        return binning("NumTrueInteractions", edges, ratio)

    names = {"nominal": "pileup", "up": "pileup_up", "down": "pileup_down"}
    content = category("weights", {key: weights(name) for key, name in names.items()})
    inputs = [real("NumTrueInteractions", "Pileup_nTrueInt"), string("weights", "nominal, up or down")]
    return cs.CorrectionSet(
        schema_version=2,
        description="Pileup of the cookbook's sample",
        corrections=[correction(PILEUP, "data over simulation", inputs, content)],
    )
