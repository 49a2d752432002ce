"""README, CITATION, CHANGELOG, LICENSE and the pre-commit set-up hold what they promise."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Runner = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def configuration(repository: Path) -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture
def citation(repository: Path) -> dict[str, Any]:
    """Return CITATION.cff."""
    loaded: dict[str, Any] = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def hooks(repository: Path) -> list[dict[str, Any]]:
    """Return the hooks of pre-commit."""
    loaded = yaml.safe_load((repository / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    return [hook for source in loaded["repos"] for hook in source["hooks"]]


def test_the_citation_follows_the_format(run_module: Runner) -> None:
    """CITATION.cff is valid by the schema of the Citation File Format."""
    checked = run_module("check_jsonschema", "--builtin-schema", "vendor.citation-file-format", "CITATION.cff")
    assert checked.returncode == 0, checked.stdout


def test_the_version_stands_once(configuration: dict[str, Any], citation: dict[str, Any]) -> None:
    """pyproject.toml alone has the version, so that no second one can lag behind."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", configuration["project"]["version"])
    assert "version" not in citation
    assert "dynamic" not in configuration["project"]


def test_one_licence(repository: Path, configuration: dict[str, Any], citation: dict[str, Any]) -> None:
    """The licence file is the one that the package and the citation name."""
    text = (repository / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("BSD 3-Clause License\n\nCopyright (c) 2026, The analysis-pattern cookbook developers\n")
    assert configuration["project"]["license"] == citation["license"] == "BSD-3-Clause"


def test_the_changelog_keeps_its_form(repository: Path) -> None:
    """Newest first, starting with what is unreleased, under the headings of Keep a Changelog."""
    text = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert [line for line in versions[1:] if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", line)] == []
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_a_document_links_to_files_that_exist(repository: Path, tracked: list[Path], document: str) -> None:
    """A link or an image inside the repository leads to a tracked file."""
    text = (repository / document).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert [target for target in targets if Path(target) not in tracked] == []


def test_the_readme_lists_folders_that_exist(repository: Path) -> None:
    """The table of what is where names real places, or the one that a command makes."""
    text = (repository / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(named) > 5
    assert [name for name in named if not (repository / name).exists() and name != "benchmarks/"] == []


def test_the_guide_names_places_that_exist(repository: Path) -> None:
    """The table of where to add what leads to real files and folders."""
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \|$", text, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`<]+/[^`<]*)`", row)]
    assert len(named) > 5
    assert [name for name in named if not (repository / name).exists()] == []


def test_both_halves_of_the_readmes_pair_print_its_number(repository: Path) -> None:
    """The smallest pair runs from the root of a clone as it stands, and the README says what it prints."""
    text = (repository / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert len(block.split("\n\n")[-1].splitlines()) <= 10
        ran = subprocess.run([sys.executable, "-c", block], cwd=repository, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        assert f"Both print `{ran.stdout.strip()}`" in text


def test_the_readme_links_the_book_where_its_address_is_set(repository: Path) -> None:
    """The address stands once, in _config.yml; while it is empty there is nothing to link."""
    settings = yaml.safe_load((repository / "_config.yml").read_text(encoding="utf-8"))
    pages = settings["sphinx"]["config"]["cookbook_pages"]
    if pages:
        assert f"]({pages}" in (repository / "README.md").read_text(encoding="utf-8")


def test_the_pre_commit_set_up_is_valid(run_module: Runner) -> None:
    """Pre-commit itself accepts the file."""
    checked = run_module("pre_commit", "validate-config")
    assert checked.returncode == 0, checked.stdout


def test_pre_commit_runs_the_locked_tools(repository: Path, hooks: list[dict[str, Any]]) -> None:
    """The hooks call the tools of the environment: their versions stand in the lock alone."""
    lock = (repository / "requirements-dev.txt").read_text(encoding="utf-8")
    tools = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks}
    assert tools == {"codespell", "mypy", "nbstripout", "ruff"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert [tool for tool in tools if f"\n{tool}==" not in lock] == []


def test_make_check_runs_every_tool_of_pre_commit(repository: Path, hooks: list[dict[str, Any]]) -> None:
    """What a commit checks, the pipeline checks as well."""
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    recipe = makefile[makefile.index("\ncheck:") : makefile.index("\nrecipe:")]
    assert [hook["id"] for hook in hooks if f"$(BIN)/{Path(hook['entry'].split()[0]).name}" not in recipe] == []
