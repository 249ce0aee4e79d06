"""Moments of products of free factors as exact rational numbers, by power series.

With psi(z) = sum_k m_k z^k and chi its inverse, S(t) = chi(t) (1 + t)/t, and S-transforms multiply.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from sympy import QQ, ring
from sympy.polys.ring_series import (
    rs_mul,
    rs_nth_root,
    rs_series_inversion,
    rs_series_reversion,
    rs_trunc,
)

from rmt_rank.exact._numbers import exact, integer, members, shown
from rmt_rank.exact._precision import one_at_a_time

__all__ = ["free_product_moments", "residual_moments"]

_RING, _T, _Y = ring("t,y", QQ)


@one_at_a_time  # sympy
def free_product_moments(*moments: Sequence[Fraction | int]) -> list[Fraction]:
    """Moments of the free multiplicative convolution of laws with the given ones.

    Parameters
    ----------
    *moments : sequence of Fraction or int
        m_1, ..., m_n of squared singular values, the same number of each factor, m_1 > 0.

    Returns
    -------
    list of Fraction
        m_1, ..., m_n of the product.

    Raises
    ------
    ValueError
        If there are no factors, or not the same number of moments of each.

    Examples
    --------
    Two square Gaussian factors: Fuss-Catalan numbers.

    >>> from rmt_rank.exact.free_products.moments import free_product_moments
    >>> [int(m) for m in free_product_moments([1, 2, 5, 14], [1, 2, 5, 14])]
    [1, 3, 12, 55]
    """
    for each in moments:
        for m in members("moments", each):
            _rational("moments", m)
        if each[0] <= 0:
            raise ValueError(f"moments has a mean of {shown(each[0])}; allowed: numbers > 0")
    counts = {len(each) for each in moments}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"moments must be sequences of one length >= 1, got lengths {counts}")
    n = counts.pop() + 1
    product = None
    for each in moments:
        psi = sum((QQ(m.numerator, m.denominator) * _T**k for k, m in enumerate(each, 1)), _RING(0))
        chi = rs_series_reversion(psi, _T, n, _Y).compose(_Y, _T)
        if product is None:
            product = chi
        else:
            product = _over_t(rs_mul(rs_mul(product, chi, _T, n + 1), 1 + _T, _T, n + 1))
    return _moments(product, n)


@one_at_a_time
def residual_moments(square: Fraction, count: int) -> list[Fraction]:
    """Moments of the squared singular values of I + aG at infinite width.

    Parameters
    ----------
    square : Fraction
        a^2.
    count : int
        Number of moments, from 1 to 1000.

    Returns
    -------
    list of Fraction
        The moments of s, from the first on.

    Notes
    -----
    S(t) = 4/((1 + D)^2 - a^4), D^2 = (1 + a^2)^2 + 4 a^2 t.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from rmt_rank.exact.free_products.moments import residual_moments
    >>> [str(m) for m in residual_moments(Fraction(1, 2), 2)]  # 1 + a^2, 1 + 4 a^2 + 2 a^4
    ['3/2', '7/2']
    """
    n = integer("count", count, 1, 1000) + 1
    if _rational("square", square) < 0:
        raise ValueError(f"square is {shown(square)}; allowed: a Fraction >= 0")
    a2 = QQ(square.numerator, square.denominator)
    root = (1 + a2) * rs_nth_root(1 + 4 * a2 / (1 + a2) ** 2 * _T, 2, _T, n)
    inverse = rs_trunc((1 + root) ** 2 - a2**2, _T, n)
    chi = rs_mul(4 * rs_series_inversion(inverse, _T, n), _T, _T, n)
    return _moments(rs_mul(chi, rs_series_inversion(1 + _T, _T, n), _T, n), n)


def _rational(name: str, value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, numbers.Rational):
        raise TypeError(f"{name} is {shown(value)}; allowed: Fractions and ints")
    return exact(name, value)


def _over_t(series: Any) -> Any:
    return series.quo(_T)


def _moments(chi: Any, n: int) -> list[Fraction]:
    psi = rs_series_reversion(rs_trunc(chi, _T, n), _T, n, _Y).compose(_Y, _T)
    found = [psi.coeff(_T**k) for k in range(1, n)]
    return [Fraction(int(m.numerator), int(m.denominator)) for m in found]
