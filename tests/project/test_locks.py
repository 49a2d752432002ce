"""The lock files say the same as pyproject.toml, and nothing about where packages come from."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ["requirements.txt", "requirements-dev.txt"]
# Which extras of pyproject.toml each lock holds, besides the dependencies themselves.
EXTRAS = {"requirements.txt": ["book", "install"], "requirements-dev.txt": ["dev"]}


def entries(text: str) -> list[str]:
    """Split a lock into one string per requirement, with its hashes."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def pins(path: Path) -> dict[str, str]:
    """Return the version of each package of a lock."""
    found: dict[str, str] = {}
    for entry in entries(path.read_text(encoding="utf-8")):
        name, version = entry.split()[0].split("==")
        found[canonicalize_name(name)] = version
    return found


def direct(project: dict[str, object], extras: list[str]) -> list[Requirement]:
    """Return the requirements of the project with these extras, the project's own extras resolved."""
    optional = project["optional-dependencies"]
    listed = project["dependencies"]
    assert isinstance(optional, dict)
    assert isinstance(listed, list)
    wanted = [Requirement(line) for line in listed]
    for extra in extras:
        for requirement in map(Requirement, optional[extra]):
            if requirement.name == project["name"]:
                wanted += direct({**project, "dependencies": []}, sorted(requirement.extras))
            else:
                wanted.append(requirement)
    return wanted


@pytest.fixture
def project(repository: Path) -> dict[str, object]:
    """Return the table `project` of pyproject.toml."""
    table: dict[str, object] = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_one_exact_version_with_a_hash(repository: Path, lock: str) -> None:
    """A lock pins each package exactly and gives hashes for it."""
    lines = entries((repository / lock).read_text(encoding="utf-8"))
    shape = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!-]+(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [line for line in lines if not shape.fullmatch(line)] == []
    assert len(lines) > 100


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_the_command_that_made_it(repository: Path, lock: str) -> None:
    """Readers install from the mirror that they configured, so a lock gives no address."""
    text = (repository / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert re.search(r"^\s*--?(index|extra|find|i|f)\b", text, re.MULTILINE) is None
    assert "make lock" in text.splitlines()[1]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_every_direct_requirement(repository: Path, project: dict[str, object], lock: str) -> None:
    """What pyproject.toml asks for is in the lock, in a version that it allows: otherwise run make lock."""
    locked = pins(repository / lock)
    unmet = [
        str(requirement)
        for requirement in direct(project, EXTRAS[lock])
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), ""), prereleases=True)
    ]
    assert unmet == []


def imported(path: Path) -> set[str]:
    """Return the top-level modules that a module or a notebook imports."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    nodes = list(ast.walk(ast.parse(text)))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    given = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in [*plain, *given]}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_import_is_a_direct_requirement(
    repository: Path, tracked: list[Path], project: dict[str, object], lock: str
) -> None:
    """Nothing is used that another package alone brings along; readers need neither tests nor simulation."""
    sources = [path for path in tracked if path.suffix in {".py", ".ipynb"}]
    own = {"cookbook", *(name for path in sources for name in [path.stem, *path.parts[:-1]])}
    if lock == "requirements.txt":
        sources = [path for path in sources if path.parts[0] != "tests" and "simulation" not in path.parts]
    used = set().union(*(imported(repository / path) for path in sources)) - sys.stdlib_module_names - own
    declared = {canonicalize_name(requirement.name) for requirement in direct(project, EXTRAS[lock])}
    provided = packages_distributions()
    # pip is part of every environment that a lock is installed into.
    missing = [
        name
        for name in sorted(used - {"pip"})
        if not declared & {canonicalize_name(found) for found in provided.get(name, [])}
    ]
    assert missing == []


def test_the_developers_lock_holds_the_readers_versions(repository: Path) -> None:
    """The tests run with the very versions that readers and the book have."""
    readers, developers = (pins(repository / lock) for lock in LOCKS)
    assert {name: developers.get(name) for name in readers} == readers


def test_conda_users_get_their_versions_from_the_lock_alone(repository: Path) -> None:
    """environment.yml names Python, pip and the lock, and no version of its own that could drift."""
    environment = yaml.safe_load((repository / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge"]
    assert environment["dependencies"] == ["python=3.11", "pip", {"pip": ["-r requirements.txt"]}]


def test_the_same_python_everywhere(repository: Path) -> None:
    """The lock, conda and the pipeline mean the same Python."""
    expected = {
        "Makefile": r"--python-version ([\d.]+)",
        "environment.yml": r"python=([\d.]+)",
        ".gitlab-ci.yml": r"image: python:([\d.]+)-",
    }
    found = {
        name: re.findall(shape, (repository / name).read_text(encoding="utf-8")) for name, shape in expected.items()
    }
    assert found == {name: ["3.11"] for name in expected}
