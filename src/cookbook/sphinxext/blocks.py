"""Directives that stand for a generated part, and the transforms that fill it in when a page is written.

Filling in late matters: cards, stamps and the status need all pages to have been read, which means executed.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from cookbook import anatomy, elsewhere, gaps, ledgers, recipe
from cookbook.sphinxext import addresses, alttext, catalogue, citation, engines, freshness, html, lexer
from cookbook.versions import versions

__all__ = ["BLOCKS", "BlockDirective", "FillBlocks", "Pages", "References", "around", "build_folder"]
__all__ += ["cookbook_block", "executions", "recipe_pages"]

LOGGER = logging.getLogger(__name__)


class cookbook_block(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801 (docutils names its nodes so)
    """Stands for a generated part until the page is written; ``kind`` says which."""


def around(app: Sphinx) -> freshness.Surroundings:
    """Collect, once per build, what all recipes share."""
    known: freshness.Surroundings | None = getattr(app, "_cookbook_around", None)
    if known is None:
        root = Path(app.srcdir)
        name, changed = freshness.commit(root)
        known = freshness.Surroundings(name, changed, versions(), freshness.input_hash(root))
        app._cookbook_around = known  # type: ignore[attr-defined]
    return known


def project(app: Sphinx) -> addresses.Project:
    """Read the project's addresses from the environment and the configuration."""
    config = app.config
    return addresses.project(
        os.environ,
        repository=config.cookbook_repository,
        pages=config.cookbook_pages,
        branch=config.cookbook_branch,
    )


def executions(env: BuildEnvironment) -> dict[str, freshness.Execution]:
    """Collect what is known of the execution of each page."""
    recipes = getattr(env, "cookbook_executions", {})
    return freshness.executions(
        getattr(env, "nb_metadata", {}), {name: recipes[name] for name in recipes if name in env.all_docs}
    )


def build_folder(app: Sphinx) -> Path:
    """Return the folder of what builds make, in which the book has one of its own."""
    return Path(app.outdir).parent


def recipe_pages(docnames: Iterable[str]) -> set[str]:
    """Pick the recipes among pages."""
    return {name for name in docnames if name.startswith("recipes/")}


class _Page:
    """One page being written: what the blocks on it need."""

    def __init__(self, app: Sphinx, env: BuildEnvironment) -> None:
        self.app, self.env = app, env
        self.root = Path(app.srcdir)

    def link(self, docname: str) -> str:
        """Address of another page, relative to this one."""
        return self.app.builder.get_relative_uri(self.env.docname, docname)

    def entries(self) -> list[catalogue.Entry]:
        """All recipes that are pages of this book."""
        return [e for e in catalogue.read(self.root / "recipes") if e.docname in self.env.all_docs]

    def cards(self) -> str:
        return html.cards(self.entries(), self.link)

    def api_index(self) -> str:
        return html.api_index(self.entries(), self.link)

    def status(self) -> str:
        ran = executions(self.env)
        recipes = {entry.docname: entry.title for entry in self.entries()}
        others = {name: self.env.titles[name].astext() for name in sorted(ran) if name not in recipes}
        known = {f"recipes/{slug}": ledger for slug, ledger in ledgers.totals(self.root).items()}
        return html.status(
            [(title, self.link(name), ran.get(name), known.get(name)) for name, title in {**recipes, **others}.items()],
            around(self.app),
        )

    def other_files(self) -> str:
        known, folder = self.entries(), build_folder(self.app)
        sources = (recipe.read(self.root / f"{entry.docname}.ipynb") for entry in known)
        records = [elsewhere.current(source, folder) for source in sources]
        rows = [(entry.title, self.link(entry.docname), one) for entry, one in zip(known, records, strict=True)]
        return html.other_files([other.title for other in elsewhere.others()], rows)

    def tool_gaps(self) -> str:
        register = gaps.read(self.root)
        recipes = {entry.slug: (entry.title, self.link(entry.docname)) for entry in self.entries()}
        return html.gaps(register, gaps.installed(register), recipes)

    def cite_book(self) -> str:
        cff = citation.read_cff(self.root / "CITATION.cff")
        place = project(self.app)
        text = citation.book_bibtex(cff, year=datetime.now(UTC).year, url=place.pages or place.repository)
        return html.citation_box(text, cite_id="book", cite_title="The whole cookbook (BibTeX)")

    def project_links(self) -> str:
        return html.project_links(project(self.app))

    def recipe_bar(self, entry: catalogue.Entry) -> str:
        """Draw the bar under a recipe's title."""
        place, shared = project(self.app), around(self.app)
        execution = executions(self.env).get(entry.docname)
        text = citation.bibtex(
            citation.read_cff(self.root / "CITATION.cff"),
            slug=entry.slug,
            title=entry.title,
            year=(execution.finished if execution else datetime.now(UTC)).year,
            commit=shared.commit_label,
            url=addresses.page_url(place, entry.docname),
        )
        # The committed notebook, which Sphinx copies beside the pages; not the executed one: it would carry the
        # outputs of this machine into the reader's copy.
        download = f"{self.link('_sources/' + entry.docname).removesuffix('.html')}.ipynb"
        minutes = anatomy.minutes(recipe.read(self.root / f"{entry.docname}.ipynb"))
        return html.recipe_bar(entry, place, shared, execution, bibtex=text, download=download, minutes=minutes)


