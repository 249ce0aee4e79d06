"""The share above a multiple of the mean: it falls with depth, or rises once and then falls."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rmt_rank import exact
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below, proof, sampled
from rmt_rank.theory.gaussian.limit_measures import limit_threshold_rank
from rmt_rank.theory.gaussian.threshold_rank import threshold_rank_peak, turning_threshold

__all__ = ["CLAIM", "removed_at_small_depth"]

_THRESHOLDS = (0.1, 0.5, 0.9, 1.0, 1.01, 1.2, 1.5, 3.0, 30.0)


def removed_at_small_depth(depth: float) -> tuple[float, float]:
    """Bounds of the two parts of 2 d(log t*)/dL: what is added, and what is taken off at most."""
    L, log = depth, math.log(1 / depth)
    X = math.pi * L
    added = (1 - X * X / 2) / (1 + L / 2)
    k = X * (1 + (2 / math.pi * log) ** 2) / (1 - X * X / 2 - 2 * L * log)
    return added, math.pi * k + 2 * L * log


def _check(_: Context) -> Iterator[Evidence]:
    yield at_most(
        "t*: root of the formula against differences of the share",
        abs(float(turning_threshold(2.0) / exact.turning_threshold(2, digits=8)) - 1),
        1e-7,
        "relative distance at depth 2; differences in depth, with the mean by quadrature, correct "
        "to 8 digits",
    )
    certificate = exact.certify_turning()
    yield proof(
        f"t* increases at all depths from {certificate.least} on",
        certificate.holds,
        f"balls: {certificate}",
    )
    added, removed = removed_at_small_depth(float(certificate.least))
    yield below(
        f"and below {certificate.least}: negative part of its derivative over the positive one",
        removed / added,
        1,
        "bounds of docs/limit-measures.md at that depth; the ratio increases with depth",
    )
    depths = np.geomspace(1e-3, 1e4, 141)
    turn = np.atleast_1d(turning_threshold(depths))
    right = []
    for t in _THRESHOLDS:
        shares = np.atleast_1d(limit_threshold_rank(depths, t))
        # t* is between its values at the two ends
        decided = ((turn[:-1] > t) | (turn[1:] < t)) & (shares[1:] > 0)
        right.append(bool(np.all((np.diff(shares) > 0)[decided] == (turn[:-1] < t)[decided])))
    yield sampled(
        "the share falls where t < t*, and rises where t > t*",
        all(right),
        f"closed form at t = {', '.join(f'{t:g}' for t in _THRESHOLDS)} and {depths.size} depths "
        f"from {depths[0]:g} to {depths[-1]:g}; between two depths where t* is on one side of t",
    )
    for t in (1.01, 3.0, 30.0):
        peak = threshold_rank_peak(t)
        near = limit_threshold_rank(peak.depth * np.array([0.99, 1.01]), t)
        yield below(
            f"share above {t:g} c one percent off the depth where t* = {t:g}: relative change",
            float(near.max()) / peak.share - 1,
            0,
            f"depth {peak.depth:.6g}, share {peak.share:.6f}",
        )


CLAIM = Claim(
    name="limits.threshold-turn",
    statement="The share above t c falls with depth if t <= 1; if t > 1, it rises and then falls.",
    assumptions="width -> infinity; every real depth > 0; c is the mean singular value, and for "
    "t > 1 the share is 0 up to some depth",
    reference="our own; one turn t*(L) at each depth, t* increases by ball arithmetic",
    status="proved",
    refuted_by="a depth at which t* falls, or a share that changes in the other sense",
    check=_check,
    argued="docs/limit-measures.md, Threshold rank",
)
