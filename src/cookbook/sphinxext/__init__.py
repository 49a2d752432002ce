"""The book's Sphinx extension: it wires the pure functions of its modules to Sphinx and does nothing else."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from cookbook.sphinxext import blocks, freshness, lexer, mathjax, order

__all__ = ["setup"]

LOGGER = logging.getLogger(__name__)


def _configure(app: Sphinx, config: Config) -> None:
    config.mathjax_path = mathjax.SCRIPT
    timings = Path(app.outdir).parent / "timings"
    timings.mkdir(parents=True, exist_ok=True)
    # Read by the timing cells and by the pages that summarise them: kernels inherit the environment.
    os.environ["COOKBOOK_TIMINGS"] = str(timings)


def _outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Execute the recipes again unless all that they depend on is as it was; the pages about them always."""
    now = freshness.fingerprint(Path(app.srcdir))
    before: str | None = getattr(env, "cookbook_fingerprint", None)
    env.cookbook_fingerprint = now  # type: ignore[attr-defined]
    again = set(env.found_docs)
    if freshness.may_reuse(os.environ, before, now):
        recipes = order.recipe_pages(env.found_docs)
        again = set(app.config.cookbook_read_last) if recipes & (added | changed | removed) else set()
    return again & env.found_docs


def _read_last(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    docnames[:] = order.order(docnames, app.config.cookbook_read_last)


def _rewrite(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Write the pages with stamps and cards again: they show the commit and other pages."""
    return (getattr(env, "cookbook_block_pages", set()) | order.recipe_pages(env.found_docs)) & env.found_docs


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
    """Copy MathJax, and fail where a notebook did, whatever flags the build was given."""
    if error is not None:
        return
    if app.builder.format == "html":
        mathjax.copy(Path(app.outdir) / "_static")
    ran = freshness.executions(getattr(app.env, "nb_metadata", {}))
    failed = [f"{name} ({run.error})" for name, run in sorted(ran.items()) if run.error]
    if failed:
        msg = f"notebooks failed: {', '.join(failed)}; tracebacks are in {Path(app.outdir) / 'reports'}"
        raise ExtensionError(msg)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("cookbook_repository", "", "html", [str])
    app.add_config_value("cookbook_pages", "", "html", [str])
    app.add_config_value("cookbook_branch", "main", "html", [str])
    app.add_config_value("cookbook_read_last", [], "env", [list])
    app.add_node(blocks.cookbook_block)
    for name in blocks.BLOCKS:
        app.add_directive(name, blocks.BlockDirective)
    app.add_post_transform(blocks.FillBlocks)
    app.add_post_transform(blocks.RecipePage)
    app.add_post_transform(blocks.References)
    app.add_lexer(lexer.LANGUAGE, lexer.PythonWithCpp)
    app.connect("config-inited", _configure)
    app.connect("env-get-outdated", _outdated)
    app.connect("env-before-read-docs", _read_last)
    app.connect("env-updated", _rewrite)
    # After the theme filled in its own scripts.
    app.connect("html-page-context", _drop_remote_scripts, priority=900)
    # After all others, so that a failed book is complete enough to be looked at.
    app.connect("build-finished", _finish, priority=900)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
