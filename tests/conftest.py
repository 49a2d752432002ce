"""What every test may ask for."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

# Their tests run the recipes, one by one: those of a recipe share what ROOT compiled for it.
OF_RECIPES = {"test_recipes.py", "test_mutations.py"}


@pytest.hookimpl(tryfirst=True)  # before the marks are read
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Give each file's tests, each notebook's cells, and each recipe's tests in a file of many to one worker."""
    for item in items:
        group = item.nodeid.split("::", 1)[0]
        if item.path.name in OF_RECIPES:
            parameters = getattr(item, "callspec", None)
            group += str(parameters and (parameters.params.get("subject") or parameters.params.get("slug")))
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def tracked(repository: Path) -> list[Path]:
    """Return the paths of the files that git tracks, relative to the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, check=True, capture_output=True, text=True)
    return [Path(name) for name in listed.stdout.split("\0") if name and (repository / name).is_file()]
