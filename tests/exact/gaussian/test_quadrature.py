"""Quadrature against closed forms written out here, and against known values."""

import itertools
import math
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from rmt_rank import exact
from rmt_rank.exact.gaussian import quadrature

# rho, computed elsewhere
KNOWN = {
    "0.5": "-0.112713334793",
    "1": "-0.216861660624",
    "2": "-0.401387711332",
    "2.5": "-0.483398194441",
    "3": "-0.559632906392",
    "4": "-0.697414907006",
    "8": "-1.116099045429",
    "16": "-1.640218071551",
    "32": "-2.237939237511",
    "64": "-2.880111",
}


def close(value, expected, digits):
    """Return whether two numbers agree to so many significant digits."""
    with mp.workdps(digits + 30):
        return abs(mpmath.mpf(value) / expected - 1) < mpmath.mpf(10) ** -digits


def log_moment(z, depth):
    return (
        mpmath.loggamma((depth + 1) * z + 1)
        - mpmath.loggamma(z + 1)
        - mpmath.loggamma(depth * z + 2)
    )


def log_moment_slope(z, depth):
    return (
        (depth + 1) * mpmath.psi(0, (depth + 1) * z + 1)
        - mpmath.psi(0, z + 1)
        - depth * mpmath.psi(0, depth * z + 2)
    )


def by_gammas(depth, power=1, order=1):
    """Return rho by gamma functions: the second method."""
    depth, z = mpmath.mpf(depth), mpmath.mpf(power) / 2
    if order == mpmath.inf:
        top = (depth + 1) * mpmath.log(depth + 1) - depth * mpmath.log(depth)
        return log_moment(z, depth) - z * top
    if order == 1:
        return log_moment(z, depth) - z * log_moment_slope(z, depth)
    a = mpmath.mpf(order)
    return (log_moment(a * z, depth) - a * log_moment(z, depth)) / (1 - a)


def closed_form_law(phi, gap, depth):
    """Return (s pdf, cdf, sf) from the closed form F = 1 - [(L+1) phi - L K]/pi."""
    k = mpmath.sin(phi) * mpmath.sin((depth + 1) * gap) / mpmath.sin(depth * phi)
    return (
        k / mpmath.pi,
        ((depth + 1) * gap + depth * k) / mpmath.pi,
        ((depth + 1) * phi - depth * k) / mpmath.pi,
    )


def largest(depth):
    """Return s_max at the working precision."""
    return (depth + 1) ** (depth + 1) / depth**depth


@pytest.mark.parametrize(("depth", "rho"), list(KNOWN.items()))
def test_effective_rank_has_the_known_values(depth, rho):
    value = exact.differential_effective_rank(depth, digits=15)
    assert abs(value - mpmath.mpf(rho)) < 10.0 ** -(len(rho.partition(".")[2])) * 0.51


@pytest.mark.parametrize("depth", [0.01, 1, 2.5, 100])
@pytest.mark.parametrize(
    ("power", "order"), [(1, 1), (2, 1), (1, 0.5), (1, 2), (1, math.inf), (0.25, 3)]
)
def test_quadrature_agrees_with_the_gamma_functions(depth, power, order):
    value = exact.differential_effective_rank(depth, power=power, order=order, digits=25)
    with mp.workdps(60):
        assert close(value, by_gammas(depth, power, order), 24)


@pytest.mark.parametrize("depth", [Fraction(1, 3), 8, 200])
def test_derivative_agrees_with_the_polygamma_form(depth):
    value = exact.differential_effective_rank_derivative(depth, digits=25)
    with mp.workdps(50):
        half = mpmath.mpf(depth.numerator) / depth.denominator
        form = -((half + 1) * mpmath.psi(1, (half + 3) / 2) - half * mpmath.psi(1, (half + 4) / 2))
        assert close(value, form / 4, 24)


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_gram_matrix_gives_harmonic_numbers(depth):
    value = exact.differential_effective_rank(depth, power=2, digits=35)
    with mp.workdps(50):
        assert close(value, 1 - mpmath.harmonic(depth + 1), 34)


