r"""Moments of the Fuss-Catalan law at any real order, and their logarithm without cancellation.

E[s^z] = Gamma((L+1) z + 1) / (Gamma(z+1) Gamma(L z + 2)); for integers z and L these are the
Fuss-Catalan numbers binom((L+1) z, z)/(L z + 1).  For real L see Mlotkowski, Penson
and Zyczkowski, arXiv:1211.7259.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.validation import broadcast, real_array

__all__ = [
    "BERNOULLI",
    "DIRECT_BELOW",
    "LARGEST_POWER",
    "LOG_GAMMA",
    "QUADRATURE_BELOW",
    "fuss_catalan_moment",
]
__all__ += ["legendre_mean", "log_moment", "power_differences"]

Array = npt.NDArray[np.float64]

# Switches, in x = L z and in max(x, z).  Where x is below the first, differences of gamma functions
# cancel and the derivative in depth is integrated instead; where the larger of x and z is above the
# second, their Stirling series differ term by term.
# tests/theory/gaussian/test_effective_rank.py stands on both sides of each.
QUADRATURE_BELOW = 0.25
DIRECT_BELOW = 10.0

# Largest power of singular values: cancellation leaves an error of eps times the power, and the
# results are of order 1 to 100.
LARGEST_POWER = 1e6

# B_2, B_4, ..., B_16: at x = 10 the first term left out, B_18/x^18, is 6e-17
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)

_nodes, _weights = np.polynomial.legendre.leggauss(12)
_LEGENDRE = tuple(zip((_nodes + 1) / 2, _weights / 2, strict=True))


def legendre_mean(function: Callable[[Any], Any], start: Array | float, stop: Array | float) -> Any:
    """Mean of a function over [start, stop] by twelve Gauss-Legendre points.

    Every integrand here is analytic up to at least one interval length beyond the interval, where
    the error is of the order of (3 + sqrt 8)^-24 = 4e-19.
    """
    return sum(w * function(start + t * (stop - start)) for t, w in _LEGENDRE)


def power_differences(x: Array, z: Array, coefficients: dict[int, float]) -> Array:
    """Sum of c_k [(x+z)^-k - x^-k], each difference without cancellation."""
    log_ratio = np.log1p(z / x)
    total = np.zeros(np.broadcast_shapes(x.shape, z.shape))
    for k, c in coefficients.items():
        total += c * x**-k * np.expm1(-k * log_ratio)
    return total


# log Gamma(y+1) = (y + 1/2) log y - y + log(2 pi)/2 + sum_n B_2n / (2n (2n-1) y^(2n-1))
LOG_GAMMA = {2 * n - 1: B / (2 * n * (2 * n - 1)) for n, B in enumerate(BERNOULLI, 1)}


def log_moment(z: npt.ArrayLike, depth: npt.ArrayLike) -> Array:
    """log E[s^z]: relative error about 1e-15 away from its zeros z = 0 and z = 1.

    Expects z > -1/(L+1) and L >= 0; nothing is checked.
    """
    z, L = np.broadcast_arrays(np.asarray(z, dtype=np.float64), np.asarray(depth, np.float64))
    x = L * z
    result = np.empty(z.shape)
    small = (z >= 0) & (x < QUADRATURE_BELOW)
    large = ~small & (z >= 0) & (np.maximum(x, z) >= DIRECT_BELOW)
    middle = ~(small | large)

    z_, x_ = z[small], x[small]
    # d/dx at fixed z is psi(x + z + 1) - psi(x + 2), and log E[s^z] = 0 at L = 0
    result[small] = x_ * legendre_mean(
        lambda u: special.digamma(u + z_ + 1) - special.digamma(u + 2), np.zeros_like(x_), x_
    )
    z_, x_ = z[middle], x[middle]
    result[middle] = (
        special.gammaln(x_ + z_ + 1) - special.gammaln(z_ + 1) - special.gammaln(x_ + 2)
    )
    z_, x_ = z[large], x[large]
    # log Gamma(x+z+1) less that of the larger of x and z, then less the other's
    y, d = np.maximum(x_, z_), np.minimum(x_, z_)
    result[large] = (
        (y + 0.5) * np.log1p(d / y)
        + d * (np.log(y + d) - 1)
        + power_differences(y, d, LOG_GAMMA)
        - special.gammaln(d + 1)
        - np.log1p(x_)
    )
    return result


def fuss_catalan_moment(order: npt.ArrayLike, depth: npt.ArrayLike) -> Array | np.float64:
    """Moment E[s**order] of the law of the squared singular values.

    Parameters
    ----------
    order : array_like of float
        Real order, greater than -1/(depth + 1), where the moment diverges.  Order 1/2 gives the
        mean singular value.
    depth : array_like of float
        Number of factors, any real >= 0.

    Returns
    -------
    ndarray or float64
        The moments, broadcast over order and depth; inf where they are above the largest float.

    Raises
    ------
    TypeError
        If an argument is not real.
    ValueError
        If an argument is empty or not finite, depth < 0, order <= -1/(depth + 1), or order * depth
        is above the largest float.

    Notes
    -----
    Gamma((L+1) z + 1) / (Gamma(z+1) Gamma(L z + 2)), with relative error about
    1e-15 (1 + abs(log(moment))).

    References
    ----------
    .. [1] W. Mlotkowski, K. A. Penson, K. Zyczkowski, "Densities of the Raney distributions",
       Documenta Math. 18 (2013), arXiv:1211.7259.

    Examples
    --------
    The Catalan numbers are the moments at depth 1:

    >>> from rmt_rank.theory import fuss_catalan_moment
    >>> fuss_catalan_moment([1, 2, 3, 4], depth=1).round(12)
    array([ 1.,  2.,  5., 14.])
    """
    L = real_array("depth", depth, at_least=0)
    z = real_array("order", order)
    z, L = broadcast(order=z, depth=L)
    with np.errstate(over="ignore"):
        size = z * (L + 1)
    bad = size <= -1
    if bad.any():
        raise ValueError(
            f"order must be > -1/(depth + 1) = {-1 / (L[bad].flat[0] + 1):g} "
            f"at depth {L[bad].flat[0]:g}, got {float(z[bad].flat[0])!r}"
        )
    if (bad := np.isinf(size)).any():
        raise ValueError(
            "order must be so small that order * depth is a float, got "
            f"{float(z[bad].flat[0])!r} at depth {L[bad].flat[0]:g}"
        )
    with np.errstate(over="ignore"):
        return np.exp(log_moment(z, L))[()]
