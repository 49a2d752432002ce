"""Write a file of the sample as another version of NanoAOD has it: branches renamed, retyped, and left out.

For tests, and for the page on versions. What the sample lacks is not made up, so that only part of a version is there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from cookbook import nanoaod, sample

__all__ = ["twin", "write"]

# ROOT's letter of a type in the description of a branch.
LETTERS = {
    "bool": "O",
    "uint8": "b",
    "int16": "S",
    "uint16": "s",
    "int32": "I",
    "uint32": "i",
    "int64": "L",
    "uint64": "l",
    "float32": "F",
    "float64": "D",
}


def write(source: str, target: str | Path, version: str, events: int | None = None, only: Collection[str] = ()) -> str:
    """Write a file in the names and types of a version and return its path.

    Parameters
    ----------
    source
        A file in the names of v15, such as one of the sample.
    target
        Path of the new file, in a folder that exists.
    version
        One of `cookbook.nanoaod.versions`.
    events
        How many, from the first on; None for all.
    only
        Branches of Events that are written, by the names of v15 and with their counters; if empty, all that the
        version has.
    """
    import ROOT

    with uproot.open(source) as file, ROOT.TFile(str(target), "recreate") as out:
        for name in file.keys(cycle=False, recursive=False):
            chosen = only if name == "Events" else ()
            columns = _columns(file[name], name, version, events if name == "Events" else None, chosen)
            tree = ROOT.TTree(name, "")
            _fill(tree, columns)
            out.WriteTObject(tree)
    return str(target)


def twin(source: str, version: str, only: Collection[str] = (), events: int | None = None) -> str:
    """Return the path of a file in the names and types of a version, written once into the cache of the sample.

    The parameters are those of `write`.
    """
    table = resources.files("cookbook").joinpath("nanoaod.toml").read_bytes()
    status = Path(source).stat()
    content = f"{Path(source).resolve()} {status.st_size} {status.st_mtime_ns} {sorted(only)} {events}"
    key = hashlib.sha256(table + content.encode()).hexdigest()[:16]
    path = sample.cache_folder() / "dialects" / key / f"{Path(source).stem}_{version}.root"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.partial")
        write(source, unfinished, version, events, only)
        unfinished.replace(path)
    return str(path)


def _columns(tree: Any, name: str, version: str, events: int | None, only: Collection[str]) -> dict[str, Any]:
    """Return the columns of a tree by their name in the version, counters first."""
    known = {old: one for old, one in nanoaod.quantities().items() if one.tree == name}
    held = nanoaod.branches(version)
    there = tree.keys(recursive=False)
    wanted = {*only, *(counter for counter in map(_counter, only) if counter in there)} or set(there)
    kept = [old for old in there if old in wanted and (old not in known or old in held)]
    arrays = tree.arrays(kept, entry_stop=events)
    columns: dict[str, Any] = {}
    for old in sorted(kept, key=lambda one: arrays[one].ndim):
        new = held[old] if old in known else None
        columns[new.name if new else old] = ak.values_astype(arrays[old], new.type) if new else arrays[old]
    return columns


def _counter(branch: str) -> str:
    return "n" + branch.partition("_")[0]


def _fill(tree: Any, columns: dict[str, Any]) -> None:
    """Fill a tree event by event, which is quick enough for the few that a test needs."""
    filled = []
    for name, column in columns.items():
        lists = column.ndim > 1
        counts = ak.to_numpy(ak.num(column)) if lists else np.ones(len(column), int)
        flat = ak.to_numpy(ak.flatten(column)) if lists else ak.to_numpy(column)
        buffer = np.zeros(max(counts.max(initial=0), 1), flat.dtype)
        tree.Branch(name, buffer, f"{name}{f'[{_counter(name)}]' if lists else ''}/{LETTERS[flat.dtype.name]}")
        filled.append((buffer, flat, np.concatenate([[0], np.cumsum(counts)])))
    for event in range(len(next(iter(columns.values()), ()))):
        for buffer, flat, ends in filled:
            start, end = ends[event], ends[event + 1]
            buffer[: end - start] = flat[start:end]
        tree.Fill()
