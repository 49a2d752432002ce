"""Time both engines of a recipe fairly.

Each engine runs in a fresh process of its own, bound to one core, on the same files, and a third kind of process
measures the read floor: reading and decompressing just the branches the recipe declares. One after the other, the
processes import and define, and run once on few events (that run includes compilation). Then they take turns at warm
runs on a small and on a large input, each asleep while another runs; a turn that the machine disturbed is taken again.
The warm rate of a turn is the difference in events over the difference in time, so that start-up cancels. Sizes,
turns, machine, versions and date are part of the result.

The variable COOKBOOK_TIMING says how: `careful` (default) times on the recipe's own sizes; `quick` chooses sizes for
which all warm runs of a recipe together take at most `QUICK_S` seconds; `off` does not time.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import jsonschema
import pandas as pd

from cookbook import timing_resolution
from cookbook.recipe import ENGINES, Files, Recipe, load, title
from cookbook.timing_resolution import FLOOR, LEAST_TURNS, NOT_RESOLVED
from cookbook.timing_sizes import Line, Sizes, plan, second, times
from cookbook.timing_turns import Clock, Entry, TimingError, Turn, take, workers
from cookbook.versions import PACKAGES, versions

__all__ = [
    "Breakdown",
    "EngineTiming",
    "Timing",
    "TimingError",
    "breakdown",
    "machine",
    "measure",
    "mode",
    "parameters_of",
    "schema",
]

#: Microseconds per event: median, lowest and highest of the turns.
Added = tuple[float, float, float]
Mode = Literal["quick", "careful", "off"]

DEFAULT_EVENTS = (100_000, 500_000)
ROUNDS = 1
TURNS = 3
#: Seconds that the warm runs of a recipe may take in quick mode, all kinds together, and the variant's part of them.
QUICK_S = 8.0
#: The first run in quick mode is on so many times fewer events than the small size.
QUICK_SCALE = 20


@dataclass(frozen=True)
class EngineTiming:
    """What was measured of one engine, or of the read floor.

    Times in seconds, rate in events per second on one core, memory in MB (1e6 bytes), bytes as read from the files of
    the large input. `import_s` is the time to execute the engine's cells, `start_s` what a job takes before its event
    loop: that, compilation and set-up. `turns_s` holds the seconds of each turn on the two sizes of `events`; there is
    none where quick mode has no time for two. The rate is their median, `rate_range_hz` its lowest and highest: of
    several rounds, of the `timing_resolution.fastest` of each. What was not resolved is None. `repeated` attempts were
    disturbed and taken again, `disturbed` turns count although all their attempts were.
    """

    events: tuple[int, int]
    import_s: float | None
    first_run_s: float | None
    start_s: float | None
    turns_s: list[tuple[float, ...]]
    warm_rate_hz: float | None
    rate_range_hz: tuple[float, float] | None
    repeated: int
    disturbed: int
    peak_memory_mb: float
    bytes_read: int


@dataclass(frozen=True)
class Timing:
    """The timing of one recipe; `as_dict` is what is recorded, `table` what the page shows."""

    recipe: str
    key: str | None
    mode: str
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
        """Return how many times longer than the read floor `engine` takes per event; None where not resolved."""
        rate, floor = self.engines[engine].warm_rate_hz, self.engines[FLOOR].warm_rate_hz
        return floor / rate if rate and floor else None

    def table(self) -> pd.DataFrame:
        """Return one row per measured quantity, one column per engine and variant."""
        return pd.DataFrame(
            {
                _name(kind): timing_resolution.column(vars(engine), self.floor_ratio(kind))
                for kind, engine in self.engines.items()
            }
        )

    def caption(self) -> str:
        """Return mode, input, turns, machine, versions and date in a sentence or two."""
        engines = self.engines.values()
        sizes = {kind: _sizes(e.events) for kind, e in self.engines.items()}
        sizes |= {kind: "no time for two turns" for kind, e in self.engines.items() if not e.turns_s}
        others = "".join(f" ({_name(kind)}: {text})" for kind, text in sizes.items() if text != sizes[FLOOR])
        return _caption(
            self.mode,
            sizes[FLOOR] + others,
            [len(engine.turns_s) for engine in engines],
            sum(engine.repeated for engine in engines),
            sum(engine.disturbed for engine in engines),
            {**self.input, "machine": self.machine, "versions": self.versions, "date": self.date},
        )

    def _repr_html_(self) -> str:
        return f"{self.table().to_html()}<p>{self.caption()}</p>"

    def __repr__(self) -> str:
        return f"{self.table().to_string()}\n{self.caption()}"


@dataclass(frozen=True)
class Breakdown:
    """What each step of a chain adds to the time per event; `table` is what the page shows.

    `added_us` has, for each engine, the time in microseconds per event on one core that the run without any step takes,
    and after it what each step adds: median, lowest and highest of the turns; None where they do not resolve it.
    """

    steps: tuple[str, ...]
    added_us: dict[str, list[Added | None]]
    about: str

    def table(self) -> pd.DataFrame:
        """Return a row for each step, a column for each engine."""
        columns = {f"{title(engine)} [µs/event]": [_step(a) for a in added] for engine, added in self.added_us.items()}
        return pd.DataFrame(columns, index=["no step", *(f"+ {step}" for step in self.steps)])

    def _repr_html_(self) -> str:
        return f"{self.table().to_html()}<p>{self.about}</p>"

    def __repr__(self) -> str:
        return f"{self.table().to_string()}\n{self.about}"


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of a timing record."""
    return dict(json.loads(resources.files("cookbook").joinpath("timing_schema.json").read_text()))


