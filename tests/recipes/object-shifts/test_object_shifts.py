"""Shifted jets at the cuts, in the missing momentum, in a run from scratch, and faults that the gate names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import runs
from cookbook import agreement, corrections, inputs, recipe
from cookbook.recipe import Engine
from copies import needed
from mutants import check_with
from small_files import edited, event_columns, from_file, jagged, odd_jets, write

SUBJECT = recipe.load("object-shifts")
PARAMETERS = SUBJECT.parameters()
SHIFTS = ["JES:up", "JES:down", "JER:up", "JER:down"]
EVENTS = 400
SIZE = 0.1  # of the scale, where a test makes it flat
STATED = {"JES:up": 1 + SIZE, "JES:down": 1 - SIZE}

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


def sized(target: Path, size: float = SIZE, ways: Sequence[float] = (1.0, 1.0, 1.0)) -> str:
    """Write the corrections with a scale of one size, and a scale factor of these nominal, up and down."""

    def change(content: dict[str, Any]) -> None:
        for entry in content["corrections"]:
            if entry["name"] == PARAMETERS["JES"]:
                entry["data"] = size
            if entry["name"] == PARAMETERS["JER"]:
                entry["data"] = by_way(dict(zip(("nom", "up", "down"), ways, strict=True)))

    return edited(PARAMETERS["JERC"], target, change)


def by_way(values: dict[str, float]) -> dict[str, Any]:
    """Return what a scale factor holds that depends on its way alone."""
    content = [{"key": key, "value": value} for key, value in values.items()]
    return {"nodetype": "category", "input": "systematic", "content": content}


def by_hand(folder: Path, size: float = SIZE, ways: Sequence[float] = (1.0, 1.0, 1.0)) -> dict[str, Any]:
    """Return the parameters of corrections that a reader can follow by hand; pileup weighs one, whatever the way."""

    def change(content: dict[str, Any]) -> None:
        for entry in content["corrections"]:
            if entry["name"] == PARAMETERS["PILEUP_KEY"]:
                entry["data"] = {**by_way(dict.fromkeys(("nominal", "up", "down"), 1.0)), "input": "weights"}

    pileup = edited(PARAMETERS["PILEUP"], folder / "pileup.json.gz", change)
    return {"JERC": sized(folder / "sizes.json.gz", size, ways), "PILEUP": pileup}


def hand_made(target: Path, pt: list[float], gen: list[float], met: float = 100.0, **other: float) -> str:
    """Write one event with jets at phi of zero and these momenta, and missing momentum in their direction."""
    size = len(pt)
    jet = {"pt": pt, "mass": [10.0] * size, "eta": [0.2 * i for i in range(size)], "phi": [0.0] * size}
    jet |= {name: [other.get(name, 0.0)] * size for name in ("muonSubtrFactor", "chEmEF", "neEmEF")}
    columns: dict[str, Any] = {"Jet": {name: jagged([values], np.float32) for name, values in jet.items()}}
    columns["Jet"]["genJetIdx"] = jagged([[i if i < len(gen) else -1 for i in range(size)]], np.int16)
    zeros = jagged([[0.0] * len(gen)], np.float32)
    columns["GenJet"] = dict.fromkeys(("eta", "phi", "mass"), zeros) | {"pt": jagged([gen], np.float32)}
    columns |= {"PuppiMET_pt": np.full(1, met, "float32"), "PuppiMET_phi": np.zeros(1, "float32")}
    columns |= {name: np.ones(1, "float32") for name in ("genWeight", "Pileup_nTrueInt")}
    return write(target, {**event_columns(1), **columns}, [1.0])


def agreed(path: str, **parameters: Any) -> runs.Results:
    """Return the histograms in which both engines, and the branches of RDataFrame, agree."""
    results = runs.agreed(SUBJECT, [path], parameters)
    agreement.check(results, SUBJECT.run("rdataframe_branches", [path], parameters), empty=True)
    return results


def total(h: Any, key: str) -> float:
    """Return the sum of weights of a variation."""
    return float(h[key, :].sum(flow=True).value)


def place(h: Any, key: str) -> int:
    """Return the bin in which the one event of a variation lies."""
    filled = np.flatnonzero(h[key, :].values(flow=True))
    assert len(filled) == 1
    return int(filled[0])


def bin_of(h: Any, value: float) -> int:
    """Return the bin of a value, counted as `place` does."""
    return int(h.axes[1].index(value)) + 1


def test_a_shift_brings_a_jet_over_the_threshold_and_changes_the_order(tmp_path: Path) -> None:
    """By hand: the fourth jet passes only moved up, and the wider resolution exchanges the leading two."""
    given = by_hand(tmp_path, ways=(1.0, 1.5, 0.5))
    pt, gen = [100.0, 99.0, 50.0, 29.0], [110.0, 80.0]
    h = agreed(hand_made(tmp_path / "event.root", pt, gen), **given)
    cuts = {key: place(h["cut"], key) - 1 for key in ["nominal", *SHIFTS]}
    assert cuts == {"nominal": 0, "JES:up": 2, "JES:down": 0, "JER:up": 0, "JER:down": 0}
    assert place(h["ht"], "JES:up") == bin_of(h["ht"], 1.1 * sum(pt))
    lower = {**given, "MIN_PT": 25.0}
    h = agreed(hand_made(tmp_path / "event.root", pt, gen), **lower)
    wide = [100 + 0.5 * (100 - 110), 99 + 0.5 * (99 - 80), 50.0, 29.0]
    assert wide[1] > wide[0]
    assert place(h["ht"], "JER:up") == bin_of(h["ht"], sum(wide))
    masses = [10 * wide[0] / 100, 10 * wide[1] / 99]
    assert place(h["dijet_mass"], "JER:up") == bin_of(h["dijet_mass"], pair_mass(wide[:2], [0.0, 0.2], masses))


def pair_mass(pt: list[float], eta: list[float], mass: list[float]) -> float:
    """Return the invariant mass of two jets at the same phi."""
    along, across = sum(p * np.sinh(y) for p, y in zip(pt, eta, strict=True)), sum(pt)
    energy = sum(np.sqrt((p * np.cosh(y)) ** 2 + m**2) for p, y, m in zip(pt, eta, mass, strict=True))
    return float(np.sqrt(energy**2 - along**2 - across**2))


def test_the_pair_is_the_leading_one_of_the_shift(tmp_path: Path) -> None:
    """The third jet becomes the second where its resolution is widened, and its mass is in the pair."""
    given = by_hand(tmp_path, 0.0, (1.0, 3.0, 1.0)) | {"MIN_MET": 0.0}
    h = agreed(hand_made(tmp_path / "event.root", [200.0, 100.0, 90.0, 80.0], [200.0, 100.0, 60.0]), **given)
    nominal = pair_mass([200.0, 100.0], [0.0, 0.2], [10.0, 10.0])
    moved = pair_mass([200.0, 150.0], [0.0, 0.4], [10.0, 10.0 * 150 / 90])
    assert place(h["dijet_mass"], "nominal") == bin_of(h["dijet_mass"], nominal)
    assert place(h["dijet_mass"], "JER:up") == bin_of(h["dijet_mass"], moved) != bin_of(h["dijet_mass"], nominal)


@pytest.mark.parametrize(("free", "electromagnetic", "moved"), [(1.0, 0.0, 1.0), (0.5, 0.0, 0.5), (1.0, 0.6, 0.0)])
@pytest.mark.parametrize("way", ["JES:up", "JES:down"])
def test_missing_momentum_moves_against_the_jets(
    way: str, free: float, electromagnetic: float, moved: float, tmp_path: Path
) -> None:
    """What jets gain it loses: without muons, without jets that are mostly electromagnetic, or below 15 GeV."""
    pt, given = [100.0, 80.0, 60.0, 40.0, 14.0], by_hand(tmp_path)
    other = {"muonSubtrFactor": 1 - free, "chEmEF": electromagnetic, "neEmEF": electromagnetic}
    expected = 100 - moved * sum(pt[:4]) * (STATED[way] - 1)
    for cut, step in ((expected - 0.1, 2), (expected + 0.1, 1)):
        h = agreed(hand_made(tmp_path / "event.root", pt, [], **other), MIN_MET=cut, **given)
        assert place(h["cut"], way) - 1 == step


@pytest.mark.parametrize("key", SHIFTS)
def test_a_shift_is_a_run_from_scratch(key: str, tmp_path: Path) -> None:
    """A file whose nominal jets and missing momentum plain loops have moved gives, nominal, the shifted histograms."""
    size, scale = 0.03, (1.1, 1.2, 1.05)
    given = {"JERC": sized(tmp_path / "sizes.json.gz", size, scale)}
    ratio = {"JER:up": scale[1] / scale[0], "JER:down": scale[2] / scale[0]}.get(key, 1.0)
    sign = {"JES:up": size, "JES:down": -size}.get(key, 0.0)

    def shift(columns: dict[str, Any]) -> None:
        pts: list[list[float]] = []
        masses: list[list[float]] = []
        met = []
        gens, jets = columns["GenJet"]["pt"].to_list(), {n: c.to_list() for n, c in columns["Jet"].items()}
        for i, (p, a) in enumerate(zip(columns["PuppiMET_pt"], columns["PuppiMET_phi"], strict=True)):
            sums = [float(p) * np.cos(float(a)), float(p) * np.sin(float(a))]
            pts.append([])
            masses.append([])
            event = {name: values[i] for name, values in jets.items()}
            for k, pt in enumerate(event["pt"]):
                index = event["genJetIdx"][k]
                gen = gens[i][index] if 0 <= index < len(gens[i]) else pt
                new = (pt + (ratio - 1) * (pt - gen)) * (1 + sign)
                share = 1 - event["muonSubtrFactor"][k]
                if pt * share > 15 and event["chEmEF"][k] + event["neEmEF"][k] < 0.9:
                    sums[0] -= (new - pt) * share * np.cos(event["phi"][k])
                    sums[1] -= (new - pt) * share * np.sin(event["phi"][k])
                pts[-1].append(new)
                masses[-1].append(event["mass"][k] * new / pt)
            met.append(sums)
        columns["Jet"] |= {"pt": jagged(pts, np.float64), "mass": jagged(masses, np.float64)}
        columns["PuppiMET_pt"] = np.hypot(*np.transpose(met))
        columns["PuppiMET_phi"] = np.arctan2(*np.transpose(met)[::-1])

    file, wanted = PARAMETERS["FILE"], needed(SUBJECT)
    usual = agreed(from_file(file, tmp_path / "usual.root", wanted, EVENTS, lambda columns: None), **given)
    again = agreed(from_file(file, tmp_path / "moved.root", wanted, EVENTS, shift), **given)
    for name, h in usual.items():
        assert np.allclose(h[key, :].values(flow=True), again[name]["nominal", :].values(flow=True), rtol=1e-12)
        assert not np.array_equal(h[key, :].values(), h["nominal", :].values())


def test_a_shift_that_empties_the_selection(tmp_path: Path) -> None:
    """Its histograms are empty, the others are not; the cutflow says where it ended."""
    given = {"JERC": sized(tmp_path / "sizes.json.gz", 0.999)}
    h = runs.agreed(SUBJECT, PARAMETERS["FILES"], given)
    assert total(h["ht"], "JES:down") == 0 < total(h["ht"], "nominal")
    assert h["cut"]["JES:down", 0].value == pytest.approx(total(h["cut"], "nominal"))


def test_up_equal_to_down(tmp_path: Path) -> None:
    """Shifts of no size, and a scale factor with one value, give the nominal histograms; pileup still moves."""
    given = {"JERC": sized(tmp_path / "sizes.json.gz", 0.0)}
    for h in runs.agreed(SUBJECT, PARAMETERS["FILES"], given).values():
        nominal = h["nominal", :].values(flow=True)
        assert all(np.allclose(h[key, :].values(flow=True), nominal, rtol=1e-12) for key in SHIFTS)
        assert not np.allclose(h["pileup:up", :].values(flow=True), nominal, rtol=1e-12)


def test_odd_jets_agree(tmp_path: Path) -> None:
    """Events without jets, and momenta that are not a number, end at the first cut in both engines."""
    path = from_file(PARAMETERS["FILE"], tmp_path / "odd.root", needed(SUBJECT), EVENTS, odd_jets)
    h = agreed(path)
    assert 0 < total(h["ht"], "nominal") < total(h["cut"], "nominal")


def test_a_match_beyond_the_generator_jets_is_none(tmp_path: Path) -> None:
    """It leaves the resolution of the jet as it is."""

    def lose(columns: dict[str, Any]) -> None:
        columns["GenJet"] = {name: values[:, :0] for name, values in columns["GenJet"].items()}

    h = agreed(from_file(PARAMETERS["FILE"], tmp_path / "lost.root", needed(SUBJECT), EVENTS, lose))
    assert np.array_equal(h["ht"]["JER:up", :].values(), h["ht"]["nominal", :].values())


@engines
def test_inputs_go_by_name(engine: Engine, tmp_path: Path) -> None:
    """Corrections whose inputs stand in another order give the same."""

    def reverse(content: dict[str, Any]) -> None:
        for entry in content["corrections"]:
            entry["inputs"].reverse()

    given = {"JERC": edited(PARAMETERS["JERC"], tmp_path / "reversed.json.gz", reverse)}
    files = PARAMETERS["FILES"]
    agreement.check(runs.run(SUBJECT, engine, files), runs.run(SUBJECT, engine, files, given))


@engines
@pytest.mark.parametrize("name", ["JES", "JER", "PILEUP_KEY"])
def test_an_unknown_source_is_named(name: str, engine: Engine) -> None:
    """Before an event is read."""
    with pytest.raises(corrections.CorrectionError, match=f"no correction 'x{PARAMETERS[name]}'"):
        SUBJECT.run(engine, PARAMETERS["FILES"], {name: f"x{PARAMETERS[name]}"})


@engines
def test_an_unknown_way_is_named(engine: Engine, tmp_path: Path) -> None:
    """A scale factor without its way down is refused."""

    def lose(content: dict[str, Any]) -> None:
        for entry in content["corrections"]:
            if entry["name"] == PARAMETERS["JER"]:
                entry["data"] = by_way({"nom": 1.0, "up": 1.0})

    given = {"JERC": edited(PARAMETERS["JERC"], tmp_path / "no_down.json.gz", lose)}
    with pytest.raises(corrections.CorrectionError, match="has no systematic 'down'"):
        SUBJECT.run(engine, PARAMETERS["FILES"], given)


def test_a_missing_branch_is_named(tmp_path: Path) -> None:
    """A file without masses of jets is refused."""

    def lose(columns: dict[str, Any]) -> None:
        del columns["Jet"]["mass"]

    with pytest.raises(inputs.InputError, match="no branch 'Jet_mass'"):
        SUBJECT.run("coffea", [from_file(PARAMETERS["FILE"], tmp_path / "a.root", needed(SUBJECT), EVENTS, lose)])


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("{{{shift}_up, {shift}_down}}", "{{{shift}_down, {shift}_up}}", "JE[SR]:(up|down)"),
        ("{{{shift}_up, {shift}_down}}", "{{{shift}_up, 0 * factor + 1}}", "JE[SR]:down"),
        ("{{{shift}_up, {shift}_down}}", "{{{shift}_up * {shift}_up, {shift}_down}}", "JE[SR]:up"),
        ("{pileup_up, pileup_down}", "{pileup_down, pileup_up}", "pileup:(up|down)"),
    ],
    ids=["swapped", "moves nothing", "applied twice", "weights swapped"],
)
def test_a_fault_in_a_variation_is_named(right: str, wrong: str, named: str) -> None:
    """The gate says which variation differs."""
    with pytest.raises(agreement.DisagreementError, match=rf"differ, the most in {named}, "):
        check_with(SUBJECT, right, wrong)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Where(used, pt, -1.0)", "Where(used, jet_pt, -1.0)"),
        ('f"pt > {MIN_PT} &&', 'f"jet_pt > {MIN_PT} &&'),
        ("(met > {MIN_MET})", "(PuppiMET_pt > {MIN_MET})"),
    ],
    ids=["order", "jets", "missing momentum"],
)
def test_what_stays_behind_is_found(right: str, wrong: str) -> None:
    """An order, a selection or a missing momentum that is the nominal one changes a shift, and the gate names it."""
    with pytest.raises(agreement.DisagreementError, match=r"JE[SR]:(up|down)"):
        check_with(SUBJECT, right, wrong)
