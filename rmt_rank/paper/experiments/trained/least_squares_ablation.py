"""Least squares over task rank and depth (captions of the second revision, Figure 9).

At zero training error the part of W_e that the data do not determine is W_d ... W_2 at the end
times W_1 (I - P) at the start.  The latter is independent of all else, so on average no depth has
less test error than the solution of least norm, W* P; see
`rmt_rank.paper.experiments.trained.generalization`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rmt_rank.networks.linear import LinearNetwork
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
from rmt_rank.paper.experiments.findings import Finding, Verdict, in_all
from rmt_rank.paper.experiments.judges import ENOUGH, correlation, judge_correlation, judge_shift
from rmt_rank.paper.experiments.trained.fitting import (
    SHOWN,
    judge_fitted,
    medians,
    train_to_the_end,
)

__all__ = ["EXPERIMENT", "run", "verdict"]

_REFERENCE = "second revision, Figure 9"

_settings = by_size(
    tolerance=1e-5,
    width=(8, 32, 32),
    task_ranks=([7, 2], [30, 16, 4], [30, 16, 4]),
    examples=(6, 24, 24),
    test_examples=(100, 1000, 1000),
    depths=([1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 16]),
    repeats=(3, 5, 20),
    steps=(150, 2000, 4000),
    last_steps=(1000, 5000, 5000),
    last_depth=(3, 4, 8),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    rank, repeat = cell["task_rank"], cell["repeat"]
    problem = least_squares_problem(
        settings["width"],
        rank,
        settings["examples"],
        test_examples=settings["test_examples"],
        rng=shared_seed(seed, task_rank=rank, repeat=repeat),
    )
    network = LinearNetwork((settings["width"],) * (cell["depth"] + 1))
    return train_to_the_end(problem, network, settings, seed)


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    ranks = dataset.task_rank.values.tolist()
    parts = {rank: dataset.sel(task_rank=rank) for rank in ranks}
    findings = [
        _generalisation(max(ranks), parts[max(ranks)], low=False),
        _generalisation(min(ranks), parts[min(ranks)], low=True),
        _against_least_norm(parts),
    ]
    findings += [_rank(rank, part, len(ranks)) for rank, part in parts.items()]
    findings += [_threshold(dataset, tau) for tau in dataset.threshold.values.tolist()]
    findings.append(_sensitive(dataset))
    return findings


def _generalisation(rank: int, part: Any, *, low: bool) -> Finding:
    found = judge_fitted(
        f"At task rank {rank} {'deeper' if low else 'shallower'} models generalise better.",
        _REFERENCE,
        part,
        "fitted_test_loss",
        falls=low,
        comparisons=2,
    )
    return found.saying(
        f"; the solution of least norm {float(part.minimal_test_loss.median()):.4g}; where "
        f"gradient descent ended {medians(part, 'test_loss')}, at training losses "
        f"{medians(part, 'loss')}",
        before="test loss at zero training error, ",
    )


def _against_least_norm(parts: Mapping[int, Any]) -> Finding:
    cases = {}
    for rank, part in parts.items():
        deep = part.sel(depth=part.depth > 1)
        # a number for each repeat: its networks share a problem
        difference = (deep.fitted_test_loss - deep.minimal_test_loss).where(deep.fitted == 1)
        cases[f"task rank {rank}"] = judge_shift(
            "", "", difference.median("depth"), comparisons=len(parts)
        )
    found = in_all(
        "More than one layer generalises better than the solution of least norm W* P.",
        "ours: on average impossible, see the module",
        cases,
    )
    text = "; ".join(f"{name}: {case.statistic}" for name, case in cases.items())
    return replace(found, statistic=text)


def _rank(rank: int, part: Any, comparisons: int) -> Finding:
    found = judge_fitted(
        f"Effective rank of the weight falls with depth (task rank {rank}).",
        _REFERENCE,
        part,
        "fitted_weight_rank",
        comparisons=comparisons,
    )
    return found.saying(
        f"; the solution of least norm {float(part.minimal_weight_rank.median()):.4g}"
    )


def _threshold(dataset: Any, tau: float) -> Finding:
    """Verdict on two measures ordering networks alike: depths and task ranks in each repeat."""
    dims = ("repeat", "task_rank", "depth")
    fitted = dataset.where(dataset.fitted == 1)
    thresholded = fitted.fitted_threshold_rank.sel(threshold=tau).transpose(*dims).values
    effective = fitted.fitted_weight_rank.transpose(*dims).values
    return judge_correlation(
        f"Threshold rank at tau = {tau:g} correlates well with effective rank, over depths and "
        "task ranks.",
        _REFERENCE,
        [correlation(a, b) for a, b in zip(thresholded, effective, strict=True)],
        comparisons=dataset.threshold.size,
    )


def _sensitive(dataset: Any) -> Finding:
    """Verdict on the threshold changing the count by more than depth does."""
    sentence = "Threshold rank is sensitive to its threshold: that changes it by more than depth."
    share = dataset.fitted.astype(float).mean("repeat").min("task_rank")
    enough = dataset.depth.values[share.values >= ENOUGH]
    if len(enough) < 2:
        return Finding(sentence, _REFERENCE, Verdict.UNDECIDED, "too few runs converged")
    counts = dataset.fitted_threshold_rank.where(dataset.fitted == 1).sel(depth=enough)
    by_threshold = (counts.max("threshold") - counts.min("threshold")).median("depth")
    by_depth = abs(counts.isel(depth=-1) - counts.isel(depth=0)).median("threshold")
    # a number for each repeat
    found = judge_shift(sentence, _REFERENCE, (by_depth - by_threshold).median("task_rank"))
    return found.saying(
        f"; medians {float(by_depth.median()):.3g} and {float(by_threshold.median()):.3g}",
        before=f"change with depth, from {enough[0]} to {enough[-1]} layers, less that with the "
        "threshold: ",
    )


EXPERIMENT = Experiment(
    name="least-squares-ablation",
    title="Rank, training and test loss over depth, for tasks of high and low rank",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(task_rank="task_ranks", depth="depths", repeat="repeats"),
    compute=_compute,
    judge=_judge,
    shown=SHOWN + columns("fitted_threshold_rank test_loss fitted_test_loss minimal_test_loss"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
