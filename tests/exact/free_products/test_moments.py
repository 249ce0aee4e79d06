"""Exact moments of free products against known ones, and against the float64 implementation."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_rank.exact.free_products.moments import free_product_moments, residual_moments
from rmt_rank.theory.free_products.rank import GaussianFactor, ResidualFactor, free_product_moment
from rmt_rank.theory.gaussian.moments import fuss_catalan_moment

CATALAN = [1, 2, 5, 14, 42]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_fuss_catalan(depth):
    found = free_product_moments(*[CATALAN] * depth)
    for order, moment in enumerate(found, 1):
        # integers, to rounding of the gamma functions
        assert moment.denominator == 1
        assert float(fuss_catalan_moment(order, depth)) == pytest.approx(int(moment), rel=1e-13)


@pytest.mark.parametrize("square", [Fraction(1, 25), Fraction(1), Fraction(9)])
def test_residual(square):
    product = free_product_moments(CATALAN, residual_moments(square, 5))
    factors = [GaussianFactor(), ResidualFactor(float(square) ** 0.5)]
    for order, moment in enumerate(product, 1):
        # the stated error of the float64 implementation
        assert float(free_product_moment(factors, order)) == pytest.approx(float(moment), rel=1e-12)


@given(st.lists(st.fractions(Fraction(1, 9), 9, max_denominator=9), min_size=1, max_size=3))
def test_points_scale(points):
    # a law at one point c multiplies the k-th moment by c^k
    laws = [[c**k for k in range(1, 5)] for c in points]
    scale = Fraction(1)
    for c in points:
        scale *= c
    assert free_product_moments(CATALAN[:4], *laws) == [
        scale**k * m for k, m in enumerate(CATALAN[:4], 1)
    ]


def test_refusals():
    for moments in ([], [[1, 2], [1]], [[]]):
        with pytest.raises(ValueError, match=r"moments (is|must be)"):
            free_product_moments(*moments)
