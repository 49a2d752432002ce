"""The gate lets equal histograms pass and names every difference."""

from collections.abc import Callable
from typing import Any

import hist
import numpy as np
import pytest

from cookbook import agreement

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

VALUES = [-5.0, 0.5, 1.5, 1.5, 2.5, 99.0]
WEIGHTS = [1.0, 2.0, -0.5, 0.25, 3.0, 1.5]


def on_coffea_side(values: Any = VALUES, weights: Any = None, label: str = "x", bins: Any = (3, 0, 3)) -> hist.Hist:
    """Return a histogram as coffea would give it."""
    storage = hist.storage.Double() if weights is None else hist.storage.Weight()
    h = hist.Hist(hist.axis.Regular(*bins, name="x", label=label), storage=storage)
    return h.fill(np.asarray(values), weight=None if weights is None else np.asarray(weights))


def on_root_side(values: Any = VALUES, weights: Any = None, label: str = "x", bins: Any = (3, 0, 3)) -> Any:
    """Return a histogram as RDataFrame would give it."""
    h = ROOT.TH1D("h", f";{label}", *bins)
    for x, w in zip(values, [1.0] * len(values) if weights is None else weights, strict=True):
        h.Fill(x, w)
    return h


def kinds(*args: Any, **kwargs: Any) -> list[str]:
    """Return the kinds of all findings of a comparison."""
    return [f.kind for c in agreement.compare(*args, **kwargs) for f in c.findings]


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_same_fills_agree(weights: list[float] | None) -> None:
    """Counts and weights, flow bins included, give no finding."""
    table = agreement.check({"h": on_coffea_side(weights=weights)}, {"h": on_root_side(weights=weights)})
    assert list(table["kind"]) == ["counts" if weights is None else "weighted"]
    assert list(table["max relative difference"]) == ["0"]


@pytest.mark.parametrize("position", range(len(VALUES)))
def test_one_lost_event_is_found(position: int) -> None:
    """Whichever event one side drops, also one in a flow bin, is found."""
    values = VALUES[:position] + VALUES[position + 1 :]
    assert kinds({"h": on_coffea_side()}, {"h": on_root_side(values)}) == ["bins"]


@pytest.mark.parametrize("position", range(len(VALUES)))
def test_one_lost_weight_is_found(position: int) -> None:
    """Whichever event lacks its weight on one side is found, unless that weight is one."""
    weights = [1.0 if i == position else w for i, w in enumerate(WEIGHTS)]
    expected = [] if WEIGHTS[position] == 1 else ["bins"]
    assert kinds({"h": on_coffea_side(weights=WEIGHTS)}, {"h": on_root_side(weights=weights)}) == expected


def test_equal_values_with_other_variances_are_found() -> None:
    """Two half weights are not one event."""
    a, b = on_coffea_side([0.5], [1.0]), on_root_side([0.5, 0.5], [0.5, 0.5])
    assert kinds({"h": a}, {"h": b}) == ["bins"]


@pytest.mark.parametrize(("shift", "expected"), [(1e-13, []), (1e-11, ["bins"])])
def test_weights_agree_within_the_tolerance(shift: float, expected: list[str]) -> None:
    """A relative difference below 1e-12 passes, a larger one does not."""
    other = [w * (1 + shift) for w in WEIGHTS]
    assert kinds({"h": on_coffea_side(weights=WEIGHTS)}, {"h": on_root_side(weights=other)}) == expected


def test_a_weight_in_single_precision_is_found() -> None:
    """Both engines keep weights in double precision; the message says how large the difference is."""
    weights = [1.1] * len(VALUES)
    rounded = np.asarray(weights, np.float32).astype(float)
    sides = {"h": on_coffea_side(weights=weights)}, {"h": on_root_side(weights=rounded)}
    with pytest.raises(agreement.DisagreementError, match=r"by up to 4\.\de-08 of their size"):
        agreement.check(*sides)


