"""Roots: of one function by Brent's method, of many increasing ones by Newton's in brackets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy

__all__ = ["increasing_root", "root"]

Array = npt.NDArray[np.float64]

# Bisection alone would narrow a bracket of 1000 to the last digit of 1.
_MOST_STEPS = 70
# Newton's steps square the error: where one is this small the next would be rounding.
_SMALL_STEP = 1e-9
_SMALL_ROOT = 1e-3
# A last step above this, relative to the root, is more than rounding.
_LOST = 0.01


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Root of a function in a bracket of positive numbers, to rounding."""
    found: float = scipy.optimize.brentq(function, low, high, xtol=1e-15 * low, rtol=1e-15)
    return found


def increasing_root(
    function: Callable[[Array], tuple[Array, Array]], low: Array, high: Array
) -> Array:
    """Roots of increasing functions.

    Parameters
    ----------
    function : callable
        From an array of points to the values there, of one function each, and the slopes.
    low, high : ndarray
        Ends between which the roots lie.  Roots beyond give the end.

    Returns
    -------
    ndarray
        To the rounding of the function and of the root.

    Raises
    ------
    ArithmeticError
        If the steps run out.
    """
    x = (low + high) / 2
    for _ in range(_MOST_STEPS):
        value, slope = function(x)
        low, high = np.where(value < 0, x, low), np.where(value < 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = x - value / slope
        # a root at an end is found, although rounding may carry steps beyond it
        slack = _SMALL_STEP * np.maximum(_SMALL_ROOT, np.abs(x))
        good = (newton >= low - slack) & (newton <= high + slack)
        following = np.where(good, np.clip(newton, low, high), (low + high) / 2)
        step, x = np.abs(following - x), following
        found = good & (step <= slack)
        if np.all(found):
            return x
    # A root beyond an end is approached by bisection, and no step of Newton's method is good.
    # Where a function is nearly flat its rounding moves the root, and steps do not become small.
    left = ~found & (high - low > slack) & (step > _LOST * np.maximum(1, np.abs(x)))
    if np.any(left):
        raise ArithmeticError(
            f"a root between {float(low[left][0])!r} and {float(high[left][0])!r} was not found in "
            f"{_MOST_STEPS} steps"
        )
    return x
