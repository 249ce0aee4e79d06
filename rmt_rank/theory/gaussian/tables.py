r"""Tables of the Fuss-Catalan law at one depth: piecewise polynomials for many points.

As a function of w = (s/s_max)^(1/(L+1)) the law is a simple factor times a function that is
analytic on [0, 1], since the only branch points of s -> K are s = 0 and s = s_max:

    pdf(s^h) = w g(w)/s^h below w = 1/2,       w (1-r)^(1/2) g(w)/s^h above it,   r = (s/s_max)^h,
    cdf = w g(w) below the median,             sf = (1-r)^(3/2) g(w) above it,

and its inverse, with p = cdf and v = sf^(2/3),

    w = p g(p) below the median,               -log(r) = v g(v) above it.

1 - r is accurate near the upper edge, even where w has lost digits.

Each of n equal intervals has a polynomial of degree 5 through the values that Newton's method
gives at 6 Chebyshev points.  With radius r = 1/(2n) and distance D to the nearest singularity, the
error falls by (r/(2D)) with every degree.  The singularities are roots of w^(L+1) = 1: next to
[0, 1] is exp(2 pi i m), so D >= min(1, 4m), m = min(L, 1)/(L+1), and n >= 16/m ensures
(r/(2D))^6 <= 4e-15.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian.angle import Array, Constants
from rmt_rank.theory.gaussian.inversion import angle_from_tails, angle_from_w

__all__ = ["Table", "above", "below", "density", "lower_quantile", "nodes", "upper_quantile"]

DEGREE = 5
LEAST_INTERVALS = 128
# 4096 intervals are a table of 192 kB, which still fits the cache beside a block of points.
MOST_INTERVALS = 4096
# Number of cached tables: five methods of both laws at a few depths.
KEPT = 64
# Below this share of the largest value, w/x may overflow.
SMALLEST_RATIO = 1e-140


class Table(NamedTuple):
    """Function of points from `smallest` to the edge of the support."""

    values: Callable[[Array], Array]
    smallest: float


def nodes(c: Constants) -> int | None:
    """Number of values that a table needs; None where the layer near s = 0 is too thin."""
    n = _intervals(c)
    return n * (DEGREE + 1) if n <= MOST_INTERVALS else None


def _intervals(c: Constants) -> int:
    n = LEAST_INTERVALS
    while n < 16 / c.m and n <= MOST_INTERVALS:
        n *= 2
    return n


def _points(n: int) -> tuple[Array, Array]:
    """Chebyshev points of all intervals, flat, and their distances from 1."""
    k = np.arange(n)[:, np.newaxis]
    u = _chebyshev_points()
    return ((k + u) / n).ravel(), ((n - k - u) / n).ravel()


def _chebyshev_points() -> Array:
    odd = 2 * np.arange(DEGREE + 1) + 1
    points: Array = np.sin(np.pi * odd / (4 * (DEGREE + 1))) ** 2
    return points


def _polynomials(values: Array) -> Array:
    """Coefficients, shape (DEGREE + 1, n + 1), of the polynomials through values at `_points`.

    The last interval contains only the point 1.
    """
    values = values.reshape(-1, DEGREE + 1)
    middle = values[:, DEGREE // 2]
    # the differences are small, and so are the rounding errors of the linear system's solution
    powers = np.vander(_chebyshev_points(), increasing=True)
    coefficients = np.linalg.solve(powers, (values - middle[:, np.newaxis]).T)
    coefficients[0] += middle
    end = np.zeros(DEGREE + 1)
    end[0] = coefficients[:, -1].sum()
    return np.ascontiguousarray(np.column_stack([coefficients, end]))


def _evaluate(coefficients: Array, t: Array) -> Array:
    """Value of polynomial number floor(t) at the fractional part of t."""
    floor = np.floor(t)
    k = floor.astype(np.intp)
    u = t - floor
    # the index is in range; mode="clip" avoids a copy
    result: Array = coefficients[-1].take(k, mode="clip")
    for coefficient in coefficients[-2::-1]:
        result *= u
        result += coefficient.take(k, mode="clip")
    return result


@lru_cache(KEPT)
def density(depth: float, h: float) -> Table:
    """Table of the density of s**h."""
    c = spectral_angle.constants(depth)
    n, power, largest = _intervals(c), c.a / h, spectral_angle.largest_value(depth, h)
    w, gap = _points(n)
    U = -np.log1p(-gap)
    K = spectral_angle.density_factor(angle_from_w(w, U, c), c)
    factor = np.where(w < 0.5, 1, np.sqrt(-np.expm1(-U / power)))
    g = _polynomials(K / (w * factor * (n * np.pi * h)))

    def values(x: Array) -> Array:
        ratio = x / largest
        t = ratio**power
        t *= n
        result = _evaluate(g, t)
        result *= t
        result /= x
        np.subtract(1, ratio, out=ratio)
        result *= np.where(t < 0.5 * n, 1, np.sqrt(ratio, out=ratio))
        return result

    return Table(values, SMALLEST_RATIO * float(largest))


@lru_cache(KEPT)
def _tails(depth: float, h: float) -> Callable[[Array], tuple[Array, npt.NDArray[np.bool_]]]:
    c = spectral_angle.constants(depth)
    n, power, largest = _intervals(c), c.a / h, spectral_angle.largest_value(depth, h)
    w, gap = _points(n)
    U = -np.log1p(-gap)
    angle = angle_from_w(w, U, c)
    low = spectral_angle.cdf(angle, c)
    median = np.count_nonzero(low.reshape(n, -1)[:, -1] < 0.5)
    high = spectral_angle.sf(spectral_angle.point(angle, c), c) / (-np.expm1(-U / power)) ** 1.5
    g = _polynomials(np.where(w < median / n, low / w, high))
    g[:, :median] /= n

    def tails(x: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Return the smaller tail, and whether it is the lower one."""
        ratio = x / largest
        t = ratio**power
        t *= n
        result = _evaluate(g, t)
        is_low = t < median
        np.subtract(1, ratio, out=ratio)
        ratio *= np.sqrt(ratio)
        result *= np.where(is_low, t, ratio)
        return result, is_low

    return tails


