"""The cards of the landing page: search, filters, and the book's own search."""

import re

from playwright.sync_api import Page, expect

LANDING = "book/index.html"


def _titles(page: Page) -> list[str]:
    return page.locator(".recipe-card:visible .card-title").all_inner_texts()


def test_top_leads_to_the_landing_page(wide: Page) -> None:
    """The address of the book opens the landing page."""
    wide.goto("")
    expect(wide).to_have_url(re.compile(r"book/index\.html$"))


def test_every_recipe_has_a_card(wide: Page, recipes: list[str]) -> None:
    """A card per recipe, each leading to its page."""
    wide.goto(LANDING)
    links = wide.locator(".recipe-card .card-title a").evaluate_all("links => links.map(link => link.pathname)")
    assert sorted(links) == [f"/{name}" for name in recipes]


def test_search_narrows_the_cards(wide: Page, recipes: list[str]) -> None:
    """Words are looked for in all that a card knows, and the number left is announced."""
    wide.goto(LANDING)
    first, search = _titles(wide)[0], wide.get_by_label("Search", exact=True).last
    summary = wide.locator(".recipe-card .card-summary").first.inner_text()
    search.fill(first.upper())
    assert first in _titles(wide)
    assert len(_titles(wide)) < len(recipes)
    # the words of a title may stand on another card too, those of a summary with it do not
    search.fill(f"{first} {summary}".upper())
    assert _titles(wide) == [first]
    expect(wide.locator(".filter-count")).to_have_text(f"1 of {len(recipes)} recipes")


def test_nothing_found_is_said(wide: Page, recipes: list[str]) -> None:
    """A word that no recipe has leaves none."""
    wide.goto(f"{LANDING}?q=xyzzy")
    expect(wide.locator(".filter-count")).to_have_text(f"0 of {len(recipes)} recipes")


def test_filters_keep_matching_cards(wide: Page) -> None:
    """Each filter keeps just the cards that have the value."""
    wide.goto(LANDING)
    for name in ("chapter", "object", "api"):
        field = wide.locator(f".recipe-filters select[name={name}]")
        value = field.locator("option").nth(1).inner_text()
        field.select_option(value)
        shown = wide.locator(".recipe-card:visible")
        kept = shown.evaluate_all("(cards, name) => cards.map(card => card.dataset[name].split('|'))", name)
        assert kept
        assert all(value in values for values in kept)
        field.select_option("")


def test_filter_can_be_linked(wide: Page) -> None:
    """The state of the filters stands in the address and is taken from it."""
    wide.goto(LANDING)
    field = wide.locator(".recipe-filters select[name=object]")
    value = field.locator("option").nth(1).inner_text()
    field.select_option(value)
    expected = _titles(wide)
    wide.goto(wide.url)
    assert wide.locator(".recipe-filters select[name=object]").input_value() == value
    assert _titles(wide) == expected


def test_book_search_works_offline(wide: Page, recipes: list[str]) -> None:
    """The book's own search finds a recipe without any server behind it."""
    word = recipes[0].removeprefix("recipes/").split("-")[0]
    wide.goto(f"search.html?q={word}")
    expect(wide.locator("#search-results ul.search li a").first).to_be_visible(timeout=10_000)
