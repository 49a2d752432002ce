"""Correctionlib files made from the truth, laid out and keyed as the CMS groups do it."""

import gzip
from pathlib import Path
from typing import Any

from correctionlib import schemav2 as cs

from .. import model
from ..truth import Truth
from . import btv, jme, leptons
from .nodes import binning, category, correction, real, string

ERA = "Run3-24Cookbook-NanoAODv15"
VERSION = "2026-11-23"
PILEUP = "Collisions24_Cookbook_goldenJSON"

__all__ = ["ERA", "PILEUP", "VERSION", "make_all", "pileup", "write_all"]


def pileup(truth: Truth) -> Any:
    """Weights that bring the simulated pileup profile to that of data."""
    shift = truth.table["pileup"]["data_uncertainty"]
    simulation = model.pileup_density(truth, "simulation")
    edges = [float(i) for i in range(len(simulation) + 1)]

    def weights(change: float) -> Any:
        data = model.pileup_density(truth, "data", change)
        ratio = [float(d / s) if s > 0 else 0.0 for d, s in zip(data, simulation, strict=True)]
        return binning("NumTrueInteractions", edges, ratio)

    content = category("weights", {"nominal": weights(0), "up": weights(shift), "down": weights(-shift)})
    inputs = [real("NumTrueInteractions", "Pileup_nTrueInt"), string("weights", "nominal, up or down")]
    return cs.CorrectionSet(
        schema_version=2,
        description="Pileup of the cookbook's sample",
        corrections=[correction(PILEUP, "data over simulation", inputs, content)],
    )


def make_all(truth: Truth) -> dict[str, Any]:
    """All correction sets by group and file name."""
    return {
        "JME/jet_jerc.json.gz": jme.jerc(truth, "AK4PFPuppi"),
        "JME/fatJet_jerc.json.gz": jme.jerc(truth, "AK8PFPuppi"),
        "JME/jer_smear.json.gz": jme.smearing(),
        "JME/jetvetomaps.json.gz": jme.veto_map(truth),
        "JME/jetid.json.gz": jme.jet_id(),
        "BTV/btagging.json.gz": btv.tagging(truth),
        "MUO/muon_Z.json.gz": leptons.muons(truth),
        "EGM/electron.json.gz": leptons.electron_set(truth),
        "EGM/photon.json.gz": leptons.photons(truth),
        "LUM/puWeights.json.gz": pileup(truth),
    }


def write_all(folder: Path, truth: Truth) -> list[Path]:
    """Write all correction files below `folder`, as group/era/version/file; the same truth gives the same bytes."""
    paths = []
    for name, corrections in make_all(truth).items():
        group, file = name.split("/")
        path = folder / group / ERA / VERSION / file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = corrections.model_dump_json(exclude_unset=True)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
        paths.append(path)
    return paths
