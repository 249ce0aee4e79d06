r"""Joint moments of statistics and control variates, and the means and errors that follow.

Control variates x of known mean mu are subtracted with coefficients b: y - b (x - mu) has the mean
of y and, for the best b, 1 - R^2 of its variance.  b is fitted on the other half of the samples:
blocks of samples alternate between two halves, and each half is corrected with the coefficients of
the other.  So the estimate is unbiased for every number of samples, and its error, computed from
the spread of the corrected values, includes the error of b.  No error is stated for fewer than 32
samples, see `rmt_rank.simulation.means.standard_errors`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_of, to_numpy
from rmt_rank._lib.content import ByContent
from rmt_rank.simulation.means.controls import Controls
from rmt_rank.simulation.means.standard_errors import FEWEST_SAMPLES
from rmt_rank.simulation.means.statistics import Statistic
from rmt_rank.simulation.products.methods import Block

__all__ = ["JointMoments", "added", "combined", "observe", "samples_of"]

Array = npt.NDArray[np.float64]

# Minimum number of samples per fitted coefficient: fitting p coefficients on n samples adds p/n of
# the variance.
_SAMPLES_PER_CONTROL = 8
# Minimum number of samples for controls.  With 32 (16 per half, two controls), the means of real
# 2 x 2 matrices were off by more than 3.3 errors in 13 of 1000 runs, against 1 by Student's law;
# with 128 in 3 or fewer, as without controls.
_FIRST_CONTROLLED = 128


@dataclass(frozen=True, eq=False)
class JointMoments(ByContent):
    """Means and central products of controls and statistics, which can be added.

    Attributes
    ----------
    count : int
        Number of samples.
    mean : ndarray, shape (p + q,)
        Means of the p controls and the q statistics.
    products : ndarray, shape (p, p + q)
        Sums of products of the deviations of the controls with those of all.
    squares : ndarray, shape (q,)
        Sums of squares of deviations of the statistics.
    """

    count: int
    mean: Array
    products: Array
    squares: Array

    @classmethod
    def of(cls, controls: Any, values: Any) -> JointMoments:
        """Return the moments of samples of shapes (samples, p) and (samples, q).

        They are computed where the samples are; only the moments come to the host.
        """
        xp = namespace_of(values)
        both = xp.concat([controls, values], axis=1)
        # differences from the first sample: a column that hardly varies keeps all its digits
        first = both[0, :]
        both = both - first
        shift = xp.mean(both, axis=0)
        both = both - shift
        p = controls.shape[1]
        products = xp.matrix_transpose(both[:, :p]) @ both
        squares = xp.sum(both[:, p:] ** 2, axis=0)
        return cls(len(both), *(to_numpy(each) for each in (first + shift, products, squares)))

    def __add__(self, other: JointMoments) -> JointMoments:
        """Return the moments of both samples together (update of Chan, Golub and LeVeque)."""
        count = self.count + other.count
        gap = other.mean - self.mean
        weight = self.count * other.count / count
        p = len(self.products)
        return JointMoments(
            count,
            self.mean + gap * (other.count / count),
            self.products + other.products + weight * np.outer(gap[:p], gap),
            self.squares + other.squares + weight * gap[p:] ** 2,
        )


def combined(
    halves: Sequence[JointMoments | None], controls: Controls | None, spans: Any = math.nan
) -> tuple[Array, Array, Array, tuple[str, ...]]:
    """Value, standard error and variance reduction from the two halves, and the controls used.

    `spans` are lengths of intervals that contain all values of each statistic; nan if unknown.
    """
    present = [half for half in halves if half is not None]
    total = present[0] if len(present) == 1 else present[0] + present[1]
    q = total.squares.size
    plain_variance = total.squares / max(1, total.count - 1)
    value, variance = total.mean[-q:], plain_variance / total.count
    names: tuple[str, ...] = ()
    # coefficients are fitted on one half
    fitted = min(half.count for half in present) / _SAMPLES_PER_CONTROL
    if controls is not None and total.count >= _FIRST_CONTROLLED:
        used = next((p for p in (len(controls.means), controls.core, 1) if p <= fitted), 0)
        if used > 0:
            value, variance = _corrected(present, controls, used)
            names = controls.names[:used]
    reduction = plain_variance / total.count / np.where(variance > 0, variance, 1)
    reduction = np.where((variance > 0) & (len(names) > 0), reduction, 1)
    return value, _error(total, value, variance, spans), reduction, names


def _corrected(
    halves: Sequence[JointMoments], controls: Controls, used: int
) -> tuple[Array, Array]:
    """Mean and its variance; each half is corrected with the coefficients of the other."""
    q = halves[0].squares.size
    count = halves[0].count + halves[1].count
    value, variance = np.zeros(q), np.zeros(q)
    for half, other in (halves, halves[::-1]):
        b = _coefficients(other, used, q)
        off = half.mean[:used] - controls.means[:used]
        part = half.mean[-q:] - off @ b
        products = half.products[:used]
        squares = half.squares - 2 * np.sum(b * products[:, -q:], axis=0)
        squares += np.sum(b * (products[:, :used] @ b), axis=0)
        weight = half.count / count
        value += weight * part
        variance += weight**2 * np.maximum(squares, 0) / (half.count - 1) / half.count
    return value, variance


def _error(total: JointMoments, value: Array, variance: Array, spans: Any) -> Array:
    """Standard error, at least the rounding error; nan for few samples, span/n if none varied."""
    if total.count < FEWEST_SAMPLES:
        return np.full(value.shape, np.nan)
    rounding = np.finfo(np.float64).eps * np.abs(value)
    unseen = np.nan_to_num(spans) / total.count
    return np.where(total.squares > 0, np.maximum(np.sqrt(variance), rounding), unseen)


def _coefficients(half: JointMoments, used: int, q: int) -> Array:
    """Least squares fit of the statistics to the controls, (used, q), in units of their size."""
    products = half.products[:used]
    size = np.sqrt(np.diagonal(products[:, :used]))
    size = np.where(size > 0, size, 1)
    scaled = products[:, :used] / np.outer(size, size)
    # leave out controls that are linearly dependent to rounding
    b = np.linalg.lstsq(scaled, products[:, -q:] / size[:, np.newaxis], rcond=1e-10)[0]
    result: Array = b / size[:, np.newaxis]
    return result


def observe(
    block: Block, statistics: Sequence[Statistic], controls: Controls | None, before: int
) -> list[JointMoments | None]:
    """Moments of the two halves of a block of singular values, after `before` samples.

    Samples go to the halves in turn, across blocks: blocks of large matrices hold one sample.
    """
    (found,) = block.values
    xp = namespace_of(found if any(each.log for each in statistics) else found.values)
    if any(each.log for each in statistics):
        logs, unscaled = found, xp.exp(found)
        values = xp.exp(found - found[:, :1])
    else:
        logs, unscaled, values = None, found.unscaled(xp), found.values
    samples = len(values)
    x = xp.empty((samples, 0))
    if controls is not None:
        x = controls.evaluate(unscaled, block.log_diagonal)
    results = []
    for each in statistics:
        given = logs if each.log else values if each.scale_free else unscaled
        if isinstance(given, np.ndarray):
            given = given.view()
            given.flags.writeable = False  # the array is shared
        results.append(each(given))
    y = xp.concat(results, axis=1)
    starts = ((before + half) % 2 for half in (0, 1))
    return [JointMoments.of(x[i::2], y[i::2]) if samples > i else None for i in starts]


def samples_of(halves: Sequence[JointMoments | None]) -> int:
    """Number of samples in both halves."""
    return sum(half.count for half in halves if half is not None)


def added(
    first: Sequence[JointMoments | None], second: Sequence[JointMoments | None]
) -> list[JointMoments | None]:
    """Sum of two pairs of halves."""
    return [
        b if a is None else a if b is None else a + b for a, b in zip(first, second, strict=True)
    ]
