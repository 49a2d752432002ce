"""Each recipe is run on files other than the sample's; the record is what the page about own files shows.

It is kept (`make others`), and a recipe runs again where something has changed. So do a few, others each week, and all
of them where COOKBOOK_AGAIN is ``all``.
"""

import os
from datetime import UTC, date, datetime

import pytest

from cookbook import elsewhere, keys, recipe

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

WEEKS = 26  # in which each recipe runs again about once; a pipeline runs all of them each week


def is_due(slug: str, day: date) -> bool:
    """Return whether a recipe runs again in the week of a day, whatever is kept."""
    year, week, _ = day.isocalendar()
    return int(keys.digest(slug, f"{year}-{week}"), 16) % WEEKS == 0


def test_other_files_run_or_are_refused_before(subject: recipe.Recipe) -> None:
    """On each file both engines agree, or a message says beforehand what the file lacks; none ends in an error."""
    every = os.environ.get("COOKBOOK_AGAIN") == "all"
    record = elsewhere.ensured(subject, again=every or is_due(subject.slug, datetime.now(UTC).date()))
    found = [*record.errors, *elsewhere.contradictions(subject, record)]
    assert not found, "\n".join(found)
