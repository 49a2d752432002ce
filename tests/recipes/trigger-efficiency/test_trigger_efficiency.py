"""Trigger efficiency at the edges: who is a tag, what is no match, fits without failing probes, the file."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import hist
import numpy as np
import pytest
import uproot

import mistakes
from cookbook import agreement, inputs, recipe
from cookbook.recipe import Engine
from mutations import mutations
from small_files import event_columns, jagged, write

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("trigger-efficiency")
PARAMETERS = RECIPE.parameters()
SIMULATION, DATA = "DYto2L_M-50_Dilepton", "Muon_Dilepton"
EDGES = np.linspace(60.0, 120.0, 61)

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


def probes(result: Mapping[str, hist.Hist], way: str = "pairs", process: str = SIMULATION) -> tuple[float, float]:
    """Return the number of failing and of passing probes."""
    h = result[way][process, ...].values(flow=False)
    axes = tuple(i for i in range(h.ndim) if i != 2)
    failing, passing = h.sum(axis=axes)
    return round(float(failing), 6), round(float(passing), 6)


def test_each_tag_has_its_probe(tmp_path: Path) -> None:
    """Where both muons fired, each is the other's probe; where one did, the other fails; one alone is no pair."""
    files = {SIMULATION: [written(tmp_path / "in.root")]}
    result = agreed(files)
    assert probes(result) == (1, 2)
    parameters = {"LUMINOSITY": 1.0, "CROSS_SECTION": {SIMULATION: 3.0}}
    for mistake, expected in (("FirstTag", (1, 1)), ("Decision", (0, 3))):
        assert probes(mistakes.run(RECIPE, mistake, files, parameters)) == expected
    assert probes(result, "generated") == (1, 4)


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
    assert probes(result, "generated") == (5, 0)


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
    assert probes(result, "generated") == (1, 1)


def test_older_types_give_the_same(tmp_path: Path) -> None:
    """Up to NanoAOD v12 identity and filter bits are 32-bit integers."""
    old = agreed({SIMULATION: [written(tmp_path / "old.root", types={"id": "i4", "filterBits": "i4"})]})
    agreement.check(old, agreed({SIMULATION: [written(tmp_path / "new.root")]}))


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
    assert probes(result) == probes(result, process=DATA) == (1, 2)
    assert probes(result, "generated", DATA) == (0, 0)


@engines
@pytest.mark.parametrize("branch", ["TrigObj_filterBits", "Muon_genPartFlav"])
def test_a_missing_branch_is_named(branch: str, engine: Engine, tmp_path: Path) -> None:
    """Simulation without trigger objects' bits, or without generator matching, is refused before the loop."""
    path = written(tmp_path / "in.root", without=branch)
    with pytest.raises(inputs.InputError, match=f"has no branch '{branch}'"):
        RECIPE.run(engine, {SIMULATION: [path]})


