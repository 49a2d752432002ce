"""Cells that recipes have in common are written once: what differs from its source is named, and written anew."""

from pathlib import Path

import nbformat
import pytest

from cookbook import common
from cookbook.recipe import RecipeError


def test_the_copies_in_the_recipes_are_those_of_the_sources() -> None:
    """No copy has drifted, no name is unknown, and every common cell serves two recipes or more."""
    assert common.findings() == []


def test_the_template_of_a_new_recipe_copies_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named and written with the recipes: two versions of a declaration do not go into one process."""
    notebook = nbformat.read(common.TEMPLATE, as_version=4)
    one, *_ = common.copies(common.TEMPLATE, notebook)
    one.cell.source += "\n# edited"
    monkeypatch.setattr(common, "TEMPLATE", tmp_path / "template.ipynb")
    nbformat.write(notebook, common.TEMPLATE)
    assert common.findings() == [f"template.ipynb: cell {one.cell.id} differs from common/{one.name}.py; make common"]
    assert common.write() == [f"template.ipynb: {one.name}"]
    assert common.findings() == []


def recipes(folder: Path, names: list[str], text: str = "A = 1", lesson: bool = False) -> Path:
    """Write a common cell 'one', and a notebook per entry of `names` with a cell that copies the cell of that name."""
    (folder / "common").mkdir()
    (folder / "common" / "one.py").write_text("A = 1\n")
    for i, name in enumerate(names):
        metadata = {"tags": ["coffea"], "cookbook": {"common": name, **({"lesson": True} if lesson else {})}}
        cell = nbformat.v4.new_code_cell(text, id="copy", metadata=metadata)
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / f"{i}.ipynb")
    return folder


@pytest.mark.parametrize("text", ["A = 1", "A = 2"])
def test_a_copy_that_differs_or_is_not_folded_is_named_and_written(text: str, tmp_path: Path) -> None:
    """After the writing there is nothing to say, and nothing to write."""
    folder = recipes(tmp_path, ["one", "one"], text)
    assert common.findings(folder) == [f"{i}.ipynb: cell copy differs from common/one.py; make common" for i in (0, 1)]
    assert common.write(folder) == ["0.ipynb: one", "1.ipynb: one"]
    cell = nbformat.read(folder / "0.ipynb", as_version=4).cells[0]
    assert cell.source == "A = 1"
    assert cell.metadata.tags == ["coffea", "hide-input"]
    assert common.findings(folder) == common.write(folder) == []


def test_what_a_page_teaches_stays_open(tmp_path: Path) -> None:
    """A copy that is the lesson of its page is not folded."""
    assert common.findings(recipes(tmp_path, ["one", "one"], lesson=True)) == []


def test_an_unknown_name_is_named(tmp_path: Path) -> None:
    """The error says which common cells there are."""
    folder = recipes(tmp_path, ["one", "other"])
    assert "1.ipynb: cell copy copies 'other', and there is no such common cell" in common.findings(folder)
    with pytest.raises(RecipeError, match="no such common cell; there are one"):
        common.write(folder)


@pytest.mark.parametrize("names", [[], ["one"]])
def test_a_source_that_fewer_than_two_recipes_copy_is_named(names: list[str], tmp_path: Path) -> None:
    """A cell of one recipe alone belongs into its notebook."""
    folder = recipes(tmp_path, names, lesson=True)
    assert common.findings(folder) == [
        "common/one.py: fewer than two recipes copy it; keep such a cell in its notebook"
    ]
