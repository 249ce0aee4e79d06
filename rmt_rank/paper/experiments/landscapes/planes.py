"""Planes through parameter space, and the share of them on which the rank is low.

A network's weights W move along two random directions, W + alpha u + beta v.  The share of the
square |alpha|, |beta| <= reach on which the rank is below a threshold is its low-rank volume;
planes are drawn many times, and networks are compared on the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank.paper.experiments.experiment import Arrays
from rmt_rank.paper.experiments.findings import Finding, Verdict, decided
from rmt_rank.paper.experiments.judges import SIGNIFICANCE

__all__ = [
    "almost_always_lower",
    "anywhere_as_at_the_origin",
    "judge_planes",
    "landscapes",
    "more_volume",
    "positions",
    "volumes",
]

Array = npt.NDArray[np.float64]

# Thresholds this far below the rank at the origin, in nats: half of the effect of a second layer,
# and the standard deviation of the rank of a product of two layers of width 32.
_LOWER = (0.1, 0.02)
_OFFSETS = np.round(np.linspace(-2, 1, 151), 2)
_QUANTILES = (0.1, 0.25, 0.5)
# Share of planes that is "almost always".
_ALMOST = 0.9
# Mean ranks nearer than this, in nats, count as equal: about half the effect of a layer at depth 8.
_SAME = 0.05


def positions(reach: float, points: int) -> Array:
    """Values of alpha and of beta; the origin is among them where their number is odd."""
    return np.linspace(-reach, reach, points)


def landscapes(ranks: Mapping[str, Array], points: int) -> Arrays:
    """Arrays of the ranks on a plane, for the figure.

    Parameters
    ----------
    ranks : mapping of str to ndarray, shape (points, points)
        By name of the network; rows are values of beta.
    points : int
        Number of values of alpha and of beta.
    """
    unit = positions(1.0, points)
    return {
        "network": (("network",), np.array(list(ranks))),
        "alpha": (("alpha",), unit),
        "beta": (("beta",), unit),
        "rank": (("network", "beta", "alpha"), np.stack(list(ranks.values()))),
    }


def volumes(ranks: Mapping[str, Array], deep: str, shallow: str) -> Arrays:
    """Shares of planes below thresholds, and the other quantities that are compared.

    Parameters
    ----------
    ranks : mapping of str to ndarray, shape (planes, points, points)
        By name of the network; the origin is in the middle.
    deep, shallow : str
        The two networks that the paper compares.  Thresholds are the rank of the shallow one at the
        origin, and less 0.1 and 0.02 nats, and quantiles of both together, for each plane.

    Returns
    -------
    dict
        `share` below each threshold; `below` the rank at the origin plus each offset, the mean over
        planes, and its quartiles; `mean_rank` over the plane, `origin_rank`, and `lower`, the share
        of the plane on which the deep network has the lower rank.
    """
    flat = {name: values.reshape(len(values), -1) for name, values in ranks.items()}
    middle = flat[deep].shape[1] // 2
    origin = flat[shallow][:, middle, np.newaxis]
    both = np.concatenate([flat[deep], flat[shallow]], axis=1)
    thresholds = {f"origin - {d:g}": origin - d for d in _LOWER} | {"origin": origin}
    thresholds |= {
        f"quantile {q:g}": np.quantile(both, q, axis=1)[:, np.newaxis] for q in _QUANTILES
    }

    def stacked(function: Any) -> Array:
        return np.stack([function(values) for values in flat.values()])

    def below(limits: list[Array]) -> Array:
        return stacked(lambda values: np.stack([(values < t).mean(axis=1) for t in limits]))

    curves = below([origin + d for d in _OFFSETS])
    low, high = np.quantile(curves, (0.25, 0.75), axis=-1)
    return {
        "network": (("network",), np.array(list(ranks))),
        "threshold": (("threshold",), np.array(list(thresholds))),
        "offset": (("offset",), _OFFSETS),
        "share": (("network", "threshold", "repeat"), below(list(thresholds.values()))),
        "below": (("network", "offset"), curves.mean(axis=-1)),
        "below_low": (("network", "offset"), low),
        "below_high": (("network", "offset"), high),
        "mean_rank": (("network", "repeat"), stacked(lambda values: values.mean(axis=1))),
        "origin_rank": (("network", "repeat"), stacked(lambda values: values[:, middle])),
        "lower": (
            ("network", "repeat"),
            stacked(lambda values: (flat[deep] < values).mean(axis=1)),
        ),
    }


# --- what it says -----------------------------------------------------------------------------


def judge_planes(
    dataset: Any, words: str, reference: str, where: str, deep: str, shallow: str, comparisons: int
) -> list[Finding]:
    """The paper's two sentences on planes: volume of low rank, and the lower landscape."""
    pair = dataset, deep, shallow
    return [
        more_volume(
            f"The {words} network has more parameter volume of low rank {where}.",
            reference,
            *pair,
            comparisons=comparisons,
        ),
        almost_always_lower(
            f"The {words} network almost always has the lower landscape {where}.",
            "Appendix I",
            *pair,
            comparisons=comparisons,
        ),
    ]


