"""Effective entries, edges and fits by hand; bins that are empty or below zero; weights that are no number."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import agreement, recipe
from cookbook.recipe import Engine
from mutants import check_with
from runs import agreed
from small_files import event_columns, jagged, write

SUBJECT = recipe.load("mc-statistics")
PARAMETERS = SUBJECT.parameters()
EDGES = [100.0, 200.0, 300.0, 400.0, 500.0]
GIVEN: dict[str, Any] = {
    "CROSS_SECTION": {"signal": 1.0, "main": 1.0, "rare": 1.0},
    "LUMINOSITY": 1.0,
    "SIGNAL": "signal",
    "EDGES": EDGES,
    "TOP": 450.0,
    "MAX_RELATIVE": 0.6,
}

Events = Sequence[tuple[float, float]]  # the momentum sum and weight of each


def file_of(folder: Path, name: str, events: Events) -> list[str]:
    """Write events with one good muon and three jets, and one unit of generator weight in all."""
    shown = list(events) or [(0.0, 0.0)]  # of no events one is written and left out, for its types
    size = len(shown)
    muon = {"pt": 40.0, "eta": 0.5, "phi": 0.0, "mass": 0.1, "pfRelIso04_all": 0.0}
    columns = event_columns(size) | {"genWeight": np.array([weight for _, weight in shown], "float32")}
    columns["Muon"] = {field: jagged([[value]] * size, "float32") for field, value in muon.items()}
    columns["Muon"] |= {"tightId": jagged([[True]] * size, bool), "charge": jagged([[1]] * size, "int32")}
    columns["Jet"] = {field: jagged([[0.0] * 3] * size, "float32") for field in ("eta", "phi", "mass")}
    columns["Jet"]["pt"] = jagged([[ht - 64.0, 32.0, 32.0] for ht, _ in shown], "float32")
    kept = slice(0, len(events))
    columns = {
        key: {field: values[kept] for field, values in column.items()} if isinstance(column, dict) else column[kept]
        for key, column in columns.items()
    }
    return [write(folder / f"{name}.root", columns, [1.0])]


def files_of(folder: Path, **events: Events) -> dict[str, list[str]]:
    """Write the events of each process; those not given have none."""
    return {name: file_of(folder, name, events.get(name, ())) for name in GIVEN["CROSS_SECTION"]}


def templates(folder: Path, given: Mapping[str, Any] | None = None, **events: Events) -> dict[str, hist.Hist]:
    """Return what both engines give for these events, checked to be the same."""
    return agreed(SUBJECT, files_of(folder, **events), {**GIVEN, **(given or {})})


def edges_of(result: Mapping[str, hist.Hist], name: str = "main") -> list[float]:
    """Return the edges of merged bins."""
    return list(result[f"ht_{name}"].axes[0].edges)


def effective(h: hist.Hist) -> list[float]:
    """Return the effective entries of each bin that has any."""
    return [round(one.value**2 / one.variance, 9) for one in h.view() if one.variance]


def test_effective_entries_by_hand(tmp_path: Path) -> None:
    """Three of weight one and one of minus one are worth one; equal weights are worth their number."""
    main = [(150.0, 1.0)] * 3 + [(150.0, -1.0)] + [(250.0, 0.5)] * 7
    fine = templates(tmp_path, main=main)["fine"]["main", :]
    assert effective(fine) == [1.0, 7.0]
    assert list(fine.values()) == [2.0, 3.5, 0.0, 0.0]
    assert list(fine.variances()) == [4.0, 1.75, 0.0, 0.0]


def test_the_last_bin_takes_what_lies_above(tmp_path: Path) -> None:
    """Nothing is lost in the overflow; below the first edge it is."""
    fine = templates(tmp_path, main=[(9000.0, 1.0), (99.0, 1.0)])["fine"]["main", :]
    assert list(fine.values(flow=True)) == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def test_edges_by_hand(tmp_path: Path) -> None:
    """From the tail: three events of one weight are below 60%, two are not."""
    main = [(150.0, 1.0)] * 4 + [(250.0, 1.0)] * 3 + [(350.0, 1.0)] * 2 + [(450.0, 1.0)]
    result = templates(tmp_path, main=main)
    assert edges_of(result) == [100.0, 200.0, 300.0, 500.0]
    assert list(result["ht_main"].values()) == [4.0, 3.0, 3.0]


def test_processes_decide_together(tmp_path: Path) -> None:
    """The sum of backgrounds counts, the signal does not; all get the same edges."""
    poor = [(150.0, 1.0)] * 3 + [(250.0, 1.0)]
    result = templates(tmp_path, main=poor, rare=[(450.0, 1.0)] * 3, signal=[(350.0, 1.0)] * 99)
    assert edges_of(result) == [100.0, 400.0, 500.0]
    assert edges_of(result, "signal") == edges_of(result, "rare") == edges_of(result)
    assert list(result["ht_signal"].values()) == [99.0, 0.0]


def test_a_rest_joins_the_first_bin(tmp_path: Path) -> None:
    """What is too little at the low end makes no bin of its own."""
    result = templates(tmp_path, main=[(150.0, 1.0)] + [(350.0, 1.0)] * 3 + [(450.0, 1.0)] * 3)
    assert edges_of(result) == [100.0, 400.0, 500.0]
    assert list(result["ht_main"].values()) == [4.0, 3.0]


def test_an_empty_bin_is_merged_away(tmp_path: Path) -> None:
    """It stays empty among the fine ones, with no uncertainty."""
    result = templates(tmp_path, main=[(150.0, 1.0)] * 3 + [(350.0, 1.0)] * 3)
    assert list(result["fine"]["main", :].variances()) == [3.0, 0.0, 3.0, 0.0]
    assert edges_of(result) == [100.0, 300.0, 500.0]


@pytest.mark.parametrize(
    "main",
    [[(150.0, 1.0)] * 2, [(150.0, -1.0)] * 9, [(150.0, 1.0), (450.0, -1.0)], []],
    ids=["few", "below zero", "both", "none"],
)
def test_one_bin_is_left_where_nothing_suffices(main: Events, tmp_path: Path) -> None:
    """A sum below zero is never enough, however many events it has."""
    assert edges_of(templates(tmp_path, main=main, signal=[(150.0, 1.0)])) == [100.0, 500.0]


def test_a_sum_below_zero_joins_its_neighbour(tmp_path: Path) -> None:
    """Nine events of weight minus one are worth nine, and make no bin."""
    result = templates(tmp_path, main=[(450.0, -1.0)] * 9 + [(350.0, 1.0)] * 90 + [(150.0, 1.0)] * 3)
    assert effective(result["fine"]["main", :]) == [3.0, 90.0, 9.0]
    assert edges_of(result) == [100.0, 300.0, 500.0]
    assert list(result["ht_main"].values()) == [3.0, 81.0]


def test_signal_alone(tmp_path: Path) -> None:
    """Without a background there is nothing to decide on."""
    files = {"signal": file_of(tmp_path, "signal", [(150.0, 1.0)] * 50)}
    result = agreed(SUBJECT, files, {**GIVEN, "CROSS_SECTION": {"signal": 1.0}})
    assert edges_of(result, "signal") == [100.0, 500.0]


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_no_number_is_named(value: float, engine: Engine, tmp_path: Path) -> None:
    """The error names the process; merged bins would not show it."""
    files = files_of(tmp_path, main=[(150.0, 1.0)] * 9, rare=[(150.0, 1.0), (250.0, value)])
    with pytest.raises(ValueError, match=r"infinite or not a number: rare$"):
        SUBJECT.run(engine, files, GIVEN)


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("i, i)", "i, i + 1)", "ht_TTbar"),
        ("edges = np.array(merged_edges", "edges = np.array(EDGES) if names else np.array(merged_edges", "ht_TTbar"),
        ("name != SIGNAL", "name == SIGNAL", "ht_TTbar"),
        ('"weight")', '"genWeight")', "fine"),
    ],
    ids=["two processes", "not merged", "decided on the signal", "not scaled"],
)
def test_a_fault_is_named(right: str, wrong: str, named: str) -> None:
    """The gate says which histogram differs."""
    with pytest.raises(agreement.DisagreementError, match=f"{named}: "):
        check_with(SUBJECT, right, wrong)


@pytest.fixture(scope="module")
def fits() -> dict[str, Any]:
    """Return the namespace of the notebook with both engines' fits in it."""
    namespace = {**PARAMETERS, "SIGNAL": "signal"}
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    for cell in (c for c in SUBJECT.cells if "example" in c.tags and ("pyhf" in c.source or "HistFactory" in c.source)):
        exec(compile(cell.source, f"mc-statistics#{cell.index}", "exec"), namespace)
    return namespace


