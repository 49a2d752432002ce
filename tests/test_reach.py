"""The cost model: its limits, its bottlenecks, and what it takes from a timing."""

import json
import re
from typing import Any

import pytest

from cookbook import reach

COSTS = reach.Costs(start_s=10, event_s=1e-5, variation=0.1, event_bytes=1000, task_s=1e-3, merge_s=0.01)
JOB = reach.Job(events=1e8, cores=100, variations=10, result_mb=1)


def test_each_part_follows_its_formula() -> None:
    """In seconds: 1e8 events of 20 us on 100 cores, 100 GB at 1 GB/s, 1000 tasks, 100 results of 1 MB."""
    assert reach.terms(COSTS, JOB) == pytest.approx(
        {"start": 10, "compute": 20, "storage": 100, "scheduler": 1, "merging": 1}
    )
    assert reach.seconds(COSTS, JOB) == pytest.approx(10 + 100 + 1)
    assert reach.bottleneck(COSTS, JOB) == "storage"


def test_no_more_cores_work_than_there_are_tasks() -> None:
    """Of a job of three tasks."""
    small = reach.Job(events=250_000, cores=100, task_events=100_000)
    assert small.used == 3
    assert reach.terms(COSTS, small)["compute"] == pytest.approx(250_000 * 1e-5 / 3)
    assert reach.Job(events=0, cores=100).used == 1


def timing(**changes: Any) -> dict[str, Any]:
    """Return what a record says of one engine."""
    usual = {"events": [1, 1000], "bytes_read": 5000, "start_s": 2.0, "warm_rate_hz": 1e5, "peak_memory_mb": 300.0}
    return {**usual, "rate_range_hz": [0.8e5, 1.25e5], **changes}


SHARED = {engine: {"variation": 0.1, "task_s": 1e-3, "merge_s": 0.01} for engine in ("coffea", "rdataframe")}


def test_costs_come_from_a_timing() -> None:
    """Engines whose rate was not resolved have none, and the read floor is no engine."""
    engines = {"coffea": timing(), "rdataframe": timing(warm_rate_hz=None), "coffea_numba": timing(), "floor": timing()}
    found = reach.costs_of({"engines": engines}, SHARED)
    assert found.keys() == {"coffea", "coffea_numba"}
    assert found["coffea"] == {
        "start_s": 2.0,
        "event_s": 1e-5,
        "variation": 0.1,
        "event_bytes": 5.0,
        "task_s": 1e-3,
        "merge_s": 0.01,
        "title": "coffea",
        "memory_mb": 300.0,
        "spread": [0.8, 1.25],
    }


def test_the_calculator_embeds_the_costs() -> None:
    """As text that ends no script, and without recipes that have none."""
    costs = reach.costs_of({"engines": {"coffea": timing()}}, SHARED)
    costs["coffea"]["title"] = "</script>"
    page = reach.calculator({"b": costs, "a": costs, "none": {}})
    assert re.findall("<option>(.*?)</option>", page) == ["a", "b"]
    embedded = re.search(r'<script type="application/json">(.*?)</script>', page, re.S)
    assert embedded
    assert json.loads(embedded[1]) == {"a": costs, "b": costs}
