"""Run the detector over a chunk of generator events and give NanoAOD columns."""

from typing import Any

import awkward as ak
import numpy as np

from . import genweights, jets, leptons, model, seeds, trigger
from .arrays import Floats, counts, flat
from .jobs import Job
from .leptons import Context
from .matching import matched, order_by_pt, pick_first_two
from .truth import Truth

PDF_SIZE = 0.02
FLAGS = (
    "goodVertices",
    "globalSuperTightHalo2016Filter",
    "EcalDeadCellTriggerPrimitiveFilter",
    "BadPFMuonFilter",
    "BadPFMuonDzFilter",
    "hfNoisyHitsFilter",
    "eeBadScFilter",
    "ecalBadCalibFilter",
)
Columns = dict[str, Any]


def make_context(truth: Truth, job: Job, size: int) -> tuple[Context, Columns]:
    """Pileup, run and lumi section of each event, and the detector's state."""
    rng = seeds.generator("detector", job.process, job.purpose, job.chunk)
    kind = "data" if job.purpose == "data" else "simulation"
    table = truth.table["pileup"]
    density = model.pileup_density(truth, kind)
    true = rng.choice(len(density), size=size, p=density) + rng.uniform(size=size)
    interactions = rng.poisson(true).astype(float)
    rho = table["rho_offset"] + table["rho_slope"] * interactions + table["rho_spread"] * rng.normal(size=size)
    columns: Columns = {"Pileup_nTrueInt": true, "Pileup_nPU": interactions}
    columns["Rho_fixedGridRhoFastjetAll"] = np.maximum(rho, 0.5)
    columns |= data_sections(truth, rng, size) if kind == "data" else simulation_sections(job, size)
    fault = columns.pop("fault")
    context = Context(truth, kind, rng, interactions, columns["Rho_fixedGridRhoFastjetAll"], fault)
    columns |= vertices(context) | beam_spot(job, size)
    return context, columns


def beam_spot(job: Job, size: int) -> Columns:
    """Transverse position of the primary vertex, in cm: around a beam spot as in CMS simulation of 2024."""
    rng = seeds.generator("beam spot", job.process, job.purpose, job.chunk)
    return {"PV_x": rng.normal(0.029, 0.0011, size), "PV_y": rng.normal(-0.017, 0.0011, size)}


def simulation_sections(job: Job, size: int) -> Columns:
    """Run 1, one lumi section per chunk, events counted through."""
    first = job.chunk * 100_000 + 1
    return {
        "run": np.ones(size),
        "luminosityBlock": np.full(size, job.chunk + 1),
        "event": np.arange(first, first + size),
        "bunchCrossing": np.zeros(size),
        "fault": np.full(size, ""),
    }


def data_sections(truth: Truth, rng: np.random.Generator, size: int) -> Columns:
    """Run and lumi section drawn by luminosity; the event number is set when streams are made."""
    rows = [
        (run["number"], section, run["section_luminosity"], run["fault"] if not is_certified(run, section) else "")
        for run in truth.runs
        for section in range(1, run["sections"] + 1)
    ]
    luminosity = np.array([row[2] for row in rows])
    chosen = rng.choice(len(rows), size=size, p=luminosity / luminosity.sum())
    return {
        "run": np.array([row[0] for row in rows])[chosen],
        "luminosityBlock": np.array([row[1] for row in rows])[chosen],
        "event": np.zeros(size),
        "bunchCrossing": rng.integers(1, 3564, size),
        "fault": np.array([row[3] for row in rows])[chosen],
    }


def is_certified(run: dict[str, Any], section: int) -> bool:
    """Whether a lumi section is in one of the run's certified ranges."""
    return any(first <= section <= last for first, last in run["certified"])


