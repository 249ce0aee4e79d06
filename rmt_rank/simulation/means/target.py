r"""Stopping rules for an estimate with a target error: reached, out of reach, or enough samples.

If n samples have the standard error e, a target t takes about n (e/t)^2 samples.  If that is more
than twice the maximum, further samples would not help, and the estimate stops at once; the factor
is two because the error of the first samples is itself uncertain.  A target below the rounding of
the mean, eps |mean|, cannot be reached in float64.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import integer, real
from rmt_rank.simulation.means.statistics import Statistic
from rmt_rank.simulation.products.chain import LARGEST_SIZE, Chain, entries

__all__ = ["FIRST_SAMPLES", "SMALLEST_TARGET", "Target", "TargetWarning"]

Array = npt.NDArray[np.float64]

# Minimum number of samples before an error is trusted.
FIRST_SAMPLES = 512
# Default limits on the number of samples, and on the number of entries in their factors: about an
# hour.
_MOST_SAMPLES, _MOST_ENTRIES = 10**8, 10**12
# After this many samples, a statistic of unknown size that never varied is unlikely to vary.
_NEVER_VARIED = 2**12
# Rounding of a mean rank: at least that of 1.
SMALLEST_TARGET = sys.float_info.epsilon


class TargetWarning(UserWarning):
    """An estimate stopped before its standard error reached the target."""


class Target:
    """A target error, and the rules for stopping.

    Parameters
    ----------
    error : float
        The largest standard error that is wanted.
    chosen : Statistic
        What is estimated.
    chain : Chain
        What is sampled.
    max_samples : int, optional
        Stop after this many samples, and not earlier unless the target is reached.

    Attributes
    ----------
    most : int
        Largest number of samples.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    """

    def __init__(
        self, error: float, chosen: Statistic, chain: Chain, max_samples: int | None = None
    ) -> None:
        self.span = chosen.span(chain.width)
        known = not math.isnan(self.span)
        # for statistics of known size; others may be arbitrarily small
        least = SMALLEST_TARGET if known else sys.float_info.min
        self.error = real("target_error", error, at_least=least)
        self.given = max_samples is not None
        self.most = min(_MOST_SAMPLES, max(FIRST_SAMPLES, _MOST_ENTRIES // entries(chain)))
        if max_samples is not None:
            self.most = integer(
                "max_samples", max_samples, at_least=FIRST_SAMPLES, at_most=LARGEST_SIZE
            )

    def end(self, done: int, mean: Array, error: Array) -> str | None:
        """Return the reason to stop: "" if the target is reached; None to draw more.

        Parameters
        ----------
        done : int
            Number of samples.
        mean, error : ndarray, shape (q,)
            Their means and standard errors; 0 if a statistic of unknown size never varied.
        """
        largest = float(np.max(error))
        known = largest > 0 or not math.isnan(self.span)
        if known and largest <= self.error:
            return ""
        if done >= self.most:
            return f"{done} samples were drawn, the maximum"
        if self.given:
            return None
        if not known:
            never = f"nothing varied in {done} samples, so the error is unknown"
            return never if done >= _NEVER_VARIED else None
        if self.error < sys.float_info.epsilon * float(np.max(np.abs(mean))):
            return "it is below the rounding error of float64"
        ratio = largest / self.error
        if (needed := done * ratio * ratio) > 2 * self.most:
            return f"it would take about {needed:.1g} samples, the maximum is {self.most}"
        return None
