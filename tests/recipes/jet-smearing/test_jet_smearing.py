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

import mistakes
import runs
from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from copies import needed
from small_files import edited, event_columns, jagged, write

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("jet-smearing")
PARAMETERS = RECIPE.parameters()
SIMULATION = "QCD_PT-600"
SCALE_FACTOR = PARAMETERS["SCALE_FACTOR"]

engines = pytest.mark.parametrize("engine", recipe.ENGINES)

Jets = list[list[Any]]
# Five jets of 100 GeV, of which the first two have a generator jet of 90 GeV at a distance of 0.1 and 0.3.
PT: Jets = [[100.0, 100.0, 100.0], [], [100.0, 100.0]]
ETA: Jets = [[0.5, -0.5, 2.7], [], [0.5, 4.0]]
INDEX: Jets = [[0, 1, -1], [], [-1, -1]]
GEN_PT: Jets = [[90.0, 90.0], [], []]
GEN_ETA: Jets = [[0.6, -0.8], [], []]


def simulated(target: Path, index_type: str = "int16", raw_factor: float = 0.0, **changes: Jets) -> str:
    """Write a small file of simulation, with columns changed."""
    columns = {"pt": PT, "eta": ETA, "genJetIdx": INDEX, **changes}
    gen = {"pt": columns.pop("gen_pt", GEN_PT), "eta": columns.pop("gen_eta", GEN_ETA)}
    index = jagged(columns.pop("genJetIdx"), index_type)
    jet = {**measured(columns, raw_factor), "genJetIdx": index}
    genjet = {name: jagged(values, "float32") for name, values in gen.items()}
    genjet |= {"phi": genjet["pt"] * 0, "mass": genjet["pt"] / 10}
    size = len(columns["pt"])
    return written(target, {"Jet": jet, "GenJet": genjet, "genWeight": np.ones(size, "float32")}, size)


def measured(columns: Mapping[str, Jets], raw_factor: float = 0.0) -> dict[str, Any]:
    """Return what data have of jets as well."""
    jet = {name: jagged(values, "float32") for name, values in columns.items()}
    flat = jagged([[0.0] * len(pt) for pt in columns["pt"]], "float32")
    jet |= {"rawFactor": flat + np.float32(raw_factor), "area": flat + np.float32(0.5), "phi": flat}
    return {**jet, "mass": jet["pt"] / 10}


def written(target: Path, columns: Mapping[str, Any], size: int, run: int = 1, section: int = 1) -> str:
    """Write events with the trigger fired."""
    event = event_columns(size, "HLT_PFJet500")
    event["event"] += 2**33
    event["run"][:], event["luminosityBlock"][:] = run, section
    return write(target, {**event, "Rho_fixedGridRhoFastjetAll": np.full(size, 25.0, "float32"), **columns}, [size])


def changed(target: Path, change: Any) -> dict[str, Any]:
    """Write a copy of the file of corrections after `change` of its list, and return the parameters that use it."""

    def whole(content: dict[str, Any]) -> None:
        content["corrections"] = change(content["corrections"])

    return {"JERC": edited(PARAMETERS["JERC"], target, whole)}


