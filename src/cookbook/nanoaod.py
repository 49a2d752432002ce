"""Versions of NanoAOD: which one a file is of, and which branch of it carries what, from the table ``nanoaod.toml``.

A quantity goes by its name in v15, which the book uses. A file need not have all of a version's branches.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import uproot

__all__ = [
    "Branch",
    "Quantity",
    "VersionError",
    "branches",
    "missing",
    "names",
    "quantities",
    "version",
    "version_of",
    "versions",
]


class VersionError(ValueError):
    """A version or a quantity is not in the table; the message says which there are."""


class Branch(NamedTuple):
    """A branch as it is in the files of a version, lists and scalars by the type of a number."""

    name: str
    type: str


@dataclass(frozen=True)
class Quantity:
    """What one branch holds: the tree, the branch in each version that has it, and what to take where none does."""

    tree: str
    branches: Mapping[str, Branch]
    substitute: str


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("cookbook").joinpath("nanoaod.toml").read_text())


def versions() -> list[str]:
    """Return the versions that the table knows, oldest first."""
    return list(_table()["versions"])


@cache
def quantities() -> Mapping[str, Quantity]:
    """Return all quantities by their name in v15, or in the newest version that has them."""
    return {name: one for pattern, entry in _table()["branches"].items() for name, one in _expanded(pattern, entry)}


def _expanded(pattern: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, Quantity]]:
    by_version = {v: text for key, text in entry.items() if key[0] == "v" for v in key.split()}
    for part in entry.get("of", [""]):
        parts = part.split(",")
        own = {v: Branch(*text.format(*parts).split()) for v, text in by_version.items()}
        yield pattern.format(*parts), Quantity(entry.get("tree", "Events"), own, entry.get("substitute", ""))


def branches(version: str) -> dict[str, Branch]:
    """Return the branches of a version, by the names of v15."""
    if version not in versions():
        raise VersionError(f"no NanoAOD version '{version}' in the table; it has {', '.join(versions())}")
    return {name: one.branches[version] for name, one in quantities().items() if version in one.branches}


def names(version: str) -> dict[str, str]:
    """Return the names of branches in a version, by those of v15, of all in the table that the version has."""
    return {name: branch.name for name, branch in branches(version).items()}


def version(path: str | Path) -> str:
    """Find the version of a file, from names and types of its branches.

    Files say nowhere of which version they are. The one whose table says most of what the file has is taken; of two
    that say as much, the newer. A version that is not in the table is taken for one of its neighbours.

    Raises
    ------
    VersionError
        If the file has none of the branches by which versions differ.
    """
    with uproot.open(path) as file:
        found = version_of(file)
    if found is None:
        raise VersionError(f"{path}: no branch tells its NanoAOD version; give a file with jets, leptons or vertices")
    return found


def version_of(file: Any) -> str | None:
    """Find the version of a file that uproot has opened, as `version` does; None where nothing tells it."""
    have = {
        (tree, branch.name, _type(branch.typename))
        for tree in ("Events", "Runs")
        if tree in file
        for branch in _fields(file[tree])
    }
    telling = [one for one in quantities().values() if _differs(one)]
    found = {v: sum((one.tree, *one.branches[v]) in have for one in telling if v in one.branches) for v in versions()}
    return max(reversed(versions()), key=found.__getitem__) if any(found.values()) else None


def _differs(one: Quantity) -> bool:
    return len({one.branches.get(v) for v in versions()}) > 1


def _fields(tree: Any) -> list[Any]:
    return [tree[name] for name in tree.keys(recursive=False)]


def _type(typename: str) -> str:
    """Return the type of the numbers in a branch as NumPy names it."""
    kind = typename.removesuffix("[]").removesuffix("_t")
    return {"float": "float32", "double": "float64"}.get(kind, kind)


def missing(version: str, branch: str) -> str:
    """Return what to tell a reader whose file, of this version, lacks a branch of the book.

    The message says what the branch is called in that version, or which versions have it and what to take in its place.
    """
    one = quantities().get(branch)
    if one is None:
        near = difflib.get_close_matches(branch, quantities(), n=3)
        return f"'{branch}' is in no table of versions" + (f"; did you mean {', '.join(near)}?" if near else "")
    there = branches(version).get(branch)
    if there and there.name != branch:
        return f"'{branch}' is '{there.name}' in NanoAOD {version}"
    if there:
        return f"NanoAOD {version} has '{branch}': the file lost it, make the skim again with it kept"
    *others, last = [v for v in versions() if v in one.branches]
    holders = f"{', '.join(others)} and {last}" if others else last
    instead = f"; in its place: {one.substitute}" if one.substitute else ""
    return f"NanoAOD {version} has no '{branch}'; it is in {holders}{instead}"
