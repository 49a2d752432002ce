"""The register of what the tools lack: each gap is declared beside the test that reproduces it, and read from there.

Nothing is run or imported to read the register, so that the book is built where neither pytest nor a tool is.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from cookbook.versions import versions

__all__ = ["FOLDER", "KINDS", "NO_THREAD", "Entry", "Gap", "GapError", "installed", "read"]

#: What an analysis meets, the worst first.
KINDS: Mapping[str, str] = {
    "silent": "wrong without an error",
    "crash": "crash",
    "error": "unhelpful error",
    "missing": "missing",
}
NO_THREAD = "none found"
THREAD = re.compile(r"https://github\.com/[\w.-]+/([\w.-]+)/(?:issues|pull)/(\d+)")
FOLDER = Path("tests", "gaps")


class GapError(ValueError):
    """A gap is not declared as the register needs it; the message says which, what and how it should be."""


@dataclass(frozen=True)
class Gap:
    """What a tool lacks.

    Attributes
    ----------
    tool, version
        The tool, as it is called where it is installed, and the version in which this was seen.
    kind
        One of `KINDS`. A ``crash`` is reproduced in a process of its own.
    shows
        What the reproducer's error says as long as the gap is there: the signal's name where it crashes.
    effect
        What it does to an analysis.
    instead, recipe
        What to do instead, and the slug of the recipe that does it.
    thread
        Address of the issue or pull request that says the same, or ``none found``.
    mended
        The version that mended it, once one did: the reproducer then has to pass.
    """

    tool: str
    version: str
    kind: str
    shows: str
    effect: str
    instead: str
    recipe: str
    thread: str
    mended: str = ""

    def __post_init__(self) -> None:
        empty = [one.name for one in fields(self) if one.name != "mended" and not getattr(self, one.name).strip()]
        if empty:
            raise GapError(f"a gap of {self.tool or 'no tool'} has nothing for {', '.join(empty)}; expected a text")
        if self.kind not in KINDS:
            raise GapError(f"a gap of {self.tool} is of the kind {self.kind!r}; expected one of {', '.join(KINDS)}")
        if self.thread != NO_THREAD and not THREAD.fullmatch(self.thread):
            expected = f"the address of an issue or pull request on GitHub, or {NO_THREAD!r}"
            raise GapError(f"a gap of {self.tool} has the thread {self.thread!r}; expected {expected}")

    @property
    def thread_name(self) -> str:
        """The thread as one writes it in a text, such as ``root#20205``; empty without one."""
        found = THREAD.fullmatch(self.thread)
        return f"{found[1]}#{found[2]}" if found else ""


@dataclass(frozen=True)
class Entry:
    """A gap in the register: its title, the name and the code of its reproducer, and the file in which that stands."""

    gap: Gap
    title: str
    name: str
    code: str
    path: str

    @property
    def order(self) -> tuple[str, int, str]:
        """By tool, the worst first."""
        return self.gap.tool.casefold(), list(KINDS).index(self.gap.kind), self.title.casefold()


def read(root: Path) -> list[Entry]:
    """Read the register of a repository, sorted by tool, the worst first; empty where there is none.

    Raises
    ------
    GapError
        If a test there declares no gap, or a gap lacks something.
    """
    found = [entry for path in sorted((root / FOLDER).glob("test_*.py")) for entry in _of_file(path, root)]
    return sorted(found, key=lambda entry: entry.order)


def installed(register: Iterable[Entry]) -> dict[str, str]:
    """Return the versions of the tools in a register; what is not installed is left out."""
    # ROOT is among them in any case; as a package it has the number of its wheel.
    return versions({entry.gap.tool for entry in register} - {"ROOT"})


def _of_file(path: Path, root: Path) -> Iterator[Entry]:
    text = path.read_text(encoding="utf-8")
    for test in ast.parse(text).body:
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
            where = path.relative_to(root).as_posix()
            try:
                gap = _declared(test)
            except (GapError, TypeError, ValueError) as error:
                raise GapError(f"{where}: {test.name}: {error}") from error
            title = (ast.get_docstring(test) or "").partition("\n")[0].rstrip(".")
            # What stands before the docstring's end is the declaration; what follows is the reproducer.
            body = text.splitlines()[test.body[0].end_lineno or test.lineno : test.end_lineno]
            yield Entry(gap, title, test.name, textwrap.dedent("\n".join(body)).strip("\n"), where)


def _declared(test: ast.FunctionDef) -> Gap:
    """Read what stands in ``@shows(Gap(…))``."""
    if not ast.get_docstring(test):
        raise GapError("the test has no docstring, which is the gap's title")
    for mark in test.decorator_list:
        match mark:
            case ast.Call(func=ast.Name("shows"), args=[ast.Call(func=ast.Name("Gap"), args=[], keywords=given)]):
                return Gap(**{str(one.arg): ast.literal_eval(one.value) for one in given})
    raise GapError("the test declares no gap; expected @shows(Gap(tool=…, …)) with plain texts")
