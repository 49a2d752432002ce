"""MET filters: each rejects by itself, a missing one is an error, and the flag that is wrong has its recipe."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import runs
import small_files
from cookbook import inputs, recipe
from cookbook.recipe import ANSWER, EXAMPLE, Engine
from copies import as_data
from small_files import event_columns, jagged

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

SUBJECT = recipe.load("met-filters")
FILTERS = SUBJECT.parameters()["FILTERS"]
CRYSTAL: Mapping[str, float] = {
    "pt": 60.0,
    "eta": -0.3,
    "phi": -2.0,
    "mass": 5.0,
    "neEmEF": 0.95,
    "chEmEF": 0.0,
    "met": 150.0,
    "met_phi": 1.1,
    "run": 363000,
}

pytestmark = pytest.mark.parametrize("engine", recipe.ENGINES)


def write(path: Path, failing: tuple[str, ...] = (), drop: str = "") -> str:
    """Write a file of two events of which the first fails these filters."""
    flags = {name: np.array([name not in failing, True]) for name in FILTERS if name != drop}
    return small_files.write(path, {**event_columns(2), **flags}, None)


def run(engine: Engine, path: str) -> runs.Results:
    """Run the recipe on a file as simulation and as data, all of it certified."""
    certified = Path(path).with_suffix(".json")
    certified.write_text(json.dumps({"1": [[1, 10]]}))
    files = {"TTbar": [path], "Muon": [as_data(path, Path(f"{path}.data.root"))]}
    return runs.run(SUBJECT, engine, files, {"CERTIFIED": str(certified)})


def test_every_filter_counts(engine: Engine, tmp_path: Path) -> None:
    """Each filter rejects by itself, in data and simulation, and is counted under its name."""
    for name in FILTERS:
        results = run(engine, write(tmp_path / f"{name}.root", (name,)))
        for dataset in ("Muon", "TTbar"):
            assert results["passed"][dataset, :].values().tolist() == [1, 1], name
            for counts in ("failed", "alone"):
                assert results[counts][dataset, :].values().tolist() == [other == name for other in FILTERS]


def test_two_filters_share_an_event(engine: Engine, tmp_path: Path) -> None:
    """An event that two filters reject is rejected once, and by neither alone."""
    results = run(engine, write(tmp_path / "nano.root", (FILTERS[1], FILTERS[5])))
    assert results["passed"]["Muon", :].values().tolist() == [1, 1]
    assert results["failed"]["Muon", :].values().sum() == 2
    assert results["alone"]["Muon", :].values().sum() == 0


def test_a_missing_branch_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file without a filter ends in an error that names the branch."""
    path = write(tmp_path / "nano.root", drop="Flag_hfNoisyHitsFilter")
    with pytest.raises(inputs.InputError, match="no branch 'Flag_hfNoisyHitsFilter'"):
        run(engine, path)


@pytest.mark.filterwarnings("ignore:Performed attempt")
def test_a_missing_filter_does_not_pass(engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The engines fail by themselves too, where nobody checked the file before; ROOT's compiler says the name."""
    path = write(tmp_path / "nano.root", drop="Flag_hfNoisyHitsFilter")
    function = SUBJECT.define(engine, SUBJECT.parameters())
    said = runs.complaint(lambda: function({"TTbar": [path]}))
    assert said
    assert "hfNoisyHitsFilter" in said + capfd.readouterr().err


def spoiled(engine: Engine, path: Path, **changes: float) -> int:
    """Return how many events of a file with one event of the faulty crystal the step on the page rejects."""
    event = {**CRYSTAL, **changes}
    jets = {name: jagged([[event[name]]], np.float32) for name in ("pt", "eta", "phi", "mass", "neEmEF", "chEmEF")}
    columns = event_columns(1, *FILTERS) | {"run": np.array([event["run"]], dtype=np.uint32), "Jet": jets}
    columns |= {f"PuppiMET_{n}": np.array([event[key]], np.float32) for n, key in (("pt", "met"), ("phi", "met_phi"))}
    namespace = SUBJECT.parameters({"FILE": small_files.write(path, columns, None)})
    SUBJECT.define(engine, namespace)
    for tag in (ANSWER, EXAMPLE):
        cells = [cell.source for cell in SUBJECT.cells if {tag, engine} <= cell.tags]
        assert len(cells) == 1
        exec(compile(cells[0], SUBJECT.path.name, "exec"), namespace)
    return int(namespace["spoiled"] if engine == "coffea" else namespace["hit"].GetValue())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1),
        ({"neEmEF": 0.0, "chEmEF": 0.95}, 1),
        ({"met_phi": 1.3}, 1),  # the other way round: the difference has a sign
        ({"run": 362433}, 1),
        ({"run": 367144}, 1),
        ({"run": 362432}, 0),
        ({"run": 367145}, 0),
        ({"pt": 49.0}, 0),
        ({"eta": 0.0}, 0),
        ({"phi": -1.7, "met_phi": 1.4}, 0),
        ({"neEmEF": 0.5}, 0),
        ({"met": 90.0}, 0),
        ({"met_phi": 0.5}, 0),
    ],
)
def test_the_faulty_crystal(engine: Engine, changes: Mapping[str, float], expected: int, tmp_path: Path) -> None:
    """An event of the affected runs with a jet of the crystal against the missing momentum is rejected, no other."""
    assert spoiled(engine, tmp_path / "nano.root", **changes) == expected
