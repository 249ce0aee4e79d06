"""Measures of rank that start from singular values."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

__all__ = ["effective_rank"]


def effective_rank(singular_values: Any) -> Any:
    """Entropy of the normalised singular values, in nats.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, not all zero, in any order.

    Returns
    -------
    array, shape (...)
        Between 0 and log(k).

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Definition 1, without
       the exponential of O. Roy and M. Vetterli (2007); arXiv:2103.10427.
    """
    xp = array_namespace(singular_values)
    # divided by the largest, no scale over- or underflows; 0 log 0 = 0
    sigma = singular_values / xp.max(singular_values, axis=-1, keepdims=True)
    total = xp.sum(sigma, axis=-1)
    log_sigma = xp.log(xp.where(sigma > 0, sigma, xp.ones_like(sigma)))
    return xp.log(total) - xp.sum(sigma * log_sigma, axis=-1) / total
