"""The timing measures both engines and the read floor, and records what it measured on what."""

import dataclasses
import json
import os
import threading
from pathlib import Path
from typing import Any, cast

import jsonschema
import nbformat
import pytest
from coffea import processor

from cookbook import (
    inputs,
    recipe,
    sample,
    timing,
    timing_load,
    timing_resolution,
    timing_sizes,
    timing_turns,
    timing_worker,
)

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

KINDS = ("coffea", "rdataframe", "floor")
ONE = timing.EngineTiming(
    events=(200_000, 1_000_000),
    import_s=1.0,
    first_run_s=2.0,
    start_s=2.5,
    turns_s=[(0.5, 2.5), (0.5, 2.5)],
    warm_rate_hz=400_000.0,
    rate_range_hz=(390_000.0, 410_000.0),
    repeated=1,
    disturbed=0,
    peak_memory_mb=300.0,
    bytes_read=8_000_000,
)
UNKNOWN = dataclasses.replace(ONE, warm_rate_hz=None, rate_range_hz=None)


def made(**engines: timing.EngineTiming) -> timing.Timing:
    """Return a timing whose engines are all alike but for those given."""
    return timing.Timing(
        recipe="toy",
        key=None,
        mode="careful",
        date="2026-01-31",
        machine={"name": "host", "processor": "a processor", "cores": 2, "system": "Linux"},
        versions={"Python": "3.11", "coffea": "1", "root": "2"},
        input={"name": "TTbar", "branches": 5, "rounds": 1},
        engines={**dict.fromkeys(KINDS, ONE), **engines},
    )


