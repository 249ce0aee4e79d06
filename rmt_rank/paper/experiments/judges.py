"""Judges: tests of trends over depth and of correlations, which give a verdict on a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank.paper.experiments.findings import Finding, Verdict, decided, in_all

__all__ = [
    "ENOUGH",
    "SIGNIFICANCE",
    "Trend",
    "blocks",
    "correlation",
    "judge_converged",
    "judge_correlation",
    "judge_drops",
    "judge_each",
    "judge_over",
    "judge_shift",
    "judge_trend",
    "trend",
]

# A trend counts if its p-value is below this.
SIGNIFICANCE = 0.01
# Share of runs that must have converged where their rank is judged: unconverged ones have lower
# rank.
ENOUGH = 0.9
# What a rank correlation must exceed to be called good.
_GOOD = 0.5
# Pairs up to which SciPy counts all signs, by itself only where there are no ties.
_EXACT = 50


def blocks(dataset: Any, name: str, along: str = "depth") -> npt.NDArray[Any]:
    """Values of a variable as blocks: a column for each level, a row for each of all else."""
    others = [dimension for dimension in dataset[name].dims if dimension != along]
    values = dataset[name].transpose(*others, along).values
    return np.asarray(values.reshape(-1, values.shape[-1]), dtype=np.float64)


class Trend(NamedTuple):
    """Page's test for an ordered alternative (doi:10.1080/01621459.1963.10500843), both ways."""

    blocks: int
    levels: int
    falls: float  # p-value of the alternative that values fall along the levels
    rises: float
    change: float  # median over blocks of the last level less the first


def trend(values: npt.ArrayLike) -> Trend:
    """Test whether values fall or rise along the last axis.

    Parameters
    ----------
    values : array_like, shape (blocks, levels)
        Such as ranks of seeds at increasing depths.  Blocks with a nan are left out.

    Returns
    -------
    Trend
        p-values are nan with no complete block, or less than three levels.

    Examples
    --------
    >>> from rmt_rank.paper.experiments.judges import trend
    >>> found = trend([[3.0, 2.0, 1.0]] * 8)
    >>> found.falls < 1e-6, found.change
    (True, -2.0)
    """
    array = np.atleast_2d(np.asarray(values, dtype=np.float64))
    array = array[np.isfinite(array).all(axis=1)]
    blocks, levels = array.shape
    change = float(np.median(array[:, -1] - array[:, 0])) if array.size else math.nan
    if blocks == 0 or levels < 3:
        return Trend(blocks, levels, math.nan, math.nan, change)
    up = scipy.stats.page_trend_test(array, method="asymptotic" if blocks > 30 else "auto")
    down = scipy.stats.page_trend_test(
        array[:, ::-1], method="asymptotic" if blocks > 30 else "auto"
    )
    return Trend(blocks, levels, float(down.pvalue), float(up.pvalue), change)


def judge_trend(
    sentence: str,
    reference: str,
    values: npt.ArrayLike,
    *,
    falls: bool,
    complete: float = 1.0,
    comparisons: int = 1,
) -> Finding:
    """Verdict on the sentence that values fall (or rise) along the levels.

    Parameters
    ----------
    sentence, reference : str
        See `Finding`.
    values : array_like, shape (blocks, levels)
        As in `trend`.
    falls : bool
        Which way the sentence says.
    complete : float, default 1
        Share of the runs behind the values that did what they should, such as converge.  Below
        `ENOUGH` nothing is decided.
    comparisons : int, default 1
        Number of trends that are looked at together (Bonferroni).
    """
    found = trend(values)
    there, back = (found.falls, found.rises) if falls else (found.rises, found.falls)
    level = SIGNIFICANCE / comparisons
    enough = complete >= ENOUGH
    verdict = decided(enough and there < level, enough and back < level)
    way = "fall" if falls else "rise"
    if found.levels < 3:
        text = f"levels that are left: {found.levels}, too few for Page's test, which needs 3"
    elif found.blocks == 0:
        text = "no complete block is left for Page's test"
    else:
        text = (
            f"Page's test, {found.blocks} blocks, {found.levels} levels: p = {there:.2g} that "
            f"they {way}, {back:.2g} the other way"
        )
    if found.blocks:
        text += f"; median change {found.change:+.3g}"
    if complete < 1:
        text += f"; {complete:.0%} of the runs converged"
    return Finding(sentence, reference, verdict, text)


def judge_converged(
    sentence: str,
    reference: str,
    values: npt.ArrayLike,
    converged: npt.ArrayLike,
    levels: Sequence[object],
    *,
    falls: bool,
    comparisons: int = 1,
) -> Finding:
    """Verdict on a trend among the runs that converged.

    Levels at which less than `ENOUGH` of the runs converged are left out, and named; with less
    than three that remain nothing is decided.

    Parameters
    ----------
    sentence, reference, values, falls, comparisons
        As in `judge_trend`.
    converged : array_like of bool, shape (blocks, levels)
        Which of the values count.
    levels : sequence
        What the levels are, such as depths.
    """
    array, good = np.asarray(values, dtype=np.float64), np.asarray(converged, dtype=bool)
    share = good.mean(axis=0)
    kept = share >= ENOUGH
    masked = np.where(good, array, np.nan)[:, kept]
    complete = float(share[kept].min()) if kept.sum() >= 3 else 0.0
    found = judge_trend(
        sentence,
        reference,
        masked,
        falls=falls,
        complete=complete or math.nan,
        comparisons=comparisons,
    )
    if kept.all():
        return found
    parts = zip(levels, share, strict=True)
    out = ", ".join(f"{level} ({part:.0%})" for level, part in parts if part < ENOUGH)
    return found.saying(f"; left out, as too few runs converged: {out}")


