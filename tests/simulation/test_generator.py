"""A chunk is made anew with the same content, and bad settings are refused."""

import shutil
from dataclasses import replace
from modulefinder import ModuleFinder
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from click.testing import CliRunner

from cookbook import sample
from cookbook.simulation import build, cache, detector, generator, genweights, jobs, nano, seeds, truth
from cookbook.simulation.__main__ import main
from cookbook.simulation.arrays import delta_phi

TRUTH = truth.load()
JOB = next(job for job in jobs.make_jobs(TRUTH) if job.process == "TTbar" and job.purpose == "simulation")
SMALL = replace(JOB, events=15)


@pytest.fixture(scope="module")
def chunk() -> ak.Array:
    """Generate a small chunk of top pairs."""
    return cache.generated(SMALL, None)


def test_a_chunk_is_the_same_when_it_is_made_again(chunk: ak.Array) -> None:
    """Generator and detector give identical columns for the same job."""
    again = cache.generated(SMALL, None)
    assert chunk.to_list() == again.to_list()
    first, second = (nano.finish(detector.detect(events, TRUTH, SMALL)) for events in (chunk, again))
    assert first.keys() == second.keys()
    assert all(ak.to_list(first[name]) == ak.to_list(second[name]) for name in first)


def test_another_chunk_is_different(chunk: ak.Array) -> None:
    """The seed depends on the chunk."""
    other = cache.generated(replace(SMALL, chunk=1), None)
    assert ak.to_list(chunk.part.pt[0]) != ak.to_list(other.part.pt[0])


def test_data_and_simulation_use_different_random_numbers() -> None:
    """The same chunk of the same process has another seed for each purpose."""
    names = [("TTbar", purpose, 0) for purpose in ("simulation", "data")]
    assert len({seeds.pythia_seed(*name) for name in names}) == 2
    assert seeds.generator("a", 1).integers(1 << 40) == seeds.generator("a", 1).integers(1 << 40)


def test_the_data_detector_shifts_the_jet_scale(chunk: ak.Array) -> None:
    """Raw jets of the same events are lower in data; as stored, with the residual correction, they are not."""
    simulated = detector.detect(chunk, TRUTH, SMALL)["Jet"]
    data = detector.detect(chunk, TRUTH, replace(SMALL, purpose="data"))["Jet"]
    central = [jets[(jets.genJetIdx == 0) & (abs(jets.eta) < 1.3)] for jets in (data, simulated)]
    stored = [ak.mean(jets.pt) for jets in central]
    raw = [ak.mean(jets.pt * (1 - jets.rawFactor)) for jets in central]
    assert raw[0] / raw[1] == pytest.approx(1 / 1.025, abs=0.03)
    assert stored[0] / stored[1] == pytest.approx(1, abs=0.02)
    assert stored[0] / stored[1] > raw[0] / raw[1]


def test_the_missing_momentum_of_data_has_the_correction_of_the_stored_jets(chunk: ak.Array) -> None:
    """From the raw sum to the corrected one leads the type-1 correction of just the jets that are stored."""
    events = detector.detect(chunk, TRUTH, replace(SMALL, purpose="data"))
    shift = detector.type_one(events["Jet"])
    for axis, turn in zip(shift, (np.cos, np.sin), strict=True):
        raw, met = (events[f"{kind}_pt"] * turn(events[f"{kind}_phi"]) for kind in ("RawPuppiMET", "PuppiMET"))
        assert met == pytest.approx(raw + np.asarray(axis), abs=1e-6)


def test_jets_of_data_are_sorted_as_stored(chunk: ak.Array) -> None:
    """The residual depends on pseudorapidity, so jets change places; leptons point to their places."""
    events = detector.detect(chunk, TRUTH, replace(SMALL, purpose="data"))
    for name in ("Jet", "FatJet"):
        assert ak.all(events[name].pt[:, :-1] >= events[name].pt[:, 1:])
    muons, jets = events["Muon"], events["Jet"]
    pointing = muons[muons.jetIdx >= 0]
    near = np.hypot(pointing.eta - jets.eta[pointing.jetIdx], delta_phi(pointing.phi, jets.phi[pointing.jetIdx]))
    assert ak.all(near < 0.4)


def test_chunks_add_up_to_the_events_asked_for() -> None:
    """No event is lost at the end of a list of chunks."""
    sizes = [job.events for job in jobs.split(JOB, 3100, 1500)]
    assert sizes == [1500, 1500, 100]


def test_jobs_cover_all_processes_and_no_signal_is_in_the_data() -> None:
    """The resonance is simulated only."""
    made = {(job.process, job.purpose) for job in jobs.make_jobs(TRUTH)}
    assert {name for name, purpose in made if purpose == "simulation"} == set(TRUTH.processes)
    assert not [name for name, purpose in made if purpose == "data" and name.startswith("X")]


def test_a_larger_sample_scales_events_and_luminosity_together() -> None:
    """Twice the events come with twice the pseudo-data."""
    larger = TRUTH.scaled(2.0)
    assert larger.generated == pytest.approx(2 * TRUTH.generated, rel=1e-3)
    assert larger.certified == pytest.approx(2 * TRUTH.certified)


