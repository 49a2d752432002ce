"""Recipes are started, accepted and run on a reader's files."""

import json
import shutil
from pathlib import Path
from typing import Any

import click.testing
import nbformat
import pytest
import uproot
import yaml

from cookbook import agreement, cli, histograms, inputs, notebooks, recipe, sample, timing

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


@pytest.fixture
def clone(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the recipes and the table of contents, which the commands take for the repository."""
    shutil.copytree(repository / "recipes", tmp_path / "recipes", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(repository / "_toc.yml", tmp_path)
    (tmp_path / "src").symlink_to(repository / "src")
    for module in (recipe, notebooks):
        monkeypatch.setattr(module, "folder", lambda: tmp_path / "recipes")
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COOKBOOK_BUILD", str(tmp_path / "build"))
    return tmp_path


def called(*arguments: str) -> click.testing.Result:
    """Return what a command printed, and its exit code."""
    return click.testing.CliRunner().invoke(cli.main, list(arguments))


def test_a_new_recipe_already_passes(clone: Path) -> None:
    """The skeleton keeps the contract, its engines agree, and it stands in the table of contents."""
    result = called("new", "soft-jets")
    assert result.exit_code == 0, result.output
    started = recipe.load("soft-jets")
    files = started.parameters()["FILES"]
    agreement.check(started.run("coffea", files), started.run("rdataframe", files))
    listed = [c["file"] for part in yaml.safe_load((clone / "_toc.yml").read_text())["parts"] for c in part["chapters"]]
    assert "recipes/soft-jets" in listed


def test_a_taken_name_is_refused(clone: Path) -> None:
    """A new recipe does not overwrite another."""
    result = called("new", "dimuon-spectrum")
    assert (result.exit_code, "is there already" in result.output) == (1, True)


@pytest.mark.parametrize("name", ["Pileup Weights", "pileup_weights", "../pileup", ""])
def test_a_bad_name_is_refused(clone: Path, name: str) -> None:
    """A slug is small letters, digits and hyphens."""
    result = called("new", name)
    assert (result.exit_code, "is no recipe name" in result.output) == (1, True)


def test_accept_stores_the_check_cells_alone(clone: Path) -> None:
    """Output of check cells is stored anew, everything else is stripped, and the result is printed."""
    assert called("new", "soft-jets").exit_code == 0
    path = clone / "recipes" / "soft-jets.ipynb"
    text = path.read_text()
    path.write_text(text.replace("events: ", "events in all: "))
    printed = notebooks.accept(recipe.load("soft-jets"))
    assert printed == [f"events in all: {inputs.events(sample.files('TTbar'))}"]
    stored = [c for c in recipe.load("soft-jets").notebook.cells if c.cell_type == "code" and c.outputs]
    assert [set(c.metadata.tags) >= recipe.CHECK_TAGS for c in stored] == [True]


def test_accept_reports_a_failing_cell(clone: Path) -> None:
    """A cell that raises is reported and nothing is stored."""
    assert called("new", "soft-jets").exit_code == 0
    path = clone / "recipes" / "soft-jets.ipynb"
    path.write_text(
        path.read_text().replace("agreement.check(from_coffea, from_rdataframe)", "agreement.check({}, {})")
    )
    before = path.read_text()
    result = called("accept", "soft-jets")
    assert (result.exit_code, "DisagreementError" in result.output) == (1, True)
    assert path.read_text() == before


def test_a_recipe_runs_on_a_readers_file(tmp_path: Path) -> None:
    """The folder of the results is named, what was found stands on the terminal, the page has the table of the gate."""
    result = called("recipe", "dimuon-spectrum", sample.files("DYto2L_M-50")[0], "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    folder = tmp_path / "dimuon-spectrum"
    assert f"Results: {folder}" in result.output
    found = histograms.read(folder)
    assert found["coffea"]["mass"].sum().value == found["rdataframe"]["mass"].sum().value > 0
    executed = nbformat.read(folder / "dimuon-spectrum.ipynb", as_version=4)
    shown = [str(o) for c in executed.cells if c.cell_type == "code" for o in c.outputs]
    assert any("weighted_cutflow" in text for text in shown)
    assert "weighted_cutflow" in (folder / "dimuon-spectrum.html").read_text()


def test_a_readers_file_without_survivors_gives_empty_histograms(tmp_path: Path) -> None:
    """The tau decays of the sample have no two muons: an empty spectrum is the right answer."""
    result = called("recipe", "dimuon-spectrum", sample.files("DYto2L_M-50")[1], "--out", str(tmp_path))
    assert result.exit_code == 0, result.output


def test_a_readers_file_of_no_events_gives_empty_histograms(tmp_path: Path) -> None:
    """A file of zero events is read and says so."""
    jets = "var * {pt: float32, eta: float32, phi: float32, mass: float32, btagPNetB: float32}"
    with uproot.recreate(tmp_path / "empty.root") as file:
        file.mktree(
            "Events",
            {"run": "u4", "luminosityBlock": "u4", "event": "u8", "Jet": jets},
            counter_name=lambda name: f"n{name}",
        )
    result = called("recipe", "trijet-mass", str(tmp_path / "empty.root"), "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "0 events in 1 file" in result.output


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    """A missing file is named without a traceback."""
    result = called("recipe", "dimuon-spectrum", str(tmp_path / "none.root"), "--out", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "none.root: no such file" in result.output


def test_an_unknown_recipe_is_one_line() -> None:
    """A typing error in the name suggests the right one."""
    result = called("recipe", "dimuon", "a.root")
    assert (result.exit_code, "did you mean dimuon-spectrum" in result.output) == (1, True)


def test_bench_writes_a_dated_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The careful timing goes into a file named after day and machine; resumed, it times what is not resolved there."""
    monkeypatch.setenv("COOKBOOK_TIMING", "quick")
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path / "cache"))
    result = called("bench", "trijet-mass", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    (path,) = tmp_path.glob("*.json")
    assert path.name.startswith("202")
    timed: list[str] = []

    def measured(chosen: recipe.Recipe, *_: Any) -> str:
        timed.append(chosen.slug)
        return "Not timed."

    monkeypatch.setattr(timing, "measure", measured)
    (record,) = json.loads(path.read_text())
    here = record["machine"]
    # A record of another processor, though its machine has the same name, is not gone on with.
    cases = [(1e5, here, []), (None, here, ["trijet-mass"]), (1e5, {**here, "processor": "another"}, ["trijet-mass"])]
    for rate, machine, asked in cases:
        record["machine"] = machine
        for engine in record["engines"].values():
            engine["warm_rate_hz"] = rate
        path.write_text(json.dumps([record]))
        timed.clear()
        again = called("bench", "trijet-mass", "--out", str(tmp_path), "--resume")
        assert (again.exit_code, timed) == (0, asked), again.output
        assert json.loads(path.read_text()) == [record]
