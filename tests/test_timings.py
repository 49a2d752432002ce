"""Tables, figure, sentences and choice from timing records."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import matplotlib as mpl
import pytest

from cookbook import timings, timings_shown
from cookbook.timing_resolution import NOT_RESOLVED

mpl.use("agg")


def _engine(start: float | None, rate: float | None, spread: tuple[float, float] = (0.95, 1.1)) -> dict[str, Any]:
    """Make an engine whose job starts in `start` seconds, half of them imports."""
    return {
        "events": [200_000, 1_000_000],
        "import_s": start and start / 2,
        "first_run_s": start and start / 2 + 0.5,
        "start_s": start,
        "turns_s": [[0.5, 2.0], [0.5, 2.0]],
        "warm_rate_hz": rate,
        "rate_range_hz": None if rate is None else [rate * spread[0], rate * spread[1]],
        "repeated": 0,
        "disturbed": 0,
        "peak_memory_mb": 700.0,
        "bytes_read": 50_000_000,
    }


def record(coffea_rate: float | None = 1e6, rdataframe_rate: float | None = 2e6, recipe: str = "dimuon") -> Any:
    """Make a record: coffea starts in 1 s, RDataFrame in 6 s."""
    return {
        "recipe": recipe,
        "key": "k",
        "mode": "quick",
        "date": "2026-11-23",
        "machine": {"name": "m", "processor": "A processor", "cores": 2, "system": "Linux"},
        "versions": {"Python": "3.11", "coffea": "2026.9.0", "root": "0.1"},
        "input": {"name": "DY", "branches": 9, "rounds": 1},
        "engines": {
            "coffea": _engine(1.0, coffea_rate),
            "rdataframe": _engine(6.0, rdataframe_rate),
            "floor": _engine(0.5, 5e6),
        },
    }


def varied(rate: float | None) -> Any:
    """Make a record with another way in coffea, which starts in 5 s."""
    made = record()
    made["engines"]["coffea_numba"] = _engine(5.0, rate)
    return made


def test_choice_turns_with_the_number_of_events() -> None:
    """The quick starter wins small jobs, the fast loop large ones."""
    assert timings.verdict(record(), 1e5) == "coffea: 1.1 s against 6.0 s"
    assert timings.verdict(record(), 1e9) == "RDataFrame: 8.4 min against 17 min"


def test_nearly_equal_durations_are_called_so() -> None:
    """At the break-even point neither is preferred."""
    assert timings.break_even(record()) == pytest.approx(1e7)
    assert timings.verdict(record(), 1e7) == "either: 11 s and 11 s"


@pytest.mark.parametrize(
    ("spread", "text"),
    [((0.8, 1.2), "either: 17 min and 13 min"), ((0.95, 1.05), "RDataFrame: 13 min against 17 min")],
)
def test_overlapping_ranges_name_no_tool(spread: tuple[float, float], text: str) -> None:
    """Medians 20% apart say nothing where one's slowest turn is slower than the other's fastest."""
    close = record()
    close["engines"].update(coffea=_engine(1.0, 1e6, spread), rdataframe=_engine(6.0, 1.25e6, spread))
    assert timings.verdict(close, 1e9) == text


def test_no_break_even_where_one_always_wins() -> None:
    """A tool that starts sooner and runs faster is never caught up with."""
    assert timings.break_even(record(coffea_rate=4e6)) == "never"


def test_break_even_is_resolved_where_the_turns_agree_on_it() -> None:
    """Rates whose ranges overlap may cross anywhere, or never."""
    assert timings.break_even(record(coffea_rate=1.9e6)) == NOT_RESOLVED
    assert timings.break_even(record(coffea_rate=1.5e6)) == NOT_RESOLVED


@pytest.mark.parametrize("kind", ["coffea", "rdataframe"])
@pytest.mark.parametrize("what", ["start_s", "warm_rate_hz"])
def test_what_is_not_resolved_becomes_no_number(kind: str, what: str) -> None:
    """No choice, no break-even, no ratio, no median, no mark: whichever tool lacks whichever figure."""
    subject = record()
    subject["engines"][kind][what] = None
    if what == "warm_rate_hz":
        subject["engines"][kind]["rate_range_hz"] = None
        assert timings.floor_ratio(subject, kind) is None
    assert timings.job_seconds(subject, kind, 1e7) is None
    assert timings.fastest(subject, kind, 1e7) is None
    assert timings.verdict(subject, 1e7) == NOT_RESOLVED
    assert timings.break_even(subject) == NOT_RESOLVED
    assert set(timings_shown.choices([subject]).loc["dimuon"]) == {NOT_RESOLVED}
    assert timings.overall([subject]) == ({}, 0)
    text = timings_shown.medians(timings.Timed([subject], []))
    assert text == "Medians can't be given: in none of 1 recipes were both tools resolved."


def test_an_unresolved_rate_is_in_no_cell_and_no_mark() -> None:
    """The table says so, and the figure leaves it out."""
    subject = record(coffea_rate=None, rdataframe_rate=None)
    row = timings_shown.summary([subject]).loc[("dimuon", "coffea")]
    assert row["warm rate [10³ events/s per core]"] == row["time per event over the read floor"] == NOT_RESOLVED
    assert timings_shown.figure([subject]).axes[0].get_legend_handles_labels()[1] == ["read floor"]
    subject["engines"]["floor"].update(warm_rate_hz=None, rate_range_hz=None)
    assert timings_shown.figure([subject]).axes[0].get_legend_handles_labels()[1] == []


def test_an_unresolved_start_is_in_no_cell() -> None:
    """Imports and first run say so too."""
    subject = record()
    subject["engines"]["coffea"].update(import_s=None, first_run_s=None, start_s=None)
    row = timings_shown.summary([subject]).loc[("dimuon", "coffea")]
    assert row["imports and declarations [s]"] == row["first run, with compilation [s]"] == NOT_RESOLVED


def test_without_the_floor_there_is_no_ratio() -> None:
    """An engine's rate stays, its ratio goes."""
    subject = record()
    subject["engines"]["floor"].update(warm_rate_hz=None, rate_range_hz=None)
    row = timings_shown.summary([subject]).loc[("dimuon", "coffea")]
    assert row["warm rate [10³ events/s per core]"] == "1,000 [950 to 1,100]"
    assert row["time per event over the read floor"] == NOT_RESOLVED


