"""Run a page whose answer is about simulation on data alone, and one about data on simulation alone.

Its answer is then left out: the cells keep their imports, and of the agreement what compares the engines.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from nbformat.v4 import new_markdown_cell

from cookbook.anatomy import parts, tags
from cookbook.recipe import ANSWER, EXAMPLE, Recipe, imports, read

__all__ = ["lacking", "left_out"]

TEXT = "*Left out: the answer is about {}, of which this run has none.*"
COMPARED = "agreement.check"
RESULTS = {"from_coffea", "from_rdataframe"}


def lacking(recipe: Recipe, parameters: Mapping[str, Any]) -> str:
    """Return what the page's answer is about and these files lack, "data" or "simulation"; or nothing."""
    own = read(recipe.path).parameters()  # of the page as it stands in the book, whatever was changed for the run
    about, given = (_kind({**own, **values}) for values in ({}, parameters))
    return about if given and about != given else ""


def left_out(cells: Sequence[Any], about: str) -> Iterator[Any]:
    """Yield the cells of a page without its answer, which is about something that the files lack."""
    agreements = [cell for cell in cells if "agreement" in tags(cell)]
    kept = _kept([ast.parse(cell.source) for cell in agreements])
    for part in parts(cells):
        for cell in part.cells:
            changed = deepcopy(cell)
            if ANSWER in tags(cell):
                changed.source = imports(cell.source)
                if "coffea" in tags(cell):
                    yield new_markdown_cell(TEXT.format(about))
            elif cell in agreements:
                changed.source = kept[agreements.index(cell)]
            elif EXAMPLE in tags(cell):
                continue
            yield changed


def _kind(parameters: Mapping[str, Any]) -> str:
    """Return whether the answer's file is data or simulation, where the files are datasets."""
    files = parameters["FILES"]
    if not isinstance(files, Mapping):
        return ""
    of_file = [name for name, paths in files.items() if parameters.get("FILE") in paths]
    data = set(parameters.get("DATA", ()))
    return ("data" if data.intersection(of_file) else "simulation") if of_file else ""


def _kept(trees: Sequence[ast.Module]) -> list[str]:
    """Return of each cell the imports, the comparisons of the engines, and what these are made of."""
    needed, sources = set(RESULTS), list[str]()
    for tree in reversed(trees):
        kept: list[ast.stmt] = []
        for node in reversed(tree.body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                kept.insert(0, node)
            elif _is_comparison(node) or _made_by(node) & needed:
                needed |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
                kept.insert(0, node)
        sources.insert(0, "\n".join(map(ast.unparse, kept)))
    return sources


def _is_comparison(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(f"{COMPARED}(")


def _made_by(node: ast.stmt) -> set[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    stored = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return {n.id for n in stored}
