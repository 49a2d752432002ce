"""What the execution of a recipe, its timing and its faults depend on, as one key each.

Two executions with the same key show the same: it covers the cells that run, the helper modules that they import, the
versions of the engines and the content of the files that the parameters name. Prose, the Sphinx extension and the tools
of the tests are not part of it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from cookbook import sample
from cookbook.recipe import ANSWER, ENGINES, SETUP, Cell, Recipe, texts
from cookbook.versions import PACKAGES, versions

__all__ = ["cells_that_run", "digest", "execution_key", "modules", "run_key", "timing_key"]

PACKAGE = Path(__file__).parent
TABLES = [PACKAGE / name for name in ("eras.toml", "nanoaod.toml")]
# What the metadata say of input beside branches.
DECLARED = ("input", "simulation_branches", "corrections")
ENGINE_PACKAGES = (*PACKAGES, "correctionlib", "numba", "numpy")


def digest(*parts: str) -> str:
    """Return the SHA-256 of texts, in which none can take over the end of the one before."""
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)}:{part}".encode())
    return total.hexdigest()


def execution_key(recipe: Recipe) -> str:
    """Return the key of what a page shows: every cell but those that time."""
    return _key(recipe, [cell for cell in recipe.cells if "timing" not in cell.tags])


def timing_key(recipe: Recipe) -> str:
    """Return the key of what is timed: set-up and parameters, both engines, and how."""
    around = [cell for cell in recipe.cells if cell.tags & {SETUP, "parameters", "timing"}]
    halves = [cell for engine in ENGINES for cell in recipe.source(engine)]
    return _key(recipe, [*around, *halves], "timing_worker")


def run_key(recipe: Recipe, runner: str) -> str:
    """Return the key of a run on other files than the sample's, but for these files.

    Parameters
    ----------
    recipe
        Its answer, both halves, and what compares them.
    runner
        The module that runs it, which asks the tables of this package.
    """
    declared = {name: one for name, one in recipe.metadata.items() if name in DECLARED}
    contents = [f"{path.name} {_content(path, *_stamp(path))}" for path in sorted(TABLES)]
    return digest(_key(recipe, cells_that_run(recipe), runner), repr(sorted(declared.items())), *contents)


def cells_that_run(recipe: Recipe) -> list[Cell]:
    """Return the cells on which results depend: set-up and parameters, the answer, both halves and the agreement."""
    wanted = {SETUP, "parameters", ANSWER, "agreement", *ENGINES}
    return [cell for cell in recipe.cells if cell.tags & wanted]


def _key(recipe: Recipe, cells: Sequence[Cell], *others: str) -> str:
    sources = [cell.source for cell in cells]
    return digest(
        *(f"{sorted(cell.tags)}\n{cell.source}" for cell in cells),
        repr(sorted(recipe.metadata.get("branches", {}).items())),
        *(module.read_text(encoding="utf-8") for module in modules(sources, *others)),
        repr(versions(ENGINE_PACKAGES)),
        *(f"{path.name} {_content(path, *_stamp(path))}" for path in _files(recipe)),
    )


def modules(sources: Iterable[str], *others: str) -> list[Path]:
    """Return the helper modules that code imports, and those that they import in turn.

    Parameters
    ----------
    sources
        Python code, cell by cell.
    others
        Names of modules that are started by name.
    """
    waiting = {*others, *(name for source in sources for name in _imported(source))}
    found = {"__init__": PACKAGE / "__init__.py"}
    while waiting:
        name = waiting.pop()
        place = PACKAGE / name.replace(".", "/")
        path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if name not in found and path.is_file():
            found[name] = path
            waiting.update(_imported(path.read_text(encoding="utf-8")))
    return [found[name] for name in sorted(found)]


def _imported(source: str) -> Iterator[str]:
    """Yield the modules of this package that a text may import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "cookbook":
            inside = (node.module or "").partition(".")[2]
            yield from filter(None, [inside, *(".".join(filter(None, (inside, a.name))) for a in node.names)])
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("cookbook."))


def _files(recipe: Recipe) -> list[Path]:
    """Return the files that the parameters name, and the manifest through which the sample's are found."""
    manifest = sample.data_folder() / sample.MANIFEST
    named = set(texts(recipe.parameters()))
    return sorted({path for text in named if "/" in text and (path := Path(text)).is_file()} | {manifest})


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=512)
def _content(path: Path, size: int, modified: int) -> str:
    """Hash a file once for as long as its size and time (ns) stay."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
