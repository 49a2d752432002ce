"""Every recipe keeps the contract.

The execution of the notebook proves that the engines agree on all events. What is asked here needs few of them, so it
is asked on slices, and each result that two tests need is computed once.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from string import Formatter
from typing import Any
from unittest.mock import Mock

import hist
import loky
import nbformat
import numpy as np
import pytest
import uproot
import yaml

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT
from coffea import processor

from cookbook import agreement, anatomy, inputs, recipe, sample
from cookbook.recipe import Engine
from copies import copied, copy_trees, emptied, lean, pruned, trimmed
from declared import exceptions
from real_files import as_input, nanoaod
from runs import EVENTS, agreed, event_loops, few, mapped, on_few, run, slices

engines = pytest.mark.parametrize("engine", recipe.ENGINES)

LONGEST_CELL = 25
MOST_VARIANTS = 3  # both engines, and one slow idiom or compiled loop


def test_the_notebook_is_valid(subject: recipe.Recipe) -> None:
    """The file is a notebook of the format it claims."""
    nbformat.validate(subject.notebook)


def test_cells_are_short(subject: recipe.Recipe) -> None:
    """No cell is longer than a screen."""
    counts = {i: anatomy.lines(cell) for i, cell in enumerate(subject.notebook.cells)}
    long = {i: count for i, count in counts.items() if count > LONGEST_CELL}
    assert not long, f"cells of {subject.slug} with more than {LONGEST_CELL} lines: {long}"


def test_the_page_has_its_shape(subject: recipe.Recipe) -> None:
    """The answer first, steps in pairs, then the whole job and the evidence; none longer than a reader's patience."""
    longer = exceptions(subject.slug).longer
    assert anatomy.findings(subject, longer) == []
    beyond = "\n".join(anatomy.findings(subject))
    assert [limit for limit in longer if f" {limit}, where" not in beyond] == [], "take it out of the exceptions"


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


def test_the_chapter_is_in_the_table_of_contents(subject: recipe.Recipe, repository: Path) -> None:
    """A recipe is listed under its chapter."""
    parts = yaml.safe_load((repository / "_toc.yml").read_text())["parts"]
    chapters = {part["caption"]: [entry["file"] for entry in part["chapters"]] for part in parts}
    assert f"recipes/{subject.slug}" in chapters[subject.metadata["chapter"]]


def test_one_variant_stands_beside_the_engines_at_most(subject: recipe.Recipe) -> None:
    """Switches and mistakes are no functions of their own: one slow idiom, or a compiled loop, is enough."""
    assert len(subject.variants()) <= MOST_VARIANTS


def test_every_variant_agrees(subject: recipe.Recipe) -> None:
    """The two engines, and a variant of either, give the same histograms."""
    coffea, rdataframe = (on_few(subject.slug, engine) for engine in recipe.ENGINES)
    for variant in subject.variants():
        result = on_few(subject.slug, variant)
        sides = (result, rdataframe) if variant.startswith("coffea") else (coffea, result)
        table = agreement.check(*sides, empty=True)
        assert any(float(entries) > 0 for entries in table["entries"])


def test_the_order_of_files_is_free(subject: recipe.Recipe) -> None:
    """Datasets and files given the other way round give the same histograms, their labels in the new order."""
    files = mapped(few(subject.slug), lambda paths: list(reversed(paths)))
    turned = dict(reversed([*files.items()])) if isinstance(files, Mapping) else files
    for engine in recipe.ENGINES:
        usual = on_few(subject.slug, engine)
        result = {name: labelled_as(usual[name], h) for name, h in run(subject, engine, turned).items()}
        agreement.check(usual, result, empty=True)


def test_two_threads_give_the_same(subject: recipe.Recipe) -> None:
    """Nothing that RDataFrame's half declares is shared between threads."""
    ROOT.EnableImplicitMT(2)
    try:
        threaded = run(subject, "rdataframe", few(subject.slug))
    finally:
        ROOT.DisableImplicitMT()
    agreement.check(on_few(subject.slug, "rdataframe"), threaded, empty=True)


