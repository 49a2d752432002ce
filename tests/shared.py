"""Tests that several recipes share, in classes; a class of each recipe says what is its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from cookbook import recipe

__all__ = ["Cases", "Page", "Shared"]

Cases = Mapping[str, Sequence[Any] | Mapping[str, Any]]


@dataclass(frozen=True)
class Page:
    """A page among those that share tests."""

    slug: str

    @property
    def subject(self) -> recipe.Recipe:
        """The recipe."""
        return recipe.load(self.slug)

    @property
    def parameters(self) -> dict[str, Any]:
        """Its own parameters."""
        return self.subject.parameters()


class Shared:
    """Runs a test once for each case that the recipe's class holds under the name of an argument of that test.

    Cases are a list, or a dictionary by what pytest shall call them.
    """

    cases: ClassVar[Cases] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give the recipe's cases to the tests that ask for them."""
        for name, cases in self.cases.items():
            if name in metafunc.fixturenames:
                by_id = cases if isinstance(cases, Mapping) else None
                metafunc.parametrize(name, by_id.values() if by_id else cases, ids=by_id)
