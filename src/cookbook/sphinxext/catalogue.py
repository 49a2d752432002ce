"""The metadata of all recipes, read from the notebooks: the only source of cards, filters, index and citations."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Entry", "apis", "chapters", "objects", "read", "read_one"]


@dataclass(frozen=True)
class Entry:
    """What a recipe says of itself in ``metadata.cookbook``."""

    slug: str
    title: str
    summary: str
    chapter: str
    objects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    coffea: tuple[str, ...] = ()
    rdataframe: tuple[str, ...] = ()
    references: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    needs: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def docname(self) -> str:
        """The page of the recipe."""
        return f"recipes/{self.slug}"


def read_one(path: Path) -> Entry:
    """Read the metadata of one notebook.

    Raises
    ------
    ValueError
        Where the file is not a notebook with the required ``metadata.cookbook`` entries.
    """
    try:
        metadata: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["metadata"]["cookbook"]
        slug, title, summary, chapter = (str(metadata[name]) for name in ("slug", "title", "summary", "chapter"))
        lists = (tuple(metadata.get(name, ())) for name in ("objects", "tags", "coffea", "rdataframe"))
        references = tuple((item["title"], item["url"]) for item in metadata.get("references", ()))
        return Entry(slug, title, summary, chapter, *lists, references=references, needs=_needs(metadata))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        msg = (
            f"{path.name}: no usable metadata.cookbook (got {type(error).__name__}: {error}; expected slug, title, "
            "summary, chapter); fill it in the notebook's metadata, or start from `make new NAME=…`"
        )
        raise ValueError(msg) from error


def _needs(metadata: dict[str, Any]) -> tuple[str, ...]:
    """Say what input a recipe needs: branches by tree, those that parameters name, and correction files."""
    trees = []
    for tree, branches in metadata.get("branches", {}).items():
        named = [whole[1] for name in branches if (whole := re.fullmatch(r"\{(\w+)\}", name))]
        also = f" and what {', '.join(named)} name{'s' if len(named) == 1 else ''}" if named else ""
        trees.append(f"{_counted(len(branches) - len(named), 'branch', 'branches')} of {tree}{also}")
    files = {declared["file"] for declared in metadata.get("corrections", ())}
    counted = [_counted(len(files), "correction file", "correction files")] if files else []
    return (*trees, *counted)


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def read(folder: Path) -> list[Entry]:
    """Read every notebook of a folder, sorted by chapter and title."""
    entries = [read_one(path) for path in sorted(folder.glob("*.ipynb"))]
    return sorted(entries, key=lambda entry: (entry.chapter.casefold(), entry.title.casefold()))


def chapters(entries: Iterable[Entry]) -> list[str]:
    """List the chapters, each once, sorted."""
    return sorted({entry.chapter for entry in entries}, key=str.casefold)


def objects(entries: Iterable[Entry]) -> list[str]:
    """List the physics objects, each once, sorted."""
    return sorted({name for entry in entries for name in entry.objects}, key=str.casefold)


def apis(entries: Iterable[Entry]) -> dict[str, dict[str, list[Entry]]]:
    """Turn the recipes' API lists around.

    Returns
    -------
    dict
        ``{"coffea": {api: [entries]}, "RDataFrame": {…}}``, both sorted by the API's name.
    """
    found: dict[str, dict[str, list[Entry]]] = {"coffea": defaultdict(list), "RDataFrame": defaultdict(list)}
    for entry in entries:
        for tool, names in (("coffea", entry.coffea), ("RDataFrame", entry.rdataframe)):
            for name in names:
                found[tool][name].append(entry)
    return {tool: dict(sorted(names.items(), key=lambda pair: pair[0].casefold())) for tool, names in found.items()}
