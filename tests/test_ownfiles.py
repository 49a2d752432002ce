"""On a reader's files a page runs up to the same answer, and what is about the sample is left out."""

from pathlib import Path

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