@pytest.fixture(autouse=True)
def as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time what the tests ask for, whatever the variables say outside."""
    for name in ("COOKBOOK_TIMING", "COOKBOOK_TIMINGS", "COOKBOOK_TIMING_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[timing.Timing, Path]:
    """Return one small measurement of a real recipe, and the folder it was recorded in."""
    folder = tmp_path_factory.mktemp("timings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKBOOK_TIMINGS", str(folder))
        patch.setenv("COOKBOOK_CACHE", str(folder / "cache"))
        patch.setenv("COOKBOOK_TIMING", "quick")
        patch.setenv("COOKBOOK_TIMING_KEY", "a key")
        result = timing.measure("dimuon-spectrum", sample.files("DYto2L_M-50"), (20_000, 100_000))
    assert isinstance(result, timing.Timing)
    return result, folder


@pytest.mark.parametrize("kind", KINDS)
def test_every_quantity_is_measured(measured: tuple[timing.Timing, Path], kind: str) -> None:
    """Times, memory and bytes are there and positive, for both engines and the floor."""
    engine = measured[0].engines[kind]
    assert 1 <= len(engine.turns_s) <= 3
    assert all(small > 0 and large > 0 for small, large in engine.turns_s)
    assert engine.peak_memory_mb > 10
    assert engine.bytes_read > 1_000


def test_engines_and_floor_are_timed_on_the_same_sizes(measured: tuple[timing.Timing, Path]) -> None:
    """A small one of a twentieth of the recipe's, and a large one that is no larger than the recipe's."""
    small, large = measured[0].engines["floor"].events
    assert {engine.events for engine in measured[0].engines.values()} == {(small, large)}
    assert small == 1_000
    assert 2 * small <= large < 108_000  # files are copied whole
    assert measured[0].input["name"] == "DYto2L_M-50_1, DYto2L_M-50_2"


def test_a_figure_is_there_only_where_the_turns_resolve_it(measured: tuple[timing.Timing, Path]) -> None:
    """However busy the machine was: the record follows from its turns."""
    for engine in measured[0].engines.values():
        found = timing_resolution.rate(engine.events, engine.turns_s)
        assert (engine.warm_rate_hz, engine.rate_range_hz) == (found or (None, None))
        assert 0 <= engine.disturbed <= len(engine.turns_s)


def test_the_record_is_the_result(measured: tuple[timing.Timing, Path]) -> None:
    """The file beside the page holds the same numbers and keeps to the schema."""
    result, folder = measured
    record = json.loads((folder / "dimuon-spectrum.json").read_text())
    jsonschema.validate(record, timing.schema())
    assert record == result.as_dict()
    assert (record["key"], record["mode"]) == ("a key", "quick")


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
    assert made(floor=dataclasses.replace(ONE, warm_rate_hz=4_000_000.0)).floor_ratio("coffea") == 10.0


def test_an_unresolved_figure_is_said_to_be_one() -> None:
    """No rate, no ratio, no start is made up."""
    shown = made(coffea=dataclasses.replace(UNKNOWN, import_s=None, first_run_s=None, start_s=None))
    assert shown.floor_ratio("coffea") is None
    assert shown.table()["coffea"].to_list()[:4] == ["not resolved"] * 4
    assert made(floor=UNKNOWN).table()["coffea"].iloc[3] == "not resolved"
    jsonschema.validate(shown.as_dict(), timing.schema())


def test_the_caption_says_how() -> None:
    """Mode, sizes (other ones too), turns and how often the machine disturbed them."""
    other = dataclasses.replace(ONE, events=(100, 500), turns_s=[(0.1, 0.2)] * 3, disturbed=2)
    text = made(coffea_slow=other, rdataframe=dataclasses.replace(ONE, turns_s=[])).caption()
    assert text.startswith(
        "Careful timing: 200,000 and 1,000,000 (RDataFrame: no time for two turns) (coffea, slow: 100 and 500) events "
        "of TTbar, 5 branches declared; one thread on a processor (2 cores); 0 to 3 turns, range in brackets; "
        "disturbed attempts repeated: 4, turns disturbed to the end: 2; Python 3.11"
    )


def job(turns: list[timing_turns.Turn]) -> dict[str, Any]:
    """Return what a round measured of an engine."""
    return {
        "import_s": 1.0,
        "first_run_s": 9.0,
        "probes": [(200, {"seconds": [3.0], "bytes_read": 8})],
        "counts": (200, 1000),
        "turns": turns,
        "peak_memory_mb": 1.0,
    }


def turns(*seconds: tuple[float, float]) -> list[timing_turns.Turn]:
    """Return undisturbed turns of so many seconds."""
    return [timing_turns.Turn(pair, 0, (), 8) for pair in seconds]


def test_the_rate_comes_from_the_difference() -> None:
    """A constant cost per run cancels; the rate is the median of the turns, with their range."""
    summary = timing._summary([job(turns((3.0, 7.0), (3.0, 6.2), (3.0, 8.0)))])
    assert (summary.warm_rate_hz, summary.rate_range_hz) == (200.0, (160.0, 250.0))
    assert summary.start_s == 1.0 + 9.0 - 3.0


def test_of_several_rounds_the_shortest_runs_of_each_count() -> None:
    """What disturbs a run only adds to its time; the rounds are what the range is over."""
    disturbed = turns((3.0, 9.0), (4.5, 7.0), (8.0, 8.0))
    summary = timing._summary([job(disturbed), job(turns((3.0, 6.2), (3.5, 9.0))), job(turns((3.0, 8.0)))])
    assert (summary.warm_rate_hz, summary.rate_range_hz) == (200.0, (160.0, 250.0))
    assert len(summary.turns_s) == 6
    assert timing._summary([job(disturbed)]).warm_rate_hz is None


@pytest.mark.parametrize(
    "seconds",
    [
        [(3.0, 7.0), (3.0, 5.0), (3.0, 7.1)],  # one is more than twice as fast
        [(3.0, 7.0), (3.0, 7.0), (3.0, 3.0)],  # one has no difference
        [(3.0, 7.0)],  # nothing to compare with
        [],
    ],
)
def test_a_rate_whose_turns_differ_is_not_resolved(seconds: list[tuple[float, float]]) -> None:
    """Neither the rate nor its range is given."""
    summary = timing._summary([job(turns(*seconds))])
    assert (summary.warm_rate_hz, summary.rate_range_hz) == (None, None)


def test_a_start_that_waited_is_not_resolved() -> None:
    """Nor is what follows from it; with more rounds the others count."""
    waited = {**job(turns((3.0, 7.0))), "first_run_s": None}
    assert timing._summary([waited]).start_s is None
    assert timing._summary([waited, job([])]).start_s == 7.0
    busy = timing_load.Load(wall_s=3.0, cpu_s=1.0, switches=0, busy_s=None, average=0.0)
    assert timing_worker._resolved(busy) is None
    assert timing_worker._resolved(dataclasses.replace(busy, cpu_s=1.5)) == 3.0


@pytest.mark.parametrize(
    ("values", "agree"),
    [
        ([1.0, 2.0], True),
        ([1.0, 2.1], False),
        ([-1.0, -2.0], True),
        ([-1.0, 1.0], False),
        ([1.0, None], False),
        ([], False),
    ],
)
def test_values_agree_within_a_factor_of_two(values: list[float | None], agree: bool) -> None:
    """Known, of one sign, and at most twice each other."""
    assert timing_resolution.consistent(values) is agree


QUIET = timing_load.Load(wall_s=2.0, cpu_s=1.9, switches=20, busy_s=2.2, average=1.0)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"cpu_s": 1.7}, ["CPU time"]),
        ({"switches": 102}, ["context switches"]),
        ({"busy_s": 3.0}, ["load"]),
        ({"busy_s": None, "average": 1.6}, ["load"]),
        ({"busy_s": None, "average": 1.4}, []),
        ({"cpu_s": 1.0, "switches": 1000, "busy_s": 4.0}, ["CPU time", "context switches", "load"]),
    ],
)
def test_what_disturbs_a_run_is_named(changes: dict[str, Any], found: list[str]) -> None:
    """A core that was shared, time slices taken, other cores busy; the load average where nothing better is known."""
    assert timing_load.disturbances(dataclasses.replace(QUIET, **changes), cores=2) == found


def test_the_load_is_that_between_two_moments() -> None:
    """Counters are subtracted, the average is the last one."""
    later = timing_load.Load(wall_s=5.0, cpu_s=2.0, switches=30, busy_s=4.2, average=3.0)
    assert vars(timing_load.spent(QUIET, later)) == pytest.approx(vars(timing_load.Load(3.0, 0.1, 10, 2.0, 3.0)))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system ties no process to a core")
def test_threads_that_wait_for_each_other_do_not_disturb_themselves() -> None:
    """Uproot reads in threads: on one core each takes it back from another, hundreds of times a second."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        there, back = threading.Semaphore(0), threading.Semaphore(0)

        def answer() -> None:
            for _ in range(1000):
                there.acquire()
                back.release()

        before = timing_load.now()
        other = threading.Thread(target=answer)
        other.start()
        for _ in range(1000):
            there.release()
            back.acquire()
        other.join()
        run = timing_load.spent(before, timing_load.now())
    finally:
        os.sched_setaffinity(0, cores)
    assert run.switches < 0


