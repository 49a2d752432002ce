"""The shape of a recipe's page: the answer first, steps in pairs, the whole job, and the evidence; how long each is.

`findings` says where a notebook leaves that shape. Lines of code are those that are not blank; they are visible unless
their cell is folded, and folded ones are one click away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cookbook.recipe import ANSWER, ENGINES, EXAMPLE, Recipe

__all__ = ["LIMITS", "Length", "Part", "findings", "length", "lines", "minutes", "parts", "runs", "words"]

FOLDED = frozenset({"hide-input", "hide-cell"})
SOLUTION = "solution"
#: Headings of a page, in order; those in `FREE` may be left out.
HEADINGS = (
    "Input",
    "The answer",
    "Step by step",
    "The whole job",
    "The same answer",
    "Closure",
    "Check",
    "What it costs",
    "What to remember",
    "Exercise",
)
FREE = frozenset({"Closure"})
#: The most that a part may have: words, lines of code, sentences or items.
LIMITS = {
    "words of the problem": 60,
    "lines of the parameters": 8,
    "lines of an answer": 15,
    "lines up to the first output": 40,
    "steps": 4,
    "sentences of a step": 3,
    "lines of a step's cell": 15,
    "lines of an engine's whole job": 120,
    "items to remember": 6,
    "words to remember": 200,
    "visible lines": 150,
    "lines": 350,
}
LEAST_STEPS = 2
# What a reader takes in within a minute.
WORDS_A_MINUTE = 200
LINES_A_MINUTE = 40


@dataclass(frozen=True)
class Part:
    """The cells from one heading to the next of its level, without those of the subsections where they have parts."""

    heading: str
    cells: Sequence[Any]

    @property
    def text(self) -> str:
        """The prose, without heading."""
        prose = "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")
        return re.sub(r"^#+ .*$", "", prose, flags=re.MULTILINE).strip()


@dataclass(frozen=True)
class Length:
    """Lines of code of a page: up to the first output, of the answer of either engine, visible, and all."""

    to_first_output: int
    answer: tuple[int, ...]
    visible: int
    total: int


def tags(cell: Any) -> set[str]:
    """Return the tags of a cell."""
    return set(cell.metadata.get("tags", ()))


def lines(*cells: Any) -> int:
    """Return how many lines of code cells have that are not blank."""
    return sum(bool(line.strip()) for c in cells if c.cell_type == "code" for line in c.source.splitlines())


def words(text: str) -> int:
    """Return how many words a reader sees: of a link its text, of a folded part nothing."""
    return len(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", unfolded(text)).split())


def unfolded(text: str) -> str:
    """Return a text without its folded parts."""
    return re.sub(r"(?s)<details>.*?</details>", "", text)


def sentences(text: str) -> int:
    """Return how many sentences a text has."""
    return len(re.findall(r"[.?:](?=\s+[A-Z`*\[]|\s*$)", re.sub(r"\b(?:e\.g|i\.e|cf|et al)\.", "", text)))


def parts(cells: Sequence[Any], level: int = 2) -> list[Part]:
    """Cut cells at the headings of a level; what stands before the first one has no heading."""
    found: list[tuple[str, list[Any]]] = [("", [])]
    for cell in cells:
        heading = re.match(rf"{'#' * level} (.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            found.append((heading[1].strip(), []))
        found[-1][1].append(cell)
    return [Part(heading, tuple(inside)) for heading, inside in found]


def runs(cells: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Group neighbouring cells of one engine; those of none stand under the empty name."""
    return [(engine, list(group)) for engine, group in groupby(cells, key=_engine)]


def length(recipe: Recipe) -> Length:
    """Count the lines of code of a page."""
    cells = recipe.notebook.cells
    answers = [i for i, cell in enumerate(cells) if ANSWER in tags(cell)]
    first = cells[: answers[0] + 1] if answers else cells
    shown = [cell for cell in cells if not tags(cell) & FOLDED]
    return Length(lines(*first), tuple(lines(cells[i]) for i in answers), lines(*shown), lines(*cells))


def minutes(recipe: Recipe) -> int:
    """Return how many minutes a page takes to read, without what is folded; at least one."""
    prose = sum(words(cell.source) for cell in recipe.notebook.cells if cell.cell_type == "markdown")
    return max(1, round(prose / WORDS_A_MINUTE + length(recipe).visible / LINES_A_MINUTE))


