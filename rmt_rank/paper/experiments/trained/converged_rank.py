"""Rank at zero training error, compared with theory.

The weight is W* P + W_d ... W_2 W_1(0) (I - P) at zero error.  Its first part is the fit of least
norm, which does not depend on depth; for the second there is

    depth 1     a law, `one_layer_effective_rank`, proved as the width grows;
    frozen      W_d ... W_2 as at the start: a conjectured upper bound of the rank;
    small start |W_e (I - P)|^2 = sum_i s_i^(2 - 2/d) scale^2 (n - q)/n, s_i the singular values of
                W* P, from layers that are balanced in the end: a conjecture, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.networks.identities import effective_weight
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    grid,
    shared_seed,
)
from rmt_rank.paper.experiments.trained.converged_rank_findings import IN_SPAN, REFERENCE, judge
from rmt_rank.paper.experiments.trained.rates import best_rate
from rmt_rank.theory.trained.least_squares import one_layer_effective_rank
from rmt_rank.training.converged import converged_weight_distance
from rmt_rank.training.ledger import Status
from rmt_rank.training.train import train

__all__ = ["EXPERIMENT", "run", "verdict"]

Array = npt.NDArray[np.float64]

# Learning rates of one layer; the largest stable one is about 1/depth of that.
_RATES = {
    "gradient_descent": (0.2, 0.1, 0.05),
    "momentum": (0.04, 0.02, 0.01),
    "nesterov": (0.04, 0.02, 0.01),
    "adam": (0.01, 0.003, 0.001),
}
# A start whose scale to the power of depth is below this does not leave the saddle in the budget.
_LEAST_START = 1e-3
_TASKS, _SCALES = [0.125, 0.75], [1.0, 0.5, 0.25, 0.1]


def _part(
    widths: list[int],
    depths: list[int],
    optimizers: list[str],
    problems: int,
    steps: int,
    scales: list[float] = _SCALES,
) -> dict[str, Any]:
    return {
        "widths": widths,
        "depths": depths,
        "scales": scales,
        "optimizers": optimizers,
        "problems": problems,
        "steps": steps,
    }


# The combinations left out take long: methods of first order at width 128 and more than two layers,
# and width 512 beyond two layers.
_PARTS = (
    [_part([8], [1, 2, 3], ["gradient_descent", "lbfgs", "adam"], 1, 1000, [1.0, 0.5, 0.1])],
    [
        _part([32], [1], ["lbfgs"], 4, 500),
        _part([32], [2, 4, 8], ["lbfgs"], 2, 1500),
        _part([32], [2], ["gradient_descent", "adam"], 2, 4000),
    ],
    [
        _part([32], [1], [*IN_SPAN, "adam"], 6, 4000),
        _part([32], [2, 4, 8], [*IN_SPAN, "adam"], 4, 8000),
        _part([128], [1], ["gradient_descent", "lbfgs"], 4, 1000),
        _part([128], [2], ["gradient_descent"], 1, 4000, [1.0, 0.5, 0.1]),
        _part([128], [2, 4], ["lbfgs"], 2, 3000),
        _part([128], [8], ["lbfgs"], 1, 3000, [1.0]),
        _part([512], [1], ["lbfgs"], 2, 500),
        _part([512], [2], ["lbfgs"], 1, 1000, [1.0]),
    ],
)


_settings = by_size(tolerance=1e-4, seeds=(2, 4, 4), parts=_PARTS)


def _cells(settings: Mapping[str, Any]) -> list[Cell]:
    return [
        cell
        for part in settings["parts"]
        for cell in grid(
            width=part["widths"],
            task_share=_TASKS,
            depth=part["depths"],
            scale=part["scales"],
            optimizer=part["optimizers"],
            problem=range(part["problems"]),
        )
        if cell["scale"] ** cell["depth"] >= _LEAST_START
    ]


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    n, depth, scale, optimizer = (cell[k] for k in ("width", "depth", "scale", "optimizer"))
    part = next(
        part
        for part in settings["parts"]
        if n in part["widths"] and depth in part["depths"] and optimizer in part["optimizers"]
    )
    names = {k: cell[k] for k in ("width", "task_share", "problem")}
    task_rank, q = round(cell["task_share"] * n), n // 2
    problem = least_squares_problem(n, task_rank, q, rng=shared_seed(seed, **names))
    rates = [rate / depth for rate in _RATES.get(optimizer, ())] or None
    result = train(
        problem,
        depth,
        optimizer=optimizer,
        learning_rate=rates,
        scale=scale,
        seeds=settings["seeds"],
        steps=part["steps"],
        tolerance=settings["tolerance"],
        record=[],
        # the same directions at every scale, and for every optimizer
        rng=shared_seed(seed, **names, depth=depth),
        unconverged="ignore",
    )
    place = best_rate([result]).place
    status = result.arrays["status"][1][place]
    kept = status != Status.DIVERGED
    distance, allowed, outside = (x[place] for x in converged_weight_distance(result, problem))
    weight, initial = (
        effective_weight([w[place, kept] for w in weights])
        for weights in (result.weights, result.initial_weights)
    )
    least, unseen = problem.minimum_norm_weight, np.eye(n) - problem.projector
    sigma: Array = np.linalg.svd(least, compute_uv=False).astype(np.float64)
    energy = _small_start_energy(sigma, n, q, scale, depth)
    share = np.sum((weight @ unseen) ** 2, axis=(-2, -1)) / np.sum(weight**2, axis=(-2, -1))
    numbers = {
        "weight_rank": _where(kept, _rank(weight)),
        "frozen_rank": _where(kept, _rank(least + initial @ unseen)),
        "unseen_share": _where(kept, share),
        "distance": distance,
        "allowed": allowed,
        "outside": outside,
        "loss": result.arrays["final_loss"][1][place],
        "converged": status == Status.CONVERGED,
    }
    known = {
        "minimal_rank": float(effective_rank(sigma)),
        "small_start_share": energy / (energy + float(np.sum(sigma**2))),
        "one_layer_rank": one_layer_effective_rank(sigma, n, q, scale=scale),
    }
    arrays: Arrays = {"seed": (("seed",), np.arange(settings["seeds"]))}
    arrays |= {name: (("seed",), values) for name, values in numbers.items()}
    return arrays | {name: ((), np.array(value)) for name, value in known.items()}


def _where(kept: npt.NDArray[np.bool_], values: Array) -> Array:
    """Values of the selected networks, nan for the others."""
    found = np.full(kept.shape, math.nan)
    found[kept] = values
    return found


def _rank(weight: Array) -> Array:
    return np.asarray(effective_rank(np.linalg.svd(weight, compute_uv=False)))


def _small_start_energy(sigma: Array, n: int, q: int, scale: float, depth: int) -> float:
    """|W_e (I - P)|^2 of layers W_2, ..., W_d that share W* P evenly; exact on average at d = 1."""
    above = np.ones_like(sigma) if depth == 1 else sigma ** (2 - 2 / depth)
    return float(above.sum()) * scale**2 * (n - q) / n


EXPERIMENT = Experiment(
    name="converged-rank",
    title="Rank at zero training error, and what theory says of it",
    reference=REFERENCE,
    settings=_settings,
    cells=_cells,
    compute=_compute,
    judge=judge,
    shown=columns(
        "converged weight_rank minimal_rank one_layer_rank frozen_rank unseen_share "
        "small_start_share distance allowed outside loss"
    ),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
