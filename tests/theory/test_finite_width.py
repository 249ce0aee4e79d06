"""Finite-width corrections: exact second moments, one by one matrices, the expansion in 1/N."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import special

from rmt_rank import differential_effective_rank, fuss_catalan_moment
from rmt_rank.theory.complex_moments import complex_nuclear_variance, complex_power_sum
from rmt_rank.theory.finite_width import (
    finite_width_correction,
    real_moment_correction,
)
from rmt_rank.theory.trace_moments import trace_moments


def _complex_annealed_rank(width, depth):
    moment = complex_power_sum((width,) * (depth + 1), 0.5)
    return moment.log - 0.5 * moment.log_slope


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


def test_complex_one_by_one_is_a_product_of_exponentials():
    # N = 1: E s^z = Gamma(1+z)^L
    L = 3
    log_c = L * special.gammaln(1.5)
    assert _complex_annealed_rank(1, L) == pytest.approx(
        log_c - 0.5 * L * special.digamma(1.5), rel=1e-13
    )


@pytest.mark.parametrize(("width", "depth"), [(2, 1), (3, 2), (6, 4)])
def test_complex_moments_against_the_double_sum(width, depth):
    # int s^z K(s, s) ds with K = sum_n p_n phi_n / n!, where int s^(y-1) phi_n(s) ds =
    # Gamma(y)^(L+1)/Gamma(y-n), and p_n = sum_k (-1)^(n+k) binom(n, k) s^k / k!^L, which these
    # moments make biorthogonal
    with mpmath.workdps(30):
        z = mpmath.mpf(1) / 2

        def moment(z):
            total = mpmath.mpf(0)
            for n in range(width):
                for k in range(n + 1):
                    coefficient = (-1) ** (n + k) * mpmath.binomial(n, k)
                    coefficient /= mpmath.factorial(k) ** depth * mpmath.factorial(n)
                    y = z + k + 1
                    total += coefficient * mpmath.gamma(y) ** (depth + 1) / mpmath.gamma(y - n)
            return total / width / mpmath.mpf(width) ** (depth * z)

        c = moment(z)
        expected = float(mpmath.log(c) - z * mpmath.diff(moment, z) / c)
    assert _complex_annealed_rank(width, depth) == pytest.approx(expected, rel=1e-12)


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


def test_it_vanishes_at_infinite_width():
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


@pytest.mark.parametrize("widths", [(4, 4, 4), (3, 5, 4), (6, 3, 5)], ids=str)
def test_complex_power_sums(widths):
    moments = trace_moments(widths, 1, "complex")
    # at z -> 1 it is the mean trace
    assert complex_power_sum(widths, 1 - 1e-9).value == pytest.approx(moments[1,], rel=1e-7)
    assert complex_power_sum(widths, 0.0).value == pytest.approx(1, rel=1e-13)
    step = 1e-5
    low, high = (complex_power_sum(widths, 0.5 + sign * step).value for sign in (-1, 1))
    slope = complex_power_sum(widths, 0.5).slope
    # central differences: step^2 and rounding over the step
    assert (high - low) / (2 * step) == pytest.approx(slope, rel=1e-8)


def test_complex_nuclear_variance_of_one_number():
    # |g| of a complex Gaussian number: E |g|^2 = 1, E |g| = sqrt(pi)/2
    assert complex_power_sum((1, 1), 0.5).value == pytest.approx(math.sqrt(math.pi) / 2, rel=1e-14)
    assert complex_nuclear_variance((1, 1)) == pytest.approx(1 - math.pi / 4, rel=1e-13)
    # three factors
    assert complex_nuclear_variance((1,) * 4) == pytest.approx(1 - (math.pi / 4) ** 3, rel=1e-13)
