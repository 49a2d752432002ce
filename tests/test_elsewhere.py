"""What recipes do on files other than the sample's: what they are given, how a run ends, and what all of them reach."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from cookbook import elsewhere, execution, keys, parameters, recipe, sample
from cookbook.elsewhere import Other, Outcome, Record
from small_files import event_columns, write

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import elsewhere_run

SIMULATION, DATA = Other("v9 simulation", "v9", data=False), Other("v9 data", "v9", data=True)
ABOUT_SUMS = ["mixed-productions", "skim-and-slim"]  # they take what Runs has along, and cannot be given it by hand
REACHED = 0.85  # of the recipes, on the versions before the book's own


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Other:
    """Return a column of a real file: one of simulation that lost its Runs tree."""
    columns = {**event_columns(3), "genWeight": np.array([2, 3, -1], "f4")}
    with uproot.recreate(tmp_path / "lost.root") as out:
        out.mktree("Events", {name: column.dtype for name, column in columns.items()}).extend(columns)
    monkeypatch.setenv(elsewhere.REAL, str(tmp_path))
    return Other("v15 mine", "v15", data=False, real="lost.root", dataset="mine")


def test_real_files_are_columns_where_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder of real files the table has those of the sample alone."""
    monkeypatch.delenv(elsewhere.REAL, raising=False)
    assert [other.title for other in elsewhere.others() if other.real] == []
    (tmp_path / "nano_dy.root").touch()
    monkeypatch.setenv(elsewhere.REAL, str(tmp_path))
    assert [other.path for other in elsewhere.others() if other.real] == [tmp_path / "nano_dy.root"]


def test_what_is_given_names_recipes_columns_and_parameters() -> None:
    """No line of the table is about something that is not there."""
    table = elsewhere._table()
    columns = {*table["files"], *(one["version"] for one in table["files"].values())}
    for slug, by_file in table["values"].items():
        assert set(by_file) <= columns, slug
        known = [recipe.load(slug)] if slug != "all" else recipe.all_recipes()
        offered = {name for one in known for name in parameters.offered(one)}
        assert {name for values in by_file.values() for name in values} <= offered, slug


def test_the_recipes_own_value_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It replaces what a column gives to all that have the parameter; a title counts more than a version."""
    by_file = {"v9": {"MIN_PT": 1.0, "SCORE": "b"}, "v9 data": {"MIN_PT": 2.0}}
    monkeypatch.setattr(
        elsewhere, "_table", lambda: {"values": {"all": by_file, "met-filters": {"v9": {"MIN_PT": 3.0}}}}
    )
    assert elsewhere.values(recipe.load("dimuon-spectrum"), DATA) == {"MIN_PT": 2.0}
    assert elsewhere.values(recipe.load("met-filters"), DATA) == {"MIN_PT": 3.0}


def test_a_recipe_of_lists_is_given_files_and_one_of_datasets_names(tmp_path: Path, real: Other) -> None:
    """Names are not the sample's; simulation gets a cross-section, data a certified list of their runs."""
    dimuon, pileup = map(recipe.load, ("dimuon-spectrum", "pileup-weights"))
    assert elsewhere_run._job(dimuon, real, tmp_path)["files"] == [str(real.path)]
    datasets = elsewhere_run._job(pileup, real, tmp_path)["datasets"]
    assert datasets == {"mine": {"files": [str(real.path)], "cross_section": 1.0, "sum_of_weights": 4.0}}
    given = elsewhere_run._job(pileup, DATA, tmp_path)
    (name, dataset), *others = given["datasets"].items()
    assert (name, sorted(dataset), others) == ("Muon in v9", ["files"], [])
    with uproot.open(dataset["files"][0]) as file:
        runs = np.unique(file["Events"]["run"].array(library="np"))
    assert json.loads(Path(given["certified"]).read_text()).keys() >= set(map(str, runs))


