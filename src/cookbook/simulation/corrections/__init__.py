"""Correctionlib files made from the truth, laid out and keyed as the CMS groups do it."""

import gzip
from pathlib import Path
from typing import Any

from ..truth import Truth
from . import btv, jme, leptons, lum

ERA = "Run3-24Cookbook-NanoAODv15"
VERSION = "2026-11-23"

__all__ = ["ERA", "VERSION", "make_all", "write_all"]


def make_all(truth: Truth) -> dict[str, Any]:
    """All correction sets by group and file name."""
    return {
        "JME/jet_jerc.json.gz": jme.jerc(truth, "AK4PFPuppi"),
        "JME/jet_jerc_sources.json.gz": jme.all_sources(truth, "AK4PFPuppi"),
        "JME/fatJet_jerc.json.gz": jme.jerc(truth, "AK8PFPuppi"),
        "JME/jer_smear.json.gz": jme.smearing(),
        "JME/jetvetomaps.json.gz": jme.veto_map(truth),
        "JME/jetid.json.gz": jme.jet_id(),
        "BTV/btagging.json.gz": btv.tagging(truth),
        "MUO/muon_Z.json.gz": leptons.muons(truth),
        "EGM/electron.json.gz": leptons.electron_set(truth),
        "EGM/photon.json.gz": leptons.photons(truth),
        "LUM/puWeights.json.gz": lum.pileup(truth),
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
    lum.write_profiles(folder / "LUM" / ERA / VERSION / lum.PROFILES, truth)
    return paths
