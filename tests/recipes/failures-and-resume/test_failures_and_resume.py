"""Units that are whole or not there, attempts that end in every way, and runs that go on: bits and accounts."""

import multiprocessing
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT

from cookbook import recipe, roothist
from cookbook.recipe import Engine
from copies import emptied
from runs import few, run
from small_files import event_columns, jagged, write

SUBJECT = recipe.load("failures-and-resume")
UNIT = 40
engines = pytest.mark.parametrize("engine", recipe.ENGINES)
PARTS = {
    "coffea": ("do_by_coffea", "merged_by_coffea", "units_by_coffea"),
    "rdataframe": ("do_by_root", "merged_by_root", "units_by_root"),
}


@cache
def page(**values: Any) -> Mapping[str, Any]:
    """Return what both halves define with small units."""
    namespace = SUBJECT.parameters({"UNIT": UNIT, **values})
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    return namespace


def units_of(engine: Engine, paths: Sequence[str], most: int = UNIT) -> list[Any]:
    """Return the units of files."""
    return list(page()[PARTS[engine][2]](paths, most))


def part(engine: Engine, number: int) -> Any:
    """Return what does a unit (0), or what merges (1)."""
    return page()[PARTS[engine][number]]


def placed(engine: Engine, folder: Path, code: object = "test") -> dict[Any, Path]:
    """Return the places of all units of the small input."""
    return dict(page()["placed"](units_of(engine, list(few(SUBJECT.slug))), folder, code))


def supervised(do: Callable[..., Any], places: Mapping[Any, Path], **options: Any) -> dict[Any, list[str]]:
    """Return how attempts ended."""
    return dict(page()["supervised"](do, places, **options))


def bits(results: Mapping[str, Any]) -> list[bytes]:
    """Return the content of histograms, byte by byte."""
    return [roothist.to_hist(results[name]).view(flow=True).tobytes() for name in sorted(results)]


def jets(folder: Path, events: int) -> str:
    """Write a file of events with two jets each."""
    columns = {name: jagged([[40.0 + i, 35.0] for i in range(events)], "f4") for name in ("pt", "mass")}
    columns |= {name: jagged([[0.3, -1.7]] * events, "f4") for name in ("eta", "phi")}
    return write(folder / f"{events}.root", {**event_columns(events), "Jet": columns}, None)


@engines
@pytest.mark.parametrize("events", [1, 39, 40, 41, 59, 61, 100])
def test_every_event_is_in_one_unit(engine: Engine, events: int, tmp_path: Path) -> None:
    """The ranges follow each other to the end, none much larger than asked for."""
    units = units_of(engine, [jets(tmp_path, events)])
    edges = [0, *(unit.entrystop for unit in units)]
    assert [unit.entrystart for unit in units] == edges[:-1]
    assert edges[-1] == events
    assert all(0 < len(unit) <= 1.5 * UNIT for unit in units)


def test_both_engines_cut_alike(tmp_path: Path) -> None:
    """Same ranges in the same order."""
    paths = [jets(tmp_path, events) for events in (130, 17, 61)]
    cuts = [[(u.filename, u.entrystart, u.entrystop) for u in units_of(e, paths)] for e in recipe.ENGINES]
    assert cuts[0] == cuts[1]


@engines
def test_a_file_without_events_is_a_unit(engine: Engine, tmp_path: Path) -> None:
    """It is opened, and gives empty histograms."""
    emptied(SUBJECT, jets(tmp_path, 5), tmp_path / "empty.root")
    (unit,) = units_of(engine, [str(tmp_path / "empty.root")])
    assert len(unit) == 0
    part(engine, 0)(unit, tmp_path / "result")
    assert roothist.to_hist(part(engine, 1)([str(tmp_path / "result")])["n_jets"]).values().sum() == 0


