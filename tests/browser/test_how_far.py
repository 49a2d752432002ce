"""The calculator of "How far does it go": the model of `cookbook.reach`, in the reader's browser."""

import json
from dataclasses import fields

import pytest
from playwright.sync_api import Page, expect

from cookbook import reach

PAGE = "book/how-far.html"


def test_the_calculator_says_what_the_model_says(wide: Page) -> None:
    """For every engine of a recipe, at numbers of a reader."""
    wide.goto(PAGE)
    form = wide.locator("form.reach")
    expect(form).to_be_visible()
    slug, costs = next(iter(json.loads(form.locator("script").text_content() or "").items()))
    form.get_by_role("combobox").select_option(slug)
    given = {"Events": 3e8, "Variations": 20, "Cores": 64, "Events in a task": 5e4, "Storage [GB/s]": 2}
    given["Bins of all nominal histograms"] = 5000
    for label, value in given.items():
        form.get_by_label(label, exact=True).fill(f"{value:g}")
    job = reach.Job(3e8, 64, 20, 5e4, 2e9, 5000 * 21 * 16e-6)
    names = [field.name for field in fields(reach.Costs)]
    rows = form.locator("tbody tr")
    expect(rows).to_have_count(len(costs))
    for row, one in zip(rows.all(), costs.values(), strict=True):
        title, hours, _, longest, memory, _ = row.locator("th, td").all_inner_texts()
        model = reach.Costs(**{name: one[name] for name in names})
        assert title == one["title"]
        assert float(hours.replace(",", "")) == pytest.approx(reach.seconds(model, job) / 3600, rel=0.01)
        assert longest == reach.bottleneck(model, job)
        assert float(memory) == pytest.approx((one["memory_mb"] + job.result_mb) / 1000, rel=0.01)


def test_what_is_no_number_gives_no_row(wide: Page) -> None:
    """The field says what is wrong with it."""
    wide.goto(PAGE)
    form = wide.locator("form.reach")
    form.get_by_label("Cores", exact=True).fill("0")
    expect(form.locator("tbody tr")).to_have_count(0)
