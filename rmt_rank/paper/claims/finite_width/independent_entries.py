"""Independent entries do not suffice: with random signs one factor can raise the mean rank.

Let A = u_1 u_1^T + s u_2 u_2^T with u = (1, 1)/sqrt2 and (1, -1)/sqrt2 in two coordinates.
Each row of a matrix G of random signs is orthogonal to one of u_1, u_2, so G A has the singular
values sqrt(2R) and s sqrt(2(m - R)), R binomial.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below, refutation

__all__ = ["CLAIM", "limit_ratio", "rank_ratio"]

_ROWS, _SMALL = 5, 1e-3


def rank_ratio(rows: int, s: float) -> float:
    """E S(GA)/S(A) for matrices of random signs with this number of rows."""
    counts = np.arange(rows + 1)
    sigma = np.stack([np.sqrt(counts), s * np.sqrt(rows - counts)], axis=-1)
    weights = np.array([math.comb(rows, k) / 2**rows for k in counts])
    ranks = np.asarray(spectrum.effective_rank(np.sort(sigma)[:, ::-1]))
    return float(weights @ ranks / float(spectrum.effective_rank(np.array([1, s]))))


def limit_ratio(rows: int) -> float:
    """Limit of `rank_ratio` as s -> 0: the mean of sqrt((m - R)/R) over R > 0."""
    return math.fsum(
        math.comb(rows, k) / 2**rows * math.sqrt((rows - k) / k) for k in range(1, rows + 1)
    )


def _check(_context: Context) -> Iterator[Evidence]:
    u = np.array([[1, 1], [1, -1]]) / math.sqrt(2)
    a = u @ np.diag([1, _SMALL]) @ u
    signs = np.array(list(itertools.product((-1, 1), repeat=2 * _ROWS)), dtype=float)
    sigma = np.linalg.svdvals(signs.reshape(-1, _ROWS, 2) @ a)
    # values that are 0 come out as roundings, whose entropy is below 1e-14
    mean = float(np.mean(spectrum.effective_rank(sigma)))
    fixed = float(spectrum.effective_rank(np.array([1, _SMALL])))
    yield refutation(
        f"{_ROWS} rows of random signs: rise of the mean effective rank, relative",
        mean / fixed - 1,
        1e-10,
        f"all {len(signs)} matrices, A of singular values 1 and {_SMALL:g}; bound: rounding of "
        "singular values, relative to S(A) = 0.008",
    )
    yield at_most(
        "this mean against the sum over a binomial number",
        abs(mean / fixed - rank_ratio(_ROWS, _SMALL)),
        1e-10,
        "singular values sqrt(2R) and s sqrt(2(m - R))",
    )
    rows = (5, 6, 8, 16, 32, 64)
    yield below(
        "more rows: 1 over the limit of the ratio as s -> 0",
        max(1 / limit_ratio(m) for m in rows),
        1,
        f"{', '.join(map(str, rows))} rows; about 1 - 1/(2m) for many",
    )


CLAIM = Claim(
    name="finite-width.independent-entries",
    statement="A factor with independent, equally distributed entries lowers every mean rank.",
    assumptions="one factor of random signs on a fixed matrix, width 5 and more",
    reference="ours, on our own theorem",
    status="refuted",
    refuted_by="the line marked refuted",
    check=_check,
    argued="docs/finite-width-theorem.md, Independent entries do not suffice",
    instead="it holds if the law of the factor is right-invariant, as with Gaussian entries",
)
