"""What the tools lack where work is shared between processes, each gap with its smallest reproducer."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from coffea import processor
from coffea.nanoevents import BaseSchema, NanoAODSchema

from cookbook.gaps import Gap
from reproduced import shows, tree


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="missing",
        shows="2 pools",
        effect="Every run waits twice for processes that start and import, the first time to look at metadata.",
        instead="Give a pool that is running, as `FuturesExecutor(pool=pool)`.",
        recipe="cores",
        thread="none found",
    )
)
def test_pools_of_a_run(tmp_path: Path) -> None:
    """A run starts its pool twice, where the executor makes it."""
    path, started = tree(tmp_path / "a.root", x=[1.0, 2.0]), []

    def pool(max_workers: int) -> ThreadPoolExecutor:
        started.append(max_workers)
        return ThreadPoolExecutor(max_workers)

    executor = processor.FuturesExecutor(pool=pool, workers=1, status=False)
    run = processor.Runner(executor, schema=BaseSchema, metadata_cache={})
    run({"a": {"treename": "Events", "files": [path]}}, lambda events: {"n": len(events)})
    assert len(started) == 1, f"{len(started)} pools"


@shows(
    Gap(
        tool="cloudpickle",
        version="3.1.2",
        kind="silent",
        shows="True in a worker",
        effect="A setting of a schema is another in workers than in the notebook, where its base class was set, too.",
        instead="Set it in a subclass alone.",
        recipe="cores",
        thread="https://github.com/cloudpipe/cloudpickle/issues/584",
    )
)
def test_attribute_that_repeats_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute of a class that equals that of its base is not sent along."""
    monkeypatch.setattr(NanoAODSchema, "warn_missing_crossrefs", False)
    made = type("Schema", (NanoAODSchema,), {"warn_missing_crossrefs": False, "__module__": "__main__"})
    with processor.FuturesExecutor.pool(1) as pool:
        found = pool.submit(getattr, made, "warn_missing_crossrefs").result()
    assert found is False, f"{found} in a worker"
