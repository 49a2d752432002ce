"""When a recipe was executed, from which commit, with which versions and on which input."""

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Execution", "Surroundings", "commit", "executions", "input_hash"]

#: The file that names the committed sample and its content hashes.
MANIFEST = "data/manifest.*"


@dataclass(frozen=True)
class Execution:
    """One execution of a notebook.

    Attributes
    ----------
    finished
        When it ended, in UTC.
    seconds
        How long it took, kernel start included; None where it was not measured.
    error
        The name of the exception that ended it; None where it passed.
    """

    finished: datetime
    seconds: float | None
    error: str | None = None


@dataclass(frozen=True)
class Surroundings:
    """What every recipe of one build shares.

    Attributes
    ----------
    commit
        The short hash of the commit; None outside a git repository.
    changed
        Whether tracked files differ from that commit.
    versions
        Version of each tool.
    input_hash
        The start of the SHA-256 of the sample's manifest; None where there is no manifest.
    """

    commit: str | None
    changed: bool
    versions: Mapping[str, str]
    input_hash: str | None

    @property
    def commit_label(self) -> str | None:
        """The commit as shown: marked where the tree differed from it."""
        return None if self.commit is None else self.commit + ("+changes" if self.changed else "")


def executions(
    nb_metadata: Mapping[str, Mapping[str, Any]], recipes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Execution]:
    """Take what was recorded of each executed page: of recipes by their execution, of others by myst-nb."""
    found = {
        docname: Execution(datetime.fromisoformat(record["finished"]), record["seconds"])
        for docname, record in recipes.items()
    }
    for docname, record in nb_metadata.items():
        data = record.get("exec_data")
        if data:
            error = None if data["succeeded"] else (data["error"] or "unknown error")
            found[docname] = Execution(datetime.fromtimestamp(data["mtime"], UTC), data["runtime"], error)
    return found


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def commit(root: Path) -> tuple[str | None, bool]:
    """Ask git for the commit of a work tree.

    Returns
    -------
    tuple
        The short hash, None outside a repository; and whether tracked files were changed since.
    """
    name = _git(root, "rev-parse", "--short=10", "HEAD")
    return name, bool(name and _git(root, "status", "--porcelain", "--untracked-files=no"))


def input_hash(root: Path) -> str | None:
    """Give the first 12 hexadecimal digits of the SHA-256 of the sample's manifest; None where there is none."""
    manifests = sorted(root.glob(MANIFEST))
    return hashlib.sha256(manifests[0].read_bytes()).hexdigest()[:12] if manifests else None
