"""What a recipe declares as exceptions from the contract, in ``tests/recipes/<slug>/exceptions.toml``."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cookbook import anatomy, recipe

__all__ = ["ExceptionsError", "RecipeExceptions", "exceptions", "read"]

FOLDER = Path(__file__).parent / "recipes"


class ExceptionsError(ValueError):
    """A file of exceptions is not understood; the message names the file, the key and those there are."""


@dataclass(frozen=True)
class RecipeExceptions:
    """The exceptions of one recipe.

    `asked_for` are branches of which a file has one or another, so that the recipe cannot declare them; `event_loops`
    how often a loop runs over each frame, where it is not one frame for each tree and once; `longer` limits of the
    page's length that are its own; `opened` the parameters with which something of small real files survives; `unmoved`
    variations that leave the sample's histograms as they are, each with the reason.
    """

    asked_for: Sequence[str] = ()
    event_loops: Sequence[int] = ()
    longer: Mapping[str, int] = field(default_factory=dict)
    opened: Mapping[str, Any] = field(default_factory=dict)
    unmoved: Mapping[str, str] = field(default_factory=dict)


def exceptions(slug: str) -> RecipeExceptions:
    """Return the exceptions that a recipe declares, or none."""
    path = FOLDER / slug / "exceptions.toml"
    return read(path, recipe.load(slug).parameters()) if path.is_file() else RecipeExceptions()


def read(path: Path, parameters: Mapping[str, Any]) -> RecipeExceptions:
    """Read a file of exceptions of a recipe with these parameters.

    Raises
    ------
    ExceptionsError
        If a key is unknown, a value of another type, or a parameter not one of the recipe's.
    """
    content = tomllib.loads(path.read_text())
    _known(path, "exception", content, [entry.name for entry in fields(RecipeExceptions)])
    for name, kind in (("asked_for", str), ("event_loops", int)):
        if not all(isinstance(value, kind) for value in content.get(name, ())):
            raise ExceptionsError(f"{path}: {name} is {content[name]!r}; give a list of {kind.__name__}")
    _known(path, "limit", content.get("longer", {}), list(anatomy.LIMITS))
    opened = content.get("opened", {})
    _known(path, "parameter", opened, [name for name in parameters if name.isupper()])
    return RecipeExceptions(**{**content, "opened": {name: _as(parameters[name], opened[name]) for name in opened}})


def _known(path: Path, kind: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, cutoff=0.5) or known
            raise ExceptionsError(f"{path}: no {kind} '{name}'; did you mean {', '.join(near)}?")


def _as(own: Any, given: Any) -> Any:
    """Return a value with tuples where the recipe's own has them: TOML has lists alone."""
    if isinstance(own, Mapping) and isinstance(given, Mapping):
        return {name: _as(own.get(name), value) for name, value in given.items()}
    return tuple(given) if isinstance(own, tuple) else given
