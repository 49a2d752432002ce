"""Run a recipe on files other than the book's sample, as `make recipe` does, but in one process for all of them.

This process imports the engines, runs a small graph so that ROOT has compiled what most recipes need, and forks for
each file. A child reads a job file, checks input and corrections, and executes the cells up to the agreement.
"""

from __future__ import annotations

import hashlib
import json
import linecache
import multiprocessing
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import uproot
import yaml

from cookbook import dialects, elsewhere, inputs, jobs, keys, ownfiles, parameters, sample
from cookbook.anatomy import tags
from cookbook.corrections import CorrectionError
from cookbook.elsewhere import Other, Outcome, Record
from cookbook.recipe import ANSWER, EXAMPLE, Files, Recipe, imports, load

__all__ = ["main", "tried"]

# What a reader gets before anything runs.
BEFORE = (inputs.InputError, jobs.JobError, CorrectionError)
FAVOURITE = "TTbar"  # of simulation, where the recipe has it
FIGURE = "mystnb"  # in the metadata of a cell that draws one: its alternative text
TIMEOUT = 300  # seconds for one file
TAIL = 400  # characters of the last words of a process that died
# As results.run sets them; beside them, compiling quickly counts more than running quickly.
VARIABLES = {"COOKBOOK_EMPTY": "allow", "EXTRA_CLING_ARGS": "-O0", "MPLBACKEND": "agg"}
BRILCALC = "#run:fill,ls,time,beamstatus,E(GeV),delivered(/pb),recorded(/pb),avgpu,source"


def main(path: str, key: str, target: str) -> None:
    """Run the recipe of a notebook on every file, and write the record with this key."""
    recipe = load(Path(path).resolve())
    tried = [other for other in elsewhere.others() if elsewhere.takes(recipe, other)]
    for other in tried:
        _check_content(other)
    os.environ.update(VARIABLES)
    _warm(recipe)
    outcomes = {other.title: _forked(recipe, other) for other in tried}
    elsewhere.write(Record(recipe.slug, key, outcomes), Path(target))


def _check_content(other: Other) -> None:
    """Stop where a real file is another one than the table means."""
    if other.path and hashlib.sha256(other.path.read_bytes()).hexdigest() != other.sha256:
        raise ValueError(f"{other.path}: not the file of elsewhere.toml; put the right one there, or its SHA-256 here")


def tried(recipe: Recipe, other: Other) -> Outcome:
    """Run a recipe on one file in this process, whose folder and names it changes."""
    with TemporaryDirectory(prefix="cookbook-") as name:
        folder = Path(name)
        job = folder / "job.yaml"
        job.write_text(yaml.safe_dump(_job(recipe, other, folder), sort_keys=False))
        try:
            given, events = _ready(recipe, job)
        except BEFORE as error:
            text = _without_folders(str(error))
            return Outcome("error" if "your files need" in text else "cannot", message=text)
        os.chdir(recipe.path.parent)
        changed = parameters.applied(recipe, given)
        _execute(ownfiles.prepared(changed, given, folder), given, recipe.slug)
        return Outcome("agrees", events)


def _ready(recipe: Recipe, job: Path) -> tuple[dict[str, Any], int]:
    """Return the parameters of a job, and the events of its files, once they are checked."""
    read = jobs.read(recipe, job)
    values = {**recipe.parameters(), **read.parameters}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", inputs.InputWarning)
        events = recipe.check_files(read.files, values, thorough=True, not_fired=read.not_fired)
    recipe.check_corrections(values)
    return {**read.parameters, "TIMING_EVENTS": None}, events


