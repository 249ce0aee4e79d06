"""The kernel against closed forms, rational numbers, and quadrature of a joint density."""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from rmt_rank.exact.finite_width import complex_kernel as finite_width
from rmt_rank.exact.finite_width.complex_kernel import (
    complex_covariance,
    complex_power_sum,
    complex_power_sum_slope,
    expected_characteristic_polynomial,
)
from rmt_rank.simulation.products.sampling import sample_singular_values
from rmt_rank.theory.finite_width.trace_moments import trace_moments


def close(value, expected, digits):
    with mpmath.workdps(digits + 20):
        return abs(mpmath.mpf(value) / expected - 1) < mpmath.mpf(10) ** -digits


@pytest.mark.parametrize("z", ["-0.5", "1/2", "2.25"])
def test_width_one_is_a_product_of_gamma_variables(z):
    with mpmath.workdps(40):
        power = mpmath.mpf(Fraction(z).numerator) / Fraction(z).denominator
        # shapes 1, 3 and 2: widths 1, 1, 3, 2
        expected = math.prod(mpmath.gammaprod([a + power], [a]) for a in (1, 3, 2))
        slope = expected * sum(mpmath.psi(0, a + power) for a in (1, 3, 2))
        double = math.prod(mpmath.gammaprod([a + 2 * power + 1], [a]) for a in (1, 3, 2))
        double -= expected * math.prod(mpmath.gammaprod([a + power + 1], [a]) for a in (1, 3, 2))
    assert close(complex_power_sum((1, 1, 3, 2), z), expected, 29)
    assert close(complex_power_sum_slope((1, 1, 3, 2), z), slope, 28)
    # Cov(s^z, s^(z+1)); for z = -1/2 of s^-1/2 and s^1/2
    found = complex_covariance((1, 1, 3, 2), z, Fraction(z) + 1)
    assert close(found, double, 28)


@pytest.mark.parametrize(("z", "w"), [("0.5", "0.5"), ("0.3", "1.7"), ("-0.25", "0.5")])
@pytest.mark.parametrize("rows", [2, 4])
def test_one_matrix_of_width_two_by_its_density(rows, z, w):
    # (x - y)^2 (x y)^(rows-2) exp(-x-y): every mean is a sum of products of gamma functions
    with mpmath.workdps(40):
        a, b = (mpmath.mpf(Fraction(v).numerator) / Fraction(v).denominator for v in (z, w))

        def mean(i, j):
            g, k = mpmath.gamma, rows - 1
            return (
                g(i + k + 2) * g(j + k) - 2 * g(i + k + 1) * g(j + k + 1) + g(i + k) * g(j + k + 2)
            )

        unit = mean(0, 0)
        first, second = mean(a, 0) / unit, mean(b, 0) / unit  # the mean of (x^a + y^a)/2
        both = (mean(a + b, 0) + (mean(a, b) + mean(b, a)) / 2) / (2 * unit)
        scale = mpmath.mpf(2)
        expected_first = first / scale**a
        expected = (both - first * second) / scale ** (a + b)
    assert close(complex_power_sum((2, rows), z), expected_first, 29)
    assert close(complex_covariance((2, rows), z, w), expected, 28)


def test_the_kernel_is_biorthogonal():
    for shifts in ([0], [0, 2, 1]):
        matrix = finite_width._matrix(6, shifts, 0)
        assert matrix == [[int(n == m) for m in range(6)] for n in range(6)]


@pytest.mark.parametrize("widths", [(3, 3), (2, 2, 2), (3, 5, 4), (4, 3, 3, 6)], ids=str)
def test_integer_orders_are_wick_s(widths):
    means = {}
    for order in (1, 2, 3, 4):
        means |= trace_moments(widths, order, "complex")
        value = complex_power_sum(widths, order)
        assert isinstance(value, Fraction)
        # float64 sums of integers over N^k, one after the other for every layer
        assert float(value) == pytest.approx(means[order,], rel=1e-14)
    for z, w in [(1, 1), (1, 2), (1, 3), (2, 2)]:
        joint = means[tuple(sorted((z, w), reverse=True))]
        covariance = complex_covariance(widths, z, w)
        assert float(covariance) == pytest.approx(
            joint - means[z,] * means[w,], rel=0, abs=1e-14 * joint
        )


def test_orders_near_an_integer_are_near_its_rational_value():
    # the two ways of computing; the mean has a bounded slope
    value = complex_power_sum((3, 4, 3), 2)
    step = Fraction(1, 10**20)
    near = complex_power_sum((3, 4, 3), 2 + step, digits=40)
    slope = complex_power_sum_slope((3, 4, 3), 2, digits=20)
    with mpmath.workdps(50):
        difference = (near - mpmath.mpf(value.numerator) / value.denominator) * 10**20
        assert close(difference, slope, 18)
    assert complex_covariance((3, 4, 3), 0, 1) == 0


def elementary_means(widths, field):
    """E e_k(s) from the means of products of traces, by Newton's identities."""
    N = min(widths)
    for k in range(1, 5):
        total = 0.0
        for parts, mean in trace_moments(widths, k, field).items():
            # e_k = sum over partitions of (-1)^(k - parts) prod p_i / (prod i^m_i m_i!)
            symmetry = math.prod(
                part ** len(list(group)) for part, group in itertools.groupby(parts)
            ) * math.prod(math.factorial(parts.count(part)) for part in set(parts))
            total += (-1) ** (k - len(parts)) * mean * N ** len(parts) / symmetry
        yield total


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("widths", [(4, 4), (5, 5, 5), (4, 6, 5), (7, 4, 9, 4)], ids=str)
def test_characteristic_polynomials_by_newton_s_identities(widths, field):
    polynomial = expected_characteristic_polynomial(widths)
    assert len(polynomial) == min(widths) + 1
    N = min(widths)
    for k, mean in enumerate(elementary_means(widths, field), 1):
        # sums of products of traces, up to (tr X)^k, of which the rounding stays
        size = trace_moments(widths, k, field)[(1,) * k] * N**k
        assert (-1) ** k * float(polynomial[k]) == pytest.approx(mean, rel=0, abs=1e-14 * size)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_characteristic_polynomials_in_simulation(field):
    samples, N = 40_000, 3
    s = sample_singular_values(N, 2, samples, field=field, rng=8) ** 2
    elementary = [s.sum(axis=1), (s.sum(axis=1) ** 2 - (s**2).sum(axis=1)) / 2, s.prod(axis=1)]
    for k, (values, c) in enumerate(
        zip(elementary, expected_characteristic_polynomial((N,) * 3)[1:], strict=True), 1
    ):
        # 4 standard errors: one false alarm in 16000
        error = 4 * values.std() / math.sqrt(samples)
        assert np.mean(values) == pytest.approx((-1) ** k * float(c), abs=error)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: complex_power_sum((3,), 1), ValueError, "widths is .*; allowed: at least 2"),
        (lambda: complex_power_sum((3, 0), 1), ValueError, "widths is 0; allowed: an int from 1"),
        (lambda: complex_power_sum((3, 2.0), 1), TypeError, "widths is 2.0; allowed: an int"),
        (lambda: complex_power_sum((3, 3), "-1"), ValueError, "z is '-1'; allowed: .* above -1"),
        (lambda: complex_covariance((3, 3), -0.5, -0.5), ValueError, "z . w is -1; allowed"),
        (lambda: complex_power_sum((3, 3), 1, digits=0), ValueError, "digits is 0; allowed"),
        (lambda: expected_characteristic_polynomial((True, 3)), TypeError, "widths is True"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
