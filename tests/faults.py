"""Judge the faults of recipes, and keep the verdicts in a ledger: ``python -m faults <slug> …``."""

import ast
import inspect
import json
import random
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import mutations
from by_recipe import cpu_seconds
from cookbook import agreement, keys, recipe, roothist
from cookbook.ledgers import LETTERS, Harmless, Ledger, LedgerError, read
from mutations import Mutation

__all__ = ["drawn", "faults_key", "judged", "ledger_of", "path_of", "problems", "unexplained", "written"]

SAMPLE = 5
HEADER = """\
# Written by `make faults NAME={slug}`. Only reasons are written by hand.
# Verdicts stand in the order of the faults: f found by the gate, e ended in an error, h harmless.
"""


def path_of(slug: str) -> Path:
    """Return the place of a recipe's ledger."""
    return Path(__file__).parent / "recipes" / slug / "faults.toml"


def faults_key(subject: recipe.Recipe) -> str:
    """Return the key of what is judged: both halves, the gate, and the faults that are put in."""
    tags = {recipe.SETUP, "parameters", *recipe.ENGINES}
    common = [cell.metadata.get("cookbook", {}).get("common") for cell in subject.notebook.cells]
    halves = [cell for engine in recipe.ENGINES for cell in subject.source(engine)]
    halves = [cell for cell in halves if common[cell.index] not in mutations.NOT_PHYSICS]
    others = [cell for cell in subject.cells if not cell.tags & {*recipe.ENGINES}]
    judged = sorted([*halves, *others], key=lambda cell: cell.index)
    cells = [f"{sorted(cell.tags & tags)}\n{cell.source}" for cell in judged if cell.tags & tags]
    # comments and layout change no verdict
    tools = [ast.dump(ast.parse(inspect.getsource(module))) for module in (agreement, roothist, mutations)]
    return keys.digest(*cells, *tools)


def drawn(key: str, count: int, day: date) -> list[int]:
    """Return the numbers of the faults to judge again: a few, others each week, the same all week."""
    year, week, _ = day.isocalendar()
    return sorted(random.Random(f"{key} {year}-{week}").sample(range(count), min(SAMPLE, count)))


def judged(subject: recipe.Recipe, chosen: Sequence[Mutation]) -> str:
    """Judge faults, and return the letter of each verdict."""
    import mutants  # which imports ROOT

    ends = {"found": "found", "missed": "harmless"}
    verdicts = mutants.verdicts(subject, chosen)
    return "".join(LETTERS[ends.get(verdict.text.split()[0], "ended")] for verdict in verdicts)


def ledger_of(key: str, faults: Sequence[Mutation], verdicts: str, reasons: Mapping[str, str]) -> Ledger:
    """Return the ledger of all faults, the harmless ones with the reasons known for their lines."""
    passed = [fault for fault, end in zip(faults, verdicts, strict=True) if end == LETTERS["harmless"]]
    harmless = [Harmless(f.engine, f.kind, f.line, reasons.get(f.line, "")) for f in passed]
    return Ledger(key, verdicts, list(dict.fromkeys(harmless)))


def reasons_in(path: Path) -> dict[str, str]:
    """Return the reasons that a ledger has, by line, whatever else it says."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return {fault["line"]: fault["reason"] for fault in content.get("fault", ())}
    except FileNotFoundError:
        return {}


def written(ledger: Ledger, slug: str) -> str:
    """Return the text of a ledger."""
    head = {"key": ledger.key, "digest": ledger.digest, **{end: ledger.count(end) for end in LETTERS}}
    lines = [_toml({**head, "verdicts": ledger.verdicts})]
    lines += [f"[[fault]]\n{_toml(vars(fault))}" for fault in ledger.harmless]
    return HEADER.format(slug=slug) + "\n".join(lines)


def _toml(values: Mapping[str, object]) -> str:
    # text in JSON is text in TOML
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())


def unexplained(ledger: Ledger) -> list[str]:
    """Return the faults that passed the gate and have no reason."""
    return [f"{fault.engine}: {fault.kind}: {fault.line}" for fault in ledger.harmless if not fault.reason.strip()]


def problems(
    path: Path,
    key: str,
    faults: Sequence[Mutation],
    judge: Callable[[Sequence[Mutation]], str],
    numbers: Sequence[int],
) -> list[str]:
    """Return what is wrong with a ledger, and the faults of which it says something else than the gate.

    Parameters
    ----------
    path
        Place of the ledger.
    key, faults
        What the recipe has now.
    judge
        Gives the letters of the verdicts.
    numbers
        The faults to judge again. Where the ledger is of another key, or not as it was written, all are.
    """
    stale = f"{path}: of another state of the recipe or of the gate; run: make faults NAME={path.parent.name}"
    try:
        ledger = read(path)
        found = [] if ledger.key == key and len(ledger.verdicts) == len(faults) else [stale]
    except LedgerError as error:
        found = [str(error)]
    if found:
        fresh = ledger_of(key, faults, judge(faults), reasons_in(path))
        return [*found, *(f"passed the gate: {fault}" for fault in unexplained(fresh))]
    again = zip(numbers, judge([faults[i] for i in numbers]), strict=True)
    return [
        *(f"no reason why it passes the gate: {fault}" for fault in unexplained(ledger)),
        *(f"{faults[i]}: {end}, the ledger says {ledger.verdicts[i]}" for i, end in again if other(end, ledger, i)),
    ]


def other(end: str, ledger: Ledger, number: int) -> bool:
    """Return whether a fault was noticed now and not then, or the reverse.

    How it was noticed may change: what is read beyond the end of an array is another value, or a crash.
    """
    return (end == LETTERS["harmless"]) != (ledger.verdicts[number] == LETTERS["harmless"])


def main(slugs: Sequence[str]) -> int:
    """Judge every fault of recipes, write their ledgers, and return 1 where one passed without a reason."""
    status = 0
    for slug in slugs:
        since, used, subject = time.monotonic(), cpu_seconds(), recipe.load(slug)
        faults, path = list(mutations.mutations(subject)), path_of(slug)
        ledger = ledger_of(faults_key(subject), faults, judged(subject, faults), reasons_in(path))
        path.parent.mkdir(exist_ok=True)
        path.write_text(written(ledger, slug), encoding="utf-8")
        counts = ", ".join(f"{ledger.count(end)} {end}" for end in LETTERS)
        cost = f"{time.monotonic() - since:.0f} s, {cpu_seconds() - used:.0f} CPU s"
        print(f"{slug}: {len(faults)} faults: {counts}; {cost}", flush=True)
        for fault in unexplained(ledger):
            print(f"  passed the gate; catch it, or write the reason into {path}:\n    {fault}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