def test_generator_output_is_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time, a chunk comes from the cache."""
    monkeypatch.setattr(generator, "generate", lambda job: ak.Array([job.chunk]))
    assert cache.generated(SMALL, tmp_path).to_list() == [0]
    monkeypatch.setattr(generator, "generate", lambda job: pytest.fail("generated again"))
    assert cache.generated(SMALL, tmp_path).to_list() == [0]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return the folder of a copy of the package's source, and of a generator that imports one module more."""
    shutil.copytree(cache.ROOT / "cookbook", tmp_path / "cookbook", ignore=shutil.ignore_patterns("__pycache__"))
    simulation = tmp_path / "cookbook" / "simulation"
    (simulation / "more.py").write_text("FACTOR = 1\n", encoding="utf-8")
    with (simulation / "genjets.py").open("a", encoding="utf-8") as source:
        source.write("\nfrom . import more\n")
    return tmp_path


def test_the_key_depends_on_all_that_the_generator_imports(copied: Path) -> None:
    """Modules of its own, one that was added and those of other packages; not the detector."""
    names = {"arrays", "generator", "genjets", "genparticles", "genweights", "jobs", "seeds", "truth"}
    own, packages = cache.dependencies()
    assert {path.stem for path in own} == names | {"__init__"}
    assert packages == ["awkward", "fastjet", "numpy", "pythia8mc", "vector"]
    more, _ = cache.dependencies(copied)
    assert {path.stem for path in more} == names | {"__init__", "more"}


@pytest.mark.parametrize(
    ("module", "changes"), [("more", True), ("generator", True), ("jobs", True), ("detector", False)]
)
def test_a_change_in_what_it_imports_changes_the_key(copied: Path, module: str, changes: bool) -> None:
    """An edit of a module makes older chunks useless exactly where the generator uses that module."""
    before = cache.key(SMALL, copied)
    assert cache.key(SMALL, copied) == before
    with (copied / "cookbook" / "simulation" / f"{module}.py").open("a", encoding="utf-8") as source:
        source.write("FACTOR = 2\n")
    assert (cache.key(SMALL, copied) != before) == changes


def test_another_version_or_another_job_has_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of another Pythia are not taken for those of this one."""
    before = cache.key(SMALL)
    assert cache.key(replace(SMALL, events=16)) != before
    monkeypatch.setattr(cache, "version", lambda name: "0.1")
    assert cache.key(SMALL) != before


def test_the_list_of_jobs_is_made_without_the_generator() -> None:
    """The generator takes a job: the other way round would be a circle, also where the import is inside a function."""
    finder = ModuleFinder(path=[str(cache.ROOT)])
    finder.import_hook(jobs.__name__)
    assert jobs.__name__ in finder.modules
    assert not {generator.__name__, cache.__name__} & finder.modules.keys()


def test_a_setting_that_pythia_does_not_know_is_an_error() -> None:
    """The error names the line and the process."""
    with pytest.raises(generator.GeneratorError, match=r"did not accept 'No:such = on' of process TTbar"):
        generator.make_pythia(replace(SMALL, settings=("No:such = on",)))


def test_a_process_that_is_switched_off_is_an_error() -> None:
    """Pythia without a process cannot start."""
    with pytest.raises(generator.GeneratorError, match="could not start process TTbar"):
        generator.make_pythia(replace(SMALL, settings=()))


def test_an_unknown_skim_is_an_error() -> None:
    """The error says which skims there are."""
    with pytest.raises(ValueError, match=r"unknown skim 'dilepton'.*none, stream, lepton or pair"):
        build.skim("dilepton", {"run": np.ones(3)}, TRUTH)


def test_sums_of_weights_count_every_event(chunk: ak.Array) -> None:
    """The Runs sums are over all generated events, whatever is kept."""
    columns = nano.finish(detector.detect(chunk, TRUTH, SMALL))
    sums = build.sums_of(columns)
    tree = build.runs_tree([sums, sums])
    assert tree["genEventCount"].tolist() == [2 * len(chunk)]
    assert tree["genEventSumw"][0] == pytest.approx(2 * float(np.sum(columns["genWeight"])))
    scale = ak.to_numpy(columns["LHEScaleWeight"])
    expected = (columns["genWeight"][:, np.newaxis] * scale).sum(axis=0) / columns["genWeight"].sum()
    assert tree["LHEScaleSumw"][0].to_list() == pytest.approx(expected.tolist(), rel=1e-5)


def test_density_weights_start_with_the_nominal_set() -> None:
    """Entry 0 is 1 and the others are within a few per cent of it."""
    x = np.geomspace(1e-5, 0.9, 50)
    weights = genweights.pdf_weights(x, x[::-1], detector.PDF_SIZE)
    assert weights.shape == (50, 33)
    assert np.all(weights[:, 0] == 1)
    assert abs(weights - 1).max() <= detector.PDF_SIZE
    assert abs(weights[:, 1:] - 1).max() > 0.2 * detector.PDF_SIZE


def test_a_lower_scale_has_a_larger_coupling() -> None:
    """The strong coupling falls with the scale."""
    alpha = np.array([0.118])
    assert genweights.coupling_ratio(alpha, 0.5) > 1 > genweights.coupling_ratio(alpha, 2.0)


def test_the_command_does_not_write_another_size_over_the_committed_sample() -> None:
    """Asking for a number of events in the folder of the committed sample is refused."""
    result = CliRunner().invoke(main, ["--events", "10", "--out", str(sample.data_folder())])
    assert result.exit_code == 2
    assert "holds the committed sample" in result.output


@pytest.mark.parametrize("events", ["0", "-5", "many"])
def test_the_command_wants_a_positive_number(events: str) -> None:
    """Bad numbers are refused before anything runs."""
    result = CliRunner().invoke(main, ["--events", events])
    assert result.exit_code == 2
    assert "--events" in result.output
