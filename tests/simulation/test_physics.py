"""The committed sample is what a physicist expects: peaks, closure, order, links, sums."""

import json
import re
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from cookbook import sample
from cookbook.simulation import model, nano, truth
from cookbook.simulation.genparticles import BITS, has_quark

TRUTH = truth.load()
PROCESSES = {name: process for part in TRUTH.samples for name, process in part.processes.items()}
STREAMS = {name: paths for part in TRUTH.samples for name, paths in part.table["stream"].items()}
SLIM = [(name, part) for part in TRUTH.parts.values() for name in (*part.processes, *part.table["stream"])]
SIMULATED = [name for name, dataset in sample.datasets().items() if dataset.kind == "simulation"]
SORTED = ("Jet", "FatJet", "Muon", "Electron", "Photon", "GenJet", "GenJetAK8")


def read(name: str, *branches: str) -> Any:
    """Read branches of a dataset, all files."""
    parts = []
    for path in sample.files(name):
        with uproot.open(path) as file:
            parts.append(file["Events"].arrays([*branches]))
    return ak.concatenate(parts)


def sum_of_weights(name: str) -> float:
    """Add the sums of weights of all files."""
    total = 0.0
    for path in sample.files(name):
        with uproot.open(path) as file:
            total += float(file["Runs"]["genEventSumw"].array(library="np").sum())
    return total


def certified(events: Any) -> Any:
    """Mask of events in certified sections."""
    ranges = json.loads(Path(sample.certified()).read_text())
    run, section = np.asarray(events.run), np.asarray(events.luminosityBlock)
    good = np.zeros(len(run), dtype=bool)
    for number, pairs in ranges.items():
        for first, last in pairs:
            good |= (run == int(number)) & (section >= first) & (section <= last)
    return good


MUON = ["Muon_pt", "Muon_eta", "Muon_phi", "Muon_charge", "Muon_tightId", "Muon_pfRelIso04_all", "HLT_IsoMu24"]


def dimuon(events: Any) -> tuple[Any, Any]:
    """Mass of two good muons of opposite charge, and which events have them."""
    good = (events.Muon_pt > 26) & events.Muon_tightId & (events.Muon_pfRelIso04_all < 0.15)
    two = (ak.sum(good, axis=1) == 2) & events.HLT_IsoMu24
    two = np.asarray(two & (ak.sum(events.Muon_charge[good], axis=1) == 0))
    pt, eta, phi = (events[f"Muon_{name}"][good][two] for name in ("pt", "eta", "phi"))
    mass = 2 * pt[:, 0] * pt[:, 1] * (np.cosh(eta[:, 0] - eta[:, 1]) - np.cos(phi[:, 0] - phi[:, 1]))
    return np.sqrt(ak.to_numpy(mass)), two


def test_the_z_peaks_at_its_mass() -> None:
    """Half of the pairs lie within 2 GeV of the peak, whose median is within 0.5 GeV of the Z mass."""
    mass, _ = dimuon(read("DYto2L_M-50", *MUON))
    peak = mass[(mass > 80) & (mass < 100)]
    assert len(peak) > 500
    assert np.median(peak) == pytest.approx(91.0, abs=0.5)
    assert np.quantile(peak, 0.75) - np.quantile(peak, 0.25) < 4.5


def test_pseudo_data_are_normalised_to_cross_section_and_luminosity() -> None:
    """Z events in certified data agree with simulation times the muon efficiencies within four standard deviations."""
    data = read("Muon", "run", "luminosityBlock", *MUON)
    mass, two = dimuon(data)
    good = certified(data)[two] & (mass > 80) & (mass < 100)
    expected = 0.0
    for name in ("DYto2L_M-50", "TTbar", "Diboson"):
        events = read(name, "genWeight", *MUON)
        mass, two = dimuon(events)
        weight = np.asarray(events.genWeight)[two][(mass > 80) & (mass < 100)]
        cross_section = sample.datasets()[name].cross_section
        assert cross_section is not None
        expected += float(weight.sum()) * cross_section * sample.luminosity() / sum_of_weights(name)
    # Data have lower identification and isolation efficiencies, by about 2 and 1% per muon.
    expected *= (0.978 * 0.992) ** 2
    assert good.sum() == pytest.approx(expected, abs=4 * np.sqrt(2 * expected))


