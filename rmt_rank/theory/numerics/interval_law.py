"""What laws of singular values on an interval have in common: their methods, and rank by means.

A law comes as functions of log(s/scale^2), s = sigma^2, inside its support; here are arguments,
edges and what lies beyond.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial
from scipy import special

from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import LARGEST_INTEGER, integer, real_array, require_memory

__all__ = ["IntervalLaw", "renyi_deficit"]

Array = npt.NDArray[np.float64]

# A logarithm whose exponential leaves room for a sum.
LARGE_LOG = 500.0
# (e^x - 1 - x)/x^2 = sum_k x^k/(k+2)!
_SECOND_EXPREL = [1 / math.factorial(k + 2) for k in range(14)]


class IntervalLaw(ABC):
    """A law of singular values with a density on one interval."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """Mean singular value: the nuclear norm over N."""

    @property
    @abstractmethod
    def _log_edges(self) -> tuple[float, float]:
        """log(s/scale^2) at the ends of the support; the first may be -inf."""

    @abstractmethod
    def _density(self, log_ratio: Array) -> Array:
        """Density of log s."""

    @abstractmethod
    def _below(self, log_ratio: Array) -> Array:
        """Probability of a smaller value."""

    @abstractmethod
    def _above(self, log_ratio: Array) -> Array:
        """Probability of a larger value."""

    @abstractmethod
    def _from_tails(self, below: Array, above: Array) -> Array:
        """log(s/scale^2) with these probabilities on its sides."""

    @property
    def _scale(self) -> float:
        """Unit of singular values."""
        return 1.0

    def _density_at_zero(self) -> float:
        """Limit of the density of singular values."""
        return 0.0

    def support(self) -> tuple[float, float]:
        """Smallest and largest singular value."""
        low, high = self._log_edges
        return self._scale * math.exp(low / 2), self._scale * math.exp(high / 2)

    def pdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Density at x, any real number; at x = 0 it is the limit, which may be infinite."""
        x = real_array("x", x, finite=False)
        result = self._inside(x, self._density, 0, 0) * 2 / np.where(x > 0, x, 1)
        return np.where(x == 0, self._density_at_zero(), result)[()]

    def cdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability of a smaller singular value, to full relative accuracy at the lower end."""
        return self._inside(real_array("x", x, finite=False), self._below, 0, 1)[()]

    def sf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability of a larger singular value, to full relative accuracy at the upper end."""
        return self._inside(real_array("x", x, finite=False), self._above, 1, 0)[()]

    def ppf(self, probability: npt.ArrayLike) -> Array | np.float64:
        """Singular value below which the probability lies.

        Raises
        ------
        TypeError, ValueError
            If a probability is not a number from 0 to 1.
        """
        u = real_array("probability", probability, at_least=0, at_most=1)
        low, high = self.support()
        result = np.where(u > 0, high, low)
        inside = (u > 0) & (u < 1)
        log_ratio = self._from_tails(u[inside], 1 - u[inside])
        result[inside] = np.clip(self._scale * np.exp(log_ratio / 2), low, high)
        return result[()]

    def rvs(self, size: int, *, rng: RNG = None) -> Array:
        """Independent singular values, as quantiles of uniform numbers.

        They do not repel each other, unlike the singular values of a matrix.

        Parameters
        ----------
        size : int
            Number of values, limited by memory.
        rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
            Source of randomness, as for `numpy.random.default_rng`.

        Returns
        -------
        ndarray, shape (size,)
        """
        size = integer("size", size, at_least=1, at_most=LARGEST_INTEGER)
        require_memory("size", 200.0 * size)
        return np.asarray(self.ppf(next(streams(rng)).random(size)))

    def _inside(
        self, x: Array, function: Callable[[Array], Array], below: float, above: float
    ) -> Array:
        """function(log(s/scale^2)) inside the support, and these values beyond."""
        low, high = self._log_edges
        with np.errstate(divide="ignore"):
            log_ratio = 2 * np.log(np.maximum(x, 0) / self._scale)
        result = np.where(log_ratio < high, float(below), float(above))
        inside = (log_ratio > low) & (log_ratio < high)
        result[inside] = function(log_ratio[inside])
        return result


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
