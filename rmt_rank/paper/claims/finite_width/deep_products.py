"""Gaussian products: stochastic order at width 2, decay of the mean rank, and its fluctuations.

beta is 1 for real and 2 for complex entries.  docs/open-questions.md has the proofs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most
from rmt_rank.paper.claims.finite_width.gram_powers import critical_ratio
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.theory.finite_width.lyapunov import effective_rank_decay_rate

__all__ = ["CLAIMS", "rank_variance"]

Array = npt.NDArray[np.float64]
Matrices = npt.NDArray[np.inexact]

_ARGUED = "docs/open-questions.md"


def _gaussian(samples: int, width: int, field: str, rng: np.random.Generator) -> Matrices:
    shape = (samples, width, width)
    g = rng.standard_normal(shape)
    return g + 1j * rng.standard_normal(shape) if field == "complex" else g


def _order(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(99,)))
    samples, depths = 20_000, 5
    rises = []
    w = _gaussian(samples, 2, context.field, rng)
    before = None
    for _ in range(depths):
        sigma = np.linalg.svdvals(w)
        r = np.sort(np.log(sigma[:, 0] / sigma[:, 1]))
        if before is not None:
            # The new empirical distribution function less the old one.
            share = np.arange(1, samples + 1) / samples
            rises.append(float(np.max(share - np.searchsorted(before, r, side="right") / samples)))
        before = r
        w = _gaussian(samples, 2, context.field, rng) @ w
        w = w / np.linalg.norm(w, axis=(1, 2), keepdims=True)
    # one-sided Kolmogorov-Smirnov for two samples of the same law: exp(-n t^2)
    allowed = math.sqrt(math.log(len(rises) / FALSE_ALARM) / samples)
    yield at_most(
        "width 2: P(log(sigma_1/sigma_2) <= R) does not rise with depth",
        max(rises),
        allowed,
        f"largest rise over R and depths 1 to {depths}, {samples} {context.field} products each, "
        "each the last with one more factor; bound: one-sided Kolmogorov-Smirnov",
    )


def _tilted_mean(
    width: int, depth: int, beta: int, samples: int, rng: np.random.Generator
) -> Array:
    """E S/phi^depth by samples of triangular factors, tilted by |r_22/r_11|^(beta/2)."""
    degrees = beta * np.arange(width, 0, -1.0)
    degrees[0] -= beta / 2
    degrees[1] += beta / 2
    product: Matrices = np.broadcast_to(np.eye(width), (samples, width, width))
    weight = np.zeros(samples)
    for _ in range(depth):
        diagonal = np.sqrt(rng.chisquare(degrees, (samples, width)))
        r = np.triu(_gaussian(samples, width, "real" if beta == 1 else "complex", rng), 1)
        weight += beta / 2 * np.log(diagonal[:, 0] / diagonal[:, 1])
        product = (r + diagonal[:, :, np.newaxis] * np.eye(width)) @ product
        product = product / np.linalg.norm(product, axis=(1, 2), keepdims=True)
    return np.asarray(spectrum.effective_rank(np.linalg.svdvals(product)) * np.exp(weight))


def _decay(context: Context) -> Iterator[Evidence]:
    yield at_most(
        "the rate is -log phi(beta/2), phi the mean power of a ratio of chi variables",
        max(
            abs(effective_rank_decay_rate(N, field) + math.log(critical_ratio(beta / 2, N, field)))
            for field, beta in (("real", 1), ("complex", 2))
            for N in (2, 3, 8, 100)
        ),
        1e-12,
        "widths 2, 3, 8 and 100, both fields; rounding of log-gamma at 100",
    )
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(100,)))
    width, samples = 3, 4000
    means = [_tilted_mean(width, depth, 2, samples, rng) for depth in (16, 48)]
    ratio = means[1].mean() / means[0].mean()
    error = ratio * math.hypot(*(m.std(ddof=1) / m.mean() / math.sqrt(samples) for m in means))
    yield at_most(
        "complex, width 3: E S/phi(1)^L is nearly constant from depth 16 to 48",
        abs(math.log(ratio)),
        0.5 + errors_allowed(samples) * error / ratio,
        f"|log| of the ratio {ratio:.3f}({error:.3f}); typical ranks would give "
        f"{32 * (math.log(critical_ratio(1, width, 'complex')) + _gap(width)):.1f}; the constant "
        "is approached like L^(-1/2), which is less than 1/2 in the logarithm",
    )


def _gap(width: int) -> float:
    """Difference of the first two Lyapunov exponents, complex entries."""
    return float(special.digamma(width) - special.digamma(width - 1)) / 2


def rank_variance(depth: float, field: str = "real") -> float:
    """Limit of N^2 Var S, S the effective rank of a square Gaussian product of side N."""
    beta = 1 if field == "real" else 2
    return depth * (depth**2 + 4) / (16 * beta * (depth + 1))


def _variance(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(101,)))
    width, samples = 16, 3000
    w: Matrices = np.broadcast_to(np.eye(width), (samples, width, width))
    distances, found = [], []
    for depth in (1, 2, 3, 4):
        w = _gaussian(samples, width, context.field, rng) @ w / width
        variance = width**2 * np.var(spectrum.effective_rank(np.linalg.svdvals(w)), ddof=1)
        found.append(f"{variance / rank_variance(depth, context.field):.3f}")
        distances.append(abs(variance / rank_variance(depth, context.field) - 1))
    yield at_most(
        "N^2 Var S is L (L^2+4)/(16 beta (L+1))",
        max(distances),
        # a variance of normal numbers has the relative error sqrt(2/n)
        errors_allowed(samples, 4) * math.sqrt(2 / samples) + 1 / width,
        f"largest relative distance, ratios {', '.join(found)} at depths 1 to 4, width {width}, "
        f"{samples} {context.field} products; bound: sampling error, and 1/N for the next order",
    )


CLAIMS = (
    Claim(
        name="finite-width.width-two-order",
        statement="Width 2: sigma_1/sigma_2 of a Gaussian product increases stochastically in L.",
        assumptions="real or complex entries; so every measure that falls with the ratio falls, "
        "the real Gram rank and the stable rank, too",
        reference="our own; balls in hyperbolic space",
        status="proved",
        refuted_by="a distribution function that rises with depth",
        check=_order,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.decay-rate",
        statement="The mean rank decays like phi(beta/2)^L, exactly that rate at every width.",
        assumptions="square Gaussian factors; complex entries: up to constant factors",
        reference="our own; means over frames and convexity",
        status="proved",
        refuted_by="another rate, or a mean over phi^L that is far from constant",
        check=_decay,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.rank-variance",
        statement="N (S - E S) is asymptotically normal with variance L (L^2+4)/(16 beta (L+1)).",
        assumptions="square Gaussian factors, fixed depth; from the joint normal law and the "
        "covariance of the moments",
        reference="our own; Poincare's inequality and Carlson's theorem",
        status="proved",
        refuted_by="a variance off by more than sampling error",
        check=_variance,
        argued=_ARGUED,
    ),
)
