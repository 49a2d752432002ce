"""Short names for the parts of correctionlib's schema version 2."""

from collections.abc import Callable, Sequence
from typing import Any

from correctionlib import schemav2 as cs

MAX_PT = "4000"


def real(name: str, text: str = "") -> Any:
    """Describe a floating-point input."""
    return cs.Variable(name=name, type="real", description=text)


def string(name: str, text: str = "") -> Any:
    """Describe a string input."""
    return cs.Variable(name=name, type="string", description=text)


def integer(name: str, text: str = "") -> Any:
    """Describe an integer input."""
    return cs.Variable(name=name, type="int", description=text)


def formula(expression: str, *variables: str) -> Any:
    """Make a formula of up to four inputs, called x, y, z and t."""
    return cs.Formula(nodetype="formula", expression=expression, parser="TFormula", variables=list(variables))


def binning(variable: str, edges: Sequence[Any], content: Sequence[Any], flow: Any = "clamp") -> Any:
    """Content by bins of one input."""
    return cs.Binning(nodetype="binning", input=variable, edges=list(edges), content=list(content), flow=flow)


def category(variable: str, content: dict[Any, Any]) -> Any:
    """Content by values of a string or integer input."""
    items = [cs.CategoryItem(key=key, value=value) for key, value in content.items()]
    return cs.Category(nodetype="category", input=variable, content=items)


def correction(name: str, text: str, inputs: Sequence[Any], data: Any) -> Any:
    """One correction with a single output called ``weight``."""
    output = cs.Variable(name="weight", type="real", description="")
    return cs.Correction(
        name=name, description=text, version=1, inputs=list(inputs), output=output, data=data, generic_formulas=None
    )


def mirrored(edges: Sequence[float]) -> list[float]:
    """Edges in signed eta from edges in absolute eta, which start at 0."""
    return [-edge for edge in reversed(edges)] + list(edges[1:])


def in_signed_eta(variable: str, edges: Sequence[float], make: Callable[[int], Any], flow: Any = "clamp") -> Any:
    """Bins in signed eta with the content ``make(bin)`` of the bin in absolute eta."""
    size = len(edges) - 1
    order = [*reversed(range(size)), *range(size)]
    return binning(variable, mirrored(edges), [make(i) for i in order], flow)
