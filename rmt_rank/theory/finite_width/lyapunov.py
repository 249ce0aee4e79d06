"""Lyapunov exponents of products of square Gaussian matrices: depth far beyond width.

Per layer, the k-th largest log singular value grows by the mean log length of a Gaussian vector of
N - k + 1 entries of variance 1/N, and varies by its variance, with psi the digamma function

    real:    [psi((N-k+1)/2) + log(2/N)]/2  and  psi'((N-k+1)/2)/4,
    complex: [psi(N-k+1) - log N]/2         and  psi'(N-k+1)/4

(Newman, doi:10.1007/BF01464284; for complex entries
Forrester, doi:10.1007/s10955-013-0735-7): the diagonal of the triangular factor.

The exponents do not give the mean effective rank.  Products whose two largest singular
values happen to be close are rare and carry it, so it decays much more slowly than the typical
rank; and taking the log singular values as independent normal numbers with these means and
variances overestimates it, for singular values repel: in simulations of width 8 by a fifth at depth
8, two fifths at depth 32 and twofold at depth 100.  `rmt_rank.expected_effective_rank` samples
there.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import LARGEST_INTEGER, choice, integer, require_memory

__all__ = ["effective_rank_decay_rate", "lyapunov_exponents", "lyapunov_variances"]


def lyapunov_exponents(width: int, field: str = "real") -> npt.NDArray[np.float64]:
    """Exponents: growth of the log singular values per layer, in the limit of infinite depth.

    Parameters
    ----------
    width : int
        Side N, at least 1, as large as memory allows; entries have variance 1/N.  Not a list: the
        depth is infinite, and layers must repeat.
    field : {"real", "complex"}
        Field of the entries.

    Returns
    -------
    ndarray, shape (width,)
        In nats per layer, descending.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> from rmt_rank.theory.finite_width.lyapunov import lyapunov_exponents
    >>> lyapunov_exponents(3).round(4)
    array([-0.1845, -0.4913, -1.1845])
    """
    halves, entries = _halves(width, field)
    exponents: npt.NDArray[np.float64] = (
        special.digamma(entries / halves) + math.log(halves / width)
    ) / 2
    return exponents


def lyapunov_variances(width: int, field: str = "real") -> npt.NDArray[np.float64]:
    """Variances of the log singular values per layer, in the limit of infinite depth.

    Parameters
    ----------
    width, field
        As in `lyapunov_exponents`.

    Returns
    -------
    ndarray, shape (width,)
        For the singular values in descending order.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> from rmt_rank.theory.finite_width.lyapunov import lyapunov_variances
    >>> lyapunov_variances(3).round(4)
    array([0.2337, 0.4112, 1.2337])
    """
    halves, entries = _halves(width, field)
    variances: npt.NDArray[np.float64] = special.polygamma(1, entries / halves) / 4
    return variances


def effective_rank_decay_rate(width: int, field: str = "real") -> float:
    """Rate at which the mean effective rank decays with depth, far beyond the width.

    Parameters
    ----------
    width : int
        Side N, from 2 to 10^9; beyond, the rate is lost to rounding.  Not a list, as in
        `lyapunov_exponents`.
    field : {"real", "complex"}
        Field of the entries.

    Returns
    -------
    float
        The rate lambda in E[rank] ~ C exp(-lambda L), times L^(-3/2) for real entries, per layer;
        close to 1/(8N) for real and 1/(4N) for complex entries.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    The rate is proved at every width (docs/open-questions.md): E[rank]^(1/L) tends to the least of
    E[(|r_22|/|r_11|)^theta] over 0 <= theta <= 1, r the triangular factor of a layer.  By
    symmetry it is at theta = 1/2 for real, and at the end theta = 1 for complex entries, for which
    E[rank] is between two multiples of exp(-lambda L).  The power L^(-3/2) is proved at width 2 and
    a conjecture beyond; simulations at widths 4 and 8 lie between slopes with it and without.

    Examples
    --------
    >>> from rmt_rank.theory.finite_width.lyapunov import effective_rank_decay_rate
    >>> round(effective_rank_decay_rate(8, "complex"), 4)
    0.0357
    """
    N = integer("width", width, at_least=2, at_most=10**9)
    half = 0.5 if choice("field", field, FIELDS) == "real" else 1.0
    a = (N - 1) * half
    return float(special.gammaln(a) + special.gammaln(a + half) - 2 * special.gammaln(a + half / 2))


def _halves(width: int, field: str) -> tuple[int, npt.NDArray[np.int64]]:
    N = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    require_memory("width", 32.0 * N)
    halves = 2 if choice("field", field, FIELDS) == "real" else 1
    return halves, np.arange(N, 0, -1)
