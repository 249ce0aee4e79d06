"""Powers of two that keep squares and products within the range of floats.

A scale is stored as its exponent, a float, and applied in three factors, so that neither a scale
nor an intermediate result leaves the range before the final result does.  Exponents have slope 0:
scales are constants for differentiation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rmt_rank._lib.array import known

__all__ = ["centred", "exponents", "far", "largest", "times_power_of_two", "to_unit_scale"]


def far(xp: Any, dtype: Any) -> float:
    """Magnitude t such that sums of squares of numbers from 1/t to t stay in range."""
    return math.sqrt(math.sqrt(float(xp.finfo(dtype).max)))


def exponents(xp: Any, magnitudes: Any) -> Any:
    """Exponents of the next lower powers of two, as floats; 0 for zero and for nan."""
    info = xp.finfo(magnitudes.dtype)
    low, high = (math.frexp(float(x))[1] - 1 for x in (info.smallest_normal, info.max))
    one = xp.ones_like(magnitudes)
    exponent = xp.floor(xp.log2(xp.where(magnitudes > 0, magnitudes, one)))
    return xp.clip(exponent, float(low), float(high))


def times_power_of_two(xp: Any, x: Any, exponent: Any) -> Any:
    """Return x 2^exponent for integer exponents of any size, rounded once; inf on overflow."""
    info = xp.finfo(exponent.dtype)
    # beyond this limit even the smallest number overflows, or even the largest underflows to 0
    limit = math.log2(float(info.max)) - math.log2(float(info.smallest_normal) * float(info.eps))
    exponent = xp.clip(exponent, -math.ceil(limit) - 2.0, math.ceil(limit) + 2.0)
    third = xp.floor(exponent / 3)
    two = xp.full_like(exponent, 2.0)
    with np.errstate(all="ignore"):
        factor = two**third
        return x * factor * factor * two ** (exponent - 2 * third)


def largest(xp: Any, x: Any, axis: int | tuple[int, ...]) -> Any:
    """max |x|, keeping axes with length 1; for complex x over both parts, to avoid overflow."""
    if xp.isdtype(x.dtype, "complex floating"):
        return xp.maximum(largest(xp, xp.real(x), axis), largest(xp, xp.imag(x), axis))
    # this avoids an array of absolute values
    return xp.maximum(xp.max(x, axis=axis, keepdims=True), -xp.min(x, axis=axis, keepdims=True))


def to_unit_scale(xp: Any, x: Any, axis: int | tuple[int, ...]) -> tuple[Any, Any]:
    """Scale the largest entry along axes to [1, 2) if any could cause overflow or underflow.

    Returns
    -------
    x : array
        The given array, or the array divided by powers of two.
    exponent : array or None
        x was divided by 2 to this power; the reduced axes have length 1.  None if x is unchanged.
    """
    top = largest(xp, x, axis)
    bound = far(xp, x.dtype)
    if known(xp.all((top < bound) & (top > 1 / bound))):
        return x, None
    exponent = exponents(xp, top)
    return times_power_of_two(xp, x, -exponent), exponent


def centred(xp: Any, x: Any, axis: int) -> Any:
    """Return x less its mean along an axis, exactly 0 where it is constant there."""
    constant = xp.max(x, axis=axis, keepdims=True) == xp.min(x, axis=axis, keepdims=True)
    return xp.where(constant, xp.zeros_like(x), x - xp.mean(x, axis=axis, keepdims=True))
