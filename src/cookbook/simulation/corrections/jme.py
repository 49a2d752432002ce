"""Jet corrections from the truth: scale, resolution, identification, veto map."""

from functools import partial
from itertools import pairwise
from typing import Any

from correctionlib import schemav2 as cs

from ..truth import Truth
from .nodes import MAX_PT, binning, category, correction, formula, in_signed_eta, integer, real, string

JEC, JER = "Cookbook24_V1", "Cookbook24_JRV1"
VETO = "Cookbook24_RunA_V1"
MIN_RAW_PT = "5"
RUNS = [370000.0, 400000.0]

ETA, PT = real("JetEta", "jet pseudorapidity"), real("JetPt", "jet pt before this correction, GeV")
AREA, RHO = real("JetA", "jet area"), real("Rho", "energy density, GeV")
RUN = real("run", "run number")


def l2_relative(truth: Truth) -> Any:
    """Correct raw pt to the true scale of the simulation."""
    jet = truth.table["jet"]

    def content(i: int) -> Any:
        return formula(f"{jet['a'][i]}+{jet['b'][i]}*pow(max({MIN_RAW_PT},min({MAX_PT},x))/30,-0.5)", "JetPt")

    return in_signed_eta("JetEta", jet["eta"], content)


def residual(truth: Truth) -> Any:
    """Correct what the simulation's scale leaves over in data."""
    jet = truth.table["jet"]

    def content(i: int) -> Any:
        return formula(f"{jet['k'][i]}+({jet['slope']})*log10(max(10,min({MAX_PT},x))/100)", "JetPt")

    return binning("run", RUNS, [in_signed_eta("JetEta", jet["eta"], content)])


def scale_levels(truth: Truth, kind: str, algorithm: str) -> list[Any]:
    """All levels of the jet scale for simulation (``MC``) or data (``DATA``)."""
    tag = f"{JEC}_{kind}"
    data = kind == "DATA"
    rest = residual(truth) if data else 1.0
    return [
        correction(f"{tag}_L1FastJet_{algorithm}", "none: PUPPI jets", [AREA, ETA, PT, RHO], 1.0),
        correction(f"{tag}_L2Relative_{algorithm}", "response in simulation", [ETA, PT], l2_relative(truth)),
        correction(f"{tag}_L3Absolute_{algorithm}", "none", [ETA, PT], 1.0),
        correction(
            f"{tag}_L2L3Residual_{algorithm}",
            "data over simulation" if data else "none in simulation",
            [RUN, ETA, PT] if data else [ETA, PT],
            rest,
        ),
    ]


def compound(kind: str, algorithm: str) -> Any:
    """Chain of all levels, each taking the pt that the one before leaves."""
    tag = f"{JEC}_{kind}"
    inputs = [AREA, ETA, PT, RHO, RUN] if kind == "DATA" else [AREA, ETA, PT, RHO]
    return cs.CompoundCorrection(
        name=f"{tag}_L1L2L3Res_{algorithm}",
        description="all levels of the jet scale",
        inputs=inputs,
        output=cs.Variable(name="weight", type="real", description="factor on raw pt"),
        inputs_update=["JetPt"],
        input_op="*",
        output_op="*",
        stack=[f"{tag}_{level}_{algorithm}" for level in ("L1FastJet", "L2Relative", "L3Absolute", "L2L3Residual")],
    )


def size(source: dict[str, Any], i: int) -> str:
    """Write one uncertainty source as a formula, in the bin `i` of absolute eta."""
    return f"{source['value'][i]}*pow(max(10,min({MAX_PT},x))/100,{source['power']})"


def at(expressions: list[str], i: int) -> Any:
    """Write the bin `i` of absolute eta as a formula of pt."""
    return formula(expressions[i], "JetPt")


def in_quadrature(expressions: list[str]) -> str:
    """Write the quadratic sum of formulas."""
    return "sqrt(" + "+".join(f"pow({expression},2)" for expression in expressions) + ")"


