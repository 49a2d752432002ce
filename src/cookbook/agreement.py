"""The agreement gate: the histograms of the two engines must be the same.

`compare` is a pure function that returns its findings per histogram; `check` shows them as a table and raises if there
is any. Counts must be equal in every bin, under- and overflow included. Weighted bins must have equal values and
variances up to the rounding of sums in double precision. Where rounding moves an event across a bin edge, a recipe
declares how many events may move and why. A bin that is infinite or not a number is a finding, also where both engines
have it.

What stays invisible, since a weighted bin holds sums and no count:

- events whose weights add up to less than the tolerance: one of weight 1 beside a single weight of 1e12, or one of 1e8
  events of like weight;
- two events of opposite weight in one bin, which only its variance tells: beside a single weight 1e4 times as large;
- events of weight zero;
- not-a-number on an axis: both engines count it in the overflow.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import hist
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cookbook import roothist

__all__ = ["RELATIVE_TOLERANCE", "TOLERANCE_PER_EVENT", "VARIANCE_TOLERANCE", "Comparison", "DisagreementError"]
__all__ += ["Finding", "check", "compare", "not_finite", "table"]

RELATIVE_TOLERANCE = 1e-12
"""Of a weighted bin of few events. In no recipe do the engines differ by more than 2e-14 on the sample; a weight in
single precision would differ by 6e-8."""

TOLERANCE_PER_EVENT = 1e-15
"""Added for each effective event of the bin, (sum of weights)² / sum of squared weights: equal weights are rounded the
same way again and again, so that sums over other chunks differ by up to 3e-17 per event. One large weight makes a bin
of few effective events."""

VARIANCE_TOLERANCE = 1e-8
"""Of variances, and the most for values: the rounding of 3e8 equal weights. Where weights of both signs cancel, the
effective events are too few to tell how many squares were added."""

MOST_SHOWN = 3
"""Bins that a message lists by name."""

Array = NDArray[np.float64]


class DisagreementError(AssertionError):
    """The engines' histograms differ; the message lists every finding."""


@dataclass(frozen=True)
class Finding:
    """One way in which one histogram differs between the engines."""

    histogram: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.histogram}: {self.kind}: {self.message}"


@dataclass(frozen=True)
class Comparison:
    """What the gate saw of one histogram.

    `entries` is the sum over all finite bins, under- and overflow included, unweighted for counts and of weights
    otherwise; `difference` the largest relative difference of a value or a variance in any of them; `migrated` a lower
    bound on the events that lie in another bin.
    """

    histogram: str
    entries: float = 0.0
    weighted: bool = False
    difference: float = 0.0
    migrated: int = 0
    allowed: int = 0
    findings: tuple[Finding, ...] = field(default=())


def compare(
    coffea: Mapping[str, Any],
    rdataframe: Mapping[str, Any],
    migrations: Mapping[str, int] | None = None,
    empty: bool = False,
) -> list[Comparison]:
    """Compare the engines' histograms by name.

    Parameters
    ----------
    coffea
        `hist.Hist` by name.
    rdataframe
        TH1, TH2, TH3, THn, a cutflow report, or RDataFrame's result pointer to one of them, by name.
    migrations
        How many events may lie in another bin, by histogram; none where a name is absent.
    empty
        Whether empty histograms are a correct result, as with an input of zero events.

    Returns
    -------
    list of Comparison
        One for each name that either side has, in order of first appearance.
    """
    allowed = dict(migrations or {})
    names = list(dict.fromkeys([*coffea, *rdataframe]))
    result = [_compare_one(name, coffea, rdataframe, allowed.get(name, 0), empty) for name in names]
    unknown = [name for name in allowed if name not in names]
    return result + [_failed(n, "unknown name", "migrations are declared for it, no engine fills it") for n in unknown]


