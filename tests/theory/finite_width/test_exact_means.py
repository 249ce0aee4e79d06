"""Small cases: against quadrature of the joint densities, Monte Carlo, and one another."""

import math

import numpy as np
import pytest
from scipy import integrate

from rmt_rank import estimate
from rmt_rank.theory.finite_width import exact_means
from rmt_rank.theory.finite_width.exact_means import exact_expected_effective_rank


def entropy(t, power):
    """Entropy at width 2 with t = (s_1 - s_2)/(s_1 + s_2): shares are as (1+t)^(power/2)."""
    p = 1 / (1 + ((1 - t) / (1 + t)) ** (power / 2))
    return -(p * math.log(p) + (1 - p) * math.log1p(-p)) if 0 < p < 1 else 0.0


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0, 1.7, 2.0, 3.0])
def test_one_complex_matrix_of_width_two(power):
    # joint density of s: (s_1 - s_2)^2 exp(-s_1 - s_2), so that t has 3 t^2
    expected, error = integrate.quad(lambda t: 3 * t**2 * entropy(t, power), 0, 1, epsrel=1e-12)
    found = exact_expected_effective_rank(2, 1, "complex", power=power).value
    assert found == pytest.approx(expected, abs=error + 1e-13)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_one_real_matrix_of_width_two(power):
    # joint density of s: |s_1 - s_2| (s_1 s_2)^(-1/2) exp(-(s_1 + s_2)/2): t/sqrt(1 - t^2), and
    # t = sin u
    expected, error = integrate.quad(
        lambda u: math.sin(u) * entropy(math.sin(u), power), 0, math.pi / 2, epsrel=1e-12
    )
    found = exact_expected_effective_rank(2, 1, "real", power=power).value
    assert found == pytest.approx(expected, abs=error + 1e-13)


def test_the_walk_gives_the_closed_forms():
    # the trapezoidal rule is exact to exp(-6.5 * 2 pi) = 2e-18, and 1e-14 allows for rounding
    assert exact_means._complex_width_two(1, 1.0) == pytest.approx((math.pi - 1) / 4, rel=1e-14)
    assert exact_means._complex_width_two(1, 2.0) == pytest.approx(1 / 3, rel=1e-14)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("depth", [2, 4])
def test_complex_products_by_their_density(depth, power):
    # the inversion formula on the real axis, and the mean over r, one after the other.  Both rules
    # are exact to rounding: the integrand over x is analytic up to 3i and down to 1e-30 at 40, that
    # over r falls like exp(-3 r)
    x = np.arange(0, 40, 0.05)
    transform = x * (math.pi * (1 + x * x) / 4 / np.cosh(math.pi * x / 2)) ** depth
    points, weights = np.polynomial.legendre.leggauss(24)
    r = (np.arange(1, 16, 2)[:, np.newaxis] + points).ravel()
    density = 2 / math.pi * np.sinh(r) * (np.sin(np.outer(r, x)) @ transform * 0.05)
    t = power * r
    ranks = np.log1p(np.exp(-t)) + t / (1 + np.exp(t))
    expected = float(np.tile(weights, 8) @ (density * ranks))
    found = exact_expected_effective_rank(2, depth, "complex", power=power).value
    # S sinh r, up to 10, multiplies the rounding of density/sinh r
    assert found == pytest.approx(expected, rel=0, abs=1e-13)


@pytest.mark.parametrize(("depth", "power"), [(2, 1), (3, 0.5), (5, 2), (8, 1)])
def test_complex_products_of_width_two_in_simulation(depth, power):
    found = estimate(
        "effective_rank", 2, depth, field="complex", power=power, samples=20_000, rng=4
    )
    exact = exact_expected_effective_rank(2, depth, "complex", power=power).value
    # 4 standard errors: one false alarm in 16000
    assert found.value == pytest.approx(exact, abs=4 * found.error)


def test_deep_complex_products_of_width_two():
    # the integrand about l = 0: half the residue, and half of the width of f^L over pi; then
    # O(L^-3/2), and a tenth more for the next one, of relative order 1/L
    gaps = []
    for depth in (100, 1000):
        rank = exact_expected_effective_rank(2, depth, "complex").value
        leading = 0.5 + 0.5 / math.sqrt(math.pi * (math.pi**2 / 8 - 1) * depth)
        gaps.append(abs(rank / (math.pi / 4) ** depth - leading))
    assert gaps[1] == pytest.approx(gaps[0] / 10**1.5, rel=0.1)


@pytest.mark.parametrize("width", [2, 3, 6])
def test_page(width):
    found = estimate(
        "effective_rank", width, 1, field="complex", power=2, samples=20_000, rng=width
    )
    exact = exact_expected_effective_rank(width, 1, "complex", power=2).value
    assert found.value == pytest.approx(exact, abs=4 * found.error)
    harmonic = sum(1 / k for k in range(width + 1, width**2 + 1))
    assert exact == pytest.approx(harmonic - (width - 1) / (2 * width), rel=1e-14)


def test_trivial_and_unknown_cases():
    assert exact_expected_effective_rank(5, 0).value == math.log(5)
    assert exact_expected_effective_rank(1, 7, "complex").value == 0
    for arguments in [(3, 1, "complex"), (2, 2, "real"), (3, 1, "real")]:
        assert exact_expected_effective_rank(*arguments) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1), "width must be an integer >= 1, got 0"),
        ((2, -1), "depth must be an integer >= 0, got -1"),
        ((2, 1, "quaternion"), "field must be one of 'real', 'complex'"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        exact_expected_effective_rank(*arguments)
    with pytest.raises(ValueError, match="power must be finite and > 0"):
        exact_expected_effective_rank(2, 1, power=0)
