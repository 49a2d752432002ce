"""Prune Pythia's record in NanoAOD's manner and set the status flags."""

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from .arrays import Ints, flat

GRAVITON = 5100039
HEAVY = (6, 23, 24, 25, GRAVITON)
NEUTRINOS = (12, 14, 16)
MIN_PT_HADRON = 10.0
MIN_PT_LEPTON = 3.0
MIN_PT_PHOTON = 12.0
# NanoAOD stores no mass for quarks but top, leptons, neutrinos, gluons, photons, pions, D0 and D+.
MASSLESS = (1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16, 21, 22, 111, 211, 411, 421)
# Bits of GenPart_statusFlags (CMSSW GenStatusFlags.h).
BITS = {
    "isPrompt": 0,
    "isDecayedLeptonHadron": 1,
    "isTauDecayProduct": 2,
    "isPromptTauDecayProduct": 3,
    "isDirectTauDecayProduct": 4,
    "isDirectPromptTauDecayProduct": 5,
    "isDirectHadronDecayProduct": 6,
    "isHardProcess": 7,
    "fromHardProcess": 8,
    "isHardProcessTauDecayProduct": 9,
    "isDirectHardProcessTauDecayProduct": 10,
    "fromHardProcessBeforeFSR": 11,
    "isFirstCopy": 12,
    "isLastCopy": 13,
    "isLastCopyBeforeFSR": 14,
}

Bools = NDArray[np.bool_]


