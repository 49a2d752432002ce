"""The timing measures both engines and the read floor, and records what it measured on what."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import nbformat
import pytest

from cookbook import inputs, recipe, sample, timing, timing_worker

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

KINDS = ("coffea", "rdataframe", "floor")
ONE = timing.EngineTiming(1.0, 2.0, 0.5, 2.5, 400_000.0, (390_000.0, 410_000.0), 300.0, 8_000_000)


def made(**engines: timing.EngineTiming) -> timing.Timing:
    """Return a timing whose engines are all alike but for those given."""
    return timing.Timing(
        recipe="toy",
        date="2026-01-31",
        machine={"name": "host", "processor": "a processor", "cores": 2, "system": "Linux"},
        versions={"Python": "3.11", "coffea": "1", "root": "2"},
        input={"name": "TTbar", "events": [200_000, 1_000_000], "branches": 5, "rounds": 1, "turns": 3},
        engines={kind: engines.get(kind, ONE) for kind in KINDS},
    )


@pytest.fixture(autouse=True)
def as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time what the tests ask for, whatever the variable says outside."""
    monkeypatch.delenv("COOKBOOK_TIMING", raising=False)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[timing.Timing, Path]:
    """Return one small measurement of a real recipe, and the folder it was recorded in."""
    folder = tmp_path_factory.mktemp("timings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKBOOK_TIMINGS", str(folder))
        patch.setenv("COOKBOOK_CACHE", str(folder / "cache"))
        patch.delenv("COOKBOOK_TIMING", raising=False)
        result = timing.measure("dimuon-spectrum", sample.files("DYto2L_M-50"), (20_000, 100_000), rounds=1)
    assert isinstance(result, timing.Timing)
    return result, folder


@pytest.mark.parametrize("kind", KINDS)
def test_every_quantity_is_measured(measured: tuple[timing.Timing, Path], kind: str) -> None:
    """Times, memory and bytes are there and positive, for both engines and the floor."""
    engine = measured[0].engines[kind]
    assert engine.import_s >= 0
    assert min(engine.first_run_s, engine.warm_small_s, engine.warm_large_s) > 0
    assert engine.peak_memory_mb > 10
    assert engine.bytes_read > 100_000


def test_the_input_is_named(measured: tuple[timing.Timing, Path]) -> None:
    """At least the events asked for were read, of the files given."""
    about = measured[0].input
    assert about["events"][0] >= 20_000
    assert about["events"][1] >= 100_000
    assert about["name"] == "DYto2L_M-50_1, DYto2L_M-50_2"


def test_the_record_is_the_result(measured: tuple[timing.Timing, Path]) -> None:
    """The file beside the page holds the same numbers and keeps to the schema."""
    result, folder = measured
    record = json.loads((folder / "dimuon-spectrum.json").read_text())
    jsonschema.validate(record, timing.schema())
    assert record == result.as_dict()


def test_both_engines_read_about_what_the_floor_reads(measured: tuple[timing.Timing, Path]) -> None:
    """No engine reads much more than the declared branches: what comes on top is the files' own tables."""
    engines = measured[0].engines
    for kind in recipe.ENGINES:
        assert engines[kind].bytes_read < 2.5 * engines["floor"].bytes_read


def test_the_record_says_on_what(measured: tuple[timing.Timing, Path]) -> None:
    """Machine and versions stand in the record."""
    result = measured[0]
    assert result.machine["cores"] >= 1
    assert {"Python", "coffea", "ROOT"} <= set(result.versions)


def test_the_ratio_to_the_floor() -> None:
    """An engine at a tenth of the floor's rate takes ten times as long."""
    floor = timing.EngineTiming(**{**vars(ONE), "warm_rate_hz": 4_000_000.0})
    assert made(floor=floor).floor_ratio("coffea") == 10.0


def test_an_unresolved_rate_is_said_to_be_one() -> None:
    """Where the large input took no longer than the small one, no rate is made up."""
    unknown = timing.EngineTiming(**{**vars(ONE), "warm_rate_hz": None, "rate_range_hz": None})
    shown = made(coffea=unknown)
    assert shown.floor_ratio("coffea") is None
    assert "not resolved" in shown.table()["coffea"].to_list()
    jsonschema.validate(shown.as_dict(), timing.schema())


def test_the_rate_comes_from_the_difference() -> None:
    """A constant cost per run cancels; the rate is the median of the turns, with their range."""
    job = {
        "import_s": 1.0,
        "first_run_s": 9.0,
        "warm_small_s": [3.0, 3.0, 3.0],
        "warm_large_s": [7.0, 5.0, 11.0],
        "peak_memory_mb": 1.0,
        "bytes_read": 8,
    }
    summary = timing._summary([job], [200, 1000])
    assert (summary.warm_rate_hz, summary.rate_range_hz) == (200.0, (100.0, 400.0))
    assert timing._summary([{**job, "warm_large_s": [2.0, 3.0, 4.0]}], [200, 1000]).warm_rate_hz is None
    assert timing._rate([200, 200], 3.0, 3.1) is None


