"""What the tools lack where they read and write files, each gap with its smallest reproducer."""

import contextlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import ROOT
import uproot
from coffea import processor
from coffea.nanoevents import BaseSchema, NanoEventsFactory

from cookbook.gaps import Gap
from reproduced import refused, shows, tree
from small_files import event_columns, jagged, write


@contextmanager
def two_threads() -> Iterator[None]:
    """Let ROOT use two threads."""
    ROOT.EnableImplicitMT(2)
    try:
        yield
    finally:
        ROOT.DisableImplicitMT()


def first_basket(path: str) -> slice:
    """Return where the compressed content of the first basket of `x` stands in a file, without its header."""
    with uproot.open(path) as file:
        key = file["Events"]["x"].basket_key(0)
    return slice(key.fSeekKey + key.fKeylen + 9, key.fSeekKey + key.fNbytes)


def overwrite(path: str, places: slice, change: int) -> None:
    """Change the bits of a byte in each of these places of a file."""
    content = np.frombuffer(Path(path).read_bytes(), "u1").copy()
    content[places] ^= np.uint8(change)
    Path(path).write_bytes(content.tobytes())


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="error",
        shows="could not retrieve value for column 'x'",
        effect="Of a hundred files one is damaged, and the exception does not say which; a line on stderr does.",
        instead="Let the program that checks all files before the run read the branches once.",
        recipe="mixed-productions",
        thread="none found",
    )
)
def test_basket_that_cannot_be_unpacked(tmp_path: Path) -> None:
    """The exception for a basket that cannot be read does not name its file, but proposes a default value."""
    path = tree(tmp_path / "damaged.root", x=np.arange(1000, dtype="f4"))
    start = first_basket(path).start
    overwrite(path, slice(start - 9, start), 0xFF)
    with refused("damaged.root"):
        ROOT.RDataFrame("Events", path).Sum("x").GetValue()


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="other values after",
        effect="A bit that flipped on a disk is another momentum. Baskets packed with zlib or LZMA are refused.",
        instead="Compare the checksum of the whole file with that of its source (`xrdadler32`) after a transfer.",
        recipe="file-layout",
        thread="none found",
    )
)
def test_flipped_bit_in_a_basket(tmp_path: Path) -> None:
    """What is packed with Zstandard has no checksum."""
    values = np.random.default_rng(1).normal(50, 10, 4000).astype("f4")
    with uproot.recreate(tmp_path / "a.root", compression=uproot.ZSTD(5)) as file:
        file.mktree("Events", {"x": "f4"}).extend({"x": values})
    path, unnoticed = str(tmp_path / "a.root"), 0
    packed = first_basket(path)
    for place in range(packed.start, packed.stop, 1000):
        overwrite(path, slice(place, place + 1), 16)
        with contextlib.suppress(Exception):
            read = list(ROOT.RDataFrame("Events", path).Take["float"]("x").GetValue())
            unnoticed += not np.array_equal(read, values)
        overwrite(path, slice(place, place + 1), 16)
    assert not unnoticed, f"other values after {unnoticed} of the flips"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="sums [0.0, 1.875, 3.0, 3.0]",
        effect="Files of other versions or skims with lists in double precision are nonsense, with threads as well.",
        instead="Make a frame for each layout.",
        recipe="mixed-productions",
        thread="none found",
    )
)
def test_list_of_another_type_with_threads(tmp_path: Path) -> None:
    """A list that has another type in a later file is misread with two threads, where a number is refused."""
    files = [tree(tmp_path / f"{kind}.root", v=jagged([[1, 2], [3]], kind)) for kind in ("f4", "f8")]
    with two_threads():
        sums = sorted(ROOT.RDataFrame("Events", files).Define("s", "double(Sum(v))").Take["double"]("s").GetValue())
    assert sums == [3, 3, 3, 3], f"sums {sums}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="no error",
        effect="The sum of generator weights lacks a file, and all histograms are scaled too high.",
        instead="Make ROOT's errors exceptions, and look at all files first.",
        recipe="mixed-productions",
        thread="none found",
    )
)
def test_tree_that_is_missing_between_others(tmp_path: Path) -> None:
    """A file without the tree, between others that have it, is left out, with one thread."""
    first, last = (write(tmp_path / f"{name}.root", event_columns(2), [5.0]) for name in ("first", "last"))
    with uproot.recreate(tmp_path / "without.root") as file:
        file.mktree("Events", {"run": "u4"}).extend({"run": np.ones(2, "u4")})
    with refused("without.root"):
        ROOT.RDataFrame("Runs", [first, str(tmp_path / "without.root"), last]).Sum("genEventSumw").GetValue()


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="left: ['Events']",
        effect="The input is replaced by its skim, and its other trees are gone.",
        instead="Compare the paths before, and write to a new file.",
        recipe="skim-and-slim",
        thread="none found",
    )
)
def test_snapshot_onto_its_input(tmp_path: Path) -> None:
    """`Snapshot` onto the file that it reads overwrites it."""
    path = write(tmp_path / "a.root", event_columns(3), [5.0])
    with contextlib.suppress(Exception):
        ROOT.RDataFrame("Events", path).Filter("event > 0").Snapshot("Events", path)
    with uproot.open(path) as file:
        assert "Runs" in file, f"left: {file.keys(cycle=False)}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="missing",
        shows="http://127.0.0.1",
        effect="A file on a web server, such as open data, cannot be read with the ROOT of Python's package.",
        instead="Read it over XRootD, or copy it first.",
        recipe="remote-reading",
        thread="none found",
    )
)
def test_file_on_a_web_server(capfd: pytest.CaptureFixture[str]) -> None:
    """`TFile::Open` of an address of HTTP lacks its plug-in."""
    with contextlib.suppress(Exception):
        ROOT.TFile.Open("http://127.0.0.1:9/a.root")
    said = capfd.readouterr().err
    assert "TWebFile not found" not in said, f"http://127.0.0.1:9/a.root: {said}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="error",
        shows="has no attribute 'kInfo'",
        effect="The log of RDataFrame, the first thing to ask a slow job for, cannot be switched on as documented.",
        instead="Write `ROOT.ROOT.ELogLevel.kInfo`.",
        recipe="lazy-columns",
        thread="none found",
    )
)
def test_levels_of_the_log() -> None:
    """`ROOT.ELogLevel` is an enumeration of another library."""
    ROOT.RLogScopedVerbosity(ROOT.Detail.RDF.RDFLogChannel(), ROOT.ELogLevel.kInfo)


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="no error",
        effect="A branch that was misspelt is not read ahead but when it is used: slower, and nothing says so.",
        instead="Compare the names with the branches of the tree.",
        recipe="lazy-columns",
        thread="none found",
    )
)
def test_branch_to_preload_that_is_missing(tmp_path: Path) -> None:
    """`preload` takes names that the tree does not have."""
    path = tree(tmp_path / "a.root", x=[1.0, 2.0])
    with refused("y"):
        NanoEventsFactory.from_root({path: "Events"}, schemaclass=BaseSchema, preload=["y"]).events()


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="missing",
        shows="still a bar: Processing",
        effect="The log of a batch job is full of bars.",
        instead="Leave the output out of the page, or turn the library `rich` off.",
        recipe="lazy-columns",
        thread="none found",
    )
)
def test_bar_that_was_switched_off() -> None:
    """`status=False` does not switch off the bar of the iterative executor."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        processor.IterativeExecutor(status=False, compression=None)([1, 2], lambda number: {"n": number}, None)
    said = out.getvalue().strip()
    assert not said, f"still a bar: {said}"


@shows(
    Gap(
        tool="uproot",
        version="5.7.7",
        kind="missing",
        shows="starts [0]",
        effect="ROOT takes a file of less than 30 MB as one cluster: further threads have nothing to do.",
        instead="Rewrite files for threads with Snapshot.",
        recipe="file-layout",
        thread="none found",
    )
)
def test_clusters_of_a_tree(tmp_path: Path) -> None:
    """A tree of uproot has no list of where its clusters begin."""
    with uproot.recreate(tmp_path / "a.root") as file:
        events = file.mktree("Events", {"x": "f4"})
        for _ in range(3):
            events.extend({"x": np.zeros(1000, "f4")})
    with ROOT.TFile.Open(str(tmp_path / "a.root")) as file:
        starts = list(iter(file["Events"].GetClusterIterator(0), 3000))
    assert starts == [0, 1000, 2000], f"starts {starts}"


@shows(
    Gap(
        tool="uproot",
        version="5.7.7",
        kind="missing",
        shows="one size",
        effect="A higher level of LZ4 gives the same file.",
        instead="Take ZSTD, or write with ROOT.",
        recipe="file-layout",
        thread="none found",
    )
)
def test_level_of_lz4() -> None:
    """The level of `uproot.LZ4` is ignored."""
    content = np.random.default_rng(1).normal(50, 10, 20_000).astype("i2").tobytes()
    sizes = {len(uproot.LZ4(level).compress(content)) for level in (1, 4, 9, 12)}
    assert len(sizes) > 1, f"one size: {sizes}"
