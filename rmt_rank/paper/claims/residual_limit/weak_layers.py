"""Residual linear networks with many weak layers: the limit, and its sampler at finite width."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from rmt_rank.exact.residual_limit import quadrature as exact_limit
from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most
from rmt_rank.paper.claims.free_products.residual_networks import (
    entropies,
    standard_error,
    weak_rank,
)
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.simulation.products.residual_products import sample_residual_limit
from rmt_rank.theory.residual_limit.law import residual_limit_law
from rmt_rank.theory.residual_limit.rank import residual_limit_effective_rank, residual_limit_moment

__all__ = ["CLAIMS"]

_ARGUED = "docs/networks.md, Many weak layers"
_DIGITS = 15


def _limit(_context: Context) -> Iterator[Evidence]:
    times, orders = (Fraction(1, 10), 1, 8), (Fraction(1, 2), 3)
    errors = [
        abs(float(residual_limit_moment(float(t), float(z)) / slow - 1))
        for t in times
        for z in orders
        for slow in [exact_limit.residual_limit_moment(t, z, digits=_DIGITS)]
    ]
    yield at_most(
        "moments in float64 against quadrature",
        max(errors),
        1e-12,
        "largest relative distance at times 0.1, 1, 8, orders 1/2 and 3",
    )
    errors = [
        abs(float(residual_limit_effective_rank(float(t), power=power) / slow) - 1)
        for t in times
        for power in (1, 2)
        for slow in [exact_limit.residual_limit_effective_rank(t, power=power, digits=_DIGITS)]
    ]
    yield at_most(
        "effective rank in float64 against quadrature",
        max(errors),
        1e-12,
        "largest relative distance at times 0.1, 1, 8, singular values and Gram matrix",
    )
    errors = []
    for time in (0.5, 8.0):
        law = residual_limit_law(time)
        x = float(law.ppf(0.3))
        slow = exact_limit.residual_limit_law(x, time, digits=_DIGITS)
        errors += [
            abs(float(a / b - 1)) for a, b in zip((law.pdf(x), law.cdf(x)), slow[:2], strict=True)
        ]
    yield at_most(
        "density and distribution function against the equation of the S-transform",
        max(errors),
        1e-12,
        "largest relative distance at the quantile 0.3, times 0.5 and 8",
    )
    limit = float(residual_limit_effective_rank(1))
    left = [abs(2 * weak_rank(1, 2 * L) - weak_rank(1, L) - limit) for L in (32, 64)]
    yield at_most(
        "products of L layers of variance 1/L tend to it, by C/L + O(1/L^2)",
        left[1],
        left[0] / 2,
        "twice the rank at 128 layers less that at 64, against the limit; bound: half of the same "
        "at 64 and 32, as a remainder of order 1/L^2 falls to a quarter",
    )


def _sampler(context: Context) -> Iterator[Evidence]:
    N, time, samples = 8, 1.0, 10_000
    seed = np.random.SeedSequence(context.seed, spawn_key=(N, 4))
    sigma = sample_residual_limit(N, time, samples, rng=seed)
    s = sigma**2
    share = 2 * time / N
    expected = math.exp(2 * time) * (math.cosh(share) + N * math.sinh(share))
    known = (
        ("s", s.mean(axis=1), math.exp(time)),
        ("s^2", (s * s).mean(axis=1), expected),
    )
    yield at_most(
        "one-shot sampler: means of s and s^2, known exactly",
        max(abs(v.mean() - mean) / float(standard_error(v)) for _, v, mean in known),
        errors_allowed(samples, len(known)),
        f"width {N}, time 1, in standard errors; exp(t) and exp(2t) (cosh(2t/N) + N sinh(2t/N)), "
        "from moments of the entries of a layer",
    )
    ranks = np.asarray(spectrum.effective_rank(sigma)) - math.log(N)
    depths, chains = (64, 128), 1500
    products = [
        entropies(context, N, (depth,), chains, math.sqrt(time / depth))[:, 0] for depth in depths
    ]
    coarse, fine = (float(values.mean()) for values in products)
    error = math.hypot(
        float(standard_error(ranks)),
        2 * float(standard_error(products[1])),
        float(standard_error(products[0])),
    )
    yield at_most(
        "one-shot sampler against products: mean effective rank",
        abs(2 * fine - coarse - float(ranks.mean())),
        abs(fine - coarse) / 8 + errors_allowed(chains) * error,
        "width 8, time 1, complex; twice the mean at 128 layers less that at 64, which leaves an "
        "error of order 1/L^2; bound: an eighth of the change for that, and sampling error; "
        f"false alarm {FALSE_ALARM:g}",
    )


CLAIMS = (
    Claim(
        name="residual.limit",
        statement="Many layers I + a G, a^2 = t/L, tend to free multiplicative Brownian motion.",
        assumptions="initialisation; width -> infinity, then depth L -> infinity at fixed t",
        reference="limit: Biane (1997), known; moments, rank, density, edges: ours",
        status="proved",
        refuted_by="a digit in which the implementations differ, or ranks of products that tend "
        "elsewhere",
        check=_limit,
        argued=_ARGUED,
    ),
    Claim(
        name="residual.sampler",
        statement="One Hermitian matrix has the singular values of the limit at finite width.",
        assumptions="complex entries; a^2 = t/L, L -> infinity at fixed width",
        reference="Auer and Voit, arXiv:2408.00535, 2505.05984",
        status="verified",
        refuted_by="means of s or s^2 off their exact values, or a mean rank off that of products; "
        f"false alarms: {FALSE_ALARM:g} a line",
        check=_sampler,
        argued=_ARGUED,
    ),
)
