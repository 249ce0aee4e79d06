"""Networks trained to zero training error, and the references they are compared with.

A run that has not converged has a lower rank: its small singular values have not grown yet.  At
a loss of 1e-3, of 16 for a map to 0, 24 examples of 32 features still hide 0.02 nats.  So networks
are measured twice: where gradient descent ends, and after L-BFGS has continued from there, which
satisfies the same identity (`rmt_rank.networks.identities`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.networks.identities import (
    converged_weight,
    converged_weight_error,
    effective_weight,
)
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.paper.experiments.experiment import Arrays, columns
from rmt_rank.paper.experiments.findings import Finding, listed
from rmt_rank.paper.experiments.judges import ENOUGH, judge_over
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.schedule import recording_schedule
from rmt_rank.training.search import LearningRateSearch, learning_rate_search
from rmt_rank.training.train import train

__all__ = [
    "SHOWN",
    "Fitted",
    "change_beyond_two",
    "descend_and_fit",
    "fitted_depths",
    "identity",
    "judge_fitted",
    "medians",
    "problem_of",
    "references",
    "train_to_the_end",
]

Array = npt.NDArray[np.float64]

# First columns of reports on such networks.
SHOWN = columns(
    "converged fitted diverged initial_gram_rank gram_rank fitted_gram_rank identity_gram_rank "
    "minimal_gram_rank weight_rank fitted_weight_rank identity_weight_rank minimal_weight_rank "
    "loss fitted_loss steps learning_rate at_edge"
)


def problem_of(
    settings: Mapping[str, Any], rng: np.random.SeedSequence, **options: Any
) -> LeastSquaresProblem:
    """The problem of an experiment with one width, task rank and number of examples."""
    sizes = (settings[name] for name in ("width", "task_rank", "examples"))
    return least_squares_problem(*sizes, rng=rng, **options)


def references(problem: LeastSquaresProblem) -> dict[str, float]:
    """Effective ranks with which those of trained networks are compared.

    Returns
    -------
    dict of str to float
        `task_...` of W*, `minimal_...` of the solution of least norm, W* P; `..._gram_rank` of the
        cosine kernel of held-out examples, `..._weight_rank` of the weight.
    """
    weights = {"task": problem.task, "minimal": problem.minimum_norm_weight}
    found: dict[str, float] = {}
    for name, weight in weights.items():
        if weight is None or problem.test_inputs is None:
            raise ValueError("problem must have a task and held-out data")
        rank, gram_rank = _ranks(problem, weight)
        found |= {f"{name}_weight_rank": float(rank), f"{name}_gram_rank": float(gram_rank)}
    return found


def identity(problem: LeastSquaresProblem, result: TrainingResult) -> dict[str, Array]:
    """Weights at zero training error, predicted from the data and the first layer's start.

    See `rmt_rank.networks.identities.converged_weight`.  A network whose loss is not quite 0 has a
    rank that is lower by hundredths of a nat; the prediction has not.

    Returns
    -------
    dict of str to ndarray, shape (learning rates, seeds)
        `identity_weight_rank`, `identity_gram_rank`: ranks of the weight that the identity gives.
        `identity_error`: Frobenius norm of the difference to the weight reached, relative to that.
        `identity_bound`: what the loss allows of it.  All are nan where a network did not
        converge, or has batch normalisation, which the identity does not cover.
    """
    ended = result.arrays["status"][1] == Status.CONVERGED
    if not isinstance(result.network, LinearNetwork):
        raise TypeError("result must be one of linear networks")
    ended &= not result.network.batch_norm
    names = ("weight_rank", "gram_rank", "error", "bound")
    found = {f"identity_{name}": np.full(ended.shape, math.nan) for name in names}
    if not ended.any():
        return found
    first, *later = (w[ended].astype(np.float64) for w in result.weights)
    skip = result.network.skip
    weight = effective_weight([first, *later], skip=skip)
    initial = result.initial_weights[0][ended]
    predicted = converged_weight(problem, initial, later, skip=skip)
    size = np.linalg.norm(weight, axis=(-2, -1))
    error = np.linalg.norm(weight - predicted, axis=(-2, -1)) / size
    ranks = _ranks(problem, predicted)
    bound = converged_weight_error(problem, problem.loss(weight)) / size
    for name, values in zip(names, (*ranks, error, bound), strict=True):
        found[f"identity_{name}"][ended] = values
    return found


def _ranks(problem: LeastSquaresProblem, weight: Array) -> tuple[Any, Any]:
    """Effective ranks of weights and of the Gram matrices of held-out examples."""
    features = np.asarray(problem.test_inputs) @ np.swapaxes(weight, -1, -2)
    return effective_rank(np.linalg.svd(weight)[1]), gram_effective_rank(features)


class Fitted(NamedTuple):
    """Networks where gradient descent ended, and after L-BFGS, where that was asked for."""

    search: LearningRateSearch
    ended: TrainingResult
    last: TrainingResult


def descend_and_fit(
    problem: LeastSquaresProblem,
    network: LinearNetwork,
    settings: Mapping[str, Any],
    rng: np.random.SeedSequence,
    *,
    record: Any,
    **initialisation: Any,
) -> Fitted:
    """Gradient descent at its best learning rate, then L-BFGS to zero training error.

    Parameters
    ----------
    problem, network, settings, rng, **initialisation
        As for `train_to_the_end`.
    record
        As for `train`, along gradient descent.
    """
    depth, steps = network.depth, settings["steps"]
    common: dict[str, Any] = {"seeds": 1, "tolerance": settings["tolerance"], "rng": _number(rng)}
    common |= initialisation
    # the largest stable rate is about 1/depth of that of one layer
    grid = [rate / depth for rate in (0.5, 0.25, 0.125, 0.0625)]
    search = learning_rate_search(
        problem, network, grid, steps=steps, extensions=10, **common, unconverged="ignore"
    )
    # where all networks diverged, the smallest rate was too large, too
    rate = float(search.learning_rate[0]) if np.isnan(search.best) else search.best
    result = train(
        problem,
        network,
        learning_rate=rate,
        steps=steps,
        record=record,
        **common,
        unconverged="ignore",
    )
    last = result
    if depth <= settings["last_depth"]:
        last = train(
            problem,
            network,
            optimizer="lbfgs",
            steps=settings["last_steps"],
            start=result,
            record=[],
            **common,
            unconverged="ignore",
        )
    return Fitted(search, result, last)


def train_to_the_end(
    problem: LeastSquaresProblem,
    network: LinearNetwork,
    settings: Mapping[str, Any],
    rng: np.random.SeedSequence,
    **initialisation: Any,
) -> Arrays:
    """Gradient descent at its best learning rate, then L-BFGS to zero training error.

    Parameters
    ----------
    problem, network
        As for `train`.
    settings : mapping
        Settings of an experiment: "steps" of gradient descent, "tolerance", and "last_steps" of
        L-BFGS, for networks of at most "last_depth" layers.
    rng : numpy.random.SeedSequence
        Source of the initial weights.
    **initialisation
        As for `train`.

    Returns
    -------
    dict of str to (dimensions, ndarray)
        `..._path` over the steps of gradient descent, what it ends with, and `fitted_...` after
        L-BFGS; `minimal_...` of the solution of least norm, W* P.
    """
    found: dict[str, Any] = references(problem)
    search, result, last = descend_and_fit(
        problem,
        network,
        settings,
        rng,
        record=recording_schedule(settings["steps"], 40),
        **initialisation,
    )
    arrays = _paths(result) | _ends(result, "") | _ends(last, "fitted_")
    status, fitted = (int(each.arrays["status"][1][0, 0]) for each in (result, last))
    found |= {name: values[0, 0] for name, values in identity(problem, last).items()}
    found |= {
        "converged": status == Status.CONVERGED,
        "diverged": status == Status.DIVERGED,
        "fitted": fitted == Status.CONVERGED,
        "steps": result.arrays["taken"][1][0, 0],
        "learning_rate": search.best,
        "at_edge": search.at_edge,
        "minimal_test_loss": problem.test_loss(problem.minimum_norm_weight),
    }
    return arrays | {name: ((), np.array(value)) for name, value in found.items()}


def _number(rng: np.random.SeedSequence) -> int:
    """A seed that may be used again and again."""
    return int(rng.generate_state(1, np.uint64)[0])


_KEPT = {
    "gram_effective_rank": "gram_rank",
    "effective_rank": "weight_rank",
    "stable_rank": "stable_rank",
    "threshold_rank": "threshold_rank",
    "nuclear_norm": "nuclear_norm",
    "frobenius_norm": "frobenius_norm",
    "loss": "loss",
    "test_loss": "test_loss",
}


def _all_of(result: TrainingResult) -> dict[str, Array]:
    """Recorded values without the dimensions learning_rate and seed, and the Frobenius norm."""
    found = {name: v[0, 0] for name, (_, v) in result.arrays.items() if v.ndim > 1}
    for prefix in ("", "final_"):
        if prefix + "singular_values" in found:
            s = found[prefix + "singular_values"]
            found[prefix + "frobenius_norm"] = np.linalg.norm(s, axis=-1)
    return found


def _paths(result: TrainingResult) -> Arrays:
    """Recorded numbers by step; those of a network that has stopped stay constant."""
    found, step = _all_of(result), result.arrays["step"][1]
    after = step > found["taken"]
    arrays: Arrays = {"step": (("step",), step)}
    for name, short in _KEPT.items():
        values, end = found[name], found[f"final_{name}"]
        late = after.reshape(-1, *[1] * (values.ndim - 1))
        further = ("threshold",)[: values.ndim - 1]
        arrays[f"{short}_path"] = (("step", *further), np.where(late, end, values))
        if name != "frobenius_norm":
            arrays[f"initial_{short}"] = (further, values[0])
    return arrays | {"threshold": result.arrays["threshold"]}


def _ends(result: TrainingResult, prefix: str) -> Arrays:
    found = _all_of(result)
    return {
        prefix + short: (("threshold",)[: found[f"final_{name}"].ndim], found[f"final_{name}"])
        for name, short in _KEPT.items()
    }


# --- of datasets with depths and repeats -----------------------------------------------------


def medians(part: Any, name: str) -> str:
    """Medians over repeats, by depth, in words; of `fitted_...` among those that fit."""
    values = part[name]
    if name.startswith("fitted_"):
        values = values.where(part.fitted == 1)
    return listed(part.depth.values, values.median("repeat").values, ".4g", missing="-")


def judge_fitted(
    sentence: str, reference: str, part: Any, name: str, *, falls: bool = True, comparisons: int = 1
) -> Finding:
    """Verdict on a trend over depth at zero training error, with medians; see `judge_over`."""
    found = judge_over(
        sentence, reference, part, name, falls=falls, flag="fitted", comparisons=comparisons
    )
    return found.saying(f"; medians by depth {medians(part, name)}")


def change_beyond_two(part: Any, name: str) -> tuple[Any, int] | None:
    """Change from two layers to the most that fit, and their number; None if too few fit."""
    enough = fitted_depths(part)
    if 2 not in enough or enough[-1] == 2:
        return None
    rank = part[name].where(part.fitted == 1)
    return rank.sel(depth=enough[-1]) - rank.sel(depth=2), enough[-1]


def fitted_depths(part: Any) -> list[int]:
    """Depths at which enough runs reached zero training error."""
    share = part.fitted.astype(float).mean("repeat")
    return [d for d in part.depth.values.tolist() if share.sel(depth=d) >= ENOUGH]
