"""Write a job file to start from: a run on the sample, with every other parameter as a comment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from cookbook.job_files import GENERAL, UNITS, JobError
from cookbook.parameters import comments, handed_over, offered
from cookbook.recipe import Recipe

__all__ = ["text", "write"]


def write(recipe: Recipe, path: Path) -> Path:
    """Write the job file, where there is none of this name, and return its path."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text(recipe))
    except FileExistsError as error:
        raise JobError(f"{path}: is there already; move it away, or run it with JOB={path}") from error
    return path.absolute()


def text(recipe: Recipe) -> str:
    """Return a job file with the sample's values and what the notebook's comments say of each parameter."""
    return "\n".join(_lines(recipe)) + "\n"


def _lines(recipe: Recipe) -> Iterator[str]:
    own, known, said = recipe.parameters(), offered(recipe), comments(recipe)
    yield f"# A job of the recipe {recipe.slug}: make recipe NAME={recipe.slug} JOB=…"
    yield "# The values are those of the sample: put yours in their place. Take the # away from a line to change it."
    yield ""
    yield "# era: 2018  # names and correction files of an era"
    if any(branch.startswith("HLT_") for branch in recipe.branches(own)["Events"]):
        yield "# not_fired: [HLT_IsoTkMu24]  # trigger paths that count as not fired in files that lack them"
    yield "# Files: paths (from the folder of this file on), patterns, addresses, or lists: @files.txt"
    if isinstance(own["FILES"], Mapping):
        yield "datasets:  # under any name"
        sections = own.get("CROSS_SECTION", {})
        for name, members in own["FILES"].items():
            yield f"  {name}:"
            yield f"    files: {_value(list(members))}"
            yield f"    data: {_value(name in own.get('DATA', ()))}  # read from the file where this is left out"
            if name in sections:
                yield f"    cross_section: {_value(sections[name])}  # pb"
    else:
        yield f"files: {_value(list(own['FILES']))}"
    for key, name in GENERAL.items():
        if name in known:
            yield f"{key}: {_value(own[name])}  # {UNITS[name]}"
    others = (name for name in known if name not in {*GENERAL.values(), "CROSS_SECTION"})
    for comment, names in groupby(others, lambda name: UNITS.get(name) or said.get(name, "")):
        together = list(names)
        yield ""
        if comment and len(together) > 1:
            yield f"# {comment}:"
        for name in together:
            asked = known[name].files or known[name].table or known[name].of_datasets
            trailing = f"  # {comment}" if comment and len(together) == 1 else ""
            yield f"{'' if asked else '# '}{name}: {_value(own[name])}{trailing}"


def _value(value: Any) -> str:
    """Return a value in YAML, on one line."""
    given = handed_over(value)
    plain: str = yaml.safe_dump(given, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    plain = plain.removesuffix("...\n").strip()
    return json.dumps(given, ensure_ascii=False) if "\n" in plain else plain  # JSON is YAML
