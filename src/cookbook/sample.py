"""Paths and bookkeeping of the sample NanoAOD: datasets, content hashes, larger and smaller copies.

Importing this module imports neither uproot nor ROOT: a recipe that only asks for paths must not pay for them when
it is timed.
"""

import difflib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "Dataset",
    "SampleError",
    "UnknownDatasetError",
    "certified",
    "content_hash",
    "corrections",
    "data_folder",
    "datasets",
    "enlarge",
    "files",
    "luminosity",
    "luminosity_table",
    "pileup_profiles",
    "slice",
    "verify",
]

MANIFEST = "manifest.json"
TREES = ("Events", "LuminosityBlocks", "Runs")
EVENTS_PER_FILE = 250_000


class SampleError(RuntimeError):
    """The sample is missing, damaged, or a file cannot be read."""


class UnknownDatasetError(KeyError):
    """No dataset has this name."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Dataset:
    """One committed dataset.

    `cross_section` is in pb and None for data; `luminosity` is that of certified sections in pb^-1 and None for
    simulation; `events` counts stored events, `generated` those before any skim (None for data); `files` are absolute
    paths.
    """

    name: str
    title: str
    kind: Literal["simulation", "data"]
    cross_section: float | None
    luminosity: float | None
    events: int
    files: tuple[str, ...]
    generated: int | None


def data_folder() -> Path:
    """Folder of the sample: the variable COOKBOOK_DATA, or ``data`` of the repository this package is in."""
    if "COOKBOOK_DATA" in os.environ:
        return Path(os.environ["COOKBOOK_DATA"]).resolve()
    return Path(__file__).resolve().parents[2] / "data"


def read_manifest(folder: Path | None = None) -> dict[str, Any]:
    """Manifest of the sample in `folder` (default: `data_folder`)."""
    path = (folder or data_folder()) / MANIFEST
    if not path.is_file():
        raise SampleError(
            f"No sample at {path.parent}: {MANIFEST} is missing. Clone the repository with its data folder, "
            "run `make sample`, or set COOKBOOK_DATA to the folder that has it."
        )
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise SampleError(f"{path} is not JSON ({error}). Restore it with `git checkout -- data`.") from error
    return manifest


def datasets() -> dict[str, Dataset]:
    """All committed datasets by name."""
    folder = data_folder()
    result = {}
    for name, entry in read_manifest(folder)["datasets"].items():
        result[name] = Dataset(
            name=name,
            title=entry["title"],
            kind=entry["kind"],
            cross_section=entry["cross_section"],
            luminosity=entry["luminosity"],
            events=sum(file["events"] for file in entry["files"].values()),
            files=tuple(str(folder / file) for file in sorted(entry["files"])),
            generated=entry["generated"],
        )
    return result


def _dataset(name: str) -> Dataset:
    known = datasets()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
        raise UnknownDatasetError(f"No dataset {name!r} in the sample. Did you mean {', '.join(close)}?")
    return known[name]


def files(name: str) -> list[str]:
    """Absolute paths of the files of a committed dataset."""
    paths = list(_dataset(name).files)
    for path in paths:
        if not Path(path).is_file():
            raise SampleError(f"{path} of dataset {name} is missing. Restore it with `git checkout -- data`.")
    return paths


def luminosity() -> float:
    """Luminosity of the certified lumi sections of the pseudo-data, in pb^-1."""
    return float(read_manifest()["luminosity"])


def luminosity_table() -> str:
    """Path of the luminosity of each lumi section in pb^-1, in the layout of `brilcalc lumi --byls -u /pb`."""
    return str(data_folder() / "luminosity.csv")


def certified() -> str:
    """Path of the JSON file with the certified lumi sections of the pseudo-data."""
    return str(data_folder() / read_manifest()["certified"])


def corrections(group: str, file: str) -> str:
    """Path of a correction file, for example ``corrections("JME", "jet_jerc.json.gz")``.

    Files lie below ``data/corrections`` as group/era/version/file, the layout of the CMS groups.
    """
    folder = data_folder() / "corrections"
    known = {(path.parts[-4], path.name): path for path in sorted(folder.glob("*/*/*/*.json.gz"))}
    if (group, file) not in known:
        names = ", ".join("/".join(key) for key in known)
        raise SampleError(f"No correction file {group}/{file} in {folder}; there are {names or 'none'}.")
    return str(known[group, file])


def pileup_profiles() -> str:
    """Path of the ROOT file with the pileup profiles: histograms pileup, pileup_up, pileup_down and simulation.

    The first three are of certified data, as pileupCalc makes them; the last is what the simulation was mixed with.
    """
    found = sorted((data_folder() / "corrections" / "LUM").glob("*/*/PileupHistogram-*.root"))
    if not found:
        raise SampleError(f"No pileup profiles below {data_folder()}. Restore them with `git checkout -- data`.")
    return str(found[-1])


def open_file(path: str | Path) -> Any:
    """Open a ROOT file with uproot, or say what is wrong with it."""
    if not Path(path).is_file():
        raise SampleError(f"{path} does not exist. Check the path, or restore the sample with `git checkout -- data`.")
    import uproot

    try:
        return uproot.open(path)
    except Exception as error:
        raise SampleError(f"{path} is not a readable ROOT file ({type(error).__name__}). Fetch it again.") from error


def _update(digest: Any, array: Any) -> None:
    """Feed values (and for jagged arrays the number per event) to a hash, in little-endian order."""
    import awkward as ak
    import numpy as np

    if array.ndim > 1:
        _update(digest, ak.num(array, axis=1))
        array = ak.flatten(array)
    values = np.asarray(ak.to_numpy(array))
    digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())


def content_hash(path: str | Path) -> str:
    """SHA-256 of what a file holds: names, types and values of all branches of all trees.

    Bytes of the file itself differ from one writing to the next (times, addresses), its content does not.
    """
    digest = hashlib.sha256()
    with open_file(path) as file:
        for name in TREES:
            if name not in file:
                continue
            tree = file[name]
            digest.update(f"{name} {tree.num_entries}\n".encode())
            for branch in sorted(tree.keys()):
                digest.update(f"{branch} {tree[branch].typename}\n".encode())
                try:
                    _update(digest, tree[branch].array())
                except Exception as error:
                    raise SampleError(
                        f"{path}: branch {branch} of {name} cannot be read ({type(error).__name__}); the file is "
                        "truncated or damaged. Restore it with `git checkout -- data`."
                    ) from error
    return digest.hexdigest()


def verify(names: Iterable[str] | None = None) -> None:
    """Compare content hashes of datasets (default: all) with the manifest.

    Raises
    ------
    SampleError
        Lists every file that differs.
    """
    folder, wrong = data_folder(), []
    manifest = read_manifest(folder)["datasets"]
    for name in names if names is not None else manifest:
        _dataset(name)
        for file, entry in manifest[name]["files"].items():
            got = content_hash(folder / file)
            if got != entry["sha256"]:
                wrong.append(f"{folder / file}: content {got[:12]}, the manifest says {entry['sha256'][:12]}")
    if wrong:
        raise SampleError(
            "The sample differs from its manifest:\n  " + "\n  ".join(wrong) + "\nRestore it with "
            "`git checkout -- data`, or run `make sample` if you changed the simulation."
        )


def cache_folder(cache: str | Path | None = None) -> Path:
    """Folder for larger and smaller copies: the argument, COOKBOOK_CACHE, or ``.cache`` of the repository."""
    if cache is not None:
        return Path(cache)
    if "COOKBOOK_CACHE" in os.environ:
        return Path(os.environ["COOKBOOK_CACHE"])
    return Path(__file__).resolve().parents[2] / ".cache"


def entries(path: str | Path) -> int:
    """Count the events in a file."""
    with open_file(path) as file:
        if "Events" not in file:
            raise SampleError(f"{path} has no tree Events; it has {', '.join(file.keys(cycle=False)) or 'nothing'}.")
        return int(file["Events"].num_entries)


def plan(sizes: Sequence[int], events: int, per_file: int = EVENTS_PER_FILE) -> list[list[int]]:
    """Group repetitions of the inputs into outputs.

    Parameters
    ----------
    sizes
        Number of events of each input file.
    events
        Wanted total; the plan has the least number of input files, taken in turn, that reaches it.
    per_file
        An output is closed when it holds this many events.

    Returns
    -------
    list of list of int
        For each output, indices of the inputs to copy.
    """
    if sum(sizes) == 0:
        raise SampleError("None of the input files holds an event, so they cannot be enlarged; give other files.")
    outputs: list[list[int]] = [[]]
    total = held = step = 0
    while total < events:
        index = step % len(sizes)
        if held >= per_file:
            outputs.append([])
            held = 0
        outputs[-1].append(index)
        total, held, step = total + sizes[index], held + sizes[index], step + 1
    return outputs


def _copy(inputs: Sequence[str], output: Path) -> None:
    """Copy the trees of `inputs` one after the other by their compressed clusters, with the branches that all have."""
    import ROOT

    target = ROOT.TFile.Open(str(output), "RECREATE", "", 505)
    files = {path: ROOT.TFile.Open(path) for path in inputs}
    for name in TREES:
        trees = {path: tree for path, file in files.items() if (tree := file.Get(name))}
        branches = {path: {branch.GetName() for branch in tree.GetListOfBranches()} for path, tree in trees.items()}
        if not trees or not (common := set.intersection(*branches.values())):
            continue
        first = next(iter(trees))
        for branch in branches[first] - common:
            trees[first].SetBranchStatus(branch, False)
        target.cd()
        copy = trees[first].CloneTree(0)
        wanted = [path for path in inputs if path in trees]
        for path in wanted:
            copy.CopyEntries(trees[path], -1, "fast")
        if copy.GetEntries() != (total := sum(trees[path].GetEntries() for path in wanted)):
            raise SampleError(
                f"Only {copy.GetEntries()} of {total} entries of {name} could be copied from {', '.join(files)}."
            )
        copy.Write("", ROOT.TObject.kOverwrite)
    target.Close()
    for file in files.values():
        file.Close()


def _thin(source: str, output: Path, chosen: str) -> None:
    """Copy the entries of Events that a formula chooses, and the other trees whole."""
    import ROOT

    file, target = ROOT.TFile.Open(source), ROOT.TFile.Open(str(output), "RECREATE", "", 505)
    for name in TREES:
        tree = file.Get(name)
        if not tree:
            continue
        target.cd()
        copy = tree.CopyTree(chosen) if name == "Events" else tree.CloneTree(-1, "fast")
        copy.Write("", ROOT.TObject.kOverwrite)
    target.Close()
    file.Close()


def _key(paths: Sequence[str], events: int, per_file: int = EVENTS_PER_FILE) -> str:
    """Name of a copy: changes with the inputs' paths, sizes and times, and with the wanted numbers."""
    absolute = [Path(path).resolve() for path in paths]
    stamp = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in absolute]
    return hashlib.sha256(json.dumps([stamp, events, per_file]).encode()).hexdigest()[:16]


