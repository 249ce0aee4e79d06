"""Verdicts on `converged-rank`: each prediction compared with the networks, cell by cell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank.paper.experiments.findings import Finding, Verdict, decided, in_all
from rmt_rank.paper.experiments.judges import ENOUGH, SIGNIFICANCE, judge_converged

__all__ = ["IN_SPAN", "REFERENCE", "judge"]

Array = npt.NDArray[np.float64]

REFERENCE = "ours, on Observations 2 to 4"

# Steps of W_1 have rows in the span of the inputs; Adam's have not.
IN_SPAN = ("gradient_descent", "momentum", "nesterov", "lbfgs")
# One layer: finite width lowers the mean rank by 0.1/n to 0.2/n.
_BIAS = 0.3
# How well the energy outside the data is known, by scale of the start.
_FACTORS = {0.5: 2.0, 0.25: 1.6, 0.1: 1.25}
# Norms of order 1 after thousands of steps that each round.
_ROUNDING = 1e-9


class _Case(NamedTuple):
    """The converged networks of one kind, if at least `ENOUGH` of them converged."""

    width: int
    task_share: float
    depth: int
    scale: float
    optimizer: str
    values: dict[str, Array]

    def __str__(self) -> str:
        return (
            f"{self.optimizer}, width {self.width}, task {self.task_share:g} n, depth "
            f"{self.depth}, scale {self.scale:g}"
        )


def _cases(dataset: Any) -> Iterator[_Case]:
    keys = _Case._fields[:-1]
    whole = dataset.transpose(*keys, "problem", "seed", missing_dims="ignore")
    arrays = {str(name): whole[name].values for name in whole.data_vars}
    shape = arrays["loss"].shape
    arrays = {
        name: np.broadcast_to(v if v.ndim == len(shape) else v[..., np.newaxis], shape)
        for name, v in arrays.items()
    }
    levels = (dataset[key].values.tolist() for key in keys)
    for place, kind in zip(np.ndindex(shape[:-2]), itertools.product(*levels), strict=True):
        run = np.isfinite(arrays["loss"][place])
        good = run & (arrays["converged"][place] == 1)
        if run.any() and good.sum() >= ENOUGH * run.sum():
            width, task_share, depth, scale, optimizer = kind
            columns = {name: v[place][good] for name, v in arrays.items()}
            yield _Case(width, task_share, depth, scale, optimizer, columns)


def judge(dataset: Any) -> list[Finding]:
    """Findings from the Dataset of the experiment."""
    cases = list(_cases(dataset))
    in_span = [case for case in cases if case.optimizer in IN_SPAN]
    one = [case for case in in_span if case.depth == 1]
    more = [case for case in in_span if case.depth > 1]
    flow = [case for case in more if case.optimizer == "gradient_descent"]
    findings = [
        _identity(dataset, [o for o in dataset.optimizer.values.tolist() if o in IN_SPAN]),
        _identity(dataset, ["adam"]),
        _in_every_case(
            "One layer has the rank of its law, within 0.3/n.",
            {str(case): (_either_way(case, "one_layer_rank"), _BIAS / case.width) for case in one},
        ),
        _in_every_case(
            "With more layers the rank is at most that of W_d ... W_2 frozen at the start.",
            {str(c): (c.values["weight_rank"] - c.values["frozen_rank"], 0) for c in more},
        ),
        _in_every_case(
            "The rank is at least that of W* P, whatever the depth.",
            {str(c): (c.values["minimal_rank"] - c.values["weight_rank"], 0) for c in in_span},
        ),
    ]
    findings += [
        _in_every_case(
            f"After gradient descent from scale {scale:g} the energy outside the data is what "
            f"evenly shared layers give, within a factor of {factor:g}.",
            {
                str(case): (_log_ratio(case), math.log(factor))
                for case in flow
                if case.scale == scale
            },
        )
        for scale, factor in _FACTORS.items()
    ]
    return [*findings, _depth(dataset), _scale(dataset)]


def _either_way(case: _Case, name: str) -> Array:
    difference = case.values["weight_rank"] - case.values[name]
    return np.asarray(difference * np.sign(difference.mean()))


def _log_ratio(case: _Case) -> Array:
    logs = np.log(case.values["unseen_share"] / case.values["small_start_share"])
    return np.asarray(logs * np.sign(logs.mean()))


def _identity(dataset: Any, optimizers: list[str]) -> Finding:
    """Exact statements on every network that did not diverge, converged or not."""
    sentence = (
        "W_e differs from W* P + W_d ... W_2 W_1(0) (I - P) by no more than the loss allows, and "
        f"not outside the data ({', '.join(optimizers).replace('_', ' ')})."
    )
    part = dataset.sel(optimizer=optimizers)
    distance, allowed, outside = (
        np.ravel(part[name].values) for name in ("distance", "allowed", "outside")
    )
    known = np.isfinite(distance)
    excess = (distance - allowed)[known]
    holds = (excess <= _ROUNDING) & (outside[known] <= _ROUNDING)
    verdict = decided(holds.all(), not holds.any())
    if verdict is Verdict.UNDECIDED:
        verdict = Verdict.IN_PART
    text = (
        f"{holds.sum()} of {holds.size} networks; outside the data at most "
        f"{outside[known].max():.2g} and at least {outside[known].min():.2g} of the weight; "
        f"distance over what is allowed: median {np.median(distance[known] / allowed[known]):.2g}"
    )
    return Finding(sentence, REFERENCE, verdict, text)


def _in_every_case(sentence: str, cases: Mapping[str, tuple[Array, float]]) -> Finding:
    """Verdict on nearly all means being at most their bounds, and none beyond by a t-test."""
    level = SIGNIFICANCE / max(2 * len(cases), 1)
    excess = {name: float(np.mean(values)) - bound for name, (values, bound) in cases.items()}
    within = sum(each <= 0 for each in excess.values())
    refuted = [
        name
        for name, (values, bound) in cases.items()
        if values.size > 2
        and scipy.stats.ttest_1samp(values, bound, alternative="greater").pvalue < level
    ]
    verdict = Verdict.UNDECIDED
    if refuted:
        verdict = Verdict.NOT_SUPPORTED if len(refuted) == len(cases) else Verdict.IN_PART
    elif cases and within >= ENOUGH * len(cases):
        verdict = Verdict.SUPPORTED
    text = f"{within} of {len(cases)} means are within it"
    if cases:
        worst = max(excess, key=lambda name: excess[name])
        text += f"; the worst is {excess[worst]:+.2g} from it ({worst})"
    if refuted:
        text += f"; beyond it by a t-test: {'; '.join(refuted)}"
    return Finding(sentence, REFERENCE, verdict, text)


def _trend(part: Any, along: str, name: str) -> tuple[Array, Array]:
    """Values and whether they count: a row for each network of all levels, a column for each."""
    loss, converged, values = (
        part[n].transpose("problem", "seed", along).values.reshape(-1, part.sizes[along])
        for n in ("loss", "converged", name)
    )
    run = np.isfinite(loss)
    kept = run.all(axis=1)
    return values[kept], (run & (converged == 1))[kept]


def _groups(dataset: Any, along: str, *keys: str) -> Iterator[tuple[str, Any]]:
    """Ranks that L-BFGS reached, where there are three levels or more."""
    best = dataset.sel(optimizer="lbfgs")
    for values in itertools.product(*(dataset[key].values.tolist() for key in keys)):
        part = best.sel(dict(zip(keys, values, strict=True)))
        part = part.isel({along: np.isfinite(part.loss).any(["problem", "seed"]).values})
        if part.sizes[along] > 2:
            names = (f"{k.replace('_', ' ')} {v:g}" for k, v in zip(keys, values, strict=True))
            yield ", ".join(names), part


def _trends(dataset: Any, along: str, *keys: str) -> dict[str, Finding]:
    return {
        name: judge_converged(
            "", "", *_trend(part, along, "weight_rank"), part[along].values, falls=True
        )
        for name, part in _groups(dataset, along, *keys)
    }


def _depth(dataset: Any) -> Finding:
    cases = _trends(dataset, "depth", "width", "task_share", "scale")
    return in_all("At any one scale the rank falls with depth.", REFERENCE, cases)


def _scale(dataset: Any) -> Finding:
    cases = _trends(dataset, "scale", "width", "task_share", "depth")
    found = in_all("At any one depth it falls with the scale of the start.", REFERENCE, cases)
    least = dataset.sel(optimizer="lbfgs").where(dataset.sel(optimizer="lbfgs").converged == 1)
    left = (least.weight_rank - least.minimal_rank).median(["problem", "seed", "task_share"])
    ends = []
    for depth in dataset.depth.values.tolist():
        row = left.sel(depth=depth).isel(width=0).dropna("scale")
        if row.size:
            ends.append(f"{depth}: {float(row.isel(scale=-1)):.2g} at {float(row.scale[-1]):g}")
    return found.saying(f"; above W* P at the least scale, by depth: {', '.join(ends)}")
