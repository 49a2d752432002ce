"""Fits of the efficiency: what was put in is found, limits, few probes, weights; a fault in either fit is noticed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from cookbook import agreement, recipe, roothist, sample
from mutations import mutations
from small_files import event_columns, jagged, write

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("tag-and-probe-fit")
PARAMETERS = RECIPE.parameters()

# Pairs back to back, near the mass of the Z: both fired, one fired, and one muon alone that fired.
MUON = {
    "pt": [[46.0, 45.0], [46.0, 45.0], [46.0]],
    "eta": [[0.5, -0.5], [0.5, -1.0], [0.5]],
    "phi": [[0.0, 3.1], [0.0, 3.1], [0.0]],
    "pfRelIso04_all": [[0.01, 0.01], [0.01, 0.01], [0.01]],
}
TRIGGER = {"eta": [[0.5, -0.5], [0.5], [0.5]], "phi": [[0.0, 3.1], [0.0], [0.0]]}


def written(target: Path, weights: Any = None) -> str:
    """Write a small file, of data where no weights are given."""
    muon = {name: jagged(values, "f4") for name, values in MUON.items()}
    muon |= {"charge": jagged([[1, -1], [1, -1], [1]], "i4"), "tightId": jagged([[True] * 2, [True] * 2, [True]], "?")}
    muon["mass"] = ak.full_like(muon["pt"], 0.1057)
    trigger = {name: jagged(values, "f4") for name, values in TRIGGER.items()}
    trigger |= {"id": jagged([[13, 13], [13], [13]], "u2"), "filterBits": jagged([[10, 10], [10], [10]], "u8")}
    trigger["pt"] = ak.full_like(trigger["eta"], 45.0)
    columns = event_columns(3) | {"Muon": muon, "TrigObj": trigger}
    columns |= {} if weights is None else {"genWeight": np.asarray(weights, "f4")}
    return write(target, columns, None if weights is None else [sum(weights)])


@pytest.mark.parametrize(("weights", "failing", "passing"), [(None, 1, 2), ([2.0, -3.0, 5.0], -3, 4)])
def test_a_pair_has_the_weight_of_its_event(weights: Any, failing: float, passing: float, tmp_path: Path) -> None:
    """Data, which have no generator weight, count one for each pair."""
    files = [written(tmp_path / "in.root", weights)]
    coffea, rdataframe = (RECIPE.run(engine, files) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)
    assert coffea["pairs"].values().sum(axis=(1, 2, 3)).tolist() == [failing, passing]


def test_simulation_agrees_as_data_do() -> None:
    """Weights of both signs, on a few events of simulation."""
    files = sample.slice(PARAMETERS["SIMULATION"], 300)
    coffea, rdataframe = (RECIPE.run(engine, files) for engine in recipe.ENGINES)
    agreement.check(coffea, {name: roothist.to_hist(h) for name, h in rdataframe.items()})
    assert (coffea["pairs"].variances() > abs(coffea["pairs"].values())).any()


def test_a_dropped_weight_is_found_in_simulation() -> None:
    """Data have none, so the gate over them cannot see this fault; the page compares simulation as well."""
    files = sample.slice(PARAMETERS["SIMULATION"], 300)
    right = RECIPE.run("coffea", files)["pairs"]
    (fault,) = [mutation for mutation in mutations(RECIPE) if mutation.kind == "drop a weight"]
    wrong = RECIPE.run("coffea", files, replace=fault.replace)["pairs"]
    assert not np.array_equal(right.values(), wrong.values())


def test_weights_do_not_change_the_scale_of_the_errors() -> None:
    """Spectra whose probes all weigh three have the efficiency and the error of those without weights."""
    namespace = halves()
    counts = np.round(expected(namespace, 500.0, 0.8, 60.0))
    h = namespace["run_coffea"](sample.slice(PARAMETERS["FILES"], 30))["pairs"].reset()
    h.view().value[:, 1, 5, :], h.view().variance[:, 1, 5, :] = 3 * counts, 9 * counts
    plain = namespace["efficiency_of"](namespace["fitted"](counts))
    assert namespace["fit_coffea"](h)[1, 5] == pytest.approx(plain, rel=1e-6)
    thn = ROOT.THnD(
        "pairs", "", 4, np.array([2, 4, 8, 60], dtype=np.int32), np.array([0.0, 0, 0, 60]), np.array([2.0, 4, 8, 120])
    )
    for where in np.ndindex(counts.shape):
        bins = np.array([where[0] + 1, 2, 6, where[1] + 1], dtype=np.int32)
        thn.SetBinContent(bins, 3 * counts[where])
        thn.SetBinError2(thn.GetBin(bins), 9 * counts[where])
    by_roofit = namespace["efficiency_by_roofit"](namespace["effective_spectra"](thn, 2, 6))
    assert by_roofit == pytest.approx(plain, abs=0.02 * max(plain[1:]))


def halves(replace: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Return the names that both halves define, with cells changed."""
    namespace = RECIPE.parameters()
    for engine in recipe.ENGINES:
        RECIPE.define(engine, namespace, replace)
    return namespace


