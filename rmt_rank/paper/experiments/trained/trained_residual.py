"""Appendix C and Figure 9: linear networks with residual connections, and batch normalisation.

Whether the rank levels off depends on the scale.  At fixed variance of the branches every layer
lowers it, at initialisation, only less than in a plain network; with the variance of a branch in
proportion to 1/depth it stays near that of one layer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict, listed
from rmt_rank.paper.experiments.judges import ENOUGH, judge_over, judge_shift
from rmt_rank.paper.experiments.trained.fitting import (
    SHOWN,
    fitted_depths,
    judge_fitted,
    medians,
    problem_of,
    train_to_the_end,
)

__all__ = ["EXPERIMENT", "run", "verdict"]

_REFERENCE = "Appendix C, Figure 9"

# A rank that falls by less than this, in nats, is said to stay: half the effect of the second layer
# of a plain network.
_MARGIN = 0.1

_NETWORKS = {
    "plain": "plain networks",
    "residual": "residual networks",
    "residual-small": "residual networks, branches of variance ~ 1/depth",
    "residual-batch-norm": "residual networks with batch normalisation",
}

_settings = by_size(
    networks=list(_NETWORKS),
    tolerance=1e-4,
    width=(6, 32, 32),
    task_rank=(2, 4, 4),
    examples=(4, 16, 16),
    depths=([1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 16, 32]),
    repeats=(2, 3, 10),
    steps=(60, 1000, 2000),
    last_steps=(1000, 500, 5000),
    last_depth=(2, 8, 16),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    problem = problem_of(settings, shared_seed(seed, problem=cell["repeat"]))
    network, depth = cell["network"], cell["depth"]
    shape = LinearNetwork(
        (settings["width"],) * (depth + 1),
        skip=0 if network == "plain" else 1,
        batch_norm=network == "residual-batch-norm",
    )
    return train_to_the_end(problem, shape, settings, seed, scale=_scale(network, depth))


def _scale(network: str, depth: int) -> float:
    """Standard deviation of weights, in units of 1/sqrt(width)."""
    if network == "plain":
        return 1.0
    # variance 1/(3 width) is the default of deep-learning libraries: uniform to 1/sqrt(width)
    return math.sqrt((1 / depth if network == "residual-small" else 1) / 3)


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    parts = {name: dataset.sel(network=name) for name in dataset.network.values.tolist()}
    residual = {name: part for name, part in parts.items() if name != "plain"}
    findings = [_falls(name, part) for name, part in parts.items()]
    findings += [
        _stays(name, part, parts["plain"], first, len(residual))
        for first in (int(dataset.depth[0]), _later(dataset))
        for name, part in residual.items()
    ]
    findings.append(_unstable(parts))
    findings += [_at_initialisation(name, part, len(residual)) for name, part in residual.items()]
    return findings


def _later(dataset: Any) -> int:
    """First depth at which the rank should be level: 8, as in the paper, or half the largest."""
    depths = dataset.depth.values.tolist()
    return 8 if max(depths) > 8 else depths[len(depths) // 2]


def _falls(name: str, part: Any) -> Finding:
    found = judge_fitted(
        f"Rank falls with depth at zero training error ({_NETWORKS[name]}).",
        _REFERENCE,
        part,
        "fitted_weight_rank",
        comparisons=len(_NETWORKS),
    )
    return found.saying(
        f"; the solution of least norm {float(part.minimal_weight_rank.median()):.4g}; where "
        f"gradient descent ended {medians(part, 'weight_rank')}, at training losses "
        f"{medians(part, 'loss')}"
    )


def _stays(name: str, part: Any, plain: Any, first: int, comparisons: int) -> Finding:
    """Verdict on the rank changing by less than the margin up to the deepest that converged."""
    start = "one layer" if first == 1 else f"{first} layers"
    sentence = f"The rank falls by less than {_MARGIN:g} from {start} on ({_NETWORKS[name]})."
    enough = [d for d in fitted_depths(part) if d >= first]
    if len(enough) < 2 or enough[0] != first:
        depths = ", ".join(map(str, fitted_depths(part))) or "none"
        text = f"too few runs converged; depths where {ENOUGH:.0%} did: {depths}"
        return Finding(sentence, _REFERENCE, Verdict.UNDECIDED, text)
    fall = _fall(part, first, enough[-1])
    found = judge_shift(sentence, _REFERENCE, fall - _MARGIN, comparisons=comparisons)
    words = (
        f"fall from depth {first} to {enough[-1]}, median {float(fall.median()):.3f}, less "
        f"{_MARGIN:g}: "
    )
    text = ""
    shared = [d for d in fitted_depths(plain) if first < d <= enough[-1]]
    if shared and first in fitted_depths(plain):
        other = float(_fall(plain, first, shared[-1]).median())
        text = f"; plain networks fall by {other:.3f} to depth {shared[-1]}"
    return found.saying(text, before=words)


def _fall(part: Any, first: int, last: int) -> Any:
    rank = part.fitted_weight_rank.where(part.fitted == 1)
    return rank.sel(depth=first) - rank.sel(depth=last)


def _unstable(parts: Mapping[str, Any]) -> Finding:
    """Verdict on outputs growing with depth without normalisation, and the effect on training."""
    part, normalised = parts["residual"], parts["residual-batch-norm"]
    found = judge_over(
        "The output of residual networks without batch normalisation grows with depth.",
        _REFERENCE,
        part,
        "initial_loss",
        falls=False,
        flag=None,
    )
    text = ""
    for name, each in (("without", part), ("with", normalised)):
        rates = medians(each, "learning_rate")
        share = each.fitted.astype(float).mean("repeat").values
        fitted = listed(each.depth.values, share, ".0%")
        text += (
            f"; {name} batch normalisation: medians by depth {medians(each, 'initial_loss')}, "
            f"best learning rate {rates}, zero training error {fitted}"
        )
    return found.saying(text, before="initial loss, ")


def _at_initialisation(name: str, part: Any, comparisons: int) -> Finding:
    found = judge_over(
        f"Before training, too, rank falls with depth ({_NETWORKS[name]}).",
        "ours: proved for infinite width at a fixed variance of the branches",
        part,
        "initial_weight_rank",
        falls=True,
        flag=None,
        comparisons=comparisons,
    )
    return found.saying(f"; medians by depth {medians(part, 'initial_weight_rank')}")


EXPERIMENT = Experiment(
    name="residual",
    title="Rank of plain and residual networks, with and without batch normalisation, over depth",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(network="networks", depth="depths", repeat="repeats"),
    compute=_compute,
    judge=_judge,
    shown=("initial_weight_rank", "initial_loss", *SHOWN),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