def _intact(folder: Path) -> list[str] | None:
    """Files of a finished copy, or None when one is missing or has another size than noted."""
    index = folder / "index.json"
    if not index.is_file():
        return None
    noted: dict[str, int] = json.loads(index.read_text())
    for name, size in noted.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            return None
    return [str(folder / name) for name in sorted(noted)]


def _cached(folder: Path, outputs: Sequence[tuple[int, Callable[[Path], None]]]) -> list[str]:
    """Return the files in `folder`, which is made where it is not there or damaged.

    `outputs` are, for each file, how many events it must hold and what writes it. Processes may make the same folder
    at once: it appears whole, and the first one stays, since its maker is reading it.
    """
    finished = _intact(folder)
    if finished is not None:
        return finished
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    unfinished.mkdir(parents=True)
    try:
        if folder.exists():
            folder.replace(unfinished / "damaged")
            shutil.rmtree(unfinished / "damaged")
        noted = _written(unfinished, outputs)
        (unfinished / "index.json").write_text(json.dumps(noted, indent=1))
        try:
            unfinished.replace(folder)
        except OSError:  # a folder that holds something is not replaced
            if _intact(folder) is None:
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return [str(folder / name) for name in sorted(noted)]


def _written(folder: Path, outputs: Sequence[tuple[int, Callable[[Path], None]]]) -> Mapping[str, int]:
    """Write the files of a copy, and return the size of each by its name."""
    noted = {}
    for number, (expected, write) in enumerate(outputs):
        path = folder / f"part_{number:03d}.root"
        write(path)
        if (got := entries(path)) != expected:
            raise SampleError(f"{path} holds {got} events instead of {expected}: is the disk full?")
        noted[path.name] = path.stat().st_size
    return noted


