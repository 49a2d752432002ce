"""A bad input is named, with its fault and the fix, before an engine reads it."""

import re
import shutil
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT

from cookbook import damage, inputs, sample
from real_files import nanoaod
from small_files import event_columns, jagged, write

BRANCHES = {"Events": ["nMuon", "genWeight"]}


def flat(path: Path, **columns: Any) -> str:
    """Write a file with Events of flat branches, and return its path."""
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: column.dtype for name, column in columns.items()}).extend(columns)
    return str(path)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Return a small file with an Events tree."""
    path = tmp_path / "good.root"
    with uproot.recreate(path) as file:
        columns = {"nMuon": np.arange(500, dtype="i4"), "genWeight": np.ones(500, dtype="f4")}
        file.mktree("Events", {name: column.dtype for name, column in columns.items()}).extend(columns)
    return path


def test_a_good_file_passes_with_its_events(good: Path) -> None:
    """The check returns how many events there are."""
    other = flat(good.with_name("other.root"), nMuon=np.zeros(7, "i4"), genWeight=np.ones(7, "f4"))
    assert inputs.check([str(good), other], BRANCHES) == 507
    assert inputs.check({"a": [str(good)]}, BRANCHES) == 500


def test_no_file_is_an_error() -> None:
    """An empty list would give an empty result without a word."""
    with pytest.raises(inputs.InputError, match="no input files"):
        inputs.check([], BRANCHES)


def test_a_bare_path_is_an_error(good: Path) -> None:
    """A string would be taken letter by letter."""
    with pytest.raises(inputs.InputError, match="in a list"):
        inputs.check(str(good), BRANCHES)


def test_a_missing_file_suggests_its_neighbour(good: Path) -> None:
    """A typing error is shown the right name."""
    with pytest.raises(inputs.InputError, match=r"god\.root: no such file; did you mean good\.root"):
        inputs.check([str(good.with_name("god.root"))], BRANCHES)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """Nothing can be suggested where the folder is not there."""
    with pytest.raises(inputs.InputError, match="no such file; check the path"):
        inputs.check([str(tmp_path / "none" / "a.root")], BRANCHES)


def test_another_format_is_an_error(tmp_path: Path) -> None:
    """A text file named .root is no ROOT file."""
    path = tmp_path / "text.root"
    path.write_text("<html>")
    with pytest.raises(inputs.InputError, match=r"text\.root: not a ROOT file"):
        inputs.check([str(path)], BRANCHES)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_file_is_an_error(good: Path, share: float) -> None:
    """A download that stopped is found wherever it stopped."""
    content = good.read_bytes()
    good.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(inputs.InputError, match=r"good\.root: (truncated|cannot be read).*copy the file again"):
        inputs.check([str(good)], BRANCHES)


def test_another_tree_is_named(good: Path) -> None:
    """The message lists the trees that are there."""
    with pytest.raises(inputs.InputError, match="no tree 'Runs'; it holds Events"):
        inputs.check([str(good)], {"Runs": ["genEventSumw"]})


def test_a_missing_branch_suggests_near_names(good: Path) -> None:
    """Names change with the version, so the nearest are shown."""
    with pytest.raises(inputs.InputError, match="no branch 'nMuons'; the nearest names are nMuon"):
        inputs.check([str(good)], {"Events": ["nMuons"]})


def test_data_may_lack_generator_branches(tmp_path: Path) -> None:
    """A branch that only simulation has is not asked of data, nor a tree of such branches alone."""
    path = tmp_path / "data.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"nMuon": "i4"}).extend({"nMuon": np.zeros(3, dtype="i4")})
    branches = {**BRANCHES, "Runs": ["genEventSumw"]}
    assert inputs.check([str(path)], branches, optional=["genWeight", "genEventSumw"]) == 3


def test_an_empty_tree_passes(tmp_path: Path) -> None:
    """No event is a correct input with a correct, empty result."""
    path = tmp_path / "empty.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"nMuon": "i4", "genWeight": "f4"})
    assert inputs.check([str(path)], BRANCHES) == 0


def refused(files: Any, message: str, **asked: Any) -> None:
    """Expect an error that says this, whatever the folder."""
    with pytest.raises(inputs.InputError, match=message):
        inputs.check(files, asked.pop("branches", BRANCHES), **asked)


def test_all_missing_branches_are_named(good: Path) -> None:
    """Who skims again does it once."""
    message = r"no branch 'nMuons'; the nearest names are nMuon; no branch 'Zed'; nothing is named alike \(names change"
    refused([str(good)], message, branches={"Events": ["nMuons", "nMuon", "Zed"]})


def test_a_missing_trigger_path_asks_for_the_parameter(tmp_path: Path) -> None:
    """The version is not to blame for a path that another year has."""
    path = flat(tmp_path / "a.root", HLT_IsoMu27=np.ones(3, bool))
    message = r"no branch 'HLT_IsoMu24'; the nearest names are HLT_IsoMu27 \(trigger paths .*: set the recipe's trigger"
    refused([path], message, branches={"Events": ["HLT_IsoMu24"]})


def test_a_path_may_lack_where_it_counts_as_not_fired(tmp_path: Path) -> None:
    """The error says how, and names every path; another missing branch is still one."""
    path = flat(tmp_path / "a.root", HLT_IsoMu27=np.ones(3, bool))
    asked = {"Events": ["HLT_IsoMu24", "HLT_IsoMu27", "HLT_IsoTkMu24"]}
    refused([path], r"not_fired: \[HLT_IsoMu24, HLT_IsoTkMu24\] in a job file", branches=asked)
    missing = ["HLT_IsoMu24", "HLT_IsoTkMu24"]
    assert inputs.check([path], asked, thorough=True, not_fired=missing) == 3
    assert inputs.lacking([path], ["HLT_IsoMu24", "HLT_IsoMu27"]) == {path: ["HLT_IsoMu24"]}
    refused([path], "no branch 'nMuon'", branches={"Events": ["nMuon", *missing]}, not_fired=missing)


@pytest.mark.parametrize(
    ("tree", "purpose"), [("Runs", "sums of weights"), ("LuminosityBlocks", "lumi sections, also those without")]
)
def test_a_tree_that_skims_lose_is_named_with_its_use(good: Path, tree: str, purpose: str) -> None:
    """The message says what the recipe takes from it."""
    message = rf"no tree '{tree}'; it holds Events; .*{purpose}.* from it \(x\).*make the skim again with {tree} kept"
    refused([str(good)], message, branches={"Events": ["nMuon"], tree: ["x"]})


OTHER_TYPES = [("genWeight", "f4", "f8", "float"), ("nMuon", "i4", "u4", "int32_t"), ("charge", "i4", "i2", "int32_t")]
OTHER_TYPES += [("tightId", "?", "i4", "bool")]


@pytest.mark.parametrize(("branch", "first", "second", "named"), OTHER_TYPES)
@pytest.mark.parametrize("by_dataset", [False, True])
def test_types_are_compared_across_files(
    tmp_path: Path, branch: str, first: str, second: str, named: str, by_dataset: bool
) -> None:
    """RDataFrame would read the bytes of the second file as the type of the first, without a word."""
    one, other = (flat(tmp_path / f"{k}.root", **{branch: np.ones(3, k)}) for k in (first.strip("?") or "bool", second))
    files = {"a": [one], "b": [other]} if by_dataset else [one, other]
    message = rf"/{second}\.root: branch '{branch}' of Events is \w+, in .*\.root {named}; .*one NanoAOD version"
    refused(files, message, branches={"Events": [branch]})


def test_types_may_differ_where_a_recipe_takes_several_versions(tmp_path: Path) -> None:
    """It converts them itself; formats may still not mix."""
    files = [flat(tmp_path / f"{kind}.root", nMuon=np.ones(3, kind)) for kind in ("i4", "u4")]
    assert inputs.check(files, {"Events": ["nMuon"]}, mixed_types=True) == 6
    refused(files, "branch 'nMuon' of Events is uint32_t", branches={"Events": ["nMuon"]})


def test_types_of_collections_are_compared(tmp_path: Path) -> None:
    """The type of the lists' values counts."""
    pts = [jagged([[1.0], []], kind) for kind in ("f4", "f8")]
    files = [write(tmp_path / f"{i}.root", {"Jet": {"pt": pt}}, None) for i, pt in enumerate(pts)]
    refused(files, r"1\.root: branch 'Jet_pt' of Events is double\[\], in .*0\.root float\[\]", branches=PT)


