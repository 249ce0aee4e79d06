"""Verdicts of `convolutional` on the paper's sentences on over-parameterised networks.

All are about pairs of networks that share images and seeds, except those on whether a rank falls
first, on the share of small singular values, and on trends with the number of layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.paper.experiments.findings import Finding, in_all
from rmt_rank.paper.experiments.judges import judge_trend
from rmt_rank.paper.experiments.trained.convolutional_sentences import (
    CONTROLS,
    FIGURE,
    FIRST,
    GAINS,
    MORE_FACTORS,
    PAIRED,
    PLAIN,
    TRENDS,
)
from rmt_rank.paper.experiments.trained.dynamics_findings import judge_dip, judge_pairs

__all__ = ["SMALL", "judge", "small_share"]

Array = npt.NDArray[np.float64]

# A singular value of a weight is called small below this share of the largest, and one of the Gram
# matrix, a square, below the square of it.
SMALL = 0.1


def judge(dataset: Any) -> list[Finding]:
    """Findings on a Dataset of `convolutional`, those that its networks allow."""
    numbers = _numbers(dataset)
    findings = [_paired(numbers, *each, MORE_FACTORS, PLAIN) for each in PAIRED]
    findings += _small(dataset)
    findings += _dips(dataset)
    there = set(dataset.network.values.tolist())
    findings += [
        _paired(numbers, *each) for each in CONTROLS if there.issuperset(each[4] + each[5])
    ]
    if there.issuperset(GAINS[3] + GAINS[4]):
        findings.append(_gains(numbers, *GAINS))
    if there.issuperset(FIRST):
        findings += [_trend(numbers, *each) for each in TRENDS]
    return findings


def _numbers(dataset: Any) -> dict[str, dict[str, Array]]:
    """From a variable and a network to an array over repeats, nan where training diverged."""
    dims, networks = ("network", "repeat"), dataset.network.values.tolist()
    diverged = dataset.diverged.transpose(*dims).values == 1
    arrays = {
        str(name): np.where(diverged, np.nan, dataset[name].transpose(*dims).values)
        for name in dataset
        if set(dataset[name].dims) == set(dims)
    }
    arrays["weight_change"] = arrays["final_weight_rank"] - arrays["initial_weight_rank"]
    arrays["loss_gap"] = arrays["final_test_loss"] - arrays["final_loss"]
    return {name: dict(zip(networks, rows, strict=True)) for name, rows in arrays.items()}


def _paired(
    numbers: Mapping[str, Mapping[str, Array]],
    sentence: str,
    reference: str,
    name: str,
    sign: int,
    about: Sequence[str],
    compared: Sequence[str],
) -> Finding:
    """One verdict on a variable of some networks being lower (higher, if sign is 1)."""
    values = numbers[name]
    pairs = {
        f"{network} and {other}": sign * (values[other] - values[network])
        for network in about
        for other in compared
    }
    cases = {each: judge_pairs(differences, len(pairs)) for each, differences in pairs.items()}
    which = "first less second" if sign < 0 else "second less first"
    medians = ", ".join(f"{each}: {_median(values[each]):.4g}" for each in (*compared, *about))
    found = in_all(sentence, reference, cases, details=True)
    return found.saying(f" | differences are {which}; medians {medians}")


def _gains(
    numbers: Mapping[str, Mapping[str, Array]],
    sentence: str,
    reference: str,
    name: str,
    first: tuple[str, str],
    second: tuple[str, str],
) -> Finding:
    """Verdict on the first pair of networks gaining less than the second."""
    values = numbers[name]
    less, more = (values[network] - values[plain] for network, plain in (first, second))
    found = judge_pairs(less - more, 1)
    medians = ", ".join(
        f"{network} and {plain}: {_median(gain):.4g}"
        for (network, plain), gain in ((first, less), (second, more))
    )
    text = f"{found.statistic} | differences are first less second; medians {medians}"
    return Finding(sentence, reference, found.verdict, text)


def _trend(
    numbers: Mapping[str, Mapping[str, Array]], sentence: str, reference: str, name: str, sign: int
) -> Finding:
    """Verdict on a variable falling (rising, if sign is 1) with the number of layers."""
    values = np.stack([numbers[name][network] for network in FIRST], axis=1)
    known = float(np.isfinite(values).mean())
    found = judge_trend(sentence, reference, values, falls=sign < 0, complete=known)
    medians = ", ".join(f"{_median(each):.4g}" for each in values.T)
    return found.saying(f" | medians at 0 to {len(FIRST) - 1} layers: {medians}")


def _median(values: Array) -> float:
    """Median of those that are finite; nan if there are none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def small_share(values: npt.ArrayLike, threshold: float) -> Array:
    """Share of singular values below a threshold times the largest.

    Parameters
    ----------
    values : array_like, shape (..., count)
        In descending order; nan beyond those that there are.
    threshold : float

    Returns
    -------
    ndarray, shape (...)
        nan where there are none.

    Examples
    --------
    >>> small_share([[8.0, 4.0, 0.5, float("nan")]], 0.1).round(3)
    array([0.333])
    """
    s = np.asarray(values, dtype=np.float64)
    known = np.isfinite(s).sum(axis=-1)
    small = np.sum(s < threshold * s[..., :1], axis=-1)
    return np.asarray(np.where(known > 0, small / np.maximum(known, 1), np.nan))


def _small(dataset: Any) -> Iterator[Finding]:
    """Findings on the majority of singular values being close to zero."""
    end = dataset.isel(epoch=-1).where(dataset.diverged == 0)
    shares = {
        "the Gram matrix": small_share(end.gram_values.transpose(..., "gram_value"), SMALL**2),
        # the mean over layers
        "the weights": small_share(
            end.layer_values.transpose("network", "repeat", "layer", "layer_value"), SMALL
        ).mean(axis=-1),
    }
    names = dataset.network.values.tolist()
    for what, share in shares.items():
        for who, chosen in (("the over-parameterized", MORE_FACTORS), ("the original", PLAIN)):
            yield _majority(what, who, {name: share[names.index(name)] for name in chosen})


def _majority(what: str, who: str, shares: dict[str, Array]) -> Finding:
    threshold = SMALL**2 if "Gram" in what else SMALL
    original = who == "the original"
    cases = {
        name: judge_pairs(each - 0.5 if original else 0.5 - each, len(shares))
        for name, each in shares.items()
    }
    medians = ", ".join(f"{name}: {_median(each):.0%}" for name, each in shares.items())
    word = "Fewer than half" if original else "More than half"
    sentence = (
        f"{word} of the singular values of {what} are below {threshold:g} of the largest ({who} "
        "network)."
    )
    found = in_all(sentence, f'{FIGURE}: "close to zero"', cases)
    return found.saying(f" (Wilcoxon's test of the share less a half) | medians {medians}")


def _dips(dataset: Any) -> Iterator[Finding]:
    """Findings on ranks that fall first and then rise."""
    weights = dataset.layer_rank.mean("layer", skipna=False)
    for what, ranks in (("the features", dataset.gram_rank), ("the weights", weights)):
        for who, chosen in (("over-parameterized", MORE_FACTORS), ("plain", PLAIN)):
            sentence = f"The rank of {what} first falls, then rises ({who})."
            cases = {name: judge_dip(_rows(ranks, name), len(chosen)) for name in chosen}
            yield in_all(sentence, "Section 4.1, captions, Figure 12", cases, details=True)


def _rows(ranks: Any, network: str) -> Array:
    part: Iterable[Any] = ranks.sel(network=network).transpose("repeat", "epoch").values
    return np.asarray(part, dtype=np.float64)
