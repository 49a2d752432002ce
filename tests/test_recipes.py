"""Every recipe keeps the contract, and its engines agree, on the sample and on real NanoAOD."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import uproot
import yaml

from cookbook import agreement, inputs, recipe, roothist, sample
from cookbook.recipe import Engine

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

SLUGS = recipe.slugs()
LONGEST_CELL = 25
# coffea's schema and its vectors ask that these exist, and do not read them
ALWAYS_THERE = ["run", "luminosityBlock", "event", "Jet_mass"]
ALWAYS_THERE += [f"{lepton}_{name}" for lepton in ("Muon", "Electron") for name in ("mass", "charge")]

# and these of single recipes, which read other branches of the same collections
ALSO_THERE: Mapping[str, Sequence[str]] = {
    "all-corrections": ["PuppiMET_phi", "GenJet_mass", "PV_x", "PV_y", "PV_z"],
    "btag-weights": ["Jet_phi"],
    "jet-energy-corrections": ["PuppiMET_phi", "GenJet_eta", "GenJet_phi", "GenJet_mass"],
    "jet-id-and-veto-map": ["Muon_pt", "PuppiMET_phi"],
    "jet-smearing": ["GenJet_mass"],
    "lepton-scale-factors": ["TrigObj_pt"],
    "pileup-weights": ["Muon_phi", "PV_x", "PV_y", "PV_z"],
    "trigger-efficiency": ["TrigObj_pt"],
}

# How often an event loop runs over each tree, by recipe, where it is not once for all: what must be measured first.
LOOPS: Mapping[str, Sequence[int]] = {
    "btag-weights": [1, 2],  # Runs; Events once for the efficiencies that the weights need
}

# Real files are small and no two selections fit all: cuts are opened so that something survives, by recipe.
OPENED: Mapping[str, Mapping[str, Any]] = {
    "all-corrections": {"TRIGGER": "HLT_Mu8", "MUON_MIN_PT": 3.0, "MUON_MAX_ISOLATION": 9.0, "JET_DELTA_R": 0.0},
    "btag-weights": {"TRIGGERS": ["HLT_PFHT180"]},
    "certified-lumi": {"TRIGGERS": {"Muon": ["HLT_Mu12eta2p3", "HLT_Mu15"], "JetMET": ["HLT_PFHT370"]}},
    "dimuon-spectrum": {"MIN_PT": 3.0, "MAX_ISOLATION": 9.0, "BINS": (80, 0.0, 120.0)},
    "lepton-scale-factors": {
        "TRIGGER": {"Muon": "HLT_Mu8", "Electron": "HLT_Ele30_WPTight_Gsf"},
        "TRIGGER_OBJECT": {"Muon": (13, 256), "Electron": (11, 2)},
        "LEADING_PT": {"Muon": 3.0, "Electron": 10.0},
        "MIN_PT_SECOND": 3.0,
        "MAX_ISOLATION": 9.0,
        "WINDOW": (0.0, 1000.0),
    },
    "normalised-data-simulation": {"MIN_PT": 3.0, "MIN_PT_SECOND": 3.0, "MAX_ISOLATION": 9.0},
    "trigger-efficiency": {"MIN_PT": 3.0, "MAX_ISOLATION": 9.0, "PROMPT": 5},
}


@pytest.fixture(scope="module")
def nanoaod() -> Path:
    """Return the folder of real NanoAOD files that COOKBOOK_NANOAOD names."""
    folder = os.environ.get("COOKBOOK_NANOAOD")
    if not folder:
        pytest.skip("COOKBOOK_NANOAOD names no folder of real NanoAOD files")
    return Path(folder)


@pytest.fixture(params=SLUGS)
def subject(request: pytest.FixtureRequest) -> recipe.Recipe:
    """Return each recipe in turn."""
    return recipe.load(request.param)


def lines(cell: Any) -> int:
    """Return how many lines of a cell are not blank."""
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def test_cells_are_short(subject: recipe.Recipe) -> None:
    """No cell is longer than a screen."""
    long = {
        i: lines(c) for i, c in enumerate(subject.notebook.cells) if lines(c) > LONGEST_CELL and c.cell_type == "code"
    }
    assert not long, f"cells of {subject.slug} with more than {LONGEST_CELL} lines: {long}"


def test_parts_stand_in_order(subject: recipe.Recipe) -> None:
    """Parameters, coffea, RDataFrame, agreement, timing: the skeleton never varies."""
    order = [tag for cell in subject.cells for tag in recipe.REQUIRED_TAGS if tag in cell.tags]
    assert list(dict.fromkeys(order)) == list(recipe.REQUIRED_TAGS)
    assert order == sorted(order, key=recipe.REQUIRED_TAGS.index)


def test_title_and_slug_stand_at_the_top(subject: recipe.Recipe) -> None:
    """The first cell has the title, and the metadata repeat it word for word."""
    assert subject.notebook.cells[0].source.startswith(f"# {subject.metadata['title']}\n")


def test_only_check_cells_keep_output(subject: recipe.Recipe) -> None:
    """A check cell has its text and a count; nothing else is stored."""
    checks = 0
    for cell in subject.notebook.cells:
        if cell.cell_type != "code":
            continue
        if set(cell.metadata.get("tags", ())) >= recipe.CHECK_TAGS:
            assert cell.execution_count, f"run: make accept NAME={subject.slug}"
            assert [o.output_type for o in cell.outputs] == ["stream"], "a check cell prints, and does nothing else"
            checks += 1
        else:
            assert not cell.outputs
    assert checks, f"{subject.slug} has no check cell"


def test_prose_stands_before_code(subject: recipe.Recipe) -> None:
    """Each engine's half and the parameters are introduced."""
    before = {cell.source.splitlines()[0] for cell in subject.notebook.cells if cell.cell_type == "markdown"}
    assert {"## coffea", "## RDataFrame", "## The same answer", "## Check", "## What to remember"} <= before


