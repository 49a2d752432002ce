"""The processes that are timed, and the turns that they take: disturbed ones again, no more than there is time for."""

from __future__ import annotations

import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cookbook.recipe import Files, Recipe
from cookbook.timing_resolution import LEAST_TURNS

__all__ = ["REPEATS", "Clock", "Entry", "TimingError", "Turn", "Worker", "take", "workers"]

#: How often a turn is repeated because the machine was busy. Of all attempts the shortest counts: what disturbs a run
#: only adds to its time.
REPEATS = 2


class TimingError(RuntimeError):
    """What was asked for can't be timed, or a measuring process failed; the message says why."""


@dataclass(frozen=True)
class Turn:
    """One turn: its seconds on each size, how often it was repeated, and what disturbed the attempt that counts."""

    seconds: tuple[float, ...]
    repeated: int
    disturbances: tuple[str, ...]
    bytes_read: int


@dataclass
class Clock:
    """How many seconds of warm runs were spent, and how many may be."""

    limit_s: float = math.inf
    spent_s: float = 0.0

    def allows(self, seconds: float) -> bool:
        """Say whether so many seconds more are within the limit."""
        return self.spent_s + seconds <= self.limit_s


class Worker:
    """A process that has imported, defined and once run one engine of a recipe, and now waits for its turns.

    With `parameters`, sets of values for the recipe's, it defines the engine for each and has run it with the first.
    """

    def __init__(
        self, recipe: Recipe, kind: str, first: Files, errors: IO[str], parameters: Sequence[Mapping[str, Any]] = ({},)
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
        job = {"notebook": str(recipe.path), "kind": kind, "first": first, "parameters": parameters}
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


@contextmanager
def workers(
    recipe: Recipe, kinds: Sequence[str], first: Files, parameters: Sequence[Mapping[str, Any]] = ({},)
) -> Iterator[dict[str, Worker]]:
    """Start a process of each kind, one after the other, and end them all."""
    with ExitStack() as stack:
        errors = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in kinds]
        yield {
            kind: stack.enter_context(closing(Worker(recipe, kind, first, log, parameters)))
            for kind, log in zip(kinds, errors, strict=True)
        }


@dataclass
class Entry:
    """Who takes turns: a worker with one of its sets of parameters, on which files, and what a turn may cost.

    A short run is timed over several `times` in a row, of which the mean counts. `probes` are single runs, each with
    its number of events.
    `counts` are the events of the `sizes`.
    """

    worker: Worker
    case: int = 0
    sizes: Sequence[Files] = ()
    counts: tuple[int, int] = (0, 0)
    times: int = 1
    cost_s: float = 0.0
    turns: list[Turn] = field(default_factory=list)
    probes: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def probe(self, files: Files, events: int, clock: Clock) -> float:
        """Run once on some files, note it and return the seconds."""
        self.probes.append((events, self._ask([files], 1, clock)))
        return self.probed[-1][1]

    @property
    def probed(self) -> list[tuple[int, float]]:
        """Events and seconds of each probe."""
        return [(events, float(answer["seconds"][0])) for events, answer in self.probes]

    def reuse(self, clock: Clock) -> None:
        """Let the probes count as the first turn if they were on just the two sizes, and undisturbed or the last."""
        found = dict(self.probes)
        if not set(self.counts) <= set(found):
            return
        small, large = (found[events] for events in self.counts)
        disturbances = (*small["disturbances"], *large["disturbances"])
        if not clock.allows(self.cost_s) or (self.times == 1 and not disturbances):
            seconds = (small["seconds"][0], large["seconds"][0])
            self.turns.append(Turn(seconds, 0, tuple(dict.fromkeys(disturbances)), large["bytes_read"]))

    def attempt(self, clock: Clock) -> dict[str, Any]:
        """Run on all sizes, and return what the worker measured."""
        return self._ask(self.sizes, self.times, clock)

    def _ask(self, sizes: Sequence[Files], times: int, clock: Clock) -> dict[str, Any]:
        answer = self.worker.ask((self.case, sizes, times))
        clock.spent_s += answer["wall_s"]
        return answer


def take(entries: Iterable[Entry], turns: int, clock: Clock) -> None:
    """Let all take their turns up to so many, one after the other, and note them.

    The first turn is always taken, any other where the clock allows; a disturbed one is taken again where it allows
    that beside the turns without which nothing is resolved.
    """
    entries = list(entries)
    for number in range(turns):
        for entry in entries:
            if entry.sizes and len(entry.turns) <= number and (number == 0 or clock.allows(entry.cost_s)):
                others_s = sum(other.cost_s * max(0, LEAST_TURNS - len(other.turns)) for other in entries)
                entry.turns.append(_undisturbed(entry, clock, others_s - entry.cost_s))


def _undisturbed(entry: Entry, clock: Clock, kept_s: float) -> Turn:
    """Take a turn, and again while it is disturbed and there is more time than is kept; return the shortest attempt."""
    attempts = [entry.attempt(clock)]
    entry.cost_s = max(entry.cost_s, attempts[0]["wall_s"])
    while attempts[-1]["disturbances"] and len(attempts) <= REPEATS and clock.allows(entry.cost_s + kept_s):
        attempts.append(entry.attempt(clock))
    quiet = [attempt for attempt in attempts if not attempt["disturbances"]]
    best = min(quiet or attempts, key=lambda attempt: sum(attempt["seconds"]))
    return Turn(tuple(best["seconds"]), len(attempts) - 1, tuple(best["disturbances"]), best["bytes_read"])


def _environment() -> dict[str, str]:
    """Return the variables of a worker: one thread in every library, and this very package.

    How ROOT compiles is the choice of the recipe's set-up cell, which the worker executes; that of another recipe,
    which may have run in this process, does not count.
    """
    one_thread = {f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")}
    paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH")]
    inherited = {name: value for name, value in os.environ.items() if name != "EXTRA_CLING_ARGS"}
    return {**inherited, **one_thread, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
