"""What git tracks: no address of a package registry, no path of one machine, notebooks without stray outputs."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pip._internal.models.index import PyPI

Runner = Callable[..., subprocess.CompletedProcess[str]]
# Asked of the clients, or put together here, so that this file passes its own test.
REGISTRIES = [
    PyPI.netloc,
    PyPI.file_storage_domain,
    ".".join(("test", PyPI.netloc)),
    ".".join(("registry", "npmjs", "org")),
    ".".join(("registry", "yarnpkg", "com")),
    *(".".join((host, "debian", "org")) for host in ("deb", "ftp", "security", "snapshot")),
    ".".join(("archive", "ubuntu", "com")),
    ".".join(("conda", "anaconda", "org")),
]
# Absolute paths that exist on one machine: a home folder, or the folder that the pipeline works in.
MACHINE = re.compile(r"(?<![\w.:/~-])/(?:home|Users|root|work|builds|tmp/\w+/bin)/\w")


def text_of(path: Path) -> str | None:
    """Return the text of a file, or None where it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


@pytest.fixture(scope="module")
def texts(repository: Path, tracked: list[Path]) -> dict[str, str]:
    """Return the text of every tracked text file, by its path."""
    loaded = {str(name): text_of(repository / name) for name in tracked}
    return {name: text for name, text in loaded.items() if text is not None}


@pytest.fixture(scope="module")
def notebooks(texts: dict[str, str]) -> dict[str, list[dict[str, object]]]:
    """Return the code cells of every tracked recipe."""
    found = {name: text for name, text in texts.items() if re.fullmatch(r"recipes/[^/]+\.ipynb", name)}
    return {
        name: [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        for name, text in found.items()
    }


def tags(cell: dict[str, object]) -> set[str]:
    """Return the tags of a cell."""
    metadata = cell["metadata"]
    assert isinstance(metadata, dict)
    return set(metadata.get("tags", []))


def test_no_file_names_a_package_registry(texts: dict[str, str]) -> None:
    """Packages come from where each user's clients are told to look."""
    named = [(name, host) for name, text in texts.items() for host in REGISTRIES if host in text]
    assert named == []


def test_no_file_names_a_path_of_one_machine(repository: Path, texts: dict[str, str]) -> None:
    """A clone works anywhere: no file has this folder's path, or one in somebody's home."""
    own = [name for name, text in texts.items() if f"{repository}/" in text]
    others = [(name, found[0]) for name, text in texts.items() if (found := MACHINE.search(text))]
    assert own + others == []


def test_what_make_produces_is_not_tracked(repository: Path) -> None:
    """Environment, caches, built book and reports are ignored by git."""
    made = [".venv/x", ".cache/x", "_build/x", "reports/x", "public/x"]
    ignored = subprocess.run(
        ["git", "check-ignore", *made], cwd=repository, capture_output=True, text=True, check=False
    )
    assert ignored.stdout.split() == made


def test_the_notebooks_are_stripped(run_module: Runner, notebooks: dict[str, list[dict[str, object]]]) -> None:
    """No recipe is committed with an output that nbstripout would take away."""
    assert notebooks
    checked = run_module("nbstripout", "--keep-id", "--keep-count", "--verify", *notebooks)
    assert checked.returncode == 0, checked.stdout


def test_only_check_cells_keep_their_output(notebooks: dict[str, list[dict[str, object]]]) -> None:
    """A stored output, or the count of an execution, is one that nbval compares."""
    kept = {"keep_output", "nbval-check-output"}
    strays = [
        (name, number)
        for name, cells in notebooks.items()
        for number, cell in enumerate(cells)
        if (cell["outputs"] or cell["execution_count"]) and not kept <= tags(cell)
    ]
    assert strays == []


def test_every_check_cell_holds_numbers(notebooks: dict[str, list[dict[str, object]]]) -> None:
    """A check cell has an output and an execution count: without them nbval has nothing to compare."""
    empty = [
        (name, number)
        for name, cells in notebooks.items()
        for number, cell in enumerate(cells)
        if "nbval-check-output" in tags(cell) and not (cell["outputs"] and cell["execution_count"])
    ]
    assert empty == []


def test_every_recipe_has_a_check_cell(notebooks: dict[str, list[dict[str, object]]]) -> None:
    """Each recipe states numbers that must not move."""
    without = [
        name for name, cells in notebooks.items() if not any("nbval-check-output" in tags(cell) for cell in cells)
    ]
    assert without == []


@pytest.mark.parametrize(
    "line", ["cd /" + "home/me/cookbook", "=/" + "root/x", "(/" + "builds/group/cookbook)", '"/' + 'work/main"']
)
def test_a_path_of_one_machine_is_recognised(line: str) -> None:
    """The pattern of the test above finds what it is for."""
    assert MACHINE.search(line) is not None


@pytest.mark.parametrize("line", ["github.com/root-project/root/issues", "/path/to/a.root", "https://root.cern/work/x"])
def test_an_address_is_not_taken_for_one(line: str) -> None:
    """Addresses and examples are left alone."""
    assert MACHINE.search(line) is None
