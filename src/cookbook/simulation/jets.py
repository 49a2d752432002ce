"""Reconstructed AK4 jets: response, resolution, pileup jets, composition and tagging."""

from typing import Any

import awkward as ak
import numpy as np

from . import model
from .arrays import Floats, counts, flat
from .leptons import Context, columns_to_record, per_object
from .matching import take

MAX_ETA = 5.0
MIN_PT = 15.0
# The discriminants end here, so that rounding never makes one equal to 1.
TAG_LIMITS = (0.0002, 0.9995)
FRACTIONS = ("chHEF", "neHEF", "chEmEF", "neEmEF", "muEF")


def smear(context: Context, pt: Floats, abs_eta: Floats, rho: Floats) -> Floats:
    """Response of each jet relative to the truth, drawn with the width of simulation or data."""
    table, rng = context.truth.table["jet"], context.rng
    width = model.resolution(context.truth, pt, abs_eta, rho)
    if context.is_data:
        width = width * model.resolution_scale(context.truth, abs_eta)
    tail = np.where(rng.uniform(size=len(pt)) < table["tail"], 2.0, 1.0)
    return np.clip(1 + width * tail * rng.normal(size=len(pt)), 0.1, 3.0)


def response(context: Context, true_pt: Floats, abs_eta: Floats) -> tuple[Floats, Floats]:
    """Raw pt and nominally corrected pt of jets whose fully corrected pt is `true_pt`.

    In data the nominal (simulation) correction leaves out the residual, as before L2L3Residual.
    """
    nominal = true_pt
    if context.is_data:
        nominal = model.invert(model.residual_correction, context.truth, true_pt, abs_eta)
    raw = model.invert(model.simulation_correction, context.truth, nominal, abs_eta)
    # The formula stops rising below 5 GeV; what is stored is always raw times the formula.
    return raw, raw * model.simulation_correction(context.truth, raw, abs_eta)


def hard_jets(gen: Any, context: Context) -> dict[str, Any]:
    """Flat columns of jets that come from generator jets, before the cut on pt."""
    jets, rng = gen.genjet, context.rng
    pt, eta, phi = flat(jets.pt), flat(jets.eta), flat(jets.phi)
    rho = per_object(jets, context.rho)
    true = pt * smear(context, pt, abs(eta), rho)
    spread = context.truth.table["jet"]["angle_spread"] * np.sqrt(100.0 / pt)
    columns = {
        "true": true,
        "eta": np.clip(eta + spread * rng.normal(size=len(pt)), -MAX_ETA, MAX_ETA),
        "phi": (phi + spread * rng.normal(size=len(pt)) + np.pi) % (2 * np.pi) - np.pi,
        "mass_ratio": flat(jets.mass)
        / pt
        * np.exp(context.truth.table["jet"]["mass_spread"] * rng.normal(size=len(pt))),
        "hadronFlavour": flat(jets.hadronFlavour),
        "partonFlavour": flat(jets.partonFlavour),
        "genJetIdx": flat(ak.local_index(jets.pt)),
        "chMultiplicity": flat(jets.chMultiplicity),
        "neMultiplicity": flat(jets.neMultiplicity),
        "muon_share": np.clip(np.hypot(flat(jets.muon_px), flat(jets.muon_py)) / pt, 0.0, 1.0),
        "event": np.repeat(np.arange(len(jets)), counts(jets.pt)),
    }
    return columns | {name: flat(jets[name]) for name in FRACTIONS}


def spurious(context: Context, event: Any, pt: Floats, eta: Floats, phi: Floats) -> dict[str, Any]:
    """Flat columns of jets without a generator jet."""
    rng, size = context.rng, len(pt)
    shares = rng.dirichlet((6.0, 2.0, 0.2, 3.0), size)
    charged = rng.poisson(5.0 + 0.1 * pt) + 1
    return {
        "true": pt,
        "eta": eta,
        "phi": phi,
        "mass_ratio": rng.uniform(0.08, 0.2, size),
        "hadronFlavour": np.zeros(size, dtype=int),
        "partonFlavour": np.zeros(size, dtype=int),
        "genJetIdx": np.full(size, -1),
        "chMultiplicity": charged,
        "neMultiplicity": rng.poisson(5.0, size) + 1,
        "muon_share": np.zeros(size),
        "event": event,
        "chHEF": shares[:, 0],
        "neHEF": shares[:, 1],
        "chEmEF": shares[:, 2],
        "neEmEF": shares[:, 3],
        "muEF": np.zeros(size),
    }


def pileup_jets(context: Context) -> dict[str, Any]:
    """Jets of other collisions: a falling spectrum, flat in pseudorapidity."""
    table, rng = context.truth.table["pileup"], context.rng
    number = rng.poisson(table["jets_per_interaction"] * context.interactions)
    event, size = np.repeat(np.arange(len(number)), number), int(number.sum())
    pt = MIN_PT + rng.exponential(table["jet_pt_scale"], size)
    return spurious(context, event, pt, rng.uniform(-4.7, 4.7, size), rng.uniform(-np.pi, np.pi, size))