def test_every_timed_run_looks_into_its_files_anew() -> None:
    """Coffea's runner remembers the entries of files; a run that profits from the one before would look too fast."""
    from coffea.processor import executor

    executor.DEFAULT_METADATA_CACHE["a file of an earlier run"] = {"numentries": 1}
    subject = recipe.load("dimuon-spectrum")
    run = timing_worker._engine(subject, "coffea", subject.parameters())
    run(sample.files("DYto2L_M-50"))
    assert "a file of an earlier run" not in executor.DEFAULT_METADATA_CACHE


class Scripted:
    """A worker that takes so many seconds before and per event, and is disturbed in some of its attempts."""

    def __init__(self, fixed_s: float = 1.0, per_event_s: float = 1e-3, disturbed: tuple[int, ...] = ()) -> None:
        self.fixed_s, self.per_event_s, self.disturbed = fixed_s, per_event_s, disturbed
        self.asked: list[int] = []

    def ask(self, message: tuple[int, list[int], int]) -> dict[str, Any]:
        """Answer as a worker does; files are their number of events."""
        _, sizes, times = message
        busy = len(self.asked) in self.disturbed
        self.asked.append(sizes[-1])
        seconds = [(2.0 if busy else 1.0) * (self.fixed_s + self.per_event_s * events) for events in sizes]
        return {
            "seconds": seconds,
            "wall_s": times * sum(seconds),
            "disturbances": ["load"] if busy else [],
            "bytes_read": 8,
        }