def test_pairs_of_leptons_are_normalised_to_cross_section_and_luminosity() -> None:
    """Pairs of muons that the trigger took agree with simulation times the efficiencies within 2%."""
    luminosity = sample.datasets()["Muon_Dilepton"].luminosity
    assert luminosity is not None
    assert luminosity == pytest.approx(TRUTH.parts["dilepton"].certified)
    mass, _ = dimuon(read("Muon_Dilepton", *MUON))
    expected = 0.0
    for name, process in TRUTH.parts["dilepton"].processes.items():
        events = read(name, "genWeight", *MUON)
        simulated, two = dimuon(events)
        weight = np.asarray(events.genWeight)[two][(simulated > 80) & (simulated < 100)]
        expected += float(weight.sum()) * process.cross_section * luminosity / sum_of_weights(name)
    # the trigger asks one of the two muons: its factor of 0.95 becomes 0.99
    expected *= (0.978 * 0.992) ** 2 * 0.99
    assert ((mass > 80) & (mass < 100)).sum() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("name", list(TRUTH.parts["dilepton"].processes))
def test_pairs_of_leptons_hold_two_of_a_kind(name: str) -> None:
    """Every event has two muons or two electrons above 15 GeV."""
    pt = read(name, "Muon_pt", "Electron_pt")
    assert ak.all((ak.sum(pt.Muon_pt > 15, axis=1) >= 2) | (ak.sum(pt.Electron_pt > 15, axis=1) >= 2))


@pytest.mark.parametrize(("name", "part"), SLIM, ids=[name for name, _ in SLIM])
def test_slim_files_hold_the_branches_listed_and_no_other(name: str, part: truth.Truth) -> None:
    """Simulation has all that the truth lists, pseudo-data all but what only simulation knows."""
    keep = part.table["keep"]
    listed = {f"{collection}_{field}" for collection in keep if collection != "event" for field in keep[collection]}
    listed |= set(keep["event"])
    if name not in part.processes:
        listed = {branch for branch in listed if not nano.is_generator(branch)}
    with uproot.open(sample.files(name)[0]) as file:
        names = {branch.name for branch in file["Events"].branches if not re.match("n[A-Z]", branch.name)}
    assert names == listed


def test_multijet_events_in_larger_number_are_normalised_to_cross_section_and_luminosity() -> None:
    """Far above the triggers, the numbers of events of simulation and certified data agree within 3%."""
    data = read("JetMET_Jets", "run", "luminosityBlock", "Jet_pt", "Jet_eta")
    luminosity = sample.datasets()["JetMET_Jets"].luminosity
    assert luminosity is not None
    assert luminosity == pytest.approx(TRUTH.parts["jets"].certified)

    def events_above(events: Any) -> Any:
        pt = events.Jet_pt
        return np.asarray(ak.sum(pt[(pt > 30) & (abs(events.Jet_eta) < 2.5)], axis=1) > 1200)

    expected = 0.0
    for name, process in TRUTH.parts["jets"].processes.items():
        events = read(name, "genWeight", "Jet_pt", "Jet_eta")
        weight = np.asarray(events.genWeight)[events_above(events)]
        expected += float(weight.sum()) * process.cross_section * luminosity / sum_of_weights(name)
    assert (events_above(data) & certified(data)).sum() == pytest.approx(expected, rel=0.03)