PT = {"Events": ["Jet_pt"]}


def ntuple(path: Path, events: int) -> str:
    """Write Events as an RNTuple."""
    with uproot.recreate(path) as file:
        file.mkrntuple("Events", {"nMuon": "i4", "genWeight": "f4"})
        if events:
            columns = {"nMuon": np.zeros(events, "i4"), "genWeight": np.ones(events, "f4")}
            file["Events"].extend(ak.zip(columns))
    return str(path)


def test_formats_do_not_mix(good: Path) -> None:
    """A list is of TTree files or of RNTuple files."""
    other = ntuple(good.with_name("new.root"), 3)
    assert inputs.check([other], BRANCHES, thorough=True) == 3
    refused([str(good), other], r"new\.root: Events is a RNTuple, in .*good\.root a TTree; .*one format at a time")
    refused([other], "no branch 'nJet'", branches={"Events": ["nJet"]})


def test_an_rntuple_without_events_is_refused(tmp_path: Path) -> None:
    """ROOT ends the process on it."""
    refused([ntuple(tmp_path / "empty.root", 0)], r"empty\.root: .*RNTuple without events.*take it off the list")


@pytest.mark.parametrize("way", ["path", "link", "hard link", "copy"])
@pytest.mark.parametrize("by_dataset", [False, True])
def test_the_same_file_twice_is_an_error(good: Path, way: str, by_dataset: bool) -> None:
    """Its events would count twice, whatever it is called, in one dataset or in two."""
    other = good.with_name("again.root")
    if way == "path":
        other = good.parent / ".." / good.parent.name / good.name
    else:
        ways: dict[str, Callable[[Path], Any]] = {
            "link": other.symlink_to,
            "hard link": other.hardlink_to,
            "copy": lambda g: other.write_bytes(g.read_bytes()),
        }
        ways[way](good)
    files = {"a": [str(good)], "b": [str(other)]} if by_dataset else [str(good), str(other)]
    where = " of dataset 'a'" if by_dataset else ""
    refused(files, rf"{re.escape(str(other))}: the same file as .*good\.root{where}, or a copy.*count twice")


