"""Show an executed notebook as one web page that needs no other file, and take its figures out."""

from __future__ import annotations

import base64
import re
from collections import Counter
from copy import deepcopy
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cookbook.anatomy import parts, tags

__all__ = ["figures", "html"]

KINDS = {"image/png": ".png", "application/pdf": ".pdf"}


def html(notebook: Any, title: str) -> str:
    """Return a web page of a notebook, with images, styles and what draws formulas in it."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(embed_images=True)
    exporter.raw_template = resources.files("cookbook").joinpath("templates", "page.html.j2").read_text()
    formulas = any("$" in cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    given = {"metadata": {"name": title}, "mathjax": _mathjax() if formulas else ""}
    page, _ = exporter.from_notebook_node(_without_noise(notebook), given)
    return str(page)


def figures(notebook: Any, folder: Path) -> list[Path]:
    """Write the figures of a notebook as PNG and PDF, named after their headings, and return the paths.

    The notebook keeps the PNG, with the alternative text that its cell has for it.
    """
    written, drawn = [], Counter[str]()
    for part in parts(notebook.cells):
        for cell in part.cells:
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
            for output in cell.get("outputs", ()):
                if "image/png" not in output.get("data", {}):
                    continue
                heading = re.sub(r"\W+", "-", part.heading.lower()).strip("-") or "figure"
                drawn[heading] += 1
                stem = folder / f"{heading}-{drawn[heading]}"
                written += [
                    _decoded(output.data[kind], stem.with_suffix(KINDS[kind])) for kind in KINDS if kind in output.data
                ]
                output.data.pop("application/pdf", None)
                output.setdefault("metadata", {})["image/png"] = {"alt": alt or part.heading}
    return written


def _without_noise(notebook: Any) -> Any:
    """Return a copy without the output that a page of the book hides as well."""
    copy = deepcopy(notebook)
    for cell in copy.cells:
        if "remove-output" in tags(cell):
            cell.outputs = []
        if "remove-stderr" in tags(cell):
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return copy


def _decoded(text: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(text))
    return path


def _mathjax() -> str:
    """Return the script that draws formulas without fonts of its own; empty where it is not installed."""
    spec = find_spec("sphinx-mathjax-offline")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        script = Path(place) / "static" / "mathjax" / "tex-svg.js"
        if script.is_file():
            return script.read_text(encoding="utf-8").replace("</script", r"<\/script")
    return ""
