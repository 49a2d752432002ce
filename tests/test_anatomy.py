"""What leaves the shape of a page is named."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from cookbook import anatomy, common, recipe

TEMPLATE = recipe.read(common.TEMPLATE)

Change = Callable[[Any], None]


def page(change: Change) -> recipe.Recipe:
    """Return the template with a change of its notebook."""
    notebook = deepcopy(TEMPLATE.notebook)
    change(notebook)
    return replace(TEMPLATE, notebook=notebook)


def place(notebook: Any, *tags: str) -> int:
    """Return the position of the first cell that has all these tags."""
    return next(i for i, cell in enumerate(notebook.cells) if set(tags) <= anatomy.tags(cell))


def under(notebook: Any, heading: str) -> Any:
    """Return the cell that begins with a heading."""
    return next(cell for cell in notebook.cells if cell.source.startswith(heading))


def longer(*tags: str, lines: int = 400) -> Change:
    """Return the change that makes a cell longer by so many lines."""

    def change(notebook: Any) -> None:
        notebook.cells[place(notebook, *tags)].source += "\npass" * lines

    return change


def wordier(heading: str, text: str) -> Change:
    """Return the change that adds text below a heading."""

    def change(notebook: Any) -> None:
        under(notebook, heading).source += f"\n\n{text}"

    return change


def without(*tags: str) -> Change:
    """Return the change that drops a cell."""

    def change(notebook: Any) -> None:
        del notebook.cells[place(notebook, *tags)]

    return change


def retagged(before: str, *after: str, where: tuple[str, ...]) -> Change:
    """Return the change that puts tags in place of one."""

    def change(notebook: Any) -> None:
        cell = notebook.cells[place(notebook, *where)]
        cell.metadata["tags"] = [tag for tag in anatomy.tags(cell) if tag != before] + list(after)

    return change


def inserted(cell: Any, before: tuple[str, ...]) -> Change:
    """Return the change that puts a cell before another."""

    def change(notebook: Any) -> None:
        notebook.cells.insert(place(notebook, *before), cell)

    return change


def helped(notebook: Any) -> None:
    """Let the answer of coffea use the helper package."""
    notebook.cells[place(notebook, "answer", "coffea")].source += "\nfrom cookbook import sample"


def reordered(notebook: Any) -> None:
    """Put the check before the whole job."""
    under(notebook, "## Check").source = "## Closure"


PROSE = new_markdown_cell("Between the twins.")


def test_the_template_keeps_the_shape() -> None:
    """A new recipe starts right."""
    assert anatomy.findings(TEMPLATE) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (reordered, "the headings are Input, The answer, .*they must be"),
        (wordier("# ", "word " * 60), "words of the problem, where 60"),
        (longer("parameters", lines=6), "9 lines of the parameters, where 8"),
        (longer("answer", "coffea", lines=12), "18 lines of an answer, where 15"),
        (longer("setup", lines=30), "lines up to the first output, where 40"),
        (longer("coffea", "hide-input", lines=300), "lines, where 350"),
        (longer("agreement", lines=150), "visible lines, where 150"),
        (wordier("### Count", "One. Two. Three."), "step 'Count the jets': 4 sentences of a step"),
        (wordier("## What to remember", "- item\n" * 6), "8 items to remember, where 6"),
        (wordier("## What to remember", "word " * 200), "words to remember, where 200"),
        (without("solution"), "the exercise has no solution"),
        (retagged("hide-cell", where=("solution",)), "a solution must be folded"),
        (retagged("answer", where=("answer", "coffea")), "the answer must be one cell of each engine"),
        (retagged("", "hide-input", where=("answer", "coffea")), "the answer must be open"),
        (helped, "the answer must need no helper"),
        (inserted(PROSE, before=("answer", "rdataframe")), "coffea has no twin beside it: import awkward as ak"),
        (without("rdataframe", "answer"), "coffea has no twin beside it"),
        (without("coffea", "answer"), "rdataframe has no twin beside it: import ROOT"),
    ],
)
def test_what_leaves_the_shape_is_named(change: Change, finding: str) -> None:
    """Each limit and each rule has its message."""
    with pytest.raises(AssertionError, match=finding):
        assert "\n".join(anatomy.findings(page(change))) == ""


def test_a_step_has_both_engines() -> None:
    """A step of prose alone is none."""

    def change(notebook: Any) -> None:
        notebook.cells.insert(place(notebook, "answer") + 2, new_markdown_cell("## Step by step\n"))
        later = under(notebook, "## The whole job")
        notebook.cells.insert(notebook.cells.index(later), new_markdown_cell("### Nothing\n\nNo code."))
        notebook.cells.remove([c for c in notebook.cells if c.source.startswith("## Step by step")][-1])

    assert anatomy.findings(page(change)) == ["step 'Nothing' has no cell of an engine"]


def test_folded_lines_are_not_visible() -> None:
    """What is folded counts in all, and not in what is open."""
    folded = new_code_cell("pass\n\npass", metadata={"tags": ["hide-input"]})
    before, after = anatomy.length(TEMPLATE), anatomy.length(page(inserted(folded, before=("timing",))))
    assert (after.visible, after.total) == (before.visible, before.total + 2)


def test_links_and_folded_parts_are_no_words() -> None:
    """Of a link its text counts, of a folded part nothing."""
    assert anatomy.words("See [the thread](https://example.org/a b).<details>\n\n- more\n\n</details>") == 3


def test_a_longer_page_takes_longer_to_read() -> None:
    """Reading time follows words and visible lines."""
    assert anatomy.minutes(page(wordier("# ", "word " * 1000))) == anatomy.minutes(TEMPLATE) + 5


def test_the_rest_of_the_page_takes_the_imports_of_the_answer() -> None:
    """An answer is no part of an engine's half, an example neither."""
    example = new_code_cell("1 / 0", metadata={"tags": ["coffea", "example"]})
    sources = page(inserted(example, before=("agreement",))).source("coffea")
    first, second = (line for line in sources[0].source.splitlines())
    assert (first, second) == (
        "import awkward as ak",
        "from coffea.nanoevents import NanoAODSchema, NanoEventsFactory",
    )
    assert not any("1 / 0" in cell.source for cell in sources)
