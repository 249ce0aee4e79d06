"""Distance of trained networks from the weight that gradient methods converge to."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import instance
from rmt_rank.networks.fingerprint import is_of
from rmt_rank.networks.identities import (
    converged_weight,
    converged_weight_error,
    effective_weight,
)
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, require_problem
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult

__all__ = ["ConvergedDistance", "converged_weight_distance"]

Array = npt.NDArray[np.float64]


class ConvergedDistance(NamedTuple):
    """Distances from `converged_weight`, relative to the weight; of every network of a result.

    Attributes
    ----------
    distance : ndarray, shape (learning rates, seeds)
        Distance of the whole weight.
    allowed : ndarray, shape (learning rates, seeds)
        The most that the training loss allows of it on the inputs; 0 at the least loss.
    outside : ndarray, shape (learning rates, seeds)
        Distance of what the weight does to inputs that no example has, where the loss says
        nothing.

    Examples
    --------
    >>> import rmt_rank as rr
    >>> problem = rr.networks.least_squares_problem(16, task_rank=2, examples=6, rng=0)
    >>> result = rr.networks.train(problem, 2, learning_rate=0.1, seeds=3, rng=1)
    >>> found = rr.networks.converged_weight_distance(result, problem)
    >>> bool((found.distance <= found.allowed + 1e-10).all())
    True
    """

    distance: Array
    allowed: Array
    outside: Array


def converged_weight_distance(
    result: TrainingResult, problem: LeastSquaresProblem
) -> ConvergedDistance:
    """Distance of trained networks from W* P + W_d ... W_2 W_1(0) (I - P).

    A method whose steps of W_1 have rows in the span of the inputs (gradient descent, momentum,
    Nesterov, L-BFGS) keeps W_1 (I - P): at any time, and any loss, `outside` is rounding, and
    `distance` at most `allowed`.  Adam, CMA-ES and random search leave the span.

    Parameters
    ----------
    result : TrainingResult
        Result of `train`: linear networks without batch normalisation.
    problem : LeastSquaresProblem
        What it was trained on.

    Returns
    -------
    ConvergedDistance
        Arrays of the shape (learning rates, seeds), in Frobenius norm, over that of the weight.
        Rounding comes on top of what is allowed.  nan where a network diverged.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If the networks are not linear, have batch normalisation, or were trained on another
        problem (of results that do not say on which, if they have other widths).

    See Also
    --------
    rmt_rank.networks.identities.converged_weight : the identity, for weights.

    Notes
    -----
    The error on the inputs, (W - W*) P, has a norm of at most sqrt(2 q (loss - least loss)) over
    the least singular value of the data that is not 0, q being the number of examples.

    Examples
    --------
    >>> import rmt_rank as rr
    >>> from rmt_rank.training.converged import converged_weight_distance
    >>> problem = rr.networks.least_squares_problem(16, task_rank=2, examples=6, rng=0)
    >>> result = rr.networks.train(problem, 2, learning_rate=0.1, rng=1)
    >>> found = converged_weight_distance(result, problem)
    >>> bool((found.distance <= found.allowed + 1e-12).all()), bool((found.outside < 1e-12).all())
    (True, True)
    >>> result = rr.networks.train(problem, 2, optimizer="adam", learning_rate=0.01, rng=1)
    >>> bool((converged_weight_distance(result, problem).outside > 0.1).all())
    True
    """
    instance("result", result, TrainingResult)
    require_problem(problem)
    network = result.network
    if not isinstance(network, LinearNetwork) or network.batch_norm:
        raise ValueError(
            f"result must be of linear networks without batch normalisation, got {network}"
        )
    ends = network.widths[0], network.widths[-1]
    if ends != (problem.features, problem.outputs):
        raise ValueError(
            f"result must be of networks with {problem.features} inputs and {problem.outputs} "
            f"outputs, got the widths {network.widths}"
        )
    marks = result.settings.get("problem")
    if marks is not None and not is_of(problem, marks):
        raise ValueError(
            f"problem must be the one that the result was trained on, got {problem} with other "
            "inputs or targets"
        )
    good = result.arrays["status"][1] != Status.DIVERGED
    found = [np.full(good.shape, math.nan) for _ in ConvergedDistance._fields]
    if good.any():
        first, *later = (w[good].astype(np.float64) for w in result.weights)
        initial = result.initial_weights[0][good].astype(np.float64)
        for values, new in zip(
            found, _distances(problem, first, initial, later, network.skip), strict=True
        ):
            values[good] = new
    return ConvergedDistance(*found)


def _distances(
    problem: LeastSquaresProblem, first: Array, initial: Array, later: list[Array], skip: int
) -> ConvergedDistance:
    weight = effective_weight([first, *later], skip=skip)
    size = np.linalg.norm(weight, axis=(-2, -1))
    error = weight - converged_weight(problem, initial, later, skip=skip)
    outside = error - error @ problem.projector
    excess = np.maximum(problem.loss(weight) - problem.loss(problem.minimum_norm_weight), 0)
    return ConvergedDistance(
        np.linalg.norm(error, axis=(-2, -1)) / size,
        converged_weight_error(problem, excess) / size,
        np.linalg.norm(outside, axis=(-2, -1)) / size,
    )
