r"""Products of Gaussian matrices of unequal widths, as all of them grow in fixed proportions.

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
from scipy import optimize, special

from rmt_rank._random import RNG, streams
from rmt_rank._validation import integer, real, real_array

__all__ = ["RectangularLaw", "rectangular_effective_rank", "rectangular_law", "rectangular_moment"]

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
LAST_STEP, MAX_STEPS = 1e-8, 40

# The largest logarithm of a float, and one whose exponential leaves room for a sum.
LARGEST_LOG, LARGE_LOG = 709.0, 500.0

# x - atan x = x^3 sum_k (-x^2)^k/(2k+3)
_ATAN_GAP = [(-1) ** k / (2 * k + 3) for k in range(14)]
# (e^x - 1 - x)/x^2 = sum_k x^k/(k+2)!
_SECOND_EXPREL = [1 / math.factorial(k + 2) for k in range(14)]


class _Nodes(NamedTuple):
    """The curve at some points, from s_min to s_max."""

    tau: Array
    log_odds: Array  # log(cdf/sf)
    logit: Array  # of alpha/alpha_max
    log_modulus: Array  # log abs(t)


class _Quadrature(NamedTuple):
    """Means over the law are weights @ values."""

    log_ratio: Array  # log(s/mean)
    weights: Array
    decay: float  # of the weights at s = 0, as a power of s; inf if s_min > 0

    def log_moment(self, z: float) -> float:
        """log E[(s/mean)^z]; the nodes left out at s = 0 form a geometric series."""
        logs = z * self.log_ratio
        top = float(logs.max())
        terms = self.weights * np.exp(logs - top)
        terms[0] /= -math.expm1(-STEP * (z + self.decay))
        return top + math.log(terms.sum())


@dataclass(frozen=True)
class _Curve:
    """Equation (1) and its solution; all squared values are over the mean, prod_j (1+y_j)."""

    excess: tuple[tuple[float, int], ...]  # distinct y_j, how often

    @property
    def depth(self) -> int:
        return sum(count for _, count in self.excess)

    @property
    def zeros(self) -> int:
        """m, the number of y_j = 0."""
        return dict(self.excess).get(0.0, 0)

    @property
    def smallest(self) -> float:
        return min(y for y, _ in self.excess)

    @property
    def alpha_max(self) -> float:
        return math.pi / (self.zeros + 1)

    def log_mean(self) -> float:
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
    def log_edges(self) -> tuple[float, float]:
        """log(s/mean) at the ends of the support."""
        L, y = self.depth, self.smallest
        # one term is enough for > 0 at the upper bound, all equal to it for < 0 at the lower
        top = 1 + _root(lambda w: float(self.slope(1 + w)), 0.9 / L, 1.1 * math.sqrt(1 + y))
        if y == 0:
            return -math.inf, float(self.log_ratio(top))
        part = 1 / (2 * (L + 1) * (1 + math.sqrt(y)))
        bottom = -_root(lambda x: float(self.slope(-x)), part * y, y / 2)
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
        p, q = t.real, t.imag
        total = _h(-p, q) - _h(1 - p, q)
        for y, count in self.excess:
            total = total + count * _h(p + y, q)
        return total / np.pi

    def sf(self, t: Complex) -> Array:
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
    def nodes(self) -> _Nodes:
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
        return _Nodes(tau, log_odds, logit, modulus)

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

    @cached_property
    def quadrature(self) -> _Quadrature:
        """Nodes and weights of the trapezoidal rule."""
        low, high = self.log_edges
        if math.isfinite(low):
            start, decay = low - high - SOFT_END, math.inf
        else:
            positive = [(y, count) for y, count in self.excess if y > 0]
            t = POWER_LAW_BELOW * min([1.0, *(y for y, _ in positive)])
            start = float(self.log_ratio(np.asarray(t))) - high
            decay = 1 / (self.zeros + 1)
        tau = np.arange(math.floor(start / STEP), math.ceil(SOFT_END / STEP) + 1) * STEP
        from_bottom = tau + (high - low)
        log_ratio = high - np.logaddexp(0, -tau) + np.logaddexp(0, -from_bottom)
        inside = (log_ratio > low) & (log_ratio < high)
        tau, log_ratio, from_bottom = tau[inside], log_ratio[inside], from_bottom[inside]
        rise = -math.expm1(low - high) * special.expit(from_bottom) * special.expit(-tau)
        q = self.from_log_ratio(log_ratio).imag
        weights = q * rise
        return _Quadrature(log_ratio, weights / weights.sum(), decay)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    root: float = optimize.brentq(function, low, high, xtol=1e-15 * low, rtol=1e-15)
    return root


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
        active = active[np.abs(change) > LAST_STEP * room]
        if not active.size:
            break
    return t


def _h(a: Array, q: Array) -> Array:
    """q - a arg(a + iq), for q > 0."""
    direct = q - a * np.arctan2(q, a)
    # far from the imaginary axis x - atan x by its series, x < 1/4: what is left out is below eps
    x = q / np.where(a > 4 * q, a, np.inf)
    series = a * x**3 * polynomial.polyval(x * x, _ATAN_GAP)
    result: Array = np.where(a > 4 * q, series, direct)
    return result


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


# --- public -----------------------------------------------------------------------------------


def rectangular_moment(widths: Sequence[float], order: npt.ArrayLike) -> Array | np.float64:
    """Moment E[s**order] of the limit law of the squared singular values, for unequal widths.

    Parameters
    ----------
    widths : sequence of float
        n_0, ..., n_L, positive; only their ratios matter. Layer l has n_l x n_(l-1) entries of
        variance 1/N, N = min(widths), and s is one of the N squared singular values.
    order : array_like of float
        Real order. If m widths other than N equal N, m >= 1, it must be greater than
        -1/(m + 1), where the moment diverges; otherwise any.

    Returns
    -------
    ndarray or float64
        The moments, inf where they are above the largest float; relative error about
        1e-15 (1 + abs(log(moment))) for orders up to 20.

    Raises
    ------
    TypeError
        If an argument is not real.
    ValueError
        If there are fewer than 2 widths, one is not positive and finite, or an order is out of its
        range.

    See Also
    --------
    rmt_rank.fuss_catalan_moment : equal widths, in closed form.

    Notes
    -----
    Order 1 is the product of the ratios n_j/N. For integer orders k the moment is 1/k times the
    coefficient of w^(k-1) in ((1+w) prod_j (1+y_j+w))^k, y_j = n_j/N - 1 (Lagrange inversion).

    References
    ----------
    .. [1] Z. Burda, A. Jarosz, G. Livan, M. A. Nowak, A. Swiech, "Eigenvalues and singular values
       of products of rectangular Gaussian random matrices", arXiv:1007.3594.

    Examples
    --------
    One factor, 2 n x n: the moments of the Marchenko-Pastur law.

    >>> from rmt_rank.theory.rectangular import rectangular_moment
    >>> rectangular_moment([1, 2], [-1, 1, 2]).round(12)
    array([1., 2., 6.])
    """
    curve = _curve(widths)
    z = real_array("order", order)
    least = -1 / (curve.zeros + 1) if curve.zeros else -math.inf
    if (bad := z[z <= least]).size:
        raise ValueError(
            f"order must be > -1/{curve.zeros + 1} where {curve.zeros} other widths equal the "
            f"smallest, got {float(bad.flat[0])!r}"
        )
    log_mean = curve.log_mean()
    logs = [curve.quadrature.log_moment(x) + x * log_mean for x in z.flat]
    with np.errstate(over="ignore"):
        return np.exp(np.reshape(logs, z.shape))[()]


def rectangular_effective_rank(
    widths: Sequence[float], *, power: float = 1, order: float = 1
) -> float:
    """Effective rank of a product of Gaussian matrices of unequal, infinite widths.

    The entropy of the normalised singular values is log(N) plus this number as all widths grow in
    fixed proportions, N being the smallest.

    Parameters
    ----------
    widths : sequence of float
        n_0, ..., n_L, positive; only their ratios matter, and not their sequence.
    power : float, default 1
        Power of the singular values that is normalised; 2 is the Gram matrix.
    order : float, default 1
        Renyi order, 0 <= order <= inf. 1 is Shannon's entropy, inf the min-entropy.

    Returns
    -------
    float
        In nats, never positive.

    Raises
    ------
    TypeError
        If an argument is not real, or power or order is not one number.
    ValueError
        If there are fewer than 2 widths, one is not positive and finite, power <= 0, order < 0 or
        nan.

    See Also
    --------
    rmt_rank.differential_effective_rank : equal widths, in closed form.

    Notes
    -----
    With r = sigma^power over its mean, order 1 is -E[r log r - r + 1], the mean of numbers of one
    sign, and order q is -log(1 + (q-1) E[d_q(r)])/(q-1), d_q(r) = (r^q - 1 - q(r-1))/(q-1).

    Relative error below 1e-12 where the support is wider than 1e-3 of its middle; it is about
    eps over this width.

    At power 2 and order 1 it is rational: 1 - int_0^1 [1 - prod_j (1 - v N/n_j)]/v dv over all
    widths, from the residue of s^z at z = 1; -N/(2n) for one factor (Page), 1 - H(L+1) for equal
    widths.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Definition 6;
       arXiv:2103.10427.

    Examples
    --------
    Two factors, the middle width half the others, and equal widths:

    >>> from rmt_rank import rectangular_effective_rank
    >>> round(rectangular_effective_rank([2, 1, 2]), 4)
    -0.1537
    >>> round(rectangular_effective_rank([1, 1, 1]), 4)
    -0.4014
    """
    curve = _curve(widths)
    z = real("power", power, above=0) / 2
    q = real("order", order, at_least=0, finite=False)
    if q == 0:
        return 0.0
    law = curve.quadrature
    log_moment = law.log_moment(z)
    largest = z * curve.log_edges[1] - log_moment  # log of the largest r
    if q == math.inf:
        return -largest
    if q * largest > LARGE_LOG:
        return (law.log_moment(q * z) - q * log_moment) / (1 - q)
    mean = float(law.weights @ _deviation(z * law.log_ratio - log_moment, q))
    return 0.0 - (mean if q == 1 else math.log1p((q - 1) * mean) / (q - 1))


@dataclass(frozen=True)
class RectangularLaw:
    """Limit law of the nonzero singular values for unequal widths; made by `rectangular_law`.

    Attributes
    ----------
    widths : tuple of float
        n_0, ..., n_L.
    """

    widths: tuple[float, ...]

    @cached_property
    def _curve(self) -> _Curve:
        return _curve(self.widths)

    @property
    def _scale(self) -> float:
        """Root of the mean square."""
        return math.prod(math.pow(1 + y, count / 2) for y, count in self._curve.excess)

    def support(self) -> tuple[float, float]:
        """Smallest and largest singular value; the smallest is 0 unless one width is below all."""
        low, high = self._curve.log_edges
        return self._scale * math.exp(low / 2), self._scale * math.exp(high / 2)

    @property
    def mean(self) -> float:
        """Mean singular value: the nuclear norm over N."""
        return self._scale * math.exp(self._curve.quadrature.log_moment(0.5))

    def pdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Density at x, any real number: q/pi for the solution p + iq of (1), times 2/x.

        At x = 0 it is the limit: infinite for three equal smallest widths or more.
        """
        x = real_array("x", x, finite=False)
        positive = np.where(x > 0, x, 1)
        result = self._inside(x, lambda t: t.imag, 0, 0) * (2 / np.pi) / positive
        return np.where(x == 0, self._density_at_zero(), result)[()]

    def cdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability of a smaller singular value, to full relative accuracy at the lower end."""
        return self._inside(real_array("x", x, finite=False), self._curve.cdf, 0, 1)[()]

    def sf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability of a larger singular value, to full relative accuracy at the upper end."""
        return self._inside(real_array("x", x, finite=False), self._curve.sf, 1, 0)[()]

    def ppf(self, probability: npt.ArrayLike) -> Array | np.float64:
        """Singular value below which the probability lies.

        Raises
        ------
        TypeError, ValueError
            If a probability is not a number from 0 to 1.
        """
        u = real_array("probability", probability, at_least=0)
        if (u > 1).any():
            raise ValueError(f"probability must be <= 1, got {float(u[u > 1].flat[0])!r}")
        low, high = self.support()
        result = np.where(u > 0, high, low)
        inside = (u > 0) & (u < 1)
        t = self._curve.from_tails(u[inside], 1 - u[inside])
        values = self._scale * np.exp(self._curve.log_ratio(t) / 2)
        result[inside] = np.clip(values, low, high)
        return result[()]

    def rvs(self, size: int, *, rng: RNG = None) -> Array:
        """Independent singular values, by the quantiles of uniform numbers.

        They do not repel each other: those of a matrix do.

        Parameters
        ----------
        size : int
            How many.
        rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
            Source of randomness, as for `numpy.random.default_rng`.

        Returns
        -------
        ndarray, shape (size,)
        """
        size = integer("size", size, at_least=1)
        return np.asarray(self.ppf(next(streams(rng)).random(size)))

    def _inside(
        self, x: Array, function: Callable[[Complex], Array], below: float, above: float
    ) -> Array:
        """function(t) inside the support, and these values beyond."""
        low, high = self._curve.log_edges
        with np.errstate(divide="ignore"):
            log_ratio = 2 * np.log(np.maximum(x, 0) / self._scale)
        result = np.where(log_ratio < high, float(below), float(above))
        inside = (log_ratio > low) & (log_ratio < high)
        result[inside] = function(self._curve.from_log_ratio(log_ratio[inside]))
        return result

    def _density_at_zero(self) -> float:
        if self._curve.zeros > 1:
            return math.inf
        if self._curve.zeros == 0:
            return 0.0
        log_rest = sum(count * math.log(y) for y, count in self._curve.excess if y > 0)
        with np.errstate(over="ignore"):
            return float(2 / np.pi * np.exp(-log_rest / 2))


