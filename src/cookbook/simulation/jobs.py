"""The list of chunks that make the sample."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import seeds
from .truth import Truth


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
