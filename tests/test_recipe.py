"""The loader reads a notebook's metadata and cells, and says what is wrong with them."""

import copy
import json
from importlib import resources
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cookbook import inputs, recipe
from small_files import event_columns, write

METADATA: dict[str, Any] = {
    "slug": "toy-recipe",
    "title": "Toy recipe",
    "summary": "A recipe for tests, which reads nothing at all.",
    "chapter": "Event selection",
    "input": "files",
    "objects": ["Muon"],
    "tags": [],
    "coffea": ["hist.Hist"],
    "rdataframe": ["RDataFrame.Histo1D"],
    "branches": {"Events": ["nMuon"]},
    "references": [],
}
CELLS = {
    "parameters": "FILES = []\nCUT = 1",
    "coffea": "import hist\ndef run_coffea(files):\n    return {'cut': CUT}",
    "rdataframe": "def run_rdataframe(files):\n    return {'cut': CUT}",
    "agreement": "pass",
    "timing": "pass",
}


def written(folder: Path, metadata: dict[str, Any] | None = None, cells: dict[str, str] | None = None) -> Path:
    """Write a notebook of these cells, each tagged with its key, and return its path."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["cookbook"] = METADATA if metadata is None else metadata
    for tag, source in (CELLS if cells is None else cells).items():
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}))
    path = folder / "toy-recipe.ipynb"
    nbformat.write(notebook, path)
    return path


def test_the_two_halves_are_found(tmp_path: Path) -> None:
    """Each engine's function sees the parameters and its own cells."""
    toy = recipe.load(written(tmp_path))
    assert toy.slug == "toy-recipe"
    for engine in recipe.ENGINES:
        assert toy.define(engine, toy.parameters())([]) == {"cut": 1}


def test_parameters_can_be_replaced(tmp_path: Path) -> None:
    """A given value takes the place of the notebook's."""
    toy = recipe.load(written(tmp_path))
    assert toy.define("coffea", toy.parameters({"CUT": 5}))([]) == {"cut": 5}


def test_namespaces_are_fresh(tmp_path: Path) -> None:
    """One engine's names are not visible to the other."""
    toy = recipe.load(written(tmp_path))
    namespace = toy.parameters()
    toy.define("coffea", namespace)
    assert "run_coffea" not in toy.parameters()


def test_variants_are_found_by_name(tmp_path: Path) -> None:
    """An engine's cells may hold a second way to the same answer."""
    path = written(tmp_path)
    path.write_text(
        path.read_text().replace("def run_coffea(files)", "def run_coffea_slow(files): ...\\ndef run_coffea(files)")
    )
    assert recipe.load(path).variants() == ["coffea", "coffea_slow", "rdataframe"]
    assert [recipe.title(v) for v in ("coffea_slow", "rdataframe")] == ["coffea, slow", "RDataFrame"]


def test_an_unknown_slug_suggests_near_ones() -> None:
    """A typing error is shown the recipe that was meant."""
    with pytest.raises(recipe.RecipeError, match="no recipe 'dimuon-spectrums'; did you mean dimuon-spectrum"):
        recipe.load("dimuon-spectrums")


def test_an_unknown_slug_without_likeness_lists_all() -> None:
    """Where nothing is near, every recipe is named."""
    with pytest.raises(recipe.RecipeError, match=r"no recipe 'q'; the recipes are .*dimuon-spectrum"):
        recipe.load("q")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """A file that is no notebook is said to be none."""
    path = tmp_path / "toy-recipe.ipynb"
    path.write_text("{")
    with pytest.raises(recipe.RecipeError, match=r"toy-recipe\.ipynb: not a notebook"):
        recipe.load(path)


@pytest.mark.parametrize("tag", list(CELLS))
def test_a_missing_tag_is_named(tmp_path: Path, tag: str) -> None:
    """Every part of the contract must be there."""
    cells = {key: source for key, source in CELLS.items() if key != tag}
    with pytest.raises(recipe.RecipeError, match=f"no code cell is tagged {tag}"):
        recipe.load(written(tmp_path, cells=cells))


def test_a_missing_function_is_named(tmp_path: Path) -> None:
    """The cells must define the function that the gate calls."""
    cells = CELLS | {"coffea": "def run(files):\n    return {}"}
    with pytest.raises(recipe.RecipeError, match=r"define no run_coffea\(files\); they define run"):
        recipe.load(written(tmp_path, cells=cells))


def test_missing_metadata_is_named(tmp_path: Path) -> None:
    """A notebook without the cookbook's metadata is no recipe."""
    with pytest.raises(recipe.RecipeError, match=r"no metadata\.cookbook"):
        recipe.load(written(tmp_path, metadata={}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slug": "other"}, "slug is 'other', the file is named 'toy-recipe'"),
        ({"input": "file"}, r"metadata\.cookbook\.input: 'file' is not one of"),
        ({"colour": "red"}, "'colour' was unexpected"),
        ({"summary": "No full stop at the end of it"}, r"metadata\.cookbook\.summary"),
        ({"branches": {"Events": []}}, r"metadata\.cookbook\.branches\.Events"),
        ({"branches": {"Events": ["HLT_{path}"]}}, r"metadata\.cookbook\.branches\.Events\[0\]"),
        ({"simulation_branches": ["{PATH"]}, r"metadata\.cookbook\.simulation_branches\[0\]"),
        ({"references": [{"title": "a page", "url": "http://x"}]}, r"metadata\.cookbook\.references\[0\]\.url"),
    ],
)
def test_bad_metadata_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """Each fault is said with its place."""
    with pytest.raises(recipe.RecipeError, match=message):
        recipe.load(written(tmp_path, metadata=copy.deepcopy(METADATA) | change))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", "returned nothing; it must return dict"),
        ("[1]", "returned a list; it must return dict"),
        ("{1: 2}", r"returned a dict with keys \['1'\]; it must return dict"),
        ("{}", "returned no histogram"),
    ],
)
def test_a_wrong_result_is_named(result: str, message: str) -> None:
    """What is not a dictionary of histograms by name is refused."""
    value: Any = eval(result)
    with pytest.raises(recipe.RecipeError, match=f"run_coffea {message}"):
        recipe.checked_result(value, "coffea", Path("toy.ipynb"))


