"""The files that are timed, and how many events they hold: enough to resolve a rate in the time there is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cookbook import inputs, sample
from cookbook.recipe import Files
from cookbook.timing_turns import TimingError

__all__ = ["GROWTH", "LEAST_RUN_S", "Line", "Sizes", "plan", "second", "sized", "times"]

#: The larger size holds at least so many times the events of the smaller.
GROWTH = 2
#: All events of a dataset are in one file.
ONE_FILE = 10**12
#: What is read off two runs is trusted for up to so many times the events.
REACH = 10
#: A run shorter than this is timed over several in a row: a tick of the machine would be a part of it.
LEAST_RUN_S = 0.05
MOST_TIMES = 20
#: No run is taken to last less than this, in seconds.
SOON_S = 1e-6
#: Share of the time left that the turns are planned to take: the rest is for those that are repeated.
PLANNED = 0.7
TURNS = (3, 2)
#: Sizes are of these digits alone, so that their files are found in the cache the next time.
DIGITS = (70, 50, 30, 20, 15, 10)


class Sizes:
    """Files of about as many events as asked for: each size is made once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._made: dict[int, tuple[Files, int]] = {}

    def of(self, events: int) -> tuple[Files, int]:
        """Return files of about so many events, and how many they hold."""
        if events not in self._made:
            files = sized(self._files, events)
            self._made[events] = found = files, inputs.events(files)
            self._made.setdefault(found[1], found)
        return self._made[events]

    def pair(self, events: tuple[int, int], name: object) -> tuple[list[Files], tuple[int, int]]:
        """Return files of two sizes, and how many events they hold."""
        (small, few), (large, many) = (self.of(size) for size in events)
        if many <= few:
            raise TimingError(
                f"{name}: both sizes are {few:,} events; ask for more than {events[0]:,} and {events[1]:,}"
            )
        return [small, large], (few, many)


def sized(files: Files, events: int) -> Files:
    """Return about so many `events` of files, datasets in the proportions they have: a slice, or copied clusters."""
    if isinstance(files, Mapping):
        total = inputs.events(files)
        return {
            name: _sized(members, max(1, round(events * inputs.events(members) / total)))
            for name, members in files.items()
        }
    return _sized(files, events)


def _sized(files: Sequence[str], events: int) -> list[str]:
    """Return one file: what each further one costs, above all coffea, would be taken for the time of its events."""
    held = inputs.events(files)
    alone = len(files) == 1 and events <= held
    whole = list(files) if alone else sample.enlarge(list(files), max(events, held), per_file=ONE_FILE)
    return list(sample.slice(whole, events)) if events < held else whole


@dataclass(frozen=True)
class Line:
    """Seconds that a run takes: fixed ones, and some for each event."""

    fixed_s: float
    per_event_s: float

    @classmethod
    def through(cls, one: tuple[int, float], other: tuple[int, float]) -> Line:
        """Return the line through two runs, (events, seconds); nothing in it is less than zero."""
        (few, short), (many, long) = sorted((one, other))
        if few == many:
            return cls(0.0, short / few)
        per_event = max(0.0, (long - short) / (many - few))
        return cls(max(0.0, short - per_event * few), per_event)

    def seconds(self, events: int) -> float:
        """Return the seconds of a run on so many events."""
        return self.fixed_s + self.per_event_s * events


def second(held: int, events: tuple[int, int]) -> int:
    """Choose the events of the second run in quick mode: the smaller size of careful timing, which is quick to run.

    What a run costs beside its events, a second and more for each engine, says nothing of what more events would cost.
    """
    return max(GROWTH * held, events[0])


def plan(first: tuple[int, float], other: tuple[int, float], most: int, left_s: float) -> tuple[int, int]:
    """Choose the larger size and the number of turns that resolve a rate within the time left.

    Parameters
    ----------
    first, other
        Events and seconds of two runs. The first's are the smaller size; the second's count as the larger one's unless
        there is time for twice as many.
    most
        Events that are never exceeded.
    left_s
        Seconds left for all turns.
    """
    line = Line.through(first, other)
    for turns in TURNS:
        room = (PLANNED * left_s / turns - first[1] - line.fixed_s) / max(line.per_event_s, SOON_S / most)
        large = _rounded(min(most, REACH * other[0], max(room, 1)))
        if large >= 2 * other[0]:
            return large, turns
        if large >= other[0]:
            return other[0], turns
    return other[0], TURNS[-1]


def times(seconds: float) -> int:
    """Return how often a run of so many seconds is timed in a row."""
    return max(1, min(MOST_TIMES, math.ceil(LEAST_RUN_S / max(seconds, SOON_S))))


def _rounded(events: float) -> int:
    """Round down to a size of the `DIGITS`."""
    whole = max(1, int(events))
    unit = 10 ** max(0, len(str(whole)) - 2)
    return next((digits * unit for digits in DIGITS if digits * unit <= whole), whole)
