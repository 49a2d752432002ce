"""The correction files evaluate to the ratios of the truth, and undo what the data detector did."""

import gzip
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import pytest
import uproot

from cookbook import sample
from cookbook.simulation import corrections, model, truth
from cookbook.simulation.corrections import jme, lum
from cookbook.simulation.corrections.leptons import YEAR

TRUTH = truth.load()
JETS = 500


def load(group: str, file: str) -> Any:
    """Read a committed correction set."""
    return correctionlib.CorrectionSet.from_file(sample.corrections(group, file))


@pytest.fixture
def jets() -> dict[str, Any]:
    """Random jets over the detector."""
    rng = np.random.default_rng(3)
    return {
        "JetPt": rng.uniform(12, 900, JETS),
        "JetEta": rng.uniform(-4.9, 4.9, JETS),
        "Rho": rng.uniform(5, 60, JETS),
        "JetA": np.full(JETS, 0.5),
        "run": np.full(JETS, 379252.0),
    }


def evaluate(correction: Any, values: dict[str, Any], **more: Any) -> Any:
    """Evaluate with inputs found by name."""
    values = values | more
    return correction.evaluate(*(values[variable.name] for variable in correction.inputs))


@pytest.mark.parametrize("algorithm", ["AK4PFPuppi", "AK8PFPuppi"])
def test_all_levels_bring_raw_jets_to_the_true_scale(jets: dict[str, Any], algorithm: str) -> None:
    """In data, the compound correction times raw pt is the pt the detector started from."""
    file = {"AK4PFPuppi": "jet_jerc.json.gz", "AK8PFPuppi": "fatJet_jerc.json.gz"}[algorithm]
    compound = load("JME", file).compound[f"{jme.JEC}_DATA_L1L2L3Res_{algorithm}"]
    true, abs_eta = jets["JetPt"], abs(jets["JetEta"])
    nominal = model.invert(model.residual_correction, TRUTH, true, abs_eta)
    raw = model.invert(model.simulation_correction, TRUTH, nominal, abs_eta)
    assert evaluate(compound, jets, JetPt=raw) * raw == pytest.approx(true, rel=1e-6)


def test_simulation_needs_no_residual(jets: dict[str, Any]) -> None:
    """In simulation the compound correction is the simulation correction of the truth."""
    compound = load("JME", "jet_jerc.json.gz").compound[f"{jme.JEC}_MC_L1L2L3Res_AK4PFPuppi"]
    expected = model.simulation_correction(TRUTH, jets["JetPt"], abs(jets["JetEta"]))
    assert evaluate(compound, jets) == pytest.approx(expected, rel=1e-9)


def test_the_total_uncertainty_is_the_quadratic_sum_of_the_sources(jets: dict[str, Any]) -> None:
    """Total is computed from the same numbers as its parts."""
    cset = load("JME", "jet_jerc.json.gz")
    sources = TRUTH.table["jet"]["uncertainty"]
    parts = [evaluate(cset[f"{jme.JEC}_MC_{name}_AK4PFPuppi"], jets) for name in sources]
    total = evaluate(cset[f"{jme.JEC}_MC_Total_AK4PFPuppi"], jets)
    assert total == pytest.approx(np.sqrt(np.sum(np.square(parts), axis=0)), rel=1e-9)
    assert np.all((total > 0.005) & (total < 0.1))


def test_the_regrouped_sources_cover_all_of_them(jets: dict[str, Any]) -> None:
    """Each source is a member of one group, and both sets have the quadratic sum that is called Total."""
    cset, jet = load("JME", "jet_jerc_sources.json.gz"), TRUTH.table["jet"]
    sources = sorted(jet["uncertainty"] | jet["source"])
    assert sorted(member for members in jet["group"].values() for member in members) == sources
    assert (len(sources), len(jet["group"])) == (27, 11)
    total = evaluate(cset[f"{jme.JEC}_MC_Total_AK4PFPuppi"], jets)
    for names in (sources, [f"Regrouped_{name}" for name in jet["group"]]):
        parts = [evaluate(cset[f"{jme.JEC}_MC_{name}_AK4PFPuppi"], jets) for name in names]
        assert total == pytest.approx(np.sqrt(np.sum(np.square(parts), axis=0)), rel=1e-9)
    assert np.all((total > 0.005) & (total < 0.15))


