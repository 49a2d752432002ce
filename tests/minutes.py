"""Say where the minutes of a gate went, and how many it would take with sixty recipes: `minutes.py reports`.

Steps that grow with the recipes are scaled by their number: the checks of the recipes, the timing, the rendering and
the browser's look at every page. The rest is taken as it is.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

RECIPES = 60
SCALED = ("recipes", "timing", "render")
EVERY_PAGE = "tests.browser.test_every_page"

Costs = Mapping[str, Mapping[str, Mapping[str, float]]]


def read_steps(reports: Path) -> dict[str, float]:
    """Return the seconds of each step, in order, the environment first where it was made."""
    environment = os.environ.get("COOKBOOK_ENVIRONMENT_SECONDS")
    steps = {"environment": float(environment)} if environment else {}
    for line in (reports / "steps.tsv").read_text(encoding="utf-8").splitlines():
        name, seconds = line.split("\t")
        steps[name] = float(seconds)
    return steps


def read_costs(reports: Path) -> Costs:
    """Return what each part of each recipe took; nothing where no recipe was checked."""
    path = reports / "recipes.json"
    costs: Costs = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {slug: parts for slug, parts in costs.items() if slug}


def page_seconds(reports: Path) -> float:
    """Return the seconds in which a browser looked at every page, summed over the workers."""
    path = reports / "test-package.xml"
    if not path.is_file():
        return 0.0
    cases = ElementTree.parse(path).iter("testcase")
    return sum(float(case.get("time", 0)) for case in cases if case.get("classname") == EVERY_PAGE)


def by_recipe(costs: Costs) -> list[str]:
    """Return a line of processor seconds for each recipe, a column for each part, and their mean."""
    parts = list(dict.fromkeys(part for found in costs.values() for part in found))
    lines = [f"{'CPU seconds':30}" + "".join(f"{part:>12}" for part in [*parts, "all"])]
    rows = {slug: [found.get(part, {}).get("cpu", 0.0) for part in parts] for slug, found in costs.items()}
    if rows:
        rows["mean"] = [sum(column) / len(costs) for column in zip(*rows.values(), strict=True)]
    return lines + [f"{slug:30}" + "".join(f"{x:12.1f}" for x in [*row, sum(row)]) for slug, row in rows.items()]


def by_step(steps: Mapping[str, float], recipes: int, pages: float) -> list[str]:
    """Return a line for each step with its minutes now and with sixty recipes, and their sum."""
    now = {name: seconds / 60 for name, seconds in steps.items()}
    growth = RECIPES / recipes if recipes else 1.0
    then = {name: minutes * (growth if name in SCALED else 1.0) for name, minutes in now.items()}
    if "test-package" in then:
        workers = min(os.cpu_count() or 1, 4)
        then["test-package"] += pages / 60 / workers * (growth - 1)
    lines = [f"{'minutes':30}{f'{recipes} recipes':>12}{f'{RECIPES} recipes':>12}"]
    lines += [f"{name:30}{now[name]:12.1f}{then[name]:12.1f}" for name in now]
    return [*lines, f"{'all':30}{sum(now.values()):12.1f}{sum(then.values()):12.1f}"]


def main() -> None:
    """Print both tables."""
    reports = Path(sys.argv[1])
    costs = read_costs(reports)
    print("\n".join(["", *by_recipe(costs), "", *by_step(read_steps(reports), len(costs), page_seconds(reports))]))


if __name__ == "__main__":
    main()
