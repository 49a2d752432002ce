"""The recipes' metadata as the book reads it."""

import json
from pathlib import Path

import pytest

from cookbook.sphinxext import catalogue
from cookbook.sphinxext.catalogue import Entry

MUONS = Entry("dimuon", "Dimuon", "Two muons.", "Selection", ("Muon",), ("mass",), ("Weights",), ("Define", "Filter"))
JETS = Entry("trijet", "Trijet", "Three jets.", "Kinematics", ("Jet", "Muon"), (), ("Weights",), ("Define",))


def test_metadata_without_a_title_is_named(tmp_path: Path) -> None:
    """Incomplete metadata names the file, what is missing, and the way out."""
    path = tmp_path / "broken.ipynb"
    path.write_text('{"metadata": {"cookbook": {"slug": "broken"}}}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.ipynb: no usable metadata.*'title'.*make new"):
        catalogue.read_one(path)


def test_a_file_that_is_no_notebook_is_named(tmp_path: Path) -> None:
    """A file that isn't JSON gives the same kind of error."""
    path = tmp_path / "text.ipynb"
    path.write_text("not json", encoding="utf-8")
    with pytest.raises(ValueError, match=r"text\.ipynb: no usable metadata.*JSONDecodeError"):
        catalogue.read_one(path)


def test_chapters_and_objects_are_listed_once() -> None:
    """The filters offer each chapter and object once, sorted."""
    assert catalogue.chapters([MUONS, JETS, MUONS]) == ["Kinematics", "Selection"]
    assert catalogue.objects([MUONS, JETS]) == ["Jet", "Muon"]


def test_apis_lead_to_their_recipes() -> None:
    """Each API of each tool lists the recipes that teach it."""
    found = catalogue.apis([MUONS, JETS])
    assert found["coffea"] == {"Weights": [MUONS, JETS]}
    assert found["RDataFrame"] == {"Define": [MUONS, JETS], "Filter": [MUONS]}


def test_recipes_come_sorted_by_chapter(tmp_path: Path) -> None:
    """A folder's recipes are read in the order of chapter, then title."""
    for entry in (MUONS, JETS):
        (tmp_path / f"{entry.slug}.ipynb").write_text(
            f'{{"metadata": {{"cookbook": {{"slug": "{entry.slug}", "title": "{entry.title}", '
            f'"summary": "{entry.summary}", "chapter": "{entry.chapter}"}}}}}}',
            encoding="utf-8",
        )
    assert [entry.slug for entry in catalogue.read(tmp_path)] == ["trijet", "dimuon"]


def test_what_a_recipe_needs_is_counted(tmp_path: Path) -> None:
    """Branches that a parameter names are not one more, and one branch is no branches; part of a name is one."""
    about = {"slug": "a", "title": "A", "summary": "A.", "chapter": "C", "corrections": [{"file": "X"}]}
    branches = {"Events": ["run", "event", "{MET}_pt", "{TRIGGER}", "{FILTERS}"], "Runs": ["genEventSumw"]}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"metadata": {"cookbook": {**about, "branches": branches}}}))
    assert catalogue.read_one(path).needs == (
        "3 branches of Events and what TRIGGER, FILTERS name",
        "1 branch of Runs",
        "1 correction file",
    )
