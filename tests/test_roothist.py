"""Histograms of ROOT become the same histograms of hist."""

import hist
import numpy as np
import pytest

from cookbook import roothist

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


def test_counts_keep_their_flow_bins() -> None:
    """Under- and overflow of a TH1 are there, with the counts as variances."""
    h = ROOT.TH1D("counts", "", 2, 0.0, 2.0)
    for x in (-1.0, 0.5, 0.5, 3.0):
        h.Fill(x)
    converted = roothist.to_hist(h)
    assert converted.values(flow=True).tolist() == [1, 2, 0, 1]
    assert converted.variances(flow=True).tolist() == [1, 2, 0, 1]


def test_weights_give_their_squares_as_variances() -> None:
    """A weighted TH1 carries the sum of squared weights."""
    h = ROOT.TH1D("weights", ";mass", 1, 0.0, 1.0)
    h.Fill(0.5, 3.0)
    h.Fill(0.5, -1.0)
    converted = roothist.to_hist(h)
    assert (converted.values()[0], converted.variances()[0]) == (2.0, 10.0)
    assert converted.axes[0].label == "mass"


def test_bin_labels_become_categories() -> None:
    """A labelled axis becomes a category axis, and what lies outside the labels goes into its flow bin."""
    h = ROOT.TH1D("cutflow", "", 2, 0, 2)
    for i, label in enumerate(("all", "two muons"), start=1):
        h.GetXaxis().SetBinLabel(i, label)
    h.SetCanExtend(ROOT.TH1.kNoAxis)
    h.SetBinContent(2, 7)
    h.SetBinContent(3, 5)
    converted = roothist.to_hist(h)
    assert list(converted.axes[0]) == ["all", "two muons"]
    assert converted.values(flow=True).tolist() == [0, 7, 5]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_thn_and_thx_agree(dimensions: int) -> None:
    """A THn and a TH2 or TH3 filled alike convert alike, flow bins included."""
    bins, low, high = [3, 2, 4][:dimensions], [0.0, 1.0, 2.0][:dimensions], [3.0, 2.0, 6.0][:dimensions]
    sparse = ROOT.THnD("thn", "", dimensions, np.array(bins, dtype="i4"), np.array(low), np.array(high))
    sparse.Sumw2()
    edges = [x for triple in zip(bins, low, high, strict=True) for x in triple]
    dense = getattr(ROOT, f"TH{dimensions}D")("thx", "", *edges)
    dense.Sumw2()
    for point in np.random.default_rng(1).uniform(-1, 7, size=(200, dimensions)):
        sparse.Fill(point, 2.0)
        dense.Fill(*point, 2.0)
    a, b = roothist.to_hist(sparse), roothist.to_hist(dense)
    assert np.array_equal(a.values(flow=True), b.values(flow=True))
    assert np.array_equal(a.variances(flow=True), b.variances(flow=True))
    assert a.values(flow=True).sum() == 400


def test_variable_edges_are_kept() -> None:
    """Explicit edges survive the conversion."""
    edges = [0.0, 1.0, 5.0]
    converted = roothist.to_hist(ROOT.TH1D("edges", "", 2, np.array(edges)))
    assert isinstance(converted.axes[0], hist.axis.Variable)
    assert converted.axes[0].edges.tolist() == edges


def test_a_report_becomes_a_cutflow() -> None:
    """A cutflow report gives the initial count and what each named filter passed."""
    df = ROOT.RDataFrame(10).Define("x", "rdfentry_").Filter("x > 2", "large").Filter("x % 2 == 0", "even")
    converted = roothist.to_hist(df.Report())
    assert list(converted.axes[0]) == ["initial", "large", "even"]
    assert converted.values().tolist() == [10, 7, 3]


def test_a_report_without_names_is_refused() -> None:
    """Unnamed filters leave no report to compare."""
    with pytest.raises(TypeError, match="name the filters"):
        roothist.to_hist(ROOT.RDataFrame(10).Filter("rdfentry_ > 2").Report())


def test_other_types_are_refused() -> None:
    """A plain number is no histogram."""
    with pytest.raises(TypeError, match="gave a float; give a TH1"):
        roothist.to_hist(ROOT.RDataFrame(3).Define("x", "1.0").Sum("x"))
