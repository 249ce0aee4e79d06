r"""The differential effective rank (Definition 6) of any power and Renyi order, in closed form.

Notation: L depth, z = power/2, x = L z, q order, Lambda(z) = log E[s^z] of the Fuss-Catalan law,
psi the digamma function, h(y) = y psi'(y+1) and E(y) = log Gamma(y+1) - y psi(y+1), so E' = -h.

Order 1:   rho = Lambda(z) - z Lambda'(z)
               = E(x+z) - E(x) - E(z) - log(1+x) + x/(1+x)
           d rho/dL = -z [h(x+z) - h(x) + x/(1+x)^2]            (both terms positive: Theorem 1)
Order q:   rho_q = [Lambda(q z) - q Lambda(z)] / (1-q)
           d rho_q/dL = -q z/(q-1) [psi(q(x+z)+1) - psi(qx+2) - psi(x+z+1) + psi(x+2)]

The switches, in x:

    x < 1/4       rho is the integral of its derivative from depth 0, by quadrature
    1/4 <= x < 10 the formulas as they stand
    x >= 10       Stirling series, differenced term by term

and near q = 1 the order-q values are means of order-1 values, see `_mean_over_orders`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.validation import real, real_array
from rmt_rank.theory.gaussian.moments import (
    BERNOULLI,
    DIRECT_BELOW,
    LARGEST_POWER,
    QUADRATURE_BELOW,
    legendre_mean,
    log_moment,
    power_differences,
)

__all__ = ["differential_effective_rank", "differential_effective_rank_derivative"]

Array = npt.NDArray[np.float64]

# Limit on depth times power/2 times order, which are arguments of gamma functions.
_LARGEST_PRODUCT = 1e308
# Orders in this interval are averaged, others use the quotient, which there loses at most a bit.
MEAN_ORDERS = (0.5, 2.0)

# h(y) = 1 - 1/(2y) + sum_n B_2n y^-2n
_H = {1: -0.5} | {2 * n: B for n, B in enumerate(BERNOULLI, 1)}
# E(y) = -y + log(2 pi y)/2 - 1/2 + sum_n B_2n/(2n-1) y^(1-2n)
_E = {2 * n - 1: B / (2 * n - 1) for n, B in enumerate(BERNOULLI, 1)}
# psi(y+1) = log y + 1/(2y) - sum_n B_2n/(2n) y^-2n
_PSI = {1: 0.5} | {2 * n: -B / (2 * n) for n, B in enumerate(BERNOULLI, 1)}


def differential_effective_rank(
    depth: npt.ArrayLike, *, power: float = 1, order: float = 1
) -> Array | np.float64:
    """Differential effective rank of a product of Gaussian matrices of infinite width.

    The entropy of the normalised singular values of a product of `depth` square Gaussian
    matrices of width N is log(N) plus this number as N grows.

    Parameters
    ----------
    depth : array_like of float
        Number of factors, any real >= 0; depth 0 is a unitary matrix and gives 0.
    power : float, default 1
        Power of the singular values that is normalised, > 0 and at most 1e6, beyond which digits
        cancel: 1 is Definition 6 of [1]_, 2 gives the effective rank of the Gram matrix, which is
        1 - H(depth + 1) with harmonic numbers H.
    order : float, default 1
        Renyi order, 0 <= order <= inf.  1 is Shannon's entropy, inf the min-entropy.

    Returns
    -------
    ndarray or float64
        Effective rank in nats, never positive; relative error below 1e-13 for order 1 and
        depth 1e-8 to 1e12.

    Raises
    ------
    TypeError
        If an argument is not real, or power or order is not one number.
    ValueError
        If depth is empty, negative or not finite, power <= 0 or > 1e6, order < 0 or nan, or
        depth * power * order is above 1e308.

    See Also
    --------
    differential_effective_rank_derivative : its derivative with respect to depth.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Definition 6 and
       Appendix G; arXiv:2103.10427.

    Examples
    --------
    >>> from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
    >>> differential_effective_rank([1, 2, 4, 8], power=2).round(6)
    array([-0.5     , -0.833333, -1.283333, -1.828968])
    """
    L, z, q = _arguments(depth, power, order)
    if q == 0:
        return np.zeros(L.shape)[()]
    if q == math.inf:
        # log(E[s^z] / s_max^z), where nothing cancels
        log_largest = L * np.log1p(1 / np.maximum(L, 1e-300)) + np.log1p(L)
        return (log_moment(z, L) - z * log_largest)[()]
    x = L * z
    small = x * max(1.0, q) < QUADRATURE_BELOW  # with q > 1 the derivative varies on scale 1/q
    result = np.empty(L.shape)
    result[small] = L[small] * legendre_mean(
        lambda u: _derivative(u, z, q), np.zeros_like(x[small]), x[small]
    )
    result[~small] = _closed_form(L[~small], z, q)
    return (result + 0.0)[()]  # 0, not -0, at depth 0


def differential_effective_rank_derivative(
    depth: npt.ArrayLike, *, power: float = 1, order: float = 1
) -> Array | np.float64:
    """Derivative of the differential effective rank with respect to depth.

    It is negative for every depth: Theorem 1 of [1]_ at infinite width.

    Parameters
    ----------
    depth, power, order
        As in `differential_effective_rank`.

    Returns
    -------
    ndarray or float64
        Derivative in nats per factor; relative error below 1e-13 for order 1 and depth 1e-8 to
        1e12.

    Raises
    ------
    TypeError, ValueError
        As in `differential_effective_rank`.

    Notes
    -----
    -z [h(x+z) - h(x) + x/(1+x)^2] with z = power/2, x = depth z and h(y) = y psi'(y+1), which
    increases: both terms in the bracket are positive.  For power 1 it equals
    -((L+1) psi'((L+3)/2) - L psi'((L+4)/2)) / 4.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Theorem 1;
       arXiv:2103.10427.

    Examples
    --------
    >>> from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank_derivative
    >>> round(float(differential_effective_rank_derivative(0)), 12)  # 1 - pi^2/8
    -0.233700550136
    """
    L, z, q = _arguments(depth, power, order)
    if q == 0:
        return np.zeros(L.shape)[()]
    if q == math.inf:
        with np.errstate(divide="ignore"):  # -inf at depth 0
            return _derivative_of_min_entropy(L, z)[()]
    return _derivative(L * z, z, q)[()]


def _arguments(depth: npt.ArrayLike, power: float, order: float) -> tuple[Array, float, float]:
    L = real_array("depth", depth, at_least=0)
    z = real("power", power, above=0, at_most=LARGEST_POWER) / 2
    q = real("order", order, at_least=0, finite=False)
    scale = z * max(1.0, q if q < math.inf else 1.0)
    if (bad := _LARGEST_PRODUCT / max(scale, 1.0) < L).any():
        raise ValueError(
            f"depth must be so small that depth * power * order is at most {_LARGEST_PRODUCT:g}, "
            f"got {float(L[bad].flat[0])!r} with power {2 * z:g} and order {q:g}"
        )
    return L, z, q


def _closed_form(L: Array, z: float, q: float) -> Array:
    if q == 1:
        return _shannon(L * z, z)
    if MEAN_ORDERS[0] <= q <= MEAN_ORDERS[1]:
        # rho_q = Lambda(z) - z mean of Lambda'(s z) over 1 <= s <= q
        return log_moment(z, L) - _mean_over_orders(
            lambda s: (log_moment(s * z, L) - _shannon(s * L * z, s * z)) / s, q
        )
    return (log_moment(q * z, L) - q * log_moment(z, L)) / (1 - q)


def _shannon(x: Array, z: float) -> Array:
    """Return Lambda(z) - z Lambda'(z) for x not much below 1/4."""
    large = x >= DIRECT_BELOW
    increment = np.empty(x.shape)  # E(x+z) - E(x)
    x_ = x[large]
    increment[large] = 0.5 * np.log1p(z / x_) - z + power_differences(x_, np.asarray(z), _E)
    x_ = x[~large]
    increment[~large] = _entropy_part(x_ + z) - _entropy_part(x_)
    return increment - _entropy_part(np.asarray(z)) - np.log1p(x) + x / (1 + x)


