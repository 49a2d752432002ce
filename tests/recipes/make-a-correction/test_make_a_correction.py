"""The file that is written: what was measured, where it ends, what was not measured; and where its input is from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import pytest

from cookbook import recipe

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("make-a-correction")
PARAMETERS = RECIPE.parameters()
WRITERS = {"coffea": ("with_keys", "write_hist"), "rdataframe": ("th3_with_keys", "write_th3")}


def written(engine: Any, path: Path) -> Path:
    """Write the correction as an engine does, with one bin that could not be measured, and return its path."""
    namespace = RECIPE.parameters()
    RECIPE.define(engine, namespace)
    make, write = WRITERS[engine]
    factor = np.array(PARAMETERS["FACTOR"])
    factor[3, 3] = np.nan
    namespace[write](namespace[make](factor, PARAMETERS["STAT"], PARAMETERS["SYST"]), path)
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
                assert value == pytest.approx(PARAMETERS["FACTOR"][i][j], rel=1e-15)
                assert (stat, syst) == pytest.approx((PARAMETERS["STAT"][i][j], PARAMETERS["SYST"][i][j]), rel=1e-15)
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
    """It is not a number in the measurement, and cannot be in the file."""
    assert [factor(-2.2, 100.0, key) for key in ("nominal", "systup", "systdown")] == [1.0, 2.0, 0.0]


def test_both_engines_write_the_same(tmp_path: Path) -> None:
    """But for the descriptions of the axes, which ROOT's do not have, the files are equal."""

    def content(engine: str) -> Any:
        (made,) = json.loads(written(engine, tmp_path / f"{engine}.json").read_text())["corrections"]
        for variable in made["inputs"]:
            variable.pop("description", None)
        return made

    assert content("coffea") == content("rdataframe")


def test_the_numbers_are_those_of_the_fits() -> None:
    """What the page writes out as numbers is what the fits give, and what they do beyond counting."""
    fits = recipe.load("tag-and-probe-fit")
    namespace = fits.parameters()
    run = fits.define("coffea", namespace)
    first = namespace["PT"].index(PARAMETERS["PT"][0])
    fitted, counted = [], []
    for files in (namespace["FILES"], namespace["SIMULATION"]):
        pairs = run(files)["pairs"]
        fitted.append(namespace["fit_coffea"](pairs)[:, first:])
        failing, passing = pairs.values()[:, :, first:, :].sum(axis=-1)
        counted.append(passing / (failing + passing))
    ratio = fitted[0][..., 0] / fitted[1][..., 0]
    stat = ratio * np.hypot(*(fit[..., 1:].max(axis=-1) / fit[..., 0] for fit in fitted))
    syst = abs(ratio - counted[0] / counted[1])
    for name, values in (("FACTOR", ratio), ("STAT", stat), ("SYST", syst)):
        assert np.allclose(PARAMETERS[name], values, rtol=0, atol=1e-4), name
