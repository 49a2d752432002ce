"""Time both engines of a recipe fairly.

Each engine runs in a fresh process of its own, bound to one core, on the same files, and a third kind of process
measures the read floor: reading and decompressing just the branches the recipe declares. One after the other, the
processes import and define, and run once on the small input (that run includes compilation). Then they take turns at
warm runs on the small and on the large input, each asleep while another runs. The warm rate of a turn is the difference
in events over the difference in time, so that start-up cancels. Sizes, repeats, machine, versions and date are part of
the result.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import jsonschema
import pandas as pd

from cookbook import inputs, sample
from cookbook.recipe import ENGINES, Files, Recipe, load, title
from cookbook.versions import PACKAGES, versions

__all__ = ["Breakdown", "EngineTiming", "Timing", "TimingError", "breakdown", "measure", "schema"]

FLOOR = "floor"
DEFAULT_EVENTS = (100_000, 500_000)
ROUNDS = 1
TURNS = 3
QUICK_SCALE = 10


class TimingError(RuntimeError):
    """A measuring process failed; the message holds the end of its error output."""


@dataclass(frozen=True)
class EngineTiming:
    """What was measured of one engine, or of the read floor.

    Times in seconds, rate in events per second on one core, memory in MB (1e6 bytes), bytes as read from the files of
    the large input. `import_s` is the time to execute the engine's cells: imports and declarations. Times and rate are
    medians, `rate_range_hz` the lowest and highest rate of the turns. A rate is None where in half of the turns the
    large input did not take longer than the small one.
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
        """Return one row per measured quantity, one column per engine and variant."""
        names = {kind: "read floor" if kind == FLOOR else title(kind) for kind in self.engines}
        return pd.DataFrame({name: _column(self, kind) for kind, name in names.items()})

    def caption(self) -> str:
        """Return input, machine, versions and date in a sentence or two."""
        return _caption(self.input, self.machine, self.versions, self.date, "range in brackets")

    def _repr_html_(self) -> str:
        return f"{self.table().to_html()}<p>{self.caption()}</p>"

    def __repr__(self) -> str:
        return f"{self.table().to_string()}\n{self.caption()}"


@dataclass(frozen=True)
class Breakdown:
    """What each step of a chain adds to the time per event; `table` is what the page shows.

    `added_us` has, for each engine, the time in microseconds per event on one core that the run without any step takes,
    and after it what each step adds: from the least time of all turns, and from their median. What disturbs a run only
    adds to its time, so the least is the better one; how far the median is from it shows how quiet the machine was.
    """

    steps: tuple[str, ...]
    added_us: dict[str, list[tuple[float, float]]]
    about: str

    def table(self) -> pd.DataFrame:
        """Return a row for each step, a column for each engine."""
        columns = {
            f"{title(engine)} [µs/event]": [f"{least:.2f} ({median:.2f})" for least, median in added]
            for engine, added in self.added_us.items()
        }
        return pd.DataFrame(columns, index=["no step", *(f"+ {step}" for step in self.steps)])

    def _repr_html_(self) -> str:
        return f"{self.table().to_html()}<p>{self.about}</p>"

    def __repr__(self) -> str:
        return f"{self.table().to_string()}\n{self.about}"


def breakdown(
    recipe: str | Path | Recipe,
    files: Files,
    parameter: str,
    steps: Sequence[str],
    events: tuple[int, int] | None = DEFAULT_EVENTS,
) -> Breakdown | str:
    """Time a recipe with the first steps of its chain, one more at a time; the difference is what a step costs.

    Each engine has one process, in which the chains of all lengths take turns.

    Parameters
    ----------
    recipe, files, events
        As for `measure`; the saved notebook is read.
    parameter
        Parameter of the recipe that lists the steps to do, in order.
    steps
        All steps.
    """
    if events is None or os.environ.get("COOKBOOK_TIMING") == "off":
        return "Not timed."
    recipe = recipe if isinstance(recipe, Recipe) else load(recipe)
    turns, events = (1, _quick(events)) if _is_quick() else (TURNS, events)
    sizes = [_enlarged(files, n) for n in events]
    counts = [inputs.events(size) for size in sizes]
    if counts[1] <= counts[0]:
        raise TimingError(
            f"{recipe.path}: both sizes are {counts[0]:,} events; files are copied whole, so ask for more"
        )
    # the whole chain first: what is compiled for it serves the shorter ones
    cases = [{parameter: list(steps[:length])} for length in range(len(steps), -1, -1)]
    with ExitStack() as stack:
        errors = {engine: stack.enter_context(tempfile.TemporaryFile("w+")) for engine in ENGINES}
        workers = {
            engine: stack.enter_context(closing(_Worker(recipe, engine, sizes, log, cases)))
            for engine, log in errors.items()
        }
        times: dict[str, list[list[tuple[float, float]]]] = {engine: [] for engine in ENGINES}
        for _ in range(turns):
            for engine, worker in workers.items():
                times[engine].append([_small_and_large(worker, case) for case in reversed(range(len(cases)))])
    about = {**_input(recipe, files), "events": counts, "rounds": 1, "turns": turns}
    date = datetime.now(UTC).date().isoformat()
    shown = "from the least times, in brackets from the median ones"
    caption = _caption(about, _machine(), versions((*PACKAGES, "numpy")), date, shown)
    return Breakdown(tuple(steps), {engine: _added(found, counts) for engine, found in times.items()}, caption)