def test_top_quarks_decay_to_w_and_b_with_their_masses() -> None:
    """Two tops of 172.5 GeV and two W near 80.4 GeV in every top-pair event."""
    part = read("TTbar", "GenPart_pdgId", "GenPart_mass", "GenPart_statusFlags")
    last = (part.GenPart_statusFlags >> BITS["isLastCopy"]) & 1 == 1
    for code, mass in ((6, 172.5), (24, 80.4)):
        chosen = last & (abs(part.GenPart_pdgId) == code)
        assert ak.all(ak.sum(chosen, axis=1) == 2)
        assert np.median(ak.flatten(part.GenPart_mass[chosen])) == pytest.approx(mass, abs=0.7)


def test_the_higgs_makes_four_leptons_at_125_gev() -> None:
    """The two Z of the Higgs decay have the Higgs mass together."""
    part = read("HtoZZto4L", "GenPart_pdgId", "GenPart_mass", "GenPart_statusFlags")
    chosen = (part.GenPart_pdgId == 25) & ((part.GenPart_statusFlags >> BITS["isLastCopy"]) & 1 == 1)
    assert np.median(ak.flatten(part.GenPart_mass[chosen])) == pytest.approx(125.0, abs=0.1)


@pytest.mark.parametrize(("name", "bottoms"), [("XtoHHto4B_M-700", 4), ("XtoHHto2B2W_M-700", 2)])
def test_the_resonance_decays_to_two_higgs_bosons_with_the_named_decay(name: str, bottoms: int) -> None:
    """Higgs bosons come in twos and give the right number of b quarks."""
    part = read(name, "GenPart_pdgId", "GenPart_genPartIdxMother", "GenPart_statusFlags")
    last = (part.GenPart_statusFlags >> BITS["isLastCopy"]) & 1 == 1
    assert ak.all(ak.sum((part.GenPart_pdgId == 25) & last, axis=1) == 2)
    mother = part.GenPart_pdgId[ak.where(part.GenPart_genPartIdxMother < 0, 0, part.GenPart_genPartIdxMother)]
    quarks = (abs(part.GenPart_pdgId) == 5) & (mother == 25)
    assert ak.all(ak.sum(quarks, axis=1) == bottoms)


@pytest.mark.parametrize("low_high", [(40, 70), (70, 150), (150, 400)])
def test_corrected_jets_have_a_response_of_one_in_simulation(low_high: tuple[float, float]) -> None:
    """The nominal correction closes to 1%, and the raw response is below it."""
    low, high = low_high
    jets = read("TTbar", "Jet_pt", "Jet_eta", "Jet_rawFactor", "Jet_genJetIdx", "GenJet_pt")
    matched = (jets.Jet_genJetIdx >= 0) & (abs(jets.Jet_eta) < 1.3)
    gen = ak.flatten(jets.GenJet_pt[jets.Jet_genJetIdx[matched]])
    pt, raw = (ak.flatten(x[matched]) for x in (jets.Jet_pt, jets.Jet_pt * (1 - jets.Jet_rawFactor)))
    inside = (gen > low) & (gen < high)
    assert np.median((pt / gen)[inside]) == pytest.approx(1.0, abs=0.01)
    assert 0.85 < np.median((raw / gen)[inside]) < 0.96


@pytest.mark.parametrize("name", ["TTbar", "Muon", "JetMET"])
def test_raw_factor_undoes_the_correction_of_the_truth(name: str) -> None:
    """Raw pt times the simulation correction, and the residual in data, is the stored pt, to its precision."""
    jets = read(name, "run", "luminosityBlock", "Jet_pt", "Jet_eta", "Jet_rawFactor")
    if name != "TTbar":
        jets = jets[certified(jets)]  # the calorimeter is ill in others
    pt, eta = ak.to_numpy(ak.flatten(jets.Jet_pt)), ak.to_numpy(ak.flatten(jets.Jet_eta))
    raw = pt * (1 - ak.to_numpy(ak.flatten(jets.Jet_rawFactor)))
    away = np.min([abs(abs(eta) - edge) for edge in TRUTH.table["jet"]["eta"]], axis=0) > 0.01
    again = raw * model.simulation_correction(TRUTH, raw, abs(eta))
    if name != "TTbar":
        again = again * model.residual_correction(TRUTH, again, abs(eta))
    assert (again / pt)[away] == pytest.approx(1.0, abs=2e-3)


