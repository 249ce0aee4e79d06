"""One function for the effective rank at infinite width of every network with a theory.

It chooses among four formulas, which stand in `gaussian/effective_rank.py` (square layers),
`rectangular/law.py` (unequal widths), `free_products/rank.py` (any free factors) and
`residual_limit/rank.py` (many weak residual layers).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from rmt_rank._lib.validation import boolean
from rmt_rank.theory.free_products.factors import Factor
from rmt_rank.theory.free_products.rank import effective_rank_of_free_product
from rmt_rank.theory.gaussian.effective_rank import (
    differential_effective_rank,
    differential_effective_rank_derivative,
)
from rmt_rank.theory.rectangular.law import rectangular_effective_rank
from rmt_rank.theory.rectangular.rank_derivative import rectangular_effective_rank_derivative
from rmt_rank.theory.residual_limit.rank import residual_limit_effective_rank
from rmt_rank.theory.residual_limit.rank_derivative import residual_limit_effective_rank_derivative

__all__ = ["limit_effective_rank"]


def limit_effective_rank(
    depth: npt.ArrayLike | None = None,
    *,
    widths: Sequence[float] | None = None,
    factors: Sequence[Factor] | None = None,
    time: npt.ArrayLike | None = None,
    power: float = 1,
    order: float = 1,
    derivative: bool = False,
) -> Any:
    """Effective rank of a random network of infinite width, less the logarithm of the width.

    The entropy of the normalised singular values of the product of all layers is log(N) plus this
    number as the width N grows.  One of `depth`, `widths`, `factors` and `time` says which network.

    Parameters
    ----------
    depth : array_like of float, optional
        Number of square Gaussian layers, any real >= 0; depth 0 is a unitary matrix and gives 0.
    widths : sequence of float, optional
        n_0, ..., n_L: the widths around L Gaussian layers.  Only their ratios matter, and not
        their order; N is the smallest.
    factors : sequence of GaussianFactor, ResidualFactor, OrthogonalFactor or FreeFactor, optional
        Any layers, free of each other.
    time : array_like of float, optional
        Many weak residual layers I + a G: their number times the variance a^2, >= 0.
    power : float, default 1
        Power of the singular values that is normalised, > 0 and at most 1e6: 1 is Definition 6 of
        [1]_, 2 gives the effective rank of the Gram matrix, which is 1 - H(depth + 1) with harmonic
        numbers H.
    order : float, default 1
        Renyi order, 0 <= order <= inf.  1 is Shannon's entropy, inf the min-entropy.
    derivative : bool, default False
        Return the derivative: with respect to depth, which is negative at every depth and every
        order > 0, Theorem 1 of [1]_ at infinite width; with respect to time; or those with respect
        to the ratios n_l/N of widths, one for each width and 0 for the first that is N.

    Returns
    -------
    ndarray, float64 or float
        In nats (per layer, unit of time or unit of a ratio for the derivative), never positive; of
        the shape of `depth` or `time`, and of shape (len(widths),) for the derivatives at widths.
        The relative error is below 1e-13 for depths from 1e-8 to 1e12 at order 1.

    Raises
    ------
    TypeError
        If not exactly one of depth, widths, factors and time is given, or one is of the wrong type.
    ValueError
        If an argument is out of its range, or derivative is asked for with factors, which have no
        parameter in common.

    See Also
    --------
    expected_effective_rank : the mean at finite width.
    effective_rank : the same measure of a matrix.

    Notes
    -----
    The functions that are called say more about their formulas and errors:
    `rmt_rank.theory.gaussian.effective_rank.differential_effective_rank`,
    `rmt_rank.theory.rectangular.law.rectangular_effective_rank`,
    `rmt_rank.theory.free_products.rank.effective_rank_of_free_product` and
    `rmt_rank.theory.residual_limit.rank.residual_limit_effective_rank`.  Derivatives are from
    functions of these names with `_derivative`, in modules `rank_derivative`.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Definition 6, Theorem 1
       and Appendix G; arXiv:2103.10427.

    Examples
    --------
    >>> from rmt_rank import limit_effective_rank, ResidualFactor
    >>> limit_effective_rank([1, 2, 4, 8], power=2).round(6)
    array([-0.5     , -0.833333, -1.283333, -1.828968])
    >>> round(float(limit_effective_rank(0, derivative=True)), 6)  # 1 - pi^2/8
    -0.233701
    >>> print(round(limit_effective_rank(widths=[2, 1, 2]), 4))
    -0.1537
    >>> limit_effective_rank(widths=[2, 1, 2], derivative=True).round(4)
    array([0.0472, 0.    , 0.0472])
    >>> print(round(limit_effective_rank(factors=[ResidualFactor(1)] * 8), 4))
    -0.9129
    >>> limit_effective_rank(time=[0, 1, 2, 4]).round(4)
    array([ 0.    , -0.2549, -0.5028, -0.9289])
    """
    choices = {"depth": depth, "widths": widths, "factors": factors, "time": time}
    given = [name for name, value in choices.items() if value is not None]
    if len(given) != 1:
        raise TypeError(
            "exactly one of depth, widths, factors and time must be given, got "
            + (" and ".join(given) or "none")
        )
    derivative, options = boolean("derivative", derivative), {"power": power, "order": order}
    if depth is not None:
        by_depth = (differential_effective_rank, differential_effective_rank_derivative)
        return by_depth[derivative](depth, **options)
    if time is not None:
        by_time = (residual_limit_effective_rank, residual_limit_effective_rank_derivative)
        return by_time[derivative](time, **options)
    if widths is not None:
        if derivative:
            return rectangular_effective_rank_derivative(widths, **options)
        return rectangular_effective_rank(widths, **options)
    assert factors is not None
    if derivative:
        raise ValueError(
            "derivative must be False with factors, which have no parameter in common: use depth, "
            "time or widths"
        )
    return effective_rank_of_free_product(factors, **options)