def test_trivial_entropies_are_zero():
    assert exact.differential_effective_rank(0) == 0
    assert exact.differential_effective_rank(0, order=math.inf) == 0
    assert exact.differential_effective_rank(3, order=0) == 0


def test_renyi_entropies_are_continuous_and_ordered():
    values = [
        exact.differential_effective_rank(3, order=order, digits=20)
        for order in (0.5, "0.999999", 1, "1.000001", 2, math.inf)
    ]
    assert values == sorted(values, reverse=True)
    assert abs(values[1] - values[3]) < 1e-5


def test_depth_limits():
    # rho = kappa - log L - 7/(2L) + 65/(12 L^2) + O(L^-3), and rho'(0) = 1 - pi^2/8.
    deep = exact.differential_effective_rank(10**5, digits=17)
    with mp.workdps(40):
        kappa = mpmath.mpf(3) / 2 - mpmath.euler / 2 + mpmath.log(4 / mpmath.pi) / 2
        series = kappa - mpmath.log(10**5) - mpmath.mpf("3.5e-5") + mpmath.mpf(65) / 12 * 10**-10
        assert abs(deep - series) < 2e-14
        slope = exact.differential_effective_rank_derivative("1e-6", digits=9)
        assert abs(slope - (1 - mpmath.pi**2 / 8)) < 4e-8


@pytest.mark.parametrize("depth", [0.01, 2.5, 1000])
def test_law_is_a_probability_law(depth):
    assert close(exact.moment(0, depth, digits=40), 1, 39)
    assert close(exact.moment(1, depth, digits=40), 1, 39)
    with mp.workdps(60):
        assert close(exact.moment(2, depth, digits=40), mpmath.mpf(depth) + 1, 39)


@pytest.mark.parametrize(
    ("order", "depth"), [("-0.11", 8), ("-0.9", "0.1"), ("0.37", "2.5"), ("5.5", 3), ("-0.499", 1)]
)
def test_moments_of_real_order(order, depth):
    value = exact.moment(order, depth, digits=35)
    with mp.workdps(60):
        form = mpmath.exp(log_moment(mpmath.mpf(order), mpmath.mpf(depth)))
        assert close(value, form, 34)


RATIOS = ["1e-300", "1e-3", "0.5", "0.999999999999"]


@pytest.mark.parametrize(("depth", "ratio"), list(itertools.product([0.01, 3.5, 1000], RATIOS)))
def test_law_agrees_with_the_closed_form_to_forty_digits(depth, ratio):
    with mp.workdps(420):
        x = mpmath.mpf(ratio) * largest(mpmath.mpf(depth))
        pdf, cdf, sf = exact.law(x, depth, digits=44)
        phi, gap = exact.angles_of(x, depth, digits=80)
        expected = closed_form_law(phi, gap, mpmath.mpf(depth))
        assert close(pdf * x, expected[0], 42)
        assert close(cdf, expected[1], 42)
        # 1 - F from phi loses phi^2 to cancellation; there are digits enough.
        assert close(sf, expected[2], 42)


@pytest.mark.parametrize("sigma", ["1e-9", "0.5", "1.3", "1.999"])
def test_one_factor_is_the_quarter_circle(sigma):
    pdf, cdf, sf = exact.law(sigma, 1, squared=False, digits=40)
    with mp.workdps(60):
        x = mpmath.mpf(sigma)
        assert close(pdf, mpmath.sqrt(4 - x**2) / mpmath.pi, 39)
        area = (x * mpmath.sqrt(4 - x**2) / 2 + 2 * mpmath.asin(x / 2)) / mpmath.pi
        assert close(cdf, area, 39)
        assert close(sf, 1 - area, 39)


