r"""The law of the singular values of residual networks with many weak layers.

Equation (1) of `rank` on the upper edge of the support, log s real.  There
w = (1/2) cosh(a + ib) has Im w = theta/(2 tau), and theta is a parameter in which all is explicit:
with T = tan(theta/2), A = sinh a, u = sin b, C = cosh a, c = cos b,

    A^2 = theta/(tau T),    u^2 = theta T/tau,    log s = tau C c + 2 artanh(c/C),           (1)

theta from 0 at the upper edge to theta_max at s = 1, where u = 1.  s < 1 follows from s ~ 1/s.
The density of log s is theta/(2 pi tau), and the integral of theta d(log s) is elementary:

    pi P(> s) = atan2(C u, A c) - (theta/2) C c.                                             (2)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy
from numpy.polynomial import polynomial
from scipy import special

from rmt_rank._lib.validation import real
from rmt_rank.theory.numerics.family import Family
from rmt_rank.theory.numerics.interval_law import IntervalLaw
from rmt_rank.theory.numerics.monotone_root import root
from rmt_rank.theory.residual_limit.rank import (
    log_moment,
    log_upper_edge,
    residual_limit_effective_rank,
)

__all__ = ["ResidualLimitLaw", "residual_limit_law"]

Array = npt.NDArray[np.float64]
# Value and slope at each p.
Function: TypeAlias = Callable[[Array], tuple[Array, Array]]

# Times at which singular values are floats, and differ from 1.
EARLIEST, LATEST = 1.1e-31, 1408.0
# Newton's method stops at steps this small, because the next one is about the square.
LAST_STEP, MAX_STEPS = 1e-7, 60
# For so many points a table of starts is worth it.  Cubic interpolation is wrong by less than
# (1/16)^4/384 times the fourth derivative; at the ends the functions are straight lines.
MANY, TABLE = 500, np.linspace(-40, 40, 16 * 80 + 1)
# Values and probabilities nearer to the middle than this part of a half count as the middle.
MIDDLE = 1e-30

# x - atan x = x^3 sum_k (-x^2)^k/(2k+3)
_ATAN_GAP = [(-1) ** k / (2 * k + 3) for k in range(14)]
# 1 - sin(x)/x = x^2 sum_k (-x^2)^k/(2k+3)!
_SINC_GAP = [(-1) ** k / math.factorial(2 * k + 3) for k in range(10)]
# sin h - h cos h = h^3 sum_k (-h^2)^k (2k+2)/(2k+3)!
_COTANGENT_GAP = [(-1) ** k * (2 * k + 2) / math.factorial(2 * k + 3) for k in range(10)]


class Values(NamedTuple):
    """Values s > 1 at some p; all but the slope to full relative accuracy."""

    log_s: Array
    gap: Array  # log(s_max/s)
    slope: Array  # d(log s)/dp


class Probabilities(NamedTuple):
    """Probabilities at some p, to full relative accuracy."""

    middle: Array  # P(1 < s' < s)
    tail: Array  # P(s' > s)


class _Terms(NamedTuple):
    """The terms of (1)."""

    theta: Array
    missing: Array  # theta_max - theta
    sine: Array  # sin(theta/2)
    cosine: Array
    A2: Array
    u2: Array
    C: Array
    c: Array


@dataclass(frozen=True)
class Curve:
    """The upper half by the parameter p, theta = theta_max/(1 + e^p), and its inverses."""

    tau: float

    @cached_property
    def halves(self) -> tuple[float, float]:
        """theta_max/2 and its distance to pi/2; h tan h = tau/2."""
        half = self.tau / 2
        if half < 1:
            h = root(lambda x: x * math.tan(x) - half, math.sqrt(half) / 2, 1.1 * math.sqrt(half))
            return h, math.pi / 2 - h
        top = math.pi / 2
        # 0.86 = x tan x at x = 0.76
        e = root(lambda x: (top - x) - half * math.tan(x), 0.5 / (half + 1), 0.81)
        return top - e, e

    @cached_property
    def log_edge(self) -> float:
        """log s_max."""
        return log_upper_edge(self.tau)

    def theta(self, p: Array) -> Array:
        """The parameter theta; the density of log s is theta/(2 pi tau)."""
        theta: Array = 2 * self.halves[0] * special.expit(-p)
        return theta

    def _terms(self, p: Array) -> _Terms:
        tau, (half, rest) = self.tau, self.halves
        theta, missing = self.theta(p), 2 * half * special.expit(p)
        # cos(theta/2) from the distance of theta to pi, which may be small
        sine, cosine = np.sin(theta / 2), np.sin(rest + missing / 2)
        T = sine / cosine
        A2, u2 = theta / (tau * T), theta * T / tau
        C = np.sqrt(1 + A2)
        # 1 - u^2 = (theta_max tan(theta_max/2) - theta T)/tau, theta_max tan(theta_max/2) = tau
        rise = np.sin(missing / 2) / (math.sin(rest) * cosine)  # tan(theta_max/2) - T
        c = np.sqrt(missing / (2 * half) + theta * rise / tau)
        return _Terms(theta, missing, sine, cosine, A2, u2, C, c)

    def values(self, p: Array) -> Values:
        """Evaluate (1)."""
        tau = self.tau
        theta, missing, sine, cosine, A2, u2, C, c = self._terms(p)
        log_s = tau * C * c + 2 * np.arctanh(c / C)
        # P + iQ = d(log s)/dw/(2 tau) gives -d(log s)/d(theta) = (P^2 + Q^2)/Q
        P = _sinc_gap(2 * theta) + (2 * sine * cosine) ** 2 / tau
        Q = C * c * (2 * sine * cosine) ** 2 / theta
        slope = (P * P + Q * Q) / Q * theta * (missing / (2 * self.halves[0]))
        return Values(log_s, self._gap(theta, A2, u2, C, c), slope)

    def probabilities(self, p: Array) -> Probabilities:
        """Evaluate (2)."""
        theta, _, sine, cosine, A2, u2, C, c = self._terms(p)
        middle = (np.arctan2(np.sqrt(A2) * c, C * np.sqrt(u2)) + theta / 2 * C * c) / np.pi
        return Probabilities(middle, _tail(sine / cosine, A2, u2, C, c))

    def _gap(self, theta: Array, A2: Array, u2: Array, C: Array, c: Array) -> Array:
        """log s_max - log s, from positive terms."""
        edge2 = 2 / self.tau
        edge = math.sqrt(1 + edge2)
        rise = edge2 * _cotangent_gap(theta / 2) / (edge + C)  # edge - C
        fall = u2 / (1 + c)  # 1 - c
        product = A2 / (C * edge + 1) * (1 + edge2) + edge2 / (C * edge + 1)  # C edge - 1
        change = (fall * edge - rise) / (product + fall)
        gap: Array = self.tau * (rise + C * fall) + 2 * np.arctanh(change)
        return gap

    def from_value(self, log_s: Array, gap: Array) -> Array:
        """The p of values s > 1."""
        edge, theta_max = self.log_edge, 2 * self.halves[0]
        target = np.log(np.maximum(log_s, MIDDLE * edge)) - np.log(gap)
        # gap ~ cosh(mu) theta^2/2 at the edge
        start = (target + math.log(self._cosh * theta_max**2 / (2 * edge))) / 2
        return self._solve(target, start, self._by_value)

    def from_probability(self, middle: Array, tail: Array) -> Array:
        """The p of P(1 < s' < s) = middle, P(s' > s) = tail."""
        tau, theta_max = self.tau, 2 * self.halves[0]
        target = np.log(np.maximum(middle, MIDDLE)) - np.log(tail)
        # tail ~ cosh(mu) theta^3/(6 pi tau) at the edge
        start = (target + math.log(self._cosh * theta_max**3 / (3 * math.pi * tau))) / 3
        return self._solve(target, start, self._by_probability)

    def _by_value(self, p: Array) -> tuple[Array, Array]:
        at = self.values(p)
        return np.log(at.log_s) - np.log(at.gap), at.slope * (1 / at.log_s + 1 / at.gap)

    def _by_probability(self, p: Array) -> tuple[Array, Array]:
        at = self.probabilities(p)
        density = self.theta(p) / (2 * np.pi * self.tau)
        slope = density * self.values(p).slope * (1 / at.middle + 1 / at.tail)
        return np.log(at.middle) - np.log(at.tail), slope

    @property
    def _cosh(self) -> float:
        return math.sqrt(1 + 2 / self.tau)

    def _solve(self, target: Array, p: Array, function: Function) -> Array:
        """Newton's method for function(p) = target; without a table from its asymptote.

        The function is convex in p, and has its slope beside it.
        """
        if target.size >= MANY:
            p = self._from_table(target, function)
        for _ in range(MAX_STEPS):
            value, slope = function(p)
            step = (target - value) / slope
            p = p + step
            if np.all(np.abs(step) < LAST_STEP):
                return p
        raise ArithmeticError(
            f"Newton's method found no point of the law of time {self.tau!r} in {MAX_STEPS} steps"
        )

    def _from_table(self, target: Array, function: Function) -> Array:
        """The p of function(p) = target, so well that one step of Newton's method is left."""
        name = function.__name__
        if name not in self._tables:
            value, slope = function(TABLE)
            self._tables[name] = scipy.interpolate.CubicHermiteSpline(value, TABLE, 1 / slope)
        spline = self._tables[name]
        low, high = spline.x[0], spline.x[-1]
        inside = np.clip(target, low, high)
        beyond = target - inside
        p: Array = spline(inside) + beyond * spline.c[2, np.where(beyond < 0, 0, -1)]
        return p

    @cached_property
    def _tables(self) -> dict[str, scipy.interpolate.CubicHermiteSpline]:
        return {}


