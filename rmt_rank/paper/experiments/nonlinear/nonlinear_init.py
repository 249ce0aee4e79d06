"""Nonlinear networks before training: effective rank of the Gram matrix, theory and simulation.

q = 8n standard Gaussian inputs of n features pass layers of width n.  Each mean rank stands beside
two predictions: the limit of n and q growing together, and that of infinite width at these inputs,
which for odd activations never falls with depth: what falls there is an effect of the width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rmt_rank._lib.array import to_numpy
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    namespace_in,
    over,
)
from rmt_rank.paper.experiments.findings import Finding, decided, listed
from rmt_rank.paper.experiments.judges import judge_drops
from rmt_rank.simulation.means.gram_formulas import gram_rank_by_formula
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks
from rmt_rank.theory.nonlinear.neural_kernel import neural_kernel_effective_rank

__all__ = ["EXPERIMENT", "run", "verdict"]

# Weight variances (times the width of the layer before): 2 is what SIREN's hidden layers have.
_VARIANCE = {"identity": 1.0, "tanh": 1.0, "erf": 1.0, "sine": 2.0, "relu": 2.0, "gelu": 1.0}
_ODD = ("identity", "tanh", "erf", "sine")

_RATIO = 8

_settings = by_size(
    activations=(["identity", "relu"], list(_VARIANCE), list(_VARIANCE)),
    # by width
    samples=({"16": 40}, {"32": 400, "128": 24}, {"32": 4000, "128": 240, "512": 40}),
    depths=([1, 2], [1, 2, 4, 8], [1, 2, 4, 8]),
)

# Inputs beyond which the kernel of infinite width is left out: it is a matrix of that side.
_LARGEST_KERNEL = 1024


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    name, n, depths = cell["activation"], cell["width"], settings["depths"]
    q, variance = _RATIO * n, _VARIANCE[name]
    simulated, drawn = seed.spawn(2)
    drawn_ranks = sample_gram_effective_ranks(
        (q, n),
        depths,
        name,
        settings["samples"][str(n)],
        weight_variance=variance,
        rng=simulated,
        xp=namespace_in(settings),
    )
    ranks = to_numpy(drawn_ranks)
    # the formula is also shown outside its regime, but judged only inside
    predicted = [gram_rank_by_formula(n, d, q, name, weight_variance=variance) for d in depths]
    infinite = np.full(len(depths), math.nan)
    if q <= _LARGEST_KERNEL:
        inputs = np.random.default_rng(drawn).standard_normal((q, n))
        infinite = np.asarray(
            neural_kernel_effective_rank(inputs, depths, name, weight_variance=variance)
        )
    found = {
        "mean_rank": ranks.mean(axis=0),
        "standard_error": ranks.std(axis=0, ddof=1) / math.sqrt(len(ranks)),
        "limit": np.array([each.value for each in predicted]),
        "allowed": np.array([each.error for each in predicted]),
        "infinite_width": infinite,
    }
    found["misfit"] = found["mean_rank"] - found["limit"]
    arrays: Arrays = {"depth": (("depth",), np.array(depths))}
    return arrays | {key: (("depth",), values) for key, values in found.items()}


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    findings = []
    for name in dataset.activation.values.tolist():
        part = dataset.sel(activation=name)
        findings += [_quality(name, part), _falls(name, part)]
        if name in _ODD and name != "identity":
            findings.append(_infinite(name, part))
    return findings


def _quality(name: str, part: Any) -> Finding:
    status = "verified" if name in _ODD else "conjectured"
    # deeper than a tenth of the width the formula is not offered
    inside = part.depth <= part.width / 10
    z = (abs(part.misfit) / (part.allowed + 4 * part.standard_error)).where(inside)
    by_width = abs(part.misfit).where(inside).max("depth")
    shown = listed(part.width.values, by_width.values)
    return Finding(
        f"The limit of comparable width holds to its stated error ({name}).",
        f"ours, {status}",
        decided(float(z.max()) <= 1),
        f"largest misfit over the stated error with four standard errors {float(z.max()):.2f}; "
        f"largest misfit by width {shown}",
    )


def _falls(name: str, part: Any) -> Finding:
    return judge_drops(
        f"At initialisation deeper networks have Gram matrices of lower rank ({name}).",
        "Observation 1, Figure 1",
        part.mean_rank.transpose("width", "depth"),
        part.standard_error.transpose("width", "depth"),
    )


def _infinite(name: str, part: Any) -> Finding:
    known = part.infinite_width.dropna("width")
    rise = known.diff("depth").values
    least = float(rise.min()) if rise.size else math.nan
    return Finding(
        f"It does so at infinite width ({name}).",
        "Observation 1; ours: for odd activations it never falls",
        decided(not least > -1e-9),
        f"smallest change from depth to depth {least:+.2g} nat",
    )


EXPERIMENT = Experiment(
    name="nonlinear-init",
    title="Rank of Gram matrices of nonlinear networks before training, theory and simulation",
    reference="Observation 1, Figure 1",
    settings=_settings,
    cells=over(activation="activations", width="samples"),
    compute=_compute,
    judge=_judge,
    shown=columns("mean_rank standard_error limit misfit allowed infinite_width"),
    backends=("numpy", "cupy"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
