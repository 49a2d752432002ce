"""Execute recipes, each once for as long as its key stays, and put together what a page shows.

A notebook runs where the engines are installed and the helper package is not: it finds the package in the clone, as
on SWAN. So one execution serves the page, the comparison of the check cells and the proof that a clone is enough. The
cells that time run apart, with nothing beside them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import nbformat

from cookbook import keys
from cookbook.recipe import SETUP, Recipe

__all__ = ["CELL_TIMEOUT", "ExecutionError", "Part", "StaleError", "assembled", "build_folder", "current", "ensured"]

Part = Literal["page", "timing"]

CELL_TIMEOUT = 1800  # seconds; the longest cell is a careful timing on a slow machine
FOLDERS: Mapping[Part, str] = {"page": "executed", "timing": "timed"}
KEYS = {"page": keys.execution_key, "timing": keys.timing_key}
# They lead to the helper package, or set how ROOT compiles, which is the recipe's choice.
OWN_VARIABLES = ("PYTHONPATH", "EXTRA_CLING_ARGS")
RECORD = "cookbook_execution"  # in the metadata of an executed notebook: key, timing, finished, seconds
NOT_TIMED = "Not timed in this state: a check of the book times some recipes only; the published book times all.\n"


class ExecutionError(RuntimeError):
    """A cell of a notebook raised; the message holds the notebook, the cell's error and where to look."""


class StaleError(RuntimeError):
    """What was executed is not what the source says now; the message says what to run."""


@dataclass(frozen=True)
class Clone:
    """A Python that has the engines and not the helper package."""

    folder: Path

    def kernel(self) -> Any:
        """Return a manager of kernels of this Python, made where it is not there yet."""
        from jupyter_client.kernelspec import KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager

        if not self.folder.is_dir():
            self._make()
        specs = KernelSpecManager(kernel_dirs=[str(self.folder / "kernels")])
        return AsyncKernelManager(kernel_name="clone", kernel_spec_manager=specs)

    def _make(self) -> None:
        """Make it beside its place and move it there whole: others may be making it too."""
        partial = self.folder.with_name(f"{self.folder.name}.{os.getpid()}.partial")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(partial)], check=True)
        base = str(partial)
        packages = Path(sysconfig.get_path("purelib", vars={"base": base, "platbase": base}))
        # a path file is not read for its own path files, so an editable install of the helper package stays behind
        _write_text(packages / "engines.pth", sysconfig.get_path("purelib") + "\n")
        command = [str(self.folder / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "clone", "language": "python"}
        _write_text(partial / "kernels" / "clone" / "kernel.json", json.dumps(spec))
        try:
            partial.rename(self.folder)
        except OSError:  # another process was first
            shutil.rmtree(partial)


def build_folder() -> Path:
    """Return the folder of what builds make: the variable COOKBOOK_BUILD, or ``_build`` of this clone."""
    return Path(os.environ.get("COOKBOOK_BUILD", Path(__file__).resolve().parents[2] / "_build")).resolve()


def ensured(recipe: Recipe, part: Part = "page", folder: Path | None = None) -> Any:
    """Return the executed notebook of a recipe, and execute it where there is none of its present key."""
    found = current(recipe, part, folder)
    return execute(recipe, part, folder) if found is None else found


def current(recipe: Recipe, part: Part = "page", folder: Path | None = None) -> Any:
    """Return the executed notebook of a recipe if its key is that of the source, else None."""
    path = _place(recipe, part, folder)
    if not path.is_file():
        return None
    executed = nbformat.read(path, as_version=4)
    return executed if executed.metadata.get(RECORD, {}).get("key") == KEYS[part](recipe) else None


def execute(recipe: Recipe, part: Part = "page", folder: Path | None = None) -> Any:
    """Execute the cells of one part of a recipe, and keep the notebook with its key.

    Raises
    ------
    ExecutionError
        If a cell raises; the notebook up to there is kept beside the place of the executed one.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    path, key = _place(recipe, part, folder), KEYS[part](recipe)
    notebook = deepcopy(recipe.notebook)
    notebook.cells = [cell for cell in notebook.cells if _belongs(cell, part)]
    base = folder or build_folder()
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        km=Clone(base / "clone").kernel(),
        resources={"metadata": {"path": str(recipe.path.parent)}},
        coalesce_streams=True,
    )
    started = time.monotonic()
    try:
        client.execute(env=_environment(key, base), cleanup_kc=True)
    except CellExecutionError as error:
        failed = path.with_suffix(".failed.ipynb")
        _write_text(failed, nbformat.writes(notebook))
        raise ExecutionError(f"{recipe.path}: {error.ename}: {error.evalue}; see {failed}\n{error}") from error
    notebook.metadata[RECORD] = {
        "key": key,
        "timing": os.environ.get("COOKBOOK_TIMING"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 1),
    }
    _write_text(path, nbformat.writes(notebook))
    return notebook


def assembled(recipe: Recipe, folder: Path | None = None) -> Any:
    """Return the source of a recipe with the outputs of its execution and of its timing.

    Raises
    ------
    StaleError
        If it was not executed in its present state. A timing that is missing or of another state is said to be so.
    """
    executed, timed = (current(recipe, part, folder) for part in FOLDERS)
    if executed is None:
        raise StaleError(
            f"{recipe.path}: {_place(recipe, 'page', folder)} is missing or of another state; "
            f"run make check-recipe NAME={recipe.slug}, or make book"
        )
    notebook = deepcopy(recipe.notebook)
    # equal keys mean equal cells in equal order
    ran = iter(_code(executed))
    turns = iter(cell for cell in _code(timed) if _is_timing(cell)) if timed else None
    for cell in _code(notebook):
        if not _is_timing(cell):
            cell.outputs = next(ran).outputs
        elif turns:
            cell.outputs = next(turns).outputs
        else:
            cell.outputs = [nbformat.v4.new_output("stream", text=NOT_TIMED)]
    notebook.metadata[RECORD] = executed.metadata[RECORD]
    return notebook


def _place(recipe: Recipe, part: Part, folder: Path | None) -> Path:
    return (folder or build_folder()) / FOLDERS[part] / recipe.path.name


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _is_timing(cell: Any) -> bool:
    return "timing" in cell.metadata.get("tags", ())


def _belongs(cell: Any, part: Part) -> bool:
    tags = set(cell.metadata.get("tags", ()))
    return bool(tags & {SETUP, "parameters", "timing"}) if part == "timing" else "timing" not in tags


def _environment(key: str, base: Path) -> dict[str, str]:
    """Return the variables of a kernel: none that a reader would not have, and where timings are recorded."""
    inherited = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    return {**inherited, "COOKBOOK_TIMINGS": str(base / "timings"), "COOKBOOK_TIMING_KEY": key}


def _write_text(path: Path, text: str) -> None:
    """Write a file at once, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
