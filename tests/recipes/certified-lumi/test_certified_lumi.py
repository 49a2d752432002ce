"""Certified luminosity: which sections count, that each counts once, and that each event does."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
import uproot

import mistakes
from cookbook import agreement, recipe, roothist, sample
from cookbook.recipe import Engine

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

SUBJECT = recipe.load("certified-lumi")
STREAMS = ("Muon", "EGamma", "JetMET")
FILES = {name: sample.files(name) for name in STREAMS}
DATASET = 0  # axis

Histograms = Mapping[str, hist.Hist]


def both(files: Mapping[str, Sequence[str]] = FILES, **parameters: Any) -> Histograms:
    """Run both engines, which must agree, and return the histograms."""
    coffea, rdataframe = (SUBJECT.run(engine, files, parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    assert all(isinstance(roothist.to_hist(h), hist.Hist) for h in rdataframe.values())
    return coffea


def unmasked(**parameters: Any) -> Histograms:
    """Return coffea's histograms of the whole sample without the mask."""
    return mistakes.run(SUBJECT, "no_mask", FILES, parameters, argument="mask")


def pb(histograms: Histograms) -> float:
    """Return the luminosity, flow bins included."""
    return float(histograms["luminosity"].sum(flow=True).value)


def by_dataset(histograms: Histograms) -> dict[str, int]:
    """Return how many events count in each dataset, flow bins of the luminosity included."""
    counts = histograms["events"].project(DATASET)
    return {dataset: int(counts[dataset]) for dataset in counts.axes[0]}


def certified(folder: Path, ranges: object) -> str:
    """Write a JSON of certified sections."""
    path = folder / "certified.json"
    path.write_text(ranges if isinstance(ranges, str) else json.dumps(ranges))
    return str(path)


def table(folder: Path, rows: Sequence[str]) -> str:
    """Write a luminosity table."""
    path = folder / "table.csv"
    path.write_text("\n".join(["run,luminosityBlock,recorded_per_pb,certified", *rows]) + "\n")
    return str(path)


def rows() -> list[str]:
    """Return the rows of the sample's luminosity table."""
    return Path(sample.luminosity_table()).read_text().splitlines()[1:]


def selected(source: str, target: Path, cut: str, events_cut: str | None = None) -> str:
    """Copy what passes a cut of the trees Events and LuminosityBlocks."""
    file, out = ROOT.TFile(source), ROOT.TFile(str(target), "RECREATE")
    for name in ("Events", "LuminosityBlocks"):
        chosen = events_cut if name == "Events" and events_cut is not None else cut
        file.Get(name).CopyTree(chosen).Write()
    out.Close()
    return str(target)


@pytest.fixture(scope="module")
def whole() -> Histograms:
    """Return the result on the whole sample."""
    return both()


def test_the_luminosity_is_the_samples(whole: Histograms) -> None:
    """Three streams of the same sections have the luminosity of one, and the mask takes the rest away."""
    assert pb(whole) == pytest.approx(sample.luminosity())
    assert pb(unmasked()) == pytest.approx(sum(float(row.split(",")[2]) for row in rows()))


def test_each_event_counts_once(whole: Histograms) -> None:
    """As many events count as there are distinct numbers of run, section and event among all streams."""
    parameters = SUBJECT.parameters()
    paths = [path for members in parameters["TRIGGERS"].values() for path in members]
    columns = ["run", "luminosityBlock", "event"]
    trees = [f"{path}:Events" for members in FILES.values() for path in members]
    stored = uproot.concatenate(trees, [*columns, *paths], library="np")
    fired = np.any([stored[path] for path in paths], axis=0)
    ids = {tuple(map(int, row)) for row in zip(*(stored[name][fired] for name in columns), strict=True)}
    good = {tuple(map(int, row.split(",")[:2])) for row in rows() if row.endswith(",1")}
    assert sum(by_dataset(whole).values()) == len([i for i in ids if i[:2] in good])
    assert int(whole["overlap"].sum()) > sum(by_dataset(whole).values())


def test_a_run_that_is_absent_from_the_json_does_not_count(tmp_path: Path, whole: Histograms) -> None:
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
    stored = uproot.open(f"{FILES['Muon'][0]}:Events").arrays(
        ["run", "luminosityBlock", "HLT_IsoMu24", "HLT_Mu50"], library="np"
    )
    inside = (stored["run"] == 378985) & np.isin(stored["luminosityBlock"], list(sections))
    assert by_dataset(found)["Muon"] == (inside & (stored["HLT_IsoMu24"] | stored["HLT_Mu50"])).sum()