def bare(path: Path, **sections: Any) -> str:
    """Write a file whose job saw no event: Events without branches, and lumi sections."""
    with ROOT.TFile(str(path), "recreate"):
        ROOT.TTree("Events", "").Write()
    with uproot.update(path) as file:
        file.mktree("LuminosityBlocks", {name: column.dtype for name, column in sections.items()}).extend(sections)
    return str(path)


def test_a_file_without_events_and_branches_says_how_to_go_on(good: Path) -> None:
    """No branch is missing: the job saw no event, and its lumi sections count if the recipe asks for them."""
    path = bare(good.with_name("bare.root"), run=np.ones(2, "u4"))
    assert inputs.check([str(good), path], {"Events": []}) == 500
    message = r"bare\.root: no event and no branch in 'Events', which coffea cannot read; "
    refused([str(good), path], message + "nothing in it counts for this recipe: take it off the list")
    merge = r"to count its LuminosityBlocks, merge it .*\(hadd merged\.root OTHER\.root bare\.root\)"
    refused([path], message + merge, branches={**BRANCHES, "LuminosityBlocks": ["run"]}, optional=["genWeight"])


def test_such_files_can_be_merged(good: Path) -> None:
    """The way out of that message: events and sections are all there."""
    path = bare(good.with_name("bare.root"), run=np.ones(2, "u4"))
    merger = ROOT.TFileMerger(False)
    merger.OutputFile(str(good.with_name("merged.root")), "recreate")
    for name in (str(good), path):
        merger.AddFile(name)
    assert merger.Merge()
    branches = {**BRANCHES, "LuminosityBlocks": ["run"]}
    assert inputs.check([str(good.with_name("merged.root"))], branches, thorough=True) == 500


def test_a_folder_suggests_its_files(good: Path) -> None:
    """It never suggests itself."""
    refused([str(good.parent)], rf"{re.escape(str(good.parent))}: a folder; .*'{re.escape(str(good.parent))}/\*\.root'")
    (good.parent / "empty").mkdir()
    refused([str(good.parent / "empty")], "a folder; give the files in it: it holds no .root file itself")


def test_a_pattern_that_nothing_matches_says_so(good: Path) -> None:
    """It is not the name of a file."""
    refused([str(good.with_name("no*.root"))], r"no\*\.root: no file matches; check the path")


@pytest.mark.parametrize("name", ["nano[1].root", "a?.root", "a*.root", "a#b.root", "v[1]/a.root", "a#b/a.root"])
def test_names_that_root_takes_for_patterns_are_refused(good: Path, name: str) -> None:
    """``nano[1].root`` would read nano1.root, ``a#b`` an object named b."""
    path = good.parent / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(good, path)
    refused([str(path)], rf"{re.escape(name)}: ROOT reads '.*' in a path as a pattern.*: ln -s '.*{re.escape(name)}' ")