def rectangular_law(widths: Sequence[float]) -> RectangularLaw:
    """Limit law of the singular values of a product of Gaussian matrices of unequal widths.

    Parameters
    ----------
    widths : sequence of float
        n_0, ..., n_L, positive; only their ratios matter. Layer l has n_l x n_(l-1) entries of
        variance 1/N, N = min(widths). The law is that of the N singular values that are not 0 by
        the shapes alone.

    Returns
    -------
    RectangularLaw
        With the methods `pdf`, `cdf`, `sf`, `ppf`, `rvs`, `support` and the number `mean`.

    Raises
    ------
    TypeError
        If a width is not real.
    ValueError
        If there are fewer than 2 widths, one is not positive and finite, or the largest singular
        value is above the largest float.

    See Also
    --------
    rmt_rank.singular_value_law : equal widths.

    References
    ----------
    .. [1] Z. Burda, A. Jarosz, G. Livan, M. A. Nowak, A. Swiech, arXiv:1007.3594.

    Examples
    --------
    >>> from rmt_rank.theory.rectangular import rectangular_law
    >>> law = rectangular_law([784, 256, 10])
    >>> print([round(edge, 3) for edge in law.support()])
    [34.827, 55.205]
    >>> round(float(law.cdf(law.mean)), 3)
    0.511
    """
    law = RectangularLaw(tuple(float(n) for n in _checked(widths)))
    curve = _curve(law.widths)
    largest = (curve.log_mean() + curve.log_edges[1]) / 2
    if largest > LARGEST_LOG:
        raise ValueError(
            f"widths must have a largest singular value below the largest float, got one of "
            f"exp({largest:g})"
        )
    return law


def _checked(widths: Sequence[float]) -> Array:
    array = real_array("widths", widths, above=0)
    if array.ndim != 1 or array.size < 2:
        raise ValueError(f"widths must be a sequence of at least 2 numbers, got {widths!r}")
    return array


def _curve(widths: Sequence[float]) -> _Curve:
    ordered = np.sort(_checked(widths))
    excess = (ordered[1:] - ordered[0]) / ordered[0]
    return _Curve(tuple(sorted(Counter(excess.tolist()).items())))
