"""The register of what the tools lack: every gap says all it has to, and its reproducer decides whether it is there."""

import importlib.util
import re
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from cookbook import gaps, recipe
from cookbook.gaps import Gap, GapError
from reproduced import Shown, alone, refused, shows

GAP = Gap("hist", "2.12.0", "silent", "got 1", "Bins move.", "Give edges.", "dimuon-spectrum", gaps.NO_THREAD)


@pytest.fixture(scope="module")
def register(repository: Path) -> list[gaps.Entry]:
    """Return the register of the repository."""
    return gaps.read(repository)


def _test(tmp_path: Path, declaration: str, body: str = "assert False") -> Path:
    """Write a repository whose register has one test."""
    folder = tmp_path / "tests" / "gaps"
    folder.mkdir(parents=True)
    lines = f'def test_it() -> None:\n    """It `fails`.\n\n    At length.\n    """\n{textwrap.indent(body, "    ")}\n'
    (folder / "test_tool.py").write_text(f"{declaration}\n{lines}")
    return tmp_path


def _declared(**changed: str) -> str:
    """Return the source of a declaration."""
    return f"@shows({replace(GAP, **changed)!r})"


def test_the_register_has_a_gap_of_every_kind(register: list[gaps.Entry]) -> None:
    """It holds at least what the recipes name."""
    assert len(register) >= 20
    assert {entry.gap.kind for entry in register} == set(gaps.KINDS)
    assert len({entry.name for entry in register}) == len(register)


def test_every_gap_leads_to_a_recipe(register: list[gaps.Entry]) -> None:
    """The slug is that of a recipe in the book."""
    assert {entry.gap.recipe for entry in register} <= set(recipe.slugs())


def test_every_version_exists(register: list[gaps.Entry]) -> None:
    """A gap was seen in a version that is installed or older, and mended in a later one that is no newer."""
    known = gaps.installed(register)
    for entry in register:
        steps = [Version(one) for one in (entry.gap.version, entry.gap.mended, known[entry.gap.tool]) if one]
        assert steps == sorted(steps), entry.name


def test_every_reproducer_is_short_and_has_a_title(register: list[gaps.Entry]) -> None:
    """A title is one line without its full stop; the code stands on the page, without its declaration."""
    for entry in register:
        assert re.fullmatch(r"\S.*[^.]", entry.title), entry.name
        assert entry.code, entry.name
        assert len(entry.code.splitlines()) <= 15, entry.name
        assert "Gap(" not in entry.code, entry.name


def test_every_test_of_the_folder_is_in_the_register(repository: Path, register: list[gaps.Entry]) -> None:
    """What pytest runs there and what the page shows are the same tests."""
    texts = [path.read_text(encoding="utf-8") for path in (repository / gaps.FOLDER).glob("*.py")]
    written = {name for text in texts for name in re.findall(r"^ *(?:async )?def (test_\w+)", text, re.MULTILINE)}
    assert {entry.name for entry in register} == written


def test_threads_are_named_as_in_a_text() -> None:
    """An issue or pull request has the name of its repository and its number."""
    thread = "https://github.com/scikit-hep/boost-histogram/pull/75"
    assert replace(GAP, thread=thread).thread_name == "boost-histogram#75"
    assert GAP.thread_name == ""


def test_a_gap_is_read_without_running_it(tmp_path: Path) -> None:
    """Title, code and place come from the text of the test."""
    [entry] = gaps.read(_test(tmp_path, _declared(), "x = 1\nassert x == 2"))
    assert (entry.gap, entry.title, entry.path) == (GAP, "It `fails`", "tests/gaps/test_tool.py")
    assert entry.code == "x = 1\nassert x == 2"


def test_no_folder_is_an_empty_register(tmp_path: Path) -> None:
    """A book without the tests is built all the same."""
    assert gaps.read(tmp_path) == []


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ("@pytest.mark.slow", "declares no gap"),
        (_declared().replace("effect='Bins move.', ", ""), "effect"),
        (_declared().replace("'Bins move.'", "' '"), "nothing for effect"),
        (_declared().replace("'silent'", "'odd'"), "expected one of silent, crash"),
        (_declared().replace("'none found'", "'https://example.org/1'"), "expected the address of an issue"),
        (_declared().replace("'Bins move.'", "MOVED"), "malformed node"),
    ],
)
def test_an_incomplete_gap_is_refused(tmp_path: Path, declaration: str, said: str) -> None:
    """The message names file, test and what is wrong."""
    with pytest.raises(GapError, match=said) as error:
        gaps.read(_test(tmp_path, declaration))
    assert "tests/gaps/test_tool.py: test_it: " in str(error.value)


def _fails() -> None:
    raise AssertionError("got 1")


def _passes() -> None:
    pass


def test_a_gap_that_looks_as_declared_is_expected() -> None:
    """Only the error that the register tells of counts as the gap."""
    reproducer = shows(GAP)(_fails)
    [mark] = reproducer.pytestmark  # type: ignore[attr-defined]
    assert (mark.name, mark.kwargs["strict"], mark.kwargs["raises"]) == ("xfail", True, Shown)
    with pytest.raises(Shown, match="got 1"):
        reproducer()


def test_a_gap_that_looks_different_is_an_error() -> None:
    """Another failure is passed on, and pytest does not expect it."""
    with pytest.raises(AssertionError, match="got 1"):
        shows(replace(GAP, shows="got 2"))(_fails)()


def test_a_gap_that_is_mended_passes() -> None:
    """Nothing is raised, which a strict xfail makes red; one that is said to be mended is an ordinary test."""
    shows(GAP)(_passes)()
    mended = shows(replace(GAP, mended="2.13.0"))(_fails)
    assert not hasattr(mended, "pytestmark")
    with pytest.raises(AssertionError, match="got 1"):
        mended()


def test_a_crash_names_its_signal(tmp_path: Path) -> None:
    """What dies does so in a process of its own; what merely fails there is not a crash."""
    path = tmp_path / "test_dies.py"
    path.write_text(
        "import os\nfrom pathlib import Path\n\n"
        "def dies(folder: Path) -> None:\n    (folder / 'ran').touch()\n    os.abort()\n\n"
        "def fails() -> None:\n    raise ValueError('not a crash')\n\ndef works() -> None:\n    pass\n"
    )
    spec = importlib.util.spec_from_file_location("test_dies", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(AssertionError, match=r"^SIGABRT"):
        alone(module.dies, tmp_path)
    assert (tmp_path / "ran").exists()
    with pytest.raises(AssertionError, match="not a crash"):
        alone(module.fails)
    alone(module.works)


def test_an_error_has_to_name_what_is_wrong() -> None:
    """Neither silence nor an error about something else will do."""
    with refused("muon"):
        raise KeyError("muon")
    with pytest.raises(AssertionError, match="no error"), refused("muon"):
        pass
    with pytest.raises(AssertionError, match="map::at"), refused("muon"):
        raise KeyError("map::at")