def test_a_tool_is_chosen_by_its_fastest_variant() -> None:
    """Where a variant ends first the choice names it."""
    assert timings.verdict(varied(4e6), 1e5) == "coffea: 1.1 s against 6.0 s"
    assert timings.verdict(varied(4e6), 1e9) == "coffea, numba: 4.2 min against 8.4 min"
    # RDataFrame, at 6 s and 2 MHz, never leads: numba takes over before it would
    assert timings.break_even(varied(4e6)) == "never"


def test_an_unresolved_variant_does_not_count() -> None:
    """The tool is judged by its recommended way then, and a variant never stands for that."""
    assert timings.verdict(varied(None), 1e9) == timings.verdict(record(), 1e9)
    alone = varied(4e6)
    alone["engines"]["coffea"].update(warm_rate_hz=None, rate_range_hz=None)
    assert timings.verdict(alone, 1e9) == NOT_RESOLVED


def test_medians_are_of_the_recommended_ways() -> None:
    """Over the recipes in which both tools were resolved, and of how many."""
    timed = timings.Timed([varied(4e6), record(3e6, recipe="b"), record(None, recipe="c")], ["d"])
    assert timings_shown.medians(timed).split("\n") == [
        "Medians of the recommended ways, over the 2 of 4 recipes in which both tools were resolved:",
        "",
        "- coffea: 1.0 s before the first event, then 2 million events per second on one core, 700 MB at the peak",
        "- RDataFrame: 6.0 s before the first event, then 2 million events per second on one core, 700 MB at the peak",
    ]


def test_choices_show_both_times() -> None:
    """A cell names the tool that ends first, its time, and that of the other; the last one where they are equal."""
    row = timings_shown.choices([record()], [10**5, 10**9]).loc["dimuon"]
    assert list(row.index) == ["10⁵ events", "10⁹ events", "equal at"]
    assert list(row) == ["coffea: 1.1 s against 6.0 s", "RDataFrame: 8.4 min against 17 min", "1·10⁷ events"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.123, "0.12 s"),
        (9.04, "9.0 s"),
        (9.96, "10 s"),
        (99.6, "100 s"),
        (600, "10 min"),
        (7300, "2.0 h"),
        (3e6, "35 d"),
        (None, "not resolved"),
    ],
)
def test_durations_have_units(seconds: float | None, text: str) -> None:
    """A duration is written in the unit that people would use."""
    assert timings.duration(seconds) == text


def test_summary_has_a_line_per_recipe_and_tool() -> None:
    """Each recipe shows both tools and their variants, with the ratio to the read floor."""
    table = timings_shown.summary([varied(4e6), record(recipe="trijet")])
    assert list(table.index) == [
        ("dimuon", "coffea"),
        ("dimuon", "RDataFrame"),
        ("dimuon", "coffea, numba"),
        ("trijet", "coffea"),
        ("trijet", "RDataFrame"),
    ]
    assert table.loc[("dimuon", "coffea"), "time per event over the read floor"] == "5.0"


