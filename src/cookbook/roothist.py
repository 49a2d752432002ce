"""Turn what RDataFrame returns into `hist.Hist`."""

from __future__ import annotations

from typing import Any

import hist
import numpy as np

__all__ = ["to_hist"]


def to_hist(result: Any) -> hist.Hist:
    """Return the `hist.Hist` of a ROOT histogram, of a cutflow report, or of a result pointer to one.

    A labelled axis becomes a `StrCategory`, an axis title the axis label. A cutflow report becomes a histogram of
    counts whose categories are 'initial' and then the names of the filters. A `hist.Hist` is returned as it is.

    Raises
    ------
    TypeError
        If `result` is something else.
    """
    if isinstance(result, hist.Hist):
        return result
    value = result.GetValue() if hasattr(result, "GetValue") else result
    kind = type(value).__name__
    if kind.startswith("RCutFlowReport"):
        return _from_report(value)
    if kind.startswith("THn"):
        return _from_thn(value)
    if kind.startswith(("TH1", "TH2", "TH3")):
        return _from_th(value)
    raise TypeError(f"RDataFrame gave a {kind}; give a TH1, TH2, TH3, THn, a cutflow report, or a result pointer")


def _from_report(report: Any) -> hist.Hist:
    cuts = list(report)
    if not cuts:
        raise TypeError("RDataFrame gave a report of no named filter; name the filters")
    labels = ["initial", *(str(cut.GetName()) for cut in cuts)]
    counts = [cuts[0].GetAll(), *(cut.GetPass() for cut in cuts)]
    h = hist.Hist(hist.axis.StrCategory(labels), storage=hist.storage.Int64())
    h.view()[:] = counts
    return h


def _from_th(value: Any) -> hist.Hist:
    # ROOT's own array view, since uproot.from_pyroot (5.7.7) cannot read a histogram with bin labels
    axes = [_axis(a) for a in (value.GetXaxis(), value.GetYaxis(), value.GetZaxis())[: value.GetDimension()]]
    return _filled(axes, value.values(flow=True), value.variances(flow=True))


def _from_thn(value: Any) -> hist.Hist:
    axes = [_axis(value.GetAxis(i)) for i in range(value.GetNdimensions())]
    values, variances = np.zeros([len(a) + 2 for a in axes]), np.zeros([len(a) + 2 for a in axes])
    for where in np.ndindex(values.shape):
        # not the overload that takes a linear index: Python's 0 would become a null pointer
        position = np.array(where, dtype=np.int32)
        values[where] = value.GetBinContent(position)
        variances[where] = value.GetBinError2(value.GetBin(position))
    return _filled(axes, values, variances)


def _axis(axis: Any) -> Any:
    label = str(axis.GetTitle())
    names = axis.GetLabels()
    if names:
        text = [str(axis.GetBinLabel(i)) for i in range(1, axis.GetNbins() + 1)]
        return hist.axis.StrCategory(text, label=label)
    bins = axis.GetXbins()
    if bins.GetSize():
        return hist.axis.Variable([bins[i] for i in range(bins.GetSize())], label=label)
    return hist.axis.Regular(axis.GetNbins(), axis.GetXmin(), axis.GetXmax(), label=label)


def _filled(axes: list[Any], values: Any, variances: Any) -> hist.Hist:
    """Return a histogram of `values` and `variances`, which have both flow bins on every axis.

    What a labelled axis has outside its labels goes into the category axis's one flow bin.
    """
    h = hist.Hist(*axes, storage=hist.storage.Weight())
    for i, axis in enumerate(axes):
        if isinstance(axis, hist.axis.StrCategory):
            values, variances = _join_flow(values, i), _join_flow(variances, i)
    view = h.view(flow=True)
    view.value, view.variance = values, variances
    return h


def _join_flow(array: Any, axis: int) -> Any:
    first, rest = np.split(array, [1], axis=axis)
    inner, last = np.split(rest, [-1], axis=axis)
    return np.concatenate([inner, first + last], axis=axis)
