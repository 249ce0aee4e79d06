r"""Means over random products, with control variates and an honest standard error.

Control variates x of known mean mu are subtracted with coefficients b: y - b (x - mu) has the mean
of y and, for the best b, 1 - R^2 of its variance.  b is fitted on the other half of the samples:
samples fall into two halves in turns, and each is corrected with the coefficients of the other.
So the estimate is unbiased for every number of samples, and its error, taken from how the corrected
values vary, holds the error of b.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._random import RNG
from rmt_rank._validation import integer, real
from rmt_rank.simulation.blocks import chain_blocks, in_threads
from rmt_rank.simulation.chain import new_chain
from rmt_rank.simulation.controls import Controls
from rmt_rank.simulation.products import Block
from rmt_rank.simulation.statistics import Statistic, statistic

__all__ = ["Estimate", "JointMoments", "added", "combined", "estimate", "observe"]

Array = npt.NDArray[np.float64]

# Samples for each coefficient that is fitted, at least: fitting p of them on n samples adds p/n of
# the variance.
_SAMPLES_PER_CONTROL = 8
# Samples before an error is believed.
_FIRST_SAMPLES = 512


@dataclass(frozen=True, eq=False)
class Estimate:
    """A mean by Monte Carlo.

    Attributes
    ----------
    value : float or ndarray, shape (q,)
        The estimate.
    standard_error : float or ndarray, shape (q,)
        One standard error.
    samples : int
        Number of independent products.
    variance_reduction : float or ndarray, shape (q,)
        Variance without control variates over that with them; 1 if there are none.
    controls : tuple of str
        The control variates.
    seconds : float
        Time that it took.
    how : str
        All that in a sentence.
    """

    value: Any
    standard_error: Any
    samples: int
    variance_reduction: Any
    controls: tuple[str, ...]
    seconds: float
    how: str


@dataclass(frozen=True)
class JointMoments:
    """Means and central products of controls and statistics, which add up.

    Attributes
    ----------
    count : int
        Number of samples.
    mean : ndarray, shape (p + q,)
        Means of the p controls and the q statistics.
    products : ndarray, shape (p, p + q)
        Sums of products of deviations of the controls with all.
    squares : ndarray, shape (q,)
        Sums of squares of deviations of the statistics.
    """

    count: int
    mean: Array
    products: Array
    squares: Array

    @classmethod
    def of(cls, controls: Array, values: Array) -> JointMoments:
        """Moments of samples, shapes (samples, p) and (samples, q)."""
        both = np.column_stack([controls, values])
        mean = both.mean(axis=0)
        both -= mean
        p = controls.shape[1]
        return cls(len(both), mean, both[:, :p].T @ both, np.sum(both[:, p:] ** 2, axis=0))

    def __add__(self, other: JointMoments) -> JointMoments:
        """Moments of both samples (Chan, Golub and LeVeque's update)."""
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
    halves: Sequence[JointMoments | None], controls: Controls | None
) -> tuple[Array, Array, Array, tuple[str, ...]]:
    """Value, standard error and variance reduction from the two halves, and the controls used."""
    present = [half for half in halves if half is not None]
    total = present[0] if len(present) == 1 else present[0] + present[1]
    q = total.squares.size
    plain_variance = total.squares / max(1, total.count - 1)
    plain = total.mean[-q:], np.sqrt(plain_variance / total.count), np.ones(q), ()
    if controls is None or len(present) < 2:
        return plain
    # coefficients are fitted on a half
    fitted = min(half.count for half in present) / _SAMPLES_PER_CONTROL
    used = next((p for p in (len(controls.means), controls.core, 1) if p <= fitted), 0)
    if used == 0:
        return plain
    value, variance = np.zeros(q), np.zeros(q)
    for half, other in (present, present[::-1]):
        b = _coefficients(other, used, q)
        off = half.mean[:used] - controls.means[:used]
        part = half.mean[-q:] - off @ b
        products = half.products[:used]
        squares = half.squares - 2 * np.sum(b * products[:, -q:], axis=0)
        squares += np.sum(b * (products[:, :used] @ b), axis=0)
        weight = half.count / total.count
        value += weight * part
        variance += weight**2 * np.maximum(squares, 0) / (half.count - 1) / half.count
    positive = variance > 0
    reduction = plain_variance / total.count / np.where(positive, variance, 1)
    return value, np.sqrt(variance), np.where(positive, reduction, 1), controls.names[:used]


def _coefficients(half: JointMoments, used: int, q: int) -> Array:
    """Least squares fit of the statistics to the controls, (used, q), in units of their size."""
    products = half.products[:used]
    size = np.sqrt(np.diagonal(products[:, :used]))
    size = np.where(size > 0, size, 1)
    scaled = products[:, :used] / np.outer(size, size)
    # controls that depend on one another to rounding are left out
    b = np.linalg.lstsq(scaled, products[:, -q:] / size[:, np.newaxis], rcond=1e-10)[0]
    result: Array = b / size[:, np.newaxis]
    return result


def observe(
    block: Block, statistics: Sequence[Statistic], controls: Controls | None
) -> list[JointMoments | None]:
    """Moments of the two halves of a block of singular values."""
    (found,) = block.values
    if any(each.log for each in statistics):
        logs, unscaled = found, np.exp(found)
        values = np.exp(found - found[:, :1])
    else:
        logs, unscaled, values = None, found.unscaled(np), found.values
    samples = len(values)
    x = np.empty((samples, 0))
    if controls is not None:
        x = controls.evaluate(unscaled, block.log_diagonal)
    results = []
    for each in statistics:
        given = logs if each.log else values if each.scale_free else unscaled
        given = given.view()
        given.flags.writeable = False  # others see the same numbers
        results.append(each(given))
    y = np.column_stack(results)
    return [JointMoments.of(x[i::2], y[i::2]) if samples > i else None for i in (0, 1)]


