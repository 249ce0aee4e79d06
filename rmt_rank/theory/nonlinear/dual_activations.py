r"""Dual activations: mean product of the activations of two Gaussian pre-activations.

For (u, w) Gaussian of means 0, variances a and b and correlation r,

    F(a, b, r) = E phi(u) phi(w),    F(a) = F(a, a, 1) = E phi(u)^2,

and the layer takes the correlation r to F(a, b, r)/sqrt(F(a) F(b)).  Where correlations tend to 1,
the layer takes the gap 1 - r to

    1 - F(a, b, r)/sqrt(F(a) F(b)) = ([sqrt(F(a) F(b)) - F(a, b, 1)] + [F(a, b, 1) - F(a, b, r)])
                                     / sqrt(F(a) F(b)).

The second bracket, the drop, is computed without cancellation; the first is 0 for a = b.

Closed forms, with c = r sqrt(ab):

    alpha x for x > 0, beta x for x < 0 (ReLU: alpha = 1, beta = 0):
             alpha beta c + (alpha - beta)^2 sqrt(ab) [sin t + (pi - t) cos t]/(2 pi),  r = cos t
    erf      (2/pi) arcsin(2c/sqrt((1 + 2a)(1 + 2b)))
    sine     exp(-omega^2 (a + b)/2) sinh(omega^2 c)
    GELU     c/4 + (c/(2 pi)) arcsin(c/sqrt((1 + a)(1 + b)))
             + [ab - k c^2]/(2 pi sqrt((1 + a)(1 + b) - c^2)),  k = 1 - 1/(1 + a) - 1/(1 + b)

The last follows from E[x G(x, y)] = a E G_x + c E G_y with G = y Phi(x) Phi(y), and from that the
Gaussian density times phi(x) is another Gaussian.  All others are left to `dual_quadrature`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.activations import ACTIVATIONS, Activation, activation
from rmt_rank._lib.validation import broadcast, real_array
from rmt_rank.theory.nonlinear.dual_quadrature import HermiteDual, KinkedDual

__all__ = ["Dual", "dual_activation", "dual_of"]

Array = npt.NDArray[np.float64]
Result = npt.NDArray[np.float64] | np.float64

# Below this angle t - sin t is summed; the terms left out are below 1e-17 of it.
_SMALL_ANGLE = 0.5
_ANGLE_SERIES = [(-1) ** k / math.factorial(2 * k + 3) for k in range(7)]


class Dual(Protocol):
    """Moments of an activation as functions of its pre-activations; arrays broadcast."""

    @property
    def homogeneous(self) -> bool:
        """Return whether correlations are independent of the variances."""
        ...

    def second_moment(self, variance: Array) -> Array:
        """E phi(u)^2."""
        ...

    def slope_moment(self, variance: Array) -> Array:
        """E phi'(u)^2."""
        ...

    def gap(self, first: Array, second: Array, gap: Array) -> Array:
        """1 less the correlation of phi(u) and phi(w), from 1 less that of u and w."""
        ...


@dataclass(frozen=True)
class _PiecewiseLinear:
    """alpha x for x > 0, beta x for x < 0: the scale of u and w does not matter."""

    alpha: float
    beta: float
    homogeneous: bool = True

    def second_moment(self, variance: Array) -> Array:
        return self._mean_square * variance

    def slope_moment(self, variance: Array) -> Array:
        return np.full_like(variance, self._mean_square)

    @property
    def _mean_square(self) -> float:
        return (self.alpha**2 + self.beta**2) / 2

    def gap(self, first: Array, second: Array, gap: Array) -> Array:
        t = 2 * np.arcsin(np.sqrt(gap / 2))
        bent = ((np.pi - t) * gap + _angle_less_sine(t)) / np.pi
        bend = (self.alpha - self.beta) ** 2 / 2
        straight = self.alpha * self.beta
        return np.clip((bend * bent + straight * gap) / self._mean_square, 0, 2)


def _angle_less_sine(t: Array) -> Array:
    series = t**3 * np.polynomial.polynomial.polyval(t * t, _ANGLE_SERIES)
    return np.where(t < _SMALL_ANGLE, series, t - np.sin(t))


class _ByDrops:
    """A closed form, from the drop F(a, b, 1) - F(a, b, r) and the value at r = 1."""

    homogeneous = False

    def second_moment(self, variance: Array) -> Array:
        raise NotImplementedError

    def at_one(self, first: Array, second: Array) -> Array:
        raise NotImplementedError

    def drop(self, first: Array, second: Array, gap: Array) -> Array:
        raise NotImplementedError

    def gap(self, first: Array, second: Array, gap: Array) -> Array:
        scale = np.sqrt(self.second_moment(first)) * np.sqrt(self.second_moment(second))
        if not np.all(scale):  # a second moment underflows to 0, where phi is linear
            tiny = np.finfo(np.float64).tiny
            straight = self.gap(np.maximum(first, 4 * tiny), np.maximum(second, 4 * tiny), gap)
            return np.asarray(straight)
        mismatch = np.where(first == second, 0.0, scale - self.at_one(first, second))
        return np.asarray(np.clip((mismatch + self.drop(first, second, gap)) / scale, 0, 2))


