"""Pileup weights at the edges: beyond the profile, without a key, from another file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mistakes
from cookbook import agreement, corrections, inputs, recipe, sample
from cookbook.recipe import Engine
from copies import needed
from small_files import edited

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

SUBJECT = recipe.load("pileup-weights")
PARAMETERS = SUBJECT.parameters()
WEIGHTINGS = "nominal", "up", "down", "histograms"
DRELL_YAN = sample.files("DYto2L_M-50")[0]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str], recipe.Files]:
    """Return a function that gives the recipe's input with another expression for the true interactions."""

    def change(expression: str) -> recipe.Files:
        path = str(tmp_path / "changed.root")
        df = ROOT.RDataFrame("Events", DRELL_YAN).Redefine("Pileup_nTrueInt", expression)
        df.Snapshot("Events", path, sorted(needed(SUBJECT) & {str(name) for name in df.GetColumnNames()}))
        return {"DYto2L_M-50": [path], "Muon": sample.files("Muon")}

    return change


def weights_file(folder: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """Write the correction file with a change of its JSON, and return its path."""
    return edited(PARAMETERS["WEIGHTS"], folder / "puWeights.json.gz", change)


@pytest.mark.parametrize("value", ["-1.f", "150.f", "std::numeric_limits<float>::quiet_NaN()"])
def test_beyond_the_profile_there_is_no_weight(value: str, changed: Callable[[str], recipe.Files]) -> None:
    """A number of interactions that data never have counts nothing, in both engines alike."""
    files = changed(value)
    coffea, rdataframe = (SUBJECT.run(engine, files) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    assert [coffea["sum_of_weights"][name].value for name in WEIGHTINGS] == [0.0] * len(WEIGHTINGS)
    sums = mistakes.run(SUBJECT, "WithMistakes", files)["sum_of_weights"]
    assert sums["none"].value != 0
    assert [sums[name].value for name in (*WEIGHTINGS, "inverse")] == [0.0] * (len(WEIGHTINGS) + 1)


def test_a_weight_that_is_flat_changes_nothing(tmp_path: Path) -> None:
    """With weights of one everywhere, the weighted spectrum is the unweighted one: the file given is the file used."""

    def flatten(content: dict[str, Any]) -> None:
        for item in content["corrections"][0]["data"]["content"]:
            item["value"]["content"] = [1.0] * len(item["value"]["content"])

    given, files = {"WEIGHTS": weights_file(tmp_path, flatten)}, PARAMETERS["FILES"]
    unweighted = mistakes.run(SUBJECT, "WithMistakes", files)["npvs_none"].values()
    coffea, rdataframe = (SUBJECT.run(engine, files, given) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)
    assert np.array_equal(coffea["npvs_nominal"].values(), unweighted)
    # and the next run takes the next file
    coffea, rdataframe = (SUBJECT.run(engine, files) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)
    assert not np.array_equal(coffea["npvs_nominal"].values(), unweighted)


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_missing_key_is_named(engine: Engine) -> None:
    """The error says which corrections the file has."""
    with pytest.raises(corrections.CorrectionError, match=f"no correction 'Collisions23'.*{PARAMETERS['KEY']}"):
        SUBJECT.run(engine, PARAMETERS["FILES"], {"KEY": "Collisions23"})


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_missing_variation_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file without up ends with an error before an event is read."""

    def drop_up(content: dict[str, Any]) -> None:
        del content["corrections"][0]["data"]["content"][1]

    with pytest.raises(corrections.CorrectionError, match="has no weights 'up'; there are nominal, down"):
        SUBJECT.run(engine, PARAMETERS["FILES"], {"WEIGHTS": weights_file(tmp_path, drop_up)})


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_simulation_without_interactions_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file of simulation that lacks the true number of interactions is not weighted with a default."""
    path = str(tmp_path / "without.root")
    branches = {*SUBJECT.branches(PARAMETERS)["Events"]} - {"Pileup_nTrueInt"}
    ROOT.RDataFrame("Events", DRELL_YAN).Snapshot("Events", path, sorted(branches))
    with pytest.raises(inputs.InputError, match=r"without\.root: tree 'Events' has no branch 'Pileup_nTrueInt'"):
        SUBJECT.run(engine, {"DYto2L_M-50": [path], "Muon": sample.files("Muon")})


def profiles(target: Path, kind: str, bins: dict[str, int]) -> str:
    """Write the sample's profiles as histograms of another kind, with so many bins of one interaction."""
    with ROOT.TFile.Open(PARAMETERS["PROFILES"]) as source, ROOT.TFile.Open(str(target), "recreate") as file:
        for name, count in bins.items():
            h = getattr(ROOT, kind)(name, "", count, 0.0, float(count))
            for i in range(1, count + 1):
                h.SetBinContent(i, source[name].GetBinContent(i))
            file.WriteObject(h, name)
    return str(target)


@pytest.mark.parametrize("bins", [100, 60])
def test_profiles_of_other_hands_are_read(bins: int, tmp_path: Path) -> None:
    """Single precision, and a last bin that simulation exceeds: it has the weight of that bin, in both engines."""
    given = {"PROFILES": profiles(tmp_path / "own.root", "TH1F", {"pileup": bins, "simulation": bins})}
    coffea, rdataframe = (SUBJECT.run(engine, PARAMETERS["FILES"], given) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)
    assert coffea["npvs_histograms"].sum().value > 0


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_profiles_with_other_bins_are_an_error(engine: Engine, tmp_path: Path) -> None:
    """Histograms that cannot be divided bin by bin are refused with the file's name."""
    given = {"PROFILES": profiles(tmp_path / "own.root", "TH1D", {"pileup": 100, "simulation": 75})}
    with pytest.raises(ValueError, match=r"own\.root: its profiles differ in their bins"):
        SUBJECT.run(engine, PARAMETERS["FILES"], given)


def test_whole_numbers_fall_into_their_own_bin(changed: Callable[[str], recipe.Files]) -> None:
    """Run 2 files have integers, which lie on the edges: each takes the weight above its edge, in both engines."""
    files = changed("float(int(Pileup_nTrueInt))")
    coffea, rdataframe = (SUBJECT.run(engine, files) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)
    namespace = SUBJECT.parameters()
    SUBJECT.define("coffea", namespace)
    own, numbers = namespace["from_profiles"](PARAMETERS["PROFILES"]), np.arange(100)
    assert np.array_equal(own.evaluate(numbers.astype(np.float32)), own.evaluate(numbers + 0.5))
