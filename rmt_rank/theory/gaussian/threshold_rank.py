r"""The share of singular values above t times their mean, as a function of depth: its one turn.

P_L(t) = P(sigma >= t E sigma) is `limit_threshold_rank`.  At the angle phi = theta/(L+1) of the
threshold, with X = L phi, K of `angle` and delta = psi((L+4)/2) - psi((L+3)/2),

    dP_L/dL = (K/pi) E,    E = phi cot phi - 1 + delta + log(sin theta/sin X),              (1)

and E falls in theta, from a positive value to -infinity.  So the share falls with depth below the
threshold t*(L) of the root, and rises above it, up to the largest singular value.  t* increases
from 1 to infinity: for t <= 1 the share falls at all depths, for t > 1 it rises, is greatest at the
depth where t*(L) = t, and falls.  docs/limit-measures.md has the proofs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy
from numpy.polynomial import polynomial
from scipy import special

from rmt_rank._lib.validation import real, real_array
from rmt_rank.theory.gaussian.angle import Angle, constants, value
from rmt_rank.theory.gaussian.limit_measures import DEPTHS, limit_threshold_rank
from rmt_rank.theory.gaussian.moments import fuss_catalan_moment

__all__ = ["ThresholdPeak", "threshold_rank_peak", "turning_threshold"]

Array = npt.NDArray[np.float64]
Result = npt.NDArray[np.float64] | np.float64

# Range of depths in which the greatest share above a threshold is searched.
_PEAK_RANGE = (1e-8, 1e8)
# The root theta increases to pi as the depth falls to 0 and to 2.0288 as it grows, where
# tan theta = -theta; at its least it is 1.9995, and E > 0 at 1.5.
_LEAST_ANGLE = 1.5
# (1 - x cot x)/x^2 = sum_k 2^(2k) abs(B_2k)/(2k)! x^(2k-2): the first term left out is 1e-17 for
# x < 1/2
_COT_GAP = [2 ** (2 * k) * abs(special.bernoulli(2 * k)[-1]) / math.factorial(2 * k)
            for k in range(1, 13)]  # fmt: skip
# psi(y + 1/2) - psi(y) = sum_k c_k (2y)^-k, the first term left out below 1e-17 for 2y > 40
_HALF_STEP = [0, 1, 1 / 2, 0, -1 / 4, 0, 1 / 2, 0, -17 / 8, 0, 31 / 2, 0, -691 / 4]


def turning_threshold(depth: npt.ArrayLike) -> Result:
    """Threshold below which the share of singular values falls with depth; above, it rises.

    Parameters
    ----------
    depth : array_like of float
        Number of factors L, any real from 1e-100 to 1e15.

    Returns
    -------
    ndarray or float64
        t*, over the mean singular value: at this depth `limit_threshold_rank` falls for thresholds
        t < t*, and rises for t from t* to the largest singular value, beyond which it is 0.

    Raises
    ------
    TypeError, ValueError
        If depth is not real, or not in its range.

    Notes
    -----
    Proved to increase from 1 at depth 0, like 1 + L/2, to infinity, like 0.25273 L.  Relative error
    below 1e-13.

    Examples
    --------
    >>> from rmt_rank.theory.gaussian.threshold_rank import turning_threshold
    >>> turning_threshold([1, 2, 8]).round(5)
    array([1.27307, 1.51207, 2.99335])
    """
    L = real_array("depth", depth, at_least=DEPTHS[0], at_most=DEPTHS[1])
    low, high = np.full(L.shape, _LEAST_ANGLE), np.full(L.shape, np.pi)
    half_step = _half_step(L)
    for _ in range(54):
        theta = (low + high) / 2
        rises = _turning(theta, L, half_step) > 0
        low, high = np.where(rises, theta, low), np.where(rises, high, theta)
    theta = (low + high) / 2
    sigma = value(Angle(theta, np.pi - theta), constants(L), 0.5)
    return (sigma / fuss_catalan_moment(0.5, L))[()]


def _half_step(L: Array) -> Array:
    """(L+1) delta."""
    x = L + 3
    with np.errstate(invalid="ignore"):
        digammas = special.digamma(x / 2 + 0.5) - special.digamma(x / 2)
    return np.asarray((L + 1) * np.where(x > 40, polynomial.polyval(1 / x, _HALF_STEP), digammas))


def _turning(theta: Array, L: Array, half_step: Array) -> Array:
    """(L+1) E of (1), with log(sin theta/sin X) by their difference where L is large."""
    a = 1 / (L + 1)
    phi, X = a * theta, L * a * theta
    gap = np.where(
        phi < 0.5,
        phi * phi * polynomial.polyval(phi * phi, _COT_GAP),
        1 - phi / np.tan(phi),
    )
    log = np.log1p(2 * np.cos(theta - phi / 2) * np.sin(phi / 2) / np.sin(X))
    return np.asarray((log - gap) / a + half_step)


class ThresholdPeak(NamedTuple):
    """Depth and value at the maximum of the limit of the threshold rank."""

    depth: float
    share: float


def threshold_rank_peak(threshold: float) -> ThresholdPeak:
    """Depth at which the limit of the threshold rank is greatest.

    Parameters
    ----------
    threshold : float
        t > 1, as in `limit_threshold_rank`.

    Returns
    -------
    ThresholdPeak
        The depth, where `turning_threshold` is t, to a relative 1e-12 + 1e-15/(t - 1), and the
        share of singular values there.

    Raises
    ------
    TypeError, ValueError
        If threshold is not a real number > 1, or the peak is not between depths 1e-8 and 1e8.

    Examples
    --------
    >>> from rmt_rank.theory.gaussian.threshold_rank import threshold_rank_peak
    >>> peak = threshold_rank_peak(3)
    >>> round(peak.depth, 3), round(peak.share, 4)
    (8.027, 0.1184)
    """
    t = real("threshold", threshold, above=1)
    low, high = (float(turning_threshold(depth)) for depth in _PEAK_RANGE)
    if not low < t < high:
        raise ValueError(f"threshold must have its peak at a depth in {_PEAK_RANGE}, got {t!r}")
    log_depth = scipy.optimize.brentq(
        lambda x: float(turning_threshold(math.exp(x))) - t, *np.log(_PEAK_RANGE), xtol=1e-13
    )
    depth = math.exp(log_depth)
    return ThresholdPeak(depth, float(limit_threshold_rank(depth, t)))