class _Erf(_ByDrops):
    def second_moment(self, variance: Array) -> Array:
        return self.at_one(variance, variance)

    def slope_moment(self, variance: Array) -> Array:
        return np.asarray(4 / np.pi / np.sqrt(1 + 4 * variance))

    def at_one(self, first: Array, second: Array) -> Array:
        return np.asarray(2 / np.pi * np.arctan2(*_own_angle(first, second, 0.5)))

    def drop(self, first: Array, second: Array, gap: Array) -> Array:
        return np.asarray(2 / np.pi * _angle_drop(*_own_angle(first, second, 0.5), gap)[0])


def _own_angle(first: Array, second: Array, noise: float) -> tuple[Array, Array]:
    """Sine and cosine of arcsin(sqrt(ab)/p), p^2 = (noise + a) (noise + b), for any floats."""
    a, b = first / (noise + first), second / (noise + second)
    return np.sqrt(a) * np.sqrt(b), np.sqrt(noise / (noise + first) + a * noise / (noise + second))


def _angle_drop(sine: Array, cosine: Array, gap: Array) -> tuple[Array, Array, Array]:
    """beta - alpha, sin(alpha) = (1 - gap) sin(beta); with sine and cosine of alpha."""
    lower, rise = sine * (1 - gap), sine * sine * gap * (2 - gap)
    raised = np.sqrt(cosine * cosine + rise)
    # sine of the difference: sorted into terms of the order of the gap
    difference = sine * gap * raised + lower * rise / (raised + cosine)
    return np.arctan2(difference, cosine * raised + sine * lower), lower, raised


@dataclass(frozen=True)
class _Sine(_ByDrops):
    omega: float

    def second_moment(self, variance: Array) -> Array:
        return np.asarray(-np.expm1(-2 * self.omega**2 * variance) / 2)

    def slope_moment(self, variance: Array) -> Array:
        return np.asarray(self.omega**2 * (1 + np.exp(-2 * self.omega**2 * variance)) / 2)

    def at_one(self, first: Array, second: Array) -> Array:
        near, far = self._exponents(first, second)
        return np.asarray(np.exp(-near) * -np.expm1(near - far) / 2)

    def drop(self, first: Array, second: Array, gap: Array) -> Array:
        near, far = self._exponents(first, second)
        step = (far - near) / 2 * gap
        return np.asarray(-np.expm1(-step) * (np.exp(-near) + np.exp(step - far)) / 2)

    def _exponents(self, first: Array, second: Array) -> tuple[Array, Array]:
        """(omega^2/2) (sqrt(a) -+ sqrt(b))^2."""
        x, y = np.sqrt(first), np.sqrt(second)
        return self.omega**2 / 2 * (x - y) ** 2, self.omega**2 / 2 * (x + y) ** 2


class _Gelu(_ByDrops):
    """The drop without cancellation, however large the variances.

    With C = sqrt(ab) = p sin(beta), c = p sin(alpha), p^2 = (1 + a) (1 + b), A = beta - alpha,

    2 pi [F(C) - F(c)] = (pi/2 + beta) (C - c) + p S,
    S = sin(alpha) (A - sin A cos A) - cos(alpha) sin^2 A + cos(beta) (1 - cos A)
        + (cos alpha - cos beta) [cos^2 beta + (1 + 1/(cos alpha cos beta))/p^2],

    and S is of third order in cos(alpha) and cos(beta), which are small there.
    """

    def second_moment(self, variance: Array) -> Array:
        return self.at_one(variance, variance)

    def slope_moment(self, variance: Array) -> Array:
        a, rest = variance, 1 + 2 * variance
        angle = np.arctan2(*_own_angle(a, a, 1.0))
        last = a / (1 + a) * ((3 + 5 * a) / rest) / np.sqrt(rest)
        return np.asarray(0.25 + (angle + last) / (2 * np.pi))

    def at_one(self, first: Array, second: Array) -> Array:
        c = np.sqrt(first) * np.sqrt(second)
        sine, cosine = _own_angle(first, second, 1.0)
        folded = sine * (1 / (1 + first) + 1 / (1 + second)) / cosine
        return np.asarray(c / 4 + c * (np.arctan2(sine, cosine) + folded) / (2 * np.pi))

    def drop(self, first: Array, second: Array, gap: Array) -> Array:
        c = np.sqrt(first) * np.sqrt(second)
        p = np.sqrt(1 + first) * np.sqrt(1 + second)
        sine, cosine = _own_angle(first, second, 1.0)
        A, lower, raised = _angle_drop(sine, cosine, gap)
        sine_of_A = np.sin(A)
        rise = sine * sine * gap * (2 - gap) / (raised + cosine)
        # sin(alpha) = lower, cos(alpha) = raised
        S = lower * _angle_less_sine(2 * A) / 2 - raised * sine_of_A**2
        S += 2 * cosine * np.sin(A / 2) ** 2
        S += rise * (cosine**2 + (1 + 1 / (raised * cosine)) / p / p)
        return np.asarray(c * gap / 4 + (c * gap * np.arctan2(sine, cosine) + p * S) / (2 * np.pi))


