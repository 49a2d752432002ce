"""b-tagging weights at fixed working points: jets without any, efficiencies of 0 and 1, and what a file may lack."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import correctionlib
import hist
import numpy as np
import pytest

import mistakes
import runs
from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from small_files import edited, event_columns, jagged, write

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("btag-working-points")
PARAMETERS = RECIPE.parameters()
FILE = correctionlib.CorrectionSet.from_file(PARAMETERS["BTAGGING"])
NAN = float("nan")
CUT_L, CUT_M = (FILE["particleNet_wp_values"].evaluate(point) for point in "LM")

engines = pytest.mark.parametrize("engine", recipe.ENGINES)

Jets = list[list[Any]]
# Two b jets of 100 GeV, of which one passes both working points and one fails both, and an event without jets.
PT: Jets = [[100.0], [], [100.0]]
ETA: Jets = [[0.5], [], [-0.5]]
SCORE: Jets = [[0.9], [], [0.01]]
FLAVOUR: Jets = [[5], [], [5]]


def written(
    target: Path,
    pt: Jets = PT,
    eta: Jets = ETA,
    score: Jets = SCORE,
    flavour: Jets = FLAVOUR,
    kind: str = "uint8",
    branch: str = "btagPNetB",
    weights: Sequence[float] | None = None,
) -> str:
    """Write events with these jets."""
    jet = {name: jagged(column, "float32") for name, column in {"pt": pt, "eta": eta, branch: score}.items()}
    jet |= {"phi": jet["pt"] * 0, "mass": jet["pt"] / 10, "hadronFlavour": jagged(flavour, kind)}
    size = len(pt)
    generator = np.array(weights or [1.0] * size, "float32")
    return write(target, {**event_columns(size), "genWeight": generator, "Jet": jet}, [size])


def run(engine: Engine, path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
    """Run one engine on a file and return its histograms."""
    return runs.run(RECIPE, engine, [path], parameters)


def agreed(path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
    """Run both engines on a file, check that they agree, and return coffea's histograms."""
    return runs.agreed(RECIPE, [path], parameters)


def mistaken(path: str) -> dict[str, hist.Hist]:
    """Check that the engines agree on a file, and return coffea's histograms with the mistakes of the closure."""
    agreed(path)
    return mistakes.run(RECIPE, "with_mistakes", [path])


def tagged(result: Mapping[str, hist.Hist], way: str) -> list[float]:
    """Return the events by their number of jets that pass the loose working point."""
    return [float(x) for x in result[f"tags_L_{way}"].values()]


def scale_factor(point: str, flavour: int, pt: float = 100.0, way: str = "central") -> float:
    """Return a scale factor of the file."""
    key = "comb" if flavour else "light"
    return float(FILE[f"particleNet_{key}"].evaluate(way, point, flavour, 0.5, pt))


def test_passed_and_failed_jets_have_the_factors_of_the_method(tmp_path: Path) -> None:
    """With an efficiency of one half: the scale factor, and the complement of its half over one half."""
    result = mistaken(written(tmp_path / "in.root"))
    passed, failed = scale_factor("M", 5), 2 - scale_factor("L", 5)
    assert tagged(result, "nominal") == pytest.approx([1 + failed, passed, 0, 0])
    assert tagged(result, "inverted") == pytest.approx([1 + 1 / failed, 1 / passed, 0, 0])
    assert tagged(result, "tagged only") == pytest.approx([2, passed, 0, 0])


def test_the_swapped_flavour_keeps_its_own_efficiency(tmp_path: Path) -> None:
    """The mistake takes the scale factors of light jets alone, and the right map."""
    result = mistaken(written(tmp_path / "in.root"))
    passed, failed = scale_factor("M", 0), 2 - scale_factor("L", 0)
    assert tagged(result, "flavours swapped") == pytest.approx([1 + failed, passed, 0, 0])


