"""Reconstructed muons, electrons and photons from generator particles."""

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from . import model
from .arrays import Floats, counts, flat
from .genparticles import BITS, has_quark
from .matching import nearest, order_by_pt, take
from .truth import Truth

MUON_MASS, ELECTRON_MASS = 0.105658, 0.000511
CONE = 0.4


@dataclass
class Context:
    """What the detector knows besides the event.

    `kind` is ``"simulation"`` or ``"data"``; `interactions` the number of pileup collisions per event; `fault`
    the name of a detector fault per event ("" for none).
    """

    truth: Truth
    kind: str
    rng: np.random.Generator
    interactions: Floats
    rho: Floats
    fault: NDArray[np.str_]

    @property
    def is_data(self) -> bool:
        """Whether the data detector is used."""
        return self.kind == "data"


def flag(particles: Any, name: str) -> Any:
    """Mask of generator particles with a status flag."""
    return (particles.statusFlags >> BITS[name]) & 1 == 1


def origin(record: Any, particles: Any) -> Any:
    """Code of a lepton's or photon's origin, as genPartFlav: 1 prompt, 15 prompt tau, 5 and 4 heavy quarks, 3 else."""
    number = counts(particles.pt)
    starts = np.cumsum(number) - number
    local, code = flat(particles.genPartIdxMother), flat(particles.pdgId)
    mother = np.where(local >= 0, local + np.repeat(starts, number), -1)
    here, per_event = flat(record.genPartIdxMother), counts(record.pt)
    current = np.where(here >= 0, here + np.repeat(starts, per_event), -1)
    heaviest = np.zeros(len(current), dtype=int)
    quark = np.where(has_quark(code, 5), 5, np.where(has_quark(code, 4), 4, 0))
    while (current >= 0).any():
        heaviest = np.where(current >= 0, np.maximum(heaviest, quark[current]), heaviest)
        current = np.where(current >= 0, mother[current], -1)
    prompt, tau = flat(flag(record, "isPrompt")), flat(flag(record, "isPromptTauDecayProduct"))
    codes = np.where(prompt, 1, np.where(tau, 15, np.where(heaviest > 0, heaviest, 3)))
    return ak.unflatten(codes, per_event)


def candidates(gen: Any, code: int, pt_min: float, max_eta: float) -> Any:
    """Stable generator particles of one kind, with their index, origin and the activity around them."""
    particles = gen.part
    chosen = (particles.status == 1) & (abs(particles.pdgId) == code)
    chosen = chosen & (particles.pt > pt_min) & (abs(particles.eta) < max_eta)
    record = particles[chosen]
    record["index"] = ak.local_index(particles.pt)[chosen]
    record["origin"] = origin(record, particles)
    jet, distance = nearest(record, gen.genjet)
    near = take(gen.genjet.pt, jet, 0.0)
    record["activity"] = ak.where(distance < CONE, np.maximum(near - record.pt, 0.0), 0.0)
    return record


def per_object(record: Any, per_event: Any) -> NDArray[Any]:
    """Repeat a column of events for every object of `record`."""
    return np.repeat(np.asarray(per_event), counts(record.pt))


def isolation(context: Context, record: Any, slope: float, left: float) -> Floats:
    """Relative isolation in a cone of 0.4: what remains of nearby jets, and a pileup term."""
    pt, size = flat(record.pt), len(flat(record.pt))
    spread = np.exp(context.rng.normal(0, 0.25, size))
    pileup = context.rng.exponential(1.0, size) * slope * 25.0 * per_object(record, context.interactions) / 40.0
    return np.asarray((left * flat(record.activity) * spread + pileup) / pt)


def impact(context: Context, prompt: NDArray[np.bool_], spread: float) -> dict[str, Floats]:
    """Impact parameters (cm) and their significance; heavy-flavour leptons are displaced."""
    rng, size = context.rng, len(prompt)
    far = np.where(prompt, 0.0, rng.exponential(0.015, size)) * rng.choice([-1, 1], size)
    dxy, dz = rng.normal(0, spread, size) + far, rng.normal(0, 2 * spread, size) + far * rng.normal(0, 1, size)
    error = spread * np.exp(rng.normal(0, 0.15, size))
    ip3d = np.hypot(dxy, 0.5 * dz)
    return {"dxy": dxy, "dz": dz, "dxyErr": error, "dzErr": 2 * error, "ip3d": ip3d, "sip3d": ip3d / error}


