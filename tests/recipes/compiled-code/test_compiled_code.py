"""Every way gives the masses by hand; what is compiled is found again, and an edited version is another one."""

import subprocess
from collections.abc import Mapping
from functools import partial
from importlib import import_module, reload
from pathlib import Path
from shutil import which
from typing import Any

import awkward as ak
import numpy as np
import pytest

pytest.importorskip("ROOT", reason="ROOT is not installed: make env")

import ROOT
from coffea.nanoevents import NanoEventsFactory

from cookbook import agreement, recipe, roothist
from runs import complaint, run
from small_files import event_columns, jagged, write

SUBJECT = recipe.load("compiled-code")
BY_NAME, BY_LIBRARY = "rdataframe", "rdataframe_compiled"
needs_compiler = pytest.mark.skipif(which("g++") is None, reason="there is no g++")

#: Momenta, pseudorapidities and azimuths of the jets of an event, and its largest mass; None where there is no pair.
EVENTS: tuple[tuple[list[float], list[float], list[float], float | None], ...] = (
    ([55.0, 55.0], [0.0, 0.0], [0.0, np.pi], 110.0),
    ([55.0, 55.0, 40.0], [0.0, 0.0, 0.0], [0.0, 0.0, np.pi], np.sqrt(4 * 55 * 40)),
    ([40.0, 60.0], [-1.5, 1.5], [0.3, 0.3], np.sqrt(2 * 40 * 60 * (np.cosh(3.0) - 1))),
    ([55.0], [0.0], [0.0], None),
    ([], [], [], None),
    ([55.0, 30.0], [0.0, 0.0], [0.0, 1.0], None),  # a cut is not passed by its own value
    ([55.0, 40.0], [0.0, 2.5], [0.0, 1.0], None),
    ([90.0, 55.0, 55.0], [3.0, 0.0, 0.0], [0.0, 0.0, np.pi], 110.0),  # the leading jet is dropped
    ([55.0, np.nan, 55.0], [0.0, 0.0, 0.0], [0.0, 0.0, np.pi], 110.0),
)


def page(build: Path) -> dict[str, Any]:
    """Return what the page defines up to its whole job, with its examples, keeping compiled code in a folder."""
    namespace = SUBJECT.parameters({"BUILD": str(build)})
    first = next(cell.index for cell in SUBJECT.cells if "agreement" in cell.tags)
    cells = [cell for cell in SUBJECT.cells if cell.index < first and "parameters" not in cell.tags]
    halves = {cell.index: cell.source for engine in recipe.ENGINES for cell in SUBJECT.source(engine)}
    for cell in cells:
        if recipe.SETUP not in cell.tags:
            source = halves.get(cell.index, cell.source)
            SUBJECT._execute([cell], namespace, {cell.index: source})
    return namespace


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the page, once for all tests."""
    return page(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a file of the events by hand."""
    pt, eta, phi, _ = zip(*EVENTS, strict=True)
    jets = {name: jagged(values, "f4") for name, values in {"pt": pt, "eta": eta, "phi": phi, "mass": pt}.items()}
    columns = {**event_columns(len(EVENTS)), "Jet": jets}
    return write(tmp_path_factory.mktemp("hand") / "hand.root", columns, None)


def expected(namespace: Mapping[str, Any]) -> Any:
    """Return the histogram of the masses by hand."""
    import hist

    axis = hist.axis.Regular(*namespace["BINS"], name="mass", label=namespace["LABEL"])
    return hist.Hist(axis).fill([mass for *_, mass in EVENTS if mass is not None])


def entries(h: Any) -> float:
    """Return how many events are in a histogram."""
    return float(h.values(flow=True).sum())


@pytest.mark.parametrize("way", ["by_expressions", "by_numba", "by_kept_numba"])
def test_masses_by_hand_in_coffea(way: str, defined: dict[str, Any], file: str) -> None:
    """Of each event with a pair, in double precision."""
    jets = defined["good_jets"](NanoEventsFactory.from_root({file: "Events"}).events())
    masses = ak.to_numpy(defined[way](jets), allow_missing=False)
    assert masses == pytest.approx([mass for *_, mass in EVENTS if mass is not None], rel=1e-6)
    agreement.check({"mass": expected(defined)}, defined["run_coffea"]([file], defined[way]))


@pytest.mark.parametrize("way", ["by_expressions_of_root", "by_name", "by_functors", "by_library"])
def test_masses_by_hand_in_rdataframe(way: str, defined: dict[str, Any], file: str) -> None:
    """The same bins, also from the library."""
    if way == "by_library" and which("g++") is None:
        pytest.skip("there is no g++")
    agreement.check({"mass": expected(defined)}, {"mass": defined[way]([file])})


def test_numba_in_rdataframe(defined: dict[str, Any], file: str) -> None:
    """The function of the coffea half is compiled for lists of ROOT."""
    pytest.importorskip("cffi", reason="ROOT.Numba needs it")
    cell = next(cell for cell in SUBJECT.cells if "def by_numba_of_root" in cell.source)
    exec(cell.source, defined)
    for _ in "12":  # it is declared once
        agreement.check({"mass": expected(defined)}, {"mass": defined["by_numba_of_root"]([file])})


