"""Residual networks with many weak layers: closed forms, the reference, ends, symmetry."""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from rmt_rank.exact.residual_limit import quadrature as slow
from rmt_rank.theory.residual_limit.law import Curve, ResidualLimitLaw, residual_limit_law
from rmt_rank.theory.residual_limit.rank import residual_limit_effective_rank, residual_limit_moment

EPS = np.finfo(float).eps
TIMES = [1e-12, 1e-4, 0.1, 1.0, 1.9, 2.1, 16.0, 300.0, 1e4, 1e6]
POWERS = [1e-3, 0.1, 1.0, 2.0, 3.0, 20.0]


def log_upper_edge(tau):
    r = mpmath.sqrt(1 + 2 / mpmath.mpf(tau))
    return tau * r + mpmath.log((r + 1) / (r - 1))


def closed_form(tau, z):
    """log M and rho from exp(-z tau) 1F1(1+z; 2; 2 z tau), with its derivative in z."""
    with mpmath.workdps(60):
        tau, z = mpmath.mpf(tau), mpmath.mpf(z)

        def log_moment(q):
            return mpmath.log(mpmath.hyp1f1(1 + q, 2, 2 * q * tau)) - q * tau

        with mpmath.workdps(120):
            slope = mpmath.diff(log_moment, z)
        return log_moment(z), log_moment(z) - z * slope


# --- moments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", TIMES)
def test_moments_are_confluent_hypergeometric(tau):
    for power in POWERS:
        log_moment, _ = closed_form(tau, power / 2)
        # z log s_max is rounded, and so are a few sums that are not larger
        size = 1 + power / 2 * float(log_upper_edge(tau))
        if log_moment < 700:
            found = residual_limit_moment(tau, power / 2)
            assert found == pytest.approx(float(mpmath.exp(log_moment)), rel=8 * EPS * size)


def laguerre(n, tau):
    """L^(1)_(n-1)(-2 n tau)/n, exactly."""
    terms = (
        Fraction(math.comb(n, n - 1 - k), math.factorial(k)) * (2 * n * tau) ** k for k in range(n)
    )
    return sum(terms) / n


@pytest.mark.parametrize("n", [1, 2, 3, 8, 20])
@pytest.mark.parametrize("tau", [Fraction(1, 64), Fraction(3, 4), Fraction(5)], ids=float)
def test_integer_moments_are_laguerre_polynomials(n, tau):
    expected = float(laguerre(n, tau)) * math.exp(n * tau)
    size = 1 + n * float(log_upper_edge(float(tau)))
    found = residual_limit_moment(float(tau), [n, -n])
    np.testing.assert_allclose(found, expected, rtol=8 * EPS * size)


def test_moments_broadcast_and_end():
    found = residual_limit_moment([[0.0], [1.0], [1e4]], [0, -0.5, 2])
    assert found.shape == (3, 3)
    assert np.all(found[:, 0] == 1)
    assert np.all(found[0] == 1)
    assert found[2, 2] == np.inf
    assert isinstance(residual_limit_moment(1, 1), np.float64)


# --- effective rank ---------------------------------------------------------------------------


@pytest.mark.parametrize("tau", TIMES)
def test_rank_is_a_derivative(tau):
    for power in POWERS:
        expected = float(closed_form(tau, power / 2)[1])
        assert residual_limit_effective_rank(tau, power=power) == pytest.approx(
            expected, rel=1e-12, abs=0
        )


@pytest.mark.parametrize("tau", TIMES)
def test_gram_rank_is_an_exponential_integral(tau):
    with mpmath.workdps(60):
        x = 2 * mpmath.mpf(tau)
        entire = mpmath.euler + mpmath.log(x) + mpmath.e1(x)
        expected = float(1 - (1 - mpmath.exp(-x)) / x - entire)
    found = residual_limit_effective_rank(tau, power=2)
    assert found == pytest.approx(expected, rel=1e-12, abs=0)


