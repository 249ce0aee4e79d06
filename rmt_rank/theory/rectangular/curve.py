r"""The curve that parametrises the limit law of unequal widths: edges, values, tails, means.

n_0, ..., n_L are the widths, N the smallest, y_1, ..., y_L = n_j/N - 1 >= 0 for all others, s one
of the N squared singular values, for entries of variance 1/N. Then t = 1 + E[s'/(s - s')], the mean
over s' of the law, solves (Burda et al., arXiv:1007.3594)

    s = t/(t - 1) prod_j (t + y_j),                                                        (1)

and on the upper side of the support, with t = p + iq, q > 0, the density is pdf(s) = q/(pi s).

The curve. s > 0 in the upper half plane where

    f = sum_j arg(t + y_j) - [arg(t-1) - arg t] = 0.

At fixed alpha = arg t both terms of f increase with abs(t), so the curve is a graph over alpha; and
Im d(log s)/d(log t) = q (1/abs(t-1)^2 + sum_j y_j/abs(t+y_j)^2) > 0, so s falls along it, from
s_max at alpha = 0 to s_min at alpha = pi/(m+1), where m of the y_j are 0. s_min is 0 unless m = 0.

Probabilities. q d(log s) is the imaginary part of an elementary differential. With
h(a) = q - a arg(a + iq), which decreases in a and is positive,

    pi sf = h(p-1) - h(p) - sum_j h(p+y_j),    pi cdf = h(-p) - h(1-p) + sum_j h(p+y_j).      (2)

Means. All branch points of t(log s) lie on the lines Im(log s) = k pi, those with k = 0 at the
edges, since the critical points of (1) are real. So with

    log s = log s_min + log(1 + e^(tau+B)) - log(1 + e^tau),    B = log(s_max/s_min),

means over the law are integrals of functions analytic in abs(Im tau) < pi, whatever the y_j are,
and the trapezoidal rule converges at the same geometric rate for all of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial
from scipy import special

from rmt_rank._lib.validation import real_array, shown
from rmt_rank.theory.numerics.monotone_root import root

__all__ = ["Curve", "checked_widths", "curve_of"]

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

# The trapezoidal rule's error is about exp(-2 pi d/STEP), d half the width of the strip in which
# the integrand stays small: pi for moments of low order, pi/2 for high ones, exp(-39).
STEP = 0.25
# The integrand falls like exp(-1.5 abs(tau)) at a soft edge: exp(-39) here.
SOFT_END = 26.0
# Where t is smaller than this part of all positive y_j and 1 the law is a power law to all digits.
POWER_LAW_BELOW = 1e-17
# Nodes of the first guess: logit(alpha/alpha_max) in this range, at most so far apart in it and in
# log abs(t). Beyond, the guess is extrapolated.
LOGIT_END, LOGIT_STEP, LOG_STEP = 10.0, 0.1, 0.25
# Newton's method stops at steps smaller than this part of the distance to the real axis.
LAST_STEP, MAX_STEPS, LOST = 1e-8, 40, 1e-8

# x - atan x = x^3 sum_k (-x^2)^k/(2k+3)
_ATAN_GAP = [(-1) ** k / (2 * k + 3) for k in range(14)]


class Nodes(NamedTuple):
    """The curve at some points, from s_min to s_max."""

    tau: Array
    log_odds: Array  # log(cdf/sf)
    logit: Array  # logit(alpha/alpha_max)
    log_modulus: Array  # log abs(t)


class Quadrature(NamedTuple):
    """Means over the law are weights @ values."""

    log_ratio: Array  # log(s/mean)
    weights: Array
    decay: float  # decay of the weights at s = 0, as a power of s; inf if s_min > 0

    def log_moment(self, z: float) -> float:
        """log E[(s/mean)^z]; the nodes left out at s = 0 form a geometric series."""
        logs = z * self.log_ratio
        top = float(logs.max())
        terms = self.weights * np.exp(logs - top)
        terms[0] /= -math.expm1(-STEP * (z + self.decay))
        return top + math.log(terms.sum())


# Largest ratio of widths, so that their products are floats.
_LARGEST_RATIO = 1e150
# Largest ratio of the second smallest width to the smallest. The support is some 4/sqrt(ratio) of
# the mean wide; from about 3e13 on, rounding leaves Newton's method some points that it misses.
_LARGEST_GAP = 1e12


@dataclass(frozen=True)
class Curve:
    """Equation (1) and its solution; all squared values are over the mean, prod_j (1+y_j)."""

    excess: tuple[tuple[float, int], ...]  # distinct y_j, and how often each occurs

    @property
    def depth(self) -> int:
        """L, the number of factors."""
        return sum(count for _, count in self.excess)

    @property
    def zeros(self) -> int:
        """m, the number of y_j = 0."""
        return dict(self.excess).get(0.0, 0)

    @property
    def smallest(self) -> float:
        """The smallest y_j."""
        return min(y for y, _ in self.excess)

    @property
    def alpha_max(self) -> float:
        """arg t at the lower end of the support."""
        return math.pi / (self.zeros + 1)

    def log_mean(self) -> float:
        """log E s."""
        return math.fsum(count * math.log1p(y) for y, count in self.excess)

    def log_ratio(self, t: Any) -> Any:
        """log(s/mean) of (1), real part."""
        total = np.log(np.abs(t / (t - 1)))
        for y, count in self.excess:
            total = total + count * np.log(np.abs((t + y) / (1 + y)))
        return total

    def phase(self, t: Complex) -> Array:
        """arg s = f, without cancellation where q is small."""
        p, q = t.real, t.imag
        total = -np.arctan2(q, p * (p - 1) + q * q)
        for y, count in self.excess:
            total = total + count * np.arctan2(q, p + y)
        return total

    def slope(self, t: Any) -> Any:
        """d log s / d log t."""
        total = -1 / (t - 1)
        for y, count in self.excess:
            total = total + count * (t / (t + y))
        return total

    @cached_property
    def top(self) -> float:
        """t at the upper end of the support."""
        L, y = self.depth, self.smallest
        # one term is enough for > 0 at the upper bound, all equal to it for < 0 at the lower
        return 1 + root(lambda w: float(self.slope(1 + w)), 0.9 / L, 1.1 * math.sqrt(1 + y))

    @cached_property
    def log_edges(self) -> tuple[float, float]:
        """log(s/mean) at the ends of the support."""
        L, y, top = self.depth, self.smallest, self.top
        if y == 0:
            return -math.inf, float(self.log_ratio(top))
        part = 1 / (2 * (L + 1) * (1 + math.sqrt(y)))
        bottom = -root(lambda x: float(self.slope(-x)), part * y, y / 2)
        return float(self.log_ratio(bottom)), float(self.log_ratio(top))

    def tau(self, log_ratio: Array) -> Array:
        """The variable of the trapezoidal rule."""
        low, high = self.log_edges
        with np.errstate(divide="ignore"):
            below = np.log(-np.expm1(low - log_ratio))
            above = np.log(-np.expm1(log_ratio - high))
        tau: Array = log_ratio - high + below - above
        return tau

    def cdf(self, t: Complex) -> Array:
        """Probability below the value at t, by (2)."""
        p, q = t.real, t.imag
        total = _h(-p, q) - _h(1 - p, q)
        for y, count in self.excess:
            total = total + count * _h(p + y, q)
        return total / np.pi

    def sf(self, t: Complex) -> Array:
        """Probability above the value at t, by (2)."""
        p, q = t.real, t.imag
        total = _h(p - 1, q) - _h(p, q)
        for y, count in self.excess:
            total = total - count * _h(p + y, q)
        return total / np.pi

    # --- from a value or a probability to t ---------------------------------------------------

    def from_log_ratio(self, log_ratio: Array) -> Complex:
        """The t of values inside the support."""
        nodes = self.nodes
        guess = self._guess(self.tau(log_ratio), nodes.tau)
        return _newton(
            guess,
            lambda t, i: (log_ratio[i] - self.log_ratio(t) - 1j * self.phase(t)) / self.slope(t),
        )

    def from_tails(self, lower: Array, upper: Array) -> Complex:
        """The t of cdf = lower, sf = upper, lower + upper = 1, both positive."""
        log_odds = np.log(lower) - np.log(upper)

        def step(t: Complex, i: npt.NDArray[np.intp]) -> Complex:
            below, above = self.cdf(t), self.sf(t)
            change = (log_odds[i] - np.log(below / above)) * (below * above * np.pi / t.imag)
            result: Complex = (change - 1j * self.phase(t)) / self.slope(t)
            return result

        return _newton(self._guess(log_odds, self.nodes.log_odds), step)

    def _guess(self, x: Array, at: Array) -> Complex:
        """Interpolate the nodes linearly, and extrapolate."""
        i = np.clip(np.searchsorted(at, x) - 1, 0, at.size - 2)
        part = (x - at[i]) / (at[i + 1] - at[i])
        logit, modulus = (
            v[i] + part * (v[i + 1] - v[i]) for v in (self.nodes.logit, self.nodes.log_modulus)
        )
        return self._point(logit, modulus)

    def _point(self, logit: Array, log_modulus: Array) -> Complex:
        alpha = self.alpha_max * special.expit(logit)
        gap = (math.pi - self.alpha_max) + self.alpha_max * special.expit(-logit)
        near = np.minimum(alpha, gap)
        cosine = np.where(alpha < gap, np.cos(near), -np.cos(near))
        point: Complex = np.exp(log_modulus) * (cosine + 1j * np.sin(near))
        return point

    @cached_property
    def nodes(self) -> Nodes:
        """Points of the curve by bisection, denser where abs(t) changes fast with alpha."""
        logit = np.linspace(LOGIT_END, -LOGIT_END, round(2 * LOGIT_END / LOGIT_STEP) + 1)
        modulus = self._log_modulus(logit)
        while (far := np.flatnonzero(np.abs(np.diff(modulus)) > LOG_STEP)).size:
            middle = (logit[far] + logit[far + 1]) / 2
            inside = (middle < logit[far]) & (middle > logit[far + 1])
            if not inside.any():
                break
            far, middle = far[inside], middle[inside]
            logit = np.insert(logit, far + 1, middle)
            modulus = np.insert(modulus, far + 1, self._log_modulus(middle))
        t = self._point(logit, modulus)
        tau = self.tau(self.log_ratio(t))
        log_odds = np.log(self.cdf(t) / self.sf(t))
        return Nodes(tau, log_odds, logit, modulus)

    def _log_modulus(self, logit: Array) -> Array:
        """log abs(t) on the curve: f increases in abs(t)."""
        # for one y_j the upper bound is reached at alpha = 0
        high = np.full(logit.shape, math.log(1 + math.sqrt(1 + self.smallest)))
        low = high - 120
        for _ in range(58):
            middle = (low + high) / 2
            above = self.phase(self._point(logit, middle)) > 0
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        modulus: Array = (low + high) / 2
        return modulus

    # --- means --------------------------------------------------------------------------------

    def trapezoid(self, start: float, end: float, step: float) -> tuple[Array, Array]:
        """Nodes log(s/mean) of the trapezoidal rule in tau inside the support, and their slopes."""
        low, high = self.log_edges
        tau = np.arange(math.floor(start / step), math.ceil(end / step) + 1) * step
        from_bottom = tau + (high - low)
        log_ratio = high - np.logaddexp(0, -tau) + np.logaddexp(0, -from_bottom)
        rise = -math.expm1(low - high) * special.expit(from_bottom) * special.expit(-tau)
        inside = (log_ratio > low) & (log_ratio < high)
        return log_ratio[inside], rise[inside]

    @cached_property
    def quadrature(self) -> Quadrature:
        """Nodes and weights of the trapezoidal rule."""
        low, high = self.log_edges
        if math.isfinite(low):
            start, decay = low - high - SOFT_END, math.inf
        else:
            positive = [(y, count) for y, count in self.excess if y > 0]
            t = POWER_LAW_BELOW * min([1.0, *(y for y, _ in positive)])
            start = float(self.log_ratio(np.asarray(t))) - high
            decay = 1 / (self.zeros + 1)
        log_ratio, rise = self.trapezoid(start, SOFT_END, STEP)
        q = self.from_log_ratio(log_ratio).imag
        weights = q * rise
        return Quadrature(log_ratio, weights / weights.sum(), decay)


def _newton(t: Complex, step: Callable[[Complex, npt.NDArray[np.intp]], Complex]) -> Complex:
    """Add steps to log t until all are small; t never leaves the upper half plane."""
    t = t.copy()
    active = np.arange(t.size)
    for _ in range(MAX_STEPS):
        here = t[active]
        change = step(here, active)
        room = here.imag / np.abs(here)
        # at most half way to the real axis, and half a unit along it
        excess = 2 * np.maximum(np.abs(change.imag) / room, np.abs(change.real))
        t[active] = here * np.exp(change / np.maximum(1, excess))
        going = np.abs(change) > LAST_STEP * room
        active = active[going]
        if not active.size:
            return t
    # near an edge, at the distance d, the curve is quadratic, and rounding moves t by a multiple of
    # eps/d: of 1e6 eps/d with 100 layers that are 1e10 times as wide
    lost = active[np.abs(change * room)[going] > LOST]
    if lost.size:
        raise ArithmeticError(
            f"Newton's method found no point of the curve in {MAX_STEPS} steps at {lost.size} of "
            f"{t.size} places, the first near t = {t[lost[0]]:.6g}"
        )
    return t


def _h(a: Array, q: Array) -> Array:
    """q - a arg(a + iq), for q > 0."""
    direct = q - a * np.arctan2(q, a)
    # far from the imaginary axis x - atan x by its series, x < 1/4: what is left out is below eps
    x = q / np.where(a > 4 * q, a, np.inf)
    series = a * x**3 * polynomial.polyval(x * x, _ATAN_GAP)
    result: Array = np.where(a > 4 * q, series, direct)
    return result


def checked_widths(widths: Sequence[float]) -> Array:
    """Widths as an array, refused if they are not at least 2 positive numbers."""
    array = real_array("widths", widths, above=0)
    if array.ndim != 1 or array.size < 2:
        raise ValueError(f"widths must be a sequence of at least 2 numbers, got {shown(widths)}")
    if array.max() / _LARGEST_RATIO > array.min():
        raise ValueError(
            f"widths must be at most {_LARGEST_RATIO:g} times the smallest, got "
            f"{float(array.min())!r} and {float(array.max())!r}"
        )
    return array


def curve_of(widths: Sequence[float]) -> Curve:
    """The curve of some widths, in any order."""
    ordered = np.sort(checked_widths(widths))
    if ordered[1] / _LARGEST_GAP > ordered[0]:
        raise ValueError(
            f"widths must have a second smallest of at most {_LARGEST_GAP:g} times the smallest, "
            f"got {float(ordered[0])!r} and {float(ordered[1])!r}"
        )
    excess = (ordered[1:] - ordered[0]) / ordered[0]
    return Curve(tuple(sorted(Counter(excess.tolist()).items())))