def dual_of(given: str | Callable[[Any], Any] | Activation) -> Dual:
    """The dual of an activation: a closed form where one is known, else by quadrature.

    Parameters
    ----------
    given : str, callable or Activation
        As in `rmt_rank._lib.activations.activation`. Functions that are not smooth must come as an
        Activation that lists their kinks.

    Returns
    -------
    Dual

    Raises
    ------
    TypeError, ValueError
        If it is no activation.
    """
    found = activation(given)
    if found == ACTIVATIONS["erf"]:
        return _Erf()
    if found == ACTIVATIONS["gelu"]:
        return _Gelu()
    if (omega := _frequency(found)) is not None:
        return _Sine(omega)
    if (linear := _piecewise_linear(found)) is not None:
        return linear
    return KinkedDual(found) if found.kinks else HermiteDual(found)


def _frequency(found: Activation) -> float | None:
    """Omega of sin(omega x), from the slope at 0, because the name rounds it."""
    if not found.name.startswith("sine") or found.derivative is None:
        return None
    omega = float(np.asarray(found.derivative(np.zeros(1)))[0])
    x = np.linspace(-2, 2, 41) / omega if omega > 0 else np.zeros(1)
    same = omega > 0 and np.allclose(found.function(x), np.sin(omega * x), rtol=1e-12, atol=1e-14)
    return omega if same else None


def _piecewise_linear(found: Activation) -> _PiecewiseLinear | None:
    """The two slopes of an activation that is linear on either side of 0, else None."""
    if set(found.kinks) - {0.0}:
        return None
    x = np.concatenate([np.geomspace(1e-3, 1e3, 25), [1.0]])
    with np.errstate(over="ignore", invalid="ignore"):
        right = np.asarray(found.function(x)) / x
        left = np.asarray(found.function(-x)) / -x
    alpha, beta = float(right[-1]), float(left[-1])
    bent = np.allclose(right, alpha, rtol=1e-12) and np.allclose(left, beta, rtol=1e-12)
    if not bent or alpha == beta == 0:
        return None
    return _PiecewiseLinear(alpha, beta)


def dual_activation(
    activation: str | Callable[[Any], Any] | Activation,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    correlation: npt.ArrayLike,
) -> Result:
    """E phi(u) phi(w) for jointly Gaussian u and w of mean 0.

    Parameters
    ----------
    activation : str, callable or Activation
        phi: a name, a function of arrays that is smooth, or an Activation that lists its kinks.
    first, second : array_like of float
        Variances of u and w, > 0.
    correlation : array_like of float
        Correlation of u and w, from -1 to 1.

    Returns
    -------
    ndarray or float64
        The mean, broadcast over the arguments; absolute error about 1e-15 E phi(u)^2 for closed
        forms, 1e-12 by quadrature.

    Raises
    ------
    TypeError
        If an argument is not real, or phi is not an activation.
    ValueError
        If an argument is not in its range, they do not broadcast, or phi is too sharp, or grows too
        fast, for the quadrature.

    Notes
    -----
    Closed forms for sine, erf, GELU and all functions linear on either side of 0, among them ReLU
    and the identity. Other smooth functions by their Hermite series; functions with kinks by
    Gauss-Legendre quadrature between them.

    References
    ----------
    .. [1] Y. Cho, L. K. Saul, "Kernel Methods for Deep Learning", NeurIPS 2009 (ReLU).
    .. [2] C. K. I. Williams, "Computing with infinite networks", NeurIPS 1996 (erf).
    .. [3] A. Daniely, R. Frostig, Y. Singer, arXiv:1602.05897 (duals and Hermite series).

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.dual_activations import dual_activation
    >>> dual_activation("relu", 1, 1, [-1, 0, 1]).round(6)
    array([0.      , 0.159155, 0.5     ])
    >>> dual_activation("tanh", 1, 4, 0.5).round(6)
    np.float64(0.22588)
    """
    found = dual_of(activation)
    a = real_array("first", first, above=0)
    b = real_array("second", second, above=0)
    r = real_array("correlation", correlation, at_least=-1)
    if (r > 1).any():
        raise ValueError(f"correlation must be <= 1, got {float(r[r > 1].flat[0])!r}")
    a, b, r = broadcast(first=a, second=b, correlation=r)
    scale = np.sqrt(found.second_moment(a)) * np.sqrt(found.second_moment(b))
    return (scale * (1 - found.gap(a, b, 1 - r)))[()]
