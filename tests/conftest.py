"""What every test may ask for; those of recipes are kept together by recipe, and say what each part took."""

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from by_recipe import SLUGS, ByRecipe, Progress, arranged, chosen, cpu_seconds
from cookbook import recipe

# Tests need answers, not speed: half of the time of a short run would go into optimising.
os.environ.setdefault("EXTRA_CLING_ARGS", "-O0")
# These hold tests that recipes share; their assertions tell as much as those of the recipes.
pytest.register_assert_rewrite("btags", "jets", "leptons")

FOLDER = Path(__file__).parent / "recipes"
BEFORE = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of recipes."""
    group = parser.getgroup("recipes")
    group.addoption("--recipe", action="append", default=[], help="Test this recipe alone; may be given again.")
    group.addoption("--shard", help="Test one part of the recipes, as 2/4.")


def pytest_configure(config: pytest.Config) -> None:
    """Follow the progress where the reports arrive: not in the workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config), "progress by recipe")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByRecipe | None:
    """Share the tests out by recipe where they are by scope: xdist 3.8 finds no group in the names of pytest 9.2."""
    return ByRecipe(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out other recipes, and test each part after part."""
    ours = [item for item in items if FOLDER in item.path.parents]
    named, shard = config.getoption("--recipe", default=[]), config.getoption("--shard", default=None)
    kept = arranged(ours, chosen(named, shard, SLUGS))
    config.hook.pytest_deselected(items=[item for item in ours if item not in kept])
    items[:] = [item for item in items if item not in ours] + kept


@pytest.fixture(params=SLUGS)
def subject(request: pytest.FixtureRequest) -> recipe.Recipe:
    """Return each recipe in turn."""
    return recipe.load(request.param)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note the processor time before a test."""
    item.stash[BEFORE] = cpu_seconds()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the processor time of a test into its last report."""
    report = yield
    if report.when == "teardown" and FOLDER in item.path.parents:
        report.user_properties.append(("cpu", cpu_seconds() - item.stash[BEFORE]))
    return report


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def run_module(repository: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return a function that runs a module of the environment, with its arguments, at the root of the repository."""

    def run(module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def tracked(repository: Path) -> list[Path]:
    """Return the paths of the files that git tracks, relative to the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, check=True, capture_output=True, text=True)
    return [Path(name) for name in listed.stdout.split("\0") if name and (repository / name).is_file()]