def test_an_edited_declaration_is_another_function(defined: dict[str, Any], file: str) -> None:
    """Both versions can be called, without a restart."""
    right, edited = defined["CODE"], defined["CODE"].replace("2. * pt[i]", "8. * pt[i]")
    assert edited != right
    largest = []
    for code in right, edited, right:
        result = {**defined, "CODE": code}
        spaced = result["declared"](code)
        call = f"{spaced}::largest_mass(Jet_pt[good], Jet_eta[good], Jet_phi[good])"
        largest.append(result["with_good_jets"]([file]).Define("m", call).Max("m").GetValue())
    assert largest[1] == pytest.approx(2 * largest[0])
    assert largest[2] == largest[0]


@needs_compiler
def test_the_library_is_compiled_once(tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time it is found; with other cuts as well, for they are arguments."""
    given = {"BUILD": str(tmp_path / "new" / "folder")}
    first = run(SUBJECT, BY_LIBRARY, [file], given)
    (made,) = Path(given["BUILD"]).glob("*.so")
    assert float(made.with_suffix(".seconds").read_text()) > 0
    assert {path.suffix for path in Path(given["BUILD"]).iterdir()} == {".so", ".seconds"}
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("the compiler runs"))
    agreement.check(first, run(SUBJECT, BY_LIBRARY, [file], given))
    other = {**given, "MIN_PT": 45.0}
    cut = run(SUBJECT, BY_LIBRARY, [file], other)
    agreement.check(run(SUBJECT, BY_NAME, [file], other), cut)
    assert entries(cut["mass"]) < entries(first["mass"])


@needs_compiler
def test_an_edited_library_is_another_one(defined: dict[str, Any], file: str) -> None:
    """Both are loaded in one session, and each does what its own text says."""
    right = defined["LIBRARY"]
    usual = roothist.to_hist(defined["by_library"]([file]).GetValue())
    try:
        defined["LIBRARY"] = right.replace(".Filter(Pair(), ", ".Filter([](const Good &) { return true; }, ")
        assert defined["LIBRARY"] != right
        edited = roothist.to_hist(defined["by_library"]([file]).GetValue())
    finally:
        defined["LIBRARY"] = right
    assert entries(edited) == len(EVENTS) > entries(usual)
    agreement.check({"mass": usual}, {"mass": defined["by_library"]([file])})


@needs_compiler
@pytest.mark.filterwarnings("ignore")
def test_a_library_that_does_not_compile_is_not_kept(defined: dict[str, Any], tmp_path: Path) -> None:
    """The compiler's message is shown, and nothing is left."""
    given = {**defined, "BUILD": str(tmp_path)}
    with pytest.raises(subprocess.CalledProcessError):
        given["build"](["g++", "-shared", "-fPIC"], "no C++", tmp_path / "a.so")
    assert list(tmp_path.iterdir()) == []


@needs_compiler
def test_loading_again_keeps_the_old_code(tmp_path: Path) -> None:
    """A path with new content, or another path with the same symbol: hence names after the text."""
    paths = [tmp_path / f"{name}.so" for name in ("first", "first", "second")]
    results = []
    ROOT.gInterpreter.Declare("int compiled_code_test_value();")
    for value, path in enumerate(paths, start=1):
        source = tmp_path / f"{value}.cpp"
        source.write_text(f"int compiled_code_test_value() {{ return {value}; }}")
        path.unlink(missing_ok=True)
        subprocess.run(["g++", "-shared", "-fPIC", str(source), "-o", str(path)], check=True)
        loaded = ROOT.gSystem.Load(str(path))
        results.append((loaded, ROOT.compiled_code_test_value()))
    assert results == [(0, 1), (1, 1), (0, 1)]


def test_without_a_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The declared function takes the place of the library, and a line says so."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    result = run(SUBJECT, BY_LIBRARY, [file], {"BUILD": str(tmp_path)})
    assert "There is no no-such-compiler" in capsys.readouterr().out
    agreement.check(run(SUBJECT, BY_NAME, [file]), result)
    assert list(tmp_path.iterdir()) == []


@needs_compiler
def test_the_library_names_a_bad_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str) -> None:
    """Also between good ones, where ROOT by itself goes on."""
    monkeypatch.setattr(recipe.Recipe, "check_files", lambda *_: 0)
    for files in ([str(tmp_path / "missing.root")], [file, str(tmp_path / "missing.root"), file]):
        assert "missing.root" in complaint(partial(run, SUBJECT, BY_LIBRARY, files))


def test_what_numba_compiled_is_found_again(defined: dict[str, Any], file: str) -> None:
    """For arrays without a behavior; a module that is imported anew compiles nothing."""
    jets = defined["good_jets"](NanoEventsFactory.from_root({file: "Events"}).events())
    defined["by_kept_numba"](jets)
    module = reload(import_module(defined["kept"]().__module__))
    assert not module.walk.stats.cache_hits
    masses = np.empty(len(jets))
    module.walk(ak.Array(ak.to_packed(ak.without_parameters(jets)).layout), masses)
    assert sum(module.walk.stats.cache_hits.values()) == 1
    assert not module.walk.stats.cache_misses
