"""Generator jets: anti-kt 0.4 and 0.8 of visible stable particles, flavour by ghost hadrons, soft drop."""

import warnings
from typing import Any

import awkward as ak
import fastjet
import numpy as np

from .arrays import Floats, flat
from .genparticles import Record

MIN_PT_AK4 = 10.0
MIN_PT_AK8 = 130.0
MAX_ETA = 5.2
GHOST = 1e-18
BETA, ZCUT = 0.0, 0.1


def inputs(particles: Any, record: Record) -> Any:
    """Visible stable particles and, scaled to nothing, the b and c hadrons that give a jet its flavour."""
    ids = abs(particles.id)
    visible = (particles.status > 0) & (ids != 12) & (ids != 14) & (ids != 16)
    kind = ak.unflatten(np.where(record.bottom, 5, np.where(record.charm, 4, 0)), record.number)
    near = abs(particles.p.pz) < np.sinh(MAX_ETA) * np.hypot(particles.p.px, particles.p.py)
    chosen = particles[(visible | (kind > 0)) & near]
    kind = kind[(visible | (kind > 0)) & near]
    scale = ak.where(kind > 0, GHOST, 1.0)
    return ak.zip(
        {
            "px": chosen.p.px * scale,
            "py": chosen.p.py * scale,
            "pz": chosen.p.pz * scale,
            "E": chosen.p.e * scale,
            "id": chosen.id,
            "kind": kind,
        },
        with_name="Momentum4D",
    )


def kinematics(jets: Any) -> dict[str, Any]:
    """Transverse momentum, pseudorapidity, azimuth and mass of four-vectors (px, py, pz, E)."""
    pt = np.hypot(jets.px, jets.py)
    mass2 = jets.E**2 - pt**2 - jets.pz**2
    return {
        "pt": pt,
        "eta": np.arcsinh(jets.pz / np.maximum(pt, 1e-9)),
        "phi": np.arctan2(jets.py, jets.px),
        "mass": np.sqrt(np.maximum(mass2, 0.0)),
    }


def composition(members: Any) -> dict[str, Any]:
    """Energy fractions and multiplicities of a jet by kind of particle."""
    ids = abs(members.id)
    real = members.kind == 0
    electron, muon, photon = ids == 11, ids == 13, ids == 22
    neutral = is_neutral(ids)
    energy = members.E * real
    total = np.maximum(ak.sum(energy, axis=-1), 1e-9)
    charged = ~electron & ~muon & ~photon & ~neutral
    visible_pt = np.hypot(members.px, members.py) * real
    return {
        "chEmEF": ak.sum(energy * electron, axis=-1) / total,
        "muEF": ak.sum(energy * muon, axis=-1) / total,
        "neEmEF": ak.sum(energy * photon, axis=-1) / total,
        "neHEF": ak.sum(energy * neutral, axis=-1) / total,
        "chHEF": ak.sum(energy * charged, axis=-1) / total,
        "chMultiplicity": ak.sum(real & (charged | electron | muon), axis=-1),
        "neMultiplicity": ak.sum(real & (photon | neutral) & (visible_pt > 0.5), axis=-1),
        "muon_px": ak.sum(members.px * muon * real, axis=-1),
        "muon_py": ak.sum(members.py * muon * real, axis=-1),
    }


def is_neutral(ids: Any) -> Any:
    """Stable neutral hadrons: K0 long, K0 short, neutrons, and the long-lived neutral hyperons."""
    found = ids == 130
    for code in (310, 2112, 3122, 3322):
        found = found | (ids == code)
    return found


def flavour(members: Any) -> dict[str, Any]:
    """Hadron flavour and the numbers of b and c hadrons from the ghosts in a jet."""
    bottom, charm = ak.sum(members.kind == 5, axis=-1), ak.sum(members.kind == 4, axis=-1)
    return {
        "hadronFlavour": ak.where(bottom > 0, 5, ak.where(charm > 0, 4, 0)),
        "nBHadrons": bottom,
        "nCHadrons": charm,
    }


def cluster_ak4(source: Any, partons: Any) -> Any:
    """AK4 jets above 10 GeV, sorted by pt, with composition and flavour."""
    sequence = fastjet.ClusterSequence(source, fastjet.JetDefinition(fastjet.antikt_algorithm, 0.4))
    jets = sequence.inclusive_jets(min_pt=MIN_PT_AK4)
    members = pick(source, sequence.constituent_index(min_pt=MIN_PT_AK4))
    record = ak.zip(kinematics(jets) | composition(members) | flavour(members))
    record["partonFlavour"] = parton_flavour(record, partons, 0.4)
    return record[ak.argsort(record.pt, axis=1, ascending=False)]


def pick(source: Any, index: Any) -> Any:
    """Constituents of each jet (events, jets, particles) from indices into each event's list."""
    number = ak.num(index, axis=2)
    members = source[ak.flatten(index, axis=2)]
    return ak.unflatten(members, ak.flatten(number), axis=1)


def hard_partons(particles: Any) -> Any:
    """Outgoing quarks and gluons of the hard process and of heavy resonances."""
    ids = abs(particles.id)
    chosen = particles[(abs(particles.status) == 23) & ((ids <= 5) | (ids == 21))]
    vector = ak.zip({"px": chosen.p.px, "py": chosen.p.py, "pz": chosen.p.pz, "E": chosen.p.e})
    record = ak.zip(kinematics(vector))
    record["pdgId"] = chosen.id
    return record


