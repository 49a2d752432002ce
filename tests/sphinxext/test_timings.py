"""Tables, figure and choice from timing records."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import matplotlib as mpl
import pytest

from cookbook.sphinxext import timings

mpl.use("agg")


def _engine(start: float, compile_s: float, rate: float | None) -> dict[str, Any]:
    """Make an engine that imports in `start` seconds and compiles in `compile_s`."""
    return {
        "import_s": start,
        "first_run_s": compile_s + 0.5,
        "warm_small_s": 0.5,
        "warm_large_s": 2.0,
        "warm_rate_hz": rate,
        "rate_range_hz": None if rate is None else [rate * 0.9, rate * 1.2],
        "peak_memory_mb": 700.0,
        "bytes_read": 50_000_000,
    }


def record(coffea_rate: float | None = 1e6, rdataframe_rate: float | None = 2e6, recipe: str = "dimuon") -> Any:
    """Make a record: coffea starts in 1 s, RDataFrame in 6 s."""
    return {
        "recipe": recipe,
        "date": "2026-11-23",
        "machine": {"name": "m", "processor": "A processor", "cores": 2, "system": "Linux"},
        "versions": {"Python": "3.11", "coffea": "2026.9.0", "root": "0.1"},
        "input": {"name": "DY", "events": [200_000, 1_000_000], "branches": 9, "rounds": 1, "turns": 3},
        "engines": {
            "coffea": _engine(1.0, 0.0, coffea_rate),
            "rdataframe": _engine(1.0, 5.0, rdataframe_rate),
            "floor": _engine(0.5, 0.0, 5e6),
        },
    }


def test_overhead_leaves_out_the_event_loop() -> None:
    """The time before the loop is import and compilation: the first run without its warm part."""
    assert timings.overhead(record(), "rdataframe") == pytest.approx(6.0)


def test_choice_turns_with_the_number_of_events() -> None:
    """The quick starter wins small jobs, the fast loop large ones."""
    assert timings.verdict(record(), 1e5).startswith("coffea: ")
    assert timings.verdict(record(), 1e9).startswith("RDataFrame: ")


def test_nearly_equal_durations_are_called_so() -> None:
    """At the break-even point neither is preferred."""
    even = timings.break_even(record())
    assert even is not None
    assert even == pytest.approx(1e7)
    assert timings.verdict(record(), even) == "either: 11 s and 11 s"


def test_no_break_even_where_one_always_wins() -> None:
    """A tool that starts sooner and runs faster is never caught up with."""
    assert timings.break_even(record(coffea_rate=4e6)) is None


def test_unresolved_rate_gives_no_choice() -> None:
    """Where no rate could be measured none is invented."""
    unresolved = record(rdataframe_rate=None)
    assert timings.verdict(unresolved, 1e7) == "not resolved"
    assert timings.job_seconds(unresolved, "rdataframe", 1e7) is None
    assert "not resolved" in timings.to_html(timings.choices([unresolved]), [unresolved])


def test_choices_show_both_times() -> None:
    """A cell names the tool that ends first, its time, and that of the other; the last one where they are equal."""
    row = timings.choices([record()], [10**5, 10**9]).loc["dimuon"]
    assert list(row) == ["coffea: 1.1 s against 6.0 s", "RDataFrame: 8.4 min against 17 min", "1·10⁷ events"]
    even = timings.choices([record(coffea_rate=4e6)], [10**5]).loc["dimuon"]
    assert even["equal at"] == "never"


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
    """Each recipe shows both tools, with the ratio to the read floor."""
    table = timings.summary([record(), record(recipe="trijet")])
    assert list(table.index) == [(r, t) for r in ("dimuon", "trijet") for t in ("coffea", "RDataFrame")]
    assert table.loc[("dimuon", "coffea"), "over read floor"] == "5.0"
    assert table.loc[("dimuon", "coffea"), "warm rate [10³ events/s]"] == "1,000 [900 to 1,200]"


def test_table_links_to_the_recipe_and_names_the_machine() -> None:
    """Under the table stands what it was measured on."""
    text = timings.to_html(timings.summary([record()]), [record()])
    assert '<th scope="rowgroup" rowspan="2"><a href="../recipes/dimuon.html">dimuon</a></th>' in text
    assert "A processor (2 cores, Linux)" in text


def test_caption_names_a_common_machine_once() -> None:
    """Two recipes of one build share one sentence."""
    text = timings.caption([record(), record(recipe="trijet")])
    assert text.count("A processor") == 1
    assert "dimuon 200,000 and 1,000,000 events; trijet 200,000 and 1,000,000 events" in text


def test_figure_draws_every_recipe() -> None:
    """The plot has a line per recipe, also where a rate is missing."""
    drawn = timings.figure([record(), record(rdataframe_rate=None, recipe="trijet")])
    assert [label.get_text() for label in drawn.axes[0].get_yticklabels()] == ["dimuon", "trijet"]


def test_empty_folder_is_an_error(tmp_path: Path) -> None:
    """Without timings the page would be empty, so it fails and says what to run."""
    with pytest.raises(FileNotFoundError, match="execute the recipes first"):
        timings.load(tmp_path)


def test_records_are_validated(tmp_path: Path) -> None:
    """A record that breaks the schema is refused."""
    (tmp_path / "a.json").write_text(json.dumps({**record(), "extra": 1}))
    with pytest.raises(jsonschema.ValidationError, match="extra"):
        timings.load(tmp_path)


def test_newest_bench_is_taken(tmp_path: Path) -> None:
    """Of the dated result files the newest is shown; where there is none, nothing."""
    assert timings.load_bench(tmp_path) is None
    for day in ("2026-01-02", "2026-11-01"):
        (tmp_path / f"{day}-box.json").write_text(json.dumps([record()]))
    found = timings.load_bench(tmp_path)
    assert found is not None
    assert found[0] == "2026-11-01-box"


def test_variants_have_a_row_and_a_mark() -> None:
    """A second function of one engine is shown beside the first."""
    varied = record()
    varied["engines"]["coffea_numba"] = _engine(2.0, 3.0, 4e6)
    assert list(timings.summary([varied, record(recipe="other")]).index) == [
        ("dimuon", "coffea"),
        ("dimuon", "RDataFrame"),
        ("dimuon", "coffea, numba"),
        ("other", "coffea"),
        ("other", "RDataFrame"),
    ]
    labels = timings.figure([varied]).axes[0].get_legend_handles_labels()[1]
    assert labels == ["coffea", "coffea, numba", "read floor", "RDataFrame"]


def test_a_tool_is_chosen_by_its_fastest_variant() -> None:
    """Where a variant ends first, the choice names it, and the sizes are compared to that variant's."""
    varied = record()
    varied["engines"]["coffea_numba"] = _engine(2.0, 3.0, 4e6)
    assert timings.verdict(varied, 1e5).startswith("coffea: 1.1 s")
    assert timings.verdict(varied, 1e9) == "coffea, numba: 4.2 min against 8.4 min"
    # RDataFrame, at 6 s and 2 MHz, never leads: numba takes over at 5.3 million events, before it would
    assert timings.break_even(varied) is None
