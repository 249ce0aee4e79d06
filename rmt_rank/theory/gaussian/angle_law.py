"""Densities, probabilities and quantiles of the Fuss-Catalan law, inside its support.

Three implementations agree to rounding: Python floats for one point, since NumPy needs a
microsecond for each of about three hundred calls; arrays for a few points, or one depth per point;
and tables (`tables`) for many points at one depth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian import inversion as spectral_inversion
from rmt_rank.theory.gaussian import tables as spectral_tables
from rmt_rank.theory.gaussian.angle import Array, Constants

__all__ = ["CDF", "ISF", "PDF", "PPF", "SF", "Method", "evaluate"]

# Where the angle eps is this small, relative to the width m of the layer near s = 0, the law is a
# power law to working precision.
POWER_LAW_BELOW = 1e-18
# Points per block: the twenty or so temporaries of a block then stay in a 1-2 MB cache.
BLOCK = 8192
# Making a table takes about as long as Newton's method at this many points, plus this many for
# each node.
TABLE_FROM, POINTS_PER_NODE = 4096, 4
# One point is computed with Python floats between these depths, and from this share of the
# largest value (for a probability, of 1) upwards: nothing underflows or overflows there.
FLOAT_DEPTHS = (1e-3, 1e4)
FLOAT_SMALLEST = 1e-140


class Method(NamedTuple):
    """Function of the law in two implementations, for points x and exponent h."""

    general: Callable[[Array, Constants, float], Array]
    tabulated: Callable[[float, float], spectral_tables.Table]
    of_probability: bool = False


def evaluate(method: Method, x: Any, depth: Any, h: float) -> Array:
    """Evaluate a method of the law of s**h at x and depth, broadcast against each other."""
    x, depth = np.asarray(x), np.asarray(depth, dtype=np.float64)
    if x.size == 1 == depth.size and x.dtype == np.float64:
        value = _of_one(method, x.item(), depth.item(), h)
        if value is not None:
            return np.full(np.broadcast(x, depth).shape, value)
    x, depth = np.broadcast_arrays(x, depth)
    return _of_many(method, x.ravel(), depth.ravel(), h).reshape(x.shape)


def _of_one(method: Method, x: float, depth: float, h: float) -> float | None:
    """Evaluate at one point, or return None where only arrays are safe."""
    if not FLOAT_DEPTHS[0] <= depth <= FLOAT_DEPTHS[1]:
        return None
    largest = 1.0 if method.of_probability else float(spectral_angle.largest_value(depth, h))
    if not FLOAT_SMALLEST * largest <= x < largest:
        return None
    # the formulas are typed for arrays, but take Python floats with the constants of one depth
    return float(method.general(x, spectral_angle.constants_of_one(depth), h))  # type: ignore[arg-type]


def _of_many(method: Method, x: Array, depth: Array, h: float) -> Array:
    """Evaluate for 1-d x and depth, in blocks that fit the cache."""
    result = np.empty_like(x)
    blocks = [slice(i, i + BLOCK) for i in range(0, x.size, BLOCK)]
    if not (depth.size and np.all(depth == depth[0])):
        for i in blocks:
            result[i] = method.general(x[i], spectral_angle.constants(depth[i]), h)
        return result
    c = spectral_angle.constants(depth[0])
    nodes = spectral_tables.nodes(c)
    if nodes is None or x.size < TABLE_FROM + POINTS_PER_NODE * nodes or x.dtype != np.float64:
        for i in blocks:
            result[i] = method.general(x[i], c, h)
        return result
    table = method.tabulated(float(depth[0]), h)
    for i in blocks:
        low = x[i] < table.smallest
        if low.any():
            part = np.empty_like(x[i])
            part[low] = method.general(x[i][low], c, h)
            part[~low] = table.values(x[i][~low])
            result[i] = part
        else:
            result[i] = table.values(x[i])
    return result


def _density(x: Array, c: Constants, h: float) -> Array:
    angle = spectral_inversion.angle_from_value(x, c, h)
    if c.xp is not np:
        return spectral_angle.density_factor(angle, c) / ((np.pi * h) * x)
    # the density is infinite at x = 0, and where it is above the largest float
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result = spectral_angle.density_factor(angle, c) / ((np.pi * h) * x)
        bottom = angle.eps.real < POWER_LAW_BELOW * c.m
        if bottom.any():
            # a/h - 1 without cancellation: -b for h = 1, (1-L)/(1+L) for h = 1/2
            power = (1 / h - 1 - c.L) * c.a
            result = np.where(bottom, np.sin(np.pi * c.m) / (np.pi * h) * x**power, result)
    return np.where(x == spectral_angle.largest_value(c.L, h), 0.0, result)


def _below(x: Array, c: Constants, h: float) -> Array:
    angle = spectral_inversion.angle_from_value(x, c, h)
    result = spectral_angle.cdf(angle, c)
    if c.xp is not np:
        return result
    bottom = angle.eps.real < POWER_LAW_BELOW * c.m
    if bottom.any():
        power_law = (c.L + 1) * np.sin(np.pi * c.m) / np.pi * x ** (c.a / h)
        result = np.where(bottom, power_law, result)
    return result


def _above(x: Array, c: Constants, h: float) -> Array:
    angle = spectral_inversion.angle_from_value(x, c, h)
    return spectral_angle.sf(spectral_angle.point(angle, c), c)


def _quantile(lower: Array, upper: Array, c: Constants, h: float) -> Array:
    angle = spectral_inversion.angle_from_tails(lower, upper, c)
    inside = spectral_angle.value(angle, c, h)
    largest = spectral_angle.largest_value(c.L, h)
    # at depth 1000 the last digit of the edge may round up
    if c.xp is not np:
        return min(inside, largest)
    inside = np.where(lower <= 0, 0.0, np.minimum(inside, largest))
    return np.where(upper <= 0, largest, inside)


PDF = Method(_density, spectral_tables.density)
CDF = Method(_below, spectral_tables.below)
SF = Method(_above, spectral_tables.above)
PPF = Method(
    lambda q, c, h: _quantile(q, 1 - q, c, h), spectral_tables.lower_quantile, of_probability=True
)
ISF = Method(
    lambda q, c, h: _quantile(1 - q, q, c, h), spectral_tables.upper_quantile, of_probability=True
)
