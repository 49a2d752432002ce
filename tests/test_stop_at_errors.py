"""What ROOT would only print ends a run, and the error names the file."""

import subprocess
import sys
from pathlib import Path

import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import common, sample

GOOD = sample.files("Diboson")[0]
# ROOT itself says ten times in a process which file has a bad basket
SCRIPT = """
import sys
import ROOT

exec(sys.argv[1])
exec(sys.argv[2])
for _ in range(12):
    try:
        print(ROOT.RDataFrame("Events", sys.argv[3:]).Sum("Jet_pt").GetValue())
    except Exception as error:
        print("error", str(error).replace("\\n", " "))
"""


def damaged(target: Path) -> str:
    """Copy a file with the head of a compressed basket overwritten."""
    content = bytearray(Path(GOOD).read_bytes())
    with uproot.open({GOOD: "Events/Jet_pt"}) as branch:
        key = branch.basket_key(0)
    content[key.fSeekKey + key.fKeylen : key.fSeekKey + key.fKeylen + 9] = bytes(9)
    target.write_bytes(content)
    return str(target)


@pytest.mark.parametrize("place", [0, 1], ids=["first", "second"])
def test_a_damaged_basket_is_never_passed_over(place: int, tmp_path: Path) -> None:
    """Wherever its file stands, and however often a notebook is run again; the first errors name it for sure."""
    files = [GOOD]
    files.insert(place, damaged(tmp_path / "damaged.root"))
    cells = [common.sources()[name] for name in ("declare", "stop_at_errors")]
    command = [sys.executable, "-c", "import zlib\n" + SCRIPT, *cells, *files]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    said = shown.stdout.splitlines()
    assert [line.split()[0] for line in said] == ["error"] * 12
    assert all("damaged.root" in line for line in said[:5])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """RDataFrame alone leaves it out."""
    cells = [common.sources()[name] for name in ("declare", "stop_at_errors")]
    command = [sys.executable, "-c", "import zlib\n" + SCRIPT, *cells, GOOD, str(tmp_path / "missing.root")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all("missing.root" in line for line in shown.stdout.splitlines())
