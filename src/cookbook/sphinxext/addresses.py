"""Where the project lives, and the addresses made from that.

The repository and the published pages are set once: in GitLab CI they come from its own variables, elsewhere
from ``cookbook_repository`` and ``cookbook_pages`` in ``_config.yml``. What is not known gives None, and the
caller then draws no link.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

__all__ = ["Project", "binder_url", "commit_url", "page_url", "project", "repository_file_url", "swan_url"]

#: Hosts that SWAN fetches projects from, and the characters it takes in an address (SWAN's `proj_url_checker.py`).
SWAN_HOSTS = ("gitlab.cern.ch", "github.com", "root.cern")
SWAN_CHARACTERS = re.compile(r"[A-Za-z0-9/._+\-:@]+")
SWAN_SERVER = "https://cern.ch/swanserver/cgi-bin/go"
BINDER_SERVER = "https://mybinder.org/v2/git"


@dataclass(frozen=True)
class Project:
    """Addresses of the project.

    Attributes
    ----------
    repository
        Web address of the repository, without a trailing slash or ``.git``; None where it isn't known.
    pages
        Web address of the published book, without a trailing slash; None where it isn't known.
    branch
        The branch or tag that launch links open.
    """

    repository: str | None = None
    pages: str | None = None
    branch: str = "main"


def _clean(address: str | None) -> str | None:
    """Take an address without its trailing slash and ``.git``; None unless it is https with a host."""
    parts = urlsplit((address or "").strip())
    if parts.scheme != "https" or not parts.hostname:
        return None
    return parts.geturl().rstrip("/").removesuffix(".git")


def project(environ: Mapping[str, str], *, repository: str = "", pages: str = "", branch: str = "main") -> Project:
    """Collect the addresses: the variables of GitLab CI first, then the settings given.

    Parameters
    ----------
    environ
        The process environment.
    repository, pages, branch
        The settings of ``_config.yml``; empty where unknown.

    Returns
    -------
    Project
        With None for what is neither in the variables nor set, or is not an https address.
    """
    return Project(
        repository=_clean(environ.get("CI_PROJECT_URL") or repository),
        pages=_clean(environ.get("CI_PAGES_URL") or pages),
        branch=environ.get("CI_DEFAULT_BRANCH") or branch,
    )


def swan_url(place: Project) -> str | None:
    """Build the address that clones the project into SWAN.

    SWAN takes the clone address (the default branch): a lone notebook would arrive without the data. None where
    the repository isn't known, is on a host SWAN does not fetch from, or has characters SWAN refuses.
    """
    if place.repository is None or urlsplit(place.repository).hostname not in SWAN_HOSTS:
        return None
    clone = f"{place.repository}.git"
    return f"{SWAN_SERVER}?projurl={clone}" if SWAN_CHARACTERS.fullmatch(clone) else None


def binder_url(place: Project, slug: str) -> str | None:
    """Build the address that opens one recipe on mybinder.org; None where the repository isn't known."""
    if place.repository is None:
        return None
    clone = quote(f"{place.repository}.git", safe="")
    ref = quote(place.branch, safe="")
    return f"{BINDER_SERVER}/{clone}/{ref}?urlpath=lab/tree/recipes/{slug}.ipynb"


def page_url(place: Project, docname: str) -> str | None:
    """Build the public address of a page of the book; None where the pages' address isn't known."""
    return None if place.pages is None else f"{place.pages}/{docname}.html"


def _tree_url(place: Project, kind: str, rest: str) -> str | None:
    if place.repository is None:
        return None
    gitlab = urlsplit(place.repository).hostname != "github.com"
    return f"{place.repository}/{'-/' if gitlab else ''}{kind}/{rest}"


def commit_url(place: Project, commit: str) -> str | None:
    """Build the address of a commit; None where the repository isn't known."""
    return _tree_url(place, "commit", commit)


def repository_file_url(place: Project, path: str) -> str | None:
    """Build the address of a file on the default branch; None where the repository isn't known."""
    return _tree_url(place, "blob", f"{quote(place.branch)}/{path}")