def vertices(context: Context) -> Columns:
    """Primary vertices and the event filters."""
    rng, size = context.rng, len(context.interactions)
    good = rng.binomial(context.interactions.astype(int), context.truth.table["pileup"]["vertex_efficiency"]) + 1
    columns: Columns = {
        "PV_npvs": np.minimum(good + rng.binomial(3, 0.3, size), 255),
        "PV_npvsGood": np.minimum(good, 255),
        "PV_z": rng.normal(0, 3.5, size),
        "PV_ndof": rng.gamma(4.0, 30.0, size) + 5,
        "PV_chi2": rng.normal(0.75, 0.1, size),
        "Rho_fixedGridRhoAll": context.rho * rng.normal(0.97, 0.03, size),
        "Rho_fixedGridRhoFastjetCentral": context.rho * rng.normal(0.98, 0.04, size),
        "Rho_fixedGridRhoFastjetCentralCalo": context.rho * rng.normal(0.53, 0.03, size),
    }
    for name in FLAGS:
        failure = 0.0002 if context.is_data else 0.0
        columns[f"Flag_{name}"] = rng.uniform(size=size) >= failure
    noisy = rng.uniform(size=size) < (0.004 if context.is_data else 0.0)
    columns["Flag_hfNoisyHitsFilter"] = columns["Flag_hfNoisyHitsFilter"] & ~noisy
    return columns


def polar(x: Any, y: Any) -> tuple[Floats, Floats]:
    """Size and azimuth of a transverse vector."""
    return np.hypot(x, y), np.arctan2(y, x)


def type_one(jet: Any) -> tuple[Floats, Floats]:
    """Shift of the missing momentum that propagates the jet correction (type 1).

    Muon-free jets above 15 GeV with an electromagnetic fraction below 0.9 count, as in CMS.
    """
    factor = 1 - jet.muonSubtrFactor
    corrected, raw = jet.pt * factor, jet.pt * (1 - jet.rawFactor) * factor
    use = (corrected > 15) & (jet.neEmEF + jet.chEmEF < 0.9)
    change = ak.where(use, corrected - raw, 0.0)
    return -ak.sum(change * np.cos(jet.phi), axis=1), -ak.sum(change * np.sin(jet.phi), axis=1)


def missing(gen: Any, context: Context, jet: Any, imbalance: Any) -> Columns:
    """Compute generator, raw and corrected missing momentum."""
    table = context.truth.table["met"][context.kind]
    size = len(context.interactions)
    spread = table["constant"] + table["per_root_vertex"] * np.sqrt(context.interactions)
    x, y = np.asarray(gen.neutrino.px), np.asarray(gen.neutrino.py)
    soft_x, soft_y = spread * context.rng.normal(size=size), spread * context.rng.normal(size=size)
    # The raw sum sees every jet at its raw scale.
    raw_x, raw_y = x + soft_x + np.asarray(imbalance["x"]), y + soft_y + np.asarray(imbalance["y"])
    shift_x, shift_y = type_one(jet)
    met_x, met_y = raw_x + np.asarray(shift_x), raw_y + np.asarray(shift_y)
    sum_et = 500 + 12 * context.interactions + np.asarray(ak.sum(jet.pt, axis=1))
    columns: Columns = {"RawPuppiMET_sumEt": sum_et * 0.9, "PuppiMET_sumEt": sum_et}
    columns["GenMET_pt"], columns["GenMET_phi"] = polar(x, y)
    columns["RawPuppiMET_pt"], columns["RawPuppiMET_phi"] = polar(raw_x, raw_y)
    columns["PuppiMET_pt"], columns["PuppiMET_phi"] = polar(met_x, met_y)
    for name, sign in (("Up", 1), ("Down", -1)):
        pt, phi = polar(met_x + sign * 0.1 * soft_x, met_y + sign * 0.1 * soft_y)
        columns[f"PuppiMET_ptUnclustered{name}"], columns[f"PuppiMET_phiUnclustered{name}"] = pt, phi
    variance = spread**2 + 0.04 * np.asarray(ak.sum(jet.pt, axis=1))
    columns["PuppiMET_significance"] = columns["PuppiMET_pt"] ** 2 / variance
    return columns


