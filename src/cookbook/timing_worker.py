"""The process in which one engine of a recipe is timed: `python -m cookbook.timing_worker DESCRIPTOR`.

It must start fresh: neither engine, nor anything an engine imports, is imported before the clock runs. The descriptor
is that of an inherited pipe: the job comes through it, then which set of parameters and which size to run, a pair at
a time, and what was measured goes back. Between two sizes the process sleeps, so that others can be timed in turn.
"""

from __future__ import annotations

import gc
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cookbook.recipe import Recipe, load

Run = Callable[[Any], None]


def main() -> None:
    """Start up on the small input, then time each pair of case and size received, until None is."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with Connection(int(sys.argv[1])) as connection:
        job = connection.recv()
        runs, bytes_read, started = start(job)
        connection.send(started)
        for case, size in iter(connection.recv, None):
            before = bytes_read()
            seconds = _timed(partial(runs[case], job["sizes"][size]))
            connection.send({"seconds": seconds, "bytes_read": bytes_read() - before})
        connection.send({"peak_memory_mb": _peak_memory_mb()})


def start(job: Mapping[str, Any]) -> tuple[Sequence[Run], Callable[[], int], dict[str, float]]:
    """Return how to run, how to ask for the bytes read so far, and the seconds of definition and of the first run.

    There is one way to run for each set of parameters in the job; what is timed here is the first.
    """
    recipe, kind = load(job["notebook"]), job["kind"]
    first, *others = [recipe.parameters(values) for values in job["parameters"]]
    began = time.perf_counter()
    runs = [_floor(recipe) if kind == "floor" else _engine(recipe, kind, first)]
    import_s = time.perf_counter() - began
    bytes_read = _uproot_bytes() if kind.startswith("coffea") else _root_bytes
    first_run_s = _timed(partial(runs[0], job["sizes"][0]))
    runs += [_engine(recipe, kind, namespace) for namespace in others]
    return runs, bytes_read, {"import_s": import_s, "first_run_s": first_run_s}


def _timed(action: Callable[[], None]) -> float:
    gc.collect()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _engine(recipe: Recipe, variant: str, namespace: dict[str, Any]) -> Run:
    """Define the engine's function, and return how to run it to the end."""
    function = recipe.define(variant, namespace)

    def run(files: Any) -> None:
        _forget_files()
        _complete(function(files))

    return run


def _forget_files() -> None:
    """Make coffea's runner look into every file again, as it must for files it has not seen before."""
    executor = sys.modules.get("coffea.processor.executor")
    if executor is not None:
        executor.DEFAULT_METADATA_CACHE.clear()


def _complete(results: Mapping[str, Any]) -> None:
    """Make lazy results happen: the first triggers the event loop for all."""
    for result in results.values():
        if hasattr(result, "GetValue"):
            result.GetValue()


def _floor(recipe: Recipe) -> Run:
    """Return a function that reads and decompresses the recipe's branches and does nothing else.

    ROOT reads the baskets: of the two readers it is the one with less overhead for each.
    """
    import ROOT

    from cookbook.inputs import paths

    def run(files: Any) -> None:
        for path in paths(files):
            with ROOT.TFile.Open(path) as file:
                for tree, names in recipe.metadata["branches"].items():
                    _decompress(file.Get(tree), names)

    return run


def _decompress(tree: Any, names: Sequence[str]) -> None:
    for branch in filter(None, map(tree.GetBranch, names)):
        for basket in range(branch.GetWriteBasket()):
            branch.GetBasket(basket)
        branch.DropBaskets("all")


def _uproot_bytes() -> Callable[[], int]:
    """Count the bytes that uproot asks its sources for, from now on."""
    import uproot

    sources: list[Any] = []
    start = uproot.reading.ReadOnlyFile.__init__

    def remember(file: Any, *args: Any, **kwargs: Any) -> None:
        start(file, *args, **kwargs)
        sources.append(file.source)

    uproot.reading.ReadOnlyFile.__init__ = remember
    return lambda: sum(source.num_requested_bytes for source in sources)


def _root_bytes() -> int:
    import ROOT

    return int(ROOT.TFile.GetFileBytesRead())


def _peak_memory_mb() -> float:
    """Return the largest resident memory of this process in MB (1e6 bytes).

    The kernel's own mark, since getrusage's also counts the parent that started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        if found:
            return int(found.group(1)) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
