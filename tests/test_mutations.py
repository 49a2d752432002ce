"""The gate catches the faults analysts make: each is put into one engine of each recipe, and none may pass."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cookbook import recipe
from mutants import verdicts

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

# Faults that change no result on the sample, by the line they make, and why.
HARMLESS: Mapping[str, str] = {}


@pytest.mark.parametrize("slug", recipe.slugs())
def test_no_fault_passes_the_gate(slug: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Every mutation of a recipe is found by the gate or ends in an error, except those known to change nothing."""
    judged = list(verdicts(recipe.load(slug), tmp_path))
    missed = [str(v.mutation) for v in judged if v.missed and v.mutation.line not in HARMLESS]
    found = sum(v.text.startswith("found") for v in judged)
    record_property("mutations", len(judged))
    record_property("found by the gate", found)
    print(f"{slug}: {len(judged)} mutations, {found} found by the gate, {sum(v.missed for v in judged)} missed")
    assert judged, f"{slug} has no mutation: the operators do not fit its cells"
    assert not missed, "passed the gate:\n" + "\n".join(missed)
