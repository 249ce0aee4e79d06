"""Definitions 1 to 5 of the paper on a matrix, in mpmath, as they stand on the page.

Definition 4 is taken with its second equality, the sum of squares over the largest; its first form
lacks a square.
"""

from __future__ import annotations

from typing import Any

from rmt_rank.exact._numbers import check_digits
from rmt_rank.exact._precision import mp, rounded, working

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
    with working(check_digits(digits) + 10):
        rows = [[mp.mpmathify(entry) for entry in row] for row in matrix]
        a = mp.matrix(rows)
        if a.rows < a.cols:
            a = a.T
        decompose = mp.svd_c if any(isinstance(x, mp.mpc) for x in a) else mp.svd_r
        values = sorted(decompose(a, compute_uv=False), reverse=True)
    return [rounded(value, digits) for value in values]


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
    with working(check_digits(digits) + 10):
        values = [mp.mpmathify(s) for s in sigma]
        total = mp.fsum(values)
        normalised = [s / total for s in values]
        found = {
            "effective_rank": -mp.fsum(p * mp.log(p) for p in normalised if p > 0),
            "threshold_rank": mp.mpf(sum(p >= mp.mpmathify(tau) for p in normalised)),
            "stable_rank": mp.fsum(s**2 for s in values) / max(values) ** 2,
            "nuclear_norm": total,
        }
    return {name: rounded(value, digits) for name, value in found.items()}
