"""A table with faults names its rows; odd templates are treated or named; either tool reads the other's file."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import pytest
import yaml

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cabinetry import histo
from cabinetry.templates import postprocessor

from cookbook import agreement, corrections, recipe
from cookbook.recipe import Engine
from copies import needed
from mutants import check_with
from runs import complaint
from small_files import edited, from_file

SUBJECT = recipe.load("nuisance-table")
PAGE = SUBJECT.parameters()
FILES, CHANNELS, EDGES, LENGTHS = (PAGE[name] for name in ("FILES", "CHANNELS", "EDGES", "LENGTHS"))
TOP = next(iter(FILES))
EVENTS = 1500

Row = dict[str, Any]
Columns = dict[str, Any]

SHAPE: Row = {"name": "x", "source": "s", "kind": "shape", "processes": [TOP], "years": "all"}


def changed(folder: Path, change: Callable[[Columns], Any]) -> dict[str, list[str]]:
    """Write the first top pairs with some of their columns changed, and return them as a dataset."""
    return {TOP: [from_file(PAGE["FILE"], folder / "changed.root", needed(SUBJECT), EVENTS, change)]}


def agreed(files: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Any:
    """Return the templates in which both engines agree."""
    coffea, rdataframe = (SUBJECT.run(engine, files, given) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    return coffea["templates"]


def templates(**variations: Any) -> Any:
    """Return templates of one process that hold the same in both channels."""
    axes = [hist.axis.StrCategory([TOP], name="process"), hist.axis.StrCategory(CHANNELS, name="channel")]
    axes += [hist.axis.StrCategory([*variations], name="variation"), hist.axis.Variable(EDGES, name="ht")]
    h = hist.Hist(*axes, storage="weight")
    h.view()["value"] = np.array([*variations.values()])
    h.view()["variance"] = h.view()["value"]
    return h


def only(filled: Any, **more: Any) -> tuple[Any, Any]:
    """Return shapes and rates of one row, in the first channel."""
    shapes, rates = PAGE["nuisance_model"](filled, [{**SHAPE, **more}])
    key = (CHANNELS[0], TOP, "x")
    return shapes.get(key), rates.get(key)


def table(change: Callable[[list[Row]], Any]) -> str:
    """Return the text of the table with its rows changed."""
    rows = yaml.safe_load(PAGE["NUISANCES"])
    change(rows)
    return str(yaml.safe_dump(rows))


def with_values(number: int, **values: Any) -> Callable[[list[Row]], None]:
    """Return a change of a row; None takes the key out."""

    def change(rows: list[Row]) -> None:
        rows[number - 1] = {k: v for k, v in {**rows[number - 1], **values}.items() if v is not None}

    return change


def test_the_table_is_in_order() -> None:
    """All rows pass, and each source is one that the engines fill."""
    rows = PAGE["nuisance_rows"](PAGE["NUISANCES"], FILES)
    known = {"PDF", *PAGE["SOURCES"], *(name.rpartition("_")[0] for name in PAGE["MOVED"])}
    assert {row["source"] for row in rows if row["kind"] != "rate"} <= known


@pytest.mark.parametrize(
    ("number", "values", "what"),
    [
        (2, {"kind": "shapes"}, r"'shapes' is not one of \['rate', 'shape', 'split'\]"),
        (2, {"processes": None}, "'processes' is a required property"),
        (2, {"source": None}, "'source' is a required property"),
        (1, {"value": None}, "'value' is a required property"),
        (1, {"value": 0.986}, "less than or equal to the minimum of 1"),
        (1, {"name": "lumi_13p6TeV"}, "'lumi_13p6TeV' does not match '_2024"),
        (6, {"years": "all"}, "should not be valid under"),
        (3, {"name": "CMS_pileup_2024", "years": "own"}, "its name stands above already"),
        (2, {"processes": ["TTbarr"]}, "it applies to none of TTbar, "),
        (2, {"channels": ["mu_5j"]}, r"'mu_5j' is not one of"),
        (2, {"smoth": True}, r"Additional properties are not allowed \('smoth' was unexpected\)"),
        (2, {"down": "same"}, r"'same' is not one of \['mirror', 'nominal'\]"),
    ],
)
def test_a_fault_of_the_table_is_named(number: int, values: Row, what: str) -> None:
    """The error has the row, its name, and what is wrong; nothing else."""
    text = table(with_values(number, **values))
    found = complaint(lambda: PAGE["nuisance_rows"](text, FILES))
    last = 6 if values.get("name") == "CMS_pileup_2024" else number
    name = yaml.safe_load(text)[last - 1]["name"]
    with pytest.raises(ValueError, match=rf"^row {last}, {name}: .*{what}") as error:
        PAGE["nuisance_rows"](text, FILES)
    assert len(str(error.value).splitlines()) == 1, found


def test_smoothing_keeps_the_yield_and_what_is_smooth() -> None:
    """A ratio that rises evenly stays as it is, a spike goes, and the sum of the template stays."""
    nominal = np.array([100.0, 80.0, 50.0, 20.0])
    even = nominal * [0.9, 0.95, 1.0, 1.05]
    assert np.allclose(PAGE["smoothed"](nominal, even), even)
    spike = nominal * [1.0, 1.6, 1.0, 1.0]
    smooth = PAGE["smoothed"](nominal, spike)
    assert smooth.sum() == pytest.approx(spike.sum())
    assert np.ptp(smooth / nominal) < 0.01


def test_smoothing_is_cabinetrys_but_for_empty_bins() -> None:
    """The page gives what cabinetry gives; there an empty nominal bin makes all others not a number."""
    rng = np.random.default_rng(3)
    for empty in (False, True):
        nominal = rng.uniform(5.0, 10.0, 4)
        varied = nominal * rng.uniform(0.8, 1.2, 4)
        if empty:
            nominal[0] = varied[0] = 0.0
        first, second = (histo.Histogram.from_arrays(np.arange(5.0), y.copy(), np.ones(4)) for y in (nominal, varied))
        with np.errstate(invalid="ignore"):
            other = postprocessor.apply_postprocessing(
                second, "x", smoothing_algorithm="353QH, twice", nominal_histogram=first
            ).yields
        ours = PAGE["smoothed"](nominal, varied)
        assert np.isfinite(ours).all()
        assert not np.isfinite(other).any() if empty else np.allclose(ours, other)


def test_one_side_is_mirrored_or_nominal() -> None:
    """As the row says; the side that was filled is kept."""
    filled = templates(nominal=[10, 10, 10, 10], s_up=[11, 12, 10, 9])
    (up, down), _ = only(filled, down="mirror")
    assert np.allclose(up, [11, 12, 10, 9])
    assert np.allclose(down, [9, 8, 10, 11])
    (up, down), _ = only(filled, down="nominal")
    assert np.allclose(up, [11, 12, 10, 9])
    assert np.allclose(down, 10)


def test_a_mirror_image_stays_above_zero() -> None:
    """Where up is more than twice nominal, a little is left."""
    (_, down), _ = only(templates(nominal=[10, 10, 10, 10], s_up=[25, 10, 10, 10]), down="mirror")
    assert np.allclose(down, [0.01, 10, 10, 10])


@pytest.mark.parametrize("missing", ["s_up", "s_down"])
def test_a_source_that_nobody_filled_is_named(missing: str) -> None:
    """One side alone is no mistake where the row says so."""
    ways = {"nominal": [1, 1, 1, 1], "s_up": [2, 2, 2, 2], "s_down": [1, 1, 1, 1]}
    filled = templates(**{name: values for name, values in ways.items() if name != missing})
    with pytest.raises(ValueError, match=f"^x: no variation {missing} was filled"):
        only(filled)
    with pytest.raises(ValueError, match=r"^x: no variation pdf_0 was filled"):
        only(filled, source="PDF")


def doubts(**variations: Any) -> set[str]:
    """Return what is asked about one nuisance."""
    return {what for *_, what in PAGE["doubts"](templates(nominal=[10, 10, 10, 10], **variations), [SHAPE])}


def test_odd_pairs_are_named() -> None:
    """Up equal to down, both equal to nominal, both on one side; a good pair is not."""
    assert doubts(s_up=[11, 11, 10, 10], s_down=[11, 11, 10, 10]) == {"up and down are the same"}
    assert doubts(s_up=[10, 10, 10, 10], s_down=[10, 10, 10, 10]) == {"nothing moves"}
    assert doubts(s_up=[11, 11, 10, 10], s_down=[12, 10, 10, 10]) == {"both move the yield the same way"}
    assert doubts(s_up=[11, 11, 10, 10], s_down=[9, 9, 10, 10]) == set()


def test_symmetrising_two_of_one_side_leaves_their_difference() -> None:
    """Half of up minus down to both; where they are the same nothing is left, and the nuisance is pruned."""
    filled = templates(nominal=[10, 10, 10, 10], s_up=[14, 10, 10, 10], s_down=[12, 10, 10, 10])
    (up, down), _ = only(filled, symmetrise=True)
    assert np.allclose(up, [11, 10, 10, 10])
    assert np.allclose(down, [9, 10, 10, 10])
    same = templates(nominal=[10, 10, 10, 10], s_up=[14, 10, 10, 10], s_down=[14, 10, 10, 10])
    assert only(same, symmetrise=True) == (None, None)


def test_pruning_takes_yield_and_shape_apart() -> None:
    """A shape alone keeps the nominal yield, a yield alone the nominal shape; a small one of both is gone."""
    yields = templates(nominal=[10, 10, 10, 10], s_up=[11, 11, 11, 11], s_down=[9, 9, 9, 9])
    (up, _), rates = only(yields)
    assert np.allclose(up, 11)
    assert rates is None
    assert only(yields, kind="split") == (None, pytest.approx((1.1, 0.9)))
    shape = templates(nominal=[10, 10, 10, 10], s_up=[11, 9, 10, 10.01], s_down=[9, 11, 10, 9.99])
    (up, _), rates = only(shape, kind="split")
    assert up.sum() == pytest.approx(40)
    assert rates is None
    assert only(yields, prune=0.11) == (None, None)


def test_an_empty_nominal_bin_stays_empty() -> None:
    """What a variation puts there is dropped, and no ratio is infinite."""
    filled = templates(nominal=[0, 10, 10, 10], s_up=[2, 11, 11, 11], s_down=[0, 9, 9, 9])
    for smooth in (False, True):
        (up, down), _ = only(filled, smooth=smooth)
        assert np.allclose(up, [0, 11, 11, 11])
        assert np.allclose(down, [0, 9, 9, 9])


def test_a_variation_that_empties_a_template() -> None:
    """A thousandth is left of it: a fit cannot take the logarithm of nothing. Without events there are no shapes."""
    empty = templates(nominal=[10, 10, 10, 10], s_up=[0, 0, 0, 0], s_down=[20, 20, 20, 20])
    for smooth in (False, True):
        (up, down), _ = only(empty, smooth=smooth)
        assert np.allclose(up, 0.01)
        assert np.allclose(down, 20)
    nothing = templates(nominal=[0, 0, 0, 0], s_up=[1, 0, 0, 0], s_down=[0, 0, 0, 0])
    assert PAGE["nuisance_model"](nothing, [SHAPE]) == ({}, {})


def test_a_hessian_set_is_combined_in_the_bins() -> None:
    """Members that move events the other way cancel in a bin."""
    members = {"pdf_0": [10, 10, 10, 10], "pdf_1": [13, 10, 10, 10], "pdf_2": [14, 10, 10, 9]}
    (up, down), _ = only(templates(nominal=[10, 10, 10, 10], **members), source="PDF")
    assert np.allclose(up, [15, 10, 10, 11])
    assert np.allclose(down, [5, 10, 10, 9])


@cache
def helpers() -> Mapping[str, Any]:
    """Return what the page's examples define: how files are written and read."""
    page = dict(PAGE)
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, page)
    for cell in SUBJECT.cells:
        if "_with_" in cell.source and "example" in cell.tags:
            exec(cell.source, page)
    return page


