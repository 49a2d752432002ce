"""Make the README's screenshot from the built book: ``PYTHONPATH=tests .venv/bin/python -m browser.screenshot``."""

import io
import sys
from pathlib import Path

from PIL import Image

from .looking import chromium, served, started

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "book" / "_static" / "screenshot.png"
PAGE = "recipes/dimuon-spectrum.html"
VIEW = {"width": 1600, "height": 1250}
#: Few colours, since a page has few: a third of the bytes for no visible difference.
COLOURS = 128


def main() -> int:
    """Look at one recipe and store what is seen."""
    program = chromium()
    if program is None:
        sys.exit("no chromium: apt-get install chromium")
    with served(ROOT / "_build" / "html") as site, started(program) as browser:
        page = browser.new_page(viewport={"width": VIEW["width"], "height": VIEW["height"]})
        page.goto(site + PAGE, wait_until="networkidle")
        page.evaluate("() => window.MathJax?.startup?.promise")
        shot = Image.open(io.BytesIO(page.screenshot()))
    shot.convert("RGB").quantize(COLOURS).save(TARGET, optimize=True)
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
