"""The book's Sphinx extension: it wires the pure functions of its modules to Sphinx and does nothing else."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from cookbook import execution, recipe
from cookbook.sphinxext import blocks, folds, lexer, mathjax

__all__ = ["setup"]

LOGGER = logging.getLogger(__name__)


def _configure(app: Sphinx, config: Config) -> None:
    config.mathjax_path = mathjax.SCRIPT
    # Read by the pages that summarise the timings: kernels inherit the environment.
    os.environ["COOKBOOK_TIMINGS"] = str(blocks.build_folder(app) / "timings")


def _outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Read the recipes again, whose executions Sphinx does not watch, and the pages about them."""
    return (blocks.recipe_pages(env.found_docs) | set(app.config.cookbook_summaries)) & env.found_docs


def _take_execution(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the executed notebook in place of the source, and refuse one of another state."""
    if docname not in blocks.recipe_pages([docname]) or app.builder.format != "html":
        return
    try:
        executed = execution.assembled(recipe.read(Path(app.env.doc2path(docname))), blocks.build_folder(app))
    except execution.StaleError as error:
        raise ExtensionError(str(error)) from error
    app.env.cookbook_executions = {  # type: ignore[attr-defined]
        **getattr(app.env, "cookbook_executions", {}),
        docname: executed.metadata[execution.RECORD],
    }
    folds.name_folds(executed)
    source[0] = nbformat.writes(executed)


def _rewrite(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Write the pages with stamps and cards again: they show the commit and other pages."""
    return (getattr(env, "cookbook_block_pages", set()) | blocks.recipe_pages(env.found_docs)) & env.found_docs


def _drop_remote_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Take out the set-up of sphinx-thebe, which jupyter-book loads always: it names another host."""
    scripts = context.get("script_files", [])
    context["script_files"] = [
        script
        for script in scripts
        if "thebe" not in str(getattr(script, "filename", script))
        and "THEBE_JS_URL" not in str(getattr(script, "attributes", {}).get("body", ""))
    ]


def _finish(app: Sphinx, error: Exception | None) -> None:
    """Copy MathJax, and fail where a page's own code did, whatever flags the build was given."""
    if error is not None:
        return
    if app.builder.format == "html":
        mathjax.copy(Path(app.outdir) / "_static")
    failed = [f"{name} ({run.error})" for name, run in sorted(blocks.executions(app.env).items()) if run.error]
    if failed:
        msg = f"notebooks failed: {', '.join(failed)}; tracebacks are in {Path(app.outdir) / 'reports'}"
        raise ExtensionError(msg)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("cookbook_repository", "", "html", [str])
    app.add_config_value("cookbook_pages", "", "html", [str])
    app.add_config_value("cookbook_branch", "main", "html", [str])
    app.add_config_value("cookbook_summaries", [], "env", [list])
    app.add_node(blocks.cookbook_block)
    for name in blocks.BLOCKS:
        app.add_directive(name, blocks.BlockDirective)
    app.add_post_transform(blocks.FillBlocks)
    app.add_post_transform(blocks.Pages)
    app.add_post_transform(blocks.References)
    app.add_lexer(lexer.LANGUAGE, lexer.PythonWithCpp)
    app.connect("config-inited", _configure)
    app.connect("env-get-outdated", _outdated)
    app.connect("source-read", _take_execution)
    app.connect("env-updated", _rewrite)
    # After the theme filled in its own scripts.
    app.connect("html-page-context", _drop_remote_scripts, priority=900)
    # After all others, so that a failed book is complete enough to be looked at.
    app.connect("build-finished", _finish, priority=900)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
