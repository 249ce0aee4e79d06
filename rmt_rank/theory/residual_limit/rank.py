r"""Residual linear networks with many weak layers: moments and effective rank of the limit.

The product of L factors I + a G_l, a^2 = time/L, G_l with entries of variance 1/N, tends to free
multiplicative Brownian motion as N and then L grow.  With tau = time and s a squared singular
value, 1/S(t) = exp(tau (1 + 2t)), so that t = w - 1/2 = E[s'/(s - s')] solves

    log s = log[(w + 1/2)/(w - 1/2)] + 2 tau w,                                              (1)

and w = (1/2) cosh zeta makes it log s = tau cosh zeta + 4 artanh(exp -zeta).  The right side is
analytic outside [-1/2, 1/2], so for g analytic near the support, G' = g,

    E g(log s) = -(1/2 pi i) oint g w d(log s) = (1/2 pi i) oint G dw                        (2)

once around it, counter-clockwise.  On the ellipse Re zeta = mu through the upper edge, where
sinh mu = sqrt(2/tau), the trapezoidal rule in Im zeta converges geometrically for g = s^z, for
small z and large ones.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial

from rmt_rank._lib.validation import broadcast, real, real_array

__all__ = [
    "log_moment",
    "log_upper_edge",
    "residual_limit_effective_rank",
    "residual_limit_moment",
]

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

# Steps in Im zeta: a part of the distance mu to the singularity at 0, exp(-2 pi/0.12) = exp(-52),
# and of the width of a Gaussian peak, exp(-2 (pi/0.5)^2) = exp(-79).
STEP_PER_DISTANCE, STEP_PER_WIDTH = 0.12, 0.5
# Values of s^z below exp(-45) of the largest are left out.
LOG_LEFT_OUT = 45.0
# Where z log s_max is smaller, s^z is compared with 1, and with its largest value beyond.
NEAR_ONE = 2.0
# The smallest distance from the real axis if the whole ellipse is needed; 3e5 nodes.
LEAST_DISTANCE = 1e-4

# Limit on times and orders, whose product must stay well inside the floats.
LATEST, LARGEST = 1e300, 1e6

# Orders in this interval are averaged; for others a quotient loses at most a bit.
MEAN_ORDERS = (0.5, 2.0)
# Gauss's rule for that mean.  (log M)'(s z) is analytic to s = 0, a relative distance of 3 from
# [1/2, 1] and [1, 2]: 24 nodes leave (3 + sqrt 8)^-48 = 2e-37, and less room where it oscillates.
_GAUSS, MEAN_WEIGHTS = np.polynomial.legendre.leggauss(24)
MEAN_WEIGHTS = MEAN_WEIGHTS / 2
# (e^x - 1 - x)/x^2 = sum_k x^k/(k+2)!
_SECOND_EXPREL = [1 / math.factorial(k + 2) for k in range(16)]


def residual_limit_moment(time: npt.ArrayLike, order: npt.ArrayLike) -> Array | np.float64:
    """Moment E[s**order] of the squared singular values of the limit of residual networks.

    Parameters
    ----------
    time : array_like of float
        tau >= 0: the variance of the layers I + a G, a^2 = tau/L, times their number L.
    order : array_like of float
        Any real order; broadcast with time.

    Returns
    -------
    ndarray or float64
        The moments, inf where they are above the largest float; relative error about
        1e-15 (1 + abs(log(moment))) for times up to 1e6.

    Raises
    ------
    TypeError
        If an argument is not real.
    ValueError
        If a time is negative or above 1e300, or the size of an order is above 1e6.

    Notes
    -----
    M(z) = exp(-z tau) 1F1(1+z; 2; 2 z tau), for integers n it is
    exp(n tau) L^(1)_(n-1)(-2 n tau)/n with a Laguerre polynomial, and
    M(1/2) = I_0(tau/2) + I_1(tau/2).  s and 1/s have the same law.  Evaluated by the trapezoidal
    rule on an ellipse.

    References
    ----------
    .. [1] P. Biane, "Free Brownian motion, free stochastic calculus and random matrices", Fields
       Institute Communications 12 (1997) 1-19.

    Examples
    --------
    >>> from rmt_rank.theory.residual_limit.rank import residual_limit_moment
    >>> residual_limit_moment(1, [-1, 0, 0.5, 1]).round(6)
    array([2.718282, 1.      , 1.321378, 2.718282])
    """
    tau, z = _times(time), real_array("order", order)
    tau, z = broadcast(time=tau, order=z)
    if (np.abs(z) > LARGEST).any():
        raise ValueError(f"order must be from {-LARGEST:g} to {LARGEST:g}, got {_worst(z)!r}")
    logs = [log_moment(float(t), float(q)) for t, q in zip(tau.flat, z.flat, strict=True)]
    with np.errstate(over="ignore"):
        moments: Array = np.exp(np.reshape(logs, tau.shape))
    return moments[()]


def residual_limit_effective_rank(
    time: npt.ArrayLike, *, power: float = 1, order: float = 1
) -> Array | np.float64:
    """Effective rank of residual linear networks with many weak layers, at infinite width.

    The entropy of the normalised singular values of the product of I + a G_l, a^2 = time/L, is
    log(N) plus this number as N and then L grow.

    Parameters
    ----------
    time : array_like of float
        tau >= 0: the variance of the layers times their number.
    power : float, default 1
        Power of the singular values that is normalised; 2 is the Gram matrix.
    order : float, default 1
        Renyi order, 0 <= order <= inf.  1 is Shannon's entropy, inf the min-entropy.

    Returns
    -------
    ndarray or float64
        In nats; 0 at time 0 and negative beyond.  Relative error below 1e-12 for times up to 1e6,
        and about 1e-15 for powers that are not much smaller than 1.

    Raises
    ------
    TypeError
        If an argument is not real, or power is not one number.
    ValueError
        If a time is negative or above 1e300, the power is not > 0 and <= 2e6, or the order is < 0,
        nan, or above 2e6/power without being inf.

    Notes
    -----
    With z = power/2 and M(z) = E[s**z] it is log M(z) - z d(log M)/dz at order 1, and
    [log M(q z) - q log M(z)]/(1-q) at order q.  At order 1 and power 2 it is
    1 - (1 - exp(-2 tau))/(2 tau) - Ein(2 tau), Ein(x) = gamma + log x + E_1(x).  At power 1 it is
    -tau/4 + O(tau^2) for small times, 3/2 - gamma/2 - log(pi)/2 - log(tau) + o(1) for large ones.

    For powers from 1 to 2 it is proved to decrease with time: the factor that a later time adds is
    free from the product so far (docs/networks.md). For other powers this is verified numerically
    only.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Definition 6 and
       Appendix C; arXiv:2103.10427.

    Examples
    --------
    >>> from rmt_rank.theory.residual_limit.rank import residual_limit_effective_rank
    >>> residual_limit_effective_rank([0, 1, 2, 4]).round(4)
    array([ 0.    , -0.2549, -0.5028, -0.9289])
    """
    tau, z, q = checked_arguments(time, power, order)
    ranks = [_rank(float(t), z, q) for t in tau.flat]
    return np.reshape(ranks, tau.shape)[()]


def checked_arguments(
    time: npt.ArrayLike, power: float, order: float
) -> tuple[Array, float, float]:
    """Times, half the power and the order; ValueError if one is out of its range."""
    tau = _times(time)
    z = real("power", power, above=0) / 2
    if z > LARGEST:
        raise ValueError(f"power must be <= {2 * LARGEST:g}, got {2 * z!r}")
    q = real("order", order, at_least=0, finite=False)
    if LARGEST < q * z < math.inf:
        raise ValueError(
            f"order must be so small that order * power/2 is at most {LARGEST:g}, or inf, got {q!r}"
        )
    return tau, z, q


def log_moment(tau: float, z: float) -> float:
    """log E[s^z], from checked arguments."""
    # s and 1/s have the same law
    return _means(tau, abs(z)).log_moment


def _times(time: npt.ArrayLike) -> Array:
    tau = real_array("time", time, at_least=0)
    if (tau > LATEST).any():
        raise ValueError(f"time must be <= {LATEST:g}, got {_worst(tau)!r}")
    return tau


def _worst(values: Array) -> float:
    return float(values.flat[np.argmax(np.abs(values))])


def log_upper_edge(tau: float) -> float:
    """log s_max = -log s_min."""
    # 4 artanh(exp(-mu)) = 2 arsinh(1/sinh(mu))
    return math.sqrt(tau) * math.sqrt(tau + 2) + 2 * math.asinh(math.sqrt(tau / 2))


def distance_of(tau: float) -> float:
    """mu, where sinh mu = sqrt(2/tau)."""
    return math.asinh(math.sqrt(2) / math.sqrt(tau))


def _rank(tau: float, z: float, q: float) -> float:
    """Effective rank of order q."""
    if q == 0 or tau == 0:
        return 0.0
    if q == 1:
        return _means(tau, z).rank
    if q == math.inf:
        return _means(tau, z).log_share
    # the largest value cancels from both forms; where its logarithm is small, so would all digits
    small = max(q, 1) * z * log_upper_edge(tau) < NEAR_ONE

    def log_mean(z: float) -> tuple[float, float]:
        found = _means(tau, z)
        return found.log_moment if small else found.log_share, found.rank

    if MEAN_ORDERS[0] <= q <= MEAN_ORDERS[1]:
        # log M(z) - z times the mean of (log M)' from z to q z, which replaces a quotient by q - 1
        slopes = [(a - b) / s for s in mean_nodes(q) for a, b in [log_mean(s * z)]]
        return log_mean(z)[0] - float(MEAN_WEIGHTS @ slopes)
    return (log_mean(q * z)[0] - q * log_mean(z)[0]) / (1 - q)


def mean_nodes(q: float) -> Array:
    """Nodes of means over 1 <= s <= q."""
    return 1 + (q - 1) * (_GAUSS + 1) / 2


class _Means(NamedTuple):
    log_moment: float  # log M
    log_share: float  # log E[(s/s_max)^z]
    rank: float  # log M - z (log M)'


def _means(tau: float, z: float) -> _Means:
    if z == 0 or tau == 0:
        return _Means(0.0, 0.0, 0.0)
    return (_near_one if z * log_upper_edge(tau) < NEAR_ONE else _far)(tau, z)


def _near_one(tau: float, z: float) -> _Means:
    """From A = M - 1 and B = z M', to relative accuracy, since E log s = 0."""
    distance = max(distance_of(tau), LEAST_DISTANCE)
    phi, weights = trapezoid(math.pi, STEP_PER_DISTANCE * min(distance, 1))
    zeta = distance + 1j * phi
    # -w d(log s)/(i d phi) of (2), over pi for half of the ellipse
    measure = weights * np.cosh(zeta) * (1 / np.sinh(zeta) - tau / 2 * np.sinh(zeta)) / np.pi
    x = z * (tau * np.cosh(zeta) + 4 * np.arctanh(np.exp(-zeta)))
    A = float((measure * second_difference(x)).real.sum())
    B = float((measure * x * np.expm1(x)).real.sum())
    log_M = math.log1p(A)
    return _Means(log_M, log_M - z * log_upper_edge(tau), log_M - B / (1 + A))


