"""Check NanoAOD files before an engine reads them, so that nothing is lost without a word.

The engines differ in what they do with a damaged file: ROOT tries to recover it and may go on with fewer events,
uproot fails deep inside a read. This check fails first and says which file and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import uproot

__all__ = ["InputError", "check", "events", "paths"]

ROOT_MAGIC = b"root"


class InputError(ValueError):
    """An input file cannot be read; the message names the file, the fault and the fix."""


def paths(files: Sequence[str] | Mapping[str, Sequence[str]]) -> list[str]:
    """Return all paths of `files`, which is a list, or a dictionary of lists by dataset."""
    if isinstance(files, Mapping):
        return [path for members in files.values() for path in members]
    return list(files)


def check(
    files: Sequence[str] | Mapping[str, Sequence[str]],
    branches: Mapping[str, Sequence[str]],
    optional: Collection[str] = (),
) -> int:
    """Check that every file is there, whole, and has the trees and branches.

    Parameters
    ----------
    files
        Paths or ``root://`` addresses; a list, or a dictionary of lists by dataset.
    branches
        Branch names by tree.
    optional
        Branches that a file of data may lack (generator information).

    Returns
    -------
    int
        Entries of the Events trees, summed.

    Raises
    ------
    InputError
        If there is no file at all, or one of them is not there, not ROOT, truncated, or lacks a tree or a branch.
    """
    if isinstance(files, str | bytes) or not paths(files):
        raise InputError(f"no input files in {files!r}: give at least one NanoAOD file, in a list")
    return sum(_check_file(path, branches, optional) for path in paths(files))


def events(files: Sequence[str] | Mapping[str, Sequence[str]]) -> int:
    """Return the entries of the Events trees, summed over `files`."""
    return check(files, {"Events": []})


def _check_file(path: str, branches: Mapping[str, Sequence[str]], optional: Collection[str]) -> int:
    if "://" not in path:
        _check_local(Path(path))
    try:
        with uproot.open(path) as file:
            return _check_trees(path, file, branches, optional)
    except InputError:
        raise
    except Exception as error:  # uproot raises many kinds for a damaged file
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{path}: cannot be read ({type(error).__name__}: {reason}); copy the file again or take it off the list"
        ) from error


def _check_local(path: Path) -> None:
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in _siblings(path)], cutoff=0.6)
        hint = f"; did you mean {', '.join(near)}?" if near else "; check the path"
        raise InputError(f"{path}: no such file{hint}")
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic != ROOT_MAGIC:
        raise InputError(f"{path}: not a ROOT file (it starts with {magic!r}); give a NanoAOD file")


def _siblings(path: Path) -> Iterator[Path]:
    return path.parent.iterdir() if path.parent.is_dir() else iter(())


def _check_trees(path: str, file: Any, branches: Mapping[str, Sequence[str]], optional: Collection[str]) -> int:
    expected = file.file.fEND
    size = Path(path).stat().st_size if "://" not in path else expected
    if size < expected:
        raise InputError(f"{path}: truncated, {size} of {expected} bytes; copy the file again")
    simulation = "Events" in file and "genWeight" in file["Events"]
    for tree, all_names in branches.items():
        names = [name for name in all_names if simulation or name not in optional]
        if all_names and not names:
            continue
        if tree not in file:
            have = ", ".join(file.keys(cycle=False, recursive=False)) or "nothing"
            raise InputError(f"{path}: no tree '{tree}'; it holds {have}; give a NanoAOD file")
        _check_branches(path, file[tree], tree, names)
    return int(file["Events"].num_entries)


def _check_branches(path: str, tree: Any, name: str, wanted: Sequence[str]) -> None:
    have = set(tree.keys(recursive=False))
    for branch in wanted:
        if branch not in have:
            near = difflib.get_close_matches(branch, have, n=3, cutoff=0.6)
            hint = f"the nearest names are {', '.join(near)}" if near else "nothing is named alike"
            raise InputError(
                f"{path}: tree '{name}' has no branch '{branch}'; {hint} "
                "(names change with the NanoAOD version: see the page on running on your own files)"
            )
