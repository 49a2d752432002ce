"""Names, types and precision of the files, compared with real NanoAOD v15."""

import os
import re
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from cookbook import sample
from cookbook.simulation import nano

REFERENCE = "nano_tt_v15.root"
# Branches of the sample that the reference file lacks, with the reason.
EXCEPTIONS: dict[str, str] = {}
RUNS = {
    "run": "uint32_t",
    "genEventCount": "int64_t",
    "genEventSumw": "double",
    "genEventSumw2": "double",
    "nLHEScaleSumw": "int32_t",
    "LHEScaleSumw": "double[]",
    "nLHEPdfSumw": "int32_t",
    "LHEPdfSumw": "double[]",
    "nPSSumw": "int32_t",
    "PSSumw": "double[]",
}


def all_files() -> list[str]:
    """Every committed file."""
    return [path for dataset in sample.datasets().values() for path in dataset.files]


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    """Types of the real file by branch."""
    if "COOKBOOK_NANOAOD" not in os.environ:
        pytest.skip("COOKBOOK_NANOAOD does not name a folder with real NanoAOD")
    path = Path(os.environ["COOKBOOK_NANOAOD"]) / REFERENCE
    if not path.is_file():
        pytest.skip(f"{REFERENCE} is not in the folder that COOKBOOK_NANOAOD names")
    with uproot.open(path) as file:
        return {branch.name: branch.typename for branch in file["Events"].branches}


@pytest.mark.parametrize("path", all_files(), ids=lambda path: Path(path).stem)
def test_every_branch_has_the_name_and_type_of_real_nanoaod(path: str, reference: dict[str, str]) -> None:
    """Names and types of all branches of Events are those of v15."""
    with uproot.open(path) as file:
        mine = {branch.name: branch.typename for branch in file["Events"].branches}
    wrong = {name: kind for name, kind in mine.items() if name not in EXCEPTIONS and reference.get(name) != kind}
    assert wrong == {}