def test_the_chapter_is_in_the_table_of_contents(subject: recipe.Recipe, repository: Path) -> None:
    """A recipe is listed under its chapter."""
    parts = yaml.safe_load((repository / "_toc.yml").read_text())["parts"]
    chapters = {part["caption"]: [entry["file"] for entry in part["chapters"]] for part in parts}
    assert f"recipes/{subject.slug}" in chapters[subject.metadata["chapter"]]


def test_engines_agree_on_the_sample(subject: recipe.Recipe) -> None:
    """The two functions, and every variant of either, give the same histograms, each non-empty."""
    files = subject.parameters()["FILES"]
    results = {variant: subject.run(variant, files) for variant in subject.variants()}
    for variant, result in results.items():
        sides = (result, results["rdataframe"]) if variant.startswith("coffea") else (results["coffea"], result)
        assert len(agreement.check(*sides)) > 0


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize("slug", [slug for slug in SLUGS if "LUMINOSITY" in recipe.load(slug).parameters()])
def test_a_second_run_takes_its_own_parameters(slug: str, engine: Engine) -> None:
    """With twice the luminosity simulation doubles, also where the process has run the recipe before."""
    subject = recipe.load(slug)
    files, luminosity, data = (subject.parameters()[name] for name in ("FILES", "LUMINOSITY", "DATA"))
    once, twice = (subject.run(engine, files, {"LUMINOSITY": factor * luminosity}) for factor in (1, 2))
    process = next(name for name in files if name not in data)
    results = [{name: roothist.to_hist(h) for name, h in result.items()} for result in (once, twice)]
    scaled = [name for name, h in results[0].items() if process in list(h.axes[0]) and "weight" not in name]
    for before, after in ((result[name] for result in results) for name in scaled if not name.startswith("events")):
        assert after[process, ...].values() == pytest.approx(2 * before[process, ...].values())


