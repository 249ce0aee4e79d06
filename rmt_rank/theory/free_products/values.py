"""Values of a free factor at points, and logarithms without cancellation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Value", "log1p", "log_ratio"]

Array = npt.NDArray[Any]


class Value(NamedTuple):
    """F at some points, its derivative, and the state to start from at points near by."""

    log: Array
    slope: Array
    state: Array | None


def log1p(z: Array) -> Array:
    """log(1 + z), complex or real, to full relative accuracy."""
    if z.dtype.kind != "c":
        return np.log1p(z)
    x, y = z.real, z.imag
    near = np.abs(z) < 0.5
    size = np.where(near, 0.5 * np.log1p(np.where(near, x * (2 + x) + y * y, 0)), 0)
    with np.errstate(divide="ignore"):
        size = np.where(near, size, np.log(np.abs(1 + z)))
    result: Array = size + 1j * np.arctan2(y, 1 + x)
    return result


def log_ratio(deviation: Array, ratio: Array) -> Array:
    """The logarithm of ratio = 1 + deviation."""
    near = np.abs(deviation) < 0.5
    return np.where(near, log1p(np.where(near, deviation, 0)), np.log(np.where(near, 1, ratio)))