def test_both_scales_describe_one_law():
    squared, plain = exact.law(4, 3), exact.law(2, 3, squared=False)
    with mp.workdps(50):
        assert close(plain[0], 4 * squared[0], 38)  # d s = 2 sigma d sigma
    assert squared[1:] == plain[1:]


def test_outside_the_support():
    assert exact.law(-1, 2) == (0, 0, 1)
    assert exact.law(7, 2) == (0, 1, 0)
    assert exact.law(4, 1) == (0, 1, 0)  # the upper edge itself
    assert exact.law(0, 2) == (mpmath.inf, 0, 1)
    assert exact.law(0, 2, squared=False)[0] == mpmath.inf
    assert exact.law(0, "0.5", squared=False)[0] == 0
    assert close(exact.law(0, 1, squared=False)[0], 2 / mpmath.pi, 14)


@settings(max_examples=12, deadline=None)
@given(
    depth=st.floats(0.01, 200),
    exponent=st.floats(-60, 0.7),
)
def test_angle_of_inverts_the_singular_value(depth, exponent):
    with mp.workdps(60):
        top = largest(mpmath.mpf(depth))
        share = 1 / (1 + mpmath.mpf(10) ** -mpmath.mpf(exponent))
        x = share * top
        phi = exact.angle_of(x, depth, digits=30)
        assert close(exact.singular_value(phi, depth, digits=40) ** 2, x, 27)


@pytest.mark.parametrize("ratio", ["1e-300", "0.3", "0.999999999999"])
def test_both_distances_of_the_angle_are_known(ratio):
    with mp.workdps(400):
        x = mpmath.mpf(ratio) * largest(mpmath.mpf("0.25"))
        phi, gap = exact.angles_of(x, "0.25", digits=40)
        one = exact.angle_of(x, "0.25", digits=30)
        assert close(one, phi, 29)
        assert close(mpmath.pi / mpmath.mpf("1.25") - one, gap, 29)


@pytest.mark.parametrize("depth", [0.5, 1, 4, 64])
def test_printed_jacobian_is_minus_density_times_slope(depth):
    with mp.workdps(40):
        phi, h = mpmath.pi / (depth + 1) * mpmath.mpf("0.37"), mpmath.mpf("1e-12")
        slope = exact.singular_value(phi + h, depth, digits=40)
        slope -= exact.singular_value(phi - h, depth, digits=40)
        product = -exact.density(phi, depth) * slope / (2 * h)
        assert close(exact.jacobian(phi, depth), product, 19)


def test_jacobian_keeps_its_digits_at_a_small_angle():
    # Four powers of the angle cancel in the numerator; the remainder is (L+1)^2 phi^2/pi +
    # O(phi^4).
    with mp.workdps(60):
        expected = 16 * mpmath.mpf("1e-25") ** 2 / mpmath.pi
        assert close(exact.jacobian("1e-25", 3), expected, 29)


# Errata: Equations 8 to 11 as printed


@pytest.mark.parametrize(
    ("depth", "ratio"), [(1, "0.066"), (2, "0.041"), (4, "0.022"), (8, "0.010")]
)
def test_equation_8_loses_its_sign_and_its_normalisation(depth, ratio):
    with mp.workdps(40):
        phi = mpmath.mpf("0.3") * mpmath.pi / (depth + 1)
        top = mpmath.sqrt(largest(mpmath.mpf(depth)))
        assert close(exact.paper_equation_8_ratio(phi, depth, top), -1, 29)
        right_over_left = 1 / exact.paper_equation_8_ratio(phi, depth, exact.moment("0.5", depth))
        assert abs(right_over_left - mpmath.mpf(ratio)) < 5e-4


@pytest.mark.parametrize(
    ("depth", "area"),
    [("0.5", "-0.09789"), (1, "0.01050"), (2, "0.03482"), (8, "0.01057")],
)
def test_equation_11_integrates_to_a_positive_number(depth, area):
    value = exact.paper_integrand_derivative_area(depth, digits=12)
    assert abs(value - mpmath.mpf(area)) < 5e-6


