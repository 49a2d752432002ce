"""The process in which one engine of a recipe is timed: `python -m cookbook.timing_worker DESCRIPTOR`.

It must start fresh: neither engine, nor anything an engine imports, is imported before the clock runs. The descriptor
is that of an inherited pipe: the job comes through it, then one turn at a time, and what was measured goes back.
Between two turns the process sleeps, so that others can take theirs.
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

from cookbook import timing_load
from cookbook.recipe import Recipe, load
from cookbook.timing_resolution import FACTOR, FLOOR

Run = Callable[[Any], None]


def main() -> None:
    """Start up, then take each turn received (which parameters, on which files, how often) until None is."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with Connection(int(sys.argv[1])) as connection:
        runs, bytes_read, started = start(connection.recv())
        connection.send(started)
        for case, sizes, times in iter(connection.recv, None):
            connection.send(turn(runs[case], sizes, times, bytes_read))
        connection.send({"peak_memory_mb": _peak_memory_mb()})


def start(job: Mapping[str, Any]) -> tuple[Sequence[Run], Callable[[], int], dict[str, float | None]]:
    """Return how to run, how to ask for the bytes read so far, and the seconds of definition and of the first run.

    There is one way to run for each set of parameters in the job; what is timed here is the first. Seconds are None
    where the process had to wait for more than half of them.
    """
    recipe, kind = load(job["notebook"]), job["kind"]
    first, *others = [recipe.parameters(values) for values in job["parameters"]]
    os.environ.setdefault("EXTRA_CLING_ARGS", "-O2")  # where the recipe does not set it; without it, ROOT takes -O1
    before = timing_load.now()
    runs = [_floor(recipe) if kind == FLOOR else _engine(recipe, kind, first)]
    import_s = _resolved(timing_load.spent(before, timing_load.now()))
    bytes_read = _uproot_bytes() if kind.startswith("coffea") else _root_bytes
    before = timing_load.now()
    runs[0](job["first"])
    first_run_s = _resolved(timing_load.spent(before, timing_load.now()))
    runs += [_engine(recipe, kind, namespace) for namespace in others]
    return runs, bytes_read, {"import_s": import_s, "first_run_s": first_run_s}


def turn(run: Run, sizes: Sequence[Any], times: int, bytes_read: Callable[[], int]) -> dict[str, Any]:
    """Run on each of the sizes so many times, and return the mean seconds of each and what disturbed them all."""
    seconds = []
    begun = timing_load.now()
    for files in sizes:
        before = bytes_read()
        seconds.append(_timed(partial(run, files), times))
    spent = timing_load.spent(begun, timing_load.now())
    return {
        "seconds": seconds,
        "wall_s": spent.wall_s,
        "disturbances": timing_load.disturbances(spent, os.cpu_count() or 1),
        "bytes_read": (bytes_read() - before) // times,
    }


def _resolved(run: timing_load.Load) -> float | None:
    """Return the seconds of a run that can't be repeated; None where it waited too long to tell what it takes."""
    return run.wall_s if run.wall_s <= FACTOR * run.cpu_s else None


def _timed(action: Callable[[], None], times: int = 1) -> float:
    gc.collect()
    start = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - start) / times


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

    branches = recipe.branches(recipe.parameters())

    def run(files: Any) -> None:
        for path in paths(files):
            with ROOT.TFile.Open(path) as file:
                for tree, names in branches.items():
                    decompress(file.Get(tree), names)

    return run


def decompress(tree: Any, names: Sequence[str]) -> None:
    """Read all baskets of those of the branches that ROOT's tree has, and drop them."""
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
