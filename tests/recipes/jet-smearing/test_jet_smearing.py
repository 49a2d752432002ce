"""Jet smearing at the edges: matches that are none, factors that are not positive, and what a file may lack."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import pytest
import uproot

import runs
from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from small_files import edited, event_columns, jagged, write

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("jet-smearing")
PARAMETERS = RECIPE.parameters()
SIMULATION, DATA = "QCD_PT-600", "JetMET"
SCALE_FACTOR = PARAMETERS["SCALE_FACTOR"]

# The cells of the closure that define its switches, and the function that runs both engines with them.
SWITCHES = tuple(f"jet-smearing-58{letter}" for letter in "bcdef")

engines = pytest.mark.parametrize("engine", recipe.ENGINES)

Jets = list[list[Any]]
# Five jets of 100 GeV, of which the first two have a generator jet of 90 GeV at a distance of 0.1 and 0.3.
PT: Jets = [[100.0, 100.0, 100.0], [], [100.0, 100.0]]
ETA: Jets = [[0.5, -0.5, 2.7], [], [0.5, 4.0]]
INDEX: Jets = [[0, 1, -1], [], [-1, -1]]
GEN_PT: Jets = [[90.0, 90.0], [], []]
GEN_ETA: Jets = [[0.6, -0.8], [], []]


def simulated(target: Path, index_type: str = "int16", **changes: Jets) -> str:
    """Write a small file of simulation, with columns changed."""
    columns = {"pt": PT, "eta": ETA, "genJetIdx": INDEX, **changes}
    gen = {"pt": columns.pop("gen_pt", GEN_PT), "eta": columns.pop("gen_eta", GEN_ETA)}
    jet = {name: jagged(values, "float32") for name, values in columns.items() if name != "genJetIdx"}
    jet |= {"phi": jet["pt"] * 0, "mass": jagged(columns["pt"], "float32") / 10}
    jet["genJetIdx"] = jagged(columns["genJetIdx"], index_type)
    genjet = {name: jagged(values, "float32") for name, values in gen.items()}
    genjet |= {"phi": genjet["pt"] * 0, "mass": genjet["pt"] / 10}
    size = len(columns["pt"])
    return written(target, {"Jet": jet, "GenJet": genjet, "genWeight": np.ones(size, "float32")}, size)


def written(target: Path, columns: Mapping[str, Any], size: int) -> str:
    """Write events of run 1, with the trigger fired."""
    event = event_columns(size, "HLT_PFJet500")
    event["event"] += 2**33
    return write(target, {**event, "Rho_fixedGridRhoFastjetAll": np.full(size, 25.0, "float32"), **columns}, [size])


def ways(**changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that smear in the nominal way and in others."""
    choices = PARAMETERS["CHOICES"]
    wanted = {"nominal": {}, **changes}
    return {"WAYS": {name: {**choices, **change} for name, change in wanted.items()}}


