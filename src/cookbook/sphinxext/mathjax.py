"""Serve MathJax from the book's own host.

The package sphinx-mathjax-offline carries MathJax 3 (Apache-2.0) but its own hook copies 24 MB of it; a page needs
one script and its fonts.
"""

from importlib.util import find_spec
from pathlib import Path

from sphinx.util.fileutil import copy_asset

__all__ = ["PARTS", "SCRIPT", "copy", "source"]

SCRIPT = "mathjax/tex-chtml.js"
PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2")


def source() -> Path:
    """Find the files of MathJax.

    Raises
    ------
    FileNotFoundError
        Where the package or a part of it is missing.
    """
    spec = find_spec("sphinx-mathjax-offline")
    places = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(places[0]) / "static" / "mathjax" if places else None
    if folder is None or not all((folder / part).exists() for part in PARTS):
        msg = (
            f"MathJax not found (looked in {folder or 'the installed packages'} for {', '.join(PARTS)}); "
            "install the packages of requirements.txt, which hold sphinx-mathjax-offline"
        )
        raise FileNotFoundError(msg)
    return folder


def copy(static: Path) -> None:
    """Copy the script and its fonts to ``static/mathjax``."""
    folder = source()
    for part in PARTS:
        target = static / "mathjax" / part
        copy_asset(folder / part, target if (folder / part).is_dir() else target.parent)
