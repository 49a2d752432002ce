"""The order in which pages are read: what summarises the recipes' executions comes after them."""

from collections.abc import Iterable

__all__ = ["order", "recipe_pages"]


def recipe_pages(docnames: Iterable[str]) -> set[str]:
    """Pick the recipes among pages."""
    return {name for name in docnames if name.startswith("recipes/")}


def order(docnames: Iterable[str], last: Iterable[str]) -> list[str]:
    """Sort pages alphabetically, the pages in ``last`` at the end and in the order given."""
    names = set(docnames)
    end = [name for name in last if name in names]
    return sorted(names - set(end)) + end
