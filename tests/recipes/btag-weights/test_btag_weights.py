"""b-tagging weights at the edges: jets that have none, efficiencies of 0 and 1, and what a file may lack."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import correctionlib
import hist
import numpy as np
import pytest

import runs
from cookbook import agreement, inputs, recipe, sample
from cookbook.corrections import CorrectionError
from cookbook.recipe import Engine
from small_files import edited, event_columns, jagged, write

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

RECIPE = recipe.load("btag-weights")
PARAMETERS = RECIPE.parameters()
SIMULATION, DATA = "QCD_PT-600", "JetMET"
FILE = correctionlib.CorrectionSet.from_file(PARAMETERS["BTAGGING"])
NAN = float("nan")
CUT_L, CUT_M = (FILE["particleNet_wp_values"].evaluate(point) for point in "LM")

# The cells of the closure that define the mistakes, and the function that runs both engines with them.
MISTAKES = ("e3d53ca9", "e3d53caa", "e3d53cab", "e3d53cac", "e3d53cad", "e3d53cad2")

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
    flavour: Jets | None = FLAVOUR,
    kind: str = "uint8",
    branch: str = "btagPNetB",
    weights: Sequence[float] | None = None,
) -> str:
    """Write events of run 1 with the trigger fired; without flavours they are data."""
    jet = {name: jagged(column, "float32") for name, column in {"pt": pt, "eta": eta, branch: score}.items()}
    jet |= {"phi": jet["pt"] * 0, "mass": jet["pt"] / 10}
    size = len(pt)
    full = event_columns(size, *PARAMETERS["TRIGGERS"])
    if flavour is not None:
        jet["hadronFlavour"] = jagged(flavour, kind)
        full["genWeight"] = np.array(weights or [1.0] * size, "float32")
    return write(target, {**full, "Jet": jet}, [size])


def run(engine: Engine, path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
    """Run one engine on a file of simulation and return its histograms."""
    return runs.run(RECIPE, engine, {SIMULATION: [path]}, parameters)


def agreed(path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, hist.Hist]:
    """Run both engines on a file of simulation, check that they agree, and return coffea's histograms."""
    return runs.agreed(RECIPE, {SIMULATION: [path]}, parameters)


def mistaken(path: str) -> dict[str, hist.Hist]:
    """Do the same with the mistakes of the closure as further ways."""
    namespace = RECIPE.parameters()
    for engine in recipe.ENGINES:
        RECIPE.define(engine, namespace)
    for cell in RECIPE.notebook.cells:
        if cell.id in MISTAKES:
            exec(compile(cell.source, cell.id, "exec"), namespace)
    coffea, rdataframe = namespace["both_mistaken"]({SIMULATION: [path]}, namespace["WAYS"] | namespace["MISTAKES"])
    agreement.check(coffea, rdataframe, empty=True)
    return dict(coffea)


def weight(events: int = 3) -> float:
    """Return the weight of one simulated event before b tagging."""
    return float(PARAMETERS["CROSS_SECTION"][SIMULATION] * PARAMETERS["LUMINOSITY"] / events)


def tagged(result: Mapping[str, hist.Hist], way: str, events: int = 3) -> list[float]:
    """Return the events by their number of jets that pass the loose working point, in units of one event."""
    numbers = result["multiplicity"][SIMULATION, way, ...].project("tags_L").values()
    return [float(x) for x in numbers / weight(events)]


def scale_factor(point: str, flavour: int, pt: float = 100.0) -> float:
    """Return a scale factor of the file."""
    key = "comb" if flavour else "light"
    return float(FILE[f"particleNet_{key}"].evaluate("central", point, flavour, 0.5, pt))


def test_passed_and_failed_jets_have_the_factors_of_the_method(tmp_path: Path) -> None:
    """With an efficiency of one half: the scale factor, and the complement of its half over one half."""
    result = mistaken(written(tmp_path / "in.root"))
    passed, failed = scale_factor("M", 5), 2 - scale_factor("L", 5)
    assert tagged(result, "fixed") == pytest.approx([1 + failed, passed, 0, 0])
    assert tagged(result, "fixed, inverted") == pytest.approx([1 + 1 / failed, 1 / passed, 0, 0])
    assert tagged(result, "tagged jets only") == pytest.approx([2, passed, 0, 0])


def test_a_jet_between_working_points(tmp_path: Path) -> None:
    """Its factor is the difference of what passes the one and the other, in data over simulation."""
    result = agreed(written(tmp_path / "in.root", score=[[0.9], [], [(CUT_L + CUT_M) / 2]]))
    expected = 2 * scale_factor("L", 5) - scale_factor("M", 5)
    assert tagged(result, "fixed") == pytest.approx([1, scale_factor("M", 5) + expected, 0, 0])


@pytest.mark.parametrize("score", [0.9, 0.01], ids=["all pass", "none passes"])
def test_efficiencies_of_one_and_zero(score: float, tmp_path: Path) -> None:
    """A map of few jets gives finite weights: the scale factor where all pass, one where none does."""
    result = agreed(written(tmp_path / "in.root", score=[[score], [], [score]]))
    one_jet = [0, 2 * scale_factor("M", 5)] if score > CUT_M else [2, 0]
    assert tagged(result, "fixed") == pytest.approx([1 + one_jet[0], one_jet[1], 0, 0])


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
    assert result["sums"][SIMULATION, "fixed", 0].value == pytest.approx(2 * weight())
    assert result["jets_all"].values(flow=True).sum() == pytest.approx(weight())
    for way in ("fixed", "shape, as it comes", "flavours swapped", "fixed, inverted"):
        assert tagged(result, way)[0] == pytest.approx(2)


