r"""The angle that parametrises the Fuss-Catalan law, and the law as a function of it.

The squared singular values s of a product of L Gaussian matrices follow (Eq. 5 of Huh et al.)

    s = sin(theta)^(L+1) / (sin(alpha) sin(beta)^L),    theta = (L+1) phi in (0, pi),
    alpha = a theta = phi,  beta = b theta = L phi,     a = 1/(L+1),  b = L/(L+1),

falling from s_max = (L+1)^(L+1)/L^L at theta = 0 to 0 at theta = pi.  With eps = pi - theta and

    K = sin(alpha) sin(theta) / sin(beta)

the law is elementary: pdf(s) = K/(pi s), pi cdf = eps + L K, pi sf = theta - L K.

Two things keep all digits at both ends.

* theta and eps are both carried, each to full relative accuracy.
* 1 - sin(x)/x and 1 - x cot(x) are evaluated as such, and sums of positive terms replace every
  difference.

w = (s/s_max)^a depends on {a, b} only through m = min(a, b) and M = 1 - m: L and 1/L share it.
Below, x = m theta <= pi/2 and X = M theta <= pi; alpha is x where L >= 1 and X elsewhere.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Angle", "Array", "Constants", "cdf", "constants", "constants_of_one", "density_factor"]
__all__ += ["largest_value", "minus_log_w", "point", "sf", "slope", "value"]

# Python floats run through the same code, see `constants_of_one`; so does complex128 if a caller
# differentiates by a complex step
Array: TypeAlias = npt.NDArray[np.float64]

# Below this w a value is computed as a power, above it as an exponential: the exponential of a
# large number costs |log s| ulps, the power near s_max costs L+1 ulps.  Chosen by hand; anything
# in 0.05 ... 0.5 serves.
W_SWITCH = 0.25


class Angle(NamedTuple):
    """theta = (L+1) phi and eps = pi - theta, each to full relative accuracy."""

    theta: Array
    eps: Array


class _Floats:
    """The functions used here, for Python floats, since NumPy takes a microsecond for each call."""

    sin, tan = math.sin, math.tan
    exp, expm1, log, log1p = math.exp, math.expm1, math.log, math.log1p
    sqrt, cbrt = math.sqrt, math.cbrt
    minimum = min

    @staticmethod
    def where(condition: bool, yes: float, no: float) -> float:
        """Choose one of two numbers."""
        return yes if condition else no


class Constants(NamedTuple):
    """Constants that depend on the depth L alone."""

    L: Array
    a: Array  # 1/(L+1)
    m: Array  # min(a, 1-a)
    M: Array  # max(a, 1-a)
    scale: Array  # s_max^(-a) = m^m M^M
    alpha_is_small: npt.NDArray[np.bool_]  # L >= 1: alpha = m theta; otherwise alpha = M theta
    xp: Any = np  # NumPy's functions, or those of Python floats

    def at(self, where: npt.NDArray[np.bool_]) -> Constants:
        """Select the constants of some of the points."""
        return self if self.L.ndim == 0 else constants(self.L[where])


def constants(depth: npt.ArrayLike) -> Constants:
    """Prepare a depth, or one depth per point, for the functions below."""
    L = np.asarray(depth, dtype=np.float64)
    a, b = 1 / (L + 1), L / (L + 1)
    m, M = np.minimum(a, b), np.maximum(a, b)
    return Constants(L, a, m, M, m**m * M**M, np.asarray(L >= 1))


def constants_of_one(depth: float) -> Constants:
    """Constants of one depth, with which the functions below take Python floats.

    Python's functions raise where NumPy's return infinity, so the caller must keep the point
    away from both ends of the support.
    """
    L = depth
    a, b = 1 / (L + 1), L / (L + 1)
    m, M = (a, b) if a < b else (b, a)
    # typed as arrays, though these are floats: one set of formulas serves both
    return Constants(L, a, m, M, m**m * M**M, L >= 1, _Floats)  # type: ignore[arg-type]


def largest_value(depth: npt.ArrayLike, exponent: float) -> Array:
    """Return s_max**exponent, exponent 1 or 1/2, with s_max = (L+1) (1 + 1/L)^L."""
    if np.ndim(depth) == 0:
        # np.ndim ensures that it is one number, which the type checker cannot infer
        return _largest_of_one(float(depth), exponent)  # type: ignore[arg-type]
    L = np.asarray(depth, dtype=np.float64)
    growth = np.where(L < 1, np.log1p(L) - np.log(L), np.log1p(1 / np.maximum(L, 1)))
    largest: Array = (L + 1) * np.exp(L * growth)
    return np.sqrt(largest) if exponent == 0.5 else largest


@lru_cache(256)
def _largest_of_one(depth: float, exponent: float) -> Array:
    # use NumPy's functions, whose last bit may differ from Python's: the edge must not depend on
    # the shape of the depth
    L = np.float64(depth)
    growth = np.log1p(L) - np.log(L) if L < 1 else np.log1p(1 / L)
    largest: Array = (L + 1) * np.exp(L * growth)
    return np.sqrt(largest) if exponent == 0.5 else largest


# --- trigonometry without cancellation --------------------------------------------------------


class _Trigonometry(NamedTuple):
    """Functions of x in (0, pi) to full relative accuracy, also near 0 and pi."""

    sin: Array
    sinc: Array  # sin(x)/x
    versine: Array  # 1 - cos(x)
    sinc_gap: Array  # 1 - sin(x)/x
    cot_gap: Array  # 1 - x cot(x)


class Point(NamedTuple):
    """An angle with the trigonometry of x = m theta and X = M theta."""

    theta: Array
    eps: Array
    sin: Array  # sin(theta)
    small: _Trigonometry
    large: _Trigonometry


def point(angle: Angle, c: Constants) -> Point:
    """Compute the quantities that the functions below share."""
    theta, eps = angle
    near_zero = theta.real < eps.real
    x, X = c.m * theta, c.M * theta
    # pi - X = m pi + M eps without cancellation; x <= pi/2 needs no complement
    return Point(
        theta,
        eps,
        _sin(c.xp.where(near_zero, theta, eps), c.xp),
        _trigonometry(x, x, near_zero | True, c.xp),
        _trigonometry(X, c.xp.where(near_zero, X, np.pi * c.m + c.M * eps), near_zero, c.xp),
    )


def _trigonometry(
    x: Array, distance: Array, near_zero: npt.NDArray[np.bool_], xp: Any
) -> _Trigonometry:
    """Trigonometry of x; distance is x where near_zero holds and pi - x elsewhere."""
    half = xp.tan(distance / 2)
    half2 = half * half
    q = 2 / (1 + half2)
    sin = half * q
    versine = xp.where(near_zero, half2, 1.0) * q
    sinc = sin / x
    # Taylor series below 1/2: the first term left out is x^14/15! < 5e-17 of the sum
    y = x * x
    series = y / 6 * (1 - y / 20 * (1 - y / 42 * (1 - y / 72 * (1 - y / 110 * (1 - y / 156)))))
    sinc_gap = xp.where(y.real < 0.25, series, 1 - sinc)
    # 1 - x cot x = ((1 - cos x) - (1 - sinc x)) / sinc x; near 0 it is the difference of
    # x^2/2 and x^2/6, so at most one bit is lost
    return _Trigonometry(sin, sinc, versine, sinc_gap, (versine - sinc_gap) / sinc)


def _sin(x: Array, xp: Any) -> Array:
    """sin(x) by the tangent of half the angle, which NumPy vectorises where it does not sin."""
    half = xp.tan(x / 2)
    sine: Array = 2 * half / (1 + half * half)
    return sine


# --- the law as a function of the angle -------------------------------------------------------


def minus_log_w(p: Point, c: Constants) -> Array:
    """U = -log(w) as a sum of positive terms, for w not much below W_SWITCH.

    sin(theta) = sin(x) cos(X) + cos(x) sin(X) turns w into (1 - z) (sinc(X)/sinc(x))^m with
    z = M (1 - cos x) + m (1 - sinc(x) X cot(X)).
    """
    gap, cot_gap = p.small.sinc_gap, p.large.cot_gap
    z = c.M * p.small.versine + c.m * (gap + cot_gap - gap * cot_gap)
    U: Array = -c.xp.log1p(-z) + c.m * c.xp.log1p((p.large.sinc_gap - gap) / p.large.sinc)
    return U


def slope(p: Point, c: Constants) -> Array:
    """dU/dtheta, differentiating `minus_log_w` term by term; every term is positive."""
    small, large = p.small, p.large
    # (X / sin X)^2 - 1, from the derivative of cot
    csc_gap = large.sinc_gap * (2 - large.sinc_gap) / (large.sinc * large.sinc)
    dz = (
        c.M * small.sin
        + small.sinc * (small.cot_gap * (1 - large.cot_gap) + csc_gap + large.cot_gap) / p.theta
    )
    one_minus_z = c.M * p.sin / large.sin
    # m dz first: both it and 1 - z may be of order m near theta = pi
    dU: Array = c.m * dz / one_minus_z + c.m * (large.cot_gap - small.cot_gap) / p.theta
    return dU


def density_factor(angle: Angle, c: Constants) -> Array:
    """K: the density of s**exponent at x is K / (pi exponent x)."""
    theta, eps = angle
    near_zero = theta.real < eps.real
    sin_theta = _sin(c.xp.where(near_zero, theta, eps), c.xp)
    sin_x = _sin(c.m * theta, c.xp)
    sin_X = _sin(c.xp.where(near_zero, c.M * theta, np.pi * c.m + c.M * eps), c.xp)
    K: Array = sin_theta * c.xp.where(c.alpha_is_small, sin_x / sin_X, sin_X / sin_x)
    return K


def cdf(angle: Angle, c: Constants) -> Array:
    """Probability of a smaller singular value, (eps + L K)/pi."""
    return (angle.eps + c.L * density_factor(angle, c)) / np.pi


def sf(p: Point, c: Constants) -> Array:
    """Probability of a larger singular value, (theta - L K)/pi, as a sum of positive terms.

    sin(theta) = sin(alpha + beta) gives
    theta - L K = alpha [1 - sinc(alpha)^2 beta cot(beta) + L (1 - sinc(2 alpha))].
    """
    sinc_gap = c.xp.where(c.alpha_is_small, p.small.sinc_gap, p.large.sinc_gap)
    versine = c.xp.where(c.alpha_is_small, p.small.versine, p.large.versine)
    cot_gap = c.xp.where(c.alpha_is_small, p.large.cot_gap, p.small.cot_gap)
    sinc2_gap = sinc_gap * (2 - sinc_gap)
    double_gap = sinc_gap + versine - sinc_gap * versine  # sinc(2x) = sinc(x) cos(x)
    bracket = cot_gap + sinc2_gap * (1 - cot_gap) + c.L * double_gap
    tail: Array = c.a * p.theta * bracket / np.pi
    return tail


def value(angle: Angle, c: Constants, exponent: float) -> Array:
    """s**exponent at an angle."""
    p = point(angle, c)
    root = p.sin / (p.small.sin**c.m * p.large.sin**c.M)  # s^a
    power = (c.L + 1) * exponent
    if c.xp is not np and c.scale * root < W_SWITCH:
        return root**power
    with np.errstate(divide="ignore", invalid="ignore"):  # z rounds to 1 far below the top
        near_top: Array = largest_value(c.L, exponent) * c.xp.exp(-power * minus_log_w(p, c))
    if c.xp is not np:
        return near_top
    return np.where(c.scale * root < W_SWITCH, root**power, near_top)
