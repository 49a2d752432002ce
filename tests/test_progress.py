"""The kernel counts the events that each engine reads, and the recipes know nothing of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from cookbook import progress, sample

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

# As a notebook: the engines are imported in one cell and read in others.
CELLS = """
import sys

from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
shell.extension_manager.load_extension("cookbook.progress")
path, counts = sys.argv[1:]
cells = (
    "import ROOT; from coffea import processor; from coffea.nanoevents import NanoAODSchema as schema",
    "run = processor.Runner(processor.IterativeExecutor(status=False), schema=schema, chunksize=300)",
    f"print(run({{'a': {{'files': {{{path!r}: 'Events'}}}}}}, lambda events: len(events)))",
    f"frames = [ROOT.RDataFrame('Events', {path!r}) for _ in range(2)]",
    "print([frame.Filter('nMuon > 0').Count().GetValue() > 0 for frame in frames])",
)
for cell in cells:
    shell.run_cell(cell, store_history=True).raise_error()
    print("counts", progress.shared(Path(counts)).tolist())
"""


def test_both_engines_are_counted(tmp_path: Path) -> None:
    """By cell, each engine for itself: chunks as they end, and frames, which read here twice, in steps."""
    counts, path = tmp_path / "counts", sample.files("Diboson")[0]
    progress.Counts(counts, 1000)
    code = f"from pathlib import Path\nfrom cookbook import progress\n{CELLS}"
    shown = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, path, str(counts)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), progress.VARIABLE: str(counts)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    found = [line for line in shown.stdout.splitlines() if line.startswith("counts")]
    events = sample.entries(path)
    assert found[1:] == [
        "counts [0, 0]",
        f"counts [{events}, 0]",
        "counts [0, 0]",
        f"counts [0, {2 * (events // progress.STEP) * progress.STEP}]",
    ]


def test_what_is_read_is_told(tmp_path: Path) -> None:
    """Nothing where nothing was read; of what is read more than once, no more than there is."""
    counts = progress.Counts(tmp_path / "counts", 1000)
    assert (counts.expected, counts.read(), counts.line()) == (2000, 0, "")
    progress.shared(counts.path)[:] = [400, 3000]
    assert (counts.read(), counts.line()) == (1400, "coffea 400, RDataFrame 3,000 of 1,000 events")