def entry(worker: Scripted, cost_s: float = 0.0) -> timing_turns.Entry:
    """Return an entry of 100 and 1000 events."""
    subject: Any = worker
    return timing_turns.Entry(subject, sizes=cast(Any, [100, 1000]), counts=(100, 1000), cost_s=cost_s)


def test_a_disturbed_turn_is_taken_again() -> None:
    """Once is enough where that is undisturbed; the record counts what was repeated."""
    subject = entry(Scripted(disturbed=(1,)))
    timing_turns.take([subject], 2, timing_turns.Clock())
    assert [(turn.repeated, turn.disturbances) for turn in subject.turns] == [(0, ()), (1, ())]
    assert [turn.seconds for turn in subject.turns] == [(1.1, 2.0)] * 2
    summary = timing._summary([{**job(subject.turns), "counts": subject.counts}])
    assert (summary.repeated, summary.disturbed) == (1, 0)


def test_a_turn_is_not_repeated_forever() -> None:
    """After so many repeats the shortest attempt counts, and is said to be disturbed."""
    subject = entry(Scripted(disturbed=tuple(range(10))))
    timing_turns.take([subject], 1, timing_turns.Clock())
    assert [(turn.repeated, turn.disturbances) for turn in subject.turns] == [(timing_turns.REPEATS, ("load",))]
    assert timing._summary([{**job(subject.turns), "counts": subject.counts}]).disturbed == 1


def test_the_clock_stops_turns_and_repeats() -> None:
    """A first turn is always taken; another, or a repeat that leaves no time for the second turns, only in time."""
    subject, clock = entry(Scripted(), cost_s=3.1), timing_turns.Clock(limit_s=7.0)
    timing_turns.take([subject], 3, clock)
    assert len(subject.turns) == 2
    assert clock.spent_s == pytest.approx(6.2)
    busy, clock = entry(Scripted(disturbed=(0,)), cost_s=3.1), timing_turns.Clock(limit_s=12.0)
    timing_turns.take([busy], 1, clock)
    assert busy.turns[0].repeated == 0


