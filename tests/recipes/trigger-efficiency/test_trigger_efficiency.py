"""Trigger efficiency at the edges: who is a tag, what is no match, what is divided."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import pytest
import uproot

import mistakes
from cookbook import agreement, inputs, recipe
from cookbook.recipe import Engine
from small_files import event_columns, jagged, write

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("trigger-efficiency")
SIMULATION, DATA = "DYto2L_M-50_Dilepton", "Muon_Dilepton"

engines = pytest.mark.parametrize("engine", recipe.ENGINES)

Lists = list[list[Any]]
# Pairs back to back, near the mass of the Z: both fired, one fired, and one muon alone that fired.
MUON: dict[str, Lists] = {
    "pt": [[46.0, 45.0], [46.0, 45.0], [46.0]],
    "eta": [[0.5, -0.5], [0.5, -1.0], [0.5]],
    "phi": [[0.0, 3.1], [0.0, 3.1], [0.0]],
    "charge": [[1, -1], [1, -1], [1]],
    "tightId": [[True, True], [True, True], [True]],
    "pfRelIso04_all": [[0.01, 0.01], [0.01, 0.01], [0.01]],
    "genPartFlav": [[1, 1], [1, 1], [1]],
}
TRIGGER: dict[str, Lists] = {
    "eta": [[0.5, -0.5], [0.5], [0.5]],
    "phi": [[0.0, 3.1], [0.0], [0.0]],
    "id": [[13, 13], [13], [13]],
    "filterBits": [[10, 10], [10], [10]],
}
TYPES = {"charge": "i4", "tightId": "?", "genPartFlav": "u1", "id": "u2", "filterBits": "u8"}


def written(target: Path, types: Mapping[str, str] | None = None, without: str = "", **changes: Any) -> str:
    """Write a small file of simulation, with columns changed (`trigger_` of trigger objects), or one left out."""
    kinds = {**TYPES, **(types or {})}
    muon = {**MUON, **{k: v for k, v in changes.items() if k in MUON}}
    trigger = {k: changes.get(f"trigger_{k}", v) for k, v in TRIGGER.items()}
    collections = {
        "Muon": {k: jagged(v, kinds.get(k, "f4")) for k, v in muon.items()},
        "TrigObj": {k: jagged(v, kinds.get(k, "f4")) for k, v in trigger.items()},
    }
    collections["Muon"]["mass"] = ak.full_like(collections["Muon"]["pt"], 0.1057)
    collections["TrigObj"]["pt"] = ak.full_like(collections["TrigObj"]["eta"], 45.0)
    size = len(muon["pt"])
    columns = event_columns(size, "HLT_IsoMu24") | {"genWeight": np.ones(size, "f4")}
    for name, fields in collections.items():
        columns[name] = {k: v for k, v in fields.items() if f"{name}_{k}" != without}
    columns.pop(without, None)
    return write(target, columns, [size])


def agreed(files: Mapping[str, list[str]]) -> dict[str, hist.Hist]:
    """Run both engines, with weights of one, check that they agree, and return coffea's histograms."""
    size = inputs.events({k: v for k, v in files.items() if k == SIMULATION})
    parameters = {"LUMINOSITY": 1.0, "CROSS_SECTION": {SIMULATION: float(size)}}
    coffea, rdataframe = (RECIPE.run(engine, files, parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    return coffea


def probes(result: Mapping[str, hist.Hist], kind: str = "simulation") -> tuple[float, float]:
    """Return the number of failing and of passing probes."""
    failing, passing = result[kind].values(flow=False).sum(axis=(1, 2))
    return round(float(failing), 6), round(float(passing), 6)


def test_each_tag_has_its_probe(tmp_path: Path) -> None:
    """Where both muons fired, each is the other's probe; where one did, the other fails; one alone is no pair."""
    files = {SIMULATION: [written(tmp_path / "in.root")]}
    result = agreed(files)
    assert probes(result) == (1, 2)
    parameters = {"LUMINOSITY": 1.0, "CROSS_SECTION": {SIMULATION: 3.0}}
    for mistake, expected in (("FirstTag", (1, 1)), ("Decision", (0, 3))):
        assert probes(mistakes.run(RECIPE, mistake, files, parameters)) == expected
    assert probes(result, "truth") == (1, 4)


def test_equal_charges_are_no_pair(tmp_path: Path) -> None:
    """Nor is a muon with itself."""
    result = agreed({SIMULATION: [written(tmp_path / "in.root", charge=[[1, 1], [-1, -1], [1]])]})
    assert probes(result) == (0, 0)


def test_a_soft_muon_is_no_tag(tmp_path: Path) -> None:
    """Below the tag's threshold a muon that fired is a probe alone."""
    result = agreed({SIMULATION: [written(tmp_path / "in.root", pt=[[46.0, 26.0], [46.0, 26.0], [46.0]])]})
    assert probes(result) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"trigger_id": [[11, 11], [11], [11]]},
        {"trigger_filterBits": [[1, 2], [1024], [16]]},
        {"trigger_eta": [[0.61, -0.61], [0.61], [0.61]]},
        {"trigger_phi": [[0.11, 2.99], [-0.11], [0.11]]},
        {"trigger_eta": [[float("nan")] * 2, [float("nan")], [float("nan")]]},
        {f"trigger_{name}": [[], [], []] for name in TRIGGER},
    ],
    ids=["an electron", "another path", "far in eta", "far in phi", "not a number", "no objects"],
)
def test_what_is_no_match(change: dict[str, Any], tmp_path: Path) -> None:
    """Without a match there is no tag, and all prompt muons fail."""
    result = agreed({SIMULATION: [written(tmp_path / "in.root", **change)]})
    assert probes(result) == (0, 0)
    assert probes(result, "truth") == (5, 0)


