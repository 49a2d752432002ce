"""Trigger paths and trigger objects."""

from typing import Any

import awkward as ak
import numpy as np

from . import model
from .arrays import counts, flat
from .leptons import Context

# TrigObj_id and the bits of TrigObj_filterBits that the sample sets (PhysicsTools/NanoAOD, triggerObjects_cff.py).
MUON, ELECTRON, PHOTON, JET, FAT_JET, MET, HT = 13, 11, 22, 1, 6, 2, 3
MUON_TRACK_ISO, MUON_ISO, MUON_SINGLE, MUON_DOUBLE, MUON_50 = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 1 << 10
ELECTRON_LOOSE, ELECTRON_TIGHT, ELECTRON_DOUBLE = 1 << 0, 1 << 1, 1 << 4
PHOTON_110EB, JET_SINGLE, FAT_SINGLE = 1 << 9, 1 << 3, 1 << 0

DOUBLE_MUON = "HLT_Mu17_TrkIsoVVL_Mu8_TrkIsoVVL_DZ_Mass3p8"
DOUBLE_ELECTRON = "HLT_Ele23_Ele12_CaloIdL_TrackIdL_IsoVL"


def muon_bits(muons: Any, context: Context) -> Any:
    """Filter bits of each muon."""
    table, rng = context.truth.table["muon"], context.rng
    pt, eta, iso = flat(muons.pt), abs(flat(muons.eta)), flat(muons.pfRelIso04_all)
    size = len(pt)
    trigger = table["trigger"]
    plateau = model.binned(table["eta"], trigger["plateau"], eta)
    if context.is_data:
        plateau = plateau * model.muon_sf(context.truth, "trigger", eta)
    good = flat(muons.tightId) & (iso < 0.15)
    plateau = np.where(good, plateau, np.where(iso < 0.3, 0.5, 0.03))
    single = rng.uniform(size=size) < model.turn_on(pt, trigger["threshold"], trigger["width"], plateau)
    fifty = flat(muons.mediumId) & (rng.uniform(size=size) < model.turn_on(pt, 50.0, 1.2, 0.92))
    leg = (iso < 0.4) & (rng.uniform(size=size) < 0.96)
    bits = single * (MUON_ISO | MUON_SINGLE) + fifty * MUON_50 + leg * (pt > 8) * MUON_TRACK_ISO
    return ak.unflatten(bits.astype(np.int64), counts(muons.pt))


def electron_bits(electrons: Any, context: Context) -> Any:
    """Filter bits of each electron."""
    table, rng = context.truth.table["electron"]["trigger"], context.rng
    pt, eta = flat(electrons.pt), abs(flat(electrons.superclusterEta))
    size = len(pt)
    plateau = np.full(size, table["plateau"])
    if context.is_data:
        plateau = plateau * np.where(eta > 1.5, table["sf"][1], table["sf"][0])
    plateau = np.where(flat(electrons.mvaIso_WP90), plateau, 0.05)
    single = rng.uniform(size=size) < model.turn_on(pt, table["threshold"], table["width"], plateau)
    leg = flat(electrons.mvaIso_WP90) & (rng.uniform(size=size) < 0.96) & (pt > 12)
    bits = single * ELECTRON_TIGHT + leg * ELECTRON_LOOSE
    return ak.unflatten(bits.astype(np.int64), counts(electrons.pt))


def pair_passes(objects: Any, bits: Any, loose: int, first: float, second: float) -> Any:
    """Events with two objects that carry the loose bit, above two thresholds."""
    legs = objects.pt[(bits & loose) > 0]
    return (ak.sum(legs > first, axis=1) >= 1) & (ak.sum(legs > second, axis=1) >= 2)


def path(context: Context, name: str, value: Any) -> Any:
    """Decision of a path on one number per event (leading pt, HT, missing momentum)."""
    table, rng = context.truth.table["trigger"][name], context.rng
    threshold = table["threshold"] + (table["shift"] if context.is_data else 0.0)
    value = np.asarray(value, dtype=float)
    efficiency = model.turn_on(value, threshold, table["width"], table["plateau"][context.kind])
    passed = rng.uniform(size=len(value)) < efficiency
    if context.is_data and table["prescale"] > 1:
        passed &= rng.uniform(size=len(value)) < 1.0 / table["prescale"]
    return passed


def leading(pt: Any) -> Any:
    """Highest pt of each event, 0 in an empty one."""
    return ak.fill_none(ak.max(pt, axis=1), 0.0)


