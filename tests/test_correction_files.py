"""A correction file that lacks something is named, with what it does hold."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cookbook import corrections, sample

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
