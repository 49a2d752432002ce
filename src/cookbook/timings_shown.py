"""The recipes' timings as tables, a figure and sentences: what "Performance" and "Choosing a tool" show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cookbook import timings
from cookbook.recipe import title
from cookbook.timing_resolution import FLOOR, column, replaced
from cookbook.timings import Record, Timed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["caption", "choices", "figure", "medians", "summary", "to_html"]

COLOURS = {"coffea": "#3f90da", "rdataframe": "#ffa90e", FLOOR: "#717581"}
MARKS = {"coffea": "o", "rdataframe": "s", FLOOR: "|"}
SIZES = (10**5, 10**7, 10**9)

_TEMPLATES = Environment(
    loader=PackageLoader("cookbook", "templates"), autoescape=select_autoescape(["html"]), undefined=StrictUndefined
)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def summary(records: Sequence[Record]) -> pd.DataFrame:
    """Tabulate what was measured: one row per recipe, tool and variant."""
    rows = {
        (record["recipe"], title(kind)): column(engine, timings.floor_ratio(record, kind))
        for record in records
        for kind, engine in record["engines"].items()
        if kind != FLOOR
    }
    index = pd.MultiIndex.from_tuples(list(rows), names=["recipe", "tool"]) if rows else None
    return pd.DataFrame(list(rows.values()), index=index)


def choices(records: Sequence[Record], sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """Tabulate, per recipe and number of events, which tool ends first and how long each takes on one core."""
    rows = {
        record["recipe"]: {
            **{f"{_power(size, '')} events": timings.verdict(record, size) for size in sizes},
            "equal at": _events(timings.break_even(record)),
        }
        for record in records
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("recipe")


def _events(number: float | str) -> str:
    """Write a number of events to one digit, as a power of ten, or why there is none."""
    if isinstance(number, str):
        return number
    digit, _, power = f"{number:.0e}".partition("e")
    return f"{_power(10 ** int(power), f'{digit}·')} events"


def _power(number: float, before: str) -> str:
    return f"{before}10{str(round(math.log10(number))).translate(_SUPERSCRIPTS)}"


def to_html(table: pd.DataFrame, records: Sequence[Record]) -> str:
    """Write a table as HTML: one group of lines per recipe, its name a link, and what it was measured on below."""
    if table.empty:
        return "<p>No recipe was timed in its present state.</p>"
    flat = table.reset_index()
    groups = [(recipe, lines.iloc[:, 1:].to_numpy().tolist()) for recipe, lines in flat.groupby("recipe", sort=False)]
    template = _TEMPLATES.get_template("timings.html")
    return template.render(header=list(flat.columns), groups=groups, caption=caption(records))


def medians(timed: Timed) -> str:
    """Write the medians of the recommended ways, and over how many of how many recipes they are, in Markdown."""
    found, resolved = timings.overall(timed.records)
    recipes = len(timed.records) + len(timed.missing)
    if not found:
        return f"Medians can't be given: in none of {recipes} recipes were both tools resolved."
    lines = [
        f"- {tool}: {of.start_s:.1f} s before the first event, then {of.rate_hz / 1e6:.2g} million events per second "
        f"on one core, {of.peak_memory_mb:,.0f} MB at the peak"
        for tool, of in found.items()
    ]
    head = (
        f"Medians of the recommended ways, over the {resolved} of {recipes} recipes in which both tools were resolved:"
    )
    return "\n".join([head, "", *lines])


def figure(records: Sequence[Record]) -> Figure:
    """Draw the resolved warm rates of both tools, their variants (hollow) and the read floor, with their ranges."""
    # Slow to import, and the page that draws nothing needs it not.
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(8, 1.1 + 0.6 * max(1, len(records))), layout="constrained")
    for kind in sorted({kind for record in records for kind in record["engines"]}):
        engines = [record["engines"].get(kind) for record in records]
        known = [(place, e) for place, e in enumerate(engines) if e and e["warm_rate_hz"] and e["rate_range_hz"]]
        if not known:
            continue
        rates = [engine["warm_rate_hz"] for _, engine in known]
        tool = kind.partition("_")[0]
        axes.errorbar(
            rates,
            [place for place, _ in known],
            xerr=[
                [e["warm_rate_hz"] - e["rate_range_hz"][0] for _, e in known],
                [e["rate_range_hz"][1] - e["warm_rate_hz"] for _, e in known],
            ],
            fmt=MARKS[tool],
            color=COLOURS[tool],
            markerfacecolor=COLOURS[tool] if kind == tool else "white",
            markersize=9,
            label="read floor" if kind == FLOOR else title(kind),
        )
    axes.set(xscale="log", xlabel="warm rate on one core [events/s]", ylim=(max(1, len(records)) - 0.5, -0.5))
    axes.set_yticks(range(len(records)), [record["recipe"] for record in records])
    axes.grid(axis="y", linestyle=":")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return drawn


def caption(records: Sequence[Record]) -> str:
    """Say on what the timings were made: date, mode, machine, versions and sizes, each different one once."""
    lines: dict[str, list[str]] = {}
    for record in records:
        machine = record["machine"]
        versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
        line = (
            f"{record['date']}, {record['mode']}: one thread on {machine['processor']} ({machine['cores']} cores, "
            f"{machine['system']}); {versions}."
        )
        lines.setdefault(line, []).append(_measured(record))
    return " ".join(f"{line} Input: {'; '.join(inputs)}." for line, inputs in lines.items())


def _measured(record: Record) -> str:
    """Say on how many events a recipe was timed, and how often the machine disturbed it."""
    engines = record["engines"]
    small, large = engines[FLOOR]["events"]
    repeated, disturbed = (sum(engine[of] for engine in engines.values()) for of in ("repeated", "disturbed"))
    text = f"{record['recipe']} {small:,} and {large:,} events{replaced(record['input'])}"
    return text + (f" (attempts repeated: {repeated}, turns disturbed: {disturbed})" if repeated or disturbed else "")
