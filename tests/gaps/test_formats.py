"""What the tools lack with RNTuple, each gap with its smallest reproducer."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import ROOT
import uproot
from coffea.nanoevents import BaseSchema, NanoEventsFactory

from cookbook.gaps import Gap
from reproduced import refused, shows


def ntuple(path: Path, **fields: Any) -> str:
    """Write a file with an RNTuple `Events` of these fields and return its path."""
    with uproot.recreate(path) as file:
        file.mkrntuple("Events", {name: np.asarray(values) for name, values in fields.items()})
    return str(path)


@shows(
    Gap(
        tool="uproot",
        version="5.7.7",
        kind="silent",
        shows="no error",
        effect="A misspelt name gives an array without that column, and what loops over columns has one less.",
        instead="Compare the names with `keys()` first.",
        recipe="rntuple",
        thread="none found",
    )
)
def test_field_that_is_missing(tmp_path: Path) -> None:
    """`arrays` of an RNTuple leaves out a name that it does not have."""
    with refused("y"):
        uproot.open(ntuple(tmp_path / "a.root", x=[1.0, 2.0]))["Events"].arrays(["x", "y"])


@shows(
    Gap(
        tool="uproot",
        version="5.7.7",
        kind="silent",
        shows="values [1.0, 2.0]",
        effect="A cut that a tree applies passes all events of the same content as RNTuple.",
        instead="Cut after reading.",
        recipe="rntuple",
        thread="https://github.com/scikit-hep/uproot5/pull/1705",
    )
)
def test_cut_while_reading(tmp_path: Path) -> None:
    """`arrays` of an RNTuple ignores `cut`."""
    events = uproot.open(ntuple(tmp_path / "a.root", x=[1.0, 2.0]))["Events"]
    values = events.arrays(["x"], cut="x > 1").x.to_list()
    assert values == [2], f"values {values}"


@shows(
    Gap(
        tool="uproot",
        version="5.7.7",
        kind="silent",
        shows="values [1.0000000000000568, 2.0]",
        effect="A bit that flipped on a disk is another momentum, though the format has a checksum for each page.",
        instead="Let ROOT write and read, which checks them, or compare the checksums as the recipe does.",
        recipe="rntuple",
        thread="none found",
    )
)
def test_page_with_a_flipped_bit(tmp_path: Path) -> None:
    """Writing with uproot makes no checksums of pages, and reading checks none."""
    with uproot.recreate(tmp_path / "a.root", compression=None) as file:
        file.mkrntuple("Events", {"x": np.array([1.0, 2.0])})
    with uproot.open(tmp_path / "a.root") as file:
        (((page,),),) = [[column.pages for column in cluster] for cluster in file["Events"].page_link_list]
    # the bytes of the values are split: those that count little come first
    place, content = page.locator.offset + 1, bytearray((tmp_path / "a.root").read_bytes())
    content[place] ^= 1
    (tmp_path / "a.root").write_bytes(content)
    with refused("checksum"):
        values = uproot.open(tmp_path / "a.root")["Events"].arrays(["x"]).x.to_list()
        raise AssertionError(f"values {values}")


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="SIGSEGV",
        effect="A skim without survivors ends the job.",
        instead="Ask every file for its entries before the frame is made.",
        recipe="rntuple",
        thread="none found",
    )
)
def test_frame_of_an_rntuple_without_entries(tmp_path: Path) -> None:
    """RDataFrame dies of an RNTuple without entries."""
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("Events", ak.Array({"x": np.ones(1)}).layout.form)
    assert ROOT.RDataFrame("Events", str(tmp_path / "a.root")).Sum("x").GetValue() == 0


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="SIGABRT",
        effect="A file that is gone ends the job, without an exception that a program could catch.",
        instead="Open every file before the frame is made.",
        recipe="rntuple",
        thread="none found",
    )
)
def test_rntuple_that_is_missing_behind_others(tmp_path: Path) -> None:
    """RDataFrame dies where a later RNTuple is missing."""
    with refused("missing.root"):
        files = [ntuple(tmp_path / "a.root", x=[1.0]), str(tmp_path / "missing.root")]
        ROOT.RDataFrame("Events", files).Sum("x").GetValue()


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="missing",
        shows="columns ['x']",
        effect="Scores in a file of their own cannot be joined: the friend is dropped without a word.",
        instead="Keep friends in trees.",
        recipe="rntuple",
        thread="none found",
    )
)
def test_friend_of_an_rntuple(tmp_path: Path) -> None:
    """An `RDatasetSpec` of RNTuples has no friends."""
    spec = ROOT.RDF.Experimental.RDatasetSpec()
    spec.AddSample(("sample", "Events", [ntuple(tmp_path / "a.root", x=[1.0])]))
    spec.WithGlobalFriends("Events", [ntuple(tmp_path / "b.root", score=[2.0])], "friend")
    columns = [str(name) for name in ROOT.RDataFrame(spec).GetColumnNames()]
    assert "friend.score" in columns, f"columns {columns}"


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="missing",
        shows="has no attribute 'title'",
        effect="Code for Dask has to stay with trees.",
        instead="Use the virtual mode, with an executor for the scale.",
        recipe="rntuple",
        thread="none found",
    )
)
def test_rntuple_in_dask_mode(tmp_path: Path) -> None:
    """`mode="dask"` fails on an RNTuple."""
    path = ntuple(tmp_path / "a.root", x=[1.0, 2.0])
    events = NanoEventsFactory.from_root({path: "Events"}, schemaclass=BaseSchema, mode="dask").events()
    assert ak.sum(events.x.compute()) == 3
