"""Logarithms of quotients of gamma functions at integers, to a few eps of themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank.theory.gaussian.moments import BERNOULLI, DIRECT_BELOW, LOG_GAMMA, power_differences

__all__ = ["log_cross_ratio", "log_cross_step", "log_ratio", "shifted_digamma"]

Array = npt.NDArray[np.float64]


def log_cross_step(a: Array | float, z: float, w: float) -> Any:
    """log of (a+z)(a+w)/(a (a+z+w)), which `log_cross_ratio` falls by from a to a + 1."""
    return -np.log1p(-z * w / ((a + z) * (a + w)))


def log_cross_ratio(a: Array, z: float, w: float) -> Array:
    """log of Gamma(a+z+w) Gamma(a)/(Gamma(a+z) Gamma(a+w)), to a few eps of itself; z, w > 0."""
    x = np.maximum(a - 1, DIRECT_BELOW)
    result: Array = (
        z * np.log1p(w / (x + z))
        + w * np.log1p(z / (x + w))
        - (x + 0.5) * log_cross_step(x, z, w)
        + power_differences(x + z, np.asarray(w), LOG_GAMMA)
        - power_differences(x, np.asarray(w), LOG_GAMMA)
    )
    for b in range(1, int(DIRECT_BELOW) + 1):
        result[a <= b] += log_cross_step(float(b), z, w)
    return result


def log_ratio(a: Array, z: float, unit: int) -> Array:
    """log of Gamma(a+z)/Gamma(a)/unit^z, to a few eps of its few parts; a are integers."""
    x = np.maximum(a - 1, DIRECT_BELOW)
    t = z / x
    result: Array = (
        (x + 0.5) * _log1p_less(t)
        + t / 2
        + z * _log_quotient(x, z, unit)
        + power_differences(x, np.asarray(z), LOG_GAMMA)
    )
    for b in range(1, int(DIRECT_BELOW) + 1):
        result[a <= b] -= math.log1p(z / b)
    return result


def shifted_digamma(a: Array, unit: int) -> Array:
    """psi(a) - log(unit)."""
    result = np.empty(a.shape)
    large = a > DIRECT_BELOW
    result[~large] = special.digamma(a[~large]) - math.log(unit)
    y = a[large]
    result[large] = (
        _log_quotient(y, 0.0, unit)
        - 0.5 / y
        - sum(B / (2 * n) * y ** (-2 * n) for n, B in enumerate(BERNOULLI, 1))
    )
    return result


def _log_quotient(x: Array, z: float, unit: int) -> Array:
    """log((x+z)/unit), also where that is near 0."""
    excess = (x - unit + z) / unit
    result: Array = np.where(np.abs(excess) < 0.5, np.log1p(excess), np.log((x + z) / unit))
    return result


def _log1p_less(t: Array) -> Array:
    """log(1+t) - t; with y = t/(2+t) it is -t y + 2 y^3 (1/3 + y^2/5 + y^4/7 + ...)."""
    y = t / (2 + t)
    square = y * y
    series = np.zeros_like(y)
    # below |t| = 0.3, y^2 is below 0.032, and the first term left out 2e-17 of the first
    for n in range(11, -1, -1):
        series = series * square + 1 / (2 * n + 3)
    result: Array = np.where(np.abs(t) < 0.3, -t * y + 2 * y**3 * series, np.log1p(t) - t)
    return result
