"""The commands: what they set up, when they do nothing, and what they say when something is wrong.

The real Makefile runs in a folder of its own, with small scripts in place of the environment's tools.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

COMMANDS = ["accept", "bench", "book", "check", "check-recipe", "common", "faults", "help", "lock", "nbval", "new"]
COMMANDS += ["recipe", "recipes", "render", "sample", "serve", "test", "test-package", "timing"]
# What `make system` installs.
SYSTEM = "chromium rsync xrootd-server slurm-wlm munge"
Make = Callable[..., subprocess.CompletedProcess[str]]

# Stands in for python, pip, jupyter-book and the rest: notes how it was called, and does what the test wants.
TOOL = """#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
if [ "$(basename "$0")" = jupyter-book ]; then
    mkdir -p _build/html/reports _build/.doctrees
    touch _build/html/index.html
    [ -z "${BROKEN:-}" ] || { touch _build/html/reports/dimuon-spectrum.err.log; exit 1; }
fi
"""


def stand_in(folder: Path, *names: str) -> None:
    """Write a stand-in for each of these tools."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(TOOL, encoding="utf-8")
        (folder / name).chmod(0o755)


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """Return a copy of the project's set-up, its environment made of stand-ins."""
    root = tmp_path / "cookbook"
    (root / "recipes").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(repository / name, root)
    (root / "recipes" / "one.ipynb").write_text("{}", encoding="utf-8")
    stand_in(root / ".venv" / "bin", "python", "jupyter-book", "ruff", "mypy", "codespell", "nbstripout")
    stand_in(root / "system", "apt-get", "chromium", "g++", "munged", "rsync", "slurmd", "xrootd")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.fixture
def make(project: Path) -> Make:
    """Return a function that calls make there."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("CI", "MAKE", "MFLAGS", "COOKBOOK_"))
    }
    search = os.pathsep.join([str(project / "system"), os.environ["PATH"]])
    environment = {**clean, "CALLS": str(project / "calls"), "PATH": search}

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        line = ["make", *arguments]
        return subprocess.run(
            line, cwd=project, env={**environment, **variables}, capture_output=True, text=True, check=False
        )

    return run


def calls(project: Path, shape: str) -> list[str]:
    """Return the noted calls of tools that match."""
    log = project / "calls"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return [line for line in lines if re.search(shape, line)]


def test_help_lists_every_command(repository: Path, make: Make) -> None:
    """Every target that is meant to be called has its line in make help."""
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    phony = " ".join(re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE))
    listed = re.findall(r"^  make ([a-z-]+) +\S", make("help").stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony.split())
    assert set(COMMANDS) <= set(listed)


def test_make_alone_shows_the_help(make: Make) -> None:
    """A reader who types make gets the list, not a long install."""
    assert make().stdout == make("help").stdout


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_the_documents_name_commands_that_exist(repository: Path, make: Make, document: str) -> None:
    """Each command in a code block or in backticks is one of make help."""
    text = (repository / document).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^\s*\$ |`)make ([a-z]+)", text, re.MULTILINE))
    assert named
    assert named - set(re.findall(r"^  make ([a-z-]+)", make("help").stdout, re.MULTILINE)) == set()


@pytest.mark.parametrize(("target", "lock"), [("env", "requirements.txt"), ("dev", "requirements-dev.txt")])
def test_an_environment_is_installed_once_from_its_lock(project: Path, make: Make, target: str, lock: str) -> None:
    """The first call installs the lock with its hashes checked and then the package alone; the second nothing."""
    assert make(target).returncode == 0
    locked, package = calls(project, "pip install")
    assert f"--require-hashes --only-binary :all: --requirement {lock}" in locked
    assert "--no-deps --no-build-isolation --editable ." in package
    assert make(target).returncode == 0
    assert len(calls(project, "pip install")) == 2


def test_the_developers_environment_serves_readers_too(project: Path, make: Make) -> None:
    """After make test has installed everything, make book installs nothing."""
    make("dev")
    before = calls(project, "pip install")
    assert make("env").returncode == 0
    assert calls(project, "pip install") == before


def test_a_new_date_on_a_lock_installs_nothing(project: Path, make: Make) -> None:
    """A fresh checkout changes the dates of files; only their content counts."""
    make("env")
    before = calls(project, "pip install")
    os.utime(project / "requirements.txt", (2_000_000_000, 2_000_000_000))
    make("env")
    assert calls(project, "pip install") == before


def test_a_changed_lock_is_installed(project: Path, make: Make) -> None:
    """A lock with another content is installed at the next command."""
    make("env")
    with (project / "requirements.txt").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    make("env")
    assert len(calls(project, "--require-hashes")) == 2


def test_a_failed_install_is_tried_again(project: Path, make: Make) -> None:
    """An install that failed leaves no stamp behind."""
    python = project / ".venv" / "bin" / "python"
    python.write_text("#!/bin/bash\nexit 1\n", encoding="utf-8")
    assert make("env").returncode != 0
    python.write_text(TOOL, encoding="utf-8")
    assert make("env").returncode == 0
    assert len(calls(project, "--require-hashes")) == 1


def test_another_python_is_refused_by_name(project: Path, make: Make) -> None:
    """The lock is for one Python: another one is an error that says how to name the right one."""
    shutil.rmtree(project / ".venv")
    other = project / "python-other"
    other.write_text("#!/bin/bash\nexit 1\n", encoding="utf-8")
    other.chmod(0o755)
    failed = make("env", f"PYTHON={other}")
    assert failed.returncode != 0
    assert f"The lock is made for Python 3.11 and {other} is another version" in failed.stderr
    assert not (project / ".venv").exists()


@pytest.fixture
def bare(project: Path, tmp_path: Path) -> str:
    """Return a search path with a shell's usual tools alone: no compiler, no browser."""
    usual = tmp_path / "usual"
    usual.mkdir()
    for name in ("bash", "basename", "cat", "cut", "make", "mkdir", "sha256sum", "touch"):
        found = shutil.which(name)
        assert found is not None
        (usual / name).symlink_to(found)
    stand_in(project / "system", "id")
    (project / "system" / "id").write_text("#!/bin/bash\necho ${USER_ID:-1000}\n", encoding="utf-8")
    for name in ("chromium", "g++", "munged", "rsync", "slurmd", "xrootd"):
        (project / "system" / name).unlink()
    return os.pathsep.join([str(project / "system"), str(usual)])


