"""Read a job: what a reader wrote in YAML or on the command line, checked against what the recipe takes."""

from __future__ import annotations

import difflib
import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from cookbook import remote
from cookbook.parameters import comments, each_text, offered
from cookbook.recipe import Recipe

__all__ = ["GENERAL", "UNITS", "JobError", "checked", "grouped", "loaded", "near", "schema", "setting"]

#: Keys of every job, which a recipe without such a parameter passes over, and the parameters that they set.
GENERAL = {"luminosity": "LUMINOSITY", "certified": "CERTIFIED"}
#: Keys that set no parameter.
GIVEN = ("datasets", "files", "era", "not_fired")
UNITS = {
    "LUMINOSITY": "a number in pb^-1, of the certified lumi sections that the files hold",
    "CERTIFIED": "path of the certified-lumi JSON",
    "LUMINOSITY_TABLE": "path of the luminosity of each lumi section, from brilcalc lumi --byls -u /pb",
}
FEDERATION = "root://cms-xrd-global.cern.ch/"


class JobError(ValueError):
    """What a reader gave does not fit the recipe; the message names the place and the fix."""


def schema(recipe: Recipe) -> dict[str, Any]:
    """Return the JSON schema of a job of this recipe, with what the comments of its cells say of each parameter."""
    said_of_files = "paths, patterns, addresses, or lists of them in text files"
    files = {"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1, "description": said_of_files}
    section = {"type": "number", "exclusiveMinimum": 0, "description": "pb"}
    sums = {"type": "number", "description": "of all generated events, for files that have lost the tree Runs"}
    dataset = {"files": files, "data": {"type": "boolean"}, "cross_section": section, "sum_of_weights": sums}
    one = {"type": "object", "properties": dataset, "required": ["files"], "additionalProperties": False}
    several = {"type": "object", "additionalProperties": one, "minProperties": 1}
    given = {"datasets": several} if recipe.metadata["input"] == "datasets" else {"files": files}
    general = {
        "luminosity": {"type": "number", "description": UNITS["LUMINOSITY"]},
        "certified": {"type": "string", "description": UNITS["CERTIFIED"]},
        "era": {"type": ["string", "integer"], "description": "a name of the table of eras"},
        "not_fired": {
            "type": "array",
            "items": {"type": "string", "pattern": r"^HLT_\w+$", "description": "a trigger path"},
            "description": "trigger paths that count as not fired in files that lack them, such as [HLT_IsoTkMu24]",
        },
    }
    said = {**comments(recipe), **UNITS}
    own = {name: {**one.schema, "description": said.get(name, "")} for name, one in offered(recipe).items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A job of {recipe.slug}",
        "type": "object",
        "properties": {**given, **general, **own},
        "additionalProperties": False,
    }


def checked(recipe: Recipe, content: Any, where: str, base: Path) -> dict[str, Any]:
    """Check what was given against the schema, and make all paths in it absolute."""
    allowed = schema(recipe)
    errors = sorted(jsonschema.Draft202012Validator(allowed).iter_errors(content), key=lambda e: list(e.path))
    if errors:
        raise JobError(f"{where}: " + "; ".join(_said(error, recipe) for error in errors))
    given = {GENERAL.get(name, name): value for name, value in content.items()}
    if len(given) < len(content):
        raise JobError(f"{where}: a value is given in small letters and in capitals; take one of them out")
    known = offered(recipe)
    for name, value in given.items():
        if name == "datasets":
            given[name] = {n: {**one, "files": _expanded(one["files"], base, where)} for n, one in value.items()}
        elif name == "files" or (name in known and known[name].files):
            given[name] = _expanded(value, base, where)
        elif name in known and known[name].is_path:
            given[name] = each_text(value, lambda text: str(base / Path(text).expanduser()))
    return {name: value for name, value in given.items() if name in known or name in GIVEN}


def _said(error: jsonschema.ValidationError, recipe: Recipe) -> str:
    """Return what is wrong in words of the job file."""
    place = ".".join(map(str, error.absolute_path))
    if error.validator != "additionalProperties":
        described = error.schema.get("description") or "of another type than the sample's"
        return f"{place or 'the file'}: {error.message} ({described})"
    known = list(error.schema["properties"])
    unknown = [key for key in error.instance if key not in known]
    if not place and {"files", "datasets"} & set(unknown):
        takes = "files: [a.root, b.root]" if "files" in known else "datasets: {NAME: {files: [a.root, b.root]}}"
        return f"{recipe.slug} takes {takes}"
    return "; ".join(f"no key '{key}' in {place or f'a job of {recipe.slug}'}; {near(key, known)}" for key in unknown)


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint at the names like this one, small letters or capitals, or at all where none is."""
    by_letters = {k.lower(): k for k in sorted(known, key=str.isupper)}
    like = [by_letters[k] for k in difflib.get_close_matches(name.lower(), by_letters, n=3, cutoff=0.6)]
    return f"did you mean {', '.join(like)}?" if like else f"there are {', '.join(by_letters.values())}"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """YAML in which 5.98e4 is a number, a key is text, and one that stands twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        names = [str(key.value) for key, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} stands twice", node.start_mark)
        return {str(name): value for name, value in super().construct_mapping(node, deep).items()}


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _parsed(text: str, where: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise JobError(f"{where}: not YAML ({' '.join(str(error).split())})") from error


def loaded(path: Path) -> dict[str, Any]:
    """Read a job file."""
    try:
        content = _parsed(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"{path}: cannot be read ({error}); JOB=new writes a job file to start from") from error
    if not isinstance(content, dict):
        raise JobError(f"{path}: holds no keys; JOB=new writes a job file to start from")
    return content


def setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``NAME=value``, the value read as YAML."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise JobError(f"SET: '{text}' is no NAME=value; quote a value with blanks, as SET=\"NAME='[1, 2]'\"")
    return name, _parsed(value, f"SET: {name}")


def grouped(recipe: Recipe, files: Sequence[str]) -> dict[str, Any]:
    """Return files of the command line as a job holds them."""
    if recipe.metadata["input"] == "files":
        return {"files": list(files)} if files else {}
    datasets: dict[str, dict[str, list[str]]] = {}
    for item in files:
        name, equals, path = item.partition("=")
        if not equals or not name or not path or "/" in name:
            raise JobError(f"'{item}': {recipe.slug} takes files by dataset; write FILES=\"NAME={item} …\"")
        datasets.setdefault(name, {"files": []})["files"].append(path)
    return {"datasets": datasets} if datasets else {}


def _expanded(given: str | Sequence[str], base: Path, where: str) -> list[str]:
    """Return the files of a list, with patterns and lists in text files expanded."""
    items = [given] if isinstance(given, str) else given
    return [path for item in items for path in _paths(item, base, where)]


def _paths(item: str, base: Path, where: str) -> Iterator[str]:
    path = base / Path(item.removeprefix("@")).expanduser()
    if remote.is_address(item):
        yield item
    elif item.startswith("@") or path.suffix == ".txt":
        if not path.is_file():
            raise JobError(f"{where}: {path}: no such list of files; check the path")
        listed = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
        for line in listed:
            if line.startswith("@") or line.endswith(".txt"):
                raise JobError(f"{path}: lists {line}, which is a list itself; name the files")
            if line and not line.startswith("#"):
                yield from _paths(line, path.parent, str(path))
    elif item.startswith("/store/") and not path.exists():
        yield f"{FEDERATION}{item}"
    elif glob.has_magic(item) and not path.exists():
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  # the pattern is no path below a folder
        if not found:
            raise JobError(f"{where}: {path}: no file matches; check the path")
        yield from found
    else:
        yield str(path)
