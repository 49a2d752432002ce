"""b-tagging weights of the discriminant: jets without any, systematics of some flavours, and what a file may lack."""

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

RECIPE = recipe.load("btag-shape-weights")
PARAMETERS = RECIPE.parameters()
FILE = correctionlib.CorrectionSet.from_file(PARAMETERS["BTAGGING"])
NAN = float("nan")

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
    return [float(x) for x in result[f"L_{way}"].project(1).values()]


def factor(flavour: int, score: float, pt: float = 100.0, eta: float = 0.5, way: str = "central") -> float:
    """Return the factor of a jet, of the file."""
    values = np.array([eta, pt, score], "float32")
    return float(FILE["particleNet_shape"].evaluate(way, flavour, *(float(x) for x in values)))


def test_the_shape_is_renormalised_by_number_of_jets(tmp_path: Path) -> None:
    """The product over jets is the file's; the sum over events with as many jets is kept."""
    pt, eta = [[100.0, 50.0], [60.0], [100.0, 50.0]], [[0.5, 1.0], [0.1], [0.5, -2.0]]
    score, flavour = [[0.9, 0.2], [0.1], [0.01, 0.03]], [[5, 4], [0], [0, 0]]
    result = mistaken(written(tmp_path / "in.root", pt, eta, score, flavour))
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
    result = agreed(written(tmp_path / "in.root", weights=[-1.0, 1.0, -2.0]))
    assert all(np.all(np.isfinite(h.values(flow=True))) for h in result.values())
    assert result["L_nominal"].project(0).values()[1] == pytest.approx(result["sums_nominal"].values()[1])


@pytest.mark.parametrize(
    "jet",
    [(100.0, 0.5, -1.0), (100.0, 0.5, NAN), (100.0, 2.6, 0.9), (20.0, 0.5, 0.9), (NAN, 0.5, 0.9), (100.0, NAN, 0.9)],
    ids=["no score", "score not a number", "outside the tracker", "too soft", "pt not a number", "eta not a number"],
)
def test_a_jet_that_cannot_be_tagged_has_no_weight(jet: tuple[float, float, float], tmp_path: Path) -> None:
    """It is not counted, and leaves the weight of its event alone."""
    pt, eta, score = ([*column[:1], [], [value]] for column, value in zip((PT, ETA, SCORE), jet, strict=True))
    result = mistaken(written(tmp_path / "in.root", pt=pt, eta=eta, score=score))
    assert result["sums_nominal"].values()[0] == pytest.approx(2)
    for way in ("as it comes", "inverted"):
        assert tagged(result, way)[0] == pytest.approx(2)


@pytest.mark.parametrize("pt", [30.5, 1000.0, 9000.0])
def test_momenta_at_the_ends_of_the_map(pt: float, tmp_path: Path) -> None:
    """A jet beyond what the file was made for takes the value at its end, in both engines."""
    result = mistaken(written(tmp_path / "in.root", pt=[[pt], [], [pt]]))
    assert tagged(result, "as it comes")[1] == pytest.approx(factor(5, 0.9, pt))


def test_events_without_jets(tmp_path: Path) -> None:
    """Their weight is one, in every way."""
    empty: Jets = [[], [], []]
    result = mistaken(written(tmp_path / "in.root", empty, empty, empty, empty))
    ways = [name for name in result if name.startswith("L_")]
    assert len(ways) > len(PARAMETERS["WAYS"])
    assert all(list(result[way].project(1).values()) == [3, 0, 0, 0] for way in ways)


@pytest.mark.parametrize("flavour", [0, 4, 5])
def test_a_systematic_leaves_other_flavours_at_their_central_value(flavour: int, tmp_path: Path) -> None:
    """Those of c jets vary c jets alone, and those of the others the others."""
    result = agreed(written(tmp_path / "in.root", [[100.0]], [[0.5]], [[0.9]], [[flavour]]))
    for way, of_c in PARAMETERS["SYSTEMATICS"].items():
        expected = factor(flavour, 0.9, way=way if of_c == (flavour == 4) else "central")
        assert result[f"sums_{way}"].values()[1] == pytest.approx(expected)


