"""Count the events that both engines have read, in the kernel, and show them outside while cells run.

The kernel loads this module as an IPython extension, which hooks into coffea and ROOT once a notebook has imported
them. Both count into a file that the process outside maps into its memory as well. No code of a recipe knows of it.
"""

from __future__ import annotations

import os
import sys
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["EXTENSION", "VARIABLE", "Counts", "load_ipython_extension", "shared"]

EXTENSION = "cookbook.progress"
#: Names the file of the counts to the kernel.
VARIABLE = "COOKBOOK_PROGRESS"
ENGINES = ("coffea", "RDataFrame")
STEP = 1000  # events of a data frame between two counts
# The count is an action of the frame's own loop, with a result that nobody reads but that must live as long.
COUNTER = """
namespace cookbook {{
void count_events(ROOT::RDF::RNode node)
{{
    static auto *kept = new std::vector<ROOT::RDF::RResultPtr<ULong64_t>>;
    auto *events = reinterpret_cast<std::atomic<ULong64_t> *>({address}ull);
    auto count = node.Count();
    count.OnPartialResultSlot({step}, [events](unsigned, ULong64_t &) {{ *events += {step}; }});
    kept->push_back(count);
}}
}}
"""

Events = npt.NDArray[np.uint64]


def shared(path: Path, new: bool = False) -> Events:
    """Return the counts of both engines in a file, as two numbers that all processes share."""
    return np.memmap(path, dtype=np.uint64, mode="w+" if new else "r+", shape=(len(ENGINES),))


class Counts:
    """The events that each engine has read in the cell that runs, seen from outside, of `events` in all files."""

    def __init__(self, path: Path, events: int) -> None:
        self.path, self._read, self._events = path, shared(path, new=True), events

    @property
    def expected(self) -> int:
        """Events that the whole job reads: all of them in each engine."""
        return len(ENGINES) * self._events

    def read(self) -> int:
        """Return what both engines have read, at most what is expected: a few recipes read files more than once."""
        return sum(min(int(n), self._events) for n in self._read)

    def line(self) -> str:
        """Return what each engine has read; RDataFrame counts in steps."""
        told = [f"{name} {int(n):,}" for name, n in zip(ENGINES, self._read, strict=True) if n]
        return f"{', '.join(told)} of {self._events:,} events" if told else ""


def load_ipython_extension(shell: Any) -> None:
    """Count from now on, by cell; called by IPython."""
    counts, hooked = shared(Path(os.environ[VARIABLE])), set[str]()

    def before_a_cell(*_: object) -> None:
        counts[:] = 0
        _hook(counts, hooked)

    shell.events.register("pre_run_cell", before_a_cell)


def _hook(counts: Events, hooked: set[str]) -> None:
    for name, hook in (("coffea.processor.executor", _hook_coffea), ("ROOT", _hook_root)):
        if name in sys.modules and name not in hooked:
            hooked.add(name)
            hook(sys.modules[name], counts)


def _hook_coffea(executor: Any, counts: Events) -> None:
    """Count the events of each chunk when it has been processed."""
    original = executor.Runner._work_function

    @wraps(original)
    def counted(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        counts[0] += sum(len(one) for one in arguments if isinstance(one, executor.WorkItem))
        return result

    executor.Runner._work_function = staticmethod(counted)


def _hook_root(root: Any, counts: Events) -> None:
    """Count the events of every data frame while its loop runs."""
    original = root.RDataFrame
    root.gInterpreter.Declare(COUNTER.format(address=counts[1:].ctypes.data, step=STEP))

    @wraps(original, updated=())
    def counted(*arguments: Any, **named: Any) -> Any:
        frame = original(*arguments, **named)
        root.cookbook.count_events(root.RDF.AsRNode(frame))
        return frame

    root.RDataFrame = counted
