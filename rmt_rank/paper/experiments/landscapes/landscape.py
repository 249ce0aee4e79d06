"""Figure 11: the rank of the weight on planes, one layer against two.

Two layers: (W2 + alpha u2 + beta v2)(W1 + alpha u1 + beta v1), all entries of variance 1/width.
At every point of the plane the factors are Gaussian matrices times sqrt(1 + alpha^2 + beta^2), so
the rank has one law on the whole plane, that of a random product of two.  One layer: W + alpha U +
beta V with W = W2 W1 and Gaussian U, V.  It starts at a point that is not typical of one layer, and
leaves it.  Other directions show whether the choice of directions matters: directions with the law
of a product of two; changes as long as those of the two layers at the same point; and the change of
the two layers to first order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.metrics import matrix
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
    more_volume,
    positions,
    volumes,
)

__all__ = ["DEEP", "EXPERIMENT", "SHALLOW", "run", "verdict"]

Array = npt.NDArray[np.float64]

_REFERENCE = "Appendix I, Figure 11"

DEEP, SHALLOW = "two layers", "one layer"
# One layer, moved along directions that are closer to those of two layers.
_FAIRER = {
    "one layer, product": "directions with the law of a product of two layers",
    "one layer, matched": "changes as long as those of the two layers",
    "one layer, first order": "the change of the two layers to first order",
}

_settings = by_size(
    reaches=[1, 3],
    width=(6, 32, 32),
    points=(7, 51, 51),
    planes=(4, 64, 400),
    plane_points=(5, 11, 11),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    # the same planes at every reach
    stream = np.random.default_rng(shared_seed(seed, planes=settings["planes"]))
    shape = (settings["planes"], 3, 2, settings["width"], settings["width"])
    layers, lone, product = (
        stream.standard_normal(shape) / math.sqrt(settings["width"]) for _ in range(3)
    )
    found: list[dict[str, Array]] = []
    for count, planes in ((settings["points"], 1), (settings["plane_points"], settings["planes"])):
        at = positions(cell["reach"], count)
        drawn = zip(layers[:planes], lone[:planes], product[:planes], strict=True)
        parts = [_on_plane(*each, at) for each in drawn]
        found.append({name: np.stack([part[name] for part in parts]) for name in parts[0]})
    picture = {name: values[0] for name, values in found[0].items()}
    return landscapes(picture, settings["points"]) | volumes(found[1], DEEP, SHALLOW)


def _on_plane(layers: Array, lone: Array, product: Array, at: Array) -> dict[str, Array]:
    """Ranks of all networks on one plane, one row per beta.

    Parameters
    ----------
    layers : ndarray, shape (3, 2, n, n)
        Weights, u and v, of both layers.
    lone, product : ndarray, shape (3, 2, n, n)
        Matrices that directions of one layer are made of, the first of the three not used.
    at : ndarray, shape (points,)
        Values of alpha and beta.
    """
    rows = [_on_row(layers, lone[1:, 0], product[1:, 1] @ product[1:, 0], at, b) for b in at]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _on_row(
    layers: Array, gaussian: Array, product: Array, alpha: Array, beta: float
) -> dict[str, Array]:
    (w1, w2), (u1, u2), (v1, v2) = layers
    origin = w2 @ w1

    def moved(start: Array, u: Array, v: Array) -> Array:
        return np.asarray(start + alpha[:, np.newaxis, np.newaxis] * u + beta * v)

    deep = moved(w2, u2, v2) @ moved(w1, u1, v1)
    shallow = moved(origin, *gaussian)
    lengths = (
        np.linalg.norm(deep - origin, axis=(1, 2)),
        np.linalg.norm(shallow - origin, axis=(1, 2)),
    )
    stretch = lengths[0] / np.where(lengths[1] > 0, lengths[1], 1)
    weights = {
        DEEP: deep,
        SHALLOW: shallow,
        "one layer, product": moved(origin, *product),
        "one layer, matched": origin + stretch[:, np.newaxis, np.newaxis] * (shallow - origin),
        "one layer, first order": moved(origin, u2 @ w1 + w2 @ u1, v2 @ w1 + w2 @ v1),
    }
    return {name: np.asarray(matrix.effective_rank(each)) for name, each in weights.items()}


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    reaches = dataset.reach.values.tolist()
    findings = []
    for reach in reaches:
        part, where = dataset.sel(reach=reach), f"(alpha and beta up to {reach})"
        findings += judge_planes(part, "two-layer", _REFERENCE, where, DEEP, SHALLOW, len(reaches))
        findings += [
            more_volume(
                f"Two layers have more low-rank volume than one that takes {meaning} {where}.",
                "ours: whether the directions decide",
                part,
                DEEP,
                name,
                comparisons=len(reaches) * len(_FAIRER),
            )
            for name, meaning in _FAIRER.items()
        ]
        findings += [
            anywhere_as_at_the_origin(
                f"The mean rank of {network} over the plane is that at the origin {where}.",
                reference,
                part,
                network,
                comparisons=2 * len(reaches),
            )
            for network, reference in (
                (DEEP, "ours, proved: one law at all points"),
                (SHALLOW, "ours: one layer begins where it is not typical"),
            )
        ]
    return findings


EXPERIMENT = Experiment(
    name="landscape",
    title="Rank of the weight on random planes: one layer against two",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(reach="reaches"),
    compute=_compute,
    judge=_judge,
    shown=columns("share mean_rank origin_rank lower"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
