"""Small helpers for jagged arrays that the detector and the generator share."""

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def flat(array: Any) -> NDArray[Any]:
    """Values of a jagged array as one numpy array."""
    return np.asarray(ak.to_numpy(ak.flatten(array, axis=None)))


def counts(array: Any) -> Ints:
    """Number of objects per event."""
    return np.asarray(ak.to_numpy(ak.num(array, axis=1)), dtype=np.int64)


def delta_phi(first: Any, second: Any) -> Any:
    """Difference of two azimuths in (-pi, pi]."""
    return (first - second + np.pi) % (2 * np.pi) - np.pi


def nearest(first: Any, second: Any) -> tuple[Any, Any]:
    """Index of the nearest object of `second` for each of `first`, and the distance.

    Parameters
    ----------
    first, second
        Jagged records with ``eta`` and ``phi``, one list per event.

    Returns
    -------
    index, distance
        Jagged like `first`; -1 and infinity where `second` is empty.
    """
    pairs = ak.cartesian([first, second], nested=True)
    one, two = ak.unzip(pairs)
    distance = np.sqrt((one.eta - two.eta) ** 2 + delta_phi(one.phi, two.phi) ** 2)
    index = ak.argmin(distance, axis=2)
    closest = ak.min(distance, axis=2)
    return ak.fill_none(index, -1), ak.fill_none(closest, np.inf)


def by_pt(record: Any) -> Any:
    """Sort objects by falling pt in every event."""
    return record[ak.argsort(record.pt, axis=1, ascending=False, stable=True)]


def take(array: Any, index: Any, default: Any) -> Any:
    """Pick ``array[index]`` per event where `index` is not negative, `default` elsewhere."""
    valid = index >= 0
    # An empty list cannot be indexed at all, so a filler is put behind the last object.
    padded = ak.concatenate([array, ak.full_like(index[:, :1], 0) + ak.zeros_like(index[:, :1])], axis=1)
    safe = ak.where(valid, index, 0)
    return ak.where(valid, padded[safe], default)