def added(
    first: Sequence[JointMoments | None], second: Sequence[JointMoments | None]
) -> list[JointMoments | None]:
    """Halves of both."""
    return [
        b if a is None else a if b is None else a + b for a, b in zip(first, second, strict=True)
    ]


def estimate(
    which: str | Callable[[Array], Any],
    width: int | None = None,
    depth: int | None = None,
    *,
    samples: int | None = None,
    target_error: float | None = None,
    rng: RNG = None,
    field: str = "real",
    widths: Sequence[int] | None = None,
    method: str = "auto",
    control_variates: bool = True,
    power: float = 1,
    order: float = 1,
    bins: Sequence[float] | Array | None = None,
    max_samples: int | None = None,
    workers: int = 1,
    progress: bool = False,
) -> Estimate:
    """Mean of a statistic of the singular values of random products.

    Parameters
    ----------
    which : str or callable
        "effective_rank", "singular_values", "log_singular_values", "spectral_measure" or a function
        from singular values, shape (samples, N), descending, to (samples,) or (samples, q).
    width, depth, field, widths, method, workers
        As in `sample_singular_values`.
    samples : int, optional
        Number of products, at least 2; this or `target_error` must be given.
    target_error : float, optional
        Stop when the largest standard error is at most this; one of 0, where nothing was seen to
        vary, does not count.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness, as for `numpy.random.default_rng`.
    control_variates : bool, default True
        Whether to use numbers with known means to lower the error; "triangular" only.
    power, order : float, default 1
        Of "effective_rank", see `effective_rank`.
    bins : sequence of float, optional
        Edges of the bins of "spectral_measure", increasing.
    max_samples : int, optional
        With `target_error`, stop after so many; 10**9 by default.
    progress : bool, default False
        Show a progress bar, and how the error shrinks, on a terminal.

    Returns
    -------
    Estimate

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    Memory does not grow with the number of samples.  The estimate is unbiased, see the module; its
    error is asymptotic in the number of samples, as every standard error.

    Examples
    --------
    >>> from rmt_rank import estimate
    >>> result = estimate("effective_rank", 32, 8, samples=4000, rng=0)
    >>> round(result.value, 2), result.standard_error < 1e-3
    (2.32, True)
    """
    start = time.perf_counter()
    if (samples is None) == (target_error is None):
        raise ValueError("give either samples or target_error")
    most = 0
    if samples is not None:
        samples = integer("samples", samples, at_least=2)
        if max_samples is not None:
            raise ValueError("max_samples goes with target_error")
    else:
        target_error = real("target_error", target_error, above=0)
        most = 10**9
        if max_samples is not None:
            most = integer("max_samples", max_samples, at_least=_FIRST_SAMPLES)
    chosen = statistic(which, power=power, order=order, bins=bins)
    workers = integer("workers", workers, at_least=1)
    # an open end counts as a large job
    chain = new_chain(width, depth, samples or 10**9, widths, field=field, method=method)
    controls = None
    if control_variates and chain.method == "triangular":
        controls = Controls.of(chain)
    halves: list[JointMoments | None] = [None, None]
    work = chain_blocks(
        chain,
        (chain.depth,),
        samples or most,
        rng=rng,
        log=chosen.log,
        log_diagonal=controls is not None,
    )
    with (
        _Progress(target_error, samples, show=progress) as bar,
        closing(in_threads(work, workers)) as blocks,
    ):
        done, looked = 0, 0
        for block in blocks:
            halves = added(halves, observe(block, [chosen], controls))
            done = sum(half.count for half in halves if half is not None)
            if done >= max(1.1 * looked, _FIRST_SAMPLES) and (progress or target_error):
                looked = done
                largest = float(np.max(combined(halves, controls)[1]))
                bar.update(done, largest)
                # an error of 0 is that of what was never seen to vary
                if target_error is not None and 0 < largest <= target_error:
                    break
    value, error, reduction, names = combined(halves, controls)
    how = f"mean over {done} {chain.field} products by the {chain.method} method"
    if names:
        how += (
            f", {len(names)} control variates fitted on the other half of the samples: variance "
            f"divided by {np.median(reduction):.3g}"
        )
    seconds = time.perf_counter() - start
    return Estimate(_plain(value), _plain(error), done, _plain(reduction), names, seconds, how)


def _plain(numbers: Array) -> Any:
    """One number as a float, more as they are."""
    return float(numbers[0]) if numbers.size == 1 else numbers


class _Progress:
    """A bar that shows the error shrink; nothing where standard error is no terminal."""

    def __init__(self, target: float | None, samples: int | None, *, show: bool) -> None:
        self.target, self.samples, self.show = target, samples, show

    def __enter__(self) -> _Progress:
        if self.show:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            console = Console(stderr=True)
            self.bar = Progress(
                BarColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=console,
                transient=True,
                disable=not console.is_terminal,
            )
            self.task = self.bar.add_task("", total=1.0)
            self.bar.start()
        return self

    def update(self, done: int, error: float) -> None:
        if not self.show:
            return
        text, share = f"{done} samples, error {error:.2g}", 0.0
        if self.target is not None:
            text += f" of {self.target:.2g}"
            share = min(1.0, (self.target / error) ** 2) if error > 0 else 1.0
        elif self.samples is not None:
            share = done / self.samples
        self.bar.update(self.task, completed=share, description=text)

    def __exit__(self, *_exception: object) -> None:
        if self.show:
            self.bar.stop()
