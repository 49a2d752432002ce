"""Files that lack a trigger path are run on with the path as not fired, and nothing else of them changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import click.testing
import numpy as np
import pytest
import uproot

import small_files
from cookbook import cli, inputs, recipe, results, sample, unfired
from real_files import nanoaod

SLUG = "certified-data"
PATH = "HLT_IsoMu24"
READ = recipe.load(SLUG).required(recipe.load(SLUG).parameters())["Events"]


def data(target: Path, first: int, without: Sequence[str] = (), path: Any = None) -> str:
    """Write 200 events of the sample's data with numbers from `first` on."""

    def change(held: dict[str, Any]) -> None:
        held["event"] = np.arange(first, first + 200, dtype="u8")
        for name in without:
            del held[name]
        held |= {} if path is None else {PATH: path}

    return small_files.from_file(sample.files("Muon")[0], target, {*READ, "HLT_Ele30"}, 200, change)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Return a file that has the path, and one that has not."""
    return [data(tmp_path / "new.root", 1), data(tmp_path / "old.root", 1000, without=[PATH])]


def equal(one: Any, other: Any) -> bool:
    """Return whether two branches hold the same values of the same type."""
    return bool(one.typename == other.typename and ak.array_equal(one.array(), other.array(), equal_nan=True))


def test_a_file_gets_the_paths_that_it_lacks(files: list[str], tmp_path: Path) -> None:
    """What the recipe reads, the numbers of the events and Runs are as they were, the rest is left out."""
    (tmp_path / "made").mkdir()
    made = unfired.write({files[1]: [PATH, "HLT_Mu50"]}, READ, tmp_path / "made")
    with uproot.open(files[1]) as old, uproot.open(made[files[1]]) as new:
        assert sorted(new.keys(cycle=False)) == ["Events", "Runs"]
        assert {*new["Events"].keys()} == {*READ, "HLT_Mu50"}
        for name in {*READ} - {PATH}:
            assert equal(old["Events"][name], new["Events"][name]), name
        for name in (PATH, "HLT_Mu50"):
            assert new["Events"][name].typename == "bool"
            assert new["Events"][name].array().tolist() == [False] * 200
        assert equal(old["Runs"]["run"], new["Runs"]["run"])


@pytest.mark.parametrize("name", ["nano_tt_v15.root", "nano_dy.root"])
def test_a_real_file_gets_them_too(name: str, tmp_path: Path) -> None:
    """In its own types, with its Runs and sections where it has them, and simulation stays simulation."""
    source, wanted = str(nanoaod(name)), ["Jet_pt", "Jet_jetId", "Muon_charge", "genWeight", "GenPart_pt"]
    made = unfired.write({source: ["HLT_None"]}, wanted, tmp_path)[source]
    assert inputs.is_simulation(made) == inputs.is_simulation(source)
    with uproot.open(source) as old, uproot.open(made) as new:
        for tree in {"Events", "Runs", "LuminosityBlocks"} & {*old.keys(cycle=False, recursive=False)}:
            kept = set(new[tree].keys()) - {"HLT_None"}
            assert tree == "Events" or kept == set(old[tree].keys())
            assert all(equal(old[tree][name], new[tree][name]) for name in kept)
        assert not np.any(new["Events"]["HLT_None"].array(library="np"))


def test_a_copy_that_is_not_whole_is_an_error(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries and bytes of every branch are compared with the source."""
    monkeypatch.setattr(unfired, "_write", cut_short)
    with pytest.raises(inputs.InputError, match=r"old\.root: it could not be written anew, .*Events has 3 of 200 "):
        unfired.write({files[1]: [PATH]}, READ, tmp_path)


def cut_short(_: str, target: str, *__: Any) -> None:
    """Stand for ROOT on a full disk."""
    small_files.write(Path(target), small_files.event_columns(3, PATH), None)


def test_an_rntuple_is_refused(tmp_path: Path) -> None:
    """No branch can be added to one."""
    path = str(tmp_path / "a.root")
    with uproot.recreate(path) as out:
        out.mkrntuple("Events", {"run": "u4"}).extend({"run": np.ones(3, "u4")})
    with pytest.raises(inputs.InputError, match=r"a\.root: Events is an RNTuple, to which no path can be added"):
        unfired.write({path: [PATH]}, READ, tmp_path)


def test_both_engines_count_the_path_as_not_fired(files: list[str], tmp_path: Path) -> None:
    """A recipe finds what it finds where the path is there and false."""
    (tmp_path / "made").mkdir()
    made = unfired.write({files[1]: [PATH]}, READ, tmp_path / "made")[files[1]]
    false = data(tmp_path / "false.root", 1000, path=np.zeros(200, bool))
    subject = recipe.load(SLUG)
    for engine in recipe.ENGINES:
        found, wanted = (
            subject.run(engine, {"Muon": [files[0], second]}, {"DATA": ["Muon"]}) for second in (made, false)
        )
        for name in wanted:
            assert content(found[name]) == content(wanted[name]), (engine, name)


def content(histogram: Any) -> Any:
    """Return the values of a histogram of either engine."""
    if hasattr(histogram, "values"):
        return histogram.values(flow=True).tolist()
    h = histogram.GetValue() if hasattr(histogram, "GetValue") else histogram
    return [h.GetBinContent(i) for i in range(h.GetNcells())]


def test_the_command_takes_them_for_the_run_alone(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the reader sees names the own files, and nothing is left of the others."""
    seen: list[str] = []

    def run(_: recipe.Recipe, parameters: dict[str, Any], out: Path, own: Any) -> Path:
        seen.extend(parameters["FILES"]["mu"])
        assert [Path(path).is_file() for path in seen] == [True, True]
        assert [own(f"in {path}") for path in seen] == [f"in {path}" for path in files]
        return out

    monkeypatch.setattr(results, "run", run)
    monkeypatch.setattr(results, "lines", lambda _: [])
    asked = [*(f"mu={path}" for path in files), "--set", f"CERTIFIED={sample.certified()}"]
    refused = click.testing.CliRunner().invoke(cli.main, ["recipe", SLUG, *asked])
    assert f"old.root: tree 'Events' has no branch '{PATH}'" in refused.output
    assert f"not_fired: [{PATH}] in a job file" in refused.output
    result = click.testing.CliRunner().invoke(cli.main, ["recipe", SLUG, *asked, "--set", f"not_fired=[{PATH}]"])
    assert (result.exit_code, f"{SLUG}: {PATH} counts as not fired in 1 of 2 file(s)" in result.output) == (0, True)
    assert seen[0] == files[0]
    assert not Path(seen[1]).exists()