def columns_to_record(columns: dict[str, Any], number: Any) -> Any:
    """Jagged record from flat columns, sorted by pt."""
    record = ak.zip({name: ak.unflatten(values, number) for name, values in columns.items()})
    return record[order_by_pt(record.pt)]


def kept(record: Any, mask: NDArray[np.bool_]) -> Any:
    """Objects for which the flat `mask` is true."""
    return record[ak.unflatten(mask, counts(record.pt))]


def make_muons(gen: Any, context: Context) -> Any:
    """Reconstructed muons of a chunk."""
    table, rng = context.truth.table["muon"], context.rng
    record = candidates(gen, 13, table["pt_min"], 2.4)
    size = len(flat(record.pt))
    found = rng.uniform(size=size) < table["reconstruction"]
    # The faulty run has lost the upper half of the chambers.
    found &= ~((per_object(record, context.fault) == "muon") & (flat(record.phi) > 0))
    record = kept(record, found)
    size = len(flat(record.pt))
    eta: Floats = abs(flat(record.eta))
    prompt = np.isin(flat(record.origin), (1, 15))
    width = model.binned(table["eta"], table["resolution"], eta) * table["extra_width"][context.kind]
    pt = flat(record.pt) * table["scale"][context.kind] * (1 + width * rng.normal(size=size))
    loose, medium, tight = muon_identification(context, eta, prompt)
    iso = isolation(context, record, table["isolation_slope"], table["isolation_activity"])
    iso = lose_isolation(context, iso, prompt, model.muon_sf(context.truth, "isolation", eta))
    displacement = impact(context, prompt, 0.0025)
    columns = {
        "pt": np.maximum(pt, 0.1),
        "eta": flat(record.eta),
        "phi": flat(record.phi),
        "mass": np.full(size, MUON_MASS),
        "charge": -np.sign(flat(record.pdgId)),
        "pdgId": flat(record.pdgId),
        "ptErr": pt * width,
        "looseId": loose,
        "mediumId": medium,
        "tightId": tight,
        "mediumPromptId": medium & (displacement["sip3d"] < 4),
        "isGlobal": loose,
        "isTracker": loose,
        "isPFcand": loose,
        "pfRelIso04_all": iso,
        "pfRelIso03_all": iso * rng.uniform(0.6, 0.9, size),
        "pfRelIso03_chg": iso * rng.uniform(0.3, 0.6, size),
        "miniPFRelIso_all": iso * np.clip(10 / pt, 0.05, 0.2) / 0.4,
        "pfIsoId": np.sum([iso < cut for cut in (0.40, 0.25, 0.20, 0.15, 0.10, 0.05)], axis=0),
        "nTrackerLayers": rng.binomial(18, 0.75, size),
        "genPartIdx": flat(record.index),
        "genPartFlav": flat(record.origin),
    }
    return columns_to_record(columns | displacement, counts(record.pt))


def muon_identification(context: Context, eta: Floats, prompt: NDArray[np.bool_]) -> tuple[Any, Any, Any]:
    """Nested loose, medium and tight identification, each at its efficiency."""
    table, rng, size = context.truth.table["muon"], context.rng, len(eta)
    sf_medium = model.muon_sf(context.truth, "medium", eta) if context.is_data else np.ones(size)
    sf_tight = model.muon_sf(context.truth, "tight", eta) if context.is_data else np.ones(size)
    loose = rng.uniform(size=size) < table["loose"]
    medium = loose & (rng.uniform(size=size) < model.binned(table["eta"], table["medium"], eta) * sf_medium)
    efficiency = model.binned(table["eta"], table["tight"], eta) * sf_tight / sf_medium
    efficiency = np.where(prompt, efficiency, table["nonprompt_tight"])
    return loose, medium, medium & (rng.uniform(size=size) < efficiency)


def lose_isolation(context: Context, iso: Floats, prompt: NDArray[np.bool_], sf: Floats) -> Floats:
    """In data, push a share 1 - `sf` of isolated prompt leptons above the tight cut of 0.15."""
    if not context.is_data:
        return iso
    lost = prompt & (iso < 0.15) & (context.rng.uniform(size=len(iso)) > sf)
    return np.where(lost, 0.151 + context.rng.exponential(0.08, len(iso)), iso)


