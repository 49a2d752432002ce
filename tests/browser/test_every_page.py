"""What holds for every page of the book, seen once in a wide and once in a narrow window."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from .looking import NARROW, WIDE

HEADINGS = """() => [...document.querySelectorAll('article :is(h1,h2,h3,h4,h5,h6)')]
    .filter(heading => heading.offsetParent).map(heading => Number(heading.tagName[1]))"""
IMAGES = """() => [...document.querySelectorAll('img')].filter(image => !(image.getAttribute('alt') || '').trim())
    .map(image => image.src)"""
WIDE_TABLES = """() => [...document.querySelectorAll('article table')].filter(table => table.offsetParent &&
    table.getBoundingClientRect().right > table.parentElement.getBoundingClientRect().right + 1)
    .map(table => table.className)"""
DEAD_ANCHORS = """() => [...document.querySelectorAll('a[href*="#"]')]
    .filter(link => link.pathname === location.pathname && link.hash.length > 1)
    .map(link => decodeURIComponent(link.hash.slice(1))).filter(name => !document.getElementById(name))"""
LINKS = """() => [...document.querySelectorAll('a[href]')].filter(link => link.origin === location.origin)
    .map(link => decodeURIComponent(link.pathname))"""
UNREADY_FORMULAS = """() => [...document.querySelectorAll('.math')].filter(math => !math.querySelector('mjx-container'))
    .length"""
#: The rules of WCAG 2.1 that can be decided by a program. Without preload: it would fetch style sheets again, from
#: addresses that it gets wrong. Without the nodes that keep a rule: half of the time would go into describing them.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "preload": False,
    "resultTypes": ["violations"],
}
#: Code has thousands of tokens of a few kinds: one of each kind is kept, the others become text.
UNITE_TOKENS = """() => { const seen = new Set(), alike = [];
    for (const token of document.querySelectorAll('.highlight pre span')) {
        if (!token.checkVisibility() || token.firstElementChild) continue;
        const kind = token.className + ' in ' + token.closest('.highlight').parentElement.className;
        if (seen.has(kind)) alike.push(token); else seen.add(kind);
    }
    for (const token of alike) token.replaceWith(...token.childNodes);
    }"""

LOOKS: tuple[tuple[ViewportSize, Literal["light", "dark"]], ...] = ((WIDE, "light"), (NARROW, "light"), (WIDE, "dark"))


@dataclass
class Visit:
    """What one look at one page found."""

    name: str
    width: int
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    formulas: int = 0
    overflow: int = 0
    violations: list[str] = field(default_factory=list)


def _violations(page: Page) -> list[str]:
    page.evaluate(UNITE_TOKENS)
    found: list[dict[str, Any]] = Axe().run(page, options=RULES).response["violations"]
    return [f"{rule['id']}: {node['html'][:150]}" for rule in found for node in rule["nodes"]]


def _look(page: Page, site: str, visit: Visit) -> Visit:
    """Open the page, listen, and ask it all the questions."""
    page.on("request", lambda sent: visit.elsewhere.append(sent.url) if _leaves(sent.url, site) else None)
    page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("response", lambda got: visit.complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
    page.goto(visit.name, wait_until="networkidle")
    page.wait_for_function("() => !window.MathJax || !window.MathJax.startup || window.MathJax.startup.promise")
    page.evaluate("() => window.MathJax?.startup?.promise")
    visit.headings, visit.images = page.evaluate(HEADINGS), page.evaluate(IMAGES)
    visit.tables, visit.formulas = page.evaluate(WIDE_TABLES), page.evaluate(UNREADY_FORMULAS)
    visit.anchors, visit.links = page.evaluate(DEAD_ANCHORS), page.evaluate(LINKS)
    visit.overflow = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    visit.violations = _violations(page)
    return visit


def _leaves(address: str, site: str) -> bool:
    return not address.startswith((site, "data:", "blob:"))


@pytest.fixture(scope="module")
def visits(browser: Browser, site: str, pages: list[str]) -> list[Visit]:
    """Look at every page: wide, narrow, and wide in the dark."""
    found = []
    for viewport, scheme in LOOKS:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, base_url=site)
        for name in pages:
            tab = context.new_page()
            found.append(_look(tab, site, Visit(name, viewport["width"])))
            tab.close()
        context.close()
    return found


def _where(visits: list[Visit], what: str) -> dict[str, Any]:
    """Keep the pages on which something was found."""
    return {f"{visit.name} at {visit.width}": getattr(visit, what) for visit in visits if getattr(visit, what)}


def test_no_request_leaves_the_host(visits: list[Visit]) -> None:
    """Reading a page asks no other host for anything."""
    assert _where(visits, "elsewhere") == {}


def test_nothing_is_missing_and_no_script_fails(visits: list[Visit]) -> None:
    """The browser's console has no error, and each file that is asked for is there."""
    assert _where(visits, "complaints") == {}


def test_headings_are_in_order(visits: list[Visit]) -> None:
    """Each page has one title, and no level is skipped."""
    for visit in visits:
        if visit.name == "search.html":
            continue
        assert visit.headings.count(1) == 1, visit.name
        steps = [after - before for before, after in zip(visit.headings, visit.headings[1:], strict=False)]
        assert max(steps, default=0) <= 1, f"{visit.name}: {visit.headings}"


def test_every_image_has_alt_text(visits: list[Visit]) -> None:
    """A reader who does not see a figure is told what it shows."""
    assert _where(visits, "images") == {}


def test_no_table_is_wider_than_its_column(visits: list[Visit]) -> None:
    """A wide table scrolls inside its column."""
    assert _where(visits, "tables") == {}


def test_links_inside_the_book_lead_somewhere(visits: list[Visit], html: Path) -> None:
    """Each link to this host has its file, each one within a page its place."""
    assert _where(visits, "anchors") == {}
    dead = {(visit.name, link) for visit in visits for link in visit.links if not (html / link.lstrip("/")).exists()}
    assert dead == set()


def test_every_formula_is_drawn(visits: list[Visit]) -> None:
    """MathJax, served by the book itself, has drawn each formula."""
    assert _where(visits, "formulas") == {}


def test_no_page_scrolls_sideways(visits: list[Visit]) -> None:
    """Neither a desktop's nor a telephone's window has to be scrolled sideways."""
    assert {name: wider for name, wider in _where(visits, "overflow").items() if wider > 0} == {}


def test_accessibility_rules_hold(visits: list[Visit]) -> None:
    """The WCAG rules that a program can decide hold on each page, in light and dark."""
    assert _where(visits, "violations") == {}
