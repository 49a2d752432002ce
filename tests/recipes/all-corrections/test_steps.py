"""Each step of the chain gives what its own recipe gives, on the same events."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoAODSchema, NanoEventsFactory

from cookbook import recipe, sample

CHAIN = "all-corrections"
JETS = ("jet scale", "smearing", "MET", "veto map", "b tagging")


@cache
def half(slug: str) -> Mapping[str, Any]:
    """Return what the coffea half of a recipe defines."""
    subject = recipe.load(slug)
    namespace = subject.parameters()
    subject.define("coffea", namespace)
    return namespace


@cache
def after(*steps: str, dataset: str = "TTbar") -> Any:
    """Return the events of a dataset after these steps of the chain."""
    chain, (path, *_) = half(CHAIN), sample.files(dataset)
    events = NanoEventsFactory.from_root({path: "Events"}, schemaclass=NanoAODSchema).events()
    scale = None if dataset in chain["DATA"] else 1.0
    *_, (_, now) = chain["chained"](events, scale, chain["load_chain"](chain["KEYS"], chain["PATHS"]), steps)
    assert len(now.events) > 100
    return now


def jets_at(now: Any, pt: Any) -> Any:
    """Return the jets as a recipe has them, at another momentum."""
    return ak.with_field(now.events.Jet, pt, "pt")


def same(one: Any, other: Any, tolerance: float = 1e-12) -> bool:
    """Whether two columns are equal but for the last digits."""
    left, right = (ak.to_numpy(ak.flatten(ak.fill_none(x, np.nan), axis=None)) for x in (one, other))
    return bool(np.allclose(left, right, rtol=tolerance, atol=0, equal_nan=True))


def test_pileup() -> None:
    """The weight is that of the file, at the true number of interactions."""
    now, own = after("pileup"), half("pileup-weights")
    found = own["event_weights"](now.events, own["CorrectionSet"].from_file(own["WEIGHTS"])[own["KEY"]])
    assert same(now.weights.weight(), found.weight())


@pytest.mark.parametrize("dataset", ["TTbar", "Muon"])
def test_jet_scale(dataset: str) -> None:
    """Momenta start from raw, in data and simulation."""
    now, own = after("jet scale", dataset=dataset), half("jet-energy-corrections")
    kind = "DATA" if dataset == "Muon" else "MC"
    found = own["corrected"](now.events, {kind: own["jet_factory"](kind)}, kind)
    assert same(now.jets["JetPt"], found.pt, tolerance=3e-7)  # the factory keeps single precision


def smeared() -> tuple[Any, Any]:
    """Return momenta before smearing and factors as the recipe has them."""
    own, events = half("jet-smearing"), after("jet scale").events
    keys = ("JERC", "SMEARING", "CHAIN", "RESOLUTION", "SCALE_FACTOR", "UNCERTAINTY")
    found = own["load_corrections"](*(own[key] for key in keys))
    values = own["corrected"](events, found)
    return values["JetPt"], own["smear_factors"](found, events, values)["nominal"]


def test_smearing() -> None:
    """Unmatched jets in the horn are spared, and no random number differs."""
    pt, factor = smeared()
    now = after("jet scale", "smearing")
    assert same(after("jet scale").jets["JetPt"], pt)
    assert same(now.jets["JetPt"], pt * factor)
    horn = (abs(now.events.Jet.eta) > 2.5) & (abs(now.events.Jet.eta) < 3.0)
    assert ak.any(factor[horn] == 1)


def test_missing_momentum() -> None:
    """The raw sum takes up what scale and smearing added to the jets."""
    now, own = after("jet scale", "smearing", "MET"), half("type1-met")
    jets = ak.with_field(jets_at(now, now.jets["JetPt"]), now.jets["raw"], "pt_raw")
    met, _ = own["type1_met"](now.events, jets, own["added"](jets, None))
    assert same(now.met, met)


def test_veto_map() -> None:
    """The map judges jets with the veto on leptons, above 15 GeV, near a muon or not."""
    now, own = after(*JETS[:4]), half("jet-veto-map")
    files = [own["CorrectionSet"].from_file(own[name]) for name in ("JET_ID", "VETO_MAP")]
    jets = own["judged"](jets_at(now, now.jets["JetPt"]), files[0][own["ID_KEY"]])
    found = own["vetoed"](jets, files[1][own["VETO_KEY"]])
    assert 0 < ak.sum(found) < len(found)
    assert same(now.vetoed, found)


def test_b_tagging() -> None:
    """The weight is the product over the selected jets at their final momentum."""
    now, own = after(*JETS), half("btag-shape-weights")
    jets = jets_at(now, now.jets["JetPt"])[now.counted()]
    found = own["by_way"](np.ones(len(jets)), jets)["nominal"]
    assert ak.all(own["good_jets"](ak.with_field(now.events, jets, "Jet")).pt == jets.pt)
    assert same(now.shape, found)


def test_b_tagging_is_renormalised() -> None:
    """By process and number of jets, the shape weights change no yield."""
    chain = half(CHAIN)
    result = chain["run_coffea"]({"TTbar": sample.files("TTbar")[:1]})
    for name in ("npvs", "ht", "met", "tags"):
        assert result[name].project("jets").values() == pytest.approx(result["before"].project("jets").values())
    assert result["before"].values() != pytest.approx(result["after"].values(), rel=1e-3)


def test_muon() -> None:
    """Three factors of the one muon."""
    now, own = after("muon"), half("lepton-scale-factors")
    maps = own["CorrectionSet"].from_file(own["SCALE_FACTORS"])
    found = own["lepton_weights"](
        np.ones(len(now.events)),
        now.muon[:, np.newaxis],
        lambda name, muons: own["products"](maps, name, muons),
    )
    assert same(now.weights.weight() / now.events.genWeight, found["nominal"])
