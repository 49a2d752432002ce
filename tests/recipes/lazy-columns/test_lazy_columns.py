"""What is read, counted: exactly the declared branches, more in each classic mistake, and errors that name a branch."""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT
from coffea.nanoevents import NanoEventsFactory

from cookbook import recipe
from cookbook.recipe import Engine
from copies import emptied
from runs import agreed, complaint, run
from small_files import event_columns, jagged, write

SUBJECT = recipe.load("lazy-columns")
PARAMETERS = SUBJECT.parameters()
FILE = PARAMETERS["FILE"]
DECLARED = set(SUBJECT.metadata["branches"]["Events"])

Columns = dict[str, Any]
engines = pytest.mark.parametrize("engine", recipe.ENGINES)


@cache
def page() -> Mapping[str, Any]:
    """Return what the page defines: both halves, how it asks what was read, and its ways to read too much."""
    namespace = SUBJECT.parameters({"np": np})  # which the page imports where it compares
    for engine in recipe.ENGINES:
        SUBJECT.define(engine, namespace)
    for text in (
        "def read_by_coffea",
        "def read_by_rdataframe",
        "needed =",
        "def spectrum",
        "IN_COFFEA",
        "IN_RDATA",
        "read_by_dask(",
    ):
        exec(next(cell.source for cell in SUBJECT.cells if text in cell.source), namespace)
    return namespace


def in_coffea(work: Callable[..., Any], path: str = FILE, **options: Any) -> tuple[set[str], int, int]:
    """Return branches, bytes and requests of a function of events."""
    branches, size, requests = page()["read_by_coffea"](work, path, **options)
    return branches, size, requests


def in_rdataframe(work: Callable[..., Any], path: str = FILE) -> tuple[set[str], set[str], int, int]:
    """Return branches fetched and used, bytes and requests of a function of a frame."""
    fetched, used, size, requests = page()["read_by_rdataframe"](work, path)
    return fetched, used, size, requests


def baskets(branches: set[str], path: str = FILE) -> int:
    """Return the compressed bytes of branches."""
    with uproot.open({path: "Events"}) as tree:
        return sum(int(tree[name].compressed_bytes) for name in branches)


def columns(size: int = 4) -> Columns:
    """Return events with one muon and two jets."""
    muons = {"pt": 50.0, "eta": 0.1, "phi": 0.0, "mass": 0.1, "charge": 1, "tightId": True}
    kinds = {"charge": "i4", "tightId": "?"}
    muon = {name: jagged([[value]] * size, kinds.get(name, "f4")) for name, value in muons.items()}
    jet = {name: jagged([[60.0, 40.0]] * size, "f4") for name in ("pt", "mass")}
    jet |= {name: jagged([[0.5, 1.0]] * size, "f4") for name in ("eta", "phi")}
    return {**event_columns(size), "Muon": muon, "Jet": jet}


def without(name: str) -> Columns:
    """Return events whose jets lack a column."""
    whole = columns()
    return {**whole, "Jet": {key: values for key, values in whole["Jet"].items() if key != name}}


def test_coffea_reads_the_declared_branches_and_their_baskets() -> None:
    """Six branches, a request each, not a byte more than their baskets hold."""
    branches, size, requests = in_coffea(page()["filled"])
    assert branches == DECLARED
    assert requests == len(DECLARED)
    assert size == baskets(DECLARED)


def test_rdataframe_reads_the_declared_branches_and_their_baskets() -> None:
    """What is fetched is used, and the bytes are the same."""
    fetched, used, size, _ = in_rdataframe(page()["spectrum"])
    assert fetched == used == DECLARED
    assert size == baskets(DECLARED)


def test_the_runner_tells_the_same_columns() -> None:
    """The metrics of all files have the declared branches, and bytes that include opening."""
    _, metrics = page()["with_metrics"](PARAMETERS["FILES"])
    assert {column.rsplit("-", 1)[0] for column in metrics["columns"]} == DECLARED
    assert metrics["bytesread"] > baskets(DECLARED)


def test_a_file_with_more_branches_does_not_read_more(tmp_path: Path) -> None:
    """Fifty more columns in jets change neither branches nor bytes."""
    few, many = columns(500), columns(500)
    random = np.random.default_rng(1)
    for i in range(50):
        many["Jet"][f"extra{i}"] = jagged(random.random((500, 2)).tolist(), "f4")
    paths = [write(tmp_path / f"{name}.root", given, None) for name, given in (("few", few), ("many", many))]
    of_coffea = [in_coffea(page()["filled"], path) for path in paths]
    of_rdataframe = [in_rdataframe(page()["spectrum"], path) for path in paths]
    assert of_coffea[0] == of_coffea[1]
    assert of_rdataframe[0] == of_rdataframe[1]
    assert of_coffea[1][1] == of_rdataframe[1][2] == baskets(DECLARED, paths[1])
    eager = [in_coffea(page()["filled"], path, mode="eager")[1] for path in paths]
    assert eager[1] > eager[0] + 50 * 2 * 4 * 100