def test_a_jet_between_working_points(tmp_path: Path) -> None:
    """Its factor is the difference of what passes the one and the other, in data over simulation."""
    result = agreed(written(tmp_path / "in.root", score=[[0.9], [], [(CUT_L + CUT_M) / 2]]))
    expected = 2 * scale_factor("L", 5) - scale_factor("M", 5)
    assert tagged(result, "nominal") == pytest.approx([1, scale_factor("M", 5) + expected, 0, 0])


@pytest.mark.parametrize("score", [0.9, 0.01], ids=["all pass", "none passes"])
def test_efficiencies_of_one_and_zero(score: float, tmp_path: Path) -> None:
    """A map of few jets gives finite weights: the scale factor where all pass, one where none does."""
    result = agreed(written(tmp_path / "in.root", score=[[score], [], [score]]))
    one_jet = [0, 2 * scale_factor("M", 5)] if score > CUT_M else [2, 0]
    assert tagged(result, "nominal") == pytest.approx([1 + one_jet[0], one_jet[1], 0, 0])


@pytest.mark.parametrize("weights", [(1, -3, 1, 2), (1, -3, 1, -2), (1, -1, 1, -1)])
def test_negative_weights_may_leave_no_probability(weights: Sequence[float], tmp_path: Path) -> None:
    """Where the weighted map has an efficiency outside zero and one, weights stay finite."""
    columns = [[100.0]] * 4, [[0.5]] * 4, [[0.9], [0.9], [0.01], [0.01]], [[5]] * 4
    result = agreed(written(tmp_path / "in.root", *columns, weights=weights))
    assert all(np.all(np.isfinite(h.values(flow=True))) for h in result.values())


@pytest.mark.parametrize(
    "jet",
    [(100.0, 0.5, -1.0), (100.0, 0.5, NAN), (100.0, 2.6, 0.9), (20.0, 0.5, 0.9), (NAN, 0.5, 0.9), (100.0, NAN, 0.9)],
    ids=["no score", "score not a number", "outside the tracker", "too soft", "pt not a number", "eta not a number"],
)
def test_a_jet_that_cannot_be_tagged_has_no_weight(jet: tuple[float, float, float], tmp_path: Path) -> None:
    """It is not counted, and leaves the weight of its event alone."""
    pt, eta, score = ([*column[:1], [], [value]] for column, value in zip((PT, ETA, SCORE), jet, strict=True))
    result = mistaken(written(tmp_path / "in.root", pt=pt, eta=eta, score=score))
    assert result["jets_all"].values(flow=True).sum() == pytest.approx(1)
    for way in ("nominal", "flavours swapped", "inverted"):
        assert tagged(result, way)[0] == pytest.approx(2)


@pytest.mark.parametrize("pt", [30.5, 1000.0, 9000.0])
def test_momenta_at_the_ends_of_the_map(pt: float, tmp_path: Path) -> None:
    """A jet beyond what the file was made for takes the value at its end, in both engines."""
    result = mistaken(written(tmp_path / "in.root", pt=[[pt], [], [pt]]))
    assert tagged(result, "nominal")[1] == pytest.approx(scale_factor("M", 5, pt))
    assert tagged(result, "tagged only")[1] == pytest.approx(scale_factor("M", 5, pt))


def test_events_without_jets(tmp_path: Path) -> None:
    """Their weight is one, in every way."""
    empty: Jets = [[], [], []]
    result = mistaken(written(tmp_path / "in.root", empty, empty, empty, empty))
    ways = [name for name in result if name.startswith("tags")]
    assert len(ways) > 2 * len(PARAMETERS["WAYS"])
    assert all(list(result[way].values()) == [3, 0, 0, 0] for way in ways)


@pytest.mark.parametrize(("flavour", "varied"), [(5, "bc"), (4, "bc"), (0, "light")])
def test_a_systematic_varies_its_own_flavours(flavour: int, varied: str, tmp_path: Path) -> None:
    """The scale factor of the varied group is the file's, and that of the other group stays at its central value."""
    result = agreed(written(tmp_path / "in.root", flavour=[[flavour], [], [flavour]]))
    for group in ("bc", "light"):
        for way in ("up", "down"):
            expected = scale_factor("M", flavour, way=way if group == varied else "central")
            assert tagged(result, f"{group}{way.title()}")[1] == pytest.approx(expected)


