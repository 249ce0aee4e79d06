"""Observation 4 and Figure 5: depth and rank if all networks start with the same low rank.

Every network is measured where gradient descent ends, and at zero training error (`fitting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict
from rmt_rank.paper.experiments.judges import blocks, judge_shift, judge_trend
from rmt_rank.paper.experiments.trained.fitting import (
    SHOWN,
    change_beyond_two,
    fitted_depths,
    judge_fitted,
    medians,
    problem_of,
    train_to_the_end,
)

__all__ = ["EXPERIMENT", "run", "verdict"]

Array = npt.NDArray[np.float64]

_INITIALISATIONS = {
    "normal": "default initialisation",
    "balanced": "all begin as the product of the deepest network",
    "marginals": "all weights begin with the entries of that product",
}

_settings = by_size(
    initialisations=list(_INITIALISATIONS),
    tolerance=1e-5,
    width=(8, 32, 32),
    task_rank=(6, 24, 24),
    examples=(6, 24, 24),
    depths=([1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 16, 32]),
    as_depth=(3, 32, 32),
    repeats=(3, 5, 9),
    steps=(150, 2000, 4000),
    last_steps=(1000, 5000, 20000),
    last_depth=(3, 4, 8),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    repeat, initialisation = cell["repeat"], cell["initialisation"]
    problem = problem_of(settings, shared_seed(seed, problem=repeat))
    as_depth = None if initialisation == "normal" else settings["as_depth"]
    return train_to_the_end(
        problem,
        LinearNetwork((settings["width"],) * (cell["depth"] + 1)),
        settings,
        # the same for all depths: balanced ones begin with the same map
        shared_seed(seed, weights=repeat),
        initialisation=initialisation,
        as_depth=as_depth,
    )


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    names = dataset.initialisation.values.tolist()
    parts = {name: dataset.sel(initialisation=name) for name in names}
    findings = []
    for name, part in parts.items():
        findings.append(_after_descent(name, part, len(names)))
        findings.append(_at_zero_error(name, part, len(names)))
    findings.append(_reads_lower(dataset))
    findings += [_beyond_two(name, part, len(names)) for name, part in parts.items()]
    findings += [_below_least_norm(name, part, len(names)) for name, part in parts.items()]
    return findings


def _after_descent(name: str, part: Any, comparisons: int) -> Finding:
    steps = int(part.step.max())
    found = judge_trend(
        f"Deeper networks learn Gram matrices of lower rank in {steps} epochs "
        f"({_INITIALISATIONS[name]}).",
        "Observation 4, Figure 5",
        blocks(part, "gram_rank"),
        falls=True,
        complete=float(part.converged.astype(float).mean()),
        comparisons=comparisons,
    )
    return found.saying(
        f"; medians by depth {medians(part, 'gram_rank')}; where they began "
        f"{medians(part, 'initial_gram_rank')}; loss {medians(part, 'loss')}"
    )


def _at_zero_error(name: str, part: Any, comparisons: int) -> Finding:
    found = judge_fitted(
        f"Deeper networks have Gram matrices of lower rank at zero training error "
        f"({_INITIALISATIONS[name]}).",
        "Observation 4, Figure 5",
        part,
        "fitted_gram_rank",
        comparisons=comparisons,
    )
    return found.saying(
        f"; by the identity {medians(part, 'identity_gram_rank')}; the solution of least norm "
        f"W* P, which does not depend on depth: {float(part.minimal_gram_rank.median()):.4g}"
    )


def _reads_lower(dataset: Any) -> Finding:
    """Verdict on lack of convergence alone looking like low rank."""
    late = (dataset.converged == 0) & (dataset.fitted == 1)
    difference = (dataset.gram_rank - dataset.fitted_gram_rank).where(late)
    # a number for each repeat: its networks share a problem
    return judge_shift(
        "Networks that have not converged read as lower rank than the same ones do at zero "
        "training error.",
        "ours",
        difference.median([d for d in difference.dims if d != "repeat"]),
    )


def _beyond_two(name: str, part: Any, comparisons: int) -> Finding:
    """Verdict on the trend beyond that from one layer to two."""
    sentence = (
        f"The Gram matrix's rank falls on beyond two layers, at zero training error "
        f"({_INITIALISATIONS[name]})."
    )
    further = change_beyond_two(part, "fitted_gram_rank")
    if further is None:
        return Finding(sentence, "ours", Verdict.UNDECIDED, "too few runs converged")
    found = judge_shift(sentence, "ours", further[0], comparisons=comparisons)
    return found.saying(before=f"depth {further[1]} less depth 2: ")


def _below_least_norm(name: str, part: Any, comparisons: int) -> Finding:
    """Verdict on depth doing more than forgetting the initial weights outside the data."""
    sentence = f"Depth takes the weight's rank below that of W* P ({_INITIALISATIONS[name]})."
    reference = "ours: what an implicit bias towards low rank would do"
    enough = fitted_depths(part)
    if not enough:
        return Finding(sentence, reference, Verdict.UNDECIDED, "no depth converged")
    deepest = part.sel(depth=enough[-1])
    difference = (deepest.fitted_weight_rank - deepest.minimal_weight_rank).where(
        deepest.fitted == 1
    )
    found = judge_shift(sentence, reference, difference, comparisons=comparisons)
    return found.saying(
        f"; medians by depth {medians(part, 'fitted_weight_rank')}; by the identity "
        f"{medians(part, 'identity_weight_rank')}; W* P "
        f"{float(part.minimal_weight_rank.median()):.4g}",
        before=f"depth {enough[-1]}: ",
    )


EXPERIMENT = Experiment(
    name="parameterization",
    title="Rank from initialisation to convergence, with default and with low-rank initial weights",
    reference="Observation 4, Figure 5",
    settings=_settings,
    cells=over(initialisation="initialisations", depth="depths", repeat="repeats"),
    compute=_compute,
    judge=_judge,
    shown=SHOWN,
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
