"""What the recipes' timings say: which tool ends first, from how many events on, and the medians over all.

A job of n events is taken to cost what was measured before its event loop (imports, compilation, set-up) and n over
the warm rate, on one core. Nothing here is typed in, and nothing that was not resolved becomes a number.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonschema

from cookbook.recipe import engine_of, title
from cookbook.timing import schema
from cookbook.timing_resolution import FACTOR, FLOOR, NOT_RESOLVED

__all__ = ["Overall", "Record", "Timed", "break_even", "duration", "fastest", "floor_ratio", "job_seconds", "load"]
__all__ += ["load_bench", "overall", "start", "variants", "verdict"]

#: One recipe's timing, as ``timing_schema.json`` describes it.
Record = dict[str, Any]
#: Which of a rate's turns: their median, the slowest, the fastest.
Which = Literal["median", "slowest", "fastest"]

TOOLS = ("coffea", "rdataframe")
#: Two jobs whose durations differ by less than this are called equal: builds differ by as much.
SAME = 0.1


@dataclass(frozen=True)
class Timed:
    """The records of recipes in their present state, sorted by recipe, and the recipes that have none."""

    records: list[Record]
    missing: list[str]

    def notice(self) -> str:
        """Return a sentence that names the recipes without a timing; empty where there are none."""
        return f"Not timed in its present state: {', '.join(self.missing)}." if self.missing else ""


@dataclass(frozen=True)
class Overall:
    """Medians of one tool's recommended way: seconds before the loop, events per second, peak memory in MB."""

    start_s: float
    rate_hz: float
    peak_memory_mb: float


def _validated(record: Record) -> Record:
    jsonschema.validate(record, schema())
    return record


def load(keys: Mapping[str, str] | None, folder: Path | None = None) -> Timed:
    """Read the timings of recipes in their present state.

    Parameters
    ----------
    keys
        The present timing key of each recipe, by slug. A record with another key, or of another form, is of another
        state. None takes all records as they are.
    folder
        Where the recipes left them; by default the folder that ``COOKBOOK_TIMINGS`` names.
    """
    place = folder or Path(os.environ.get("COOKBOOK_TIMINGS", "_build/timings"))
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(place.glob("*.json"))}
    found = {slug: json.loads(text) for slug, text in texts.items()}
    if keys is None:
        return Timed([_validated(record) for record in found.values()], [])
    current = [slug for slug in sorted(keys) if found.get(slug, {}).get("key") == keys[slug]]
    return Timed([_validated(found[slug]) for slug in current], sorted(keys.keys() - set(current)))


def load_bench(folder: Path) -> tuple[str, list[Record]] | None:
    """Read the newest result file of ``make bench``: its name and records; None where there is none."""
    files = sorted(folder.glob("*.json"))
    if not files:
        return None
    return files[-1].stem, [_validated(record) for record in json.loads(files[-1].read_text(encoding="utf-8"))]


def start(record: Record, kind: str) -> float | None:
    """Return the seconds that a job spends before its event loop; None where they were not resolved."""
    seconds: float | None = record["engines"][kind]["start_s"]
    return seconds


def _rate(record: Record, kind: str, which: Which = "median") -> float | None:
    """Return a resolved rate in events per second, or the lowest or highest of its turns."""
    engine = record["engines"][kind]
    if engine["warm_rate_hz"] is None or engine["rate_range_hz"] is None:
        return None
    slowest, fastest = engine["rate_range_hz"]
    return float({"median": engine["warm_rate_hz"], "slowest": slowest, "fastest": fastest}[which])


def floor_ratio(record: Record, kind: str) -> float | None:
    """Return how many times longer than the read floor an engine takes per event; None where not resolved."""
    rate, floor = _rate(record, kind), _rate(record, FLOOR)
    return floor / rate if rate and floor else None


def job_seconds(record: Record, kind: str, events: float, which: Which = "median") -> float | None:
    """Return the seconds that a job of this many events takes on one core; None where not resolved."""
    before, rate = start(record, kind), _rate(record, kind, which)
    return None if before is None or rate is None else before + events / rate


def variants(record: Record, tool: str) -> list[str]:
    """List the tool and its other variants in a record."""
    return [kind for kind in record["engines"] if kind != FLOOR and engine_of(kind) == tool]