@dataclass(frozen=True)
class ResidualLimitLaw(IntervalLaw):
    """Limit law of the singular values of residual networks; made by `residual_limit_law`.

    Attributes
    ----------
    time : float
        tau, the variance of the layers times their number.

    Examples
    --------
    >>> from rmt_rank import residual_limit_law
    >>> law = residual_limit_law(1)
    >>> print(round(float(law.mean()), 3), round(float(law.cdf(1)), 3))
    1.321 0.5
    """

    time: float

    def __post_init__(self) -> None:
        time = real("time", self.time, above=0)
        if not EARLIEST <= time <= LATEST:
            raise ValueError(f"time must be from {EARLIEST:g} to {LATEST:g}, got {time!r}")
        object.__setattr__(self, "time", time)

    @cached_property
    def _curve(self) -> Curve:
        return Curve(self.time)

    @property
    def _log_edges(self) -> tuple[float, float]:
        return -self._curve.log_edge, self._curve.log_edge

    def effective_rank(self, *, power: float = 1, order: float = 1) -> float:
        """Effective rank of this law, see `residual_limit_effective_rank`."""
        return float(residual_limit_effective_rank(self.time, power=power, order=order))

    def _family(self) -> Family:
        """Laws by their time; the search starts at that of the variance of log s."""

        def start(values: Array) -> float:
            # Var(log s) = tau^2/3 + 2 tau
            variance = 4 * float(np.var(np.log(values)))
            return min(max(3 * variance / (3 + math.sqrt(9 + 3 * variance)), 1e-20), 100.0)

        return Family("time", ResidualLimitLaw, (EARLIEST, LATEST), start, lambda time: 1.3 * time)

    def _log_moment(self, z: float) -> float:
        return log_moment(self.time, z)

    def _density(self, log_s: Array) -> Array:
        return self._curve.theta(self._at(log_s)) / (2 * np.pi * self.time)

    def _below(self, log_s: Array) -> Array:
        at = self._curve.probabilities(self._at(log_s))
        return np.where(log_s > 0, 0.5 + at.middle, at.tail)

    def _above(self, log_s: Array) -> Array:
        at = self._curve.probabilities(self._at(log_s))
        return np.where(log_s > 0, at.tail, 0.5 + at.middle)

    def _from_tails(self, below: Array, above: Array) -> Array:
        # smaller tails lie at the edges, to rounding
        tail = np.maximum(np.minimum(below, above), 1e-290)
        p = self._curve.from_probability(np.abs(below - 0.5), tail)
        log_s = self._curve.values(p).log_s
        return np.where(below > 0.5, log_s, -log_s)

    def _at(self, log_s: Array) -> Array:
        """The p of abs(log s), by the law's symmetry."""
        size = np.abs(log_s)
        return self._curve.from_value(size, self._curve.log_edge - size)


