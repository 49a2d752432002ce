"""Pythia events: generate, prune, cluster and weigh one chunk of a process."""

from collections.abc import Iterator
from typing import Any

import awkward as ak
import numpy as np
import pythia8mc
import vector

from . import genjets, genparticles, genweights, seeds
from .jobs import Job

vector.register_awkward()  # fastjet looks for the Momentum4D behaviour

BATCH = 500
# The softer underlying event (Monash has 2.28) halves the time to generate.
COMMON = ("Print:quiet = on", "Random:setSeed = on", "MultipartonInteractions:pT0Ref = 3.2")
# Variations of the shower scales by the square root of two, which keeps the tails of the weights short.
SHOWER = (
    "UncertaintyBands:doVariations = on",
    "UncertaintyBands:MPIshowers = off",
    "UncertaintyBands:List = {isrUp isr:muRfac=0.7071, fsrUp fsr:muRfac=0.7071, "
    "isrDown isr:muRfac=1.4142, fsrDown fsr:muRfac=1.4142}",
)


class GeneratorError(RuntimeError):
    """Pythia could not be set up or stopped early."""


def make_pythia(job: Job) -> Any:
    """Set up Pythia for a job, seeded by the job's name."""
    pythia = pythia8mc.Pythia("", False)
    seed = seeds.pythia_seed(job.process, job.purpose, job.chunk)
    shower = SHOWER if job.shower_variations else ()
    energy = f"Beams:eCM = {job.energy}"
    for line in (*COMMON, energy, f"Random:seed = {seed}", *job.settings, *shower):
        if not pythia.readString(line):
            raise GeneratorError(f"Pythia did not accept {line!r} of process {job.process}; correct truth.toml")
    if not pythia.init():
        raise GeneratorError(f"Pythia could not start process {job.process}; check its settings in truth.toml")
    return pythia


def keep_required(particles: Any, require: tuple[int, int, int] | None) -> Any:
    """Mask of events that have exactly `count` particles of one kind from one kind of mother."""
    if require is None:
        return np.ones(len(particles), dtype=bool)
    pdg_id, mother, count = require
    is_kind = (abs(particles.id) == pdg_id) & (abs(particles.id[particles.mother1]) == mother)
    return np.asarray(ak.sum(is_kind, axis=1) == count)


def batches(job: Job) -> Iterator[ak.Array]:
    """Pythia's events of a job, a few hundred at a time to bound the memory."""
    pythia = make_pythia(job)
    pdf = pythia.getPDFPtr(2212)
    done = 0
    while done < job.events:
        wanted = min(BATCH, job.events - done)
        batch = pythia.nextBatch(wanted)
        if len(batch) < wanted:
            raise GeneratorError(f"Pythia gave {len(batch)} of {wanted} events of {job.process}, chunk {job.chunk}")
        yield reduce(batch[keep_required(batch.prt, job.require)], job, pdf)
        done += wanted


def reduce(batch: Any, job: Job, pdf: Any) -> ak.Array:
    """Reduce Pythia's record to what the detector needs.

    Returns
    -------
    ak.Array
        One record per event with ``part``, ``genjet``, ``genjetak8``, ``subgenjet``, ``neutrino`` (px, py),
        ``generator``, ``scale_weight`` (9), ``shower_weight`` (4, in the order of PSWeight).
    """
    record = genparticles.Record(batch.prt)
    source, partons = genjets.inputs(batch.prt, record), genjets.hard_partons(batch.prt)
    jets = genjets.cluster_ak4(source, partons)
    fat, sub = genjets.cluster_ak8(source, partons)
    weights = np.asarray(batch.info.weights)
    shower = weights[:, 1:5] if job.shower_variations else np.ones((len(batch), 4))
    return ak.zip(
        {
            "part": genparticles.prune(record),
            "genjet": jets,
            "genjetak8": fat,
            "subgenjet": sub,
            "neutrino": genparticles.invisible(batch.prt),
            "generator": genweights.generator_info(batch.info),
            "scale_weight": ak.from_regular(genweights.scale_weights(batch.info, job.orders, pdf)),
            "shower_weight": ak.from_regular(shower),
        },
        depth_limit=1,
    )


def generate(job: Job) -> ak.Array:
    """All events of a job."""
    return ak.concatenate(list(batches(job)))
