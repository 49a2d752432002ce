"""Read the ledgers of faults: how many of those put into each recipe were noticed, and which change nothing.

A ledger is ``tests/recipes/<slug>/faults.toml``, written by ``make faults``.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LETTERS", "Harmless", "Ledger", "LedgerError", "read", "totals"]

LETTERS: Mapping[str, str] = {"found": "f", "ended": "e", "harmless": "h"}
FIELDS = {"key", "digest", *LETTERS, "verdicts", "fault"}


class LedgerError(ValueError):
    """A ledger cannot be read; the message names the file, the fault and the fix."""


@dataclass(frozen=True)
class Harmless:
    """A fault that changes no result: the engine, its kind, the line it makes or drops, and the reason."""

    engine: str
    kind: str
    line: str
    reason: str = ""


@dataclass(frozen=True)
class Ledger:
    """What became of every fault of a recipe, a letter each in their order, and the key of what they were put into."""

    key: str
    verdicts: str
    harmless: Sequence[Harmless] = ()

    def count(self, end: str) -> int:
        """Return how many faults were ``found`` by the gate, ``ended`` in an error, or are ``harmless``."""
        return Counter(self.verdicts)[LETTERS[end]]

    @property
    def noticed(self) -> int:
        """Number of the faults that the gate or an error found."""
        return self.count("found") + self.count("ended")

    @property
    def score(self) -> float:
        """Share of the faults that were noticed; 0 where there is none."""
        return self.noticed / max(len(self.verdicts), 1)

    @property
    def digest(self) -> str:
        """SHA-256 of everything but the reasons, which are written by hand."""
        faults = [(fault.engine, fault.kind, fault.line) for fault in self.harmless]
        return hashlib.sha256(repr([self.key, self.verdicts, faults]).encode()).hexdigest()


def read(path: Path) -> Ledger:
    """Read a ledger, and check that it says what was written into it.

    Raises
    ------
    LedgerError
        If there is none, or its content is not what `make faults` wrote, but for the reasons.
    """
    fix = f"run: make faults NAME={path.parent.name}"
    if not path.is_file():
        raise LedgerError(f"{path}: no ledger of faults; {fix}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        faults = [Harmless(**fault) for fault in content.get("fault", ())]
        ledger = Ledger(content["key"], content["verdicts"], faults)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise LedgerError(f"{path}: not a ledger of faults ({type(error).__name__}: {error}); {fix}") from error
    counts = {end: ledger.count(end) for end in LETTERS}
    if set(content) - FIELDS or content["digest"] != ledger.digest or counts != {e: content.get(e) for e in LETTERS}:
        raise LedgerError(f"{path}: edited by hand, where only reasons may be; {fix}")
    return ledger


def totals(repository: Path) -> dict[str, Ledger]:
    """Return the ledgers of all recipes that have one, by slug."""
    paths = sorted((repository / "tests" / "recipes").glob("*/faults.toml"))
    return {path.parent.name: read(path) for path in paths}
