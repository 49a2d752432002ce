"""A bad input is named, with its fault and the fix, before an engine reads it."""

from pathlib import Path

import numpy as np
import pytest
import uproot

from cookbook import inputs

BRANCHES = {"Events": ["nMuon", "genWeight"]}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Return a small file with an Events tree."""
    path = tmp_path / "good.root"
    with uproot.recreate(path) as file:
        columns = {"nMuon": np.arange(500, dtype="i4"), "genWeight": np.ones(500, dtype="f4")}
        file.mktree("Events", {name: column.dtype for name, column in columns.items()}).extend(columns)
    return path


def test_a_good_file_passes_with_its_events(good: Path) -> None:
    """The check returns how many events there are."""
    assert inputs.check([str(good), str(good)], BRANCHES) == 1000
    assert inputs.check({"a": [str(good)]}, BRANCHES) == 500


def test_no_file_is_an_error() -> None:
    """An empty list would give an empty result without a word."""
    with pytest.raises(inputs.InputError, match="no input files"):
        inputs.check([], BRANCHES)


def test_a_bare_path_is_an_error(good: Path) -> None:
    """A string would be taken letter by letter."""
    with pytest.raises(inputs.InputError, match="in a list"):
        inputs.check(str(good), BRANCHES)


def test_a_missing_file_suggests_its_neighbour(good: Path) -> None:
    """A typing error is shown the right name."""
    with pytest.raises(inputs.InputError, match=r"god\.root: no such file; did you mean good\.root"):
        inputs.check([str(good.with_name("god.root"))], BRANCHES)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """Nothing can be suggested where the folder is not there."""
    with pytest.raises(inputs.InputError, match="no such file; check the path"):
        inputs.check([str(tmp_path / "none" / "a.root")], BRANCHES)


def test_another_format_is_an_error(tmp_path: Path) -> None:
    """A text file named .root is no ROOT file."""
    path = tmp_path / "text.root"
    path.write_text("<html>")
    with pytest.raises(inputs.InputError, match=r"text\.root: not a ROOT file"):
        inputs.check([str(path)], BRANCHES)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_file_is_an_error(good: Path, share: float) -> None:
    """A download that stopped is found wherever it stopped."""
    content = good.read_bytes()
    good.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(inputs.InputError, match=r"good\.root: (truncated|cannot be read).*copy the file again"):
        inputs.check([str(good)], BRANCHES)


def test_another_tree_is_named(good: Path) -> None:
    """The message lists the trees that are there."""
    with pytest.raises(inputs.InputError, match="no tree 'Runs'; it holds Events"):
        inputs.check([str(good)], {"Runs": ["genEventSumw"]})


def test_a_missing_branch_suggests_near_names(good: Path) -> None:
    """Names change with the version, so the nearest are shown."""
    with pytest.raises(inputs.InputError, match="no branch 'nMuons'; the nearest names are nMuon"):
        inputs.check([str(good)], {"Events": ["nMuons"]})


def test_data_may_lack_generator_branches(tmp_path: Path) -> None:
    """A branch that only simulation has is not asked of data, nor a tree of such branches alone."""
    path = tmp_path / "data.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"nMuon": "i4"}).extend({"nMuon": np.zeros(3, dtype="i4")})
    branches = {**BRANCHES, "Runs": ["genEventSumw"]}
    assert inputs.check([str(path)], branches, optional=["genWeight", "genEventSumw"]) == 3


def test_an_empty_tree_passes(tmp_path: Path) -> None:
    """No event is a correct input with a correct, empty result."""
    path = tmp_path / "empty.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"nMuon": "i4", "genWeight": "f4"})
    assert inputs.check([str(path)], BRANCHES) == 0
