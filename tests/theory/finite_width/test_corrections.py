"""Finite-width corrections: exact second moments, one by one matrices, the expansion in 1/N."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from rmt_rank.theory import fuss_catalan_moment
from rmt_rank.theory.finite_width.corrections import (
    finite_width_correction,
    real_moment_correction,
)
from rmt_rank.theory.finite_width.trace_moments import trace_moments
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_real_second_moment_is_exact(depth):
    # Pairings of two G and two G^T around X = A A^T give, for real entries of variance 1/N,
    # E tr(G X G^T G X G^T) = [N (tr X)^2 + (N + N^2) tr X^2]/N^2 and
    # E tr(G X G^T)^2 = [N^2 (tr X)^2 + 2 N tr X^2]/N^2.  Iterated from X = 1 in 1/N to first order.
    trace2, square = [Fraction(1), Fraction(0)], [Fraction(1), Fraction(0)]  # /N and /N^2
    for _ in range(depth):
        trace2, square = (
            [square[0] + trace2[0], square[1] + trace2[1] + trace2[0]],
            [square[0], square[1]],
        )
    assert trace2[0] == depth + 1
    assert real_moment_correction(2, depth)[0] == pytest.approx(float(trace2[1]), rel=1e-10)
    assert real_moment_correction(1, depth)[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("depth", [1, 4])
def test_slope_of_the_real_correction(depth):
    low, high = (real_moment_correction(0.5 + h, depth)[0] for h in (-1e-4, 1e-4))
    assert real_moment_correction(0.5, depth)[1] == pytest.approx((high - low) / 2e-4, rel=1e-6)


@pytest.mark.parametrize(
    ("depth", "coefficient"),
    [(1, -0.2880521), (2, -0.4436796), (4, -0.6858377), (16, -1.9441656), (64, -6.8480557)],
)
def test_real_coefficient(depth, coefficient):
    # R_L of the design; at huge width nothing else is left of the correction
    assert finite_width_correction(10**12, depth).value * 1e12 == pytest.approx(
        coefficient, abs=6e-8
    )


@pytest.mark.parametrize(
    ("depth", "coefficient"), [(2, 0.7083), (3, 0.9141), (4, 1.3667), (8, 4.567), (16, 17.05)]
)
def test_complex_expansion(depth, coefficient):
    # A_L = 3 L^2/(32 (L-1)^2) + L^2 (L+2)/(16 (L+1)); the next term is O(N^(-(L+3)/2))
    L, N = depth, 512
    exact = 3 * L**2 / (32 * (L - 1) ** 2) + L**2 * (L + 2) / (16 * (L + 1))
    assert exact == pytest.approx(coefficient, rel=1e-3)
    # rounding: the logarithms, up to 2600, lose 5e-13 nat, N^2 = 2.6e5 times
    value = finite_width_correction(N, L, "complex").value * N**2
    assert value == pytest.approx(exact, rel=2 * N ** (-(L - 1) / 2), abs=1e-5)


def test_the_correction_vanishes_at_infinite_width():
    assert differential_effective_rank(3) < 0
    for field in ("real", "complex"):
        values = [abs(finite_width_correction(N, 3, field).value) for N in (32, 64, 128)]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 1), ValueError, "width must be an integer >= 1, got 0"),
        ((4, 1.5), TypeError, "depth must be an integer >= 1, got 1.5"),
        ((4, 1, "quaternion"), ValueError, "field must be one of 'real', 'complex'"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        finite_width_correction(*arguments)


def second_moment(width, depth, field):
    return trace_moments((width,) * (depth + 1), 2, field)[2,]


@pytest.mark.parametrize(("field", "beta"), [("real", 1), ("complex", 2)])
def test_second_moment(field, beta):
    # one factor: (2 N + 1)/N for real entries, 2 for complex ones; one by one: E s^2 for a product
    # of chi-squared variables, 3^L, and of exponential ones, 2^L
    assert second_moment(7, 1, field) == pytest.approx(2 + (2 - beta) / 7, rel=1e-15)
    for depth in (1, 2, 5):
        assert second_moment(1, depth, field) == pytest.approx((4 - beta) ** depth, rel=1e-14)
    assert second_moment(10**9, 6, field) == pytest.approx(7, rel=1e-7)


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_trace_moments_of_width_one(order, field):
    # all traces are powers of s, a product of gamma variables: E s^k per factor (2k - 1)!! or k!
    expected = special.factorial2(2 * order - 1) if field == "real" else special.factorial(order)
    for mean in trace_moments((1, 1, 1), order, field).values():
        assert mean == pytest.approx(expected**2, rel=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_trace_moments_tend_to_fuss_catalan_numbers(order):
    N, L = 10**6, 3
    for parts, mean in trace_moments((N,) * (L + 1), order).items():
        limit = np.prod([fuss_catalan_moment(k, L) for k in parts])
        assert mean == pytest.approx(limit, rel=100 / N)


def test_complex_third_moment_in_the_literature():
    # one factor, E tr S^3 / N of n x m entries of variance 1: nm(n^2 + m^2 + 3nm + 1)
    n, m = 5, 3
    mean = trace_moments((m, n), 3, "complex")[3,]
    assert mean == pytest.approx(n * m * (n**2 + m**2 + 3 * n * m + 1) / m**4, rel=1e-14)