@engines
def test_names_of_results(engine: Engine, tmp_path: Path) -> None:
    """Another cut, or another file of the same path, has other names; the same has the same."""
    path = jets(tmp_path, 90)
    first, again, cut = (page()["placed"](units_of(engine, [path]), tmp_path, code) for code in (30.0, 30.0, 35.0))
    jets(tmp_path, 90)
    rewritten = page()["placed"](units_of(engine, [path]), tmp_path, 30.0)
    assert first == again
    assert not {*first.values()} & {*cut.values(), *rewritten.values()}
    assert len({*first.values()}) == len(first)


@engines
def test_processes_give_the_bits_of_one(engine: Engine) -> None:
    """However many units run at a time."""
    given = {"UNIT": UNIT}
    alone, two = (SUBJECT.run(engine, few(SUBJECT.slug), {**given, "WORKERS": n}) for n in (0, 2))
    assert bits(alone) == bits(two)


@engines
def test_a_kept_folder_spares_what_is_done(engine: Engine, tmp_path: Path) -> None:
    """A second run does the one unit whose result was lost, and gives the same bits; another cut does all."""
    given = {"UNIT": UNIT, "FOLDER": str(tmp_path)}
    first = bits(SUBJECT.run(engine, few(SUBJECT.slug), given))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (gone := min(times)).unlink()
    assert bits(SUBJECT.run(engine, few(SUBJECT.slug), given)) == first
    assert {p for p in times if p.stat().st_mtime_ns != times[p]} == {gone}
    SUBJECT.run(engine, few(SUBJECT.slug), {**given, "MIN_PT": 45.0})
    assert len([*tmp_path.iterdir()]) == 2 * len(times)


