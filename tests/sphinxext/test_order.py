"""Reading order."""

from cookbook.sphinxext import order


def test_summaries_come_last_and_in_order() -> None:
    """The pages that summarise are read after the recipes, in the order given, and only if they are read at all."""
    docnames = ["book/choosing", "recipes/trijet-mass", "book/performance", "recipes/dimuon-spectrum", "book/cite"]
    last = ["book/performance", "book/choosing", "book/status"]
    assert order.order(docnames, last) == [
        "book/cite",
        "recipes/dimuon-spectrum",
        "recipes/trijet-mass",
        "book/performance",
        "book/choosing",
    ]


def test_recipes_are_told_by_their_folder() -> None:
    """Only pages of the recipes' folder are recipes."""
    assert order.recipe_pages(["recipes/a", "book/recipes", "data/recipes/b"]) == {"recipes/a"}
