"""Definitions 1 to 5 of the paper on a matrix, in mpmath, as they stand on the page.

Definition 4 is taken with its second equality, the sum of squares over the largest; its first form
lacks a square.
"""

from __future__ import annotations

from typing import Any

import mpmath
from mpmath import mp

from rmt_rank.exact._numbers import check_digits

__all__ = ["measures", "singular_values"]


def singular_values(matrix: Any, *, digits: int = 30) -> list[Any]:
    """Return the singular values of a matrix in descending order.

    Parameters
    ----------
    matrix : sequence of sequences, or array of shape (m, n)
        Real or complex numbers, taken exactly.
    digits : int
        Significant decimal digits of the largest.

    Returns
    -------
    list of mpf
    """
    with mp.workdps(check_digits(digits) + 10):
        rows = [[mpmath.mpmathify(entry) for entry in row] for row in matrix]
        a = mpmath.matrix(rows)
        if a.rows < a.cols:
            a = a.T
        decompose = mpmath.svd_c if any(isinstance(x, mpmath.mpc) for x in a) else mpmath.svd_r
        values = sorted(decompose(a, compute_uv=False), reverse=True)
    with mp.workdps(digits):
        return [+value for value in values]


def measures(sigma: list[Any], *, tau: Any = "0.01", digits: int = 30) -> dict[str, Any]:
    """Return the paper's measures of rank from singular values.

    Parameters
    ----------
    sigma : list of numbers
        Not all zero.
    tau : number
        Threshold of Definition 3.
    digits : int
        Significant decimal digits.

    Returns
    -------
    dict of str to mpf
        "effective_rank" (nats), "threshold_rank", "stable_rank" and "nuclear_norm".
    """
    with mp.workdps(check_digits(digits) + 10):
        values = [mpmath.mpmathify(s) for s in sigma]
        total = mpmath.fsum(values)
        normalised = [s / total for s in values]
        found = {
            "effective_rank": -mpmath.fsum(p * mpmath.log(p) for p in normalised if p > 0),
            "threshold_rank": mpmath.mpf(sum(p >= mpmath.mpmathify(tau) for p in normalised)),
            "stable_rank": mpmath.fsum(s**2 for s in values) / max(values) ** 2,
            "nuclear_norm": total,
        }
    with mp.workdps(digits):
        return {name: +value for name, value in found.items()}
