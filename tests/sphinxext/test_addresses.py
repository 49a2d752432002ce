"""The launch links and other addresses, as exact strings."""

import pytest

from cookbook.sphinxext import addresses
from cookbook.sphinxext.addresses import Project

CERN = Project("https://gitlab.cern.ch/cms/cookbook", "https://cookbook.docs.cern.ch", "main")
GITHUB = Project("https://github.com/cms/cookbook", None, "fix/é 1")


def test_ci_variables_come_first() -> None:
    """A pipeline's own variables win over the setting, so that a fork links to itself."""
    environ = {
        "CI_PROJECT_URL": "https://gitlab.cern.ch/me/cookbook",
        "CI_PAGES_URL": "https://me.docs.cern.ch/cookbook/",
        "CI_DEFAULT_BRANCH": "develop",
    }
    place = addresses.project(environ, repository="https://github.com/other/one", pages="https://other.org")
    assert place == Project("https://gitlab.cern.ch/me/cookbook", "https://me.docs.cern.ch/cookbook", "develop")


def test_settings_fill_in_without_ci() -> None:
    """Outside a pipeline the settings are used, cleaned of a trailing slash and of .git."""
    place = addresses.project({}, repository="https://github.com/cms/cookbook.git", pages="https://c.org/book/")
    assert place == Project("https://github.com/cms/cookbook", "https://c.org/book", "main")


@pytest.mark.parametrize("address", ["", "http://gitlab.cern.ch/cms/cookbook", "git@gitlab.cern.ch:cms/cookbook.git"])
def test_an_address_that_is_not_https_counts_as_unknown(address: str) -> None:
    """Nothing is guessed from an address that a browser can't open safely."""
    assert addresses.project({}, repository=address).repository is None


def test_nothing_known_gives_no_address() -> None:
    """Where the project's addresses aren't known, every builder says so."""
    place = addresses.project({})
    assert addresses.swan_url(place) is None
    assert addresses.binder_url(place, "dimuon-spectrum") is None
    assert addresses.page_url(place, "recipes/dimuon-spectrum") is None
    assert addresses.commit_url(place, "abc") is None
    assert addresses.repository_file_url(place, "README.md") is None


def test_swan_clones_the_project() -> None:
    """SWAN gets the clone address: a lone notebook would arrive without the data."""
    wanted = "https://cern.ch/swanserver/cgi-bin/go?projurl=https://gitlab.cern.ch/cms/cookbook.git"
    assert addresses.swan_url(CERN) == wanted


@pytest.mark.parametrize("repository", ["https://gitlab.example.org/cms/cookbook", "https://github.com/cms/cook book"])
def test_swan_refuses_other_hosts_and_characters(repository: str) -> None:
    """A host that SWAN doesn't fetch from, or a character that it refuses, gives no link."""
    assert addresses.swan_url(Project(repository)) is None


def test_binder_escapes_the_clone_address() -> None:
    """Binder takes the clone address as one escaped part of the path."""
    wanted = (
        "https://mybinder.org/v2/git/https%3A%2F%2Fgitlab.cern.ch%2Fcms%2Fcookbook.git/main"
        "?urlpath=lab/tree/recipes/dimuon-spectrum.ipynb"
    )
    assert addresses.binder_url(CERN, "dimuon-spectrum") == wanted


def test_binder_escapes_the_branch() -> None:
    """A branch with a slash or an accent stays one part of the path."""
    wanted = (
        "https://mybinder.org/v2/git/https%3A%2F%2Fgithub.com%2Fcms%2Fcookbook.git/fix%2F%C3%A9%201"
        "?urlpath=lab/tree/recipes/trijet-mass.ipynb"
    )
    assert addresses.binder_url(GITHUB, "trijet-mass") == wanted


def test_page_address() -> None:
    """A page's public address is below the published book."""
    assert addresses.page_url(CERN, "recipes/trijet-mass") == ("https://cookbook.docs.cern.ch/recipes/trijet-mass.html")


def test_commit_address_of_each_forge() -> None:
    """GitLab keeps its own pages under /-/, GitHub doesn't."""
    assert addresses.commit_url(CERN, "abc123") == "https://gitlab.cern.ch/cms/cookbook/-/commit/abc123"
    assert addresses.commit_url(GITHUB, "abc123") == "https://github.com/cms/cookbook/commit/abc123"


def test_file_address() -> None:
    """A file is shown on the branch that launch links open."""
    assert addresses.repository_file_url(CERN, "CONTRIBUTING.md") == (
        "https://gitlab.cern.ch/cms/cookbook/-/blob/main/CONTRIBUTING.md"
    )