def test_rank_at_both_ends():
    # -Var(log s)/8 = -tau/4 + O(tau^2)
    small = np.array([1e-300, 1e-100, 1e-15])
    np.testing.assert_allclose(residual_limit_effective_rank(small), -small / 4, rtol=1e-14)
    large = np.array([1e6, 1e15, 1e300])
    limit = 1.5 - np.euler_gamma / 2 - math.log(math.pi) / 2 - np.log(large)
    # the next term is of order 1/tau
    np.testing.assert_allclose(residual_limit_effective_rank(large), limit, rtol=0, atol=1e-6)
    gap = [residual_limit_effective_rank(t) + math.log(t) for t in (1e4, 2e4, 1e12)]
    assert (gap[0] - gap[2]) / (gap[1] - gap[2]) == pytest.approx(2, rel=1e-3)
    assert residual_limit_effective_rank(0) == 0
    np.testing.assert_array_equal(residual_limit_effective_rank([[0.0, 0.0]]), [[0.0, 0.0]])


@pytest.mark.parametrize(
    ("tau", "expected"),
    [(0.1, -0.0250981432), (1, -0.2549235673), (8, -1.5134346569), (32, -2.8428496819)],
)
def test_rank_in_ten_digits(tau, expected):
    # made by quadrature elsewhere, before this code
    assert residual_limit_effective_rank(tau) == pytest.approx(expected, abs=6e-11)


@given(st.floats(-12, 6), st.floats(0.01, 1), st.floats(0.2, 8))
@settings(max_examples=40, deadline=None)
def test_rank_falls_with_time_and_power(exponent, change, power):
    tau = 10**exponent
    rank = residual_limit_effective_rank(tau, power=power)
    assert residual_limit_effective_rank(tau * (1 + change), power=power) < rank < 0
    assert residual_limit_effective_rank(tau, power=power * (1 + change)) < rank


# --- the law ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [1e-3, 0.3, 4.0, 100.0])
def test_law_against_the_reference_implementation(tau):
    law = residual_limit_law(tau)
    for u in (1e-3, 0.3, 0.5001, 0.98):
        x = float(law.ppf(u))
        expected = [float(value) for value in slow.residual_limit_law(x, tau, digits=20)]
        # log s is rounded to eps (1 + log s_max), which is a part of the distance to the edge;
        # the density falls as its root, tails as its power 3/2
        edge = float(log_upper_edge(tau))
        room = edge - abs(2 * math.log(x))
        tolerance = 8 * EPS + 4 * EPS * (1 + edge) / room
        assert [law.pdf(x), law.cdf(x), law.sf(x)] == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("tau", [1e-20, 1e-3, 0.5, 1.9, 2.1, 30.0, 1400.0])
@pytest.mark.parametrize("p", [-30.0, -3.0, 0.0, 2.0, 6.0, 20.0])
def test_points_to_rounding(tau, p):
    curve, p_ = Curve(tau), np.array([p])
    values, probabilities = curve.values(p_), curve.probabilities(p_)
    found = (curve.theta(p_), values.log_s, values.gap, *probabilities)
    with mpmath.workdps(60):
        t = mpmath.mpf(tau)
        highest = min(mpmath.sqrt(t / 2), mpmath.pi / 2)
        h = mpmath.findroot(
            lambda x: x * mpmath.sin(x) - t / 2 * mpmath.cos(x),
            (highest / 2, highest),
            solver="anderson",
            tol=mpmath.mpf(10) ** -110,
        )
        theta = 2 * h / (1 + mpmath.exp(p))
        y = theta / (2 * t)
        # w = x + iy, straight from the S-transform
        x = mpmath.sqrt(mpmath.mpf(1) / 4 - y * y + y * mpmath.cot(theta))
        w = mpmath.mpc(x, y)
        log_s = mpmath.log((w + 0.5) / (w - 0.5)) + 2 * t * w
        assert abs(log_s.imag) < mpmath.mpf(10) ** -40
        primitive = mpmath.im(mpmath.log((w - 0.5) * (w + 0.5)) / 2 - t * w * w) / mpmath.pi
        expected = (
            theta,
            log_s.real,
            log_upper_edge(t) - log_s.real,
            mpmath.mpf(1) / 2 - primitive,
            primitive,
        )
        errors = [float(abs(a[0] / b - 1)) for a, b in zip(found, expected, strict=True)]
    # some twenty operations, subtractions magnify errors at most threefold
    assert max(errors) < 60 * EPS