def test_jets_are_made_by_leptons_too() -> None:
    """Most good electrons of W decays overlap a jet: cleaning has work to do."""
    events = read("TTbar", "Electron_pt", "Electron_mvaIso_WP80", "Electron_jetIdx")
    good = (events.Electron_pt > 30) & events.Electron_mvaIso_WP80
    assert ak.mean(events.Electron_jetIdx[good] >= 0) > 0.9


@pytest.mark.parametrize("name", list(sample.datasets()))
def test_collections_are_sorted_by_pt(name: str) -> None:
    """Objects stand in falling order of pt."""
    with uproot.open(sample.files(name)[0]) as file:
        there = [collection for collection in SORTED if f"{collection}_pt" in file["Events"]]
    assert ({"Jet"} if name.endswith("_Jets") else {"Muon", "Electron"}) <= set(there)
    for collection in there:
        pt = read(name, f"{collection}_pt")[f"{collection}_pt"]
        assert ak.all(pt[:, 1:] <= pt[:, :-1]), collection


LINKS = [
    ("Jet_genJetIdx", "GenJet", 0.3),
    ("FatJet_genJetAK8Idx", "GenJetAK8", 0.3),
    ("Muon_genPartIdx", "GenPart", 0.01),
    ("Electron_genPartIdx", "GenPart", 0.01),
    ("Muon_jetIdx", "Jet", 0.4),
    ("Electron_jetIdx", "Jet", 0.4),
    ("Photon_jetIdx", "Jet", 0.4),
    ("Jet_muonIdx1", "Muon", 0.4),
    ("Jet_electronIdx1", "Electron", 0.4),
    ("Electron_photonIdx", "Photon", 0.05),
    ("FatJet_subJetIdx1", "SubJet", 0.8),
    ("FatJet_subJetIdx2", "SubJet", 0.8),
]


@pytest.mark.parametrize(("branch", "target", "radius"), LINKS, ids=[link[0] for link in LINKS])
def test_indices_point_to_what_they_say(branch: str, target: str, radius: float) -> None:
    """Indices are valid, some are used, and what they point to is near in eta and phi."""
    source = branch.partition("_")[0]
    names = [f"{kind}_{angle}" for kind in (source, target) for angle in ("eta", "phi")]
    events = read("TTbar", branch, *names)
    index = events[branch]
    assert ak.all((index >= -1) & (index < ak.num(events[f"{target}_eta"])))
    used = index >= 0
    assert ak.any(used)
    turn = events[f"{source}_phi"][used] - events[f"{target}_phi"][index[used]]
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    distance = np.hypot(events[f"{source}_eta"][used] - events[f"{target}_eta"][index[used]], turn)
    assert np.quantile(ak.flatten(distance), 0.99) < radius + 0.02


def test_leptons_from_w_and_heavy_quarks_are_told_apart() -> None:
    """The origin code agrees with the generator particle's flags, and non-prompt muons are less isolated."""
    names = ["Muon_genPartIdx", "Muon_genPartFlav", "Muon_pfRelIso04_all", "GenPart_statusFlags", "GenPart_pdgId"]
    events = read("TTbar", *names)
    assert ak.all(events.Muon_genPartIdx >= 0)
    prompt = events.GenPart_statusFlags[events.Muon_genPartIdx] & 1 == 1
    assert ak.all((events.Muon_genPartFlav == 1) == prompt)
    assert ak.all(abs(events.GenPart_pdgId[events.Muon_genPartIdx]) == 13)
    iso, code = ak.flatten(events.Muon_pfRelIso04_all), ak.flatten(events.Muon_genPartFlav)
    assert np.median(iso[code == 1]) < 0.05
    assert np.median(iso[code == 5]) > 0.25