def _sizes(files: Sequence[str], events: int, purpose: str) -> list[int]:
    """Return the number of events of each file, where files and the wanted number make sense."""
    if not files:
        raise SampleError(f"No files to {purpose}; give at least one path.")
    if events < 1:
        raise SampleError(f"The number of events must be positive, got {events}.")
    return [entries(path) for path in files]


def enlarge(
    files: Sequence[str], events: int = 1_000_000, cache: str | Path | None = None, per_file: int = EVENTS_PER_FILE
) -> list[str]:
    """Repeat files until they hold at least `events` events, without decompressing them.

    A branch that only some of the files have is left out.

    Parameters
    ----------
    files
        NanoAOD files with a tree Events.
    events
        Wanted number of events.
    cache
        Folder for the result (default: COOKBOOK_CACHE, or ``.cache`` of the repository).
    per_file
        Events per output file, about.

    Returns
    -------
    list of str
        Paths of the larger files. A copy that is there and intact is used again.
    """
    sizes = _sizes(files, events, "enlarge")
    outputs = [
        (sum(sizes[i] for i in group), partial(_copy, [files[i] for i in group]))
        for group in plan(sizes, events, per_file)
    ]
    return _cached(cache_folder(cache) / "enlarged" / _key(files, events, per_file), outputs)


