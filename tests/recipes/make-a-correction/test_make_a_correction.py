"""What is measured from counts; the file that is written, where it ends, and what it says of what was not measured."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import correctionlib
import hist
import numpy as np
import pytest

from cookbook import agreement, recipe
from small_files import event_columns, jagged, write

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("make-a-correction")
PARAMETERS = RECIPE.parameters()
WRITERS = {"coffea": ("with_keys", "write_hist"), "rdataframe": ("th3_with_keys", "write_th3")}
MEASURES = {"coffea": "measured", "rdataframe": "measured_by_root"}
SHAPE = len(PARAMETERS["ABS_ETA"]) - 1, len(PARAMETERS["PT"]) - 1
FACTOR, STAT, SYST = (start + 0.01 * np.arange(16.0).reshape(SHAPE) for start in (0.8, 0.02, 0.005))
NOT_MEASURED = 3, 3


def written(engine: Any, path: Path) -> Path:
    """Write the correction as an engine does, with one bin that could not be measured, and return its path."""
    namespace = RECIPE.parameters()
    RECIPE.define(engine, namespace)
    make, write = WRITERS[engine]
    measured = [values.copy() for values in (FACTOR, STAT, SYST)]
    for values in measured:
        values[NOT_MEASURED] = 0
    namespace[write](namespace[make](*measured), path)
    return path


@pytest.fixture(scope="module", params=recipe.ENGINES)
def factor(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., float]:
    """Return the function that evaluates the correction of the file that was written."""
    path = written(request.param, tmp_path_factory.mktemp("made") / "made.json")
    evaluate: Callable[..., float] = correctionlib.CorrectionSet.from_file(str(path))[PARAMETERS["KEY"]].evaluate
    return evaluate


def test_the_file_has_what_was_measured(factor: Callable[..., float]) -> None:
    """Each bin returns its value, on both sides of the detector, and up and down are the total error away."""
    for i, eta in enumerate([0.5, 1.0, 1.5, 2.2]):
        for j, pt in enumerate([28.0, 35.0, 50.0, 100.0][: 4 if i < 3 else 3]):
            for sign in (-1, 1):
                value, stat, syst, up, down = (factor(sign * eta, pt, key) for key in PARAMETERS["KEYS"])
                assert value == pytest.approx(FACTOR[i, j], rel=1e-15)
                assert (stat, syst) == pytest.approx((STAT[i, j], SYST[i, j]), rel=1e-15)
                assert (up - value, value - down) == pytest.approx((np.hypot(stat, syst),) * 2)


def test_the_file_ends_where_nothing_was_measured(factor: Callable[..., float]) -> None:
    """Below the plateau and beyond the muon system there is an error; to high momenta the last bin is open."""
    for eta, pt in ((0.5, 25.9), (2.41, 35.0), (-2.41, 35.0)):
        with pytest.raises((RuntimeError, IndexError)):
            factor(eta, pt, "nominal")
    assert factor(0.5, 2000.0, "nominal") == factor(0.5, 100.0, "nominal")


def test_an_unknown_variation_is_an_error(factor: Callable[..., float]) -> None:
    """The file knows the keys of the MUO group's and no other."""
    with pytest.raises((RuntimeError, IndexError)):
        factor(0.5, 35.0, "up")


def test_a_bin_that_was_not_measured_is_one_with_a_large_error(factor: Callable[..., float]) -> None:
    """It has no error in the measurement, which would be the best of all in the file."""
    assert [factor(-2.2, 100.0, key) for key in ("nominal", "systup", "systdown")] == [1.0, 2.0, 0.0]


def test_both_engines_write_the_same(tmp_path: Path) -> None:
    """But for the descriptions of the axes, which ROOT's do not have, the files are equal."""

    def content(engine: str) -> Any:
        (made,) = json.loads(written(engine, tmp_path / f"{engine}.json").read_text())["corrections"]
        for variable in made["inputs"]:
            variable.pop("description", None)
        return made

    assert content("coffea") == content("rdataframe")


def numbers(kind: str, window: str) -> tuple[Any, Any]:
    """Return sums of weights by outcome, |eta| and pt, and of their squares; one bin of data is empty."""
    seed = ["data", "simulation"].index(kind) * 2 + ["wide", "narrow"].index(window)
    values = np.random.default_rng(seed).integers(50, 100, (2, *SHAPE)).astype(float)
    if kind == "data":
        values[:, *NOT_MEASURED] = 0
    return values, values * (1.0 if kind == "data" else 3.0)