def test_a_recipe_of_data_alone_is_given_all_of_them(tmp_path: Path) -> None:
    """Several primary datasets, with the triggers of each, and the luminosity of their sections."""
    overlap = elsewhere_run._job(recipe.load("primary-dataset-overlap"), DATA, tmp_path)
    assert list(overlap["TRIGGERS"]) == list(overlap["datasets"]) == ["Muon in v9", "EGamma in v9", "JetMET in v9"]
    luminosity = elsewhere_run._job(recipe.load("luminosity-bookkeeping"), DATA, tmp_path)
    assert Path(luminosity["LUMINOSITY_TABLE"]).read_text().startswith("#run:fill,ls,")


def test_sums_of_weights_are_given_where_the_file_lost_them(tmp_path: Path, real: Other) -> None:
    """They are those of its events; a file that has them needs none."""
    assert elsewhere_run._scale([str(real.path)], real) == {"cross_section": 1.0, "sum_of_weights": 4.0}
    kept = write(tmp_path / "kept.root", {**event_columns(1), "genWeight": np.ones(1, "f4")}, [7.0])
    assert elsewhere_run._scale([kept], real) == {"cross_section": 1.0}
    assert elsewhere_run._scale([kept], DATA) == {}


def test_a_second_input_is_of_its_own_kind(real: Other) -> None:
    """It is of the same version where there is one, else the recipe's own."""
    data, simulation = sample.files("Muon_Dilepton"), sample.files("DYto2L_M-50_Dilepton")
    assert Path(elsewhere_run._beside(data, SIMULATION)[0]).name == "Muon_Dilepton_v9.root"
    assert elsewhere_run._beside(simulation, real) == simulation


def test_only_what_a_recipe_takes_is_tried() -> None:
    """Of the sample the kinds that its own files have; every real file."""
    dimuon, overlap, pileup = map(recipe.load, ("dimuon-spectrum", "primary-dataset-overlap", "pileup-weights"))
    taken = [[elsewhere.takes(one, other) for other in (SIMULATION, DATA)] for one in (dimuon, overlap, pileup)]
    assert taken == [[True, False], [False, True], [True, True]]
    assert elsewhere.takes(overlap, Other("v6 Drell-Yan", "v6", data=False, real="nano_dy.root"))


def changed(slug: str, sources: Mapping[str, str], **metadata: Any) -> recipe.Recipe:
    """Return a recipe with nothing in its cells of engines, and others in place of those with a tag."""
    subject = recipe.load(slug)
    notebook = deepcopy(subject.notebook)
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        tags = set(cell.metadata.get("tags", ()))
        if tags & {"coffea", "rdataframe", "agreement"}:
            cell.source = next((source for tag, source in sources.items() if tag in tags), "")
    return replace(subject, notebook=notebook, metadata={**subject.metadata, **metadata})


