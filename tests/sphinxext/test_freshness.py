"""What the stamp says, and when an execution may be shown again."""

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
    found = freshness.executions({"recipes/a": {"exec_data": record}, "book/index": {}})
    assert found == {"recipes/a": freshness.Execution(datetime(1970, 1, 1, tzinfo=UTC), 3.5, None)}


def test_a_failed_execution_keeps_its_error() -> None:
    """A failed run names the exception."""
    record = {"mtime": 0.0, "runtime": None, "succeeded": False, "error": "CellExecutionError"}
    assert freshness.executions({"a": {"exec_data": record}})["a"].error == "CellExecutionError"


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


@pytest.mark.parametrize("path", ["src/cookbook/helper.py", "requirements.txt", "data/manifest.txt"])
def test_fingerprint_follows_what_results_depend_on(tree: Path, path: str) -> None:
    """A change of the helper package, of the lock or of the data is noticed."""
    before = freshness.fingerprint(tree)
    (tree / path).write_text("other\n")
    assert freshness.fingerprint(tree) != before


def test_fingerprint_ignores_the_rest(tree: Path) -> None:
    """A page in prose changes no result."""
    before = freshness.fingerprint(tree)
    (tree / "README.md").write_text("other\n")
    assert freshness.fingerprint(tree) == before


def test_input_hash_is_that_of_the_manifest(tree: Path) -> None:
    """The stamp's hash is the start of the manifest's SHA-256; without a manifest there is none."""
    assert freshness.input_hash(tree) == "2c8b08da5ce6"
    (tree / "data" / "manifest.txt").unlink()
    assert freshness.input_hash(tree) is None


def test_ci_never_reuses() -> None:
    """In CI an earlier execution is never shown, even if nothing changed."""
    assert not freshness.may_reuse({"CI": "true"}, "same", "same")
    assert freshness.may_reuse({}, "same", "same")
    assert not freshness.may_reuse({}, "one", "other")
    assert not freshness.may_reuse({}, None, "first")
