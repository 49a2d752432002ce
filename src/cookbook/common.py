"""Cells that several recipes have in common: written once, in the folder ``common`` of the recipes, and copied.

A page must be complete without any other, so the text stands in each notebook. A cell that is a copy says so in its
metadata, ``"cookbook": {"common": "<name>"}``, and is folded on the page; where it is what the page teaches, its
metadata say ``"lesson": true`` as well and it stays open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from cookbook.recipe import RecipeError, folder

__all__ = ["Copy", "copies", "findings", "sources", "write"]

FOLDED = "hide-input"
TEMPLATE = Path(__file__).with_name("template.ipynb")  # of a new recipe


@dataclass(frozen=True)
class Copy:
    """A notebook's cell that is a copy of the common cell `name`."""

    notebook: Path
    name: str
    cell: Any

    @property
    def tags(self) -> list[str]:
        """The tags that the cell must have: its own, and the fold where it is not what the page teaches."""
        own = [tag for tag in self.cell.metadata.get("tags", ()) if tag != FOLDED]
        return own if self.cell.metadata["cookbook"].get("lesson") else [*own, FOLDED]

    def drift(self, text: str | None) -> str | None:
        """Return what makes the copy differ from its source, or None."""
        if text is None:
            return f"{self.notebook.name}: cell {self.cell.id} copies '{self.name}', and there is no such common cell"
        if self.cell.source != text or self.cell.metadata.get("tags", []) != self.tags:
            return f"{self.notebook.name}: cell {self.cell.id} differs from common/{self.name}.py; make common"
        return None


def sources(recipes: Path | None = None) -> dict[str, str]:
    """Return the text of every common cell by its name."""
    paths = sorted(((recipes or folder()) / "common").glob("*.py"))
    return {path.stem: path.read_text().rstrip("\n") for path in paths}


def copies(path: Path, notebook: Any) -> Iterator[Copy]:
    """Yield the cells of a notebook that are copies."""
    for cell in notebook.cells:
        if name := cell.metadata.get("cookbook", {}).get("common"):
            yield Copy(path, name, cell)


def _notebooks(recipes: Path | None) -> list[Path]:
    """Return the notebooks of a folder; of the repository's own, the template of a new one as well."""
    found = sorted((recipes or folder()).glob("*.ipynb"))
    return found if recipes else [*found, TEMPLATE]


def findings(recipes: Path | None = None) -> list[str]:
    """Return what is wrong: copies that differ, names that nothing stands behind, sources without two notebooks."""
    texts, users = sources(recipes), dict[str, set[Path]]()
    found = []
    for path in _notebooks(recipes):
        for copy in copies(path, nbformat.read(path, as_version=4)):
            users.setdefault(copy.name, set()).add(path)
            found.append(copy.drift(texts.get(copy.name)))
    for name in texts:
        if len(users.get(name, set()) - {TEMPLATE}) < 2:
            found.append(f"common/{name}.py: fewer than two recipes copy it; keep such a cell in its notebook")
    return [line for line in found if line]


def write(recipes: Path | None = None) -> list[str]:
    """Write the common cells into all notebooks that copy them, and return a line per notebook that changed.

    Raises
    ------
    RecipeError
        If a cell names a common cell that does not exist.
    """
    texts, changed = sources(recipes), []
    for path in _notebooks(recipes):
        notebook = nbformat.read(path, as_version=4)
        drifted = [copy for copy in copies(path, notebook) if copy.drift(texts.get(copy.name))]
        for copy in drifted:
            if copy.name not in texts:
                raise RecipeError(f"{copy.drift(None)}; there are {', '.join(texts) or 'none'}")
            copy.cell.source, copy.cell.metadata["tags"] = texts[copy.name], copy.tags
        if drifted:
            nbformat.write(notebook, path)
            changed.append(f"{path.name}: {', '.join(copy.name for copy in drifted)}")
    return changed