def test_a_missing_compiler_stops_with_its_package(project: Path, make: Make, bare: str) -> None:
    """ROOT cannot do without a compiler's headers: where make may not install it, it says what to install."""
    failed = make("env", PATH=bare)
    assert failed.returncode != 0
    assert "finds no g++: install it first (apt-get install g++)" in failed.stderr
    assert calls(project, "pip install") == []


def test_a_missing_browser_is_named_and_stops_nothing(project: Path, make: Make, bare: str) -> None:
    """What only some tests need is named where make may not install it."""
    shown = make("system", PATH=bare)
    assert shown.returncode == 0
    assert f"Missing: {SYSTEM}. The tests that need them are skipped" in shown.stdout
    assert calls(project, "apt-get") == []


@pytest.mark.parametrize(("target", "packages"), [("compiler", "g++"), ("system", SYSTEM)])
def test_root_gets_the_packages_installed(project: Path, make: Make, bare: str, target: str, packages: str) -> None:
    """Where apt is there and may be used, what is missing is installed from there, without a question."""
    assert make(target, PATH=bare, USER_ID="0").returncode == 0
    update, install = calls(project, "apt-get")
    assert update == "apt-get update -qq"
    assert install == f"apt-get install -y -qq --no-install-recommends {packages}"


def test_the_book_says_where_to_open_it(make: Make) -> None:
    """The last line of make book is where to look and how."""
    built = make("book")
    assert built.returncode == 0, built.stderr
    last = built.stdout.splitlines()[-1]
    assert last == "Open _build/html/index.html in a browser, or run: make serve"


def test_the_book_is_executed_timed_and_rendered(project: Path, make: Make) -> None:
    """First the pages side by side, then the timings with nothing beside them; a warning of Sphinx fails the build."""
    make("book")
    assert calls(project, "cookbook.cli|^jupyter-book") == [
        "python -m cookbook.cli execute page",
        "python -m cookbook.cli execute timing",
        "jupyter-book build . --warningiserror --nitpick --keep-going",
    ]


