"""Start and tidy recipe notebooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from cookbook import common, execution
from cookbook.recipe import CHECK_TAGS, Recipe, RecipeError, folder, load, schema, slugs

__all__ = ["accept", "create"]

CONTENTS_ENTRY = re.compile(r"^( *)- file: recipes/[a-z0-9-]+$", re.M)


def accept(recipe: Recipe) -> list[str]:
    """Store what the check cells of a recipe print in its file, and no other output; return what they print."""
    executed = iter(cell for cell in execution.ensured(recipe).cells if cell.cell_type == "code")
    notebook = recipe.notebook
    for cell in notebook.cells:
        if cell.cell_type == "code" and "timing" not in cell.metadata.get("tags", ()):
            ran = next(executed)
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    printed = [line for cell in notebook.cells for line in _tidy(cell)]
    notebook.metadata = {
        "cookbook": recipe.metadata,
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, recipe.path)
    return printed


def create(slug: str) -> Path:
    """Write a new recipe from the template, list it in the table of contents, and return its path.

    Raises
    ------
    RecipeError
        If the slug is taken or is no valid name.
    """
    pattern = schema()["properties"]["slug"]["pattern"]
    if not re.fullmatch(pattern, slug):
        raise RecipeError(f"'{slug}' is no recipe name: write the task in small letters and hyphens, as pileup-weights")
    path = folder() / f"{slug}.ipynb"
    if slug in slugs():
        raise RecipeError(f"{path} is there already; choose another name, or edit it")
    text = common.TEMPLATE.read_text()
    title = slug.replace("-", " ").capitalize()
    path.write_text(text.replace("template-slug", slug).replace("Template title", title))
    common.write()
    _list_in_contents(path.parent.parent / "_toc.yml", slug)
    load(path)
    return path


def _list_in_contents(contents: Path, slug: str) -> None:
    """Add the recipe behind the last one of its chapter in the table of contents, or of all where it is not there."""
    text = contents.read_text()
    start = max(0, text.find(f"- caption: {load(slug).metadata['chapter']}\n"))
    end = text.find("- caption:", start + 1) if start else -1
    entries = list(CONTENTS_ENTRY.finditer(text, start, end if end > 0 else len(text)))
    if not entries:
        raise RecipeError(
            f"{contents}: lists no recipe, so there is no place for {slug}; add a line '- file: recipes/{slug}'"
        )
    last = entries[-1]
    contents.write_text(f"{text[: last.end()]}\n{last[1]}- file: recipes/{slug}{text[last.end() :]}")


def _tidy(cell: Any) -> Iterator[str]:
    """Strip a cell of what a build makes anew; a check cell keeps its text and is yielded line by line."""
    cell.metadata.pop("execution", None)
    if cell.cell_type != "code":
        return
    if set(cell.metadata.get("tags", ())) & CHECK_TAGS:
        for output in cell.outputs:
            yield from output.get("text", "").splitlines()
    else:
        cell.outputs, cell.execution_count = [], None
