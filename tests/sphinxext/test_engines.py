"""The two engines' sections become two columns."""

from docutils import nodes
from docutils.utils import new_document

from cookbook.sphinxext import engines


def _section(name: str, *engine: str) -> nodes.section:
    section = nodes.section("", nodes.title(name, name), ids=[name])
    for tag in engine:
        section += nodes.container(classes=["cell", f"tag_{tag}"])
    return section


def _page(*sections: nodes.section) -> nodes.document:
    document = new_document("page")
    document += nodes.section("", nodes.title("Top", "Top"), *sections)
    return document


def test_neighbours_of_either_engine_are_paired() -> None:
    """Two neighbouring sections move into one block, each in a panel with its engine's name."""
    page = _page(_section("before"), _section("left", "coffea"), _section("right", "rdataframe"), _section("after"))
    assert engines.pair_up(page) == 1
    children = page.children[0].children
    assert [type(child).__name__ for child in children] == ["title", "section", "container", "section"]
    assert children[2]["classes"] == ["engines", "full-width"]
    assert [panel["classes"] for panel in children[2].children] == [
        ["engine", "engine-coffea"],
        ["engine", "engine-rdataframe"],
    ]


def test_headings_and_anchors_stay() -> None:
    """The sections inside the block are the ones that stood there before."""
    left, right = _section("left", "coffea"), _section("right", "rdataframe")
    page = _page(left, right)
    engines.pair_up(page)
    assert [section["ids"] for section in page.findall(nodes.section)][1:] == [["left"], ["right"]]
    assert left.parent is not None
    assert left.parent["classes"] == ["engine", "engine-coffea"]


def test_two_pairs_on_one_page() -> None:
    """A page may compare the engines more than once."""
    page = _page(
        _section("a", "coffea"), _section("b", "rdataframe"), _section("c", "coffea"), _section("d", "rdataframe")
    )
    assert engines.pair_up(page) == 2


def test_same_engine_twice_is_no_pair() -> None:
    """Two sections of the same engine stay below each other."""
    page = _page(_section("a", "coffea"), _section("b", "coffea"))
    assert engines.pair_up(page) == 0
    assert len(engines.orphans(page)) == 2


def test_section_of_both_engines_is_an_orphan() -> None:
    """Cells of both engines in one section can't be told apart, so they are reported."""
    page = _page(_section("a", "coffea", "rdataframe"), _section("b", "rdataframe"))
    assert len(engines.orphans(page)) == 3


def test_paired_cells_are_no_orphans() -> None:
    """A page that keeps the contract has nothing to report."""
    assert engines.orphans(_page(_section("a", "rdataframe"), _section("b", "coffea"))) == []