def test_either_tool_reads_the_others_file(tmp_path: Path) -> None:
    """Names, values, variances and edges are the same in both directions."""
    filled = templates(nominal=[10, 0, 5.5, 1e-3], s_up=[11, 0, 6.1, 2e-3], s_down=[9, 0, 4.9, 1e-4])
    shapes, _ = PAGE["nuisance_model"](filled, [SHAPE])
    content = PAGE["histograms_of"](filled, shapes)
    names = [f"{channel}/{TOP}{way}" for channel in CHANNELS for way in ("", "_xUp", "_xDown")]
    assert sorted(content) == sorted(names)
    page, first, second = helpers(), str(tmp_path / "uproot.root"), str(tmp_path / "root.root")
    page["write_with_uproot"](first, content)
    page["write_with_root"](second, page["read_with_root"](first))
    for path in (first, second):
        for found in (page["read_with_root"](path), page["read_with_uproot"](path)):
            assert found.keys() == content.keys()
            for name, one in content.items():
                assert np.array_equal(found[name].values(), one.values())
                assert np.array_equal(found[name].variances(), one.variances())
        assert np.array_equal(page["read_with_uproot"](path)[names[0]].axes[0].edges, EDGES)


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize(
    ("branch", "index", "named"),
    [("LHEScaleWeight", 7, "muR_up"), ("PSWeight", 3, "FSR_down"), ("LHEPdfWeight", 32, "pdf_32")],
)
def test_a_weight_that_is_no_number_is_named(
    branch: str, index: int, named: str, engine: Engine, tmp_path: Path
) -> None:
    """The error names the variation, and no other."""

    def spoil(columns: Columns) -> None:
        values = ak.to_numpy(columns[branch]).copy()
        values[:, index] = np.nan
        columns[branch] = ak.from_regular(ak.Array(values))

    with pytest.raises(ValueError, match=rf"infinite or not a number: {named}$"):
        SUBJECT.run(engine, changed(tmp_path, spoil))


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize(("branch", "left"), [("LHEScaleWeight", 8), ("PSWeight", 1), ("LHEPdfWeight", 32)])
def test_another_number_of_weights_ends_the_run(branch: str, left: int, engine: Engine, tmp_path: Path) -> None:
    """The error names the list."""

    def shorten(columns: Columns) -> None:
        columns[branch] = columns[branch][:, :left]

    files = changed(tmp_path, shorten)
    assert f"{branch}: not {LENGTHS[branch]} weights in each event" in complaint(lambda: SUBJECT.run(engine, files))


