r"""Means over random products, with control variates and an honest standard error.

Control variates x of known mean mu are subtracted with coefficients b: y - b (x - mu) has the mean
of y and, for the best b, 1 - R^2 of its variance.  b is fitted on the other half of the samples:
samples fall into two halves in turns, and each is corrected with the coefficients of the other.
So the estimate is unbiased for every number of samples, and its error, taken from how the corrected
values vary, holds the error of b.  From fewer than 32 samples none is stated, see
`rmt_rank.simulation.standard_errors`.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._random import RNG
from rmt_rank._validation import boolean, integer
from rmt_rank.simulation.blocks import chain_blocks, in_threads, require_room
from rmt_rank.simulation.chain import LARGEST_SIZE, Chain, new_chain, threads
from rmt_rank.simulation.content import ByContent
from rmt_rank.simulation.controls import Controls
from rmt_rank.simulation.products import Block
from rmt_rank.simulation.standard_errors import FEWEST_SAMPLES
from rmt_rank.simulation.statistics import Statistic, statistic
from rmt_rank.simulation.target import FIRST_SAMPLES, Target, TargetWarning

__all__ = ["Estimate", "JointMoments", "added", "combined", "estimate", "monte_carlo", "observe"]

Array = npt.NDArray[np.float64]

# Samples for each coefficient that is fitted, at least: fitting p of them on n samples adds p/n of
# the variance.
_SAMPLES_PER_CONTROL = 8
# Samples before controls are used.  With 32 (16 a half, two controls) the errors of real 2 x 2
# matrices were seen to be exceeded 3.3-fold in 13 of 1000 runs, as Student's law is in 1; with 128
# that is 3 or less, as it is without controls.
_FIRST_CONTROLLED = 128


@dataclass(frozen=True, eq=False)
class Estimate(ByContent):
    """A mean by Monte Carlo.

    Attributes
    ----------
    value : float or ndarray, shape (q,)
        The estimate.
    standard_error : float or ndarray, shape (q,)
        One standard error; nan from fewer than 32 samples.  Of what never varied it is the length
        of the interval of possible values over the samples, or 0 where none is known.
    samples : int
        Number of independent products.
    variance_reduction : float or ndarray, shape (q,)
        Variance without control variates over that with them; 1 if there are none.
    controls : tuple of str
        The control variates.
    seconds : float
        Time that it took; estimates of the same numbers are equal whatever it was.
    how : str
        All that in a sentence.
    reached : bool
        Whether the standard error is as small as `target_error`; True where none was given.
    """

    value: Any
    standard_error: Any
    samples: int
    variance_reduction: Any
    controls: tuple[str, ...]
    seconds: float = field(compare=False)
    how: str
    reached: bool = True


@dataclass(frozen=True, eq=False)
class JointMoments(ByContent):
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
    halves: Sequence[JointMoments | None], controls: Controls | None, spans: Any = math.nan
) -> tuple[Array, Array, Array, tuple[str, ...]]:
    """Value, standard error and variance reduction from the two halves, and the controls used.

    `spans` are lengths of intervals that hold the values of each statistic; nan for unknown ones.
    """
    present = [half for half in halves if half is not None]
    total = present[0] if len(present) == 1 else present[0] + present[1]
    q = total.squares.size
    plain_variance = total.squares / max(1, total.count - 1)
    value, variance = total.mean[-q:], plain_variance / total.count
    names: tuple[str, ...] = ()
    # coefficients are fitted on a half
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
    """Mean and its variance, each half with the coefficients of the other."""
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
    """Standard error: not below rounding, nor of few samples or of what never varied."""
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
        Number of products, from 2 to 10**9; this or `target_error` must be given.  Below 32 no
        standard error is stated.
    target_error : float, optional
        Stop when the largest standard error is at most this; one of 0, where nothing was seen to
        vary, does not count.  At least 2.3e-16, the rounding of float64, for ranks and shares.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness, as for `numpy.random.default_rng`.
    control_variates : bool, default True
        Whether to use numbers with known means to lower the error; "triangular" only, and from 128
        samples on.
    power, order : float, default 1
        Of "effective_rank", see `effective_rank`.
    bins : sequence of float, optional
        Edges of the bins of "spectral_measure", increasing.
    max_samples : int, optional
        With `target_error`, stop after so many, at least 512.  By default 10**8, or as many as have
        10**12 entries in their factors if these are fewer, and at once where so many would not do:
        where twice as many are needed, or the target is below the rounding of the mean, or a
        statistic of unknown size never varied in 4096 samples.
    progress : bool, default False
        Show a progress bar, and how the error shrinks, on a terminal.

    Returns
    -------
    Estimate

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, there is not enough memory, or the
        factors of all products have more than 1e13 entries.

    Warns
    -----
    TargetWarning
        If `target_error` is not reached; `how` says why.

    Notes
    -----
    Memory does not grow with the number of samples.  The estimate is unbiased, see the module; its
    error is asymptotic in the number of samples, as every standard error: of 32 normal values, 5
    errors are exceeded with probability 2.4e-5, of very many with 5.7e-7.

    Examples
    --------
    >>> from rmt_rank import estimate
    >>> result = estimate("effective_rank", 32, 8, samples=4000, rng=0)
    >>> round(result.value, 2), result.standard_error < 1e-3
    (2.32, True)
    """
    if (samples is None) == (target_error is None):
        raise ValueError("give either samples or target_error")
    if samples is not None:
        samples = integer("samples", samples, at_least=2, at_most=LARGEST_SIZE)
        if max_samples is not None:
            raise ValueError("max_samples goes with target_error")
    chosen = statistic(which, power=power, order=order, bins=bins)
    # an open end counts as a large job
    chain = new_chain(
        width,
        depth,
        samples or 10**9,
        widths,
        field=field,
        method=method,
        least_size=samples or FIRST_SAMPLES,
    )
    target = None
    if target_error is not None:
        target = Target(target_error, chosen, chain, max_samples)
    result = monte_carlo(
        chain,
        chosen,
        target or int(samples or 0),
        rng=rng,
        control_variates=boolean("control_variates", control_variates),
        workers=threads(workers),
        progress=boolean("progress", progress),
    )
    if not result.reached:
        warnings.warn(result.how, TargetWarning, stacklevel=2)
    return result


