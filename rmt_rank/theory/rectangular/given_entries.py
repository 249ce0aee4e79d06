r"""The effective rank of a real matrix of given entries in random order, heavy tails among them.

With the notation of `one_layer`, an entry x_e is a matrix of rank one with

    t_e = x_e^2/(sqrt(p n) Var x),

which moves the mean of sum_i f(s_i) by F(t_e), equation (3) there.  The sum of t_e^2 is k + 3, so
that the terms of second order of sum_e F(t_e) are equation (2) there, the influence of the excess
kurtosis k, together with that of Gaussian entries.  The mean moves, therefore, by

    sum_e (F(t_e) - a_1 t_e) - 3 a_2 - 15 a_3/sqrt(p n) - 105 a_4/(p n),                      (1)

where a_1 t_e belongs to the variance of the entries and the rest is the mean for Gaussian entries.
Unlike k a_2, that holds for large entries, too: one with t_e > 1 is a singular value of its own.

Two entries of the same row or column add their t, so that to second order the pair moves the sum by
2 a_2 t_e t_f, whatever their order elsewhere.  In random order that varies: to the variance it adds

    2 a_2^2 ((k + 2)^2 - 4) (1/p + 1/n),   k + 3 = sum_e t_e F'(min(t_e, 1))/(2 a_2),         (2)

F' being the derivative without a_1, to which that of an entry with another large one is bent.  (2)
is for a positive bracket; the interactions that change the mean are left out.  Both equations are
heuristic, and tests compare them with matrices that are drawn: the mean is off by less than
k^2/(2 p) standard deviations, and the standard deviation by 10 % at most, while k^2/p < 1/2.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import LARGEST_INTEGER, integers, real_array
from rmt_rank.theory.rectangular.one_layer import circle_coefficients, entry_statistics

__all__ = ["given_entries"]

Array = npt.NDArray[np.float64]

# Up to here the terms t^2 to t^5 of a series have six digits.
_SMALL = 0.05
# The series is analytic but for t <= -1, so that Chebyshev coefficients on [0, 1] fall like 5.8^-j.
_NODES = 24


def given_entries(entries: npt.ArrayLike, shape: Sequence[int]) -> tuple[float, float]:
    """Influence of given entries in random order on the effective rank of a real matrix.

    Parameters
    ----------
    entries : array_like of float, shape (rows * columns,)
        The entries, not all equal.  Their mean is subtracted.
    shape : (int, int)
        Rows and columns, at least 2 each, in either sequence.

    Returns
    -------
    (float, float)
        Difference of the mean effective rank from that of Gaussian entries, and the standard
        deviation, in nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.theory.rectangular.given_entries import given_entries
    >>> signs = np.repeat([-1.0, 1.0], 32 * 96)
    >>> shift, deviation = given_entries(signs, (64, 96))
    >>> print(f"{shift:.5f} {deviation:.5f}")
    0.00251 0.00348
    """
    p, n = sorted(integers("shape", shape, at_least=2, fewest=2, at_most=LARGEST_INTEGER))
    x = real_array("entries", entries)
    if x.shape != (p * n,):
        raise ValueError(f"entries must have shape ({p * n},), got {x.shape}")
    squares = (x - x.mean()) ** 2
    total = float(squares.sum())
    if total == 0:
        raise ValueError("entries must not all be equal")
    side = math.sqrt(p * n)
    t = squares * (side / total)
    laws, curves = circle_coefficients(p / n, 0.5), _curves(p / n)
    small = t[t <= _SMALL]
    second = small**2
    powers = np.array([second.sum(), second @ small, second @ second, second @ (second * small)])
    middle, large = t[(t > _SMALL) & (t <= 1)], t[t > 1]
    h = math.sqrt(p / n)
    s = (1 + h * large) * (1 + h / large)
    root = np.sqrt(s)
    moved = []
    for a, curve, outlier in (
        (laws.power, curves[0], root),
        (laws.entropy, curves[1], root * np.log(root)),
    ):
        found = powers @ a[2:6] + np.sum(_tail(middle, curve))
        found += np.sum(outlier - a[0] - a[1] * (large + 1 / large) - _tail(1 / large, curve))
        moved.append(float(found - 3 * a[2] - 15 * a[3] / side - 105 * a[4] / side**2) / p)
    T, Q = laws.mean_power, laws.mean_entropy
    shift = math.log1p(moved[0] / T) - (Q + moved[1]) / (T + moved[0]) + Q / T
    first = laws.first_variation()
    bent = powers @ (np.arange(2, 6) * first[2:6]) + np.sum(_tail(middle, curves[2]))
    bent += np.sum(large) * _tail(np.ones(1), curves[2])[0]
    bracket = max(0.0, (float(bent) / (2 * first[2]) - 1) ** 2 - 4)
    deviation, slope = _gaussian(p, n)
    return shift, math.hypot(deviation, slope * math.sqrt(2 * bracket * (1 / p + 1 / n)))


def _tail(t: Array, curve: Array) -> Array:
    """Sum of a_j t^j over j >= 2, for 0 <= t <= 1."""
    return np.asarray(t**2 * np.polynomial.chebyshev.chebval(2 * t - 1, curve))


@functools.lru_cache(maxsize=4096)
def _gaussian(p: int, n: int) -> tuple[float, float]:
    found = entry_statistics((p, n))
    return found.standard_deviation, found.kurtosis_slope


@functools.lru_cache(maxsize=256)
def _curves(ratio: float) -> tuple[Array, Array, Array]:
    """Chebyshev coefficients of sum_(j >= 2) a_j t^(j-2), also with j times the first variation."""
    laws = circle_coefficients(ratio, 0.5)
    j = np.arange(laws.power.size)
    a = np.stack([laws.power, laws.entropy, j * laws.first_variation()], axis=1)[2:]
    x = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    values = (((1 + x) / 2)[:, np.newaxis] ** j[:-2]) @ a
    power, entropy, slope = np.polynomial.chebyshev.chebfit(x, values, _NODES - 1).T
    return np.asarray(power), np.asarray(entropy), np.asarray(slope)
