"""What disturbs a timed run: other work on the machine, as its kernel counts it.

Imported by the process that is timed: the standard library alone.
"""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LEAST_CPU", "MOST_OTHERS", "MOST_SWITCHES", "Load", "disturbances", "now", "spent"]

#: Share of its wall time that a run must have had its core. The rest went to other processes, or to waiting for a disk.
LEAST_CPU = 0.9
#: Context switches forced by others, per second. The kernel's own work takes a few; a process on the same core, one
#: for each of its time slices, which are of some milliseconds.
MOST_SWITCHES = 50.0
#: Share of the other cores that other work may keep busy: it takes caches, memory bandwidth and clock rate, on
#: hyperthreads half the core.
MOST_OTHERS = 0.5


@dataclass(frozen=True)
class Load:
    """What the kernel has counted: in total, or from one moment to another.

    `cpu_s` is that of this process, `busy_s` that of all processes and of the hypervisor on all cores (None where the
    kernel does not say), `average` the load average of the last minute. `switches` are the involuntary ones less the
    voluntary ones: where a thread of this process waits, as uproot's wait for those that read, it takes the core back
    from another of its own.
    """

    wall_s: float
    cpu_s: float
    switches: int
    busy_s: float | None
    average: float


def now() -> Load:
    """Return what has been counted so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    forced = used.ru_nivcsw - used.ru_nvcsw
    return Load(time.perf_counter(), time.process_time(), forced, _busy(), os.getloadavg()[0])


def spent(before: Load, after: Load) -> Load:
    """Return what was counted from one moment to another."""
    busy = None if before.busy_s is None or after.busy_s is None else after.busy_s - before.busy_s
    return Load(
        after.wall_s - before.wall_s, after.cpu_s - before.cpu_s, after.switches - before.switches, busy, after.average
    )


def disturbances(run: Load, cores: int) -> list[str]:
    """Name what disturbed a run of one thread; empty where nothing did.

    The load average lags by a minute, so it only decides where the kernel does not count the time of all processes.
    """
    found = []
    if run.cpu_s < LEAST_CPU * run.wall_s:
        found.append("CPU time")
    if run.switches > 1 + MOST_SWITCHES * run.wall_s:
        found.append("context switches")
    others = run.average - 1 if run.busy_s is None else (run.busy_s - run.cpu_s) / run.wall_s
    if cores > 1 and others > MOST_OTHERS * (cores - 1):
        found.append("load")
    return found


def _busy() -> float | None:
    """Return the CPU seconds of all processes on all cores: user, nice, system, interrupts and stolen."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _idle, _wait, *others = (int(n) for n in stat.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")
