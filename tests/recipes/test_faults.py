"""The gate catches the faults analysts make: each is put into one engine of each recipe, and none may pass.

What became of each stands in the recipe's ledger. A few, others each week, are judged again; all of them where the
recipe or the gate has changed, and where COOKBOOK_AGAIN is ``all``.
"""

import os
from datetime import UTC, datetime
from functools import partial

import pytest

import variations
from cookbook import agreement, recipe
from declared import exceptions
from faults import drawn, faults_key, judged, path_of, problems
from mutations import mutations
from runs import on_few, run

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

FAULTLESS = "query-1-met", "query-2-jet-pt"  # they fill a column as it is: there is no cut, number or sign to change


def test_no_fault_passes_the_gate(subject: recipe.Recipe) -> None:
    """Every fault is found by the gate or ends in an error, except those known to change nothing, with a reason."""
    faults, key = list(mutations(subject)), faults_key(subject)
    assert faults or subject.slug in FAULTLESS, f"{subject.slug} has no fault: the operators do not fit its cells"
    every = os.environ.get("COOKBOOK_AGAIN") == "all"
    numbers = range(len(faults)) if every else drawn(key, len(faults), datetime.now(UTC).date())
    found = problems(path_of(subject.slug), key, faults, partial(judged, subject), numbers)
    assert not found, "\n".join(found)


def test_the_gate_names_the_variation_that_is_wrong(subject: recipe.Recipe) -> None:
    """One that moves nothing, is applied twice, or the wrong way, in one engine; and none moves nothing in both."""
    if not variations.places(on_few(subject.slug, "coffea")):
        pytest.skip(f"{subject.slug} has no systematic variations")
    results = run(subject, "coffea", subject.parameters()["FILES"])
    unmoved, passed = exceptions(subject.slug).unmoved, dict[str, list[str]]()
    for names, fault in variations.faults(results):
        comparisons = agreement.compare(variations.spoiled(results, names, fault), results, empty=True)
        findings = "\n".join(str(finding) for one in comparisons for finding in one.findings)
        if not variations.named(names, findings):
            passed.setdefault(names[0], []).append(fault)
    assert {name: faults for name, faults in passed.items() if name not in unmoved} == {}
    assert set(unmoved) - set(passed) == set(), "these move: take them out of the exceptions"
