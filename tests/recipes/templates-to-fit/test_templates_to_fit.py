"""Faults in one of two likelihoods are named; bins, nuisances and data that are empty; the card is read back."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import recipe

SUBJECT = recipe.load("templates-to-fit")
STEPS = ("example", "coffea", "rdataframe", "setup")
DEFINITIONS = ("from fnmatch", "NUISANCES ", "YEAR", "def ")
JETS = "CMS_scale_j_FlavorQCD"

Page = dict[str, Any]
Values = dict[str, list[float]]


@cache
def page() -> Page:
    """Return what the page's cells define: both engines, the table, both likelihoods, and the card."""
    found = SUBJECT.parameters()
    for cell in SUBJECT.cells:
        if "answer" in cell.tags:
            exec(recipe.imports(cell.source), found)
        elif "timing" not in cell.tags and (cell.tags & {*STEPS} or cell.source.startswith(DEFINITIONS)):
            exec(cell.source, found)
    found["ROOT"].RooMsgService.instance().setGlobalKillBelow(found["ROOT"].RooFit.ERROR)
    return found


@cache
def templates() -> Any:
    """Return those of the sample."""
    return SUBJECT.run("coffea", SUBJECT.parameters()["FILES"])["templates"]


@cache
def rows() -> list[dict[str, Any]]:
    """Return the table."""
    result: list[dict[str, Any]] = page()["nuisance_rows"](page()["NUISANCES"], page()["FILES"])
    return result


def drawn(seed: int = 2024) -> dict[str, Any]:
    """Return counts drawn from what all processes give in a channel; with its seed those of the page."""
    draw, axis = np.random.default_rng(seed).poisson, templates().axes["ht"]
    nominal = {c: np.maximum(templates()[:, c, "nominal", :].values(), 0) for c in page()["CHANNELS"]}
    return {c: hist.Hist(axis, data=1.0 * draw(values.sum(axis=0))) for c, values in nominal.items()}


def content(path: str) -> dict[str, Any]:
    """Return the histograms of a file, by path."""
    with uproot.open(path) as file:
        return {key: file[key].to_hist() for key in file.keys(cycle=False, filter_classname="TH1*")}


def rewritten(path: str, histograms: dict[str, Any]) -> None:
    """Write a file anew."""
    with uproot.recreate(path) as file:
        for key, h in histograms.items():
            file[key] = h


def written(folder: Path, table: Any = None, filled: Any = None, data: Any = None) -> tuple[str, Any, Any]:
    """Return the path of a histogram file, and the shapes and rates of its model."""
    filled = templates() if filled is None else filled
    path = str(folder / "model.root")
    return path, *page()["write_model"](path, filled, rows() if table is None else table, data or drawn())


def by_pyhf(*model: Any) -> Values:
    """Return best fit and error of each parameter."""
    _, values = page()["fit_pyhf"](page()["in_pyhf"](*model))
    return dict(values)


def by_roofit(*model: Any) -> Values:
    """Return best fit and error of each parameter."""
    _, values = page()["fit_roofit"](page()["in_histfactory"](*model))
    return dict(values)


def exchanged(path: str, name: str) -> None:
    """Exchange up and down of a nuisance in all histograms of a file."""
    found = content(path)
    for key in [key for key in found if key.endswith(f"{name}Up")]:
        other = f"{key.removesuffix('Up')}Down"
        found[key], found[other] = found[other], found[key]
    rewritten(path, found)


def test_both_tools_agree_on_other_data(tmp_path: Path) -> None:
    """Not on the page's counts alone."""
    model = written(tmp_path, data=drawn(1))
    page()["compare"](by_pyhf(*model), by_roofit(*model))


def test_a_nuisance_that_is_swapped_in_one_tool_is_named(tmp_path: Path) -> None:
    """Its pull has the other sign there."""
    model = written(tmp_path)
    right = by_pyhf(*model)
    exchanged(model[0], JETS)
    with pytest.raises(ValueError, match=f"{JETS} differs: "):
        page()["compare"](right, by_roofit(*model))


def test_a_nuisance_that_is_applied_twice_in_one_tool_is_named(tmp_path: Path) -> None:
    """A rate of W bosons, where the fit constrains it."""
    path, shapes, rates = written(tmp_path)
    twice = {key: tuple(way**2 for way in ways) if key[2] == "xsec_w3j" else ways for key, ways in rates.items()}
    with pytest.raises(ValueError, match="xsec_w3j differs: "):
        page()["compare"](by_pyhf(path, shapes, rates), by_roofit(path, shapes, twice))


def test_a_nuisance_that_one_tool_lacks_is_named(tmp_path: Path) -> None:
    """Both must have the same parameters."""
    path, shapes, rates = written(tmp_path)
    fewer = {key: ways for key, ways in rates.items() if key[2] != "xsec_dy"}
    with pytest.raises(ValueError, match=r"in one tool alone: xsec_dy$"):
        page()["compare"](by_pyhf(path, shapes, fewer), by_roofit(path, shapes, rates))