def findings(recipe: Recipe, longer: Mapping[str, int] | None = None) -> list[str]:
    """Return what leaves the shape of a page, a line each; empty where nothing does.

    `longer` are limits of a page that are not those of all others.
    """
    cells = recipe.notebook.cells
    by_heading = {part.heading: part for part in parts(cells)}
    wanted = [heading for heading in HEADINGS if heading in by_heading or heading not in FREE]
    if list(by_heading)[1:] != wanted:
        return [f"the headings are {', '.join(list(by_heading)[1:])}; they must be {', '.join(wanted)}"]
    return [
        *_missing_twins(cells),
        *_too_long(recipe, by_heading, longer or {}),
        *_steps(by_heading["Step by step"]),
        *_answers(by_heading["The answer"]),
        *_solutions(by_heading["Exercise"]),
    ]


def _engine(cell: Any) -> str:
    return next((engine for engine in ENGINES if engine in tags(cell)), "")


def _missing_twins(cells: Sequence[Any]) -> Iterator[str]:
    """Cells of coffea are followed by those of RDataFrame, with nothing between."""
    found = [("", []), *runs(cells), ("", [])]
    for (before, _), (engine, group), (after, _) in zip(found, found[1:], found[2:], strict=False):
        if (engine == ENGINES[0] and after != ENGINES[1]) or (engine == ENGINES[1] and before != ENGINES[0]):
            yield f"{engine} has no twin beside it: {group[0].source.splitlines()[0]}"


def _too_long(recipe: Recipe, by_heading: dict[str, Part], longer: Mapping[str, int]) -> Iterator[str]:
    counted = length(recipe)
    parameters = [cell for cell in recipe.notebook.cells if "parameters" in tags(cell)]
    job = by_heading["The whole job"].cells
    remembered = by_heading["What to remember"].text
    counts = {
        "words of the problem": words(by_heading[""].text),
        "lines of the parameters": lines(*parameters),
        "lines of an answer": max(counted.answer, default=0),
        "lines up to the first output": counted.to_first_output,
        "lines of an engine's whole job": max(lines(*(c for c in job if _engine(c) == e)) for e in ENGINES),
        "items to remember": len(re.findall(r"^- ", unfolded(remembered), flags=re.MULTILINE)),
        "words to remember": words(remembered),
        "visible lines": counted.visible,
        "lines": counted.total,
    }
    yield from _over(counts, "the page", {**LIMITS, **longer})


def _over(counts: dict[str, int], where: str, limits: Mapping[str, int] = LIMITS) -> Iterator[str]:
    for what, number in counts.items():
        if number > limits[what]:
            yield f"{where}: {number} {what}, where {limits[what]} are the most"


def _steps(part: Part) -> Iterator[str]:
    steps = parts(part.cells, 3)[1:]
    if len(steps) < LEAST_STEPS:
        yield f"{len(steps)} steps, where {LEAST_STEPS} are the least"
    yield from _over({"steps": len(steps)}, "the page")
    for step in steps:
        if not any(_engine(cell) for cell in step.cells):
            yield f"step '{step.heading}' has no cell of an engine"
        visible = [cell for cell in step.cells if not tags(cell) & FOLDED]
        longest = max((lines(cell) for cell in visible), default=0)
        counts = {"sentences of a step": sentences(step.text), "lines of a step's cell": longest}
        yield from _over(counts, f"step '{step.heading}'")


def _answers(part: Part) -> Iterator[str]:
    answers = [cell for cell in part.cells if ANSWER in tags(cell)]
    if [_engine(cell) for cell in answers] != list(ENGINES):
        yield f"the answer must be one cell of each engine, tagged {ANSWER} and {' or '.join(ENGINES)}"
    for cell in answers:
        if re.search(r"^\s*(?:from|import) cookbook", cell.source, flags=re.MULTILINE):
            yield "the answer must need no helper: its paths come from the parameters"
        if tags(cell) & FOLDED:
            yield "the answer must be open"


def _solutions(part: Part) -> Iterator[str]:
    solutions = [cell for cell in part.cells if SOLUTION in tags(cell)]
    if not solutions:
        yield f"the exercise has no solution: a cell tagged {SOLUTION} and hide-cell"
    for cell in solutions:
        if "hide-cell" not in tags(cell) or "assert" not in cell.source:
            yield "a solution must be folded (hide-cell) and checked (assert)"
    for cell in (c for c in part.cells if EXAMPLE in tags(c)):
        yield f"an example belongs to a step: {cell.source.splitlines()[0]}"