def more_volume(
    sentence: str, reference: str, dataset: Any, deep: str, shallow: str, *, comparisons: int = 1
) -> Finding:
    """Verdict on the deep network having more low-rank volume than the shallow one.

    At every threshold the mean over planes of the difference of shares is compared with 0 by a
    t-test; the verdict is that of all thresholds together.

    Parameters
    ----------
    sentence, reference : str
        See `Finding`.
    dataset : xarray.Dataset
        With the results of `volumes`.
    deep, shallow : str
        Names of networks.
    comparisons : int, default 1
        Number of such sentences that are looked at together (Bonferroni); thresholds are counted
        here.
    """
    shares = dataset.share
    difference = shares.sel(network=deep) - shares.sel(network=shallow)
    names = difference.threshold.values.tolist()
    verdicts, texts = [], []
    for name in names:
        values = np.ravel(difference.sel(threshold=name).values)
        level = SIGNIFICANCE / (comparisons * len(names))
        verdict, text = _above_zero(values, level)
        verdicts.append(verdict)
        parts = (float(shares.sel(network=n, threshold=name).mean()) for n in (deep, shallow))
        texts.append(f"{name}: {' against '.join(f'{part:.3f}' for part in parts)}, {text}")
    found = set(verdicts) - {Verdict.UNDECIDED}
    verdict = Verdict.UNDECIDED
    if 2 * verdicts.count(Verdict.UNDECIDED) <= len(names) and found:
        verdict = found.pop() if len(found) == 1 else Verdict.IN_PART
    text = f"share of the plane below a rank, {shares.repeat.size} planes: {'; '.join(texts)}"
    return Finding(sentence, reference, verdict, text)


def _above_zero(values: Array, level: float) -> tuple[Verdict, str]:
    """Verdict on a mean above 0 by the t-test, and the mean with its standard error."""
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    # where all planes agree, only their number matters: the sign test
    same = np.ptp(values) == 0
    chance = 0.5**values.size if same else scipy.stats.t.sf(abs(mean) / error, values.size - 1)
    verdict = decided(mean > 0 and chance < level, mean < 0 and chance < level)
    return verdict, f"difference {mean:+.3f} +- {error:.3f}"


def almost_always_lower(
    sentence: str, reference: str, dataset: Any, deep: str, shallow: str, *, comparisons: int = 1
) -> Finding:
    """Verdict on the deep network's mean rank being lower on at least 9 planes of 10.

    Parameters
    ----------
    sentence, reference, dataset, deep, shallow, comparisons
        As in `more_volume`; the interval of the share of planes is Clopper and Pearson's.
    """
    ranks = dataset.mean_rank
    differences = np.ravel((ranks.sel(network=deep) - ranks.sel(network=shallow)).values)
    count, planes = int((differences < 0).sum()), differences.size
    interval = scipy.stats.binomtest(count, planes).proportion_ci(
        1 - 2 * SIGNIFICANCE / comparisons
    )
    verdict = decided(interval.low > _ALMOST, interval.high < _ALMOST)
    points = float(dataset.lower.sel(network=shallow).mean())
    text = (
        f"mean rank over the plane lower on {count} of {planes} planes, {interval.low:.3f} to "
        f"{interval.high:.3f} of all, against {_ALMOST:g}; mean difference "
        f"{differences.mean():+.3f}; lower on {points:.3f} of all points"
    )
    return Finding(sentence, reference, verdict, text)


def anywhere_as_at_the_origin(
    sentence: str, reference: str, dataset: Any, network: str, *, comparisons: int = 1
) -> Finding:
    """Verdict on the mean rank over the plane being that at the origin, to 0.05 nats.

    Parameters
    ----------
    sentence, reference, dataset, comparisons
        As in `more_volume`.
    network : str
        Name of the network.
    """
    part = dataset.sel(network=network)
    rise = np.ravel((part.mean_rank - part.origin_rank).values)
    mean, error = float(rise.mean()), float(rise.std(ddof=1)) / math.sqrt(rise.size)
    reach = float(scipy.stats.t.isf(SIGNIFICANCE / comparisons, rise.size - 1)) * error
    verdict = decided(abs(mean) + reach < _SAME, abs(mean) - reach > _SAME)
    text = f"mean over the plane less that at the origin {mean:+.4f} +- {error:.4f} nats"
    return Finding(sentence, reference, verdict, f"{text}, {rise.size} planes")
