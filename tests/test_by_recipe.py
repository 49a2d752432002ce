"""Recipes are shared out one by one, and a fault of the choice is named."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from by_recipe import Progress, chosen, slug_of

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


@pytest.mark.parametrize("shard", ["9/8", "0/8", "1", "one/2", "1/0"])
def test_a_share_that_is_none_is_an_error(shard: str) -> None:
    """It would be an empty, passing run as well."""
    with pytest.raises(pytest.UsageError, match=f"{shard} is no share; give one such as 2/4"):
        chosen([], shard, SLUGS)


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
    assert slug_of(nodeid, ["dimuon", "dimuon-spectrum"]) == slug


def test_each_part_has_a_line_as_soon_as_its_worker_goes_on(tmp_path: Any) -> None:
    """Two workers at two recipes: a line comes with the next part, or the next recipe, of the same worker."""
    lines: list[str] = []
    reporter = SimpleNamespace(ensure_newline=lambda: None, write_line=lines.append)
    plugins = SimpleNamespace(get_plugin=lambda name: reporter)
    progress = Progress(cast(Any, SimpleNamespace(pluginmanager=plugins, rootpath=tmp_path)))
    for node, slug, part in (
        ("1", "a", "contract"),
        ("2", "b", "contract"),
        ("1", "a", "faults"),
        ("1", "c", "contract"),
    ):
        about = [("recipe", slug), ("part", part), ("cpu", 2.0)]
        report = SimpleNamespace(node=node, user_properties=about, duration=3.0, failed=False, when="teardown")
        progress.pytest_runtest_logreport(cast(Any, report))
    assert [line.split()[:3] for line in lines] == [["a", "contract", "3.0"], ["a", "faults", "3.0"]]
    progress.pytest_sessionfinish()
    assert [line.split()[:2] for line in lines[2:]] == [["c", "contract"], ["b", "contract"]]
    assert (tmp_path / "reports" / "recipes.json").is_file()
