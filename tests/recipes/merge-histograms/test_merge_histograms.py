"""Merge histograms: each part once in the sum, in any grouping; one that is missing, twice or unlike is named."""

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT
import uproot
from coffea import util

from cookbook import agreement, recipe, roothist
from cookbook.recipe import Engine
from runs import complaint, engines_agree
from small_files import event_columns, jagged, write

SUBJECT = recipe.load("merge-histograms")
FILE = SUBJECT.parameters()["FILE"]

engines = pytest.mark.parametrize("engine", recipe.ENGINES)


@cache
def page() -> dict[str, Any]:
    """Return what the halves define."""
    namespace: dict[str, Any] = SUBJECT.parameters()
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    return namespace


def made(path: Path, size: int, first: int = 0) -> str:
    """Write events with none to four jets, of momenta that differ between files."""
    lists = [[31.5 + first + j for j in range(i % 5)] for i in range(size + 1)]
    jets = {name: jagged(lists, "f4")[:size] for name in ("pt", "phi", "mass")}
    jets["eta"] = jagged([[0.3 * j for j, _ in enumerate(row)] for row in lists], "f4")[:size]
    return write(path, {**event_columns(size), "Jet": jets}, None)


@cache
def inputs(folder: Path, count: int = 5) -> Sequence[str]:
    """Return files of a few events, the third without any."""
    return [made(folder / f"in_{i}.root", 0 if i == 2 else 7 + i, 10 * i) for i in range(count)]


def parts_of(engine: Engine, folder: Path) -> dict[str, str]:
    """Write a part for each input; return the paths of the parts by that of their input."""
    parts = {}
    for i, path in enumerate(inputs(folder)):
        parts[path] = str(folder / f"part_{i}.{engine}")
        if engine == "coffea":
            page()["save"](page()["results_of"]([path]), parts[path])
        else:
            page()["write"](ROOT.RDataFrame("Events", path), path, parts[path])
    return parts


def plan_of(paths: Sequence[str]) -> dict[str, int]:
    """Return the events of each file."""
    return {path: uproot.open(path)["Events"].num_entries for path in paths}


def merging(engine: Engine) -> tuple[Callable[..., None], Callable[..., Any]]:
    """Return how an engine merges parts, and settles the account."""
    name = "coffea" if engine == "coffea" else "root"
    return page()[f"merge_by_{name}"], page()[f"settled_by_{name}"]


def outcome(engine: Engine, parts: Sequence[str], plan: dict[str, int], folder: Path) -> dict[str, hist.Hist]:
    """Merge parts at once, settle the account, return the histograms."""
    merge, settled = merging(engine)
    merge(list(parts), str(folder / "out"))
    return {name: roothist.to_hist(h) for name, h in settled(str(folder / "out"), plan).items()}


@engines
@pytest.mark.parametrize("group", [2, 3, 5, 100])
def test_any_grouping_gives_the_same_counts(engine: Engine, group: int, tmp_path: Path) -> None:
    """As many parts as there are in a group, fewer, and a single one left over."""
    parts, (merge, settled) = parts_of(engine, tmp_path), merging(engine)
    final = page()["tree"]([*parts.values()], merge, str(tmp_path), group)
    result = {name: roothist.to_hist(h) for name, h in settled(final, plan_of([*parts])).items()}
    undivided = page()["results_of"]([*parts])
    agreement.check({name: undivided[name] for name in result}, result)


@engines
def test_any_order_gives_the_same_counts(engine: Engine, tmp_path: Path) -> None:
    """Also where the part without events comes first."""
    parts = parts_of(engine, tmp_path)
    plan = plan_of([*parts])
    results = [outcome(engine, some, plan, tmp_path) for some in itertools.permutations([*parts.values()][:5])][::40]
    for result in results[1:]:
        agreement.check(results[0], result)


def test_a_single_file_and_one_without_events(tmp_path: Path) -> None:
    """Neither needs a merge."""
    filled, empty = made(tmp_path / "a.root", 10), made(tmp_path / "b.root", 0)
    assert engines_agree(SUBJECT, [filled])["coffea"]["jets"].sum() == 20
    assert engines_agree(SUBJECT, [empty])["coffea"]["jets"].sum() == 0


@engines
def test_a_missing_part_is_named(engine: Engine, tmp_path: Path) -> None:
    """The account has no events of its input."""
    parts = parts_of(engine, tmp_path)
    lost, *others = parts
    said = complaint(lambda: outcome(engine, [parts[path] for path in others], plan_of([*parts]), tmp_path))
    assert f"{lost}: 0 of 7 events" in said


@engines
def test_a_part_that_is_there_twice_is_named(engine: Engine, tmp_path: Path) -> None:
    """Also where its copy has another name."""
    parts = parts_of(engine, tmp_path)
    twice, *_ = parts
    copy = tmp_path / f"copy.{engine}"
    copy.write_bytes(Path(parts[twice]).read_bytes())
    said = complaint(lambda: outcome(engine, [*parts.values(), str(copy)], plan_of([*parts]), tmp_path))
    assert f"{twice}: 14 of 7 events" in said