@pytest.mark.parametrize("name", ["Jet.pt alone", "mask jets", "sort jets, mask", "with_field on jets, mask"])
def test_these_stay_lazy_in_coffea(name: str) -> None:
    """Of a whole collection one column is read, and the counter."""
    assert in_coffea(page()["IN_COFFEA"][name])[0] == {"nJet", "Jet_pt"}


def test_printing_reads_nothing_in_coffea() -> None:
    """All jets, all events, and their html; a single jet takes the counter."""
    for work in (page()["IN_COFFEA"]["print all jets"], str, repr, lambda events: events._repr_mimebundle_()):
        assert in_coffea(work) == (set(), 0, 0)
    assert in_coffea(page()["IN_COFFEA"]["print a jet"])[0] == {"nJet"}
    printed: list[str] = []
    in_coffea(lambda events: printed.append(str(events.Jet.pt)))
    assert "??" in printed[0]


def test_concatenated_leptons_stay_lazy() -> None:
    """What the page says of threads that saw all columns touched."""
    branches, _, _ = in_coffea(lambda e: ak.materialize(ak.concatenate([e.Electron, e.Muon], axis=1).pt))
    assert branches == {"nElectron", "nMuon", "Electron_pt", "Muon_pt"}


@pytest.mark.parametrize("name", ["drop_none of masked jets", "to_list of two events", "materialize jets, mask"])
def test_these_read_whole_jets_in_coffea(name: str) -> None:
    """Every column of jets, and the counters of what they refer to."""
    with uproot.open({FILE: "Events"}) as tree:
        jets = {"nJet", *tree.keys(filter_name="Jet_*")}
    branches, size, _ = in_coffea(page()["IN_COFFEA"][name])
    assert branches > jets
    assert size == baskets(branches) > baskets(DECLARED)


def test_drop_none_of_a_jet_per_event_reads_cross_references() -> None:
    """Their indices and counters, beside what is used; columns taken first avoid it."""
    branches, _, _ = in_coffea(page()["IN_COFFEA"]["drop_none of first jets"])
    assert branches == {"nJet", "Jet_pt", "nMuon", "nElectron"} | {
        f"Jet_{name}Idx{i}" for name in ("muon", "electron") for i in (1, 2)
    }
    taken, _, _ = in_coffea(lambda e: ak.materialize(ak.drop_none(ak.firsts(e.Jet[["pt", "eta"]])).pt))
    assert taken == {"nJet", "Jet_pt"}


def test_preload_takes_one_request() -> None:
    """The same bytes at once; a misspelt name is ignored, a generous one shows in bytes, not in the log."""
    filled = page()["filled"]
    usual = in_coffea(filled)
    assert in_coffea(filled, preload=DECLARED) == (usual[0], usual[1], 1)
    assert in_coffea(filled, preload=["Jet_pT"]) == usual
    generous = in_coffea(filled, preload=lambda branch: branch.name.startswith("Jet_"))
    assert generous[0] == usual[0]
    assert generous[1] > usual[1]


def test_eager_mode_reads_the_file() -> None:
    """Whatever is asked of it."""
    branches, size, _ = in_coffea(len, mode="eager")
    assert len(branches) > 10 * len(DECLARED)
    assert size > 10 * baskets(DECLARED)


def test_a_buffer_cache_spares_the_second_pass() -> None:
    """Nothing is asked of the file again."""
    kept: dict[str, Any] = {}
    assert in_coffea(page()["filled"], buffer_cache=kept)[0] == DECLARED
    assert in_coffea(page()["filled"], buffer_cache=kept) == (set(), 0, 0)


def in_dask(work: Callable[..., Any], path: str = FILE) -> tuple[set[str], int, int]:
    """Return branches, bytes and requests of a function of dask's events."""
    branches, size, requests = page()["read_by_dask"](work, path)
    return set(branches), size, requests


def test_dask_reads_the_declared_branches_in_one_request() -> None:
    """Not a byte more than virtual mode, and the same jets."""
    work = page()["leading_jets"]
    assert in_dask(work) == (DECLARED, baskets(DECLARED), 1)
    with uproot.open(FILE) as file:
        events = NanoEventsFactory.from_root(file, treepath="Events").events()
        assert ak.array_equal(page()["RESULTS"][-1], work(events))


WAYS: dict[str, Callable[..., Any]] = {
    "mask": lambda e: e.Jet[e.Jet.pt > 0].pt,
    "sort": lambda e: e.Jet[ak.argsort(e.Jet.pt)].pt,
    "first jets": lambda e: ak.drop_none(ak.firsts(e.Jet)).pt,
    "masked jets": lambda e: ak.drop_none(ak.mask(e.Jet, e.Jet.pt > 0)).pt,
    "leptons": lambda e: ak.concatenate([e.Electron, e.Muon], axis=1).pt,
}


