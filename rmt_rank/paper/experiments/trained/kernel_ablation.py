"""Figure 10 of the list of captions: Observation 4 under other kernels than the cosine.

The same networks are measured under each kernel: before training, where gradient descent ends, and
after L-BFGS has continued from there to zero training error, as in `parameterization`.  The paper
does not name its kernels.  One, minus the distance, is indefinite: the rank is always that of
singular values.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.metrics.gram import KERNELS, gram_effective_rank
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, in_all
from rmt_rank.paper.experiments.judges import judge_each, judge_shift
from rmt_rank.paper.experiments.trained.fitting import (
    change_beyond_two,
    descend_and_fit,
    judge_fitted,
    medians,
    problem_of,
)
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult

__all__ = ["EXPERIMENT", "run", "verdict"]

Array = npt.NDArray[np.float64]

_REFERENCE = "captions, Figure 10"

_OPTIONS: dict[str, dict[str, Any]] = {"polynomial": {"degree": 2}}

_settings = by_size(
    kernels=list(KERNELS),
    tolerance=1e-5,
    width=(8, 32, 32),
    task_rank=(6, 24, 24),
    examples=(6, 24, 24),
    held_out=(32, 256, 256),
    depths=([1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 16, 32]),
    repeats=(3, 5, 9),
    steps=(150, 2000, 4000),
    last_steps=(1000, 5000, 20000),
    last_depth=(3, 4, 8),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    shared = shared_seed(seed, problem=cell["repeat"])
    problem = problem_of(settings, shared, test_examples=settings["held_out"])
    weights, found = _trained(
        problem, cell["depth"], settings, shared_seed(seed, weights=cell["repeat"])
    )
    weights |= {"minimal": problem.minimum_norm_weight, "task": np.asarray(problem.task)}
    arrays: Arrays = {"kernel": (("kernel",), np.array(settings["kernels"]))}
    for name, weight in weights.items():
        features = np.asarray(problem.test_inputs) @ weight.T
        ranks = [
            gram_effective_rank(features, kernel, **_OPTIONS.get(kernel, {}))
            for kernel in settings["kernels"]
        ]
        arrays[f"{name}_rank"] = (("kernel",), np.array(ranks))
    return arrays | {name: ((), np.array(value)) for name, value in found.items()}


def _trained(
    problem: LeastSquaresProblem,
    depth: int,
    settings: Mapping[str, Any],
    rng: np.random.SeedSequence,
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Weights before training, after gradient descent and at zero error, and the statuses."""
    network = LinearNetwork((settings["width"],) * (depth + 1))
    search, result, last = descend_and_fit(problem, network, settings, rng, record=[])
    weights = {
        "initial": _whole(result.initial_weights),
        "trained": _whole(result.weights),
        "fitted": _whole(last.weights),
    }
    found = {"learning_rate": search.best}
    for prefix, flag, each in (("", "converged", result), ("fitted_", "fitted", last)):
        found[flag] = _is(each, Status.CONVERGED)
        found[f"{prefix}loss"] = each.arrays["final_loss"][1].item()
    return weights, found | {"diverged": _is(result, Status.DIVERGED)}


def _whole(weights: list[Array]) -> Array:
    # nan if training diverged
    return reduce(lambda whole, w: w @ whole, (w[0, 0] for w in weights))


def _is(result: TrainingResult, status: Status) -> bool:
    return bool(result.arrays["status"][1].item() == status)


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    kernels = dataset.kernel.values.tolist()
    parts = {kernel: dataset.sel(kernel=kernel) for kernel in kernels}
    findings = [_at_zero_error(kernel, part, len(kernels)) for kernel, part in parts.items()]
    findings.append(_before(parts))
    findings.append(_beyond_two(parts))
    return findings


def _at_zero_error(kernel: str, part: Any, comparisons: int) -> Finding:
    found = judge_fitted(
        f"Deeper networks have Gram matrices of lower rank at zero training error ({kernel}).",
        _REFERENCE,
        part,
        "fitted_rank",
        comparisons=comparisons,
    )
    return found.saying(
        f"; after gradient descent {medians(part, 'trained_rank')}; before training "
        f"{medians(part, 'initial_rank')}; the solution of least norm W* P, which does "
        f"not depend on depth: {float(part.minimal_rank.median()):.4g}"
    )


def _before(parts: Mapping[str, Any]) -> Finding:
    return judge_each(
        "Before training, deeper networks have Gram matrices of lower rank under every kernel.",
        _REFERENCE,
        parts,
        "initial_rank",
        falls=True,
        flag=None,
    )


def _beyond_two(parts: Mapping[str, Any]) -> Finding:
    """Verdict on the trend beyond that from one layer to two."""
    cases, shown = {}, []
    for kernel, part in parts.items():
        further = change_beyond_two(part, "fitted_rank")
        if further is not None:
            change, depth = further
            cases[kernel] = judge_shift("", "", change, comparisons=len(parts))
            shown.append(f"{kernel}, depth {depth} less depth 2: {float(change.median()):+.3g}")
    found = in_all(
        "Under every kernel the rank falls on beyond two layers, at zero training error.",
        "ours",
        cases,
    )
    text = " | ".join(each for each in (found.statistic, "; ".join(shown)) if each)
    return Finding(found.sentence, found.reference, found.verdict, text or "too few runs converged")


EXPERIMENT = Experiment(
    name="kernel-ablation",
    title="Rank of the Gram matrix over depth, under several kernels",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(depth="depths", repeat="repeats"),
    compute=_compute,
    judge=_judge,
    shown=columns(
        "converged fitted diverged initial_rank trained_rank fitted_rank minimal_rank "
        "task_rank loss fitted_loss learning_rate"
    ),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
