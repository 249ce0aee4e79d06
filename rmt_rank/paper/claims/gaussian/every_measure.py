"""The stronger theorem: no Schur-concave measure of the normalised spectrum increases."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rmt_rank import exact
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, below, proof, refutation, sampled
from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian import inversion as spectral_inversion
from rmt_rank.theory.gaussian.angle import Angle
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank_derivative
from rmt_rank.theory.gaussian.fuss_catalan import singular_value_law
from rmt_rank.theory.gaussian.moments import fuss_catalan_moment

__all__ = ["CLAIM", "lorenz_curve"]

_ORDERS = (0.1, 0.5, 1, 2, 10, math.inf)
_DEPTHS = np.geomspace(0.01, 1000, 51)


def _check(context: Context) -> Iterator[Evidence]:
    steps = {step.name: step for step in exact.derivation()}
    for name, what in (
        ("levy-khinchine", "log s at two depths differs by a Levy-Khintchine exponent"),
        ("levy growth", "the derivative of its Levy density in depth, for every depth"),
        ("levy positivity", "that derivative is positive, for every depth"),
    ):
        result = steps[name].check()
        evidence = proof if result.how.startswith("symbolic") else sampled
        yield evidence(what, result.holds, f"{result.how}: {steps[name].statement}")
    slopes = [
        _DEPTHS * differential_effective_rank_derivative(_DEPTHS, order=order, power=power)
        for order in _ORDERS
        for power in (1, 2)
    ]
    yield below(
        "every Renyi order falls: largest L d rho_q/dL",
        float(np.max(slopes)),
        0,
        f"float64, orders {', '.join(f'{q:g}' for q in _ORDERS)}, powers 1 and 2, "
        f"{_DEPTHS.size} depths from {_DEPTHS[0]:g} to {_DEPTHS[-1]:g}",
    )
    shares = np.arange(1, 64) / 64
    # neighbours that differ by rounding only are taken as one
    depths = sorted({float(f"{depth:.6g}") for depth in (*context.depths, 1, 2)})
    curves = [lorenz_curve(shares, depth) for depth in depths]
    changes = [b / a - 1 for a, b in pairwise(curves)]
    yield below(
        "convex order: largest relative change of the Lorenz curve",
        float(np.max(changes)),
        0,
        "share of the sum held by the smallest singular values, at 63 fractions, between depths "
        + ", ".join(f"{depth:g}" for depth in depths),
    )
    threshold = 3.0
    share = [
        singular_value_law.sf(threshold * fuss_catalan_moment(0.5, depth), depth)
        for depth in (1, 2)
    ]
    yield refutation(
        "not so threshold rank: P(sigma > 3 c) rises from depth 1 to 2",
        share[1] - share[0],
        0,
        "Definition 3 with tau = 3/width is not a Schur-concave measure, and it may increase",
    )


def lorenz_curve(fractions: npt.NDArray[np.float64], depth: float) -> npt.NDArray[np.float64]:
    """Share of the sum of all singular values that the smallest ones hold, at infinite width.

    Parameters
    ----------
    fractions : ndarray, shape (k,)
        Fractions of the singular values, increasing, inside (0, 1).
    depth : float
        Number of factors, > 0.

    Returns
    -------
    ndarray, shape (k,)
        Integrals of the quantile function over its mean, by sixteen Gauss-Legendre points in the
        angle between neighbouring fractions.
    """
    c = spectral_angle.constants(depth)
    eps = np.append(0.0, spectral_inversion.angle_from_tails(fractions, 1 - fractions, c).eps)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    width = np.diff(eps)[:, np.newaxis]
    eps = eps[:-1, np.newaxis] + width * (nodes + 1) / 2
    angle = Angle(np.pi - eps, eps)
    # dF/deps = K (L+1) dU/dtheta / pi
    density = (
        spectral_angle.density_factor(angle, c)
        * (c.L + 1)
        * spectral_angle.slope(spectral_angle.point(angle, c), c)
        / np.pi
    )
    parts = np.sum(weights * spectral_angle.value(angle, c, 0.5) * density * width / 2, axis=-1)
    curve: npt.NDArray[np.float64] = np.cumsum(parts) / fuss_catalan_moment(0.5, depth)
    return curve


CLAIM = Claim(
    name="theorem1.every-measure",
    statement="No Schur-concave measure of the normalised spectrum increases with depth.",
    assumptions="width -> infinity; every real depth > 0; strict for minus the mean of a strictly "
    "convex function, such as Shannon's and Renyi's entropies",
    reference="stronger than Theorem 1; proof in docs/theorem1.md",
    status="proved",
    refuted_by="a Renyi order that rises, or Lorenz curves that cross",
    check=_check,
    argued="docs/theorem1.md, The stronger theorem",
)
