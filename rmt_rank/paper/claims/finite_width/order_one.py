"""The terms of order 1/N for real entries and any widths: of moments, and of the effective rank.

docs/rectangular.md has the proof for moments, docs/open-questions.md that for the rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below
from rmt_rank.paper.claims.sampling_error import errors_allowed
from rmt_rank.simulation.means.estimate import estimate
from rmt_rank.theory.finite_width.trace_moments import trace_moments
from rmt_rank.theory.limit_rank import limit_effective_rank
from rmt_rank.theory.rectangular.correction import rectangular_correction

__all__ = ["CLAIMS", "moment_term"]

# Ratios of widths; one, two and three layers.
_SHAPES = ((1, 2), (1, 1, 1), (2, 1, 3), (2, 1, 3, 2), (1, 1, 1, 1))
_ORDERS = (1, 2, 3, 4)
# Ratios in which the least occurs once.
_SINGLE = ((1, 2), (2, 1, 2), (2, 3, 6))


def moment_term(shape: Sequence[int], order: int) -> Fraction:
    """-(k/2) [v^k] log J, v = 1/zeta, the term of E tr (W W^T)^k beyond N times its limit.

    With P = prod_l (1 + x nu_l) it is -(1/2) [x^(k-1)] (log J)' P^k, by Lagrange's inversion, and
    J = P - x P'.
    """
    P = [Fraction(1)]
    for width in shape:
        nu = Fraction(min(shape), width)
        P = [a + nu * b for a, b in zip([*P, Fraction(0)], [Fraction(0), *P], strict=True)]
    J = [(1 - i) * p for i, p in enumerate(P)]
    slope = [i * j for i, j in enumerate(J)][1:]
    # (log J)' = J'/J; J starts with 1
    series: list[Fraction] = []
    for i in range(order):
        rest = sum(J[j] * series[i - j] for j in range(1, min(i, len(J) - 1) + 1))
        series.append((slope[i] if i < len(slope) else Fraction(0)) - rest)
    for _ in range(order):
        series = [
            sum((P[j] * series[i - j] for j in range(min(i, len(P) - 1) + 1)), Fraction(0))
            for i in range(order)
        ]
    return -series[-1] / 2


def _extrapolated(shape: Sequence[int], order: int) -> float:
    """The term of order 1 of E tr (W W^T)^k, from exact means at 256 to 4096 times the widths."""
    multiples = [256 * 2**i for i in range(5)]
    N = [min(shape) * times for times in multiples]
    means = [trace_moments([n * times for n in shape], order)[order,] for times in multiples]
    # the means over N are polynomials in 1/N; their slope at 0, by Neville's scheme
    slopes = [(means[i] - means[i + 1]) / (1 / N[i] - 1 / N[i + 1]) for i in range(4)]
    for step in (1, 2, 3):
        slopes = [(2**step * b - a) / (2**step - 1) for a, b in pairwise(slopes)]
    # entries of variance 1/min(n), while the formula is for E tr W W^T = N
    scale = math.prod(n / min(shape) for n in shape)
    return float(slopes[0] / scale**order)


def _moments(context: Context) -> Iterator[Evidence]:
    cases = [(shape, order) for shape in _SHAPES for order in _ORDERS]
    errors = []
    for shape, order in cases:
        term = float(moment_term(shape, order))
        errors.append(abs(_extrapolated(shape, order) - term) / max(term, 1))
    shapes = ", ".join(" : ".join(map(str, shape)) for shape in _SHAPES)
    yield at_most(
        "E tr (W W^T)^k, k up to 4: the series of log J against Wick's theorem",
        max(errors),
        1e-7,
        f"largest relative distance at widths {shapes}; exact means at five widths, extrapolated: "
        "what is left is below (10/256)^4/64 = 4e-8, as the coefficients of 1/N grow less than "
        "tenfold from one to the next",
    )


def _rank(context: Context) -> Iterator[Evidence]:
    scale, samples = 16, 6000
    allowed = errors_allowed(samples, len(_SINGLE))
    for shape in _SINGLE:
        widths = [n * scale // min(shape) for n in shape]
        seed = np.random.SeedSequence(context.seed, spawn_key=(102, *widths))
        found = estimate("effective_rank", widths, samples=samples, rng=seed, xp=context.xp)
        misfit = found.value - math.log(scale) - float(limit_effective_rank(widths=widths))
        term = rectangular_correction(widths) / scale
        better, bare, error = abs(misfit - term), abs(misfit), found.error
        yield below(
            f"widths {', '.join(map(str, widths))}: misfit, corrected over bare",
            (better + allowed * error) / max(bare - allowed * error, 1e-300),
            1 / 2,
            f"misfits {better:.2g} and {bare:.2g} nat, s.e. {error:.1g}, {samples} real products; "
            f"with {allowed:.1f} standard errors against the correction; what is left is of the "
            "order 1/N^2, a sixteenth of the term for a coefficient of its size",
        )


CLAIMS = (
    Claim(
        name="finite-width.moments",
        statement="E tr (W W^T)^k = N m_k + e_k + O(1/N), with sum e_k/(k zeta^k) = -(log J)/2.",
        assumptions="real Gaussian layers, widths in proportion, any depth, integers k",
        reference="our own; one layer: Bai and Silverstein, doi:10.1214/aop/1078415845",
        status="proved",
        refuted_by="a moment whose term of order 1 is another number",
        check=_moments,
        argued="docs/rectangular.md, The term of order 1/N",
    ),
    Claim(
        name="finite-width.order-one",
        statement="E S = log N + rho + R/N + O(1/N^2) if the smallest width occurs once.",
        assumptions="real Gaussian layers, widths in proportion; from finite-width.moments",
        reference="our own; the polynomial method of Chen, Garza-Vargas, Tropp and van Handel, "
        "arXiv:2405.16026",
        status="proved",
        refuted_by="widths where R/N does not bring the limit nearer to the mean",
        check=_rank,
        argued="docs/open-questions.md",
    ),
)