def template(values: Sequence[float], errors: Sequence[float]) -> hist.Hist:
    """Return a histogram with these bins."""
    h = hist.Hist(hist.axis.Regular(len(values), 0, 1), storage="weight")
    h.view().value, h.view().variance = values, np.square(errors)
    return h


def both(fits: Mapping[str, Any], kinds: tuple[Any, Any], **bins: tuple[Any, Any]) -> list[Any]:
    """Return strength and uncertainty in pyhf and in HistFactory."""
    import ROOT

    ours, theirs = {name: template(*pair) for name, pair in bins.items()}, {}
    for name, h in ours.items():
        theirs[name] = ROOT.TH1D(f"test_{name}", "", h.size - 2, 0, 1)
        for i, (value, variance) in enumerate(zip(h.values(), h.variances(), strict=True), start=1):
            theirs[name].SetBinContent(i, value)
            theirs[name].SetBinError(i, variance**0.5)
    return [fits["fit_in_pyhf"](ours, kinds[0]), fits["fit_in_histfactory"](theirs, kinds[1])]


@pytest.mark.parametrize("kinds", [(None, None), ("staterror", "Gaussian"), ("staterror", "Poisson")])
def test_the_fits_agree(kinds: tuple[Any, Any], fits: dict[str, Any]) -> None:
    """Within a hundredth of the uncertainty; the kind of constraint matters as little."""
    ours, theirs = both(fits, kinds, signal=([9.0, 30.0], [1.0, 2.0]), main=([90.0, 40.0], [9.0, 5.0]))
    assert np.allclose(ours, theirs, rtol=0, atol=0.01 * ours[1])
    assert ours[0] == pytest.approx(1.0, abs=1e-3)


