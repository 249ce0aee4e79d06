r"""Factors of free products, each known by its S-transform.

s is a squared singular value of a factor in the limit of infinite width, S its S-transform on
(-1, 0), and t = 1 + (argument of S), from 0 to 1. A product needs from a factor

    F(t) = log 1/S(t-1) - log E s,    F(1) = 0,    F'(1) = Var(s)/E[s]^2,

for real t where it is analytic, and for t in the upper half plane.

Residual factors are in `residual_factor`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev

from rmt_rank._lib.validation import real, shown, string
from rmt_rank.theory.free_products.residual_factor import ResidualFactor
from rmt_rank.theory.free_products.values import Array, Value, log_ratio

__all__ = ["Factor", "FreeFactor", "GaussianFactor", "OrthogonalFactor", "ResidualFactor"]

# Limit on aspects and scales, whose squares and square roots must be floats.
LARGEST_ASPECT = 1e200
# Points at which a user's S is checked, and the end of the range from which it is continued to 0.
_GRID = np.concatenate([-np.geomspace(1e-3, 0.5, 25), -1 + np.geomspace(0.45, 1e-3, 25)])
_NEAR_ZERO = 0.1
# A user's S is a function of t - 1: t itself is lost near 0.
_SMALLEST_T = 1e-8
# Relative variances below this count as 0.
_NO_VARIANCE = 1e-9


@dataclass(frozen=True)
class GaussianFactor:
    """Gaussian matrix of n x N or N x n entries of variance 1/N, N the smallest width.

    Parameters
    ----------
    aspect : float, default 1.0
        n/N, from 1 to 1e200. A network of widths n_0, ..., n_L is the product of one factor for
        every width but one of the smallest.

    Raises
    ------
    TypeError, ValueError
        If aspect is not a real number from 1 to 1e200.

    Examples
    --------
    >>> from rmt_rank.theory.free_products.factors import GaussianFactor
    >>> GaussianFactor(2).mean, GaussianFactor(2).relative_variance
    (2.0, 0.5)
    """

    aspect: float = 1.0
    smallest_t = 0.0

    def __post_init__(self) -> None:
        aspect = real("aspect", self.aspect, above=0)
        if aspect < 1:
            raise ValueError(
                f"aspect must be >= 1, got {aspect!r}: it is n/N, N the smallest width"
            )
        if aspect > LARGEST_ASPECT:
            raise ValueError(f"aspect must be <= {LARGEST_ASPECT:g}, got {aspect!r}")
        object.__setattr__(self, "aspect", aspect)

    @property
    def log_mean(self) -> float:
        """log E s."""
        return math.log(self.aspect)

    @property
    def mean(self) -> float:
        """E s."""
        return self.aspect

    @property
    def relative_variance(self) -> float:
        """Var(s)/E[s]^2."""
        return 1 / self.aspect

    @property
    def exponent(self) -> float:
        """m, if F ~ m log t as t -> 0; 0 if it is finite there."""
        return 1.0 if self.aspect == 1 else 0.0

    def value(self, u: Array, t: Array, state: Array | None = None) -> Value:
        """F at t = 1 + u."""
        shifted = t + (self.aspect - 1)
        return Value(log_ratio(u / self.aspect, shifted / self.aspect), 1 / shifted, None)


@dataclass(frozen=True)
class OrthogonalFactor:
    """Orthogonal matrix: it changes no singular value.

    Examples
    --------
    >>> import rmt_rank as rr
    >>> factors = [rr.OrthogonalFactor(), rr.GaussianFactor()]
    >>> print(round(rr.limit_effective_rank(factors=factors), 6))
    -0.216862
    """

    log_mean = 0.0
    mean = 1.0
    relative_variance = 0.0
    exponent = 0.0
    smallest_t = 0.0

    def value(self, u: Array, t: Array, state: Array | None = None) -> Value:
        """F = 0."""
        return Value(0 * t, 0 * t, None)


@dataclass(frozen=True)
class FreeFactor:
    """A factor given by the S-transform of its squared singular values.

    Parameters
    ----------
    s_transform : callable
        S on (-1, 0), of an array: positive and not increasing. For the law, powers of 2 and above
        it must also take complex arrays and continue S analytically to the upper half plane.
    name : str, optional
        What messages call it.

    Raises
    ------
    TypeError, ValueError
        If s_transform is not callable, does not return an array of the same shape, or is not
        real, finite, positive and not increasing on a grid.

    Notes
    -----
    The factor must be free from the others, and so must its adjoint: a random matrix that is
    unitarily invariant on one side is.

    Examples
    --------
    >>> from rmt_rank.theory.free_products.factors import FreeFactor
    >>> round(FreeFactor(lambda u: 1 / (2 + u)).relative_variance, 9)
    0.5
    """

    s_transform: Callable[[Any], Any]
    name: str = ""
    smallest_t = _SMALLEST_T

    def __post_init__(self) -> None:
        if not callable(self.s_transform):
            raise TypeError(f"s_transform must be callable, got {shown(self.s_transform)}")
        string("name", self.name)
        values = self._checked(_GRID)
        if (bad := ~(np.isfinite(values) & (values > 0))).any():
            raise ValueError(
                f"{self._title} must be finite and > 0 on (-1, 0), got "
                f"{float(values[bad][0])!r} at {float(_GRID[bad][0])!r}"
            )
        order = np.argsort(_GRID)
        rises = np.diff(values[order]) > 1e-12 * values[order][1:]
        if rises.any():
            at = float(_GRID[order][:-1][rises][0])
            raise ValueError(f"{self._title} must not increase on (-1, 0), it does at {at!r}")

    @property
    def _title(self) -> str:
        return f"s_transform {self.name!r}" if self.name else "s_transform"

    def _checked(self, u: Array) -> Array:
        try:
            values = np.asarray(self.s_transform(u))
        except (TypeError, ValueError) as error:
            raise TypeError(f"{self._title} must take an array, it raises: {error}") from error
        except Exception as error:  # a user's function may raise anything
            raise ValueError(
                f"{self._title} must be defined on (-1, 0), it raises "
                f"{type(error).__name__}: {error}"
            ) from error
        if values.shape != u.shape:
            raise ValueError(
                f"{self._title} must return an array of the shape it is given, {u.shape}, "
                f"got {values.shape}"
            )
        if values.dtype.kind not in "iuf":
            raise TypeError(f"{self._title} must be real on (-1, 0), got {values.dtype}")
        return values

    @property
    def _near_zero(self) -> Chebyshev:
        """log S near 0."""
        return Chebyshev.interpolate(
            lambda u: np.log(self.s_transform(u)), 12, domain=[-_NEAR_ZERO, 0]
        )

    @property
    def log_mean(self) -> float:
        """log E s = -log S(0)."""
        return -float(self._near_zero(0.0))

    @property
    def mean(self) -> float:
        """E s."""
        return math.exp(self.log_mean)

    @property
    def relative_variance(self) -> float:
        """Var(s)/E[s]^2 = -(log S)'(0)."""
        slope = -float(self._near_zero.deriv()(0.0))
        return slope if slope > _NO_VARIANCE else 0.0

    @property
    def exponent(self) -> float:
        """m, if F ~ m log t as t -> 0; 0 if it is finite there."""
        t = np.array([100, 1]) * _SMALLEST_T
        m = float(np.diff(np.log(self.s_transform(t - 1)))[0]) / math.log(100)
        return m if m > 1e-3 else 0.0

    def value(self, u: Array, t: Array, state: Array | None = None) -> Value:
        """F at t = 1 + u; the state is the logarithm, which is made continuous."""
        h = 1e-3 * np.minimum(np.minimum(np.abs(u), np.abs(t)), 1)
        logs = [np.log(self.s_transform(u + k * h)) for k in (-2, -1, 1, 2, 0)]
        log = -logs[4]
        if state is not None:
            log = log + 2j * np.pi * np.round((state - log).imag / (2 * np.pi))
        left, right = logs[0] - logs[3], logs[1] - logs[2]
        # differences of logarithms across a cut
        left, right = (np.log(np.exp(x)) if state is not None else x for x in (left, right))
        slope = (8 * right - left) / (12 * h)
        return Value(log - self.log_mean, slope, log)


Factor = GaussianFactor | ResidualFactor | OrthogonalFactor | FreeFactor