@pytest.mark.parametrize("lost", [1, 49])
def test_one_large_weight_hides_no_lost_event(lost: int) -> None:
    """Beside a weight of 1e8, one event of weight 1 is still found."""
    weights = np.r_[1e8, np.ones(49)]
    left, right = np.full(50, 0.5), np.full(50 - lost, 0.5)
    with pytest.raises(agreement.DisagreementError, match=r"1 of 5 bins differ, .*; events are lost, or weighted"):
        agreement.check({"h": on_coffea_side(left, weights)}, {"h": on_root_side(right, weights[:-lost])})


@pytest.mark.parametrize("negative", [0.0, 0.4, 0.5])
def test_equal_weights_may_be_added_in_chunks(negative: float) -> None:
    """A million equal weights are rounded alike again and again: far more than 1e-12, and no difference."""
    signs = np.where(np.random.default_rng(3).random(1_000_000) < negative, -0.1, 0.1)
    whole = on_coffea_side(np.full(signs.size, 0.5), signs)
    chunks = [on_coffea_side(np.full(part.size, 0.5), part) for part in np.split(signs, 100)]
    comparison = agreement.compare({"h": sum(chunks[1:], chunks[0])}, {"h": whole})[0]
    assert comparison.difference > agreement.RELATIVE_TOLERANCE
    assert comparison.findings == ()


def test_one_lost_event_of_a_million_equal_weights_is_found() -> None:
    """The room for rounding grows with the events and stays far below one of them."""
    values, weights = np.full(1_000_000, 0.5), np.full(1_000_000, 0.1)
    whole, lost = on_coffea_side(values, weights), on_coffea_side(values[1:], weights[1:])
    assert kinds({"h": whole}, {"h": lost}) == ["bins"]


def test_cancelling_weights_are_compared_on_the_scale_of_their_errors() -> None:
    """Where a bin sums to zero up to rounding, that rounding is no difference."""
    a, b = on_coffea_side([0.5] * 3, [0.1, 0.2, -0.3]), on_root_side([0.5] * 3, [0.2, -0.3, 0.1])
    assert kinds({"h": a}, {"h": b}) == []


def test_counts_have_no_tolerance() -> None:
    """One event more in a million is found."""
    a, b = on_coffea_side(np.full(1_000_000, 0.5)), on_root_side([0.5])
    b.SetBinContent(1, 1_000_001)
    b.GetSumw2().Set(0)
    assert kinds({"h": a}, {"h": b}) == ["bins"]


def test_a_declared_migration_passes_and_is_counted() -> None:
    """One event in the next bin is red, unless the recipe allows one."""
    moved = [0.5 if x == 2.5 else x for x in VALUES]
    sides = {"h": on_coffea_side()}, {"h": on_root_side(moved)}
    assert kinds(*sides) == ["bins"]
    comparison = agreement.compare(*sides, migrations={"h": 1})[0]
    assert (comparison.migrated, comparison.findings) == (1, ())


def test_a_migration_does_not_excuse_a_lost_event() -> None:
    """Allowed migrations keep the total; a lost event does not."""
    assert kinds({"h": on_coffea_side()}, {"h": on_root_side(VALUES[1:])}, migrations={"h": 5}) == ["bins"]


def test_a_migration_excuses_no_lost_event_among_millions() -> None:
    """The sum of counts is exact too."""
    a, b = on_coffea_side([0.5, 1.5]), on_coffea_side([0.5, 1.5])
    a.values()[:] = [5_000_000, 10, 0]
    b.values()[:] = [4_999_998, 11, 0]
    assert kinds({"h": a}, {"h": b}, migrations={"h": 5}) == ["bins"]


def test_a_weighted_migration_is_counted_in_bins() -> None:
    """With weights, two changed bins mean at least one event."""
    moved = [0.5 if x == 2.5 else x for x in VALUES]
    sides = {"h": on_coffea_side(weights=WEIGHTS)}, {"h": on_root_side(moved, WEIGHTS)}
    assert agreement.compare(*sides, migrations={"h": 1})[0].migrated == 1
    assert kinds(*sides, migrations={"h": 1}) == []