def halves(replace: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Return the names that both halves define, with cells changed."""
    namespace = RECIPE.parameters()
    for engine in recipe.ENGINES:
        RECIPE.define(engine, namespace, replace)
    return namespace


def expected(namespace: Mapping[str, Any], signal: float, efficiency: float, background: float) -> Any:
    """Return what the model says of both spectra, as two rows."""
    mass = (EDGES[1:] + EDGES[:-1]) / 2
    models = namespace["failing"], namespace["passing"]
    return np.stack([model(mass, signal, efficiency, background, 90.8, 1.3) for model in models])


def by_engine(namespace: Mapping[str, Any], counts: Any) -> list[tuple[float, float, float]]:
    """Return the efficiency with its errors, fitted in each engine."""
    spectra = {}
    for name, row in zip(PARAMETERS["OUTCOMES"], counts, strict=True):
        spectra[name] = ROOT.TH1D(name, "", 60, 60.0, 120.0)
        for i, value in enumerate(row, start=1):
            spectra[name].SetBinContent(i, value)
    fit = namespace["efficiency_of"](namespace["fitted"](counts))
    return [fit, namespace["efficiency_by_roofit"](spectra)]


@pytest.mark.parametrize("efficiency", [0.15, 0.5, 0.94])
def test_the_fit_finds_what_was_put_in(efficiency: float) -> None:
    """On the expectation itself both engines return the efficiency, whatever the background, with a binomial error."""
    namespace = halves()
    for found in by_engine(namespace, expected(namespace, 2000.0, efficiency, 300.0)):
        assert found[0] == pytest.approx(efficiency, abs=2e-4)
        binomial = (efficiency * (1 - efficiency) / 2000.0) ** 0.5
        assert binomial < min(found[1:]) <= max(found[1:]) < 1.6 * binomial


@pytest.mark.parametrize(("efficiency", "inside"), [(1.0, 1), (0.0, 2)], ids=["no failing", "no passing"])
def test_nothing_failed_gives_a_limit(efficiency: float, inside: int) -> None:
    """Where no probe fails, or none passes, the error points inside alone, and is about half a probe."""
    namespace = halves()
    found = by_engine(namespace, np.round(expected(namespace, 100.0, efficiency, 0.0)))
    for fit in found:
        assert fit[0] == pytest.approx(efficiency, abs=1e-4)
        assert 0.002 < fit[inside] < 0.02
        assert fit[3 - inside] == pytest.approx(0, abs=1e-4)
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_a_few_probes_are_fitted() -> None:
    """Three probes give an efficiency with a large error in both engines, and no crash."""
    counts = np.zeros((2, 60))
    counts[0, 30], counts[1, 31], counts[1, 29] = 1, 1, 1
    one, other = by_engine(halves(), counts)
    assert 0 < one[0] < 1
    assert max(one[1:]) > 0.15
    assert one[0] == pytest.approx(other[0], abs=0.02)


def test_a_bin_without_probes_is_not_a_number(tmp_path: Path) -> None:
    """Both engines leave it out, and measure the bins that have probes."""
    namespace, files = halves(), {SIMULATION: [written(tmp_path / "in.root")]}
    results = [
        namespace[f"fit_{engine}"](namespace[f"run_{engine}"](files)["pairs"], [SIMULATION])
        for engine in recipe.ENGINES
    ]
    for result in results:
        assert result.shape == (4, 8, 3)
        assert np.isfinite(result[..., 0]).sum() == 2
    assert np.array_equal(*(np.isnan(result) for result in results))


FIT_CELLS = [
    mutation
    for mutation in mutations(RECIPE)
    if re.search(r"def (spectrum|fitted|efficiency_of|workspace|efficiency_by_roofit)\(", mutation.source)
]


@pytest.mark.parametrize("mutation", FIT_CELLS, ids=str)
def test_no_fault_passes_the_comparison_of_the_fits(mutation: Any) -> None:
    """A fault in one engine's fit ends in an error or in another efficiency: the gate sees the counts alone."""
    counts = expected(halves(), 500.0, 0.8, 60.0)
    try:
        one, other = by_engine(halves(mutation.replace), counts)
    except Exception:
        return
    assert max(abs(np.subtract(one, other))) > 0.02 * max(one[1:])


@pytest.fixture(scope="module")
def notebook() -> dict[str, Any]:
    """Return the names of the notebook after the correction file is written, its figures left out."""
    namespace = halves()
    files = namespace["FILES"]
    namespace["from_coffea"] = namespace["run_coffea"](files)
    simulated = namespace["simulated"] = [name for name in files if name != DATA]
    pairs = namespace["from_coffea"]["pairs"]
    namespace["efficiency"] = {
        "data": namespace["fit_coffea"](pairs, [DATA]),
        "simulation": namespace["fit_coffea"](pairs, simulated),
    }
    # one bin that could not be measured
    namespace["efficiency"]["data"][3, 7] = np.nan
    sources = [cell.source for cell in RECIPE.cells]
    first = next(i for i, source in enumerate(sources) if source.startswith("first = PT.index"))
    last = next(i for i, source in enumerate(sources) if "OUTPUT.write_bytes" in source)
    for source in sources[first : last + 1]:
        exec(compile(source, RECIPE.path.name, "exec"), namespace)
    return namespace


@pytest.fixture
def factor(notebook: dict[str, Any]) -> Callable[..., float]:
    """Return the function that evaluates the correction of the file that was written."""
    correction = correctionlib.CorrectionSet.from_file(str(notebook["OUTPUT"]))[PARAMETERS["KEY"]]
    evaluate: Callable[..., float] = correction.evaluate
    return evaluate


def test_the_file_has_what_was_measured(notebook: dict[str, Any], factor: Callable[..., float]) -> None:
    """Each bin returns its value, on both sides of the detector, and up and down are the total error away."""
    for sign in (-1, 1):  # correctionlib reads a decimal number to within its last binary digit
        assert factor(sign * 1.0, 35.0, "nominal") == pytest.approx(notebook["nominal"][1, 1], rel=1e-15)
    stat, syst, up, down = (factor(1.0, 35.0, key) for key in ("stat", "syst", "systup", "systdown"))
    assert (up - down) / 2 == pytest.approx(np.hypot(stat, syst))
    assert (up + down) / 2 == pytest.approx(notebook["nominal"][1, 1])


def test_the_file_ends_where_nothing_was_measured(factor: Callable[..., float]) -> None:
    """Below the plateau and beyond the muon system there is an error; to high momenta the last bin is open."""
    for eta, pt in ((0.5, 25.9), (2.41, 35.0), (-2.41, 35.0)):
        with pytest.raises((RuntimeError, IndexError)):
            factor(eta, pt, "nominal")
    assert factor(0.5, 2000.0, "nominal") == factor(0.5, 100.0, "nominal")


def test_an_unknown_variation_is_an_error(factor: Callable[..., float]) -> None:
    """The file knows the keys of the MUO group's and no other."""
    with pytest.raises((RuntimeError, IndexError)):
        factor(0.5, 35.0, "up")


def test_a_bin_that_was_not_measured_is_one_with_a_large_error(factor: Callable[..., float]) -> None:
    """It is not a number in the measurement, and cannot be in the file."""
    assert [factor(-2.2, 100.0, key) for key in ("nominal", "systup", "systdown")] == [1.0, 2.0, 0.0]
