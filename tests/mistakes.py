"""Run coffea's half of a recipe with a mistake of its closure, which stands outside the engines' cells."""

import re
from collections.abc import Mapping
from typing import Any

import hist

from cookbook.recipe import Files, Recipe


def run(
    subject: Recipe, mistake: str, files: Files, parameters: Mapping[str, Any] | None = None, argument: str = "make"
) -> dict[str, hist.Hist]:
    """Return the histograms of ``run_coffea`` where `argument` is what a plain cell defines under this name."""
    namespace = subject.parameters(parameters)
    function = subject.define("coffea", namespace)
    pattern = re.compile(rf"^(class|def) {mistake}\b", re.MULTILINE)
    plain = [cell.source for cell in subject.cells if "coffea" not in cell.tags and pattern.search(cell.source)]
    assert len(plain) == 1, f"{len(plain)} cells of {subject.slug} define {mistake}"
    exec(compile(plain[0], subject.path.name, "exec"), namespace)
    histograms: dict[str, hist.Hist] = function(files, **{argument: namespace[mistake]})
    return histograms