def jet_paths(context: Context, jets: Any, fat: Any, photons: Any, met: Any) -> dict[str, Any]:
    """Decisions of the paths on jets, photons and missing momentum."""
    central = jets[(abs(jets.eta) < 2.5) & (jets.pt > 30)]
    ht = ak.sum(central.pt, axis=1)
    tags = ak.sort(central.btagPNetB, axis=1, ascending=False)[:, :2]
    tagged = (ak.num(central.pt) >= 4) & (ak.sum(tags, axis=1) / 2 > 0.55)
    boosted = fat.pt[(abs(fat.eta) < 2.5) & (fat.msoftdrop > 40) & (fat.particleNet_XbbVsQCD > 0.06)]
    barrel = photons.pt[photons.isScEtaEB & photons.mvaID_WP90]
    lead = leading(jets.pt[abs(jets.eta) < 2.5])
    values = {
        "HLT_PFJet320": lead,
        "HLT_PFJet500": lead,
        "HLT_PFHT1050": ht,
        "HLT_AK8PFJet230_SoftDropMass40_PNetBB0p06": leading(boosted),
        "HLT_PFHT280_QuadPFJet30_PNet2BTagMean0p55": ak.where(tagged, ht, 0.0),
        "HLT_Photon110EB_TightID_TightIso": leading(barrel),
        "HLT_PFMET120_PFMHT120_IDTight": met,
    }
    return {name: path(context, name, value) for name, value in values.items()}


def make_trigger(
    context: Context, muons: Any, electrons: Any, photons: Any, jets: Any, fat: Any, met: Any
) -> tuple[dict[str, Any], Any]:
    """Decisions of all paths and the trigger objects behind them."""
    muon, electron = muon_bits(muons, context), electron_bits(electrons, context)
    double_muon = pair_passes(muons, muon, MUON_TRACK_ISO, 17, 8)
    double_electron = pair_passes(electrons, electron, ELECTRON_LOOSE, 23, 12)
    decisions = {
        "HLT_IsoMu24": ak.any((muon & MUON_SINGLE) > 0, axis=1),
        "HLT_Mu50": ak.any((muon & MUON_50) > 0, axis=1),
        DOUBLE_MUON: double_muon,
        "HLT_Ele30_WPTight_Gsf": ak.any((electron & ELECTRON_TIGHT) > 0, axis=1),
        DOUBLE_ELECTRON: double_electron,
    } | jet_paths(context, jets, fat, photons, met)
    muon = muon + ak.where(double_muon & ((muon & MUON_TRACK_ISO) > 0), MUON_DOUBLE, 0)
    electron = electron + ak.where(double_electron & ((electron & ELECTRON_LOOSE) > 0), ELECTRON_DOUBLE, 0)
    photon = ak.where(decisions["HLT_Photon110EB_TightID_TightIso"] & (photons.pt > 100), PHOTON_110EB, 0)
    single = decisions["HLT_PFJet320"] | decisions["HLT_PFJet500"]
    jet = ak.where(single & (jets.pt > 300), JET_SINGLE, 0)
    boosted = ak.where(decisions["HLT_AK8PFJet230_SoftDropMass40_PNetBB0p06"] & (fat.pt > 230), FAT_SINGLE, 0)
    sources = [(muons, muon, MUON), (electrons, electron, ELECTRON), (photons, photon, PHOTON)]
    sources += [(jets, jet, JET), (fat, boosted, FAT_JET)]
    return decisions, trigger_objects(context, sources)


def trigger_objects(context: Context, sources: list[tuple[Any, Any, int]]) -> Any:
    """Objects with at least one filter bit, measured anew by the trigger."""
    parts = []
    for objects, bits, code in sources:
        chosen, mine = objects[bits > 0], bits[bits > 0]
        size, number = len(flat(chosen.pt)), counts(chosen.pt)
        width = 0.02 if code in (MUON, ELECTRON, PHOTON) else 0.05
        pt = flat(chosen.pt) * (1 + width * context.rng.normal(size=size))
        columns = {
            "pt": pt,
            "eta": flat(chosen.eta) + context.rng.normal(0, 0.003, size),
            "phi": (flat(chosen.phi) + context.rng.normal(0, 0.003, size) + np.pi) % (2 * np.pi) - np.pi,
            "l1pt": np.round(pt * (1 + 0.1 * context.rng.normal(size=size)) * 2) / 2,
            "id": np.full(size, code),
            "filterBits": flat(mine),
        }
        parts.append(ak.zip({name: ak.unflatten(values, number) for name, values in columns.items()}))
    return ak.concatenate(parts, axis=1)