def is_hadron(pdg_id: Any) -> Any:
    """Whether an absolute PDG code is a hadron (diquarks have a zero in the tens)."""
    a = abs(pdg_id)
    return (a > 100) & (a < 1_000_000) & ((a // 10) % 10 != 0) & ((a // 100) % 10 != 0)


def has_quark(pdg_id: Any, quark: int) -> Any:
    """Whether a hadron's heaviest quark is `quark` (4 or 5)."""
    a = abs(pdg_id)
    return is_hadron(a) & (((a // 1000) % 10 == quark) | (((a // 1000) % 10 == 0) & ((a // 100) % 10 == quark)))


def invisible(particles: Any) -> ak.Array:
    """Sum of the transverse momenta of stable neutrinos, GeV."""
    ids = abs(particles.id)
    chosen = particles[(particles.status > 0) & ((ids == 12) | (ids == 14) | (ids == 16))]
    return ak.zip({"px": ak.sum(chosen.p.px, axis=1), "py": ak.sum(chosen.p.py, axis=1)})


class Record:
    """Flat view of all particles of a batch, with global indices of mothers (-1 for none)."""

    def __init__(self, particles: Any) -> None:
        self.number: Ints = np.asarray(ak.to_numpy(ak.num(particles.id)), dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(self.number)])[:-1]
        local = flat(particles.mother1)
        first = np.repeat(starts, self.number)
        self.pdg_id: Ints = flat(particles.id).astype(np.int64)
        self.status: Ints = flat(particles.status).astype(np.int64)
        # Entry 0 is the event, entries 1 and 2 are the beams: no mothers as far as NanoAOD is concerned.
        self.mother: Ints = np.where(local > 2, local + first, -1).astype(np.int64)
        self.position: Ints = np.arange(len(local)) - first
        px, py, pz = flat(particles.p.px), flat(particles.p.py), flat(particles.p.pz)
        self.pt = np.hypot(px, py)
        self.phi = np.arctan2(py, px)
        with np.errstate(divide="ignore"):
            eta = np.arcsinh(pz / np.maximum(self.pt, 1e-9))
        self.eta = np.clip(eta, -25.0, 25.0)
        self.mass = np.maximum(flat(particles.m), 0.0)
        self.same_mother: Bools = (self.mother >= 0) & (self.pdg_id == self.pdg_id[self.mother])
        self.last: Bools = np.ones(len(local), dtype=bool)
        self.last[self.mother[self.same_mother]] = False
        self.bottom = self.last_heavy_hadrons(5)
        self.charm = self.last_heavy_hadrons(4)

    def last_heavy_hadrons(self, quark: int) -> Bools:
        """Mask of hadrons with `quark` that decay to no other such hadron: the weakly decaying ones."""
        mine: Bools = np.asarray(has_quark(self.pdg_id, quark))
        mothers = self.mother[mine]
        last: Bools = mine.copy()
        last[mothers[mothers >= 0]] = False
        return last

    def ancestors(self, start: Ints) -> list[Ints]:
        """Successive mothers of `start`, each an index array with -1 at the end of a chain."""
        steps, current = [], np.where(start >= 0, self.mother[start], -1)
        while (current >= 0).any():
            steps.append(current)
            current = np.where(current >= 0, self.mother[current], -1)
        return steps


def hadron_ancestor(record: Record, start: Ints) -> Bools:
    """Whether any ancestor of `start` is a hadron."""
    found = np.zeros(len(start), dtype=bool)
    hadron = is_hadron(record.pdg_id)
    for step in record.ancestors(start):
        found |= (step >= 0) & hadron[step]
    return found


def choose(record: Record) -> Bools:
    """Mask of the particles NanoAOD keeps, a little tighter to save space."""
    ids = abs(record.pdg_id)
    hard = (abs(record.status) >= 21) & (abs(record.status) <= 24)
    heavy = np.isin(ids, HEAVY) & record.last
    tau = (ids == 15) & record.last
    hadron = (record.bottom | record.charm) & (record.pt > MIN_PT_HADRON) & (abs(record.eta) < 3)
    final = record.status > 0
    lepton = final & ((ids == 11) | (ids == 13)) & (record.pt > MIN_PT_LEPTON) & (abs(record.eta) < 3)
    photon = final & (ids == 22) & (record.pt > MIN_PT_PHOTON) & (abs(record.eta) < 3)
    candidates = np.flatnonzero(final & np.isin(ids, (11, 13, *NEUTRINOS)))
    prompt = np.zeros(len(ids), dtype=bool)
    prompt[candidates[~hadron_ancestor(record, candidates)]] = True
    keep: Bools = hard | heavy | tau | hadron | lepton | photon | prompt
    return keep


def kept_mother(record: Record, keep: Bools, index: Ints) -> Ints:
    """Nearest kept ancestor of each of `index`, as a global index or -1."""
    result = np.full(len(index), -1, dtype=np.int64)
    for step in record.ancestors(index):
        hit = (result < 0) & (step >= 0) & keep[step]
        result[hit] = step[hit]
    return result


def status_flags(record: Record, index: Ints) -> Ints:
    """Fifteen NanoAOD flag bits of the particles at `index`."""
    ids = abs(record.pdg_id)
    hadron, hard = is_hadron(ids), (abs(record.status) >= 21) & (abs(record.status) <= 24)
    decayed_tau = (ids == 15) & record.last
    fsr = (abs(record.status) >= 51) & (abs(record.status) <= 59)
    mine = record.pdg_id[index]
    size = len(index)
    from_hadron, from_tau, from_prompt_tau, from_hard_tau = (np.zeros(size, dtype=bool) for _ in range(4))
    hard_copy, after_fsr, same = hard[index].copy(), fsr[index].copy(), np.ones(size, dtype=bool)
    tau_seen_first, tau_mother = np.zeros(size, dtype=bool), np.full(size, -1, dtype=np.int64)
    for step in record.ancestors(index):
        live = step >= 0
        same &= live & (record.pdg_id[step] == mine)
        hard_copy |= same & hard[step]
        after_fsr |= same & fsr[step]
        first = live & decayed_tau[step] & ~from_tau & ~same
        tau_seen_first |= first & ~from_hadron
        tau_mother[first] = step[first]
        from_tau |= first
        from_hadron |= live & hadron[step]
    chosen = tau_mother >= 0
    from_prompt_tau[chosen] = ~hadron_ancestor(record, tau_mother[chosen])
    from_hard_tau[chosen] = from_prompt_tau[chosen]
    mother = first_other(record, index)
    direct_tau = chosen & (mother == tau_mother)
    direct_hadron = (mother >= 0) & hadron[mother]
    prompt = ~from_hadron & ~from_tau
    stable = record.status[index] > 0
    before = ~after_fsr & (record.last[index] | next_is_fsr(record, fsr)[index])
    values = {
        "isPrompt": prompt,
        "isDecayedLeptonHadron": ~stable & (hadron[index] | decayed_tau[index]),
        "isTauDecayProduct": from_tau,
        "isPromptTauDecayProduct": from_prompt_tau,
        "isDirectTauDecayProduct": direct_tau,
        "isDirectPromptTauDecayProduct": direct_tau & from_prompt_tau,
        "isDirectHadronDecayProduct": direct_hadron,
        "isHardProcess": hard[index],
        "fromHardProcess": prompt & hard_copy,
        "isHardProcessTauDecayProduct": from_hard_tau,
        "isDirectHardProcessTauDecayProduct": direct_tau & from_hard_tau,
        "fromHardProcessBeforeFSR": prompt & hard_copy & before,
        "isFirstCopy": ~record.same_mother[index],
        "isLastCopy": record.last[index],
        "isLastCopyBeforeFSR": before,
    }
    flags: Ints = sum((values[name].astype(np.int64) << bit for name, bit in BITS.items()), np.zeros(size, np.int64))
    return flags


def first_other(record: Record, index: Ints) -> Ints:
    """First ancestor of another PDG code: the mother of the first copy."""
    result = np.full(len(index), -1, dtype=np.int64)
    same = np.ones(len(index), dtype=bool)
    for step in record.ancestors(index):
        same &= step >= 0
        other = same & (record.pdg_id[step] != record.pdg_id[index])
        result[other] = step[other]
        same &= ~other
    return result


def next_is_fsr(record: Record, fsr: Bools) -> Bools:
    """Whether a particle's next copy comes from final-state radiation."""
    result = np.zeros(len(record.mother), dtype=bool)
    result[record.mother[record.same_mother & fsr]] = True
    return result


def prune(record: Record) -> ak.Array:
    """GenPart of a batch: pt, eta, phi, mass, pdgId, status, statusFlags, genPartIdxMother."""
    keep = choose(record)
    index = np.flatnonzero(keep)
    event = np.repeat(np.arange(len(record.number)), record.number)
    number = np.bincount(event[index], minlength=len(record.number))
    rank = np.cumsum(keep) - 1
    starts = np.concatenate([[0], np.cumsum(number)])[:-1]
    mother = kept_mother(record, keep, index)
    local = np.where(mother >= 0, rank[mother] - np.repeat(starts, number), -1)
    hard = abs(record.status[index])
    status = np.where(record.status[index] > 0, 1, np.where((hard >= 21) & (hard <= 29), hard, 2))
    columns = {
        "pt": record.pt[index],
        "eta": record.eta[index],
        "phi": record.phi[index],
        "mass": np.where(np.isin(abs(record.pdg_id[index]), MASSLESS), 0.0, record.mass[index]),
        "pdgId": record.pdg_id[index],
        "status": status,
        "statusFlags": status_flags(record, index),
        "genPartIdxMother": local,
    }
    return ak.zip({name: ak.unflatten(column, number) for name, column in columns.items()})