def test_every_timed_run_looks_into_its_files_anew() -> None:
    """Coffea's runner remembers the entries of files; a run that profits from the one before would look too fast."""
    from coffea.processor import executor

    executor.DEFAULT_METADATA_CACHE["a file of an earlier run"] = {"numentries": 1}
    subject = recipe.load("dimuon-spectrum")
    run = timing_worker._engine(subject, "coffea", subject.parameters())
    run(sample.files("DYto2L_M-50"))
    assert "a file of an earlier run" not in executor.DEFAULT_METADATA_CACHE


def test_quick_divides_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests time a tenth of the events, once."""
    asked: list[int] = []
    monkeypatch.setenv("COOKBOOK_TIMING", "quick")

    def enlarged(files: recipe.Files, events: int) -> recipe.Files:
        asked.append(events)
        return list(inputs.paths(files))[: len(asked)]

    monkeypatch.setattr(timing, "_enlarged", enlarged)
    measured = {"import_s": 1, "first_run_s": 1, "peak_memory_mb": 1, "bytes_read": 1}
    job = {**measured, "warm_small_s": [1], "warm_large_s": [2]}
    monkeypatch.setattr(timing, "_round", lambda *args: dict.fromkeys(KINDS, job))
    result = timing.measure("dimuon-spectrum", sample.files("DYto2L_M-50"), (20_000, 100_000), rounds=3)
    assert isinstance(result, timing.Timing)
    assert (asked, result.input["rounds"], result.input["turns"]) == ([2_000, 10_000], 1, 1)


def test_variants_are_timed_too() -> None:
    """Another function of an engine's cells has a column of its own, with the floor at the end."""
    shown = timing.Timing(
        **{**vars(made()), "engines": {"coffea": ONE, "coffea_numba": ONE, "rdataframe": ONE, "floor": ONE}}
    )
    assert list(shown.table().columns) == ["coffea", "coffea, numba", "RDataFrame", "read floor"]
    jsonschema.validate(shown.as_dict(), timing.schema())


def test_nothing_is_timed_where_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader's own run is not timed, nor is one where the variable says so."""
    assert timing.measure("dimuon-spectrum", [], events=None) == "Not timed."
    monkeypatch.setenv("COOKBOOK_TIMING", "off")
    assert timing.measure("dimuon-spectrum", [], events=(1, 2)) == "Not timed."


def test_a_failing_engine_is_reported(tmp_path: Path) -> None:
    """The error of the process that failed is shown."""
    broken = recipe.load("dimuon-spectrum")
    cell = next(c for c in broken.notebook.cells if "def run_coffea" in c.source)
    cell.source = "def run_coffea(files):\n    raise RuntimeError('no luck')"
    path = tmp_path / "dimuon-spectrum.ipynb"
    nbformat.write(broken.notebook, path)
    with pytest.raises(timing.TimingError, match=r"timing coffea failed:\n(.|\n)*no luck"):
        timing.measure(path, sample.files("DYto2L_M-50"), (1_000, 2_000), rounds=1)


def test_a_step_costs_what_it_adds() -> None:
    """Each chain's least time, or its median, on either size; then the difference to the chain before it."""
    without, one = [(1.0, 3.0), (2.0, 4.5), (1.5, 9.0)], [(1.0, 4.0), (1.0, 5.0), (2.0, 6.0)]
    added = timing._added(list(zip(without, one, strict=True)), [0, 1_000_000])
    assert added == [(2.0, 3.0), (1.0, 1.0)]


class Chain:
    """A worker whose chain of n steps takes n + 1 microseconds per event."""

    def __init__(self, subject: recipe.Recipe, kind: str, sizes: Any, errors: Any, cases: Any) -> None:
        assert [case["STEPS"] for case in cases] == [["one", "two"], ["one"], []]
        self.counts = [inputs.events(size) for size in sizes]

    def ask(self, message: tuple[int, int]) -> dict[str, float]:
        """Return the time of a chain on one of the sizes."""
        case, size = message
        return {"seconds": 5.0 + 1e-6 * (3 - case) * self.counts[size]}

    def close(self) -> None:
        """Do nothing."""


def test_a_breakdown_has_a_row_for_each_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The run without any step comes first; what was timed stands under the table."""
    monkeypatch.setattr(timing, "_Worker", Chain)
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path))
    files = sample.files("Diboson")
    result = timing.breakdown("dimuon-spectrum", files, "STEPS", ["one", "two"], (20_000, 40_000))
    assert isinstance(result, timing.Breakdown)
    table = result.table()
    assert list(table.index) == ["no step", "+ one", "+ two"]
    assert all(value.startswith("1.00") for value in table["coffea [µs/event]"])
    assert "events of Diboson" in result._repr_html_()
    assert timing.breakdown("dimuon-spectrum", files, "STEPS", [], None) == "Not timed."


def test_a_breakdown_needs_two_sizes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sizes below that of the files themselves have no difference to divide by."""
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path))
    with pytest.raises(timing.TimingError, match=r"both sizes are 1,200 events.*ask for more"):
        timing.breakdown("dimuon-spectrum", sample.files("Diboson"), "STEPS", ["one"], (100, 200))
