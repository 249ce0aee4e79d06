"""Observation 2 and Figure 2: the rank of hundreds of initialisations, trained to convergence."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict, decided, in_all, listed
from rmt_rank.paper.experiments.judges import ENOUGH, judge_each, judge_over, judge_shift
from rmt_rank.paper.experiments.trained.fitting import identity, references
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.search import learning_rate_search
from rmt_rank.training.train import train

__all__ = ["EXPERIMENT", "run", "verdict"]

Array = npt.NDArray[np.float64]

# Ratio of the lower learning rate with which the best one is compared.
_SLOWER = 4

_settings = by_size(
    scale=1.0,
    tolerance=1e-3,
    rates=[0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001],
    pilot_draws=4,
    pilot_steps=3000,
    dtype="float32",
    # hundreds of networks of depth 16 on a task of rank 16 take too long to converge
    deepest=({}, {}, {"16": 8}),
    width=(8, 32, 32),
    examples=(4, 16, 16),
    task_ranks=([1, 2, 4], [4, 8, 16], [4, 8, 16]),
    depths=([1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 16]),
    problems=(1, 2, 4),
    draws=(8, 16, 64),
    slow_draws=(4, 8, 8),
    steps=(3000, 10000, 20000),
)


def _cells(settings: Mapping[str, Any]) -> list[Cell]:
    every = over(task_rank="task_ranks", problem="problems", depth="depths")(settings)
    deepest = settings["deepest"]
    return [c for c in every if c["depth"] <= deepest.get(str(c["task_rank"]), c["depth"])]


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    rank, number = cell["task_rank"], cell["problem"]
    problem = least_squares_problem(
        settings["width"],
        rank,
        settings["examples"],
        rng=shared_seed(seed, task_rank=rank, problem=number),
    )

    def trained(rate: float, seeds: int, rng: np.random.SeedSequence) -> TrainingResult:
        return train(
            problem,
            cell["depth"],
            learning_rate=rate,
            seeds=seeds,
            steps=settings["steps"],
            tolerance=settings["tolerance"],
            scale=settings["scale"],
            dtype=settings["dtype"],
            record=1,
            rng=rng,
            unconverged="ignore",
        )

    pilot, own = seed.spawn(2)
    best = learning_rate_search(
        problem,
        cell["depth"],
        settings["rates"],
        seeds=settings["pilot_draws"],
        steps=settings["pilot_steps"],
        extensions=3,
        tolerance=settings["tolerance"],
        scale=settings["scale"],
        dtype=settings["dtype"],
        rng=pilot,
        unconverged="ignore",
    )
    # where all diverged, the smallest was too large, too
    rate = float(best.learning_rate[0]) if math.isnan(best.best) else best.best
    while True:
        result = trained(rate, settings["draws"], copy.deepcopy(own))
        status = result.arrays["status"][1][0]
        # the rate is halved for all, since some of many initialisations diverge at it
        if not np.any(status == Status.DIVERGED) or rate < best.best / 4:
            break
        rate /= 2
    slow = trained(rate / _SLOWER, settings["slow_draws"], copy.deepcopy(own))
    found: dict[str, Any] = {
        name: result.arrays[source][1][0]
        for name, source in {
            "gram_rank": "final_gram_effective_rank",
            "weight_rank": "final_effective_rank",
            "loss": "final_loss",
            "steps": "taken",
        }.items()
    }
    found["initial_gram_rank"] = result.arrays["gram_effective_rank"][1][0, :, 0]
    found["initial_weight_rank"] = result.arrays["effective_rank"][1][0, :, 0]
    found["converged"] = status == Status.CONVERGED
    found["diverged"] = status == Status.DIVERGED
    at_zero = identity(problem, result)
    found |= {name: values[0] for name, values in at_zero.items()}
    scalars = references(problem) | {
        "learning_rate": rate,
        "halved": rate < best.best,
        "at_edge": best.at_edge,
    }
    arrays: Arrays = {name: (("seed",), values) for name, values in found.items()}
    arrays |= {name: ((), np.array(value)) for name, value in scalars.items()}
    slow_rank = identity(problem, slow)["identity_gram_rank"][0]
    fast_rank = found["identity_gram_rank"][: len(slow_rank)]
    arrays["faster_less_slower"] = (("slow_seed",), fast_rank - slow_rank)
    return arrays


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    depths, ranks = dataset.depth.values.tolist(), dataset.task_rank.values.tolist()
    dataset = dataset.assign(converged=dataset.converged == 1)
    by_rank = {rank: _computed(dataset.sel(task_rank=rank), "depth") for rank in ranks}
    by_depth = {f"depth {d}": _computed(dataset.sel(depth=d), "task_rank") for d in depths}
    findings = []
    for rank, part in by_rank.items():
        found = judge_over(
            f"Deeper networks converge to Gram matrices of lower rank (task rank {rank}).",
            "Observation 2, Figure 2",
            part,
            "gram_rank",
            falls=True,
            comparisons=len(ranks),
        )
        medians = part.gram_rank.where(part.converged).median(("problem", "seed")).values
        findings.append(
            found.saying(
                f"; medians by depth {listed(part.depth.values, medians)}; the solution of least "
                "norm W* P, which does not depend on depth: "
                f"{float(part.minimal_gram_rank.median()):.3f}"
            )
        )
    findings.append(_towards_the_task(by_rank))
    findings.append(
        judge_each(
            "The rank at convergence rises with the task rank.",
            "Section 3.1",
            by_depth,
            "gram_rank",
            falls=False,
            along="task_rank",
        )
    )
    findings += [_below_least_norm(rank, by_rank[rank], len(ranks)) for rank in ranks]
    findings.append(_learning_rate(dataset, depths))
    findings.append(_identity_holds(dataset))
    return findings


def _computed(part: Any, along: str) -> Any:
    """Without the levels that have no cells."""
    return part.dropna(along, how="all", subset=["loss"])


def _towards_the_task(by_rank: Mapping[int, Any]) -> Finding:
    """Verdict on training moving the distribution towards the green line of Figure 2."""
    cases = {}
    comparisons = sum(part.depth.size for part in by_rank.values())
    for rank, part in by_rank.items():
        line = part.task_gram_rank
        nearer = abs(part.gram_rank - line) - abs(part.initial_gram_rank - line)
        nearer = nearer.where(part.converged)
        for depth in part.depth.values.tolist():
            if float(part.converged.sel(depth=depth).mean()) >= ENOUGH:
                cases[f"task rank {rank}, depth {depth}"] = judge_shift(
                    "", "", nearer.sel(depth=depth), comparisons=comparisons
                )
    return in_all(
        "Training shifts the rank of the Gram matrix towards that of the task, rho(K) under W*.",
        "Section 3.1, Figure 2",
        cases,
    )


def _below_least_norm(rank: int, part: Any, comparisons: int) -> Finding:
    """Verdict on depth doing more than forgetting the initial weights outside the data."""
    sentence = f"Depth takes the weight's rank below that of W* P (task rank {rank})."
    reference = "ours: what an implicit bias towards low rank would do"
    depths = part.depth.values.tolist()
    enough = [d for d in depths if float(part.converged.sel(depth=d).mean()) >= ENOUGH]
    if not enough:
        return Finding(sentence, reference, Verdict.UNDECIDED, "no depth converged")
    deepest = part.sel(depth=enough[-1])
    difference = deepest.identity_weight_rank - deepest.minimal_weight_rank
    found = judge_shift(sentence, reference, difference, comparisons=comparisons)
    return found.saying(before=f"at zero error, depth {enough[-1]}: ")


def _learning_rate(dataset: Any, depths: list[int]) -> Finding:
    """Verdict on the best rate, which is near the largest stable one, lowering the rank."""
    cases = {
        f"depth {depth}": judge_shift(
            "", "", dataset.faster_less_slower.sel(depth=depth), comparisons=len(depths)
        )
        for depth in depths
    }
    return in_all(
        "A larger learning rate alone lowers the rank at zero error (the best one against a "
        "quarter of it, the same initial weights).",
        "ours: the paper takes the best rate of each depth",
        cases,
        details=True,
    )


def _identity_holds(dataset: Any) -> Finding:
    """The exact identity of gradient descent at zero training error."""
    ratio = (dataset.identity_error / dataset.identity_bound).where(dataset.converged).values
    ratio = ratio[np.isfinite(ratio)]
    sentence = (
        "What gradient descent converges to is W* P plus the initial W_1 outside the data, carried "
        "through the later layers."
    )
    if ratio.size == 0:
        return Finding(sentence, "ours, proved", Verdict.UNDECIDED, "no run converged")
    # training in float32 moves conserved quantities by rounding: a percent of the bound is far more
    verdict = decided(ratio.max() <= 1.01)
    largest = float(dataset.identity_error.where(dataset.converged).max())
    text = (
        f"{ratio.size} converged runs: relative error at most {largest:.2g}, and at most "
        f"{ratio.max():.4g} of what the loss reached allows"
    )
    return Finding(sentence, "ours, proved", verdict, text)


EXPERIMENT = Experiment(
    name="convergence",
    title="Distribution of the rank at initialisation and at convergence, over depth and task rank",
    reference="Observation 2, Figure 2",
    settings=_settings,
    cells=_cells,
    compute=_compute,
    judge=_judge,
    shown=columns(
        "converged initial_gram_rank gram_rank identity_gram_rank task_gram_rank "
        "minimal_gram_rank weight_rank identity_weight_rank minimal_weight_rank loss "
        "steps learning_rate at_edge diverged"
    ),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
