"""What correctionlib and the libraries of arrays and histograms lack, each gap with its smallest reproducer."""

import awkward as ak
import hist
import numpy as np
from correctionlib import CorrectionSet
from correctionlib.schemav2 import Binning, Correction, Variable
from correctionlib.schemav2 import CorrectionSet as Corrections

from cookbook.gaps import Gap
from reproduced import refused, shows


def binned(flow: str) -> CorrectionSet:
    """Return a set with one correction of two bins in pt."""
    bins = Binning(nodetype="binning", input="pt", edges=[0, 30, 60], content=[0.9, 1.1], flow=flow)
    pt, weight = Variable(name="pt", type="real"), Variable(name="weight", type="real")
    correction = Correction(name="muon_id", version=1, inputs=[pt], output=weight, data=bins)
    return CorrectionSet.from_string(Corrections(schema_version=2, corrections=[correction]).model_dump_json())


@shows(
    Gap(
        tool="correctionlib",
        version="2.9.0",
        kind="error",
        shows="map::at",
        effect="A key that was renamed in a new release of the file ends the job without its name.",
        instead="Look whether the key is in the set, before the loop, and name it.",
        recipe="jet-energy-corrections",
        thread="none found",
    )
)
def test_key_that_is_missing() -> None:
    """The error for a key that is missing names nothing."""
    with refused("muon_iso"):
        binned("error")["muon_iso"]


@shows(
    Gap(
        tool="correctionlib",
        version="2.9.0",
        kind="error",
        shows="input argument 0",
        effect="In an analysis of many corrections one has to guess which of them was asked outside its bins.",
        instead="Ask each map for what lies inside its range alone.",
        recipe="electron-scale-factors",
        thread="none found",
    )
)
def test_value_outside_the_bins() -> None:
    """The error for a value outside the bins names neither correction nor input."""
    with refused("muon_id"):
        binned("error")["muon_id"].evaluate(70.0)


@shows(
    Gap(
        tool="correctionlib",
        version="2.9.0",
        kind="silent",
        shows="no error",
        effect="A momentum that went wrong upstream gets the weight of the highest one.",
        instead="Keep what is asked for inside the map, which leaves out what is not a number.",
        recipe="jet-veto-map",
        thread="none found",
    )
)
def test_what_is_not_a_number() -> None:
    """With `flow="clamp"`, what is not a number gets the value of the last bin."""
    with refused("nan"):
        binned("clamp")["muon_id"].evaluate(float("nan"))


@shows(
    Gap(
        tool="awkward",
        version="2.14.0",
        kind="silent",
        shows="[255, 2]",
        effect="NanoAOD keeps counters, indices and multiplicities in bytes: differences and sums of them wrap around.",
        instead="Cast before any arithmetic.",
        recipe="jet-identification",
        thread="https://github.com/numpy/numpy/issues/8987",
    )
)
def test_arithmetic_of_bytes() -> None:
    """A byte minus an integer is a byte, and wraps around, as in NumPy."""
    differences = (ak.Array(np.array([0, 3], "uint8")) - 1).tolist()
    assert differences == [-1, 2], f"{differences}"


@shows(
    Gap(
        tool="hist",
        version="2.12.1",
        kind="silent",
        shows="bin 28",
        effect="Rounded momenta and their sums lie on edges: a few events change bins between the tools.",
        instead="Give the edges: `Variable` and `TH1D` with edges choose the same bin.",
        recipe="jet-lepton-cleaning",
        thread="https://github.com/scikit-hep/boost-histogram/issues/752",
    )
)
def test_value_on_an_edge() -> None:
    """A value on an edge of a `Regular` axis may fall into the bin below."""
    found = hist.axis.Regular(100, 0, 200).index(58)
    assert found == 29, f"bin {found}"


@shows(
    Gap(
        tool="boost-histogram",
        version="1.8.1",
        kind="silent",
        shows="counts 3.0",
        effect="What should tell how many events a bin is worth tells the sum of their weights.",
        instead="Divide the square of `values()` by `variances()`.",
        recipe="mc-statistics",
        thread="none found",
    )
)
def test_effective_entries() -> None:
    """`counts()` of weighted bins gives sums of weights, not the effective entries that its documentation promises."""
    h = hist.Hist.new.Reg(1, 0, 1).Weight().fill([0.5, 0.5, 0.5], weight=[2, 2, -1])
    counts = h.counts()[0]
    assert counts == 1, f"counts {counts}"