def test_sources_in_two_files_are_the_same(jets: dict[str, Any]) -> None:
    """The file of all sources repeats those of the other one."""
    few, many = load("JME", "jet_jerc.json.gz"), load("JME", "jet_jerc_sources.json.gz")
    for name in TRUTH.table["jet"]["uncertainty"]:
        key = f"{jme.JEC}_MC_{name}_AK4PFPuppi"
        assert np.array_equal(evaluate(few[key], jets), evaluate(many[key], jets))


def test_the_resolution_is_that_of_the_truth(jets: dict[str, Any]) -> None:
    """Resolution and its scale factor repeat the formulas the detector draws from."""
    cset = load("JME", "jet_jerc.json.gz")
    abs_eta = abs(jets["JetEta"])
    expected = model.resolution(TRUTH, jets["JetPt"], abs_eta, jets["Rho"])
    assert evaluate(cset[f"{jme.JER}_MC_PtResolution_AK4PFPuppi"], jets) == pytest.approx(expected, rel=1e-9)
    scale = cset[f"{jme.JER}_MC_ScaleFactor_AK4PFPuppi"]
    assert evaluate(scale, jets, systematic="nom") == pytest.approx(model.resolution_scale(TRUTH, abs_eta))
    assert np.all(evaluate(scale, jets, systematic="up") > evaluate(scale, jets, systematic="down"))


def test_smearing_scales_the_difference_to_the_generator_jet(jets: dict[str, Any]) -> None:
    """With a generator jet, the relative difference grows by the scale factor."""
    smear = load("JME", "jer_smear.json.gz")["JERSmear"]
    gen, factor = 0.9 * jets["JetPt"], np.full(JETS, 1.2)
    values = jets | {"GenPt": gen, "EventID": np.arange(JETS), "JER": np.full(JETS, 0.1), "JERSF": factor}
    smeared = evaluate(smear, values) * jets["JetPt"]
    assert smeared - gen == pytest.approx(1.2 * (jets["JetPt"] - gen))


