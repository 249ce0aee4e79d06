r"""CMA-ES with a diagonal covariance, for tens of thousands of parameters.

A generation draws points around a mean, ranks them by loss, and moves the mean to the better half,
weighted.  Standard deviations, one a parameter, grow where good points were far out, and shrink
where they were near, or bad ones far out; also along a path, a mean of past moves that forgets.
Two of the points lie on the line of the last move, ahead and behind: if the one ahead is better,
all deviations grow.

This is the diagonal form of Ros and Hansen (doi:10.1007/978-3-540-87700-4_30), with two-point
adaptation of the step (Hansen, arXiv:0805.0231) and the constants and details of pycma
4 for 300 parameters and more, `CMA_diagonal=True`: given the same normal numbers, it is at the same
mean in every generation.  It is not pycma that runs, since its loops over points take many times as
long as all losses of a generation.  The step size is not kept apart: it occurs only as a factor of
the deviations.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_of, to_numpy
from rmt_rank.networks.objective import Objective
from rmt_rank.training.ledger import Ledger, Status
from rmt_rank.training.optimizers.setup import Setup

__all__ = ["CMAES"]

Array = npt.NDArray[np.float64]


class CMAES:
    """Hansen's evolution strategy (arXiv:1604.00772) with a diagonal covariance; needs no extra.

    A step is a generation of 4 + 3 log(parameters) points, evaluated as one batch; the learning
    rate is the initial standard deviation of the search.  What is recorded is the best point so
    far.  A network has stalled where all points of a generation have the same loss.

    Every parameter is perturbed, also those that the data do not see: unlike with gradients, the
    rows of the first weight's update do not stay in the span of the data.
    """

    # Number of arrays in its memory that have the shape of the parameters.
    remembers = 4

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def run(self, objective: Objective, ledger: Ledger) -> None:
        """Train the networks of a ledger until it has stopped them all."""
        xp, dtype = namespace_of(ledger.state[0]), ledger.state[0].dtype
        begin = [to_numpy(array).astype(np.float64) for array in ledger.state]
        if len(begin) == 1:
            deviations = np.broadcast_to(self.setup.learning_rate[:, np.newaxis], begin[0].shape)
            begin += [begin[0], deviations, *np.zeros((2, *begin[0].shape))]
            ledger.state = [xp.asarray(array, dtype=dtype) for array in begin]
        strategy = _Strategy(begin[0].shape[1])
        z, points = np.empty((2, strategy.population, begin[0].shape[1]))

        def losses(points: Array) -> Array:
            found = objective.network.loss(xp.asarray(points, dtype=dtype), objective.data)
            return np.nan_to_num(to_numpy(found).astype(np.float64), nan=np.inf, posinf=np.inf)

        def state(best: Array, search: _Search) -> list[Any]:
            rows = best, search.mean, search.deviations, search.path, search.slow_path
            return [xp.asarray(row[np.newaxis], dtype=dtype) for row in rows]

        for member, stream in enumerate(self.setup.streams):
            here = np.array([member])
            best, *rest = (array[member] for array in begin)
            now = best, _Search(*rest), losses(best[np.newaxis]), ledger.first_step
            try:
                while True:
                    best, search, lowest, taken = now
                    if not ledger.observe(taken, here, state(best, search), lowest)[0]:
                        break
                    strategy.draw(search, stream, z)
                    np.multiply(z, search.deviations, out=points)
                    points += search.mean
                    found = losses(points)
                    if found.min() == found.max():
                        ledger.stop(here, state(best, search), np.array([Status.STALLED]))
                        break
                    i = int(np.argmin(found))
                    if found[i] < lowest[0]:
                        best, lowest = points[i].copy(), found[i : i + 1]
                    taken += 1
                    now = best, strategy.advance(search, z, found, taken), lowest, taken
            except KeyboardInterrupt:
                best, search, _, taken = now
                ledger.interrupt(here, state(best, search), taken)
                raise


class _Search(NamedTuple):
    """State of a search; arrays over the parameters.

    Points have the mean and the deviations.  The paths are in units of the deviations: one for
    each deviation, and one that forgets more slowly.  The last move, and
    an average from -1 to 1 of how much better it was to continue than to go back, are not kept
    between runs.
    """

    mean: Array
    deviations: Array
    path: Array
    slow_path: Array
    move: Array | None = None
    ahead: float = 0.0


class _Strategy:
    """Constants for a number of parameters n, and what happens in a generation."""

    def __init__(self, n: int) -> None:
        self.population = 4 + int(3 * math.log(n))
        raw = math.log((self.population + 1) / 2) - np.log(np.arange(1, self.population + 1))
        positive, negative = np.maximum(raw, 0), np.minimum(raw, 0)
        positive /= positive.sum()
        m = 1 / float(positive @ positive)
        self.selected = m  # as many points as if weighted equally
        self.forget = (1 + 1 / n + m / n) / (math.sqrt(n) + 1 / n + 2 * m / n)
        self.forget_slowly = (m + 2) / (n + m + 3)
        self.learn_path = 1 / (n + 2 * math.sqrt(n) + m / n)
        rank = (0.25 + m + 1 / m - 2) / (n + 4 * math.sqrt(n) + m / 2)
        self.learn_rank = min(1 - self.learn_path, rank)
        self.damping = 0.7 + 2 * math.log(n) + 2 * math.log(max(1, self.population - n))
        rejected = float(negative.sum() ** 2 / (negative @ negative))
        total = min(1 + self.learn_path / self.learn_rank, 1 + 2 * rejected / (m + 2))
        negative *= total / -negative.sum()
        self.weights = np.stack([positive, positive + negative])

    def draw(self, search: _Search, stream: np.random.Generator, z: Array) -> None:
        """Write points, in units of the deviations around the mean, into z, (population, n)."""
        if search.move is None:
            stream.standard_normal(out=z)
            return
        stream.standard_normal(out=z[1:])
        ahead = search.move / search.deviations
        ahead *= math.sqrt((z[1] @ z[1]) / (ahead @ ahead))
        z[0], z[1] = ahead, -ahead

    def advance(self, search: _Search, z: Array, losses: Array, generation: int) -> _Search:
        """The search after a generation, counted from 1; overwrites its points z."""
        n, m = z.shape[1], self.selected
        weights = np.empty_like(self.weights)
        weights[:, np.argsort(losses, kind="stable")] = self.weights
        shift = weights[0] @ z
        keep = 1 - self.forget_slowly
        slow = keep * search.slow_path + math.sqrt((1 - keep**2) * m) * shift
        # while the slow path is long, steps are too short, and the other path waits
        follows = slow @ slow < (2 + 4 / (n + 1)) * n * (1 - keep ** (2 * generation))
        lost = self.forget * (2 - self.forget)
        path = (1 - self.forget) * search.path + follows * math.sqrt(lost * m) * shift
        learn_path = self.learn_path * (1 if follows else 1 - lost)
        np.square(z, out=z)
        growth = learn_path * (path * path - 1)
        growth += self.learn_rank * (weights[1] @ z - weights[1].sum())
        growth *= math.log(2) / 2
        better = np.sum(losses < losses[1]) - np.sum(losses < losses[0])
        new = math.copysign(math.sqrt(abs(better) / (len(losses) - 1)), better)
        ahead = 0.7 * search.ahead + 0.3 * new
        growth += ahead / self.damping
        move = search.deviations * shift
        deviations = search.deviations * np.exp(growth)
        return _Search(search.mean + move, deviations, path, slow, move, ahead)