def by_eta(content: dict[str, Any]) -> None:
    """Make the scale factors 0.9 for central jets and 0.8 for others."""
    binned = {"nodetype": "binning", "input": "abseta", "flow": "clamp"} | {"edges": [0.0, 1.5, 2.5]}
    for entry in (e for e in content["corrections"] if e["name"].endswith("_comb")):
        for systematic in entry["data"]["content"]:
            for point in systematic["value"]["content"]:
                point["value"] = binned | {"content": [0.9, 0.8]}


def test_the_factor_is_that_of_the_jet_s_own_pseudorapidity(tmp_path: Path) -> None:
    """The sample's file does not depend on it; another one may. A jet outside the tracker comes first."""
    columns: dict[str, Any] = {
        "pt": [[90.0, 80.0, 70.0]],
        "eta": [[2.7, -2.0, 1.0]],
        "score": [[0.9] * 3],
        "flavour": [[5] * 3],
    }
    given = {"BTAGGING": edited(PARAMETERS["BTAGGING"], tmp_path / "btag.json", by_eta)}
    result = agreed(written(tmp_path / "in.root", **columns), given)
    assert tagged(result, "nominal")[2] == pytest.approx(0.72)


def test_the_flavour_may_be_of_another_type(tmp_path: Path) -> None:
    """Up to NanoAOD v9 it is a 32-bit integer; the answer is the same."""
    old = agreed(written(tmp_path / "old.root", kind="int32"))
    agreement.check(old, agreed(written(tmp_path / "new.root")), empty=True)


def test_another_tagger_is_one_line() -> None:
    """DeepJet with its own branch, working points and scale factors."""
    parameters = {"TAGGER": "deepJet", "SCORE": "btagDeepFlavB"}
    coffea, rdataframe = (RECIPE.run(engine, sample.files("QCD_PT-600"), parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)


@engines
def test_an_unknown_working_point_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error says which working points the file has."""
    with pytest.raises(CorrectionError, match="has no working_point 'VeryTight'; there are L, M, T"):
        run(engine, written(tmp_path / "in.root"), {"POINTS": ["L", "VeryTight"]})


@engines
def test_an_unknown_systematic_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error says which systematics the file has."""
    with pytest.raises(CorrectionError, match="has no systematic 'upwards'; there are central, up, down"):
        run(engine, written(tmp_path / "in.root"), {"SYSTEMATICS": ["central", "upwards", "down"]})


@engines
@pytest.mark.parametrize("kind", ["comb", "light", "wp_values"])
def test_a_missing_key_is_named(kind: str, engine: Engine, tmp_path: Path) -> None:
    """The error says which key is missing and which are near."""
    missing = f"particleNet_{kind}"

    def without(content: dict[str, Any]) -> None:
        content["corrections"] = [entry for entry in content["corrections"] if entry["name"] != missing]

    parameters = {"BTAGGING": edited(PARAMETERS["BTAGGING"], tmp_path / "btag.json", without)}
    with pytest.raises(CorrectionError, match=f"no correction '{missing}'; did you mean .*"):
        run(engine, written(tmp_path / "in.root"), parameters)


@engines
def test_an_unknown_tagger_is_named(engine: Engine, tmp_path: Path) -> None:
    """A tagger without scale factors in the file ends in an error that names those there are."""
    with pytest.raises(CorrectionError, match=r"no correction 'robustParticleTransformer_comb'; .*UParTAK4_comb"):
        run(engine, written(tmp_path / "in.root"), {"TAGGER": "robustParticleTransformer"})


@engines
def test_a_file_without_the_tagger_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file of a version that has another tagger is refused before the loop."""
    path = written(tmp_path / "in.root", branch="btagRobustParTAK4B")
    with pytest.raises(inputs.InputError, match="has no branch 'Jet_btagPNetB'"):
        run(engine, path)
