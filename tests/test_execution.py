"""A recipe is executed once for as long as its key stays, where the helper package is not installed."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from cookbook import execution, keys, recipe, versions

CODE = """
import time
from cookbook import helper
print(time.time_ns())
"""
PACKAGE = Path(keys.__file__).parent


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small recipe in a clone of its own, with a helper module and a data file."""
    (tmp_path / "recipes").mkdir()
    helpers = tmp_path / "src" / "cookbook"
    helpers.mkdir(parents=True)
    for name in ("__init__", "helper", "unused"):
        (helpers / f"{name}.py").write_text('"""Empty."""\n')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.json").write_text("{}")
    (tmp_path / "data" / "events.root").write_text("some")
    monkeypatch.setattr(keys, "PACKAGE", helpers)
    monkeypatch.setenv("COOKBOOK_DATA", str(tmp_path / "data"))
    parameters = f"import sys\nsys.path.append('../src')\nFILES = ['{tmp_path / 'data' / 'events.root'}']"
    return written(tmp_path / "recipes" / "small.ipynb", parameters, CODE)


def written(path: Path, parameters: str, code: str, timing: str = "print('timed')", prose: str = "# Small") -> Path:
    """Write a notebook of a parameters cell, one of an engine and one that times."""
    cells = [new_markdown_cell(prose)]
    for tag, source in {"parameters": parameters, "coffea": code, "timing": timing}.items():
        cells.append(new_code_cell(source, metadata={"tags": [tag]}))
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.fixture
def printed(path: Path) -> Callable[[], str]:
    """Return a function that gives what the recipe's execution printed, executing it where it must be."""
    build = path.parents[1] / "_build"
    return lambda: str(execution.ensured(recipe.read(path), "page", build).cells[2].outputs[0].text)


def test_an_unchanged_recipe_is_not_executed_again(printed: Callable[[], str]) -> None:
    """The time that a cell prints is that of the first execution."""
    assert printed() == printed()


