"""The BibTeX entry of a recipe, from its metadata and CITATION.cff."""

import re
from pathlib import Path
from typing import Any

import yaml
from pybtex.database import BibliographyData, Entry, Person

__all__ = ["bibtex", "book_bibtex", "read_cff"]


def read_cff(path: Path) -> dict[str, Any]:
    """Read a Citation File Format file (https://citation-file-format.github.io).

    Raises
    ------
    ValueError
        Where the file is missing, or has no title or no author.
    """
    loaded = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    if not isinstance(loaded, dict) or not loaded.get("title") or not loaded.get("authors"):
        msg = f"{path}: expected a Citation File Format file with title and authors; without it no page can be cited"
        raise ValueError(msg)
    return loaded


def _person(author: dict[str, Any]) -> Person:
    """Turn an author of the file into one of BibTeX; an entity's name must not be split at its spaces."""
    if "name" in author:
        return Person(last=f"{{{author['name']}}}")
    return Person(
        first=str(author.get("given-names", "")),
        prelast=str(author.get("name-particle", "")),
        last=str(author.get("family-names", "")),
    )


def _write(key: str, kind: str, fields: dict[str, str | None], authors: list[dict[str, Any]]) -> str:
    entry = Entry(kind, [(name, value) for name, value in fields.items() if value])
    entry.persons["author"] = [_person(author) for author in authors]
    text: str = BibliographyData(entries={key: entry}).to_string("bibtex")
    # pybtex escapes "_" and "%" everywhere, which breaks an address: BibTeX styles and biblatex take it verbatim.
    text = re.sub(r'(?m)^(\s+url = ").*(",?)$', lambda found: f"{found[1]}{fields['url']}{found[2]}", text)
    return text.strip() + "\n"


def bibtex(cff: dict[str, Any], *, slug: str, title: str, year: int, commit: str | None, url: str | None = None) -> str:
    """Write the BibTeX entry of one recipe.

    Parameters
    ----------
    cff
        What `read_cff` returned.
    slug, title
        The recipe.
    year
        The year of the execution that the page shows.
    commit
        The commit that the page was built from; None outside a repository.
    url
        The public address of the page; None where it isn't known.
    """
    release = f", version {cff['version']}" if cff.get("version") else ""
    fields = {
        "title": f"{{{title}}}",
        "booktitle": f"{{{cff['title']}}}{release}",
        "year": str(year),
        "doi": cff.get("doi"),
        "url": url,
        "note": f"Executed from commit {commit}" if commit else None,
    }
    return _write(f"cookbook-{slug}", "incollection", fields, cff["authors"])


def book_bibtex(cff: dict[str, Any], *, year: int, url: str | None = None) -> str:
    """Write the BibTeX entry of the whole cookbook."""
    released = str(cff.get("date-released", ""))[:4]
    fields = {
        "title": f"{{{cff['title']}}}",
        "version": str(cff["version"]) if cff.get("version") else None,
        "year": released or str(year),
        "doi": cff.get("doi"),
        "url": url or cff.get("url") or cff.get("repository-code"),
    }
    return _write("analysis-pattern-cookbook", "misc", fields, cff["authors"])