def hot_jets(context: Context) -> dict[str, Any]:
    """Spurious jets of the hot region, in data only."""
    table, rng = context.truth.table["jet"]["hot"], context.rng
    rate = table["rate"] if context.is_data else 0.0
    event = np.flatnonzero(rng.uniform(size=len(context.interactions)) < rate)
    size = len(event)
    low, high = table["pt"]
    eta, phi = (rng.uniform(float(first), float(last), size) for first, last in (table["eta"], table["phi"]))
    return spurious(context, event, rng.uniform(float(low), float(high), size), eta, phi)


def forward_composition(columns: dict[str, Any]) -> None:
    """Outside the tracker, charged particles are seen as neutral ones."""
    outside = abs(columns["eta"]) > 2.5
    for charged, neutral in (("chHEF", "neHEF"), ("chEmEF", "neEmEF")):
        columns[neutral] = np.where(outside, columns[neutral] + columns[charged], columns[neutral])
        columns[charged] = np.where(outside, 0.0, columns[charged])
    # The forward calorimeter books most electromagnetic energy as hadronic.
    moved = np.where(abs(columns["eta"]) > 3.0, 0.7 * columns["neEmEF"], 0.0)
    columns["neEmEF"], columns["neHEF"] = columns["neEmEF"] - moved, columns["neHEF"] + moved
    total = columns["neMultiplicity"] + columns["chMultiplicity"]
    columns["neMultiplicity"] = np.where(outside, total, columns["neMultiplicity"])
    columns["chMultiplicity"] = np.where(outside, 0, columns["chMultiplicity"])


def tag(context: Context, flavour: Any, pt: Floats, eta: Floats) -> dict[str, Floats]:
    """Discriminants of all taggers, correlated with one another; -1 outside the tracker."""
    table, rng = context.truth.table["btag"], context.rng
    common, strength = rng.normal(size=len(pt)), table["correlation"]
    result = {}
    for tagger, entry in table["tagger"].items():
        mean, width = model.tag_parameters(context.truth, tagger, context.kind, flavour, pt)
        z = mean + width * (strength * common + np.sqrt(1 - strength**2) * rng.normal(size=len(pt)))
        outside = np.abs(eta) > table["max_eta"]
        result[entry["branch"]] = np.where(outside, -1.0, np.clip(1 / (1 + np.exp(-z)), *TAG_LIMITS))
    return result


def make_jets(gen: Any, context: Context) -> tuple[Any, Any]:
    """Reconstructed jets of a chunk.

    Returns
    -------
    jets
        Jets above 15 GeV, sorted by pt.
    imbalance
        Per event, the sum over all jets (also below 15 GeV) of true minus raw momentum, for the missing momentum.
    """
    parts = [hard_jets(gen, context), pileup_jets(context), hot_jets(context)]
    columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    forward_composition(columns)
    event, abs_eta = columns.pop("event"), abs(columns["eta"])
    raw, pt = response(context, columns["true"], abs_eta)
    bad = context.fault[event] == "jet"
    raw, pt = np.where(bad, 0.85 * raw, raw), np.where(bad, 0.85 * pt, pt)
    columns |= tag(context, columns["hadronFlavour"], pt, columns["eta"])
    columns |= {"pt": pt, "raw": raw, "rawFactor": 1 - raw / pt, "mass": pt * columns.pop("mass_ratio")}
    columns["area"] = np.clip(context.rng.normal(0.50, 0.03, len(pt)), 0.3, 0.7)
    columns["nConstituents"] = columns["chMultiplicity"] + columns["neMultiplicity"]
    columns["muonSubtrFactor"] = columns.pop("muon_share")
    order = np.argsort(event, kind="stable")
    number = np.bincount(event, minlength=len(context.interactions))
    record = columns_to_record({name: values[order] for name, values in columns.items()}, number)
    gen_pt = ak.where(record.genJetIdx >= 0, take(gen.genjet.pt, record.genJetIdx, 0.0), 0.0)
    excess = record.raw - gen_pt
    imbalance = {"x": -ak.sum(excess * np.cos(record.phi), axis=1), "y": -ak.sum(excess * np.sin(record.phi), axis=1)}
    return record[record.pt > MIN_PT], imbalance


