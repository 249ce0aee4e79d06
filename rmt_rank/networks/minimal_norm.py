"""Minimum-norm predictions of the trained weight."""

from __future__ import annotations

import numpy as np

from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.networks.problem import LeastSquaresProblem, require_problem

__all__ = ["minimal_norm_effective_rank"]


def minimal_norm_effective_rank(problem: LeastSquaresProblem, *, power: float = 1) -> float:
    """Effective rank of the fit of least norm, whichever norm.

    Parameters
    ----------
    problem : LeastSquaresProblem
        Data.
    power : float, default 1
        Power of the singular values that is normalised; 2 is the Gram matrix.

    Returns
    -------
    float
        In nats; -inf, the logarithm of 0, where the least-squares solution is 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    A deep network is said to prefer weights of low nuclear norm, or of low Schatten-2/d norm at
    depth d.  For least squares these say the same at every depth.  All weights of least training
    error are W = W* P + Z (I - P), so W W^T = (W* P)(W* P)^T + Z (I - P) Z^T, which is at least the
    first part.  So each singular value of W is at least that of W* P in the same place, and W* P
    minimises all their increasing functions at once: every unitarily invariant norm, and every
    Schatten-p sum, p < 1 included.

    Effective rank is not such a function: it does not have its minimum there.

    Examples
    --------
    >>> from rmt_rank.networks import least_squares_problem
    >>> from rmt_rank.networks.minimal_norm import minimal_norm_effective_rank
    >>> problem = least_squares_problem(32, task_rank=4, examples=16, rng=0)
    >>> round(minimal_norm_effective_rank(problem), 3)
    1.335
    """
    require_problem(problem)
    sigma = np.linalg.svd(problem.minimum_norm_weight, compute_uv=False)
    return float(effective_rank(sigma, power=power))