def test_a_message_before_the_run_is_an_outcome(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    """It has the names of files without their folders, and its first sentence is the reason."""
    monkeypatch.chdir(repository)
    lacking = changed("dimuon-spectrum", {}, branches={"Events": ["Muon_pt", "Muon_charm"]})
    outcome = elsewhere_run.tried(lacking, SIMULATION)
    assert outcome.end == "cannot"
    assert outcome.message.startswith("DYto2L_M-50_1_v9.root: tree 'Events' has no branch 'Muon_charm'; the nearest")
    assert outcome.reason == "tree 'Events' has no branch 'Muon_charm'"


def test_a_value_that_nobody_gave_is_an_error(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    """What jobs ask of a reader is asked of the table, and is no property of the file."""
    monkeypatch.chdir(repository)
    original = elsewhere_run._job
    monkeypatch.setattr(
        elsewhere_run, "_job", lambda *given: {k: v for k, v in original(*given).items() if k != "certified"}
    )
    outcome = elsewhere_run.tried(recipe.load("pileup-weights"), DATA)
    assert outcome.end == "error"
    assert "your files need certified" in outcome.message


def ended(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Outcome]) -> Outcome:
    """Return what is said of a run in a child."""
    monkeypatch.setattr(elsewhere_run, "tried", lambda *_: run())
    return elsewhere_run._forked(recipe.load("dimuon-spectrum"), SIMULATION)


def test_a_child_returns_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it prints is lost, and what it returns is not."""
    assert ended(monkeypatch, lambda: Outcome("agrees", 7)) == Outcome("agrees", 7)


def test_engines_that_differ_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is whatever else a cell raises; the line of the cell is named."""
    subject = changed("dimuon-spectrum", {"agreement": "one = 1\nassert one == 2, 'they differ'"})
    monkeypatch.setattr(elsewhere_run, "_ready", lambda *_: ({"FILES": ["mine.root"], "TIMING_EVENTS": None}, 1))
    outcome = elsewhere_run._forked(subject, SIMULATION)
    assert outcome.end == "error"
    assert outcome.message.startswith("AssertionError: they differ (in cell")
    assert outcome.message.endswith(": assert one == 2, 'they differ')")


def test_a_child_that_dies_or_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other files are tried all the same."""

    def dies() -> Outcome:
        os.write(2, b"last words")
        os._exit(3)

    assert ended(monkeypatch, dies) == Outcome("error", 0, "the process ended with code 3: last words")
    monkeypatch.setattr(elsewhere_run, "TIMEOUT", 0.2)

    def hangs() -> Outcome:
        time.sleep(60)
        return Outcome("agrees")

    assert ended(monkeypatch, hangs) == Outcome("error", 0, "not done within 0.2 s")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the process that tries a recipe: it leaves a record; return the keys that it was given."""
    given: list[str] = []

    def leave(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        *_, path, key, target = command
        given.append(key)
        if len(given) < 3:
            end = Outcome("error", message="broken") if len(given) == 1 else Outcome("agrees", 5)
            elsewhere.write(Record(Path(path).stem, key, {"v9 simulation": end}), Path(target))
        return subprocess.CompletedProcess(command, int(len(given) > 2), "", "no room")

    monkeypatch.setattr(elsewhere, "subprocess", type("", (), {"run": staticmethod(leave)}))
    monkeypatch.setattr(elsewhere, "others", lambda: [SIMULATION])
    return given


@pytest.fixture
def subject(tmp_path: Path, repository: Path) -> recipe.Recipe:
    """Return a recipe in a repository of its own, where no record is kept."""
    return replace(recipe.load("dimuon-spectrum"), path=tmp_path / "recipes" / "dimuon-spectrum.ipynb")


def test_a_recipe_is_tried_again_where_it_failed_or_has_changed(
    runs: list[str], subject: recipe.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record without an error serves for as long as its key stays; a run that leaves none says why."""
    assert elsewhere.ensured(subject, tmp_path).errors == ["dimuon-spectrum on v9 simulation: broken"]
    assert elsewhere.ensured(subject, tmp_path).errors == []
    assert elsewhere.current(subject, tmp_path) == elsewhere.ensured(subject, tmp_path)
    assert len(runs) == 2
    monkeypatch.setattr(elsewhere, "values", lambda *_: {"MIN_PT": 1.0})
    assert elsewhere.current(subject, tmp_path) is None
    with pytest.raises(
        execution.ExecutionError, match=r"dimuon-spectrum\.ipynb: the run on other files ended with code 1\nno room"
    ):
        elsewhere.ensured(subject, tmp_path)
    assert len(set(runs)) == 2


def test_a_kept_record_serves_other_builds(runs: list[str], subject: recipe.Recipe, tmp_path: Path) -> None:
    """It is kept once it has no error, written when it is new, and used where there is no build."""
    with pytest.raises(execution.ExecutionError, match="dimuon-spectrum on v9 simulation: broken"):
        elsewhere.keep(subject, tmp_path / "first")
    assert [elsewhere.keep(subject, tmp_path / "first") for _ in range(2)] == [True, False]
    assert elsewhere.ensured(subject, tmp_path / "second").outcomes == {"v9 simulation": Outcome("agrees", 5)}
    assert len(runs) == 2
    with pytest.raises(execution.ExecutionError, match="code 1"):
        elsewhere.ensured(subject, tmp_path / "second", again=True)


def test_a_kept_record_of_fewer_files_does_not_serve(
    runs: list[str], subject: recipe.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real: Other
) -> None:
    """One that was made where real files were missing is made anew where they are."""
    elsewhere.ensured(subject, tmp_path)
    elsewhere.keep(subject, tmp_path)
    monkeypatch.setattr(elsewhere, "others", lambda: [SIMULATION, real])
    assert elsewhere.current(subject, tmp_path) is None


def test_a_run_that_contradicts_what_is_kept_says_so(runs: list[str], subject: recipe.Recipe, tmp_path: Path) -> None:
    """Of the same key alone: another key is another run."""
    elsewhere.ensured(subject, tmp_path)
    elsewhere.keep(subject, tmp_path)
    kept = elsewhere.current(subject, tmp_path)
    assert kept
    assert elsewhere.contradictions(subject, kept) == []
    other = replace(kept, outcomes={"v9 simulation": Outcome("agrees", 4)})
    assert len(elsewhere.contradictions(subject, other)) == 1
    assert elsewhere.contradictions(subject, replace(other, key="another")) == []


@pytest.mark.parametrize("text", ['{"slug": ', "{}", "[]"], ids=["half", "empty", "list"])
def test_a_record_that_cannot_be_read_is_none(
    runs: list[str], subject: recipe.Recipe, tmp_path: Path, text: str
) -> None:
    """The page has an empty row for it."""
    for path in (elsewhere.place_of(subject), tmp_path / "elsewhere" / "dimuon-spectrum.json"):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert elsewhere.current(subject, tmp_path) is None


def test_another_real_file_than_the_table_means_is_an_error(real: Other) -> None:
    """Outcomes are of one file, whatever its name."""
    with pytest.raises(ValueError, match=r"lost\.root: not the file of elsewhere\.toml"):
        elsewhere_run._check_content(real)


def test_the_key_holds_cells_and_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another answer or another table of versions is another run; a figure is not."""
    subject = recipe.load("dimuon-spectrum")
    first = keys.run_key(subject, "elsewhere_run")
    figures = deepcopy(subject.notebook)
    for cell in (cell for cell in figures.cells if "mystnb" in cell.metadata):
        cell.source = "pass"
    assert keys.run_key(replace(subject, notebook=figures), "elsewhere_run") == first
    assert keys.run_key(changed(subject.slug, {}), "elsewhere_run") != first
    table = tmp_path / "nanoaod.toml"
    table.write_text("versions = []")
    monkeypatch.setattr(keys, "TABLES", [table])
    assert keys.run_key(subject, "elsewhere_run") != first


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    """Return the records of all recipes; skip where one has none of its present state."""
    found = {subject.slug: elsewhere.current(subject) for subject in recipe.all_recipes()}
    if absent := [slug for slug, record in found.items() if record is None]:
        pytest.skip(f"not tried on other files in this state, run make recipes: {', '.join(absent)}")
    return {slug: record for slug, record in found.items() if record}


def about_data(slug: str) -> bool:
    """Return whether the answer of a recipe is about data, as its file is."""
    own = recipe.load(slug).parameters()
    return elsewhere.is_data(own["FILE"])


@pytest.mark.parametrize("version", ["v9", "v12"])
def test_most_recipes_run_on_older_versions(records: Mapping[str, Record], version: str) -> None:
    """Simulation as it was before the book's own version is read and agreed on; data where the answer is about them."""
    kinds = {slug: f"{version} {'data' if about_data(slug) else 'simulation'}" for slug in records}
    failed = {slug: o.message for slug, r in records.items() if (o := r.outcomes[kinds[slug]]).end != "agrees"}
    assert len(failed) <= (1 - REACHED) * len(records), failed


def test_all_recipes_run_on_real_files_of_the_books_version(records: Mapping[str, Record]) -> None:
    """All but those about data, or about the sums in Runs that this file lost, run on CMS's own simulation in v15."""
    tried = {slug: record.outcomes.get("v15 top pairs") for slug, record in records.items()}
    if not any(tried.values()):
        pytest.skip(f"{elsewhere.REAL} names no folder with a file of v15")
    failed = {s: o.message for s, o in tried.items() if o and o.end != "agrees" and not about_data(s)}
    assert [slug for slug, message in failed.items() if "no tree 'Runs'" in message] == ABOUT_SUMS
    assert set(failed) == set(ABOUT_SUMS), failed
