"""Each recipe is run on files other than the sample's; the record is what the page about own files shows."""

import pytest

from cookbook import elsewhere, recipe

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


def test_other_files_run_or_are_refused_before(subject: recipe.Recipe) -> None:
    """On each file both engines agree, or a message says beforehand what the file lacks; none ends in an error."""
    record = elsewhere.ensured(subject)
    assert not record.errors, "\n".join(record.errors)