def check(
    coffea: Mapping[str, Any],
    rdataframe: Mapping[str, Any],
    migrations: Mapping[str, int] | None = None,
    empty: bool = False,
) -> pd.DataFrame:
    """Compare as `compare` does and return the table of comparisons.

    Empty histograms are also accepted where the variable ``COOKBOOK_EMPTY`` is ``allow``: `make recipe` sets it, since
    a reader's files may hold no event that survives.

    Raises
    ------
    DisagreementError
        If there is any finding, or nothing to compare.
    """
    empty = empty or os.environ.get("COOKBOOK_EMPTY") == "allow"
    comparisons = compare(coffea, rdataframe, migrations, empty)
    findings = [f for c in comparisons for f in c.findings]
    if not comparisons:
        raise DisagreementError("there is no histogram on either side, so nothing was compared")
    if findings:
        lines = "\n".join(f"  {finding}" for finding in findings)
        raise DisagreementError(f"coffea and RDataFrame disagree:\n{lines}")
    return table(comparisons)


def table(comparisons: list[Comparison]) -> pd.DataFrame:
    """Return a table with one row a histogram, for display."""
    rows = [
        {
            "histogram": c.histogram,
            "entries": f"{c.entries:.6g}" if c.weighted else f"{c.entries:.0f}",
            "kind": "weighted" if c.weighted else "counts",
            "max relative difference": f"{c.difference:.1e}" if c.difference else "0",
            "migrated (allowed)": f"{c.migrated} ({c.allowed})",
        }
        for c in comparisons
    ]
    return pd.DataFrame(rows).set_index("histogram")


def not_finite(h: hist.Hist, flow: bool = True) -> str:
    """Return how many bins have a value or variance that is infinite or not a number, and the first; '' if none has.

    `flow` tells whether under- and overflow are looked at.
    """
    bins = _Bins.of(h)
    seen = np.full(bins.values.shape, flow)
    seen[tuple(_inner(axis) for axis in h.axes)] = True
    where = [tuple(place) for place in np.argwhere(seen & ~bins.finite)]
    shown = [f"{_place(h, place)}: {bins.at(place)}" for place in where[:MOST_SHOWN]]
    more = ["..."] if len(where) > MOST_SHOWN else []
    return f"{len(where)} of {seen.sum()} bins ({'; '.join(shown + more)})" if where else ""


def _compare_one(
    name: str, coffea: Mapping[str, Any], rdataframe: Mapping[str, Any], allowed: int, empty: bool
) -> Comparison:
    for side, other, results in (("coffea", "RDataFrame", coffea), ("RDataFrame", "coffea", rdataframe)):
        if name not in results:
            return _failed(name, "missing", f"{side} does not fill it, {other} does")
    left = coffea[name]
    if not isinstance(left, hist.Hist):
        return _failed(name, "wrong type", f"coffea gave a {type(left).__name__}, not a hist.Hist")
    try:
        right = roothist.to_hist(rdataframe[name])
    except TypeError as error:
        return _failed(name, "wrong type", str(error))
    faults = _axis_faults(left, right)
    if faults:
        return Comparison(name, findings=tuple(Finding(name, "axes", fault) for fault in faults))
    if not _has_variances(left):
        return _failed(
            name,
            "no variances",
            "weights were filled into a plain storage; use storage=hist.storage.Weight()",
        )
    return _compare_bins(name, left, right, allowed, empty)


def _failed(name: str, kind: str, message: str) -> Comparison:
    return Comparison(name, findings=(Finding(name, kind, message),))


def _axis_faults(left: hist.Hist, right: hist.Hist) -> list[str]:
    if left.ndim != right.ndim:
        return [f"coffea has {left.ndim} axes, RDataFrame {right.ndim}"]
    return [
        f"axis {i}: {fault}"
        for i, (a, b) in enumerate(zip(left.axes, right.axes, strict=True))
        for fault in _one_axis_faults(a, b, i)
    ]


