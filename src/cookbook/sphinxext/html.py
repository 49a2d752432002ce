"""The generated parts of pages as HTML: pure functions from data to text, their markup in ``templates/``."""

from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cookbook.ledgers import Ledger
from cookbook.sphinxext import addresses, catalogue
from cookbook.sphinxext.addresses import Project
from cookbook.sphinxext.catalogue import Entry
from cookbook.sphinxext.freshness import Execution, Surroundings

__all__ = ["api_index", "cards", "citation_box", "project_links", "recipe_bar", "render", "status"]

#: Gives the address of a page, relative to the page being written.
Link = Callable[[str], str]

_TEMPLATES = Environment(
    loader=PackageLoader("cookbook.sphinxext"), autoescape=select_autoescape(["html"]), undefined=StrictUndefined
)


def render(template: str, **values: Any) -> str:
    """Fill in one of the templates; a value that it needs and does not get is an error."""
    return _TEMPLATES.get_template(template).render(**values)


def cards(entries: Sequence[Entry], link: Link) -> str:
    """Draw a card per recipe, with the search box and the filters (shown where scripts run)."""
    by_tool = catalogue.apis(entries)
    names = sorted({name for tool in by_tool.values() for name in tool}, key=str.casefold)
    filters = [
        ("chapter", "Chapter", catalogue.chapters(entries)),
        ("object", "Object", catalogue.objects(entries)),
        ("api", "API", names),
    ]
    return render("cards.html", filters=filters, entries=[(entry, link(entry.docname)) for entry in entries])


def api_index(entries: Sequence[Entry], link: Link) -> str:
    """Draw a table per tool: which recipes teach an API."""
    tools = [
        (tool, [(name, [(entry.title, link(entry.docname)) for entry in users]) for name, users in names.items()])
        for tool, names in catalogue.apis(entries).items()
    ]
    return render("api_index.html", tools=tools)


def status(rows: Sequence[tuple[str, str, Execution | None, Ledger | None]], around: Surroundings) -> str:
    """Draw the table of executions; a row is title, address, execution and the ledger of faults."""
    return render("status.html", rows=rows, around=around)


def citation_box(bibtex: str, *, cite_id: str, cite_title: str) -> str:
    """Draw a BibTeX entry that can be copied."""
    return render("citation.html", bibtex=bibtex, cite_id=cite_id, cite_title=cite_title)


def project_links(place: Project) -> str:
    """Draw the project's own addresses; empty where none is known."""
    return render("project_links.html", repository=place.repository, pages=place.pages)


def recipe_bar(
    entry: Entry,
    place: Project,
    around: Surroundings,
    execution: Execution | None,
    *,
    bibtex: str,
    download: str,
    minutes: int,
) -> str:
    """Draw what stands under a recipe's title: launch links, download, citation and freshness stamp.

    Parameters
    ----------
    entry
        The recipe.
    place
        Unknown addresses draw no link.
    around, execution
        For the stamp; no execution is said to be so.
    bibtex
        The entry to copy.
    download
        Address of the notebook, relative to the page.
    minutes
        Time to read the page.
    """
    return render(
        "recipe_bar.html",
        entry=entry,
        swan=addresses.swan_url(place),
        binder=addresses.binder_url(place, entry.slug),
        commit_address=addresses.commit_url(place, around.commit) if around.commit else None,
        around=around,
        execution=execution,
        bibtex=bibtex,
        download=download,
        minutes=minutes,
        cite_id=entry.slug,
        cite_title="Cite this recipe (BibTeX)",
    )