def test_rdataframe_runs_one_event_loop(subject: recipe.Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything over a tree is booked before anything runs, but for what LOOPS says must be known before."""
    frames: list[Any] = []
    original = ROOT.RDataFrame

    def remembered(*args: Any, **kwargs: Any) -> Any:
        frames.append(original(*args, **kwargs))
        return frames[-1]

    monkeypatch.setattr(ROOT, "RDataFrame", remembered)
    results = subject.run("rdataframe", subject.parameters()["FILES"])
    for result in results.values():
        roothist.to_hist(result)
    assert [frame.GetNRuns() for frame in frames] == list(LOOPS.get(subject.slug, [1] * len(frames)))
    assert len(frames) == len(subject.metadata["branches"])  # one frame for each tree


@pytest.fixture
def pruned(subject: recipe.Recipe, tmp_path: Path) -> recipe.Files:
    """Return the recipe's files with only the branches it declares."""

    def prune(path: str) -> str:
        target = tmp_path / Path(path).name
        source, out = ROOT.TFile(path), ROOT.TFile(str(target), "RECREATE")
        for tree, branches in subject.metadata["branches"].items():
            events = source.Get(tree)
            events.SetBranchStatus("*", False)
            have = {str(b.GetName()) for b in events.GetListOfBranches()}
            for branch in have & {*branches, *ALWAYS_THERE, *ALSO_THERE.get(subject.slug, ())}:
                events.SetBranchStatus(branch, True)
            events.CloneTree(-1, "fast").Write()
        out.Close()
        return str(target)

    return mapped(subject.parameters()["FILES"], prune)


def mapped(files: recipe.Files, change: Callable[[str], str]) -> recipe.Files:
    """Return `files` with each path changed."""
    if isinstance(files, Mapping):
        return {name: [change(path) for path in paths] for name, paths in files.items()}
    return [change(path) for path in files]


def test_no_undeclared_branch_is_read(subject: recipe.Recipe, pruned: recipe.Files) -> None:
    """Files that hold nothing but the declared branches give the same result."""
    files = subject.parameters()["FILES"]
    agreement.check(subject.run("coffea", pruned), subject.run("rdataframe", pruned))
    agreement.check(subject.run("coffea", pruned), subject.run("coffea", files))


def test_no_branch_is_declared_in_vain(subject: recipe.Recipe) -> None:
    """Every declared branch stands in the code of the RDataFrame half, or is the counter of one that does."""
    code = "\n".join(cell.source for cell in subject.cells if {"rdataframe", "parameters"} & cell.tags)
    for branch in (b for tree in subject.metadata["branches"].values() for b in tree):
        if branch.startswith("n") and branch[1].isupper():
            assert f"{branch[1:]}_" in code
        else:
            collection, _, name = branch.partition("_")
            assert branch in code or (collection in code and f"}}_{name}" in code), branch


def with_runs(path: Path, target: Path) -> str:
    """Copy the events of a real file and give them a Runs tree with the sum of their weights, where it has none."""
    target.write_bytes(path.read_bytes())
    with uproot.open(target) as file:
        if "Runs" in file and "genEventSumw" in file["Runs"]:
            return str(target)
        weights = file["Events"]["genWeight"].array(library="np").astype("f8")
    with uproot.update(target) as file:
        sums = {"run": np.array([1], dtype="u4"), "genEventSumw": np.array([weights.sum()])}
        file.mktree("Runs", {name: column.dtype for name, column in sums.items()}).extend(sums)
    return str(target)


def with_sections(path: Path, table: Path) -> str:
    """Give a copy of a real file a tree of the sections of its events, and write a table of their luminosity."""
    with uproot.open(path) as file:
        columns = file["Events"].arrays(["run", "luminosityBlock"], library="np")
    run, section = np.unique(np.stack([columns["run"], columns["luminosityBlock"]]), axis=1)
    with uproot.update(path) as file:
        sections = {"run": run, "luminosityBlock": section}
        file.mktree("LuminosityBlocks", {name: column.dtype for name, column in sections.items()}).extend(sections)
    rows = [f"{r},{s},0.01,1" for r, s in zip(run, section, strict=True)]
    table.write_text("\n".join(["run,luminosityBlock,recorded_per_pb,certified", *rows]) + "\n")
    return str(table)


def real_input(subject: recipe.Recipe, path: Path, folder: Path) -> tuple[recipe.Files, dict[str, Any]]:
    """Return a real file as the recipe takes it, and the parameters with which it runs on it."""
    parameters = dict(OPENED.get(subject.slug, {}))
    if subject.metadata["input"] == "files":
        return [str(path)], parameters
    certified = folder / "certified.json"
    certified.write_text(json.dumps({"1": [[1, 1_000_000]]}))
    copy = with_runs(path, folder / path.name)
    own = subject.parameters()
    # a recipe of data alone gets two datasets of them
    other = next((name for name in own["FILES"] if name not in own["DATA"]), own["DATA"][-1])
    if "LuminosityBlocks" in subject.metadata["branches"]:
        parameters["LUMINOSITY_TABLE"] = with_sections(Path(copy), folder / "luminosity.csv")
    # ROOT attributes a file that is in two samples to one of them: data get a copy
    second = folder / f"data_{path.name}"
    second.write_bytes(Path(copy).read_bytes())
    if "CERTIFIED" in own:
        parameters["CERTIFIED"] = str(certified)
    return {other: [copy], own["DATA"][0]: [str(second)]}, parameters


def test_engines_agree_on_real_nanoaod_v15(subject: recipe.Recipe, nanoaod: Path, tmp_path: Path) -> None:
    """On CMS's own top pairs in NanoAOD v15 both engines read every event and agree."""
    files, parameters = real_input(subject, nanoaod / "nano_tt_v15.root", tmp_path)
    # few of 200 top pairs have two muons, so a histogram of pairs may be empty; the others must not be
    coffea, rdataframe = (subject.run(engine, files, parameters) for engine in recipe.ENGINES)
    table = agreement.check(coffea, rdataframe, empty=True)
    assert any(float(entries) > 0 for entries in table["entries"])


# coffea gives photons a mass and a charge, and complains where old files have them.
@pytest.mark.filterwarnings("ignore:Branch Photon_(mass|charge) already exists:RuntimeWarning")
@pytest.mark.parametrize("name", ["nano_dy.root", "nano_dimuon.root"])
def test_dimuons_agree_on_real_older_files(name: str, nanoaod: Path) -> None:
    """The dimuon recipe also reads older versions: Drell-Yan with weights, and data without."""
    subject = recipe.load("dimuon-spectrum")
    files, parameters = [str(nanoaod / name)], OPENED["dimuon-spectrum"]
    coffea, rdataframe = (subject.run(engine, files, parameters) for engine in recipe.ENGINES)
    table = agreement.check(coffea, rdataframe)
    assert float(table.loc["cutflow", "entries"]) >= 40


@pytest.fixture
def empty_file(subject: recipe.Recipe, tmp_path: Path) -> recipe.Files:
    """Return the recipe's input with every file emptied of its events, Runs kept."""

    def emptied(path: str) -> str:
        target = tmp_path / Path(path).name
        source, out = ROOT.TFile(path), ROOT.TFile(str(target), "RECREATE")
        source.Get("Events").CloneTree(0).Write()
        for tree in set(subject.metadata["branches"]) - {"Events"}:
            source.Get(tree).CloneTree(-1, "fast").Write()
        out.Close()
        return str(target)

    return mapped(subject.parameters()["FILES"], emptied)


def test_no_events_give_an_empty_result(subject: recipe.Recipe, empty_file: recipe.Files) -> None:
    """Files of zero events give the right axes and no entry, in both engines."""
    assert inputs.events(empty_file) == 0
    coffea, rdataframe = (subject.run(engine, empty_file) for engine in recipe.ENGINES)
    table = agreement.check(coffea, rdataframe, empty=True)
    assert list(table.index)


def alone(subject: recipe.Recipe, data: bool) -> recipe.Files:
    """Return of the recipe's input what is data, or what is simulation; skip where there is nothing to leave out."""
    parameters = subject.parameters()
    names = [name for name in parameters["FILES"] if (name in parameters.get("DATA", ())) == data]
    if not isinstance(parameters["FILES"], Mapping) or len(names) in (0, len(parameters["FILES"])):
        pytest.skip(f"{subject.slug} does not take both data and simulation")
    return {name: parameters["FILES"][name] for name in names}


def test_simulation_alone_is_enough(subject: recipe.Recipe) -> None:
    """A reader without data gets the histograms of simulation, and empty ones of data."""
    coffea, rdataframe = (subject.run(engine, alone(subject, data=False)) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)


def test_data_alone_are_enough_or_an_error(subject: recipe.Recipe) -> None:
    """A reader without simulation gets the histograms of data, or is told what is missing."""
    files = alone(subject, data=True)
    if "Runs" in subject.metadata["branches"]:
        with pytest.raises(ValueError, match="no simulated dataset among the files"):
            subject.run("rdataframe", files)
    else:
        coffea, rdataframe = (subject.run(engine, files) for engine in recipe.ENGINES)
        agreement.check(coffea, rdataframe, empty=True)


def bad_files(good: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield a bad file made of a good one, and what the error must say."""
    content = Path(good).read_bytes()
    yield str(folder / "missing.root"), r"missing\.root: no such file"
    (folder / "text.root").write_text("<html>")
    yield str(folder / "text.root"), r"text\.root: not a ROOT file"
    (folder / "truncated.root").write_bytes(content[: len(content) // 2])
    yield str(folder / "truncated.root"), r"truncated\.root: (truncated|cannot be read)"
    with uproot.recreate(folder / "tree.root") as file:
        file.mktree("Other", {"x": "f4"}).extend({"x": np.zeros(3, dtype="f4")})
    yield str(folder / "tree.root"), r"tree\.root: no tree 'Events'; it holds Other"
    with uproot.recreate(folder / "branch.root") as file:
        file.mktree("Events", {"run": "u4"}).extend({"run": np.zeros(3, dtype="u4")})
    yield str(folder / "branch.root"), r"branch\.root: tree 'Events' has no branch"


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_bad_input_is_named(subject: recipe.Recipe, engine: Engine, tmp_path: Path) -> None:
    """Whatever is wrong with one file of several, the error names it before an event is lost."""
    files = subject.parameters()["FILES"]
    good = inputs.paths(files)[0]
    for bad, message in bad_files(good, tmp_path):
        if isinstance(files, Mapping):
            first = next(iter(files))
            given: recipe.Files = {**files, first: [*files[first], bad]}
        else:
            given = [*files, bad]
        with pytest.raises(inputs.InputError, match=message):
            subject.run(engine, given)


def test_a_clone_is_enough(subject: recipe.Recipe, tmp_path: Path) -> None:
    """Where the engines are installed and the helper package is not, as on SWAN, the notebook still runs."""
    environment = tmp_path / "swan"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    # a path file is not read for its own path files, so the editable install stays behind
    (packages / "engines.pth").write_text(sysconfig.get_path("purelib") + "\n")
    code = "\n".join(c.source for c in subject.cells if not c.tags & {"timing"})
    script = subject.path.parent / f".{subject.slug}-{os.getpid()}.py"
    check = "import cookbook; assert cookbook.__file__.startswith('..') or 'src' in cookbook.__file__\n"
    guard = "import importlib.util; assert importlib.util.find_spec('cookbook') is None\n"
    script.write_text(f"import matplotlib; matplotlib.use('Agg')\n{guard}{code}\n{check}")
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        subprocess.run(
            [str(environment / "bin" / "python"), script.name],
            cwd=subject.path.parent,
            env=variables,
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{subject.slug} does not run from a clone alone:\n{error.stderr[-2000:]}")
    finally:
        script.unlink()


def test_cross_sections_and_luminosity_are_the_samples(subject: recipe.Recipe) -> None:
    """What a recipe shows as numbers is what the sample was made with, in larger number as well."""
    parameters, known = subject.parameters(), sample.datasets()
    cross_sections = parameters.get("CROSS_SECTION", {})
    assert cross_sections == {name: known[name].cross_section for name in cross_sections}
    for files, luminosity in (("FILES", "LUMINOSITY"), ("MANY", "MANY_LUMINOSITY")):
        if luminosity in parameters:
            data = [parameters[files][name] for name in parameters["DATA"]]
            found = [known[name].luminosity for name in known if sample.files(name) in data]
            assert found == [parameters[luminosity]] * len(data)
    for name in set(parameters.get("MANY", ())) & set(cross_sections):
        assert known[f"{name}_Jets"].cross_section == cross_sections[name]


def test_every_notebook_is_valid() -> None:
    """Each file is a notebook of the format it claims."""
    for slug in SLUGS:
        nbformat.validate(recipe.load(slug).notebook)
