"""The switch between the engines, the citation, and the page without scripts."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from cookbook.execution import NOT_TIMED
from cookbook.shards import in_shard

from .looking import NARROW, WIDE

NO_STORAGE = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('off'); }});"


@pytest.fixture
def recipe(recipes: list[str]) -> str:
    """Give the page of one recipe."""
    return recipes[0]


def _shown(page: Page) -> list[bool]:
    """Tell whether the panels of coffea and of RDataFrame are visible."""
    return [page.locator(f".engine-{name}").first.is_visible() for name in ("coffea", "rdataframe")]


def _choose(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).first.check()


def test_side_by_side_on_a_wide_screen(wide: Page, recipe: str) -> None:
    """Both engines are shown, next to each other and equally wide."""
    wide.goto(recipe)
    left, right = (wide.locator(f".engine-{name}").first.bounding_box() for name in ("coffea", "rdataframe"))
    assert left is not None
    assert right is not None
    assert left["y"] == pytest.approx(right["y"], abs=1)
    assert right["x"] >= left["x"] + left["width"]
    assert left["width"] == pytest.approx(right["width"], abs=1)


def test_twins_start_at_the_same_height(wide: Page, recipe: str) -> None:
    """The two cells of each step begin in one row, whatever stands above them."""
    wide.goto(recipe)
    blocks = wide.locator(".engines").all()
    assert len(blocks) >= 4
    for block in blocks:
        left, right = (block.locator(f".engine-{name} .cell").first.bounding_box() for name in ("coffea", "rdataframe"))
        assert left is not None
        assert right is not None
        assert left["y"] == pytest.approx(right["y"], abs=1)


def test_all_steps_follow_one_choice(narrow: Page, recipe: str) -> None:
    """On a narrow screen each step has its own tabs, and a choice in one turns all."""
    narrow.goto(recipe)
    blocks = narrow.locator(".engines").all()
    blocks[-1].get_by_role("radio", name="RDataFrame", exact=True).check()
    for block in blocks:
        expect(block.get_by_role("radio", name="RDataFrame", exact=True)).to_be_checked()
        assert not block.locator(".engine-coffea").is_visible()
        assert block.locator(".engine-rdataframe").is_visible()


def test_side_by_side_one_switch_is_enough(wide: Page, recipe: str) -> None:
    """Where both are shown the first block has the switch; where one is, every block has."""
    wide.goto(recipe)
    switches = wide.locator(".engine-choice")
    assert [switch.is_visible() for switch in switches.all()] == [True] + [False] * (switches.count() - 1)
    _choose(wide, "coffea")
    assert all(switch.is_visible() for switch in switches.all())


def test_folded_code_is_open_in_print(wide: Page, recipe: str) -> None:
    """What is folded on the screen is on paper, and folded again after it."""
    wide.goto(recipe)
    folded = wide.locator("article details:not([open])").count()
    assert folded > 5
    wide.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    assert wide.locator("article details:not([open])").count() == 0
    wide.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert wide.locator("article details:not([open])").count() == folded


def test_folds_say_what_they_hold(wide: Page, recipe: str) -> None:
    """The text to click on names what the folded cell defines; the code below it can be copied."""
    wide.goto(recipe)
    fold = wide.locator("article details", has=wide.get_by_text("Show declare", exact=True)).first
    fold.locator("summary").click()
    expect(fold.locator("button.copybtn")).to_have_count(1)


def test_columns_hold_a_line_of_code(wide: Page, recipe: str) -> None:
    """A column takes 88 characters of code before it scrolls."""
    wide.goto(recipe)
    characters = wide.evaluate(
        """() => {
            const pre = document.querySelector('.engine pre');
            const probe = document.createElement('span');
            probe.textContent = 'm'.repeat(100);
            pre.append(probe);
            const style = getComputedStyle(pre);
            const room = pre.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            return room / (probe.getBoundingClientRect().width / 100);
        }"""
    )
    assert characters >= 88


def test_tabs_on_a_narrow_screen(narrow: Page, recipe: str) -> None:
    """One engine is shown; choosing the other swaps them."""
    narrow.goto(recipe)
    assert _shown(narrow) == [True, False]
    _choose(narrow, "RDataFrame")
    assert _shown(narrow) == [False, True]
    _choose(narrow, "Both")
    assert _shown(narrow) == [True, True]


def test_choice_is_remembered(wide: Page, recipes: list[str]) -> None:
    """The choice holds after a reload and on the other recipes."""
    wide.goto(recipes[0])
    _choose(wide, "RDataFrame")
    wide.reload()
    assert _shown(wide) == [False, True]
    wide.goto(recipes[-1])
    assert _shown(wide) == [False, True]
    expect(wide.get_by_role("radio", name="RDataFrame").first).to_be_checked()


def test_choice_works_without_storage(wide: Page, recipe: str) -> None:
    """Where the browser refuses to remember, the switch works all the same."""
    wide.add_init_script(NO_STORAGE)
    wide.goto(recipe)
    _choose(wide, "coffea")
    assert _shown(wide) == [True, False]


def test_keyboard_reaches_the_switch(wide: Page, recipe: str) -> None:
    """Tab leads to the switch, the arrow keys turn it."""
    wide.goto(recipe)
    for _ in range(150):
        wide.keyboard.press("Tab")
        if wide.evaluate("() => Boolean(document.activeElement.closest('.engine-choice'))"):
            break
    else:
        pytest.fail("150 presses of Tab did not reach the switch")
    wide.keyboard.press("ArrowRight")
    assert _shown(wide) == [True, False]


def test_switch_has_a_name_for_screen_readers(wide: Page, recipe: str) -> None:
    """The switch is a named group of radio buttons."""
    wide.goto(recipe)
    group = wide.get_by_role("group", name="Show")
    assert group.first.get_by_role("radio").count() == 3


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_without_scripts_both_are_shown(browser: Browser, site: str, recipe: str, viewport: ViewportSize) -> None:
    """Without scripts nothing is hidden."""
    context = browser.new_context(viewport=viewport, java_script_enabled=False, base_url=site)
    page = context.new_page()
    page.goto(recipe)
    assert _shown(page) == [True, True]
    context.close()


def test_citation_is_copied(wide: Page, site: str, recipe: str) -> None:
    """The button puts the BibTeX entry on the clipboard and says so."""
    wide.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.rstrip("/"))
    wide.goto(recipe)
    box = wide.locator(".recipe-citation")
    box.locator("summary").click()
    box.get_by_role("button", name="Copy BibTeX").click()
    expect(box.get_by_role("status")).to_have_text("Copied.")
    assert wide.evaluate("() => navigator.clipboard.readText()").startswith("@incollection{cookbook-")


def test_citation_is_selected_where_copying_fails(wide: Page, recipe: str) -> None:
    """Without a clipboard the entry is left selected."""
    wide.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined});")
    wide.goto(recipe)
    box = wide.locator(".recipe-citation")
    box.locator("summary").click()
    box.get_by_role("button", name="Copy BibTeX").click()
    assert wide.evaluate("() => String(window.getSelection())").startswith("@incollection{cookbook-")


def test_every_recipe_has_both_engines_and_a_stamp(wide: Page, recipes: list[str]) -> None:
    """No recipe lacks its columns, its stamp or its timing; one that the gate did not time says so."""
    shard = os.environ.get("COOKBOOK_TIMED", "1/1")  # set by make test
    for name in recipes:
        wide.goto(name)
        assert _shown(wide) == [True, True], name
        expect(wide.locator(".recipe-stamp time.executed")).to_have_count(1)
        tables = wide.locator(".tag_timing table")
        if in_shard(Path(name).stem, shard):
            expect(tables).not_to_have_count(0)
        elif not tables.count():
            expect(wide.locator(".tag_timing .cell_output").first).to_contain_text(NOT_TIMED.strip())


def test_notebook_can_be_downloaded(wide: Page, recipes: list[str]) -> None:
    """The link gives a notebook with the recipe's name."""
    for name in recipes:
        wide.goto(name, wait_until="domcontentloaded")
        with wide.expect_download() as download:
            wide.get_by_role("link", name="Download notebook").click()
        assert download.value.suggested_filename == name.removeprefix("recipes/").removesuffix(".html") + ".ipynb"


def test_old_executions_are_called_stale(wide: Page, recipe: str) -> None:
    """A page that was executed long ago says so, whatever else it claims."""
    wide.clock.set_fixed_time("2040-01-01T00:00:00Z")
    wide.goto(recipe)
    expect(wide.locator(".recipe-stamp .stale")).to_contain_text("no longer kept fresh")
