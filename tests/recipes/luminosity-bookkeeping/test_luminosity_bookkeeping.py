"""Luminosity: which sections count, that each counts once, and that only their events do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import mistakes
from cookbook import agreement, recipe, sample
from cookbook.recipe import Engine
from runs import Results, agreed

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

SUBJECT = recipe.load("luminosity-bookkeeping")
STREAMS = ("Muon", "EGamma", "JetMET")
FILES = {name: sample.files(name) for name in STREAMS}
DATASET = 0  # axis
RECORDED = 6  # column of brilcalc's table


def both(files: Mapping[str, Sequence[str]] = FILES, **parameters: Any) -> Results:
    """Run both engines, which must agree, and return the histograms."""
    return agreed(SUBJECT, files, parameters)


def unmasked(**parameters: Any) -> Results:
    """Return coffea's histograms of the whole sample without the mask."""
    return mistakes.run(SUBJECT, "no_mask", FILES, parameters)


def pb(histograms: Results) -> float:
    """Return the luminosity, flow bins included."""
    return float(histograms["luminosity"].sum(flow=True).value)


def by_dataset(histograms: Results) -> dict[str, int]:
    """Return how many events count in each dataset, flow bins of the runs included."""
    counts = histograms["events"].project(DATASET)
    return {dataset: int(counts[dataset]) for dataset in counts.axes[0]}


def certified(folder: Path, ranges: object) -> str:
    """Write a JSON of certified sections."""
    path = folder / "certified.json"
    path.write_text(json.dumps(ranges))
    return str(path)


def rows() -> list[str]:
    """Return the lines of the recipe's table, the header first."""
    return Path(SUBJECT.parameters()["LUMINOSITY_TABLE"]).read_text().splitlines()


def table(folder: Path, lines: Sequence[str]) -> str:
    """Write a luminosity table."""
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def selected(source: str, target: Path, cut: str, events_cut: str | None = None) -> str:
    """Copy what passes a cut of the trees Events and LuminosityBlocks."""
    file, out = ROOT.TFile(source), ROOT.TFile(str(target), "RECREATE")
    for name in ("Events", "LuminosityBlocks"):
        chosen = events_cut if name == "Events" and events_cut is not None else cut
        file.Get(name).CopyTree(chosen).Write()
    out.Close()
    return str(target)


@pytest.fixture(scope="module")
def whole() -> Results:
    """Return the result on the whole sample."""
    return both()


def test_the_luminosity_is_the_samples(whole: Results) -> None:
    """Three streams of the same sections have the luminosity of one, and the mask takes the rest away."""
    assert pb(whole) == pytest.approx(sample.luminosity())
    assert pb(unmasked()) == pytest.approx(sum(float(row.split(",")[RECORDED]) for row in rows()[1:]))


def test_events_without_the_mask_are_all_events(whole: Results) -> None:
    """Every event has its section in the table, so that nothing but the mask takes events away."""
    events = {name: ROOT.RDataFrame("Events", files).Count().GetValue() for name, files in FILES.items()}
    assert by_dataset(unmasked()) == events
    assert all(count < events[name] for name, count in by_dataset(whole).items())


def test_a_run_that_is_absent_from_the_json_does_not_count(tmp_path: Path, whole: Results) -> None:
    """Neither its events nor its luminosity remain."""
    content = json.loads(Path(sample.certified()).read_text())
    del content["380115"]
    found = both(CERTIFIED=certified(tmp_path, content))
    assert pb(found) == pytest.approx(sample.luminosity() - 0.33)
    assert sum(by_dataset(found).values()) < sum(by_dataset(whole).values())


@pytest.mark.parametrize(
    ("ranges", "sections"), [([[27, 34]], range(27, 35)), ([[5, 5], [6, 7], [60, 90]], [5, 6, 7, 60])]
)
def test_the_ends_of_a_range_are_certified(tmp_path: Path, ranges: list[list[int]], sections: Sequence[int]) -> None:
    """First and last section count, a range may be one section, and the next may begin right after it."""
    found = both(CERTIFIED=certified(tmp_path, {"378985": ranges}))
    assert pb(found) == pytest.approx(0.01 * len(sections))


