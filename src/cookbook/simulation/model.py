"""Formulas of the truth, vectorised. The detector draws from them, the correction files repeat them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, ndtr

from .truth import Truth

Floats = NDArray[np.float64]

FLAVOURS = {5: "b", 4: "c", 0: "light"}
MIN_RAW_PT = 5.0
MAX_PT = 4000.0
WORKING_POINTS = {"L": 0.10, "M": 0.01, "T": 0.001}


def binned(edges: list[float], values: list[float], x: Any) -> Floats:
    """Value of the bin that holds `x`, the first or last one outside."""
    position = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(values) - 1)
    found: Floats = np.asarray(values, dtype=float)[position]
    return found


def simulation_correction(truth: Truth, raw_pt: Any, abs_eta: Any) -> Floats:
    """Factor from raw to true jet pt in simulation (L2Relative)."""
    jet = truth.table["jet"]
    a, b = binned(jet["eta"], jet["a"], abs_eta), binned(jet["eta"], jet["b"], abs_eta)
    return np.asarray(a + b * (np.clip(raw_pt, MIN_RAW_PT, MAX_PT) / 30.0) ** -0.5)


def residual_correction(truth: Truth, pt: Any, abs_eta: Any) -> Floats:
    """Factor that data need on top of the simulation correction (L2L3Residual)."""
    jet = truth.table["jet"]
    k = binned(jet["eta"], jet["k"], abs_eta)
    return np.asarray(k + jet["slope"] * np.log10(np.clip(pt, 10.0, MAX_PT) / 100.0))


def invert(correction: Any, truth: Truth, target: Any, abs_eta: Any) -> Floats:
    """Solve ``pt * correction(pt) = target`` by iteration; the corrections change slowly with pt."""
    pt = np.asarray(target, dtype=float) / correction(truth, target, abs_eta)
    for _ in range(30):
        pt = target / correction(truth, pt, abs_eta)
    return np.asarray(pt)


def resolution(truth: Truth, pt: Any, abs_eta: Any, rho: Any) -> Floats:
    """Relative width of the jet response in simulation."""
    jet = truth.table["jet"]
    n, s, c = (binned(jet["eta"], jet[name], abs_eta) for name in ("n", "s", "c"))
    centres = [(low + high) / 2 for low, high in zip(jet["rho"], jet["rho"][1:], strict=False)]
    noise = n + jet["n_rho"] * binned(jet["rho"], centres, rho)
    pt = np.clip(pt, 8.0, MAX_PT)
    width: Floats = np.sqrt(noise**2 / pt**2 + s**2 / pt + c**2)
    return width


def resolution_scale(truth: Truth, abs_eta: Any) -> Floats:
    """Width in data over width in simulation."""
    return binned(truth.table["jet"]["eta"], truth.table["jet"]["scale_factor"], abs_eta)


def tag_parameters(truth: Truth, tagger: str, kind: str, flavour: Any, pt: Any) -> tuple[Floats, Floats]:
    """Mean and width of the discriminant's logit for hadron flavours 5, 4 and 0."""
    table = truth.table["btag"]
    low, high = table["pt"]
    growth = np.log(np.clip(pt, low, high) / 50.0)
    mean, width = np.zeros(np.shape(pt)), np.ones(np.shape(pt))
    for code, name in FLAVOURS.items():
        constant, slope, sigma = table["tagger"][tagger][name][kind]
        mine = np.asarray(flavour) == code
        mean = np.where(mine, constant + slope * growth, mean)
        width = np.where(mine, sigma, width)
    return mean, width


def tag_efficiency(truth: Truth, tagger: str, kind: str, flavour: Any, pt: Any, cut: float) -> Floats:
    """Share of jets above `cut` in the discriminant."""
    mean, width = tag_parameters(truth, tagger, kind, flavour, pt)
    return np.asarray(ndtr((mean - np.log(cut / (1 - cut))) / width))


def working_points(truth: Truth, tagger: str) -> dict[str, float]:
    """Cuts that let 10, 1 and 0.1% of light jets of 50 GeV pass in simulation, to four digits."""
    from scipy.special import ndtri

    mean, _, width = truth.table["btag"]["tagger"][tagger]["light"]["simulation"]
    logits = {name: mean - width * ndtri(rate) for name, rate in WORKING_POINTS.items()}
    return {name: round(float(1 / (1 + np.exp(-z))), 4) for name, z in logits.items()}


def turn_on(pt: Any, threshold: Any, width: float, plateau: Any) -> Floats:
    """Efficiency of a trigger: an error function that is half of `plateau` at `threshold`."""
    return np.asarray(plateau * 0.5 * (1 + erf((pt - threshold) / (np.sqrt(2) * width))))


def pileup_density(truth: Truth, kind: str, shift: float = 0.0) -> Floats:
    """Normalised profile of the true number of interactions in unit bins from 0 to 100."""
    table = truth.table["pileup"]
    mean, width = table[kind]["mean"] * (1 + shift), table[kind]["width"]
    edges = np.clip(np.arange(101.0), table["minimum"], table["maximum"])
    cumulative = ndtr((edges - mean) / width)
    content = np.diff(cumulative)
    return np.asarray(content / content.sum())


def electron_sf(truth: Truth, level: str, eta: Any, pt: Any) -> Floats:
    """Give data over simulation of an electron identification ``wp90`` or ``wp80``."""
    table = truth.table["electron"]
    endcap = np.where(np.abs(eta) > 1.566, table["sf_endcap"], 1.0)
    return binned(table["pt"], table[f"sf_{level}"], pt) * endcap


def electron_reconstruction_sf(truth: Truth, pt: Any) -> Floats:
    """Give data over simulation of electron reconstruction, split at 20 and 75 GeV."""
    return binned([0.0, 20.0, 75.0], truth.table["electron"]["sf_reconstruction"], pt)


def muon_sf(truth: Truth, name: str, abs_eta: Any) -> Floats:
    """Give data over simulation of a muon efficiency: ``tight``, ``medium``, ``isolation`` or ``trigger``."""
    return binned(truth.table["muon"]["eta"], truth.table["muon"][f"sf_{name}"], abs_eta)
