"""Residual linear networks at initialisation: law, monotony, and statements of Appendix C."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

from rmt_rank.exact.free_products import transforms as exact_products
from rmt_rank.exact.free_products.moments import free_product_moments, residual_moments
from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import (
    Claim,
    Context,
    Evidence,
    at_most,
    below,
    erratum,
    refutation,
)
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.simulation.products.residual_products import sample_residual_singular_values
from rmt_rank.theory.free_products.law import FreeProductLaw, free_product_law
from rmt_rank.theory.free_products.rank import (
    ResidualFactor,
    deep_effective_rank,
    effective_rank_of_free_product,
)
from rmt_rank.theory.residual_limit.law import ResidualLimitLaw, residual_limit_law
from rmt_rank.theory.residual_limit.rank import residual_limit_effective_rank

__all__ = ["CLAIMS", "entropies", "standard_error", "weak_rank"]

Array = npt.NDArray[np.float64]

_PAGE = "docs/networks.md"

# Scale and matrices in a branch; 1/sqrt(3) is that of uniform entries up to 1/sqrt(n), a default.
_DEFAULT = math.sqrt(1 / 3)
_DIGITS = 15


def _rank(scale: float, depth: int, *, layers: int = 1, power: float = 1) -> float:
    factors = [ResidualFactor(scale, layers=layers)] * depth
    return effective_rank_of_free_product(factors, power=power)


def weak_rank(time: float, depth: int) -> float:
    """Effective rank less log N of layers of variance time/depth, infinite width."""
    return _rank(math.sqrt(time / depth), depth)


def entropies(
    context: Context,
    width: int,
    depths: tuple[int, ...],
    samples: int,
    scale: float,
    *,
    layers: int = 1,
    field: str = "complex",
) -> Array:
    """Effective ranks less log N, shape (samples, len(depths)), with a stream of their own."""
    seed = np.random.SeedSequence(context.seed, spawn_key=(width, *depths, layers))
    sigma = sample_residual_singular_values(
        width, depths, samples, scale=scale, layers=layers, field=field, rng=seed
    )
    ranks = np.asarray(spectrum.effective_rank(sigma.reshape(-1, width)))
    return ranks.reshape(samples, len(depths)) - math.log(width)


def standard_error(values: Array) -> Array:
    """Standard errors of the mean over the first axis."""
    return np.asarray(values.std(axis=0, ddof=1) / math.sqrt(len(values)))


# --- the law of products -----------------------------------------------------------------------


def _products(context: Context) -> Iterator[Evidence]:
    errors = []
    for scale, layers, depth, power in ((1, 1, 4, 1), (0.3, 1, 8, 2), (0.5, 2, 2, 2)):
        factors = [exact_products.residual_s_transform(scale, layers)] * depth
        slow = exact_products.effective_rank_of_free_product(factors, power=power, digits=_DIGITS)
        fast = _rank(scale, depth, layers=layers, power=power)
        errors.append(abs(float(fast / slow - 1)))
    yield at_most(
        "effective rank in float64 against integrals of S-transforms",
        max(errors),
        1e-12,
        "largest relative distance, scales 1, 0.3 and 0.5, the last two for the Gram matrix, the "
        "last with two matrices in a branch",
    )
    yield _simulated(context, _DEFAULT, 1, (1, 4, 8))
    yield _simulated(context, 0.7, 2, (1, 3))
    yield _spectrum(context)


def _simulated(context: Context, scale: float, layers: int, depths: tuple[int, ...]) -> Evidence:
    sides, samples = (16, 32), 300
    means, errors = [], []
    for N in sides:
        values = entropies(context, N, depths, samples, scale, layers=layers)
        means.append(values.mean(axis=0))
        errors.append(standard_error(values))
    limit = [_rank(scale, depth, layers=layers) for depth in depths]
    # scales below 1 have soft edges, where misfits of complex entries fall like N^-2: what is left
    # at N = 32 is a third of the change
    left = np.abs(means[1] - means[0]) / 3
    allowed = errors_allowed(samples, len(depths)) * np.hypot(errors[1], errors[0] / 3) + left
    found = np.abs(means[1] - limit)
    worst = int(np.argmax(found / allowed))
    return at_most(
        f"scale {scale:.3g}, {layers} in a branch, complex: mean rank less log N, against theory",
        found[worst],
        allowed[worst],
        f"worst of the depths {', '.join(map(str, depths))}, at depth {depths[worst]}; width 32, "
        f"{samples} chains; bound: a third of the change from width 16, for an error of order "
        f"1/N^2, and sampling error; false alarm {FALSE_ALARM:g}",
    )


def _spectrum(context: Context) -> Evidence:
    N, depth, samples = 32, 4, 300
    seed = np.random.SeedSequence(context.seed, spawn_key=(N, depth, 2))
    sigma = sample_residual_singular_values(
        N, [depth], samples, scale=_DEFAULT, field="complex", rng=seed
    )[:, 0]
    levels = np.arange(1, 16) / 16
    points = free_product_law([ResidualFactor(_DEFAULT)] * depth).ppf(levels)
    below_points = (sigma[:, :, np.newaxis] < points).mean(axis=1)
    errors = errors_allowed(samples, levels.size)
    return at_most(
        "singular values of 4 layers against the law",
        float(np.abs(below_points.mean(axis=0) - levels).max()),
        0.5 / N + errors * float(standard_error(below_points).max()),
        f"largest distance of distribution functions at 15 levels, width {N}, complex; bound: half "
        f"a level, 1/(2N), by which a perfect staircase is off, and {errors:.1f} standard errors",
    )


# --- monotony ----------------------------------------------------------------------------------


def _monotone(context: Context) -> Iterator[Evidence]:
    changes = [
        after - before
        for scale, layers, depths, power in (
            *product((0.1, _DEFAULT, 1.0, 2.0), (1,), ((1, 2, 3, 4, 8, 16, 64),), (1, 2)),
            (0.7, 2, (1, 2), 1),
        )
        for before, after in pairwise(
            _rank(scale, depth, layers=layers, power=power) for depth in depths
        )
    ]
    yield below(
        "effective rank at infinite width: change with depth",
        max(changes),
        0,
        "largest change between the depths 1, 2, 3, 4, 8, 16, 64, scales 0.1, 1/sqrt(3), 1 and 2, "
        "singular values and Gram matrix, and from 1 to 2 blocks of two matrices, scale 0.7",
    )
    laws: list[list[FreeProductLaw | ResidualLimitLaw]] = [
        [free_product_law([ResidualFactor(_DEFAULT)] * depth) for depth in (1, 2, 4, 8)],
        [residual_limit_law(time) for time in (0.1, 1, 2, 8)],
    ]
    yield below(
        "convex order: the largest values have a greater share of the sum in deeper networks",
        max(
            float(np.max(_top_shares(before) - _top_shares(after)))
            for row in laws
            for before, after in pairwise(row)
        ),
        0,
        "largest loss of the shares of the largest 5, 10, ..., 95 %, depths 1, 2, 4, 8 of scale "
        "1/sqrt(3) and times 0.1, 1, 2, 8 of the limit; greater shares lower every Schur-concave "
        "measure of rank",
    )
    depths, samples = (1, 2, 4, 8, 16), 300
    ranks = entropies(context, 32, depths, samples, _DEFAULT, field=context.field)
    steps = np.diff(ranks, axis=1)
    errors = errors_allowed(samples, len(depths) - 1)
    yield below(
        "width 32: mean effective rank falls with depth",
        float(np.max(steps.mean(axis=0) + errors * standard_error(steps))),
        0,
        f"upper confidence limit of the change, {errors:.1f} standard errors, worst of the depths "
        f"1, 2, 4, 8, 16 along {samples} chains, scale 1/sqrt(3), {context.field} entries",
    )


def _top_shares(law: FreeProductLaw | ResidualLimitLaw) -> Array:
    """Share of the sum that the largest 5, 10, ..., 95 % have."""
    # Gauss's rule in each twentieth; the roots at both ends of the law cost 1e-5 at most
    nodes, weights = np.polynomial.legendre.leggauss(8)
    u = (np.arange(20)[:, np.newaxis] + (1 + nodes) / 2) / 20
    sums = np.asarray(law.ppf(u.ravel())).reshape(u.shape) @ weights
    return np.asarray(np.cumsum(sums[::-1])[:-1] / sums.sum())


def _beyond_two(_context: Context) -> Iterator[Evidence]:
    # squared singular values 40 in one of a hundred places, 1 elsewhere
    share, large = Fraction(1, 100), 40
    before = [1 - share + share * large**k for k in range(1, 5)]
    after = free_product_moments(before, residual_moments(Fraction(1, 25), 4))

    def change(power: int) -> float:
        """A counterexample for the rank of order 2."""
        half = power // 2
        ratio = (after[power - 1] / before[power - 1]) * (before[half - 1] / after[half - 1]) ** 2
        return -math.log(ratio)

    how = "order 2, W as above, a block of scale 1/5; rational arithmetic"
    yield refutation("power 4: a residual block raises the rank by, nats", change(4), 0, how)
    yield below("power 2: it changes it by", change(2), 0, how)


# --- whether it levels off ---------------------------------------------------------------------


def _plateau(context: Context) -> Iterator[Evidence]:
    # 8 layers of variance 1/3 have the time 8/3
    time = 8 / 3
    gap = weak_rank(time, 8) - float(residual_limit_effective_rank(time))
    yield refutation(
        "branches of fixed variance 1/3: loss of rank from 8 to 64 layers, nats",
        _rank(_DEFAULT, 8) - _rank(_DEFAULT, 64),
        gap,
        "infinite width; bound: all that the rank loses beyond the same 8 layers as the variance "
        "falls like 1/depth",
    )
    samples = 300
    ranks = entropies(context, 32, (8, 32), samples, _DEFAULT, field=context.field)
    drop = ranks[:, 0] - ranks[:, 1]
    errors = errors_allowed(samples)
    yield refutation(
        "the same on networks of width 32, from 8 to 32 layers",
        float(drop.mean() - errors * standard_error(drop)),
        gap,
        f"lower confidence limit, {errors:.1f} standard errors, {samples} chains, {context.field} "
        "entries; the same bound",
    )
    factor = ResidualFactor(_DEFAULT)
    misfits = [
        abs(_rank(_DEFAULT, depth) - deep_effective_rank([factor] * depth)) for depth in (256, 1024)
    ]
    yield at_most(
        "branches of fixed variance: rank -> constant - log(7 depth/16)",
        misfits[1],
        misfits[0] / 2,
        "misfit at 1024 layers of variance 1/3; bound: half of that at 256, as it falls to a "
        "quarter if it is of order 1/depth",
    )
    depths = (8, 16, 32, 64, 128, 256)
    limit = float(residual_limit_effective_rank(1))
    scaled = [depth * (weak_rank(1, depth) - limit) for depth in depths]
    yield at_most(
        "branches of variance 1/depth: depth times the distance from the plateau",
        max(scaled),
        2 * scaled[-1] - scaled[-2],
        f"largest at depths 8 to 256, where the plateau is {limit:.4f}; bound: its limit, "
        "extrapolated from 128 and 256 layers, so that the rank is within bound/depth",
    )


CLAIMS = (
    Claim(
        name="residual.free-product",
        statement="Products of residual blocks have the limit law of their S-transforms.",
        assumptions="initialisation; width -> infinity; blocks I + a G_k ... G_1; real or complex; "
        "for k > 1 the branch of S is proved on (-1, 0] and followed numerically off it",
        reference="freeness of Gaussian matrices (Voiculescu); law of one block: Dozier and "
        "Silverstein, Haagerup and Schultz; beyond the paper",
        status="proved",
        refuted_by="a digit in which the implementations differ, or a mean rank or a spectrum off "
        "the limit",
        check=_products,
        argued=f"{_PAGE}, Products of blocks",
    ),
    Claim(
        name="residual.monotone",
        statement="Every residual block lowers the effective rank at initialisation.",
        assumptions="width -> infinity; any scale > 0, any number of matrices in a branch; powers "
        "of singular values from 1 to 2, any order; power 1 at every finite width, in mean, by "
        "theorem1.any-matrix",
        reference='Appendix C, which says that they "do not exhibit a monotonic rank contracting '
        'behavior"; beyond the paper',
        status="proved",
        refuted_by="a depth at which the rank rises, or a share of the largest values that falls; "
        f"false alarms: {FALSE_ALARM:g} a line",
        check=_monotone,
        argued=f"{_PAGE}, Every block lowers the rank",
    ),
    Claim(
        name="residual.beyond-power-two",
        statement="A free factor lowers the effective rank of every power of the singular values.",
        assumptions="width -> infinity; a W whose squared singular values are 40 in one of a "
        "hundred places and 1 elsewhere",
        reference="ours, on our own theorem",
        status="refuted",
        refuted_by="the lines marked refuted",
        check=_beyond_two,
        argued=f"{_PAGE}, Every block lowers the rank",
        instead="for powers from 1 to 2 it does, whatever W is",
    ),
    erratum(
        "residual.plateau",
        "The effective rank of residual networks plateaus after 8 layers.",
        "at initialisation: a plateau, at a distance of order 1/depth, if the variance of a branch "
        "is t/depth; none at a fixed variance, where it falls like -log(depth)",
        "Appendix C, read as a statement on all residual networks at initialisation; Figure 9 "
        "shows trained ones, see the experiment residual",
        _plateau,
        argued=f"{_PAGE}, Whether it levels off",
    ),
)
