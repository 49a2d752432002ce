"""The recipes' timings as tables, a figure and a choice: what the pages "Performance" and "Choosing a tool" show.

A job of n events is taken to cost: import + first run without its event loop (so: compilation and set-up) + n over
the warm rate, on one core. The three are measured; nothing here is typed in.
"""

import itertools
import json
import math
import os
import statistics
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pandas as pd

from cookbook.recipe import engine_of, title
from cookbook.sphinxext import html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Record", "break_even", "caption", "choices", "duration", "fastest", "figure", "job_seconds", "load"]
__all__ += ["load_bench", "overall", "overhead", "summary", "to_html", "variants", "verdict"]

#: One recipe's timing, as ``timing_schema.json`` describes it.
Record = dict[str, Any]

FLOOR = "floor"
TOOLS = ("coffea", "rdataframe")
COLOURS = {"coffea": "#3f90da", "rdataframe": "#ffa90e", FLOOR: "#717581"}
MARKS = {"coffea": "o", "rdataframe": "s", FLOOR: "|"}
SIZES = (10**5, 10**7, 10**9)
#: Two jobs whose durations differ by less than this are called equal: turns differ by as much.
SAME = 0.1
UNRESOLVED = "not resolved"


def _validated(record: Record) -> Record:
    schema = json.loads(resources.files("cookbook").joinpath("timing_schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(record, schema)
    return record


def load(folder: Path | None = None) -> list[Record]:
    """Read the timings of a build, sorted by recipe.

    Parameters
    ----------
    folder
        Where the recipes left them; by default the folder that ``COOKBOOK_TIMINGS`` names.

    Raises
    ------
    FileNotFoundError
        Where there is none: the page would be empty.
    """
    place = folder or Path(os.environ.get("COOKBOOK_TIMINGS", "_build/timings"))
    found = [_validated(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(place.glob("*.json"))]
    if not found:
        msg = f"no timing in {place}; execute the recipes first (make book), or set COOKBOOK_TIMINGS to their folder"
        raise FileNotFoundError(msg)
    return found


def load_bench(folder: Path) -> tuple[str, list[Record]] | None:
    """Read the newest result file of ``make bench``: its name and records; None where there is none."""
    files = sorted(folder.glob("*.json"))
    if not files:
        return None
    return files[-1].stem, [_validated(record) for record in json.loads(files[-1].read_text(encoding="utf-8"))]


def overhead(record: Record, tool: str) -> float:
    """Seconds that a job spends before its event loop: import, compilation, set-up."""
    engine = record["engines"][tool]
    return float(engine["import_s"] + max(0.0, engine["first_run_s"] - engine["warm_small_s"]))


def job_seconds(record: Record, kind: str, events: float) -> float | None:
    """Seconds that a job of this many events takes on one core; None where no rate was resolved."""
    rate = record["engines"][kind]["warm_rate_hz"]
    return None if rate is None else overhead(record, kind) + events / rate


def variants(record: Record, tool: str) -> list[str]:
    """List the tool and its other variants in a record."""
    return [kind for kind in record["engines"] if kind != FLOOR and engine_of(kind) == tool]


def fastest(record: Record, tool: str, events: float) -> tuple[float, str] | None:
    """Give the seconds and the name of the tool's variant whose job ends first; None where no rate was resolved."""
    known = [
        (seconds, kind) for kind in variants(record, tool) if (seconds := job_seconds(record, kind, events)) is not None
    ]
    return min(known, default=None)


def verdict(record: Record, events: float) -> str:
    """Name what ends first and how long either tool takes, "either" within `SAME`, or say that it was not resolved."""
    best = [found for tool in TOOLS if (found := fastest(record, tool, events))]
    if len(best) < len(TOOLS):
        return UNRESOLVED
    (first, winner), (second, _) = sorted(best)
    if second < first * (1 + SAME):
        return "either: " + " and ".join(duration(seconds) for seconds, _ in best)
    return f"{title(winner)}: {duration(first)} against {duration(second)}"


def break_even(record: Record) -> float | None:
    """Events from which the tool with the longer start ends first; None where it never does, or is not resolved.

    Of each tool its fastest variant at that number of events counts.
    """
    found = []
    for pair in itertools.product(*(variants(record, tool) for tool in TOOLS)):
        events = _crossing(record, *pair)
        if events and [best[1] for tool in TOOLS if (best := fastest(record, tool, events))] == [*pair]:
            found.append(events)
    return max(found, default=None)


def _crossing(record: Record, first: str, second: str) -> float | None:
    """Give the number of events at which two jobs take equally long; None where there is none."""
    rates = [record["engines"][kind]["warm_rate_hz"] for kind in (first, second)]
    if None in rates or rates[0] == rates[1]:
        return None
    events: float = (overhead(record, second) - overhead(record, first)) / (1 / rates[0] - 1 / rates[1])
    return events if events > 0 else None


def _power(events: float) -> str:
    """Write a number of events to one digit, as a power of ten."""
    digit, power = f"{events:.0e}".split("e")
    return f"{digit}·10{str(int(power)).translate(_SUPERSCRIPTS)}"


def duration(seconds: float | None) -> str:
    """Write a duration with its unit, to two digits."""
    if seconds is None:
        return UNRESOLVED
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (48 * 3600, 3600, "h"), (math.inf, 86400, "d")):
        if seconds < limit:
            amount = seconds / size
            digits = f"{amount:#.2g}".removesuffix(".") if amount < 10 else f"{amount:.0f}"
            return f"{digits} {unit}"
    return f"{seconds} s"


def _rate(engine: Record) -> str:
    if engine["warm_rate_hz"] is None:
        return UNRESOLVED
    text = f"{engine['warm_rate_hz'] / 1e3:,.0f}"
    if engine["rate_range_hz"]:
        low, high = (value / 1e3 for value in engine["rate_range_hz"])
        text += f" [{low:,.0f} to {high:,.0f}]"
    return text


def _floor_ratio(record: Record, tool: str) -> str:
    rate, floor = record["engines"][tool]["warm_rate_hz"], record["engines"]["floor"]["warm_rate_hz"]
    return f"{floor / rate:.1f}" if rate and floor else UNRESOLVED


def summary(records: Sequence[Record]) -> pd.DataFrame:
    """Tabulate what was measured: one row per recipe, tool and variant."""
    rows = {}
    for record in records:
        for tool, engine in record["engines"].items():
            if tool == FLOOR:
                continue
            rows[record["recipe"], title(tool)] = {
                "imports and declarations [s]": f"{engine['import_s']:.1f}",
                "first run [s]": f"{engine['first_run_s']:.1f}",
                "warm rate [10³ events/s]": _rate(engine),
                "over read floor": _floor_ratio(record, tool),
                "peak memory [MB]": f"{engine['peak_memory_mb']:,.0f}",
                "read [bytes/event]": f"{engine['bytes_read'] / record['input']['events'][1]:,.0f}",
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["recipe", "tool"])


def choices(records: Sequence[Record], sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """Tabulate, per recipe and number of events, which tool ends first and how long each takes on one core."""
    rows = {}
    for record in records:
        cells = {}
        for size in sizes:
            power = str(round(math.log10(size))).translate(_SUPERSCRIPTS)
            cells[f"10{power} events"] = verdict(record, size)
        even = break_even(record)
        cells["equal at"] = "never" if even is None else f"{_power(even)} events"
        rows[record["recipe"]] = cells
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("recipe")


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def to_html(table: pd.DataFrame, records: Sequence[Record]) -> str:
    """Write a table as HTML: one group of lines per recipe, its name a link, and what it was measured on below."""
    flat = table.reset_index()
    groups = [(recipe, lines.iloc[:, 1:].to_numpy().tolist()) for recipe, lines in flat.groupby("recipe", sort=False)]
    return html.render("timings.html", header=list(flat.columns), groups=groups, caption=caption(records))


def overall(records: Sequence[Record]) -> dict[str, tuple[float, float, float]]:
    """Give, per tool, the medians over the recipes: seconds before the loop, events per second, peak memory in MB."""
    found = {}
    for tool in TOOLS:
        rates = [r["engines"][tool]["warm_rate_hz"] for r in records if r["engines"][tool]["warm_rate_hz"]]
        found[title(tool)] = (
            statistics.median(overhead(record, tool) for record in records),
            statistics.median(rates) if rates else math.nan,
            statistics.median(record["engines"][tool]["peak_memory_mb"] for record in records),
        )
    return found


def _name(kind: str) -> str:
    return "read floor" if kind == FLOOR else title(kind)


def figure(records: Sequence[Record]) -> "Figure":
    """Draw the warm rates of both tools, their variants (hollow) and the read floor, with the range over the turns."""
    # Slow to import, and the page that draws nothing needs it not.
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(8, 1.1 + 0.6 * len(records)), layout="constrained")
    for kind in sorted({kind for record in records for kind in record["engines"]}):
        engines = [record["engines"].get(kind) for record in records]
        known = [(place, e) for place, e in enumerate(engines) if e and e["warm_rate_hz"] is not None]
        rates = [engine["warm_rate_hz"] for _, engine in known]
        ranges = [engine["rate_range_hz"] or (rate, rate) for rate, (_, engine) in zip(rates, known, strict=True)]
        spread = [
            [max(0.0, rate - low) for rate, (low, _) in zip(rates, ranges, strict=True)],
            [max(0.0, high - rate) for rate, (_, high) in zip(rates, ranges, strict=True)],
        ]
        tool = kind.partition("_")[0]
        axes.errorbar(
            rates,
            [place for place, _ in known],
            xerr=spread,
            fmt=MARKS[tool],
            color=COLOURS[tool],
            markerfacecolor=COLOURS[tool] if kind == tool else "white",
            markersize=9,
            label=_name(kind),
        )
    axes.set(xscale="log", xlabel="warm rate on one core [events/s]", ylim=(len(records) - 0.5, -0.5))
    axes.set_yticks(range(len(records)), [record["recipe"] for record in records])
    axes.grid(axis="y", linestyle=":")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return drawn


def caption(records: Sequence[Record]) -> str:
    """Say on what the timings were made: machines, cores, versions, date and sizes, each different one once."""
    lines: dict[str, list[str]] = {}
    for record in records:
        machine, given = record["machine"], record["input"]
        versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
        sizes = " and ".join(f"{events:,}" for events in given["events"])
        line = (
            f"{record['date']}: one thread on {machine['processor']} ({machine['cores']} cores, {machine['system']}); "
            f"{versions}; {given['rounds'] * given['turns']} turns."
        )
        lines.setdefault(line, []).append(f"{record['recipe']} {sizes} events")
    return " ".join(f"{line} Input: {'; '.join(inputs)}." for line, inputs in lines.items())