def test_probes_on_the_two_sizes_are_the_first_turn() -> None:
    """They are not run again, unless they were disturbed and there is time."""
    for disturbed, limit_s, first in (((), 100.0, 1), ((1,), 100.0, 0), ((1,), 5.0, 1)):
        subject, clock = entry(Scripted(disturbed=disturbed), cost_s=3.1), timing_turns.Clock(limit_s)
        for events in subject.counts:
            subject.probe(cast(Any, events), events, clock)
        subject.reuse(clock)
        assert len(subject.turns) == first


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be their number of events."""
    monkeypatch.setattr(timing_sizes, "sized", lambda files, events: events)
    monkeypatch.setattr(inputs, "events", lambda files: files)
    monkeypatch.setenv("COOKBOOK_TIMING", "quick")


@pytest.mark.parametrize("fixed_s", [0.01, 0.3, 1.0])
@pytest.mark.parametrize(
    ("rate_hz", "events"), [(1e4, (5_000, 25_000)), (5e4, (50_000, 250_000)), (3e6, (100_000, 500_000))]
)
@pytest.mark.usefixtures("made_up")
def test_quick_keeps_to_its_seconds(rate_hz: float, events: tuple[int, int], fixed_s: float) -> None:
    """Probes and turns together, at any rate and start-up, with two turns at least."""
    entries = [entry(Scripted(cost, 1 / rate)) for cost, rate in ((fixed_s, rate_hz), (0.1, 2 * rate_hz))]
    clock, sizes, name = timing_turns.Clock(timing.QUICK_S), timing_sizes.Sizes([]), Path("toy")
    first, held = sizes.of(timing._first(events))
    for subject in entries:
        subject.probe(first, held, clock)
    timing_turns.take(entries, timing._prepare(entries, sizes, events, clock, name), clock)
    assert clock.spent_s <= timing.QUICK_S
    for subject in entries:
        assert len(subject.turns) >= 2
        assert events[0] // 20 == subject.counts[0] <= subject.counts[1] / 2
        assert subject.counts[1] <= events[1]


@pytest.mark.usefixtures("made_up")
def test_quick_leaves_out_what_takes_too_long_to_set_up() -> None:
    """No second run of it is begun; the others are timed."""
    slow, other = entries = [entry(Scripted(fixed)) for fixed in (2.6, 0.1)]
    clock, sizes = timing_turns.Clock(timing.QUICK_S), timing_sizes.Sizes([])
    for subject in entries:
        subject.sizes = ()
        subject.probe(*sizes.of(50), clock)
    timing_turns.take(entries, timing._prepare(entries, sizes, (1000, 5000), clock, Path("toy")), clock)
    assert (len(cast(Any, slow.worker).asked), len(slow.turns), len(other.turns) >= 2) == (1, 0, True)


def test_a_size_is_found_again() -> None:
    """Sizes are round, so that the files of one build are those of the next; short runs are timed several in a row."""
    assert [timing_sizes._rounded(n) for n in (0.3, 7, 12, 199, 1999, 69_000)] == [1, 7, 10, 150, 1500, 50_000]
    assert [timing_sizes.times(seconds) for seconds in (1.0, 0.05, 0.02, 0.0)] == [1, 1, 3, timing_sizes.MOST_TIMES]


def test_every_size_of_a_dataset_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further file costs, and would be taken for the time of its events."""
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path))
    files = {"DY": sample.files("DYto2L_M-50"), "TT": sample.files("TTbar")}
    for events in (1_000, 30_000):
        made = timing_sizes.sized(files, events)
        assert isinstance(made, dict)
        assert {name: len(members) for name, members in made.items()} == {"DY": 1, "TT": 1}
        assert events <= inputs.events(made) < events + 8_000
        assert inputs.events(made["DY"]) == pytest.approx(events * 7190 / 11190, abs=7190)


def test_variants_have_a_column() -> None:
    """Another function of an engine's cells has a column of its own."""
    shown = made(coffea_numba=ONE)
    assert list(shown.table().columns) == ["coffea", "RDataFrame", "read floor", "coffea, numba"]
    jsonschema.validate(shown.as_dict(), timing.schema())


def test_more_than_one_variant_is_refused() -> None:
    """Switches and mistakes of a recipe are not timed: the error names them all."""
    subject = recipe.load("dimuon-spectrum")
    cell = next(c for c in subject.notebook.cells if "def run_coffea" in c.source)
    cell.source += "\n\n\ndef run_coffea_slow(files):\n    pass\n"
    assert timing._kinds(subject) == ["coffea", "coffea_slow", "rdataframe", "floor"]
    cell.source += "\n\n\ndef run_coffea_wrong(files):\n    pass\n"
    with pytest.raises(timing.TimingError, match=r"run_coffea_slow, run_coffea_wrong stand beside"):
        timing._kinds(subject)


def test_an_unknown_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names those there are."""
    assert timing.mode() == "careful"
    monkeypatch.setenv("COOKBOOK_TIMING", "fast")
    with pytest.raises(timing.TimingError, match="'fast'; it must be one of quick, careful, off"):
        timing.mode()


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


def test_values_in_place_of_the_recipes_are_timed_and_recorded() -> None:
    """The page of cores cuts its small sample into small chunks, and is timed with the usual ones."""
    cores = recipe.load("cores")
    assert timing.parameters_of(cores) == {"CHUNK": 100_000} != {"CHUNK": cores.parameters()["CHUNK"]}
    assert processor.Runner.chunksize == 100_000, "the default, as the page says"
    assert timing.parameters_of(recipe.load("dimuon-spectrum")) == {}
    with pytest.raises(timing.TimingError, match="timing coffea failed"):
        timing.measure("cores", sample.files("DYto2L_M-50"), (1_000, 2_000), rounds=1, parameters={"CHUNK": "large"})
    shown = dataclasses.replace(made(), input={**made().input, "parameters": {"CHUNK": 100_000}})
    assert "of TTbar, 5 branches declared, CHUNK = 100000; one thread" in shown.caption()
    jsonschema.validate(shown.as_dict(), timing.schema())


def test_a_step_costs_what_it_adds() -> None:
    """The median of the turns' differences to the chain before, and their range."""
    quiet = [[2.0, 3.0], [2.2, 3.2], [2.1, 2.9]]
    assert timing_resolution.steps(quiet) == [(2.1, 2.0, 2.2), (1.0, pytest.approx(0.8), 1.0)]