def _one_axis_faults(a: Any, b: Any, i: int) -> list[str]:
    faults = []
    labels = [list(x) if isinstance(x, hist.axis.StrCategory) else None for x in (a, b)]
    if labels[0] != labels[1]:
        faults.append(f"coffea has the categories {labels[0]}, RDataFrame {labels[1]}")
    elif labels[0] is None and not _same_edges(a.edges, b.edges):
        faults.append(f"coffea has {_edges(a)}, RDataFrame {_edges(b)}")
    untitled = f"Axis {i}"  # what hist calls an axis with neither name nor label
    if b.label != untitled and a.label != b.label:
        faults.append(f"coffea calls it '{a.label}', RDataFrame '{b.label}'")
    return faults


def _same_edges(a: Array, b: Array) -> bool:
    """Return whether the edges are the same up to the rounding of an equidistant axis."""
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-12, atol=1e-12 * np.ptp(a))


def _edges(axis: Any) -> str:
    return f"{len(axis)} bins from {axis.edges[0]:g} to {axis.edges[-1]:g}"


def _has_variances(h: hist.Hist) -> bool:
    """Return whether variances are known, or follow from the bins being counts.

    hist forgets that a plain histogram was filled without weights as soon as two chunks are added.
    """
    values = h.values(flow=True)
    return h.variances(flow=True) is not None or bool(np.all(values >= 0) and np.array_equal(values, values.round()))