def test_migrations_of_an_unknown_histogram_are_found() -> None:
    """A misspelled allowance allows nothing and says so."""
    sides = {"h": on_coffea_side()}, {"h": on_root_side()}
    assert kinds(*sides, migrations={"g": 1}) == ["unknown name"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: on_root_side(bins=(4, 0, 3)), "coffea has 3 bins from 0 to 3, RDataFrame 4 bins from 0 to 3"),
        (lambda: on_root_side(bins=(3, 0, 4)), "RDataFrame 3 bins from 0 to 4"),
        (lambda: on_root_side(label="y"), "coffea calls it 'x', RDataFrame 'y'"),
        (lambda: ROOT.TH2D("h2", ";x", 3, 0, 3, 1, 0, 1), "coffea has 1 axes, RDataFrame 2"),
    ],
)
def test_other_axes_are_named(other: Callable[[], Any], message: str) -> None:
    """Number of axes, edges and titles must be the same."""
    comparison = agreement.compare({"h": on_coffea_side()}, {"h": other()})[0]
    assert [f.kind for f in comparison.findings] == ["axes"]
    assert message in comparison.findings[0].message


def test_swapped_axes_of_the_same_binning_are_found() -> None:
    """With titles on both sides, a swap of equal axes shows."""
    axes = [hist.axis.Regular(2, 0, 2, name=name, label=name) for name in ("pt", "eta")]
    a = hist.Hist(*axes).fill([0.5], [1.5])
    b = ROOT.TH2D("h", ";eta;pt", 2, 0, 2, 2, 0, 2)
    b.Fill(1.5, 0.5)
    assert kinds({"h": a}, {"h": b}) == ["axes", "axes"]


def test_categories_are_compared_by_name_and_order() -> None:
    """The same counts under other labels do not agree."""
    a = hist.Hist(hist.axis.StrCategory(["all", "cut"]), storage=hist.storage.Int64())
    a.view()[:] = [3, 2]
    b = ROOT.TH1D("h", "", 2, 0, 2)
    for i, (label, n) in enumerate((("all", 3), ("other", 2)), start=1):
        b.GetXaxis().SetBinLabel(i, label)
        b.SetBinContent(i, n)
    assert kinds({"h": a}, {"h": b}) == ["axes"]
    b.GetXaxis().SetBinLabel(2, "cut")
    assert kinds({"h": a}, {"h": b}) == []


