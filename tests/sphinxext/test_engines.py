"""Twin cells of the two engines become two columns."""

from docutils import nodes
from docutils.utils import new_document

from cookbook.sphinxext import engines


def _page(*sections: nodes.section) -> nodes.document:
    document = new_document("page")
    document += nodes.section("", nodes.title("Top", "Top"), *sections)
    return document


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
