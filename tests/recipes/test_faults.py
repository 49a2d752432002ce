"""The gate catches the faults analysts make: each is put into one engine of each recipe, and none may pass.

What became of each stands in the recipe's ledger. A few, others each week, are judged again; all of them where the
recipe or the gate has changed, and where COOKBOOK_FAULTS is ``all``.
"""

import os
from datetime import UTC, datetime
from functools import partial

import pytest

from cookbook import recipe
from faults import drawn, faults_key, judged, path_of, problems
from mutations import mutations

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


def test_no_fault_passes_the_gate(subject: recipe.Recipe) -> None:
    """Every fault is found by the gate or ends in an error, except those known to change nothing, with a reason."""
    faults, key = list(mutations(subject)), faults_key(subject)
    assert faults, f"{subject.slug} has no fault: the operators do not fit its cells"
    every = os.environ.get("COOKBOOK_FAULTS") == "all"
    numbers = range(len(faults)) if every else drawn(key, len(faults), datetime.now(UTC).date())
    found = problems(path_of(subject.slug), key, faults, partial(judged, subject), numbers)
    assert not found, "\n".join(found)