def judge_over(
    sentence: str,
    reference: str,
    dataset: Any,
    name: str,
    *,
    falls: bool,
    flag: str | None = "converged",
    along: str = "depth",
    comparisons: int = 1,
) -> Finding:
    """Verdict on the trend of a variable of a Dataset, by `judge_converged` or `judge_trend`.

    Parameters
    ----------
    sentence, reference, falls, comparisons
        As in `judge_trend`.
    dataset : xarray.Dataset
        Has the variable.
    name : str
        The variable.
    flag : str, optional
        Name of the variable that says which values count; with None all do.
    along : str, default "depth"
        Dimension of the levels.
    """
    values = blocks(dataset, name, along)
    if flag is None:
        return judge_trend(sentence, reference, values, falls=falls, comparisons=comparisons)
    good, levels = blocks(dataset, flag, along) == 1, dataset[along].values.tolist()
    return judge_converged(
        sentence, reference, values, good, levels, falls=falls, comparisons=comparisons
    )


def judge_shift(
    sentence: str, reference: str, differences: npt.ArrayLike, *, comparisons: int = 1
) -> Finding:
    """Verdict on the sentence that paired differences are negative, by Wilcoxon's test.

    Parameters
    ----------
    sentence, reference : str
        See `Finding`.
    differences : array_like
        One number a pair; nan are left out.
    comparisons : int, default 1
        Number of tests that are looked at together (Bonferroni).
    """
    d = np.ravel(np.asarray(differences, dtype=np.float64))
    d = d[np.isfinite(d)]
    if not d.any():
        return Finding(sentence, reference, Verdict.UNDECIDED, f"{d.size} pairs, no difference")
    method = "exact" if d.size <= _EXACT else "asymptotic"
    down = float(scipy.stats.wilcoxon(d, alternative="less", method=method).pvalue)
    up = float(scipy.stats.wilcoxon(d, alternative="greater", method=method).pvalue)
    verdict = decided(down < SIGNIFICANCE / comparisons, up < SIGNIFICANCE / comparisons)
    low, middle, high = np.quantile(d, (0.25, 0.5, 0.75))
    text = (
        f"Wilcoxon's signed-rank test, {d.size} pairs: p = {down:.2g} that differences are "
        f"negative, {up:.2g} positive; median {middle:+.3g}, quartiles {low:+.3g} and {high:+.3g}"
    )
    return Finding(sentence, reference, verdict, text)


def judge_drops(
    sentence: str, reference: str, means: npt.ArrayLike, errors: npt.ArrayLike
) -> Finding:
    """Verdict on the sentence that means fall from each level to the next, by their errors.

    Parameters
    ----------
    sentence, reference : str
        See `Finding`.
    means, errors : array_like, shape (..., levels)
        Means over many draws, independent from level to level or positively correlated, and their
        standard errors.
    """
    mean, error = np.asarray(means, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    drop = mean[..., :-1] - mean[..., 1:]
    z = drop / np.hypot(error[..., :-1], error[..., 1:])
    enough = float(scipy.stats.norm.isf(SIGNIFICANCE / z.size))
    verdict = decided(z.min() > enough, z.min() < -enough)
    text = (
        f"{z.size} steps: the smallest drop is {drop.min():.4f} nat, the least significant one "
        f"{z.min():.1f} standard errors, {enough:.1f} decide"
    )
    return Finding(sentence, reference, verdict, text)


def correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's correlation of the pairs without nan; 0 if one variable is constant."""
    x, y = np.ravel(np.asarray(a, dtype=np.float64)), np.ravel(np.asarray(b, dtype=np.float64))
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any() or min(np.ptp(x[known]), np.ptp(y[known])) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(x[known], y[known]).statistic)


def judge_correlation(
    sentence: str, reference: str, correlations: npt.ArrayLike, *, comparisons: int = 1
) -> Finding:
    """Verdict on the sentence that two measures are correlated by more than 0.5.

    Parameters
    ----------
    sentence, reference : str
        See `Finding`.
    correlations : array_like
        A number for each repeat; Fisher's transforms of them are compared with that of 0.5 by a
        t-test.
    comparisons : int, default 1
        Number of tests that are looked at together (Bonferroni).
    """
    r = np.ravel(np.asarray(correlations, dtype=np.float64))
    # a correlation of 1 has no transform
    z = np.arctanh(np.clip(r, -0.999, 0.999)) - np.arctanh(_GOOD)
    if z.size < 3:
        return Finding(sentence, reference, Verdict.UNDECIDED, f"{z.size} repeats are too few")
    if np.ptp(z) == 0:
        above, under = (0.0, 1.0) if z[0] > 0 else (1.0, 0.0)
    else:
        above, under = (
            float(scipy.stats.ttest_1samp(z, 0, alternative=way).pvalue)
            for way in ("greater", "less")
        )
    verdict = decided(above < SIGNIFICANCE / comparisons, under < SIGNIFICANCE / comparisons)
    text = (
        f"Spearman's correlation in {r.size} repeats: median {np.median(r):.2f}, from "
        f"{r.min():.2f} to {r.max():.2f}; t-test, p = {above:.2g} that it exceeds {_GOOD}, "
        f"{under:.2g} that it does not reach it"
    )
    return Finding(sentence, reference, verdict, text)


def judge_each(
    sentence: str, reference: str, parts: Mapping[Any, Any], name: str, **options: Any
) -> Finding:
    """One verdict from a trend in each of several Datasets, see `judge_over` and `in_all`."""
    cases = {
        str(case): judge_over("", "", part, name, comparisons=len(parts), **options)
        for case, part in parts.items()
    }
    return in_all(sentence, reference, cases)