def test_smearing_without_a_generator_jet_is_random_and_reproducible(jets: dict[str, Any]) -> None:
    """The same jet always gets the same number, of the right width."""
    smear = load("JME", "jer_smear.json.gz")["JERSmear"]
    values = jets | {"GenPt": np.full(JETS, -1.0), "EventID": np.arange(JETS), "JER": np.full(JETS, 0.1)}
    first, second = (evaluate(smear, values, JERSF=np.full(JETS, 1.25)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.mean(first) == pytest.approx(1, abs=4 * 0.075 / np.sqrt(JETS))
    assert np.std(first) == pytest.approx(0.075, rel=4 / np.sqrt(2 * JETS))


def test_the_veto_map_covers_the_hot_region_and_nothing_else() -> None:
    """The map is not zero exactly in the hot region and its border."""
    veto = load("JME", "jetvetomaps.json.gz")[jme.VETO]
    hot = TRUTH.table["jet"]["hot"]
    assert veto.evaluate("jetvetomap", np.mean(hot["eta"]), np.mean(hot["phi"])) > 0
    for eta, phi in ((-1.9, -1.0), (1.9, 1.0), (1.5, -1.0), (2.3, -1.0)):
        assert veto.evaluate("jetvetomap", eta, phi) == 0


@pytest.mark.parametrize(
    ("changes", "tight", "veto"),
    [
        ({}, 1, 1),
        ({"neHEF": 0.995}, 0, 0),
        ({"chMultiplicity": 0.0}, 0, 0),
        ({"muEF": 0.9}, 1, 0),
        ({"eta": 3.5, "chHEF": 0.0, "chMultiplicity": 0.0}, 1, 1),
        ({"eta": 3.5, "neMultiplicity": 1.0}, 0, 0),
        ({"eta": -2.65, "neHEF": 0.95}, 0, 0),
    ],
)
def test_jet_identification_follows_its_cuts(changes: dict[str, float], tight: int, veto: int) -> None:
    """Each cut decides in its region of pseudorapidity."""
    cset = load("JME", "jetid.json.gz")
    jet = {"eta": 0.5, "chHEF": 0.6, "neHEF": 0.1, "chEmEF": 0.01, "neEmEF": 0.25, "muEF": 0.0}
    jet |= {"chMultiplicity": 12.0, "neMultiplicity": 8.0, "multiplicity": 20.0} | changes
    assert evaluate(cset["AK4PUPPI_Tight"], jet) == tight
    assert evaluate(cset["AK4PUPPI_TightLeptonVeto"], jet) == veto


@pytest.mark.parametrize("tagger", list(TRUTH.table["btag"]["tagger"]))
@pytest.mark.parametrize("flavour", [5, 4, 0])
def test_shape_factors_are_the_ratio_of_the_densities(tagger: str, flavour: int) -> None:
    """The shape factor is the density of the discriminant in data over that in simulation."""
    shape = load("BTV", "btagging.json.gz")[f"{tagger}_shape"]
    z = np.linspace(-7, 7, 41)
    x = 1 / (1 + np.exp(-z))
    pt = np.full(len(z), 80.0)
    density = []
    for kind in ("data", "simulation"):
        mean, width = model.tag_parameters(TRUTH, tagger, kind, np.full(len(z), flavour), pt)
        density.append(np.exp(-0.5 * ((z - mean) / width) ** 2) / width)
    values = {"systematic": "central", "flavor": flavour, "abseta": 1.0, "pt": pt, "discriminant": x}
    assert evaluate(shape, values) == pytest.approx(density[0] / density[1], rel=1e-5)


@pytest.mark.parametrize("tagger", list(TRUTH.table["btag"]["tagger"]))
@pytest.mark.parametrize(("flavour", "suffix"), [(5, "comb"), (4, "comb"), (0, "light")])
def test_working_point_factors_are_the_ratio_of_the_efficiencies(tagger: str, flavour: int, suffix: str) -> None:
    """At every working point, the factor is the efficiency in data over that in simulation."""
    cset = load("BTV", "btagging.json.gz")
    pt = np.array([22.0, 50.0, 200.0, 900.0])
    for point in model.WORKING_POINTS:
        cut = cset[f"{tagger}_wp_values"].evaluate(point)
        data, simulation = (
            model.tag_efficiency(TRUTH, tagger, kind, np.full(4, flavour), pt, cut) for kind in ("data", "simulation")
        )
        values = {"systematic": "central", "working_point": point, "flavor": flavour, "abseta": 0.5, "pt": pt}
        assert evaluate(cset[f"{tagger}_{suffix}"], values) == pytest.approx(data / simulation, rel=1e-6)


@pytest.mark.parametrize("tagger", list(TRUTH.table["btag"]["tagger"]))
def test_working_points_let_the_stated_share_of_light_jets_pass(tagger: str) -> None:
    """L, M and T mistag 10, 1 and 0.1% at 50 GeV."""
    points = model.working_points(TRUTH, tagger)
    for name, rate in model.WORKING_POINTS.items():
        got = model.tag_efficiency(TRUTH, tagger, "simulation", np.zeros(1), np.array([50.0]), points[name])
        assert got[0] == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize("key", ["medium", "tight", "isolation", "trigger"])
def test_muon_factors_are_those_of_the_truth(key: str) -> None:
    """Factors depend on absolute pseudorapidity and have an uncertainty."""
    from cookbook.simulation.corrections.leptons import MUON_NAMES

    correction = load("MUO", "muon_Z.json.gz")[MUON_NAMES[key]]
    eta = np.array([-2.2, -1.0, 0.3, 1.5])
    nominal = correction.evaluate(eta, 45.0, "nominal")
    assert nominal == pytest.approx(model.muon_sf(TRUTH, key, abs(eta)))
    up, down = correction.evaluate(eta, 45.0, "systup"), correction.evaluate(eta, 45.0, "systdown")
    assert up - nominal == pytest.approx(nominal - down)


def test_a_muon_outside_the_detector_is_an_error() -> None:
    """The map says so rather than extrapolate."""
    correction = load("MUO", "muon_Z.json.gz")["NUM_TightID_DEN_TrackerMuons"]
    with pytest.raises(RuntimeError, match=r"Index (below|above) bounds"):
        correction.evaluate(2.9, 45.0, "nominal")


@pytest.mark.parametrize("level", ["wp80", "wp90"])
def test_electron_factors_are_those_of_the_truth(level: str) -> None:
    """Identification factors in pseudorapidity of the supercluster and pt."""
    correction = load("EGM", "electron.json.gz")["Electron-ID-SF"]
    eta, pt = np.array([-2.3, -1.0, 0.4, 1.8]), np.array([12.0, 30.0, 45.0, 130.0])
    got = correction.evaluate(YEAR, "sf", f"{level}iso", eta, pt)
    assert got == pytest.approx(model.electron_sf(TRUTH, level, eta, pt))


def test_electron_reconstruction_is_split_at_20_and_75_gev() -> None:
    """Each range of pt has its own entry."""
    correction = load("EGM", "electron.json.gz")["Electron-ID-SF"]
    for name, pt in (("RecoBelow20", 15.0), ("Reco20to75", 40.0), ("RecoAbove75", 200.0)):
        expected = model.electron_reconstruction_sf(TRUTH, np.array([pt]))[0]
        assert correction.evaluate(YEAR, "sf", name, 0.5, pt) == pytest.approx(expected)


def test_pileup_weights_turn_the_simulated_profile_into_that_of_data() -> None:
    """Weights times the simulated profile is the data profile, and no weight is extreme."""
    correction = load("LUM", "puWeights.json.gz")[lum.PILEUP]
    centres = np.arange(100) + 0.5
    weights = correction.evaluate(centres, "nominal")
    simulation, data = model.pileup_density(TRUTH, "simulation"), model.pileup_density(TRUTH, "data")
    assert weights * simulation == pytest.approx(data, abs=1e-9)
    assert weights.max() < 5
    up, down = correction.evaluate(centres, "up"), correction.evaluate(centres, "down")
    assert (up * simulation * centres).sum() > (data * centres).sum() > (down * simulation * centres).sum()


def test_the_committed_files_are_made_from_the_committed_truth(tmp_path: Path) -> None:
    """Making the corrections again gives the same text."""
    for path in corrections.write_all(tmp_path, TRUTH):
        committed = Path(sample.corrections(path.parts[-4], path.name))
        assert gzip.decompress(committed.read_bytes()) == gzip.decompress(path.read_bytes()), path.name


def test_the_committed_pileup_profiles_are_those_of_the_truth() -> None:
    """The histograms hold the profiles, each normalised, and more pileup in data than in simulation."""
    with uproot.open(sample.pileup_profiles()) as file:
        held = {name: file[name].values() for name in file.keys(cycle=False)}
    expected = lum.profiles(TRUTH)
    assert held.keys() == expected.keys()
    for name, content in expected.items():
        assert held[name] == pytest.approx(content, rel=1e-12)
        assert held[name].sum() == pytest.approx(1.0)
    mean = {name: np.average(np.arange(100) + 0.5, weights=content) for name, content in held.items()}
    assert mean["simulation"] < mean["pileup_down"] < mean["pileup"] < mean["pileup_up"]


def test_profiles_are_left_alone_where_they_are_right(tmp_path: Path) -> None:
    """Making the sample again does not touch the file: its bytes would differ in the date alone."""
    path = tmp_path / lum.PROFILES
    lum.write_profiles(path, TRUTH)
    before = path.read_bytes()
    lum.write_profiles(path, TRUTH)
    assert path.read_bytes() == before
