"""When a measured figure counts as resolved: what is not is never shown as a number."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

__all__ = [
    "FACTOR",
    "FLOOR",
    "LEAST_TURNS",
    "NOT_RESOLVED",
    "column",
    "consistent",
    "fastest",
    "rate",
    "rates",
    "replaced",
    "steps",
]

#: The kind of process that reads the declared branches and does nothing else.
FLOOR = "floor"
NOT_RESOLVED: Final = "not resolved"
#: Turns of one quantity that differ by more than this show the machine, not the engine.
FACTOR = 2.0
#: One turn says nothing about how far the next would have been from it.
LEAST_TURNS = 2


def consistent(values: Sequence[float | None]) -> bool:
    """Say whether values of the same quantity are known, of one sign and within `FACTOR` of each other."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known or min(known) * max(known) <= 0:
        return False
    sizes = [abs(value) for value in known]
    return max(sizes) <= FACTOR * min(sizes)


def fastest(rounds: Sequence[Sequence[Sequence[float]]]) -> list[Sequence[float]]:
    """Return one turn of each round, made of its shortest run of each size; of a single round, its turns.

    What disturbs a run only adds to its time. Rounds are of processes of their own: what differs between them is the
    engine's as well as the machine's.
    """
    if len(rounds) == 1:
        return list(rounds[0])
    return [[min(runs) for runs in zip(*turns, strict=True)] for turns in rounds if turns]


def rates(events: Sequence[int], turns: Sequence[Sequence[float]]) -> list[float | None]:
    """Return the events per second of turns on two sizes; None where the larger took no longer than the smaller."""
    more = events[1] - events[0]
    return [more / (large - small) if large > small and more > 0 else None for small, large in turns]


def rate(events: Sequence[int], turns: Sequence[Sequence[float]]) -> tuple[float, tuple[float, float]] | None:
    """Return the median rate of the turns with its lowest and highest; None where it is not resolved."""
    found = rates(events, turns)
    if len(found) < LEAST_TURNS or not consistent(found):
        return None
    known = [value for value in found if value is not None]
    return statistics.median(known), (min(known), max(known))


def steps(turns: Sequence[Sequence[float]]) -> list[tuple[float, float, float] | None]:
    """Return what each step adds: the median of the turns, the lowest and the highest; None where it is not resolved.

    A turn holds the time per event of chains of growing length. Chains that follow each other are timed one after the
    other, so that a slow drift of the machine is in both.
    """
    added = [[chain[0], *(b - a for a, b in pairwise(chain))] for chain in turns]
    return [
        (statistics.median(values), min(values), max(values))
        if len(values) >= LEAST_TURNS and consistent(values)
        else None
        for values in zip(*added, strict=True)
    ]


def replaced(about: Mapping[str, Any]) -> str:
    """Write the values that stood in place of the recipe's, a comma before each: ", CHUNK = 100000".

    Parameters
    ----------
    about
        The `input` of a record, which has `parameters` where there were such values.
    """
    return "".join(f", {name} = {value}" for name, value in about.get("parameters", {}).items())


def column(engine: Any, ratio: float | None) -> dict[str, str]:
    """Write what was measured of an engine: one text for each quantity, in which nothing unresolved is a number.

    Parameters
    ----------
    engine
        The record of an engine, as ``timing_schema.json`` describes it.
    ratio
        Its time per event over that of the read floor.
    """
    return {
        "imports and declarations [s]": _seconds(engine["import_s"]),
        "first run, with compilation [s]": _seconds(engine["first_run_s"]),
        "warm rate [10³ events/s per core]": _rate(engine),
        "time per event over the read floor": NOT_RESOLVED if ratio is None else f"{ratio:.1f}",
        "peak memory [MB]": f"{engine['peak_memory_mb']:,.0f}",
        "read [bytes/event]": f"{engine['bytes_read'] / engine['events'][1]:,.0f}",
    }


def _seconds(value: float | None) -> str:
    return NOT_RESOLVED if value is None else f"{value:.1f}"


def _rate(engine: Any) -> str:
    if engine["warm_rate_hz"] is None:
        return NOT_RESOLVED
    low, high = engine["rate_range_hz"]
    return f"{_thousands(engine['warm_rate_hz'])} [{_thousands(low)} to {_thousands(high)}]"


def _thousands(value: float) -> str:
    return f"{value / 1e3:.1f}" if value < 1e4 else f"{value / 1e3:,.0f}"
