r"""Standard errors of means, and the minimum number of samples for which one is stated.

The standard error s/sqrt(n) of a mean of n values is itself an estimate.  For normal values the
ratio z of the mean's deviation to it follows Student's law with n - 1 degrees of freedom, or n - 2
if two halves of the samples have separate means, but readers treat z as normal.  With two samples
the tails of z are those of Cauchy's law, and no constant factor corrects that: the factor for 1
standard error is 1.84, the one for 5 is 2.2e5.  So no error is stated for few samples.  To decide
how few: P(|z| > 5) is 5.7e-7 for normal z, and for n - 2 degrees of freedom

    n      2 or 3   4         8         16        32        64
    P      -        0.038     2.5e-3    2.0e-4    2.4e-5    5.0e-6

From 32 on, 5 standard errors are exceeded by chance in less than 1 of 40,000 cases, and 1 standard
error in 32.5 % of them instead of 31.7 %.  Values with heavy tails (depth far beyond width) need
more samples; the number of samples alone cannot show this.

Values that never varied have s = 0, but their mean still has an error.  A different value that
occurs with probability p is missed by n samples with probability (1 - p)^n, which is 37 % at p =
1/n: about the probability of a deviation by more than one standard error.  It would move the mean
by at most span/n if all values lie in an interval of length span; this is stated instead of 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST_SAMPLES", "standard_error"]

FEWEST_SAMPLES = 32


def standard_error(values: npt.ArrayLike, axis: int = 0) -> Any:
    """Standard error of the mean of independent values along an axis.

    Parameters
    ----------
    values : array_like
        The values.
    axis : int, default 0
        Axis of the samples.

    Returns
    -------
    float or ndarray
        nan for fewer than `FEWEST_SAMPLES` samples.
    """
    array = np.asarray(values, dtype=np.float64)
    count = array.shape[axis]
    if count < FEWEST_SAMPLES:
        return np.full(np.delete(array.shape, axis), np.nan)[()]
    return array.std(axis=axis, ddof=1) / np.sqrt(count)
