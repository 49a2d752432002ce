"""The versions that a result was made with."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

__all__ = ["PACKAGES", "versions"]

PACKAGES = ("coffea", "awkward", "uproot", "hist")


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python, ROOT and the packages named; what is not installed is left out."""
    found = {"Python": platform.python_version()}
    root = _root_version()
    if root:
        found["ROOT"] = root
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _root_version() -> str | None:
    """Read ROOT's version from its header: importing ROOT would cost seconds and start its interpreter."""
    spec = find_spec("ROOT")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        header = Path(place) / "include" / "ROOT" / "RVersion.hxx"
        if header.is_file():
            text = header.read_text(encoding="utf-8")
            parts = [re.search(rf"ROOT_VERSION_{part}\s+(\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
            if all(parts):
                major, minor, patch = (int(part[1]) for part in parts if part)
                return f"{major}.{minor:02d}.{patch:02d}"
    return None
