"""Run a recipe on a reader's files and give back a folder of results: whole, or none at all.

Everything is written aside, in a hidden folder beside the target, and renamed at the end. A run that fails leaves the
target as it was.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import hist
import nbformat
import numpy as np
import uproot

from cookbook import corrections, histograms, ownfiles, webpage
from cookbook.execution import ExecutionError
from cookbook.inputs import SUMS, paths
from cookbook.parameters import each_text
from cookbook.recipe import Files, Recipe
from cookbook.versions import versions

__all__ = ["SUMMARY", "ResultsError", "lines", "run"]

SUMMARY = "summary.json"
SHOWN_FILES = 3  # of those that an error names


class ResultsError(ExecutionError):
    """The results cannot be written where they should be; the message names the folder and the fix."""


def run(recipe: Recipe, parameters: Mapping[str, Any], out: Path, with_own_files: Callable[[str], str] = str) -> Path:
    """Execute a recipe with `parameters`, untimed, and return the folder of its results, ``out/<slug>``.

    It holds the executed notebook, a web page that needs no other file, the histograms of both engines as a ROOT file
    and as JSON, the figures as PNG and PDF, and a summary. A former result is replaced, unless there is something in
    its folder that no run has written, or another run has put its results there meanwhile: then these get a number.

    Where other files stand in for the reader's own, `with_own_files` puts these into a text in place of them.

    Raises
    ------
    ResultsError
        If `out` lies in the folder of the recipes, or cannot be written.
    cookbook.execution.ExecutionError
        If a cell raises or the kernel dies; the notebook up to there is kept as ``out/<slug>.failed.ipynb``.
    """
    out, started = out.absolute(), time.time()
    if out.resolve().is_relative_to(recipe.path.parent.resolve()):
        raise ResultsError(f"{out}: lies in the folder of the recipes, whose notebooks stay as they are; give another")
    target, failed = out / recipe.slug, out / f"{recipe.slug}.failed.ipynb"
    before, aside = _identity(target), _hidden(target)
    datasets = _datasets(parameters["FILES"])
    try:
        with _writing(out):
            aside.mkdir(parents=True)
            _fill(aside, recipe, {**parameters, "TIMING_EVENTS": None}, datasets, with_own_files)
            place = _published(aside, target, before)
            if failed.is_file() and failed.stat().st_mtime < started:
                failed.unlink()
        return place
    except ResultsError:
        raise
    except ExecutionError as error:
        kept = _kept(aside / f"{recipe.slug}.ipynb", failed)
        beyond = corrections.beyond(
            str(error), recipe.metadata.get("corrections", ()), {**recipe.parameters(), **parameters}
        )
        text = f"{recipe.path}: {error}; {beyond}{'; ' if beyond else ''}{kept}the input was {_some(parameters)}"
        raise ExecutionError(with_own_files(text)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def lines(folder: Path) -> list[str]:
    """Return what a reader wants to see of results first: a line for each dataset, histogram and warning."""
    summary = json.loads((folder / SUMMARY).read_text())
    found, shown = [f"Results: {folder}"], set[str]()
    for name, dataset in summary["datasets"].items():
        facts = [f"{dataset['events']} events read"]
        facts += [f"{total:.6g} in {histogram}" for histogram, total in list(dataset["selected"].items())[:1]]
        if dataset["sum_of_weights"] is not None:
            facts.append(f"sum of weights {dataset['sum_of_weights']:.6g}")
        found.append(f"  {name}: {', '.join(facts)}")
        shown |= dataset["selected"].keys()
    for name, content in summary["histograms"].items():
        of_labels = content.items() if isinstance(content, dict) else [("sum", content)]
        if name not in shown:
            found.append(f"  {name}: {', '.join(f'{label} {value:.6g}' for label, value in of_labels)}")
    return found + [f"Warning: {warning}" for warning in summary["warnings"]]


def _fill(
    folder: Path,
    recipe: Recipe,
    parameters: Mapping[str, Any],
    datasets: Mapping[str, Any],
    with_own_files: Callable[[str], str],
) -> None:
    """Execute the notebook and write everything that is made of it."""
    from cookbook import kernels  # papermill takes half a second to import

    source, target = folder / "source.ipynb", folder / f"{recipe.slug}.ipynb"
    nbformat.write(ownfiles.prepared(recipe, parameters, folder), source)
    events = sum(facts["events"] for facts in datasets.values())
    notebook = kernels.execute(source, target, parameters, recipe.path.parent, recipe.slug, events)
    source.unlink()
    target.with_suffix(".log").unlink()
    warnings = [with_own_files(line) for line in ownfiles.without_machinery(notebook)]
    ownfiles.change_texts(notebook, with_own_files)
    webpage.figures(notebook, folder / "figures")
    nbformat.write(notebook, target)
    target.with_suffix(".html").write_text(webpage.html(notebook, recipe.metadata.get("title", recipe.slug)))
    found = histograms.read(folder)["coffea"]
    summary = {
        "recipe": recipe.slug,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "parameters": each_text(parameters, with_own_files),
        "datasets": {
            name: {**each_text(facts, with_own_files), "selected": _selected(name, found)}
            for name, facts in datasets.items()
        },
        "histograms": {name: _content(h) for name, h in found.items()},
        "in_json_alone": [name for name, h in found.items() if not histograms.in_root(h)],
        "warnings": warnings,
        "files": sorted([SUMMARY, *_inside(folder)]),
    }
    (folder / SUMMARY).write_text(json.dumps(summary, indent=1, default=str) + "\n")


def _datasets(files: Files) -> dict[str, dict[str, Any]]:
    """Return files, events and sum of weights of each dataset; a list of files is one."""
    return {name: _read(members) for name, members in _by_dataset(files).items()}


def _by_dataset(files: Files) -> Mapping[str, Sequence[str]]:
    return files if isinstance(files, Mapping) else {"all files": files}


def _read(files: Sequence[str]) -> dict[str, Any]:
    """Return the events of files, and the sum of generator weights of their Runs trees where those have one."""
    events, sums = 0, []
    for path in files:
        with uproot.open({path: None}) as file:
            events += file["Events"].num_entries
            names = file["Runs"].keys(filter_name=list(SUMS)) if "Runs" in file else []
            sums += [float(file["Runs"][name].array(library="np").sum()) for name in names]
    return {"files": list(files), "events": events, "sum_of_weights": sum(sums) if sums else None}


def _selected(dataset: str, found: Mapping[str, hist.Hist]) -> dict[str, float]:
    """Return the sum of a dataset in each histogram that has an axis of datasets."""
    selected = {}
    for name, h in found.items():
        for place, axis in enumerate(h.axes):
            if isinstance(axis, hist.axis.StrCategory) and dataset in list(axis):
                selected[name] = float(np.take(h.values(flow=True), list(axis).index(dataset), axis=place).sum())
    return selected


def _content(h: hist.Hist) -> float | dict[str, float]:
    """Return the sum of a histogram over all its bins; of a cutflow, or what else has labels alone, that of each."""
    if h.ndim == 1 and isinstance(h.axes[0], hist.axis.StrCategory):
        return {label: float(value) for label, value in zip(h.axes[0], h.values(), strict=True)}
    return float(h.values(flow=True).sum())


def _published(folder: Path, target: Path, before: tuple[int, ...] | None) -> Path:
    """Rename a finished folder to its place, and remove the result that stood there before the run."""
    old = _hidden(target)
    if before is not None and _identity(target) == before and _only_results(target):
        with suppress(FileNotFoundError):  # another run was faster
            target.rename(old)
    place = _placed(folder, target)
    if _identity(old) in (before, None):
        shutil.rmtree(old, ignore_errors=True)
    else:  # another run has put its results there between the look and the renaming
        _placed(old, target)
    return place


def _placed(folder: Path, target: Path) -> Path:
    """Rename a folder to `target`, or to the first name with a number that nobody has."""
    for number in count(1):
        place = target if number == 1 else target.with_name(f"{target.name}-{number}")
        try:
            folder.rename(place)  # fails where there is a file, or a folder that is not empty
        except OSError:
            if not os.path.lexists(place):
                raise
        else:
            break
    return place


def _hidden(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}")


def _only_results(folder: Path) -> bool:
    """Return whether there is nothing in a folder but what a run has written."""
    try:
        written = set(json.loads((folder / SUMMARY).read_text())["files"])
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return set(_inside(folder)) <= written


def _inside(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()]


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{error.filename or out}: the results cannot be written ({error.strerror or error}); "
            "free space there, or give another folder"
        ) from error


def _kept(notebook: Path, place: Path) -> str:
    """Keep a half-done notebook under a name that says so, and return where it is."""
    try:
        notebook.replace(place)
    except OSError:  # there is none, or no room for it
        return ""
    return f"see {place}; "


def _some(parameters: Mapping[str, Any]) -> str:
    every = paths(parameters["FILES"])
    more = f" and {len(every) - SHOWN_FILES} more" if len(every) > SHOWN_FILES else ""
    return ", ".join(every[:SHOWN_FILES]) + more
