"""Versions of NanoAOD: the table against real files, and the dialects of the sample that it makes."""

from pathlib import Path

import awkward as ak
import pytest
import uproot

from cookbook import dialects, nanoaod, sample
from real_files import nanoaod as real_file

REAL = {"nano_dimuon.root": "v6", "nano_dy.root": "v6", "nano_tt_v15.root": "v15"}
DATA_LACK = ("Gen", "gen", "hadronFlavour", "partonFlavour", "PSWeight")
VERSIONS = nanoaod.versions()


@pytest.fixture(scope="module", params=VERSIONS)
def dialect(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return a version, and the first events of the sample in it."""
    target = tmp_path_factory.mktemp("dialects") / f"{request.param}.root"
    return request.param, dialects.write(sample.files("TTbar")[0], target, request.param, events=200)


def kinds(path: str | Path, tree: str) -> dict[str, str]:
    """Return the types of the branches of a tree, as the table names them."""
    names = {"float": "float32", "double": "float64"}
    with uproot.open(path) as file:
        found = file[tree].typenames(recursive=False) if tree in file else {}
    plain = {name: kind.removesuffix("[]").removesuffix("_t") for name, kind in found.items()}
    return {name: names.get(kind, kind) for name, kind in plain.items()}


@pytest.mark.parametrize(("name", "expected"), REAL.items())
def test_a_real_file_tells_its_version(name: str, expected: str) -> None:
    """The version is found of data and simulation, with and without the tree Runs."""
    assert nanoaod.version(real_file(name)) == expected


@pytest.mark.parametrize(("name", "version"), REAL.items())
def test_the_table_is_right_of_real_files(name: str, version: str) -> None:
    """A file has all that its version has, in these types, and by the names of v15 nothing that it lacks."""
    path = real_file(name)
    have = {tree: kinds(path, tree) for tree in ("Events", "Runs")}
    there = nanoaod.branches(version)
    for quantity, one in nanoaod.quantities().items():
        if not have[one.tree] or (one.tree == "Runs" and "dimuon" in name):
            continue
        if quantity not in there:
            assert quantity not in have[one.tree]
        elif "dimuon" not in name or not any(mark in quantity for mark in DATA_LACK):
            assert have[one.tree].get(there[quantity].name) == there[quantity].type, quantity


def test_the_sample_is_of_the_newest() -> None:
    """Simulation and data of the sample are of v15, in all types."""
    for name in ("TTbar", "Muon", "DYto2L_M-50"):
        path = sample.files(name)[0]
        assert nanoaod.version(path) == "v15"
        have = kinds(path, "Events")
        there = nanoaod.branches("v15")
        assert not {q: have[q] for q in have.keys() & there.keys() if have[q] != there[q].type}


def test_a_dialect_tells_its_version(dialect: tuple[str, str]) -> None:
    """A file that was written in the names and types of a version is taken for one of it."""
    version, path = dialect
    assert nanoaod.version(path) == version


def test_a_dialect_has_the_types_and_values_of_its_version(dialect: tuple[str, str]) -> None:
    """Each quantity is there under its name in that version, in its type, with the values of the sample."""
    version, path = dialect
    source = sample.files("TTbar")[0]
    there = nanoaod.branches(version)
    have = kinds(path, "Events")
    with uproot.open(source) as old, uproot.open(path) as new:
        assert new["Events"].num_entries == 200
        for name in old["Events"].keys(recursive=False):
            if name not in nanoaod.quantities():
                assert have[name] == kinds(source, "Events")[name] if name == "genWeight" else name in have
            elif name not in there:
                assert name not in have
            else:
                assert have[there[name].name] == there[name].type
        for name in ("Rho_fixedGridRhoFastjetAll", "PV_npvs", "Jet_genJetIdx", "TrigObj_filterBits"):
            before = old["Events"][name].array(entry_stop=200)
            assert ak.all(before == new["Events"][there[name].name].array())


def test_a_dialect_keeps_the_sums_of_weights(dialect: tuple[str, str]) -> None:
    """The trees Runs and LuminosityBlocks are whole, under the names of the version."""
    version, path = dialect
    with uproot.open(sample.files("TTbar")[0]) as old, uproot.open(path) as new:
        sums = new["Runs"][nanoaod.names(version)["genEventSumw"]].array()
        assert ak.all(sums == old["Runs"]["genEventSumw"].array())
        assert new["LuminosityBlocks"].num_entries == old["LuminosityBlocks"].num_entries


def test_a_skim_tells_its_version(tmp_path: Path) -> None:
    """A few branches are enough where the versions differ in them, here one and Runs; of equals the newer counts."""
    source = sample.files("TTbar")[0]
    few = ["run", "luminosityBlock", "event", "Jet_pt", "Jet_hadronFlavour"]
    found = [nanoaod.version(dialects.write(source, tmp_path / f"{v}.root", v, events=3, only=few)) for v in VERSIONS]
    assert found == ["v6", "v9", "v15", "v15"]


def test_a_file_that_tells_nothing(tmp_path: Path) -> None:
    """Without any branch of the table the error names the file and what it should have."""
    with uproot.recreate(tmp_path / "bare.root") as file:
        file["Events"] = {"run": [1]}
    with pytest.raises(nanoaod.VersionError, match=r"bare\.root: no branch tells its NanoAOD version; give a file"):
        nanoaod.version(tmp_path / "bare.root")


@pytest.mark.parametrize(
    ("version", "branch", "message"),
    [
        ("v9", "PFMET_pt", "'PFMET_pt' is 'MET_pt' in NanoAOD v9"),
        ("v9", "Jet_btagPNetB", "v9 has no 'Jet_btagPNetB'; it is in v12 and v15; in its place: Jet_btagDeepFlavB"),
        ("v6", "RawPuppiMET_pt", "it is in v9, v12 and v15; in its place: RawMET_pt"),
        ("v15", "Jet_jetId", "v15 has no 'Jet_jetId'; it is in v6, v9 and v12; in its place: the identification of"),
        ("v12", "Jet_chMultiplicity", "it is in v15; in its place: Jet_jetId"),
        ("v6", "genEventSumw", "'genEventSumw' is 'genEventSumw_' in NanoAOD v6"),
        ("v15", "PV_npvs", "has 'PV_npvs': the file lost it, make the skim again"),
        ("v15", "PFMET_tp", "'PFMET_tp' is in no table of versions; did you mean PFMET_pt"),
    ],
)
def test_what_a_version_lacks_is_told(version: str, branch: str, message: str) -> None:
    """The message says the name in that version, or which versions have it and what to take in its place."""
    assert message in nanoaod.missing(version, branch)


def test_each_quantity_that_a_version_lacks_has_a_substitute() -> None:
    """Where a version lacks a quantity, the table says what to do."""
    assert not [
        n for n, one in nanoaod.quantities().items() if len(one.branches) < len(VERSIONS) and not one.substitute
    ]


def test_an_unknown_version_is_told() -> None:
    """The error lists the versions that there are."""
    with pytest.raises(nanoaod.VersionError, match="no NanoAOD version 'v11' in the table; it has v6, v9, v12, v15"):
        nanoaod.names("v11")


def test_a_twin_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy for a page is in the cache under a name of its own, and is used again as it is."""
    monkeypatch.setenv("COOKBOOK_CACHE", str(tmp_path))
    source = sample.files("TTbar")[0]
    paths = [dialects.twin(source, version, ["event", "PV_npvs"]) for version in ("v9", "v15", "v9")]
    assert paths[0] == paths[2] != paths[1]
    assert kinds(paths[0], "Events") == {"event": "uint64", "PV_npvs": "int32"}
    assert kinds(paths[1], "Events") == {"event": "uint64", "PV_npvs": "uint8"}
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2
