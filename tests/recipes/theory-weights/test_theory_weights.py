"""Titles in every order and none, lists of another length, weights that are no number, and bands by hand."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT

from cookbook import agreement, inputs, recipe
from cookbook.recipe import Engine
from copies import needed
from mutants import check_with
from runs import agreed, complaint
from small_files import from_file

SUBJECT = recipe.load("theory-weights")
FILE = SUBJECT.parameters()["FILE"]
SCALES, PDF, SHOWER = "LHEScaleWeight", "LHEPdfWeight", "PSWeight"
EVENTS = 600
with uproot.open({FILE: "Events"}) as tree:
    TITLES = {branch: tree[branch].title for branch in (SCALES, PDF, SHOWER)}
    BRANCHES = set(tree.keys())
EIGHT = (
    "[0] is muR=0.50000E+00 muF=0.50000E+00 ; [1] is muR=0.50000E+00 muF=0.10000E+01 ; [2] is muR=0.50000E+00 "
    "muF=0.20000E+01 ; [3] is muR=0.10000E+01 muF=0.50000E+00 ; [4] is muR=0.10000E+01 muF=0.20000E+01 ; [5] is "
    "muR=0.20000E+01 muF=0.50000E+00 ; [6] is muR=0.20000E+01 muF=0.10000E+01 ; [7] is muR=0.20000E+01 "
    "muF=0.20000E+01 "
)
FORTRAN = "; ".join(
    f"[{3 * i + j}] is renscfact={r}d0 facscfact={f}d0 "
    for i, r in enumerate(("0.5", "1", "2"))
    for j, f in enumerate(("0.5", "1", "2"))
)
V6 = "[0] is ISR=0.5 FSR=1; [1] is ISR=1 FSR=0.5; [2] is ISR=2 FSR=1; [3] is ISR=1 FSR=2 "
V9 = "PS weights;   [0] is ISR=2 FSR=1; [1] is ISR=1 FSR=2[2] is ISR=0.5 FSR=1; [3] is ISR=1 FSR=0.5;"
V15 = "PS weights (w_var / w_nominal) [0] isr.murfac=2.0; [1] fsr.murfac=2.0; [2] isr.murfac=0.5; [3] fsr.murfac=0.5;"
UP, DOWN = ["ISR up", "FSR up"], ["ISR down", "FSR down"]

Change = Callable[[dict[str, Any]], Any]
Bands = dict[str, tuple[Any, Any]]
NAMED = SUBJECT.parameters()
PAGE: dict[str, Any] = {**NAMED, "np": np}
for _cell in SUBJECT.cells:
    if "def sums_of" in _cell.source or "def bands" in _cell.source:
        exec(_cell.source, PAGE)


def changed(folder: Path, change: Change) -> list[str]:
    """Write the first events with some columns changed, and return the path in a list; titles are lost with it."""
    return [from_file(FILE, folder / "changed.root", needed(SUBJECT), EVENTS, change)]


def listed(branch: str, change: Callable[[Any], Any]) -> Change:
    """Return a change of the matrix that a branch of weights is."""

    def edit(columns: dict[str, Any]) -> None:
        columns[branch] = ak.from_regular(ak.Array(change(ak.to_numpy(columns[branch]).copy())))

    return edit


def with_value(place: int, value: float) -> Callable[[Any], Any]:
    """Return a change that gives all events a value in one place."""

    def change(weights: Any) -> Any:
        weights[:, place] = value
        return weights

    return change


def result(files: list[str], **titles: str) -> dict[str, hist.Hist]:
    """Return what both engines give, checked to be the same, where titles are lost and some are given otherwise."""
    return agreed(SUBJECT, files, {"TITLES": TITLES | titles})


def bands(found: Mapping[str, hist.Hist]) -> Bands:
    """Return up and down of each source, of the yield."""
    made: Bands = PAGE["bands"](PAGE["sums_of"](found["jets"]))
    return made


def retitled(folder: Path, name: str = "titled", **titles: str) -> str:
    """Copy a file whose branches have other titles."""
    source, out = ROOT.TFile(FILE), ROOT.TFile(str(folder / f"{name}.root"), "RECREATE")
    old = source.Get("Events")
    old.SetBranchStatus("*", False)
    for branch in sorted(needed(SUBJECT) & BRANCHES):
        old.SetBranchStatus(branch, True)
    new = old.CloneTree(EVENTS)
    for branch, title in titles.items():
        new.GetBranch(branch).SetTitle(title)
    new.Write()
    out.Close()
    return str(folder / f"{name}.root")


@pytest.mark.parametrize(
    ("branch", "title", "expected"),
    [
        (SHOWER, V6, UP + DOWN),
        (SHOWER, V9, DOWN + UP),
        (SHOWER, V15, DOWN + UP),
        (SHOWER, TITLES[SHOWER], UP + DOWN),
        (SHOWER, f"{V6}; [4] is ISR=0.25 FSR=1", [*UP, *DOWN, "ISR 0.25"]),
        (SCALES, EIGHT, None),
        (SCALES, FORTRAN, None),
        (SCALES, TITLES[SCALES], None),
    ],
)
def test_titles_that_are_in_use(branch: str, title: str, expected: list[str] | None) -> None:
    """Orders and wordings of several versions; of scales all that has renormalisation first."""
    names = NAMED["names_of"](branch, title)
    if expected is not None:
        assert names == expected
        return
    every = [f"muR={r} muF={f}" for r in ("0.5", "1", "2") for f in ("0.5", "1", "2")]
    assert names == [name for name in every if title is not EIGHT or name != "muR=1 muF=1"]


@pytest.mark.parametrize(
    ("title", "kind", "count", "others"),
    [
        ("LHE pdf variation weights (w_var / w_nominal) for LHA IDs 306000 - 306102", "eigenvector", 100, 2),
        ("LHE pdf variation weights (w_var / w_nominal) for LHA IDs 91400 - 91432", "eigenvector", 30, 2),
        ("for LHA IDs 316200 - 316300", "replica", 100, 0),
        (TITLES[PDF], "eigenvector", 32, 0),
        ("[1]-[100] are replicas, then alpha_s", "replica", 100, 2),
    ],
)
def test_titles_of_pdf_sets(title: str, kind: str, count: int, others: int) -> None:
    """Two lists of 33 weights are not alike: the last two of one are the strong coupling."""
    names = NAMED["names_of"](PDF, title)
    assert names[:2] == ["PDF 0", f"{kind} 1"]
    assert names[count] == f"{kind} {count}"
    assert names[count + 1 :] == ["alpha_s down", "alpha_s up"][:others]


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize(
    ("branch", "title"),
    [
        (SHOWER, "dummy PS weight (1.0) "),
        (SHOWER, "All PS weights (w_var / w_nominal)"),
        (SHOWER, "[0] is ISR=2 FSR=1; [1] is ISR=2 FSR=1; [2] is ISR=0.5 FSR=1; [3] is ISR=1 FSR=0.5"),
        (SCALES, "LHEScaleWeight/F"),
        (SCALES, TITLES[SCALES].replace('MUF="2.0" MUR="1.0"', 'MUF="3.0" MUR="1.0"')),
        (PDF, "LHE pdf variation weights (w_var / w_nominal) for LHA IDs 12345 - 12400"),
    ],
)
def test_a_title_that_cannot_be_read_is_quoted(branch: str, title: str, engine: Engine, tmp_path: Path) -> None:
    """One weight instead of four, a list without places, a place twice, no title, a scale or a set not known."""
    files = [retitled(tmp_path, **{branch: title})]
    said = complaint(lambda: SUBJECT.run(engine, files))
    assert f"{branch}: not known from its title '{title}'; say it in TITLES" in said


@pytest.mark.parametrize("engine", recipe.ENGINES)
def test_titles_that_differ_between_files(engine: Engine, tmp_path: Path) -> None:
    """Both are quoted."""
    files = [retitled(tmp_path, "one", PSWeight=V6), retitled(tmp_path, "two", PSWeight=V15)]
    with pytest.raises(ValueError, match=r"PSWeight: titles differ: .*murfac=0\.5.*ISR=0\.5"):
        SUBJECT.run(engine, files)


def test_the_order_is_the_title_s(tmp_path: Path) -> None:
    """Weights and title in another order give the same up and down; the title alone turns them round."""
    usual = bands(result(changed(tmp_path, lambda _: None)))
    swapped = [2, 3, 0, 1]
    files = changed(tmp_path, listed(SHOWER, lambda weights: weights[:, swapped]))
    turned = bands(result(files, **{SHOWER: V15}))
    wrong = bands(result(files))
    for which in ("ISR", "FSR"):
        assert turned[which] == pytest.approx(usual[which], rel=1e-12)
        assert wrong[which] == pytest.approx(usual[which][::-1], rel=1e-12)


def test_the_title_in_the_file_is_read(tmp_path: Path) -> None:
    """Not only that which is given."""
    names = agreed(SUBJECT, [retitled(tmp_path, PSWeight=V15)])["jets"].axes[0]
    assert list(names)[-4:] == DOWN + UP


def test_eight_weights_give_the_envelope_of_nine(tmp_path: Path) -> None:
    """The nominal one is not missed."""
    nine = bands(result(changed(tmp_path, lambda _: None)))
    files = changed(tmp_path, listed(SCALES, lambda weights: np.delete(weights, 4, axis=1)))
    eight = bands(result(files, **{SCALES: EIGHT}))
    assert eight["scale"] == pytest.approx(nine["scale"], rel=1e-12)


@pytest.mark.parametrize("place", [2, 6])
def test_opposite_extremes_do_not_count(place: int, tmp_path: Path) -> None:
    """However far they reach."""
    usual = bands(result(changed(tmp_path, lambda _: None)))
    far = bands(result(changed(tmp_path, listed(SCALES, with_value(place, 9.0)))))
    assert far["scale"] == usual["scale"]


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize("branch", [SCALES, PDF, SHOWER])
def test_a_list_of_another_length_ends_the_run(branch: str, engine: Engine, tmp_path: Path) -> None:
    """The error names the branch; one weight alone is such a list."""
    files = changed(tmp_path, listed(branch, lambda weights: weights[:, :1]))
    said = complaint(lambda: SUBJECT.run(engine, files, {"TITLES": TITLES}))
    assert f"{branch}: not the {len(NAMED['names_of'](branch, TITLES[branch]))} weights of its title" in said


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize("branch", [SCALES, PDF, SHOWER])
def test_a_missing_list_is_named(branch: str, engine: Engine, tmp_path: Path) -> None:
    """Data and some simulation have none: it is said before anything runs."""
    files = changed(tmp_path, lambda columns: columns.pop(branch))
    with pytest.raises(inputs.InputError, match=f"no branch.*{branch}"):
        SUBJECT.run(engine, files, {"TITLES": TITLES})
    with pytest.raises(ValueError, match=f"no branch {branch}, so no weights"):
        NAMED["lists_of"]({"a.root": {name: title for name, title in TITLES.items() if name != branch}})


@pytest.mark.parametrize("engine", recipe.ENGINES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("branch", "place", "name"),
    [(SCALES, 3, "muR=1 muF=0.5"), (PDF, 32, "eigenvector 32"), (SHOWER, 2, "ISR down")],
)
def test_a_weight_that_is_no_number_is_named(
    branch: str, place: int, name: str, value: float, engine: Engine, tmp_path: Path
) -> None:
    """By what it varies, also where the event is not selected."""
    files = changed(tmp_path, listed(branch, with_value(place, value)))
    with pytest.raises(ValueError, match=f"infinite or not a number: {name}$"):
        SUBJECT.run(engine, files, {"TITLES": TITLES})


def test_weights_of_one_give_no_band(tmp_path: Path) -> None:
    """Up and down are the nominal spectrum."""

    def ones(columns: dict[str, Any]) -> None:
        for branch in TITLES:
            listed(branch, np.ones_like)(columns)

    found = result(changed(tmp_path, ones))
    nominal = PAGE["sums_of"](found["jets"])["nominal"]
    assert nominal
    assert bands(found) == dict.fromkeys(("scale", "PDF", "ISR", "FSR"), (nominal, nominal))


def test_a_variation_of_zero_empties_its_own_spectrum(tmp_path: Path) -> None:
    """The acceptance is then not a number, for it alone."""
    found = result(changed(tmp_path, listed(SCALES, with_value(1, 0.0))))
    sums, generated = (PAGE["sums_of"](found[name]) for name in ("jets", "generated"))
    left = PAGE["without"](sums, generated)
    assert sums["muR=0.5 muF=1"] == 0
    assert [name for name, value in left.items() if not np.isfinite(value)] == ["muR=0.5 muF=1"]


def test_no_event_passes(tmp_path: Path) -> None:
    """What was generated is counted, and bands have no width."""

    def lose(columns: dict[str, Any]) -> None:
        columns["Muon"] = {name: values[:, :0] for name, values in columns["Muon"].items()}

    found = result(changed(tmp_path, lose))
    assert found["generated"]["nominal"].value > 0
    assert not found["jets"].values(flow=True).any()
    assert all(up == down == 0 for up, down in bands(found).values())


def test_what_changes_all_events_alike_is_no_acceptance(tmp_path: Path) -> None:
    """Twice the cross-section for one scale moves the yield, and nothing else."""
    found = result(changed(tmp_path, listed(SCALES, with_value(0, 2.0))))
    sums, generated = (PAGE["sums_of"](found[name]) for name in ("jets", "generated"))
    assert sums["muR=0.5 muF=0.5"] == pytest.approx(2 * sums["nominal"])
    assert PAGE["without"](sums, generated)["muR=0.5 muF=0.5"] == pytest.approx(sums["nominal"])


def spectra(**members: list[float]) -> dict[str, Any]:
    """Return spectra of two bins: nominal ones but for those that are given."""
    names = ["nominal", "PDF 0", *NAMED["SIX"], *UP, *DOWN]
    made: dict[str, Any] = {name: np.array([100.0, 10.0]) for name in names}
    return made | {name.replace("_", " "): np.array(values) for name, values in members.items()}


def test_hessian_members_by_hand() -> None:
    """A quadratic sum, relative to member 0, which need not be the nominal weight."""
    values = spectra(PDF_0=[50.0, 0.0], eigenvector_1=[53.0, 1.0], eigenvector_2=[46.0, 2.0])
    up, down = PAGE["bands"](values)["PDF"]
    assert up == pytest.approx([100 * (1 + np.hypot(0.06, 0.08)), 10.0])
    assert down == pytest.approx([90.0, 10.0])


def test_replicas_by_hand() -> None:
    """The standard deviation around their mean, with one taken off their number."""
    values = spectra(replica_1=[90.0, 10.0], replica_2=[100.0, 11.0], replica_3=[110.0, 12.0])
    up, down = PAGE["bands"](values)["PDF"]
    assert up == pytest.approx([110.0, 11.0])
    assert down == pytest.approx([90.0, 9.0])


def test_the_strong_coupling_is_an_uncertainty_of_its_own() -> None:
    """It does not add to the members."""
    values = spectra(PDF_0=[50.0, 5.0], eigenvector_1=[50.0, 5.0])
    values |= {"alpha_s up": np.array([51.0, 5.0]), "alpha_s down": np.array([48.0, 5.0])}
    found = PAGE["bands"](values)
    assert np.array(found["PDF"]) == pytest.approx(np.array([[100.0, 10.0]] * 2))
    assert np.array(found["alpha_s"]) == pytest.approx(np.array([[102.0, 10.0], [96.0, 10.0]]))


def test_the_envelope_by_hand() -> None:
    """The largest and smallest in each bin, of different variations."""
    values = spectra()
    values["muR=0.5 muF=0.5"], values["muR=2 muF=2"] = np.array([120.0, 9.0]), np.array([95.0, 12.0])
    up, down = PAGE["bands"](values)["scale"]
    assert (list(up), list(down)) == ([120.0, 12.0], [95.0, 9.0])


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("genWeight * {row}", "genWeight * Take({row}, ROOT::VecOps::RVec<std::size_t>{ORDER})", "ISR (up|down)"),
        ("genWeight * {row}", "genWeight * {row} * (1 + ({row} - 1) * {ONLY})", "ISR up"),
        ("genWeight * {row}", "genWeight * (1 + ({row} - 1) * (1 - {ONLY}))", "ISR up"),
    ],
    ids=["swapped", "applied twice", "moves nothing"],
)
def test_a_fault_in_a_variation_is_named(right: str, wrong: str, named: str) -> None:
    """The gate says which variation differs."""
    names = list(SUBJECT.run("coffea", [FILE])["jets"].axes[0])
    places = list(range(len(names)))
    first, second = names.index("ISR up"), names.index("ISR down")
    places[first], places[second] = second, first
    listed_places = ", ".join(map(str, places))
    only = ", ".join(f"{name == 'ISR up':d}." for name in names)
    wrong = wrong.replace("{ORDER}", f"{{{{{listed_places}}}}}").replace("{ONLY}", f"ROOT::RVecD{{{{{only}}}}}")
    with pytest.raises(agreement.DisagreementError, match=rf"differ, the most in {named}, "):
        check_with(SUBJECT, right, wrong)
