"""A real browser that looks at the built book."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from .looking import NARROW, WIDE, chromium, served, started


@pytest.fixture(scope="session")
def html() -> Path:
    """Return the folder of the built book: ``_build/html``, or the one that COOKBOOK_HTML names."""
    folder = Path(os.environ.get("COOKBOOK_HTML", Path(__file__).resolve().parents[2] / "_build" / "html"))
    if not (folder / "index.html").is_file():
        pytest.skip(f"no book in {folder}: run `make book` first")
    return folder


@pytest.fixture(scope="session")
def pages(html: Path) -> list[str]:
    """List the pages of the book, without the redirect at its top."""
    found = sorted(path.relative_to(html).as_posix() for path in html.rglob("*.html") if "_static" not in path.parts)
    return [name for name in found if name not in {"index.html", "genindex.html"}]


@pytest.fixture(scope="session")
def recipes(pages: list[str]) -> list[str]:
    """List the pages of recipes."""
    return [name for name in pages if name.startswith("recipes/")]


@pytest.fixture(scope="session")
def site(html: Path) -> Iterator[str]:
    """Serve the book; give its address, with a slash at the end."""
    with served(html) as address:
        yield address


@pytest.fixture(scope="session")
def browser(html: Path) -> Iterator[Browser]:
    """Start the system's chromium."""
    program = chromium()
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    with started(program) as browser:
        yield browser


@pytest.fixture
def wide(browser: Browser, site: str) -> Iterator[Page]:
    """Open an empty tab as wide as a desktop's."""
    context = browser.new_context(viewport=WIDE, base_url=site)
    yield context.new_page()
    context.close()


@pytest.fixture
def narrow(browser: Browser, site: str) -> Iterator[Page]:
    """Open an empty tab as narrow as a telephone's."""
    context = browser.new_context(viewport=NARROW, base_url=site)
    yield context.new_page()
    context.close()