def _execute(notebook: Any, given: Mapping[str, Any], slug: str) -> None:
    """Execute the cells of a notebook with values in place of its parameters.

    Figures are left out, and examples of steps. Those above the answer stay, since they count what it takes.
    """
    from papermill.parameterize import parameterize_notebook

    # what papermill adds when it reads a file
    notebook.metadata.setdefault("papermill", {})
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
    cells = parameterize_notebook(notebook, dict(given), kernel_name="python3", language="python").cells
    namespace: dict[str, Any] = {"__name__": "__main__"}
    last = max(index for index, cell in enumerate(cells) if ANSWER in tags(cell))
    for index, cell in enumerate(cells):
        shows = FIGURE in cell.metadata or (EXAMPLE in tags(cell) and index > last)
        if cell.cell_type == "code" and not shows:
            name = f"{slug}#cell{index}"
            linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(keepends=True), name)  # tracebacks
            with suppress(*([Exception] if ownfiles.NO_ERROR in tags(cell) else [])):
                exec(compile(cell.source, name, "exec"), namespace)


def _job(recipe: Recipe, other: Other, folder: Path) -> dict[str, Any]:
    """Return what a reader would write: the files, and each value that describes them."""
    own, known = recipe.parameters(), parameters.offered(recipe)
    files = _files(own, other)
    every = inputs.paths(files)
    content: dict[str, Any] = {"luminosity": 1000.0}
    if isinstance(files, Mapping):
        content["datasets"] = {name: {"files": list(paths), **_scale(paths, other)} for name, paths in files.items()}
    else:
        content["files"] = list(files)
    if other.data:
        content["certified"] = _certified(every, folder / "certified.json")
        if "LUMINOSITY_TABLE" in known:
            content["LUMINOSITY_TABLE"] = _luminosities(every, folder / "luminosity.csv")
    for name, one in known.items():
        if one.files:
            content[name] = _beside(own[name], other)
        elif one.of_datasets and isinstance(own[name], dict) and name != "CROSS_SECTION":
            content[name] = dict(zip(files, own[name].values(), strict=False))
    return content | elsewhere.values(recipe, other)


def _files(own: Mapping[str, Any], other: Other) -> Files:
    """Return the files of a column as a recipe takes them: a list, or by dataset under names of their own.

    Of simulation one dataset is enough; of data all that the recipe has, since some compare them.
    """
    by_dataset = isinstance(own["FILES"], Mapping)
    if other.path:
        return {other.dataset: [str(other.path)]} if by_dataset else [str(other.path)]
    if not by_dataset:
        return [_twin(own["FILES"][0], other)]
    names = [name for name in own["FILES"] if (name in own["DATA"]) == other.data]
    if not other.data:
        names = [FAVOURITE] if FAVOURITE in names else names[:1]
    return {f"{name} in {other.version}": [_twin(own["FILES"][name][0], other)] for name in names}


def _twin(path: str, other: Other) -> str:
    return dialects.twin(path, other.version, events=elsewhere.events())


def _beside(own: Sequence[str], other: Other) -> list[str]:
    """Return a file in place of a recipe's own second input: of the same kind and version, if there is one."""
    if not other.real:
        return [_twin(own[0], other)]
    data = elsewhere.is_data(own[0])
    alike = (one.path for one in elsewhere.others() if (one.version, one.data) == (other.version, data))
    return [str(next(filter(None, alike), own[0]))]


def _sections(files: Sequence[str]) -> list[tuple[int, int]]:
    """Return run and lumi section of all events, and of LuminosityBlocks where files have it, each once."""
    found: set[tuple[int, int]] = set()
    for path in files:
        with uproot.open(path) as file:
            for tree in {"Events", "LuminosityBlocks"} & set(file.keys(cycle=False)):
                columns = file[tree].arrays(["run", "luminosityBlock"], library="np")
                found |= set(zip(*(column.tolist() for column in columns.values()), strict=True))
    return sorted(found)


def _certified(files: Sequence[str], target: Path) -> str:
    target.write_text(json.dumps({str(run): [[1, 100_000]] for run, _ in _sections(files)}))
    return str(target)