def as_hist(values: Any, variances: Any) -> Any:
    """Return counts as the coffea half fills them."""
    h = hist.new.Var([0, 1, 2]).Var(PARAMETERS["ABS_ETA"]).Var(PARAMETERS["PT"]).Weight()
    h.view().value, h.view().variance = values, variances
    return h


def as_th3(values: Any, variances: Any) -> Any:
    """Return counts as the RDataFrame half books them."""
    edges = [np.array(x, dtype=float) for x in ([0, 1, 2], PARAMETERS["ABS_ETA"], PARAMETERS["PT"])]
    h = ROOT.TH3D("", "", *(x for e in edges for x in (len(e) - 1, e)))
    for where, value in np.ndenumerate(values):
        bins = [i + 1 for i in where]
        h.SetBinContent(*bins, value)
        h.SetBinError(*bins, variances[where] ** 0.5)
    return h


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_factors_and_errors_in_closed_form(engine: Any) -> None:
    """Ratio of efficiencies, binomial errors of weights, and the move to the narrow window; without counts all zero."""
    namespace = RECIPE.parameters()
    RECIPE.define(engine, namespace)
    of_engine = {"coffea": as_hist, "rdataframe": as_th3}[engine]
    pairs = [(kind, window) for kind in namespace["KINDS"] for window in namespace["WINDOWS"]]
    found = namespace[MEASURES[engine]]({"_".join(pair): of_engine(*numbers(*pair)) for pair in pairs})
    ratio, relative = {}, {}
    for window in namespace["WINDOWS"]:
        efficiency, squares = [], []
        for kind in namespace["KINDS"]:
            (failing, passing), (failing2, passing2) = numbers(kind, window)
            every = np.where(failing + passing, failing + passing, 1)
            e = passing / every
            efficiency.append(e)
            squares.append(((1 - e) ** 2 * passing2 + e**2 * failing2) / (every * np.where(e, e, 1)) ** 2)
        ratio[window], relative[window] = efficiency[0] / efficiency[1], sum(squares) ** 0.5
    expected = ratio["wide"], ratio["wide"] * relative["wide"], abs(ratio["wide"] - ratio["narrow"])
    for values, wanted in zip(found, expected, strict=True):
        assert values == pytest.approx(wanted, rel=1e-12, abs=1e-15)
        assert values[NOT_MEASURED] == 0


def pairs_of_muons(target: Path, weights: Any = None) -> str:
    """Write pairs at 91 GeV, where both fired, and at 118 GeV, where one did; with weights, simulation."""
    muon = {"pt": [[46.0, 45.0]] * 2, "eta": [[0.5, 0.5], [0.5, -1.0]], "phi": [[0.0, 3.1]] * 2}
    muon |= {"pfRelIso04_all": [[0.01] * 2] * 2, "mass": [[0.1057] * 2] * 2}
    trigger = {"eta": [[0.5, 0.5], [0.5]], "phi": [[0.0, 3.1], [0.0]], "pt": [[46.0, 45.0], [46.0]]}
    columns = event_columns(2) | {
        "Muon": {name: jagged(values, "f4") for name, values in muon.items()},
        "TrigObj": {name: jagged(values, "f4") for name, values in trigger.items()},
    }
    columns["Muon"] |= {"charge": jagged([[1, -1]] * 2, "i4"), "tightId": jagged([[True] * 2] * 2, "?")}
    columns["TrigObj"] |= {"id": jagged([[13, 13], [13]], "u2"), "filterBits": jagged([[10, 10], [10]], "u8")}
    columns |= {} if weights is None else {"genWeight": np.asarray(weights, "f4")}
    return write(target, columns, None if weights is None else [sum(weights)])


def test_probes_are_counted_in_both_windows(tmp_path: Path) -> None:
    """Data count one for each pair, simulation its weight, of either sign; the heavy pair is in the wide window."""
    parameters = {"MEASURED": [pairs_of_muons(tmp_path / "data.root")]}
    files = [pairs_of_muons(tmp_path / "simulation.root", [2.0, -3.0])]
    coffea, rdataframe = (RECIPE.run(engine, files, parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)  # "systdown" is zero where the error is one
    expected = {"data_wide": [1, 2], "data_narrow": [0, 2], "simulation_wide": [-3, 4], "simulation_narrow": [0, 4]}
    assert {name: coffea[name].values().sum(axis=(1, 2)).tolist() for name in expected} == expected
