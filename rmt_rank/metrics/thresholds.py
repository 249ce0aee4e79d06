"""Measures of rank that count the singular values above a threshold.

Arguments and results are those of `rmt_rank.metrics.spectrum`, where these functions are found.
"""

from __future__ import annotations

import math
from typing import Any

from rmt_rank._lib.validation import choice, real
from rmt_rank.metrics.prepared import Prepared, prepare
from rmt_rank.metrics.shares import powers

__all__ = ["RELATIVE_TO", "energy_rank", "numerical_rank", "threshold_rank", "threshold_rank_area"]

RELATIVE_TO = ("sum", "max", "absolute")


def _relative(s: Prepared, relative_to: str) -> Any:
    choice("relative_to", relative_to, RELATIVE_TO)
    if relative_to == "max":
        return s.values
    if relative_to == "absolute":
        return s.in_units(s.absolute)
    return s.values / s.divisor(s.xp.sum(s.values, axis=-1))[..., None]


def _in_range(s: Prepared, tau: float) -> float:
    """Threshold in the values' type: inf if it is above all floats, never 0 unless it is 0."""
    info = s.xp.finfo(s.values.dtype)
    if tau > float(info.max):
        return math.inf
    return max(tau, float(info.smallest_normal) * float(info.eps)) if tau > 0 else tau


def threshold_rank(singular_values: Any, tau: float, *, relative_to: str = "sum") -> Any:
    """Number of singular values that are at least tau, after normalisation.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.
    tau : float
        Threshold, >= 0.
    relative_to : {"sum", "max", "absolute"}
        What the values are divided by: their sum, as in the paper, their largest, or nothing.

    Returns
    -------
    array, shape (...)
        From 0 to k; 0 for the zero spectrum.

    Raises
    ------
    TypeError, ValueError
        If tau is not a number >= 0, or relative_to is unknown.

    Notes
    -----
    Divided by the sum, k equal values have threshold rank 0 for tau > 1/k: tau has to shrink with
    the width.  The measure is not monotone in the depth of a product of Gaussian matrices.

    References
    ----------
    .. [1] M. Huh et al., Definition 3; arXiv:2103.10427.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import threshold_rank
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(threshold_rank(singular_values, tau=0.2).round(4))
    2.0
    """
    tau = real("tau", tau, at_least=0)
    s = prepare(singular_values)
    above = _relative(s, relative_to) >= _in_range(s, tau)
    return s.finish(s.xp.sum(s.xp.astype(above, s.values.dtype), axis=-1))


def threshold_rank_area(
    singular_values: Any, low: float = 0.0, high: float = 1.0, *, relative_to: str = "sum"
) -> Any:
    """Area under the threshold rank as a function of tau, between two thresholds.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.
    low, high : float
        Ends of the interval of tau, 0 <= low <= high.
    relative_to : {"sum", "max", "absolute"}
        As in `threshold_rank`.

    Returns
    -------
    array, shape (...)
        The integral of threshold_rank(tau) over low <= tau <= high, exactly.

    Raises
    ------
    TypeError, ValueError
        If the ends are not numbers in that order, or relative_to is unknown.

    Notes
    -----
    Over all tau from 0 to 1 the area is 1 for every matrix if values are divided by their sum:
    each value v contributes v.  What the paper suggests after Definition 3 needs another
    normalisation ("max": sum/max) or a shorter interval.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import threshold_rank_area
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(threshold_rank_area(singular_values, relative_to="max").round(4))
    2.0
    """
    low = real("low", low, at_least=0)
    high = real("high", high, at_least=low)
    s = prepare(singular_values)
    largest = float(s.xp.finfo(s.values.dtype).max)
    low, high = min(low, largest), min(high, largest)
    part = s.xp.clip(_relative(s, relative_to), low, high) - low
    return s.finish(s.xp.sum(part, axis=-1))


def energy_rank(singular_values: Any, delta: float = 0.01, *, power: float = 1) -> Any:
    """Fewest singular values that hold a share 1 - delta of the sum of all.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.
    delta : float, default 0.01
        Share that may be missing, 0 <= delta < 1.
    power : float, default 1
        Power of the singular values that is summed, > 0; 2 for the energy in the narrow sense.

    Returns
    -------
    array, shape (...)
        From 1 to k; 0 for the zero spectrum.

    Raises
    ------
    TypeError, ValueError
        If an option is not a real number in its range.

    References
    ----------
    .. [1] A. Kumar et al., "Implicit Under-Parameterization Inhibits Data-Efficient Deep
       Reinforcement Learning" (srank); arXiv:2010.14498.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import energy_rank
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(energy_rank(singular_values, delta=0.2).round(4))
    2.0
    """
    delta = real("delta", delta, at_least=0)
    if delta >= 1:
        raise ValueError(f"delta must be >= 0 and < 1, got {delta!r}")
    power = real("power", power, above=0)
    s = prepare(singular_values)
    xp = s.xp
    held = xp.cumulative_sum(xp.sort(powers(s, power), axis=-1, descending=True), axis=-1)
    # divide by the last partial sum, so that the whole spectrum has the share 1
    lacking = held < (1 - delta) * held[..., -1:]
    return s.finish(1 + xp.sum(xp.astype(lacking, held.dtype), axis=-1))


def numerical_rank(
    singular_values: Any, *, shape: tuple[int, int] | None = None, rtol: float | None = None
) -> Any:
    """Number of singular values above rounding error.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.
    shape : tuple of int, optional
        Shape (m, n) of the matrix; (k, k) by default.
    rtol : float, optional
        Tolerance relative to the largest singular value, >= 0.  By default NumPy's, max(m, n) times
        the machine epsilon of the values.

    Returns
    -------
    array, shape (...)
        From 0 to k.

    Raises
    ------
    TypeError, ValueError
        If rtol is not a number >= 0.
    """
    s = prepare(singular_values)
    if rtol is None:
        rtol = max(shape or s.shape) * float(s.xp.finfo(s.values.dtype).eps)
    rtol = min(real("rtol", rtol, at_least=0), 1.0)  # no value exceeds the largest
    return s.finish(s.xp.sum(s.xp.astype(s.values > rtol, s.values.dtype), axis=-1))
