"""Sums of weights: every row of every file counts, and a file that has none is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from cookbook import recipe
from small_files import event_columns, write

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


@pytest.fixture(scope="module")
def scale_of_weights() -> Callable[..., Any]:
    """Return what gives RDataFrame's half the scale of each dataset."""
    subject = recipe.load("normalised-data-simulation")
    namespace = subject.parameters({"CROSS_SECTION": {"TTbar": 6.0}, "LUMINOSITY": 2.0})
    subject.define("rdataframe", namespace)
    found: Callable[..., Any] = namespace["scale_of_weights"]
    return found


def test_every_row_of_every_file_counts(scale_of_weights: Callable[..., Any], tmp_path: Path) -> None:
    """Also of a file without events; data have no sum."""
    sums = {"a": [1.0, -0.25], "b": [0.25], "c": [2.0]}
    paths = [write(tmp_path / f"{name}.root", event_columns(len(name)), rows) for name, rows in sums.items()]
    paths.append(write(tmp_path / "empty.root", event_columns(0), [1.0]))
    assert scale_of_weights({"Muon": ["of data, not opened"], "TTbar": paths}) == {"Muon": 1.0, "TTbar": 3.0}


def without_tree(path: Path) -> None:
    """Write a file that has events alone."""
    with uproot.recreate(path) as file:
        file.mktree("Events", {"run": "u4"}).extend({"run": np.ones(3, "u4")})


def without_branch(path: Path) -> None:
    """Write a file whose runs have no sums."""
    write(path, event_columns(3), None)


def not_root(path: Path) -> None:
    """Write a file of something else."""
    path.write_text("<html>")


def nothing(path: Path) -> None:
    """Write no file."""


@pytest.mark.parametrize("make", [without_tree, without_branch, not_root, nothing])
def test_a_file_without_sums_is_named(
    make: Callable[[Path], None], scale_of_weights: Callable[..., Any], tmp_path: Path
) -> None:
    """Whatever is wrong with one file of several, also where nothing has checked them before."""
    make(tmp_path / "bad.root")
    good = write(tmp_path / "good.root", event_columns(3), [1.0])
    with pytest.raises((ValueError, TypeError), match=r"bad\.root"):  # TypeError: of an overloaded method of ROOT
        scale_of_weights({"TTbar": [good, str(tmp_path / "bad.root")]})
