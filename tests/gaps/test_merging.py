"""What the tools lack where partial results are merged, each gap with its smallest reproducer."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import hist
import pytest
import ROOT
from coffea import processor

from cookbook.gaps import Gap
from reproduced import refused, shows


def two_axes(overflow: bool) -> hist.Hist:
    """Return a histogram with a count in the last bin of its first axis, whose overflow bin may be missing."""
    last = hist.axis.Regular(2, 0, 2, overflow=overflow)
    return hist.Hist(last, hist.axis.Regular(2, 0, 2), storage="int64").fill([1.5], [0.5])


def written(path: Path, most: float, names: Sequence[str] = ("pt",)) -> str:
    """Write histograms with one entry in each of four bins and in the overflow bin; return the path."""
    with ROOT.TFile(str(path), "RECREATE") as file:
        for name in names:
            h = ROOT.TH1D(name, "", 4, 0, most)
            h.SetDirectory(ROOT.nullptr)
            for i in range(1, 6):
                h.SetBinContent(i, 1)
            file.WriteObject(h, name)
    return str(path)


@shows(
    Gap(
        tool="boost-histogram",
        version="1.8.1",
        kind="silent",
        shows="counts [[0, 0], [1, 0]]",
        effect="Counts move to other bins, or memory outside of the histogram is added.",
        instead="Compare the axes, with their flow bins, before adding.",
        recipe="merge-histograms",
        thread="none found",
    )
)
def test_sum_with_other_flow_bins() -> None:
    """Histograms are added bin by bin though one has an overflow bin more."""
    total = two_axes(overflow=False)
    right = 2 * total.values()
    try:
        total += two_axes(overflow=True)
    except ValueError:
        return
    assert (total.values() == right).all(), f"counts {total.values().astype(int).tolist()}"


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="error",
        shows="axes not merg",
        effect="Of thousands of results one has another binning, and the error says neither which nor in what.",
        instead="Compare what each part holds with the first one, and name the part.",
        recipe="merge-histograms",
        thread="none found",
    )
)
def test_histogram_that_cannot_be_added() -> None:
    """The error of `accumulate` does not name the histogram that has other bins."""
    parts = [{"leading_pt": hist.Hist.new.Reg(4, 0, most).Double()} for most in (4, 8)]
    with refused("leading_pt"):
        processor.accumulate(parts)


@shows(
    Gap(
        tool="coffea",
        version="2026.9.0",
        kind="silent",
        shows="no error",
        effect="A result that lacks a histogram is added all the same: its jets are missing from that one only.",
        instead="Compare the names with those of the first part.",
        recipe="merge-histograms",
        thread="none found",
    )
)
def test_result_that_lacks_a_histogram() -> None:
    """`accumulate` takes what any of the results has."""
    h = hist.Hist.new.Reg(4, 0, 4).Double()
    with refused("eta"):
        processor.accumulate([{"pt": h, "eta": h}, {"pt": h}])


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="no error",
        effect="A part that lacks a histogram is merged all the same: its jets are missing from that one only.",
        instead="Compare the names with those of the first part.",
        recipe="merge-histograms",
        thread="none found",
    )
)
def test_file_that_lacks_a_histogram(tmp_path: Path) -> None:
    """`TFileMerger` takes what any of the files has."""
    merger = ROOT.TFileMerger(False, False)
    merger.OutputFile(str(tmp_path / "out.root"), "RECREATE")
    merger.AddFile(written(tmp_path / "a.root", 4, ("pt", "eta")), False)
    merger.AddFile(written(tmp_path / "b.root", 4), False)
    assert not merger.Merge(), "no error"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="merged [2, 2, 0, 0]",
        effect="hadd exits with 0 and leaves a histogram that is half the sum; only a line on stderr says so.",
        instead="Make ROOT's errors exceptions and merge with TFileMerger, or compare the axes before.",
        recipe="merge-histograms",
        thread="none found",
    )
)
def test_merge_of_other_bins(tmp_path: Path) -> None:
    """`TFileMerger::Merge` is true, and a wrong sum is written, where a histogram could not be merged."""
    merger, out = ROOT.TFileMerger(False, False), str(tmp_path / "out.root")
    merger.OutputFile(out, "RECREATE")
    for name, most in (("a.root", 4), ("b.root", 8)):
        merger.AddFile(written(tmp_path / name, most), False)
    if merger.Merge():
        with ROOT.TFile.Open(out) as file:
            bins = [int(file["pt"].GetBinContent(i)) for i in range(1, 5)]
        raise AssertionError(f"merged {bins}")


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="exit code 0",
        effect="What a killed job left is added: its last histograms may be missing.",
        instead="Give a file its name once it is closed, and refuse what ROOT has recovered.",
        recipe="merge-histograms",
        thread="https://github.com/root-project/root/issues/8952",
    )
)
def test_hadd_of_a_file_that_was_not_closed(tmp_path: Path) -> None:
    """`hadd` takes a file that ROOT had to recover."""
    program = Path(str(ROOT.TROOT.GetBinDir())) / "hadd"
    if not program.exists():
        pytest.skip(f"there is no {program}")
    h = ROOT.TH1D("pt", "", 4, 0, 4)
    h.SetDirectory(ROOT.nullptr)
    with ROOT.TFile(str(tmp_path / "open.root"), "RECREATE") as file:
        file.WriteObject(h, "pt")
        file.Flush()
        shutil.copy(tmp_path / "open.root", tmp_path / "killed.root")
    command = [str(program), f"{tmp_path}/out.root", written(tmp_path / "a.root", 4), f"{tmp_path}/killed.root"]
    ended = subprocess.run(command, capture_output=True, timeout=100, check=False)
    assert ended.returncode, f"exit code {ended.returncode}"