def test_a_nuisance_that_moves_nothing(tmp_path: Path) -> None:
    """It is pruned; where it is kept, neither tool pulls or constrains it."""
    still = templates().copy()
    for way in ("up", "down"):
        at = still.axes["variation"].index(f"FlavorQCD_{way}")
        nominal = still.axes["variation"].index("nominal")
        still.view()[:, :, at] = still.view()[:, :, nominal]
    _, shapes, rates = written(tmp_path, filled=still)
    assert not [key for key in [*shapes, *rates] if key[2] == JETS]
    kept = [{**row, "prune": 0, "smooth": False} if row["name"] == JETS else row for row in rows()]
    model = written(tmp_path, kept, still)
    for values in (by_pyhf(*model), by_roofit(*model)):
        assert values[JETS] == pytest.approx([0, 1], abs=0.01)


def test_up_equal_to_down(tmp_path: Path) -> None:
    """A nuisance that moves to one side alone has a kink, and the same one in both tools."""
    alike = templates().copy()
    up, down = (alike.axes["variation"].index(f"ISR_{way}") for way in ("up", "down"))
    alike.view()[:, :, down] = alike.view()[:, :, up]
    model = written(tmp_path, filled=alike)
    assert any(key[2] == "ps_isr_ttbar" for key in model[1])
    page()["compare"](by_pyhf(*model), by_roofit(*model))


def emptied(channel: str, place: int) -> Any:
    """Return the templates without an event in one bin, whatever the process and the variation."""
    result = templates().copy()
    at = result.axes["channel"].index(channel)
    for part in ("value", "variance"):
        result.view()[part][:, at, :, place] = 0
    return result


def test_a_bin_that_no_process_fills_is_named(tmp_path: Path) -> None:
    """With its channel."""
    with pytest.raises(ValueError, match="mu_3j, bin 2: no process has events there"):
        written(tmp_path, filled=emptied("mu_3j", 2))


def test_pyhf_goes_on_with_an_empty_bin(tmp_path: Path) -> None:
    """And fails, since its likelihood is not finite, without a word of the bin."""
    path, shapes, rates = written(tmp_path)
    found = content(path)
    for key in (key for key in found if key.startswith("mu_3j/") and not key.endswith("data_obs")):
        view = found[key].view()
        for part in ("value", "variance") if view.dtype.names else (...,):
            view[part][2:3] = 0
    rewritten(path, found)
    with pytest.raises(page()["pyhf"].exceptions.FailedMinimization) as told:
        by_pyhf(path, shapes, rates)
    assert "bin" not in str(told.value)


def test_no_data_at_all(tmp_path: Path) -> None:
    """Counts of zero drive the strength to its limit in both tools."""
    none = {c: hist.Hist(templates().axes["ht"], data=np.zeros(4)) for c in page()["CHANNELS"]}
    model = written(tmp_path, data=none)
    for values in (by_pyhf(*model), by_roofit(*model)):
        assert values["mu"][0] == pytest.approx(0, abs=0.01)


def test_the_default_tolerance_is_too_loose(tmp_path: Path) -> None:
    """What the page says of it: the strength moves by more than the page allows."""
    fit, of = (page()["cabinetry"].fit.fit, page()["cabinetry"].model_utils.model_and_data)
    model, data = of(page()["in_pyhf"](*written(tmp_path)))
    loose, tight = (fit(model, data, strategy=1, tolerance=tolerance) for tolerance in (None, 1e-3))
    at = model.config.poi_index
    assert abs(loose.bestfit - tight.bestfit)[at] / tight.uncertainty[at] > 1e-3


def test_histfactory_constrains_a_bin_from_zero_on(tmp_path: Path) -> None:
    """And it makes a nuisance of the luminosity whatever a sample says, which the page holds constant."""
    found, model = page(), written(tmp_path)
    opened: Callable[[Any], Any] = found["unbounded"]
    found["unbounded"] = lambda w: w
    try:
        w = found["in_histfactory"](*model)
    finally:
        found["unbounded"] = opened
    assert w["nom_gamma_stat_mu_3j_bin_0"].getMin() == 0
    assert w["Lumi"].isConstant()


def test_a_card_without_a_histogram_is_refused(tmp_path: Path) -> None:
    """The error names what the file lacks."""
    found = page()
    shapes_alone = [{**row, "kind": "shape"} if row["kind"] != "rate" else row for row in rows()]
    path, shapes, rates = written(tmp_path, shapes_alone)
    text = found["datacard"](rows(), path, shapes, rates)
    counts, yields, signal, nuisances, _ = found["read_datacard"](text, tmp_path)
    assert signal == {"TTbar"}
    assert [len(counts), len(yields), len(nuisances)] == [2, 8, len(rows())]
    lacking = f"mu_2j/TTbar_{JETS}Down"
    rewritten(path, {key: h for key, h in content(path).items() if key != lacking})
    with pytest.raises(KeyError, match=f"the file of the card lacks {lacking}"):
        found["read_datacard"](text, tmp_path)
