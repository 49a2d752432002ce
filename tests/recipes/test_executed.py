"""Each recipe is executed once; that execution is what the book shows and what its check cells are compared on."""

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from cookbook import execution, recipe

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


def stored_cells(subject: recipe.Recipe, session: pytest.Session) -> list[IPyNbCell]:
    """Return the code cells of the file as nbval sees them, of which it checks those that are tagged."""
    file = IPyNbFile.from_parent(session, path=subject.path)
    file.compare_outputs = False
    return list(file.collect())


def test_the_notebook_executes(subject: recipe.Recipe) -> None:
    """Every cell but the timing runs where the helper package is not installed, and the engines agree in it."""
    assert execution.ensured(subject).cells


def test_check_cells_print_what_is_stored(subject: recipe.Recipe, request: pytest.FixtureRequest) -> None:
    """The outputs of the check cells are those in the file, by nbval's comparison."""
    executed = [cell for cell in execution.assembled(subject).cells if cell.cell_type == "code"]
    pairs = zip(stored_cells(subject, request.session), executed, strict=True)
    checked = [(cell, ran.outputs) for cell, ran in pairs if cell.options["check"]]
    assert checked, f"{subject.slug} has no check cell"
    for cell, outputs in checked:
        if not cell.compare_outputs(outputs, cell.cell.outputs):
            pytest.fail("\n".join([f"if it is right: make accept NAME={subject.slug}", *cell.comparison_traceback]))
