"""Lepton scale factors at the edges: outside the map, without a pair, and files that ask for or hold something else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import hist
import numpy as np
import pytest
import uproot

import mistakes
import runs
from cookbook import agreement, corrections, inputs, recipe, sample
from cookbook.recipe import Engine
from small_files import edited, event_columns, jagged, write

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("lepton-scale-factors")
PARAMETERS = RECIPE.parameters()
SIMULATION, DATA = "DYto2L_M-50_Dilepton", "Muon_Dilepton"
PATHS: Mapping[str, str] = PARAMETERS["SCALE_FACTORS"]
ETA = {"Muon": "muon_eta", "Electron": "electron_sc_eta"}
NAN = float("nan")

engines = pytest.mark.parametrize("engine", recipe.ENGINES)
kinds = pytest.mark.parametrize("kind", ["Muon", "Electron"])

Lepton = tuple[float, float]  # pt, eta
TYPES: Mapping[str, Mapping[str, Any]] = {
    "Muon": {"tightId": (True, np.bool_), "pfRelIso04_all": (0.01, np.float32)},
    "Electron": {"mvaIso_WP90": (True, np.bool_), "deltaEtaSC": (0.0, np.float32)},
}
OBJECTS = {"Muon": (13, 8), "Electron": (11, 2)}


def collection(kind: str, events: Sequence[Sequence[Lepton]], own: Mapping[str, Any]) -> Any:
    """Return leptons as records: each opposite to the one before it in azimuth and charge."""
    columns = {
        "pt": jagged([[pt for pt, _ in event] for event in events], np.float32),
        "eta": jagged([[eta for _, eta in event] for event in events], np.float32),
        "phi": jagged([[3.0 * (i % 2) for i, _ in enumerate(event)] for event in events], np.float32),
        "mass": jagged([[0.1 for _ in event] for event in events], np.float32),
        "charge": jagged([[1 - 2 * (i % 2) for i, _ in enumerate(event)] for event in events], np.int32),
    }
    for name, (value, type_) in TYPES[kind].items():
        columns[name] = jagged([[own.get(name, value) for _ in event] for event in events], type_)
    return ak.zip({name: own.get(name, column) for name, column in columns.items()})


def trigger_objects(kind: str, events: Sequence[Sequence[Lepton]], fires: int, bits: Any, id_: int) -> Any:
    """Return a trigger object at one of the leptons of each event, the first by default."""
    eta = [[0.0 if np.isnan(e[1]) else e[1] for e in event[fires : fires + 1]] for event in events]
    columns = {
        "pt": jagged([[30.0 for _ in event] for event in eta], np.float32),
        "eta": jagged(eta, np.float32),
        "phi": jagged([[3.0 * (fires % 2) for _ in event] for event in eta], np.float32),
        "id": jagged([[id_ or OBJECTS[kind][0] for _ in event] for event in eta], np.uint16),
        "filterBits": jagged([[OBJECTS[kind][1] for _ in event] for event in eta], bits),
    }
    return ak.zip(columns)


def written(
    path: Path,
    kind: str,
    events: Sequence[Sequence[Lepton]],
    fires: int = 0,
    bits: Any = np.uint64,
    id_: int = 0,
    simulation: bool = True,
    drop: str = "",
    **own: Any,
) -> str:
    """Write a file with these leptons by event and none of the other kind; `own` replaces columns."""
    size = len(events)
    leptons = {name: collection(name, events if name == kind else [[]] * size, own) for name in OBJECTS}
    if drop:
        owner, _, name = drop.partition("_")
        leptons[owner] = ak.without_field(leptons[owner], name)
    columns = event_columns(size, "HLT_IsoMu24", "HLT_Ele30_WPTight_Gsf") | leptons
    columns["TrigObj"] = trigger_objects(kind, events, fires, bits, id_)
    if not simulation:
        return write(path, columns, None)
    columns["genWeight"] = np.ones(size, np.float32)
    return write(path, columns, [PARAMETERS["CROSS_SECTION"][SIMULATION] * PARAMETERS["LUMINOSITY"]])


def run(engine: Engine, path: str, **parameters: Any) -> dict[str, hist.Hist]:
    """Run one engine on a file of simulation, whose events count one each, and return its histograms."""
    return runs.run(RECIPE, engine, {SIMULATION: [path]}, parameters)


def agreed(path: str, **parameters: Any) -> dict[str, hist.Hist]:
    """Run both engines, check that they agree, and return coffea's histograms."""
    return runs.agreed(RECIPE, {SIMULATION: [path]}, parameters)


