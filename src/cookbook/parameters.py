"""What a reader may set in a recipe: the names in capitals that its set-up and parameters cells define."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cookbook import nanoaod, sample
from cookbook.recipe import SETUP, Cell, Recipe, texts

__all__ = ["Offered", "applied", "as_default", "comments", "each_text", "handed_over", "in_version", "offered", "rerun"]

CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*")
#: What the files of a job decide, and what is the book's own.
NOT_OFFERED = frozenset({"FILES", "FILE", "DATA", "TIMING_EVENTS"})
KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


@dataclass(frozen=True)
class Offered:
    """A parameter: the JSON schema of its value, and what of the sample that value holds.

    `of_datasets`: names of datasets; `files`: NanoAOD files; `table`: a file about data, such as the certified list;
    `corrections`: correction files.
    """

    schema: dict[str, Any]
    of_datasets: bool = False
    files: bool = False
    table: bool = False
    corrections: bool = False

    @property
    def is_path(self) -> bool:
        """Whether all text in it is paths."""
        return self.files or self.table or self.corrections


def offered(recipe: Recipe) -> dict[str, Offered]:
    """Return the parameters of a recipe by name, in the order of its cells."""
    own = recipe.parameters()
    datasets = frozenset(own["FILES"]) if isinstance(own["FILES"], Mapping) else frozenset()
    names = (name for name in own if CONSTANT.fullmatch(name) and name not in NOT_OFFERED)
    return {name: _offered(own[name], datasets) for name in names if _is_plain(own[name])}


def as_default(given: Any, default: Any) -> Any:
    """Return a given value in the shape of the default: entries of a dictionary are changed, or with null taken out."""
    if isinstance(default, dict) and isinstance(given, dict):
        merged = {**default, **{name: as_default(value, default.get(name)) for name, value in given.items()}}
        return {name: value for name, value in merged.items() if value is not None}
    return tuple(given) if isinstance(default, tuple) and isinstance(given, list) else given


def handed_over(value: Any) -> Any:
    """Return a value with lists in place of tuples, which papermill would hand over as text."""
    if isinstance(value, dict):
        return {name: handed_over(one) for name, one in value.items()}
    return [handed_over(one) for one in value] if isinstance(value, list | tuple) else value


def rerun(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values`, and what the cells derive from them that differs from the recipe's own."""
    if not values:
        return {}
    own, namespace = recipe.parameters(), dict[str, Any]({"__name__": "parameters"})
    for cell in _cells(recipe):
        for statement in ast.parse(cell.source).body:
            exec(compile(ast.Module([statement], []), f"{recipe.path.name}#cell{cell.index}", "exec"), namespace)
            namespace |= {name: deepcopy(value) for name, value in values.items() if name in namespace}
    return {name: namespace[name] for name in offered(recipe) if namespace[name] != own[name]} | dict(values)


def in_version(recipe: Recipe, values: Mapping[str, Any], version: str) -> dict[str, str]:
    """Return the parameters that name a branch which a version of NanoAOD calls otherwise, with its name there.

    A parameter names a branch where the metadata have it in braces, as in ``{RHO}`` or ``Electron_{ELECTRON_ID}``.
    """
    names, found = nanoaod.names(version), dict[str, str]()
    for declared in recipe.metadata["branches"].values():
        for before, name, after in filter(None, map(_one_parameter, declared)):
            branch = f"{before}{values.get(name)}{after}"
            there = names.get(branch, branch)
            if there != branch and there.startswith(before) and there.endswith(after):
                found[name] = there[len(before) : len(there) - len(after)]
    return found


def _one_parameter(declared: str) -> tuple[str, ...] | None:
    """Return the only parameter in the name of a branch, with what stands before and after it."""
    held = re.fullmatch(r"([^{}]*)\{(\w+)\}([^{}]*)", declared)
    return held.groups() if held else None


def applied(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe with values also where a set-up cell after the parameters would put its own in their place."""
    notebook, passed = deepcopy(recipe.notebook), False
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        if passed and SETUP in cell.metadata.get("tags", ()):
            lines = [f"{name} = {values[name]!r}" for name in _assigned(cell.source) if name in values]
            cell.source = "\n".join([cell.source, *lines])
        passed = passed or "parameters" in cell.metadata.get("tags", ())
    return replace(recipe, notebook=notebook)


def comments(recipe: Recipe) -> dict[str, str]:
    """Return what the comments on or right above its assignment say of each parameter."""
    found: dict[str, str] = {}
    for cell in _cells(recipe):
        lines = cell.source.splitlines()
        tokens = tokenize.generate_tokens(io.StringIO(cell.source).readline)
        said = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
        for statement in ast.parse(cell.source).body:
            first = statement.lineno
            while first - 1 in said and lines[first - 2].lstrip().startswith("#"):
                first -= 1
            text = "; ".join(said[n] for n in range(first, (statement.end_lineno or first) + 1) if n in said)
            for name in _assigned(ast.unparse(statement)) if text else ():
                found[name] = "; ".join(filter(None, [found.get(name), text]))
    return found


def _cells(recipe: Recipe) -> list[Cell]:
    return [cell for cell in recipe.cells if cell.tags & {SETUP, "parameters"}]


def _assigned(source: str) -> list[str]:
    """Return the names in capitals that the statements of a cell assign."""
    targets: list[ast.expr] = []
    for node in ast.parse(source).body:
        targets += node.targets if isinstance(node, ast.Assign) else []
        targets += [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []
    names = (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
    return list(dict.fromkeys(name for name in names if CONSTANT.fullmatch(name)))


def _offered(value: Any, datasets: frozenset[str]) -> Offered:
    held = list(texts(value))
    make = partial(Offered, _schema(value))
    if isinstance(value, dict) and value and set(value) <= datasets:
        return Offered({"type": "object"}, of_datasets=True)
    if held and set(held) <= datasets and not isinstance(value, dict):
        return make(of_datasets=True)
    if not held or not all(Path(text).is_relative_to(sample.data_folder()) for text in held):
        return make()
    if all(Path(text).is_relative_to(sample.data_folder() / "corrections") for text in held):
        return make(corrections=True)
    if isinstance(value, str):
        return make(table=True)
    return Offered({"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1}, files=True)


def _schema(value: Any) -> dict[str, Any]:
    """Return the JSON schema of values like this one."""
    if isinstance(value, dict):
        if any(Path(text).is_absolute() for text in texts(value)):  # files by name: of a misspelt one nothing is read
            return {
                "type": "object",
                "properties": {n: _schema(v) for n, v in value.items()},
                "additionalProperties": False,
            }
        return {"type": "object"}
    if isinstance(value, list | tuple):
        kinds = sorted({_kind(one) for one in value})
        items = {"type": kinds} if all(kinds) and kinds else {}
        size = (
            {"minItems": len(value), "maxItems": len(value)} if isinstance(value, tuple) and kinds == ["number"] else {}
        )
        return {"type": "array", "items": items, **size}
    return {"type": KINDS[type(value)]}


def _kind(value: Any) -> str:
    kind = KINDS.get(type(value), "")
    return "number" if kind == "integer" else kind


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(one) for name, one in value.items())
    return all(map(_is_plain, value)) if isinstance(value, list | tuple) else type(value) in KINDS


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value with each text in it changed; keys of dictionaries stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: each_text(one, change) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(each_text(one, change) for one in value)
    return deepcopy(value)
