"""Tests by recipe: which ones, in which order, and what each part of a recipe's check took."""

import json
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from cookbook import recipe, shards

__all__ = ["ByRecipe", "Progress", "arranged", "chosen", "cpu_seconds", "part_of", "slug_of"]

SLUGS = recipe.slugs()
# Parts in the order in which they run, by the module that holds them; the rest are a recipe's own tests.
PARTS = {
    "test_executed": "execution",
    "test_contract": "contract",
    "": "own tests",
    "test_other_files": "other files",
    "test_faults": "faults",
}
TICKS = os.sysconf("SC_CLK_TCK")


def chosen(named: Sequence[str], shard: str | None, slugs: Sequence[str]) -> list[str]:
    """Return the recipes to test: those named, or all, and of them a share such as 2/4 where one is asked for.

    A recipe stays in its share when others come, so that what a share has kept stays its own.
    """
    if unknown := sorted(set(named) - set(slugs)):
        raise pytest.UsageError(f"no recipe {', '.join(unknown)}; there are {', '.join(slugs)}")
    try:
        return [slug for slug in named or slugs if shards.in_shard(slug, shard or "1/1")]
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def slug_of(nodeid: str, slugs: Sequence[str] = SLUGS) -> str | None:
    """Return the recipe that a test is about, by its name: its folder, or in the brackets of its parameters."""
    path, _, test = nodeid.partition("::")
    found = [slug for slug in slugs if f"/{slug}/" in path or slug in test.partition("[")[2]]
    return max(found, key=len, default=None)


def part_of(item: pytest.Item) -> str:
    """Return the part of a recipe's check that a test belongs to."""
    return PARTS.get(item.path.stem, PARTS[""])


class ByRecipe(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped
    """Gives all tests of a recipe to one worker, which compiles its code once; those of no recipe go by file."""

    def _split_scope(self, nodeid: str) -> str:
        return slug_of(nodeid) or nodeid.partition("::")[0]


def arranged(items: Sequence[pytest.Item], wanted: Sequence[str]) -> list[pytest.Item]:
    """Return the tests of the recipes wanted, recipe by recipe, its parts in order; the longest notebooks first.

    They take longest, and one that starts last would keep one worker busy after the others have ended.
    """
    kept = [item for item in items if (slug := slug_of(item.nodeid)) is None or slug in wanted]
    for item in kept:
        item.user_properties += [("recipe", slug_of(item.nodeid) or ""), ("part", part_of(item))]
    order, sizes = list(PARTS.values()), {path.stem: path.stat().st_size for path in recipe.folder().glob("*.ipynb")}

    def place(item: pytest.Item) -> tuple[int, str, int]:
        slug = slug_of(item.nodeid) or ""
        return -sizes.get(slug, 0), slug, order.index(part_of(item))

    return sorted(kept, key=place)


def cpu_seconds() -> float:
    """Return the processor time of this process, of its children, and of those that the fork server has started."""
    times = os.times()
    total = time.process_time() + times.children_user + times.children_system
    server = Path(f"/proc/{getattr(forkserver._forkserver, '_forkserver_pid', None)}/stat")
    if server.is_file():
        total += sum(map(int, server.read_text().rpartition(")")[2].split()[11:15])) / TICKS
    return total


class Progress:
    """Prints a line for each part of each recipe, and keeps the numbers in ``reports/recipes.json``."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.costs: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
        self.at: dict[object, tuple[str, str]] = {}  # by worker: recipe and part

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a report to its part; the first one of the next part, in the same worker, ends it."""
        about = dict(report.user_properties)
        slug, part = str(about.get("recipe", "")), str(about.get("part", ""))
        if not part:
            return
        worker = getattr(report, "node", None)
        if self.at.get(worker, (slug, part)) != (slug, part):
            self.show(*self.at[worker])
        self.at[worker] = slug, part
        cost = self.costs[slug].setdefault(part, {"seconds": 0.0, "cpu": 0.0, "tests": 0, "failed": 0})
        cost["seconds"] += report.duration
        cost["failed"] += report.failed
        if report.when == "teardown":
            cost["cpu"] += float(about.get("cpu", 0.0))  # type: ignore[arg-type]
            cost["tests"] += 1

    def show(self, slug: str, part: str) -> None:
        """Print the line of a part of a recipe."""
        cost = self.costs[slug][part]
        end = f", {cost['failed']} FAILED" if cost["failed"] else ""
        line = f"{slug or 'all recipes':28} {part:11} {cost['seconds']:6.1f} s  {cost['cpu']:6.1f} CPU s  "
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        reporter.ensure_newline()
        reporter.write_line(f"{line}{cost['tests']:4} tests{end}")

    def pytest_sessionfinish(self) -> None:
        """Print the last part of each worker and write the numbers."""
        for at in self.at.values():
            self.show(*at)
        if self.costs:
            path = self.config.rootpath / "reports" / "recipes.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(self.costs, indent=1) + "\n")