def test_a_traceback_shows_the_recipes_line(tmp_path: Path) -> None:
    """An error in a cell points to the cell and shows its source."""
    import traceback

    cells = CELLS | {"coffea": "def run_coffea(files):\n    return files['nonsense']"}
    toy = recipe.load(written(tmp_path, cells=cells))
    with pytest.raises(TypeError, match="indices") as caught:
        toy.define("coffea", toy.parameters())([])
    shown = "".join(traceback.format_exception(caught.value))
    assert "toy-recipe.ipynb#cell1" in shown
    assert "return files['nonsense']" in shown


@pytest.mark.parametrize("name", ["recipe_schema.json", "timing_schema.json"])
def test_the_schemas_are_schemas(name: str) -> None:
    """The schemas themselves are valid."""
    import jsonschema

    schema = json.loads(resources.files("cookbook").joinpath(name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("declared", "parameters", "names"),
    [
        (["nMuon", "Muon_pt"], {}, ["nMuon", "Muon_pt"]),
        (["run", "{TRIGGER}"], {"TRIGGER": "HLT_IsoMu27"}, ["run", "HLT_IsoMu27"]),
        (["{TRIGGER}"], {"TRIGGER": ["HLT_a", "HLT_b", "HLT_a"]}, ["HLT_a", "HLT_b"]),
        (["{PATHS}", "HLT_a"], {"PATHS": {"Muon": ["HLT_a", "HLT_b"], "EGamma": "HLT_c"}}, ["HLT_a", "HLT_b", "HLT_c"]),
        (["{MET}_pt", "{MET}_{WAY}"], {"MET": "PFMET", "WAY": ("phi",)}, ["PFMET_pt", "PFMET_phi"]),
        (["run", "{TRIGGER}"], {"TRIGGER": []}, ["run"]),
    ],
)
def test_branches_may_be_named_by_parameters(
    tmp_path: Path, declared: list[str], parameters: dict[str, Any], names: list[str]
) -> None:
    """What a recipe needs of a file follows what the reader sets."""
    toy = recipe.load(written(tmp_path, METADATA | {"branches": {"Events": declared}}))
    assert toy.branches(toy.parameters(parameters)) == {"Events": names}
    toy = recipe.load(written(tmp_path, METADATA | {"branches": {"Events": ["run"]}, "unread": declared}))
    assert toy.required(toy.parameters(parameters)) == {"Events": list(dict.fromkeys(["run", *names]))}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"TRIGGERS": "HLT_a"}, "no parameter 'TRIGGER'; did you mean TRIGGERS"),
        ({"TRIGGER": 24}, "the parameter 'TRIGGER' holds 24; give the name of a branch"),
    ],
)
def test_a_parameter_that_names_no_branch_is_named(tmp_path: Path, parameters: dict[str, Any], message: str) -> None:
    """The notebook and the parameter are in the error."""
    toy = recipe.load(written(tmp_path, METADATA | {"branches": {"Events": ["{TRIGGER}"]}}))
    with pytest.raises(recipe.RecipeError, match=rf"toy-recipe\.ipynb: metadata\.cookbook\.branches: {message}"):
        toy.branches(toy.parameters(parameters))


def test_the_files_are_checked_with_the_parameters(tmp_path: Path) -> None:
    """Another trigger is asked of the file; generator branches are asked of what is not declared as data."""
    metadata = METADATA | {"branches": {"Events": ["{TRIGGER}", "genWeight"]}, "simulation_branches": ["genWeight"]}
    cells = CELLS | {"parameters": "DATA = ['Muon']\nTRIGGER = 'HLT_a'"}
    toy = recipe.load(written(tmp_path, metadata | {"input": "datasets"}, cells))
    files = {"Muon": [write(tmp_path / "data.root", event_columns(3, "HLT_a"), None)]}
    assert toy.check_files(files, toy.parameters()) == 3
    with pytest.raises(inputs.InputError, match="no branch 'HLT_b'; the nearest names are HLT_a"):
        toy.run("coffea", files, {"TRIGGER": "HLT_b"})
    with pytest.raises(inputs.InputError, match="no branch 'genWeight'"):
        toy.run("coffea", files, {"DATA": []})


def test_a_dataset_without_a_cross_section_is_named(tmp_path: Path) -> None:
    """No `KeyError` from the middle of an engine."""
    cells = CELLS | {"parameters": "CUT = 1\nDATA = ['Muon']\nCROSS_SECTION = {'TT': 1.0}"}
    metadata = METADATA | {"input": "datasets", "branches": {"Events": ["run"]}}
    toy = recipe.load(written(tmp_path, metadata, cells))
    files = {name: [write(tmp_path / f"{name}.root", event_columns(3), None)] for name in ("Muon", "TT", "DY")}
    with pytest.raises(inputs.InputError, match=r"'DY' has no cross section: give it .*; CROSS_SECTION has TT"):
        toy.run("coffea", files)
    assert toy.run("coffea", files, {"CROSS_SECTION": {"TT": 1.0, "DY": 2.0}}) == {"cut": 1}