def with_mistakes(path: str, **parameters: Any) -> dict[str, hist.Hist]:
    """Check that the engines agree, and return coffea's histograms with the mistakes of the closure beside the rest."""
    right = agreed(path, **parameters)
    found = mistakes.run(RECIPE, "WithMistakes", {SIMULATION: [path]}, parameters)
    for name, h in right.items():
        for weighting in h.axes["weighting"]:
            assert found[name][:, weighting, :] == h[:, weighting, :]
    return found


def yields(results: Mapping[str, hist.Hist], kind: str, name: str = SIMULATION) -> Callable[[str], float]:
    """Return a function that gives the events of a weighting, whatever bin they are in."""
    h = results[ETA[kind]]
    return lambda weighting: float(h[name, weighting, :].sum(flow=True).value)


def from_file(kind: str, lepton: Lepton, trigger: bool) -> float:
    """Return the product of the factors of a lepton, looked up by hand."""
    (pt, eta), found = lepton, correctionlib.CorrectionSet.from_file(PATHS[kind])
    if kind == "Muon":
        names = ["NUM_TightID_DEN_TrackerMuons", "NUM_TightPFIso_DEN_TightID"]
        names += ["NUM_IsoMu24_DEN_CutBasedIdTight_and_PFIsoTight"] * trigger
        return float(np.prod([found[name].evaluate(eta, pt, "nominal") for name in names]))
    point = "RecoBelow20" if pt < 20 else "Reco20to75" if pt < 75 else "RecoAbove75"
    about = "2024Cookbook", "sf"
    values = [found["Electron-ID-SF"].evaluate(*about, wp, eta, pt) for wp in (point, "wp90iso")]
    if trigger:
        values.append(found["Electron-HLT-SF"].evaluate(*about, "HLT_SF_Ele30_MVAiso90ID", eta, pt))
    return float(np.prod(values))