@engines
def test_a_run_that_lacks_events_ends_with_their_account(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, range, number and reason; a later run over the mended file gives everything."""
    path = jets(tmp_path, 120)
    namespace = dict(page(FOLDER=str(tmp_path), WORKERS=1))
    wanted = bits(run(SUBJECT, engine, [path], {"UNIT": UNIT}))
    shutil.move(path, tmp_path / "away")
    planned = PARTS[engine][2]
    shutil.copy(tmp_path / "away", path)
    units = namespace[planned]([path])
    monkeypatch.setitem(namespace[f"run_{engine}"].__globals__, planned, lambda *_: units)
    os.truncate(path, 1000)
    with pytest.raises(OSError, match=rf"^120 events are missing\n.*{re.escape(path)} \[0:40\]: \w"):
        namespace[f"run_{engine}"]([path])
    shutil.copy(tmp_path / "away", path)
    assert bits(namespace[f"run_{engine}"]([path])) == wanted


@engines
def test_a_unit_that_is_read_short_is_refused(engine: Engine, tmp_path: Path) -> None:
    """The number of events is that of the list, not of the file."""
    (unit,) = units_of(engine, [jets(tmp_path, 30)])
    longer = type(unit)(**{**vars(unit), "entrystop": 31})
    with pytest.raises(Exception, match=r"30\.root"):
        part(engine, 0)(longer, tmp_path / "result")
    assert not (tmp_path / "result").exists()


def dies(marks: Path, times: int, how: Callable[[], None], unit: Any, path: Path) -> None:
    """Write half a result and end so, this often; then write all of it."""
    tried = len([*marks.glob(f"{path.name}-*")])
    (marks / f"{path.name}-{tried}").touch()
    with page()["whole"](path, unit, len(unit)) as place:
        Path(place).write_text("half")
        if tried < times:
            how()
        Path(place).write_text("whole")


def raises() -> None:
    """Raise an error over two lines."""
    raise ValueError("no\nluck")


def past_memory() -> None:
    """Ask for more than any limit."""
    raise MemoryError("Unable to allocate")


def children() -> set[Any]:
    """Return the processes that this one has started, those of other tests included."""
    return {*multiprocessing.active_children()}


ENDS: dict[str, tuple[Callable[[], Any], str]] = {
    "killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
    "terminated": (lambda: os.kill(os.getpid(), signal.SIGTERM), "SIGTERM"),
    "crashed": (lambda: os.kill(os.getpid(), signal.SIGSEGV), "SIGSEGV"),
    "error": (raises, "ValueError: no luck"),
    "memory": (past_memory, "memory"),
    "hangs": (lambda: time.sleep(100), "took too long"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("times", [1, 3])
def test_every_end_of_an_attempt_is_told(end: str, times: int, tmp_path: Path) -> None:
    """It is tried three times, and never is half a result taken for one."""
    before, (how, said) = children(), ENDS[end]
    (unit,) = units_of("rdataframe", [jets(tmp_path, 30)])
    places = page()["placed"]([unit], tmp_path, "test")
    ends = supervised(partial(dies, tmp_path, times, how), places, seconds=2 if end == "hangs" else 60)
    assert ends[unit] == [said] * times
    assert places[unit].exists() == (times < 3)
    assert page()["told"](places, ends) == (
        "" if times < 3 else f"30 events are missing\n{unit.filename} [0:30]: {said}"
    )
    assert children() <= before


def test_memory_is_doubled(tmp_path: Path) -> None:
    """An attempt within three times the limit passes the third time, at four."""
    (unit,) = units_of("rdataframe", [jets(tmp_path, 30)])
    places = page()["placed"]([unit], tmp_path, "test")
    limit = 300_000_000

    def takes(unit: Any, path: Path) -> None:
        path.write_text(str(len(np.empty(3 * limit, "u1"))))

    assert supervised(takes, places, memory=limit)[unit] == ["memory", "memory"]
    assert places[unit].exists()


def test_an_interrupt_ends_the_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs on behind a stopped notebook."""
    (unit,) = units_of("rdataframe", [jets(tmp_path, 30)])
    namespace = page()["supervised"].__globals__
    before, waited = children(), list[Any]()

    def interrupted(sentinels: Any, timeout: float) -> None:
        waited.extend(sentinels)
        raise KeyboardInterrupt

    monkeypatch.setitem(namespace, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        supervised(lambda *_: time.sleep(100), page()["placed"]([unit], tmp_path, "test"))
    for child in children() - before:
        child.join(10)
    assert waited
    assert children() <= before


@engines
def test_other_units_survive_one_that_always_dies(engine: Engine, tmp_path: Path) -> None:
    """They have the bits of an undisturbed run, with two processes at a time."""
    (tmp_path / "calm").mkdir()
    calm, places = placed(engine, tmp_path / "calm"), placed(engine, tmp_path)
    supervised(part(engine, 0), calm, workers=0)
    victim = list(places)[1]

    def kills(unit: Any, path: Path) -> None:
        if unit == victim:
            os.kill(os.getpid(), signal.SIGKILL)
        part(engine, 0)(unit, path)

    ends = supervised(kills, places, workers=2)
    assert ends[victim] == ["SIGKILL"] * 3
    assert sum(map(len, ends.values())) == 3
    others = [str(path) for unit, path in calm.items() if unit != victim]
    assert bits(part(engine, 1)(page()["there"](places))) == bits(part(engine, 1)(others))


@engines
def test_the_order_of_the_list_decides_the_bits(engine: Engine, tmp_path: Path) -> None:
    """Merged the other way round, sums of energies differ, but by rounding alone."""
    places = placed(engine, tmp_path)
    supervised(part(engine, 0), places, workers=0)
    paths = page()["there"](places)
    one, other = (roothist.to_hist(part(engine, 1)(order)["energy"]).values() for order in (paths, paths[::-1]))
    assert np.any(one != other)
    assert one == pytest.approx(other, rel=1e-14)


def test_threads_of_root_and_forked_processes_exclude_each_other() -> None:
    """An error instead of a run that hangs."""
    ROOT.EnableImplicitMT(2)
    try:
        with pytest.raises(RuntimeError, match="WORKERS = 0"):
            SUBJECT.run("rdataframe", few(SUBJECT.slug), {"WORKERS": 1})
    finally:
        ROOT.DisableImplicitMT()
