"""b-tagging weights at fixed working points: jets without any, efficiencies of 0 and 1, and what a file may lack."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

from btags import BINNED, NEAR_AND_FAR, Entries, Jets, Page, Weights, untaggable, written
from shared import Cases

PAGE = Page("btag-working-points")
PARAMETERS, FILE = PAGE.parameters, PAGE.corrections
CUT_L, CUT_M = (FILE["particleNet_wp_values"].evaluate(point) for point in "LM")
CASES: Cases = {
    "kind": ["comb", "light", "wp_values"],
    "wrong": {
        "working point": (
            {"POINTS": ["L", "VeryTight"]},
            "has no working_point 'VeryTight' for systematic 'central'; there are L, M, T",
        ),
        "systematic": (
            {"SYSTEMATICS": ["central", "upwards", "down"]},
            "has no systematic 'upwards'; there are central, up, down",
        ),
        "tagger": (
            {"TAGGER": "robustParticleTransformer"},
            r"no correction 'robustParticleTransformer_comb'; .*UParTAK4_comb",
        ),
    },
}


class TestScaleFactors(Weights):
    """What these weights share with those of the discriminant."""

    page, cases = PAGE, CASES


def tagged(result: Mapping[str, hist.Hist], way: str) -> list[float]:
    """Return the events by their number of jets that pass the loose working point."""
    return [float(x) for x in result[f"tags_L_{way}"].values()]


def scale_factor(point: str, flavour: int, pt: float = 100.0, way: str = "central") -> float:
    """Return a scale factor of the file."""
    key = "comb" if flavour else "light"
    return float(FILE[f"particleNet_{key}"].evaluate(way, point, flavour, 0.5, pt))


def test_passed_and_failed_jets_have_the_factors_of_the_method(tmp_path: Path) -> None:
    """With an efficiency of one half: the scale factor, and the complement of its half over one half."""
    result = PAGE.mistaken(written(tmp_path / "in.root"))
    passed, failed = scale_factor("M", 5), 2 - scale_factor("L", 5)
    assert tagged(result, "nominal") == pytest.approx([1 + failed, passed, 0, 0])
    assert tagged(result, "inverted") == pytest.approx([1 + 1 / failed, 1 / passed, 0, 0])
    assert tagged(result, "tagged only") == pytest.approx([2, passed, 0, 0])


def test_the_swapped_flavour_keeps_its_own_efficiency(tmp_path: Path) -> None:
    """The mistake takes the scale factors of light jets alone, and the right map."""
    result = PAGE.mistaken(written(tmp_path / "in.root"))
    passed, failed = scale_factor("M", 0), 2 - scale_factor("L", 0)
    assert tagged(result, "flavours swapped") == pytest.approx([1 + failed, passed, 0, 0])


def test_a_jet_between_working_points(tmp_path: Path) -> None:
    """Its factor is the difference of what passes the one and the other, in data over simulation."""
    result = PAGE.agreed(written(tmp_path / "in.root", score=[[0.9], [], [(CUT_L + CUT_M) / 2]]))
    expected = 2 * scale_factor("L", 5) - scale_factor("M", 5)
    assert tagged(result, "nominal") == pytest.approx([1, scale_factor("M", 5) + expected, 0, 0])


@pytest.mark.parametrize("score", [0.9, 0.01], ids=["all pass", "none passes"])
def test_efficiencies_of_one_and_zero(score: float, tmp_path: Path) -> None:
    """A map of few jets gives finite weights: the scale factor where all pass, one where none does."""
    result = PAGE.agreed(written(tmp_path / "in.root", score=[[score], [], [score]]))
    one_jet = [0, 2 * scale_factor("M", 5)] if score > CUT_M else [2, 0]
    assert tagged(result, "nominal") == pytest.approx([1 + one_jet[0], one_jet[1], 0, 0])


@pytest.mark.parametrize("weights", [(1, -3, 1, 2), (1, -3, 1, -2), (1, -1, 1, -1)])
def test_negative_weights_may_leave_no_probability(weights: Sequence[float], tmp_path: Path) -> None:
    """Where the weighted map has an efficiency outside zero and one, weights stay finite."""
    columns = [[100.0]] * 4, [[0.5]] * 4, [[0.9], [0.9], [0.01], [0.01]], [[5]] * 4
    result = PAGE.agreed(written(tmp_path / "in.root", *columns, weights=weights))
    assert all(np.all(np.isfinite(h.values(flow=True))) for h in result.values())


@untaggable
def test_a_jet_that_cannot_be_tagged_has_no_weight(columns: dict[str, Any], tmp_path: Path) -> None:
    """It is not counted, and leaves the weight of its event alone."""
    result = PAGE.mistaken(written(tmp_path / "in.root", **columns))
    assert result["jets_all"].values(flow=True).sum() == pytest.approx(1)
    for way in ("nominal", "flavours swapped", "inverted"):
        assert tagged(result, way)[0] == pytest.approx(2)


@pytest.mark.parametrize("pt", [30.5, 1000.0, 9000.0])
def test_momenta_at_the_ends_of_the_map(pt: float, tmp_path: Path) -> None:
    """A jet beyond what the file was made for takes the value at its end, in both engines."""
    result = PAGE.mistaken(written(tmp_path / "in.root", pt=[[pt], [], [pt]]))
    assert tagged(result, "nominal")[1] == pytest.approx(scale_factor("M", 5, pt))
    assert tagged(result, "tagged only")[1] == pytest.approx(scale_factor("M", 5, pt))


def test_events_without_jets(tmp_path: Path) -> None:
    """Their weight is one, in every way."""
    empty: Jets = [[], [], []]
    result = PAGE.mistaken(written(tmp_path / "in.root", empty, empty, empty, empty))
    ways = [name for name in result if name.startswith("tags")]
    assert len(ways) > 2 * len(PARAMETERS["WAYS"])
    assert all(list(result[way].values()) == [3, 0, 0, 0] for way in ways)


@pytest.mark.parametrize(("flavour", "varied"), [(5, "bc"), (4, "bc"), (0, "light")])
def test_a_systematic_varies_its_own_flavours(flavour: int, varied: str, tmp_path: Path) -> None:
    """The scale factor of the varied group is the file's, and that of the other group stays at its central value."""
    result = PAGE.agreed(written(tmp_path / "in.root", flavour=[[flavour], [], [flavour]]))
    for group in ("bc", "light"):
        for way in ("up", "down"):
            expected = scale_factor("M", flavour, way=way if group == varied else "central")
            assert tagged(result, f"{group}{way.title()}")[1] == pytest.approx(expected)


def by_eta(entries: Entries) -> Entries:
    """Return the corrections with the scale factors of b jets by pseudorapidity."""
    for entry in (e for e in entries if e["name"].endswith("_comb")):
        for systematic in entry["data"]["content"]:
            for point in systematic["value"]["content"]:
                point["value"] = BINNED
    return entries


def test_the_factor_is_that_of_the_jet_s_own_pseudorapidity(tmp_path: Path) -> None:
    """The sample's file does not depend on it; another one may. A jet outside the tracker comes first."""
    path = written(tmp_path / "in.root", **NEAR_AND_FAR)
    result = PAGE.agreed(path, PAGE.changed(tmp_path / "btag.json", by_eta))
    assert tagged(result, "nominal")[2] == pytest.approx(0.72)
