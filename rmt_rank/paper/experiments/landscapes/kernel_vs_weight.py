"""Figure 13: the rank of the linear kernel of images against that of the weight, random networks.

With C the second moments of the images, the kernel's non-zero spectrum is that of W_e C W_e^T, of
squared singular values, while the weight's rank is that of singular values.  Images far from white
lower the rank of the kernel.  If the mean makes up most of every image, a single direction, and its
image under the network, determine the rank.  The paper does not say whether images are centred;
both are here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank.metrics import matrix
from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict, decided, listed
from rmt_rank.paper.experiments.image_problems import images
from rmt_rank.paper.experiments.judges import SIGNIFICANCE, correlation

__all__ = ["EXPERIMENT", "Line", "line", "run", "verdict"]

Array = npt.NDArray[np.float64]

_REFERENCE = "Appendix J, Figure 13"

# Share of the variance of the kernel's rank that a line must explain to be called a linear
# relationship, and that a parabola may add to it.
_LINEAR, _CURVED = 0.9, 0.02
# Smallest rank correlation that is called almost one to one.
_ONE_TO_ONE = 0.95
# Share of the variance of a rank that must lie between depths for depth to dictate it.
_DICTATES = 0.5
_RESAMPLES = 499

_settings = by_size(
    data="digits",
    pixels=["as they are", "centred"],
    width=(6, 32, 32),
    images=(20, 256, 256),
    depths=([1, 2, 4], list(range(1, 17)), list(range(1, 17))),
    networks=(12, 50, 200),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    stream = np.random.default_rng(seed)
    pixels = images(settings["data"]).inputs
    if cell["pixels"] == "centred":
        pixels = pixels - pixels.mean(axis=0)
    count, width = settings["networks"], settings["width"]
    weight = np.stack([np.eye(pixels.shape[1])] * count)
    for _ in range(cell["depth"]):
        inputs = weight.shape[1]
        layer = stream.standard_normal((count, width, inputs)) / math.sqrt(inputs)
        weight = layer @ weight
    gram_rank = [
        gram_effective_rank(chosen @ each.T, "linear")
        for each in weight
        for chosen in [pixels[stream.choice(len(pixels), settings["images"], replace=False)]]
    ]
    return {
        "gram_rank": (("repeat",), np.array(gram_rank)),
        "weight_rank": (("repeat",), np.asarray(matrix.effective_rank(weight))),
    }


# --- what it says -----------------------------------------------------------------------------


class Line(NamedTuple):
    """The rank of the kernel as a linear function of that of the weight."""

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    explained: float  # share of the variance
    curved: float  # additional share that a parabola explains
    scatter: float  # standard deviation of the residuals, in nats


def line(part: Any) -> Line:
    """Least squares through the networks of all depths.

    Parameters
    ----------
    part : xarray.Dataset
        With `weight_rank` and `gram_rank`.
    """
    x, y = (np.ravel(part[name].values) for name in ("weight_rank", "gram_rank"))
    found = scipy.stats.linregress(x, y)
    left = y - found.slope * x - found.intercept
    parabola = np.polynomial.Polynomial.fit(x, y, 2)
    explained = float(found.rvalue**2)
    curved = 1 - float(np.var(y - parabola(x)) / np.var(y)) - explained
    return Line(
        float(found.slope),
        float(found.intercept),
        float(found.stderr),
        float(found.intercept_stderr),
        explained,
        curved,
        float(left.std(ddof=2)),
    )


def _judge(dataset: Any) -> list[Finding]:
    findings = []
    for pixels in dataset.pixels.values.tolist():
        part = dataset.sel(pixels=pixels).transpose("depth", "repeat", ...)
        findings += [_linear(part, pixels), _one_to_one(part, pixels)]
        findings += [_dictates(part, name, pixels) for name in ("weight_rank", "gram_rank")]
    return findings


def _linear(part: Any, pixels: str) -> Finding:
    found = line(part)
    low, high = _interval(math.sqrt(found.explained), part.gram_rank.size)
    verdict = decided(low**2 > _LINEAR, high**2 < _LINEAR)
    if verdict is Verdict.SUPPORTED and not found.curved < _CURVED:
        verdict = Verdict.IN_PART
    text = (
        f"{part.gram_rank.size} networks: slope {found.slope:.4f} +- {found.slope_error:.4f}, "
        f"intercept {found.intercept:.4f} +- {found.intercept_error:.4f}; a line explains "
        f"{found.explained:.3f} of the variance ({low**2:.3f} to {high**2:.3f}, against "
        f"{_LINEAR:g}), a parabola {found.curved:.3f} more (against {_CURVED:g}); scatter "
        f"{found.scatter:.3f} nats"
    )
    return Finding(
        f"The ranks of kernel and weight have a linear relationship (pixels {pixels}).",
        _REFERENCE,
        verdict,
        text,
    )


def _one_to_one(part: Any, pixels: str) -> Finding:
    """Verdict on one rank determining the other: over all networks, and within each depth."""
    over_all = correlation(part.weight_rank, part.gram_rank)
    pairs = zip(part.weight_rank.values, part.gram_rank.values, strict=True)
    inside = [correlation(weights, grams) for weights, grams in pairs]
    low, high = _interval(over_all, part.gram_rank.size)
    verdict = decided(low > _ONE_TO_ONE, high < _ONE_TO_ONE)
    # depth moves both ranks, so one to one must also hold at a fixed depth
    if verdict is Verdict.SUPPORTED and not np.median(inside) > _ONE_TO_ONE:
        verdict = Verdict.IN_PART
    shown = listed(part.depth.values, inside, ".2f")
    text = (
        f"Spearman's correlation {over_all:.3f} ({low:.3f} to {high:.3f}) over all networks, "
        f"against {_ONE_TO_ONE:g}; among networks of one depth {shown}"
    )
    return Finding(
        f"The ranks of kernel and weight are almost one to one (pixels {pixels}).",
        "Appendix J",
        verdict,
        text,
    )


def _interval(r: float, count: int) -> tuple[float, float]:
    """Confidence interval of a correlation, by Fisher's transform."""
    # the variance of Spearman's in that scale is up to (1 + r^2/2)/(n - 3)
    reach = scipy.stats.norm.isf(SIGNIFICANCE / 2) * math.sqrt((1 + r**2 / 2) / (count - 3))
    middle = math.atanh(min(abs(r), 1 - 1e-12)) * math.copysign(1, r)
    return math.tanh(middle - reach), math.tanh(middle + reach)


def _dictates(part: Any, name: str, pixels: str) -> Finding:
    """Verdict on most of the variance of a rank being between depths."""
    values = part[name].values
    stream = np.random.default_rng(0)
    again = [_between(stream.choice(values, values.shape[1], axis=1)) for _ in range(_RESAMPLES)]
    low, high = np.quantile(again, (SIGNIFICANCE / 2, 1 - SIGNIFICANCE / 2))
    verdict = decided(low > _DICTATES, high < _DICTATES)
    what = {"weight_rank": "weight", "gram_rank": "kernel"}[name]
    return Finding(
        f"The number of layers dictates the rank of the {what} (pixels {pixels}).",
        "Appendix J",
        verdict,
        f"{_between(values):.3f} of the variance is between depths ({low:.3f} to {high:.3f} by "
        f"bootstrap), against {_DICTATES:g}",
    )


def _between(values: Array) -> float:
    """Share of the variance between rows."""
    return float(values.mean(axis=1).var() / values.var())


EXPERIMENT = Experiment(
    name="kernel-vs-weight",
    title="Rank of the linear kernel of images against the rank of the weight",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(pixels="pixels", depth="depths"),
    compute=_compute,
    judge=_judge,
    shown=columns("weight_rank gram_rank"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
