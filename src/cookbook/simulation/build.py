"""Make the files of the sample: run the jobs, skim, mix the pseudo-data, write and list them."""

import json
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from tqdm import tqdm

from . import corrections, detector, jobs, manifest, nano, seeds
from .cache import generated
from .genweights import PDF_MEMBERS, SCALES
from .jobs import Job
from .truth import Truth

Columns = dict[str, Any]
SKIMS = {"lepton": (1, 10.0), "pair": (2, 15.0)}  # leptons of one flavour, above this pt in GeV
GOLDEN = "Cert_Cookbook2024_378985_380236_Golden.json"
# A row of brilcalc's table, of which only run, section and luminosity have a meaning here.
SECTION = "{run}:9474,{number}:{number},05/04/24 11:04:03,STABLE BEAMS,6800,{recorded},{recorded},40.1,HFOC"


def simulate(job: Job, truth: Truth, cache: Path | None) -> tuple[Columns, Columns]:
    """Events that survive the skim and the sums over all generated events, of one job."""
    gen = generated(job, cache)
    columns = detector.detect(gen, truth, job)
    if job.purpose == "data":
        finished = nano.finish(columns)
        keep = skim("stream", finished, truth) & skim(truth.table.get("skim", "none"), finished, truth)
        return nano.drop_generator(slim(select(finished, keep), truth)), {}
    hadronic = hadronic_taus(gen.part)
    finished = nano.finish(columns)
    keep = skim(truth.processes[job.process].skim, finished, truth)
    sums = {part: sums_of(select(finished, mask)) for part, mask in parts(hadronic).items()}
    kept = slim(select(finished, keep), truth)
    kept["part"] = hadronic[keep].astype(int)
    return kept, sums


def parts(hadronic: Any) -> dict[str, Any]:
    """Masks of the two parts of a sample: all others, and both taus to hadrons."""
    return {"0": ~hadronic, "1": hadronic}


def hadronic_taus(part: Any) -> Any:
    """Events in which a Z decays to two taus and neither tau to an electron or muon."""
    flags = part.statusFlags
    tau = (abs(part.pdgId) == 15) & ((flags >> 8) & 1 == 1) & ((flags >> 13) & 1 == 1)
    light = (abs(part.pdgId) == 11) | (abs(part.pdgId) == 13)
    leptonic = light & ((flags >> 5) & 1 == 1)
    return np.asarray((ak.sum(tau, axis=1) == 2) & (ak.sum(leptonic, axis=1) == 0))


def skim(name: str, columns: Columns, truth: Truth) -> Any:
    """Mask of the events that are written.

    ``lepton`` asks for a muon or electron above 10 GeV, ``pair`` for two muons or two electrons above 15 GeV,
    ``stream`` for one of the paths of the streams; ``none`` keeps all.
    """
    size = len(columns["run"])
    if name == "none":
        return np.ones(size, dtype=bool)
    if name == "stream":
        return np.any([columns[path] for path in stream_paths(truth)], axis=0)
    if name not in SKIMS:
        raise ValueError(f"unknown skim {name!r} in truth.toml; use none, stream, {' or '.join(SKIMS)}")
    number, pt = SKIMS[name]
    found = [np.asarray(ak.sum(columns[lepton].pt > pt, axis=1) >= number) for lepton in ("Muon", "Electron")]
    return np.any(found, axis=0)


def slim(columns: Columns, truth: Truth) -> Columns:
    """Columns that the truth says to keep: all, or those it lists; pseudo-data have no generator jets."""
    keep = truth.table.get("keep")
    if keep is None:
        return columns
    result = {name: values for name, values in columns.items() if name in keep["event"]}
    for name in (name for name in keep if name != "event" and name in columns):
        result[name] = columns[name][keep[name]]
    return result


def select(columns: Columns, mask: Any) -> Columns:
    """Columns of the events in `mask` (or in an index array)."""
    return {name: values[mask] for name, values in columns.items()}


def concatenate(chunks: Iterable[Columns]) -> Columns:
    """Columns of several chunks one after the other."""
    chunks = list(chunks)
    result: Columns = {}
    for name in chunks[0]:
        pieces = [chunk[name] for chunk in chunks]
        jagged = isinstance(pieces[0], ak.Array)
        result[name] = ak.concatenate(pieces) if jagged else np.concatenate(pieces)
    return result


def sums_of(columns: Columns) -> Columns:
    """Add up what the Runs tree holds over all events given."""
    weight = np.asarray(columns["genWeight"], dtype=float)
    return {
        "count": len(weight),
        "sumw": weight.sum(),
        "sumw2": (weight**2).sum(),
        "scale": weight @ matrix(columns["LHEScaleWeight"], len(SCALES)),
        "pdf": weight @ matrix(columns["LHEPdfWeight"], PDF_MEMBERS),
        "shower": weight @ matrix(columns["PSWeight"], 4),
    }


def matrix(values: Any, width: int) -> Any:
    """Jagged weights that all have `width` entries, as a matrix (events, weights)."""
    return np.asarray(ak.to_numpy(ak.flatten(values)), dtype=float).reshape(-1, width)