def electron_candidates(gen: Any, context: Context) -> Any:
    """Collect true electrons, and a few jets that look like one."""
    true = candidates(gen, 11, context.truth.table["electron"]["pt_min"], 2.5)
    jets = gen.genjet
    chance = context.rng.uniform(size=len(flat(jets.pt))) < 0.004
    fake = jets[ak.unflatten(chance, counts(jets.pt)) & (jets.pt > 15) & (abs(jets.eta) < 2.5)]
    sign = ak.where(fake.phi > 0, 11, -11)
    share = 0.7
    fakes = {"pt": share * fake.pt, "eta": fake.eta, "phi": fake.phi, "pdgId": sign, "index": ak.full_like(sign, -1)}
    fakes |= {"origin": ak.zeros_like(sign), "activity": (1 - share) * fake.pt}
    names = list(fakes)
    return ak.concatenate([true[names], ak.zip(fakes)], axis=1)


def make_electrons(gen: Any, context: Context) -> Any:
    """Reconstructed electrons of a chunk."""
    table, rng, truth = context.truth.table["electron"], context.rng, context.truth
    record = electron_candidates(gen, context)
    pt, fake = flat(record.pt), flat(record.origin) == 0
    sf = model.electron_reconstruction_sf(truth, pt) if context.is_data else np.ones(len(pt))
    record = kept(record, fake | (rng.uniform(size=len(pt)) < table["reconstruction"] * sf))
    pt, eta = flat(record.pt), flat(record.eta)
    size, prompt, endcap = len(pt), np.isin(flat(record.origin), (1, 15)), abs(eta) > 1.479
    width = np.where(endcap, table["resolution"][1], table["resolution"][0])
    width = width * np.sqrt(45.0 / np.clip(pt, 10, 200)) * table["extra_width"][context.kind]
    pt = pt * table["scale"][context.kind] * (1 + width * rng.normal(size=size))
    shift = rng.normal(0, 0.01, size)
    wp90, wp80 = electron_identification(context, eta + shift, pt, prompt)
    iso = isolation(context, record, 0.02, 0.35)
    quality = rng.uniform(size=size)
    displacement = impact(context, prompt, 0.004)
    columns = {
        "pt": np.maximum(pt, 0.1),
        "eta": eta,
        "phi": flat(record.phi),
        "mass": np.full(size, ELECTRON_MASS),
        "charge": -np.sign(flat(record.pdgId)),
        "pdgId": flat(record.pdgId),
        "energyErr": width * pt * np.cosh(eta),
        "deltaEtaSC": shift,
        "superclusterEta": eta + shift,
        "r9": np.clip(rng.normal(np.where(prompt, 0.94, 0.80), 0.05, size), 0.1, 1.0),
        "sieie": rng.normal(np.where(endcap, 0.026, 0.0095), np.where(endcap, 0.002, 0.0006), size),
        "seedGain": np.where(pt > 150, 6, 12),
        "mvaIso_WP90": wp90,
        "mvaIso_WP80": wp80,
        "mvaNoIso_WP90": wp90 | (quality < 0.02),
        "mvaNoIso_WP80": wp80 | (wp90 & (quality < 0.02)),
        "cutBased": (wp90 | (quality < 0.05)) * 1 + wp90 + (wp90 & (quality < 0.95)) + (wp80 & (quality < 0.90)),
        "convVeto": rng.uniform(size=size) < 0.99,
        "lostHits": rng.binomial(1, 0.02, size),
        "pfRelIso03_all": iso,
        "pfRelIso03_chg": iso * rng.uniform(0.3, 0.6, size),
        "miniPFRelIso_all": iso * np.clip(10 / np.maximum(pt, 1), 0.05, 0.2) / 0.3,
        "genPartIdx": flat(record.index),
        "genPartFlav": flat(record.origin),
    }
    return columns_to_record(columns | displacement, counts(record.pt))