def _entropy_part(y: Array) -> Array:
    """Return E(y) = log Gamma(y+1) - y psi(y+1)."""
    part: Array = special.gammaln(y + 1) - y * special.digamma(y + 1)
    return part


def _derivative(x: Array, z: float, q: float) -> Array:
    """Derivative in L of the order-q rank, q finite."""
    if q == 1:
        return -z * _bracket(x, z)
    if MEAN_ORDERS[0] <= q <= MEAN_ORDERS[1]:
        return -q * z * _mean_over_orders(lambda s: _bracket(s * x, s * z) / s, q)
    difference = _digamma_increment(q * x, q * z) - _digamma_increment(x, z)
    return -q * z * (difference / (q - 1) + x / (1 + q * x) / (1 + x))


def _bracket(x: Array, z: float) -> Array:
    """Return h(x+z) - h(x) + x/(1+x)^2."""
    large = x >= DIRECT_BELOW
    increment = np.empty(x.shape)
    increment[large] = power_differences(x[large], np.asarray(z), _H)
    x_ = x[~large]
    increment[~large] = (x_ + z) * _trigamma(x_ + z + 1) - x_ * _trigamma(x_ + 1)
    return increment + x / (1 + x) / (1 + x)


def _mean_over_orders(function: Callable[[float], Array], q: float) -> Array:
    """Mean over orders s from 1 to q, which replaces quotients by q - 1."""
    mean: Array = legendre_mean(function, 1.0, q)
    return mean


def _digamma_increment(y: Array, d: float) -> Array:
    """Return psi(y+1+d) - psi(y+1)."""
    result = np.empty(y.shape)
    large, near = y >= DIRECT_BELOW, d < (y + 1) / 2
    result[large] = np.log1p(d / y[large]) + power_differences(y[large], np.asarray(d), _PSI)
    where = near & ~large
    result[where] = d * legendre_mean(_trigamma, y[where] + 1, y[where] + 1 + d)
    y_ = y[~near & ~large]
    result[~near & ~large] = special.digamma(y_ + 1 + d) - special.digamma(y_ + 1)
    return result


def _derivative_of_min_entropy(L: Array, z: float) -> Array:
    x = L * z
    # where 1/L would overflow, adding 1 makes no difference
    log_of_rise = np.where(L < 1e-300, -np.log(L), np.log1p(1 / np.maximum(L, 1e-300)))
    # psi(x+z+1) - psi(x+2) - d log(s_max)/dL
    return z * (_digamma_increment(x, z) - 1 / (1 + x) - log_of_rise)


def _trigamma(y: Array) -> Array:
    value: Array = special.zeta(2.0, y)
    return value
