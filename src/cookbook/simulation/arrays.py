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
    """Count the objects of each event."""
    return np.asarray(ak.to_numpy(ak.num(array, axis=1)), dtype=np.int64)


def delta_phi(first: Any, second: Any) -> Any:
    """Difference of two azimuths in (-pi, pi]."""
    return (first - second + np.pi) % (2 * np.pi) - np.pi