def test_a_match_across_the_end_of_phi(tmp_path: Path) -> None:
    """The distance of angles just below pi and just above minus pi is small."""
    result = agreed({SIMULATION: [written(tmp_path / "in.root", trigger_phi=[[0.0, -3.13], [0.0], [0.0]])]})
    assert probes(result) == (1, 2)


@pytest.mark.parametrize("name", ["pt", "eta", "pfRelIso04_all"])
def test_not_a_number_is_no_muon(name: str, tmp_path: Path) -> None:
    """A muon with a quantity that is not a number is neither tag nor probe."""
    values = [list(inner) for inner in MUON[name]]
    values[1][1] = float("nan")
    change: dict[str, Any] = {name: values}
    result = agreed({SIMULATION: [written(tmp_path / "in.root", **change)]})
    assert probes(result) == (0, 2)


def test_no_muons_at_all(tmp_path: Path) -> None:
    """Events without muons give no entry."""
    empty: dict[str, Any] = {name: [[], [], []] for name in MUON}
    result = agreed({SIMULATION: [written(tmp_path / "in.root", **empty)]})
    assert all(h.values(flow=True).sum() == 0 for h in result.values())


def test_muons_that_are_not_prompt_are_no_truth(tmp_path: Path) -> None:
    """The efficiency without a tag counts prompt muons alone."""
    result = agreed({SIMULATION: [written(tmp_path / "in.root", genPartFlav=[[1, 5], [15, 1], [0]])]})
    assert probes(result, "truth") == (1, 1)


def test_older_types_give_the_same(tmp_path: Path) -> None:
    """Up to NanoAOD v12 identity and filter bits are 32-bit integers."""
    old = agreed({SIMULATION: [written(tmp_path / "old.root", types={"id": "i4", "filterBits": "i4"})]})
    agreement.check(old, agreed({SIMULATION: [written(tmp_path / "new.root")]}), empty=True)


