"""Comparison of a matrix with a null model: deficit, interval, z and p."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from rmt_rank.inspection.nulls import Null

__all__ = ["Comparison", "compare"]

# Deviations below this are rounding of an entropy.
_ROUNDING = 1e-9
# Half the width of the interval that holds 95 % of a standard normal variable.
_NORMAL = float(special.ndtri(0.975))


@dataclass(frozen=True)
class Comparison:
    """Distance of a matrix's effective rank from that of a null model.

    Attributes
    ----------
    null : str
        The null model.
    effective_rank, expected : float
        Entropy of the matrix, and its mean under the null model, in nats.
    standard_deviation : float
        Standard deviation of the effective rank under the null model.
    deficit, low, high : float
        expected - effective_rank, positive where the rank is lower than chance, and the interval
        that holds the difference to 95 % of the null model's matrices.
    z : float
        deficit over its standard deviation, with the error of the mean; nan if that is 0.
    p : float
        Two-sided probability of a deficit at least as large in size under the null model.
    method : str
        "formula", or the number of draws, or "not known".
    note : str
        Why the numbers are not known, and nan; empty if they are.
    """

    null: str
    effective_rank: float
    expected: float
    standard_deviation: float
    deficit: float
    low: float
    high: float
    z: float
    p: float
    method: str
    note: str = ""


def compare(effective_rank: float, null: Null) -> Comparison:
    """Compare an effective rank with a null model.

    Parameters
    ----------
    effective_rank : float
        Entropy in nats.
    null : Null
        The null model of the matrix.

    Returns
    -------
    Comparison
    """
    deficit = null.mean - effective_rank
    scale = math.hypot(null.standard_deviation, null.error)
    if scale < _ROUNDING:
        p = 1.0 if abs(deficit) < _ROUNDING else 0.0
        z, half = math.nan, 0.0
    elif null.draws is None or null.exact:
        z, half = deficit / scale, _NORMAL * scale
        p = 2 * float(special.ndtr(-abs(z)))
        if null.draws is not None:
            # two-sided, with the matrix itself among the draws: at least 2/(draws + 1)
            below = int(np.searchsorted(null.draws, effective_rank, side="right"))
            above = null.draws.size - int(np.searchsorted(null.draws, effective_rank))
            p = min(1.0, 2 * (1 + min(below, above)) / (null.draws.size + 1))
    else:
        # few draws, whose deviation is estimated: Student's t, as for a predicted observation
        z = deficit / scale
        freedom = null.draws.size - 1
        half = float(special.stdtrit(freedom, 0.975)) * scale
        p = 2 * float(special.stdtr(freedom, -abs(z)))
    return Comparison(
        null.name,
        effective_rank,
        null.mean,
        null.standard_deviation,
        deficit,
        deficit - half,
        deficit + half,
        z,
        p,
        null.method,
    )
