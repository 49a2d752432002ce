"""Keep the histograms of both engines in files, and read them back.

`save` runs in the kernel, where the histograms are; ``histograms.json`` holds them in the serialisation of hist (UHI),
``histograms.root`` as TH1, TH2 and TH3 in a directory for each engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot
from hist.serialization import from_uhi, to_uhi

from cookbook import roothist

__all__ = ["JSON", "ROOT_FILE", "in_root", "read", "save"]

JSON = "histograms.json"
ROOT_FILE = "histograms.root"
MOST_AXES = 3  # of a ROOT histogram that is not sparse


def save(coffea: Mapping[str, Any], rdataframe: Mapping[str, Any], folder: str | Path) -> None:
    """Write the histograms of both engines to `folder`, as JSON and as a ROOT file.

    Parameters
    ----------
    coffea
        `hist.Hist` by name.
    rdataframe
        What RDataFrame returns, by name: histograms, cutflow reports or result pointers to them.
    folder
        Where the files go.
    """
    found = {
        "coffea": dict(coffea),
        "rdataframe": {name: roothist.to_hist(result) for name, result in rdataframe.items()},
    }
    folder = Path(folder)
    as_json = {engine: {name: to_uhi(h) for name, h in results.items()} for engine, results in found.items()}
    folder.joinpath(JSON).write_text(json.dumps(as_json, default=np.ndarray.tolist))
    with uproot.recreate(folder / ROOT_FILE) as file:
        for engine, results in found.items():
            for name, h in results.items():
                if in_root(h):
                    file[f"{engine}/{name}"] = _writable(h)


def read(folder: str | Path) -> dict[str, dict[str, hist.Hist]]:
    """Return the histograms that `save` wrote to a folder, by engine and name."""
    found = json.loads(Path(folder).joinpath(JSON).read_text())
    return {engine: {name: from_uhi(h) for name, h in results.items()} for engine, results in found.items()}


def in_root(h: hist.Hist) -> bool:
    """Return whether the ROOT file has a histogram: one of more than three axes stands in the JSON alone."""
    return bool(0 < h.ndim <= MOST_AXES)


def _writable(h: hist.Hist) -> hist.Hist:
    """Return a copy in double precision: uproot writes no histogram of integers."""
    weighted = h.variances(flow=True) is not None and h.storage_type is not hist.storage.Int64
    copy = hist.Hist(*h.axes, storage=hist.storage.Weight() if weighted else hist.storage.Double())
    view = copy.view(flow=True)
    if weighted:
        view.value, view.variance = h.values(flow=True), h.variances(flow=True)
    else:
        view[...] = h.values(flow=True)
    return copy
