"""Load a recipe notebook and run the engine halves that stand in its tagged cells.

The notebook is the only source: tests, timing and book all call the functions that `load` finds in it.
"""

from __future__ import annotations

import ast
import difflib
import json
import linecache
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import jsonschema
import nbformat

__all__ = [
    "ENGINES",
    "Engine",
    "Files",
    "Recipe",
    "RecipeError",
    "all_recipes",
    "imports",
    "load",
    "read",
    "slugs",
    "texts",
    "title",
]

Engine = Literal["coffea", "rdataframe"]
Files = Sequence[str] | Mapping[str, Sequence[str]]

ENGINES: tuple[Engine, ...] = ("coffea", "rdataframe")
REQUIRED_TAGS = ("parameters", "coffea", "rdataframe", "agreement", "timing")
CHECK_TAGS = frozenset({"nbval-check-output", "keep_output"})
# What stands before the parameters, folded: the way to the helper package, cuts and binning.
SETUP = "setup"
# The self-contained pair at the top of a page, of which the rest of the page takes the imports.
ANSWER = "answer"
# Shows a step on the answer's events; no part of an engine's half.
EXAMPLE = "example"


class RecipeError(ValueError):
    """A notebook does not keep the recipe contract; the message names the notebook, the fault and the fix."""


@dataclass(frozen=True)
class Cell:
    """One code cell: its position in the notebook, its tags and its source."""

    index: int
    tags: frozenset[str]
    source: str