def test_two_workers_give_the_same(subject: recipe.Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Coffea's half runs as most users run it: in processes that get its code, and return results in any order."""
    files = one_of_each(subject, few(subject.slug))
    usual = run(subject, "coffea", files)
    pool = loky.get_reusable_executor(2, timeout=600)  # a process takes seconds to import coffea: all recipes share two
    if any("processor.Runner(" in cell.source for cell in subject.source("coffea")):
        executor = Mock(side_effect=partial(processor.FuturesExecutor, workers=2, pool=pool))
        monkeypatch.setattr(processor, "IterativeExecutor", executor)
        spread = run(subject, "coffea", files)
        assert executor.called
    else:  # it opens the files of a list one after the other
        half = subject.define("coffea", subject.parameters())
        spread = processor.accumulate(pool.map(half, [[path] for path in files]))
    agreement.check(usual, spread, empty=True)


def test_the_input_can_be_enlarged_for_timing(subject: recipe.Recipe, tmp_path: Path) -> None:
    """A gate times some recipes alone, so what stops the timing of another would be met in a published book."""
    larger = mapped(slices(subject.slug), lambda paths: sample.enlarge(paths, 3 * EVENTS, tmp_path))
    for paths in larger.values() if isinstance(larger, Mapping) else [larger]:
        assert sum(map(sample.entries, paths)) >= 3 * EVENTS


def labelled_as(usual: Any, h: Any) -> Any:
    """Return a histogram with the labels of each axis in the order that they have in another."""
    turned = usual.copy().reset()
    axes = list(zip(h.axes, usual.axes, strict=True))
    labelled = hist.axis.StrCategory
    places = [[*map(a.index, b)] if isinstance(b, labelled) else range(a.extent) for a, b in axes]
    where = tuple(slice(0, len(place)) for place in places)
    turned.view(flow=True)[where] = h.view(flow=True)[np.ix_(*places)]
    return turned


@engines
def test_a_second_run_takes_its_own_parameters(subject: recipe.Recipe, engine: Engine) -> None:
    """With twice the luminosity simulation doubles, also where the process has run the recipe before."""
    own = subject.parameters()
    if "LUMINOSITY" not in own:
        pytest.skip(f"{subject.slug} has no luminosity")
    once = on_few(subject.slug, engine)
    twice = run(subject, engine, few(subject.slug), {"LUMINOSITY": 2 * own["LUMINOSITY"]})
    process = next(name for name in own["FILES"] if name not in own["DATA"])
    scaled = [name for name, h in once.items() if process in list(h.axes[0]) and "weight" not in name]
    for name in scaled:
        if not name.startswith("events"):
            assert twice[name][process, ...].values() == pytest.approx(2 * once[name][process, ...].values())


def test_rdataframe_runs_one_event_loop(subject: recipe.Recipe) -> None:
    """Everything over a tree is booked before anything runs, but for what the recipe declares to be known before."""
    framed = subject.metadata["branches"].keys() - {"Runs"}  # whose few rows are read without a frame
    once_each = [1] * len(framed)  # one frame for each tree
    assert event_loops(subject.slug) == list(exceptions(subject.slug).event_loops or once_each)


def test_no_undeclared_branch_is_read(subject: recipe.Recipe, tmp_path: Path) -> None:
    """Files that hold nothing but the declared branches give the same result."""
    whole = one_of_each(subject, slices(subject.slug))
    found = agreed(subject, mapped(whole, copied(subject, pruned, tmp_path)))
    agreement.check(found, run(subject, "coffea", whole), empty=True)


def one_of_each(subject: recipe.Recipe, files: recipe.Files) -> recipe.Files:
    """Return of datasets the first simulated one and the first of data."""
    if not isinstance(files, Mapping):
        return files
    data = subject.parameters().get("DATA", ())
    kinds = [[name for name in files if (name in data) == kind] for kind in (False, True)]
    return {name: files[name] for names in kinds for name in names[:1]}


def test_no_branch_is_declared_in_vain(subject: recipe.Recipe) -> None:
    """Every declared branch, or the parameter that names it, stands in RDataFrame's half, or is a counter of one."""
    half = "\n".join(cell.source for cell in subject.source("rdataframe"))
    code = "\n".join(cell.source for cell in subject.cells if {"rdataframe", "parameters", recipe.SETUP} & cell.tags)
    for branch in (b for tree in subject.metadata["branches"].values() for b in tree):
        if "{" in branch:
            assert all(name in half for _, name, _, _ in Formatter().parse(branch) if name), branch
        elif branch.startswith("n") and branch[1].isupper():
            assert f"{branch[1:]}_" in code
        else:
            collection, _, name = branch.partition("_")
            assert branch in code or (collection in code and f"}}_{name}" in code), branch


def test_engines_agree_on_real_nanoaod_v15(subject: recipe.Recipe, tmp_path: Path) -> None:
    """On CMS's own top pairs in NanoAOD v15 both engines read every event and agree."""
    (path,) = copied(subject, trimmed, tmp_path)([str(nanoaod("nano_tt_v15.root"))])
    files, parameters = as_input(subject, Path(path), tmp_path)
    # few of 200 top pairs have two muons, so a histogram of pairs may be empty; the others must not be
    result = agreed(subject, files, {**exceptions(subject.slug).opened, **parameters})
    assert any(h.sum(flow=True) for h in result.values())


def test_no_events_give_an_empty_result(subject: recipe.Recipe, tmp_path: Path) -> None:
    """Files of zero events give the right axes and no entry, in both engines."""
    files = mapped(one_of_each(subject, few(subject.slug)), copied(subject, emptied, tmp_path))
    assert inputs.events(files) == 0
    assert agreed(subject, files)


def alone(subject: recipe.Recipe, data: bool) -> recipe.Files:
    """Return of the recipe's input what is data, or what is simulation; skip where there is nothing to leave out."""
    parameters, files = subject.parameters(), few(subject.slug)
    names = [name for name in files if (name in parameters.get("DATA", ())) == data]
    if not isinstance(files, Mapping) or len(names) in (0, len(files)):
        pytest.skip(f"{subject.slug} does not take both data and simulation")
    return {name: files[name] for name in names}


def test_simulation_alone_is_enough(subject: recipe.Recipe) -> None:
    """A reader without data gets the histograms of simulation, and empty ones of data."""
    agreed(subject, alone(subject, data=False))


def test_data_alone_are_enough(subject: recipe.Recipe) -> None:
    """A reader without simulation gets the histograms of data, and empty ones of simulation."""
    agreed(subject, alone(subject, data=True))


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


@engines
def test_bad_input_is_named(
    subject: recipe.Recipe, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with one file of several, the error names it before the engine is defined."""
    monkeypatch.setattr(recipe.Recipe, "define", lambda *_: pytest.fail("the engine runs on a bad file"))
    files = few(subject.slug)
    good = inputs.paths(files)[0]
    for bad, message in bad_files(good, tmp_path):
        given: recipe.Files = {next(iter(files)): [good, bad]} if isinstance(files, Mapping) else [good, bad]
        with pytest.raises(inputs.InputError, match=message):
            subject.run(engine, given)


def largest(subject: recipe.Recipe, good: str) -> tuple[str, Any]:
    """Return the branch with the largest compressed basket of those that the recipe reads, and its key."""
    with uproot.open(good) as file:
        tree, read = file["Events"], subject.branches(subject.parameters())["Events"]
        names = [name for name in tree.keys(filter_name=read) if tree[name].num_baskets]
        keys = {name: tree[name].basket_key(0) for name in names}
    compressed = {name: k for name, k in keys.items() if k.data_compressed_bytes < k.data_uncompressed_bytes}
    return max(compressed.items(), key=lambda item: item[1].fNbytes)


def damaged(subject: recipe.Recipe, good: str, target: Path) -> None:
    """Copy a file with the header of a compressed basket overwritten: the largest of those that the recipe reads."""
    content, (_, key) = bytearray(Path(good).read_bytes()), largest(subject, good)
    place = key.fSeekKey + key.fKeylen
    content[place : place + 9] = bytes(9)
    target.write_bytes(content)


def shortened(subject: recipe.Recipe, good: str, target: Path) -> None:
    """Copy the first nine tenths of a file, in which ROOT finds the trees that were written before."""
    content = Path(good).read_bytes()
    target.write_bytes(content[: len(content) * 9 // 10])


def without_events(subject: recipe.Recipe, good: str, target: Path) -> None:
    """Copy a file without its tree Events."""
    copy_trees(good, target, {"Runs": {"*"}, "LuminosityBlocks": {"*"}})


def without_branch(subject: recipe.Recipe, good: str, target: Path) -> None:
    """Copy a file without the largest of the branches that the recipe reads."""
    left_out, _ = largest(subject, good)
    with uproot.open(good) as file:
        kept = {*file["Events"].keys()} - {left_out}
    copy_trees(good, target, {"Events": kept, "Runs": {"*"}, "LuminosityBlocks": {"*"}})


def first_of(subject: recipe.Recipe) -> Sequence[str]:
    """Return the files of a recipe, or those of its first dataset."""
    files = subject.parameters()["FILES"]
    return next(iter(files.values())) if isinstance(files, Mapping) else files


BAD_COPIES = damaged, shortened, without_events, without_branch


@engines
@pytest.mark.filterwarnings("ignore:Performed attempt")  # coffea tries more than once
def test_copied_code_stops_at_a_bad_file(
    subject: recipe.Recipe, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine's half alone, without any check before, ends at a bad file between good ones, and names it."""
    monkeypatch.setattr(recipe.Recipe, "check_files", lambda *_: 0)
    files = few(subject.slug)
    good, last = inputs.paths(files)[0], copied(subject, lean, tmp_path)(sample.slice(first_of(subject), EVENTS // 2))
    for copy in BAD_COPIES:
        copy(subject, good, tmp_path / f"{copy.__name__}.root")
    for bad in ("missing", *(copy.__name__ for copy in BAD_COPIES)):
        paths = [good, str(tmp_path / f"{bad}.root"), *last]
        given: recipe.Files = {**files, next(iter(files)): paths} if isinstance(files, Mapping) else paths
        with pytest.raises(Exception, match=rf"{bad}\.root"):  # of a kind of its own in each library
            run(subject, engine, given)


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
