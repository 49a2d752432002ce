"""On a reader's files a page runs up to the same answer, and what is about the sample is left out."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from cookbook import anatomy, ownfiles, recipe
from cookbook.recipe import CHECK_TAGS

OF_THE_SAMPLE = {"timing", "solution", *CHECK_TAGS}


def test_a_page_runs_up_to_the_same_answer(subject: recipe.Recipe, tmp_path: Path) -> None:
    """No check, timing or exercise is left, and the histograms are kept right after the engines are compared."""
    prepared = ownfiles.prepared(subject, {"FILES": ["mine.root"]}, tmp_path)
    by_heading = {part.heading: part for part in anatomy.parts(prepared.cells)}
    assert list(by_heading) == [part.heading for part in anatomy.parts(subject.notebook.cells)]
    assert not any(anatomy.tags(cell) & OF_THE_SAMPLE for cell in prepared.cells)
    told = [heading for heading, part in by_heading.items() if ownfiles.LEFT_OUT in part.text]
    assert told == [heading for heading in ("Closure", "Check", "What it costs", "Exercise") if heading in by_heading]
    code = [cell for cell in by_heading["The same answer"].cells if cell.cell_type == "code"]
    kept = [i for i, cell in enumerate(code) if ownfiles.RESULTS in anatomy.tags(cell)]
    assert ["agreement" in anatomy.tags(code[i - 1]) for i in kept] == [True]


def test_the_samples_own_run_is_the_whole_page(subject: recipe.Recipe, tmp_path: Path) -> None:
    """With the files and parameters of the page, all its cells run and none may fail."""
    own = subject.parameters()
    prepared = ownfiles.prepared(subject, {"FILES": own["FILES"], "TIMING_EVENTS": None}, tmp_path)
    left = [cell for cell in prepared.cells if ownfiles.RESULTS not in anatomy.tags(cell)]
    assert left == subject.notebook.cells


def test_what_a_result_depends_on_may_not_fail(subject: recipe.Recipe, tmp_path: Path) -> None:
    """Parameters, engines and agreement stop a run; figures and examples do not."""
    prepared = ownfiles.prepared(subject, {"FILES": ["mine.root"]}, tmp_path)
    for cell in (cell for cell in prepared.cells if cell.cell_type == "code"):
        tags = anatomy.tags(cell)
        may_fail = "raises-exception" in tags
        if "example" in tags or "mystnb" in cell.metadata:
            assert may_fail
        elif tags & {"setup", "parameters", "answer", "coffea", "rdataframe", "agreement", ownfiles.RESULTS}:
            assert not may_fail


def test_an_answer_about_what_the_files_lack_is_left_out(subject: recipe.Recipe, tmp_path: Path) -> None:
    """A page about simulation runs on data alone, and the other way round: the engines are compared all the same."""
    own = subject.parameters()
    if not isinstance(own["FILES"], Mapping):
        pytest.skip(f"{subject.slug} takes a list of files, whatever they are")
    is_data = own["FILE"] in [path for name in own.get("DATA", ()) for path in own["FILES"][name]]
    mine = {"FILES": {"mine": ["mine.root"]}, "FILE": "mine.root", "DATA": [] if is_data else ["mine"]}
    prepared = ownfiles.prepared(subject, mine, tmp_path)
    answers = [cell for cell in prepared.cells if "answer" in anatomy.tags(cell)]
    made = {n.id for cell in subject.cells if "answer" in cell.tags for n in names(cell.source) if stores(n)}
    assert all(line.startswith(("import", "from")) for cell in answers for line in cell.source.splitlines())
    told = f"the answer is about {'data' if is_data else 'simulation'}, of which this run has none"
    assert sum(told in cell.source for cell in prepared.cells) == 1
    agreement = "\n".join(cell.source for cell in prepared.cells if "agreement" in anatomy.tags(cell))
    assert "agreement.check(from_coffea, from_rdataframe" in agreement
    assert "assert" not in agreement
    redefined = {n.id for cell in subject.cells if "answer" not in cell.tags for n in names(cell.source) if stores(n)}
    assert not {n.id for n in names(agreement)} & (made - redefined)
    alike = {**mine, "DATA": ["mine"] if is_data else []}
    assert not any(
        "of which this run has none" in cell.source for cell in ownfiles.prepared(subject, alike, tmp_path).cells
    )


def names(source: str) -> list[ast.Name]:
    """Return the names in a piece of code."""
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]


def stores(name: ast.Name) -> bool:
    """Return whether a name is defined there."""
    return isinstance(name.ctx, ast.Store)
