"""Products of free factors at infinite width: effective rank, moments, law of the singular values.

Factors are Gaussian matrices of any aspect, residual blocks, orthogonal matrices, or given by
their S-transforms (`factors`). S-transforms multiply if every factor is *-free from the
product of the others; only the trace is used, so a residual block counts (Voiculescu).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.validation import real, real_array
from rmt_rank.theory.free_products.curve import FreeProductCurve, curve_of
from rmt_rank.theory.free_products.factors import (
    Factor,
    FreeFactor,
    GaussianFactor,
    OrthogonalFactor,
    ResidualFactor,
)
from rmt_rank.theory.free_products.mellin import LARGEST_ORDER, mellin_rank
from rmt_rank.theory.free_products.panels import panel_law
from rmt_rank.theory.gaussian.moments import LARGEST_POWER
from rmt_rank.theory.numerics.renyi_deficit import renyi_deficit

__all__ = [
    "FreeFactor",
    "GaussianFactor",
    "OrthogonalFactor",
    "ResidualFactor",
    "deep_effective_rank",
    "effective_depth",
    "effective_rank_of_free_product",
    "free_product_moment",
]

Array = npt.NDArray[np.float64]

# Effective depths below which a law is as narrow as rounding, and the relative error there.
NARROW, NARROW_ERROR = 1e-16, 1e-12
# Limit on the orders of their moments times sqrt(D): (z^2 D)^2/24 in `_narrow_rank` is below 1e-13.
NARROW_REACH = 1e-3


def effective_rank_of_free_product(
    factors: Sequence[Factor], *, power: float = 1, order: float = 1
) -> float:
    """Effective rank of a product of free factors at infinite width.

    The entropy of the normalised singular values is log(N) plus this number as the width grows.

    Parameters
    ----------
    factors : sequence of GaussianFactor, ResidualFactor, OrthogonalFactor or FreeFactor
        Factors in any order.
    power : float, default 1
        Power of the singular values that is normalised, at most 1e6; 2 is for the Gram matrix.
    order : float, default 1
        Renyi order, 0 <= order <= inf. 1 is Shannon's entropy, inf the min-entropy.

    Returns
    -------
    float
        In nats, never positive; 0 if all factors are orthogonal.

    Raises
    ------
    TypeError
        If factors has other members, or power or order is not one real number.
    ValueError
        If factors is empty, power <= 0, order < 0 or nan, or the effective depth is below 1e-16
        and the order is so large, but not inf, that depth (1 + power/2 (1 + order))^2 > 1e-12.
    ArithmeticError
        If a user's S-transform is not that of a law, or the product has no density.

    See Also
    --------
    rmt_rank.limit_effective_rank : Gaussian factors alone.
    effective_depth : what it depends on in deep products.

    Notes
    -----
    It decreases with every factor that is not trivial, of every order, for powers from 1 to 2: the
    powers of the longer product, over their mean, are larger in convex order (docs/networks.md).
    For other powers this is proved for square Gaussian factors only.

    Relative error about 1e-13. With a `FreeFactor` it is 1e-10, and S is needed for real arguments
    only if the order is 1 and the power at most 1.5: then the error is 1e-10 absolute. Effective
    depths D below 1e-16 have the leading order -order power^2 D/8, with a relative error of about
    D (1 + power/2 (1 + order))^2.

    Residual factors of up to 5 layers were tested at scales from 0.1 to 30, those of up to
    12 layers at some scales; a ValueError is raised where the computation fails.

    References
    ----------
    .. [1] H. Bercovici, D. Voiculescu, "Free convolution of measures with unbounded support",
       Indiana Univ. Math. J. 42 (1993).

    Examples
    --------
    Residual layers (1 + G): rank falls with depth, more slowly than without the 1.

    >>> from rmt_rank.theory.free_products.rank import *
    >>> [round(effective_rank_of_free_product([ResidualFactor(1)] * L), 4) for L in (1, 8, 64)]
    [-0.1572, -0.9129, -2.6058]
    >>> round(effective_rank_of_free_product([GaussianFactor()] * 8), 4)
    -1.1161
    """
    curve = curve_of(factors)
    power = real("power", power, above=0, at_most=LARGEST_POWER)
    order = real("order", order, at_least=0, finite=False)
    if not curve.factors:
        return 0.0
    if curve.depth < NARROW:
        return _narrow_rank(curve, power / 2, order)
    users = any(isinstance(factor, FreeFactor) for factor, _ in curve.factors)
    if users and order == 1 and power / 2 <= LARGEST_ORDER:
        return mellin_rank(curve.factors, power / 2)
    law = panel_law(curve).quadrature
    return renyi_deficit(
        law.log_moment,
        law.log_ratio,
        law.weights,
        curve.log_edges[1],
        power=power,
        order=order,
    )


def _narrow_rank(curve: FreeProductCurve, z: float, order: float) -> float:
    """Effective rank to leading order in the effective depth D = Var(log s), from cumulants.

    log E s^z = k_1 z + k_2 z^2/2 + k_3 z^3/6 + ..., k_2 = D (1 + O(D)), k_3 = O(D^2), k_4 = -D^2,
    so that (log E s^(qz) - q log E s^z)/(1-q) = -(q z^2 D/2) (1 + e), where

        e = O(D) + z (q+1) O(D) - z^2 (q^2 + q + 1) D/12.
    """
    if order == 0:
        return 0.0
    if order == math.inf:
        # log E (s/E s)^z = z (z-1) D/2
        return -z * (curve.log_edges[1] - (z - 1) * curve.depth / 2)
    reach = math.sqrt(curve.depth) * (1 + z * (1 + order))
    if reach > math.sqrt(NARROW_ERROR):
        raise ValueError(
            f"power and order must be smaller, or the order inf, at an effective depth of "
            f"{curve.depth:g}, got {2 * z!r} and {order!r}"
        )
    return -order * z * z / 2 * curve.depth


def free_product_moment(factors: Sequence[Factor], order: npt.ArrayLike) -> Array | np.float64:
    """Moment E[s**order] of the squared singular values of a product of free factors.

    Parameters
    ----------
    factors : sequence of GaussianFactor, ResidualFactor, OrthogonalFactor or FreeFactor
        Factors in any order.
    order : array_like of float
        Real order. If the support reaches 0 it must be greater than -1/(1 + m), m the number of
        square Gaussian factors and of residual factors of scale > 1, and half of those of scale 1.

    Returns
    -------
    ndarray or float64
        The moments, inf where they are above the largest float.

    Raises
    ------
    TypeError, ValueError, ArithmeticError
        As `effective_rank_of_free_product`, and if an order is out of its range.

    Examples
    --------
    >>> from rmt_rank.theory.free_products.rank import ResidualFactor, free_product_moment
    >>> free_product_moment([ResidualFactor(0.5)] * 2, [-1, 1, 2]).round(12)
    array([1.77777778, 1.5625    , 4.19921875])
    """
    curve = curve_of(factors)
    z = real_array("order", order)
    least = -1 / (curve.exponent + 1) if curve.exponent else -math.inf
    if (bad := z[z <= least]).size:
        raise ValueError(
            f"order must be > {least:g} where the support reaches 0, got {float(bad.flat[0])!r}"
        )
    logs = z * curve.log_mean
    if curve.depth < NARROW:
        if (bad := z[np.abs(z) * math.sqrt(curve.depth) > NARROW_REACH]).size:
            raise ValueError(
                f"order must be smaller at an effective depth of {curve.depth:g}, got "
                f"{float(bad.flat[0])!r}"
            )
        logs = logs + z * (z - 1) / 2 * curve.depth
    elif curve.factors:
        law = panel_law(curve).quadrature
        logs = logs + np.reshape([law.log_moment(x) for x in z.flat], z.shape)
    with np.errstate(over="ignore"):
        return np.exp(logs)[()]


def effective_depth(factors: Sequence[Factor]) -> float:
    """Sum of Var(s)/E[s]^2 over free factors, s a squared singular value of one.

    Parameters
    ----------
    factors : sequence of GaussianFactor, ResidualFactor, OrthogonalFactor or FreeFactor
        Factors in any order.

    Returns
    -------
    float
        It is Var(s)/E[s]^2 of the product, too, and the number of factors if they are Gaussian
        and square.

    Raises
    ------
    TypeError, ValueError
        As `effective_rank_of_free_product`.

    Notes
    -----
    1/aspect of a Gaussian factor; (2 a^2 + k a^4)/(1 + a^2)^2 of a residual factor of scale a and
    k layers; 0 of an orthogonal one; -(log S)'(0) of any.

    Examples
    --------
    >>> from rmt_rank.theory.free_products.rank import ResidualFactor, effective_depth
    >>> effective_depth([ResidualFactor(1)] * 8)
    6.0
    """
    return curve_of(factors).depth


def deep_effective_rank(factors: Sequence[Factor], *, power: float = 1) -> float:
    """Effective rank of deep products of free factors, to leading order in their number.

    Parameters
    ----------
    factors : sequence of GaussianFactor, ResidualFactor, OrthogonalFactor or FreeFactor
        In any order; not all orthogonal.
    power : float, default 1
        Power of the singular values that is normalised, at most 1e6; 2 is for the Gram matrix.

    Returns
    -------
    float
        In nats. Asymptotic: the error is of the order of 1/effective_depth(factors) as the same
        factors are repeated.

    Raises
    ------
    TypeError, ValueError
        As `effective_rank_of_free_product`, and if all factors are orthogonal.

    Notes
    -----
    With D the effective depth and z = power/2 it is kappa(z) - log D,

        kappa(z) = 1 - z - log z - log Gamma(1+z) + z psi(1+z),

    3/2 - gamma/2 + log(4/pi)/2 for singular values and 1 - gamma for the Gram matrix: Laplace's
    method in the integral of Haagerup and Moeller for E s^z, whose integrand is a power of
    exp(-D (1-x))/(1-x) near its end at 1 (z < 1; by continuation above).

    References
    ----------
    .. [1] U. Haagerup, S. Moeller, "The law of large numbers for the free multiplicative
       convolution", arXiv:1211.4457.

    Examples
    --------
    >>> from rmt_rank.theory.free_products.rank import ResidualFactor, deep_effective_rank
    >>> round(deep_effective_rank([ResidualFactor(1)] * 64), 3)
    -2.539
    """
    curve = curve_of(factors, point_allowed=False)
    z = real("power", power, at_least=1e-300, at_most=LARGEST_POWER) / 2
    kappa = 1 - z - math.log(z) - special.gammaln(1 + z) + z * special.digamma(1 + z)
    return float(kappa - math.log(curve.depth))
