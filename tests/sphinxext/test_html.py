"""The generated parts of pages."""

from dataclasses import replace
from datetime import UTC, datetime

from bs4 import BeautifulSoup

from cookbook import gaps
from cookbook.elsewhere import Outcome, Record
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


LACKING = Outcome("cannot", message="a_v9.root: tree 'Events' has no branch 'Jet_x'; the nearest names are Jet_y")
RECORD = Record("a", "key", {"v9": LACKING, "v15": Outcome("agrees", 200)})


def test_other_files_tell_agreed_refused_and_failed_apart() -> None:
    """A reason stands once below the table, for however many files and recipes."""
    other = Record("b", "key", {"v9": LACKING, "v15": Outcome("error", message="they differ")})
    rows = [("A", "a", RECORD), ("B", "b", other), ("C", "c", None)]
    page = BeautifulSoup(html.other_files(["v9", "v12", "v15"], rows), "html.parser")
    assert [cell.text for cell in page.select("thead th")] == ["Recipe", "v9", "v15"]
    cells = [[cell.text for cell in row.find_all("td")] for row in page.select("tbody tr")]
    assert cells == [["\N{EN DASH} 1", "✓ 200"], ["\N{EN DASH} 1", "failed"], ["", ""]]
    assert [(item["id"], item.text) for item in page.find_all("li")] == [
        ("other-files-1", "tree 'Events' has no branch 'Jet_x'")
    ]
    assert {link["href"] for link in page.select("td a")} == {"#other-files-1"}


def test_without_records_there_is_no_table_of_other_files() -> None:
    """The page says that nothing was tried, and is built all the same."""
    page = BeautifulSoup(html.other_files(["v9"], [("A", "a", None)]), "html.parser")
    assert page.find("table") is None
    assert "No recipe was tried" in page.text


GAP = gaps.Gap("hist", "2.12.0", "silent", "got <1>", "`Regular` moves.", "Give edges.", "dimuon", gaps.NO_THREAD)


def _gaps(*found: gaps.Gap) -> BeautifulSoup:
    register = [
        gaps.Entry(gap, "A `bin` moves", f"test_{gap.tool}", "x = 1", "tests/gaps/test_hist.py") for gap in found
    ]
    text = html.gaps(register, {"hist": "2.12.1"}, {"dimuon": ("Dimuon <b>", "recipes/dimuon.html")})
    return BeautifulSoup(text, "html.parser")


def test_a_gap_says_all_that_is_declared() -> None:
    """Title, kind, effect, way round with its recipe, version, thread and reproducer stand under the tool."""
    page = _gaps(GAP)
    assert [heading.text for heading in page.find_all(["h2", "h3"])] == ["hist 2.12.1", "A bin moves"]
    assert [code.text for code in page.select("h3 code, dd code")] == ["bin", "Regular"]
    assert page.select_one(".gap-kind").text == "wrong without an error"  # type: ignore[union-attr]
    said = ["Regular moves.", "Give edges. See Dimuon <b>.", "hist 2.12.0", "none found"]
    assert [entry.text for entry in page.find_all("dd")] == said
    assert [link["href"] for link in page.select("dd a")] == ["recipes/dimuon.html"]
    assert page.pre is not None
    assert page.pre.text.strip() == "x = 1"
    assert [code.text for code in page.select(".gap-file code")] == ["tests/gaps/test_hist.py", "got <1>"]


def test_a_thread_is_linked_by_its_name() -> None:
    """An issue is called as its developers call it."""
    page = _gaps(replace(GAP, thread="https://github.com/scikit-hep/hist/issues/455"))
    assert [(link.text, link["href"]) for link in page.select("dd:last-of-type a")] == [
        ("hist#455", "https://github.com/scikit-hep/hist/issues/455")
    ]


def test_gaps_are_counted_while_they_are_open() -> None:
    """One that is mended stays on the page and says so, but counts no more."""
    page = _gaps(GAP, replace(GAP, tool="uproot", mended="6.0.0"))
    assert page.p is not None
    assert page.p.text == "The register holds 1 gap. By kind: wrong without an error 1. By tool: hist 1, uproot 1."
    assert page.select(".gap-kind")[1].text == "mended in 6.0.0, before: wrong without an error"


def test_an_empty_register_says_so() -> None:
    """A book without the tests has the page as well."""
    assert _gaps().text.strip() == "The register holds no gap."


def test_project_links_are_empty_where_nothing_is_known() -> None:
    """Without addresses there is no list at all."""
    assert html.project_links(Project()).strip() == ""
