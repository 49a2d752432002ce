"""What of a recipe's page is run on a reader's own files.

Everything up to "The same answer" is about any file, but for an answer about data or simulation alone (`answers`).
Closure, check, timing and exercise are about the sample: their numbers hold for its files and the page's parameters
alone, so with others they are left out, and the page says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_output

from cookbook import answers
from cookbook.anatomy import parts, tags
from cookbook.recipe import ANSWER, ENGINES, EXAMPLE, SETUP, Recipe, read

__all__ = [
    "LEFT_OUT",
    "NO_ERROR",
    "RESULTS",
    "change_texts",
    "is_the_samples",
    "pass_over",
    "prepared",
    "what_raised",
    "without_machinery",
]

#: Headings of the parts of a page that are about the sample.
OF_THE_SAMPLE = frozenset({"Closure", "Check", "What it costs", "Exercise"})
LEFT_OUT = "*Left out: it is about the book's sample, and this run has other files or other parameters.*"
RESULTS = "results"  # the tag of the cell that keeps the histograms
PASSED_OVER = "cookbook_passed_over"  # in the metadata of a cell: why it failed
NO_ERROR = "raises-exception"  # nbclient's tag of a cell that may fail


def is_the_samples(recipe: Recipe, parameters: Mapping[str, Any]) -> bool:
    """Return whether a run is that of the page: with its files and its parameters, untimed or not."""
    own = read(recipe.path).parameters()  # of the page as it stands in the book, whatever was changed for the run
    return all(_text(own.get(name)) == _text(value) for name, value in parameters.items() if name != "TIMING_EVENTS")


def prepared(recipe: Recipe, parameters: Mapping[str, Any], folder: Path) -> Any:
    """Return the notebook to execute, which keeps its histograms in `folder`.

    On other files than the sample's, a cell that shows something, such as a figure, may fail: it costs no result.
    What an engine, the parameters and the agreement need may not.
    """
    notebook = deepcopy(recipe.notebook)
    if not is_the_samples(recipe, parameters):
        notebook.cells = list(_of_any_file(notebook.cells))
        if about := answers.lacking(recipe, parameters):
            notebook.cells = list(answers.left_out(notebook.cells, about))
    agreements = [i for i, cell in enumerate(notebook.cells) if "agreement" in tags(cell)]
    keep = f"from cookbook import histograms\n\nhistograms.save(from_coffea, from_rdataframe, {str(folder)!r})"
    notebook.cells.insert(agreements[-1] + 1, new_code_cell(keep, metadata={"tags": [RESULTS]}))
    return notebook


def pass_over(notebook: Any) -> None:
    """Turn the errors of cells that may fail into a line each, so that the run counts as good."""
    for cell in notebook.cells:
        if NO_ERROR not in tags(cell):
            continue
        for i, output in enumerate(cell.outputs):
            if output.output_type == "error":
                cell.metadata[PASSED_OVER] = what_raised(output.ename, output.evalue, output.traceback)
                text = f"This cell failed and was passed over: {cell.metadata[PASSED_OVER]}\n"
                cell.outputs[i] = new_output("stream", name="stderr", text=text)


def what_raised(kind: str, message: str, traceback: Sequence[str]) -> str:
    """Return an error in one line; where it has no message, as a bare assertion, with the statement that raised it."""
    if message.strip():
        return f"{kind}: {' '.join(message.split())}"
    lines = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback)).splitlines()
    statements = [marked.group(1) for line in lines if (marked := re.match(r"-+> ?\d+ +(.*)", line))]
    return f"{kind}: in '{statements[-1].strip()}'" if statements else kind


def without_machinery(notebook: Any) -> list[str]:
    """Take out of an executed notebook what only served to run it; return a line for each cell that failed."""
    failed = []
    notebook.cells = [cell for cell in notebook.cells if RESULTS not in tags(cell)]
    notebook.metadata.pop("papermill", None)
    for part in parts(notebook.cells):
        for cell in part.cells:
            cell.metadata.pop("papermill", None)
            why = cell.metadata.pop(PASSED_OVER, None)
            if why:
                failed.append(f"cell {cell.execution_count}, under '{part.heading}', failed and was passed over: {why}")
            if NO_ERROR in tags(cell):
                cell.metadata.tags.remove(NO_ERROR)
    return failed


def change_texts(notebook: Any, change: Callable[[str], str]) -> None:
    """Change what the cells of a notebook say and print."""
    for cell in notebook.cells:
        cell.source = change(cell.source)
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                output.text = change(output.text)


def _of_any_file(cells: list[Any]) -> Iterator[Any]:
    for part in parts(cells):
        if part.heading in OF_THE_SAMPLE:
            heading = deepcopy(part.cells[0])
            heading.source = f"{heading.source.splitlines()[0]}\n\n{LEFT_OUT}"
            yield heading
            continue
        for cell in part.cells:
            if _only_shows(cell):
                cell.metadata.tags = sorted(tags(cell) | {NO_ERROR})
            yield cell


def _only_shows(cell: Any) -> bool:
    """Return whether no result depends on a cell: a figure, a table, or an example of a step."""
    needed = {SETUP, "parameters", ANSWER, "agreement", *ENGINES}
    return cell.cell_type == "code" and (EXAMPLE in tags(cell) or not tags(cell) & needed)


def _text(value: Any) -> str:
    """Return a value as papermill would hand it over: there is no difference between lists and tuples."""
    return json.dumps(value, default=str)
