"""Muon scale factors at the edges: outside the map, without a pair, and files that ask for or hold something else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import agreement, corrections, recipe
from cookbook.recipe import Engine
from leptons import NAN, SIMULATION, Lepton, Page, asking, changed
from runs import complaint

PAGE, DATA = Page("lepton-scale-factors", "Muon"), "Muon_Dilepton"
PARAMETERS = PAGE.parameters
PATH: str = PARAMETERS["SCALE_FACTORS"]
PAIR = [(50.0, 0.5), (40.0, -0.5)]
WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "key": (
        {"FACTORS": {**PARAMETERS["FACTORS"], "id": "NUM_TightID_DEN_Tracks"}},
        "no correction 'NUM_TightID_DEN_Tracks'; did you mean .*NUM_TightID_DEN_TrackerMuons",
    ),
    "variation": ({"WAYS": ["sf", "systup", "systdown"]}, "has no scale_factors 'sf'; "),
}

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def from_file(muon: Lepton, trigger: bool) -> float:
    """Return the product of the factors of a muon, looked up by hand."""
    (pt, eta), found = muon, correctionlib.CorrectionSet.from_file(PATH)
    names = ["NUM_TightID_DEN_TrackerMuons", "NUM_TightPFIso_DEN_TightID"]
    names += ["NUM_IsoMu24_DEN_CutBasedIdTight_and_PFIsoTight"] * trigger
    return float(np.prod([found[name].evaluate(eta, pt, "nominal") for name in names]))


def flat(entry: dict[str, Any]) -> None:
    """Make a correction 0.9 with an uncertainty of 0.09 everywhere."""
    ways = {"nominal": 0.9, "systup": 0.99, "systdown": 0.81}
    content = [{"key": key, "value": value} for key, value in ways.items()]
    entry["data"] = {"nodetype": "category", "input": "scale_factors", "content": content}


@pytest.mark.parametrize(
    "pair",
    [
        [(50.0, 0.5), (40.0, -1.0)],
        [(50.0, -2.2), (21.0, -1.3)],
        [(900.0, 2.0), (12.0, 2.0)],
    ],
)
def test_the_factor_is_the_product_over_leptons(pair: list[Lepton], tmp_path: Path) -> None:
    """Also at the ends of the ranges, and beyond the bins in pt, where the nearest one counts."""
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


@engines
def test_a_muon_outside_the_map_ends_the_run(engine: Engine, tmp_path: Path) -> None:
    """Beyond the last pseudorapidity: an error and not a factor of one."""
    path = PAGE.written(tmp_path / "in.root", [[(50.0, 0.5), (40.0, 2.45)]])
    assert "bounds" in complaint(lambda: PAGE.run(engine, path, WINDOW=(0.0, 1e4), MAX_ETA=2.5))


def test_absolute_pseudorapidity_is_a_switch(tmp_path: Path) -> None:
    """With a map of absolute pseudorapidity, as until 2022, `INPUTS` says so; the factors are the mirror's."""

    def folded(entry: dict[str, Any]) -> None:
        data = entry["data"]
        half = len(data["content"]) // 2
        data["edges"], data["content"] = data["edges"][half:], data["content"][half:]

    path = PAGE.written(tmp_path / "in.root", [[(50.0, -0.5), (40.0, -1.6)]])
    given = changed(PATH, tmp_path / "folded.json", folded)
    for engine in recipe.ENGINES:
        assert "bounds" in complaint(lambda engine=engine: PAGE.run(engine, path, SCALE_FACTORS=given))  # type: ignore[misc]
    columns = {"eta": "abs_eta", "pt": "pt", "phi": "phi"}
    found = PAGE.yields(PAGE.agreed(path, SCALE_FACTORS=given, INPUTS=columns))
    assert found("nominal") == pytest.approx(PAGE.yields(PAGE.agreed(path))("nominal"))


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