def test_equation_11_is_the_derivative_it_claims_to_be():
    # ... of the printed integrand, whose integral is (c/sigma_max) (log(c/sigma_max) - rho).
    def printed(depth):
        c = mpmath.exp(log_moment(mpmath.mpf(1) / 2, depth)) / mpmath.sqrt(largest(depth))
        return c * (mpmath.log(c) - by_gammas(depth))

    with mp.workdps(50):
        value = exact.paper_integrand_derivative_area(3, digits=25)
        assert close(value, mpmath.diff(printed, 3), 20)


@pytest.mark.parametrize("depth", [1, 4])
def test_the_right_integrand_integrates_to_the_derivative(depth):
    area = exact.integrand_derivative_area(depth, digits=10)
    assert close(area, exact.differential_effective_rank_derivative(depth, digits=12), 9)


def test_sign_patterns_over_the_angle():
    patterns = [
        exact.integrand_derivative_signs(2, normalisation=name, points=20)
        for name in ("printed", "maximum", "mean")
    ]
    assert patterns == ["-+", "+-", "-+-"]
    assert exact.integrand_derivative("0.9", 2, normalisation="printed", digits=15) > 0
    assert exact.integrand_derivative("0.3", 2, normalisation="printed", digits=15) < 0


# Bad input, and manners


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: exact.law(1, 0), ValueError, "depth is 0"),
        (lambda: exact.law(1, -2), ValueError, "depth is -2"),
        (lambda: exact.law(math.nan, 1), ValueError, "x is nan"),
        (lambda: exact.law("one", 1), ValueError, "x is 'one'"),
        (lambda: exact.law(1j, 1), TypeError, "x is 1j"),
        (lambda: exact.law(True, 1), TypeError, "x is True"),
        (lambda: exact.moment(-0.5, 1), ValueError, "order is -0.5"),
        (lambda: exact.angle_of(5, 1), ValueError, "x is 5"),
        (lambda: exact.singular_value(2, 1), ValueError, "angle is 2"),
        (lambda: exact.density(0, 1), ValueError, "angle is 0"),
        (lambda: exact.differential_effective_rank(1, power=0), ValueError, "power is 0"),
        (lambda: exact.differential_effective_rank(1, order=-1), ValueError, "order is -1"),
        (lambda: exact.differential_effective_rank(1, digits=0), ValueError, "digits is 0"),
        (lambda: exact.differential_effective_rank(1, digits=1.5), TypeError, "digits is 1.5"),
        (lambda: exact.paper_equation_8_ratio(0.1, 1, 0), ValueError, "c is 0"),
        (
            lambda: exact.integrand_derivative(0.1, 1, normalisation="c"),
            ValueError,
            "normalisation is 'c'",
        ),
        (lambda: exact.integrand_derivative_signs(1, points=1), ValueError, "points is 1"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(")):
        call()


def test_floats_are_taken_exactly_and_strings_as_decimals():
    assert exact.moment("0.5", "0.1") == exact.moment("1/2", Fraction(1, 10))
    assert exact.moment("0.5", 0.1) != exact.moment("0.5", "0.1")


def test_precision_of_the_caller_is_left_alone():
    before = mp.dps
    exact.law("0.7", 2, digits=25)
    exact.differential_effective_rank(2, digits=25)
    exact.paper_integrand_derivative_area(2, digits=10)
    assert mp.dps == before
    with mp.workdps(5):
        assert mpmath.mag(exact.moment("0.5", 1, digits=20) - exact.moment("0.5", 1, digits=40)) < (
            -60
        )


def test_a_quadrature_that_does_not_converge_raises(monkeypatch):
    monkeypatch.setattr("rmt_rank.exact.gaussian.angles.FINEST", 3)
    with pytest.raises(ArithmeticError, match="did not settle"):
        quadrature.moment("0.5", 3, digits=60)
