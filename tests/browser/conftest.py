"""A real browser that looks at the built book, served from this host."""

import functools
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

WIDE = {"width": 1680, "height": 1000}
NARROW = {"width": 390, "height": 844}
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line per request."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


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
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(html)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser(html: Path) -> Iterator[Browser]:
    """Start the system's chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def wide(browser: Browser, site: str) -> Iterator[Page]:
    """Open an empty tab as wide as a desktop's."""
    context = browser.new_context(viewport=WIDE, base_url=site)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


@pytest.fixture
def narrow(browser: Browser, site: str) -> Iterator[Page]:
    """Open an empty tab as narrow as a telephone's."""
    context = browser.new_context(viewport=NARROW, base_url=site)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()
