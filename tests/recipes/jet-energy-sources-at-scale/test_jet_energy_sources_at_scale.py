"""Many sources at the edges: one that is not there, without size, or that empties the selection; each is named."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import runs
from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from copies import needed
from mutants import check_with
from small_files import edited, event_columns, from_file, jagged, odd_jets, write

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

SUBJECT = recipe.load("jet-energy-sources-at-scale")
PARAMETERS = SUBJECT.parameters()
JERC: str = PARAMETERS["JERC"]
FILES: list[str] = PARAMETERS["FILES"]
GROUPS = ["Absolute", "BBEC1", "EC2", "FlavorQCD", "HF", "RelativeBal"]
OF_YEAR = [f"{name}_2024" for name in ("Absolute", "BBEC1", "EC2", "HF", "RelativeSample")]
EVENTS = 600

engines = pytest.mark.parametrize("engine", recipe.ENGINES)

Change = Callable[[dict[str, Any]], Any]


def written(target: Path, change: Change) -> str:
    """Write the first events of top pairs with their columns changed."""
    return from_file(FILES[0], target, needed(SUBJECT), EVENTS, change)


def of_size(source: str, size: Any) -> Change:
    """Return a change that gives a source another size."""

    def change(content: dict[str, Any]) -> None:
        (entry,) = (e for e in content["corrections"] if e["name"] == f"Cookbook24_V1_MC_{source}_AK4PFPuppi")
        entry["data"] = size

    return change


@cache
def usual(engine: Engine) -> runs.Results:
    """Return the histograms of the sample."""
    return runs.run(SUBJECT, engine, FILES)


def values(h: Any, name: str) -> Any:
    """Return the bins of a variation."""
    return h[name, :].values(flow=True)


@engines
def test_an_unknown_source_is_named(engine: Engine) -> None:
    """A source that the file lacks is refused before an event is read."""
    names = [*PARAMETERS["SOURCES"][:3], "FlavourQCD"]
    with pytest.raises(CorrectionError, match="no correction 'Cookbook24_V1_MC_FlavourQCD_AK4PFPuppi'; did you mean"):
        SUBJECT.run(engine, FILES, {"SOURCES": names})


@engines
def test_a_file_of_few_sources_is_refused(engine: Engine) -> None:
    """The file with four sources does not do for all of them."""
    with pytest.raises(CorrectionError, match="no correction 'Cookbook24_V1_MC_AbsoluteStat_AK4PFPuppi'"):
        SUBJECT.run(engine, FILES, {"JERC": sample.corrections("JME", "jet_jerc.json.gz")})


def test_a_missing_branch_is_named(tmp_path: Path) -> None:
    """A file without pseudorapidities is refused."""

    def lose(columns: dict[str, Any]) -> None:
        del columns["Jet"]["eta"]

    with pytest.raises(inputs.InputError, match="no branch 'Jet_eta'"):
        SUBJECT.run("coffea", [written(tmp_path / "events.root", lose)])


@engines
def test_a_source_without_size_leaves_nominal(engine: Engine, tmp_path: Path) -> None:
    """Up is equal to down, and to nominal; all others stay as they are."""
    given = {"JERC": edited(JERC, tmp_path / "zero.json.gz", of_size("FlavorQCD", 0.0))}
    found = runs.run(SUBJECT, engine, FILES, given)
    for name, h in found.items():
        for way in ("up", "down"):
            assert np.array_equal(values(h, f"FlavorQCD_{way}"), values(h, "nominal"))
        others = [x for x in h.axes[0] if not x.startswith("FlavorQCD")]
        assert all(np.array_equal(values(h, x), values(usual(engine)[name], x)) for x in others)


def test_a_source_that_empties_the_selection(tmp_path: Path) -> None:
    """Jets that lose all their momentum leave an empty spectrum, beside others that are filled."""
    given = {"JERC": edited(JERC, tmp_path / "large.json.gz", of_size("RelativeBal", 1.0))}
    for h in runs.agreed(SUBJECT, FILES, given).values():
        assert values(h, "RelativeBal_down").sum() == 0
        assert values(h, "RelativeBal_up").sum() > values(h, "nominal").sum() > 0


@engines
def test_one_source_alone(engine: Engine) -> None:
    """There are three variations, the same as among all."""
    found = runs.run(SUBJECT, engine, FILES, {"SOURCES": ["FlavorQCD"]})["ht"]
    assert list(found.axes[0]) == ["nominal", "FlavorQCD_up", "FlavorQCD_down"]
    assert all(np.array_equal(values(found, x), values(usual(engine)["ht"], x)) for x in found.axes[0])


def with_jets(path: Path, pt: Sequence[Sequence[float]], eta: Sequence[Sequence[float]]) -> list[str]:
    """Write events with these jets."""
    jets = {"pt": jagged(pt, np.float32), "eta": jagged(eta, np.float32)}
    jets |= {name: ak.zeros_like(jets["pt"]) for name in ("phi", "mass")}
    return [write(path, {**event_columns(len(pt)), "Jet": jets}, None)]


def test_jets_cross_the_threshold_and_exchange_places(tmp_path: Path) -> None:
    """The fourth jet passes with up alone; another loses with down; a forward jet leads where its source moves it."""
    pt = [[80.0, 79.5, 40.0, 29.9], [50.0, 45.0, 40.0, 30.1], [99.0, 98.5, 40.0, 40.0]]
    eta = [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 2.7, 0.0, 0.0]]
    files = with_jets(tmp_path / "jets.root", pt, eta)
    found = runs.agreed(SUBJECT, files, {"EDGES": {"ht": [0, 1000], "leading_pt": [0, 99.2, 1000]}})
    counts = {x: values(found["ht"], x).sum() for x in found["ht"].axes[0]}
    assert [counts[x] for x in ("nominal", "FlavorQCD_up", "FlavorQCD_down", "RelativePtHF_up")] == [2, 3, 1, 2]
    high = {x: found["leading_pt"][x, :].values()[1] for x in ("nominal", "RelativeJEREC2_up", "RelativeJEREC2_down")}
    assert list(high.values()) == [0, 1, 0]


def test_odd_jets_agree(tmp_path: Path) -> None:
    """Events without jets, with one, and with a momentum that is not a number give the same in both engines."""
    files = [written(tmp_path / "events.root", odd_jets)]
    found = runs.agreed(SUBJECT, files, {"MIN_JETS": 1})
    assert 0 < values(found["ht"], "nominal").sum() < EVENTS


def reordered(content: dict[str, Any]) -> None:
    """Turn round the order of the inputs of all corrections."""
    for entry in content["corrections"]:
        entry["inputs"].reverse()


@engines
def test_inputs_go_by_name(engine: Engine, tmp_path: Path) -> None:
    """A file whose inputs stand in another order gives the same."""
    given = {"JERC": edited(JERC, tmp_path / "turned.json.gz", reordered)}
    found = runs.run(SUBJECT, engine, FILES, given)
    assert all(np.array_equal(h.values(flow=True), usual(engine)[name].values(flow=True)) for name, h in found.items())


def test_the_regrouped_sources_agree() -> None:
    """The same job with the eleven keys."""
    names = [f"Regrouped_{name}" for name in GROUPS + OF_YEAR]
    found = runs.agreed(SUBJECT, FILES, {"SOURCES": names})["ht"]
    assert len(found.axes[0]) == 23
    for group, source in (("EC2", "PileUpPtEC2"), ("HF_2024", "RelativeStatHF"), ("FlavorQCD", "FlavorQCD")):
        alone = values(usual("coffea")["ht"], f"{source}_up")
        assert np.array_equal(values(found, f"Regrouped_{group}_up"), alone)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(1 + size)), moved.push_back(pt * (1 - size))", "(1 - size)), moved.push_back(pt * (1 + size))"),
        ("moved.push_back(pt * (1 - size))", "moved.push_back(pt)"),
        ("(1 + size)", "(1 + size) * (1 + size)"),
    ],
    ids=["swapped", "moves nothing", "applied twice"],
)
def test_a_fault_in_a_variation_is_named(right: str, wrong: str) -> None:
    """The gate says which variation differs."""
    with pytest.raises(agreement.DisagreementError, match=r"differ, the most in [A-Z][A-Za-z0-9]+_(up|down), "):
        check_with(SUBJECT, right, wrong)