def slice(files: Sequence[str], events: int, cache: str | Path | None = None) -> list[str]:  # noqa: A001
    """Copy so many events of files, evenly spaced over all of them.

    Parameters
    ----------
    files
        NanoAOD files with a tree Events.
    events
        Wanted number of events, in all.
    cache
        Folder for the result (default: COOKBOOK_CACHE, or ``.cache`` of the repository).

    Returns
    -------
    list of str
        Paths of the smaller files, one for each of `files` in their order, with all branches in their types, and with
        the trees Runs and LuminosityBlocks whole, so that sums of weights hold. A copy that is there and intact is used
        again. Where `files` hold no more than `events`, they are returned themselves.
    """
    sizes = _sizes(files, events, "slice")
    total, first, outputs = sum(sizes), 0, list[tuple[int, Callable[[Path], None]]]()
    if total <= events:
        return list(files)
    for path, size in zip(files, sizes, strict=True):
        # number i of all events is chosen where its share of the wanted number reaches the next whole one
        chosen = f"((Entry$ + {first}) * {events} + {total // 2}) % {total} < {events}"
        expected = _reached(first + size, events, total) - _reached(first, events, total)
        outputs.append((expected, partial(_thin, path, chosen=chosen)))
        first += size
    return _cached(cache_folder(cache) / "slices" / _key(files, events), outputs)


def _reached(end: int, events: int, total: int) -> int:
    """Return how many of the first `end` of `total` events are chosen, but for a constant."""
    return (end * events + total // 2 + total - events) // total
