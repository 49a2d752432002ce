"""The table of contents and the recipes' own metadata say the same."""

from pathlib import Path

import yaml

from cookbook.sphinxext import catalogue


def test_each_recipe_stands_once_under_its_chapter(repository: Path) -> None:
    """A recipe's chapter is the caption under which _toc.yml lists it."""
    contents = yaml.safe_load((repository / "_toc.yml").read_text(encoding="utf-8"))
    listed = [
        (item["file"], part["caption"])
        for part in contents["parts"]
        for item in part["chapters"]
        if item["file"].startswith("recipes/")
    ]
    entries = catalogue.read(repository / "recipes")
    assert sorted(listed) == sorted((entry.docname, entry.chapter) for entry in entries)


def test_pages_that_summarise_are_in_the_book(repository: Path) -> None:
    """A page that is to be read again exists: one with a misspelt name would stay as it is."""
    settings = yaml.safe_load((repository / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    for name in settings["cookbook_summaries"]:
        assert (repository / f"{name}.md").is_file(), name
