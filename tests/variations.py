"""Find the systematic variations in the histograms of a recipe, and put the three faults into them that analysts make.

A variation is a category beside `nominal` on the same axis, or a histogram called as another one but for the
`nominal` in its name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hist

__all__ = ["FAULTS", "Place", "faults", "named", "places", "spoiled"]

NOMINAL = "nominal"
OTHER_WAY = {"up": "down", "down": "up", "Up": "Down", "Down": "Up"}
WAY = re.compile(r"[Uu]p(?![a-z])|[Dd]own(?![a-z])")
FAULTS = ("moves nothing", "applied twice", "up and down swapped")

Histograms = Mapping[str, hist.Hist]


@dataclass(frozen=True)
class Place:
    """Where a variation, or the nominal beside it, stands: a histogram and, where it has an axis of them, which."""

    histogram: str
    axis: int | None = None
    category: str = ""

    def view(self, results: Histograms) -> Any:
        """Return the bins, overflow included, as a view that can be written to."""
        h = results[self.histogram]
        bins = h.view(flow=True)
        if self.axis is None:
            return bins
        where: list[Any] = [slice(None)] * h.ndim
        index = h.axes[self.axis].index(self.category)
        where[self.axis] = slice(index, index + 1)
        return bins[tuple(where)]


def places(results: Histograms) -> dict[str, list[tuple[Place, Place]]]:
    """Return where each variation stands, and for each place the one of the nominal beside it."""
    found: dict[str, list[tuple[Place, Place]]] = {}
    for name, place, nominal in _all(results):
        found.setdefault(name, []).append((place, nominal))
    return found


def _all(results: Histograms) -> Iterator[tuple[str, Place, Place]]:
    for histogram, h in results.items():
        for number, axis in enumerate(h.axes):
            if isinstance(axis, hist.axis.StrCategory) and NOMINAL in axis:
                nominal = Place(histogram, number, NOMINAL)
                yield from ((name, Place(histogram, number, name), nominal) for name in axis if name != NOMINAL)
        base = histogram.removesuffix(NOMINAL)
        if base not in ("", histogram):
            others = [name for name in results if name.startswith(base) and _alike(results[name], h)]
            others.remove(histogram)
            yield from ((name.removeprefix(base), Place(name), Place(histogram)) for name in others)


def _alike(a: hist.Hist, b: hist.Hist) -> bool:
    return a.storage_type is b.storage_type and tuple(a.axes) == tuple(b.axes)


def faults(results: Histograms) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each fault that can be put into the variations, and the one or two that it is in."""
    found = list(places(results))
    for number, name in enumerate(found):
        yield from (((name,), fault) for fault in FAULTS[:2])
        other = pair_of(name, found)
        if other and found.index(other) > number:
            yield (name, other), FAULTS[2]


def pair_of(name: str, names: Sequence[str]) -> str | None:
    """Return the variation the other way, where there is one."""
    other = WAY.sub(lambda way: OTHER_WAY[way[0]], name)
    return other if other != name and other in names else None


def spoiled(results: Histograms, names: Sequence[str], fault: str) -> Histograms:
    """Return copies of histograms with a fault in one variation, or in the two that are exchanged."""
    copies, found = {histogram: h.copy() for histogram, h in results.items()}, places(results)
    for name, source in zip(names, reversed(names), strict=True):
        for (place, nominal), (there, _) in zip(found[name], found[source], strict=True):
            bins, moved, centre = (one.view(h) for one, h in ((place, copies), (there, results), (nominal, results)))
            bins[...] = centre if fault == FAULTS[0] else moved
            if fault == FAULTS[1]:
                _values(bins)[...] += _values(moved) - _values(centre)
    return copies


def named(names: Sequence[str], message: str) -> bool:
    """Return whether a message holds the name of a variation, or one of two, whole."""
    either = "|".join(map(re.escape, names))
    return bool(re.search(rf"(?<![A-Za-z0-9:])(?:{either})(?!\w|:\w)", message))


def _values(bins: Any) -> Any:
    return bins["value"] if bins.dtype.names else bins
