"""A correction file that lacks something is named, with what it does hold."""

import gzip
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

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
