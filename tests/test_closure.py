"""Closure tells a correction that is right from one that is not, and says when it cannot."""

import hist
import matplotlib as mpl
import numpy as np
import pytest

from cookbook import closure

mpl.use("agg")

AXIS = hist.axis.Regular(10, 0.0, 1.0, name="x", label="x")
EXPECTED = np.linspace(100.0, 400.0, 10)


def counted(values: np.ndarray) -> hist.Hist:
    """Return a histogram of counts."""
    h = hist.Hist(AXIS)
    h.values()[:] = values
    return h


def weighted(values: np.ndarray, relative_error: float = 0.01) -> hist.Hist:
    """Return a histogram of weights with the same relative error in every bin."""
    h = hist.Hist(AXIS, storage=hist.storage.Weight())
    h.view().value, h.view().variance = values, (relative_error * values) ** 2
    return h


DATA = counted(np.random.default_rng(5).poisson(EXPECTED).astype(float))
GOOD, LOW, LOWER = weighted(EXPECTED), weighted(0.85 * EXPECTED), weighted(0.7 * EXPECTED)


def test_chi_squared_uses_both_variances() -> None:
    """Each bin's variance is the expected count plus the variance of the simulation."""
    found = closure.chi_squared(counted(EXPECTED + 10.0), weighted(EXPECTED, 0.1))
    assert found.value == pytest.approx(np.sum(100.0 / (EXPECTED + (0.1 * EXPECTED) ** 2)))
    assert found.dof == 10


def test_shapes_are_compared_without_their_sums() -> None:
    """A common factor is scaled away, its variance with it, and costs a degree of freedom."""
    found = closure.chi_squared(DATA, weighted(7 * EXPECTED), shape=True)
    direct = closure.chi_squared(DATA, weighted(EXPECTED * DATA.sum() / EXPECTED.sum()))
    assert found.value == pytest.approx(direct.value)
    assert found.dof == direct.dof - 1


def test_thin_bins_are_merged() -> None:
    """No bin with few expected events enters alone, and no event is lost."""
    thin = np.array([4.0, 4.0, 4.0, 50.0, 9.0, 1.0, 1.0, 30.0, 2.0, 2.0])
    found = closure.chi_squared(counted(thin + 1), weighted(thin, 0.0))
    merged, excess = np.array([12.0, 50.0, 10.0, 35.0]), np.array([3.0, 1.0, 2.0, 4.0])
    assert found.dof == 4
    assert found.value == pytest.approx(np.sum(excess**2 / merged))


def test_a_negative_rest_leaves_no_group_below_what_is_expected() -> None:
    """Else a variance below zero makes chi-squared negative, and anything closes."""
    expected = np.array([100.0] * 8 + [12.0, -40.0])
    found = closure.chi_squared(counted(np.full(10, 50.0)), weighted(expected, 0.0))
    assert found.dof == 8
    assert found.value == pytest.approx(7 * 50**2 / 100 + (150 - 72) ** 2 / 72)


def test_true_closure_has_a_fair_probability() -> None:
    """Over many draws of the data the probability is uniform."""
    rng = np.random.default_rng(1)
    drawn = [closure.chi_squared(counted(rng.poisson(EXPECTED)), weighted(EXPECTED, 0.0)) for _ in range(400)]
    probabilities = np.array([found.probability for found in drawn])
    assert np.mean(probabilities) == pytest.approx(0.5, abs=0.05)
    assert np.mean(probabilities < 0.1) == pytest.approx(0.1, abs=0.05)


def test_check_returns_all_comparisons() -> None:
    """The table has a row for each way, the right one first."""
    table = closure.check(DATA, {"after": GOOD}, {"before": LOW, "reversed": LOWER})
    assert list(table.index) == ["after", "before", "reversed"]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ({"after": LOW}, {"before": LOWER}, "'after' does not close"),
        ({"after": GOOD}, {"before": weighted(1.001 * EXPECTED)}, "'before' closes although it is wrong"),
        ({"after": GOOD}, {"before": LOWER, "reversed": LOW}, "'reversed' is not worse than what stands before it"),
    ],
)
def test_check_names_what_is_wrong(right: dict[str, hist.Hist], wrong: dict[str, hist.Hist], message: str) -> None:
    """A correction that fails, a mistake that passes, and mistakes in another order than expected are all errors."""
    with pytest.raises(closure.ClosureError, match=message):
        closure.check(DATA, right, wrong)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_wrong_way_that_is_not_finite_is_not_excluded(bad: float) -> None:
    """It neither closes nor does the closure see a mistake in it; so for the right way and for data."""
    values = np.where(np.arange(10) == 3, bad, EXPECTED)
    broken, message = weighted(values), rf"not finite in 1 of 10 bins \(\[0.3, 0.4\): {bad} ± {bad}\); look"
    with pytest.raises(closure.ClosureError, match=f"^'reversed': {message}"):
        closure.check(DATA, {"after": GOOD}, {"before": LOW, "reversed": broken})
    with pytest.raises(closure.ClosureError, match=f"^'after': {message}"):
        closure.check(DATA, {"after": broken}, {"before": LOW})
    with pytest.raises(closure.ClosureError, match=f"^simulation: {message}"):
        closure.chi_squared(DATA, broken)
    with pytest.raises(closure.ClosureError, match=r"^data: not finite in 1 of 10 bins"):
        closure.chi_squared(counted(values), GOOD)


def test_flow_bins_are_left_out() -> None:
    """What lies outside the axis may be anything."""
    outside = GOOD.copy().fill(2.0, weight=np.nan)
    assert closure.chi_squared(DATA, outside) == closure.chi_squared(DATA, GOOD)


def test_nothing_to_compare_is_an_error() -> None:
    """No data, or no expectation, does not count as agreement."""
    with pytest.raises(ValueError, match="nothing to compare"):
        closure.chi_squared(counted(np.zeros(10)), GOOD)
    with pytest.raises(ValueError, match="nothing to compare"):
        closure.chi_squared(DATA, weighted(np.zeros(10)))


def test_simulation_without_variances_is_an_error() -> None:
    """Weights in a plain storage have none."""
    plain = hist.Hist(AXIS).fill([0.5], weight=[20.0])
    with pytest.raises(ValueError, match=r"simulation has no variances; use storage=hist\.storage\.Weight"):
        closure.chi_squared(DATA, plain)


def test_a_shape_of_one_bin_is_an_error() -> None:
    """So few events that all bins merge have no shape."""
    few = np.full(10, 1.5)
    with pytest.raises(ValueError, match="no shape to compare: 15 events"):
        closure.chi_squared(counted(few), weighted(few), shape=True)


def test_other_axes_are_an_error() -> None:
    """Bins are compared only where they are the same."""
    other = hist.Hist(hist.axis.Regular(10, 0.0, 2.0, name="x"), storage=hist.storage.Weight())
    with pytest.raises(ValueError, match="data have the axis"):
        closure.chi_squared(DATA, other)


def test_the_figure_shows_each_way_with_its_chi_squared() -> None:
    """The legend names data and each simulation; the lower axes hold the ratios."""
    figure, top, low = closure.figure(DATA, {"after": GOOD, "before": LOW})
    labels = [text.get_text() for text in top.get_legend().get_texts()]
    assert len(labels) == 3
    assert any(label.startswith("before ($") for label in labels)
    assert low.get_ylabel() == "data / sim."
    mpl.pyplot.close(figure)