def test_nothing_counts_where_nothing_is_certified(tmp_path: Path) -> None:
    """An empty JSON is no error; there is just no luminosity."""
    found = both(CERTIFIED=certified(tmp_path, {}))
    assert pb(found) == 0
    assert sum(by_dataset(found).values()) == 0
    everything = unmasked(CERTIFIED=certified(tmp_path, {}))
    assert sum(by_dataset(everything).values()) > 0


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize(
    "content",
    [
        "<html>",
        "[[1, 5]]",
        '{"378985": [[10, 20], [1, 5]]}',
        '{"378985": [[1, 20], [5, 6]]}',
        '{"378985": [[5, 1]]}',
        '{"378985": [[0, 5]]}',
        '{"378985": [1, 5]}',
        '{"378985": [[1, 5, 7]]}',
        '{"378985": [[1, "5"]]}',
        '{"run": [[1, 5]]}',
    ],
)
def test_a_malformed_json_is_refused(engine: Engine, content: str, tmp_path: Path) -> None:
    """Whatever is wrong with the ranges, the error names the file; LumiMask alone would lose sections in silence."""
    with pytest.raises(ValueError, match=r"certified\.json: not a JSON of certified sections"):
        SUBJECT.run(engine, FILES, {"CERTIFIED": certified(tmp_path, content)})


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_certified_section_without_luminosity_is_named(engine: Engine, tmp_path: Path) -> None:
    """It must not count as zero."""
    lacking = [row for row in rows() if not row.startswith("379252,7,")]
    with pytest.raises(Exception, match=r"table\.csv: no luminosity of run 379252, section 7"):
        SUBJECT.run(engine, FILES, {"LUMINOSITY_TABLE": table(tmp_path, lacking)})


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_missing_table_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error has the path that was given."""
    with pytest.raises(Exception, match=r"nowhere\.csv"):
        SUBJECT.run(engine, FILES, {"LUMINOSITY_TABLE": str(tmp_path / "nowhere.csv")})


def test_a_table_of_certified_sections_is_enough(tmp_path: Path, whole: Histograms) -> None:
    """What brilcalc was not asked for has no luminosity, and its events count as little as before, mask or not."""
    path = table(tmp_path, [row for row in rows() if row.endswith(",1")])
    found = both(LUMINOSITY_TABLE=path)
    assert pb(found) == pytest.approx(sample.luminosity())
    assert by_dataset(found) == by_dataset(whole)
    agreement.check(unmasked(LUMINOSITY_TABLE=path), found)


def test_the_order_of_the_table_does_not_matter(tmp_path: Path, whole: Histograms) -> None:
    """Sections are sorted by run and number."""
    found = both(LUMINOSITY_TABLE=table(tmp_path, rows()[::-1]))
    agreement.check(found, whole)


def test_the_table_may_be_brilcalcs(tmp_path: Path, whole: Histograms) -> None:
    """Its comments are skipped, and run:fill and section:section are read."""
    lines = [
        "#Data tag : 24v1 , Norm tag: normtag",
        "#run:fill,ls,time,beamstatus,E(GeV),delivered,recorded,avgpu,source",
    ]
    for run, section, recorded, _ in (row.split(",") for row in rows()):
        lines.append(f"{run}:9474,{section}:{section},04/05/24 11:04:03,STABLE BEAMS,6800,0.011,{recorded},40.1,HFET")
    path = tmp_path / "brilcalc.csv"
    path.write_text("\n".join([*lines, "#Summary:", "#nfill,nrun,nls"]) + "\n")
    agreement.check(both(LUMINOSITY_TABLE=str(path), RECORDED_COLUMN=6), whole)


def test_a_file_that_was_not_read_does_not_keep_its_luminosity(tmp_path: Path, whole: Histograms) -> None:
    """A run that is missing in one dataset counts in none, since events that this dataset has claimed are gone."""
    first = selected(FILES["Muon"][0], tmp_path / "first.root", "run == 378985")
    others = selected(FILES["Muon"][0], tmp_path / "others.root", "run != 378985")
    agreement.check(both({**FILES, "Muon": [first, others]}), whole)
    found = both({**FILES, "Muon": [others]})
    assert pb(found) == pytest.approx(sample.luminosity() - 0.54)
    for name, count in by_dataset(whole).items():
        assert by_dataset(found)[name] < count
    cut = sample.certified()
    only = {run: r for run, r in json.loads(Path(cut).read_text()).items() if run != "378985"}
    assert by_dataset(found) == by_dataset(both(CERTIFIED=certified(tmp_path, only)))


def test_a_file_without_events_keeps_its_luminosity(tmp_path: Path, whole: Histograms) -> None:
    """Its sections were processed, and nothing was stored of them."""
    first = selected(FILES["EGamma"][0], tmp_path / "first.root", "run == 378985", "run == 0")
    others = selected(FILES["EGamma"][0], tmp_path / "others.root", "run != 378985")
    found = both({**FILES, "EGamma": [first, others]})
    assert pb(found) == pytest.approx(sample.luminosity())
    assert by_dataset(found)["EGamma"] < by_dataset(whole)["EGamma"]


def test_a_section_in_two_files_counts_once(whole: Histograms) -> None:
    """Files often end within a section, so two of them list it."""
    found = both({**FILES, "Muon": FILES["Muon"] * 2})
    assert pb(found) == pytest.approx(sample.luminosity())
    assert by_dataset(found)["Muon"] == 2 * by_dataset(whole)["Muon"]


def test_a_dataset_that_is_not_read_claims_no_event(whole: Histograms) -> None:
    """Without the muon dataset its triggers play no part, and the others count what they have."""
    found = both({name: FILES[name] for name in STREAMS if name != "Muon"})
    before, claimed = by_dataset(whole)["EGamma"], int(whole["overlap"]["EGamma", "Muon"])
    assert before < by_dataset(found)["EGamma"] <= before + claimed
    assert pb(found) == pytest.approx(sample.luminosity())


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_a_dataset_without_triggers_is_refused(engine: Engine) -> None:
    """Its events could not be told from those of the others."""
    with pytest.raises(ValueError, match="'Tau' is not in list"):
        SUBJECT.run(engine, {**FILES, "Tau": FILES["Muon"]})


def test_the_order_of_the_files_does_not_matter(whole: Histograms) -> None:
    """The triggers say which dataset is first."""
    agreement.check(both({name: FILES[name] for name in reversed(STREAMS)}), whole)
