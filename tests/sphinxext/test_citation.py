"""The BibTeX entries."""

from pathlib import Path
from typing import Any

import pytest
from pybtex.database import parse_string

from cookbook.sphinxext import citation

CFF: dict[str, Any] = {
    "title": "Analysis-pattern cookbook",
    "version": "0.1.0",
    "authors": [{"name": "The cookbook authors"}, {"family-names": "Lovelace", "given-names": "Ada"}],
}

RECIPE = """\
@incollection{cookbook-dimuon-spectrum,
    author = "{The cookbook authors} and Lovelace, Ada",
    title = "{Dimuon spectrum}",
    booktitle = "{Analysis-pattern cookbook}, version 0.1.0",
    year = "2026",
    url = "https://cook_book.docs.cern.ch/recipes/dimuon-spectrum.html",
    note = "Executed from commit abc123"
}
"""


def test_recipe_entry() -> None:
    """The entry of a recipe has the page's address as it is: an escaped underscore would break it."""
    text = citation.bibtex(
        CFF,
        slug="dimuon-spectrum",
        title="Dimuon spectrum",
        year=2026,
        commit="abc123",
        url="https://cook_book.docs.cern.ch/recipes/dimuon-spectrum.html",
    )
    assert text == RECIPE


def test_unknown_address_and_commit_are_left_out() -> None:
    """Nothing is made up for what isn't known."""
    text = citation.bibtex(CFF, slug="a", title="A & B", year=2026, commit=None)
    fields = parse_string(text, "bibtex").entries["cookbook-a"].fields
    assert "url" not in fields
    assert "note" not in fields
    assert fields["title"] == r"{A \& B}"


def test_book_entry_takes_its_year_from_the_release() -> None:
    """The whole cookbook is cited with the year of its release where there is one."""
    text = citation.book_bibtex({**CFF, "date-released": "2025-03-01"}, year=2026)
    assert parse_string(text, "bibtex").entries["analysis-pattern-cookbook"].fields["year"] == "2025"


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A missing CITATION.cff is an error that names the place it was looked for."""
    with pytest.raises(ValueError, match=r"CITATION\.cff: expected a Citation File Format file"):
        citation.read_cff(tmp_path / "CITATION.cff")
