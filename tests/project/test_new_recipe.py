"""Adding a recipe touches its notebook, its folder of tests and its line in the table of contents: nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what git would commit, in a repository of its own."""
    repository = Path(__file__).resolve().parents[2]
    root = tmp_path_factory.mktemp("copy") / "cookbook"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (repository / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, root / name)
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*git, *arguments], cwd=root, check=True)
    return root


def called(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in the copy, on its own package and tests."""
    dropped = ("COOKBOOK_", "PYTEST_", "PYTHONPATH", "EXTRA_CLING_ARGS")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    environment = {**clean, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root / "tests")])}
    return subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_a_new_recipe_passes_with_nothing_else_touched(copy: Path) -> None:
    """Started from the template, its faults judged: the check of the recipe passes, and git sees these files alone."""
    started = called(copy, "-m", "cookbook.cli", "new", "soft-jets")
    assert started.returncode == 0, started.stderr
    judged = called(copy, "-m", "faults", "soft-jets")
    assert judged.returncode == 0, judged.stdout + judged.stderr
    checked = called(copy, "-m", "pytest", "tests/recipes", "--recipe=soft-jets", "-q", "-p", "no:cacheprovider")
    assert checked.returncode == 0, checked.stdout[-3000:]
    lines = checked.stdout.splitlines()
    assert {"execution", "contract", "faults"} <= {
        word for line in lines if "soft-jets " in line for word in line.split()
    }
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=copy, check=True, capture_output=True, text=True
    )
    touched = {line.split()[-1] for line in status.stdout.splitlines()}
    assert touched == {"_toc.yml", "recipes/soft-jets.ipynb", "tests/recipes/soft-jets/faults.toml"}
