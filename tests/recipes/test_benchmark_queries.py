"""The benchmark queries give what plain loops over their definitions give, on the sample and on values at the cuts."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from cookbook import anatomy, recipe
from runs import few, run
from small_files import event_columns, jagged, write

QUERIES = [slug for slug in recipe.slugs() if slug.startswith("query-")]
CHAPTER = "Benchmark queries"
MOST_LINES = 120  # of a page's own: the cells whose text is common to all recipes are copied
# From source to library; a loop in numba beside that over arrays, in two; leptons of both flavours in one list.
LONGER = {"query-5-met-dimuon": 135, "query-6-trijet": 155, "query-7-jet-sum": 136, "query-8-trilepton-mt": 142}
RANDOM_EVENTS = 3000
NUMBERS = {"Jet": 7, "Muon": 3, "Electron": 3}  # at most, in a random event

Event = dict[str, Any]
Vector = tuple[float, float, float, float]


def vector(event: Event, kind: str, place: int) -> Vector:
    """Return x, y, z and t of an object."""
    pt, eta, phi, mass = (event[f"{kind}_{name}"][place] for name in ("pt", "eta", "phi", "mass"))
    x, y, z = pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)
    return x, y, z, math.sqrt(x * x + y * y + z * z + mass * mass)


def mass_and_pt(vectors: Iterable[Vector]) -> tuple[float, float]:
    """Return both of a sum of vectors."""
    x, y, z, t = (sum(parts) for parts in zip(*vectors, strict=True))
    return math.sqrt(max(t * t - x * x - y * y - z * z, 0)), math.hypot(x, y)


def central_jets(event: Event) -> dict[str, list[float]]:
    """Take the pT of jets with |eta| < 1."""
    return {"pt": [pt for pt, eta in zip(event["Jet_pt"], event["Jet_eta"], strict=True) if abs(eta) < 1]}


def two_jets(event: Event) -> dict[str, list[float]]:
    """Take MET of events with at least two jets with pT > 40 GeV."""
    return {"met": [event["PuppiMET_pt"]] * (sum(pt > 40 for pt in event["Jet_pt"]) >= 2)}


def dimuon(event: Event) -> dict[str, list[float]]:
    """Take MET of events with an opposite-charge muon pair with a mass between 60 and 120 GeV."""
    pairs = combinations(range(len(event["Muon_pt"])), 2)
    opposite = [pair for pair in pairs if event["Muon_charge"][pair[0]] != event["Muon_charge"][pair[1]]]
    masses = [mass_and_pt(vector(event, "Muon", i) for i in pair)[0] for pair in opposite]
    return {"met": [event["PuppiMET_pt"]] * any(60 < mass < 120 for mass in masses)}


def trijet(event: Event) -> dict[str, list[float]]:
    """Take momentum and highest b-tag score of the trijet closest to 172.5 GeV, in events with three jets."""
    found = [
        (abs(mass - 172.5), pt, max(event["Jet_btagPNetB"][i] for i in three))
        for three in combinations(range(len(event["Jet_pt"])), 3)
        for mass, pt in [mass_and_pt(vector(event, "Jet", i) for i in three)]
    ]
    best = min(found, key=lambda one: one[0], default=None)
    return {"pt": [best[1]], "score": [best[2]]} if best else {"pt": [], "score": []}


def jet_sum(event: Event) -> dict[str, list[float]]:
    """Sum the pT of jets with pT > 30 GeV without a lepton with pT > 10 GeV within 0.4."""
    leptons = [
        (event[f"{kind}_eta"][i], event[f"{kind}_phi"][i])
        for kind in ("Muon", "Electron")
        for i, pt in enumerate(event[f"{kind}_pt"])
        if pt > 10
    ]

    def away(eta: float, phi: float) -> bool:
        turn = [abs((phi - other + math.pi) % (2 * math.pi) - math.pi) for _, other in leptons]
        return all(math.hypot(eta - place[0], dphi) >= 0.4 for place, dphi in zip(leptons, turn, strict=True))

    jets = zip(event["Jet_pt"], event["Jet_eta"], event["Jet_phi"], strict=True)
    return {"sum": [sum(pt for pt, eta, phi in jets if pt > 30 and away(eta, phi))]}


def transverse_mass(event: Event) -> dict[str, list[float]]:
    """Combine MET and the hardest lepton beside the pair closest to 91.2 GeV, in events with three leptons."""
    leptons = [(kind, i) for kind in ("Muon", "Electron") for i in range(len(event[f"{kind}_pt"]))]
    pairs = [
        (a, b)
        for a, b in combinations(leptons, 2)
        if a[0] == b[0] and event[f"{a[0]}_charge"][a[1]] != event[f"{b[0]}_charge"][b[1]]
    ]
    if len(leptons) < 3 or not pairs:
        return {"mt": []}
    best = min(pairs, key=lambda pair: abs(mass_and_pt(vector(event, *one) for one in pair)[0] - 91.2))
    pt, phi = max(
        ((event[f"{kind}_pt"][i], event[f"{kind}_phi"][i]) for kind, i in leptons if (kind, i) not in best),
        key=lambda one: one[0],
    )
    return {"mt": [math.sqrt(2 * pt * event["PuppiMET_pt"] * (1 - math.cos(phi - event["PuppiMET_phi"])))]}


PLAIN: dict[str, Callable[[Event], dict[str, list[float]]]] = {
    "query-1-met": lambda event: {"met": [event["PuppiMET_pt"]]},
    "query-2-jet-pt": lambda event: {"pt": event["Jet_pt"]},
    "query-3-central-jets": central_jets,
    "query-4-met-two-jets": two_jets,
    "query-5-met-dimuon": dimuon,
    "query-6-trijet": trijet,
    "query-7-jet-sum": jet_sum,
    "query-8-trilepton-mt": transverse_mass,
}


def compare(slug: str, files: Sequence[str]) -> None:
    """Ask that each engine and each variant has the histograms that plain loops fill."""
    query = recipe.load(slug)
    events = [
        event
        for path in files
        for event in uproot.concatenate(f"{path}:Events", query.branches(query.parameters())["Events"]).to_list()
    ]
    values = [PLAIN[slug](event) for event in events]
    for variant in query.variants():
        for name, h in run(query, variant, files).items():
            filled = [x for one in values for x in one[name]]
            expected = h.copy().reset().fill(filled)
            assert filled
            assert np.array_equal(h.values(flow=True), expected.values(flow=True)), (variant, name)


def at_the_cuts(folder: Path) -> str:
    """Write random events whose momenta, pseudorapidities and charges lie on and around every cut."""
    random = np.random.default_rng(8)
    columns: dict[str, Any] = event_columns(RANDOM_EVENTS)
    columns["PuppiMET"] = {
        "pt": random.choice(np.arange(0, 300, 2.0), RANDOM_EVENTS).astype("f4"),
        "phi": random.uniform(-np.pi, np.pi, RANDOM_EVENTS).astype("f4"),
    }
    for kind, most in NUMBERS.items():
        number = random.integers(0, most + 1, RANDOM_EVENTS)
        total = number.sum()
        flat = {
            "pt": random.choice(np.arange(5, 100, 5.0), total),
            "eta": random.choice(np.arange(-2, 2.25, 0.25), total),
            "phi": random.uniform(-np.pi, np.pi, total),
            "mass": random.choice([0.0, 0.1, 5.0], total),
            "btagPNetB": random.uniform(0, 1, total),
        }
        cuts = np.cumsum(number)[:-1]
        columns[kind] = {name: jagged([*map(list, np.split(values, cuts))], "f4") for name, values in flat.items()}
        if kind != "Jet":
            columns[kind]["charge"] = jagged([*map(list, np.split(random.choice([-1, 1], total), cuts))], "i4")
    return write(folder / "cuts.root", columns, None)


def test_there_are_eight() -> None:
    """Each has its plain loop."""
    assert [*PLAIN] == QUERIES


@pytest.mark.parametrize("slug", QUERIES)
def test_it_is_its_definition(slug: str) -> None:
    """On the sample."""
    compare(slug, list(few(slug)))


@pytest.mark.parametrize("slug", QUERIES)
def test_it_is_its_definition_at_the_cuts(slug: str, tmp_path: Path) -> None:
    """With events without objects, and values that are equal to a cut."""
    compare(slug, [at_the_cuts(tmp_path)])


@pytest.mark.parametrize("slug", QUERIES)
def test_it_is_short(slug: str) -> None:
    """A page for beginners, in the chapter that they find by name."""
    query = recipe.load(slug)
    own = [cell for cell in query.notebook.cells if "common" not in cell.metadata.get("cookbook", {})]
    assert query.metadata["chapter"] == CHAPTER
    assert anatomy.lines(*own) <= LONGER.get(slug, MOST_LINES)