def add_residual(columns: Columns, truth: Truth) -> None:
    """Bring jets of data, and with them the missing momentum, to the full correction, which is what CMS stores.

    Cuts and triggers have seen the jets before it.
    """
    before = type_one(columns["Jet"])
    for name in ("Jet", "FatJet", "SubJet"):
        jet = columns[name]
        pt, abs_eta = flat(jet.pt), abs(flat(jet.eta))
        factor = ak.unflatten(model.residual_correction(truth, pt, abs_eta), counts(jet.pt))
        for scaled in ("pt", "mass"):
            jet[scaled] = jet[scaled] * factor
        jet["rawFactor"] = 1 - (1 - jet.rawFactor) / factor
        # the indices of large-radius jets to subjets stay
        columns[name] = jet if name == "SubJet" else jet[order_by_pt(jet.pt)]
    shift = [after - old for after, old in zip(type_one(columns["Jet"]), before, strict=True)]
    for way in ("", "UnclusteredUp", "UnclusteredDown"):
        pt, phi = columns[f"PuppiMET_pt{way}"], columns[f"PuppiMET_phi{way}"]
        x, y = pt * np.cos(phi) + np.asarray(shift[0]), pt * np.sin(phi) + np.asarray(shift[1])
        columns[f"PuppiMET_pt{way}"], columns[f"PuppiMET_phi{way}"] = polar(x, y)


def weights(gen: Any, truth: Truth, job: Job, context: Context) -> Columns:
    """Collect the generator weights of simulated events."""
    process, size = truth.processes[job.process], len(gen)
    sign = np.where(context.rng.uniform(size=size) < process.negative, -1.0, 1.0)
    # Positive and negative events together must add up to the cross-section.
    nominal = sign * process.cross_section / (1 - 2 * process.negative)
    info = gen.generator
    pdf = genweights.pdf_weights(np.asarray(info.x1), np.asarray(info.x2), PDF_SIZE)
    columns: Columns = {
        "genWeight": nominal,
        "LHEWeight_originalXWGTUP": nominal,
        "LHEScaleWeight": gen.scale_weight,
        "LHEPdfWeight": ak.from_regular(pdf),
        "PSWeight": gen.shower_weight,
        "Generator_weight": nominal,
    }
    return columns | {f"Generator_{name}": info[name] for name in info.fields}


def link(columns: Columns) -> None:
    """Set the indices between leptons and jets."""
    jet = columns["Jet"]
    for name, singular in (("Muon", "muon"), ("Electron", "electron"), ("Photon", None)):
        record = columns[name]
        record["jetIdx"] = matched(record, jet, 0.4)
        if singular:
            first, second = pick_first_two(record.jetIdx, jet.pt)
            jet[f"{singular}Idx1"], jet[f"{singular}Idx2"] = first, second
            number = ak.sum(ak.local_index(jet.pt)[:, :, np.newaxis] == record.jetIdx[:, np.newaxis], axis=2)
            jet[f"n{name}s"] = number
    electron, photon = columns["Electron"], columns["Photon"]
    electron["photonIdx"] = matched(electron, photon, 0.05)
    photon["electronIdx"] = matched(photon, electron, 0.05)


def generator_columns(gen: Any) -> Columns:
    """Collect generator particles and jets as stored."""
    jet = gen.genjet[["pt", "eta", "phi", "mass", "hadronFlavour", "partonFlavour", "nBHadrons", "nCHadrons"]]
    fat = gen.genjetak8[["pt", "eta", "phi", "mass", "hadronFlavour", "partonFlavour", "nBHadrons", "nCHadrons"]]
    return {"GenPart": gen.part, "GenJet": jet, "GenJetAK8": fat}


def detect(gen: Any, truth: Truth, job: Job) -> Columns:
    """NanoAOD columns of a chunk: flat ones by branch name, collections by collection name."""
    context, columns = make_context(truth, job, len(gen))
    jet, imbalance = jets.make_jets(gen, context)
    fat, sub = jets.make_fat_jets(gen, context)
    columns |= {"Jet": jet, "FatJet": fat, "SubJet": sub}
    columns["Muon"] = leptons.make_muons(gen, context)
    columns["Electron"] = leptons.make_electrons(gen, context)
    columns["Photon"] = leptons.make_photons(gen, context)
    columns |= missing(gen, context, jet, imbalance)
    decisions, objects = trigger.make_trigger(
        context, columns["Muon"], columns["Electron"], columns["Photon"], jet, fat, columns["PuppiMET_pt"]
    )
    columns |= decisions | {"TrigObj": objects}
    if context.is_data:
        add_residual(columns, truth)
    link(columns)
    if not context.is_data:
        columns |= weights(gen, truth, job, context) | generator_columns(gen)
    return columns
