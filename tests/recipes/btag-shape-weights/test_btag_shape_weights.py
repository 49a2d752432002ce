"""b-tagging weights of the discriminant: jets without any, systematics of some flavours, and what a file may lack."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from btags import BINNED, NEAR_AND_FAR, Entries, Jets, Page, Weights, untaggable, written
from cookbook import agreement
from shared import Cases

PAGE = Page("btag-shape-weights")
PARAMETERS, FILE = PAGE.parameters, PAGE.corrections
CASES: Cases = {
    "kind": ["shape", "wp_values"],
    "wrong": {
        "systematic": (
            {"SYSTEMATICS": {"up_jes": False}, "WAYS": ["none", "nominal", "up_jes"]},
            "has no systematic 'up_jes'; there are ",
        ),
        "tagger": (
            {"TAGGER": "robustParticleTransformer"},
            r"no correction 'robustParticleTransformer_shape'; .*UParTAK4_shape",
        ),
    },
}


class TestShape(Weights):
    """What these weights share with those at working points."""

    page, cases = PAGE, CASES


def tagged(result: Mapping[str, hist.Hist], way: str) -> list[float]:
    """Return the events by their number of jets that pass the loose working point."""
    return [float(x) for x in result[f"L_{way}"].project(1).values()]


def factor(flavour: int, score: float, pt: float = 100.0, eta: float = 0.5, way: str = "central") -> float:
    """Return the factor of a jet, of the file."""
    values = np.array([eta, pt, score], "float32")
    return float(FILE["particleNet_shape"].evaluate(way, flavour, *(float(x) for x in values)))


def test_the_shape_is_renormalised_by_number_of_jets(tmp_path: Path) -> None:
    """The product over jets is the file's; the sum over events with as many jets is kept."""
    pt, eta = [[100.0, 50.0], [60.0], [100.0, 50.0]], [[0.5, 1.0], [0.1], [0.5, -2.0]]
    score, flavour = [[0.9, 0.2], [0.1], [0.01, 0.03]], [[5, 4], [0], [0, 0]]
    result = PAGE.mistaken(written(tmp_path / "in.root", pt, eta, score, flavour))
    products = [
        np.prod([factor(*jet) for jet in zip(f, s, p, np.abs(e), strict=True)])
        for p, e, s, f in zip(pt, eta, score, flavour, strict=True)
    ]
    raw = result["sums_nominal"].values()
    assert raw[1:3] == pytest.approx([products[1], products[0] + products[2]], rel=1e-5)
    as_it_comes, kept = (result[f"L_{way}"].project(0).values() for way in ("as it comes", "nominal"))
    assert as_it_comes == pytest.approx(raw)
    assert kept[1:3] == pytest.approx([1, 2])
    assert result["score_nominal"].project(0).values()[1] == pytest.approx(1)
    inverted = result["L_inverted"].project(0).values()
    assert inverted[1:3] == pytest.approx([1 / products[1], 1 / products[0] + 1 / products[2]], rel=1e-5)


def test_weights_of_negative_sum_are_left_alone(tmp_path: Path) -> None:
    """Where the sum after is not positive there is nothing to renormalise to, in both engines."""
    result = PAGE.agreed(written(tmp_path / "in.root", weights=[-1.0, 1.0, -2.0]))
    assert all(np.all(np.isfinite(h.values(flow=True))) for h in result.values())
    assert result["L_nominal"].project(0).values()[1] == pytest.approx(result["sums_nominal"].values()[1])


@untaggable
def test_a_jet_that_cannot_be_tagged_has_no_weight(columns: dict[str, Any], tmp_path: Path) -> None:
    """It is not counted, and leaves the weight of its event alone."""
    result = PAGE.mistaken(written(tmp_path / "in.root", **columns))
    assert result["sums_nominal"].values()[0] == pytest.approx(2)
    for way in ("as it comes", "inverted"):
        assert tagged(result, way)[0] == pytest.approx(2)


@pytest.mark.parametrize("pt", [30.5, 1000.0, 9000.0])
def test_momenta_at_the_ends_of_the_map(pt: float, tmp_path: Path) -> None:
    """A jet beyond what the file was made for takes the value at its end, in both engines."""
    result = PAGE.mistaken(written(tmp_path / "in.root", pt=[[pt], [], [pt]]))
    assert tagged(result, "as it comes")[1] == pytest.approx(factor(5, 0.9, pt))


def test_events_without_jets(tmp_path: Path) -> None:
    """Their weight is one, in every way."""
    empty: Jets = [[], [], []]
    result = PAGE.mistaken(written(tmp_path / "in.root", empty, empty, empty, empty))
    ways = [name for name in result if name.startswith("L_")]
    assert len(ways) > len(PARAMETERS["WAYS"])
    assert all(list(result[way].project(1).values()) == [3, 0, 0, 0] for way in ways)


@pytest.mark.parametrize("flavour", [0, 4, 5])
def test_a_systematic_leaves_other_flavours_at_their_central_value(flavour: int, tmp_path: Path) -> None:
    """Those of c jets vary c jets alone, and those of the others the others."""
    result = PAGE.agreed(written(tmp_path / "in.root", [[100.0]], [[0.5]], [[0.9]], [[flavour]]))
    for way, of_c in PARAMETERS["SYSTEMATICS"].items():
        expected = factor(flavour, 0.9, way=way if of_c == (flavour == 4) else "central")
        assert result[f"sums_{way}"].values()[1] == pytest.approx(expected)


def as_in_cms(entries: Entries) -> Entries:
    """Return the corrections without the pairs of systematic and flavour that CMS files do not have."""
    for entry in (e for e in entries if e["name"].endswith("_shape")):
        for variation in entry["data"]["content"]:
            of_charm = "cferr" in variation["key"]
            if variation["key"] != "central":
                flavours = variation["value"]["content"]
                variation["value"]["content"] = [f for f in flavours if (f["key"] == 4) == of_charm]
    return entries


def test_pairs_that_cms_files_lack_are_not_asked_for(tmp_path: Path) -> None:
    """Without entries of c jets for `hf` and `lf`, and of others for `cferr1`, the result is the same."""
    path = written(tmp_path / "in.root", flavour=[[4], [], [0]])
    agreement.check(PAGE.agreed(path), PAGE.agreed(path, PAGE.changed(tmp_path / "btag.json", as_in_cms)), empty=True)


def by_eta(entries: Entries) -> Entries:
    """Return the corrections with a shape by pseudorapidity."""
    for entry in (e for e in entries if e["name"].endswith("_shape")):
        for variation in entry["data"]["content"]:
            variation["value"] = BINNED
    return entries


def test_the_factor_is_that_of_the_jet_s_own_pseudorapidity(tmp_path: Path) -> None:
    """The sample's file does not depend on it; another one may. A jet outside the tracker comes first."""
    path = written(tmp_path / "in.root", **NEAR_AND_FAR)
    result = PAGE.agreed(path, PAGE.changed(tmp_path / "btag.json", by_eta))
    assert result["sums_nominal"].values()[2] == pytest.approx(0.72)


def test_the_slow_way_is_the_same(tmp_path: Path) -> None:
    """Jet by jet or in columns, with all flavours."""
    path = written(tmp_path / "in.root", flavour=[[4], [], [0]])
    agreement.check(PAGE.agreed(path), PAGE.run("coffea_jet_by_jet", path), empty=True)
