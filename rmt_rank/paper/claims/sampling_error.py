"""Allowance for the sampling error of means that are compared with expected values."""

from __future__ import annotations

import scipy

__all__ = ["FALSE_ALARM", "errors_allowed"]

# Probability that sampling alone turns one line of the report red.
FALSE_ALARM = 1e-6


def errors_allowed(samples: int, comparisons: int = 1) -> float:
    """Standard errors that a mean of `samples` exceeds by chance, rarely in all comparisons."""
    return float(scipy.stats.t.isf(FALSE_ALARM / (2 * comparisons), samples - 1))
