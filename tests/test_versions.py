"""Versions are found without importing what they are of."""

from cookbook.versions import versions


def test_versions_leave_out_what_is_missing() -> None:
    """A package that isn't installed is not mentioned."""
    found = versions(["awkward", "no-such-package-here"])
    assert {"Python", "awkward"} <= set(found)
    assert "no-such-package-here" not in found
