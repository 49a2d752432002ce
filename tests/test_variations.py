"""Where variations stand in histograms, what a fault does to them, and whether a message names them."""

import hist
import numpy as np
import pytest

import variations
from variations import FAULTS

NAMES = ["nominal", "sf_up", "sf_down", "pdf_1"]


def by_axis() -> dict[str, hist.Hist]:
    """Return a weighted histogram with an axis of variations."""
    h = hist.Hist.new.StrCat(NAMES, name="variation").Reg(2, 0, 2, name="x").Weight()
    for number, name in enumerate(NAMES):
        h.fill(name, [0.5, 1.5], weight=[1.0 + number, 2.0])
    return {"pt": h, "other": hist.Hist.new.Reg(2, 0, 2).Double()}


def by_name() -> dict[str, hist.Hist]:
    """Return a histogram of counts for each variation, and one of data that is none."""
    histograms = {f"pt {name}": hist.Hist.new.Reg(3, 0, 3, name="x").Int64() for name in NAMES}
    for number, name in enumerate(NAMES):
        histograms[f"pt {name}"].fill([0.5] * (number + 1))
    return {**histograms, "pt data": hist.Hist.new.Reg(3, 0, 3, name="x").Weight()}


@pytest.mark.parametrize("results", [by_axis(), by_name()], ids=["axis", "names"])
def test_faults_of_each_variation(results: dict[str, hist.Hist]) -> None:
    """All can be dead or doubled; those with another way, swapped."""
    assert list(variations.places(results)) == NAMES[1:]
    found = list(variations.faults(results))
    assert [names for names, fault in found if fault == FAULTS[2]] == [("sf_up", "sf_down")]
    assert len(found) == 7


def test_without_nominal_there_are_no_variations() -> None:
    """Categories and names of other kinds are left alone."""
    h = hist.Hist.new.StrCat(["up", "down"]).Double()
    assert variations.places({"shift": h, "nominal": hist.Hist.new.Reg(1, 0, 1).Double()}) == {}


@pytest.mark.parametrize(
    ("names", "fault", "first_bins"),
    [
        (["sf_up"], FAULTS[0], [1, 1, 3, 4]),
        (["sf_down"], FAULTS[1], [1, 2, 5, 4]),
        (["sf_up", "sf_down"], FAULTS[2], [1, 3, 2, 4]),
    ],
)
def test_a_fault_is_in_its_variation_alone(names: list[str], fault: str, first_bins: list[float]) -> None:
    """The originals stay as they are."""
    of_axis, of_names = by_axis(), by_name()
    spoiled = variations.spoiled(of_axis, names, fault)["pt"]
    assert spoiled.values()[:, 0].tolist() == first_bins
    apart = variations.spoiled(of_names, names, fault)
    assert [apart[f"pt {name}"].values()[0] for name in NAMES] == first_bins
    assert np.array_equal(of_axis["pt"].values(), by_axis()["pt"].values())


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("pt JES:up: bins: 1 of 3", True),
        ("pt_JES:up: bins", True),
        ("differ, the most in JES:up, [0, 1)", True),
        ("pt JES:up_2: bins", False),
        ("pt OtherJES:up: bins", False),
    ],
)
def test_the_name_is_found_whole(message: str, expected: bool) -> None:
    """A name inside another one is not it."""
    assert variations.named(["JES:up"], message) is expected