def changed(path: str, target: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """Write a correction file after `change` of each of its corrections, and return its path."""

    def each(content: dict[str, Any]) -> None:
        for entry in content["corrections"]:
            change(entry)

    return edited(path, target, each)


def messages(error: BaseException | None) -> Iterable[str]:
    """Yield what an error says, and the errors behind it."""
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__


def complaint(call: Callable[[], Any]) -> str:
    """Return everything that the error of a call says; empty if there is none."""
    try:
        call()
    except Exception as error:
        return "; ".join(messages(error))
    return ""


@pytest.mark.parametrize(
    ("kind", "pair"),
    [
        ("Muon", [(50.0, 0.5), (40.0, -1.0)]),
        ("Muon", [(50.0, -2.2), (21.0, -1.3)]),
        ("Muon", [(900.0, 2.0), (12.0, 2.0)]),
        ("Electron", [(50.0, 0.5), (40.0, -1.0)]),
        ("Electron", [(75.0, 1.7), (20.0, 0.3)]),
        ("Electron", [(74.99, -2.4), (19.99, -1.5)]),
        ("Electron", [(1000.0, 0.0), (10.0, 0.0)]),
    ],
)
def test_the_factor_is_the_product_over_leptons(kind: str, pair: list[Lepton], tmp_path: Path) -> None:
    """Also at the ends of the ranges, and for muons beyond the bins in pt, which take the nearest one."""
    opened = {"MIN_PT_SECOND": 9.0, "WINDOW": (0.0, 1e4)}
    pair = [(float(np.float32(pt)), float(np.float32(eta))) for pt, eta in pair]
    found = yields(with_mistakes(written(tmp_path / "in.root", kind, [pair]), **opened), kind)
    first, second = pair
    assert found("none") == pytest.approx(1)
    expected = from_file(kind, first, True) * from_file(kind, second, False)
    assert found("nominal") == pytest.approx(expected)
    assert found("inverted") == pytest.approx(1 / expected)
    assert found("leading only") == pytest.approx(from_file(kind, first, True))
    trigger = from_file(kind, second, True) / from_file(kind, second, False)
    assert found("trigger of both") == pytest.approx(expected * trigger)


def test_electrons_are_looked_up_at_their_supercluster(tmp_path: Path) -> None:
    """A track in the barrel with a supercluster in the endcap gets the factor of the endcap."""
    shift = jagged([[0.25, 0.0]], np.float32)
    pair = [(50.0, 1.40), (40.0, 0.5)]
    found = yields(agreed(written(tmp_path / "in.root", "Electron", [pair], deltaEtaSC=shift)), "Electron")
    expected = from_file("Electron", (50.0, 1.65), True) * from_file("Electron", pair[1], False)
    assert expected != pytest.approx(from_file("Electron", pair[0], True) * from_file("Electron", pair[1], False))
    assert found("nominal") == pytest.approx(expected)


def flat(entry: dict[str, Any]) -> None:
    """Make a correction 0.9 with an uncertainty of 0.09 everywhere."""
    variation = "scale_factors" if entry["name"].startswith("NUM") else "ValType"
    names = ["nominal", "systup", "systdown"] if variation == "scale_factors" else ["sf", "sfup", "sfdown"]
    content = [{"key": key, "value": value} for key, value in zip(names, (0.9, 0.99, 0.81), strict=True)]
    data: Any = {"nodetype": "category", "input": variation, "content": content}
    for text in ("year", "WorkingPoint", "Path"):
        if text in [variable["name"] for variable in entry["inputs"]]:
            keys = ["2024Cookbook", "RecoBelow20", "Reco20to75", "RecoAbove75", "wp90iso", "HLT_SF_Ele30_MVAiso90ID"]
            items = [{"key": key, "value": data} for key in keys]
            data = {"nodetype": "category", "input": text, "content": items}
    entry["data"] = data


@kinds
def test_up_and_down_move_all_leptons_together(kind: str, tmp_path: Path) -> None:
    """A flat ten per cent is a factor 1.1 squared for two leptons and 1.1 for the one that fired."""
    path = written(tmp_path / "in.root", kind, [[(50.0, 0.5), (40.0, -0.5)]])
    given = {**PATHS, kind: changed(PATHS[kind], tmp_path / "flat.json", flat)}
    found = yields(agreed(path, SCALE_FACTORS=given), kind)
    assert found("nominal") == pytest.approx(0.9**5)
    for name in PARAMETERS["FACTORS"][kind]:
        power = 1 if name.endswith("trigger") else 2
        assert found(f"{name}_up") == pytest.approx(0.9**5 * 1.1**power)
        assert found(f"{name}_down") == pytest.approx(0.9**5 * 0.9**power)
    again = yields(agreed(path), kind)  # and the next run takes the next file
    assert again("nominal") != pytest.approx(0.9**5)


@engines
@pytest.mark.parametrize(
    ("kind", "pair", "opened"),
    [
        ("Muon", [(50.0, 0.5), (40.0, 2.45)], {"MUON_MAX_ETA": 2.5}),
        ("Electron", [(50.0, 0.5), (40.0, -2.6)], {"ELECTRON_MAX_ETA": 3.0}),
        ("Electron", [(500.0, 0.5), (9.5, 0.4)], {"MIN_PT_SECOND": 9.0}),
    ],
)
def test_a_lepton_outside_the_map_ends_the_run(
    engine: Engine, kind: str, pair: list[Lepton], opened: dict[str, Any], tmp_path: Path
) -> None:
    """Beyond the last pseudorapidity, or an electron below 10 GeV: an error and not a factor of one."""
    path = written(tmp_path / "in.root", kind, [pair])
    assert "bounds" in complaint(lambda: run(engine, path, WINDOW=(0.0, 1e4), **opened))


@kinds
def test_events_without_a_pair_count_nothing(kind: str, tmp_path: Path) -> None:
    """None, one and three leptons, and a second one below the threshold."""
    good = (50.0, 0.5), (40.0, -0.5)
    events: list[list[Lepton]] = [[], [good[0]], [*good, (30.0, 0.0)], [good[0], (19.0, -0.5)], []]
    assert yields(with_mistakes(written(tmp_path / "in.root", kind, events)), kind)("none") == 0


@kinds
def test_not_a_number_is_no_lepton(kind: str, tmp_path: Path) -> None:
    """A lepton without a momentum or a place is dropped before the map is asked; what is left may be a pair."""
    good = (50.0, 0.5), (40.0, -0.5)
    events: list[list[Lepton]] = [[(NAN, 0.5), good[1]], [good[0], (40.0, NAN)], [*good, (NAN, NAN)]]
    assert yields(with_mistakes(written(tmp_path / "in.root", kind, events)), kind)("none") == pytest.approx(1)


@kinds
@pytest.mark.parametrize("why", ["the other lepton fired", "another object"])
def test_the_leading_lepton_must_have_fired(kind: str, why: str, tmp_path: Path) -> None:
    """Otherwise the factor would be that of another lepton, so the event is not used."""
    fires, id_ = (1, 0) if why == "the other lepton fired" else (0, 22)
    path = written(tmp_path / "in.root", kind, [[(50.0, 0.5), (40.0, -0.5)]], fires=fires, id_=id_)
    assert yields(with_mistakes(path), kind)("none") == 0


@kinds
def test_filter_bits_of_older_files_are_read(kind: str, tmp_path: Path) -> None:
    """Up to NanoAOD v12 the bits are a 32-bit integer; the answer is the same."""
    pair = [(50.0, 0.5), (40.0, -0.5)]
    old = with_mistakes(written(tmp_path / "old.root", kind, [pair], bits=np.int32))
    agreement.check(old, with_mistakes(written(tmp_path / "new.root", kind, [pair])), empty=True)
    assert yields(old, kind)("none") == pytest.approx(1)


@kinds
def test_data_have_no_factors(kind: str, tmp_path: Path) -> None:
    """Every weighting of data counts events, also where a file lacks the generator's branches."""
    events = [[(50.0, 0.5), (40.0, -0.5)]] * 3
    files = {
        SIMULATION: [written(tmp_path / "simulation.root", kind, events)],
        DATA: [written(tmp_path / "data.root", kind, events, simulation=False)],
    }
    coffea, rdataframe = (RECIPE.run(engine, files) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    for results in (coffea, mistakes.run(RECIPE, "WithMistakes", files)):
        found = yields(results, kind, DATA)
        assert {found(name) for name in results[ETA[kind]].axes["weighting"]} == {3.0}


def test_absolute_pseudorapidity_is_a_switch(tmp_path: Path) -> None:
    """With a map of absolute pseudorapidity, as until 2022, `INPUTS` says so; the factors are the mirror's."""

    def folded(entry: dict[str, Any]) -> None:
        data = entry["data"]
        half = len(data["content"]) // 2
        data["edges"], data["content"] = data["edges"][half:], data["content"][half:]

    path = written(tmp_path / "in.root", "Muon", [[(50.0, -0.5), (40.0, -1.6)]])
    given = {**PATHS, "Muon": changed(PATHS["Muon"], tmp_path / "folded.json", folded)}
    for engine in recipe.ENGINES:
        assert "bounds" in complaint(lambda engine=engine: run(engine, path, SCALE_FACTORS=given))  # type: ignore[misc]
    columns = {**PARAMETERS["INPUTS"], "Muon": {"eta": "abs_eta", "pt": "pt", "phi": "phi"}}
    found = yields(agreed(path, SCALE_FACTORS=given, INPUTS=columns), "Muon")
    assert found("nominal") == pytest.approx(yields(agreed(path), "Muon")("nominal"))


def asking(name: str) -> Callable[[dict[str, Any]], None]:
    """Return a change that gives a correction one more input, in the middle."""

    def change(entry: dict[str, Any]) -> None:
        entry["inputs"].insert(1, {"name": name, "type": "real", "description": ""})

    return change


@kinds
def test_a_file_may_ask_for_the_azimuth(kind: str, tmp_path: Path) -> None:
    """Inputs are given by name, so one more of those that are known changes nothing, wherever it stands."""
    path = written(tmp_path / "in.root", kind, [[(50.0, 0.5), (40.0, -0.5)]])
    given = {**PATHS, kind: changed(PATHS[kind], tmp_path / "phi.json", asking("phi"))}
    agreement.check(agreed(path, SCALE_FACTORS=given), run("rdataframe", path), empty=True)


@engines
@kinds
def test_an_input_that_nobody_gives_is_named(engine: Engine, kind: str, tmp_path: Path) -> None:
    """A file that asks for more than the recipe knows ends in an error that names the input."""
    path = written(tmp_path / "in.root", kind, [[(50.0, 0.5), (40.0, -0.5)]])
    given = {**PATHS, kind: changed(PATHS[kind], tmp_path / "r9.json", asking("r9"))}
    assert "r9" in complaint(lambda: run(engine, path, SCALE_FACTORS=given))


def with_factor(kind: str, name: str, key: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters in which a factor is another correction of the file."""
    factors = {k: dict(v) for k, v in PARAMETERS["FACTORS"].items()}
    factors[kind][name] = {float("inf"): (key, dict(texts))}
    return {"FACTORS": factors}


WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "key": (
        with_factor("Muon", "muon_id", "NUM_TightID_DEN_Tracks", {}),
        "no correction 'NUM_TightID_DEN_Tracks'; did you mean .*NUM_TightID_DEN_TrackerMuons",
    ),
    "working point": (
        with_factor("Electron", "electron_id", "Electron-ID-SF", {"WorkingPoint": "Tight"}),
        "has no WorkingPoint 'Tight'; there are .*wp90iso",
    ),
    "year": ({"TEXTS": {"Muon": {}, "Electron": {"year": "2018"}}}, "has no year '2018'; there are 2024Cookbook"),
    "variation": (
        {"VARIATIONS": {**PARAMETERS["VARIATIONS"], "Muon": ("scale_factors", ["sf", "systup", "systdown"])}},
        "has no scale_factors 'sf'; ",
    ),
    "input": (
        {"TEXTS": {"Muon": {"year": "2024"}, "Electron": {"year": "2024Cookbook"}}},
        "takes no input 'year'; its inputs are eta, pt, scale_factors",
    ),
}


@engines
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_name_is_named(engine: Engine, what: str, tmp_path: Path) -> None:
    """A key, working point, year, variation or input that the file does not have: the error says what it has."""
    parameters, message = WRONG[what]
    path = written(tmp_path / "in.root", "Muon", [[(50.0, 0.5), (40.0, -0.5)]])
    with pytest.raises(corrections.CorrectionError, match=message):
        run(engine, path, **parameters)


@engines
def test_a_file_without_the_superclusters_is_named(engine: Engine, tmp_path: Path) -> None:
    """The track's pseudorapidity does not silently take the place of the supercluster's."""
    path = written(tmp_path / "in.root", "Electron", [[(50.0, 0.5), (40.0, -0.5)]], drop="Electron_deltaEtaSC")
    with pytest.raises(inputs.InputError, match=r"in\.root: tree 'Events' has no branch 'Electron_deltaEtaSC'"):
        run(engine, path)


def test_the_sum_is_what_nanoaod_v15_stores() -> None:
    """Track pseudorapidity plus `deltaEtaSC` is `superclusterEta`, within the rounding of the branches."""
    with uproot.open(sample.files(SIMULATION)[0]) as file:
        names = ["eta", "deltaEtaSC", "superclusterEta"]
        eta, delta, stored = (
            ak.to_numpy(ak.flatten(file["Events"][f"Electron_{name}"].array())).astype(float) for name in names
        )
    assert np.abs(eta + delta - stored).max() < 2e-3
