"""Covariances of traces of one product, and the variance of its effective rank."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from rmt_rank import exact
from rmt_rank._lib.array import to_numpy
from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, sampled
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.simulation.products.sampling import sample_singular_values
from rmt_rank.theory.finite_width.complex_covariance import complex_covariance
from rmt_rank.theory.finite_width.complex_moments import complex_power_sum
from rmt_rank.theory.finite_width.fluctuations import effective_rank_variance
from rmt_rank.theory.rectangular.fluctuations import rectangular_variance

__all__ = ["CLAIMS", "covariance_formula"]

_FIELDS = ("real", "complex")
# Sums m + n of the powers whose covariances are enumerated.
_MOST_POWER = {"real": 4, "complex": 5}
_PAIRS = ((1, 1), (1, 2), (2, 2))


def covariance_formula(depth: int, m: int, n: int, field: str) -> Fraction:
    """(2/beta) (L/(L+1)) mn/(m+n) (Lm+1) M(m) (Ln+1) M(n), as (Lm+1) M(m) is a binomial."""
    L, scale = depth, 2 if field == "real" else 1
    binomials = math.comb((L + 1) * m, m) * math.comb((L + 1) * n, n)
    return scale * Fraction(L, L + 1) * Fraction(m * n, m + n) * binomials


def _covariance(context: Context) -> Iterator[Evidence]:
    for field in _FIELDS:
        most = _MOST_POWER[field]
        cases = [(L, m, n) for L in range(1, 6) for m in range(1, most) for n in range(1, m + 1)]
        cases = [case for case in cases if case[1] + case[2] <= most]
        yield sampled(
            f"{field} entries: the formula against Wick's theorem, exactly",
            all(
                exact.trace_covariance(*case, field=field)[0] == covariance_formula(*case, field)
                for case in cases
            ),
            f"the constant term in 1/N, an integer, depths 1 to 5, powers with a sum up to {most}",
        )
    yield sampled(
        "the formula against residues of the kernel, exactly",
        all(
            exact.limit_trace_covariance((1,) * (L + 1), m, n)
            == covariance_formula(L, m, n, "real")
            for L in (1, 2, 5, 8)
            for m in range(1, 6)
            for n in range(1, 6)
        ),
        "rational numbers at depths 1, 2, 5, 8 and powers up to 5",
    )
    width, depth, samples = 12, 3, 6000
    for field in _FIELDS:
        rng = np.random.SeedSequence(context.seed, spawn_key=(97, len(field)))
        drawn = sample_singular_values(width, depth, samples, rng=rng, field=field, xp=context.xp)
        squares = np.asarray(to_numpy(drawn)) ** 2
        scores = []
        for m, n in _PAIRS:
            first, second = (np.sum(squares**k, axis=1) for k in (m, n))
            products = (first - first.mean()) * (second - second.mean())
            coefficients = exact.trace_covariance(depth, m, n, field=field)
            known = sum(c / width**j for j, c in enumerate(coefficients))
            error = float(products.std()) / math.sqrt(samples)
            # the sample means take off one part in the number of samples
            bias = abs(known) / samples
            scores.append((abs(float(products.mean()) - known) - bias) / error)
        yield at_most(
            f"{field} entries: covariances over products against the exact polynomials in 1/N",
            max(scores),
            errors_allowed(samples, len(_PAIRS)),
            f"in standard errors; width {width}, depth {depth}, {samples} products, powers "
            f"{', '.join(map(str, _PAIRS))}; false alarm {FALSE_ALARM:g}",
        )


def _delta_method(width: int, depth: int) -> float:
    """N^2 Var S of complex entries from exact covariances, differentiated in the order."""
    widths, step = (width,) * (depth + 1), 1e-3

    def ratio(z: float, w: float) -> float:
        """Covariance of power sums over their means."""
        means = (complex_power_sum(widths, v).log for v in (z, w))
        return complex_covariance(widths, z, w) * math.exp(-sum(means))

    low, high = 0.5 - step, 0.5 + step
    # S = log T - z d log T/dz in the deviations of T(z), each over its mean
    values = [[ratio(z, w) for w in (low, 0.5, high)] for z in (low, 0.5, high)]
    slope = (values[1][2] - values[1][0]) / (2 * step)
    mixed = (values[2][2] - values[2][0] - values[0][2] + values[0][0]) / (4 * step**2)
    return width**2 * (values[1][1] - slope + mixed / 4)


def _variance(context: Context) -> Iterator[Evidence]:
    closed = effective_rank_variance(1, 2)
    yield at_most(
        "closed form against the double contour integral of the kernel",
        abs(closed / float(exact.limit_variance((1, 1, 1), digits=6)) - 1),
        1e-6,
        "relative distance at depth 2, real entries; the integral has 6 digits",
    )
    yield at_most(
        "unequal widths: quadrature over the support, at equal ones, against the closed form",
        max(
            abs(
                rectangular_variance([1] * (L + 1), field) / effective_rank_variance(1, L, field)
                - 1
            )
            for L in (1, 4)
            for field in _FIELDS
        ),
        1e-11,
        "relative distance at depths 1 and 4; the sums end where terms are below exp(-28)",
    )
    # the next term is of the relative order 1/N^2: two widths remove it
    first, second = (_delta_method(width, 2) for width in (64, 128))
    limit = effective_rank_variance(1, 2, "complex")
    yield at_most(
        "complex entries: exact covariances, extrapolated, against the closed form",
        abs((4 * second - first) / 3 / limit - 1),
        2e-4,
        f"relative distance at depth 2, widths 64 and 128, off by {first / limit - 1:.1g} and "
        f"{second / limit - 1:.1g}; 1/N^3 is 4e-6, and differences with step 1e-3 in the order "
        "have an error of 1e-6 times fourth derivatives below 100",
    )
    for field in _FIELDS:
        samples, width = 3000, 24
        scores, depths = [], (1, 2, 4)
        for depth in depths:
            rng = np.random.SeedSequence(context.seed, spawn_key=(98, depth, len(field)))
            drawn = sample_singular_values(
                width, depth, samples, rng=rng, field=field, xp=context.xp
            )
            rank = spectrum.effective_rank(np.asarray(to_numpy(drawn)))
            deviations = (rank - rank.mean()) ** 2
            ratio = deviations / effective_rank_variance(width, depth, field)
            error = float(ratio.std()) / math.sqrt(samples)
            # the next term, of this relative order with a factor below 1, where it was seen
            allowed = depth / width if field == "real" else (depth / width) ** 2 + 1 / width
            scores.append((abs(float(ratio.mean()) - 1) - allowed) / error)
        yield at_most(
            f"{field} entries: variance over products against the limit",
            max(scores),
            errors_allowed(samples, len(depths)),
            f"worst of depths {', '.join(map(str, depths))} at width {width}, {samples} products: "
            "distance in standard errors, beyond the next term",
        )


_ARGUED = "docs/finite-width.md, Fluctuations"

CLAIMS = (
    Claim(
        name="finite-width.covariance",
        statement="Cov(tr (W^H W)^m, tr (W^H W)^n) tends to a closed form, for whole m and n.",
        assumptions="width -> infinity; real or complex entries, every depth; unequal widths: "
        "residues of the same kernel",
        reference="our own; one layer: Bai and Silverstein, doi:10.1214/aop/1078415845",
        status="proved",
        refuted_by="an integer from Wick's theorem that differs from the formula",
        check=_covariance,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.variance",
        statement="The variance of S at every power and for unequal widths, by the covariance.",
        assumptions="width -> infinity; the covariance formula at orders that are not whole, where "
        "it is formal; at power 1 and equal widths finite-width.rank-variance proves it",
        reference="our own; finite-width.covariance by continuation",
        status="verified",
        refuted_by="a variance over products off the limit by more than the next term",
        check=_variance,
        argued=_ARGUED,
    ),
)
