"""The table of minutes: what grows with the recipes is scaled, the rest is not."""

import json
from pathlib import Path

import pytest

import minutes


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Return the reports of a gate of two recipes."""
    (tmp_path / "steps.tsv").write_text("check\t60\nrecipes\t120\ntest-package\t300\n")
    costs = {"a": {"execution": {"cpu": 10.0}, "faults": {"cpu": 4.0}}, "b": {"execution": {"cpu": 20.0}}, "": {}}
    (tmp_path / "recipes.json").write_text(json.dumps(costs))
    case = f'<testcase classname="{minutes.EVERY_PAGE}" time="12"/><testcase classname="other" time="99"/>'
    (tmp_path / "test-package.xml").write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
    return tmp_path


def test_the_mean_of_a_recipe(reports: Path) -> None:
    """Processor seconds by recipe and part, and their mean; what concerns no recipe is left out."""
    lines = [line.split() for line in minutes.by_recipe(minutes.read_costs(reports))]
    assert lines[1:] == [["a", "10.0", "4.0", "14.0"], ["b", "20.0", "0.0", "20.0"], ["mean", "15.0", "2.0", "17.0"]]


def test_steps_that_grow_are_scaled(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two minutes for two recipes are sixty for sixty; lint is what it was."""
    monkeypatch.setenv("COOKBOOK_ENVIRONMENT_SECONDS", "90")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    steps = minutes.read_steps(reports)
    lines = [line.split() for line in minutes.by_step(steps, 2, minutes.page_seconds(reports))]
    assert lines[1:] == [
        ["environment", "1.5", "1.5"],
        ["check", "1.0", "1.0"],
        ["recipes", "2.0", "60.0"],
        ["test-package", "5.0", "7.9"],
        ["all", "9.5", "70.4"],
    ]
