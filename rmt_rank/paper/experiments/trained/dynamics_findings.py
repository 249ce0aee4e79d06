"""Verdicts of `dynamics` on the paper's sentences on rank over training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank.paper.experiments.findings import Finding, Verdict, decided, in_all
from rmt_rank.paper.experiments.judges import ENOUGH, SIGNIFICANCE, judge_shift

__all__ = ["MARGIN", "dips", "judge", "judge_dip", "judge_pairs"]

Array = npt.NDArray[np.float64]

# Smallest fall and rise of a rank that count, in nats.
MARGIN = 0.05

_REFERENCE = "Section 4.1, Figure 6"


def judge(dataset: Any) -> list[Finding]:
    """Findings on a Dataset of `dynamics`."""
    plain, more = dataset.expansion.values.tolist()[:2]
    findings = [
        _shifts(
            dataset,
            "The over-parameterized network learns features of lower rank.",
            _REFERENCE,
            lambda part: (
                part.final_gram_rank.sel(expansion=more) - part.final_gram_rank.sel(expansion=plain)
            ),
        ),
        _shifts(
            dataset,
            "Already before training, the over-parameterized network's features are of lower rank.",
            "ours",
            lambda part: (
                part.initial_gram_rank.sel(expansion=more)
                - part.initial_gram_rank.sel(expansion=plain)
            ),
        ),
        _shifts(
            dataset,
            "The over-parameterized network's hidden layers learn weights of lower rank.",
            "Section 4.1",
            lambda part: (
                _last_layers(part.sel(expansion=more)) - _last_layers(part.sel(expansion=plain))
            ),
        ),
        _shifts(
            dataset,
            "The over-parameterized network overfits less: held-out loss less training loss.",
            _REFERENCE,
            lambda part: _gap(part.sel(expansion=more)) - _gap(part.sel(expansion=plain)),
        ),
        _shifts(
            dataset,
            "The over-parameterized network generalises better: a smaller share of errors.",
            _REFERENCE,
            lambda part: (
                part.final_test_accuracy.sel(expansion=plain)
                - part.final_test_accuracy.sel(expansion=more)
            ),
        ),
        _shifts(
            dataset,
            "Its least held-out loss over training is lower, too, if over-parameterized.",
            "ours: at the same rate it trains faster",
            lambda part: _least(part.sel(expansion=more)) - _least(part.sel(expansion=plain)),
        ),
    ]
    for expansion in dataset.expansion.values.tolist():
        findings += _contracts(dataset.sel(expansion=expansion), expansion)
    return findings


def _cases(dataset: Any) -> Iterator[tuple[str, Any]]:
    """Parts with one initialisation and learning rate, by name."""
    for name in dataset.initialisation.values.tolist():
        for rate in dataset.learning_rate.values.tolist():
            yield f"{name}, rate {rate:g}", dataset.sel(initialisation=name, learning_rate=rate)


def _last_layers(part: Any) -> Any:
    """Mean rank of the hidden layers at the end."""
    return part.layer_rank.isel(layer=slice(None, -1), epoch=-1).mean("layer", skipna=False)


def _gap(part: Any) -> Any:
    return part.final_test_loss - part.final_loss


def _least(part: Any) -> Any:
    return part.test_loss.min("epoch", skipna=False)


def _shifts(dataset: Any, sentence: str, reference: str, difference: Any) -> Finding:
    """One verdict on paired differences in all cases."""
    parts = dict(_cases(dataset))
    cases = {name: judge_pairs(difference(part).values, len(parts)) for name, part in parts.items()}
    return in_all(sentence, reference, cases, details=True)


def judge_pairs(differences: Array, comparisons: int) -> Finding:
    """Verdict on paired differences being negative; nan where a network of the pair diverged.

    Nothing is decided if less than `ENOUGH` of the pairs have a difference.
    """
    known = np.isfinite(differences)
    found = judge_shift("", "", differences, comparisons=comparisons)
    if known.all():
        return found
    text = f"{found.statistic}; {np.sum(~known)} of {known.size} pairs have no value"
    verdict = found.verdict if known.mean() >= ENOUGH else Verdict.UNDECIDED
    return Finding("", "", verdict, text)


# --- whether the rank falls first and rises then ------------------------------------------------


def dips(paths: npt.ArrayLike) -> tuple[Array, Array]:
    """Fall of the ranks from the first value to the smallest, and rise from there to the last.

    Parameters
    ----------
    paths : array_like, shape (..., epochs)

    Returns
    -------
    falls, rises : ndarray, shape (...)
        nan where a path has a nan.
    """
    array = np.asarray(paths, dtype=np.float64)
    least = array.min(axis=-1)
    return array[..., 0] - least, array[..., -1] - least


def _contracts(part: Any, expansion: int) -> list[Finding]:
    what = "plain" if expansion == 1 else f"over-parameterized {expansion} times"
    last = int(part.layer[-2])
    parts = dict(_cases(part))
    looked_at = {
        "the features": {name: _rows(each.gram_rank) for name, each in parts.items()},
        "the last hidden layer's weight": {
            name: _rows(each.layer_rank.sel(layer=last)) for name, each in parts.items()
        },
    }
    findings = []
    for name, paths in looked_at.items():
        cases = {case: judge_dip(path, len(paths)) for case, path in paths.items()}
        sentence = f"The rank of {name} first falls, then rises ({what})."
        findings.append(in_all(sentence, "Section 4.1, captions, Figure 12", cases, details=True))
    return findings


def _rows(values: Any) -> Array:
    return np.asarray(values.transpose("repeat", "epoch").values)


def judge_dip(paths: Array, comparisons: int) -> Finding:
    """Verdict on more, or less, than half of the repeats falling and rising by the margin."""
    falls, rises = dips(paths)
    known = np.isfinite(falls)
    falls, rises = falls[known], rises[known]
    if falls.size == 0:
        return Finding("", "", Verdict.UNDECIDED, "all diverged")
    count = int(np.sum((falls >= MARGIN) & (rises >= MARGIN)))
    more, less = (
        scipy.stats.binomtest(count, falls.size, alternative=way).pvalue
        for way in ("greater", "less")
    )
    verdict = decided(more < SIGNIFICANCE / comparisons, less < SIGNIFICANCE / comparisons)
    text = (
        f"{count} of {falls.size} by {MARGIN:g} nats each, median fall {np.median(falls):.3g}, "
        f"rise {np.median(rises):.3g}"
    )
    return Finding("", "", verdict, text)
