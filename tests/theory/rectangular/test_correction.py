"""The term of order 1/N: quadrature, exact moments, square matrices, Monte Carlo."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from rmt_rank import estimate, expected_effective_rank
from rmt_rank.theory.finite_width.corrections import finite_width_correction
from rmt_rank.theory.finite_width.trace_moments import trace_moments
from rmt_rank.theory.rectangular.correction import _nodes, _phase, rectangular_correction
from rmt_rank.theory.rectangular.curve import curve_of


def by_quadrature(n, N, power):
    """The first variation of log P - T/P for one layer, by the theorem of Bai and Silverstein.

    e(g) = g(a)/4 + g(b)/4 - (1/(2 pi)) int g(s)/sqrt((b-s)(s-a)) ds; all integrals at 30 digits.
    """
    with mpmath.workdps(30):
        r, z = mpmath.mpf(n) / N, mpmath.mpf(power) / 2
        a, b = (mpmath.sqrt(r) - 1) ** 2, (mpmath.sqrt(r) + 1) ** 2

        def root(s):
            return mpmath.sqrt((b - s) * (s - a))

        def law(g):
            return mpmath.quad(lambda s: g(s) * root(s) / (2 * mpmath.pi * s), [a, (a + b) / 2, b])

        def correction(g):
            arcsine = mpmath.quad(lambda s: g(s) / root(s), [a, (a + b) / 2, b])
            return (g(a) + g(b)) / 4 - arcsine / (2 * mpmath.pi)

        def p(s):
            return s**z

        def t(s):
            return s**z * z * mpmath.log(s)

        P, T = law(p), law(t)
        return float(correction(p) / P - correction(t) / P + T * correction(p) / P**2)


@pytest.mark.parametrize("power", [0.5, 1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 2), (9, 8), (40, 10), (1000, 1)], ids=str)
def test_one_layer_against_quadrature(shape, power):
    found = rectangular_correction(shape, power=power)
    # quad loses half of its 30 digits at the inverse roots of the edges
    assert found == pytest.approx(by_quadrature(*shape, power), rel=1e-10)
    assert rectangular_correction(shape[::-1], power=power) == pytest.approx(found, rel=1e-13)


def test_nearly_square():
    near = rectangular_correction((10**5 + 1, 10**5), power=2)
    assert near == pytest.approx(by_quadrature(10**5 + 1, 10**5, 2), rel=1e-8)


@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
@pytest.mark.parametrize("depth", [1, 2, 5, 12])
def test_square_matrices_have_the_closed_form(depth, power):
    """Against the coefficient of 1/N by quadrature to a relative 1e-11 of parts that cancel."""
    # N times the whole correction is R + c/N: two widths remove c
    first, second = (finite_width_correction(N, depth, power=power).value * N for N in (64, 128))
    assert rectangular_correction([1] * (depth + 1), power=power) == pytest.approx(
        2 * second - first, rel=1e-10
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("widths", [(1, 2), (2, 1, 2), (1, 2, 1), (1, 1, 1), (2, 1, 3, 2)], ids=str)
def test_moments_against_exact_ones(widths, order):
    """E mean s^n at k times the widths is a polynomial in 1/k; the coefficient of 1/k is e(n)."""
    if order * len(widths) > 12:
        pytest.skip("eight values fix polynomials of degree 7 only")
    curve = curve_of(widths)
    log_ratio, rate = _nodes(curve, order)
    phase = _phase(curve, curve.from_log_ratio(log_ratio))
    scale = math.exp(curve.log_mean())
    term = -(phase * rate) @ (order * (scale * np.exp(log_ratio)) ** order) / (2 * math.pi)
    N = min(widths)

    def moment(k):
        # entries of variance 1/width; the trace over the smallest width
        scaled = tuple(k * n for n in widths)
        return trace_moments(scaled, order)[order,]

    ks = [1, 2, 3, 4, 5, 6, 7, 8]
    values = [Fraction(moment(k)).limit_denominator(10**14) for k in ks]
    # Lagrange interpolation in h = 1/k gives the coefficient of h
    h = [Fraction(1, k) for k in ks]
    coefficient = Fraction(0)
    for i, value in enumerate(values):
        others = [h[j] for j in range(len(h)) if j != i]
        product = math.prod((h[i] - x for x in others), start=Fraction(1))
        slope = sum(
            math.prod((-x for j, x in enumerate(others) if j != skip), start=Fraction(1))
            for skip in range(len(others))
        )
        coefficient += value * slope / product
    assert float(coefficient) * N == pytest.approx(term, rel=1e-6)


@pytest.mark.parametrize(
    ("widths", "value"),
    [
        ([1, 2], -0.08447),
        ([1, 1.5, 3], -0.17606),
        ([2, 1, 3, 2], -0.21447),
        ([4, 2, 1.5, 1, 1.5, 2, 4], -0.44827),
        ([2, 1, 2], -0.16656),
    ],
)
def test_values_of_an_independent_computation(widths, value):
    assert rectangular_correction(widths) == pytest.approx(value, abs=5e-6)


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("shape", [(24, 16), (33, 32), (24, 16, 20), (16, 32, 16, 32)], ids=str)
def test_against_monte_carlo(shape, power, field):
    options = {"power": power, "field": field}
    found = estimate("effective_rank", shape, samples=6000, rng=2, **options)
    formula = expected_effective_rank(shape, method="corrected", **options)
    assert abs(found.value - formula.value) < formula.error + 5 * found.error
    bare = expected_effective_rank(shape, method="limit", **options)
    assert abs(found.value - bare.value) < bare.error + 5 * found.error
    if (
        field == "real" and len(shape) == 2
    ):  # its term of order 1/N is by far the largest part of the misfit
        assert abs(found.value - formula.value) < abs(found.value - bare.value) / 2


def test_bad_input():
    with pytest.raises(ValueError, match="widths must be finite and > 0"):
        rectangular_correction([0, 4])
    with pytest.raises(ValueError, match="power must be finite and > 0"):
        rectangular_correction([5, 4], power=math.nan)
