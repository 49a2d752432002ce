"""Electron scale factors at the edges: between maps and outside, without a pair, and files of other content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import agreement, corrections, inputs, recipe, sample
from cookbook.recipe import Engine
from leptons import NAN, SIMULATION, Lepton, Page, asking, changed
from runs import complaint
from small_files import jagged

PAGE, DATA = Page("electron-scale-factors", "Electron"), "EGamma_Dilepton"
PARAMETERS = PAGE.parameters
PATH: str = PARAMETERS["SCALE_FACTORS"]
PAIR = [(50.0, 0.5), (40.0, -0.5)]
WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "key": (
        {"MAPS": {**PARAMETERS["MAPS"], "id": ("Electron-ID", "WorkingPoint")}},
        "no correction 'Electron-ID'; did you mean .*Electron-ID-SF",
    ),
    "working point": (
        {"FACTORS": {**PARAMETERS["FACTORS"], "id": {"Tight": (0, 1e9)}}},
        "has no WorkingPoint 'Tight'; there are .*wp90iso",
    ),
    "year": ({"YEAR": "2018"}, "has no year '2018'; there are 2024Cookbook"),
    "variation": ({"WAYS": ["nominal", "sfup", "sfdown"]}, "has no ValType 'nominal'; "),
    "input": (
        {"MAPS": {**PARAMETERS["MAPS"], "id": ("Electron-ID-SF", "Path")}},
        "takes no input 'Path'; its inputs are year, ValType, WorkingPoint",
    ),
}

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def from_file(electron: Lepton, trigger: bool) -> float:
    """Return the product of the factors of an electron, looked up by hand."""
    (pt, eta), found = electron, correctionlib.CorrectionSet.from_file(PATH)
    point = "RecoBelow20" if pt < 20 else "Reco20to75" if pt < 75 else "RecoAbove75"
    about = "2024Cookbook", "sf"
    values = [found["Electron-ID-SF"].evaluate(*about, wp, eta, pt) for wp in (point, "wp90iso")]
    if trigger:
        values.append(found["Electron-HLT-SF"].evaluate(*about, "HLT_SF_Ele30_MVAiso90ID", eta, pt))
    return float(np.prod(values))


def flat(entry: dict[str, Any]) -> None:
    """Make a correction 0.9 with an uncertainty of 0.09 everywhere."""
    ways = {"sf": 0.9, "sfup": 0.99, "sfdown": 0.81}
    content = [{"key": key, "value": value} for key, value in ways.items()]
    data: Any = {"nodetype": "category", "input": "ValType", "content": content}
    for text in ("year", "WorkingPoint", "Path"):
        if text in [variable["name"] for variable in entry["inputs"]]:
            keys = ["2024Cookbook", "RecoBelow20", "Reco20to75", "RecoAbove75", "wp90iso", "HLT_SF_Ele30_MVAiso90ID"]
            items = [{"key": key, "value": data} for key in keys]
            data = {"nodetype": "category", "input": text, "content": items}
    entry["data"] = data


@pytest.mark.parametrize(
    "pair",
    [
        [(50.0, 0.5), (40.0, -1.0)],
        [(75.0, 1.7), (20.0, 0.3)],
        [(74.99, -2.4), (19.99, -1.5)],
        [(1000.0, 0.0), (10.0, 0.0)],
    ],
)
def test_the_factor_is_the_product_over_leptons(pair: list[Lepton], tmp_path: Path) -> None:
    """Also at both sides of the ends of the ranges."""
    opened = {"MIN_PT": 9.0, "WINDOW": (0.0, 1e4)}
    first, second = pair = [(float(np.float32(pt)), float(np.float32(eta))) for pt, eta in pair]
    found = PAGE.yields(PAGE.with_mistakes(PAGE.written(tmp_path / "in.root", [pair]), **opened))
    assert found("none") == pytest.approx(1)
    expected = from_file(first, True) * from_file(second, False)
    assert found("nominal") == pytest.approx(expected)
    assert found("inverted") == pytest.approx(1 / expected)
    assert found("leading only") == pytest.approx(from_file(first, True))
    trigger = from_file(second, True) / from_file(second, False)
    assert found("trigger of both") == pytest.approx(expected * trigger)


def test_electrons_are_looked_up_at_their_supercluster(tmp_path: Path) -> None:
    """A track in the barrel with a supercluster in the endcap gets the factor of the endcap."""
    shift = jagged([[0.25, 0.0]], np.float32)
    pair = [(50.0, 1.40), (40.0, 0.5)]
    found = PAGE.yields(PAGE.agreed(PAGE.written(tmp_path / "in.root", [pair], deltaEtaSC=shift)))
    expected = from_file((50.0, 1.65), True) * from_file(pair[1], False)
    assert expected != pytest.approx(from_file(pair[0], True) * from_file(pair[1], False))
    assert found("nominal") == pytest.approx(expected)


@engines
@pytest.mark.parametrize(
    ("pair", "opened"),
    [
        ([(50.0, 0.5), (40.0, -2.6)], {"MAX_ETA": 3.0}),
        ([(500.0, 0.5), (9.5, 0.4)], {"MIN_PT": 9.0}),
    ],
)
def test_an_electron_outside_the_map_ends_the_run(
    engine: Engine, pair: list[Lepton], opened: dict[str, Any], tmp_path: Path
) -> None:
    """Beyond the last pseudorapidity, or below 10 GeV: an error and not a factor of one."""
    path = PAGE.written(tmp_path / "in.root", [pair])
    assert "bounds" in complaint(lambda: PAGE.run(engine, path, WINDOW=(0.0, 1e4), **opened))


@engines
def test_a_file_without_the_superclusters_is_named(engine: Engine, tmp_path: Path) -> None:
    """The track's pseudorapidity does not silently take the place of the supercluster's."""
    path = PAGE.written(tmp_path / "in.root", [PAIR], drop="deltaEtaSC")
    with pytest.raises(inputs.InputError, match=r"in\.root: tree 'Events' has no branch 'Electron_deltaEtaSC'"):
        PAGE.run(engine, path)


def test_the_sum_is_what_nanoaod_v15_stores() -> None:
    """Track pseudorapidity plus `deltaEtaSC` is `superclusterEta`, within the rounding of the branches."""
    with uproot.open(sample.files(SIMULATION)[0]) as file:
        names = ["eta", "deltaEtaSC", "superclusterEta"]
        eta, delta, stored = (
            ak.to_numpy(ak.flatten(file["Events"][f"Electron_{name}"].array())).astype(float) for name in names
        )
    assert np.abs(eta + delta - stored).max() < 2e-3


def test_events_without_a_pair_count_nothing(tmp_path: Path) -> None:
    """None, one and three leptons, and a second one below the threshold."""
    good = (50.0, 0.5), (40.0, -0.5)
    events: list[list[Lepton]] = [[], [good[0]], [*good, (30.0, 0.0)], [good[0], (19.0, -0.5)], []]
    assert PAGE.yields(PAGE.with_mistakes(PAGE.written(tmp_path / "in.root", events)))("none") == 0


def test_not_a_number_is_no_lepton(tmp_path: Path) -> None:
    """A lepton without a momentum or a place is dropped before the map is asked; what is left may be a pair."""
    good = (50.0, 0.5), (40.0, -0.5)
    events: list[list[Lepton]] = [[(NAN, 0.5), good[1]], [good[0], (40.0, NAN)], [*good, (NAN, NAN)]]
    found = PAGE.yields(PAGE.with_mistakes(PAGE.written(tmp_path / "in.root", events)))
    assert found("none") == pytest.approx(1)


@pytest.mark.parametrize("why", ["the other lepton fired", "another object"])
def test_the_leading_lepton_must_have_fired(why: str, tmp_path: Path) -> None:
    """Otherwise the factor would be that of another lepton, so the event is not used."""
    fires, id_ = (1, 0) if why == "the other lepton fired" else (0, 22)
    path = PAGE.written(tmp_path / "in.root", [PAIR], fires=fires, id_=id_)
    assert PAGE.yields(PAGE.with_mistakes(path))("none") == 0


def test_filter_bits_of_older_files_are_read(tmp_path: Path) -> None:
    """Up to NanoAOD v12 the bits are a 32-bit integer; the answer is the same."""
    old = PAGE.with_mistakes(PAGE.written(tmp_path / "old.root", [PAIR], bits=np.int32))
    agreement.check(old, PAGE.with_mistakes(PAGE.written(tmp_path / "new.root", [PAIR])), empty=True)
    assert PAGE.yields(old)("none") == pytest.approx(1)


def test_data_have_no_factors(tmp_path: Path) -> None:
    """Every weighting of data counts events, also where a file lacks the generator's branches."""
    files = {
        SIMULATION: [PAGE.written(tmp_path / "simulation.root", [PAIR] * 3)],
        DATA: [PAGE.written(tmp_path / "data.root", [PAIR] * 3, simulation=False)],
    }
    coffea, rdataframe = (PAGE.subject.run(engine, files) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    for results in (coffea, PAGE.mistaken(files)):
        found = PAGE.yields(results, DATA)
        assert {found(name) for name in results["pt"].axes["weighting"]} == {3.0}


def test_up_and_down_move_all_leptons_together(tmp_path: Path) -> None:
    """A flat ten per cent is a factor 1.1 squared for two leptons and 1.1 for the one that fired."""
    path = PAGE.written(tmp_path / "in.root", [PAIR])
    found = PAGE.yields(PAGE.agreed(path, SCALE_FACTORS=changed(PATH, tmp_path / "flat.json", flat)))
    assert found("nominal") == pytest.approx(0.9**5)
    for name in PARAMETERS["FACTORS"]:
        power = 1 if name == "trigger" else 2
        assert found(f"{name}_up") == pytest.approx(0.9**5 * 1.1**power)
        assert found(f"{name}_down") == pytest.approx(0.9**5 * 0.9**power)
    again = PAGE.yields(PAGE.agreed(path))  # and the next run takes the next file
    assert again("nominal") != pytest.approx(0.9**5)


def test_a_file_may_ask_for_the_azimuth(tmp_path: Path) -> None:
    """Inputs are given by name, so one more of those that are known changes nothing, wherever it stands."""
    path = PAGE.written(tmp_path / "in.root", [PAIR])
    given = changed(PATH, tmp_path / "phi.json", asking("phi"))
    agreement.check(PAGE.agreed(path, SCALE_FACTORS=given), PAGE.run("rdataframe", path), empty=True)


@engines
def test_an_input_that_nobody_gives_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file that asks for more than the recipe knows ends in an error that names the input."""
    path = PAGE.written(tmp_path / "in.root", [PAIR])
    given = changed(PATH, tmp_path / "r9.json", asking("r9"))
    assert "r9" in complaint(lambda: PAGE.run(engine, path, SCALE_FACTORS=given))


@engines
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_name_is_named(engine: Engine, what: str, tmp_path: Path) -> None:
    """A key or text that the file does not have: the error says what it has."""
    parameters, message = WRONG[what]
    path = PAGE.written(tmp_path / "in.root", [PAIR])
    with pytest.raises(corrections.CorrectionError, match=message):
        PAGE.run(engine, path, **parameters)
