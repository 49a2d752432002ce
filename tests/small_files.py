"""Write small NanoAOD files for tests: a few events, as columns and collections."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot


def jagged(values: Sequence[Sequence[Any]], kind: Any) -> Any:
    """Return lists as an array whose type holds where all are empty."""
    return ak.unflatten(np.array([x for row in values for x in row], dtype=kind), [len(row) for row in values])


def write(target: Path, events: Mapping[str, Any], sums: Any) -> str:
    """Write a file and return its path.

    `events` holds arrays by branch and collections, as records or as dictionaries by field; `sums` are the generator
    sums of weights in the Runs tree.
    """
    columns = {name: ak.zip(column) if isinstance(column, dict) else column for name, column in events.items()}
    types = {name: c.type.content if isinstance(c, ak.Array) else c.dtype for name, c in columns.items()}
    with uproot.recreate(target) as out:
        out.mktree("Events", types).extend(columns)
        out.mktree("Runs", {"genEventSumw": "f8"}).extend({"genEventSumw": np.asarray(sums, dtype="f8")})
    return str(target)