@pytest.mark.parametrize("change", ["code", "helper", "version", "data", "manifest", "tag"])
def test_what_changes_a_result_executes_again(
    change: str, path: Path, printed: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper that is imported, a version, a data file and the cells all count."""
    before, clone = printed(), path.parents[1]
    if change == "helper":
        (clone / "src" / "cookbook" / "helper.py").write_text('"""Changed."""\n')
    elif change == "version":
        monkeypatch.setattr(keys, "versions", lambda names: {**versions.versions(names), "coffea": "2099.1"})
    elif change in ("data", "manifest"):
        (clone / "data" / {"data": "events.root", "manifest": "manifest.json"}[change]).write_text('{"other": 1}')
    else:
        edited(path, **({"code": CODE + "\n1"} if change == "code" else {"tags": ["coffea", "hide-input"]}))
    assert printed() != before


@pytest.mark.parametrize("change", ["prose", "timing", "unused", "extension"])
def test_what_changes_no_result_executes_nothing(change: str, path: Path, printed: Callable[[], str]) -> None:
    """Prose, the timing, helpers that are not imported and the Sphinx extension do not count."""
    before, clone = printed(), path.parents[1]
    if change == "unused":
        (clone / "src" / "cookbook" / "unused.py").write_text('"""Changed."""\n')
    elif change == "extension":
        (clone / "src" / "cookbook" / "sphinxext.py").write_text('"""New."""\n')
    else:
        edited(path, **{change: "# Other prose"})
    assert printed() == before


def edited(path: Path, **changes: Any) -> None:
    """Change the notebook's prose, code, timing or the tags of its code."""
    notebook = nbformat.read(path, as_version=4)
    places = {"prose": 0, "code": 2, "timing": 3}
    for name, value in changes.items():
        if name == "tags":
            notebook.cells[2].metadata.tags = value
        else:
            notebook.cells[places[name]].source = value
    nbformat.write(notebook, path)


def test_an_execution_by_hand_is_not_taken(path: Path, printed: Callable[[], str]) -> None:
    """A notebook that somebody put there has no key, and is executed."""
    printed()
    place = path.parents[1] / "_build" / "executed" / path.name
    shutil.copy(path, place)
    assert execution.current(recipe.read(path), "page", path.parents[1] / "_build") is None


def test_the_timing_runs_apart(path: Path) -> None:
    """The page's part holds no timing, and the timing's part only what it needs."""
    build = path.parents[1] / "_build"
    sources = {
        part: [cell.source for cell in execution.ensured(recipe.read(path), part, build).cells]
        for part in execution.FOLDERS
    }
    assert "print('timed')" not in sources["page"]
    assert CODE not in sources["timing"]
    shown = execution.assembled(recipe.read(path), build)
    assert [cell.outputs[0].text for cell in shown.cells[3:]] == ["timed\n"]


def test_the_timing_has_the_set_up(path: Path) -> None:
    """What stands before the parameters runs with the timing, which is of another key where it changes."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_code_cell("CUT = 1", metadata={"tags": [recipe.SETUP]}))
    nbformat.write(notebook, path)
    timed = execution.ensured(recipe.read(path), "timing", path.parents[1] / "_build")
    assert "CUT = 1" in [cell.source for cell in timed.cells]
    before = keys.timing_key(recipe.read(path))
    notebook.cells[1].source = "CUT = 2"
    nbformat.write(notebook, path)
    assert keys.timing_key(recipe.read(path)) != before


def test_a_page_takes_todays_prose(path: Path, printed: Callable[[], str]) -> None:
    """What is shown is the source with the outputs of its execution."""
    before = printed()
    edited(path, prose="# Other prose")
    shown = execution.assembled(recipe.read(path), path.parents[1] / "_build")
    assert (shown.cells[0].source, shown.cells[2].outputs[0].text) == ("# Other prose", before)
    assert shown.cells[3].outputs[0].text == execution.NOT_TIMED


def test_a_failing_cell_is_reported_and_nothing_is_kept(path: Path) -> None:
    """The error has the traceback, and says where the notebook up to there is."""
    build = path.parents[1] / "_build"
    edited(path, code="raise RuntimeError('no luck')")
    with pytest.raises(execution.ExecutionError, match=r"RuntimeError: no luck; see .*small\.failed\.ipynb"):
        execution.ensured(recipe.read(path), "page", build)
    with pytest.raises(execution.StaleError, match=r"run make check-recipe NAME=small, or make book"):
        execution.assembled(recipe.read(path), build)


def test_the_helper_package_is_not_installed_where_recipes_run(tmp_path: Path) -> None:
    """The engines are there, the helper package is not: a recipe finds it in its clone, as on SWAN."""
    clone = execution.Clone(tmp_path / "clone")
    clone.kernel()
    code = "import importlib.util as u; print(*(u.find_spec(n) is not None for n in ('coffea', 'ROOT', 'cookbook')))"
    python = str(tmp_path / "clone" / "bin" / "python")
    environment = execution._environment("key", tmp_path)
    ran = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True", "False"]


def test_two_processes_may_make_the_python_at_once(tmp_path: Path) -> None:
    """Recipes start side by side in an empty build folder: whoever comes second takes what the first has made."""
    clones = [execution.Clone(tmp_path / "clone") for _ in range(2)]
    for clone in clones:
        clone._make()
    assert [path.name for path in tmp_path.iterdir()] == ["clone"]
    assert clones[0].kernel().kernel_spec.argv[0] == str(tmp_path / "clone" / "bin" / "python")


def test_modules_are_followed() -> None:
    """A helper counts with those that it imports, and no other."""
    found = [path.stem for path in keys.modules(["from cookbook import agreement"])]
    assert found == ["__init__", "agreement", "roothist"]
    assert "sample" in [path.stem for path in keys.modules(["import cookbook.timing"])]


def test_parts_of_a_digest_do_not_run_together() -> None:
    """Moving a text from one part to the next is another key."""
    assert keys.digest("ab", "c") != keys.digest("a", "bc")