@dataclass(frozen=True)
class _Bins:
    """Values and variances of all bins, flow bins included."""

    values: Array
    variances: Array

    @classmethod
    def of(cls, h: hist.Hist) -> _Bins:
        values, variances = h.values(flow=True), h.variances(flow=True)
        return cls(_with_flow(h, values), _with_flow(h, values if variances is None else variances))

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which bins have a finite value and variance."""
        return np.isfinite(self.values) & np.isfinite(self.variances)

    def where(self, chosen: NDArray[np.bool_]) -> _Bins:
        """Return the chosen bins, and zeros in place of the others."""
        return _Bins(np.where(chosen, self.values, 0.0), np.where(chosen, self.variances, 0.0))

    @property
    def tolerance(self) -> Array:
        """By how much of its size a value may differ."""
        error = np.sqrt(self.variances)
        effective = np.square(np.divide(self.values, error, out=np.zeros_like(error), where=error > 0))
        return np.minimum(RELATIVE_TOLERANCE + TOLERANCE_PER_EVENT * effective, VARIANCE_TOLERANCE)

    @property
    def total(self) -> _Bins:
        """The sum of all bins as one bin."""
        return _Bins(self.values.sum(keepdims=True), self.variances.sum(keepdims=True))

    @property
    def is_count(self) -> bool:
        """Whether every bin is a whole number of unweighted events."""
        return bool(np.array_equal(self.values, self.variances) and np.array_equal(self.values, self.values.round()))

    def at(self, where: tuple[np.intp, ...]) -> str:
        return f"{self.values[where]:.10g} ± {np.sqrt(self.variances[where]):.4g}"


def _compare_bins(name: str, left: hist.Hist, right: hist.Hist, allowed: int, empty: bool) -> Comparison:
    a, b = _Bins.of(left), _Bins.of(right)
    findings = _not_finite(name, left, right)
    if not empty and not (a.variances.any() or b.variances.any()):
        findings.append(Finding(name, "empty", "no event is in it on either side, so nothing was compared"))
    weighted = not (a.is_count and b.is_count)
    finite = a.finite & b.finite
    a, b = a.where(finite), b.where(finite)
    by_value, by_variance = _differences(a, b)
    if weighted:
        differs = (by_value > np.maximum(a.tolerance, b.tolerance)) | (by_variance > VARIANCE_TOLERANCE)
    else:
        differs = a.values != b.values
    # one migration changes two bins
    migrated = int(np.ceil((differs.sum() if weighted else np.abs(a.values - b.values).sum()) / 2))
    lost = _totals_differ(a.total, b.total, weighted)
    if differs.any() and (migrated > allowed or lost):
        migration = f"at least {migrated} events migrated, {allowed} allowed"
        reason = "events are lost, or weighted otherwise" if lost else migration
        findings.append(Finding(name, "bins", f"{_worst(left, a, b, differs)}; {reason}"))
    difference = float(max(by_value.max(), by_variance.max()))
    return Comparison(name, float(a.values.sum()), weighted, difference, migrated, allowed, tuple(findings))


def _not_finite(name: str, left: hist.Hist, right: hist.Hist) -> list[Finding]:
    found = {side: bad for side, h in (("coffea", left), ("RDataFrame", right)) if (bad := not_finite(h))}
    if not found:
        return []
    kind = f"not finite in {'both engines' if len(found) == 2 else next(iter(found))}"
    where = ", ".join(f"{side} in {bad}" for side, bad in found.items())
    return [Finding(name, kind, f"{where}; look for an infinite weight or one that is not a number")]


def _differences(a: _Bins, b: _Bins) -> tuple[Array, Array]:
    """Return the relative differences of values and of variances.

    Where weights of both signs cancel, the value itself is no scale, the statistical error is.
    """
    error = np.sqrt(np.maximum(a.variances, b.variances))
    return _relative(a.values, b.values, error), _relative(a.variances, b.variances)


def _totals_differ(a: _Bins, b: _Bins, weighted: bool) -> bool:
    if not weighted:
        return bool(a.values.item() != b.values.item())
    return bool((_differences(a, b)[0] > np.maximum(a.tolerance, b.tolerance)).item())


def _with_flow(h: hist.Hist, array: Any) -> Array:
    """Return `array` with a zero bin for each flow bin an axis lacks, so that both sides have the same shape."""
    pads = [
        (0 if isinstance(a, hist.axis.StrCategory) else int(not a.traits.underflow), int(not a.traits.overflow))
        for a in h.axes
    ]
    return np.pad(np.asarray(array, dtype=np.float64), pads)


def _relative(a: Array, b: Array, scale: Array | float = 0.0) -> Array:
    """Return the differences relative to the larger of the two and `scale`."""
    size = np.maximum(np.maximum(np.abs(a), np.abs(b)), scale)
    return np.divide(np.abs(a - b), size, out=np.zeros_like(a), where=size != 0)


def _worst(h: hist.Hist, a: _Bins, b: _Bins, differs: NDArray[np.bool_]) -> str:
    size = np.where(differs, np.abs(a.values - b.values), -1.0)
    where = np.unravel_index(np.argmax(size), size.shape)
    relative = max(by.max() for by in _differences(a.where(differs), b.where(differs)))
    return (
        f"{int(differs.sum())} of {differs.size} bins differ, the most in {_place(h, where)}: coffea {a.at(where)}, "
        f"RDataFrame {b.at(where)}, by up to {relative:.1e} of their size; "
        f"sums {a.values.sum():.10g} and {b.values.sum():.10g}"
    )


def _inner(axis: Any) -> slice:
    """Return where the bins of an axis lie that are neither under- nor overflow."""
    return slice(0, len(axis)) if isinstance(axis, hist.axis.StrCategory) else slice(1, len(axis) + 1)


def _place(h: hist.Hist, where: tuple[Any, ...]) -> str:
    return ", ".join(_bin_name(axis, int(i)) for axis, i in zip(h.axes, where, strict=True))


def _bin_name(axis: Any, index: int) -> str:
    if isinstance(axis, hist.axis.StrCategory):
        return str(axis.value(index)) if index < len(axis) else "no category"
    if index == 0:
        return f"below {axis.edges[0]:g}"
    if index > len(axis):
        return f"above {axis.edges[-1]:g}"
    return f"[{axis.edges[index - 1]:g}, {axis.edges[index]:g})"
