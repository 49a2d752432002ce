"""A correction file that lacks something is named, with what it does hold."""

import gzip
import json
import re
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from click.testing import CliRunner
from correctionlib import CorrectionSet

from cookbook import corrections, recipe, sample
from cookbook.cli import main

KEY = "Collisions24_Cookbook_goldenJSON"


@pytest.fixture
def weights() -> str:
    """Return the path of the pileup weights."""
    return sample.corrections("LUM", "puWeights.json.gz")


def test_what_is_there_passes(weights: str) -> None:
    """Simple and compound corrections, inputs and values are found."""
    corrections.check(weights, KEY, weights=["nominal", "up", "down"], NumTrueInteractions=[])
    jets = sample.corrections("JME", "jet_jerc.json.gz")
    corrections.check(jets, "Cookbook24_V1_MC_L1L2L3Res_AK4PFPuppi", JetPt=[], Rho=[])


def test_values_below_other_categories_are_found() -> None:
    """A working point stands below the year and the variation."""
    electrons = sample.corrections("EGM", "electron.json.gz")
    corrections.check(electrons, "Electron-ID-SF", year="2024Cookbook", ValType="sf", WorkingPoint="wp90iso")


@pytest.mark.parametrize(
    ("key", "choices", "message"),
    [
        ("Collisions24_goldenJSON", {}, f"no correction 'Collisions24_goldenJSON'; did you mean {KEY}"),
        ("something else", {}, f"no correction 'something else'; there are {KEY}"),
        (KEY, {"weight": "up"}, "takes no input 'weight'; its inputs are NumTrueInteractions, weights"),
        (KEY, {"weights": ["nominal", "sideways"]}, "has no weights 'sideways'; there are nominal, up, down"),
        (KEY, {"weights": "nominall"}, "has no weights 'nominall'; did you mean nominal"),
    ],
)
def test_what_is_missing_is_named(weights: str, key: str, choices: dict[str, Any], message: str) -> None:
    """The error gives the near names, or all there are."""
    with pytest.raises(corrections.CorrectionError, match=message):
        corrections.check(weights, key, **choices)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "not a correctionlib file"),
        (gzip.compress(b'{"schema_version": 2, "corrections": []}', mtime=0)[:-9], "not a correctionlib file"),
        (json.dumps({"schema_version": 1, "corrections": []}).encode(), "not of correctionlib's schema version 2"),
        (b"[]", "not of correctionlib's schema version 2"),
    ],
)
def test_a_damaged_file_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    """Whatever is in the file, the error says that it is not what was wanted."""
    path = tmp_path / "weights.json.gz"
    path.write_bytes(content)
    with pytest.raises(corrections.CorrectionError, match=rf"weights\.json\.gz: {message}"):
        corrections.check(path, KEY)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path is in the error."""
    with pytest.raises(corrections.CorrectionError, match=r"nothing\.json: no such file"):
        corrections.check(tmp_path / "nothing.json", KEY)


def category(variable: str, default: Any = None, **branches: Any) -> dict[str, Any]:
    """Return a node that chooses by a text."""
    content = [{"key": key, "value": value} for key, value in branches.items()]
    return {"nodetype": "category", "input": variable, "content": content, "default": default}


def binned(*content: Any, flow: Any = "clamp") -> dict[str, Any]:
    """Return a node of bins in pt, each 10 wide."""
    edges = [10.0 * i for i in range(len(content) + 1)]
    return {"nodetype": "binning", "input": "pt", "edges": edges, "content": list(content), "flow": flow}


PER_YEAR = category("year", y17=category("way", nominal=1.0, up=1.1), y18=category("way", nominal=1.0))
TREES: dict[str, tuple[Any, dict[str, list[str]], str]] = {
    "a default serves every text": (category("way", 1.0, up=1.1), {"way": ["up", "anything"]}, ""),
    "a default may be a node": (category("year", category("way", up=1.1), y17=1.0), {"year": ["y"], "way": ["up"]}, ""),
    "a default may lack it": (
        category("year", category("way", up=1.1), y17=1.0),
        {"year": ["y"], "way": ["down"]},
        "has no way 'down' for year 'y'; there are up",
    ),
    "a text that nothing asks for": (binned(1.0, 2.0), {"way": ["any"], "year": ["any"]}, ""),
    "a text in the branch that is chosen": (PER_YEAR, {"year": ["y17"], "way": ["nominal", "up"]}, ""),
    "a text in another branch alone": (
        PER_YEAR,
        {"year": ["y17", "y18"], "way": ["up"]},
        "has no way 'up' for year 'y18'; there are nominal",
    ),
    "a text in one bin alone": (
        binned(category("way", up=1.1), category("way", nominal=1.0)),
        {"way": ["up"]},
        "has no way 'up'; there are nominal",
    ),
    "a text that lacks beyond the bins": (
        binned(category("way", up=1.1), flow=category("way", nominal=1.0)),
        {"way": ["up"]},
        "has no way 'up'; there are nominal",
    ),
    "a value that is transformed": (
        {"nodetype": "transform", "input": "pt", "rule": 5.0, "content": binned(category("way", up=1.1))},
        {"way": ["up"]},
        "",
    ),
    "the same category twice on the way": (category("way", up=binned(category("way", up=1.0))), {"way": ["up"]}, ""),
}


@pytest.mark.parametrize(("tree", "asked", "message"), TREES.values(), ids=TREES)
def test_a_choice_passes_where_correctionlib_evaluates_it(
    tree: Any, asked: dict[str, list[str]], message: str, tmp_path: Path
) -> None:
    """The tree is walked as correctionlib walks it: every combination of texts, in every bin."""
    given = [{"name": n, "type": kind} for n, kind in (("year", "string"), ("way", "string"), ("pt", "real"))]
    entry = {"name": "c", "version": 1, "inputs": given, "output": {"name": "w", "type": "real"}, "data": tree}
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"schema_version": 2, "corrections": [entry]}))
    evaluate = CorrectionSet.from_file(str(path))["c"].evaluate
    texts = product(asked.get("year", ["y17"]), asked.get("way", ["nominal"]))
    points = [(year, way, pt) for year, way in texts for pt in (5.0, 15.0, 1000.0)]
    if message:
        with pytest.raises(corrections.CorrectionError, match=re.escape(f"{path}: 'c' {message}")):
            corrections.check(path, "c", **asked)
        with pytest.raises((IndexError, RuntimeError)):
            [evaluate(*point) for point in points]
    else:
        corrections.check(path, "c", **asked)
        assert [evaluate(*point) for point in points]


def test_a_text_that_one_unnamed_branch_has_passes(tmp_path: Path) -> None:
    """Variations of c jets alone are no fault of a file, as long as nothing is said of the flavour."""
    flavours = [{"key": 4, "value": category("way", up=1.1)}, {"key": 5, "value": category("way", nominal=1.0)}]
    tree = {"nodetype": "category", "input": "flavour", "content": flavours}
    given = [{"name": "flavour", "type": "int"}, {"name": "way", "type": "string"}]
    entry = {"name": "c", "version": 1, "inputs": given, "output": {"name": "w", "type": "real"}, "data": tree}
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"schema_version": 2, "corrections": [entry]}))
    corrections.check(path, "c", way=["nominal", "up"])
    with pytest.raises(corrections.CorrectionError, match="has no way 'up' for flavour '5'; there are nominal"):
        corrections.check(path, "c", flavour="5", way="up")
    with pytest.raises(corrections.CorrectionError, match="has no way 'down'; there are up"):
        corrections.check(path, "c", way="down")


def test_the_members_of_a_compound_correction_are_walked(tmp_path: Path) -> None:
    """A text that goes to one of them is looked for in its tree."""
    given, output = [{"name": "way", "type": "string"}], {"name": "w", "type": "real"}
    one = {"name": "one", "version": 1, "inputs": given, "output": output, "data": category("way", up=1.1)}
    both = {"name": "both", "inputs": given, "output": output, "inputs_update": [], "input_op": "*", "output_op": "*"}
    path = tmp_path / "c.json"
    content = {"schema_version": 2, "corrections": [one], "compound_corrections": [{**both, "stack": ["one"]}]}
    path.write_text(json.dumps(content))
    corrections.check(path, "both", way="up")
    with pytest.raises(corrections.CorrectionError, match="'both' has no way 'down'; there are up"):
        corrections.check(path, "both", way="down")


DECLARED = {
    "one": {"file": "FILE", "key": "KEY", "values": "{'weights': WAYS, 'NumTrueInteractions': []}"},
    "a loop": {"file": "FILE", "key": "key", "for": "key in (KEY,)"},
    "by what the file asks for": {
        "file": "FILE",
        "key": "key",
        "for": "key in ([] if 'weights' in inputs(FILE, KEY) else ['no'])",
    },
}


@pytest.mark.parametrize("declared", DECLARED.values(), ids=DECLARED)
def test_a_declaration_is_checked_with_the_parameters(declared: dict[str, str], weights: str) -> None:
    """Its expressions use the parameters, and a loop repeats it."""
    corrections.check_declared(declared, {"FILE": weights, "KEY": KEY, "WAYS": ["nominal", "up"]})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"KEY": "Collisions23"}, f"no correction 'Collisions23'; there are {KEY}"),
        ({"WAYS": "sideways"}, "has no weights 'sideways'; there are nominal, up, down"),
        ({"FILE": "nothing.json"}, r"nothing\.json: no such file"),
    ],
)
def test_what_a_declaration_lacks_is_named(parameters: dict[str, str], message: str, weights: str) -> None:
    """The errors are those of the check itself."""
    with pytest.raises(corrections.CorrectionError, match=message):
        corrections.check_declared(DECLARED["one"], {"FILE": weights, "KEY": KEY, "WAYS": "up", **parameters})


def test_a_declaration_that_is_no_expression_of_the_parameters_is_named(weights: str) -> None:
    """The notebook and the entry are named."""
    subject = recipe.load("pileup-weights")
    entry = {"file": "WEIGHTS", "key": "OTHER"}
    changed = recipe.Recipe(subject.path, {**subject.metadata, "corrections": [entry]}, subject.notebook)
    with pytest.raises(recipe.RecipeError, match=r"pileup-weights\.ipynb: metadata\.cookbook\.corrections: .*'OTHER'"):
        changed.check_corrections({"WEIGHTS": weights})


def test_a_recipe_is_not_started_without_its_corrections(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make recipe` names what is missing before it executes a notebook."""
    files = [f"{name}={paths[0]}" for name, paths in recipe.load("pileup-weights").parameters()["FILES"].items()]
    missing = corrections.CorrectionError("weights.json: no correction 'x'")
    monkeypatch.setattr(corrections, "check_declared", Mock(side_effect=missing))
    result = CliRunner().invoke(main, ["recipe", "pileup-weights", *files])
    assert (result.exit_code, result.output) == (1, "Error: weights.json: no correction 'x'\n")


def test_an_input_beyond_the_bins_names_correction_and_file() -> None:
    """The library says the place of the input and its value; what declares its corrections tells which they are."""
    path = sample.corrections("MUO", "muon_Z.json.gz")
    key = "NUM_TightID_DEN_TrackerMuons"
    with pytest.raises(RuntimeError) as error:
        CorrectionSet.from_file(path)[key].evaluate(5.0, 30.0, "nominal")
    declared = [{"file": "PATH", "key": "name", "for": "name in NAMES"}]
    parameters = {"PATH": path, "NAMES": [key, key]}
    said = corrections.beyond(f"RuntimeError: {error.value}", declared, parameters)
    assert (
        said
        == f"'{key}' of {path} has eta from -2.4 to 2.4 and no rule beyond: leave such objects out, or clamp the input"
    )
    assert corrections.beyond("ValueError: another", declared, parameters) == ""
