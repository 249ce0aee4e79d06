"""Gram matrices at finite width: the effect of normalising every row on the rank.

With p(z) = E c^z of the limit law of C = W W^T (mean 1), W the product of L Gaussian n x n
matrices, the square of a row of a linear network is x^T C x = n (1 + delta), Var delta = 2 p(2)/n.
Over Gaussian x, E[x x^T/(1 + delta)] = 1 - (2/n) (C - p(2)) to first order, and so the eigenvalues
c become c - (2/n) (c^2 - p(2) c).  For many more inputs than n the entropy changes by

    E[rank of the cosine kernel] - E[rank of the linear kernel] = (2/n) (p'(2) - p(2) p'(1)),

with p(2) = L+1, p'(1) = H_(L+1) - 1 and p'(2) = (L+1) [(L+1) psi(2L+3) - psi(3) - L psi(2L+2)],
which is (2/n) (L+1) [H_(2L+1) - H_(L+1)].  The linear kernel's own terms are those of
`finite_width_correction` with power 2.
"""

from __future__ import annotations

from scipy import special

from rmt_rank._lib.validation import LARGEST_INTEGER, integer

__all__ = ["cosine_correction"]


def cosine_correction(width: int, depth: int) -> float:
    """Effective rank of the cosine kernel of a deep linear network less that of the linear kernel.

    Parameters
    ----------
    width : int
        Width n of all layers, from 1 to 2^53.  Not a list: the moments are those of equal
        widths.
    depth : int
        Number L of layers of Gaussian weights, from 0 to 2^53.

    Returns
    -------
    float
        The term of order 1/n, in nats, for Gaussian inputs, many more of them than the width; the
        next one is of order (L/n)^2, and L/n should be below 1/10.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer, or out of its range.

    Notes
    -----
    (2/n) (L+1) [H_(2L+1) - H_(L+1)], near 2 log(2) L/n for large L.

    References
    ----------
    .. [1] K. A. Penson, K. Zyczkowski, doi:10.1103/PhysRevE.83.061118, for the moments.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.gram_corrections import cosine_correction
    >>> round(cosine_correction(256, 8), 4)
    0.0429
    """
    n = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    L = integer("depth", depth, at_least=0, at_most=LARGEST_INTEGER)
    slope = special.digamma(2.0 * L + 2) - special.digamma(L + 2.0)
    return 2 * (L + 1) * float(slope) / n
