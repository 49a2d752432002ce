"""What a reader declares to ROOT takes effect, or is an error."""

from typing import Any

import pytest

from cookbook import common

ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed: make env")


def test_an_edited_declaration_is_an_error() -> None:
    """The same text again is no error; another text under the same name never passes silently."""
    page: dict[str, Any] = {"ROOT": ROOT}
    exec(common.sources()["declare"], page)
    text = "double declared_for_a_test(double x)\n{\n    return x;\n}"
    for _ in range(2):
        page["declare"](text)
    edited = text.replace("return x", "return 2 * x")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="ROOT refused this C"):
            page["declare"](edited)
    page["declare"](text)
    assert ROOT.declared_for_a_test(1.0) == 1.0
