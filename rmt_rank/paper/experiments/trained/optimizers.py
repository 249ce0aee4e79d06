"""Observation 3 and Figure 4: whether the low-rank bias is specific to gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    grid,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, decided, in_all, listed
from rmt_rank.paper.experiments.judges import judge_over, judge_shift
from rmt_rank.paper.experiments.trained.fitting import identity, references
from rmt_rank.paper.experiments.trained.rates import at_best_rate
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.train import train

__all__ = ["EXPERIMENT", "run", "verdict"]

# Optimizers that move W_1 only within the span of the inputs, see `rmt_rank.networks.identities`.
_IN_THE_SPAN = ("gradient_descent", "momentum", "nesterov", "lbfgs")
# Movement outside that rounding allows: thousands of steps of relative error 1e-16, and a margin.
_ROUNDING = 1e-9

_RATES: dict[str, list[float] | None] = {
    "gradient_descent": [0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001],
    "momentum": [0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005],
    "nesterov": [0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005],
    "adam": [0.3, 0.1, 0.03, 0.01, 0.003, 0.001],
    "lbfgs": None,
    "cma_es": [0.03],
    "random_search": None,
}

_settings = by_size(
    scale=1.0,
    # CMA-ES comes near a solution as others do, and takes long to come nearer
    tolerance={"cma_es": 1e-2, "others": 1e-3},
    rates=_RATES,
    deepest={"cma_es": 8},
    width=(6, 32, 32),
    examples=(3, 16, 16),
    task_ranks=([1], [4], [4]),
    depths=([1, 2, 3], [1, 2, 4], [1, 2, 4, 8, 16]),
    repeats=(3, 5, 5),
    steps=(
        {"lbfgs": 200, "cma_es": 600, "random_search": 1000, "others": 2000},
        {"lbfgs": 1000, "cma_es": 3000, "random_search": 10000, "others": 3000},
        {"lbfgs": 2000, "cma_es": 6000, "random_search": 100000, "others": 6000},
    ),
)


def _of(setting: Mapping[str, Any], optimizer: str) -> Any:
    """A setting with separate values for some optimizers."""
    return setting.get(optimizer, setting["others"])


def _cells(settings: Mapping[str, Any]) -> list[Cell]:
    rates, ranks, depths = (settings[name] for name in ("rates", "task_ranks", "depths"))
    every = grid(optimizer=rates, task_rank=ranks, depth=depths)
    deepest = settings["deepest"]
    return [c for c in every if c["depth"] <= deepest.get(c["optimizer"], c["depth"])]


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    optimizer, rank, depth = cell["optimizer"], cell["task_rank"], cell["depth"]
    problems = [
        least_squares_problem(
            settings["width"],
            rank,
            settings["examples"],
            rng=shared_seed(seed, task_rank=rank, repeat=repeat),
        )
        for repeat in range(settings["repeats"])
    ]
    results = [
        train(
            problem,
            depth,
            optimizer=optimizer,
            learning_rate=settings["rates"][optimizer],
            steps=_of(settings["steps"], optimizer),
            tolerance=_of(settings["tolerance"], optimizer),
            scale=settings["scale"],
            record=1,
            # the same initial weights for every optimizer
            rng=shared_seed(seed, task_rank=rank, repeat=repeat, depth=depth),
            unconverged="ignore",
        )
        for repeat, problem in enumerate(problems)
    ]
    return at_best_rate(problems, results, _row)


def _row(
    problem: LeastSquaresProblem, result: TrainingResult, place: int, here: Mapping[str, Any]
) -> dict[str, Any]:
    """Ranks of the network at one of the learning rates, and how far it moved."""
    moved = np.nan
    if here["status"] != Status.DIVERGED:
        first, initial = result.weights[0][place, 0], result.initial_weights[0][place, 0]
        outside = np.eye(problem.features) - problem.projector
        change = float(np.linalg.norm((first - initial) @ outside))
        moved = change / float(np.linalg.norm(initial @ outside))
    at_zero = dict.fromkeys(("identity_weight_rank", "identity_gram_rank"), np.nan)
    if result.settings["optimizer"] in _IN_THE_SPAN:
        found = identity(problem, result)
        at_zero = {name: found[name][place, 0] for name in at_zero}
    return (
        references(problem)
        | at_zero
        | {
            "zero_loss": float(problem.loss(np.zeros((problem.outputs, problem.features)))),
            "initial_gram_rank": here["gram_effective_rank"][0],
            "gram_rank": here["final_gram_effective_rank"],
            "moved_outside": moved,
        }
    )


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    findings = []
    for rank in dataset.task_rank.values.tolist():
        part = dataset.sel(task_rank=rank)
        names = part.optimizer.values.tolist()
        trained = [name for name in names if name != "random_search"]
        cases = {name: _bias(part.sel(optimizer=name), name, len(trained)) for name in trained}
        findings.append(
            in_all(
                "Common optimizers converge to Gram matrices of lower rank with depth "
                f"(task rank {rank}).",
                "Observation 3, Figure 4",
                cases,
            )
        )
        findings += cases.values()
        if "random_search" in names:
            findings += _random_search(part.sel(optimizer="random_search"))
        findings.append(_against_gradient_descent(part, trained))
    findings.append(_span(dataset))
    return findings


def _bias(part: Any, name: str, comparisons: int) -> Finding:
    part = part.dropna("depth", how="all", subset=["loss"])
    found = judge_over(
        f"{name}: lower rank with depth.",
        "Observation 3, Figure 4",
        part,
        "gram_rank",
        falls=True,
        comparisons=comparisons,
    )
    medians = part.gram_rank.where(part.converged == 1).median("repeat").values
    return found.saying(
        f"; medians by depth {listed(part.depth.values, medians)}; least-norm solution, which does "
        f"not depend on depth: {float(part.minimal_gram_rank.median()):.3f}"
    )


def _random_search(part: Any) -> list[Finding]:
    found = judge_over(
        "random_search: lower rank with depth.",
        "Observation 3, Figure 4",
        part,
        "gram_rank",
        falls=True,
        flag=None,
    )
    ranks = listed(part.depth.values, part.gram_rank.median("repeat").values)
    initial = listed(part.depth.values, part.initial_gram_rank.median("repeat").values)
    fits = judge_shift(
        "The best of random search explains the data better than the weight 0 does.",
        "ours: the paper does not train random search to zero error",
        part.loss - part.zero_loss,
    )
    share = listed(part.depth.values, (part.loss / part.zero_loss).median("repeat").values)
    return [
        found.saying(f"; medians by depth {ranks}, of a first draw {initial}"),
        fits.saying(f"; median loss by depth, in units of that of 0: {share}"),
    ]


def _against_gradient_descent(part: Any, trained: list[str]) -> Finding:
    """Paired differences: the same problems and initial weights."""
    reference = part.sel(optimizer="gradient_descent")
    cases = {}
    for name in trained:
        if name == "gradient_descent":
            continue
        other = part.sel(optimizer=name)
        both = (other.converged == 1) & (reference.converged == 1)
        cases[name] = judge_shift(
            "",
            "",
            (other.gram_rank - reference.gram_rank).where(both),
            comparisons=len(trained) - 1,
        )
    return in_all(
        "Optimizers converge to lower rank than gradient descent does, from the same weights.",
        "ours: what of the rank is the optimizer's doing",
        cases,
        details=True,
    )


def _span(dataset: Any) -> Finding:
    """Verdict on the optimizers that leave W_1 (I - P) unchanged."""
    moved = {
        name: float(dataset.moved_outside.sel(optimizer=name).max())
        for name in dataset.optimizer.values.tolist()
        if name != "random_search"
    }
    still = all(value <= _ROUNDING for name, value in moved.items() if name in _IN_THE_SPAN)
    return Finding(
        "Gradient descent, momentum, Nesterov and L-BFGS leave W_1 outside the data as it was "
        "(Adam and CMA-ES do not).",
        "ours, proved",
        decided(still),
        "largest relative change: " + ", ".join(f"{k} {v:.1g}" for k, v in moved.items()),
    )


EXPERIMENT = Experiment(
    name="optimizers",
    title="Rank of what seven optimizers converge to, over depth",
    reference="Observation 3, Figure 4",
    settings=_settings,
    cells=_cells,
    compute=_compute,
    judge=_judge,
    shown=columns(
        "converged diverged loss steps initial_gram_rank gram_rank identity_gram_rank "
        "minimal_gram_rank weight_rank identity_weight_rank minimal_weight_rank "
        "moved_outside learning_rate at_edge"
    ),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
