"""The gate catches the faults analysts make: each is put into one engine of each recipe, and none may pass."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cookbook import recipe
from mutants import verdicts

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

# Faults that change no result on the sample, by the line they make or drop, and why.
HARMLESS: Mapping[str, str] = {
    "return [np.minimum(n, (0.9 * MAX_TAGS)) for n in numbers]": "2.7 falls into the bin of three or more",
    "edges = [edge for first, last in ranges for edge in (first + 1, last)]": "no range here is one section long",
    "return np.asarray(run, np.uint64) << 33 | np.asarray(section, np.uint64)": "keys stay distinct and in order",
    "return np.hypot(d_eta, (d_phi - np.pi) % (2 * np.pi) - np.pi)": "half a turn either way is the same modulo a turn",
    'without .Filter("Sum(good) == 2", "two muons")': "charges that cancel are two, as no event has four good muons",
    '.Filter(f"Any(Muon_pt > {MIN_PT})", "leading muon")': "a muon above the trigger's threshold is always a good one",
}


@pytest.mark.parametrize("slug", recipe.slugs())
def test_no_fault_passes_the_gate(slug: str, tmp_path: Path) -> None:
    """Every mutation of a recipe is found by the gate or ends in an error, except those known to change nothing."""
    judged = list(verdicts(recipe.load(slug), tmp_path))
    missed = [str(v.mutation) for v in judged if v.missed and v.mutation.line not in HARMLESS]
    found = sum(v.text.startswith("found") for v in judged)
    print(f"{slug}: {len(judged)} mutations, {found} found by the gate, {sum(v.missed for v in judged)} missed")
    assert judged, f"{slug} has no mutation: the operators do not fit its cells"
    assert not missed, "passed the gate:\n" + "\n".join(missed)
