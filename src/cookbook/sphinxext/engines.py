"""Put the cells of a recipe that belong to one engine each next to each other.

Cells are tagged with their engine's name. Neighbouring ones of coffea and those of RDataFrame that follow, with nothing
between, become one block of two columns.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from docutils import nodes

__all__ = ["ENGINES", "cell_pairs", "engines_in", "orphans", "pair_up"]

#: Cell tag of each engine, and its name as shown.
ENGINES = {"coffea": "coffea", "rdataframe": "RDataFrame"}


def _cell_engines(node: nodes.Element) -> set[str]:
    return {engine for engine in ENGINES if f"tag_{engine}" in node.get("classes", ())}


def engines_in(node: nodes.Node) -> set[str]:
    """Collect the engines that the code cells in a node are tagged with."""
    found: set[str] = set()
    for cell in node.findall(nodes.container):
        found |= _cell_engines(cell)
    return found


def cell_pairs(doctree: nodes.Node) -> Iterator[tuple[list[nodes.Node], list[nodes.Node]]]:
    """Yield neighbouring cells of coffea with those of RDataFrame right after them."""
    for section in doctree.findall(nodes.section):
        runs = [(engine, list(run)) for engine, run in groupby(section.children, key=_engine_of)]
        for (first, left), (second, right) in pairwise(runs):
            if [first, second] == list(ENGINES):
                yield left, right


def _engine_of(node: nodes.Node) -> str:
    """Return the engine that a node is a cell of, or nothing."""
    return next(iter(_cell_engines(node)), "") if isinstance(node, nodes.container) else ""


def _block(left: Sequence[nodes.Node], right: Sequence[nodes.Node]) -> nodes.container:
    # The theme folds its contents column away where a block of this class passes under it.
    block = nodes.container(classes=["engines", "full-width"])
    for part in (left, right):
        (engine,) = set().union(*map(engines_in, part))
        panel = nodes.container("", classes=["engine", f"engine-{engine}"])
        panel += nodes.paragraph("", ENGINES[engine], classes=["engine-name"])
        panel.extend(part)
        block += panel
    return block


def pair_up(doctree: nodes.document) -> int:
    """Replace every pair by a block of two columns, in place.

    Returns
    -------
    int
        How many pairs there were.
    """
    pairs = list(cell_pairs(doctree))
    for left, right in pairs:
        parent = left[0].parent
        place = parent.index(left[0])
        for node in (*left, *right):
            parent.remove(node)
        parent.insert(place, _block(left, right))
    return len(pairs)


def orphans(doctree: nodes.Node) -> list[nodes.Element]:
    """List the cells of an engine that stand outside a block of two columns: they would not be switched."""
    paired = {id(cell) for pair in cell_pairs(doctree) for part in pair for cell in part}
    return [cell for cell in doctree.findall(nodes.container) if _cell_engines(cell) and id(cell) not in paired]