@pytest.mark.parametrize("name", ["run:1/a.root", "my files/a b.root", "50%.root", "{x}.root", "ä.root"])
def test_other_names_pass(good: Path, name: str) -> None:
    """Both engines read them."""
    path = good.parent / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(good, path)
    assert inputs.check([str(path)], BRANCHES) == 500


def test_a_server_that_is_not_there_is_named_as_that() -> None:
    """Copying the file again would not help."""
    refused(["https://127.0.0.1:9/a.root"], r"https://127\.0\.0\.1:9/a\.root: the server cannot be reached.*network$")
    refused(["root://host//a[1].root"], r"ROOT reads '\[' and '\]' in a path as a pattern")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError("/a.root"), r"no such file on the server \(FileNotFoundError: /a\.root\); check the path"),
        (OSError("[FATAL] Auth failed"), r"refuses \(OSError: .*Auth failed\); .*network, and your grid proxy"),
        (ImportError("Install fsspec-xrootd"), r"cannot be opened \(ImportError: Install fsspec-xrootd\)"),
    ],
)
def test_what_a_server_answers_is_told_apart(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, no permission, no protocol."""
    monkeypatch.setattr(uproot, "open", Mock(side_effect=error))
    refused(["root://host//a.root"], message)


SUMS = {"Events": ["genWeight"], "Runs": ["genEventSumw"]}


def weighted(folder: Path, name: str, *sums: float) -> str:
    """Write a simulated file with these sums of weights in Runs."""
    return write(folder / name, {**event_columns(3), "genWeight": np.ones(3, "f4")}, list(sums))


def test_weights_that_sum_to_zero_name_dataset_and_file(tmp_path: Path) -> None:
    """Before anything divides by the sum; one file of several is a warning."""
    zero, good = weighted(tmp_path, "zero.root", 2.0, -2.0), weighted(tmp_path, "good.root", 3.0)
    told = r"zero\.root: the weights of all generated events of dataset 'TT', in Runs, sum to 0, .* sum_of_weights of"
    refused({"TT": [zero], "DY": [good]}, told, branches=SUMS)
    with pytest.warns(
        inputs.InputWarning, match=r"zero\.root: the weights of all generated events, in Runs, sum to zero"
    ):
        assert inputs.check({"TT": [zero, good]}, SUMS) == 6
    refused([weighted(tmp_path, "nan.root", np.nan)], r"nan\.root: .* events, in Runs, sum to nan", branches=SUMS)


def test_a_sum_of_weights_that_is_known_is_not_asked_of_the_file(tmp_path: Path) -> None:
    """Neither its value nor its tree, of that dataset alone."""
    zero, none = weighted(tmp_path, "zero.root", 0.0), flat(tmp_path / "none.root", genWeight=np.ones(3, "f4"))
    assert inputs.check({"TT": [zero], "DY": [none]}, SUMS, known_sums=["TT", "DY"]) == 6
    refused({"TT": [zero], "DY": [none]}, r"none\.root: no tree 'Runs'", branches=SUMS, known_sums=["TT"])


def test_an_unknown_protocol_is_no_fault_of_a_server() -> None:
    """Such as the name of a dataset before the address."""
    refused(["xyz://host//a.root"], r"cannot be opened \(ValueError: .*\); give a path, or an address such as root://")


def test_a_certified_list_of_other_runs_is_an_error(tmp_path: Path) -> None:
    """It would leave nothing of the data without a word; one that knows a run, or an empty one, is as it is."""
    good = write(tmp_path / "good.root", event_columns(3), None)
    listed = tmp_path / "golden.json"
    for content, message in (
        ('{"378981": [[1, 9]]}', r"golden\.json: knows none of the runs in .*good\.root \(1 to 1\)"),
        ("[1, 2", r"golden\.json: not a JSON of certified sections"),
    ):
        listed.write_text(content)
        with pytest.raises(inputs.InputError, match=message):
            inputs.check_certified([good], str(listed))
    for content in ('{"1": [[1, 9]], "2": []}', "{}"):
        listed.write_text(content)
        inputs.check_certified([good], str(listed))


def test_data_and_simulation_are_what_is_declared(tmp_path: Path) -> None:
    """A file is checked against its dataset, and both are named."""
    simulation = write(tmp_path / "mc.root", {**event_columns(3), "genWeight": np.ones(3, "f4")}, [3.0])
    numbers = {**event_columns(3), "run": np.full(3, 378985, "u4")}
    data = write(tmp_path / "data.root", numbers, None)
    asked: dict[str, Any] = {"branches": {"Events": ["run", "genWeight"]}, "optional": ["genWeight"], "data": ["Muon"]}
    assert inputs.check({"TT": [simulation], "Muon": [data]}, asked["branches"], ["genWeight"], ["Muon"]) == 6
    refused({"Muon": [simulation]}, r"mc\.root: simulation \(it has 'genWeight'\), but dataset 'Muon' is decl", **asked)
    refused({"TT": [data]}, r"data\.root: data \(run 378985.*but dataset 'TT' is declared as simulation", **asked)


def test_a_simulated_file_lacks_what_simulation_must_have(tmp_path: Path) -> None:
    """Whether generator branches may lack is said by the dataset, not by the file."""
    path = write(tmp_path / "mc.root", event_columns(3), None)
    refused({"TT": [path]}, "no branch 'genWeight'", branches=BRANCHES, optional=["genWeight"], data=["Muon"])


class Baskets:
    """A tree of one branch, whose lists of baskets can be changed."""

    def __init__(self, **changed: Any) -> None:
        self.num_entries, self.name = 10, "Jet_pt"
        self.entry_offsets = changed.pop("offsets", [0, 6, 10])
        about = {"fEntries": 10, "fWriteBasket": 2, "fBasketSeek": [100, 400], "fBasketBytes": [300, 200]}
        self.all_members = {**about, **changed}

    def __getitem__(self, name: str) -> "Baskets":
        """Return the branch."""
        return self

    def member(self, name: str) -> Any:
        """Return a member, as uproot does."""
        return self.all_members[name]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, None),
        ({"fEntries": 9}, "branch 'Jet_pt' has 9 entries, its tree 10"),
        ({"offsets": [0, 7, 6, 10]}, "the baskets of branch 'Jet_pt' do not follow each other from entry 0 to 10"),
        ({"offsets": [0, 6]}, "do not follow each other"),
        ({"fBasketSeek": [100, 2**40]}, "a basket of branch 'Jet_pt' lies beyond the end of the file"),
        ({"fBasketBytes": [300, -1]}, "lies beyond the end"),
        ({"fBasketSeek": [100, 0], "fBasketBytes": [300, 0]}, None),
    ],
)
def test_lists_of_baskets_contradict_themselves(changed: dict[str, Any], message: str | None) -> None:
    """What is damaged in them shows without reading a basket."""
    found = damage.bookkeeping(Baskets(**changed), ["Jet_pt"], 600)
    assert any(message in fault for fault in found) if message else not found


def test_damaged_bookkeeping_names_the_file(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says that the content is damaged, and what to do."""
    monkeypatch.setattr(damage, "bookkeeping", lambda *_: ["branch 'x' has 1 entries, its tree 2"])
    refused([str(good)], r"good\.root: damaged: branch 'x' has 1 entries, its tree 2; copy the file again")


def test_a_counter_that_differs_from_its_lists_is_damage(tmp_path: Path) -> None:
    """RDataFrame reads as many values as the counter says, uproot as many as there are: a thorough check compares."""
    with ROOT.TFile(str(tmp_path / "a.root"), "recreate"):
        tree, count, pt = ROOT.TTree("Events", ""), array("i", [0]), array("f", [1.0, 2.0, 3.0])
        tree.Branch("nJet", count, "nJet/I")
        tree.Branch("Jet_pt", pt, "Jet_pt[nJet]/F")
        for count[0] in (1, 2, 3):
            tree.Fill()
        tree.Write()
    path = changed_counters(tmp_path / "a.root", [1, 2, 3], [1, 2, 2])
    assert inputs.check([path], PT) == 3
    refused(
        [path],
        r"a\.root: damaged: in 1 events the list of 'Jet_pt' is not as long as its counter 'nJet'",
        branches=PT,
        thorough=True,
    )


def test_a_basket_that_cannot_be_unpacked_is_damage(good: Path) -> None:
    """Its bytes are changed, its place and length are not: a thorough check reads it."""
    with uproot.open(good) as file:
        place = int(file["Events"]["nMuon"].member("fBasketSeek")[0])
        length = int(file["Events"]["nMuon"].member("fBasketBytes")[0])
    content = bytearray(good.read_bytes())
    middle = slice(place + length // 2, place + length // 2 + 8)
    content[middle] = bytes(255 - byte for byte in content[middle])
    good.write_bytes(content)
    assert inputs.check([str(good)], BRANCHES) == 500
    refused([str(good)], r"good\.root: cannot be read \(.*\); copy the file again or take it off", thorough=True)


def changed_counters(path: Path, old: list[int], new: list[int]) -> str:
    """Change numbers in the bytes of a file, as they stand in a basket that is not compressed."""
    content = path.read_bytes()
    before, after = (np.array(values, ">i4").tobytes() for values in (old, new))
    assert content.count(before) == 1
    path.write_bytes(content.replace(before, after))
    return str(path)


def test_values_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    """They are a finding of their own, and no error."""
    pt = jagged([[1.0, np.nan], [np.inf], [2.0]], "f4")
    path = write(tmp_path / "a.root", {"Jet": {"pt": pt}, "n": np.zeros(3, "i4")}, None)
    branches = {"Events": ["nJet", "Jet_pt", "n"]}
    assert inputs.check([path], branches) == 3
    with pytest.warns(inputs.InputWarning, match=r"^Jet_pt: 2 of 4 values are not finite in file .*a\.root$"):
        assert inputs.check([path], branches, thorough=True) == 3


def test_events_that_occur_twice_are_an_error_in_data(tmp_path: Path) -> None:
    """Two merges that overlap: event numbers are unique in a dataset of data, and common to two of them."""
    names = {"Events": ["run"]}
    one, other = (write(tmp_path / f"{i}.root", event_columns(3 + i), None) for i in range(2))
    assert inputs.check({"Muon": [one], "EGamma": [other]}, names, (), ["Muon", "EGamma"], thorough=True) == 7
    assert inputs.check([one, other], names, thorough=True) == 7
    text = (
        r"0\.root and 1 other file\(s\): 3 events occur twice, as run 1, luminosityBlock 1, event 0 of dataset 'Muon'"
    )
    refused({"Muon": [one, other]}, text, branches=names, data=["Muon"], thorough=True)


def test_events_that_occur_twice_in_a_simulated_file_are_a_warning(tmp_path: Path) -> None:
    """Simulated processes share numbers, so only one file by itself is looked at."""
    columns = event_columns(3)
    columns["event"][2] = 0
    path = write(tmp_path / "a.root", columns, None)
    message = r"a\.root: 1 events occur twice, as run 1, luminosityBlock 1, event 0: was it merged"
    with pytest.warns(inputs.InputWarning, match=message):
        inputs.check({"TT": [path]}, {"Events": ["run"]}, data=[], thorough=True)


def test_events_of_sections_that_are_not_there_are_told(tmp_path: Path) -> None:
    """A bit flipped in a lumi section loses the event at the certified list: the other tree knows the sections."""
    columns = event_columns(3)
    columns["luminosityBlock"][1] = 129
    path = write(tmp_path / "a.root", columns, None)
    with uproot.update(path) as file:
        sections = {name: np.ones(1, "u4") for name in ("run", "luminosityBlock")}
        file.mktree("LuminosityBlocks", {name: column.dtype for name, column in sections.items()}).extend(sections)
    with pytest.warns(inputs.InputWarning, match=r"a\.root: 1 events are of lumi sections that LuminosityBlocks lacks"):
        inputs.check([path], {"Events": ["run"]}, thorough=True)


def test_the_sample_passes_a_thorough_check() -> None:
    """Nothing in it contradicts itself."""
    with uproot.open(sample.files("TTbar")[0]) as file:
        names = [name for name in file["Events"].keys(recursive=False) if name.startswith(("Jet_", "Muon_", "nJet"))]
    assert inputs.check({"TTbar": sample.files("TTbar")}, {"Events": names}, (), [], thorough=True) > 0


@pytest.mark.parametrize(
    ("branch", "message"),
    [
        ("Rho_fixedGridRhoFastjetAll", "is 'fixedGridRhoFastjetAll' in NanoAOD v6"),
        ("Jet_btagPNetB", r"NanoAOD v6 has no 'Jet_btagPNetB'; it is in v12 and v15; in its place: Jet_btagDeepFlavB"),
        ("HLT_IsoMu99", "set the recipe's trigger to one of the file's"),
    ],
)
def test_an_older_version_is_explained(branch: str, message: str) -> None:
    """The error says what a branch is called in the version of the file, or what stands in its place."""
    with pytest.raises(inputs.InputError, match=message):
        inputs.check([str(nanoaod("nano_dy.root"))], {"Events": [branch]})
