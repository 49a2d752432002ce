"""Write small files for tests: NanoAOD of a few events, as columns and collections, and edited correction files."""

import gzip
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

__all__ = ["edited", "event_columns", "from_file", "jagged", "odd_jets", "write"]

Change = Callable[[dict[str, Any]], Any]


def jagged(values: Sequence[Sequence[Any]], kind: Any) -> Any:
    """Return lists as an array whose type holds where all are empty."""
    return ak.unflatten(np.array([x for row in values for x in row], dtype=kind), [len(row) for row in values])


def event_columns(size: int, *fired: str) -> dict[str, Any]:
    """Return the numbers of events of run 1, and what is true in each of them."""
    numbers: dict[str, Any] = {name: np.ones(size, "uint32") for name in ("run", "luminosityBlock")}
    return {**numbers, "event": np.arange(size, dtype="uint64"), **{name: np.ones(size, bool) for name in fired}}


def write(target: Path, events: Mapping[str, Any], sums: Any) -> str:
    """Write a file and return its path.

    `events` holds arrays by branch and collections, as records or as dictionaries by field; `sums` are the generator
    sums of weights in the Runs tree, which is there without them where `sums` is None.
    """
    columns = {name: ak.zip(column) if isinstance(column, dict) else column for name, column in events.items()}
    types = {name: c.type.content if isinstance(c, ak.Array) else c.dtype for name, c in columns.items()}
    runs = {"run": np.ones(1 if sums is None else len(sums), "uint32")}
    runs |= {} if sums is None else {"genEventSumw": np.asarray(sums, dtype="f8")}
    with uproot.recreate(target) as out:
        out.mktree("Events", types).extend(columns)
        out.mktree("Runs", {name: column.dtype for name, column in runs.items()}).extend(runs)
    return str(target)


def from_file(source: str, target: Path, wanted: Collection[str], events: int, change: Change) -> str:
    """Write the first events of a file, those branches that it has of the `wanted`, with its columns changed.

    `change` gets collections as dictionaries by field, and other branches, lists of weights among them, as arrays.
    """
    with uproot.open(source) as file:
        tree = file["Events"]
        arrays = tree.arrays(sorted(set(wanted) & set(tree.keys())), entry_stop=events)
        sums = file["Runs"]["genEventSumw"].array(library="np") if "genEventSumw" in file["Runs"] else None
    columns: dict[str, Any] = {}
    for name in arrays.fields:
        collection, _, field = name.partition("_")
        if arrays[name].ndim > 1 and field:
            columns.setdefault(collection, {})[field] = arrays[name]
        elif not re.match("n[A-Z]", name):  # counters are written with their collections
            columns[name] = arrays[name] if arrays[name].ndim > 1 else ak.to_numpy(arrays[name])
    change(columns)
    return write(target, columns, sums)


def edited(source: str, target: Path, change: Change) -> str:
    """Write a correction file with its content changed, and return its path; gzipped where its name says so."""
    content = json.loads(gzip.decompress(Path(source).read_bytes()))
    change(content)
    text = json.dumps(content).encode()
    target.write_bytes(gzip.compress(text, mtime=0) if target.suffix == ".gz" else text)
    return str(target)


def odd_jets(columns: dict[str, Any]) -> None:
    """Leave a third of the events without jets and a third with one, whose momentum is not a number in every other."""
    order = np.arange(len(columns["Jet"]["pt"]))
    kept = np.where(order % 3 == 0, 0, np.where(order % 3 == 1, 1, 99))
    few = ak.local_index(columns["Jet"]["pt"]) < kept
    columns["Jet"] = {name: values[few] for name, values in columns["Jet"].items()}
    pt = columns["Jet"]["pt"]
    columns["Jet"]["pt"] = ak.where((ak.num(pt) == 1) & (order % 2 == 0), np.float32(np.nan), pt)
