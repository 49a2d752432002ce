"""What the tools lack where a part of a job fails, each gap with its smallest reproducer."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ROOT
import uproot
from coffea import processor
from coffea.nanoevents import BaseSchema

from cookbook.gaps import Gap
from reproduced import refused, shows, tree
from small_files import jagged


def files_in(folder: Path) -> list[str]:
    """Write two files of 100 events each and return their paths."""
    return [tree(folder / f"{name}.root", x=np.arange(100, dtype="f4")) for name in ("first", "second")]


def events_in(paths: Sequence[str], work: Any, **options: Any) -> int:
    """Return how many events coffea's runner says that it saw."""
    options = {"executor": processor.IterativeExecutor(retries=0), **options}
    runner = processor.Runner(schema=BaseSchema, metadata_cache={}, **options)
    return int(runner({"sample": {"treename": "Events", "files": list(paths)}}, work)["n"])


def counted(events: Any) -> dict[str, int]:
    """Return the number of events of a chunk."""
    return {"n": len(events)}


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="no error",
        effect="A worker that cannot open a map of scale factors skips all its chunks as bad files, with a warning.",
        instead="Hold `processed`, which `Runner.run` returns, against the catalogue.",
        recipe="failures-and-resume",
        thread="https://github.com/scikit-hep/coffea/issues/438",
    )
)
@pytest.mark.filterwarnings("ignore:Skipping bad file")
def test_error_of_the_analysis_is_a_bad_file(tmp_path: Path) -> None:
    """`skipbadfiles` takes an OSError of the processor for one of the input."""
    paths = files_in(tmp_path)

    def work(events: Any) -> dict[str, int]:
        if events.metadata["filename"] == paths[1]:
            (tmp_path / "muon_sf.json").read_text()
        return counted(events)

    with refused("muon_sf.json"):
        events_in(paths, work, skipbadfiles=True)


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="200 events after the edit",
        effect="After a change of a cut the run is quick, and its histograms are those of the old cut.",
        instead="Give each version of the code a folder, or put a hash of it into `filepath` of a subclass.",
        recipe="failures-and-resume",
        thread="https://github.com/scikit-hep/coffea/pull/1420",
    )
)
def test_checkpoint_of_other_code(tmp_path: Path) -> None:
    """`SimpleCheckpointer` names a result after file and range, not after the processor."""
    paths, kept = files_in(tmp_path), processor.SimpleCheckpointer(str(tmp_path / "kept"))
    events_in(paths, counted, checkpointer=kept)
    got = events_in(paths, lambda events: counted(events[events.x > 49]), checkpointer=kept)
    assert got == 100, f"{got} events after the edit"


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="error",
        shows="No chunks returned results",
        effect="One failed chunk of a thousand takes the others with it, and the error is not that of the chunk.",
        instead="Use checkpoints, and run again.",
        recipe="failures-and-resume",
        thread="https://github.com/scikit-hep/coffea/pull/646",
    )
)
def test_recovery_of_what_was_merged(tmp_path: Path) -> None:
    """`recoverable=True` gives back what waits to be merged, not what was."""
    paths = files_in(tmp_path)

    def work(events: Any) -> dict[str, int]:
        if events.metadata["filename"] == paths[1]:
            time.sleep(5)  # until the other is merged
            raise KeyError("a column")
        return counted(events)

    executor = processor.FuturesExecutor(pool=ThreadPoolExecutor, recoverable=True, retries=0, compression=None)
    with refused("a column"):
        events_in(paths, work, executor=executor, pre_executor=processor.IterativeExecutor())


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="no error",
        effect="A transfer that stopped half way costs a file's events; as the last of a list it ends the run.",
        instead="Make a frame for each file, or ROOT's errors exceptions; count events against the catalogue.",
        recipe="failures-and-resume",
        thread="none found",
    )
)
def test_file_cut_short_between_others(tmp_path: Path) -> None:
    """A file that cannot be recovered is left out of a chain."""
    first, last = files_in(tmp_path)
    (tmp_path / "short.root").write_bytes(Path(first).read_bytes()[:400])
    with refused("short.root"):
        ROOT.RDataFrame("Events", [first, str(tmp_path / "short.root"), last]).Sum("x").GetValue()


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="SIGSEGV",
        effect="One damaged file ends a job of a thousand, and no exception says which it was.",
        instead="Do each file in a process of its own, or let ROOT's errors be exceptions.",
        recipe="failures-and-resume",
        thread="none found",
    )
)
def test_damaged_basket_of_a_list(tmp_path: Path) -> None:
    """An expression of two lists goes on where the basket of one could not be read."""
    x = jagged([[float(i)] * (i % 9) for i in range(2000)], "f4")
    path = tree(tmp_path / "damaged.root", x=x, y=x)
    with uproot.open({path: "Events/x"}) as branch:
        key = branch.basket_key(0)
    with Path(path).open("r+b") as file:
        file.seek(key.fSeekKey)
        file.write(bytes(key.fNbytes))
    with refused("damaged.root"):
        ROOT.RDataFrame("Events", path).Define("z", "x * cosh(y)").Sum("z").GetValue()
