"""Appendix D and Figure 10: several measures of rank on the same networks."""

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
    columns,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, in_all
from rmt_rank.paper.experiments.judges import correlation, judge_correlation, judge_shift
from rmt_rank.paper.experiments.trained.fitting import (
    SHOWN,
    judge_fitted,
    problem_of,
    train_to_the_end,
)

__all__ = ["EXPERIMENT", "run", "verdict"]

Array = npt.NDArray[np.float64]

_REFERENCE = "Appendix D, Figure 10"
# Threshold of the threshold rank, the paper's choice.
_TAU = 0.01

_MEASURES = {
    "weight_rank": "effective rank",
    "threshold_rank": f"threshold rank (tau = {_TAU:g})",
    "stable_rank": "stable rank",
    "nuclear_norm": "nuclear norm",
}

_settings = by_size(
    tolerance=1e-5,
    width=(8, 32, 32),
    task_rank=(6, 24, 24),
    examples=(6, 24, 24),
    depths=([1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 16, 32]),
    repeats=(4, 8, 9),
    steps=(150, 4000, 4000),
    last_steps=(1000, 5000, 5000),
    last_depth=(3, 8, 8),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    problem = problem_of(settings, shared_seed(seed, problem=cell["repeat"]))
    network = LinearNetwork((settings["width"],) * (cell["depth"] + 1))
    return train_to_the_end(problem, network, settings, seed)


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    dataset = dataset.sel(threshold=_TAU)
    falls = {name: _falls(dataset, name) for name in _MEASURES}
    agree = {words: falls[name] for name, words in _MEASURES.items() if name != "nuclear_norm"}
    findings = [
        *falls.values(),
        in_all("Measures of rank agree that it falls with depth.", _REFERENCE, agree),
    ]
    for name, words in _MEASURES.items():
        if name != "weight_rank":
            findings.append(
                judge_correlation(
                    f"Through training and over depths the {words} orders networks as effective "
                    "rank does.",
                    _REFERENCE,
                    _through_training(dataset, name, "weight_rank"),
                    comparisons=len(_MEASURES) - 1,
                )
            )
    findings.append(_magnitude(dataset))
    return findings


def _falls(dataset: Any, name: str) -> Finding:
    return judge_fitted(
        f"The {_MEASURES[name]} of the weight falls with depth, at zero training error.",
        _REFERENCE,
        dataset,
        f"fitted_{name}",
        comparisons=len(_MEASURES),
    )


def _through_training(dataset: Any, first: str, second: str) -> Array:
    """A correlation for each repeat, over depths and recorded steps."""
    pairs = (
        dataset[f"{name}_path"].transpose("repeat", "depth", "step").values
        for name in (first, second)
    )
    return np.array([correlation(a, b) for a, b in zip(*pairs, strict=True)])


def _magnitude(dataset: Any) -> Finding:
    """Verdict on the nuclear norm being nearer to the Frobenius norm than to a rank."""
    size, rank = (
        _through_training(dataset, "nuclear_norm", name)
        for name in ("frobenius_norm", "weight_rank")
    )
    found = judge_shift(
        "The nuclear norm follows the magnitude of the singular values more than their ratios.",
        "ours, on Appendix D, which says that it can be any number, by scale",
        rank - size,
    )
    return found.saying(
        f"; medians {np.median(rank):.2f} and {np.median(size):.2f}",
        before="correlation with effective rank less that with the Frobenius norm, ",
    )


EXPERIMENT = Experiment(
    name="rank-measures",
    title="Effective, threshold and stable rank and the nuclear norm through training, over depth",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(depth="depths", repeat="repeats"),
    compute=_compute,
    judge=_judge,
    shown=SHOWN
    + columns("fitted_threshold_rank fitted_stable_rank fitted_nuclear_norm fitted_frobenius_norm"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