def below(depth: float, h: float) -> Table:
    """Table of the cdf of s**h."""
    tails = _tails(depth, h)

    def values(x: Array) -> Array:
        tail, is_low = tails(x)
        return np.where(is_low, tail, 1 - tail)

    return Table(values, SMALLEST_RATIO * float(spectral_angle.largest_value(depth, h)))


def above(depth: float, h: float) -> Table:
    """Table of the survival function of s**h."""
    tails = _tails(depth, h)

    def values(x: Array) -> Array:
        tail, is_low = tails(x)
        return np.where(is_low, 1 - tail, tail)

    return Table(values, SMALLEST_RATIO * float(spectral_angle.largest_value(depth, h)))


@lru_cache(KEPT)
def _quantiles(depth: float, h: float) -> Callable[[Array, Array], Array]:
    c = spectral_angle.constants(depth)
    # below depth 1 the lower tail rises steeply in w, and its inverse is singular closer to 0
    n = _intervals(c) * (1 if c.L >= 1 else 2)
    largest = spectral_angle.largest_value(depth, h)
    power = h * (c.L + 1)
    t, _ = _points(n)
    p, v = 0.5 * t, 0.5 ** (2 / 3) * t
    q = v * np.sqrt(v)
    lower = _polynomials(_root(p, 1 - p, c)[0] / p)
    upper = _polynomials(power * _root(1 - q, q, c)[1] / v)

    def values(low: Array, high: Array) -> Array:
        result = np.empty_like(low)
        below = low < 0.5
        p = low[below]
        w = _evaluate(lower, p * (2 * n))
        w *= p
        result[below] = w**power
        v = high[~below] ** (2 / 3)
        minus_log = _evaluate(upper, np.minimum(v * (n * 2 ** (2 / 3)), n))
        minus_log *= v
        result[~below] = np.exp(-minus_log)
        result *= largest
        return result

    return values


def _root(low: Array, high: Array, c: Constants) -> tuple[Array, Array]:
    """Return w and -log(w) at which cdf = low and sf = high; the latter for w > 1/4 only."""
    p = spectral_angle.point(angle_from_tails(low, high, c), c)
    w = c.scale * p.sin / (p.small.sin**c.m * p.large.sin**c.M)
    U = spectral_angle.minus_log_w(p, c)
    return w, np.where(w < spectral_angle.W_SWITCH, -np.log(w), U)


def lower_quantile(depth: float, h: float) -> Table:
    """Table of the quantiles of s**h, of lower tails."""
    quantiles = _quantiles(depth, h)
    return Table(lambda q: quantiles(q, 1 - q), 0.0)


def upper_quantile(depth: float, h: float) -> Table:
    """Table of the quantiles of s**h, of upper tails."""
    quantiles = _quantiles(depth, h)
    return Table(lambda q: quantiles(1 - q, q), 0.0)