def changed(target: Path, change: Any) -> dict[str, Any]:
    """Write a copy of the file of corrections after `change` of its list, and return the parameters that use it."""

    def whole(content: dict[str, Any]) -> None:
        content["corrections"] = change(content["corrections"])

    return {"BTAGGING": edited(PARAMETERS["BTAGGING"], target, whole)}


def as_in_cms(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
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
    agreement.check(agreed(path), agreed(path, changed(tmp_path / "btag.json", as_in_cms)), empty=True)


def by_eta(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the corrections with a shape of 0.9 for central jets and 0.8 for others."""
    for entry in (e for e in entries if e["name"].endswith("_shape")):
        binned = {"nodetype": "binning", "input": "abseta", "flow": "clamp"} | {"edges": [0.0, 1.5, 2.5]}
        for variation in entry["data"]["content"]:
            variation["value"] = binned | {"content": [0.9, 0.8]}
    return entries


def test_the_factor_is_that_of_the_jet_s_own_pseudorapidity(tmp_path: Path) -> None:
    """The sample's file does not depend on it; another one may. A jet outside the tracker comes first."""
    columns: dict[str, Any] = {
        "pt": [[90.0, 80.0, 70.0]],
        "eta": [[2.7, -2.0, 1.0]],
        "score": [[0.9] * 3],
        "flavour": [[5] * 3],
    }
    path = written(tmp_path / "in.root", **columns)
    assert agreed(path, changed(tmp_path / "btag.json", by_eta))["sums_nominal"].values()[2] == pytest.approx(0.72)


def test_the_slow_way_is_the_same(tmp_path: Path) -> None:
    """Jet by jet or in columns, with all flavours."""
    path = written(tmp_path / "in.root", flavour=[[4], [], [0]])
    agreement.check(agreed(path), runs.run(RECIPE, "coffea_jet_by_jet", [path]), empty=True)


def test_the_flavour_may_be_of_another_type(tmp_path: Path) -> None:
    """Up to NanoAOD v9 it is a 32-bit integer; the answer is the same."""
    old = agreed(written(tmp_path / "old.root", kind="int32"))
    agreement.check(old, agreed(written(tmp_path / "new.root")), empty=True)


def test_another_tagger_is_one_line() -> None:
    """DeepJet with its own branch, working points and shape."""
    parameters = {"TAGGER": "deepJet", "SCORE": "btagDeepFlavB"}
    coffea, rdataframe = (RECIPE.run(engine, sample.files("QCD_PT-600"), parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)


@engines
def test_an_unknown_systematic_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error says that the file does not have it."""
    parameters = {"SYSTEMATICS": {"up_jes": False}, "WAYS": ["none", "nominal", "up_jes"]}
    with pytest.raises(CorrectionError, match="has no systematic 'up_jes'; there are "):
        run(engine, written(tmp_path / "in.root"), parameters)


@engines
@pytest.mark.parametrize("kind", ["shape", "wp_values"])
def test_a_missing_key_is_named(kind: str, engine: Engine, tmp_path: Path) -> None:
    """The error says which key is missing and which are near."""
    missing = f"particleNet_{kind}"
    parameters = changed(tmp_path / "btag.json", lambda entries: [e for e in entries if e["name"] != missing])
    with pytest.raises(CorrectionError, match=f"no correction '{missing}'; did you mean .*"):
        run(engine, written(tmp_path / "in.root"), parameters)


@engines
def test_an_unknown_tagger_is_named(engine: Engine, tmp_path: Path) -> None:
    """A tagger without scale factors in the file ends in an error that names those there are."""
    with pytest.raises(CorrectionError, match=r"no correction 'robustParticleTransformer_shape'; .*_shape"):
        run(engine, written(tmp_path / "in.root"), {"TAGGER": "robustParticleTransformer"})


@engines
def test_a_file_without_the_tagger_is_named(engine: Engine, tmp_path: Path) -> None:
    """A file of a version that has another tagger is refused before the loop."""
    path = written(tmp_path / "in.root", branch="btagRobustParTAK4B")
    with pytest.raises(inputs.InputError, match="has no branch 'Jet_btagPNetB'"):
        run(engine, path)