@pytest.mark.parametrize("path", all_files(), ids=lambda path: Path(path).stem)
def test_coffea_opens_every_collection(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No collection lacks a branch that coffea asks of it: its vertices want all three coordinates."""
    from coffea.nanoevents import NanoAODSchema, NanoEventsFactory

    monkeypatch.setattr(NanoAODSchema, "warn_missing_crossrefs", False)
    events = NanoEventsFactory.from_root({path: "Events"}, schemaclass=NanoAODSchema).events()
    for name in events.fields:
        collection = events[name]
        assert len(collection) == len(events)
        for field in collection.fields:
            assert len(collection[field]) == len(events)


@pytest.mark.parametrize("path", all_files(), ids=lambda path: Path(path).stem)
def test_no_file_says_where_it_was_made(path: str) -> None:
    """A ROOT file begins with the path by which it was opened; here that is a name alone."""
    names = re.findall(rb"[\w./-]+\.root\.partial", Path(path).read_bytes()[:300])
    assert set(names) == {f"{Path(path).name}.partial".encode()}


@pytest.mark.parametrize("path", all_files(), ids=lambda path: Path(path).stem)
def test_every_file_has_the_three_trees(path: str) -> None:
    """Events, LuminosityBlocks and Runs are there, and simulation has its sums."""
    with uproot.open(path) as file:
        assert set(file.keys(cycle=False)) == set(sample.TREES)
        runs = {branch.name: branch.typename for branch in file["Runs"].branches}
        simulated = "genWeight" in file["Events"]
    assert runs == (RUNS if simulated else {"run": "uint32_t"})


def test_pseudo_data_have_no_generator_branch() -> None:
    """What only simulation knows is not in the streams."""
    for name, dataset in sample.datasets().items():
        if dataset.kind == "data":
            with uproot.open(sample.files(name)[0]) as file:
                branches = file["Events"].keys()
            assert [b for b in branches if nano.is_generator(b) or "gen" in b.lower() or "Flavour" in b] == []


def test_counters_are_the_lengths_of_their_vectors() -> None:
    """Every counter branch equals the number of entries."""
    with uproot.open(sample.files("TTbar")[0]) as file:
        events = file["Events"].arrays(["nJet", "Jet_pt", "nGenPart", "GenPart_pt", "nPSWeight", "PSWeight"])
    for counter, vector in (("nJet", "Jet_pt"), ("nGenPart", "GenPart_pt"), ("nPSWeight", "PSWeight")):
        assert ak.all(events[counter] == ak.num(events[vector]))


def test_weights_have_the_usual_number_of_entries_and_say_their_order() -> None:
    """Nine scales, 33 densities, four shower variations; the title of PSWeight gives its order."""
    with uproot.open(sample.files("TTbar")[0]) as file:
        events = file["Events"]
        for name, number in (("LHEScaleWeight", 9), ("LHEPdfWeight", 33), ("PSWeight", 4)):
            assert ak.all(ak.num(events[name].array()) == number)
        title = events["PSWeight"].title
    assert title.index("[0] is ISR up") < title.index("FSR up") < title.index("ISR down") < title.index("FSR down")


@pytest.mark.parametrize(("name", "bits"), [("Jet_pt", 10), ("Jet_eta", 12), ("Jet_chHEF", 6), ("GenPart_pt", 10)])
def test_floats_have_few_bits_of_mantissa(name: str, bits: int) -> None:
    """The lower bits of the mantissa are zero, as NanoAOD leaves them."""
    with uproot.open(sample.files("TTbar")[0]) as file:
        values = ak.to_numpy(ak.flatten(file["Events"][name].array()))
    assert np.all(values.view("u4") & np.uint32((1 << (23 - bits)) - 1) == 0)


def test_rounding_is_to_the_nearest_value() -> None:
    """The relative error is at most half a unit of the last bit kept, and nothing is biased."""
    values = np.random.default_rng(5).uniform(1, 1000, 10_000).astype("f4")
    error = nano.round_mantissa(values, 10) / values - 1
    assert abs(error).max() <= 2.0**-11
    assert abs(error.mean()) < 2e-5


def test_rounding_keeps_what_is_not_finite() -> None:
    """Infinity stays infinity."""
    values = np.array([np.inf, -np.inf, 0.0, 1.5], dtype="f4")
    assert nano.round_mantissa(values, 8).tolist() == values.tolist()


def test_files_are_written_in_clusters_with_zstandard() -> None:
    """Baskets of the largest file hold a few thousand events each, compressed by Zstandard."""
    with uproot.open(sample.files("DYto2L_M-50")[0]) as file:
        branch = file["Events"]["Jet_pt"]
        assert branch.num_baskets == -(-branch.num_entries // nano.CLUSTER)
        assert file.file.compression.name == "ZSTD"


def test_integers_are_clipped_to_their_type_and_never_wrap() -> None:
    """A count of 300 in an 8-bit branch is 255."""
    assert nano.convert("PV_npvs", np.array([300, 12])).tolist() == [255, 12]


def test_root_reads_every_branch_with_its_type() -> None:
    """RDataFrame sees vectors and numbers of the types that NanoAOD has."""
    root: Any = pytest.importorskip("ROOT")
    frame = root.RDataFrame("Events", sample.files("TTbar")[0])
    kinds = {str(name): str(frame.GetColumnType(name)) for name in frame.GetColumnNames()}
    vector = "ROOT::VecOps::RVec<{}>".format
    assert kinds["Jet_genJetIdx"] == vector("Short_t")
    assert kinds["Jet_hadronFlavour"] == vector("UChar_t")
    assert kinds["Muon_tightId"] == vector("Bool_t")
    assert kinds["GenPart_statusFlags"] == vector("UShort_t")
    assert kinds["TrigObj_filterBits"] == vector("ULong64_t")
    assert kinds["HLT_IsoMu24"] == "Bool_t"
    assert kinds["event"] == "ULong64_t"
    assert not [name for name, kind in kinds.items() if not kind or "unknown" in kind.lower()]
