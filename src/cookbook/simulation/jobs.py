"""The list of chunks that make the sample, and a cache of their generator output."""

import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import seeds
from .truth import Truth

# A change in one of these files makes older cached chunks useless.
GENERATOR_SOURCES = ("arrays.py", "generator.py", "genjets.py", "genparticles.py", "genweights.py", "seeds.py")


@dataclass(frozen=True)
class Job:
    """One chunk of one process.

    `purpose` is ``"simulation"`` or ``"data"`` and separates the random streams of the two.
    """

    process: str
    purpose: str
    chunk: int
    events: int
    energy: float
    settings: tuple[str, ...]
    orders: int
    require: tuple[int, int, int] | None = None

    @property
    def shower_variations(self) -> bool:
        """Whether the parton shower is varied (pseudo-data need no weights)."""
        return self.purpose == "simulation"

    @property
    def key(self) -> str:
        """Name of this chunk in the cache: changes with the job and with the generator's source."""
        here = Path(__file__).parent
        source = b"".join((here / name).read_bytes() for name in GENERATOR_SOURCES)
        return hashlib.sha256(repr(self).encode() + source).hexdigest()[:24]


def split(job: Job, total: int, size: int) -> Iterator[Job]:
    """Chunks of at most `size` events that add up to `total`."""
    for chunk, first in enumerate(range(0, total, size)):
        yield replace(job, chunk=chunk, events=min(size, total - first))


def data_events(truth: Truth, name: str) -> int:
    """Draw the number of events of a process in the pseudo-data: Poisson around cross-section times luminosity."""
    process = truth.processes[name]
    expected = process.cross_section / process.filter_efficiency * truth.delivered
    return int(seeds.generator("data events", name).poisson(expected))


def make_jobs(truth: Truth) -> list[Job]:
    """List all chunks of simulation and pseudo-data."""
    jobs: list[Job] = []
    for name, process in truth.processes.items():
        base = Job(name, "simulation", 0, 0, truth.energy, process.pythia, process.orders, process.require)
        jobs += split(base, process.generated, truth.chunk)
        if process.mix:
            jobs += split(replace(base, purpose="data"), data_events(truth, name), truth.chunk)
    return jobs


def cached(job: Job, cache: Path | None) -> Any:
    """Get the generator output of a job, from the cache folder when it is there."""
    from . import generator

    path = None if cache is None else cache / f"{job.process}-{job.purpose}-{job.chunk}-{job.key}.pkl"
    if path is not None and path.exists():
        with path.open("rb") as stream:
            return pickle.load(stream)
    events = generator.generate(job)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as stream:
            pickle.dump(events, stream)
        partial.replace(path)
    return events
