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


def test_paired_cells_are_no_orphans() -> None:
    """A page that keeps the contract has nothing to report."""
    assert engines.orphans(_page(_section("a", "rdataframe"), _section("b", "coffea"))) == []


def _cell(*tags: str) -> nodes.container:
    return nodes.container(classes=["cell", *(f"tag_{tag}" for tag in tags)])


def _step(*cells: nodes.Node) -> nodes.section:
    return nodes.section("", nodes.title("Step", "Step"), *cells, ids=["step"])


def test_twin_cells_stand_in_one_row() -> None:
    """Neighbouring cells of either engine move into one block of two named panels; prose stays before it."""
    prose, left, right = nodes.paragraph("", "First."), [_cell("coffea"), _cell("coffea")], [_cell("rdataframe")]
    page = _page(_step(prose, *left, *right))
    assert engines.orphans(page) == []
    assert engines.pair_up(page) == 1
    (block,) = [node for node in page.findall(nodes.container) if "engines" in node["classes"]]
    assert [panel.children[1:] for panel in block.children] == [left, right]
    assert [panel.children[0].astext() for panel in block.children] == ["coffea", "RDataFrame"]
    assert block.parent.children[1] is prose


def test_each_step_has_its_row() -> None:
    """Pairs of one section, and of several, are as many blocks."""
    pairs = [_cell("coffea"), _cell("rdataframe"), nodes.paragraph("", "Then."), _cell("coffea"), _cell("rdataframe")]
    assert engines.pair_up(_page(_step(*pairs), _step(_cell("coffea"), _cell("rdataframe")))) == 3


def test_a_missing_twin_is_an_orphan() -> None:
    """A cell without a twin, with its twin before it or with prose between is reported."""
    for cells in (
        [_cell("coffea")],
        [_cell("rdataframe"), _cell("coffea")],
        [_cell("coffea"), nodes.paragraph("", "Between."), _cell("rdataframe")],
    ):
        page = _page(_step(*cells))
        assert len(engines.orphans(page)) == sum(isinstance(cell, nodes.container) for cell in cells)
        assert engines.pair_up(page) == 0