def electron_identification(
    context: Context, eta: Floats, pt: Floats, prompt: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Nested 90% and 80% working points."""
    table, truth, rng, size = context.truth.table["electron"], context.truth, context.rng, len(pt)
    factor = np.where(abs(eta) > 1.566, table["endcap_factor"], 1.0)
    eff90 = model.binned(table["pt"], table["wp90"], pt) * factor
    eff80 = model.binned(table["pt"], table["wp80"], pt)
    if context.is_data:
        sf90, sf80 = model.electron_sf(truth, "wp90", eta, pt), model.electron_sf(truth, "wp80", eta, pt)
        eff90, eff80 = eff90 * sf90, eff80 * sf80 / sf90
    eff90 = np.where(prompt, eff90, 0.15)
    wp90 = rng.uniform(size=size) < eff90
    return wp90, wp90 & (rng.uniform(size=size) < np.where(prompt, eff80, 0.4))


def photon_candidates(gen: Any, context: Context) -> Any:
    """Collect generator photons, electrons seen as photons, and jets that look like one."""
    names = ["pt", "eta", "phi", "index", "origin", "activity", "electron"]
    photons = candidates(gen, 22, context.truth.table["photon"]["pt_min"], 2.5)
    photons["electron"] = ak.zeros_like(photons.pdgId) == 1
    electrons = candidates(gen, 11, context.truth.table["photon"]["pt_min"], 2.5)
    electrons["electron"] = ak.zeros_like(electrons.pdgId) == 0
    electrons["origin"] = ak.where(electrons.origin == 1, 11, 0)
    jets = gen.genjet
    chance = context.rng.uniform(size=len(flat(jets.pt))) < context.truth.table["photon"]["jet_fake"]
    fake = jets[ak.unflatten(chance, counts(jets.pt)) & (jets.pt > 20) & (abs(jets.eta) < 2.5)]
    number = ak.local_index(fake.pt)
    columns = {"pt": 0.8 * fake.pt, "eta": fake.eta, "phi": fake.phi, "index": ak.full_like(number, -1)}
    columns |= {"origin": ak.zeros_like(number), "activity": 0.2 * fake.pt, "electron": ak.zeros_like(number) == 1}
    return ak.concatenate([photons[names], electrons[names], ak.zip(columns)], axis=1)


def make_photons(gen: Any, context: Context) -> Any:
    """Reconstructed photons of a chunk."""
    table, rng = context.truth.table["photon"], context.rng
    record = photon_candidates(gen, context)
    record = kept(record, rng.uniform(size=len(flat(record.pt))) < table["reconstruction"])
    pt, eta, origin_code = flat(record.pt), flat(record.eta), flat(record.origin)
    size, endcap, electron = len(pt), abs(eta) > 1.479, flat(record.electron)
    good = (origin_code == 1) | electron
    width = np.where(endcap, table["resolution"][1], table["resolution"][0]) * np.sqrt(45.0 / np.clip(pt, 10, 200))
    sf = np.where(endcap, table["sf_wp90"][1], table["sf_wp90"][0]) if context.is_data else 1.0
    wp90 = rng.uniform(size=size) < np.where(good, table["wp90"] * sf, 0.08)
    wp80 = wp90 & (rng.uniform(size=size) < np.where(good, table["wp80"], 0.4))
    iso = isolation(context, record, 0.02, 0.35)
    columns = {
        "pt": pt * (1 + width * rng.normal(size=size)),
        "eta": eta,
        "phi": flat(record.phi),
        "energyErr": width * pt * np.cosh(eta),
        "superclusterEta": eta + rng.normal(0, 0.002, size),
        "isScEtaEB": abs(eta) < 1.4442,
        "isScEtaEE": (abs(eta) > 1.566) & (abs(eta) < 2.5),
        "r9": np.clip(rng.normal(np.where(good, 0.95, 0.80), 0.05, size), 0.1, 1.0),
        "sieie": rng.normal(np.where(endcap, 0.026, 0.0092), np.where(endcap, 0.002, 0.0006), size),
        "hoe": rng.exponential(np.where(good, 0.005, 0.03), size),
        "seedGain": np.where(pt > 150, 6, 12),
        "mvaID_WP90": wp90,
        "mvaID_WP80": wp80,
        "cutBased": wp90.astype(int) + wp90 + wp80,
        "electronVeto": ~electron | (rng.uniform(size=size) < 0.02),
        "pixelSeed": electron & (rng.uniform(size=size) < 0.98),
        "pfRelIso03_all_quadratic": iso,
        "genPartIdx": flat(record.index),
        "genPartFlav": np.where(np.isin(origin_code, (1, 11)), origin_code, 0),
    }
    return columns_to_record(columns, counts(record.pt))