def monte_carlo(
    chain: Chain,
    chosen: Statistic,
    until: int | Target,
    *,
    rng: RNG = None,
    control_variates: bool = True,
    workers: int = 1,
    progress: bool = False,
) -> Estimate:
    """Compute `estimate` of arguments that were checked; a target out of reach does not warn.

    Parameters
    ----------
    chain : Chain
        What is sampled.
    chosen : Statistic
        What is estimated.
    until : int or Target
        Number of products, or the error that is asked for.
    rng, control_variates, workers, progress
        As in `estimate`.

    Returns
    -------
    Estimate
    """
    start = time.perf_counter()
    target = until if isinstance(until, Target) else None
    most = until.most if isinstance(until, Target) else until
    require_room(chain, most, log=chosen.log)
    controlled = control_variates and chain.method == "triangular"
    # a bad rng is refused before the controls are computed
    work = chain_blocks(
        chain, (chain.depth,), most, rng=rng, log=chosen.log, log_diagonal=controlled
    )
    controls = Controls.of(chain) if controlled else None
    span = chosen.span(chain.width)
    halves: list[JointMoments | None] = [None, None]
    with (
        _Progress(None if target is None else target.error, most, show=progress) as bar,
        closing(in_threads(work, workers)) as blocks,
    ):
        done, looked, unreached = 0, 0, ""
        for block in blocks:
            halves = added(halves, observe(block, [chosen], controls))
            done = sum(half.count for half in halves if half is not None)
            if done >= max(1.1 * looked, FIRST_SAMPLES) or done == most:
                looked = done
                if target is None and not progress:
                    continue
                mean, error = combined(halves, controls, span)[:2]
                bar.update(done, float(np.max(error)))
                if target is not None and (end := target.end(done, mean, error)) is not None:
                    unreached = end
                    break
    value, error, reduction, names = combined(halves, controls, span)
    how = f"mean over {done} {chain.field} products by the {chain.method} method"
    if names:
        how += (
            f", {len(names)} control variates fitted on the other half of the samples: variance "
            f"divided by {np.median(reduction):.3g}"
        )
    if done < FEWEST_SAMPLES:
        how += f"; no standard error is stated below {FEWEST_SAMPLES} samples"
    if target is not None and unreached:
        how += f"; target_error {target.error:.3g} was not reached: {unreached}"
    seconds = time.perf_counter() - start
    return Estimate(
        _plain(value), _plain(error), done, _plain(reduction), names, seconds, how, not unreached
    )


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