@pytest.mark.parametrize("name", list(TRUTH.processes))
def test_generator_particles_have_their_mothers_before_them(name: str) -> None:
    """Mothers exist, stand earlier, and only the first particles of an event have none."""
    part = read(name, "GenPart_genPartIdxMother", "GenPart_status", "GenPart_pdgId")
    mother = part.GenPart_genPartIdxMother
    assert ak.all(mother < ak.local_index(mother))
    incoming = part.GenPart_status == 21
    assert ak.all(mother[incoming] == -1)
    assert ak.all(ak.sum(incoming, axis=1) == 2)


def test_status_flags_are_consistent() -> None:
    """Hard-process particles are prompt, tau products are not, and hadron products are neither."""
    part = read("DYto2L_M-50", "GenPart_statusFlags", "GenPart_pdgId", "GenPart_status", "GenPart_genPartIdxMother")
    flags = part.GenPart_statusFlags
    bit = {name: (flags >> position) & 1 == 1 for name, position in BITS.items()}
    assert ak.all(bit["isPrompt"][bit["fromHardProcess"]])
    assert ak.all(~bit["isPrompt"][bit["isTauDecayProduct"]])
    assert ak.all(bit["isTauDecayProduct"][bit["isDirectPromptTauDecayProduct"]])
    final = part.GenPart_status == 1
    assert ak.all(bit["isLastCopy"][final])
    charged = final & bit["fromHardProcess"] & ((abs(part.GenPart_pdgId) == 11) | (abs(part.GenPart_pdgId) == 13))
    assert set(ak.sum(charged, axis=1).tolist()) == {0, 2}
    mother = part.GenPart_pdgId[ak.where(part.GenPart_genPartIdxMother < 0, 0, part.GenPart_genPartIdxMother)]
    from_bottom = final & has_quark(mother, 5)
    assert ak.all(bit["isDirectHadronDecayProduct"][from_bottom])


def test_jets_of_b_quarks_are_tagged_more_often() -> None:
    """At the medium point, efficiencies agree with the truth within four standard deviations."""
    jets = read("TTbar", "Jet_pt", "Jet_eta", "Jet_hadronFlavour", "Jet_btagDeepFlavB")
    cut = model.working_points(TRUTH, "deepJet")["M"]
    for flavour in (5, 4, 0):
        chosen = (jets.Jet_hadronFlavour == flavour) & (jets.Jet_pt > 30) & (abs(jets.Jet_eta) < 2.4)
        score, pt = (ak.to_numpy(ak.flatten(x[chosen])) for x in (jets.Jet_btagDeepFlavB, jets.Jet_pt))
        expected = model.tag_efficiency(TRUTH, "deepJet", "simulation", np.full(len(pt), flavour), pt, cut).mean()
        error = np.sqrt(expected * (1 - expected) / len(pt))
        assert (score > cut).mean() == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize("name", SIMULATED)
def test_generator_weights_average_to_the_cross_section(name: str) -> None:
    """The sum of weights over the number of generated events is the cross-section, within statistics."""
    dataset, process = sample.datasets()[name], PROCESSES[name]
    assert dataset.generated is not None
    assert dataset.cross_section is not None
    mean = sum_of_weights(name) / dataset.generated
    spread = 2 * np.sqrt(process.negative * (1 - process.negative)) / (1 - 2 * process.negative)
    tolerance = 1e-6 + 4 * spread / np.sqrt(dataset.generated)
    assert mean == pytest.approx(dataset.cross_section, rel=tolerance)
    weight = read(name, "genWeight").genWeight
    assert (ak.mean(weight < 0) > 0.02) == (process.negative > 0)


