"""Check a correctionlib file before an engine evaluates it, so that an error names what the file does hold.

correctionlib itself says which key is missing and not which keys there are, and a wrong category value only ends the
loop at the first event that asks for it. A recipe declares what it needs in ``metadata.cookbook.corrections``, and what
runs it checks that first.
"""

from __future__ import annotations

import difflib
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

__all__ = ["CorrectionError", "beyond", "check", "check_declared", "inputs"]

BEYOND = re.compile(r"Index (?:above|below) bounds in \w+ for input argument (\d+) value: (\S+)")


class CorrectionError(ValueError):
    """A correction file lacks something; the message names the file, what was asked for and what there is."""


def check(path: str | Path, name: str, **choices: str | Sequence[str]) -> None:
    """Check that a file has a correction, that it takes these inputs, and that they may have these values.

    Parameters
    ----------
    path
        A correctionlib file of schema version 2, plain or gzipped.
    name
        Key of a correction, compound ones included.
    choices
        By name of an input, the text values that will be given to it; an empty sequence asks for the input alone.

    Raises
    ------
    CorrectionError
        If the file is not there or not readable, or lacks the correction, an input, or a value in one of the
        combinations of the `choices`.
    """
    known_inputs = inputs(path, name)
    for variable in choices:
        if variable not in known_inputs:
            raise CorrectionError(
                f"{path}: '{name}' takes no input '{variable}'; its inputs are {', '.join(known_inputs)}"
            )
    asked = {v: [wanted] if isinstance(wanted, str) else [*map(str, wanted)] for v, wanted in choices.items()}
    asked = {variable: wanted for variable, wanted in asked.items() if wanted}
    for tree, texts in product(_trees(path, name) if asked else (), product(*asked.values())):
        if lacking := _lacking(tree, dict(zip(asked, texts, strict=True)), {}):
            where = "".join(f" for {variable} '{value}'" for variable, value in lacking.within.items())
            hint = _hint(lacking.value, lacking.known)
            raise CorrectionError(f"{path}: '{name}' has no {lacking.variable} '{lacking.value}'{where}; {hint}")


def inputs(path: str | Path, name: str) -> list[str]:
    """Return the names of the inputs of a correction, in order.

    Raises
    ------
    CorrectionError
        If the file is not there or not readable, or lacks the correction.
    """
    return [variable["name"] for variable in _entry(path, name)["inputs"]]


def check_declared(declared: Mapping[str, str], parameters: Mapping[str, Any]) -> None:
    """Check what one entry of ``metadata.cookbook.corrections`` declares.

    Parameters
    ----------
    declared
        Python expressions: `file` and `key`, and where needed `values`, a dictionary of what `check` takes as choices,
        and `for`, the loop whose variables the others use, as in a comprehension.
    parameters
        The names that the expressions may use, beside `inputs` of this module.

    Raises
    ------
    CorrectionError
        As `check`.
    """
    for path, name, choices in _each(declared, parameters):
        check(path, name, **choices)


def beyond(message: str, declared: Iterable[Mapping[str, str]], parameters: Mapping[str, Any]) -> str:
    """Return which correction an input was beyond the bins of, where a message is correctionlib's on that, or nothing.

    correctionlib says the place of the input and its value. `declared` are entries as `check_declared` takes them, of
    which those are named that end at such a value.
    """
    said = BEYOND.search(message)
    if not said:
        return ""
    place, value = int(said[1]), float(said[2])
    found = []
    for path, name in dict.fromkeys((path, name) for one in declared for path, name, _ in _each(one, parameters)):
        known = inputs(path, name)
        variable = known[place] if place < len(known) else None
        ends = [ends for tree in _trees(path, name) for ends in _ends(tree, variable) if not ends[0] <= value < ends[1]]
        if ends:
            low, high = min(low for low, _ in ends), max(high for _, high in ends)
            found.append(f"'{name}' of {path} has {variable} from {low:g} to {high:g} and no rule beyond")
    return f"{'; '.join(found)}: leave such objects out, or clamp the input" if found else ""