def expected(namespace: Mapping[str, Any], signal: float, efficiency: float, background: float) -> Any:
    """Return what the model says of both spectra, as two rows."""
    return np.stack(np.split(namespace["expected"](None, signal, efficiency, background, background, 90.8, 1.3), 2))


def by_engine(namespace: Mapping[str, Any], counts: Any) -> list[tuple[float, float, float]]:
    """Return the efficiency with its errors, fitted in each engine."""
    spectra = {}
    for name, row in zip(PARAMETERS["OUTCOMES"], counts, strict=True):
        spectra[name] = ROOT.TH1D(name, "", 60, 60.0, 120.0)
        for i, value in enumerate(row, start=1):
            spectra[name].SetBinContent(i, value)
    fit = namespace["efficiency_of"](namespace["fitted"](counts))
    return [fit, namespace["efficiency_by_roofit"](spectra)]


@pytest.mark.parametrize("efficiency", [0.15, 0.5, 0.94])
def test_the_fit_finds_what_was_put_in(efficiency: float) -> None:
    """On the expectation itself both engines return the efficiency, whatever the background, with a binomial error."""
    namespace = halves()
    for found in by_engine(namespace, expected(namespace, 2000.0, efficiency, 300.0)):
        assert found[0] == pytest.approx(efficiency, abs=2e-4)
        binomial = (efficiency * (1 - efficiency) / 2000.0) ** 0.5
        assert binomial < min(found[1:]) <= max(found[1:]) < 1.6 * binomial


@pytest.mark.parametrize(("efficiency", "inside"), [(1.0, 1), (0.0, 2)], ids=["no failing", "no passing"])
def test_nothing_failed_gives_a_limit(efficiency: float, inside: int) -> None:
    """Where no probe fails, or none passes, the error points inside alone, and is about half a probe."""
    namespace = halves()
    found = by_engine(namespace, np.round(expected(namespace, 100.0, efficiency, 0.0)))
    for fit in found:
        assert fit[0] == pytest.approx(efficiency, abs=1e-4)
        assert 0.002 < fit[inside] < 0.02
        assert fit[3 - inside] == pytest.approx(0, abs=1e-4)
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_a_few_probes_are_fitted() -> None:
    """Three probes give an efficiency with a large error in both engines, and no crash."""
    counts = np.zeros((2, 60))
    counts[0, 30], counts[1, 31], counts[1, 29] = 1, 1, 1
    one, other = by_engine(halves(), counts)
    assert 0 < one[0] < 1
    assert max(one[1:]) > 0.15
    assert one[0] == pytest.approx(other[0], abs=0.02)


def test_a_bin_without_probes_is_not_a_number(tmp_path: Path) -> None:
    """Both engines leave it out, and measure the bins that have probes."""
    namespace, files = halves(), [written(tmp_path / "in.root")]
    results = [namespace[f"fit_{engine}"](namespace[f"run_{engine}"](files)["pairs"]) for engine in recipe.ENGINES]
    for result in results:
        assert result.shape == (4, 8, 3)
        assert np.isfinite(result[..., 0]).sum() == 2
    assert np.array_equal(*(np.isnan(result) for result in results))


FIT_CELLS = [
    mutation
    for mutation in mutations(RECIPE)
    if re.search(
        r"^EDGES = |def (expected|fitted|efficiency_of|workspace|efficiency_by_roofit)\(", mutation.source, re.M
    )
]


@pytest.mark.parametrize("mutation", FIT_CELLS, ids=str)
def test_no_fault_passes_the_comparison_of_the_fits(mutation: Any) -> None:
    """A fault in one engine's fit ends in an error or in another efficiency: the gate sees the counts alone."""
    counts = expected(halves(), 500.0, 0.8, 60.0)
    try:
        one, other = by_engine(halves(mutation.replace), counts)
    except Exception:
        return
    assert max(abs(np.subtract(one, other))) > 0.02 * max(one[1:])