def fastest(record: Record, tool: str, events: float, which: Which = "median") -> tuple[float, str] | None:
    """Return the seconds and the name of the tool's variant whose job ends first.

    None where the recommended way was not resolved: another one must not stand for it. Another one that was not
    resolved does not count.
    """
    if job_seconds(record, tool, events, which) is None:
        return None
    ends = [(job_seconds(record, kind, events, which), kind) for kind in variants(record, tool)]
    return min((seconds, kind) for seconds, kind in ends if seconds is not None)


def verdict(record: Record, events: float) -> str:
    """Name what ends first and how long either tool takes.

    "either" where the ranges of the two overlap or they differ by less than `SAME`; or say that it was not resolved.
    """
    best = [found for tool in TOOLS if (found := fastest(record, tool, events))]
    if len(best) < len(TOOLS):
        return NOT_RESOLVED
    (first, winner), (second, loser) = sorted(best)
    latest, earliest = job_seconds(record, winner, events, "slowest"), job_seconds(record, loser, events, "fastest")
    if latest is None or earliest is None or latest >= earliest or second < first * (1 + SAME):
        return "either: " + " and ".join(duration(seconds) for seconds, _ in best)
    return f"{title(winner)}: {duration(first)} against {duration(second)}"


def break_even(record: Record) -> float | Literal["never", "not resolved"]:
    """Return the events from which the tool with the longer start ends first.

    Of each tool its fastest variant at that number of events counts. The number is resolved where it is the same within
    a factor of two whichever of their turns the tools are judged by; "never" where by none of them there is one.
    """
    if any(fastest(record, tool, 1.0) is None for tool in TOOLS):
        return NOT_RESOLVED
    ends: tuple[Which, Which] = ("slowest", "fastest")
    found = [_crossing(record, {"coffea": one, "rdataframe": other}) for one, other in itertools.product(ends, ends)]
    middle = _crossing(record, {"coffea": "median", "rdataframe": "median"})
    known = [events for events in (middle, *found) if events is not None]
    if not known:
        return "never"
    if middle is None or len(known) <= len(found) or max(known) > FACTOR * min(known):
        return NOT_RESOLVED
    return middle


def _crossing(record: Record, which: Mapping[str, Which]) -> float | None:
    """Return the last number of events at which the fastest variants of both tools take equally long."""
    crossings = []
    for pair in itertools.product(*(variants(record, tool) for tool in TOOLS)):
        events = _equal(record, pair, which)
        if events and [_winner(record, tool, events, which[tool]) for tool in TOOLS] == [*pair]:
            crossings.append(events)
    return max(crossings, default=None)


def _winner(record: Record, tool: str, events: float, which: Which) -> str | None:
    best = fastest(record, tool, events, which)
    return best[1] if best else None


def _equal(record: Record, pair: Sequence[str], which: Mapping[str, Which]) -> float | None:
    """Return the number of events at which two jobs take equally long; None where there is none."""
    one, other = pair
    starts = start(record, one), start(record, other)
    rates = [_rate(record, kind, which[engine_of(kind)]) for kind in pair]
    if None in starts or None in rates or rates[0] == rates[1]:
        return None
    events: float = (starts[1] - starts[0]) / (1 / rates[0] - 1 / rates[1])  # type: ignore[operator]
    return events if events > 0 else None


def overall(records: Sequence[Record]) -> tuple[dict[str, Overall], int]:
    """Return the medians of each tool's recommended way, and over how many recipes they are.

    Those in which start and rate of both tools were resolved: otherwise the tools' medians would be of different work.
    """
    both = [r for r in records if all(job_seconds(r, tool, 1.0) is not None for tool in TOOLS)]
    if not both:
        return {}, 0
    medians = {
        title(tool): Overall(
            *(
                statistics.median(r["engines"][tool][of] for r in both)
                for of in ("start_s", "warm_rate_hz", "peak_memory_mb")
            )
        )
        for tool in TOOLS
    }
    return medians, len(both)


def duration(seconds: float | None) -> str:
    """Write a duration with its unit, to two digits."""
    if seconds is None:
        return NOT_RESOLVED
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (48 * 3600, 3600, "h"), (math.inf, 86400, "d")):
        if seconds < limit:
            amount = seconds / size
            digits = f"{amount:#.2g}".removesuffix(".") if amount < 10 else f"{amount:.0f}"
            return f"{digits} {unit}"
    return f"{seconds} s"
