"""Jet veto map: which jets it judges, what lies at its edges, and that the event goes, in both engines."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import correctionlib.schemav2 as cs
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import mistakes
import runs
import small_files
from cookbook import recipe
from cookbook.recipe import Engine
from copies import as_data
from jets import CROWDED, JET, Identified, Jets, columns
from shared import Cases
from small_files import event_columns

SLUG = "jet-veto-map"
HOT: Mapping[str, float] = {**JET, "eta": 1.9, "phi": -1.0}
PHI_BEYOND = 3.1416016  # what pi becomes when NanoAOD rounds it
CASES: Cases = {
    "jets": [[[JET, {**JET, "neHEF": 0.995}], [HOT]]],
    "wrong": [
        ({"ID_KEY": "AK4PUPPI_LeptonVeto"}, "did you mean AK4PUPPI_TightLeptonVeto"),
        ({"VETO_KEY": "Summer24"}, "no correction 'Summer24'; there are Cookbook24_RunA_V1"),
        ({"VETO_TYPE": "jetvetomap_fpix"}, "no type 'jetvetomap_fpix'; did you mean.*jetvetomap_hot"),
    ],
}

pytestmark = pytest.mark.parametrize("engine", recipe.ENGINES)


def write(path: Path, jets: Jets, drop: str = "") -> str:
    """Write a file with these jets by event, without the branch to drop."""
    size = len(jets)
    events = event_columns(size, "HLT_IsoMu24") | {
        "genWeight": np.ones(size, dtype=np.float32),
        "PuppiMET_pt": np.full(size, 30, dtype=np.float32),
        "PuppiMET_phi": np.zeros(size, dtype=np.float32),
        "Jet": columns(jets, drop),
    }
    return small_files.write(path, events, [size])


def twice(path: str) -> dict[str, list[str]]:
    """Return a file as simulation, and as data a copy without what it would be known by as simulation."""
    return {"TTbar": [path], "Muon": [as_data(path, Path(f"{path}.data.root"))]}


def all_certified(path: str) -> str:
    """Write the JSON that certifies a file, and return its path."""
    certified = Path(path).with_suffix(".json")
    certified.write_text(json.dumps({"1": [[1, 10]]}))
    return str(certified)


def run(engine: Engine, path: str, **parameters: Any) -> runs.Results:
    """Run the recipe on a file as simulation and as data, all of it certified."""
    return runs.run(recipe.load(SLUG), engine, twice(path), {"CERTIFIED": all_certified(path), **parameters})


class TestVetoMap(Identified):
    """What this page shares with the other that evaluates the identification."""

    cases, write, run = CASES, staticmethod(write), staticmethod(run)


def judged(path: str, **parameters: Any) -> Any:
    """Return the jets that the map judges, before any veto."""
    parameters = {"CERTIFIED": all_certified(path), **parameters}
    return mistakes.run(recipe.load(SLUG), "no_veto", twice(path), parameters, "veto")["jets_after"]


def kept(results: Mapping[str, Any]) -> int:
    """Return the events that survive everything, the same in data and simulation."""
    data, simulation = (results["events"][name, :].values()[0] for name in ("Muon", "TTbar"))
    assert data == simulation
    return int(data)


def veto_map(path: Path, flow: Any, outermost: float = 0.0) -> str:
    """Write a map whose edges in azimuth are pi itself, with this content beyond 3 either way."""
    zone = cs.MultiBinning(
        nodetype="multibinning",
        inputs=["eta", "phi"],
        edges=[[-5.191, 5.191], [-np.pi, -3.0, 3.0, np.pi]],
        content=[outermost, 0.0, outermost],
        flow=flow,
    )
    names = (("type", "string"), ("eta", "real"), ("phi", "real"))
    correction = cs.Correction(
        name="Cookbook24_RunA_V1",
        version=1,
        inputs=[cs.Variable(name=name, type=kind) for name, kind in names],
        output=cs.Variable(name="weight", type="real"),
        data=cs.Category(nodetype="category", input="type", content=[cs.CategoryItem(key="jetvetomap", value=zone)]),
    )
    path.write_text(cs.CorrectionSet(schema_version=2, corrections=[correction]).model_dump_json(exclude_unset=True))
    return str(path)


def test_a_jet_in_the_region_costs_the_event(engine: Engine, tmp_path: Path) -> None:
    """One jet in the hot region rejects the event with all its jets, in data and simulation, and no other event."""
    path = write(tmp_path / "nano.root", [[JET, HOT], [JET], [{**HOT, "eta": -1.9}]])
    results = run(engine, path)
    assert kept(results) == 2
    assert judged(path)["Muon", ...].sum().value == 4
    assert results["jets_after"]["Muon", ...].sum().value == 2
    assert results["met"]["Muon", :, 1].sum().value == 1


@pytest.mark.parametrize(
    "change",
    [
        {"pt": 15.0},
        {"chEmEF": 0.55, "neEmEF": 0.4, "neHEF": 0.0, "chHEF": 0.05},
        {"neHEF": 0.995},
        {"chHEF": 0.0},
        {"muEF": 0.85},
        {"chEmEF": 0.85, "neEmEF": 0.0},
    ],
    ids=["soft", "electromagnetic", "neutral", "no charged hadrons", "muon", "electron"],
)
def test_jets_that_do_not_count(engine: Engine, change: Mapping[str, float], tmp_path: Path) -> None:
    """A jet that is soft, electromagnetic, or fails the identification with its veto on leptons rejects nothing."""
    assert kept(run(engine, write(tmp_path / "nano.root", [[{**HOT, **change}]]))) == 1


@pytest.mark.parametrize("phi", [PHI_BEYOND, -PHI_BEYOND])
def test_azimuth_beyond_the_map(engine: Engine, phi: float, tmp_path: Path) -> None:
    """A rounded azimuth beyond the last edge is judged by the outermost bin, and does not end the loop."""
    path = write(tmp_path / "nano.root", [[{**JET, "phi": phi}]])
    assert kept(run(engine, path, VETO_MAP=veto_map(tmp_path / "open.json", "error"))) == 1
    assert kept(run(engine, path, VETO_MAP=veto_map(tmp_path / "veto.json", "error", 1.0))) == 0


@pytest.mark.parametrize("eta", [5.3, -5.3, float("nan")])
def test_pseudorapidity_beyond_the_map(engine: Engine, eta: float, tmp_path: Path) -> None:
    """A jet beyond the map in pseudorapidity, or nowhere, is not judged."""
    path = write(tmp_path / "nano.root", [[{**JET, "eta": eta}]])
    results = run(engine, path, VETO_MAP=veto_map(tmp_path / "map.json", "error", 1.0))
    assert kept(results) == 1
    assert results["jets_after"].sum(flow=True).value == judged(path).sum(flow=True).value == 0


@pytest.mark.filterwarnings("ignore:Performed attempt")
def test_an_azimuth_that_is_not_a_number(engine: Engine, tmp_path: Path) -> None:
    """Such a jet rejects nothing where the map clamps, and ends in an error where it does not."""
    path = write(tmp_path / "nano.root", [[{**HOT, "phi": float("nan")}]])
    assert kept(run(engine, path)) == 1
    strict = veto_map(tmp_path / "map.json", "error")
    assert "above bounds" in runs.complaint(lambda: run(engine, path, VETO_MAP=strict))


def test_events_without_jets(engine: Engine, tmp_path: Path) -> None:
    """An event without a jet passes, whether others have jets or none does."""
    assert kept(run(engine, write(tmp_path / "some.root", [[], [HOT], []]))) == 2
    assert kept(run(engine, write(tmp_path / "none.root", [[], []]))) == 2


def test_the_sum_of_two_bytes(engine: Engine, tmp_path: Path) -> None:
    """A jet of 256 particles has not none, and rejects the event."""
    assert kept(run(engine, write(tmp_path / "nano.root", [[{**HOT, **CROWDED}]]))) == 0