#: Name of each directive and the part that it stands for.
BLOCKS = {
    "recipe-cards": _Page.cards,
    "api-index": _Page.api_index,
    "recipe-status": _Page.status,
    "other-files": _Page.other_files,
    "tool-gaps": _Page.tool_gaps,
    "cite-cookbook": _Page.cite_book,
    "project-links": _Page.project_links,
}


class BlockDirective(SphinxDirective):
    """Leaves a placeholder for the part that carries the directive's name."""

    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Leave the placeholder and note the page: it is written anew when any recipe changed."""
        noted: set[str] = getattr(self.env, "cookbook_block_pages", set())
        self.env.cookbook_block_pages = noted | {self.env.docname}  # type: ignore[attr-defined]
        return [cookbook_block(kind=self.name)]


class FillBlocks(SphinxPostTransform):
    """Replaces the placeholders of a page."""

    default_priority = 20
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Draw each part."""
        page = _Page(self.app, self.env)
        for block in list(self.document.findall(cookbook_block)):
            block.replace_self(nodes.raw("", BLOCKS[block["kind"]](page), format="html"))


class Pages(SphinxPostTransform):
    """Gives a page its columns, and checks that its figures have alt text; a recipe gets its bar as well."""

    # After myst-nb chose the output format (4), so that only what is shown is checked.
    default_priority = 30
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Work on every page."""
        for place, name in alttext.images_without_alt(self.document):
            LOGGER.warning(
                "%s: the figure %s has no alt text; add `mystnb: {image: {alt: …}}` to its cell's metadata",
                self.env.docname,
                name,
                location=place,
                type="cookbook",
                subtype="alt",
            )
        for block in self.document.findall(nodes.literal_block):
            if lexer.DECLARED.search(block.astext()):
                block["language"] = lexer.LANGUAGE
        self._columns()
        if recipe_pages([self.env.docname]):
            self._bar()

    def _columns(self) -> None:
        for cell in engines.orphans(self.document):
            LOGGER.warning(
                "%s: a cell tagged with one engine has no counterpart; put the cells of coffea and those of RDataFrame "
                "right after each other, the prose before both (got cell %s)",
                self.env.docname,
                cell.get("cell_index", "?"),
                location=cell,
                type="cookbook",
                subtype="engines",
            )
        engines.pair_up(self.document)

    def _bar(self) -> None:
        path = Path(self.app.srcdir) / f"{self.env.docname}.ipynb"
        bar = nodes.raw("", _Page(self.app, self.env).recipe_bar(catalogue.read_one(path)), format="html")
        title = next(iter(self.document.findall(nodes.title)), None)
        if title is None:
            self.document.insert(0, bar)
        else:
            title.parent.insert(title.parent.index(title) + 1, bar)


class References(SphinxPostTransform):
    """Lists the references of a recipe's metadata at the end of its page, for the link check as well."""

    default_priority = 35

    def run(self, **kwargs: Any) -> None:
        """Append a list to the last section of a recipe that has references."""
        if not recipe_pages([self.env.docname]):
            return
        entry = catalogue.read_one(Path(self.app.srcdir) / f"{self.env.docname}.ipynb")
        if not entry.references:
            return
        items = nodes.bullet_list(classes=["recipe-references"])
        for title, url in entry.references:
            link = nodes.reference("", title, refuri=url, internal=False)
            items += nodes.list_item("", nodes.paragraph("", "", link))
        self.document.children[-1].extend([nodes.rubric("", "References"), items])