def _small_and_large(worker: _Worker, case: int) -> tuple[float, float]:
    """Time of one chain on the two sizes, in seconds."""
    small, large = (float(worker.ask((case, size))["seconds"]) for size in (0, 1))
    return small, large


def _added(turns: Sequence[Sequence[tuple[float, float]]], counts: Sequence[int]) -> list[tuple[float, float]]:
    """Time per event of the shortest chain and what each other one adds, in microseconds: by least time, by median."""
    columns = []
    for choose in (min, statistics.median):
        per_event = [
            1e6 * (choose(large) - choose(small)) / (counts[1] - counts[0])
            for small, large in (zip(*chain, strict=True) for chain in zip(*turns, strict=True))
        ]
        columns.append([per_event[0], *(b - a for a, b in pairwise(per_event))])
    return list(zip(*columns, strict=True))


def measure(
    recipe: str | Path | Recipe,
    files: Files,
    events: tuple[int, int] | None = DEFAULT_EVENTS,
    rounds: int = ROUNDS,
) -> Timing | str:
    """Time both engines of a recipe, their variants, and the read floor.

    The recipe is read from its saved notebook: save the notebook before timing a change.

    Parameters
    ----------
    recipe
        Slug or notebook path.
    files
        The recipe's input; larger inputs are made of it by copying clusters into the cache.
    events
        Events of the small and of the large input; None does not time. The variable ``COOKBOOK_TIMING=quick`` divides
        both by ten and takes one turn; ``off`` does not time.
    rounds
        How often each engine gets a fresh process, in which it takes three turns.

    Returns
    -------
    Timing
        Also written to ``$COOKBOOK_TIMINGS/<slug>.json`` where that variable names a folder.
    """
    if events is None or os.environ.get("COOKBOOK_TIMING") == "off":
        return "Not timed."
    turns = TURNS
    if _is_quick():
        events, rounds, turns = _quick(events), 1, 1
    recipe = recipe if isinstance(recipe, Recipe) else load(recipe)
    sizes = [_enlarged(files, n) for n in events]
    jobs = [_round(recipe, sizes, turns) for _ in range(rounds)]
    counts = [inputs.events(size) for size in sizes]
    engines = {kind: _summary([job[kind] for job in jobs], counts) for kind in jobs[0]}
    result = Timing(
        recipe=recipe.slug,
        date=datetime.now(UTC).date().isoformat(),
        machine=_machine(),
        versions=versions((*PACKAGES, "numpy")),
        input={**_input(recipe, files), "events": counts, "rounds": rounds, "turns": turns},
        engines=engines,
    )
    _record(result)
    return result


def _is_quick() -> bool:
    return os.environ.get("COOKBOOK_TIMING") == "quick"


def _quick(events: tuple[int, int]) -> tuple[int, int]:
    return events[0] // QUICK_SCALE, events[1] // QUICK_SCALE


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


