"""Rank of a law by means over it, without cancellation where the law is narrow."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial
from scipy import special

__all__ = ["renyi_deficit"]

Array = npt.NDArray[np.float64]

# A logarithm whose exponential leaves room for a sum.
LARGE_LOG = 500.0
# (e^x - 1 - x)/x^2 = sum_k x^k/(k+2)!
_SECOND_EXPREL = [1 / math.factorial(k + 2) for k in range(14)]


def renyi_deficit(
    log_moment: Callable[[float], float],
    log_ratio: Array,
    weights: Array,
    largest: float,
    *,
    power: float,
    order: float,
) -> float:
    """Renyi entropy of normalised powers of singular values, less log N.

    With r = sigma^power over its mean, order 1 is -E[r log r - r + 1], the mean of numbers of one
    sign, and order q is -log(1 + (q-1) E[d_q(r)])/(q-1), d_q(r) = (r^q - 1 - q(r-1))/(q-1): no
    digits are lost where the law is narrow.

    Parameters
    ----------
    log_moment : callable
        log E[s^z] in the unit of log_ratio.
    log_ratio, weights : ndarray, shape (k,)
        Nodes log s and weights of means over the law.
    largest : float
        log s at the upper edge.
    power, order : float
        > 0 and >= 0; the order may be inf.
    """
    z, q = power / 2, order
    if q == 0:
        return 0.0
    unit = log_moment(z)
    top = z * largest - unit  # log of the largest r
    if q == math.inf:
        return -top
    if q * top > LARGE_LOG:
        return (log_moment(q * z) - q * unit) / (1 - q)
    mean = float(weights @ _deviation(z * log_ratio - unit, q))
    return 0.0 - (mean if q == 1 else math.log1p((q - 1) * mean) / (q - 1))


def _second_exprel(x: Array) -> Array:
    """(e^x - 1 - x)/x^2."""
    near = np.abs(x) < 0.5
    series = polynomial.polyval(np.where(near, x, 0), _SECOND_EXPREL)
    result: Array = np.where(near, series, (special.exprel(x) - 1) / np.where(near, 1, x))
    return result


def _deviation(log_share: Array, q: float) -> Array:
    """(r^q - 1 - q (r-1))/(q-1) >= 0 for r = exp(log_share); r log r - r + 1 at q = 1."""
    d, x = q - 1, log_share
    # x^2 times a function that tends to q/2
    y = np.where(np.abs(x) < 0.5, x, 0)
    tail = d * _second_exprel(d * y) - _second_exprel(y)
    near = y * y * (special.exprel(y) * special.exprel(d * y) + tail)
    z = np.where(np.abs(d * x) < 1, x, 0)
    difference = np.exp(z) * z * special.exprel(d * z)
    if d != 0:
        difference = np.where(z == x, difference, (np.exp(q * x) - np.exp(x)) / d)
    result: Array = np.where(np.abs(x) < 0.5, near, difference - np.expm1(x))
    return result