@pytest.mark.parametrize("way", WAYS)
def test_dask_and_virtual_mode_read_the_same(way: str) -> None:
    """Also where they read too much."""
    virtual = in_coffea(lambda events: ak.materialize(WAYS[way](events)))
    assert in_dask(WAYS[way])[:2] == virtual[:2]


def test_dask_mode_takes_no_open_file() -> None:
    """Pinned: it finds the columns, and cannot compute them."""
    with uproot.open(FILE) as file:
        events = NanoEventsFactory.from_root(file, treepath="Events", mode="dask").events()
        with pytest.raises(KeyError, match="nJet"):
            events.Jet.pt.compute(scheduler="sync")


def test_rdataframe_fetches_what_nothing_uses() -> None:
    """A Define that no result needs, before it or on another branch of the graph; it is not decompressed."""

    def beside(df: Any) -> Any:
        result = page()["booked"](df)["leading_pt"]
        df.Define("unused", "Sum(Jet_phi)")
        return result.GetValue()

    for work in (page()["IN_RDATAFRAME"]["a Define that is not used"], beside):
        fetched, used, size, _ = in_rdataframe(work)
        assert fetched == DECLARED | {"Jet_phi"}
        assert used == DECLARED
        assert size == baskets(fetched)


def test_rdataframe_fetches_what_a_filter_drops() -> None:
    """No event passes, and the branches behind the filter are fetched with the others."""
    fetched, used, size, _ = in_rdataframe(page()["IN_RDATAFRAME"]["behind an empty filter"])
    assert fetched == {"nMuon", "nJet", "Jet_phi"}
    assert used == {"nMuon"}
    assert size == baskets(fetched)


def test_an_unbooked_filter_costs_nothing() -> None:
    """Unlike a Define."""

    def beside(df: Any) -> Any:
        result = page()["booked"](df)["leading_pt"]
        df.Filter("Sum(Jet_phi) > 0")
        return result.GetValue()

    assert in_rdataframe(beside)[0] == DECLARED


@pytest.mark.parametrize("call", ["AsNumpy", "Display", "Snapshot"])
def test_without_a_list_all_is_read(call: str, tmp_path: Path) -> None:
    """Each of them, on a file of few branches; with a list they read what it holds."""
    path = write(tmp_path / "few.root", columns(), None)
    with uproot.open({path: "Events"}) as tree:
        everything = set(tree.keys())
    first = ("Events", str(tmp_path / "out.root")) if call == "Snapshot" else ()

    def work(*listed: Any) -> Callable[[Any], Any]:
        return lambda df: made if isinstance(made := getattr(df, call)(*first, *listed), dict) else made.GetValue()

    assert in_rdataframe(work(), path)[0] == everything
    assert in_rdataframe(work(["Jet_pt"]), path)[0] == {"nJet", "Jet_pt"}


@engines
@pytest.mark.parametrize("name", ["eta", "pt"])
@pytest.mark.filterwarnings("ignore:Performed attempt")  # coffea tries more than once
def test_a_branch_that_is_missing_is_named(
    name: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where a job is copied without the check of its input: the only file, or a later one, lacks it."""
    monkeypatch.setattr(recipe.Recipe, "check_files", lambda *_: 0)
    good = write(tmp_path / "good.root", columns(), None)
    bad = write(tmp_path / "bad.root", without(name), None)
    alone = complaint(partial(run, SUBJECT, engine, [bad]))
    assert alone
    # coffea names the coordinates of which it needs one; the message of cling is not in the exception
    assert re.search(rf"\b(Jet_)?{name}\b", alone + capfd.readouterr().err)
    later = complaint(partial(run, SUBJECT, engine, [good, bad]))
    assert re.search(rf"\b(Jet_)?{name}\b", later)


def test_events_without_jets_or_muons(tmp_path: Path) -> None:
    """Nothing passes, nothing breaks; all that decides is read nonetheless."""
    given = columns()
    for name in ("Jet", "Muon"):
        lost = {**given, name: {key: values[:, :0] for key, values in given[name].items()}}
        path = write(tmp_path / f"no{name}.root", lost, None)
        assert agreed(SUBJECT, [path])["leading_pt"].sum(flow=True) == 0
    assert agreed(SUBJECT, [write(tmp_path / "whole.root", given, None)])["leading_pt"].sum(flow=True) == 4


def test_the_log_of_a_file_without_events(tmp_path: Path) -> None:
    """Both ask for the same branches; there is nothing to read."""
    whole = write(tmp_path / "whole.root", columns(), None)
    path = str(tmp_path / "none.root")
    emptied(SUBJECT, whole, Path(path))
    assert in_coffea(page()["filled"], path)[0] == DECLARED
    assert in_rdataframe(page()["spectrum"], path)[:3] == (DECLARED, set(), 0)


def test_implicit_threads_have_no_cache_to_ask() -> None:
    """They open the file for themselves, so that the page's way sees nothing: it is for one thread."""
    ROOT.EnableImplicitMT(2)
    try:
        assert in_rdataframe(page()["spectrum"])[0] == set()
    finally:
        ROOT.DisableImplicitMT()