@pytest.mark.parametrize(("arguments", "mode"), [([], "quick"), (["TIMING=careful"], "careful")])
def test_the_timing_is_quick_unless_asked(project: Path, make: Make, arguments: list[str], mode: str) -> None:
    """A build times quickly; the default branch asks for care."""
    (project / ".venv" / "bin" / "python").write_text('#!/bin/bash\necho "$COOKBOOK_TIMING" >> "$CALLS"\n')
    assert make("timing", *arguments).returncode == 0
    assert calls(project, ".")[-1] == mode


def test_checking_links_executes_nothing(project: Path, make: Make) -> None:
    """Links are checked on pages that were only read, apart from the built book."""
    (project / "_config.yml").write_text("execute:\n  execute_notebooks: force\n", encoding="utf-8")
    assert make("linkcheck").returncode == 0
    (line,) = calls(project, "^jupyter-book")
    assert "--config _build/links.yml --path-output _build/links --builder linkcheck" in line
    settings = (project / "_build" / "links.yml").read_text(encoding="utf-8")
    assert settings == 'execute:\n  execute_notebooks: "off"\n'


def test_the_link_check_knows_the_setting(repository: Path) -> None:
    """The setting that the link check turns off is the one that the book has."""
    assert "\n  execute_notebooks: force\n" in (repository / "_config.yml").read_text(encoding="utf-8")


def test_a_failed_book_names_the_traceback_and_is_built_again(project: Path, make: Make) -> None:
    """A failing notebook makes make book fail, names the report, and the next call tries anew."""
    failed = make("book", BROKEN="yes")
    assert failed.returncode != 0
    assert "Traceback: _build/html/reports/dimuon-spectrum.err.log" in failed.stdout
    assert make("book").returncode == 0
    assert len(calls(project, "^jupyter-book")) == 2


def test_a_failed_book_is_read_anew(project: Path, make: Make) -> None:
    """Sphinx would not repeat a warning about a page that did not change: after a failure it reads all of them."""
    make("book")
    assert (project / "_build" / ".doctrees").is_dir()
    (project / "recipes" / "one.ipynb").write_text("{ }", encoding="utf-8")
    make("book", BROKEN="yes")
    assert not (project / "_build" / ".doctrees").exists()


def test_every_step_runs_although_others_fail(project: Path, make: Make) -> None:
    """One call of make test shows everything that is wrong, and is red if anything is."""
    for name in ("ruff", "jupyter-book"):
        (project / ".venv" / "bin" / name).write_text("#!/bin/bash\nexit 1\n", encoding="utf-8")
    failed = make("test")
    assert failed.returncode != 0
    assert len(calls(project, "^python -m pytest")) == 2
    assert len(calls(project, "^mypy")) == 1


def test_the_gate_executes_each_recipe_once(project: Path, make: Make) -> None:
    """The check of the recipes executes them; timing, book and the other tests take what it left, in this order."""
    assert make("test").returncode == 0
    steps = [line.split("\t")[0] for line in (project / "reports" / "steps.tsv").read_text().splitlines()]
    assert steps == ["check", "recipes", "timing", "render", "test-package"]
    assert calls(project, "execute page") == []
    (timing,) = calls(project, "execute timing")
    assert re.fullmatch(r"python -m cookbook.cli execute timing --shard [1-8]/8", timing)
    recipes, package = calls(project, "^python -m pytest")
    assert recipes.startswith("python -m pytest --junitxml=reports/recipes.xml tests/recipes ")
    assert "--ignore=tests/recipes" in package


def test_recipes_go_to_workers_one_by_one(project: Path, make: Make) -> None:
    """No worker holds all recipes: they are shared out by recipe, and a pipeline's job takes its share."""
    assert make("recipes", "SHARD=2/4").returncode == 0
    (line,) = calls(project, "^python -m pytest")
    assert "--shard=2/4" in line
    assert line.endswith("--dist=loadscope")


def test_nothing_runs_beside_a_timing(project: Path, make: Make) -> None:
    """Targets of one call are made one after the other, whatever make was told."""
    make("--jobs=4", "timing", "render")
    assert [line.split()[0] for line in calls(project, "execute timing|^jupyter-book")] == ["python", "jupyter-book"]


