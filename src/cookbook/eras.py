"""Names and correction files of an era in place of the sample's, from the table ``eras.toml``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from cookbook.parameters import each_text

__all__ = ["replaced", "table"]


@cache
def table() -> dict[str, Any]:
    """Return the table: `eras` by name, and `root` and `files` of all of them."""
    return tomllib.loads(resources.files("cookbook").joinpath("eras.toml").read_text())


def replaced(value: Any, name: str) -> Any:
    """Return a value of the sample with the names and files of an era in it; of no era, the value itself."""
    if not name:
        return value
    era = table()["eras"][name]
    names, elsewhere = era["names"], {**table()["files"], **era.get("files", {})}
    pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))

    def text(old: str) -> str:
        if not old.endswith(".json.gz"):
            return pattern.sub(lambda found: str(names[found[0]]), old)
        group, file = Path(old).parts[-4], Path(old).name  # group/era/version/file, the layout of the CMS groups
        place = elsewhere.get(f"{group}/{file}", f"{group}/{era['folder']}/latest/{file}")
        return f"{table()['root']}/{place}"

    return each_text(value, text)
