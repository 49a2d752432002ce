"""Weights that are no number, zero, of another count, or without a shift: each tells its variation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import agreement, corrections, recipe
from cookbook.recipe import Engine
from copies import needed
from mutants import check_with
from runs import complaint
from small_files import edited, from_file

SUBJECT = recipe.load("weight-variations")
PARAMETERS = SUBJECT.parameters()
SCALES, PDF = "LHEScaleWeight", "LHEPdfWeight"
EVENTS = 600

Columns = dict[str, Any]
Given = dict[str, Any]


def changed(folder: Path, change: Callable[[Columns], Any]) -> list[str]:
    """Write the first events with some of their columns changed, and return the path in a list."""
    return [from_file(PARAMETERS["FILE"], folder / "changed.root", needed(SUBJECT), EVENTS, change)]


def with_member(branch: str, index: int, value: float) -> Callable[[Columns], None]:
    """Return a change that gives all events a value in one place of a list of weights."""

    def change(columns: Columns) -> None:
        members = ak.to_numpy(columns[branch]).copy()
        members[:, index] = value
        columns[branch] = ak.from_regular(ak.Array(members))

    return change


def agreed(files: list[str], given: Given | None = None) -> Any:
    """Return the spectrum in which both engines agree."""
    coffea, rdataframe = (SUBJECT.run(engine, files, given) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    return coffea["muon_pt"]


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(("branch", "index"), [(SCALES, 3), (PDF, 32)])
def test_a_weight_that_is_no_number_is_named(
    branch: str, index: int, value: float, engine: Engine, tmp_path: Path
) -> None:
    """The error names the variation, and no other."""
    files = changed(tmp_path, with_member(branch, index, value))
    with pytest.raises(ValueError, match=rf"infinite or not a number: {branch}_{index}$"):
        SUBJECT.run(engine, files)


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_generator_weight_that_is_no_number_spoils_all(engine: Engine, tmp_path: Path) -> None:
    """Nominal stands first among those that are named."""

    def change(columns: Columns) -> None:
        columns["genWeight"] = np.full(EVENTS, np.nan, "float32")

    with pytest.raises(ValueError, match="not a number: nominal, pileup_up, "):
        SUBJECT.run(engine, changed(tmp_path, change))


def test_a_variation_of_zero_empties_its_own_spectrum(tmp_path: Path) -> None:
    """It leaves the others alone."""
    result = agreed(changed(tmp_path, with_member(SCALES, 5, 0.0)))
    assert result[f"{SCALES}_5", :].sum(flow=True).value == 0
    assert result["nominal", :].sum(flow=True).value > 0
    assert np.array_equal(result[f"{SCALES}_4", :].values(), result["nominal", :].values())


@pytest.mark.parametrize(("name", "factor"), [("PILEUP", "pileup"), ("MUONS", "id")])
def test_up_equal_to_down(name: str, factor: str, tmp_path: Path) -> None:
    """Where the file has the same numbers for all ways, the varied spectra are the nominal one; others move."""

    def flat(node: Any) -> Any:
        if isinstance(node, dict):
            ways = node.get("nodetype") == "category"
            first = node["content"][0]["value"] if ways else None
            for item in node["content"] if ways else ():
                item["value"] = first
            for value in node.values():
                flat(value)
        for value in node if isinstance(node, list) else ():
            flat(value)

    path = edited(PARAMETERS[name], tmp_path / "flat.json.gz", flat)
    result = agreed(PARAMETERS["FILES"], {name: path})
    for way in ("up", "down"):
        varied = {f: result[f"{f}_{way}", :].values() for f in ("pileup", "id")}
        for other, values in varied.items():
            assert np.allclose(values, result["nominal", :].values(), rtol=1e-12) == (other == factor)


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize(("name", "what"), [("WAYS", "weights"), ("MUON_WAYS", "scale_factors")])
def test_an_unknown_variation_is_named(name: str, what: str, engine: Engine) -> None:
    """Before an event is read."""
    given = {name: [*PARAMETERS[name][:2], "sideways"]}
    with pytest.raises(corrections.CorrectionError, match=f"has no {what} 'sideways'"):
        SUBJECT.run(engine, PARAMETERS["FILES"], given)


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize("branch", [SCALES, PDF])
def test_another_number_of_weights_ends_the_run(branch: str, engine: Engine, tmp_path: Path) -> None:
    """A list that is longer or shorter would shift all that follow: the error names the branch."""

    def shorten(columns: Columns) -> None:
        columns[branch] = columns[branch][:, :-1]

    files, count = changed(tmp_path, shorten), PARAMETERS["MEMBERS"][branch]
    assert f"{branch}: not {count} weights in each event" in complaint(lambda: SUBJECT.run(engine, files))


def test_lists_that_are_not_asked_for(tmp_path: Path) -> None:
    """Eight scales, and no members of a set."""

    def shorten(columns: Columns) -> None:
        columns[SCALES] = columns[SCALES][:, :8]

    result = agreed(changed(tmp_path, shorten), {"MEMBERS": {SCALES: 8}})
    assert len(result.axes[0]) == 1 + 4 + 8


def test_no_event_passes(tmp_path: Path) -> None:
    """Without a muon nothing is filled, and nothing breaks."""

    def lose(columns: Columns) -> None:
        columns["Muon"] = {name: values[:, :0] for name, values in columns["Muon"].items()}

    assert not agreed(changed(tmp_path, lose)).values(flow=True).any()


def test_a_zero_nominal_hides_up_in_coffea_alone(tmp_path: Path) -> None:
    """What the page warns of: `Weights` multiplies a nominal of zero, and the gate names the variation."""

    def no_nominal(content: dict[str, Any]) -> None:
        for item in content["corrections"][0]["data"]["content"]:
            if item["key"] == "nominal":
                item["value"]["content"] = [0.0] * len(item["value"]["content"])

    given = {"PILEUP": edited(PARAMETERS["PILEUP"], tmp_path / "zero.json.gz", no_nominal)}
    coffea, rdataframe = (SUBJECT.run(engine, PARAMETERS["FILES"], given) for engine in recipe.ENGINES)
    with pytest.raises(agreement.DisagreementError, match=r"pileup_(up|down)"):
        agreement.check(coffea, rdataframe, empty=True)


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("(1, 0), (2, 0)", "(2, 0), (1, 0)", "pileup_(up|down)"),
        ("(0, 1), (0, 2)", "(0, 1), (0, 0)", "id_down"),
        ("{{nominal, {moved}}}", "{{nominal, pileup[1] * {moved}}}", "pileup_up"),
        ("nominal * {listed}", "nominal * {listed} * {listed}", f"({SCALES}|{PDF})_[0-9]+"),
    ],
    ids=["swapped", "moves nothing", "applied twice", "list applied twice"],
)
def test_a_fault_in_a_variation_is_named(right: str, wrong: str, named: str) -> None:
    """The gate says which variation differs."""
    with pytest.raises(agreement.DisagreementError, match=rf"differ, the most in {named}, "):
        check_with(SUBJECT, right, wrong)
