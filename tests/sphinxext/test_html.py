"""The generated parts of pages."""

from datetime import UTC, datetime

from bs4 import BeautifulSoup

from cookbook.ledgers import Harmless, Ledger
from cookbook.sphinxext import html
from cookbook.sphinxext.addresses import Project
from cookbook.sphinxext.catalogue import Entry
from cookbook.sphinxext.freshness import Execution, Surroundings

ENTRY = Entry("dimuon", "Dimuon <b>", "Two muons.", "Selection", ("Muon",), ("mass",), ("Weights",), ("Define",))
AROUND = Surroundings("abc123", False, {"coffea": "2026.9.0"}, "0123456789ab")
LEDGER = Ledger("key", "fffeh", [Harmless("coffea", "turn a sign", "a + b", "zeros are zeros")])
RAN = Execution(datetime(2026, 11, 23, 22, 5, tzinfo=UTC), 12.3)


def _bar(place: Project, around: Surroundings = AROUND, execution: Execution | None = RAN) -> BeautifulSoup:
    text = html.recipe_bar(ENTRY, place, around, execution, bibtex="@misc{x}", download="../a.ipynb", minutes=4)
    return BeautifulSoup(text, "html.parser")


def test_no_launch_link_without_a_repository() -> None:
    """Where the repository isn't known the only link is the download."""
    assert [link["href"] for link in _bar(Project()).find_all("a")] == ["../a.ipynb"]


def test_launch_links_with_a_repository() -> None:
    """A known repository gives SWAN, Binder, the download and the commit."""
    links = [link.text for link in _bar(Project("https://gitlab.cern.ch/cms/cookbook")).find_all("a")]
    assert links == ["Open in SWAN", "Open in Binder", "Download notebook", "abc123"]


def test_changed_tree_has_no_commit_link() -> None:
    """A commit that isn't what was executed is named but not linked."""
    around = Surroundings("abc123", True, {}, None)
    bar = _bar(Project("https://github.com/cms/cookbook"), around)
    assert "abc123+changes" in bar.text
    assert not any("commit" in link["href"] for link in bar.find_all("a"))


def test_stamp_names_time_versions_and_input() -> None:
    """The stamp is readable by people and, through the time element, by scripts."""
    bar = _bar(Project())
    assert bar.time is not None
    assert bar.time["datetime"] == "2026-11-23T22:05:00+00:00"
    for text in ("2026-11-23 22:05 UTC", "2026.9.0", "0123456789ab"):
        assert text in bar.text


def test_missing_execution_is_said() -> None:
    """A page that was not executed says so."""
    assert "not in this build" in _bar(Project(), execution=None).text


def test_cards_escape_and_link() -> None:
    """A card links to its page, and metadata can't break the markup."""
    cards = BeautifulSoup(html.cards([ENTRY], lambda name: f"../{name}.html"), "html.parser")
    link = cards.select_one(".recipe-card a")
    assert link is not None
    assert (link["href"], link.text) == ("../recipes/dimuon.html", "Dimuon <b>")
    assert [option.text for option in cards.select("select[name=api] option")] == ["all", "Define", "Weights"]


def test_api_index_has_a_table_per_tool() -> None:
    """Each tool has its own table, with a link to the recipes."""
    page = BeautifulSoup(html.api_index([ENTRY], lambda name: name), "html.parser")
    assert [caption.text for caption in page.find_all("caption")] == ["coffea", "RDataFrame"]
    assert [link["href"] for link in page.find_all("a")] == ["recipes/dimuon", "recipes/dimuon"]


def test_status_tells_passed_failed_and_missing_apart() -> None:
    """The three outcomes read differently."""
    failed = Execution(RAN.finished, None, "CellExecutionError")
    text = html.status([("A", "a", RAN, LEDGER), ("B", "b", failed, None), ("C", "c", None, None)], AROUND)
    cells = [
        [cell.text for cell in row.find_all("td")] for row in BeautifulSoup(text, "html.parser").select("tbody tr")
    ]
    assert cells[0][:3] == ["2026-11-23 22:05 UTC", "passed", "12 s"]
    assert cells[1][1:3] == ["failed: CellExecutionError", "not measured"]
    assert cells[2][:3] == ["not in this build", "unknown", "not measured"]


def test_status_says_how_many_faults_were_found() -> None:
    """A recipe's mutation score comes from its ledger; a page without one says that there is none."""
    page = BeautifulSoup(html.status([("A", "a", RAN, LEDGER), ("B", "b", RAN, None)], AROUND), "html.parser")
    assert [row.select("td")[-1].text for row in page.select("tbody tr")] == ["4 of 5 (80%)", "none put in"]


def test_project_links_are_empty_where_nothing_is_known() -> None:
    """Without addresses there is no list at all."""
    assert html.project_links(Project()).strip() == ""