def run(engine: Engine, path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
    """Run one engine on a file of simulation and return its histograms."""
    return runs.run(RECIPE, engine, {SIMULATION: [path]}, {**ways(), "MIN_GEN_PT": 0.0, **(parameters or {})})


def agreed(path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
    """Run both engines on a file of simulation, check that they agree, and return coffea's histograms."""
    coffea, rdataframe = (run(engine, path, parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    return coffea


def switched(path: str, **changes: Mapping[str, Any]) -> dict[str, hist.Hist]:
    """Do the same with the nominal smearing and others that the closure wraps around it."""
    namespace = RECIPE.parameters({"MIN_GEN_PT": 0.0})
    for engine in recipe.ENGINES:
        RECIPE.define(engine, namespace)
    for cell in RECIPE.notebook.cells:
        if cell.id in SWITCHES:
            exec(compile(cell.source, cell.id, "exec"), namespace)
    wanted = {name: {**namespace["RIGHT"], **change} for name, change in {"nominal": {}, **changes}.items()}
    coffea, rdataframe = namespace["both_switched"]({SIMULATION: [path]}, wanted)
    agreement.check(coffea, rdataframe, empty=True)
    return dict(coffea)


def jets(h: hist.Hist, way: str) -> float:
    """Return the sum of weights of the jets in a histogram, in units of one jet."""
    total = h[way, ...].values(flow=True).sum()
    return float(total / (PARAMETERS["CROSS_SECTION"][SIMULATION] * PARAMETERS["LUMINOSITY"] / 3))


def moved(h: hist.Hist, way: str) -> float:
    """Return how many jets a way of smearing moves away from its reference."""
    unchanged = h[way, :, :].values(flow=True)[:, 1 + h.axes[2].index(1.0)].sum()
    return jets(h, way) * (1 - float(unchanged / h[way, :, :].values(flow=True).sum()))


def test_a_match_beyond_half_the_radius_is_none(tmp_path: Path) -> None:
    """Of two jets with a generator jet, the switch of the distance moves the one that is further away."""
    result = agreed(simulated(tmp_path / "far.root"), ways(any={"delta_r": float("inf")}))
    assert jets(result["response"], "nominal") == pytest.approx(2)
    assert moved(result["change"], "any") == pytest.approx(1)


def test_a_match_beyond_three_resolutions_is_none(tmp_path: Path) -> None:
    """A generator jet of less than half the momentum is no match, unless the switch says so."""
    path = simulated(tmp_path / "low.root", gen_pt=[[40.0, 90.0], [], []])
    result = agreed(path, ways(any={"sigmas": float("inf")}))
    assert moved(result["change"], "any") == pytest.approx(1)


def test_random_smearing_in_the_horn_is_a_switch(tmp_path: Path) -> None:
    """The one jet between 2.5 and 3 has no match: it stays as it is, or is smeared at random."""
    result = agreed(simulated(tmp_path / "horn.root"), ways(random={"horn_to": 2.5}))
    assert moved(result["change"], "random") == pytest.approx(1)


@pytest.mark.parametrize("index", [[5, 2, 32767], [-1, -1, -2]], ids=["beyond the list", "negative"])
def test_an_index_out_of_range_is_no_match(index: list[int], tmp_path: Path) -> None:
    """An index to a jet that is not stored is no match, and never another jet."""
    result = agreed(simulated(tmp_path / "index.root", genJetIdx=[index, [], [0, 0]]))
    assert jets(result["response"], "nominal") == 0


def test_no_generator_jets_at_all(tmp_path: Path) -> None:
    """Without generator jets every jet is smeared at random, outside the horn."""
    path = simulated(tmp_path / "none.root", gen_pt=[[], [], []], gen_eta=[[], [], []])
    result = switched(path, none={"power": 0})
    assert jets(result["response"], "nominal") == 0
    assert moved(result["change"], "none") == pytest.approx(4)


def test_the_index_may_be_of_another_type(tmp_path: Path) -> None:
    """Up to NanoAOD v9 the index is a 32-bit integer; the answer is the same."""
    old = agreed(simulated(tmp_path / "old.root", index_type="int32"))
    agreement.check(old, agreed(simulated(tmp_path / "new.root")))


def with_constant(target: Path, value: float) -> str:
    """Write a smearing file that gives the same factor to every jet."""

    def constant(content: dict[str, Any]) -> None:
        content["corrections"][0]["data"] = value

    return edited(PARAMETERS["SMEARING"], target, constant)


@pytest.mark.parametrize("factor", [-0.5, 0.0])
def test_a_factor_that_is_not_positive_is_replaced(factor: float, tmp_path: Path) -> None:
    """It becomes one, or is left as it is where the switch says so."""
    smearing = {"SMEARING": with_constant(tmp_path / "smear.json", factor)}
    kept = ways(any={"positive": False})
    result = agreed(simulated(tmp_path / "in.root"), {**smearing, **kept})
    assert moved(result["change"], "any") == pytest.approx(4)  # all but the one in the horn
    response = result["response"]
    assert response["nominal", :, hist.underflow].sum().value == 0
    assert response["any", :, hist.underflow].sum().value > 0


def test_not_a_number_is_no_jet(tmp_path: Path) -> None:
    """A momentum or pseudorapidity that is not a number is not smeared, and not a jet of the balance."""
    nan = float("nan")
    pt, eta = [[100.0, nan, 100.0], [], [100.0, 100.0]], [[0.5, -0.5, 0.7], [], [nan, 0.3]]
    result = agreed(simulated(tmp_path / "nan.root", pt=pt, eta=eta))
    assert jets(result["change"], "nominal") == pytest.approx(5)
    assert jets(result["imbalance"][SIMULATION, :, :], "nominal") == pytest.approx(1)


def test_jets_outside_the_maps_take_the_last_bin(tmp_path: Path) -> None:
    """Beyond the last pseudorapidity and momentum the corrections are clamped, in both engines alike."""
    pt, eta = [[6000.0, 3.0, 9.0], [], [100.0, 100.0]], [[5.5, -6.0, 0.1], [], [-5.3, 5.191]]
    result = agreed(simulated(tmp_path / "outside.root", pt=pt, eta=eta))
    assert jets(result["change"], "nominal") == pytest.approx(5)


def test_events_without_jets(tmp_path: Path) -> None:
    """They give no entry."""
    empty: Jets = [[], [], []]
    path = simulated(tmp_path / "in.root", pt=empty, eta=empty, genJetIdx=empty, gen_pt=empty, gen_eta=empty)
    assert all(h.values(flow=True).sum() == 0 for h in agreed(path).values())


def test_equal_momenta_keep_their_order(tmp_path: Path) -> None:
    """Of jets of equal momentum the first leads in both engines, also where no smearing separates them."""
    jets_of = [[100.0] * 20, [50.0] * 20, [100.0, 50.0] * 10]
    eta = [[0.1 * i - 1 for i in range(20)]] * 3
    index = [[-1] * 20] * 3
    switched(simulated(tmp_path / "ties.root", pt=jets_of, eta=eta, genJetIdx=index), none={"power": 0})


def test_data_are_not_smeared(tmp_path: Path) -> None:
    """Data get the residual correction in every way of smearing, with or without generator branches in the file."""
    certified = tmp_path / "certified.json"
    certified.write_text(json.dumps({"1": [[1, 9]]}))
    columns = {name: jagged(values, "float32") for name, values in {"pt": PT, "eta": ETA}.items()}
    columns |= {"phi": columns["pt"] * 0, "mass": columns["pt"] / 10}
    data = written(tmp_path / "data.root", {"Jet": columns}, 3)
    files = {SIMULATION: [simulated(tmp_path / "simulation.root")], DATA: [data]}
    parameters = {**ways(up={"systematic": "up"}), "CERTIFIED": str(certified), "MAX_ETA": 5.0}
    coffea, rdataframe = (RECIPE.run(engine, files, parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    imbalance = coffea["imbalance"][DATA, :, :]
    assert imbalance["nominal", :].sum(flow=True).value == 2
    assert imbalance["nominal", :] == imbalance["up", :]


def changed(target: Path, change: Any) -> dict[str, Any]:
    """Write a copy of the file of corrections after `change` of its list, and return the parameters that use it."""

    def whole(content: dict[str, Any]) -> None:
        content["corrections"] = change(content["corrections"])

    return {"JERC": edited(PARAMETERS["JERC"], target, whole)}


def split(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the corrections in the layout of 2026: 1.2 for every jet, with an uncertainty of 0.1 under its own key."""
    plain = next(e for e in entries if e["name"] == SCALE_FACTOR)
    inputs_left = [i for i in plain["inputs"] if i["name"] != "systematic"]
    value = {**plain, "inputs": inputs_left, "data": 1.2}
    error = {**value, "name": PARAMETERS["UNCERTAINTY"], "data": 0.1}
    return [e for e in entries if e["name"] != SCALE_FACTOR] + [value, error]


@pytest.mark.parametrize(("relative", "shift"), [(True, 0.12), (False, 0.1)])
def test_the_uncertainty_may_have_a_key_of_its_own(relative: bool, shift: float, tmp_path: Path) -> None:
    """Up and down then come from it, relative to the scale factor or not."""
    wanted = ways(up={"systematic": "up"}, down={"systematic": "down"})
    fine = {"RESPONSE": [0.9 + 0.0005 * i for i in range(1001)], "RELATIVE_UNCERTAINTY": relative}
    parameters = {**wanted, **fine, **changed(tmp_path / "jerc.json", split)}
    result = agreed(simulated(tmp_path / "in.root", genJetIdx=[[0, -1, -1], [], [-1, -1]]), parameters)["response"]
    for way, factor in {"nominal": 1.2, "up": 1.2 + shift, "down": 1.2 - shift}.items():
        found = result.axes[2].centers[np.argmax(result[way, 0, :].values())]
        assert found == pytest.approx(1 + factor * (100 / 90 - 1), abs=0.0005)


@engines
def test_a_missing_uncertainty_is_named(engine: Engine, tmp_path: Path) -> None:
    """A scale factor without systematics and without an uncertainty ends in an error, not in no variation."""
    parameters = changed(tmp_path / "jerc.json", lambda entries: split(entries)[:-1])
    with pytest.raises(CorrectionError, match="no correction 'Cookbook24_JRV1_MC_SFUncertainty_AK4PFPuppi'; did you"):
        run(engine, simulated(tmp_path / "in.root"), parameters)


@engines
@pytest.mark.parametrize("name", ["RESOLUTION", "SCALE_FACTOR", "RESIDUAL"])
def test_a_missing_key_is_named(name: str, engine: Engine, tmp_path: Path) -> None:
    """The error says which key is missing and which are near."""
    parameters = {name: PARAMETERS[name].replace("Cookbook24", "Cookbook23")}
    with pytest.raises(CorrectionError, match=f"no correction '{parameters[name]}'; did you mean .*Cookbook24"):
        run(engine, simulated(tmp_path / "in.root"), parameters)


@engines
def test_an_unknown_systematic_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error says which systematics the file has."""
    with pytest.raises(CorrectionError, match="has no systematic 'upwards'; "):
        run(engine, simulated(tmp_path / "in.root"), ways(up={"systematic": "upwards"}))


@pytest.mark.filterwarnings("ignore:Performed attempt:UserWarning")  # coffea tries again
@engines
def test_an_input_that_nobody_gives_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file that asks for more than the recipe knows ends in an error that names the input."""

    def asking(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        extra = {"name": "JetPhi", "type": "real", "description": ""}
        return [{**e, "inputs": [*e["inputs"], extra]} if e["name"] == SCALE_FACTOR else e for e in entries]

    with pytest.raises(Exception, match="JetPhi"):
        run(engine, simulated(tmp_path / "in.root"), changed(tmp_path / "jerc.json", asking))


@engines
def test_simulation_without_generator_jets_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file of simulation that lacks the branches of the match is refused before the loop."""
    columns = {name: jagged(PT, "float32") for name in ("pt", "eta", "phi", "mass")}
    path = written(tmp_path / "in.root", {"Jet": columns, "genWeight": np.ones(3, "float32")}, 3)
    with pytest.raises(inputs.InputError, match="has no branch 'Jet_genJetIdx'"):
        run(engine, path)


@engines
def test_the_answer_does_not_depend_on_the_order_of_events(engine: Engine, tmp_path: Path) -> None:
    """Random numbers belong to the jet: events in the reverse order give the same histograms."""
    with uproot.open(sample.files(SIMULATION)[0]) as file:
        tree, sums = file["Events"], file["Runs"]["genEventSumw"].array(library="np")
        arrays = tree.arrays([*RECIPE.metadata["branches"]["Events"], "GenJet_mass"], entry_stop=300)
    paths = []
    for name, step in (("forward", 1), ("backward", -1)):
        path = tmp_path / f"{name}.root"
        columns = {c: fields(arrays[::step], c) for c in ("Jet", "GenJet")}
        event = {b: ak.to_numpy(arrays[b][::step]) for b in arrays.fields if "Jet_" not in b and b[0] != "n"}
        full = {**event, **columns}
        paths.append(write(path, full, sums))
    first, second = (run(engine, path) for path in paths)
    agreement.check(first, second, empty=True)


def fields(arrays: Any, collection: str) -> Any:
    """Return the branches of a collection as one array of records."""
    names = [name for name in arrays.fields if name.startswith(f"{collection}_")]
    return ak.zip({name.partition("_")[2]: arrays[name] for name in names})