def runs_tree(sums: list[Columns]) -> Columns:
    """Make a Runs tree of one row from the sums of all chunks; LHE and PS sums are relative to genEventSumw."""
    total = {name: np.sum([entry[name] for entry in sums], axis=0) for name in sums[0]}

    def relative(name: str) -> Any:
        return ak.Array([(np.asarray(total[name]) / total["sumw"]).tolist()])

    return {
        "run": np.array([1], dtype="uint32"),
        "genEventCount": np.array([total["count"]], dtype="int64"),
        "genEventSumw": np.array([total["sumw"]], dtype="float64"),
        "genEventSumw2": np.array([total["sumw2"]], dtype="float64"),
        "LHEScaleSumw": relative("scale"),
        "LHEPdfSumw": relative("pdf"),
        "PSSumw": relative("shower"),
    }


def sections_tree(run: Any, section: Any) -> Columns:
    """LuminosityBlocks tree: each run and section once, in order."""
    pairs = np.unique(np.stack([np.asarray(run), np.asarray(section)], axis=1), axis=0)
    return {"run": pairs[:, 0].astype("uint32"), "luminosityBlock": pairs[:, 1].astype("uint32")}


def stream_paths(truth: Truth) -> list[str]:
    """All paths of all streams."""
    return [path for paths in truth.table["stream"].values() for path in paths]


def number_events(columns: Columns) -> Columns:
    """Order pseudo-data by run and section, in random order within, and number events through each run."""
    size = len(columns["run"])
    shuffle = seeds.generator("event order").permutation(size)
    columns = select(columns, shuffle)
    order = np.lexsort((columns["luminosityBlock"], columns["run"]))
    columns = select(columns, order)
    _, first, inverse = np.unique(columns["run"], return_index=True, return_inverse=True)
    # Gaps between the numbers, as in a real run where most events are not kept.
    gaps = seeds.generator("event numbers").integers(1, 400, size).cumsum()
    columns["event"] = (gaps - gaps[first][inverse] + 1).astype("uint64")
    return columns


def all_sections(truth: Truth) -> tuple[Any, Any]:
    """Run and section numbers of all pseudo-data."""
    rows = [(run["number"], section) for run in truth.runs for section in range(1, run["sections"] + 1)]
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


def write_data(truth: Truth, columns: Columns, folder: Path) -> None:
    """Write the streams."""
    columns = number_events(columns)
    run, section = all_sections(truth)
    for stream, paths in truth.table["stream"].items():
        mask = np.any([columns[path] for path in paths], axis=0)
        chosen = select(columns, mask)
        runs = {"run": np.unique(run).astype("uint32")}
        nano.write(folder / f"{stream}.root", chosen, runs, sections_tree(run, section))


def write_sections(truth: Truth, folder: Path) -> None:
    """Write the certified sections, and the luminosity of each section in the layout of `brilcalc lumi --byls`."""
    golden = {str(entry["number"]): entry["certified"] for entry in truth.runs if entry["certified"]}
    (folder / GOLDEN).write_text(json.dumps(golden, indent=1) + "\n")
    lines = ["#run:fill,ls,time,beamstatus,E(GeV),delivered(/pb),recorded(/pb),avgpu,source"]
    for entry in truth.runs:
        for number in range(1, entry["sections"] + 1):
            recorded = f"{entry['section_luminosity']:.5f}"
            lines.append(SECTION.format(run=entry["number"], number=number, recorded=recorded))
    (folder / "luminosity.csv").write_text("\n".join(lines) + "\n")


def write_process(name: str, results: list[tuple[Columns, Columns]], folder: Path) -> None:
    """Write the file of a process or, for Drell-Yan with its decays to hadronic taus, the two files."""
    columns = concatenate([result[0] for result in results])
    part = columns.pop("part")
    if name == "DYto2L_M-50":
        for number in (0, 1):
            chosen = select(columns, part == number)
            runs = runs_tree([result[1][str(number)] for result in results])
            sections = sections_tree(chosen["run"], chosen["luminosityBlock"])
            nano.write(folder / f"{name}_{number + 1}.root", chosen, runs, sections)
        return
    runs = runs_tree([sums for result in results for sums in result[1].values()])
    nano.write(folder / f"{name}.root", columns, runs, sections_tree(columns["run"], columns["luminosityBlock"]))


def run_jobs(truth: Truth, cache: Path | None, workers: int) -> list[tuple[Job, tuple[Columns, Columns]]]:
    """Run all chunks in worker processes, with a progress bar; the result does not depend on their number."""
    todo = jobs.make_jobs(truth)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        work = pool.map(partial(simulate, truth=truth, cache=cache), todo)
        results = list(tqdm(work, total=len(todo), desc="sample", unit="chunk"))
    return list(zip(todo, results, strict=True))


def build_part(folder: Path, truth: Truth, cache: Path | None, workers: int) -> None:
    """Make the simulation and the pseudo-data of the whole sample, or of a slim one."""
    results = run_jobs(truth, cache, workers)
    for name in truth.processes:
        mine = [result for job, result in results if (job.process, job.purpose) == (name, "simulation")]
        write_process(name, mine, folder)
    data = [result[0] for job, result in results if job.purpose == "data"]
    write_data(truth, concatenate(data), folder)


def build(folder: Path, truth: Truth, cache: Path | None = None, workers: int = 2) -> None:
    """Make the whole sample in `folder`: files, certified sections, corrections and manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in truth.samples:
        build_part(folder, part, cache, workers)
    write_sections(truth, folder)
    corrections.write_all(folder / "corrections", truth)
    manifest.write_manifest(folder, truth)