def unity(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the corrections with a chain of ones for simulation."""
    chain = tuple(f"Cookbook24_V1_MC_{level}" for level in ("L1", "L2", "L3"))
    return [{**e, "data": 1.0} if e["name"].startswith(chain) else e for e in entries]


def run(engine: Engine, path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
    """Run one engine on a file of simulation, whose chain is one by default, and return its histograms."""
    chain = changed(Path(path).with_suffix(".json"), unity)
    return runs.run(RECIPE, engine, [path], {"MIN_GEN_PT": 0.0, **chain, **(parameters or {})})


def agreed(path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
    """Run both engines on a file of simulation, check that they agree, and return coffea's histograms."""
    coffea, rdataframe = (run(engine, path, parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    return coffea


def matches(result: Mapping[str, hist.Hist]) -> float:
    """Return how many jets have a match."""
    return float(result["response_nominal"].sum(flow=True))


def jets(result: Mapping[str, hist.Hist]) -> float:
    """Return how many jets there are."""
    return float(result["factor_nominal"].sum(flow=True))


def unmoved(result: Mapping[str, hist.Hist]) -> float:
    """Return how many jets have a factor of one."""
    h = result["factor_nominal"]
    return float(h.values(flow=True)[:, 1 + h.axes[1].index(1.0)].sum())


def test_a_match_beyond_half_the_radius_is_none(tmp_path: Path) -> None:
    """Of two jets with a generator jet, the one that is further away has no match."""
    path = simulated(tmp_path / "far.root")
    assert matches(agreed(path)) == 1
    assert matches(agreed(path, {"HALF_RADIUS": 0.5})) == 2


def test_a_match_beyond_three_resolutions_is_none(tmp_path: Path) -> None:
    """A generator jet of less than half the momentum is no match."""
    path = simulated(tmp_path / "low.root", gen_pt=[[40.0, 90.0], [], []], gen_eta=[[0.5, -0.5], [], []])
    assert matches(agreed(path)) == 1
    assert matches(agreed(path, {"SIGMAS": 1e3})) == 2


def test_nothing_is_smeared_at_random_in_the_horn(tmp_path: Path) -> None:
    """The one jet between 2.5 and 3 has no match: it stays as it is, alone of all."""
    path = simulated(tmp_path / "horn.root")
    assert unmoved(agreed(path)) == 1
    assert unmoved(agreed(path, {"HORN": (0.0, 0.0)})) == 0


def test_a_match_in_the_horn_is_scaled(tmp_path: Path) -> None:
    """Only jets without a match are spared."""
    path = simulated(tmp_path / "in.root", genJetIdx=[[-1, -1, 0], [], [-1, -1]], gen_eta=[[2.7, 0.0], [], []])
    result = agreed(path)
    assert matches(result) == 1
    assert unmoved(result) == 0


def test_the_chain_starts_from_raw(tmp_path: Path) -> None:
    """Stored jets are brought back to raw first: with a chain of ones, raw is what is smeared."""
    path = simulated(tmp_path / "raw.root", raw_factor=0.1, gen_eta=[[0.5, -0.5], [], []])
    fine = {"response": ([0.999, 1.001], "response")}
    result = agreed(path, {"AXES": {**PARAMETERS["AXES"], **fine}})
    assert result["response_nominal"].sum() == 2  # generator jets have the raw momentum, so nothing is to scale


@pytest.mark.parametrize("index", [[5, 2, 32767], [-1, -1, -2]], ids=["beyond the list", "negative"])
def test_an_index_out_of_range_is_no_match(index: list[int], tmp_path: Path) -> None:
    """An index to a jet that is not stored is no match, and never another jet."""
    assert matches(agreed(simulated(tmp_path / "index.root", genJetIdx=[index, [], [0, 0]]))) == 0


def test_no_generator_jets_at_all(tmp_path: Path) -> None:
    """Without generator jets every jet is smeared at random, outside the horn."""
    result = agreed(simulated(tmp_path / "none.root", gen_pt=[[], [], []], gen_eta=[[], [], []]))
    assert matches(result) == 0
    assert jets(result) - unmoved(result) == 4


def test_the_index_may_be_of_another_type(tmp_path: Path) -> None:
    """Up to NanoAOD v9 the index is a 32-bit integer; the answer is the same."""
    old = agreed(simulated(tmp_path / "old.root", index_type="int32"))
    agreement.check(old, agreed(simulated(tmp_path / "new.root")))


def with_constant(target: Path, value: float) -> dict[str, str]:
    """Write a smearing file that gives the same factor to every jet, and return the parameter that uses it."""

    def constant(content: dict[str, Any]) -> None:
        content["corrections"][0]["data"] = value

    return {"SMEARING": edited(PARAMETERS["SMEARING"], target, constant)}


@pytest.mark.parametrize("factor", [-0.5, 0.0])
def test_a_factor_that_is_not_positive_is_replaced(factor: float, tmp_path: Path) -> None:
    """It becomes one."""
    result = agreed(simulated(tmp_path / "in.root"), with_constant(tmp_path / "smear.json", factor))
    assert unmoved(result) == jets(result) == 5


def test_a_factor_moves_the_mass_as_well(tmp_path: Path) -> None:
    """Twice the momentum is twice the mass of the pair, and the same imbalance."""
    none: Jets = [[]]
    pt, eta, index = [[100.0, 60.0]], [[1.0, -1.0]], [[-1, -1]]
    path = simulated(tmp_path / "in.root", pt=pt, eta=eta, genJetIdx=index, gen_pt=none, gen_eta=none)
    mass = 2 * np.sqrt(100.0 * 60.0) * np.sinh(1.0)  # but for the masses of the jets
    fine = {"dijet_mass": ([0.9 * 2 * mass, 1.1 * 2 * mass], "mass")}
    parameters = {**with_constant(tmp_path / "smear.json", 2.0), "AXES": {**PARAMETERS["AXES"], **fine}}
    assert agreed(path, parameters)["dijet_mass_nominal"].sum().value == 1


def test_not_a_number_is_no_jet(tmp_path: Path) -> None:
    """A momentum or pseudorapidity that is not a number is not smeared, and not a jet of the balance."""
    nan = float("nan")
    pt, eta = [[100.0, nan, 100.0], [], [100.0, 100.0]], [[0.5, -0.5, 0.7], [], [nan, 0.3]]
    result = agreed(simulated(tmp_path / "nan.root", pt=pt, eta=eta))
    assert jets(result) == 5
    assert result["imbalance_nominal"].sum(flow=True).value == 1


def test_jets_outside_the_maps_take_the_last_bin(tmp_path: Path) -> None:
    """Beyond the last pseudorapidity and momentum the corrections are clamped, in both engines alike."""
    pt, eta = [[6000.0, 3.0, 9.0], [], [100.0, 100.0]], [[5.5, -6.0, 0.1], [], [-5.3, 5.191]]
    path = simulated(tmp_path / "outside.root", pt=pt, eta=eta)
    assert jets(agreed(path, {"JERC": PARAMETERS["JERC"]})) == 5


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
    path = simulated(tmp_path / "ties.root", pt=jets_of, eta=eta, genJetIdx=index)
    agreed(path, with_constant(tmp_path / "smear.json", 1.0))


def test_data_are_not_smeared(tmp_path: Path) -> None:
    """Data get their own chain, from raw, and no factor; sections that are not certified are left out."""
    certified = json.loads(Path(sample.certified()).read_text())
    number, ((section, _), *_) = next(iter(certified.items()))
    columns = {"Jet": measured({"pt": [[100.0, 60.0]], "eta": [[0.5, -0.5]]})}
    data = written(tmp_path / "data.root", columns, 1, int(number), section)
    outside = written(tmp_path / "outside.root", columns, 1)

    def chain(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the corrections with a chain that doubles data, and simulation not at all."""
        residual = "Cookbook24_V1_DATA_L2L3Residual"
        levels = [{**e, "data": 1.0} if e["name"].startswith("Cookbook24_V1_DATA_L") else e for e in unity(entries)]
        return [{**e, "data": 2.0} if e["name"].startswith(residual) else e for e in levels]

    axes = {"imbalance": ([0.99, 1.01], "imbalance"), "dijet_mass": ([150.0, 175.0], "mass")}
    parameters = {**changed(tmp_path / "jerc.json", chain), "AXES": {**PARAMETERS["AXES"], **axes}}
    result = mistakes.run(RECIPE, "of_data", [data, outside], parameters, argument="analysis")
    assert set(result) == {"imbalance_data", "dijet_mass_data"}
    assert result["imbalance_data"].sum().value == result["imbalance_data"].sum(flow=True).value == 1
    assert result["dijet_mass_data"].sum().value == 1  # about 81 before the chain


def split(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the corrections in the layout of 2026: 1.2 for every jet, with an uncertainty of 0.1 under its own key."""
    plain = next(e for e in entries if e["name"] == SCALE_FACTOR)
    inputs_left = [i for i in plain["inputs"] if i["name"] != "systematic"]
    value = {**plain, "inputs": inputs_left, "data": 1.2}
    error = {**value, "name": PARAMETERS["UNCERTAINTY"], "data": 0.1}
    return [e for e in unity(entries) if e["name"] != SCALE_FACTOR] + [value, error]


@pytest.mark.parametrize(("relative", "shift"), [(True, 0.12), (False, 0.1)])
def test_the_uncertainty_may_have_a_key_of_its_own(relative: bool, shift: float, tmp_path: Path) -> None:
    """Up and down then come from it, relative to the scale factor or not."""
    fine = {"response": ([0.9 + 0.0005 * i for i in range(1001)], "response")}
    parameters = {"AXES": {**PARAMETERS["AXES"], **fine}, "RELATIVE_UNCERTAINTY": relative}
    parameters |= changed(tmp_path / "jerc.json", split)
    result = agreed(simulated(tmp_path / "in.root", genJetIdx=[[0, -1, -1], [], [-1, -1]]), parameters)
    for way, factor in {"nominal": 1.2, "up": 1.2 + shift, "down": 1.2 - shift}.items():
        h = result[f"response_{way}"]
        found = h.axes[1].centers[np.argmax(h[0, :].values())]
        assert found == pytest.approx(1 + factor * (100 / 90 - 1), abs=0.0005)


@engines
def test_a_missing_uncertainty_is_named(engine: Engine, tmp_path: Path) -> None:
    """A scale factor without systematics and without an uncertainty ends in an error, not in no variation."""
    parameters = changed(tmp_path / "jerc.json", lambda entries: split(entries)[:-1])
    with pytest.raises(CorrectionError, match="no correction 'Cookbook24_JRV1_MC_SFUncertainty_AK4PFPuppi'; did you"):
        run(engine, simulated(tmp_path / "in.root"), parameters)


@engines
@pytest.mark.parametrize("name", ["CHAIN", "RESOLUTION", "SCALE_FACTOR"])
def test_a_missing_key_is_named(name: str, engine: Engine, tmp_path: Path) -> None:
    """The error says which key is missing and which are near."""
    parameters = {name: PARAMETERS[name].replace("Cookbook24", "Cookbook23")}
    with pytest.raises(CorrectionError, match=f"no correction '{parameters[name]}'; did you mean .*Cookbook24"):
        run(engine, simulated(tmp_path / "in.root"), parameters)


@engines
def test_an_unknown_systematic_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error says which systematics the file has."""
    with pytest.raises(CorrectionError, match="has no systematic 'upwards'; "):
        run(engine, simulated(tmp_path / "in.root"), {"WAYS": {**PARAMETERS["WAYS"], "up": "upwards"}})


@pytest.mark.filterwarnings("ignore:Performed attempt:UserWarning")  # coffea tries again
@engines
def test_an_input_that_nobody_gives_is_named(engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that asks for more than the recipe knows ends in an error that names the input; ROOT prints it."""

    def asking(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        extra = {"name": "JetX", "type": "real", "description": ""}
        return [{**e, "inputs": [*e["inputs"], extra]} if e["name"] == SCALE_FACTOR else e for e in entries]

    with pytest.raises(Exception, match=r"JetX|just-in-time") as caught:
        run(engine, simulated(tmp_path / "in.root"), changed(tmp_path / "jerc.json", asking))
    assert "JetX" in f"{caught.value}{capfd.readouterr().err}"


@engines
def test_simulation_without_generator_jets_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file of simulation that lacks the branches of the match is refused before the loop."""
    columns = measured({"pt": PT, "eta": ETA})
    path = written(tmp_path / "in.root", {"Jet": columns, "genWeight": np.ones(3, "float32")}, 3)
    with pytest.raises(inputs.InputError, match="has no branch 'Jet_genJetIdx'"):
        run(engine, path)


@engines
def test_the_answer_does_not_depend_on_the_order_of_events(engine: Engine, tmp_path: Path) -> None:
    """Random numbers belong to the jet: events in the reverse order give the same histograms."""
    with uproot.open(sample.files(SIMULATION)[0]) as file:
        tree, sums = file["Events"], file["Runs"]["genEventSumw"].array(library="np")
        arrays = tree.arrays([*sorted(needed(RECIPE) & set(tree.keys()))], entry_stop=300)
    paths = []
    for name, step in (("forward", 1), ("backward", -1)):
        path = tmp_path / f"{name}.root"
        columns = {c: fields(arrays[::step], c) for c in ("Jet", "GenJet")}
        event = {b: ak.to_numpy(arrays[b][::step]) for b in arrays.fields if arrays[b].ndim == 1 and b[0] != "n"}
        full = {**event, **columns}
        paths.append(write(path, full, sums))
    first, second = (run(engine, path, {"JERC": PARAMETERS["JERC"]}) for path in paths)
    agreement.check(first, second, empty=True)


def fields(arrays: Any, collection: str) -> Any:
    """Return the branches of a collection as one array of records."""
    names = [name for name in arrays.fields if name.startswith(f"{collection}_")]
    return ak.zip({name.partition("_")[2]: arrays[name] for name in names})