def test_empty_lists_move_nothing(tmp_path: Path) -> None:
    """A process without these weights has them as ones."""

    def lose(columns: Columns) -> None:
        columns |= {branch: columns[branch][:, :0] for branch in LENGTHS}

    result = agreed(changed(tmp_path, lose))
    nominal = result[TOP, :, "nominal", :].values()
    assert nominal.any()
    for name in ("muR_up", "muF_down", "ISR_up", "FSR_down", "pdf_7"):
        assert np.allclose(result[TOP, :, name, :].values(), nominal, rtol=1e-12)


def test_jets_that_a_source_moves_across_the_threshold(tmp_path: Path) -> None:
    """Just below it, up makes events of two jets; down, and all weights, leave none."""

    def lower(columns: Columns) -> None:
        jets = columns["Jet"]
        jets["pt"] = 0 * jets["pt"] + np.float32(24.9)

    result = agreed(changed(tmp_path, lower))
    totals = {name: result[TOP, :, name, :].values().sum() for name in result.axes["variation"]}
    assert {name for name, total in totals.items() if total} == {f"{source}_up" for source in PAGE["SOURCES"]}


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_an_unknown_category_or_source_is_named(engine: Engine) -> None:
    """Before an event is read."""
    with pytest.raises(corrections.CorrectionError, match="has no weights 'sideways'"):
        SUBJECT.run(engine, FILES, {"WAYS": ["nominal", "up", "sideways"]})
    with pytest.raises(corrections.CorrectionError, match="MC_Gravity_AK4"):
        SUBJECT.run(engine, FILES, {"SOURCES": ["Gravity"]})


