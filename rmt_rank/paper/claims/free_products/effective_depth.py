"""The rank of a deep product of free factors depends on its effective depth alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import mpmath

from rmt_rank.exact.free_products import transforms as exact_products
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below
from rmt_rank.theory.free_products.factors import Factor
from rmt_rank.theory.free_products.rank import (
    GaussianFactor,
    OrthogonalFactor,
    ResidualFactor,
    deep_effective_rank,
    effective_rank_of_free_product,
)

__all__ = ["CLAIM"]

# Repetitions of the factors of a product, the second four times the first.
_FEW, _MANY = 32, 128


def _check(_context: Context) -> Iterator[Evidence]:
    mixed: list[Factor] = [
        GaussianFactor(),
        GaussianFactor(2),
        ResidualFactor(0.7),
        OrthogonalFactor(),
    ]
    two: list[Factor] = [ResidualFactor(0.7, layers=2), GaussianFactor(3)]
    for factors, what in (
        (mixed, "square and wide Gaussian, residual, orthogonal"),
        (two, "residual of two matrices, wide Gaussian"),
    ):
        for power in (1, 2):
            few, many = (
                abs(
                    effective_rank_of_free_product(factors * count, power=power)
                    - deep_effective_rank(factors * count, power=power)
                )
                for count in (_FEW, _MANY)
            )
            yield at_most(
                f"{what}: rank of power {power} -> constant - log(effective depth)",
                many,
                few / 2,
                f"misfit of {_MANY} times these factors; bound: half of that of {_FEW} times, as "
                "it falls to a quarter if it is of order 1/depth",
            )
    transforms = [exact_products.gaussian_s_transform(aspect) for aspect in (1, 2)]
    transforms += [exact_products.residual_s_transform(0.7, layers) for layers in (1, 2, 3)]
    points = [mpmath.mpf(-k) / 20 for k in range(20)]
    yield below(
        "S-transforms fall on (-1, 0], as the proof says",
        max(
            float(transform(right) - transform(left))
            for transform in transforms
            for right, left in pairwise(points)
        ),
        0,
        "largest rise over steps of 1/20: Gaussian factors of aspects 1 and 2, residual factors of "
        "1, 2 and 3 matrices",
    )


CLAIM = Claim(
    name="residual.effective-depth",
    statement="To leading order the rank of a deep product is a constant - log(effective depth).",
    assumptions="width -> infinity, then depth; free factors with s at most a common multiple of "
    "its mean, effective depth at least a multiple of depth; error of order 1/depth; powers 1, 2",
    reference="ours; Laplace's method in the integral of Haagerup and Moeller, arXiv:1211.4457",
    status="proved",
    refuted_by="a misfit that does not fall like 1/depth, or an S-transform that rises",
    check=_check,
    argued="docs/networks.md, Products of blocks",
)
