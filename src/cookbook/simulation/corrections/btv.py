"""Tagging scale factors from the truth."""

import math
from typing import Any

from correctionlib import schemav2 as cs

from .. import model
from ..truth import Truth
from .nodes import category, correction, formula, integer, real, string

LIMITS = (0.0002, 0.9995)
# Which flavours a variation of the shape correction moves, and the entry of `uncertainty` that sets its size.
SHAPE_VARIATIONS = {"hf": ("b", (5,)), "cferr1": ("c", (4,)), "lf": ("light", (0,))}


def growth(truth: Truth, variable: str) -> str:
    """Write ln(pt / 50) as a formula, inside the range where the tagger's mean moves."""
    low, high = truth.table["btag"]["pt"]
    return f"log(max({low},min({high},{variable}))/50)"


def shape(truth: Truth, tagger: str, flavour: str) -> str:
    """Ratio of the densities of a discriminant (x) in data and simulation at a pt (y)."""
    entry = truth.table["btag"]["tagger"][tagger][flavour]
    z = "log(max({0},min({1},x))/(1-max({0},min({1},x))))".format(*LIMITS)
    pulls = []
    for kind in ("simulation", "data"):
        mean, slope, width = entry[kind]
        pulls.append(f"pow(({z}-({mean})-({slope})*{growth(truth, 'y')})/{width},2)")
    return f"{entry['simulation'][2] / entry['data'][2]}*exp(0.5*({pulls[0]}-{pulls[1]}))"


def efficiency(truth: Truth, tagger: str, flavour: str, kind: str, cut: str) -> str:
    """Share of jets above a cut, as a formula of pt (x); `cut` is the cut's logit."""
    mean, slope, width = truth.table["btag"]["tagger"][tagger][flavour][kind]
    return f"0.5*(1+erf((({mean})+({slope})*{growth(truth, 'x')}-({cut}))/({width}*sqrt(2))))"


def shape_correction(truth: Truth, tagger: str) -> Any:
    """Scale factor of the whole discriminant."""
    table = truth.table["btag"]

    def by_flavour(scale: dict[int, float]) -> Any:
        content = {}
        for code, name in model.FLAVOURS.items():
            expression = f"({shape(truth, tagger, name)})*{scale.get(code, 1.0)}"
            content[code] = formula(expression, "discriminant", "pt")
        return category("flavor", content)

    variations = {"central": by_flavour({})}
    for name, (flavour, codes) in SHAPE_VARIATIONS.items():
        error = table["uncertainty"][flavour]
        variations[f"up_{name}"] = by_flavour(dict.fromkeys(codes, 1 + error))
        variations[f"down_{name}"] = by_flavour(dict.fromkeys(codes, 1 - error))
    inputs = [string("systematic"), integer("flavor"), real("abseta"), real("pt"), real("discriminant")]
    return correction(f"{tagger}_shape", "data over simulation", inputs, category("systematic", variations))


def working_point_correction(truth: Truth, tagger: str, suffix: str, codes: tuple[int, ...]) -> Any:
    """Ratio of the efficiencies at a working point."""
    table, points = truth.table["btag"], model.working_points(truth, tagger)

    def by_flavour(point: str, sign: int) -> Any:
        logit = str(math.log(points[point] / (1 - points[point])))
        content = {}
        for code in codes:
            name = model.FLAVOURS[code]
            top, bottom = (efficiency(truth, tagger, name, kind, logit) for kind in ("data", "simulation"))
            factor = 1 + sign * table["uncertainty"][name]
            content[code] = formula(f"{factor}*({top})/({bottom})", "pt")
        return category("flavor", content)

    data = category(
        "systematic",
        {
            name: category("working_point", {point: by_flavour(point, sign) for point in points})
            for name, sign in (("central", 0), ("up", 1), ("down", -1))
        },
    )
    inputs = [string("systematic"), string("working_point"), integer("flavor"), real("abseta"), real("pt")]
    return correction(f"{tagger}_{suffix}", "data over simulation at a working point", inputs, data)


def values(truth: Truth, tagger: str) -> Any:
    """Cuts of the working points."""
    points = {name: float(cut) for name, cut in model.working_points(truth, tagger).items()}
    data = category("working_point", points)
    return correction(f"{tagger}_wp_values", "cuts on the discriminant", [string("working_point")], data)


def tagging(truth: Truth) -> Any:
    """All tagging corrections."""
    corrections = []
    for tagger in truth.table["btag"]["tagger"]:
        corrections += [
            shape_correction(truth, tagger),
            working_point_correction(truth, tagger, "comb", (5, 4)),
            working_point_correction(truth, tagger, "light", (0,)),
            values(truth, tagger),
        ]
    return cs.CorrectionSet(schema_version=2, description="Tagging of the cookbook's sample", corrections=corrections)
