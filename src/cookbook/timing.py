"""Time both engines of a recipe fairly.

Each engine runs in a fresh process of its own, bound to one core, on the same files; engines take turns, and a third
kind of process measures the read floor: reading and decompressing just the branches the recipe declares. Every process
imports, runs once on the small input (that run includes compilation), then runs warm on the small and on the large
input. The warm rate is the difference in events over the difference in time, so that start-up cancels. Sizes, repeats,
machine, versions and date are part of the result.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd

from cookbook import inputs, sample
from cookbook.recipe import ENGINES, Files, Recipe, load

__all__ = ["EngineTiming", "Timing", "TimingError", "measure", "schema"]

FLOOR = "floor"
KINDS = (*ENGINES, FLOOR)
DEFAULT_EVENTS = (200_000, 1_000_000)
ROUNDS = 2
WARM_RUNS = 2
QUICK_SCALE = 10
PACKAGES = ("coffea", "awkward", "uproot", "hist", "numpy", "root")


class TimingError(RuntimeError):
    """A measuring process failed; the message holds the end of its error output."""


@dataclass(frozen=True)
class EngineTiming:
    """What was measured of one engine, or of the read floor.

    Times in seconds, rate in events per second on one core, memory in MB (1e6 bytes), bytes as read from the files of
    the large input. `rate_range` is the lowest and highest rate of the rounds. A rate is None where the large input did
    not take measurably longer than the small one.
    """

    import_s: float
    first_run_s: float
    warm_small_s: float
    warm_large_s: float
    warm_rate_hz: float | None
    rate_range_hz: tuple[float, float] | None
    peak_memory_mb: float
    bytes_read: int


@dataclass(frozen=True)
class Timing:
    """The timing of one recipe; `as_dict` is what is recorded, `table` what the page shows."""

    recipe: str
    date: str
    machine: dict[str, Any]
    versions: dict[str, str]
    input: dict[str, Any]
    engines: dict[str, EngineTiming]

    def as_dict(self) -> dict[str, Any]:
        """Return the record, as the schema describes it."""
        record: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return record

    def floor_ratio(self, engine: str) -> float | None:
        """Return how many times longer than the read floor `engine` takes per event."""
        rate, floor = self.engines[engine].warm_rate_hz, self.engines[FLOOR].warm_rate_hz
        return floor / rate if rate and floor else None

    def table(self) -> pd.DataFrame:
        """Return one row per measured quantity, one column per engine."""
        names = {"coffea": "coffea", "rdataframe": "RDataFrame", FLOOR: "read floor"}
        columns = {names[kind]: _column(self, kind) for kind in KINDS}
        return pd.DataFrame(columns)

    def caption(self) -> str:
        """Return input, machine, versions and date in a sentence or two."""
        sizes = " and ".join(f"{n:,}" for n in self.input["events"])
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"{sizes} events of {self.input['name']}, {self.input['branches']} branches declared; one thread on "
            f"{self.machine['processor']} ({self.machine['cores']} cores); fresh processes per engine: "
            f"{self.input['rounds']}, range in brackets; {versions}; {self.date}."
        )

    def _repr_html_(self) -> str:
        return f"{self.table().to_html()}<p>{self.caption()}</p>"

    def __repr__(self) -> str:
        return f"{self.table()}\n{self.caption()}"


def measure(
    recipe: str | Path | Recipe,
    files: Files,
    events: tuple[int, int] | None = DEFAULT_EVENTS,
    rounds: int = ROUNDS,
) -> Timing | str:
    """Time both engines of a recipe and the read floor.

    The recipe is read from its saved notebook: save the notebook before timing a change.

    Parameters
    ----------
    recipe
        Slug or notebook path.
    files
        The recipe's input; larger inputs are made of it by copying clusters into the cache.
    events
        Events of the small and of the large input; None does not time. The variable ``COOKBOOK_TIMING=quick`` divides
        both by ten and does one round, for tests.
    rounds
        How often each engine gets a fresh process.

    Returns
    -------
    Timing
        Also written to ``$COOKBOOK_TIMINGS/<slug>.json`` where that variable names a folder.
    """
    if events is None:
        return "Not timed: no sizes were asked for."
    if os.environ.get("COOKBOOK_TIMING") == "quick":
        events, rounds = (events[0] // QUICK_SCALE, events[1] // QUICK_SCALE), 1
    recipe = recipe if isinstance(recipe, Recipe) else load(recipe)
    sizes = [_enlarged(files, n) for n in events]
    jobs = [_run_worker(recipe, kind, sizes) for _ in range(rounds) for kind in KINDS]
    counts = [inputs.events(size) for size in sizes]
    engines = {k: _summary([j for j in jobs if j["kind"] == k], counts) for k in KINDS}
    result = Timing(
        recipe=recipe.slug,
        date=datetime.now(UTC).date().isoformat(),
        machine=_machine(),
        versions=_versions(),
        input=_input(recipe, files, counts, rounds),
        engines=engines,
    )
    _record(result)
    return result


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of a timing record."""
    return dict(json.loads(resources.files("cookbook").joinpath("timing_schema.json").read_text()))