class _Worker:
    """A process that has imported, defined and once run one engine of a recipe, and now waits to be timed.

    With `parameters`, sets of values for the recipe's, it defines the engine for each and has run it with the first.
    """

    def __init__(
        self,
        recipe: Recipe,
        kind: str,
        sizes: Sequence[Files],
        errors: IO[str],
        parameters: Sequence[Mapping[str, Any]] = ({},),
    ) -> None:
        self._name = f"{recipe.path}: timing {kind}"
        self._errors = errors
        self._connection, theirs = multiprocessing.Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cookbook.timing_worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env=_environment(),
        )
        theirs.close()
        job = {"notebook": str(recipe.path), "kind": kind, "sizes": sizes, "parameters": parameters}
        self.started = self.ask(job)

    def ask(self, message: Any) -> dict[str, Any]:
        """Send a message and return the answer."""
        try:
            self._connection.send(message)
            answer: dict[str, Any] = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.wait()
            self._errors.seek(0)
            raise TimingError(f"{self._name} failed:\n{self._errors.read()[-2000:]}") from error
        return answer

    def close(self) -> None:
        """End the process, whatever it does."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


def _round(recipe: Recipe, sizes: Sequence[Files], turns: int) -> dict[str, dict[str, Any]]:
    """Time every kind of process from its start, warm runs in turns, and return what was measured of each."""
    with ExitStack() as stack:
        kinds = [*recipe.variants(), FLOOR]
        errors = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in kinds]
        workers = {
            kind: stack.enter_context(closing(_Worker(recipe, kind, sizes, log)))
            for kind, log in zip(kinds, errors, strict=True)
        }
        runs: dict[str, list[list[dict[str, Any]]]] = {kind: [] for kind in kinds}
        for _ in range(turns):
            for kind, worker in workers.items():
                runs[kind].append([worker.ask((0, size)) for size in range(len(sizes))])
        return {
            kind: {
                **worker.started,
                "warm_small_s": [small["seconds"] for small, _ in runs[kind]],
                "warm_large_s": [large["seconds"] for _, large in runs[kind]],
                "bytes_read": runs[kind][-1][-1]["bytes_read"],
                **worker.ask(None),
            }
            for kind, worker in workers.items()
        }


def _environment() -> dict[str, str]:
    """Return the variables of a worker: one thread in every library, and this very package."""
    one_thread = {f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")}
    source = str(Path(__file__).resolve().parents[1])
    return {**os.environ, **one_thread, "PYTHONPATH": _joined(source, os.environ.get("PYTHONPATH"))}


def _joined(*paths: str | None) -> str:
    return os.pathsep.join(p for p in paths if p)


def _summary(jobs: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> EngineTiming:
    turns = [pair for job in jobs for pair in zip(job["warm_small_s"], job["warm_large_s"], strict=True)]
    rates = [_rate(counts, *pair) for pair in turns]
    known = [rate for rate in rates if rate]
    return EngineTiming(
        import_s=statistics.median(j["import_s"] for j in jobs),
        first_run_s=statistics.median(j["first_run_s"] for j in jobs),
        warm_small_s=statistics.median(small for small, _ in turns),
        warm_large_s=statistics.median(large for _, large in turns),
        warm_rate_hz=statistics.median(known) if 2 * len(known) > len(rates) else None,
        rate_range_hz=(min(known), max(known)) if known else None,
        peak_memory_mb=statistics.median(j["peak_memory_mb"] for j in jobs),
        bytes_read=int(statistics.median(j["bytes_read"] for j in jobs)),
    )


def _rate(counts: Sequence[int], small_s: float, large_s: float) -> float | None:
    return (counts[1] - counts[0]) / (large_s - small_s) if large_s > small_s and counts[1] > counts[0] else None


def _input(recipe: Recipe, files: Files) -> dict[str, Any]:
    names = list(files) if isinstance(files, Mapping) else [Path(path).stem for path in files]
    return {"name": ", ".join(names), "branches": sum(len(b) for b in recipe.metadata["branches"].values())}


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


def _caption(
    about: Mapping[str, Any], machine: Mapping[str, Any], tools: Mapping[str, str], date: str, shown: str
) -> str:
    sizes = " and ".join(f"{n:,}" for n in about["events"])
    return (
        f"{sizes} events of {about['name']}, {about['branches']} branches declared; one thread on "
        f"{machine['processor']} ({machine['cores']} cores); fresh processes per engine: {about['rounds']}, "
        f"{about['turns']} turns in each, {shown}; {', '.join(f'{k} {v}' for k, v in tools.items())}; {date}."
    )


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
        "imports and declarations [s]": f"{e.import_s:.1f}",
        "first run, with compilation [s]": f"{e.first_run_s:.1f}",
        "warm rate [10³ events/s per core]": f"{e.warm_rate_hz / 1e3:,.0f}{low_high}"
        if e.warm_rate_hz
        else "not resolved",
        "time per event over the read floor": f"{ratio:.1f}" if ratio else "not resolved",
        "peak memory [MB]": f"{e.peak_memory_mb:,.0f}",
        "read [bytes/event]": f"{per_event:,.0f}",
    }
