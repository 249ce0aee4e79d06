"""Normalised powers of a prepared spectrum, and their entropies of every order.

The largest power is 1, so that a sum of the others, without it, loses nothing to rounding where one
singular value is much larger than all others.
"""

from __future__ import annotations

from typing import Any

import array_api_compat

from rmt_rank.metrics.prepared import Prepared

__all__ = ["entropy", "powers", "sum_of_others"]

# Renyi orders nearer to 1 than this are written around Shannon's entropy, which they approach.
NEAR_ONE = 0.5

# Beyond these orders and powers only the largest normalised value matters, to rounding.
_INFINITE_ORDER = 1e18
_LARGEST_POWER = 1e30


def _log(xp: Any, x: Any) -> Any:
    """log(x), 0 at 0, where it is multiplied by 0; safe to differentiate."""
    return xp.log(xp.where(x > 0, x, xp.ones_like(x)))


def powers(s: Prepared, power: float) -> Any:
    """Values to a power > 0, with slope 0 at 0 even for powers below 1."""
    if power >= 1:
        return s.values if power == 1 else s.values ** min(power, _LARGEST_POWER)
    zero = s.values == 0
    safe = s.xp.where(zero, s.xp.ones_like(s.values), s.values)
    return s.xp.where(zero, s.xp.zeros_like(safe), safe**power)


def sum_of_others(xp: Any, weights: Any) -> Any:
    """Sum of weights (..., k) without one of the largest, which is 1 and would round others off."""
    place = xp.arange(weights.shape[-1], device=array_api_compat.device(weights))
    largest = place == xp.argmax(weights, axis=-1)[..., None]
    return xp.sum(xp.where(largest, xp.zeros_like(weights), weights), axis=-1)


def entropy(s: Prepared, power: float, order: float, eps: float) -> Any:
    """Entropy of an order of the normalised powers, to each of which eps is added."""
    xp = s.xp
    weights = powers(s, power)
    if order == 0:  # a value that rounds to 0 relative to the largest still counts
        counted = (weights > 0) | (s.absolute > 0) if eps == 0 else s.absolute >= 0
        return _log(xp, xp.sum(xp.astype(counted, weights.dtype), axis=-1))
    if eps > 0:
        return _with_eps(s, weights, order, eps)
    others = sum_of_others(xp, weights)
    log_total = xp.log1p(others)
    if order == 1:
        # log(total) - sum w log w / total: one logarithm a value, no rounding of the quotient
        return log_total - xp.sum(weights * _log(xp, weights), axis=-1) / (1 + others)
    if order > _INFINITE_ORDER:
        return log_total
    log_w = _log(xp, weights)
    if abs(order - 1) < NEAR_ONE:
        # sum p^q = 1 + sum p (p^(q-1) - 1)
        p = weights / (1 + others)[..., None]
        excess = xp.sum(p * xp.expm1((order - 1) * (log_w - log_total[..., None])), axis=-1)
        return xp.log1p(excess) / (1 - order)
    # w = 0 contributes nothing at any order > 0
    terms = xp.where(weights > 0, xp.exp(order * log_w), xp.zeros_like(weights))
    log_terms = xp.log1p(sum_of_others(xp, terms))
    return (log_terms - order * log_total) / (1 - order)


def _with_eps(s: Prepared, weights: Any, order: float, eps: float) -> Any:
    """Entropy of an order > 0 of shares that eps > 0 is added to."""
    xp = s.xp
    p = weights / s.divisor(xp.sum(weights, axis=-1))[..., None] + eps
    if order == 1:
        return -xp.sum(p * _log(xp, p), axis=-1)
    largest = xp.max(p, axis=-1)
    if order > _INFINITE_ORDER:
        return -xp.log(largest)
    ratio = p / largest[..., None]
    terms_sum = xp.sum(xp.exp(order * _log(xp, ratio)), axis=-1)
    return xp.log(largest) * (order / (1 - order)) + xp.log(terms_sum) / (1 - order)
