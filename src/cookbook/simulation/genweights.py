"""Weights of the generator: scales from the parton densities and the coupling, a toy set of density errors."""

from typing import Any

import awkward as ak
import numpy as np

from .arrays import Floats

# NanoAOD's order: renormalisation scale outside, factorisation scale inside; entry 4 is nominal.
SCALES = [(r, f) for r in (0.5, 1.0, 2.0) for f in (0.5, 1.0, 2.0)]
PDF_MEMBERS = 33
BETA0 = (33 - 2 * 5) / (12 * np.pi)
Q2_MINIMUM = 4.0


def generator_info(info: Any) -> ak.Array:
    """Parton momentum fractions, flavours, densities and scale of each event."""
    names = {"id1": "id1", "id2": "id2", "x1": "x1", "x2": "x2", "xpdf1": "pdf1", "xpdf2": "pdf2"}
    record = {new: info[old] for new, old in names.items()}
    record["scalePDF"] = np.sqrt(info.Q2Fac)
    record["binvar"] = np.sqrt(info.pT2Hat)
    return ak.zip(record)


def coupling_ratio(alpha: Floats, factor: float) -> Floats:
    """One-loop alpha_s at `factor` times the scale, over alpha_s at the scale."""
    ratio: Floats = 1.0 / (1.0 + alpha * BETA0 * np.log(factor**2))
    return ratio


def density_ratio(info: Any, factor: float, pdf: Any) -> Floats:
    """Product of both parton densities at `factor` times the factorisation scale, over the nominal product.

    `pdf` is Pythia's proton density; it is evaluated event by event because it has no other interface.
    """
    columns = (info.id1, info.x1, info.pdf1, info.id2, info.x2, info.pdf2, info.Q2Fac)
    rows = zip(*(ak.to_list(column) for column in columns), strict=True)
    ratio = []
    for id1, x1, p1, id2, x2, p2, q2 in rows:
        scale2 = max(q2 * factor**2, Q2_MINIMUM)
        product = pdf.xf(id1, x1, scale2) * pdf.xf(id2, x2, scale2)
        ratio.append(product / (p1 * p2) if p1 * p2 > 0 else 1.0)
    clipped: Floats = np.clip(np.asarray(ratio, dtype=float), 0.2, 5.0)
    return clipped


def scale_weights(info: Any, orders: int, pdf: Any) -> Floats:
    """Nine relative weights of the renormalisation and factorisation scales, at leading order."""
    alpha = np.asarray(info.alphaS, dtype=float)
    density = {factor: density_ratio(info, factor, pdf) if factor != 1 else 1.0 for factor in (0.5, 1.0, 2.0)}
    columns = [coupling_ratio(alpha, r) ** orders * density[f] * np.ones(len(alpha)) for r, f in SCALES]
    return np.stack(columns, axis=1)


def pdf_weights(x1: Floats, x2: Floats, size: float) -> Floats:
    """Toy Hessian set: entry 0 is 1, the 32 others shift by smooth functions of both momentum fractions.

    The eigenvectors are cosines in ln x of falling amplitude `size` / k, so that large and small x vary
    independently. They stand for a real density set in form, not in value.
    """

    def shape(k: int, x: Floats) -> Floats:
        position = np.log(np.clip(x, 1e-6, 1.0)) / np.log(1e-6)
        return np.asarray(np.cos(np.pi * k * position))

    members = [np.ones(len(x1))]
    for k in range(1, PDF_MEMBERS):
        members.append(1.0 + size / np.sqrt(k) * 0.5 * (shape(k, x1) + shape(k, x2)))
    return np.stack(members, axis=1)
