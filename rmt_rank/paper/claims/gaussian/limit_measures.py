"""The measures of rank other than the entropy: their limits, compared with random products.

Expected at finite width N, with E mean s^z = M(z) (1 + d(z)) (real entries: d = e(z)/(N M(z)), a
conjecture for depth >= 2; complex ones: exact) and v(z) = Var(mean s^z)/M(z)^2 = (2/beta) (L/(L+1))
(z/2) (Lz+1)^2/N^2, see `rmt_rank.theory.finite_width.corrections`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import to_numpy
from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below, not_checked
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.simulation.products.sampling import sample_singular_values
from rmt_rank.theory.finite_width.complex_moments import complex_power_sum
from rmt_rank.theory.finite_width.corrections import LARGEST_DEPTH_PER_WIDTH, real_moment_correction
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
from rmt_rank.theory.gaussian.fuss_catalan import singular_value_law
from rmt_rank.theory.gaussian.limit_measures import (
    limit_stable_rank,
    limit_threshold_rank,
)
from rmt_rank.theory.gaussian.moments import fuss_catalan_moment

__all__ = ["CLAIMS", "stable_rank_shift"]

Array = npt.NDArray[np.float64]

# Mean and variance of the Tracy-Widom laws: Bornemann, arXiv:0904.1581.
_TRACY_WIDOM = {"real": (-1.2065335746, 1.6077810345), "complex": (-1.7710868074, 0.8131947928)}
# The edge needs narrower limits than averages do: its expansion is one in (depth/width)^(1/3).
_EDGE_DEPTH_PER_WIDTH = LARGEST_DEPTH_PER_WIDTH / 2
_THRESHOLDS = (0.5, 1.5, 3.0)
# (order, power) of Renyi entropies; below order 1 the hard edge adds terms unknown to us
_ORDERS = ((2.0, 1.0), (3.0, 1.0), (3.0, 2.0))


@functools.lru_cache(maxsize=16)
def _products(width: int, depth: int, samples: int, field: str, seed: int, xp: ModuleType) -> Array:
    """Singular values, shape (samples, width); the claims here share them."""
    rng = np.random.SeedSequence(seed, spawn_key=(width, depth))
    sampled = sample_singular_values(width, depth, samples, rng=rng, field=field, xp=xp)
    values: Array = to_numpy(sampled)
    return values


def _samples_at(context: Context, width: int) -> int:
    """Number of products; fewer than chains elsewhere, as every depth has its own."""
    return max(2, context.samples_at(width) // 2)


class _Comparison:
    """Means over products of one width and depth, with their expected values."""

    def __init__(self, context: Context, width: int, depth: int) -> None:
        self.width, self.depth, self.field = width, depth, context.field
        self.samples = _samples_at(context, width)
        self.sigma = _products(width, depth, self.samples, context.field, context.seed, context.xp)
        self.beta = 1 if context.field == "real" else 2

    def moment_shift(self, z: float) -> float:
        """d(z)."""
        M = float(fuss_catalan_moment(z, self.depth))
        if self.field == "complex":
            return complex_power_sum((self.width,) * (self.depth + 1), z).value / M - 1
        return real_moment_correction(z, self.depth)[0] / M / self.width

    def moment_variance(self, z: float) -> float:
        """v(z)."""
        L = self.depth
        return L / (L + 1) * z * (L * z + 1) ** 2 / (self.beta * self.width**2)

    @property
    def unknown(self) -> float:
        """Annealed 1/N^2 term of real entries: of relative size 0.6 or less where it was seen."""
        return 1 / self.width**2 if self.field == "real" else 0.0


def _lines(
    context: Context,
    what: str,
    how: str,
    compare: Callable[[_Comparison], list[tuple[Array, float, float]]],
    comparisons: int = 1,
    largest: float = LARGEST_DEPTH_PER_WIDTH,
) -> Iterator[Evidence]:
    """A line per width: the worst of all (values per product, expected mean, allowance)."""
    for width in context.widths:
        depths = [L for L in context.whole_depths() if width * largest >= L]
        if not depths:
            yield not_checked(
                f"width {width}: {what}",
                f"the limit needs whole depths <= width/{1 / largest:g}",
            )
            continue
        errors = errors_allowed(_samples_at(context, width), comparisons * len(depths))
        rows = []
        for depth in depths:
            for values, expected, allowed in compare(_Comparison(context, width, depth)):
                error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
                distance = abs(float(np.mean(values)) - expected)
                rows.append((distance, allowed + errors * error, depth))
        distance, bound, depth = max(rows, key=lambda row: row[0] / row[1])
        yield at_most(
            f"width {width}: {what}",
            distance,
            bound,
            f"worst at depth {depth}, {_samples_at(context, width)} products; bound: {how}, and "
            f"{errors:.1f} standard errors",
        )


def _nuclear(context: Context) -> Iterator[Evidence]:
    def compare(at: _Comparison) -> list[tuple[Array, float, float]]:
        c = float(fuss_catalan_moment(0.5, at.depth))
        expected = 1 + at.moment_shift(0.5)
        # below, rounding of the exact mean for complex entries
        return [(at.sigma.mean(axis=-1) / c, expected, at.unknown + 1e-12)]

    known = "exact mean" if context.field == "complex" else "limit and 1/N term"
    yield from _lines(
        context,
        f"nuclear norm over N c against {known}",
        "1/N^2, for the next term" if context.field == "real" else "rounding",
        compare,
    )


def _renyi_line(at: _Comparison, order: float, power: float) -> tuple[Array, float, float]:
    q, z = order, power / 2
    entropy = spectrum.effective_rank(at.sigma, order=q, power=power) - math.log(at.width)
    # (log T(qz) - q log T(z))/(1-q) to second order in the deviations of T
    shift = (np.log1p(at.moment_shift(q * z)) - q * np.log1p(at.moment_shift(z))) / (1 - q)
    spread = (q * at.moment_variance(z) - at.moment_variance(q * z)) / (2 * (1 - q))
    limit = float(differential_effective_rank(at.depth, order=q, power=power))
    return entropy, limit + shift + spread, abs(spread) + at.unknown


def _renyi(context: Context) -> Iterator[Evidence]:
    yield from _lines(
        context,
        "Renyi entropies of orders 2 and 3 against limit and corrections",
        "the last term again" + (" and 1/N^2" if context.field == "real" else ""),
        lambda at: [_renyi_line(at, *order) for order in _ORDERS],
        len(_ORDERS),
    )


def _participation(context: Context) -> Iterator[Evidence]:
    yield from _lines(
        context,
        "log of participation ratio over N against -log(L+1) and corrections",
        "the last term again" + (" and 1/N^2" if context.field == "real" else ""),
        lambda at: [_renyi_line(at, 2, 2)],
    )


def stable_rank_shift(width: int, depth: int, field: str) -> tuple[float, float]:
    """Mean stable rank over its limit, less 1: leading terms, and the size of the next.

    Parameters
    ----------
    width, depth : int
        N and L.
    field : {"real", "complex"}
        Field of the entries.

    Returns
    -------
    tuple of two floats

    Notes
    -----
    Near the edge P(s > s_max (1 - d)) is (2 (L+1) d/L)^(3/2)/(3 pi (L+1)), and the largest of N
    values is s_max (1 + r xi), r = L/(2 (L+1)) (2 (L+1)/N)^(2/3), with xi of a Tracy-Widom law.
    Real entries move the edge by -L (2L+1)/(3 (L+1) N) in addition: for depth 1 this is Johnstone's
    centring n - 1/2; for depths 2 and 3 it is read off from the term e(z) in 1/N, as z -> infinity,
    to 8 digits.  Formal, and for depth >= 2 conjectured.
    """
    mean, variance = _TRACY_WIDOM[field]
    r = depth / (2 * (depth + 1)) * (2 * (depth + 1) / width) ** (2 / 3)
    edge = depth * (2 * depth + 1) / (3 * (depth + 1) * width) if field == "real" else 0.0
    return edge - r * mean, r * r * (mean**2 + variance)


def _stable(context: Context) -> Iterator[Evidence]:
    def compare(at: _Comparison) -> list[tuple[Array, float, float]]:
        ratio = spectrum.stable_rank(at.sigma) / at.width / limit_stable_rank(at.depth)
        shift, remainder = stable_rank_shift(at.width, at.depth, at.field)
        return [(ratio, 1 + shift, remainder)]

    yield from _lines(
        context,
        "stable rank over its limit against 1 and the shift of the edge",
        "the second order of the shift, which is itself of order N^(-2/3)",
        compare,
        largest=_EDGE_DEPTH_PER_WIDTH,
    )


def _threshold(context: Context) -> Iterator[Evidence]:
    def compare(at: _Comparison) -> list[tuple[Array, float, float]]:
        c = float(fuss_catalan_moment(0.5, at.depth))
        rows = []
        for t in _THRESHOLDS:
            share = spectrum.threshold_rank(at.sigma, t / at.width) / at.width
            # half a level for the counting function, and the shift of the mean singular value
            moved = t * c * abs(at.moment_shift(0.5)) * singular_value_law.pdf(t * c, at.depth)
            rows.append(
                (share, float(limit_threshold_rank(at.depth, t)), 0.5 / at.width + float(moved))
            )
        return rows

    yield from _lines(
        context,
        "share above t/N of the sum, t = 0.5, 1.5, 3",
        "half a level, 1/(2N), as in theorem1.finite-width, and the shift of the mean",
        compare,
        len(_THRESHOLDS),
    )
    for t in (1.5, 3.0):
        first, second = np.atleast_1d(limit_threshold_rank([1.0, 2.0], t))
        yield below(
            f"it rises with depth: share above {t:g} c at depth 1 less that at depth 2",
            float(first - second),
            0,
            f"{first:.4f} and {second:.4f}, from the closed form of the distribution function",
        )


def _claim(
    name: str,
    statement: str,
    reference: str,
    check: Callable[[Context], Iterator[Evidence]],
) -> Claim:
    return Claim(
        name=f"limits.{name}",
        statement=statement,
        assumptions="width -> infinity; convergence of the spectrum, its moments and its edge is "
        "known; the finite-width terms it is checked with are partly conjectured",
        reference=reference,
        status="proved",
        refuted_by="a mean over products off the limit by more than the known terms, what they "
        f"leave out, and sampling error; false alarms: {FALSE_ALARM:g} a line",
        check=check,
        argued="docs/limit-measures.md",
    )


CLAIMS = (
    _claim(
        "nuclear-norm",
        "The nuclear norm over the width tends to the mean c of the law.",
        "Definition 5",
        _nuclear,
    ),
    _claim(
        "renyi",
        "Renyi entropies less log width tend to their closed forms.",
        "docs/limit-measures.md; order 1: theorem1",
        _renyi,
    ),
    _claim(
        "participation-ratio",
        "The participation ratio of the squares over the width tends to 1/(depth + 1).",
        "the metric of that name, power 2",
        _participation,
    ),
    _claim(
        "stable-rank",
        "The stable rank over the width tends to L^L/(L+1)^(L+1).",
        "Definition 4, corrected; edge: Haagerup and Thorbjornsen, doi:10.4007/annals.2005.162.711",
        _stable,
    ),
    _claim(
        "threshold-rank",
        "The threshold rank at tau = t/width tends to a share that is not monotone in depth.",
        "Definition 3",
        _threshold,
    ),
)