def _luminosities(files: Sequence[str], target: Path) -> str:
    """Write a table as brilcalc does, and return its path."""
    sections = _sections(files)
    sections.append((sections[-1][0], sections[-1][1] + 1))  # coffea's LumiData cannot read a single row
    rows = [f"{run}:1,{one}:{one},,STABLE BEAMS,6800,0.01,0.01,40.1,HFOC" for run, one in sections]
    target.write_text("\n".join([BRILCALC, *rows]) + "\n")
    return str(target)


def _scale(files: Sequence[str], other: Other) -> dict[str, float]:
    """Return what a dataset of simulation is normalised with: of files that lost it, the sum of weights as well."""
    lost = [path for path in files if not other.data and _lost_sums(path)]
    sums = {"sum_of_weights": sum(map(_sum_of_weights, lost))} if lost else {}
    return {} if other.data else {"cross_section": 1.0, **sums}


def _lost_sums(path: str) -> bool:
    with uproot.open(path) as file:
        return "Runs" not in file or not set(inputs.SUMS) & set(file["Runs"].keys())


def _sum_of_weights(path: str) -> float:
    with uproot.open(path) as file:
        return float(np.sum(file["Events"]["genWeight"].array(library="np"), dtype="f8"))


def _without_folders(message: str) -> str:
    """Return a message in one line, with the names alone of files on this machine."""
    return re.sub(r"(?<![\w:/.])/(?:[\w.+-]+/)+", "", " ".join(message.split()))


def _warm(recipe: Recipe) -> None:
    """Import what the recipe does, and compile what most graphs have, as every fork would have to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import papermill.parameterize  # noqa: F401
        import ROOT

        # nothing of coffea is used here: its readers start threads, which a fork would lose
        exec("\n".join(imports(cell.source) for cell in keys.cells_that_run(recipe)), {})
    ROOT.gEnv.SetValue("Root.Stacktrace", "no")  # which takes ten seconds where a recipe ends in a crash
    muons = ROOT.RDataFrame("Events", sample.files("TTbar")).Define("good", "Muon_pt > 20 && abs(Muon_eta) < 2.4")
    muons = muons.Filter("Sum(good) > 0", "good").Define("weight", "double(genWeight)")
    muons = muons.Define("pt", "Max(Muon_pt[good])")
    booked = [muons.Histo1D(("pt", "", 10, 0.0, 100.0), "pt", "weight"), muons.Sum("weight"), muons.Report()]
    booked[0].GetValue()


def _forked(recipe: Recipe, other: Other) -> Outcome:
    """Run a recipe on one file in a child of this process."""
    context = multiprocessing.get_context("fork")
    with TemporaryDirectory(prefix="cookbook-") as name:
        said, place = Path(name, "said.txt"), Path(name, "outcome.json")
        child = context.Process(target=_in_child, args=(lambda: tried(recipe, other), said, place))
        child.start()
        child.join(TIMEOUT)
        if child.is_alive():
            child.kill()
            child.join()
            return Outcome("error", message=f"not done within {TIMEOUT} s")
        if place.is_file():
            return Outcome(**json.loads(place.read_text()))
        tail = said.read_text(errors="replace")[-TAIL:] if said.is_file() else ""
        return Outcome("error", message=f"the process ended with code {child.exitcode}: {tail}")


def _in_child(run: Callable[[], Outcome], said: Path, place: Path) -> None:
    """Write what a run ends with; whatever it prints goes to a file."""
    with said.open("w") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)
        try:
            outcome = run()
        except Exception as error:
            traceback.print_exc()
            outcome = Outcome("error", message=_raised(error))
        with suppress(OSError):
            place.write_text(json.dumps(vars(outcome)))


def _raised(error: Exception) -> str:
    """Return a line on an error, with the line of a cell that led to it where there is one."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "#cell" in frame.filename]
    return f"{text} (in {frames[-1].filename.partition('#')[2]}: {frames[-1].line})" if frames else text


if __name__ == "__main__":
    main(*sys.argv[1:])