@pytest.mark.parametrize("tau", [1.1e-31, 1e-3, 0.5, 4.0, 100.0, 1408.0])
def test_many_points_are_those_of_few(tau):
    # many points start from a table, few from the asymptote at the edge
    curve = Curve(tau)
    edge = float(log_upper_edge(tau))
    parts = np.concatenate(
        [10.0 ** -np.linspace(0.31, 40, 300), [0.0], np.linspace(0.5, 0.01, 299)]
    )
    for low, high in ((parts, 1 - parts), (1 - parts, parts)):
        high = np.maximum(high, 1e-200)
        calls = (
            lambda i, a=low * edge, b=high * edge: curve.from_value(a[i], b[i]),
            lambda i, a=low / 2, b=high / 2: curve.from_probability(a[i], b[i]),
        )
        for call in calls:
            many = call(slice(None))
            few = np.concatenate([call(slice(i, i + 100)) for i in range(0, parts.size, 100)])
            # steps below 1e-7 leave their square times 3/2 at most, slopes being 1/2 to 3; targets
            # are differences of logarithms, each rounded
            allowed = 2e-14 + 8 * EPS * (1 + np.abs(few))
            assert np.all(np.abs(many - few) <= allowed)


@pytest.mark.parametrize("tau", [1e-3, 0.5, 4.0, 50.0])
def test_log_s_is_uniform_plus_free_semicircular(tau):
    law = residual_limit_law(tau)
    # Gauss's rule in an angle that makes the roots at both edges smooth
    nodes, weights = np.polynomial.legendre.leggauss(600)
    edge = 2 * math.log(law.support()[1])
    log_s = edge * np.sin(np.pi / 2 * nodes)
    x = np.exp(log_s / 2)
    weights = weights * np.pi / 2 * edge * np.cos(np.pi / 2 * nodes) * law.pdf(x) * x / 2
    # rounding of log s_max, near which the density is a root: sqrt(eps) there, of weight sqrt(eps)
    tolerance = 100 * EPS
    assert weights.sum() == pytest.approx(1, rel=tolerance)
    # free cumulants add: tau^2/3 + 2 tau, and tau^4/5 - 2 (tau^2/3)^2
    second = tau**2 / 3 + 2 * tau
    fourth = tau**4 / 5 - 2 * (tau**2 / 3) ** 2 + 2 * second**2
    assert weights @ log_s**2 == pytest.approx(second, rel=tolerance)
    assert weights @ log_s**4 == pytest.approx(fourth, rel=tolerance)
    for z in (-1, 0.5, 1):
        assert weights @ x ** (2 * z) == pytest.approx(
            residual_limit_moment(tau, z), rel=tolerance * (1 + tau)
        )
    assert law.mean() == pytest.approx(residual_limit_moment(tau, 0.5), rel=tolerance * (1 + tau))
    assert law.mean() == pytest.approx(special.iv(0, tau / 2) + special.iv(1, tau / 2), rel=1e-13)


@given(st.floats(-6, 3), st.floats(-9, -0.31))
@settings(max_examples=40, deadline=None)
def test_law_is_consistent(exponent, log_tail):
    law = residual_limit_law(10**exponent)
    tail = 10**log_tail
    low, high = law.ppf([tail, 1 - tail])
    edge = 2 * math.log(law.support()[1])
    room = edge + 2 * math.log(low)
    # 1 - tail is rounded; the distance to the edge goes as the power 2/3 of the tail
    assert low * high == pytest.approx(1, rel=4 * EPS * (1 + edge) + EPS / tail * room)
    for x, u in ((low, tail), (high, 1 - tail)):
        # x and log x are rounded
        allowed = 8 * EPS * (1 + law.pdf(x) * x * (1 + abs(math.log(x))))
        assert abs(law.cdf(x) - u) < allowed
        assert abs(law.sf(x) - (1 - u)) < allowed
    assert law.support()[0] <= low <= high <= law.support()[1]
    # the density of log s, a root at the edge
    tolerance = 8 * EPS + 4 * EPS * (1 + edge) / room
    assert law.pdf(low) * low == pytest.approx(law.pdf(1 / low) / low, rel=tolerance)


