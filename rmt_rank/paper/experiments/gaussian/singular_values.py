"""Figure 7: singular values of random products against Eq. 5, widths 32 and 256."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.array import to_numpy
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    namespace_in,
    over,
)
from rmt_rank.paper.experiments.findings import Finding, decided
from rmt_rank.paper.experiments.judges import judge_over
from rmt_rank.simulation.products.sampling import sample_singular_values
from rmt_rank.theory import gaussian
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

__all__ = ["EXPERIMENT", "run", "verdict"]

Array = npt.NDArray[np.float64]

_REFERENCE = "Figure 7"

# Histograms reach this far beyond the edge of the law, and have this many bins.
_BEYOND = 1.12
_BINS = 56
# Histograms of logarithms start at this quantile of the law.
_SMALLEST = 1e-2
# Probability that sampling alone makes a distance exceed its bound.
_FALSE_ALARM = 1e-6
# A difference of distances counts from this many standard errors.
_ERRORS = 5
_POINTS_PER_LEVEL = 4

_settings = by_size(
    # by width
    draws=({"8": 40, "16": 10}, {"32": 1000, "256": 20}, {"32": 1000, "256": 20}),
    depths=([1, 2, 4], [1, 2, 4, 8], [1, 2, 4, 8]),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    width, depth = cell["width"], cell["depth"]
    draws = settings["draws"][str(width)]
    drawn = sample_singular_values(width, depth, draws, rng=seed, xp=namespace_in(settings))
    sigma = to_numpy(drawn)
    edge = float(gaussian.singular_value_law.support(depth)[1])
    edges = np.linspace(0, _BEYOND * edge, _BINS + 1)
    first = math.log(float(gaussian.singular_value_law.ppf(_SMALLEST, depth)))
    log_edges = np.linspace(first, math.log(_BEYOND * edge), _BINS + 1)
    # widths differ in the number of draws
    ranks = np.full(max(settings["draws"].values()), np.nan)
    ranks[:draws] = effective_rank(sigma)
    arrays: Arrays = {
        "rank": (("repeat",), ranks),
        "edges": (("edge",), edges),
        "density": (("bin",), _histogram(sigma, edges)),
        "log_edges": (("edge",), log_edges),
        "log_density": (("bin",), _histogram(np.log(sigma), log_edges)),
    }
    scalars = _distances(sigma, depth)
    scalars["limit_rank"] = math.log(width) + float(differential_effective_rank(depth))
    return arrays | {name: ((), np.array(value)) for name, value in scalars.items()}


def _histogram(values: Array, edges: Array) -> Array:
    """Density of values in bins, normalised by the number of all values."""
    counts, _ = np.histogram(values, edges)
    return np.asarray(counts / (values.size * np.diff(edges)))


def _distances(sigma: Array, depth: int) -> dict[str, float]:
    """Distances of all singular values from Eq. 5, and the contribution of sampling to them.

    Returns
    -------
    dict of str to float
        `distance`, Kolmogorov's, and `bound`, half a level, 1/(2 width), and sampling;
        `mean_distance` over quantiles of the law, `_POINTS_PER_LEVEL` to a level, and its standard
        error.  Singular values of one matrix repel each other, so errors are those of means over
        matrices.
    """
    draws, width = sigma.shape
    pooled = np.sort(gaussian.singular_value_law.cdf(sigma, depth).ravel())
    steps = np.arange(pooled.size + 1) / pooled.size
    points = _POINTS_PER_LEVEL * width
    levels = np.arange(1, points) / points
    quantiles = gaussian.singular_value_law.ppf(levels, depth)
    below = np.stack([np.searchsorted(row, quantiles) for row in np.sort(sigma)]) / width
    error = below.std(axis=0, ddof=1) / math.sqrt(draws)
    allowed = float(scipy.stats.t.isf(_FALSE_ALARM / (2 * points), draws - 1))
    return {
        "distance": float(max(np.max(steps[1:] - pooled), np.max(pooled - steps[:-1]))),
        "bound": 0.5 / width + allowed * float(np.max(error)),
        "mean_distance": float(np.mean(np.abs(below.mean(axis=0) - levels))),
        # at most: as if all levels moved together
        "mean_distance_error": float(np.mean(error)),
    }


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    widths = dataset.width.values.tolist()
    findings = [_matches(dataset.sel(width=width), width) for width in widths]
    findings.append(_closer(dataset.sel(width=widths[0]), dataset.sel(width=widths[-1])))
    findings += [
        judge_over(
            f"Deeper products have lower effective rank (width {width}).",
            _REFERENCE,
            dataset.sel(width=width),
            "rank",
            falls=True,
            flag=None,
            comparisons=len(widths),
        )
        for width in widths
    ]
    return findings


def _matches(part: Any, width: int) -> Finding:
    """Verdict on the distance from the law being within the known effect of a finite width."""
    holds = bool((part.distance <= part.bound).all())
    return Finding(
        f"Singular values of {width} x {width} products follow Eq. 5, to half a level.",
        _REFERENCE,
        decided(holds),
        f"Kolmogorov's distance, by depth: {_by_depth(part)}; bounds are 1/(2 width) = "
        f"{0.5 / width:.4f} and sampling, false alarms {_FALSE_ALARM:g}",
    )


def _by_depth(part: Any) -> str:
    rows = zip(part.depth.values, part.distance.values, part.bound.values, strict=True)
    return ", ".join(f"{depth}: {found:.4f} (bound {bound:.4f})" for depth, found, bound in rows)


def _closer(narrow: Any, wide: Any) -> Finding:
    """Verdict on wider products being closer to the law, in the mean over depths."""
    gap = float((narrow.mean_distance - wide.mean_distance).mean())
    parts = np.concatenate([part.mean_distance_error.values for part in (narrow, wide)])
    error = float(np.linalg.norm(parts)) / narrow.depth.size
    verdict = decided(gap > _ERRORS * error, -gap > _ERRORS * error)
    distances = " and ".join(f"{float(part.mean_distance.mean()):.4f}" for part in (narrow, wide))
    return Finding(
        f"The match is closer at width {int(wide.width)} than at width {int(narrow.width)}.",
        _REFERENCE,
        verdict,
        f"mean distance of distribution functions over levels and depths {distances}; difference "
        f"{gap:+.4f} +- {error:.4f}, {_ERRORS} errors are asked for",
    )


EXPERIMENT = Experiment(
    name="singular-values",
    title="Singular values of random products against Eq. 5",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(width="draws", depth="depths"),
    compute=_compute,
    judge=_judge,
    shown=columns("distance bound rank limit_rank"),
    backends=("numpy", "cupy"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
