"""Estimate the mean of a statistic of random products, from a sample size or a target error."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import default_namespace, namespace_or_default
from rmt_rank._lib.random import RNG
from rmt_rank._lib.validation import boolean, integer
from rmt_rank.simulation.means.controls import Controls
from rmt_rank.simulation.means.joint_moments import (
    JointMoments,
    added,
    combined,
    observe,
    samples_of,
)
from rmt_rank.simulation.means.result import Estimate
from rmt_rank.simulation.means.standard_errors import FEWEST_SAMPLES
from rmt_rank.simulation.means.statistics import Statistic, statistic
from rmt_rank.simulation.means.target import FIRST_SAMPLES, Target, TargetWarning
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads, require_room
from rmt_rank.simulation.products.chain import LARGEST_SIZE, Chain, new_chain, threads

__all__ = ["estimate", "monte_carlo"]

Array = npt.NDArray[np.float64]


def estimate(
    which: str | Callable[[Array], Any],
    width: int | Sequence[int],
    depth: int | None = None,
    *,
    samples: int | None = None,
    target_error: float | None = None,
    rng: RNG = None,
    field: str = "real",
    method: str = "auto",
    control_variates: bool = True,
    power: float = 1,
    order: float = 1,
    bins: Sequence[float] | Array | None = None,
    max_samples: int | None = None,
    workers: int = 1,
    progress: bool = False,
    xp: ModuleType | None = None,
) -> Estimate:
    """Mean of a statistic of the singular values of random products.

    Parameters
    ----------
    which : str or callable
        "effective_rank", "singular_values", "log_singular_values", "spectral_measure" or a function
        from singular values, shape (samples, N), descending, to (samples,) or (samples, q).
    width : int or sequence of int
        As in `sample_singular_values`.
    depth : int, optional
        As in `sample_singular_values`.
    samples : int, optional
        Number of products, from 2 to 10**9; this or `target_error` must be given.  Below 32 no
        standard error is stated.
    target_error : float, optional
        Stop when the largest standard error is at most this; the error of a statistic that has
        not varied is unknown and does not count.  At least 2.3e-16, the rounding of float64, for
        ranks and shares.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness, as for `numpy.random.default_rng`.
    field : {"real", "complex"}, default "real"
        As in `sample_singular_values`.
    method : {"auto", "dense", "triangular"}, default "auto"
        As in `sample_singular_values`.
    control_variates : bool, default True
        Whether to use numbers with known means to lower the error; for "triangular" only, and from
        128 samples on.
    power, order : float, default 1
        Options of "effective_rank", see `effective_rank`.
    bins : sequence of float, optional
        Edges of the bins of "spectral_measure", increasing.
    max_samples : int, optional
        With `target_error`, stop after this many samples, at least 512.  By default 10**8, or as
        many as have 10**12 entries in their factors if that is fewer; and by default sampling also
        stops as soon as this appears insufficient: when more than twice as many are needed, when
        the target is below the rounding of the mean, or when a statistic of unknown size never
        varied in 4096 samples.
    workers : int, default 1
        As in `sample_singular_values`.
    progress : bool, default False
        Show a progress bar, and how the error shrinks, on a terminal.
    xp : module, optional
        Array API namespace to compute in; NumPy by default.  In CuPy all but the moments of the
        samples stays on the device, and a function receives CuPy's arrays.

    Returns
    -------
    Estimate
        The mean, its error, and how both were found.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, there is not enough memory, or the
        factors of all products have more than 1e13 entries.

    Warns
    -----
    TargetWarning
        If `target_error` is not reached; the attribute `why` of the result says why.

    Notes
    -----
    A sample of width N and depth L takes 20 to 60 ns times N^2 (L + 5) on one processor core, by
    compiled loops: 0.4 s at width 1024 and depth 2.  A target error needs at least 512 samples, or
    4 minutes there.  Ctrl-C ends it at the next layer.

    Memory does not grow with the number of samples.  The estimate is unbiased, see
    `rmt_rank.simulation.means.joint_moments`; its error is asymptotic in the number of samples,
    like every standard error: the mean of 32 normal values is off by more than 5 standard errors
    with probability 2.4e-5, the mean of very many with 5.7e-7.

    Examples
    --------
    >>> from rmt_rank import estimate
    >>> result = estimate("effective_rank", 32, 8, samples=4000, rng=0)
    >>> round(result.value, 2), result.error < 1e-3
    (2.32, True)
    """
    if (samples is None) == (target_error is None):
        raise ValueError("give either samples or target_error")
    if samples is not None:
        samples = integer("samples", samples, at_least=2, at_most=LARGEST_SIZE)
        if max_samples is not None:
            raise ValueError("max_samples goes with target_error")
    chosen = statistic(which, power=power, order=order, bins=bins)
    xp = namespace_or_default(xp)
    # an open end counts as a large job
    chain = new_chain(
        width,
        depth,
        samples or 10**9,
        field=field,
        method=method,
        numpy_doubles=xp is default_namespace(),
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
        xp=xp,
    )
    if not result.reached:
        warnings.warn(result.why, TargetWarning, stacklevel=2)
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
    xp: ModuleType | None = None,
) -> Estimate:
    """Compute `estimate` from checked arguments, without the warning for an unreached target.

    Parameters
    ----------
    chain : Chain
        What is sampled.
    chosen : Statistic
        What is estimated.
    until : int or Target
        Number of products, or the target error.
    rng, control_variates, workers, progress, xp
        As in `estimate`.

    Returns
    -------
    Estimate
    """
    start = time.perf_counter()
    target = until if isinstance(until, Target) else None
    most = until.most if isinstance(until, Target) else until
    xp = namespace_or_default(xp)
    require_room(chain, most, xp=xp, log=chosen.log)
    controlled = control_variates and chain.method == "triangular"
    # refuse a bad rng before the controls are computed
    work = chain_blocks(
        chain, (chain.depth,), most, rng=rng, xp=xp, log=chosen.log, log_diagonal=controlled
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
            halves = added(halves, observe(block, [chosen], controls, done))
            done = samples_of(halves)
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
    if np.isnan(span):
        error = np.where(error == 0, np.nan, error)
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
        _plain(value),
        _plain(error),
        "standard error",
        "monte-carlo",
        "verified",
        how,
        samples=done,
        reached=not unreached,
        variance_reduction=_plain(reduction),
        controls=names,
        seconds=seconds,
    )


def _plain(numbers: Array) -> Any:
    """Return a single number as a float, and several as an array."""
    return float(numbers[0]) if numbers.size == 1 else numbers


class _Progress:
    """A bar that shows the error shrink; nothing where standard error is not a terminal."""

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
