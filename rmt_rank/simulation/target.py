r"""When an estimate ends that is asked for an error: reached, out of reach, or enough samples.

With n samples of standard error e, a target t takes about n (e/t)^2.  Where that is more than twice
what may be drawn, the rest would not help, and the estimate ends at once; twice, because the error
of the first samples is itself uncertain.  A target below the rounding of the mean, eps |mean|, is
not an error that float64 can have.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import numpy.typing as npt

from rmt_rank._validation import integer, real
from rmt_rank.simulation.chain import LARGEST_SIZE, Chain, entries
from rmt_rank.simulation.statistics import Statistic

__all__ = ["FIRST_SAMPLES", "SMALLEST_TARGET", "Target", "TargetWarning"]

Array = npt.NDArray[np.float64]

# Samples before an error is believed.
FIRST_SAMPLES = 512
# By default no more samples than this, and no more than have so many entries in their factors:
# about an hour.
_MOST_SAMPLES, _MOST_ENTRIES = 10**8, 10**12
# Samples of a statistic of unknown size that never varied: another value is unlikely to be found.
_NEVER_VARIED = 2**12
# Rounding of a mean rank, which is at least that of 1.
SMALLEST_TARGET = sys.float_info.epsilon


class TargetWarning(UserWarning):
    """An estimate ended before its standard error was as small as asked for."""


class Target:
    """An error that is asked for, and when to stop.

    Parameters
    ----------
    error : float
        The largest standard error that is wanted.
    chosen : Statistic
        What is estimated.
    chain : Chain
        What is sampled.
    max_samples : int, optional
        Stop after so many, and no sooner unless the target is reached.

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
        # of numbers of known size; others may be as small as they like
        least = SMALLEST_TARGET if known else sys.float_info.min
        self.error = real("target_error", error, at_least=least)
        self.given = max_samples is not None
        self.most = min(_MOST_SAMPLES, max(FIRST_SAMPLES, _MOST_ENTRIES // entries(chain)))
        if max_samples is not None:
            self.most = integer(
                "max_samples", max_samples, at_least=FIRST_SAMPLES, at_most=LARGEST_SIZE
            )

    def end(self, done: int, mean: Array, error: Array) -> str | None:
        """Why to stop: "" if the target is reached; None to draw more.

        Parameters
        ----------
        done : int
            Number of samples.
        mean, error : ndarray, shape (q,)
            Their means and standard errors; 0 where nothing varied, of numbers of unknown size.
        """
        largest = float(np.max(error))
        known = largest > 0 or not math.isnan(self.span)
        if known and largest <= self.error:
            return ""
        if done >= self.most:
            return f"{done} samples are the most"
        if self.given:
            return None
        if not known:
            never = f"nothing varied in {done} samples, which says nothing of the error"
            return never if done >= _NEVER_VARIED else None
        if self.error < sys.float_info.epsilon * float(np.max(np.abs(mean))):
            return "it is below the rounding of float64"
        ratio = largest / self.error
        if (needed := done * ratio * ratio) > 2 * self.most:
            return f"it would take about {needed:.1g} samples, and {self.most} are the most"
        return None
