"""Monte Carlo statistics of a chain W_1, W_2 W_1, ...: effective rank and spectrum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import default_namespace, namespace_or_default, to_numpy
from rmt_rank._lib.content import ByContent
from rmt_rank._lib.random import RNG
from rmt_rank._lib.validation import function, integer, integer_widths, integers, shown
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads, require_room
from rmt_rank.simulation.products.chain import (
    LARGEST_DEPTH,
    LARGEST_SIZE,
    new_chain,
    several,
    threads,
)
from rmt_rank.theory import gaussian
from rmt_rank.theory.rectangular.law import RectangularLaw

__all__ = ["ChainStatistics", "simulate_chain"]

Array = npt.NDArray[np.float64]

# Points of the distribution function per level of the spectrum (1/width).
POINTS_PER_LEVEL = 4


@dataclass(frozen=True, eq=False)
class ChainStatistics(ByContent):
    """Sample means along a chain of products, each with one standard error.

    For few samples, use the errors with Student's quantiles for samples - 1 degrees of freedom, see
    `rmt_rank.paper.claims.sampling_error.errors_allowed`.

    Attributes
    ----------
    width, samples : int
        Smallest width N and number of chains.
    field : str
        "real" or "complex".
    depths : tuple of int
        The depths L, increasing.
    rank, rank_error : ndarray, shape (depths,)
        Mean effective rank of W_L ... W_1 in nats, and its standard error.
    decrease, decrease_error : ndarray, shape (depths - 1,)
        Mean difference of the effective rank between neighbouring depths along the same chain.
    moments, moments_error : ndarray, shape (depths, 2)
        Mean of tr(W^H W)/N and of tr((W^H W)^2)/N.
    levels : ndarray, shape (points,)
        Values F of the limit law's distribution function, equally spaced inside (0, 1).
    below, below_error : ndarray, shape (depths, points)
        Mean fraction of singular values below the F-quantile of the limit law.
    """

    width: int
    samples: int
    field: str
    depths: tuple[int, ...]
    rank: Array
    rank_error: Array
    decrease: Array
    decrease_error: Array
    moments: Array
    moments_error: Array
    levels: Array
    below: Array
    below_error: Array


class _Mean:
    """Running mean and standard error of vectors, shifted by the first one seen."""

    def __init__(self) -> None:
        self.count = 0
        self.shift: Array | float = 0.0
        self.sum: Array | float = 0.0
        self.sum_of_squares: Array | float = 0.0

    def add(self, values: Array) -> None:
        """Add observations along the first axis."""
        if self.count == 0:
            self.shift = values[0]
        values = values - self.shift
        self.count += len(values)
        self.sum = self.sum + values.sum(axis=0)
        self.sum_of_squares = self.sum_of_squares + (values * values).sum(axis=0)

    def result(self) -> tuple[Array, Array]:
        mean = self.sum / self.count
        variance = (self.sum_of_squares - self.count * mean**2) / (self.count - 1)
        return np.asarray(self.shift + mean), np.sqrt(np.maximum(variance, 0) / self.count)


def simulate_chain(
    width: int | Sequence[int],
    depths: Sequence[int] | None,
    samples: int,
    *,
    rng: RNG = None,
    field: str = "real",
    xp: ModuleType | None = None,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> ChainStatistics:
    """Estimate the effective rank and the spectrum of products of Gaussian matrices.

    Parameters
    ----------
    width : int or sequence of int
        Side N of the square factors, at least 1; or the widths n_0, ..., n_L of L layers with
        n_l x n_(l-1) entries, of which N is the smallest.  Entries have variance 1/N.
    depths : sequence of int or None
        Numbers of factors L, each at least 1.  All are taken along the same chains.  None or [L]
        with unequal widths: the product of the first layers has another smallest width.
    samples : int
        Number of chains, at least 2.
    rng, field, xp, workers
        As in `rmt_rank.sample_singular_values`.
    progress : callable, optional
        Called with the number of chains just finished.

    Returns
    -------
    ChainStatistics
        Memory does not grow with the number of samples.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    """
    samples = integer("samples", samples, at_least=2, at_most=LARGEST_SIZE)
    wanted = _depths(width, depths)
    workers = threads(workers)
    report = None if progress is None else function("progress", progress)
    xp = namespace_or_default(xp)
    own = xp is default_namespace()
    chain = new_chain(width, wanted[-1], samples, field=field, numpy_doubles=own)
    require_room(chain, samples, xp=xp, depths=len(wanted))
    blocks = chain_blocks(chain, wanted, samples, rng=rng, xp=xp)

    square = len(set(chain.widths)) == 1
    points = POINTS_PER_LEVEL * chain.width
    levels = np.arange(1, points) / points
    quantiles = [
        np.asarray(
            (gaussian.singular_value_law(L) if square else RectangularLaw(chain.widths)).ppf(levels)
        )
        for L in wanted
    ]
    rank, decrease, moments = _Mean(), _Mean(), _Mean()
    below = [_Mean() for _ in wanted]
    with closing(in_threads(blocks, workers)) as computed:
        for block in computed:
            # the effective rank does not depend on the scale
            ranks = np.stack([to_numpy(effective_rank(s.values)) for s in block.values], axis=-1)
            rank.add(ranks)
            decrease.add(np.diff(ranks, axis=-1))
            values = [to_numpy(s.unscaled(xp)) for s in block.values]
            squares = np.stack(values, axis=1) ** 2
            moments.add(np.stack([squares.mean(axis=-1), (squares**2).mean(axis=-1)], axis=-1))
            for mean, sigma, edges in zip(below, values, quantiles, strict=True):
                mean.add(_fractions_below(sigma, edges))
            if report is not None:
                report(len(ranks))
    below_mean, below_error = zip(*(mean.result() for mean in below), strict=True)
    return ChainStatistics(
        chain.width,
        samples,
        field,
        wanted,
        *rank.result(),
        *decrease.result(),
        *moments.result(),
        levels,
        np.stack(below_mean),
        np.stack(below_error),
    )


def _depths(width: int | Sequence[int], depths: Sequence[int] | None) -> tuple[int, ...]:
    """Depths in increasing order; ValueError if they are not those of the widths."""
    if depths is None and not several(width):
        raise TypeError("depths must be a sequence of integers with one width, got None")
    layers = len(integer_widths(width)) - 1 if several(width) else None
    if depths is None:
        assert layers is not None
        return (layers,)
    found = tuple(
        sorted({*integers("depths", depths, at_least=1, at_most=LARGEST_DEPTH, fewest=1)})
    )
    if layers is not None and found != (layers,):
        raise ValueError(
            f"depths must be None or [{layers}] with {layers + 1} widths, got {shown(depths)}"
        )
    return found


def _fractions_below(singular_values: Array, quantiles: Array) -> Array:
    """Per matrix, the fraction of singular values below each of the quantiles."""
    count, width = singular_values.shape
    points = len(quantiles) + 1
    cell = np.searchsorted(quantiles, singular_values, side="right")
    cell += points * np.arange(count)[:, np.newaxis]
    histogram = np.bincount(cell.ravel(), minlength=count * points).reshape(count, points)
    fractions: Array = np.cumsum(histogram, axis=1)[:, :-1] / width
    return fractions