def uncertainty(truth: Truth, name: str, members: list[dict[str, Any]], algorithm: str) -> Any:
    """Relative uncertainty of one source, or the quadratic sum of several."""
    jet = truth.table["jet"]
    sizes = [[size(source, i) for source in members] for i in range(len(jet["a"]))]
    expressions = [found[0] if len(found) == 1 else in_quadrature(found) for found in sizes]
    return correction(
        f"{JEC}_MC_{name}_{algorithm}",
        "relative uncertainty of the jet scale",
        [ETA, PT],
        in_signed_eta("JetEta", jet["eta"], partial(at, expressions)),
    )


def uncertainties(truth: Truth, sources: dict[str, dict[str, Any]], algorithm: str) -> list[Any]:
    """Relative uncertainty of every source, and their quadratic sum ``Total``."""
    members = {name: [source] for name, source in sources.items()} | {"Total": list(sources.values())}
    return [uncertainty(truth, name, parts, algorithm) for name, parts in members.items()]


def all_sources(truth: Truth, algorithm: str) -> Any:
    """Full set of sources of the jet scale, and the regrouped set."""
    jet = truth.table["jet"]
    sources = jet["uncertainty"] | jet["source"]
    groups = {f"Regrouped_{name}": [sources[member] for member in members] for name, members in jet["group"].items()}
    corrections = uncertainties(truth, dict(sorted(sources.items())), algorithm)
    corrections += [uncertainty(truth, name, parts, algorithm) for name, parts in groups.items()]
    return cs.CorrectionSet(
        schema_version=2,
        description="All sources of the jet scale uncertainty of the cookbook's sample",
        corrections=corrections,
    )


def resolution(truth: Truth, algorithm: str) -> list[Any]:
    """Relative resolution in simulation, and the ratio of data to simulation."""
    jet = truth.table["jet"]
    rho = jet["rho"]

    def in_rho(i: int) -> Any:
        content = []
        for low, high in pairwise(rho):
            noise = jet["n"][i] + jet["n_rho"] * (low + high) / 2
            x = f"max(8,min({MAX_PT},x))"
            content.append(formula(f"sqrt(pow({noise}/{x},2)+pow({jet['s'][i]},2)/{x}+pow({jet['c'][i]},2))", "JetPt"))
        return binning("Rho", rho, content)

    def ratio(i: int) -> Any:
        value, error = jet["scale_factor"][i], jet["scale_factor_error"][i]
        return category("systematic", {"nom": value, "up": value + error, "down": value - error})

    systematic = string("systematic", "nom, up or down")
    return [
        correction(
            f"{JER}_MC_PtResolution_{algorithm}",
            "relative resolution in simulation",
            [ETA, PT, RHO],
            in_signed_eta("JetEta", jet["eta"], in_rho),
        ),
        correction(
            f"{JER}_MC_ScaleFactor_{algorithm}",
            "resolution in data over simulation",
            [ETA, PT, systematic],
            in_signed_eta("JetEta", jet["eta"], ratio),
        ),
    ]


def jerc(truth: Truth, algorithm: str) -> Any:
    """Jet scale and resolution of one algorithm (``AK4PFPuppi`` or ``AK8PFPuppi``)."""
    corrections = [*scale_levels(truth, "MC", algorithm), *scale_levels(truth, "DATA", algorithm)]
    corrections += [*uncertainties(truth, truth.table["jet"]["uncertainty"], algorithm), *resolution(truth, algorithm)]
    return cs.CorrectionSet(
        schema_version=2,
        description="Jet scale and resolution of the cookbook's sample",
        corrections=corrections,
        compound_corrections=[compound("MC", algorithm), compound("DATA", algorithm)],
    )


