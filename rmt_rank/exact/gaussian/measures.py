"""Definitions 1 to 5 of the paper on a matrix, in mpmath, as they stand on the page.

Definition 4 is taken with its second equality, the sum of squares over the largest; its first form
lacks a square.
"""

from __future__ import annotations

import numbers
from typing import Any

from rmt_rank.exact._numbers import as_mpf, check_digits, exact, members, shown
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
        Singular values, the largest first.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import singular_values
    >>> [nstr(value, 12) for value in singular_values([[1, 1], [0, 1]])]
    ['1.61803398875', '0.61803398875']
    """
    given = [members("matrix", row) for row in members("matrix", matrix)]
    if len({len(row) for row in given}) != 1:
        raise ValueError(f"matrix is {shown(matrix)}; allowed: rows of one length")
    with working(check_digits(digits) + 10):
        rows = [[_number("matrix", entry) for entry in row] for row in given]
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

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import measures
    >>> print(nstr(measures([3, 2, 1])["stable_rank"], 12))
    1.55555555556
    """
    given = members("sigma", sigma)
    with working(check_digits(digits) + 10):
        values = [_number("sigma", s) for s in given]
        least = _number("tau", tau)
        total = mp.fsum(values)
        if any(hasattr(s, "_mpc_") or s < 0 for s in values) or total == 0:
            raise ValueError(f"sigma is {shown(sigma)}; allowed: numbers >= 0, not all 0")
        if hasattr(least, "_mpc_"):
            raise TypeError(f"tau is {shown(tau)}; allowed: a real number")
        normalised = [s / total for s in values]
        found = {
            "effective_rank": -mp.fsum(p * mp.log(p) for p in normalised if p > 0),
            "threshold_rank": mp.mpf(sum(p >= least for p in normalised)),
            "stable_rank": mp.fsum(s**2 for s in values) / max(values) ** 2,
            "nuclear_norm": total,
        }
    return {name: rounded(value, digits) for name, value in found.items()}


def _number(name: str, value: Any) -> Any:
    """Return a real or complex number as an mpmath number; TypeError or ValueError otherwise."""
    if isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real):
        return mp.mpc(*(as_mpf(exact(name, float(x))) for x in (value.real, value.imag)))
    if hasattr(value, "_mpc_"):  # an mpc of any of mpmath's contexts
        return mp.mpmathify(value)
    return as_mpf(exact(name, value)) if not hasattr(value, "_mpf_") else mp.mpmathify(value)
