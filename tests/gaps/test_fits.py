"""What the tools of statistical models lack, each gap with its smallest reproducer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyhf
import pytest
import ROOT
from cabinetry import histo
from cabinetry.templates import postprocessor

from cookbook.gaps import Gap
from reproduced import shows

Bins = tuple[Sequence[float], Sequence[float]]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Leave out what RooFit says while it builds a model."""
    ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.FATAL)


def workspace(constraint: str, normalised: bool = True, **samples: Bins) -> Any:
    """Build HistFactory's model of a channel with values and errors by sample, for data as expected."""
    factory = ROOT.RooStats.HistFactory
    channel = factory.Channel("channel")
    channel.SetStatErrorConfig(0.0, constraint)
    for name, (values, errors) in samples.items():
        sample = factory.Sample(name)
        sample.SetHisto(_filled(name, values, errors))
        sample.SetNormalizeByTheory(normalised)
        sample.ActivateStatError()
        if name == "signal":
            sample.AddNormFactor("mu", 1, 0, 10)
        channel.AddSample(sample)
    total = np.sum([values for values, _ in samples.values()], axis=0)
    channel.SetData(_filled("data", total, np.sqrt(abs(total))))
    measurement = factory.Measurement("measurement", "measurement")
    measurement.SetPOI("mu")
    if normalised:
        measurement.AddConstantParam("Lumi")
    measurement.AddChannel(channel)
    return factory.HistoToWorkspaceFactoryFast.MakeCombinedModel(measurement)


def _filled(name: str, values: Sequence[float], errors: Sequence[float]) -> Any:
    h = ROOT.TH1D(name, "", len(values), 0, 1)
    for number, (value, error) in enumerate(zip(values, errors, strict=True), start=1):
        h.SetBinContent(number, value)
        h.SetBinError(number, error)
    ROOT.SetOwnership(h, False)  # HistFactory deletes what it is given
    return h


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="mu 1.109",
        effect="The signal strength is biased, on its own expectation, where a bin is worth about one event.",
        instead="Leave the constraint at `Poisson`, its default, or merge such bins.",
        recipe="mc-statistics",
        thread="none found",
    )
)
def test_gaussian_constraint_that_is_cut_off() -> None:
    """HistFactory's Gaussian constraint of statistical errors is normalised above zero alone."""
    built = workspace("Gaussian", signal=([5, 5], [0.5, 4]), background=([10, 0], [1, 3]))
    built["ModelConfig"].fitTo(built["obsData"], ROOT.RooFit.PrintLevel(-1))
    mu = built["mu"].getVal()
    assert abs(mu - 1) < 1e-3, f"mu {mu:.3f}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="SIGSEGV",
        effect="Weights of both signs leave such bins: the job dies while the model is built, and names no bin.",
        instead="Merge bins until each has a sum above zero.",
        recipe="mc-statistics",
        thread="none found",
    )
)
def test_bin_below_zero() -> None:
    """HistFactory crashes where the sum of all samples in a bin is below zero."""
    workspace("Poisson", signal=([5.0], [0.5]), background=([-6.0], [1.0]))


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="free: ['Lumi'",
        effect="A luminosity of its own, of 10% unless set, is fitted beside the nuisance that the model has for it.",
        instead='Hold it: `measurement.AddConstantParam("Lumi")`.',
        recipe="templates-to-fit",
        thread="none found",
    )
)
def test_sample_that_is_not_normalised_by_theory() -> None:
    """`SetNormalizeByTheory(False)` leaves HistFactory's luminosity in the model."""
    built = workspace("Poisson", normalised=False, signal=([5.0], [0.5]))
    free = [parameter.GetName() for parameter in built["ModelConfig"].GetNuisanceParameters()]
    assert "Lumi" not in free, f"free: {free}"


@shows(
    Gap(
        tool="pyhf",
        version="0.7.6",
        kind="silent",
        shows="fixed",
        effect="A background that is empty by chance counts as known to be empty.",
        instead="Merge such bins, or add what one event would weigh.",
        recipe="mc-statistics",
        thread="https://github.com/scikit-hep/pyhf/issues/2577",
    )
)
def test_statistical_error_of_an_empty_bin() -> None:
    """A `staterror` in a bin without events is fixed by pyhf, without a word."""
    error = {"name": "mc", "type": "staterror", "data": [0.5, 1.0]}
    sample = {"name": "background", "data": [5.0, 0.0], "modifiers": [error]}
    model = pyhf.Model({"channels": [{"name": "channel", "samples": [sample]}]}, poi_name=None)
    fixed = model.config.suggested_fixed()
    assert fixed == [False, False], f"fixed: {fixed}"


@shows(
    Gap(
        tool="cabinetry",
        version="0.6.0",
        kind="silent",
        shows="nan",
        effect="One empty bin of the nominal template spoils all bins of the variations that are smoothed.",
        instead="Take one for the ratio where nominal is zero, and smooth that.",
        recipe="nuisance-table",
        thread="none found",
    )
)
def test_smoothing_beside_an_empty_bin() -> None:
    """Smoothing divides by the nominal template: zero over zero spreads to all bins."""
    edges, errors = np.arange(5.0), np.ones(4)
    nominal, varied = (
        histo.Histogram.from_arrays(edges, np.array([0.0, *others]), errors) for others in ([5, 6, 7], [6, 6, 7])
    )
    with np.errstate(invalid="ignore"):
        smooth = postprocessor.apply_postprocessing(
            varied, "template", smoothing_algorithm="353QH, twice", nominal_histogram=nominal
        )
    assert np.isfinite(smooth.yields[1:]).all(), f"smoothed to {smooth.yields}"
