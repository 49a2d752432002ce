"""Put the cells of a recipe that belong to one engine each next to each other.

Cells are tagged with their engine's name. Neighbouring ones of coffea and those of RDataFrame that follow, with nothing
between, become one block of two columns. On pages that have a section for each engine, two neighbouring sections do.
The sections stay what they were, headings and anchors included: the table of contents was made before, when the page
was read.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from docutils import nodes

__all__ = ["ENGINES", "cell_pairs", "engine_pairs", "engines_in", "orphans", "pair_up"]

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


def engine_pairs(doctree: nodes.Node) -> Iterator[tuple[nodes.section, nodes.section]]:
    """Yield neighbouring sections of one engine each, not of the same one."""
    parents = [node for node in doctree.findall(nodes.Element) if isinstance(node, nodes.section | nodes.document)]
    for parent in parents:
        sections = [child for child in parent.children if isinstance(child, nodes.section)]
        first = 0
        while first + 1 < len(sections):
            left, right = sections[first], sections[first + 1]
            kinds = engines_in(left), engines_in(right)
            if all(len(kind) == 1 for kind in kinds) and kinds[0] != kinds[1]:
                yield left, right
                first += 1
            first += 1


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


def _block(left: Sequence[nodes.Node], right: Sequence[nodes.Node], *, named: bool) -> nodes.container:
    # The theme folds its contents column away where a block of this class passes under it.
    block = nodes.container(classes=["engines", "full-width"])
    for part in (left, right):
        (engine,) = set().union(*map(engines_in, part))
        panel = nodes.container("", classes=["engine", f"engine-{engine}"])
        if named:
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
    sections = [([left], [right]) for left, right in engine_pairs(doctree)]
    cells = list(cell_pairs(doctree))
    for left, right in (*sections, *cells):
        parent = left[0].parent
        place = parent.index(left[0])
        for node in (*left, *right):
            parent.remove(node)
        parent.insert(place, _block(left, right, named=not isinstance(left[0], nodes.section)))
    return len(sections) + len(cells)


def orphans(doctree: nodes.Node) -> list[nodes.Element]:
    """List the cells of an engine that stand outside a block of two columns: they would not be switched."""
    paired = {id(cell) for pair in engine_pairs(doctree) for part in pair for cell in part.findall(nodes.container)}
    paired |= {id(cell) for pair in cell_pairs(doctree) for part in pair for cell in part}
    return [cell for cell in doctree.findall(nodes.container) if _cell_engines(cell) and id(cell) not in paired]
