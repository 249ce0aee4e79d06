"""Observation 3 and Figure 4: whether the low-rank bias is specific to gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    best_rate,
    grid,
    run_experiment,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import (
    Finding,
    Verdict,
    in_all,
    judge_converged,
    judge_shift,
    judge_trend,
)
from rmt_rank.paper.experiments.trained.fitting import identity, references
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

_SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "width": 6,
        "examples": 3,
        "task_ranks": [1],
        "depths": [1, 2, 3],
        "repeats": 3,
        "steps": {"lbfgs": 200, "cma_es": 600, "random_search": 1000, "others": 2000},
    },
    "quick": {
        "width": 32,
        "examples": 16,
        "task_ranks": [4],
        "depths": [1, 2, 4],
        "repeats": 5,
        "steps": {"lbfgs": 1000, "cma_es": 3000, "random_search": 10000, "others": 3000},
    },
    "full": {
        "width": 32,
        "examples": 16,
        "task_ranks": [4],
        "depths": [1, 2, 4, 8, 16],
        "repeats": 5,
        "steps": {"lbfgs": 2000, "cma_es": 6000, "random_search": 100000, "others": 6000},
    },
}


def _settings(size: str) -> dict[str, Any]:
    # CMA-ES comes near a solution as others do, and takes long to come nearer
    tolerance = {"cma_es": 1e-2, "others": 1e-3}
    common = {"scale": 1.0, "tolerance": tolerance, "rates": _RATES, "deepest": {"cma_es": 8}}
    return common | _SIZES[size]


def _of(setting: Mapping[str, Any], optimizer: str) -> Any:
    """A setting with separate values for some optimizers."""
    return setting.get(optimizer, setting["others"])


def _cells(settings: Mapping[str, Any]) -> list[Cell]:
    return [
        cell
        for cell in grid(
            optimizer=settings["rates"],
            task_rank=settings["task_ranks"],
            depth=settings["depths"],
        )
        if cell["depth"] <= settings["deepest"].get(cell["optimizer"], cell["depth"])
    ]


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
    best = best_rate(results)
    rows = [
        _row(problem, result, best.place) for problem, result in zip(problems, results, strict=True)
    ]
    arrays: Arrays = {
        name: (("repeat",), np.array([row[name] for row in rows])) for name in rows[0]
    }
    arrays["learning_rate"] = ((), np.array(best.rate))
    arrays["at_edge"] = ((), np.array(best.at_edge))
    return arrays


def _row(problem: LeastSquaresProblem, result: TrainingResult, place: int) -> dict[str, Any]:
    """Numbers of the network at one of the learning rates."""
    here = {
        name: values[place, 0] for name, (_, values) in result.arrays.items() if values.ndim > 1
    }
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
            "converged": here["status"] == Status.CONVERGED,
            "diverged": here["status"] == Status.DIVERGED,
            "steps": here["taken"],
            "loss": here["final_loss"],
            "zero_loss": float(problem.loss(np.zeros((problem.outputs, problem.features)))),
            "initial_gram_rank": here["gram_effective_rank"][0],
            "gram_rank": here["final_gram_effective_rank"],
            "weight_rank": here["final_effective_rank"],
            "moved_outside": moved,
        }
    )


# --- what it says -----------------------------------------------------------------------------


def _blocks(part: Any, name: str) -> npt.NDArray[Any]:
    """A row for each repeat, a column for each depth."""
    return np.asarray(part[name].transpose("repeat", "depth").values.astype(np.float64))


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
    found = judge_converged(
        f"{name}: lower rank with depth.",
        "Observation 3, Figure 4",
        _blocks(part, "gram_rank"),
        _blocks(part, "converged") == 1,
        part.depth.values.tolist(),
        falls=True,
        comparisons=comparisons,
    )
    medians = part.gram_rank.where(part.converged == 1).median("repeat").values
    shown = _listed(part.depth.values, medians)
    text = (
        f"{found.statistic}; medians by depth {shown}; least-norm solution, which does not "
        f"depend on depth: {float(part.minimal_gram_rank.median()):.3f}"
    )
    return Finding(found.sentence, found.reference, found.verdict, text)


def _listed(depths: Any, values: Any) -> str:
    return ", ".join(f"{d}: {v:.3f}" for d, v in zip(depths, values, strict=True))


def _random_search(part: Any) -> list[Finding]:
    found = judge_trend(
        "random_search: lower rank with depth.",
        "Observation 3, Figure 4",
        _blocks(part, "gram_rank"),
        falls=True,
    )
    ranks = _listed(part.depth.values, part.gram_rank.median("repeat").values)
    initial = _listed(part.depth.values, part.initial_gram_rank.median("repeat").values)
    text = f"{found.statistic}; medians by depth {ranks}, of a first draw {initial}"
    fits = judge_shift(
        "The best of random search explains the data better than the weight 0 does.",
        "ours: the paper does not train random search to zero error",
        part.loss - part.zero_loss,
    )
    share = _listed(part.depth.values, (part.loss / part.zero_loss).median("repeat").values)
    fit = f"{fits.statistic}; median loss by depth, in units of that of 0: {share}"
    return [
        Finding(found.sentence, found.reference, found.verdict, text),
        Finding(fits.sentence, fits.reference, fits.verdict, fit),
    ]


def _against_gradient_descent(part: Any, trained: list[str]) -> Finding:
    """Paired differences: the same problems and initial weights."""
    reference = part.sel(optimizer="gradient_descent")
    cases, details = {}, []
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
        details.append(f"{name}: {cases[name].statistic}")
    found = in_all(
        "Optimizers converge to lower rank than gradient descent does, from the same weights.",
        "ours: what of the rank is the optimizer's doing",
        cases,
    )
    text = f"{found.statistic} | {'; '.join(details)}"
    return Finding(found.sentence, found.reference, found.verdict, text)


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
        Verdict.SUPPORTED if still else Verdict.NOT_SUPPORTED,
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
    shown=(
        "converged",
        "diverged",
        "loss",
        "steps",
        "initial_gram_rank",
        "gram_rank",
        "identity_gram_rank",
        "minimal_gram_rank",
        "weight_rank",
        "identity_weight_rank",
        "minimal_weight_rank",
        "moved_outside",
        "learning_rate",
        "at_edge",
    ),
)

# the experiment as Python functions, see `run_experiment`
run, verdict = partial(run_experiment, EXPERIMENT), EXPERIMENT.judge
