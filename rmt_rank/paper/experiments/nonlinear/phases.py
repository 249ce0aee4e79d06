"""Phases of infinitely wide networks: the rank at great depth, by activation and variance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict, decided
from rmt_rank.theory.nonlinear.correlation_maps import correlations
from rmt_rank.theory.nonlinear.phases import critical_weight_variance, phase

__all__ = ["EXPERIMENT", "run", "verdict"]

_ACTIVATIONS = ("identity", "relu", "gelu", "tanh", "erf", "sine")
# A rank below this, in nats, counts as lost.
_NOTHING = 1e-9

# Correlation of the two inputs that are followed; odd activations leave 0 unchanged.
_START = 0.5

_settings = by_size(
    # inputs of the paper's Figure 1; weight variances from least to most, in logarithms
    samples=256,
    least=0.25,
    most=4.0,
    activations=(["relu", "tanh"], list(_ACTIVATIONS), list(_ACTIVATIONS)),
    points=(5, 41, 121),
    depths=([1, 4, 16], [1, 2, 4, 8, 16, 32, 64], [1, 2, 4, 8, 16, 32, 64, 128]),
)


def _compute(settings: Mapping[str, Any], cell: Cell, _seed: np.random.SeedSequence) -> Arrays:
    name = cell["activation"]
    # 1 and 2 are among them exactly
    variances = np.geomspace(settings["least"], settings["most"], settings["points"])
    q = settings["samples"]
    phases = [phase(name, variance) for variance in variances]
    limits = [each.limit_rank(q) for each in phases]
    arrays: Arrays = {
        "weight_variance": (("weight_variance",), variances),
        "depth": (("depth",), np.array(settings["depths"])),
        "slope": (("weight_variance",), np.array([each.slope for each in phases])),
        "limit_rank": (
            ("weight_variance",),
            np.array([math.nan if rank is None else rank for rank in limits]),
        ),
        "frozen": (("weight_variance",), np.array([each.correlation is None for each in phases])),
    }
    deepest, at = max(settings["depths"]), np.array(settings["depths"])
    passed = [
        correlations(name, deepest, correlation=_START, weight_variance=v).correlation[at]
        for v in variances
    ]
    arrays["correlation"] = (("weight_variance", "depth"), np.array(passed))
    arrays["critical"] = ((), np.array(_critical(name)))
    return arrays


def _critical(name: str) -> float:
    try:
        return critical_weight_variance(name)
    except ValueError:
        return math.nan


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    return [_loses(name, dataset.sel(activation=name)) for name in dataset.activation.values]


def _loses(name: str, part: Any) -> Finding:
    """Verdict on the rank tending to 0: at all, some or none of the weight variances."""
    rank, count = part.limit_rank.values, part.weight_variance.size
    lost, kept = int(np.sum(rank < _NOTHING)), int(np.sum(part.frozen == 1))
    return Finding(
        f"At infinite width depth takes all of the rank ({name}).",
        "ours, on Observation 1",
        Verdict.IN_PART if 0 < lost < count else decided(lost),
        f"of {count} weight variances from {float(part.weight_variance[0]):g} to "
        f"{float(part.weight_variance[-1]):g} the rank tends to 0 at {lost}, to a limit above it "
        f"at {count - lost - kept}, and stays near where the first layers left it at {kept}; "
        f"critical variance {float(part.critical):.4g}",
    )


EXPERIMENT = Experiment(
    name="phases",
    title="What depth leaves of the rank at infinite width, by activation and weight variance",
    reference="Observation 1",
    settings=_settings,
    cells=over(activation="activations"),
    compute=_compute,
    judge=_judge,
    shown=columns("critical"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