def test_nothing_counts_where_nothing_is_certified(tmp_path: Path) -> None:
    """An empty JSON is no error; there is just no luminosity."""
    found = both(CERTIFIED=certified(tmp_path, {}))
    assert pb(found) == 0
    assert sum(by_dataset(found).values()) == 0


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_certified_section_without_luminosity_is_named(engine: Engine, tmp_path: Path) -> None:
    """It must not count as zero."""
    lacking = [row for row in rows() if not row.startswith("379252:9474,7:7,")]
    assert len(lacking) == len(rows()) - 1
    with pytest.raises(ValueError, match=r"table\.csv: no luminosity of run 379252, section 7"):
        SUBJECT.run(engine, FILES, {"LUMINOSITY_TABLE": table(tmp_path, lacking)})


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_section_that_is_listed_twice_is_an_error(engine: Engine, tmp_path: Path) -> None:
    """Which of its two values counts would be chance: coffea takes the first row, a dictionary the last."""
    with pytest.raises(ValueError, match=r"table\.csv: a section stands in it twice"):
        SUBJECT.run(engine, FILES, {"LUMINOSITY_TABLE": table(tmp_path, [*rows(), rows()[-1]])})


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_missing_table_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error has the path that was given."""
    with pytest.raises(Exception, match=r"nowhere\.csv"):
        SUBJECT.run(engine, FILES, {"LUMINOSITY_TABLE": str(tmp_path / "nowhere.csv")})


def test_a_table_of_certified_sections_is_enough(tmp_path: Path, whole: Results) -> None:
    """What brilcalc was not asked for has no luminosity, and is not missed."""
    good = {int(run): ranges for run, ranges in json.loads(Path(sample.certified()).read_text()).items()}

    def is_certified(row: str) -> bool:
        run, section = (int(cell.split(":")[0]) for cell in row.split(",")[:2])
        return any(first <= section <= last for first, last in good.get(run, ()))

    lines = [rows()[0], *filter(is_certified, rows()[1:])]
    assert len(lines) < len(rows())
    agreement.check(both(LUMINOSITY_TABLE=table(tmp_path, lines)), whole)


def test_the_order_of_the_table_does_not_matter(tmp_path: Path, whole: Results) -> None:
    """Nor do further comments, as brilcalc writes them around its rows."""
    lines = ["#Data tag : 24v1 , Norm tag: normtag", rows()[0], *rows()[:0:-1], "#Summary:", "#nfill,nrun,nls"]
    agreement.check(both(LUMINOSITY_TABLE=table(tmp_path, lines)), whole)


def test_a_file_that_was_not_read_does_not_keep_its_luminosity(tmp_path: Path, whole: Results) -> None:
    """A run that is missing in one dataset counts in none."""
    first = selected(FILES["Muon"][0], tmp_path / "first.root", "run == 378985")
    others = selected(FILES["Muon"][0], tmp_path / "others.root", "run != 378985")
    agreement.check(both({**FILES, "Muon": [first, others]}), whole)
    found = both({**FILES, "Muon": [others]})
    assert pb(found) == pytest.approx(sample.luminosity() - 0.54)
    for name, count in by_dataset(whole).items():
        assert by_dataset(found)[name] < count
    content = json.loads(Path(sample.certified()).read_text())
    only = {run: ranges for run, ranges in content.items() if run != "378985"}
    assert by_dataset(found) == by_dataset(both(CERTIFIED=certified(tmp_path, only)))


def test_a_file_without_events_keeps_its_luminosity(tmp_path: Path, whole: Results) -> None:
    """Its sections were processed, and nothing was stored of them."""
    first = selected(FILES["EGamma"][0], tmp_path / "first.root", "run == 378985", "run == 0")
    others = selected(FILES["EGamma"][0], tmp_path / "others.root", "run != 378985")
    found = both({**FILES, "EGamma": [first, others]})
    assert pb(found) == pytest.approx(sample.luminosity())
    assert by_dataset(found)["EGamma"] < by_dataset(whole)["EGamma"]


def test_a_section_in_two_files_counts_once(tmp_path: Path, whole: Results) -> None:
    """Files often end within a section, so two of them list it."""
    odd, even = (selected(FILES["Muon"][0], tmp_path / f"{rest}.root", "1", f"event % 2 == {rest}") for rest in (1, 0))
    agreement.check(both({**FILES, "Muon": [odd, even]}), whole)


def test_the_order_of_the_datasets_does_not_matter(whole: Results) -> None:
    """Only the labels stand in another order."""
    found = both({name: FILES[name] for name in reversed(STREAMS)})
    assert by_dataset(found) == by_dataset(whole)
    assert pb(found) == pytest.approx(pb(whole))