def _enlarged(files: Files, events: int) -> Files:
    """Return `files` copied up to at least `events`, datasets in the proportions they have."""
    if not isinstance(files, Mapping):
        enlarged: list[str] = sample.enlarge(list(files), events)
        return enlarged
    total = inputs.events(files)
    shares = {name: max(1, round(events * inputs.events(members) / total)) for name, members in files.items()}
    return {name: sample.enlarge(list(members), shares[name]) for name, members in files.items()}


def _run_worker(recipe: Recipe, kind: str, sizes: Sequence[Files]) -> dict[str, Any]:
    one_thread = {f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")}
    source = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, **one_thread, "PYTHONPATH": _joined(source, os.environ.get("PYTHONPATH"))}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")  # not standard output, on which the engines print
        job = {
            "notebook": str(recipe.path),
            "kind": kind,
            "sizes": sizes,
            "warm_runs": WARM_RUNS,
            "result": str(result),
        }
        done = subprocess.run(
            [sys.executable, "-m", "cookbook.timing_worker"],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode or not result.exists():
            raise TimingError(f"{recipe.path}: timing {kind} failed:\n{done.stderr[-2000:]}")
        return dict(json.loads(result.read_text()), kind=kind)


def _joined(*paths: str | None) -> str:
    return os.pathsep.join(p for p in paths if p)


def _summary(jobs: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> EngineTiming:
    small = statistics.median(t for j in jobs for t in j["warm_small_s"])
    large = statistics.median(t for j in jobs for t in j["warm_large_s"])
    rounds = [_rate(counts, statistics.median(j["warm_small_s"]), statistics.median(j["warm_large_s"])) for j in jobs]
    known = [r for r in rounds if r]
    return EngineTiming(
        import_s=statistics.median(j["import_s"] for j in jobs),
        first_run_s=statistics.median(j["first_run_s"] for j in jobs),
        warm_small_s=small,
        warm_large_s=large,
        warm_rate_hz=_rate(counts, small, large),
        rate_range_hz=(min(known), max(known)) if known else None,
        peak_memory_mb=statistics.median(j["peak_memory_mb"] for j in jobs),
        bytes_read=int(statistics.median(j["bytes_read"] for j in jobs)),
    )


def _rate(counts: Sequence[int], small_s: float, large_s: float) -> float | None:
    return (counts[1] - counts[0]) / (large_s - small_s) if large_s > small_s and counts[1] > counts[0] else None


def _input(recipe: Recipe, files: Files, counts: Sequence[int], rounds: int) -> dict[str, Any]:
    names = list(files) if isinstance(files, Mapping) else [Path(path).stem for path in files]
    return {
        "name": ", ".join(names),
        "events": list(counts),
        "branches": sum(len(b) for b in recipe.metadata["branches"].values()),
        "rounds": rounds,
    }


def _machine() -> dict[str, Any]:
    return {
        "name": platform.node(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.M) if cpuinfo.exists() else None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # ROOT outside its wheel, as on SWAN, has no such record
            continue
    return versions


def _record(timing: Timing) -> None:
    record = timing.as_dict()
    jsonschema.validate(record, schema())
    folder = os.environ.get("COOKBOOK_TIMINGS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, f"{timing.recipe}.json").write_text(json.dumps(record, indent=1) + "\n")


def _column(timing: Timing, kind: str) -> dict[str, str]:
    e = timing.engines[kind]
    ratio = timing.floor_ratio(kind)
    low_high = f" [{e.rate_range_hz[0] / 1e3:,.0f}, {e.rate_range_hz[1] / 1e3:,.0f}]" if e.rate_range_hz else ""
    per_event = e.bytes_read / timing.input["events"][1]
    return {
        "import [s]": f"{e.import_s:.1f}",
        "first run, with compilation [s]": f"{e.first_run_s:.1f}",
        "warm rate [10³ events/s per core]": f"{e.warm_rate_hz / 1e3:,.0f}{low_high}"
        if e.warm_rate_hz
        else "not resolved",
        "time per event over the read floor": f"{ratio:.1f}" if ratio else "not resolved",
        "peak memory [MB]": f"{e.peak_memory_mb:,.0f}",
        "read [bytes/event]": f"{per_event:,.0f}",
    }
