"""The generated parts of pages as HTML: pure functions from data to text, their markup in ``templates/``."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from cookbook.elsewhere import Record
from cookbook.gaps import KINDS
from cookbook.gaps import Entry as Reproduced
from cookbook.ledgers import Ledger
from cookbook.sphinxext import addresses, catalogue
from cookbook.sphinxext.addresses import Project
from cookbook.sphinxext.catalogue import Entry
from cookbook.sphinxext.freshness import Execution, Surroundings

__all__ = ["api_index", "cards", "citation_box", "gaps", "other_files", "project_links", "recipe_bar", "render"]
__all__ += ["status"]

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


def other_files(titles: Sequence[str], rows: Sequence[tuple[str, str, Record | None]]) -> str:
    """Draw the table of recipes by files, and below it why a recipe cannot take a file.

    Parameters
    ----------
    titles
        Of the columns; one that no record has is left out.
    rows
        Title and address of a recipe, and its record; without one its row stays empty.
    """
    shown = [title for title in titles if any(record and title in record.outcomes for *_, record in rows)]
    cells = [
        (name, href, [record.outcomes.get(title) if record else None for title in shown]) for name, href, record in rows
    ]
    unable = (outcome for *_, outcomes in cells for outcome in outcomes if outcome and outcome.end == "cannot")
    reasons = list(dict.fromkeys(outcome.reason for outcome in unable))
    return render("other_files.html", titles=shown, rows=cells, reasons=reasons)


def gaps(register: Sequence[Reproduced], installed: Mapping[str, str], recipes: Mapping[str, tuple[str, str]]) -> str:
    """Draw the register of what the tools lack: how much it holds, then each gap under its tool.

    Parameters
    ----------
    register
        The gaps, sorted by tool.
    installed
        Versions of the tools.
    recipes
        Title and address of each recipe that is a page, by slug.
    """
    tools = [(tool, list(found)) for tool, found in groupby(register, key=lambda entry: entry.gap.tool)]
    still = [entry.gap.kind for entry in register if not entry.gap.mended]
    counts = {meaning: still.count(kind) for kind, meaning in KINDS.items()}
    return render(
        "gaps.html",
        tools=tools,
        counts=counts,
        number=len(still),
        installed=installed,
        recipes=recipes,
        kinds=KINDS,
    )


def _with_code(text: str) -> Markup:
    """Set what stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _highlighted(code: str) -> Markup:
    """Colour Python as the rest of the book does."""
    return Markup(highlight(code, PythonLexer(), HtmlFormatter()))


_TEMPLATES.filters |= {"with_code": _with_code, "highlighted": _highlighted}


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
