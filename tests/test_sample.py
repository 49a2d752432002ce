"""The sample's bookkeeping: names, hashes, larger copies, and what happens with bad input."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.lumi_tools import LumiData, LumiList, LumiMask

from cookbook import sample
from small_files import write

Make = Callable[[Sequence[str], int, Path], list[str]]  # a copy of files with so many events, in a cache


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Make a sample of one tiny file with its manifest."""
    return make_sample(tmp_path / "data")


def make_sample(folder: Path) -> Path:
    """Write a sample with one dataset of 30 events."""
    folder.mkdir()
    make_file(folder / "Tiny.root", 30)
    entry = {"events": 30, "sha256": sample.content_hash(folder / "Tiny.root"), "generated": 40}
    dataset = {"title": "tiny", "kind": "simulation", "cross_section": 2.0, "luminosity": None, "generated": 40}
    manifest = {
        "luminosity": 1.25,
        "certified": "good.json",
        "datasets": {"Tiny": dataset | {"files": {"Tiny.root": entry}}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def make_file(path: Path, events: int, shift: float = 0.0) -> Path:
    """Write a NanoAOD-like file with the three trees."""
    rng = np.random.default_rng(1)
    jets = ak.unflatten(rng.exponential(30, 2 * events).astype("f4") + np.float32(shift), np.full(events, 2))
    with uproot.recreate(path) as file:
        file.mktree("Events", {"run": "uint32", "Jet": ak.zip({"pt": jets}).type.content})
        file["Events"].extend({"run": np.ones(events, "u4"), "Jet": ak.zip({"pt": jets})})
        file.mktree("LuminosityBlocks", {"run": "uint32"})
        file["LuminosityBlocks"].extend({"run": np.ones(3, "u4")})
        file.mktree("Runs", {"genEventSumw": "float64"})
        file["Runs"].extend({"genEventSumw": np.array([12.5])})
    return path


def test_files_of_a_committed_dataset_are_absolute_and_there() -> None:
    """Every dataset names files that exist."""
    for name, dataset in sample.datasets().items():
        paths = sample.files(name)
        assert tuple(paths) == dataset.files
        assert all(Path(path).is_absolute() and Path(path).is_file() for path in paths)


def test_an_unknown_dataset_suggests_near_names() -> None:
    """A misspelt name is answered with the right one."""
    with pytest.raises(sample.UnknownDatasetError, match=r"No dataset 'TTBar'.*Did you mean TTbar"):
        sample.files("TTBar")


def test_an_unknown_dataset_is_a_key_error() -> None:
    """Code that catches KeyError sees an unknown name."""
    with pytest.raises(KeyError, match="No dataset 'nothing like it'"):
        sample.files("nothing like it")


def test_luminosity_is_that_of_the_certified_sections() -> None:
    """The luminosity is the sum over certified rows of the table, as coffea reads both."""
    rows = [line.split(",") for line in Path(sample.luminosity_table()).read_text().splitlines()[1:]]
    run, section = (np.array([int(row[i].split(":")[0]) for row in rows], dtype=np.uint32) for i in (0, 1))
    good = LumiMask(sample.certified())(run, section)
    certified = LumiList(run[good], section[good], delayed=False)
    assert sample.luminosity() == pytest.approx(LumiData(sample.luminosity_table()).get_lumi(certified))


def test_the_committed_files_have_the_content_of_the_manifest() -> None:
    """The hash of every committed file is the one noted."""
    sample.verify()


def test_verify_names_the_file_that_changed(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with one other value is found."""
    monkeypatch.setenv("COOKBOOK_DATA", str(small))
    sample.verify(["Tiny"])
    make_file(small / "Tiny.root", 30, shift=1.0)
    with pytest.raises(sample.SampleError, match=r"Tiny\.root: content .*the manifest says"):
        sample.verify()


def test_the_hash_is_of_the_content_and_not_of_the_bytes(tmp_path: Path) -> None:
    """Another compression gives other bytes and the same hash."""
    first = make_file(tmp_path / "a.root", 30)
    with uproot.open(first) as old, uproot.recreate(tmp_path / "b.root", compression=uproot.ZLIB(1)) as new:
        for name in sample.TREES:
            arrays = {branch: old[name][branch].array() for branch in list(old[name].keys()) if branch != "nJet"}
            if "Jet_pt" in arrays:
                arrays["Jet"] = ak.zip({"pt": arrays.pop("Jet_pt")})
            types = {k: v.type.content for k, v in arrays.items()}
            new.mktree(name, types)
            new[name].extend(arrays)
    assert (tmp_path / "b.root").read_bytes() != first.read_bytes()
    assert sample.content_hash(tmp_path / "b.root") == sample.content_hash(first)


def test_a_missing_sample_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a manifest the error names the folder and the ways out."""
    monkeypatch.setenv("COOKBOOK_DATA", str(tmp_path))
    with pytest.raises(sample.SampleError, match=r"manifest\.json is missing.*make sample.*COOKBOOK_DATA"):
        sample.datasets()


def test_a_broken_manifest_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest that is not JSON is an error with its path."""
    (tmp_path / "manifest.json").write_text("{")
    monkeypatch.setenv("COOKBOOK_DATA", str(tmp_path))
    with pytest.raises(sample.SampleError, match=r"manifest\.json is not JSON"):
        sample.datasets()


def test_a_missing_file_of_a_dataset_is_named(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset whose file was removed says which."""
    monkeypatch.setenv("COOKBOOK_DATA", str(small))
    (small / "Tiny.root").unlink()
    with pytest.raises(sample.SampleError, match=r"Tiny\.root of dataset Tiny is missing"):
        sample.files("Tiny")


def test_a_truncated_file_is_an_error_of_the_hash(tmp_path: Path) -> None:
    """A file cut in half cannot be hashed, and the error names it."""
    path = Path(sample.files("Diboson")[0])
    cut = tmp_path / "cut.root"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(sample.SampleError, match=r"cut\.root.*(not a readable ROOT file|truncated)"):
        sample.content_hash(cut)


@pytest.mark.parametrize("text", ["", "not a ROOT file" * 100])
def test_what_is_not_a_root_file_is_an_error(tmp_path: Path, text: str) -> None:
    """Empty and foreign files are told apart from missing ones."""
    path = tmp_path / "text.root"
    path.write_text(text)
    with pytest.raises(sample.SampleError, match="not a readable ROOT file"):
        sample.enlarge([str(path)], 10, tmp_path)


def test_a_file_that_is_not_there_cannot_be_enlarged(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(sample.SampleError, match=r"nowhere\.root does not exist"):
        sample.enlarge([str(tmp_path / "nowhere.root")], 10, tmp_path)


def test_a_file_without_events_tree_cannot_be_enlarged(tmp_path: Path) -> None:
    """The error lists what the file has instead."""
    with uproot.recreate(tmp_path / "other.root") as file:
        file.mktree("Runs", {"run": "uint32"})
    with pytest.raises(sample.SampleError, match="no tree Events; it has Runs"):
        sample.enlarge([str(tmp_path / "other.root")], 10, tmp_path)


def test_files_with_no_events_cannot_be_enlarged(tmp_path: Path) -> None:
    """Nothing times a million is nothing."""
    path = make_file(tmp_path / "none.root", 0)
    with pytest.raises(sample.SampleError, match="None of the input files holds an event"):
        sample.enlarge([str(path)], 10, tmp_path)


@pytest.mark.parametrize(
    ("make", "files", "events", "text"),
    [
        (sample.enlarge, [], 10, "No files"),
        (sample.slice, [], 10, "No files to slice"),
        (sample.enlarge, ["a.root"], 0, "must be positive, got 0"),
        (sample.slice, ["a.root"], 0, "must be positive, got 0"),
    ],
)
def test_senseless_arguments_are_refused(make: Make, files: list[str], events: int, text: str, tmp_path: Path) -> None:
    """No files, or no events, is an error."""
    with pytest.raises(sample.SampleError, match=text):
        make(files, events, tmp_path)


def test_a_plan_reaches_the_wanted_number_with_the_least_copies() -> None:
    """Inputs are taken in turn, and outputs close when they are full."""
    assert sample.plan([30, 10], 75, per_file=40) == [[0, 1], [0, 1]]
    assert sample.plan([30], 31, per_file=100) == [[0, 0]]
    assert sample.plan([30, 0], 31, per_file=100) == [[0, 1, 0]]


def test_enlarge_repeats_events_and_sums_of_weights(tmp_path: Path) -> None:
    """A larger copy holds whole copies of all trees, in several files."""
    path = str(make_file(tmp_path / "one.root", 30))
    larger = sample.enlarge([path], 100, tmp_path, per_file=60)
    assert [sample.entries(file) for file in larger] == [60, 60]
    pt = uproot.open(path)["Events"]["Jet_pt"].array()
    with uproot.open(larger[1]) as file:
        assert ak.all(file["Events"]["Jet_pt"].array() == ak.concatenate([pt, pt]))
        assert file["Runs"]["genEventSumw"].array(library="np").tolist() == [12.5, 12.5]
        assert file["LuminosityBlocks"].num_entries == 6


@pytest.mark.parametrize("first", ["one", "other"])
def test_enlarge_keeps_the_branches_that_all_files_have(first: str, tmp_path: Path) -> None:
    """A file with more branches or fewer than the first one gives its events all the same."""
    paths = {
        "one": str(make_file(tmp_path / "one.root", 30)),
        "other": write(tmp_path / "other.root", {"run": np.full(20, 2, "u4"), "nothing": np.zeros(20, "f4")}, None),
    }
    ordered = [paths.pop(first), *paths.values()]
    (larger,) = sample.enlarge(ordered, 51, tmp_path)
    with uproot.open(larger) as file:
        runs = np.concatenate([uproot.open(path)["Events/run"].array(library="np") for path in [*ordered, ordered[0]]])
        assert file["Events"].keys() == ["run"]
        assert file["Events/run"].array(library="np").tolist() == runs.tolist()


@pytest.mark.parametrize(("make", "events"), [(sample.enlarge, 60), (sample.slice, 10)], ids=["enlarge", "slice"])
def test_an_intact_copy_is_used_again_and_a_damaged_one_replaced(make: Make, events: int, tmp_path: Path) -> None:
    """The second call does not write; a truncated copy is made anew."""
    path = str(make_file(tmp_path / "one.root", 30))
    (copy,) = make([path], events, tmp_path)
    before = Path(copy).stat().st_mtime_ns
    assert make([path], events, tmp_path) == [copy]
    assert Path(copy).stat().st_mtime_ns == before
    Path(copy).write_bytes(Path(copy).read_bytes()[:500])
    assert make([path], events, tmp_path) == [copy]
    assert sample.entries(copy) == events


def test_enlarge_keeps_a_copy_that_another_process_made_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the first copy goes on reading it; the second one is thrown away."""
    path, copy = str(make_file(tmp_path / "one.root", 30)), sample._copy
    first: list[str] = []

    def overtaken(inputs: Sequence[str], output: Path) -> None:
        monkeypatch.setattr(sample, "_copy", copy)
        monkeypatch.setattr("os.getpid", lambda: 0)
        first.extend(sample.enlarge([path], 60, tmp_path))
        first.append(str(Path(first[0]).stat().st_ino))
        copy(inputs, output)

    monkeypatch.setattr(sample, "_copy", overtaken)
    assert sample.enlarge([path], 60, tmp_path) == first[:1]
    assert str(Path(first[0]).stat().st_ino) == first[1]
    assert len(list((tmp_path / "enlarged").iterdir())) == 1


def test_enlarge_leaves_nothing_behind_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that comes out short is an error, and no part of it stays in the cache."""
    path = str(make_file(tmp_path / "one.root", 30))
    monkeypatch.setattr(sample, "_copy", lambda inputs, output: shutil.copy(inputs[0], output))
    with pytest.raises(sample.SampleError, match="holds 30 events instead of 60"):
        sample.enlarge([path], 60, tmp_path)
    assert list((tmp_path / "enlarged").iterdir()) == []


def test_a_slice_is_evenly_spaced_over_all_files(tmp_path: Path) -> None:
    """It has the wanted number of events, in their order, and a file of which none is taken stays with its sums."""
    paths = [str(tmp_path / f"{name}.root") for name in "abc"]
    for path, numbers in zip(paths, (range(60), range(60, 62), range(62, 100)), strict=True):
        write(Path(path), {"event": np.array(numbers, "u8")}, [12.5])
    smaller = sample.slice(paths, 7, tmp_path)
    events = [uproot.open(path)["Events"]["event"].array(library="np").tolist() for path in smaller]
    assert events == [[8, 22, 36, 50], [], [65, 79, 93]]
    assert [uproot.open(path)["Runs"]["genEventSumw"].array().tolist() for path in smaller] == [[12.5]] * 3


def test_a_slice_keeps_all_trees_branches_types_and_values(tmp_path: Path) -> None:
    """What is left out is events, and nothing else."""
    (whole,) = sample.files("TTbar")
    (smaller,) = sample.slice([whole], 100, tmp_path)
    with uproot.open(whole) as before, uproot.open(smaller) as after:
        assert sample.entries(smaller) == 100
        for name in sample.TREES:
            assert after[name].typenames() == before[name].typenames()
        numbers = [file["Events"]["event"].array(library="np") for file in (before, after)]
        taken = np.searchsorted(numbers[0], numbers[1], sorter=np.argsort(numbers[0]))
        taken = np.argsort(numbers[0])[taken]
        assert np.all(np.diff(taken) > 0)
        for branch in ("Jet_pt", "nJet", "LHEScaleWeight", "HLT_IsoMu24", "genWeight"):
            assert ak.all(after["Events"][branch].array() == before["Events"][branch].array()[taken])
        for name in ("Runs", "LuminosityBlocks"):
            assert ak.array_equal(after[name].arrays(), before[name].arrays(), equal_nan=True)


def test_files_that_hold_no_more_are_their_own_slice(tmp_path: Path) -> None:
    """Nothing is copied where nothing is left out, and then zero events are right."""
    full, empty = (str(make_file(tmp_path / f"{events}.root", events)) for events in (30, 0))
    assert sample.slice([full, empty], 30, tmp_path) == [full, empty]
    assert sample.slice([empty], 1, tmp_path) == [empty]
    assert not (tmp_path / "slices").exists()


def test_a_slice_that_another_process_made_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tests ask for the same slice at once: one copy stays, under the eyes of those who read it."""
    path, thin = str(make_file(tmp_path / "one.root", 30)), sample._thin
    first: list[int] = []

    def overtaken(source: str, output: Path, chosen: str) -> None:
        monkeypatch.setattr(sample, "_thin", thin)
        monkeypatch.setattr("os.getpid", lambda: 0)
        first.extend(Path(file).stat().st_ino for file in sample.slice([path], 10, tmp_path))
        monkeypatch.undo()
        thin(source, output, chosen)

    monkeypatch.setattr(sample, "_thin", overtaken)
    (smaller,) = sample.slice([path], 10, tmp_path)
    assert [Path(smaller).stat().st_ino] == first
    assert len(list((tmp_path / "slices").iterdir())) == 1


def test_the_cache_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """COOKBOOK_CACHE moves the cache; an argument goes before it."""
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path))
    assert sample.cache_folder() == tmp_path
    assert sample.cache_folder(tmp_path / "other") == tmp_path / "other"


def test_corrections_are_found_by_group_and_file() -> None:
    """A correction file lies in group/era/version."""
    path = Path(sample.corrections("LUM", "puWeights.json.gz"))
    assert path.is_file()
    assert path.parts[-4] == "LUM"


def test_an_unknown_correction_lists_those_there() -> None:
    """The error names the files to choose from."""
    with pytest.raises(sample.SampleError, match=r"No correction file LUM/nothing.*LUM/puWeights\.json\.gz"):
        sample.corrections("LUM", "nothing")


def test_importing_the_module_needs_neither_root_nor_coffea_nor_the_generator() -> None:
    """A reader without the heavy packages can still ask for paths."""
    heavy = ["ROOT", "coffea", "pythia8mc", "fastjet"]
    code = f"import sys, cookbook.sample; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
