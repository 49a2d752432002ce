"""A fault is called missed on all events alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import mutants
from cookbook import recipe
from mutants import Input
from mutations import mutations

SUBJECT = recipe.load("trijet-mass")
FAULT = next(mutations(SUBJECT))


@pytest.mark.parametrize(
    ("few", "many", "judged"),
    [
        ("missed", "missed", "missed"),
        ("missed", "found bins", "found bins"),
        ("found bins", None, "found bins"),
        ("raised ValueError", None, "raised ValueError"),
    ],
)
def test_survivors_of_few_events_are_judged_on_all(
    few: str, many: str | None, judged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All events are read only where few were not enough."""
    answers: Mapping[str, str | None] = {"few.root": few, "all.root": many}
    inputs = [Input([name], tmp_path / f"{name}.pickle") for name in answers]
    for given in inputs:
        given.keep({})
    asked: list[str] = []

    def gate(subject: Any, engine: Any, sources: Any, files: Any, reference: Any) -> str | None:
        asked.extend(files)
        return answers[files[0]]

    monkeypatch.setattr(mutants, "gate", gate)
    assert mutants.judge(SUBJECT, FAULT, inputs) == judged
    assert asked == (["few.root"] if many is None else ["few.root", "all.root"])


def test_the_reference_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first process that needs it writes it down for the others."""
    runs: list[Any] = []

    def run(self: recipe.Recipe, variant: str, files: recipe.Files) -> dict[str, str]:
        runs.append(files)
        return {"variant": variant}

    monkeypatch.setattr(recipe.Recipe, "run", run)
    for _ in range(2):
        given = Input(["all.root"], tmp_path / "all.pickle")
        assert given.reference(SUBJECT) == {"variant": "coffea"}
    assert runs == [["all.root"]]


def test_a_mutated_declaration_comes_with_new_names() -> None:
    """Types, functions and variables that C++ adds to the global scope are renamed, however they are declared."""
    text = """
using Pairs = std::vector<std::pair<double, double>>;
struct Point { double x; };
std::vector<Point> the_points;
correction::Correction::Ref the_file;
double length(const Point &p)
{
    double squared = p.x * p.x;
    return std::sqrt(squared);
}
"""
    names = {"Pairs", "Point", "the_points", "the_file", "length"}
    for call in ("ROOT.gInterpreter.Declare", "assert ROOT.gInterpreter.Declare", "declare"):
        assert mutants.declared(f'{call}("""{text}""")') == names