@engines
def test_a_part_of_no_input_is_named(engine: Engine, tmp_path: Path) -> None:
    """One of another run of the batch, say."""
    parts = parts_of(engine, tmp_path)
    stale, *others = parts
    said = complaint(lambda: outcome(engine, [*parts.values()], plan_of(others), tmp_path))
    assert f"{stale}: 7 of 0 events" in said


@engines
@pytest.mark.parametrize("left", [0, 10, -50])
def test_a_truncated_part_is_named(engine: Engine, left: int, tmp_path: Path) -> None:
    """Whatever is left of it; no output is left."""
    parts = parts_of(engine, tmp_path)
    bad = Path([*parts.values()][1])
    bad.write_bytes(bad.read_bytes()[:left])
    said = complaint(lambda: outcome(engine, [*parts.values()], plan_of([*parts]), tmp_path))
    assert said.startswith(str(bad))
    assert not (tmp_path / "out").exists()


@engines
def test_a_part_that_does_not_exist_is_named(engine: Engine, tmp_path: Path) -> None:
    """Instead of being left out."""
    parts = parts_of(engine, tmp_path)
    gone = Path([*parts.values()][1])
    gone.unlink()
    assert complaint(lambda: outcome(engine, [*parts.values()], plan_of([*parts]), tmp_path)).startswith(str(gone))


def test_a_result_unlike_the_others_is_named(tmp_path: Path) -> None:
    """It lacks a histogram, or has other bins, flow bins, categories or storage."""
    parts = [*parts_of("coffea", tmp_path).values()]
    results = util.load(parts[1])
    channel, pt, eta = results["jets"].axes
    low = {"name": "pt", "label": pt.label}
    others: list[Any] = [
        hist.Hist(channel, hist.axis.Regular(64, 0, 512, **low), eta, storage="int64"),
        hist.Hist(channel, hist.axis.Regular(64, 0, 1024, overflow=False, **low), eta, storage="int64"),
        hist.Hist(channel, hist.axis.Regular(64, 0, 1024, underflow=False, **low), eta, storage="int64"),
        hist.Hist(hist.axis.StrCategory([*channel][::-1], name="channel"), pt, eta, storage="int64"),
        hist.Hist(*results["jets"].axes, storage="double"),
    ]
    changed = [{**results, "jets": h} for h in others]
    changed += [{name: h for name, h in results.items() if name != "flow"}, {**results, "more": results["flow"]}]
    for content in changed:
        util.save(content, parts[1])
        assert complaint(lambda: page()["merge_by_coffea"](parts, str(tmp_path / "out"))).startswith(parts[1])


@pytest.mark.parametrize(
    "flow",
    [
        'df.Histo2D(("flow", "", 4, 0, 4, 8, 0, 8), "x", "x", "x")',
        'df.Histo2D(("flow", "", 4, 0, 4, 4, 0, 4), "x", "x", "x")',
        'df.Histo1D(("flow", "", 4, 0, 4), "x", "x")',
        "",
    ],
)
def test_a_file_unlike_the_others_is_named(flow: str, tmp_path: Path) -> None:
    """It lacks a histogram, or has one of other bins or dimensions."""
    parts = parts_of("rdataframe", tmp_path)
    source, path = [*parts.items()][1]
    booked = page()["booked"]

    def book(df: Any) -> dict[str, Any]:
        jets = {"jets": booked(df)["jets"]}
        return {**jets, "flow": eval(flow, {"df": df.Define("x", "1.")})} if flow else jets

    page()["write"](ROOT.RDataFrame("Events", source), source, path, book)
    assert complaint(lambda: page()["merge_by_root"]([*parts.values()], str(tmp_path / "out"))).startswith(path)


def test_a_file_that_was_not_closed_is_named(tmp_path: Path) -> None:
    """ROOT recovers it, with what had been written."""
    parts = [*parts_of("rdataframe", tmp_path).values()]
    with ROOT.TFile.Open(parts[1]) as file:
        results = [file[str(key.GetName())] for key in file.GetListOfKeys()]
        with ROOT.TFile(str(tmp_path / "open.root"), "RECREATE") as other:
            for h in results:
                other.WriteObject(h, h.GetName())
            other.Flush()
            Path(parts[1]).write_bytes((tmp_path / "open.root").read_bytes())
    assert complaint(lambda: page()["merge_by_root"](parts, str(tmp_path / "out"))).startswith(parts[1])


def test_what_a_killed_job_leaves_is_no_part(tmp_path: Path) -> None:
    """Neither a part nor a merged file has its name before it is whole."""
    path = tmp_path / "part"

    def killed() -> None:
        with page()["whole"](str(path)) as unfinished:
            Path(unfinished).write_text("half")
            raise RuntimeError("killed")

    assert complaint(killed) == "killed"
    assert not path.exists()


def test_the_sample_in_one_process() -> None:
    """Counts are exact, and sums of weights up to their rounding."""
    result = engines_agree(SUBJECT, SUBJECT.parameters()["FILES"][:2])["coffea"]
    undivided = page()["results_of"](SUBJECT.parameters()["FILES"][:2])
    assert np.array_equal(result["jets"].values(flow=True), undivided["jets"].values(flow=True))
    agreement.check({name: undivided[name] for name in result}, result)
