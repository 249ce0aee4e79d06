"""Effective rank of free products from S-transforms on (-1, 0) alone, by the Mellin transform."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from rmt_rank.theory.free_products.factors import Factor

__all__ = ["LARGEST_ORDER", "mellin_rank"]

# The integrand falls like exp(-(1-z) v).
LARGEST_ORDER = 0.75
# The trapezoidal rule's step and its end below, where x, 1e-13, is lost in x - 1.
STEP, START = 1 / 8, -30.0
# Below this t - 1, F is linear.
LINEAR_BELOW = 1e-6


def mellin_rank(factors: tuple[tuple[Factor, int], ...], order: float) -> float:
    """log M - z (log M)' at z = order, for distinct factors and how often each occurs.

    Notes
    -----
    M(z) = E s^z = (sin(pi z)/(pi z)) int_0^1 (x/((1-x) S(x-1)))^z dx, 0 < z < 1, by the trapezoidal
    rule in v = log(x/(1-x)). Absolute error about 1e-10.

    References
    ----------
    .. [1] U. Haagerup, S. Moeller, "The law of large numbers for the free multiplicative
       convolution", arXiv:1211.4457.
    """
    z = order
    v = np.arange(START, 40 / (1 - z), STEP)
    x, rest = special.expit(v), special.expit(-v)
    far = rest > LINEAR_BELOW
    log_s = v.copy()
    for factor, count in factors:
        log_s[far] += count * factor.value(-rest[far], x[far]).log
        log_s[~far] -= count * factor.relative_variance * rest[~far]
    terms = np.exp(z * (log_s - log_s.max()) + np.log(x) + np.log(rest))
    # the sine over its argument, and its logarithmic derivative
    sine = math.log(math.sin(math.pi * z) / (math.pi * z))
    slope = math.pi / math.tan(math.pi * z) - 1 / z
    total = float(terms.sum())
    mean = float(terms @ (log_s - log_s.max())) / total
    return sine + math.log(STEP * total) - z * (slope + mean)