def mode() -> Mode:
    """Return how to time, from the variable COOKBOOK_TIMING."""
    asked = os.environ.get("COOKBOOK_TIMING") or "careful"
    for known in get_args(Mode):
        if asked == known:
            chosen: Mode = known
            return chosen
    raise TimingError(f"COOKBOOK_TIMING is '{asked}'; it must be one of {', '.join(get_args(Mode))}")


def measure(
    recipe: str | Path | Recipe,
    files: Files,
    events: tuple[int, int] | None = DEFAULT_EVENTS,
    rounds: int = ROUNDS,
    parameters: Mapping[str, Any] | None = None,
) -> Timing | str:
    """Time both engines of a recipe, at most one other variant, and the read floor.

    The recipe is read from its saved notebook: save the notebook before timing a change.

    Parameters
    ----------
    recipe
        Slug or notebook path.
    files
        The recipe's input; larger inputs are made of it by copying clusters into the cache, smaller ones by slicing.
    events
        Events of the small and of the large input; None does not time. In quick mode the larger is the most that is
        timed.
    rounds
        How often each engine gets a fresh process, in which it takes three turns. One in quick mode.
    parameters
        Values in place of the recipe's, where those suit its small sample and not the inputs that are timed.

    Returns
    -------
    Timing
        Also written to ``$COOKBOOK_TIMINGS/<slug>.json`` where that variable names a folder, with the key that
        COOKBOOK_TIMING_KEY holds.
    """
    chosen = mode()
    if events is None or chosen == "off":
        return "Not timed."
    recipe = recipe if isinstance(recipe, Recipe) else load(recipe)
    kinds = _kinds(recipe)
    rounds = 1 if chosen == "quick" else rounds
    jobs = [_round(recipe, kinds, files, events, parameters or {}) for _ in range(rounds)]
    result = Timing(
        recipe=recipe.slug,
        key=os.environ.get("COOKBOOK_TIMING_KEY") or None,
        mode=chosen,
        **_where(),
        input={**_input(recipe, files), "rounds": rounds, "parameters": dict(parameters or {})},
        engines={kind: _summary([job[kind] for job in jobs]) for kind in kinds},
    )
    _record(result)
    return result


def parameters_of(recipe: Recipe) -> dict[str, Any]:
    """Return the `parameters` that a recipe's page gives to `measure`: literal values, empty where it gives none."""
    cells = [ast.parse(cell.source) for cell in recipe.cells if "timing" in cell.tags]
    calls = [node for cell in cells for node in ast.walk(cell) if isinstance(node, ast.Call)]
    given = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "parameters"]
    return dict(ast.literal_eval(given[0])) if given else {}


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
    chosen = mode()
    if events is None or chosen == "off":
        return "Not timed."
    if chosen == "quick":
        return "Timed with care alone: two turns of every chain take longer than a quick timing may."
    recipe = recipe if isinstance(recipe, Recipe) else load(recipe)
    # the whole chain first: what is compiled for it serves the shorter ones
    cases = [{parameter: list(steps[:length])} for length in range(len(steps), -1, -1)]
    sizes = Sizes(files)
    chains = {}
    with workers(recipe, ENGINES, sizes.of(_first(events))[0], cases) as started:
        for engine, worker in started.items():
            # A step is what lies between two chains that follow each other: the shorter comes first.
            entries = [Entry(worker, case) for case in reversed(range(len(cases)))]
            _take_chains(entries, sizes, events, recipe.path)
            chains[engine] = entries
    turns = [turn for entries in chains.values() for entry in entries for turn in entry.turns]
    resolved: dict[str, list[Added | None]] = {engine: _added(entries) for engine, entries in chains.items()}
    about = _caption(
        chosen,
        "; ".join(f"{title(engine)} {_sizes(entries[0].counts)}" for engine, entries in chains.items()),
        [len(entry.turns) for entries in chains.values() for entry in entries],
        sum(turn.repeated for turn in turns),
        sum(bool(turn.disturbances) for turn in turns),
        {**_input(recipe, files), **_where()},
    )
    return Breakdown(tuple(steps), resolved, about)


