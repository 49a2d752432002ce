"""A folded cell says what it holds."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from cookbook.sphinxext import folds

CPP = '''declare("""
struct Point { double x; };
using Points = std::vector<Point>;
double length(const Point &p)
{
    return p.x;
}
""")'''


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def one():\n    pass\n\n\nclass Two:\n    pass\n", "one, Two"),
        ("def a():\n    b()\n\n\ndef b(): ...\ndef c(): ...\ndef d(): ...", "a, b, c, …"),
        (CPP, "Point, length"),
        ("import os\n\nimport hist", "imports"),
        ("fig, ax = plt.subplots()", "the figure"),
        ("x = 1", "code"),
    ],
)
def test_what_a_cell_holds(source: str, text: str) -> None:
    """Names of what is defined, in Python or in C++; else what kind of code it is."""
    assert folds.content(source) == text


def test_folded_cells_alone_are_named() -> None:
    """An open cell has nothing to click on; a solution does not give itself away."""
    cells = [
        new_code_cell("x = 1", metadata={"tags": tags}) for tags in ([], ["hide-input"], ["solution", "hide-cell"])
    ]
    notebook = new_notebook(cells=cells)
    folds.name_folds(notebook)
    assert [cell.metadata.get("mystnb", {}).get("code_prompt_show") for cell in notebook.cells] == [
        None,
        "Show code",
        "Show the solution",
    ]
