"""Matching and ordering of jagged collections."""

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from .arrays import delta_phi

Ints = NDArray[np.int64]


def nearest(first: Any, second: Any) -> tuple[Any, Any]:
    """Index of the nearest object of `second` for each of `first`, and the distance in eta and phi.

    Jagged like `first`; -1 and infinity where `second` is empty.
    """
    one, two = ak.unzip(ak.cartesian([first[["eta", "phi"]], second[["eta", "phi"]]], nested=True))
    distance = np.sqrt((one.eta - two.eta) ** 2 + delta_phi(one.phi, two.phi) ** 2)
    index = ak.argmin(distance, axis=2)
    closest = ak.min(distance, axis=2)
    return ak.fill_none(index, -1), ak.fill_none(closest, np.inf)


def matched(first: Any, second: Any, radius: float) -> Any:
    """Index into `second` of the nearest object within `radius`, or -1."""
    index, distance = nearest(first, second)
    return ak.where(distance < radius, index, -1)


def order_by_pt(pt: Any) -> Any:
    """Find the indices that sort every event by falling pt, equal values in their old order."""
    return ak.argsort(pt, axis=1, ascending=False, stable=True)


def take(array: Any, index: Any, default: float) -> Any:
    """Pick ``array[index]`` per event, `default` where `index` is negative."""
    number = ak.to_numpy(ak.num(array, axis=1))
    starts = np.concatenate([[0], np.cumsum(number)])[:-1]
    counts = ak.to_numpy(ak.num(index, axis=1))
    where = np.asarray(ak.to_numpy(ak.flatten(index)))
    content = np.append(np.asarray(ak.to_numpy(ak.flatten(array))), default)
    position = np.where(where >= 0, where + np.repeat(starts, counts), len(content) - 1)
    return ak.unflatten(content[position], counts)


def pick_first_two(index: Any, targets: Any) -> tuple[Any, Any]:
    """First two objects that point to each target.

    Parameters
    ----------
    index
        For every object, the target it points to (or -1); objects are sorted, the first is the leading one.
    targets
        Any jagged column of the targets, for their number.

    Returns
    -------
    first, second
        Index of the objects per target, -1 without one.
    """
    here = ak.local_index(targets)
    pairs = ak.cartesian([here, index], nested=True)
    target, wanted = ak.unzip(pairs)
    number = ak.local_index(target, axis=2)
    mine = ak.pad_none(number[target == wanted], 2, axis=2)
    return ak.fill_none(mine[..., 0], -1), ak.fill_none(mine[..., 1], -1)