def test_a_file_of_drell_yan_has_no_muon_pair_and_a_sum_of_weights() -> None:
    """The second file holds Z to two hadronic taus: a seventh of the weights, and nobody with two muons."""
    _, second = sample.files("DYto2L_M-50")
    with uproot.open(second) as file:
        events = file["Events"].arrays(["nMuon"])
        weight = file["Runs"]["genEventSumw"].array(library="np").sum()
    assert len(events) > 0
    assert ak.max(events.nMuon) < 2
    # 1/3 of the decays are to taus, and (0.648)^2 of those have no electron or muon.
    assert weight / sum_of_weights("DYto2L_M-50") == pytest.approx(0.140, abs=0.02)


def test_missing_momentum_is_the_raw_one_with_the_jet_correction_propagated() -> None:
    """The type-1 correction of the stored jets leads from RawPuppiMET to PuppiMET."""
    names = ["pt", "phi", "rawFactor", "muonSubtrFactor", "neEmEF", "chEmEF"]
    met = [f"{kind}_{part}" for kind in ("PuppiMET", "RawPuppiMET") for part in ("pt", "phi")]
    events = read("TTbar", *(f"Jet_{name}" for name in names), *met)
    pt = events.Jet_pt * (1 - events.Jet_muonSubtrFactor)
    use = (pt > 15) & (events.Jet_neEmEF + events.Jet_chEmEF < 0.9)
    change = ak.where(use, pt * events.Jet_rawFactor, 0.0)
    x = events.RawPuppiMET_pt * np.cos(events.RawPuppiMET_phi) - ak.sum(change * np.cos(events.Jet_phi), axis=1)
    y = events.RawPuppiMET_pt * np.sin(events.RawPuppiMET_phi) - ak.sum(change * np.sin(events.Jet_phi), axis=1)
    distance = np.hypot(
        x - events.PuppiMET_pt * np.cos(events.PuppiMET_phi), y - events.PuppiMET_pt * np.sin(events.PuppiMET_phi)
    )
    assert np.quantile(distance, 0.95) < 0.5


@pytest.mark.parametrize("stream", list(STREAMS))
def test_every_event_of_a_stream_passed_one_of_its_triggers(stream: str) -> None:
    """A primary dataset holds what its paths selected, in order of run and section, each event once."""
    paths = STREAMS[stream]
    events = read(stream, "run", "luminosityBlock", "event", *paths)
    assert np.all(np.any([np.asarray(events[path]) for path in paths], axis=0))
    key = np.stack([np.asarray(events.run), np.asarray(events.luminosityBlock), np.asarray(events.event)], axis=1)
    assert len(np.unique(key[:, [0, 2]], axis=0)) == len(key)
    assert np.all(np.diff(key[:, 0].astype(int) * 10_000 + key[:, 1]) >= 0)


def test_streams_overlap() -> None:
    """Some events are in two streams under the same number: overlap removal has work to do."""
    keys = []
    for stream in ("Muon", "EGamma"):
        events = read(stream, "run", "event")
        keys.append(set(zip(events.run.tolist(), events.event.tolist(), strict=True)))
    assert len(keys[0] & keys[1]) > 5


def test_some_sections_are_not_certified() -> None:
    """A tenth of the muon stream lies outside the certified sections."""
    events = read("Muon", "run", "luminosityBlock")
    assert 0.03 < 1 - certified(events).mean() < 0.2


def test_pileup_differs_between_data_and_simulation() -> None:
    """Data have more vertices, as the profiles in the truth say."""
    data, simulated = read("Muon", "PV_npvs").PV_npvs, read("TTbar", "PV_npvs", "Pileup_nTrueInt")
    assert ak.mean(data) - ak.mean(simulated.PV_npvs) == pytest.approx(0.7 * 8, abs=1.0)
    assert ak.mean(simulated.Pileup_nTrueInt) == pytest.approx(38.5, abs=1.0)