def parton_flavour(jets: Any, partons: Any, radius: float) -> Any:
    """PDG code of the hardest outgoing parton within the jet, 0 without one."""
    jet, parton = ak.unzip(ak.cartesian([jets, partons], nested=True))
    turn = (jet.phi - parton.phi + np.pi) % (2 * np.pi) - np.pi
    inside = (jet.eta - parton.eta) ** 2 + turn**2 < radius**2
    best = ak.argmax(ak.where(inside, parton.pt, -1.0), axis=2, keepdims=True)
    code = ak.fill_none(ak.firsts(ak.where(inside, parton.pdgId, 0)[best], axis=2), 0)
    return code


def cluster_ak8(source: Any, partons: Any) -> tuple[Any, Any]:
    """AK8 jets above 130 GeV with soft-drop mass and N-subjettiness, and their soft-drop subjets.

    Returns
    -------
    jets, subjets
        ``subjets`` has a column ``jet``, the index of the AK8 jet in the event; harder subjet first.
    """
    sequence = fastjet.ClusterSequence(source, fastjet.JetDefinition(fastjet.antikt_algorithm, 0.8))
    jets = sequence.inclusive_jets(min_pt=MIN_PT_AK8)
    members = pick(source, sequence.constituent_index(min_pt=MIN_PT_AK8))
    record = ak.zip(kinematics(jets) | composition(members) | flavour(members))
    record["partonFlavour"] = parton_flavour(record, partons, 0.8)
    order = ak.argsort(record.pt, axis=1, ascending=False)
    record, members = record[order], members[order]
    number = ak.num(record.pt)
    groomed, subjets = soft_drop(ak.flatten(members, axis=1), number)
    for name, values in groomed.items():
        record[name] = ak.unflatten(values, number)
    return record, subjets


def soft_drop(members: Any, number: Any) -> tuple[dict[str, Floats], Any]:
    """Groom jets given their constituents, one list per jet, `number` jets per event."""
    if len(members) == 0:
        empty = {name: np.zeros(0) for name in ("msoftdrop", "tau1", "tau2", "tau3", "tau4")}
        return empty, no_subjets(number)
    cambridge = fastjet.JetDefinition(fastjet.cambridge_algorithm, 100.0)
    vectors = members[["px", "py", "pz", "E"]]
    vectors = ak.with_name(vectors[members.kind == 0], "Momentum4D")
    sequence = fastjet.ClusterSequence(vectors, cambridge)
    # fastjet's binding warns about every algorithm here, also about Cambridge/Aachen.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="dcut and exclusive jets")
        return groom(sequence, members, number)


def groom(sequence: Any, members: Any, number: Any) -> tuple[dict[str, Floats], Any]:
    """Soft-drop mass, N-subjettiness and subjets of the jets that a Cambridge/Aachen sequence holds."""
    groomed = sequence.exclusive_jets_softdrop_grooming(njets=1, beta=BETA, symmetry_cut=ZCUT, R0=0.8)
    taus = flat(sequence.njettiness(R0=0.8)).reshape(len(members), -1)
    columns = {f"tau{i + 1}": taus[:, i] for i in range(4)}
    columns["msoftdrop"] = np.maximum(flat(groomed.msoftdrop), 0.0)
    return columns, split(groomed.constituents, members, number)


def no_subjets(number: Any) -> Any:
    """Empty subjets for a batch with no AK8 jet."""
    empty = np.zeros(len(number), dtype=int)
    floats, integers = ak.unflatten(np.zeros(0), empty), ak.unflatten(np.zeros(0, dtype=np.int64), empty)
    columns = dict.fromkeys(("pt", "eta", "phi", "mass"), floats)
    return ak.zip(columns | dict.fromkeys(("nBHadrons", "nCHadrons", "hadronFlavour", "jet"), integers))


def split(groomed: Any, members: Any, number: Any) -> Any:
    """Two subjets of each groomed jet, flavoured by the nearest ghost hadrons."""
    cambridge = fastjet.JetDefinition(fastjet.cambridge_algorithm, 100.0)
    vectors = ak.with_name(groomed, "Momentum4D")
    splittable = ak.num(vectors.px) >= 2
    chosen = vectors[splittable]
    prongs = fastjet.ClusterSequence(chosen, cambridge).exclusive_jets(n_jets=2)
    record = ak.zip(kinematics(prongs))
    record = record[ak.argsort(record.pt, axis=1, ascending=False)]
    ghosts = members[splittable]
    ghosts = ghosts[ghosts.kind > 0]
    direction = ak.zip(kinematics(ghosts) | {"kind": ghosts.kind})
    ghost, prong = ak.unzip(ak.cartesian([direction, record], nested=True))
    turn = (ghost.phi - prong.phi + np.pi) % (2 * np.pi) - np.pi
    closest = ak.argmin((ghost.eta - prong.eta) ** 2 + turn**2, axis=2)
    for name, kind in (("nBHadrons", 5), ("nCHadrons", 4)):
        mine = (closest[:, np.newaxis] == ak.local_index(record.pt)[..., np.newaxis]) & (
            direction.kind[:, np.newaxis] == kind
        )
        record[name] = ak.sum(mine, axis=2)
    record["hadronFlavour"] = ak.where(record.nBHadrons > 0, 5, ak.where(record.nCHadrons > 0, 4, 0))
    return per_event(record, splittable, number)


def per_event(record: Any, splittable: Any, number: Any) -> Any:
    """Regroup subjets from one list per jet to one list per event, with the index of their jet."""
    jet_index = flat(ak.local_index(ak.unflatten(np.zeros(int(ak.sum(number))), number)))
    mask = np.asarray(splittable)
    record["jet"] = ak.broadcast_arrays(jet_index[mask], record.pt)[0]
    event = np.repeat(np.arange(len(number)), ak.to_numpy(number))[mask]
    prongs = np.asarray(ak.to_numpy(ak.num(record.pt)))
    per = np.bincount(np.repeat(event, prongs), minlength=len(number))
    return ak.unflatten(ak.flatten(record, axis=1), per)
