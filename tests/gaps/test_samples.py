"""What the tools lack where many samples are read in one go, each gap with its smallest reproducer."""

from pathlib import Path
from typing import Any

from coffea import processor
from coffea.nanoevents import BaseSchema

from cookbook.gaps import Gap
from reproduced import refused, shows, tree


def count(events: Any) -> dict[str, int]:
    """Return the number of events by dataset."""
    return {events.metadata["dataset"]: len(events)}


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="no error",
        effect="Its events count twice; where its sum of weights does so, too, only the uncertainty tells.",
        instead="Compare the resolved paths and the identifiers of all files before the run.",
        recipe="many-samples",
        thread="https://github.com/scikit-hep/coffea/pull/1400",
    )
)
def test_fileset_with_a_file_twice(tmp_path: Path) -> None:
    """`Runner` takes a file that stands twice in a fileset, in one dataset or in two."""
    path = tree(tmp_path / "a.root", x=[1.0, 2.0])
    fileset = {"a": {"treename": "Events", "files": [path, path]}, "b": {"treename": "Events", "files": [path]}}
    with refused("a.root"):
        processor.Runner(processor.IterativeExecutor(compression=None), schema=BaseSchema)(fileset, count)