def smearing() -> Any:
    """Factor that smears simulated jets: scaled difference with a generator jet, random without one (GenPt < 0)."""
    inputs = [PT, ETA, real("GenPt", "pt of the matched generator jet, or -1"), RHO, integer("EventID")]
    inputs += [real("JER", "relative resolution"), real("JERSF", "data over simulation")]
    random = cs.Transform(
        nodetype="transform",
        input="GenPt",
        rule=cs.HashPRNG(nodetype="hashprng", inputs=["JetPt", "JetEta", "Rho", "EventID"], distribution="normal"),
        content=formula("1+sqrt(max(z*z-1,0))*y*x", "GenPt", "JER", "JERSF"),
    )
    scaled = formula("1+(z-1)*(x-y)/x", "JetPt", "GenPt", "JERSF")
    data = binning("GenPt", [-1, 0, "inf"], [random, scaled])
    return cs.CorrectionSet(
        schema_version=2,
        description="Jet smearing",
        corrections=[correction("JERSmear", "factor on the jet's momentum", inputs, data)],
    )


def veto_map(truth: Truth) -> Any:
    """Map that is not zero in the hot region of the calorimeter, with a border of 0.05."""
    hot = truth.table["jet"]["hot"]
    eta, phi = real("eta", "jet pseudorapidity"), real("phi", "jet azimuth")
    kind = string("type", "jetvetomap, jetvetomap_hot or jetvetomap_all")
    edges_eta = [-5.191, hot["eta"][0] - 0.05, hot["eta"][1] + 0.05, 5.191]
    edges_phi = [-3.1416, hot["phi"][0] - 0.05, hot["phi"][1] + 0.05, 3.1416]
    zone = binning("eta", edges_eta, [0.0, binning("phi", edges_phi, [0.0, 100.0, 0.0]), 0.0])
    content = category("type", dict.fromkeys(("jetvetomap", "jetvetomap_hot", "jetvetomap_all"), zone))
    return cs.CorrectionSet(
        schema_version=2,
        description="Regions with spurious jets in data",
        corrections=[correction(VETO, "veto where not zero", [kind, eta, phi], content)],
    )


Cut = tuple[str, float | None, float | None]


def all_of(cuts: list[Cut]) -> Any:
    """Nested bins that give 1 where every input is inside its limits (lower included), else 0."""
    if not cuts:
        return 1.0
    (name, low, high), *rest = cuts
    edges: list[Any] = ["-inf", *(limit for limit in (low, high) if limit is not None), "inf"]
    inside = all_of(rest)
    content: list[Any] = ([0.0] if low is not None else []) + [inside] + ([0.0] if high is not None else [])
    return binning(name, edges, content)


def pick(cuts: list[list[Cut]], i: int) -> Any:
    """Decision in the bin `i` of absolute eta."""
    return all_of(cuts[i])


def jet_id() -> Any:
    """Tight identification, and the same with a veto on leptons, for AK4 and AK8 jets."""
    names = ("eta", "chHEF", "neHEF", "chEmEF", "neEmEF", "muEF", "chMultiplicity", "neMultiplicity", "multiplicity")
    inputs = [real(name) for name in names]
    inner: list[Cut] = [("neHEF", None, 0.99), ("neEmEF", None, 0.90), ("multiplicity", 2, None)]
    inner += [("chHEF", 0.01, None), ("chMultiplicity", 1, None)]
    edge: list[Cut] = [("neHEF", None, 0.90), ("neEmEF", None, 0.99)]
    regions: list[list[Cut]] = [
        inner,
        edge,
        [("neHEF", None, 0.99)],
        [("neEmEF", None, 0.40), ("neMultiplicity", 2, None)],
    ]
    leptons: list[Cut] = [("muEF", None, 0.80), ("chEmEF", None, 0.80)]
    corrections = []
    for algorithm in ("AK4PUPPI", "AK8PUPPI"):
        for level, extra in (("Tight", []), ("TightLeptonVeto", leptons)):
            cuts = [region + (extra if i < 2 else []) for i, region in enumerate(regions)]
            data = in_signed_eta("eta", [0.0, 2.6, 2.7, 3.0, 5.2], partial(pick, cuts))
            corrections.append(correction(f"{algorithm}_{level}", "1 if the jet passes, else 0", inputs, data))
    return cs.CorrectionSet(schema_version=2, description="Jet identification", corrections=corrections)
