"""Write the manifest of the sample: one function, from the files alone and the truth."""

import gzip
import hashlib
import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from cookbook import sample

from .truth import PATH, Truth

TOOLS = ("pythia8mc", "fastjet", "awkward", "numpy", "uproot")
CERTIFIED = "Cert_*_Golden.json"


def dataset_of(file: str, truth: Truth) -> str:
    """Name of the dataset a file belongs to (a trailing number counts its files)."""
    stem = Path(file).stem
    known = [name for part in truth.samples for name in (*part.processes, *part.table["stream"])]
    for name in (stem, re.sub(r"_\d+$", "", stem)):
        if name in known:
            return name
    raise sample.SampleError(f"{file} belongs to no process or stream of truth.toml ({', '.join(known)})")


def describe_file(path: Path) -> dict[str, Any]:
    """Events, generated events and content hash of one file."""
    with uproot.open(path) as file:
        entry: dict[str, Any] = {"events": int(file["Events"].num_entries), "sha256": sample.content_hash(path)}
        if "genEventCount" in file["Runs"]:
            entry["generated"] = int(np.sum(file["Runs"]["genEventCount"].array(library="np")))
    return entry


def describe_dataset(name: str, members: dict[str, dict[str, Any]], truth: Truth) -> dict[str, Any]:
    """Entry of one dataset, made of its files' entries."""
    part = next(p for p in truth.samples if name in p.processes or name in p.table["stream"])
    if process := part.processes.get(name):
        generated = sum(file["generated"] for file in members.values())
        about = {"title": process.title, "kind": "simulation", "cross_section": process.cross_section}
        return about | {"luminosity": None, "generated": generated, "files": members}
    stream, *slim = name.split("_")
    title = f"pseudo-data, {stream} stream" + (f", {part.table['title']}" if slim else "")
    about = {"title": title, "kind": "data", "cross_section": None}
    return about | {"luminosity": round(part.certified, 6), "generated": None, "files": members}


def make_manifest(folder: Path, truth: Truth) -> dict[str, Any]:
    """Manifest of the files in `folder`."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.root")):
        found.setdefault(dataset_of(path.name, truth), {})[path.name] = describe_file(path)
    entries = {name: describe_dataset(name, members, truth) for name, members in sorted(found.items())}
    return {
        "version": truth.version,
        "luminosity": round(truth.certified, 6),
        "certified": next(folder.glob(CERTIFIED)).name,
        "datasets": entries,
        "corrections": hash_corrections(folder / "corrections"),
        "provenance": {
            "truth": hashlib.sha256(PATH.read_bytes()).hexdigest(),
            "tools": {tool: importlib.metadata.version(tool) for tool in TOOLS},
        },
    }


def hash_corrections(folder: Path) -> dict[str, str]:
    """Hash of the text in each correction file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        for path in sorted(folder.glob("*/*/*/*.json.gz"))
    }


def write_manifest(folder: Path, truth: Truth) -> None:
    """Write the manifest beside the files."""
    text = json.dumps(make_manifest(folder, truth), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / sample.MANIFEST).write_text(text + "\n")
