"""Closure: corrected simulation must describe the pseudo-data, and each wrong way of correcting must not.

`chi_squared` compares one histogram of data with one of simulation. `check` does so for the right correction and for
the wrong ones in the order in which they should get worse, shows them as a table and raises if closure fails, or if a
wrong way is as good as the right one: then the comparison could not have seen a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import hist
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from cookbook import agreement

__all__ = ["MIN_EXPECTED", "SIGNIFICANCE", "ChiSquared", "ClosureError", "check", "chi_squared", "figure"]

MIN_EXPECTED = 10.0
"""Neighbouring bins are merged until this many events are expected: below it, a Poisson count is not normal."""

SIGNIFICANCE = 1e-3
"""A comparison less probable than this does not close. One true closure in a thousand fails by chance; the sample is
fixed, so a closure that holds once holds in every build."""

Array = NDArray[np.float64]


class ClosureError(AssertionError):
    """A correction does not close, a wrong one does, or a bin is infinite or not a number; the message lists all."""


@dataclass(frozen=True)
class ChiSquared:
    """Chi-squared of data and simulation, the degrees of freedom, and the probability of one as large or larger."""

    value: float
    dof: int

    @property
    def probability(self) -> float:
        """Probability of a chi-squared as large as this or larger, if data and simulation agree."""
        return float(chi2.sf(self.value, self.dof))

    @property
    def closes(self) -> bool:
        """Whether the two agree within what statistics allow."""
        return self.probability >= SIGNIFICANCE


def chi_squared(data: hist.Hist, simulation: hist.Hist, shape: bool = False) -> ChiSquared:
    """Compare data with simulation, bin by bin.

    Parameters
    ----------
    data
        Counts of events, one axis. Under- and overflow are left out.
    simulation
        The same axis, weighted, with variances.
    shape
        Whether the simulation is first scaled to the sum of the data, which costs a degree of freedom.

    Returns
    -------
    ChiSquared
        The variance of a bin is the expected count (Pearson's choice) plus the variance of the simulation.

    Raises
    ------
    ClosureError
        If a bin is infinite or not a number: such a histogram neither closes nor is excluded.
    ValueError
        If the axes differ, simulation has no variances, there is no data, nothing is expected, or too little for a
        shape.
    """
    if data.axes[0] != simulation.axes[0]:
        raise ValueError(f"data have the axis {data.axes[0]}, simulation {simulation.axes[0]}")
    if simulation.variances() is None:
        raise ValueError("simulation has no variances; use storage=hist.storage.Weight()")
    _demand_finite({"data": data, "simulation": simulation})
    observed, expected = _array(data.values()), _array(simulation.values())
    variance = _array(simulation.variances())
    if observed.sum() <= 0 or expected.sum() <= 0:
        raise ValueError(f"nothing to compare: {observed.sum():g} events in data, {expected.sum():g} expected")
    if shape:
        scale = observed.sum() / expected.sum()
        expected, variance = scale * expected, scale**2 * variance
    starts = _starts(expected)
    observed, expected, variance = (np.add.reduceat(column, starts) for column in (observed, expected, variance))
    if shape and len(expected) == 1:
        raise ValueError(f"no shape to compare: {expected[0]:.0f} events fill one bin, as each needs {MIN_EXPECTED:g}")
    value = float(np.sum((observed - expected) ** 2 / (expected + variance)))
    return ChiSquared(value, len(expected) - int(shape))


def check(
    data: hist.Hist, right: Mapping[str, hist.Hist], wrong: Mapping[str, hist.Hist], shape: bool = False
) -> pd.DataFrame:
    """Compare data with simulation corrected in right and in wrong ways, and return the table of comparisons.

    Parameters
    ----------
    data
        Counts of events, one axis.
    right
        Simulation by name; each must close.
    wrong
        Simulation by name; none may close, and each must be worse than the one before it.
    shape
        Whether to compare shapes alone.

    Raises
    ------
    ClosureError
        If that is not so, or a bin of any of them is infinite or not a number.
    """
    _demand_finite({"data": data, **{f"'{name}'": simulation for name, simulation in {**right, **wrong}.items()}})
    found = {name: chi_squared(data, simulation, shape) for name, simulation in {**right, **wrong}.items()}
    faults = [f"'{name}' does not close" for name in right if not found[name].closes]
    faults += [f"'{name}' closes although it is wrong" for name in wrong if found[name].closes]
    order = [max((found[name].value for name in right), default=0.0), *(found[name].value for name in wrong)]
    faults += [
        f"'{name}' is not worse than what stands before it"
        for name, before, value in zip(wrong, order, order[1:], strict=False)
        if value <= before
    ]
    table = _table(found)
    if faults:
        raise ClosureError(f"{'; '.join(faults)}:\n{table.to_string()}")
    return table


def figure(data: hist.Hist, simulation: Mapping[str, hist.Hist], shape: bool = False, ylabel: str = "Events") -> Any:
    """Draw data and simulation, and below their ratio for each way of correcting, with its chi-squared per bin.

    Returns
    -------
    tuple
        The figure, the upper and the lower axes.
    """
    import matplotlib.pyplot as plt
    import mplhep

    drawn, (top, low) = plt.subplots(2, sharex=True, height_ratios=(2, 1), gridspec_kw={"hspace": 0.06})
    counts, centres = _array(data.values()), data.axes[0].centers
    mplhep.histplot(data, ax=top, histtype="errorbar", color="black", label="pseudo-data")
    for name, h in simulation.items():
        found = chi_squared(data, h, shape)
        scaled = h * (counts.sum() / h.values().sum()) if shape else h
        line = mplhep.histplot(
            scaled, ax=top, yerr=False, label=f"{name} ($\\chi^2$/bins = {found.value:.0f}/{found.dof})"
        )
        colour = line[0].stairs.get_edgecolor()
        expected = np.where(scaled.values() > 0, scaled.values(), np.nan)
        error = np.sqrt(np.maximum(counts, 1.0) + scaled.variances() * (counts / expected) ** 2) / expected
        low.errorbar(centres, counts / expected, error, fmt="o", color=colour)
    low.axhline(1.0, color="gray", linestyle=":")
    handles, labels = top.get_legend_handles_labels()
    top.legend([handles[-1], *handles[:-1]], [labels[-1], *labels[:-1]], fontsize="x-small")  # data first
    top.set(ylabel=ylabel, xlabel="", ylim=(0, None))
    low.set(xlabel=data.axes[0].label, ylabel="data / sim.", xlim=data.axes[0].edges[[0, -1]])
    return drawn, top, low


def _array(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64)


def _demand_finite(histograms: Mapping[str, hist.Hist]) -> None:
    faults = [
        f"{name}: not finite in {bad}" for name, h in histograms.items() if (bad := agreement.not_finite(h, flow=False))
    ]
    if faults:
        raise ClosureError(f"{'; '.join(faults)}; look for an infinite weight or one that is not a number")


def _starts(expected: Array) -> list[int]:
    """Return where each group of neighbouring bins starts, so that it holds `MIN_EXPECTED`; the rest joins the last.

    A rest of negative weights may take the last group below that, which then joins the one before.
    """
    starts, filled = [0], 0.0
    for i, value in enumerate(expected, start=1):
        filled += value
        if filled >= MIN_EXPECTED:
            starts.append(i)
            filled = 0.0
    starts = starts[:-1] or starts
    while len(starts) > 1 and expected[starts[-1] :].sum() < MIN_EXPECTED:
        starts.pop()
    return starts


def _table(found: Mapping[str, ChiSquared]) -> pd.DataFrame:
    rows = [
        {
            "simulation": name,
            "chi-squared": f"{c.value:.1f}",
            "degrees of freedom": c.dof,
            "per degree of freedom": f"{c.value / c.dof:.2f}",
            "probability": f"{c.probability:.2g}",
        }
        for name, c in found.items()
    ]
    return pd.DataFrame(rows).set_index("simulation")
