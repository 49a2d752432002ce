"""Check a correctionlib file before an engine evaluates it, so that an error names what the file does hold.

correctionlib itself says which key is missing and not which keys there are, and a wrong category value only ends the
loop at the first event that asks for it. A recipe declares what it needs in ``metadata.cookbook.corrections``, and what
runs it checks that first.
"""

from __future__ import annotations

import difflib
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["CorrectionError", "check", "check_declared", "inputs"]


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
        If the file is not there or not readable, or lacks the correction, an input, or a value.
    """
    entry = _entry(path, name)
    known_inputs = inputs(path, name)
    for variable, wanted in choices.items():
        if variable not in known_inputs:
            raise CorrectionError(
                f"{path}: '{name}' takes no input '{variable}'; its inputs are {', '.join(known_inputs)}"
            )
        known = list(dict.fromkeys(_keys(entry.get("data"), variable)))
        for value in [wanted] if isinstance(wanted, str) else wanted:
            if value not in known:
                raise CorrectionError(f"{path}: '{name}' has no {variable} '{value}'; {_hint(value, known)}")


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
    loop = f" for {declared['for']}" if "for" in declared else ""
    one = f"({declared['file']}, {declared['key']}, {declared.get('values', '{}')})"
    for path, name, choices in eval(f"[{one}{loop}]", {"inputs": inputs, **parameters}):
        check(path, name, **choices)


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


def _keys(node: Any, variable: str) -> Iterator[str]:
    """Yield the text keys of all categories of an input below a node."""
    if isinstance(node, list):
        for item in node:
            yield from _keys(item, variable)
    elif isinstance(node, dict):
        content = node.get("content", ())
        if node.get("nodetype") == "category" and node["input"] == variable:
            yield from (str(item["key"]) for item in content)
        for value in node.values():
            yield from _keys(value, variable)


def _hint(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(known) or 'none'}"