def test_a_step_whose_turns_disagree_is_not_resolved() -> None:
    """In sign, or by more than a factor of two; nor is one of a single turn."""
    assert timing_resolution.steps([[2.0, 2.1, 3.0], [2.0, 1.9, 4.0]]) == [(2.0, 2.0, 2.0), None, None]
    assert timing_resolution.steps([[2.0, 3.0]]) == [None, None]
    shown = timing.Breakdown(("one",), {"coffea": [None, (1.0, 0.9, 1.1)]}, "about").table()
    assert shown["coffea [µs/event]"].to_list() == ["not resolved", "1.00 [0.90 to 1.10]"]


class Chain:
    """A worker whose chain of n steps takes n + 1 microseconds per event, after what it takes to set up."""

    def __init__(self, subject: recipe.Recipe, kind: str, first: Any, errors: Any, cases: Any) -> None:
        assert [case["STEPS"] for case in cases] == [["one", "two"], ["one"], []]

    def ask(self, message: tuple[int, list[Any], int]) -> dict[str, Any]:
        """Return the time of a chain on each of the sizes."""
        case, sizes, times = message
        seconds = [1e-6 * (3 - case) * inputs.events(size) for size in sizes]
        return {"seconds": seconds, "wall_s": times * sum(seconds), "disturbances": [], "bytes_read": 8}

    def close(self) -> None:
        """Do nothing."""


def test_a_breakdown_has_a_row_for_each_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The run without any step comes first; what was timed stands under the table."""
    monkeypatch.setattr(timing_turns, "Worker", Chain)
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path))
    files = sample.files("Diboson")
    result = timing.breakdown("dimuon-spectrum", files, "STEPS", ["one", "two"], (20_000, 40_000))
    assert isinstance(result, timing.Breakdown)
    table = result.table()
    assert list(table.index) == ["no step", "+ one", "+ two"]
    assert set(table["coffea [µs/event]"]) == {"1.00 [1.00 to 1.00]"}
    assert "<p>Careful timing: coffea " in result._repr_html_()
    assert timing.breakdown("dimuon-spectrum", files, "STEPS", [], None) == "Not timed."


def test_what_takes_long_is_timed_with_care_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick mode begins neither a breakdown nor a second way, for which its seconds are too few."""
    monkeypatch.setenv("COOKBOOK_TIMING", "quick")
    said = timing.breakdown("dimuon-spectrum", sample.files("Diboson"), "STEPS", ["one", "two"], (20_000, 40_000))
    assert str(said).startswith("Timed with care alone")
    assert timing._kinds(recipe.load("trijet-mass")) == ["coffea", "rdataframe", "floor"]
    monkeypatch.setenv("COOKBOOK_TIMING", "careful")
    assert timing._kinds(recipe.load("trijet-mass")) == ["coffea", "coffea_numba", "rdataframe", "floor"]


def test_a_breakdown_needs_two_sizes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Equal sizes have no difference to divide by."""
    monkeypatch.setattr(timing_turns, "Worker", Chain)
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path))
    with pytest.raises(timing.TimingError, match=r"both sizes are 100 events; ask for more than 100 and 100"):
        timing.breakdown("dimuon-spectrum", sample.files("Diboson"), "STEPS", ["one", "two"], (100, 100))
