"""Recipes are shared out one by one, and a fault of the choice is named."""

import pytest

from by_recipe import chosen, slug_in

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


@pytest.mark.parametrize(
    ("nodeid", "slug"),
    [
        ("tests/recipes/test_contract.py::test_cells_are_short[dimuon-spectrum]", "dimuon-spectrum"),
        ("tests/recipes/test_contract.py::test_bad_input_is_named[coffea-dimuon-spectrum]", "dimuon-spectrum"),
        ("tests/recipes/dimuon/test_dimuon.py::test_one[a-b]", "dimuon"),
        ("tests/recipes/test_contract.py::test_every_recipe", None),
    ],
)
def test_a_test_goes_to_the_worker_of_its_recipe(nodeid: str, slug: str | None) -> None:
    """The recipe is in the folder or among the parameters; the longest name that fits is the right one."""
    assert slug_in(nodeid, ["dimuon", "dimuon-spectrum"]) == slug
