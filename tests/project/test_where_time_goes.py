"""The page that leads from a slow job to its cause: every cause has its pair, its check, and recipes that are pages."""

import re
from pathlib import Path

import pytest
import yaml

CELL = re.compile(r"^```\{code-cell\} ipython3\n(---\n.*?^---\n|(?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\.\./(recipes/[a-z0-9-]+)\.ipynb\)")
MOST_LINES = 200


@pytest.fixture
def page(repository: Path) -> str:
    """Return the text of the page."""
    return (repository / "book" / "where-time-goes.md").read_text(encoding="utf-8")


@pytest.fixture
def sections(page: str) -> dict[str, str]:
    """Return the text under each heading."""
    parts = re.split(r"^## (.*)\n", page, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture
def rows(sections: dict[str, str]) -> list[list[str]]:
    """Return the cells of the decision table, without its head."""
    table = re.findall(r"^\|(.*)\|$", sections["From symptom to cause"], re.MULTILINE)[2:]
    return [[cell.strip() for cell in row.split("|")] for row in table]


def tags(head: str) -> set[str]:
    """Return the tags in the head of a code cell."""
    found = re.search(r"tags: \[(.*)\]", head)
    return set(found[1].split(", ")) if found else set()


def test_every_row_leads_to_a_section_and_to_recipes_of_the_book(
    repository: Path, rows: list[list[str]], sections: dict[str, str]
) -> None:
    """The causes of the table are the sections, in the same order, and what mends each is a page."""
    contents = yaml.safe_load((repository / "_toc.yml").read_text(encoding="utf-8"))
    pages = {chapter["file"] for part in contents["parts"] for chapter in part["chapters"]}
    causes = [cause for _, _, _, cause, _ in rows]
    assert [heading.lower() for heading in sections][2:-1] == causes
    for row in rows:
        recipes = LINK.findall(row[-1])
        assert recipes, row
        assert [recipe for recipe in recipes if recipe not in pages] == []
        assert all((repository / f"{recipe}.ipynb").is_file() for recipe in recipes)


def test_every_cause_is_planted_in_both_engines_and_checked(rows: list[list[str]], sections: dict[str, str]) -> None:
    """A section has cells of coffea, then those of RDataFrame, then the assertions, with no prose between."""
    for _, _, _, cause, _ in rows:
        text = sections[cause.capitalize()]
        cells = [(tags(head), code) for head, code in CELL.findall(text)]
        order = [next(iter(found & {"coffea", "rdataframe"}), "check") for found, _ in cells]
        assert list(dict.fromkeys(order)) == ["coffea", "rdataframe", "check"], cause
        assert order == sorted(order, key=["coffea", "rdataframe", "check"].index)
        assert "assert" in cells[-1][1]
        assert not CELL.sub("", text[text.index("```") :]).strip()


def test_the_page_is_short_enough_to_be_learnt(page: str) -> None:
    """What is not folded fits into ten minutes."""
    shown = [code for head, code in CELL.findall(page) if "hide-input" not in tags(head)]
    assert sum(bool(line.strip()) for code in shown for line in code.splitlines()) <= MOST_LINES
