"""Put the parts of a recipe that belong to one engine each next to each other.

A part is a section whose code cells are tagged with one engine's name. Two neighbouring sections, one of either
engine, become one block of two columns. The sections stay what they were, headings and anchors included: the
table of contents was made before, when the page was read.
"""

from collections.abc import Iterator

from docutils import nodes

__all__ = ["ENGINES", "engine_pairs", "engines_in", "orphans", "pair_up"]

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


def _block(left: nodes.section, right: nodes.section) -> nodes.container:
    # The theme folds its contents column away where a block of this class passes under it.
    block = nodes.container(classes=["engines", "full-width"])
    for section in (left, right):
        (engine,) = engines_in(section)
        block += nodes.container("", section, classes=["engine", f"engine-{engine}"])
    return block


def pair_up(doctree: nodes.document) -> int:
    """Replace every pair of sections by a block of two columns, in place.

    Returns
    -------
    int
        How many pairs there were.
    """
    pairs = list(engine_pairs(doctree))
    for left, right in pairs:
        parent = left.parent
        place = parent.index(left)
        parent.remove(left)
        parent.remove(right)
        parent.insert(place, _block(left, right))
    return len(pairs)


def orphans(doctree: nodes.Node) -> list[nodes.Element]:
    """List the cells of an engine that stand outside a block of two columns: they would not be switched."""
    paired = {id(cell) for pair in engine_pairs(doctree) for part in pair for cell in part.findall(nodes.container)}
    return [cell for cell in doctree.findall(nodes.container) if _cell_engines(cell) and id(cell) not in paired]