def _each(declared: Mapping[str, str], parameters: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return file, key and choices of each correction that an entry declares."""
    loop = f" for {declared['for']}" if "for" in declared else ""
    one = f"({declared['file']}, {declared['key']}, {declared.get('values', '{}')})"
    found: list[tuple[str, str, dict[str, Any]]] = eval(f"[{one}{loop}]", {"inputs": inputs, **parameters})
    return found


PARTS = ("corrections", "compound_corrections")


def _entry(path: str | Path, name: str) -> dict[str, Any]:
    modified = Path(path).stat().st_mtime_ns if Path(path).is_file() else 0
    content = _content(Path(path), modified)
    entries: dict[str, Any] = {entry["name"]: entry for part in PARTS for entry in content.get(part) or ()}
    if name not in entries:
        raise CorrectionError(f"{path}: no correction '{name}'; {_hint(name, entries)}")
    found: dict[str, Any] = entries[name]
    return found


@lru_cache(maxsize=8)
def _content(path: Path, modified: int) -> dict[str, Any]:
    """Read a file once for as long as it is not `modified` (ns): a check is one line among several on the same file."""
    if not path.is_file():
        raise CorrectionError(f"{path}: no such file; check the path, or give another correction file")
    raw = path.read_bytes()
    try:
        content: dict[str, Any] = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except (OSError, EOFError, ValueError) as error:
        raise CorrectionError(f"{path}: not a correctionlib file ({type(error).__name__}); copy it again") from error
    if not isinstance(content, dict) or content.get("schema_version") != 2:
        raise CorrectionError(f"{path}: not of correctionlib's schema version 2; convert it, or give another file")
    return content


@dataclass(frozen=True)
class _Lacking:
    """A value that a category does not have, the values that it has, and the choices that lead to it."""

    variable: str
    value: str
    known: list[str]
    within: Mapping[str, str]


def _trees(path: str | Path, name: str) -> list[Any]:
    """Return the tree of a correction; of a compound one those of its members."""
    entry = _entry(path, name)
    return [_entry(path, member)["data"] for member in entry["stack"]] if "stack" in entry else [entry["data"]]


def _lacking(node: Any, asked: Mapping[str, str], within: Mapping[str, str]) -> _Lacking | None:
    """Return which of the texts that are `asked` ends in no value somewhere below a node, or None.

    All bins must have it, since events fall into any. Of a category of which nothing is asked one branch is enough:
    variations of c jets alone are no fault of a file. A default serves all. `within` are the texts that led here.
    """
    if not isinstance(node, dict):
        return None  # a number
    if node["nodetype"] == "category":
        return _lacking_in_category(node, asked, within)
    if node["nodetype"] == "transform":  # below it the input has another value
        rest = {variable: text for variable, text in asked.items() if variable != node["input"]}
        return _lacking(node["rule"], asked, within) or _lacking(node["content"], rest, within)
    if node["nodetype"] not in ("binning", "multibinning"):
        return None  # a formula, or a random number
    found = (_lacking(item, asked, within) for item in [*node["content"], node.get("flow")] if isinstance(item, dict))
    return next(filter(None, found), None)


def _lacking_in_category(node: Any, asked: Mapping[str, str], within: Mapping[str, str]) -> _Lacking | None:
    variable, default = node["input"], node.get("default")
    branches = {str(item["key"]): item["value"] for item in node["content"]}
    if variable not in asked:
        found = [_lacking(value, asked, within) for value in (*branches.values(), default) if value is not None]
        return found[0] if found and all(found) else None
    text = asked[variable]
    if text not in branches and default is None:
        return _Lacking(variable, text, list(branches), {v: t for v, t in within.items() if v != variable})
    return _lacking(branches.get(text, default), asked, {**within, variable: text})


def _ends(node: Any, variable: str | None) -> Iterator[tuple[float, float]]:
    """Yield first and last edge of each binning of a variable below a node that has no rule for what lies beyond."""
    if isinstance(node, list):
        for item in node:
            yield from _ends(item, variable)
    elif isinstance(node, dict):
        if node.get("flow") == "error":
            several = node["nodetype"] == "multibinning"
            axes = zip(node["inputs"], node["edges"], strict=True) if several else [(node["input"], node["edges"])]
            for name, edges in axes:
                if name == variable:
                    yield (edges["low"], edges["high"]) if isinstance(edges, dict) else _numbers(edges)
        for item in node.values():
            yield from _ends(item, variable)


def _numbers(edges: Sequence[float | str]) -> tuple[float, float]:
    """Return first and last edge as numbers: a file has "inf" and "-inf" as texts."""
    return float(edges[0]), float(edges[-1])


def _hint(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(known) or 'none'}"