@pytest.mark.parametrize("pt", [30.5, 1000.0, 9000.0])
def test_momenta_at_the_ends_of_the_map(pt: float, tmp_path: Path) -> None:
    """A jet beyond what the file was made for takes the value at its end, in both engines."""
    result = mistaken(written(tmp_path / "in.root", pt=[[pt], [], [pt]]))
    assert tagged(result, "tagged jets only")[1] == pytest.approx(scale_factor("M", 5, pt))


def test_events_without_jets(tmp_path: Path) -> None:
    """Their weight is one, in every way."""
    empty: Jets = [[], [], []]
    result = mistaken(written(tmp_path / "in.root", empty, empty, empty, empty))
    ways = list(result["change"].axes["way"])
    assert set(PARAMETERS["WAYS"]) < set(ways)
    assert all(tagged(result, way) == pytest.approx([3, 0, 0, 0]) for way in ways)
    assert result["change"].values().sum() == 0


def test_the_shape_is_renormalised_by_number_of_jets(tmp_path: Path) -> None:
    """The product over jets is the file's; the sum over events with as many jets is kept where a way asks for it."""
    pt, eta = [[100.0, 50.0], [60.0], [100.0, 50.0]], [[0.5, 1.0], [0.1], [0.5, -2.0]]
    score, flavour = [[0.9, 0.2], [0.1], [0.01, 0.03]], [[5, 4], [0], [0, 0]]
    result = mistaken(written(tmp_path / "in.root", pt, eta, score, flavour))
    shape = FILE["particleNet_shape"]
    products = [
        np.prod([shape.evaluate("central", *jet) for jet in zip(f, np.abs(e), p, s, strict=True)])
        for p, e, s, f in zip(pt, eta, score, flavour, strict=True)
    ]
    raw = result["sums"][SIMULATION, "shape, as it comes", :].values() / weight()
    assert raw[1:3] == pytest.approx([products[1], products[0] + products[2]], rel=1e-5)
    kept = result["multiplicity"][SIMULATION, "shape", ...].project("jets").values() / weight()
    assert kept[1:3] == pytest.approx([1, 2])


def test_a_systematic_leaves_other_flavours_at_their_central_value(tmp_path: Path) -> None:
    """For c jets the variations of b and light jets are the nominal weight, and for b jets those of c jets."""
    path = written(tmp_path / "in.root", flavour=[[4], [], [5]])
    sums = agreed(path)["multiplicity"][SIMULATION, :, ...].project("way", "tags_L")
    raw = agreed(path, {"WAYS": not_renormalised()})["multiplicity"][SIMULATION, :, ...].project("way", "tags_L")
    assert raw["shape, hf up", 1].value == pytest.approx(raw["shape", 1].value)
    assert raw["shape, cferr1 up", 1].value != pytest.approx(raw["shape", 1].value)
    assert raw["shape, cferr1 up", 0].value == pytest.approx(raw["shape", 0].value)
    assert raw["shape, hf up", 0].value != pytest.approx(raw["shape", 0].value)
    assert sums["shape", :].values().sum() == pytest.approx(3 * weight())


def not_renormalised() -> dict[str, Any]:
    """Return all ways without renormalisation."""
    return {name: {**way, "renormalised": False} for name, way in PARAMETERS["WAYS"].items()}


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


def test_the_flavour_may_be_of_another_type(tmp_path: Path) -> None:
    """Up to NanoAOD v9 it is a 32-bit integer; the answer is the same."""
    old = agreed(written(tmp_path / "old.root", kind="int32"))
    agreement.check(old, agreed(written(tmp_path / "new.root")), empty=True)


def test_data_are_not_weighted(tmp_path: Path) -> None:
    """Events of data count as one in every way, and have no flavour in their files."""
    certified = tmp_path / "certified.json"
    certified.write_text(json.dumps({"1": [[1, 9]]}))
    files = {SIMULATION: [written(tmp_path / "in.root")], DATA: [written(tmp_path / "data.root", flavour=None)]}
    coffea, rdataframe = (RECIPE.run(engine, files, {"CERTIFIED": str(certified)}) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe, empty=True)
    for way in PARAMETERS["WAYS"]:
        assert list(coffea["multiplicity"][DATA, way, ...].project("tags_L").values()) == [2, 1, 0, 0]


def test_another_tagger_is_one_line() -> None:
    """DeepJet with its own branch, working points and scale factors."""
    files = {SIMULATION: sample.files(SIMULATION)}
    parameters = {"TAGGER": "deepJet", "BRANCH": "Jet_btagDeepFlavB"}
    coffea, rdataframe = (RECIPE.run(engine, files, parameters) for engine in recipe.ENGINES)
    agreement.check(coffea, rdataframe)


@engines
def test_an_unknown_working_point_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error says which working points the file has."""
    with pytest.raises(CorrectionError, match="has no working_point 'VeryTight'; there are L, M, T"):
        run(engine, written(tmp_path / "in.root"), {"POINTS": ["L", "VeryTight"]})


@engines
def test_an_unknown_systematic_is_named(engine: Engine, tmp_path: Path) -> None:
    """The error says which systematics the file has."""
    ways = {"no weight": PARAMETERS["WAYS"]["no weight"], "up": {**PARAMETERS["CHOICES"], "bc": "upwards"}}
    with pytest.raises(CorrectionError, match="has no systematic 'upwards'; there are central, up, down"):
        run(engine, written(tmp_path / "in.root"), {"WAYS": ways})


@engines
@pytest.mark.parametrize("kind", ["comb", "light", "shape", "wp_values"])
def test_a_missing_key_is_named(kind: str, engine: Engine, tmp_path: Path) -> None:
    """The error says which key is missing and which are near."""
    missing = f"particleNet_{kind}"
    parameters = changed(tmp_path / "btag.json", lambda entries: [e for e in entries if e["name"] != missing])
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
