"""Figure 12: the rank of the Gram matrix on planes, ReLU networks of two layers against four.

ReLU networks do not change shape when their weights are scaled, the cosine does not see scales, and
at every point of the plane the layers are Gaussian matrices times sqrt(1 + alpha^2 + beta^2): the
rank has one law on the whole plane, that of a fresh random network.  So the share of the plane
below a rank is on average the probability of it in Figure 1.

The paper does not say whether features are outputs, after a last linear layer, or activations,
after a last ReLU; both are here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding
from rmt_rank.paper.experiments.landscapes.planes import (
    anywhere_as_at_the_origin,
    judge_planes,
    landscapes,
    positions,
    volumes,
)

__all__ = ["DEEP", "EXPERIMENT", "SHALLOW", "run", "verdict"]

Array = npt.NDArray[np.float64]

_REFERENCE = "Appendix I, Figure 12"

DEEP, SHALLOW = "four layers", "two layers"
_DEPTHS = {SHALLOW: 2, DEEP: 4}

_settings = by_size(
    features=["outputs", "activations"],
    reaches=[1, 3],
    width=(6, 32, 32),
    inputs=(12, 128, 128),
    points=(7, 51, 51),
    planes=(4, 64, 600),
    plane_points=(5, 7, 11),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    # the same planes in all cells
    stream = np.random.default_rng(shared_seed(seed, planes=settings["planes"]))
    width, planes = settings["width"], settings["planes"]
    inputs = stream.standard_normal((planes, settings["inputs"], width))
    # weights, u and v
    layers = {
        name: stream.standard_normal((planes, 3, depth, width, width)) / math.sqrt(width)
        for name, depth in _DEPTHS.items()
    }
    last = cell["features"] == "activations"
    at = positions(cell["reach"], settings["points"])
    picture = {name: _on_plane(inputs[0], each[0], at, last) for name, each in layers.items()}
    at = positions(cell["reach"], settings["plane_points"])
    ranks = {
        name: np.stack([_on_plane(*plane, at, last) for plane in zip(inputs, each, strict=True)])
        for name, each in layers.items()
    }
    return landscapes(picture, settings["points"]) | volumes(ranks, DEEP, SHALLOW)


def _on_plane(inputs: Array, layers: Array, at: Array, last: bool) -> Array:
    """Ranks of the cosine Gram matrix on one plane, one row per beta.

    Parameters
    ----------
    inputs : ndarray, shape (samples, n)
        One per row.
    layers : ndarray, shape (3, depth, n, n)
        Weights, u and v.
    at : ndarray, shape (points,)
        Values of alpha and beta.
    last : bool
        Whether a ReLU follows the last layer too.
    """
    weights, u, v = layers
    rows = []
    for beta in at:
        # layer by layer, for all alpha at once
        signal: Array = inputs
        for i in range(len(weights)):
            moved = weights[i] + at[:, np.newaxis, np.newaxis] * u[i] + beta * v[i]
            signal = signal @ moved.swapaxes(-1, -2)
            if last or i < len(weights) - 1:
                signal = np.maximum(signal, 0)
        rows.append(gram_effective_rank(signal))
    return np.stack(rows)


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    cases = [
        (f, r) for f in dataset.features.values.tolist() for r in dataset.reach.values.tolist()
    ]
    findings = []
    for features, reach in cases:
        part = dataset.sel(features=features, reach=reach)
        where = f"({features}, alpha and beta up to {reach})"
        findings += judge_planes(part, "four-layer", _REFERENCE, where, DEEP, SHALLOW, len(cases))
        findings += [
            anywhere_as_at_the_origin(
                f"The mean rank of {network} over the plane is that at the origin {where}.",
                "ours, proved: one law at all points",
                part,
                network,
                comparisons=2 * len(cases),
            )
            for network in _DEPTHS
        ]
    return findings


EXPERIMENT = Experiment(
    name="kernel-landscape",
    title="Rank of the Gram matrix on random planes: ReLU networks of two layers and of four",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(features="features", reach="reaches"),
    compute=_compute,
    judge=_judge,
    shown=columns("share mean_rank origin_rank lower"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