def test_table_links_to_the_recipe_and_names_the_machine() -> None:
    """Under the table stands what it was measured on."""
    text = timings_shown.to_html(timings_shown.summary([record()]), [record()])
    assert '<th scope="rowgroup" rowspan="2"><a href="../recipes/dimuon.html">dimuon</a></th>' in text
    assert "2026-11-23, quick: one thread on A processor (2 cores, Linux)" in text


def test_caption_names_a_common_machine_once() -> None:
    """Two recipes of one build share one sentence; one that was disturbed says so."""
    busy = record(recipe="trijet")
    busy["engines"]["coffea"].update(repeated=3, disturbed=1)
    text = timings_shown.caption([record(), busy])
    assert text.count("A processor") == 1
    assert "Input: dimuon 200,000 and 1,000,000 events; trijet 200,000 and 1,000,000 events (attempts" in text
    assert "(attempts repeated: 3, turns disturbed: 1)" in text
    busy["input"]["parameters"] = {"CHUNK": 100_000}
    assert "events, CHUNK = 100000 (attempts" in timings_shown.caption([busy])


def test_figure_draws_every_recipe() -> None:
    """The plot has a line per recipe, also where a rate is missing, and a hollow mark for a variant."""
    axes = timings_shown.figure([varied(4e6), record(rdataframe_rate=None, recipe="trijet")]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dimuon", "trijet"]
    assert axes.get_legend_handles_labels()[1] == ["coffea", "coffea, numba", "read floor", "RDataFrame"]


def _written(folder: Path, *records: Any) -> None:
    for made in records:
        (folder / f"{made['recipe']}.json").write_text(json.dumps(made))


def test_records_of_another_state_are_not_taken(tmp_path: Path) -> None:
    """A key that is not the present one, a record of an older form and none at all are all named."""
    _written(tmp_path, record(recipe="a"), {**record(recipe="b"), "key": "old"}, {"recipe": "c"}, record(recipe="gone"))
    timed = timings.load({"a": "k", "b": "k", "c": "k", "d": "k"}, tmp_path)
    assert [found["recipe"] for found in timed.records] == ["a"]
    assert timed.notice() == "Not timed in its present state: b, c, d."


def test_without_keys_every_record_is_taken(tmp_path: Path) -> None:
    """Nothing is said to be missing then."""
    _written(tmp_path, record(recipe="a"), {**record(recipe="b"), "key": None})
    timed = timings.load(None, tmp_path)
    assert ([found["recipe"] for found in timed.records], timed.notice()) == (["a", "b"], "")


def test_pages_are_written_where_nothing_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables, figure and medians say so instead of failing."""
    monkeypatch.setenv("COOKBOOK_TIMINGS", str(tmp_path / "none"))
    timed = timings.load({"a": "k"})
    for table in (timings_shown.summary(timed.records), timings_shown.choices(timed.records)):
        assert timings_shown.to_html(table, timed.records) == "<p>No recipe was timed in its present state.</p>"
    assert timings_shown.medians(timed).startswith("Medians can't be given: in none of 1 recipes")
    assert timings_shown.figure(timed.records).axes[0].get_yticklabels() == []


def test_records_are_validated(tmp_path: Path) -> None:
    """A record that breaks the schema is refused."""
    _written(tmp_path, {**record(), "extra": 1})
    with pytest.raises(jsonschema.ValidationError, match="extra"):
        timings.load({"dimuon": "k"}, tmp_path)


def test_newest_bench_is_taken(tmp_path: Path) -> None:
    """Of the dated result files the newest is shown; where there is none, nothing."""
    assert timings.load_bench(tmp_path) is None
    for day in ("2026-01-02", "2026-11-01"):
        (tmp_path / f"{day}-box.json").write_text(json.dumps([record()]))
    found = timings.load_bench(tmp_path)
    assert found is not None
    assert found[0] == "2026-11-01-box"


@pytest.mark.parametrize("page", ["performance", "choosing"])
def test_pages_run_where_nothing_is_timed(
    page: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cells of the pages about timing pass, and name what is not timed."""
    monkeypatch.setenv("COOKBOOK_TIMINGS", str(tmp_path))
    monkeypatch.chdir(repository / "book")
    monkeypatch.setattr("cookbook.keys.timing_key", lambda recipe: "k")
    shown: list[str] = []
    monkeypatch.setattr("IPython.display.display", lambda thing: shown.append(thing.data))
    namespace: dict[str, Any] = {}
    text = (repository / "book" / f"{page}.md").read_text()
    for cell in re.findall(r"```\{code-cell\} ipython3\n(?:---\n.*?---\n|(?::[^\n]*\n)*)(.*?)```", text, re.DOTALL):
        exec(cell, namespace)
    assert "Not timed in its present state: all-corrections" in "\n".join(shown)