def residual_limit_law(time: float) -> ResidualLimitLaw:
    """Limit law of the singular values of residual linear networks with many weak layers.

    Parameters
    ----------
    time : float
        tau: the variance of the layers I + a G, a^2 = tau/L, times their number L. From 1.1e-31,
        where the support is nearly as narrow as the spacing of floats, to 1408, where the largest
        singular value is nearly above their range.

    Returns
    -------
    ResidualLimitLaw
        With the methods of a frozen distribution of `scipy.stats`, and `effective_rank`.

    Raises
    ------
    TypeError
        If time is not one real number.
    ValueError
        If time is not from 1.1e-31 to 1408: at time 0 the law is the point 1, which has no density.

    Notes
    -----
    log s = 2 log(sigma) is symmetric: the sum of a uniform variable on [-tau, tau] and a free
    semicircular one of variance 2 tau. log s_max = tau r + log((r+1)/(r-1)), r = sqrt(1 + 2/tau).

    References
    ----------
    .. [1] M. Auer, M. Voit, arXiv:2408.00535, 2505.05984.

    Examples
    --------
    >>> from rmt_rank.theory.residual_limit.law import residual_limit_law
    >>> law = residual_limit_law(1)
    >>> print([round(edge, 4) for edge in law.support()])
    [0.2177, 4.5929]
    >>> law.cdf([0.5, 1, 2]).round(4)
    array([0.2217, 0.5   , 0.7783])
    """
    return ResidualLimitLaw(time)


