"""What RDataFrame lacks, each gap with its smallest reproducer."""

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import ROOT

from cookbook.gaps import Gap
from reproduced import refused, shows, tree
from small_files import jagged


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="SIGSEGV",
        effect="There is no cutflow for each variation: the job dies of a segmentation violation.",
        instead="Book a `Count` behind each cut, or a histogram of the steps that an event reaches: both vary.",
        recipe="object-shifts",
        thread="none found",
    )
)
def test_varied_report() -> None:
    """A varied `Report` behind a filter given as text crashes."""
    df = ROOT.RDataFrame(4).Define("x", "double(rdfentry_)")
    df = df.Vary("x", "ROOT::RVecD{x - 1, x + 1}", ["down", "up"])
    reports = ROOT.RDF.Experimental.VariationsFor(df.Filter("x > 1", "cut").Report())
    passed = [cut.GetPass() for way in reports.GetKeys() for cut in reports[way]]
    assert passed == [2, 1, 3]


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="This should never be called",
        effect="Shifted quantities cannot be multiplied by a scale or a luminosity by sample: the job aborts.",
        instead="Read it through a `Define` of its own, or keep it out of the expression and multiply afterwards.",
        recipe="lepton-scale-factors",
        thread="https://github.com/root-project/root/issues/22367",
    )
)
def test_varied_expression_of_a_column_by_sample() -> None:
    """A varied expression that reads a `DefinePerSample` column aborts."""
    df = ROOT.RDataFrame(2).DefinePerSample("scale", "2.0").Define("x", "double(rdfentry_)")
    df = df.Vary("x", "ROOT::RVecD{x - 1, x + 1}", ["down", "up"])
    sums = ROOT.RDF.Experimental.VariationsFor(df.Define("y", "x * scale").Sum("y"))
    assert [sums[way] for way in sums.GetKeys()] == [2, -2, 6]


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="scales [1.0, 1.0, 1.0, 1.0]",
        effect="The file is read twice, and gets the cross section of the first sample both times.",
        instead="Compare the lists of files before the frame is made.",
        recipe="luminosity-bookkeeping",
        thread="none found",
    )
)
def test_file_in_two_samples(tmp_path: Path) -> None:
    """A file in two samples of an `RDatasetSpec` belongs to the first of them, both times."""
    file = tree(tmp_path / "a.root", x=[1.0, 2.0])
    spec = ROOT.RDF.Experimental.RDatasetSpec()
    for name, scale in {"first": 1.0, "second": 3.0}.items():
        about = ROOT.RDF.Experimental.RMetaData()
        about.Add("scale", scale)
        spec.AddSample(ROOT.RDF.Experimental.RSample(name, "Events", file, about))
    df = ROOT.RDataFrame(spec).DefinePerSample("scale", 'rdfsampleinfo_.GetD("scale")')
    scales = list(df.Take["double"]("scale").GetValue())
    assert scales == [1, 1, 3, 3], f"scales {scales}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="SIGSEGV",
        effect="A job that finds no file of its dataset dies, and does not say why.",
        instead="Refuse an empty list of files before.",
        recipe="normalised-data-simulation",
        thread="none found",
    )
)
def test_specification_without_a_sample() -> None:
    """A frame of an `RDatasetSpec` without a sample crashes."""
    with refused("sample"):
        ROOT.RDataFrame(ROOT.RDF.Experimental.RDatasetSpec())


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="weights [1.0, 1.0]",
        effect="Every event counts one. One line on stderr is all that tells.",
        instead="Ask `GetColumnType` for the type, and give it with the value: `DefaultValueFor[kind]`.",
        recipe="normalised-data-simulation",
        thread="none found",
    )
)
def test_default_of_another_type(tmp_path: Path) -> None:
    """`DefaultValueFor` of another type than the branch gives its default to every event."""
    file = tree(tmp_path / "a.root", genWeight=[5.0, 7.0])
    df = ROOT.RDataFrame("Events", file).DefaultValueFor("genWeight", 1)
    weights = list(df.Define("weight", "double(genWeight)").Take["double"]("weight").GetValue())
    assert weights == [5, 7], f"weights {weights}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="SIGSEGV",
        effect="Data and simulation in one frame: weights such as `LHEScaleWeight` crash it at the first file of data.",
        instead="Read the files that lack the list first.",
        recipe="normalised-data-simulation",
        thread="none found",
    )
)
def test_default_of_a_list(tmp_path: Path) -> None:
    """`DefaultValueFor` on a list crashes where a file that lacks it follows one that has it."""
    simulation = tree(tmp_path / "simulation.root", Scale=jagged([[1, 2], [3]], "f4"))
    data = tree(tmp_path / "data.root", x=[1.0, 2.0])
    df = ROOT.RDataFrame("Events", [simulation, data])
    df = df.DefaultValueFor["ROOT::RVec<float>"]("Scale", ROOT.RVecF())
    assert list(df.Define("size", "int(Scale.size())").Take["int"]("size").GetValue()) == [2, 1, 0, 0]


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="no error",
        effect="The events of the file are missing in all results. One line on stderr is all that tells.",
        instead="Make ROOT's errors exceptions, as the cell `stop_at_errors` of every recipe does.",
        recipe="dimuon-spectrum",
        thread="none found",
    )
)
def test_missing_file_between_others(tmp_path: Path) -> None:
    """A file that is missing in the middle of the list is left out, with one thread."""
    first, last = tree(tmp_path / "a.root", x=[1.0]), tree(tmp_path / "b.root", x=[2.0])
    with refused("missing.root"):
        ROOT.RDataFrame("Events", [first, str(tmp_path / "missing.root"), last]).Sum("x").GetValue()


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="values [1.0, 2.0, 1065353216.0, 1073741824.0]",
        effect="NanoAOD versions differ in the types of charges, indices and counters: mixed, they are nonsense.",
        instead="Make a frame for each version, or compare the types of all files first.",
        recipe="nanoaod-versions",
        thread="none found",
    )
)
def test_types_that_differ_between_files(tmp_path: Path) -> None:
    """A branch that has another type in a later file is read with the type of the first."""
    files = [tree(tmp_path / f"{kind}.root", n=np.array([1, 2], kind)) for kind in ("int32", "float32")]
    values = list(ROOT.RDataFrame("Events", files).Define("y", "double(n)").Take["double"]("y").GetValue())
    assert values == [1, 2, 1, 2], f"values {values}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="length 4",
        effect="A key or a variation called like a branch of the same expression is looked up under another name.",
        instead='Break the text where it holds the name: C++ joins adjacent ones, as in `"L" "HEPdfWeight"`.',
        recipe="weight-variations",
        thread="none found",
    )
)
def test_name_of_a_column_in_quotes() -> None:
    """In an expression that reads a column, the column's name is replaced inside quoted text as well."""
    df = ROOT.RDataFrame(1).Define("LHEPdfWeight", "1.0")
    length = df.Define("length", 'LHEPdfWeight * std::string("LHEPdfWeight").size()').Sum("length")
    assert length.GetValue() == 12, f"length {length.GetValue():g}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="values",
        effect="`df.Histo1D(…).values()` in one line, or in a function that returns it, may give any numbers.",
        instead="Keep the histogram for as long as its numbers, or copy them.",
        recipe="jet-energy-sources-at-scale",
        thread="none found",
    )
)
def test_values_of_a_histogram_that_is_gone() -> None:
    """`values()` of a histogram is a view of its memory, and does not keep it."""
    h = ROOT.TH1D("gone", "", 3, 0, 3)
    h.Fill(1)
    values = h.values()
    del h
    gc.collect()
    others = [ROOT.TH1D(f"other {number}", "", 3, 0, 3) for number in range(100)]  # which take the memory over
    for other in others:
        other.Fill(2, 7)
    assert values.tolist() == [0, 1, 0], f"values {values}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="crash",
        shows="SIGSEGV",
        effect="Asking a file for its titles, branches or entries in one line ends the job, without a word on why.",
        instead="Give the file a name that lives as long as its tree.",
        recipe="theory-weights",
        thread="none found",
    )
)
def test_tree_of_a_file_without_a_name(tmp_path: Path) -> None:
    """A tree does not keep its file: in Python one of a file that nothing else names is gone."""
    assert ROOT.TFile(tree(tmp_path / "a.root", x=[1.0, 2.0]))["Events"].GetEntries() == 2


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="declared True, there False",
        effect="A guard on what `Declare` returns passes, and the functions beside such a variable are unusable.",
        instead="Declare variables apart from functions, and without a value; set it from a function.",
        recipe="nuisance-table",
        thread="https://github.com/root-project/root/issues/16601",
    )
)
def test_declaration_that_fails() -> None:
    """`Declare` returns true though the value of a variable needs a library that is not loaded yet."""
    code = 'std::string text = "x"; ROOT::RVecD ones(std::size_t n) { return ROOT::RVecD(n, 1.0); }'
    asked = "ROOT.gInterpreter.Declare(code), bool(ROOT.gInterpreter.Calc('ones(1).size()'))"
    script = f"import ROOT; code = {code!r}; print(*({asked}))"
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False)
    declared, there = said.stdout.split()
    assert (declared, there) == ("True", "True"), f"declared {declared}, there {there}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="silent",
        shows="scores [0.0, 0.0, 0.0, 0.0]",
        effect="Keys above 2^53, such as hashes, get the row of another event; most event numbers are smaller.",
        instead="Read the friend into a table by integers, and look the keys up there.",
        recipe="friends-and-extra-columns",
        thread="none found",
    )
)
def test_large_keys_of_an_index(tmp_path: Path) -> None:
    """An indexed friend is looked up in double precision, also where its index was built with integers."""
    events = np.arange(2**62, 2**62 + 4, dtype="uint64")
    keys = {"run": np.ones_like(events), "luminosityBlock": np.ones_like(events), "event": events}
    chain, friend = ROOT.TChain("Events"), ROOT.TChain("Events")
    chain.Add(tree(tmp_path / "a.root", **keys))
    friend.Add(tree(tmp_path / "b.root", **keys, score=[0.0, 1.0, 2.0, 3.0]))
    friend.BuildIndex("(run << 32) + luminosityBlock", "event", True, True)
    chain.AddFriend(friend, "friend")
    scores = list(ROOT.RDataFrame(chain).Take["double"]("friend.score").GetValue())
    assert scores == [0, 1, 2, 3], f"scores {scores}"


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="missing",
        shows="takes at most 0 arguments",
        effect="`Report` counts events: with weights its efficiencies are not those of the analysis.",
        instead="Fill a weighted histogram of the steps that each event reaches.",
        recipe="dimuon-spectrum",
        thread="https://github.com/root-project/root/issues/20205",
    )
)
def test_weighted_report() -> None:
    """`Report` takes no weight."""
    ROOT.RDataFrame(4).Define("weight", "2.0").Filter("rdfentry_ > 1", "cut").Report("weight")


@shows(
    Gap(
        tool="ROOT",
        version="6.40.00",
        kind="error",
        shows="just-in-time compilation",
        effect="The exception does not say which branch the file lacks; in a batch log its name is somewhere above.",
        instead="Compare the names with `GetColumnNames` first, or read what the compiler printed.",
        recipe="met-filters",
        thread="none found",
    )
)
def test_branch_that_is_missing() -> None:
    """The exception for a branch that is missing does not name it."""
    with refused("Flag_goodVertices"):
        ROOT.RDataFrame(1).Filter("Flag_goodVertices").Count()