def test_data_may_lack_what_only_simulation_has(tmp_path: Path) -> None:
    """Data without weights and generator matching count once per pair."""
    data = written(tmp_path / "data.root", without="genWeight")
    with uproot.open(data) as file:
        assert "Muon_genPartFlav" in file["Events"]
    lean = str(tmp_path / "lean.root")
    asked_for = {"run", "luminosityBlock", "event", "TrigObj_pt"}  # by coffea's schema and its vectors
    branches = {*RECIPE.metadata["branches"]["Events"], *asked_for} - {"genWeight", "Muon_genPartFlav"}
    ROOT.RDataFrame("Events", data).Snapshot("Events", lean, sorted(branches))
    result = agreed({SIMULATION: [written(tmp_path / "in.root")], DATA: [lean]})
    assert probes(result) == probes(result, "data") == (1, 2)
    assert probes(result, "truth") == (1, 4)


@engines
@pytest.mark.parametrize("branch", ["TrigObj_filterBits", "Muon_genPartFlav"])
def test_a_missing_branch_is_named(branch: str, engine: Engine, tmp_path: Path) -> None:
    """Simulation without trigger objects' bits, or without generator matching, is refused before the loop."""
    path = written(tmp_path / "in.root", without=branch)
    with pytest.raises(inputs.InputError, match=f"has no branch '{branch}'"):
        RECIPE.run(engine, {SIMULATION: [path]})


def test_a_pair_beside_the_peak_is_none(tmp_path: Path) -> None:
    """The window begins at its lower edge and ends before the upper one."""
    result = agreed({SIMULATION: [written(tmp_path / "in.root", pt=[[28.0, 24.0], [61.0, 60.0], [46.0]])]})
    assert probes(result) == (0, 0)
    assert probes(result, "truth") == (1, 4)


def test_the_efficiency_and_its_error(tmp_path: Path) -> None:
    """Two of three probes pass: in each bin the passing part, its error binomial, and zero where nothing is."""
    result = agreed({SIMULATION: [written(tmp_path / "in.root", pt=[[46.0, 45.0]] * 2 + [[46.0]])]})
    h = result["efficiency_simulation"]
    # |eta| 0.5 twice, both fired, and 1.0 once, which did not
    assert h.values()[0, 6] == pytest.approx(1)
    assert h.values()[1, 6] == h.variances()[0, 6] == h.variances()[1, 6] == 0
    assert h.values(flow=True).sum() == pytest.approx(1)


@engines
@pytest.mark.parametrize(("passing", "failing"), [(3.0, 1.0), (2.0, 0.0), (0.0, 2.0)])
def test_an_efficiency_of_weighted_probes(passing: float, failing: float, engine: Engine) -> None:
    """The error of a part of a sum of weights, the weights of both outcomes different, in closed form."""
    namespace = RECIPE.parameters()
    RECIPE.define(engine, namespace)
    filled = {0: (failing, 0.5), 1: (passing, 2.0)}  # how many, and the weight of each
    if engine == "coffea":
        h: Any = namespace["empty"]()
        for outcome, (n, weight) in filled.items():
            h.fill([namespace["OUTCOMES"][outcome]] * int(n), 1.0, 50.0, weight=weight)
        found = namespace["efficiency"](h)
        value, variance = found.values()[1, 7 - 1], found.variances()[1, 7 - 1]
    else:
        edges = [np.array(x, dtype=float) for x in ([0, 1, 2], namespace["ABS_ETA"], namespace["PT"])]
        h = ROOT.TH3D("", "", *(x for e in edges for x in (len(e) - 1, e)))
        for outcome, (n, weight) in filled.items():
            for _ in range(int(n)):
                h.Fill(outcome, 1.0, 50.0, weight)
        found = namespace["divided"](h)
        value, variance = found.GetBinContent(2, 7), found.GetBinError(2, 7) ** 2
    total = 2.0 * passing + 0.5 * failing
    e = 2.0 * passing / total
    assert value == pytest.approx(e)
    squares = (1 - e) ** 2 * 4.0 * passing + e**2 * 0.25 * failing
    assert variance == pytest.approx(squares / total**2, abs=1e-15)