# --- without cancellation ----------------------------------------------------------------------


def _tail(T: Array, A2: Array, u2: Array, C: Array, c: Array) -> Array:
    """(2) over pi, where atan2(C u, A c) - atan T = atan X."""
    X = (A2 + u2) / (C + c) * T / (c + C * T * T)
    D = (u2 - A2 * c * c) / (1 + C * c)  # 1 - C c
    near = (X < 1) & (T < 1)
    x, t = np.where(near, X, 0), np.where(near, T, 0)
    # X + T D, where the terms in A^2 T cancel
    sum_ = C * u2 * t / (c + C * t * t) * (C * c + t * t + u2) / (1 + C * c)
    small = sum_ - x * _atan_gap(x) - t * (_atan_gap(t) * D)
    result: Array = np.where(near, small, np.arctan(X) + np.arctan(T) * D) / np.pi
    return result


def _atan_gap(x: Array) -> Array:
    """1 - atan(x)/x."""
    small = np.where(x < 0.25, x, 0)
    series = small * small * polynomial.polyval(small * small, _ATAN_GAP)
    large = np.where(x < 0.25, 1, x)
    result: Array = np.where(x < 0.25, series, 1 - np.arctan(large) / large)
    return result


def _sinc_gap(x: Array) -> Array:
    """1 - sin(x)/x."""
    small = np.where(x < 1, x, 0)
    series = small * small * polynomial.polyval(small * small, _SINC_GAP)
    result: Array = np.where(x < 1, series, 1 - np.sinc(x / np.pi))
    return result


def _cotangent_gap(h: Array) -> Array:
    """1 - h cot h."""
    small = np.where(h < 0.5, h, 0)
    series = small * small * polynomial.polyval(small * small, _COTANGENT_GAP)
    sinc = np.sinc(h / np.pi)
    result: Array = np.where(h < 0.5, series, sinc - np.cos(h)) / sinc
    return result
