"""Execute, start and tidy recipe notebooks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import nbformat

from cookbook import execution, inputs
from cookbook.execution import CELL_TIMEOUT, ExecutionError
from cookbook.recipe import CHECK_TAGS, Files, Recipe, RecipeError, folder, load, schema, slugs

__all__ = ["accept", "create", "run", "to_html"]

CONTENTS_ENTRY = re.compile(r"^( *)- file: recipes/[a-z0-9-]+$", re.M)


def run(recipe: Recipe, files: Files, out: Path) -> Path:
    """Execute a recipe on `files`, untimed, and return the path of the executed notebook in `out`.

    Histograms that stay empty are accepted: the reader's files may hold no event that survives.
    """
    import papermill

    target = out / f"{recipe.slug}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    parameters = {"FILES": files, "TIMING_EVENTS": None, **_file_of_answer(recipe, files)}
    with _environment(COOKBOOK_EMPTY="allow"):
        try:
            papermill.execute_notebook(
                str(recipe.path), str(target), parameters, cwd=str(recipe.path.parent), execution_timeout=CELL_TIMEOUT
            )
        except papermill.PapermillExecutionError as error:
            raise ExecutionError(
                f"{recipe.path}: cell {error.exec_count} raised {error.ename}: {error.evalue}; see {target}"
            ) from error
    return target


def _file_of_answer(recipe: Recipe, files: Files) -> dict[str, str]:
    """Return the file that the answer reads, where a recipe has one: the first of simulation, or of all."""
    own = recipe.parameters()
    if "FILE" not in own:
        return {}
    simulated = (
        {name: files[name] for name in files if name not in own.get("DATA", ())} if isinstance(files, Mapping) else {}
    )
    return {"FILE": inputs.paths(simulated or files)[0]}


def to_html(notebook: Path) -> Path:
    """Write a web page of a notebook beside it and return its path."""
    from nbconvert import HTMLExporter

    body, _ = HTMLExporter().from_filename(str(notebook))
    page = notebook.with_suffix(".html")
    page.write_text(body)
    return page


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
    text = resources.files("cookbook").joinpath("template.ipynb").read_text()
    title = slug.replace("-", " ").capitalize()
    path.write_text(text.replace("template-slug", slug).replace("Template title", title))
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


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