@pytest.mark.parametrize(
    "value",
    [
        "https://host/a.root?x=1&y=2;z",
        "$(touch pwned) `touch pwned` $HOME ${HOME} $$",
        "$(shell touch pwned)",
        "'a b.root' \"c d.root\" e\\ f.root *.root #g",
    ],
)
def test_what_a_reader_gives_arrives_as_it_is(project: Path, make: Make, value: str) -> None:
    """Neither make nor a shell expands, cuts or runs the files, the settings or the folder."""
    given = {name: f"{value} {name}" for name in ("NAME", "FILES", "SET", "JOB", "ERA", "OUT")}
    script = '#!/bin/bash\nenv -0 > environment\necho "$*" > arguments\n'
    (project / ".venv/bin/python").write_text(script, encoding="utf-8")
    for called in (make("recipe", *(f"{n}={v}" for n, v in given.items())), make("recipe", **given)):
        assert called.returncode == 0, called.stderr
        seen = dict(x.split("=", 1) for x in (project / "environment").read_text(encoding="utf-8").split("\0") if x)
        assert {name: seen[f"RECIPE_{name}"] for name in given} == given
        assert (project / "arguments").read_text(encoding="utf-8") == "-m cookbook.cli recipe\n"
    assert not (project / "pwned").exists()


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        (["recipe"], "Give the recipe and the files: make recipe NAME="),
        (["recipe", "NAME=dimuon-spectrum"], "Give the recipe and the files: make recipe NAME="),
        (["new"], "Give the new recipe a name: make new NAME="),
        (["accept"], "Give the recipe: make accept NAME="),
        (["check-recipe"], "Give the recipe: make check-recipe NAME="),
        (["faults"], "Give the recipe: make faults NAME="),
    ],
)
def test_a_missing_argument_is_named(project: Path, make: Make, arguments: list[str], shape: str) -> None:
    """A command without what it needs says so with an example, and runs nothing."""
    failed = make(*arguments)
    assert failed.returncode != 0
    assert shape in failed.stderr
    assert calls(project, "cookbook|pytest|faults") == []


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["new", "NAME=pileup-weights"], "-m cookbook.cli new pileup-weights"),
        (["accept", "NAME=trijet-mass"], "-m cookbook.cli accept trijet-mass"),
        (["check-recipe", "NAME=trijet-mass dimuon-spectrum"], "--recipe=trijet-mass --recipe=dimuon-spectrum"),
        (["faults", "NAME=trijet-mass"], "-m faults trijet-mass"),
        (["nbval"], "recipes --nbval-lax --nbval-cell-timeout=1800"),
        (["bench"], "-m cookbook.cli bench"),
        (["bench", "RESUME=1"], "-m cookbook.cli bench --resume"),
        (["sample"], "-m cookbook.simulation"),
        (["sample", "EVENTS=1000", "OUT=big"], "-m cookbook.simulation --events 1000 --out big"),
    ],
)
def test_a_command_passes_its_arguments_on(project: Path, make: Make, arguments: list[str], call: str) -> None:
    """Make only translates NAME, OUT, EVENTS and RESUME into the helper's own arguments."""
    assert make(*arguments).returncode == 0
    (line,) = calls(project, "cookbook\\.|pytest|faults")
    assert line.startswith("python -m")
    assert call in line


def test_serving_without_a_book_says_what_to_do(make: Make) -> None:
    """There is nothing to serve before make book."""
    failed = make("serve")
    assert failed.returncode != 0
    assert "There is no book yet: run make book first." in failed.stderr


def test_the_book_is_served_to_this_machine_alone(project: Path, make: Make) -> None:
    """The server listens on the loopback address, on the port that was asked for."""
    html = project / "_build" / "html"
    html.mkdir(parents=True)
    (html / "index.html").touch()
    shown = make("serve", "--dry-run", "PORT=8123")
    assert "-m http.server --bind 127.0.0.1 --directory _build/html 8123" in shown.stdout


def test_real_files_beside_the_repository_are_found(project: Path, make: Make) -> None:
    """COOKBOOK_NANOAOD, where it is not set, is the folder beside the repository if there is one."""
    with (project / "Makefile").open("a", encoding="utf-8") as makefile:
        makefile.write("\nshow:\n\t@echo [$${COOKBOOK_NANOAOD:-}]\n")
    assert make("show").stdout.strip() == "[]"
    shared = project.parent / "shared" / "nanoaod"
    shared.mkdir(parents=True)
    assert make("show").stdout.strip() == f"[{shared}]"
    assert make("show", COOKBOOK_NANOAOD="elsewhere").stdout.strip() == "[elsewhere]"