def test_up_equal_to_down_in_the_file(tmp_path: Path) -> None:
    """Where pileup has one weight for all ways, nothing moves, and the page's check says so."""

    def flat(content: Any) -> None:
        ways = content["corrections"][0]["data"]["content"]
        for way in ways:
            way["value"] = ways[0]["value"]

    path = edited(PAGE["PILEUP"], tmp_path / "flat.json.gz", flat)
    filled = agreed({TOP: FILES[TOP]}, {"PILEUP": path})
    rows = [row for row in yaml.safe_load(PAGE["NUISANCES"]) if row.get("source") == "pileup"]
    assert {what for *_, what in PAGE["doubts"](filled, rows)} == {"nothing moves"}
    assert PAGE["nuisance_model"](filled, rows) == ({}, {})


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("(1, 0), (2, 0)", "(2, 0), (1, 0)", "pileup_(up|down)"),
        ("(0, 1), (0, 2)", "(0, 1), (0, 0)", "muon_id_down"),
        ("nominal * top_pt", "nominal * top_pt * top_pt", "top_pt_up"),
        ("*range(1, 1 + 2 * len(SOURCES))", "2, 1, *range(3, 1 + 2 * len(SOURCES))", "AbsoluteMPFBias_(up|down)"),
        ("*range(1, 1 + 2 * len(SOURCES))", "*range(1, 2 * len(SOURCES)), 0", "PileUpPtRef_down"),
        ("all{b}[{i}]", "allPSWeight[{i % 4}]", "(muR|muF)_(up|down)"),
    ],
    ids=["weights swapped", "a weight dead", "a weight doubled", "jets swapped", "jets dead", "the list beside it"],
)
def test_a_fault_in_a_variation_is_named(right: str, wrong: str, named: str) -> None:
    """The gate says which variation differs."""
    with pytest.raises(agreement.DisagreementError, match=rf"differ, the most in [^,]+, [^,]+, {named}, "):
        check_with(SUBJECT, right, wrong)