def _take_chains(entries: Sequence[Entry], sizes: Sizes, events: tuple[int, int], name: Path) -> None:
    """Let the chains of one engine take their turns, the whole chain first: it compiles for the others."""
    clock = Clock()
    first, held = sizes.of(_first(events))
    entries[-1].probe(first, held, clock)
    for entry in entries[:-1]:
        entry.worker.ask((entry.case, [first], 1))  # compiles
        entry.probe(first, held, clock)
    take(entries, _prepare(entries, sizes, events, clock, name), clock)


def _kinds(recipe: Recipe) -> list[str]:
    """Return what is timed: the recommended way of each engine, the read floor, and with care at most one other way."""
    variants = recipe.variants()
    others = [f"run_{variant}" for variant in variants if variant not in ENGINES]
    if len(others) > 1:
        raise TimingError(
            f"{recipe.path}: {', '.join(others)} stand beside run_coffea and run_rdataframe; at most one other way is "
            "timed, so give the others names that do not begin with run_coffea or run_rdataframe"
        )
    # what another way costs is told with care alone: its process and its turns would take half of a quick timing
    return [*(ENGINES if mode() == "quick" else variants), FLOOR]


def _first(events: tuple[int, int]) -> int:
    """Return on how many events the first run is."""
    return max(1, events[0] // QUICK_SCALE) if mode() == "quick" else events[0]


def _round(
    recipe: Recipe, kinds: Sequence[str], files: Files, events: tuple[int, int], parameters: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Time every kind of process from its start, warm runs in turns, and return what was measured of each."""
    sizes = Sizes(files)
    first, held = sizes.of(_first(events))
    with workers(recipe, kinds, first, [parameters]) as started:
        entries = {kind: Entry(worker) for kind, worker in started.items()}
        clock = Clock(QUICK_S) if mode() == "quick" else Clock()
        recommended = [entries[kind] for kind in (*ENGINES, FLOOR)]
        others = [entry for kind, entry in entries.items() if kind not in (*ENGINES, FLOOR)]
        turns = 0
        for group in filter(None, (recommended, others)):
            for entry in group:
                entry.probe(first, held, clock)
                entry.counts = (held, held)
            turns = max(turns, _prepare(group, sizes, events, clock, recipe.path))
        take((*recommended, *others), turns, clock)
        return {
            kind: {**entry.worker.started, **vars(entry), **entry.worker.ask(None)} for kind, entry in entries.items()
        }


def _prepare(entries: Sequence[Entry], sizes: Sizes, events: tuple[int, int], clock: Clock, name: Path) -> int:
    """Give entries, which were probed once, the same files of two sizes; return how many turns to take.

    The clock should show no more than its limit after them. An entry of which that leaves no time for two turns gets no
    files, and takes none.
    """
    turns = TURNS
    if mode() == "quick":
        left_s = clock.limit_s - clock.spent_s
        entries = [e for e in entries if e.probed[0][1] * (2 * LEAST_TURNS - 1) <= left_s]
        if not entries:
            return 0
        one = entries[0].probed[0][0], sum(entry.probed[0][1] for entry in entries)
        files, held = sizes.of(second(one[0], events))
        other = held, sum(entry.probe(files, held, clock) for entry in entries)
        large, turns = plan(one, other, events[1], clock.limit_s - clock.spent_s)
        events = one[0], large
    made, counts = sizes.pair(events, name)
    for entry in entries:
        line = Line.through(entry.probed[0], entry.probed[-1])
        entry.sizes, entry.counts = made, counts
        entry.times = times(line.seconds(counts[1]))
        entry.cost_s = entry.times * sum(line.seconds(count) for count in counts)
        entry.reuse(clock)
    return turns


def _summary(jobs: Sequence[Mapping[str, Any]]) -> EngineTiming:
    """Return what rounds of the same kind of process measured."""
    turns: list[Turn] = [turn for job in jobs for turn in job["turns"]]
    rounds, events = [[turn.seconds for turn in job["turns"]] for job in jobs], jobs[0]["counts"]
    read = [turn.bytes_read for turn in turns] or [job["probes"][-1][1]["bytes_read"] for job in jobs]
    rate, spread = timing_resolution.rate(events, timing_resolution.fastest(rounds)) or (None, None)
    return EngineTiming(
        events=events,
        import_s=_median(job["import_s"] for job in jobs),
        first_run_s=_median(job["first_run_s"] for job in jobs),
        start_s=_median(map(_start_s, jobs)),
        turns_s=[turn.seconds for turn in turns],
        warm_rate_hz=rate,
        rate_range_hz=spread,
        repeated=sum(turn.repeated for turn in turns),
        disturbed=sum(bool(turn.disturbances) for turn in turns),
        peak_memory_mb=statistics.median(job["peak_memory_mb"] for job in jobs),
        bytes_read=int(statistics.median(read)),
    )


def _start_s(job: Mapping[str, Any]) -> float | None:
    """Return the seconds before the event loop: definition, and the first run without what a warm one takes."""
    if job["import_s"] is None or job["first_run_s"] is None:
        return None
    return float(job["import_s"] + max(0.0, job["first_run_s"] - job["probes"][0][1]["seconds"][0]))


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _added(chains: Sequence[Entry]) -> list[Added | None]:
    """Return what each chain adds to the one before it, in microseconds per event."""
    turns = zip(*([turn.seconds for turn in chain.turns] for chain in chains), strict=False)  # of the last, some lack
    more = chains[0].counts[1] - chains[0].counts[0]
    return timing_resolution.steps([[1e6 * (large - small) / more for small, large in turn] for turn in turns])


def _step(added: Added | None) -> str:
    return NOT_RESOLVED if added is None else "{:.2f} [{:.2f} to {:.2f}]".format(*added)


def _sizes(counts: Sequence[int]) -> str:
    return " and ".join(f"{n:,}" for n in counts)


def _name(kind: str) -> str:
    return "read floor" if kind == FLOOR else title(kind)


def _where() -> dict[str, Any]:
    """Return what every figure depends on: date, machine and versions."""
    date = datetime.now(UTC).date().isoformat()
    return {"date": date, "machine": machine(), "versions": versions((*PACKAGES, "numpy"))}


def _input(recipe: Recipe, files: Files) -> dict[str, Any]:
    names = list(files) if isinstance(files, Mapping) else [Path(path).stem for path in files]
    return {"name": ", ".join(names), "branches": sum(len(b) for b in recipe.branches(recipe.parameters()).values())}


def machine() -> dict[str, Any]:
    """Say what this machine is, as a record of timings does: name, processor, number of cores and operating system."""
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
    how: str, sizes: str, turns: Sequence[int], repeated: int, disturbed: int, about: Mapping[str, Any]
) -> str:
    """Return mode, input, turns and machine in a sentence."""
    machine = about["machine"]
    taken = " to ".join(str(n) for n in dict.fromkeys((min(turns), max(turns))))
    rounds = f" in {about['rounds']} rounds" if about.get("rounds", 1) > 1 else ""
    return (
        f"{how.capitalize()} timing: {sizes} events of {about['name']}, {about['branches']} branches declared"
        f"{timing_resolution.replaced(about)}; one thread on {machine['processor']} ({machine['cores']} cores); "
        f"{taken} turns{rounds}, range in brackets; "
        f"disturbed attempts repeated: {repeated}, turns disturbed to the end: {disturbed}; "
        f"{', '.join(f'{name} {version}' for name, version in about['versions'].items())}; {about['date']}."
    )


def _record(timing: Timing) -> None:
    record = timing.as_dict()
    jsonschema.validate(record, schema())
    folder = os.environ.get("COOKBOOK_TIMINGS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, f"{timing.recipe}.json").write_text(json.dumps(record, indent=1) + "\n")
