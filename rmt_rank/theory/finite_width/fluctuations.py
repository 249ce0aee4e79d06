r"""Variance of the effective rank of one product: its limit, with width to the power -2.

For a product of L Gaussian matrices of width N, squared singular values s, the law's moments M(z),

    Cov(sum s^z, sum s^w) -> (2/beta) (L/(L+1)) zw/(z+w) B(z) B(w),   B(z) = (Lz+1) M(z),       (1)

beta = 1 for real and 2 for complex entries: proved for integers z and w, formal elsewhere, where
s^z is not smooth at 0.  The Renyi entropy of order q of sigma^(2z) is a function of mean s^z and
mean s^(qz) (order 1: of the first and its derivative in z), and to first order in their deviations

    N^2 Var -> (2/beta) (L/(L+1)) qz/(2(1+q)) (1 + q L^2 z^2),                                 (2)

since with x = Lz the bracket (qx+1)^2 - (4q/(1+q)) (qx+1)(x+1) + q (x+1)^2 that (1) gives is
(1-q)^2 (1 + q x^2)/(1+q).  docs/finite-width.md has the proof of (1).
"""

from __future__ import annotations

from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import LARGEST_INTEGER, choice, integer, real

__all__ = ["effective_rank_variance"]

_LARGEST_DEPTH, _LARGEST = 10**6, 1e6


def effective_rank_variance(
    width: int, depth: int, field: str = "real", *, power: float = 1, order: float = 1
) -> float:
    """Leading term of the variance of the effective rank of one product of Gaussian matrices.

    Parameters
    ----------
    width, depth : int
        Side N and number L of the square factors, each at least 1; the depth at most 10^6.  For
        unequal widths see `rmt_rank.theory.rectangular.fluctuations.rectangular_variance`.
    field : {"real", "complex"}
        Field of the Gaussian entries.
    power : float, default 1
        Power of the singular values that is normalised, > 0 and at most 1e6; 2 is the Gram matrix.
    order : float, default 1
        Renyi order q, > 0 and at most 1e6; 1 is Shannon's entropy.

    Returns
    -------
    float
        The variance, in nats squared.  Shannon's entropy of the singular values has
        (2/beta) L (L^2 + 4)/(32 (L+1) N^2), beta = 1 for real and 2 for complex entries.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    It needs power times depth well below width: where that is half the width, the variance of
    random products is 11 to 24 % smaller (validation/reports/effective_rank_variance.md).  Where
    power/2 and order times power/2 are integers, it follows from a proved covariance; elsewhere
    that is formal at the smallest singular values, and verified by simulation.

    Examples
    --------
    >>> from rmt_rank.theory.finite_width.fluctuations import effective_rank_variance
    >>> round(effective_rank_variance(64, 4) ** 0.5, 5)
    0.01562
    """
    N = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    L = integer("depth", depth, at_least=1, at_most=_LARGEST_DEPTH)
    z = real("power", power, above=0, at_most=_LARGEST) / 2
    q = real("order", order, above=0, at_most=_LARGEST)
    scale = 2 if choice("field", field, FIELDS) == "real" else 1
    x = L * z
    return scale * (L / (L + 1)) * (q * z / (2 * (1 + q))) * (1 + q * x * x) / N**2
