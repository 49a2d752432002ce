"""What the stamp says."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cookbook.sphinxext import freshness


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a small git repository with one commit."""
    (tmp_path / "src" / "cookbook").mkdir(parents=True)
    (tmp_path / "src" / "cookbook" / "helper.py").write_text("A = 1\n")
    (tmp_path / "requirements.txt").write_text("a==1\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.txt").write_text("one\n")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return tmp_path


def test_a_passed_execution_is_read() -> None:
    """The time is UTC, and a passed run has no error."""
    record = {"mtime": 0.0, "runtime": 3.5, "method": "force", "succeeded": True, "error": None, "traceback": None}
    found = freshness.executions({"book/a": {"exec_data": record}, "book/index": {}}, {})
    assert found == {"book/a": freshness.Execution(datetime(1970, 1, 1, tzinfo=UTC), 3.5, None)}


def test_a_recipe_has_the_date_of_its_own_execution() -> None:
    """A recipe was executed before the build, which only shows it."""
    record = {"key": "k", "finished": "1970-01-01T00:00:00+00:00", "seconds": 3.5}
    found = freshness.executions({}, {"recipes/a": record})
    assert found == {"recipes/a": freshness.Execution(datetime(1970, 1, 1, tzinfo=UTC), 3.5)}


def test_a_failed_execution_keeps_its_error() -> None:
    """A failed run names the exception."""
    record = {"mtime": 0.0, "runtime": None, "succeeded": False, "error": "CellExecutionError"}
    assert freshness.executions({"a": {"exec_data": record}}, {})["a"].error == "CellExecutionError"


def test_commit_of_a_clean_tree(tree: Path) -> None:
    """A clean work tree gives the bare commit."""
    name, changed = freshness.commit(tree)
    assert name is not None
    assert not changed


def test_changed_tree_is_marked(tree: Path) -> None:
    """A change of a tracked file shows in the label."""
    (tree / "requirements.txt").write_text("a==2\n")
    name, changed = freshness.commit(tree)
    assert freshness.Surroundings(name, changed, {}, None).commit_label == f"{name}+changes"


def test_outside_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    """A plain folder, as from an archive, has no commit and is not called changed."""
    assert freshness.commit(tmp_path) == (None, False)


def test_input_hash_is_that_of_the_manifest(tree: Path) -> None:
    """The stamp's hash is the start of the manifest's SHA-256; without a manifest there is none."""
    assert freshness.input_hash(tree) == "2c8b08da5ce6"
    (tree / "data" / "manifest.txt").unlink()
    assert freshness.input_hash(tree) is None
