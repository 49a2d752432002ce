"""Declare a test as the reproducer of a gap in the register: it fails as the register says, for as long as it says so.

Run with the path of such a test, its name and the folder it may write to, this module is the process of its own in
which a crash happens.
"""

import functools
import inspect
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cookbook.gaps import Gap
from small_files import write

__all__ = ["Shown", "alone", "refused", "shows", "tree"]

Reproducer = Callable[..., None]
SECONDS = 300


class Shown(Exception):  # noqa: N818 (nothing is wrong with the test)
    """The gap is there, and looks as the register says."""


def shows(gap: Gap) -> Callable[[Reproducer], Reproducer]:
    """Mark a test that holds once the gap is mended, and until then fails with what the gap shows.

    Where it passes, or fails in another way, the run is red: the register has to say what happened. A gap that says
    in which version it was mended is a test like any other.
    """

    def declare(reproducer: Reproducer) -> Reproducer:
        @functools.wraps(reproducer)
        def judged(**given: Path) -> None:
            _root_as_it_is()
            try:
                if gap.kind == "crash":
                    alone(reproducer, *given.values())
                else:
                    reproducer(**given)
            except Exception as error:
                if gap.mended or gap.shows not in str(error):
                    raise
                raise Shown(gap.shows) from error

        if gap.mended:
            return judged
        reason = f"{gap.tool} {gap.version}, {gap.thread}. If it passes, give the gap the version that mended it: "
        reason += f"mended=…, and let the recipe {gap.recipe} do without the way round"
        return pytest.mark.xfail(strict=True, raises=Shown, reason=reason)(judged)

    return declare


def _root_as_it_is() -> None:
    """Take out the handler that turns ROOT's errors into exceptions, where a recipe of this process has put it in."""
    if "ROOT" in sys.modules:
        sys.modules["ROOT"].gInterpreter.ProcessLine("SetErrorHandler(DefaultErrorHandler);")


def alone(reproducer: Reproducer, *folder: Path) -> None:
    """Run a reproducer in a process of its own; dying of a signal is an error that begins with the signal's name."""
    command = [sys.executable, __file__, inspect.getfile(reproducer), reproducer.__name__, *map(str, folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if ended.returncode < 0:
        raise AssertionError(f"{signal.Signals(-ended.returncode).name}\n{ended.stderr}")
    if ended.returncode:
        raise AssertionError(ended.stderr)


@contextmanager
def refused(naming: str) -> Iterator[None]:
    """Hold where what is inside ends with an error that names something."""
    try:
        yield
    except Exception as error:
        said = str(error)
    else:
        said = "no error"
    assert naming in said, said


def tree(path: Path, **branches: Any) -> str:
    """Write a file with a tree `Events` of these branches and return its path."""
    lists = {name: np.asarray(values) if isinstance(values, list) else values for name, values in branches.items()}
    return write(path, lists, None)


def _run(path: str, name: str, *folder: str) -> None:
    """Run a reproducer here, and die of a signal at once: ROOT would first ask a debugger where it stands."""
    spec = util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if "ROOT" in sys.modules:
        sys.modules["ROOT"].gEnv.SetValue("Root.Stacktrace", 0)
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        signal.signal(number, signal.SIG_DFL)
    inspect.unwrap(getattr(module, name))(*map(Path, folder))


if __name__ == "__main__":
    _run(*sys.argv[1:])
