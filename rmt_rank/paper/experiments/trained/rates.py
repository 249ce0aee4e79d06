"""The best of several learning rates, and the numbers of the networks trained at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rmt_rank.networks.problem import LeastSquaresProblem
from rmt_rank.paper.experiments.experiment import Arrays
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult

__all__ = ["BestRate", "at_best_rate", "best_rate"]


class BestRate(NamedTuple):
    """The learning rate that `best_rate` chose."""

    place: int  # on the grid
    rate: float
    at_edge: bool  # at an end of the grid: a better one may lie beyond


def best_rate(results: Sequence[TrainingResult]) -> BestRate:
    """Choose a learning rate: most networks converged, then fewest steps, then the lowest loss.

    Parameters
    ----------
    results : sequence of TrainingResult
        Runs over the same rates, such as on several problems.  Networks that did not converge
        count with all steps of the budget.
    """
    arrays = [result.arrays for result in results]
    rates = arrays[0]["learning_rate"][1]
    status, taken, loss = (
        np.concatenate([each[name][1] for each in arrays], axis=1)
        for name in ("status", "taken", "final_loss")
    )
    converged = status == Status.CONVERGED
    steps = np.where(converged, taken, results[0].settings["steps"]).mean(axis=1)
    lost = np.median(np.where(np.isfinite(loss), loss, np.inf), axis=1)
    order = np.lexsort((lost, steps, -converged.sum(axis=1)))
    best = int(order[0])
    ends = np.argmin(rates), np.argmax(rates)
    return BestRate(best, float(rates[best]), len(rates) > 1 and best in ends)


def at_best_rate(
    problems: Sequence[LeastSquaresProblem],
    results: Sequence[TrainingResult],
    row: Callable[[LeastSquaresProblem, TrainingResult, int, dict[str, Any]], dict[str, Any]],
) -> Arrays:
    """Numbers of the networks at the best learning rate, over problems as the dimension repeat.

    `row` is given a problem, its result, the rate's place on the grid, and the recorded numbers
    there; status, loss and number of steps are added.
    """
    best = best_rate(results)
    rows = []
    for problem, result in zip(problems, results, strict=True):
        numbers = (each for each in result.arrays.items() if each[1][1].ndim > 1)
        here = {name: values[best.place, 0] for name, (_, values) in numbers}
        common = {
            "converged": here["status"] == Status.CONVERGED,
            "diverged": here["status"] == Status.DIVERGED,
            "steps": here["taken"],
            "loss": here["final_loss"],
            "weight_rank": here["final_effective_rank"],
        }
        rows.append(common | row(problem, result, best.place, here))
    arrays: Arrays = {
        name: (("repeat",), np.array([each[name] for each in rows])) for name in rows[0]
    }
    return arrays | {
        "learning_rate": ((), np.array(best.rate)),
        "at_edge": ((), np.array(best.at_edge)),
    }