def test_overflow_that_only_one_side_keeps_is_found() -> None:
    """An axis without overflow has lost what the other counts there."""
    a = hist.Hist(hist.axis.Regular(3, 0, 3, name="x", overflow=False)).fill(VALUES)
    assert kinds({"h": a}, {"h": on_root_side()}) == ["bins"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_in_both_engines_is_a_finding(bad: float) -> None:
    """The same infinity or not-a-number on both sides is named as such, with its bins; no event has migrated."""
    weights = [bad, *WEIGHTS[1:4], bad, WEIGHTS[5]]
    message = (
        f"^coffea and RDataFrame disagree:\n  h: not finite in both engines: coffea in 2 of 5 bins \\(below 0: {bad} ± "
        f"{abs(bad)}; \\[2, 3\\): .*\\), RDataFrame in 2 of 5 bins .*; look for an infinite weight[^\n]*$"
    )
    with pytest.raises(agreement.DisagreementError, match=message):
        agreement.check({"h": on_coffea_side(weights=weights)}, {"h": on_root_side(weights=weights)})


@pytest.mark.parametrize(("side", "name"), [(0, "coffea"), (1, "RDataFrame")])
def test_a_weight_that_is_not_finite_in_one_engine_names_it(side: int, name: str) -> None:
    """The other bins are compared as ever, and what is declared to migrate excuses nothing."""
    weights = [WEIGHTS, WEIGHTS]
    weights[side] = [np.nan, *WEIGHTS[1:]]
    sides = {"h": on_coffea_side(weights=weights[0])}, {"h": on_root_side(weights=weights[1])}
    assert kinds(*sides, migrations={"h": 5}) == [f"not finite in {name}"]
    sides[1]["h"].Fill(1.5, 2.0)
    assert kinds(*sides) == [f"not finite in {name}", "bins"]


def test_infinities_of_both_signs_are_a_finding() -> None:
    """Their sum is not a number, and is nowhere formed."""
    weights = [np.inf, 1.0, 1.0, 1.0, 1.0, -np.inf]
    sides = {"h": on_coffea_side(weights=weights)}, {"h": on_root_side(weights=weights)}
    assert kinds(*sides) == ["not finite in both engines"]


def test_many_bins_that_are_not_finite_are_not_all_listed() -> None:
    """Three of them are enough to look for the weight."""
    values = np.arange(100) + 0.5
    assert agreement.not_finite(on_coffea_side(values, np.full(100, np.nan), bins=(100, 0, 100))) == (
        "100 of 102 bins ([0, 1): nan ± nan; [1, 2): nan ± nan; [2, 3): nan ± nan; ...)"
    )


def test_flow_bins_may_be_left_out() -> None:
    """Only bins between the edges are looked at and counted then."""
    h = on_coffea_side([-1.0, 0.5, 1.5], [np.nan, 1.0, 1.0])
    assert agreement.not_finite(h) == "1 of 5 bins (below 0: nan ± nan)"
    assert agreement.not_finite(h, flow=False) == ""
    assert agreement.not_finite(h.fill(1.5, weight=np.inf), flow=False) == "1 of 3 bins ([1, 2): inf ± inf)"


def test_weights_in_a_plain_storage_are_refused() -> None:
    """Without squared weights there is no variance to compare."""
    a = hist.Hist(hist.axis.Regular(3, 0, 3, name="x")).fill(VALUES, weight=WEIGHTS)
    assert kinds({"h": a}, {"h": on_root_side(weights=WEIGHTS)}) == ["no variances"]


def test_counts_added_over_chunks_are_still_counts() -> None:
    """Adding two plain histograms makes hist forget the variances; counts need none."""
    half = on_coffea_side(VALUES[:3]) + on_coffea_side(VALUES[3:])
    assert half.variances() is None
    assert kinds({"h": half}, {"h": on_root_side()}) == []


def test_whole_weights_in_a_plain_storage_do_not_pass_for_counts() -> None:
    """A weight of two is not two events: the other side's squared weights tell."""
    a = hist.Hist(hist.axis.Regular(3, 0, 3, name="x", label="x")).fill(VALUES, weight=[2.0] * len(VALUES))
    assert kinds({"h": a}, {"h": on_root_side(weights=[2.0] * len(VALUES))}) == ["bins"]


def test_a_histogram_of_one_side_only_is_found() -> None:
    """Each side must fill every histogram."""
    message = "RDataFrame does not fill it, coffea does"
    with pytest.raises(agreement.DisagreementError, match=f"h: missing: {message}"):
        agreement.check({"h": on_coffea_side()}, {})


def test_two_empty_histograms_are_an_error() -> None:
    """Nothing was compared where nothing was filled, unless an empty result is right."""
    sides = {"h": on_coffea_side([])}, {"h": on_root_side([])}
    with pytest.raises(agreement.DisagreementError, match="no event is in it on either side"):
        agreement.check(*sides)
    assert kinds(*sides, empty=True) == []


def test_an_empty_result_is_right_for_the_readers_own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make recipe` accepts that no event survives."""
    monkeypatch.setenv("COOKBOOK_EMPTY", "allow")
    table = agreement.check({"h": on_coffea_side([])}, {"h": on_root_side([])})
    assert list(table["entries"]) == ["0"]


def test_no_histogram_at_all_is_an_error() -> None:
    """An empty dictionary agrees with nothing."""
    with pytest.raises(agreement.DisagreementError, match="no histogram on either side"):
        agreement.check({}, {})


def test_wrong_types_are_named() -> None:
    """A list is no histogram on either side."""
    assert kinds({"h": [1]}, {"h": on_root_side()}) == ["wrong type"]
    assert kinds({"h": on_coffea_side()}, {"h": [1]}) == ["wrong type"]


def test_the_message_names_bin_values_and_sums() -> None:
    """A reader sees where, what each side has, and by how much."""
    with pytest.raises(agreement.DisagreementError, match=r"1 of 5 bins differ, the most in \[1, 2\): coffea 2 ±"):
        agreement.check({"h": on_coffea_side()}, {"h": on_root_side([x for x in VALUES if x != 1.5])})
