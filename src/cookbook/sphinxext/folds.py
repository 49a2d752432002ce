"""Say on the page what a folded cell holds, so that a reader knows whether to open it."""

import ast
import re
from typing import Any

from cookbook.sphinxext import lexer

__all__ = ["content", "name_folds"]

FOLDED = frozenset({"hide-input", "hide-cell"})
#: Names of functions and types in C++, at the start of a line.
CPP_NAMES = re.compile(r"^(?!using|return|#)(?:struct (\w+)|[\w:<>,&* ]+?\b(\w+)\()", re.MULTILINE)
MOST = 3


def content(source: str) -> str:
    """Name what a cell defines; its imports or its figure where it defines nothing."""
    tree = ast.parse(source)
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = [node.name for node in tree.body if isinstance(node, kinds)]
    if not names:
        declared = "\n".join(found["code"] for found in lexer.DECLARED.finditer(source))
        names = [first or second for first, second in CPP_NAMES.findall(declared)]
    if names:
        return ", ".join(dict.fromkeys(names[:MOST])) + (", …" if len(names) > MOST else "")
    if "plt." in source:
        return "the figure"
    if all(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body[:1]):
        return "imports"
    return "code"


def name_folds(notebook: Any) -> None:
    """Give each folded code cell of a notebook the text to click on."""
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", ()))
        if cell.cell_type == "code" and tags & FOLDED:
            what = "the solution" if "solution" in tags else content(cell.source)
            cell.metadata.setdefault("mystnb", {})["code_prompt_show"] = f"Show {what}"
            cell.metadata["mystnb"]["code_prompt_hide"] = f"Hide {what}"
