"""How long a job takes on many cores: a cost model with few terms, of which the largest is the bottleneck.

Each core pays its start. Then the cores compute, the storage delivers bytes, and one scheduler hands out tasks, all at
the same time: the slowest of the three decides. At the end one process adds the results of all cores. The page "How far
does it go" fits the costs and predicts with them; its calculator (`reach.js`) repeats `terms` in the browser.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from cookbook.recipe import engine_of, title
from cookbook.timing_resolution import FLOOR
from cookbook.timings import Record

__all__ = ["Costs", "Job", "bottleneck", "calculator", "costs_of", "seconds", "terms"]

_TEMPLATES = Environment(
    loader=PackageLoader("cookbook", "templates"), autoescape=select_autoescape(["html"]), undefined=StrictUndefined
)


@dataclass(frozen=True)
class Costs:
    """What one engine takes.

    `start_s` once on each core, `event_s` for each event of a nominal job, `variation` of that again for each
    variation, `event_bytes` read for each event, `task_s` of the scheduler for each task, `merge_s` for each MB (1e6
    bytes) of a core's result.
    """

    start_s: float
    event_s: float
    variation: float
    event_bytes: float
    task_s: float
    merge_s: float


@dataclass(frozen=True)
class Job:
    """What is to be done: `storage` is what it delivers in bytes per second, `result_mb` the size of all histograms."""

    events: float
    cores: int
    variations: int = 0
    task_events: float = 100_000
    storage: float = 1e9
    result_mb: float = 0.0

    @property
    def used(self) -> int:
        """The cores that have a task to do."""
        return min(self.cores, max(1, math.ceil(self.events / self.task_events)))


def terms(costs: Costs, job: Job) -> dict[str, float]:
    """Return the seconds that each part of a job takes."""
    event_s = costs.event_s * (1 + costs.variation * job.variations)
    return {
        "start": costs.start_s,
        "compute": job.events * event_s / job.used,
        "storage": job.events * costs.event_bytes / job.storage,
        "scheduler": job.events / job.task_events * costs.task_s,
        "merging": job.used * job.result_mb * costs.merge_s,
    }


def seconds(costs: Costs, job: Job) -> float:
    """Return how long a job takes."""
    each = terms(costs, job)
    return each["start"] + max(each["compute"], each["storage"], each["scheduler"]) + each["merging"]


def bottleneck(costs: Costs, job: Job) -> str:
    """Return the part that takes longest."""
    each = terms(costs, job)
    return max(each, key=each.__getitem__)


def costs_of(record: Record, shared: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Return the costs of each engine whose rate the timing of a recipe resolved, as the calculator takes them.

    Parameters
    ----------
    record
        The timing of a recipe.
    shared
        By engine, what is not of this recipe: `variation`, `task_s` and `merge_s`.

    Returns
    -------
    dict
        By engine or variant: its `Costs`, its `title`, `memory_mb` of a process, and `spread`, the factors by which the
        time for an event was below and above its median.
    """
    found = {}
    for engine, timing in record["engines"].items():
        if engine == FLOOR or not timing["warm_rate_hz"] or timing["start_s"] is None:
            continue
        per_event = timing["bytes_read"] / timing["events"][1]
        own = shared[engine_of(engine)]
        costs = Costs(timing["start_s"], 1 / timing["warm_rate_hz"], event_bytes=per_event, **own)
        range_hz = timing["rate_range_hz"] or [timing["warm_rate_hz"]] * 2
        spread = [timing["warm_rate_hz"] / rate for rate in range_hz]
        found[engine] = {
            **asdict(costs),
            "title": title(engine),
            "memory_mb": timing["peak_memory_mb"],
            "spread": sorted(spread),
        }
    return found


def calculator(costs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the form in which `reach.js` calculates, with the costs of recipes, each by engine as of `costs_of`."""
    known = {slug: of for slug, of in costs.items() if of}
    embedded = Markup(json.dumps(known).replace("<", "\\u003c"))
    return _TEMPLATES.get_template("reach.html").render(slugs=sorted(known), costs=embedded)