def test_far_tail_and_outside():
    law = residual_limit_law(1)
    low, high = law.support()
    # a root at the edge: tail = (2/3) d pdf (1 + O(d)) at a distance d in log s, pdf of log s
    for distance in (1e-3, 1e-4):
        x = high * math.exp(-distance / 2)
        expected = 2 / 3 * distance * law.pdf(x) * x / 2
        assert law.sf(x) == pytest.approx(expected, rel=2 * distance)
        assert law.cdf(1 / x) == pytest.approx(law.sf(x), rel=1e-10)
    assert law.ppf(1e-300) == pytest.approx(low, rel=4 * EPS)
    curve = Curve(1.0)
    at = curve.probabilities(curve.from_probability(np.array([0.5]), np.array([1e-300])))
    assert at.tail[0] == pytest.approx(1e-300, rel=1e-13)
    outside = [-np.inf, -1.0, 0.0, low * 0.999, high * 1.001, np.inf]
    np.testing.assert_array_equal(law.pdf(outside), 0)
    np.testing.assert_array_equal(law.cdf(outside), [0, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(law.sf(outside), [1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(law.ppf([0, 0.5, 1]), [low, 1, high])


def test_random_numbers_follow_the_law():
    law = residual_limit_law(3)
    sample = law.rvs(4000, random_state=5)
    assert stats.kstest(sample, law.cdf).pvalue > 1e-6
    np.testing.assert_array_equal(sample, law.rvs(4000, random_state=5))


# --- bad input --------------------------------------------------------------------------------


def test_bad_input():
    for function in (residual_limit_effective_rank, lambda t: residual_limit_moment(t, 1)):
        with pytest.raises(ValueError, match=r"time must be finite and >= 0, got -1\.0"):
            function([1, -1])
        with pytest.raises(TypeError, match="time must be real numbers"):
            function("1")
    with pytest.raises(ValueError, match=r"power must be finite and > 0, got 0\.0"):
        residual_limit_effective_rank(1, power=0)
    with pytest.raises(ValueError, match="order must be finite, got nan"):
        residual_limit_moment(1, math.nan)
    with pytest.raises(ValueError, match=r"time must be finite and > 0, got 0\.0"):
        residual_limit_law(0)
    for time in (1e-32, 1e-31, 1408.5, 1500):
        with pytest.raises(ValueError, match=r"time must be from 1\.1e-31 to 1408, got"):
            residual_limit_law(time)
    for order in (-1, math.nan, 1e7):
        with pytest.raises(ValueError, match="order must be"):
            residual_limit_effective_rank(1, order=order)


def test_ends_of_the_times_of_the_law():
    for time, u in itertools.product((1.1e-31, 1408.0), (1e-10, 0.3, 0.9)):
        law = residual_limit_law(time)
        x = law.ppf(u)
        assert np.isfinite([law.pdf(x), law.cdf(x), x]).all()
        assert law.support()[0] <= x <= law.support()[1]


def test_ends_of_times_and_orders():
    for time in (-1, 1e-31, 1408.5):
        with pytest.raises(ValueError, match="time must be"):
            ResidualLimitLaw(time)
    with pytest.raises(ValueError, match=r"order must be from -1e\+06 to 1e\+06, got 1e\+300"):
        residual_limit_moment(1, 1e300)
    with pytest.raises(ValueError, match=r"power must be <= 2e\+06, got 1e\+300"):
        residual_limit_effective_rank(1, power=1e300)
    assert residual_limit_moment(1, 1e6) == math.inf
