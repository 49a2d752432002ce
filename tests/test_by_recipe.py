"""Recipes are shared out one by one, and a fault of the choice is named."""

import pytest

from by_recipe import chosen

SLUGS = ["a", "b", "c", "d", "e"]


def test_every_recipe_is_in_one_share() -> None:
    """The shares of a pipeline's jobs are all recipes, each once."""
    shares = [chosen([], f"{number}/3", SLUGS) for number in (1, 2, 3)]
    assert sorted(slug for share in shares for slug in share) == SLUGS


def test_named_recipes_are_taken_alone() -> None:
    """Without a name or a share it is all of them."""
    assert chosen(["c", "a"], None, SLUGS) == ["c", "a"]
    assert chosen([], None, SLUGS) == SLUGS


def test_an_unknown_recipe_is_named() -> None:
    """A typing error is no empty, passing run."""
    with pytest.raises(pytest.UsageError, match="no recipe x; there are a, b, c, d, e"):
        chosen(["x"], None, SLUGS)
