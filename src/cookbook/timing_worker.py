"""The process in which one engine of a recipe is timed: `python -m cookbook.timing_worker`, a job on standard input.

It must start fresh: neither engine, nor anything an engine imports, is imported before the clock runs.
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cookbook.recipe import Engine, Recipe, load

Run = Callable[[Any], None]


def main() -> None:
    """Read the job from standard input, measure, and write the result to the file the job names."""
    job = json.load(sys.stdin)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    Path(job["result"]).write_text(json.dumps(measure(job)))


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the times in seconds, peak memory in MB and bytes read from the large input, for one process."""
    small, large = job["sizes"]
    recipe = load(job["notebook"])
    kind = job["kind"]
    import_s = _timed(lambda: exec("import uproot" if kind == "floor" else recipe.imports(kind), {}))
    namespace = recipe.parameters()
    bytes_read = _root_bytes if kind == "rdataframe" else _uproot_bytes()
    started = time.perf_counter()
    run = _floor(recipe) if kind == "floor" else _engine(recipe, kind, namespace)
    run(small)
    first_run_s = time.perf_counter() - started
    times: dict[str, list[float]] = {"warm_small_s": [], "warm_large_s": []}
    read = 0
    for _ in range(job["warm_runs"]):
        times["warm_small_s"].append(_timed(lambda: run(small)))
        before = bytes_read()
        times["warm_large_s"].append(_timed(lambda: run(large)))
        read = bytes_read() - before
    return {
        "import_s": import_s,
        "first_run_s": first_run_s,
        "peak_memory_mb": _peak_memory_mb(),
        "bytes_read": read,
        **times,
    }


def _timed(action: Callable[[], None]) -> float:
    gc.collect()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _engine(recipe: Recipe, engine: Engine, namespace: dict[str, Any]) -> Run:
    """Define the engine's function, and return how to run it to the end."""
    function = recipe.define(engine, namespace)
    return lambda files: _complete(function(files))


def _complete(results: Mapping[str, Any]) -> None:
    """Make lazy results happen: the first triggers the event loop for all."""
    for result in results.values():
        if hasattr(result, "GetValue"):
            result.GetValue()


def _floor(recipe: Recipe) -> Run:
    """Return a function that reads and decompresses the recipe's branches and does nothing else."""
    import uproot

    from cookbook.inputs import paths

    def run(files: Any) -> None:
        for path in paths(files):
            with uproot.open(path) as file:
                for tree, names in recipe.metadata["branches"].items():
                    _decompress(file[tree], names)

    return run


def _decompress(tree: Any, names: Sequence[str]) -> None:
    for name in names:
        if name in tree:
            for basket in range(tree[name].num_baskets):
                _ = tree[name].basket(basket).data


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
