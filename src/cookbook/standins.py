"""Files that stand in for a reader's own in a run, where the engines cannot read those as they are.

A file on a server is copied (`remote`), and one that lacks a trigger path of the recipe gets it, where the job
says that it has not fired (`unfired`). What a reader sees names the own files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cookbook import inputs, remote, unfired
from cookbook.jobs import Job
from cookbook.parameters import each_text
from cookbook.recipe import Recipe, texts

__all__ = ["StandIns", "local", "with_all_paths"]


@dataclass(frozen=True)
class StandIns:
    """Files that stand in for others, which are the keys of `by_origin`."""

    by_origin: Mapping[str, str]

    def put_into(self, value: Any) -> Any:
        """Return a parameter with the files in place of those that they stand in for."""
        return each_text(value, lambda text: self.by_origin.get(text, text))

    def taken_out(self, text: str) -> str:
        """Return a text that names the own files instead."""
        for origin, path in self.by_origin.items():
            text = text.replace(path, origin)
        return text


def local(recipe: Recipe, job: Job, tell: Callable[[str], None]) -> tuple[Job, StandIns]:
    """Return the job with copies of all files that are on servers, but for those that the recipe itself reads there.

    Parameters
    ----------
    recipe
        The recipe that is to run; the files are checked on the server before they are copied.
    job
        What it runs on.
    tell
        Takes a line for the reader.

    Raises
    ------
    cookbook.inputs.InputError
        If a file does not fit the recipe.
    cookbook.remote.RemoteError
        If a file cannot be copied.
    """
    is_copied = _is_of_the_web if recipe.metadata.get("servers") else remote.is_remote
    addresses = dict.fromkeys(text for text in texts(job.parameters) if is_copied(text))
    if not addresses:
        return job, StandIns({})
    recipe.check_files(job.files, {**recipe.parameters(), **job.parameters}, not_fired=job.not_fired)
    found = remote.found(addresses)
    size = sum(file.size for file in found if not file.is_copied) / 1e6
    tell(f"copies {len(found)} file(s) from their servers to {remote.folder()}, and keeps them: {size:.1f} MB are new")
    made = StandIns(remote.copied(found, recipe.slug))
    return replace(job, parameters=made.put_into(job.parameters)), made


def _is_of_the_web(path: str) -> bool:
    return remote.is_remote(path) and not remote.is_xrootd(path)


@contextmanager
def with_all_paths(recipe: Recipe, job: Job, tell: Callable[[str], None]) -> Iterator[tuple[Job, StandIns]]:
    """Give the job with files that have all trigger paths of which it says that they count as not fired.

    They are removed at the end. Parameters and errors are those of `local`.
    """
    read = recipe.required({**recipe.parameters(), **job.parameters})["Events"]
    lacking = inputs.lacking(job.files, job.not_fired)
    if not lacking:
        yield job, StandIns({})
        return
    for path in job.not_fired:
        count, total = sum(path in absent for absent in lacking.values()), len(inputs.paths(job.files))
        tell(f"{path} counts as not fired in {count} of {total} file(s)")
    with tempfile.TemporaryDirectory(prefix="cookbook-files-") as folder:
        made = StandIns(unfired.write(lacking, read, Path(folder)))
        yield replace(job, parameters=made.put_into(job.parameters)), made
