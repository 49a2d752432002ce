"""What became of each recipe on files other than the book's sample: the table on the page about own files.

The files and what a reader would give with them stand in ``elsewhere.toml``. `elsewhere_run` does what `make recipe`
does with each of them, in a process of its own, and leaves a record by recipe in the build folder. `make others` keeps
records in ``tests/recipes/<slug>/other_files.json``, so that a recipe is tried again only where something has changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from cookbook import keys, sample
from cookbook.execution import ExecutionError, build_folder
from cookbook.recipe import Recipe

__all__ = ["Other", "Outcome", "Record", "contradictions", "current", "ensured", "events", "every", "is_data", "keep"]
__all__ += ["others", "place_of", "takes", "values", "write"]

FOLDER = "elsewhere"  # of the records, in the build folder
REAL = "COOKBOOK_NANOAOD"  # the variable that names a folder of real files
End = Literal["agrees", "cannot", "error"]


@dataclass(frozen=True)
class Other:
    """A column of the table: the version of its files, whether they are data, and where they come from.

    `real` is the name of a real file with this SHA-256, which a reader calls `dataset`; without it, files of the sample
    are written in names and types of the version.
    """

    title: str
    version: str
    data: bool
    real: str = ""
    sha256: str = ""
    dataset: str = ""

    @property
    def path(self) -> Path | None:
        """The real file, or None where there is none on this machine."""
        folder = os.environ.get(REAL)
        path = Path(folder, self.real) if folder and self.real else None
        return path if path and path.is_file() else None


@dataclass(frozen=True)
class Outcome:
    """What became of a recipe on one file.

    It `agrees`, having read so many events; it `cannot`, as a message says before anything runs; or it is an `error`:
    a cell raised, the engines differ, or the process died.
    """

    end: End
    events: int = 0
    message: str = ""

    @property
    def reason(self) -> str:
        """The first sentence of the message, without the name of the file."""
        return re.sub(r"^\S+\.root: ", "", self.message.partition("; ")[0])


@dataclass(frozen=True)
class Record:
    """The outcomes of a recipe by the title of a column, and the key of what they depend on."""

    slug: str
    key: str
    outcomes: Mapping[str, Outcome]

    @property
    def errors(self) -> list[str]:
        """A line for each outcome that is an error."""
        return [f"{self.slug} on {title}: {o.message}" for title, o in self.outcomes.items() if o.end == "error"]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("cookbook").joinpath("elsewhere.toml").read_text(encoding="utf-8"))


def events() -> int:
    """Return how many events of a file of the sample are taken."""
    return int(_table()["events"])


def every() -> list[Other]:
    """Return the columns of the table."""
    return [Other(title, **one) for title, one in _table()["files"].items()]


def others() -> list[Other]:
    """Return the columns that can be tried on this machine: of real files those that it has."""
    return [one for one in every() if not one.real or one.path]


def values(recipe: Recipe, other: Other) -> dict[str, Any]:
    """Return what a reader would give for a recipe and a file, by the names of parameters."""
    own = recipe.parameters()
    given: dict[str, Any] = {}
    for whose in ("all", recipe.slug):
        by_file = _table()["values"].get(whose, {})
        for which in (other.version, other.title):
            given |= {name: one for name, one in by_file.get(which, {}).items() if name in own or whose != "all"}
    return given


def takes(recipe: Recipe, other: Other) -> bool:
    """Return whether a recipe is tried on a column: on every real file, and of the sample on what its own files are."""
    own = recipe.parameters()
    if other.real:
        return True
    if isinstance(own["FILES"], Mapping):
        return any((name in own["DATA"]) == other.data for name in own["FILES"])
    return is_data(own["FILES"][0]) == other.data


def is_data(path: str) -> bool:
    """Return whether a file of the sample is data."""
    return any(path in dataset.files for dataset in sample.datasets().values() if dataset.kind == "data")


def ensured(recipe: Recipe, folder: Path | None = None, *, again: bool = False) -> Record:
    """Return the record of a recipe, made where there is none of its present key, or one with errors.

    Parameters
    ----------
    recipe
        What is tried.
    folder
        The build folder, if not that of the repository.
    again
        Make it even where there is one.

    Raises
    ------
    cookbook.execution.ExecutionError
        If the process that makes it ends without a record.
    """
    found = current(recipe, folder)
    if found and not found.errors and not again:
        return found
    key, path = _key(recipe), _place(recipe.slug, folder)
    command = [sys.executable, "-m", "cookbook.elsewhere_run", str(recipe.path), key, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    made = _read(path)
    if done.returncode or made is None or made.key != key:
        raise ExecutionError(f"{recipe.path}: the run on other files ended with code {done.returncode}\n{done.stderr}")
    return made


def current(recipe: Recipe, folder: Path | None = None) -> Record | None:
    """Return the record of a recipe if its key is that of the source: of a build, or the one that was kept."""
    key = _key(recipe)
    tried = {other.title for other in others() if takes(recipe, other)}
    for path in (_place(recipe.slug, folder), place_of(recipe)):
        found = _read(path)
        if found and found.key == key and tried <= set(found.outcomes):
            return found
    return None


def keep(recipe: Recipe, folder: Path | None = None) -> bool:
    """Try a recipe on every file where something has changed, keep the record, and return whether it is a new one.

    Raises
    ------
    cookbook.execution.ExecutionError
        If an outcome is an error, or there is no record.
    """
    record, path = ensured(recipe, folder), place_of(recipe)
    if record.errors:
        raise ExecutionError("\n".join(record.errors))
    if _read(path) == record:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_place(recipe.slug, folder), path)
    return True


def contradictions(recipe: Recipe, made: Record) -> list[str]:
    """Return a line for each outcome in the kept record of the same key that is not what a new one says."""
    kept = _read(place_of(recipe))
    if kept is None or kept.key != made.key:
        return []
    return [
        f"{recipe.slug} on {title}: {outcome}, and {place_of(recipe)} says: {kept.outcomes.get(title)}"
        for title, outcome in made.outcomes.items()
        if kept.outcomes.get(title) != outcome
    ]


def write(record: Record, path: Path) -> None:
    """Write a record at once, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**vars(record), "outcomes": {title: vars(one) for title, one in record.outcomes.items()}}
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _read(path: Path) -> Record | None:
    """Read a record; one that is missing or of another form is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        outcomes = {title: Outcome(**one) for title, one in content.pop("outcomes").items()}
        return Record(**content, outcomes=outcomes)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _place(slug: str, folder: Path | None) -> Path:
    return (folder or build_folder()) / FOLDER / f"{slug}.json"


def place_of(recipe: Recipe) -> Path:
    """Return the place of the record that is kept of a recipe."""
    return recipe.path.resolve().parents[1] / "tests" / "recipes" / recipe.slug / "other_files.json"


def _key(recipe: Recipe) -> str:
    """Return the key of a recipe's record: its cells, what runs them, the files and what is given with them."""
    given = [f"{other} {values(recipe, other)}" for other in every()]
    return keys.digest(keys.run_key(recipe, "elsewhere_run"), str(events()), *given)