def make_fat_jets(gen: Any, context: Context) -> tuple[Any, Any]:
    """AK8 jets above 170 GeV and their soft-drop subjets."""
    jets, rng = gen.genjetak8, context.rng
    pt, eta, phi = flat(jets.pt), flat(jets.eta), flat(jets.phi)
    size = len(pt)
    true = pt * smear(context, pt, abs(eta), per_object(jets, context.rho))
    raw, nominal = response(context, true, abs(eta))
    spread = context.truth.table["jet"]["angle_spread"] * np.sqrt(100.0 / np.maximum(pt, 1))
    scale = nominal / np.maximum(pt, 1e-9)
    columns = {
        "pt": nominal,
        "eta": eta + spread * rng.normal(size=size),
        "phi": (phi + spread * rng.normal(size=size) + np.pi) % (2 * np.pi) - np.pi,
        "mass": flat(jets.mass) * scale * np.exp(0.06 * rng.normal(size=size)) + 2.0,
        "msoftdrop": flat(jets.msoftdrop) * scale * np.exp(0.08 * rng.normal(size=size)),
        "rawFactor": 1 - raw / nominal,
        "area": np.clip(rng.normal(1.99, 0.03, size), 1.5, 2.5),
        "hadronFlavour": flat(jets.hadronFlavour),
        "genJetAK8Idx": flat(ak.local_index(jets.pt)),
        "chMultiplicity": flat(jets.chMultiplicity),
        "neMultiplicity": flat(jets.neMultiplicity),
        "nConstituents": np.minimum(flat(jets.chMultiplicity) + flat(jets.neMultiplicity), 255),
        "bottoms": flat(jets.nBHadrons),
    }
    columns |= {name: flat(jets[name]) for name in FRACTIONS}
    for i in range(1, 5):
        columns[f"tau{i}"] = flat(jets[f"tau{i}"]) * np.exp(0.05 * rng.normal(size=size))
    columns |= fat_scores(context, columns)
    record = columns_to_record(columns, counts(jets.pt))
    record = record[(record.pt > 170) & (abs(record.eta) < MAX_ETA)]
    return link_subjets(gen, context, record)


def fat_scores(context: Context, columns: dict[str, Any]) -> dict[str, Floats]:
    """Scores of large-radius jets: two b quarks from the b hadrons inside, W and top from mass and substructure."""
    table, rng = context.truth.table["xbb"][context.kind], context.rng
    inside = np.minimum(columns["bottoms"], 2)
    size = len(inside)
    z = np.asarray(table["mean"])[inside] + np.asarray(table["width"])[inside] * rng.normal(size=size)
    xbb = 1 / (1 + np.exp(-z))
    tau21 = columns["tau2"] / np.maximum(columns["tau1"], 1e-3)
    tau32 = columns["tau3"] / np.maximum(columns["tau2"], 1e-3)
    mass = columns["msoftdrop"]
    w = 4 - 8 * tau21 - abs(mass - 80) / 15 + rng.normal(size=size)
    top = 4 - 7 * tau32 - abs(mass - 172) / 25 + rng.normal(size=size)
    rest = 1 - xbb
    return {
        "particleNet_XbbVsQCD": xbb,
        "particleNet_QCD": rest * 0.9,
        "globalParT3_Xbb": xbb * 0.98,
        "globalParT3_QCD": rest * 0.95,
        "particleNetWithMass_WvsQCD": 1 / (1 + np.exp(-w)),
        "particleNetWithMass_TvsQCD": 1 / (1 + np.exp(-top)),
    }


def link_subjets(gen: Any, context: Context, fat: Any) -> tuple[Any, Any]:
    """Reconstructed subjets in the order of their large-radius jets, and the indices to them."""
    sub, rng = gen.subgenjet, context.rng
    # Subjets point to generator jets: keep those of reconstructed jets, ordered like these.
    pair_fat, pair_sub = ak.unzip(ak.cartesian([fat.genJetAK8Idx, sub.jet], nested=True))
    matches = pair_fat == pair_sub
    number = ak.num(ak.local_index(matches, axis=2)[matches], axis=2)
    first = np.asarray(ak.to_numpy(ak.flatten(number)))
    order = ak.flatten(ak.local_index(matches, axis=2)[matches], axis=2)
    chosen = sub[order]
    start = ak.unflatten(np.cumsum(first) - first, ak.num(number))
    begin = start - ak.fill_none(ak.firsts(start), 0)
    fat["subJetIdx1"] = ak.where(number > 0, begin, -1)
    fat["subJetIdx2"] = ak.where(number > 1, begin + 1, -1)
    pt, eta = flat(chosen.pt), flat(chosen.eta)
    size = len(pt)
    true = pt * smear(context, pt, abs(eta), per_object(chosen, context.rho)) if size else pt
    raw, nominal = response(context, true, abs(eta)) if size else (pt, pt)
    columns = {
        "pt": nominal,
        "eta": eta + 0.01 * rng.normal(size=size),
        "phi": (flat(chosen.phi) + 0.01 * rng.normal(size=size) + np.pi) % (2 * np.pi) - np.pi,
        "mass": flat(chosen.mass) * np.exp(0.08 * rng.normal(size=size)) + 0.1,
        "rawFactor": 1 - raw / np.maximum(nominal, 1e-9),
        "hadronFlavour": flat(chosen.hadronFlavour),
        "nBHadrons": flat(chosen.nBHadrons),
        "nCHadrons": flat(chosen.nCHadrons),
    }
    scores = tag(context, columns["hadronFlavour"], nominal, eta)
    columns |= {name: scores[name] for name in ("btagDeepFlavB", "btagUParTAK4B")}
    per_event = counts(chosen.pt)
    return fat, ak.zip({name: ak.unflatten(values, per_event) for name, values in columns.items()})