def test_one_bin_by_hand(fits: dict[str, Any]) -> None:
    """The variance of the strength is that of the data, and that of the simulation beside it."""
    bins = {"signal": ([50.0], [0.0]), "main": ([100.0], [10.0])}
    without, term = both(fits, (None, None), **bins), both(fits, ("staterror", "Gaussian"), **bins)
    for (_, alone), (_, both_errors) in zip(without, term, strict=True):
        assert alone == pytest.approx(150**0.5 / 50, rel=0.01)
        assert both_errors == pytest.approx((150 + 10**2) ** 0.5 / 50, rel=0.01)


@pytest.mark.parametrize("kinds", [("staterror", "Poisson"), (None, None)])
def test_a_bin_below_zero_is_fitted_as_none(kinds: tuple[Any, Any], fits: dict[str, Any]) -> None:
    """It counts as zero in both, and a bin of nothing changes nothing."""
    signal, main = ([9.0, 30.0], [1.0, 2.0]), ([90.0, 40.0], [9.0, 5.0])
    usual = both(fits, kinds, signal=signal, main=main)
    longer = both(fits, kinds, signal=([*signal[0], -1.0], [*signal[1], 1.0]), main=([*main[0], 0.0], [*main[1], 0.0]))
    assert np.allclose(usual, longer, rtol=0, atol=0.01 * usual[0][1])
