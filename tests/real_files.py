"""Real NanoAOD, where COOKBOOK_NANOAOD names a folder of it, as a recipe takes its input."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from cookbook import recipe
from copies import as_data

__all__ = ["as_input", "nanoaod"]


def nanoaod(name: str) -> Path:
    """Return a real file, or skip the test where there is none."""
    folder = os.environ.get("COOKBOOK_NANOAOD")
    if not folder:
        pytest.skip("COOKBOOK_NANOAOD names no folder of real NanoAOD files")
    return Path(folder) / name


def as_input(subject: recipe.Recipe, path: Path, folder: Path) -> tuple[recipe.Files, dict[str, Any]]:
    """Return a real file as the recipe takes it, and the parameters with which it runs on it; copies go to `folder`."""
    if subject.metadata["input"] == "files":
        summed = "Runs" in subject.metadata["branches"]
        return [with_runs(path, folder / path.name) if summed else str(path)], {}
    parameters: dict[str, Any] = {}
    copy = with_runs(path, folder / path.name)
    own = subject.parameters()
    # a recipe of data alone gets two datasets of them
    other = next((name for name in own["FILES"] if name not in own["DATA"]), *own["DATA"][-1:])
    if "LuminosityBlocks" in subject.metadata["branches"]:
        parameters["LUMINOSITY_TABLE"] = with_sections(Path(copy), folder / "luminosity.csv")
    # a file may be in one dataset alone, and data have no generator weights
    second = as_data(copy, folder / f"data_{path.name}")
    if other in own["DATA"]:
        copy = as_data(copy, folder / f"other_{path.name}")
    if "CERTIFIED" in own:
        certified = folder / "certified.json"
        certified.write_text(json.dumps({"1": [[1, 1_000_000]]}))
        parameters["CERTIFIED"] = str(certified)
    return {other: [copy], **{name: [second] for name in own["DATA"][:1]}}, parameters


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
    # as brilcalc writes it
    header = "#run:fill,ls,time,beamstatus,E(GeV),delivered(/pb),recorded(/pb),avgpu,source"
    pairs = [*zip(run, section, strict=True), (run[-1], section[-1] + 1)]  # LumiData cannot read a single row
    rows = [f"{r}:1,{s}:{s},,STABLE BEAMS,6800,0.01,0.01,40.1,HFOC" for r, s in pairs]
    table.write_text("\n".join([header, *rows]) + "\n")
    return str(table)