def _far(tau: float, z: float) -> _Means:
    """From the second form of (2): z M = (1/2 pi i) oint s^z dw, with s over its largest value."""
    zeta, weights, _, x = far_contour(tau, z)
    terms = weights * np.exp(x) * np.sinh(zeta) / (2 * np.pi * z)
    total = float(terms.real.sum())
    log_total = math.log(total)
    rank = 1 + log_total - float((terms * x).real.sum()) / total
    return _Means(z * log_upper_edge(tau) + log_total, log_total, rank)


def far_contour(tau: float, z: float) -> tuple[Any, Array, Any, Complex]:
    """Half of the ellipse where s^z counts: zeta, weights, 2 (w - w_max) and log (s/s_max)^z."""
    distance = distance_of(tau)
    # Re log(s/s_max) <= -tau cosh(mu) (1 - cos phi), and about twice that at the edge
    decay = z * tau * math.cosh(distance)
    end = 2 * math.asin(math.sqrt(min(1, LOG_LEFT_OUT / (2 * decay))))
    step = min(STEP_PER_DISTANCE * min(distance, 1), STEP_PER_WIDTH / math.sqrt(2 * decay))
    phi, weights = trapezoid(end, step)
    zeta = distance + 1j * phi
    rise = 2 * np.sinh(distance + 0.5j * phi) * np.sinh(0.5j * phi)
    # tanh of the difference of two artanh
    change = math.exp(-distance) * np.expm1(-1j * phi) / -np.expm1(-2 * distance - 1j * phi)
    x: Complex = z * (tau * rise + 4 * np.arctanh(change))
    return zeta, weights, rise, x


def trapezoid(end: float, step: float) -> tuple[Array, Array]:
    """Nodes and weights from 0 to end, at most a step apart."""
    count = math.ceil(end / step)
    weights = np.full(count + 1, end / count)
    weights[[0, -1]] /= 2
    return np.linspace(0, end, count + 1), weights


def second_difference(x: Complex) -> Complex:
    """e^x - 1 - x."""
    near = np.abs(x) < 0.5
    small = np.where(near, x, 0)
    series = small * small * polynomial.polyval(small, _SECOND_EXPREL)
    result: Complex = np.where(near, series, np.expm1(x) - x)
    return result
