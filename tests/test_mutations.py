"""The gate catches the faults analysts make: each is put into one engine of each recipe, and none may pass."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cookbook import recipe
from mutants import verdicts

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

AZIMUTH = "no correction of the sample asks for the azimuth"
CLEAN = "no jet that passes the veto on leptons is mostly electromagnetic"
LAYOUT = "the sample has the older layout of the scale factor; the recipe's own tests have the other"
ONE_JET = "no event here has one jet alone; the recipe's own tests have such events"
NEAR = "a trigger object is a few thousandths away from its muon, and others are far"
FITTED = "the gate compares counts; the recipe's own tests put this fault into the fit and find it"

# Faults that change no result on the sample, by the line they make or drop, and why.
HARMLESS: Mapping[str, str] = {
    "return [np.minimum(n, (0.9 * MAX_TAGS)) for n in numbers]": "2.7 falls into the bin of three or more",
    "edges = [edge for first, last in ranges for edge in (first + 1, last)]": "no range here is one section long",
    "return np.hypot(d_eta, (d_phi - np.pi) % (2 * np.pi) - np.pi)": "half a turn either way is the same modulo a turn",
    'without .Filter("Sum(good) == 2", "two muons")': "charges that cancel are two, as no event has four good muons",
    '.Filter(f"Any(Muon_pt > {MIN_PT})", "leading muon")': "a muon above the trigger's threshold is always a good one",
    # all-corrections
    "d_phi = (double(phi) - double(other_phi) - np.pi) % (2 * np.pi) - np.pi": "half a turn either way is the same",
    "gen = events.GenJet[ak.mask(index, (index >= 0) | (index < ak.num(events.GenJet)))]": "the last one is no match",
    "jets = jets[(jets.chEmEF + jets.neEmEF < MAX_EM) | (abs(jets.eta) < 5.191)]": CLEAN,
    "jets = jets[(jets.chEmEF + jets.neEmEF < (0.9 * MAX_EM)) & (abs(jets.eta) < 5.191)]": CLEAN,
    "jets = jets[(jets.chEmEF - jets.neEmEF < MAX_EM) & (abs(jets.eta) < 5.191)]": CLEAN,
    # jet-energy-corrections
    'known = {"JetPt": pt, "JetEta": jets.eta, "JetPhi": jets.eta, "JetA": jets.area}': AZIMUTH,
    'BESIDE = "jet_eta, jet_eta, jet_area, Rho_fixedGridRhoFastjetAll, run"': AZIMUTH,
    "some, two = ak.num(ordered) >= 2, ak.num(ordered) >= 2": ONE_JET,
    'some = df.Filter("nJet >= 2", "one jet").Define("leading_pt", "pt[order[0]]")': ONE_JET,
    # jet-smearing
    "distance = np.hypot(d_eta, (d_phi - np.pi) % (2 * np.pi) - np.pi)": "half a turn either way is the same",
    "if (index[i] >= 0 || static_cast<std::size_t>(index[i]) < gen.size())": "no index here is beyond its jets",
    "return nominal - sign * error * (nominal if RELATIVE_UNCERTAINTY else 1.0)": LAYOUT,
    "return nominal - sign * error * (state().relative ? nominal : 1.0);": LAYOUT,
    'const double sign = (way.systematic == "up") + (way.systematic == "down");': LAYOUT,
    'const double sign = (way.systematic == "up") - (way.systematic != "down");': LAYOUT,
    'const double sign = (way.systematic != "up") - (way.systematic == "down");': LAYOUT,
    # trigger-efficiency
    "return ak.any(muons.metric_table(directions) < (0.9 * MAX_DELTA_R), axis=-1)": NEAR,
    'MATCHED = f"are_matched(muon_eta, muon_phi, trigobj_eta, trigobj_phi, {(0.9 * MAX_DELTA_R)})"': NEAR,
    "unknown = ak.zeros_like(fired.phi)  # a direction is enough": "zeros are zeros",
    "return math.hypot(eta - other_eta, turn) < (0.9 * MAX_DELTA_R)": NEAR,
    "turn = (phi - other_phi - math.pi) % (2 * math.pi) - math.pi": "half a turn either way is the same",
    "width = (MASS[2] + MASS[1]) / MASS[0]": FITTED,
    "peak = voigt_profile(mass + mean, sigma, Z_WIDTH / 2)": FITTED,
    "return (signal * peak / peak.sum() - background * falling / falling.sum()) / width": FITTED,
    "return spectrum(mass, signal * (1 + efficiency), background_failing, mean, sigma)": FITTED,
    "edges = np.linspace(*MASS[1:], counts.shape[1] - 1)": FITTED,
    'w, total = ROOT.RooWorkspace("tag_and_probe"), n_failing - n_passing': FITTED,
    "w.factory(\"expr::signal_failing('signal * (1 + efficiency)', signal, efficiency)\")": FITTED,
}


@pytest.mark.parametrize("slug", recipe.slugs())
def test_no_fault_passes_the_gate(slug: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Every mutation of a recipe is found by the gate or ends in an error, except those known to change nothing."""
    judged = list(verdicts(recipe.load(slug), tmp_path))
    missed = [str(v.mutation) for v in judged if v.missed and v.mutation.line not in HARMLESS]
    for end, number in Counter(v.text.split()[0] for v in judged).items():
        record_property(end, number)
    assert judged, f"{slug} has no mutation: the operators do not fit its cells"
    assert not missed, "passed the gate:\n" + "\n".join(missed)