@dataclass(frozen=True)
class Recipe:
    """A recipe notebook whose metadata and tags have been checked."""

    path: Path
    metadata: dict[str, Any]
    notebook: Any = field(repr=False)

    @property
    def slug(self) -> str:
        """Name of the recipe, which is also the notebook's file name."""
        return self.path.stem

    @property
    def cells(self) -> list[Cell]:
        """Code cells, in order."""
        return list(_code_cells(self.notebook))

    def source(self, engine: Engine) -> list[Cell]:
        """Return the cells that make up one engine's half: those tagged with its name, of the answer its imports."""
        cells = (c for c in self.cells if engine in c.tags and EXAMPLE not in c.tags)
        return [replace(c, source=imports(c.source)) if ANSWER in c.tags else c for c in cells]

    def variants(self) -> list[str]:
        """Return what can be run: each engine, and after it the ``<engine>_<variant>`` its cells define a run_ for."""
        return [
            name.removeprefix("run_")
            for engine in ENGINES
            for name in sorted(_functions(self.source(engine)))
            if re.fullmatch(rf"run_{engine}(_\w+)?", name)
        ]

    def parameters(self, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Execute set-up and parameters in a fresh namespace, put `values` in place of theirs, and return it."""
        namespace: dict[str, Any] = {"__name__": f"recipe_{self.slug.replace('-', '_')}"}
        self._execute((c for c in self.cells if c.tags & {SETUP, "parameters"}), namespace, {})
        return {**namespace, **(values or {})}

    def define(
        self, variant: str, namespace: dict[str, Any], replace: Mapping[int, str] | None = None
    ) -> Callable[[Files], Any]:
        """Execute the cells of an engine in `namespace` and return its ``run_<engine>``, or that of a variant.

        `replace` holds other source text by cell index; this is how tests put a fault into a recipe.
        """
        self._execute(self.source(engine_of(variant)), namespace, replace or {})
        function: Callable[[Files], Any] = namespace[f"run_{variant}"]
        return function

    def _execute(self, cells: Iterable[Cell], namespace: dict[str, Any], replace: Mapping[int, str]) -> None:
        for cell in cells:
            name, text = f"{self.path.name}#cell{cell.index}", replace.get(cell.index, cell.source)
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # for tracebacks
            exec(compile(text, name, "exec"), namespace)

    def branches(self, parameters: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return the branches that the recipe reads with these parameters, by tree.

        A name in the metadata may hold a parameter in braces, as ``{TRIGGER}``; one of several texts stands for each.

        Raises
        ------
        RecipeError
            If there is no such parameter, or it holds something else than texts.
        """
        return {tree: self._names("branches", names, parameters) for tree, names in self.metadata["branches"].items()}

    def required(self, parameters: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return the branches that files must have, by tree: those that are read, and those that coffea asks for."""
        read = self.branches(parameters)
        asked_for = self._names("unread", self.metadata.get("unread", ()), parameters)
        return {**read, "Events": list(dict.fromkeys([*read["Events"], *asked_for]))}

    def _names(self, field: str, declared: Iterable[str], parameters: Mapping[str, Any]) -> list[str]:
        try:
            return list(dict.fromkeys(name for text in declared for name in filled(text, parameters)))
        except ValueError as error:
            raise RecipeError(f"{self.path}: metadata.cookbook.{field}: {error}") from error

    def check_files(
        self,
        files: Files,
        parameters: Mapping[str, Any],
        thorough: bool = False,
        not_fired: Collection[str] = (),
    ) -> int:
        """Check the input files against what the recipe reads with these parameters, and return their events.

        Files may lack the trigger paths `not_fired`, and be of several NanoAOD versions where the recipe's metadata say
        so (`mixed_types`).

        Raises
        ------
        cookbook.inputs.InputError
            As `cookbook.inputs.check`, or if a simulated dataset has no cross section.
        RecipeError
            As `branches`.
        """
        from cookbook import inputs

        data = parameters.get("DATA")
        simulation_only = self._names("simulation_branches", self.metadata.get("simulation_branches", ()), parameters)
        events = inputs.check(
            files,
            self.required(parameters),
            simulation_only,
            data,
            thorough,
            not_fired,
            mixed_types=self.metadata.get("mixed_types", False),
            known_sums=[name for name, total in (parameters.get("SUM_OF_WEIGHTS") or {}).items() if total],
        )
        if data and isinstance(files, Mapping) and isinstance(certified := parameters.get("CERTIFIED"), str):
            inputs.check_certified([path for name in data for path in files.get(name, ())], certified)
        known = parameters.get("CROSS_SECTION")
        if isinstance(known, Mapping) and isinstance(files, Mapping):
            for name in files.keys() - known.keys() - set(data or ()):
                raise inputs.InputError(
                    f"dataset '{name}' has no cross section: give it in CROSS_SECTION, in pb, or name it in DATA; "
                    f"CROSS_SECTION has {', '.join(known) or 'none'}"
                )
        return events

    def check_corrections(self, parameters: Mapping[str, Any]) -> None:
        """Check that the correction files that `parameters` name hold what the recipe declares.

        Raises
        ------
        cookbook.corrections.CorrectionError
            If a file lacks something; the message says what it does hold.
        RecipeError
            If a declaration is no expression of the parameters.
        """
        from cookbook import corrections

        for declared in self.metadata.get("corrections", ()):
            try:
                corrections.check_declared(declared, parameters)
            except (NameError, SyntaxError, LookupError, TypeError) as error:
                raise RecipeError(f"{self.path}: metadata.cookbook.corrections: {declared}: {error}") from error

    def run(
        self,
        variant: str,
        files: Files,
        parameters: Mapping[str, Any] | None = None,
        replace: Mapping[int, str] | None = None,
    ) -> dict[str, Any]:
        """Check the input and correction files, call ``run_<variant>(files)`` and return its histograms by name.

        A variant is an engine, or another of `variants`.

        Raises
        ------
        cookbook.inputs.InputError
            If a file is missing, damaged, lacks a tree or a branch, or does not fit the others or the parameters.
        cookbook.corrections.CorrectionError
            If a correction file lacks what the recipe declares.
        RecipeError
            If the notebook has no such function, or it returns something else than a dictionary of results.
        """
        namespace = self.parameters(parameters)
        self.check_files(files, namespace)
        self.check_corrections(namespace)
        function = self.define(variant, namespace, replace)
        return checked_result(function(files), variant, self.path)


def filled(text: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return a text with the parameters that it names in braces filled in: once for each text that they hold.

    Raises
    ------
    ValueError
        If there is no such parameter, or it holds something else than texts; the message says which.
    """
    parts = [(before, name) for before, name, _, _ in Formatter().parse(text)]
    choices: list[list[str]] = []
    for before, name in parts:
        choices += [[before]] if name is None else [[before], _texts(name, parameters)]
    return ["".join(chosen) for chosen in product(*choices)]


def _texts(name: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return the texts of a parameter, which is one, or a list or a dictionary of them."""
    if name not in parameters:
        own = [other for other in parameters if other.isupper()]
        near = difflib.get_close_matches(name, own, cutoff=0.5) or sorted(own)
        raise ValueError(f"no parameter '{name}'; did you mean {', '.join(near)}?")
    found = list(_leaves(parameters[name]))
    for value in found:
        if not isinstance(value, str):
            raise ValueError(f"the parameter '{name}' holds {value!r}; give the name of a branch, or several")
    return found


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a value; keys of dictionaries are none."""
    return (leaf for leaf in _leaves(value) if isinstance(leaf, str))


def _leaves(value: Any) -> Iterator[Any]:
    """Yield what lists and dictionaries hold, however deep."""
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        for member in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(member)
    else:
        yield value


def engine_of(variant: str) -> Engine:
    """Return the engine that a variant runs in."""
    return "coffea" if variant.startswith("coffea") else "rdataframe"


def title(variant: str) -> str:
    """Return what a page calls a variant: "coffea, numba" for coffea_numba."""
    engine, _, rest = variant.partition("_")
    return ", ".join(filter(None, [{"rdataframe": "RDataFrame"}.get(engine, engine), rest.replace("_", " ")]))


def checked_result(result: Any, variant: str, path: Path) -> dict[str, Any]:
    """Return `result` if it is a non-empty dictionary with text keys; otherwise raise `RecipeError`."""
    wants = "dict[str, hist.Hist]" if engine_of(variant) == "coffea" else "dict[str, TH1, THn or a result pointer]"
    if not isinstance(result, dict) or not all(isinstance(k, str) for k in result):
        raise RecipeError(f"{path}: run_{variant} returned {_shape(result)}; it must return {wants}")
    if not result:
        raise RecipeError(f"{path}: run_{variant} returned no histogram; it must return {wants} with at least one")
    return result


def folder() -> Path:
    """Return the folder of the recipes: beside this package's repository, else the working folder."""
    beside = Path(__file__).resolve().parents[2] / "recipes"
    return beside if beside.is_dir() else Path.cwd()


def slugs() -> list[str]:
    """Return the slugs of all recipes in alphabetical order."""
    return sorted(p.stem for p in folder().glob("*.ipynb"))


def all_recipes() -> list[Recipe]:
    """Load every recipe, in alphabetical order of the slugs."""
    return [load(slug) for slug in slugs()]


def load(slug: str | Path) -> Recipe:
    """Load a recipe by its slug, or by the path of its notebook, and check that it keeps the contract.

    Raises
    ------
    RecipeError
        If there is no such recipe, or the notebook breaks the contract.
    """
    path = Path(slug) if str(slug).endswith(".ipynb") else folder() / f"{slug}.ipynb"
    if not path.is_file():
        raise RecipeError(_unknown(path.stem, path))
    recipe = read(path)
    _check_metadata(recipe)
    _check_cells(recipe)
    return recipe


def read(path: Path) -> Recipe:
    """Read a notebook as a recipe without checking the contract.

    Raises
    ------
    RecipeError
        If the file is not a notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise RecipeError(f"{path}: not a notebook ({str(error).splitlines()[0]})") from error
    return Recipe(path, dict(notebook.metadata.get("cookbook", {})), notebook)


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of ``metadata.cookbook``."""
    text = resources.files("cookbook").joinpath("recipe_schema.json").read_text()
    return dict(json.loads(text))


def _unknown(slug: str, path: Path) -> str:
    near = difflib.get_close_matches(slug, slugs(), cutoff=0.4)
    hint = f"did you mean {', '.join(near)}?" if near else f"the recipes are {', '.join(slugs()) or 'none yet'}"
    return f"{path}: no recipe '{slug}'; {hint}"


def _check_metadata(recipe: Recipe) -> None:
    if not recipe.metadata:
        raise RecipeError(f"{recipe.path}: no metadata.cookbook; 'make new NAME={recipe.slug}' shows what it holds")
    errors = sorted(jsonschema.Draft202012Validator(schema()).iter_errors(recipe.metadata), key=str)
    if errors:
        lines = [f"metadata.cookbook{_json_path(e)}: {e.message}" for e in errors]
        raise RecipeError(f"{recipe.path}: " + "; ".join(lines))
    if recipe.metadata["slug"] != recipe.slug:
        raise RecipeError(
            f"{recipe.path}: metadata.cookbook.slug is '{recipe.metadata['slug']}', the file is named "
            f"'{recipe.slug}'; make them the same"
        )


def _json_path(error: jsonschema.ValidationError) -> str:
    return "".join(f".{p}" if isinstance(p, str) else f"[{p}]" for p in error.absolute_path)


def _check_cells(recipe: Recipe) -> None:
    tags = [tag for cell in recipe.cells for tag in cell.tags]
    missing = [tag for tag in REQUIRED_TAGS if tag not in tags]
    if missing:
        raise RecipeError(f"{recipe.path}: no code cell is tagged {', '.join(missing)}; tag the cell that does it")
    for engine in ENGINES:
        names = _functions(recipe.source(engine))
        if f"run_{engine}" not in names:
            raise RecipeError(
                f"{recipe.path}: the cells tagged {engine} define no run_{engine}(files); "
                f"they define {', '.join(sorted(names)) or 'no function'}"
            )


def _functions(cells: Iterable[Cell]) -> set[str]:
    """Return the names of the functions that cells define."""
    text = "\n".join(cell.source for cell in cells)
    return {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}


def imports(source: str) -> str:
    """Return the imports among the statements of a cell."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node) for node in nodes)


def _code_cells(notebook: Any) -> Iterator[Cell]:
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield Cell(index, frozenset(cell.metadata.get("tags", ())), cell.source)


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dict with keys {sorted(map(repr, value))}"
    return "nothing" if value is None else f"a {type(value).__name__}"
