"""Search for a learning rate: all rates of a grid as one batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import choice, integer, real_array
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem
from rmt_rank.training.ledger import Status
from rmt_rank.training.optimizers import LEARNING_RATES
from rmt_rank.training.train import train
from rmt_rank.training.unconverged import UNCONVERGED, respond, unconverged_message

__all__ = ["LearningRateSearch", "learning_rate_search"]

Array = npt.NDArray[Any]

_MOST_EXTENSIONS = 100
_FACTOR = 2.0
_ADVICE = {
    Status.BUDGET: "give more steps",
    Status.DIVERGED: "add smaller rates",
    Status.STALLED: "those that stalled need other initial weights, or a larger tolerance",
}


@dataclass(frozen=True, eq=False)
class LearningRateSearch:
    """Outcome of training at every learning rate of a grid; made by `learning_rate_search`.

    Attributes
    ----------
    best : float
        The rate at which the most networks converged; among ties, in the fewest steps (median over
        the converged networks); if none converged, the rate with the least median final loss; nan
        if all networks diverged at every rate.
    at_edge : bool
        Whether it is the smallest or largest of the grid, so that a better one may lie outside;
        True if all networks diverged.
    learning_rate : ndarray, shape (k,)
        The grid, ascending.
    converged, diverged : ndarray of int, shape (k,)
        Numbers of networks, out of `seeds`.
    median_steps : ndarray, shape (k,)
        Median number of steps of networks that converged; nan where none did.
    median_loss : ndarray, shape (k,)
        Median final loss, where a network that diverged counts as inf.
    seeds : int
        Number of networks at each rate.

    Examples
    --------
    >>> import rmt_rank as rr
    >>> problem = rr.networks.least_squares_problem(16, task_rank=2, examples=6, rng=0)
    >>> found = rr.networks.learning_rate_search(problem, 1, [0.05, 0.1, 0.2], steps=500)
    >>> print(found.best, found.converged)
    0.2 [5 5 5]
    """

    best: float
    at_edge: bool
    learning_rate: Array
    converged: Array
    diverged: Array
    median_steps: Array
    median_loss: Array
    seeds: int


def learning_rate_search(
    problem: LeastSquaresProblem,
    network: LinearNetwork | NonlinearNetwork | int,
    rates: Sequence[float],
    *,
    optimizer: str = "gradient_descent",
    seeds: int = 5,
    steps: int = 4000,
    extensions: int = 0,
    rng: RNG = 0,
    unconverged: str = "warn",
    **settings: Any,
) -> LearningRateSearch:
    """Train at every learning rate of a grid, and choose one.

    Parameters
    ----------
    problem : LeastSquaresProblem
        As for `train`.
    network : LinearNetwork, NonlinearNetwork or int
        As for `train`.
    rates : sequence of float
        Learning rates.
    optimizer : str, default "gradient_descent"
        One that has a learning rate.
    seeds : int, default 5
        Number of networks at each rate, with the same initial weights for all rates.
    steps : int, default 4000
        Budget of each network.
    extensions : int, default 0
        How often the grid may be extended by a factor of 2 beyond the end where the best rate lies,
        at most 100.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, default 0
        Source of the initial weights; with an int they are those of `train` with that int.
    unconverged : {"warn", "raise", "ignore"}
        Response to networks that end above the tolerance at the best rate, or to networks that all
        diverged.
    **settings
        Options of `train`: tolerance, initialisation, scale and so on, except record, start and
        learning_rate.

    Returns
    -------
    LearningRateSearch
        The best rate, and what happened at every rate.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    RuntimeError
        If a network has not converged at the best rate, or all diverged, and `unconverged` is
        "raise".

    Warns
    -----
    ConvergenceWarning
        Once per call, if a network has not converged at the best rate, or all diverged, and
        `unconverged` is "warn".

    Examples
    --------
    >>> from rmt_rank.networks.problem import least_squares_problem
    >>> from rmt_rank.training.search import learning_rate_search
    >>> problem = least_squares_problem(8, task_rank=2, examples=4, rng=0)
    >>> found = learning_rate_search(problem, 2, [0.01, 0.02, 0.04], steps=1000, extensions=5)
    >>> found.at_edge, found.best > 0.04, len(found.learning_rate)
    (False, True, 5)
    """
    given = real_array("rates", rates, above=0)
    if given.ndim > 1:
        raise ValueError(f"rates must be a sequence of numbers, got the shape {given.shape}")
    grid = np.unique(given)
    choice("optimizer", optimizer, [k for k, v in LEARNING_RATES.items() if v is not None])
    limit = integer("extensions", extensions, at_least=0, at_most=_MOST_EXTENSIONS)
    choice("unconverged", unconverged, UNCONVERGED)
    forbidden = {"record", "start", "learning_rate"} & settings.keys()
    if forbidden:
        raise TypeError(f"settings must not hold {sorted(forbidden)}")
    # an object moves on as it is used, and every part of the grid must see the same networks
    seed = rng if isinstance(rng, int) else int(next(streams(rng)).integers(2**63))

    # by rate, on networks that did not converge
    messages: dict[float, str | None] = {}

    def columns(new: Array) -> Array:
        result = train(
            problem,
            network,
            optimizer=optimizer,
            learning_rate=new.tolist(),
            seeds=seeds,
            steps=steps,
            record=[],
            rng=seed,
            **settings,
            unconverged="ignore",
        )
        status, taken, loss = (result.arrays[name][1] for name in ("status", "taken", "final_loss"))
        for rate, row in zip(new.tolist(), status, strict=True):
            messages[rate] = unconverged_message(
                row,
                result.settings["tolerance"],
                steps,
                _ADVICE,
                f" at the best rate, {rate:g},",
            )
        return np.array([_row(*row) for row in zip(status, taken, loss, strict=True)])

    table = columns(grid)
    for _ in range(limit):
        best = _best(table)
        if 0 < best < len(grid) - 1:
            break
        up = best == len(grid) - 1
        new = np.array([grid[-1] * _FACTOR if up else grid[0] / _FACTOR])
        place = len(grid) if up else 0
        grid = np.insert(grid, place, new)
        table = np.insert(table, place, columns(new), axis=0)
    best = _best(table)
    all_diverged = bool(table[best, 1] == seeds)
    message = messages[float(grid[best])]
    if all_diverged:
        message = (
            f"all networks diverged at every rate from {grid[0]:g} to {grid[-1]:g}, so none is "
            "the best: give smaller rates, or extensions"
        )
    respond(message, unconverged, stacklevel=2)
    return LearningRateSearch(
        math.nan if all_diverged else float(grid[best]),
        all_diverged or best in (0, len(grid) - 1),
        grid,
        table[:, 0].astype(int),
        table[:, 1].astype(int),
        table[:, 2],
        table[:, 3],
        seeds,
    )


def _row(status: Array, taken: Array, loss: Array) -> tuple[float, float, float, float]:
    """Converged, diverged, median steps of the converged, median loss."""
    converged, diverged = status == Status.CONVERGED, status == Status.DIVERGED
    steps = float(np.median(taken[converged])) if converged.any() else np.nan
    loss = np.where(diverged | np.isnan(loss), np.inf, loss)
    # the middle one, as the mean of two middle ones would be inf or nan as soon as one is
    middle = float(np.sort(loss)[(len(loss) - 1) // 2])
    return float(converged.sum()), float(diverged.sum()), steps, middle


def _best(table: Array) -> int:
    converged, diverged, steps, loss = table.T
    steps = np.where(np.isnan(steps), np.inf, steps)
    # where most networks diverged, the loss is inf
    return int(np.lexsort((diverged, loss, steps, -converged))[0])
