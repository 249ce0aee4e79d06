"""Means over a law on an interval by the double exponential rule."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["END", "LARGE_LOG", "STEP", "IntervalRule"]

Array = npt.NDArray[np.float64]

# A logarithm whose exponential leaves room for a sum.
LARGE_LOG = 500.0
# The double exponential rule for means.  Its error falls like exp(-pi^2/STEP) where the integrand
# is analytic to Im t = pi/2, and below 1e-16 at pi^2/STEP = 39; nodes beyond END have weights of
# exp(-pi/2 e^END) < 1e-60, so that singular factors at the edges do not matter.  At a support that
# reaches 0, smaller values than those of probability LEAST are left out.
STEP, END, LEAST = 1 / 16, 4.5, 1e-40
_T = np.arange(-END, END + STEP / 2, STEP)


class IntervalRule(ABC):
    """Nodes and weights for a law of singular values with a density on one interval."""

    @property
    @abstractmethod
    def _log_edges(self) -> tuple[float, float]:
        """log(s/scale^2) at the ends of the support; the first may be -inf."""

    @abstractmethod
    def _density(self, log_ratio: Array) -> Array:
        """Density of log s."""

    @abstractmethod
    def _from_tails(self, below: Array, above: Array) -> Array:
        """log(s/scale^2) with these probabilities on its sides."""

    @abstractmethod
    def _log_moment(self, z: float) -> float:
        """log E[(s/scale^2)^z]."""

    @property
    def _scale(self) -> float:
        """Unit of singular values."""
        return 1.0

    def _nodes(self, t: Array) -> tuple[Array, Array]:
        """log(s/scale^2) as a function of any real t, and its derivative.

        With x = (pi/2) sinh t, it is the middle + half the width times tanh x on a bounded
        interval, and the upper edge - reach exp(-x) where the support reaches 0.
        """
        low, high = self._log_edges
        x, rate = np.pi / 2 * np.sinh(t), np.pi / 2 * np.cosh(t)
        if math.isfinite(low):
            # from the closer edge
            half, small = (high - low) / 2, special.expit(-2 * np.abs(x))
            log_ratio = np.where(x < 0, low + 2 * half * small, high - 2 * half * small)
            return log_ratio, 4 * half * small * (1 - small) * rate
        distance = self._reach * np.exp(-np.minimum(x, LARGE_LOG))
        return high - distance, distance * rate

    def _time(self, value: float) -> float:
        """The t of a singular value, from -END to END."""
        low, high = self._log_edges
        log_ratio = 2 * (math.log(value) - math.log(self._scale)) if value > 0 else -math.inf
        log_ratio = max(log_ratio, self._floor)
        if math.isfinite(low):
            part = min(max((2 * log_ratio - low - high) / (high - low), -1.0), 1.0)
            x = math.copysign(math.inf, part) if abs(part) == 1 else math.atanh(part)
        else:
            distance = max(high - log_ratio, 0.0)
            x = math.inf if distance == 0 else -math.log(distance / self._reach)
        return min(max(math.asinh(2 / math.pi * x), -END), END)

    @cached_property
    def _reach(self) -> float:
        """Distance of the median from the upper edge, in log s."""
        return float(self._log_edges[1] - self._from_tails(np.array([0.5]), np.array([0.5]))[0])

    @cached_property
    def _floor(self) -> float:
        """Lower limit of means, in log(s/scale^2): smaller values have a negligible probability."""
        low = self._log_edges[0]
        if math.isfinite(low):
            return low
        return float(self._from_tails(np.array([LEAST]), np.array([1.0]))[0])

    @cached_property
    def _rule(self) -> tuple[Array, Array]:
        """Nodes log(s/scale^2) and weights, which add up to 1, of means over the law."""
        log_ratio, weights = self._weighted(_T)
        return log_ratio, STEP * weights

    def _weighted(self, t: Array) -> tuple[Array, Array]:
        """Nodes between the ends, and their density in t."""
        log_ratio, rate = self._nodes(t)
        inside = (log_ratio > self._floor) & (log_ratio < self._log_edges[1])
        log_ratio = log_ratio[inside]
        return log_ratio, rate[inside] * self._density(log_ratio)

    @property
    def _log_mean(self) -> float:
        return math.log(self._scale) + self._log_moment(0.5)

    def _central(self, order: int) -> float:
        """E[(sigma/E[sigma] - 1)^order], without cancellation."""
        log_ratio, weights = self._rule
        return float(weights @ np.expm1(log_ratio / 2 - self._log_moment(0.5)) ** order)
