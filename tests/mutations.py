"""Put single faults into the engine cells of a recipe: the ones analysts make.

A mutation changes one place of one cell. It works on the text, so it reaches the expressions in strings and the C++ as
well as the Python.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cookbook.recipe import ENGINES, Engine, Recipe

TURNED: Mapping[str, str] = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}

SWAPPED: Mapping[str, str] = {"eta": "phi", "phi": "eta"}
EXTREMES: Mapping[str, str] = {"argmin": "argmax", "argmax": "argmin", "max": "min", "Max": "Min", "all": "any"}

# name of the fault, where it applies, what takes the place
OPERATORS: tuple[tuple[str, str, Callable[[re.Match[str]], str]], ...] = (
    ("turn a comparison", r"(?<=\s)(>=|<=|==|!=|>|<)(?=\s)", lambda m: TURNED[m[0]]),
    ("and for or", r"&&|(?<=\s)&(?=\s)", lambda m: "||" if m[0] == "&&" else "|"),
    ("change a constant", r"(?<=[<>=] )\d+(?=[\s,)\"])", lambda m: str(int(m[0]) + 1)),
    ("tighten a cut", r"\b([A-Z]+_)*MIN_[A-Z_]+\b", lambda m: f"(1.1 * {m[0]})"),
    ("tighten a cut", r"\b([A-Z]+_)*MAX_[A-Z_]+\b", lambda m: f"(0.9 * {m[0]})"),
    ("drop a weight", r", weight=[^,()\n]+(?=\))", lambda m: ""),
    ("drop a weight", r", \"weight\"\)", lambda m: ")"),
    ("drop a weight", r"(?<=weights\.add\(\"generator\", )events\.genWeight", lambda m: "np.ones(len(events))"),
    ("drop a scale", r"scale \* ", lambda m: ""),
    ("forget the square", r"\"weight2\"(?=\))|\*\*2(?= for)", lambda m: '"weight"' if m[0][0] == '"' else ""),
    ("turn a sign", r"(?<=\s)[+-](?=\s)", lambda m: "-" if m[0] == "+" else "+"),
    ("other extreme", r"\b(argmin|argmax|max|Max|all)\(", lambda m: f"{EXTREMES[m[1]]}("),
    ("other branch", r"_(eta|phi)(?=\[|,)|\.(eta|phi)(?=\b)", lambda m: m[0][0] + SWAPPED[m[0][1:]]),
    ("drop a file", r"list\((files|paths)\)(?=[},])|(?<=\"Events\", )files(?=\))", lambda m: f"{m[0]}[:-1]"),
    (
        "skip a cut",
        r"\n *\.Filter\([^\n]*\)(?=\n)|(?<=Sum\()good_jet(?=\))",
        lambda m: "good_jet * 0" if m[0][0] == "g" else "",
    ),
    ("ignore a selection", r"\[good(_\{1\})?\]", lambda m: ""),
)

# Common cells that no histogram depends on; they have a test of their own in the contract.
NOT_PHYSICS = frozenset({"stop_at_errors"})


@dataclass(frozen=True)
class Mutation:
    """One fault: the engine and cell it is in, its kind, the line it makes or drops, and the cell's whole new text."""

    engine: Engine
    cell: int
    kind: str
    line: str
    source: str

    @property
    def replace(self) -> Mapping[int, str]:
        """The cell's new text by its index, as the loader takes it."""
        return {self.cell: self.source}

    def __str__(self) -> str:
        return f"{self.engine} cell {self.cell}: {self.kind}: {self.line}"


def mutations(recipe: Recipe) -> Iterator[Mutation]:
    """Yield every mutation of a recipe's engine cells whose new text differs."""
    for engine in ENGINES:
        for cell in recipe.source(engine):
            if recipe.notebook.cells[cell.index].metadata.get("cookbook", {}).get("common") in NOT_PHYSICS:
                continue
            for kind, pattern, replacement in OPERATORS:
                for match in re.finditer(pattern, cell.source):
                    if _in_comment(cell.source, match.start()):
                        continue
                    new = cell.source[: match.start()] + replacement(match) + cell.source[match.end() :]
                    dropped = match[0].startswith("\n")
                    line = f"without {match[0].strip()}" if dropped else _line(new, match.start())
                    if new != cell.source:
                        yield Mutation(engine, cell.index, kind, line, new)


def _in_comment(source: str, position: int) -> bool:
    start = source[: position + 1].rfind("\n") + 1
    before = source[start:position]
    return "# " in before or "///" in before or before.lstrip().startswith(('"""', "#"))


def _line(source: str, position: int) -> str:
    start = source[: position + 1].rfind("\n") + 1
    return source[start:].split("\n", 1)[0].strip()
