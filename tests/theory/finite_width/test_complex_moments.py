"""Exact moments for complex entries: against kernels, rational numbers, Monte Carlo, 60 digits."""

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from rmt_rank import sample_singular_values
from rmt_rank.exact.finite_width import complex_kernel as exact
from rmt_rank.theory import fuss_catalan_moment
from rmt_rank.theory.finite_width.complex_covariance import (
    complex_covariance,
    nuclear_norm_log_variance,
)
from rmt_rank.theory.finite_width.complex_moments import (
    annealed_effective_rank,
    complex_moment_correction,
    complex_power_sum,
)
from rmt_rank.theory.finite_width.trace_moments import trace_moments
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

# A logarithm of a layer is a sum of a few numbers of order 1, and 2^-53 of each is lost; twice that
# for the sums over layers and terms.  Every case here has at most 4 layers.
ROUNDING = 1e-14

WIDTHS = [(1, 1), (2, 2), (1, 3, 2), (3, 4, 5), (5, 5, 5, 5), (8, 8), (6, 9, 6, 13)]
ORDERS = (-0.4, 0.3, 0.5, 1.0, 1.5, 2.0, 2.7, 3.0, 4.0)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_power_sums_are_those_of_the_kernel(widths):
    for z in ORDERS:
        found = complex_power_sum(widths, z)
        expected = float(exact.complex_power_sum(widths, z, digits=20))
        assert found.value == pytest.approx(expected, rel=ROUNDING)
        # the logarithms of s, up to 10 or so, add up with both signs
        slope = float(exact.complex_power_sum_slope(widths, z, digits=20))
        assert found.slope == pytest.approx(slope, rel=ROUNDING, abs=10 * ROUNDING * expected)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_covariances_are_those_of_the_kernel(widths):
    for z, w in [(0.5, 0.5), (0.25, 0.75), (0.5, 1), (0.875, 0.75), (1, 1), (0.0625, 0.5)]:
        expected = float(exact.complex_covariance(widths, z, w, digits=20))
        assert complex_covariance(widths, z, w) == pytest.approx(expected, rel=ROUNDING)
        assert complex_covariance(widths, w, z) == pytest.approx(expected, rel=ROUNDING)


def single_sum(widths, z):
    """The sum before it is summed by parts, in 60 digits of which N^3 < 1e11 cancel."""
    N = min(widths)
    _, *others = sorted(widths)
    counts = Counter(others)
    with mpmath.workdps(60):
        z = mpmath.mpf(z)
        front, back = [mpmath.mpf(1)], [mpmath.mpf(1)]
        for k in range(1, N):
            front.append(front[-1] * (k + z) / k)
            back.append(back[-1] * (k - z) / k)
        ratio = {
            n: mpmath.gammaprod([1 + n - N + z], [1 + n - N]) / mpmath.mpf(N) ** z for n in counts
        }
        total = mpmath.mpf(0)
        for k in range(N):
            product = front[k] * back[N - 1 - k]
            for n, count in counts.items():
                product *= ratio[n] ** count
                ratio[n] *= (k + 1 + n - N + z) / (k + 1 + n - N)
            total += product
        return mpmath.log(total / N)


@pytest.mark.parametrize(
    ("widths", "orders"),
    [
        ((4096,) * 2, (0.5, 1.5, 4.0)),
        ((4096, 5000, 9000, 4096), (3.5,)),
        ((512,) * 1001, (0.1, 1.0, 2.5)),
        ((7,) * 1001, (0.5, 3.3)),
        ((200,) * 100_001, (0.5, 2.0)),
    ],
    ids=lambda value: f"{len(value)}:{value[:2]}",
)
def test_rounding(widths, orders):
    # an eps of everything that is added up: per layer a few numbers of size z; of the weights
    # z log N and t log N, t < 1; the result
    layers = len(widths) - 1
    for z in orders:
        found, expected = complex_power_sum(widths, z).log, float(single_sum(widths, z))
        bound = 2**-52 * (4 + abs(expected) + z * layers + (z + 1) * math.log(min(widths)))
        assert found == pytest.approx(expected, rel=0, abs=bound)


def uncentred_variance(widths):
    """Var of the mean of sigma, as a difference of two large numbers, in 40 digits."""
    N = min(widths)
    _, *others = sorted(widths)
    with mpmath.workdps(40):
        half = mpmath.mpf(1) / 2
        g = [
            mpmath.gammaprod([k + 1 + half, N - k - half], [k + 1, N - k])
            * math.prod(
                mpmath.gammaprod([k + 1 + n - N + half], [k + 1 + n - N]) / mpmath.sqrt(N)
                for n in others
            )
            for k in range(N)
        ]
        total = N * mpmath.mpf(math.prod(others)) / mpmath.mpf(N) ** len(others)
        kernel = [1 / (half**2 - m * m) for m in range(N)]
        for k in range(N):
            total -= g[k] * sum(g[j] * kernel[abs(k - j)] for j in range(N)) / mpmath.pi**2
        return total / N**2


@pytest.mark.parametrize(
    "widths", [(128,) * 2, (128,) * 21, (100, 300, 128)], ids=lambda w: str(w[:3])
)
def test_variance_without_cancellation(widths):
    # as a difference in float64, of two numbers of order 1, it would be good to N^2 eps = 4e-12
    expected = float(uncentred_variance(widths))
    assert complex_covariance(widths, 0.5, 0.5) == pytest.approx(expected, rel=5 * ROUNDING)


@pytest.mark.parametrize("widths", [(4, 4, 4), (3, 5, 4), (6, 3, 5), (300, 300, 300)], ids=str)
def test_trace_moments(widths):
    # Wick's theorem, in float64 too
    means = {}
    for order in (1, 2, 3, 4):
        means |= trace_moments(widths, order, "complex")
        assert complex_power_sum(widths, order).value == pytest.approx(means[order,], rel=1e-13)
    # a difference of two numbers of order 1, over N^2
    assert complex_covariance(widths, 1, 1) == pytest.approx(
        means[1, 1] - means[1,] ** 2, rel=0, abs=10 * 2**-52 * means[1, 1]
    )


@given(st.integers(1, 40), st.integers(1, 30), st.floats(-0.9, 6))
def test_slope(width, depth, z):
    widths = (width,) * (depth + 1)
    step = 1e-4
    logs = {i: complex_power_sum(widths, z + i * step).log for i in (-2, -1, 1, 2)}
    near, far = (logs[1] - logs[-1]) / (2 * step), (logs[2] - logs[-2]) / (4 * step)
    # differences are off by step^2/6 times the third derivative, a third of what they differ by,
    # and by rounding over the step
    error = abs(far - near) + 1e-15 * (depth + abs(logs[1])) / step
    assert complex_power_sum(widths, z).log_slope == pytest.approx(near, rel=0, abs=error)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.01, 1), st.floats(0.01, 1))
def test_covariances_obey_cauchy_and_schwarz(width, depth, z, w):
    widths = (width,) * (depth + 1)
    square = complex_covariance(widths, z, w) ** 2
    bound = complex_covariance(widths, z, z) * complex_covariance(widths, w, w)
    # both grow with sigma, so that they are correlated
    assert 0 < square <= bound * (1 + 4e-13)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize(("z", "w"), [(0.5, 0.5), (0.5, 1), (0.25, 0.75), (1, 1)])
def test_limit_of_covariances(depth, z, w):
    # L/(L+1) zw/(z+w) B(z) B(w), B(z) = (Lz+1) M(z): what is left falls like N^-2, or, from the
    # small singular values, like the N^-(1 + (L+1) min(z, w)) of theirs, 1.5 at least
    L, errors = depth, []
    B = [(L * v + 1) * float(fuss_catalan_moment(v, L)) for v in (z, w)]
    limit = L / (L + 1) * z * w / (z + w) * B[0] * B[1]
    for N in (100, 400):
        errors.append(abs(complex_covariance((N,) * (L + 1), z, w) * N**2 / limit - 1))
    assert errors[1] <= max(errors[0] * 4**-1.5 * 1.2, 1e-13)


@pytest.mark.parametrize("depth", [2, 3, 8])
@pytest.mark.parametrize("z", [0.5, 0.75, 1.5, 3])
def test_moment_correction_by_extrapolation(depth, z):
    L = depth
    limit = math.log(float(fuss_catalan_moment(z, L)))
    widths = (256, 512, 1024)
    scaled = [(complex_power_sum((N,) * (L + 1), z).log - limit) * N**2 for N in widths]
    # the next terms are of the orders 1/N^4 and N^-(1 + (L+1) z), of which the larger is removed
    rate = min(4, 1 + (L + 1) * z) - 2
    first, second = ((2**rate * b - a) / (2**rate - 1) for a, b in pairwise(scaled))
    rounding = 2**-52 * (4 + abs(limit) + z * L) * 1024**2 * 3
    assert second == pytest.approx(
        complex_moment_correction(z, L), abs=rounding + abs(second - first)
    )


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("z", [1, 2, 3, 4])
def test_moment_correction_of_integer_orders(z, depth):
    # the moment is a polynomial in x = 1/N^2 of degree at most L z/2, the largest genus: what it
    # adds to the limit, over x, extrapolated to x = 0 in rational numbers
    limit = round(float(fuss_catalan_moment(z, depth)))
    points = {
        Fraction(1, N**2): exact.complex_power_sum((N,) * (depth + 1), z)
        for N in range(1, depth * z // 2 + 3)
    }
    coefficient = sum(
        (value - limit) / x * math.prod(other / (other - x) for other in points if other != x)
        for x, value in points.items()
    )
    assert complex_moment_correction(z, depth) == pytest.approx(
        float(coefficient / limit), rel=1e-15, abs=0
    )


def test_annealed_rank_of_one_number():
    # N = 1: E s^z = Gamma(1+z)^L
    L = 3
    expected = L * (special.gammaln(1.5) - 0.5 * special.digamma(1.5))
    assert annealed_effective_rank((1,) * 4) == pytest.approx(expected, rel=ROUNDING)


def test_annealed_rank_tends_to_the_limit():
    # 3 L^2/(32 (L-1)^2)/N^2, of the formal expansion; the next term is O(N^-(L+3)/2)
    L, N = 4, 1000
    gap = annealed_effective_rank((N,) * 5) - math.log(N) - float(differential_effective_rank(L))
    assert gap * N**2 == pytest.approx(3 * 16 / (32 * 9), rel=2 * N**-1.5, abs=1e-14 * N**2)
    # it is no effective rank for deep products
    assert annealed_effective_rank((4,) * 100) < 0


@pytest.mark.parametrize("field", ["real", "complex"])
def test_variance_of_the_nuclear_norm(field):
    N, L, samples = 24, 2, 8000
    limit, delta_method = nuclear_norm_log_variance(N, L, field)
    logs = np.log(sample_singular_values(N, L, samples, field=field, rng=5).sum(axis=1))
    # close to normal: a standard error of sqrt(2/samples) of it.  4 of them: one false alarm in
    # 16000.  The limit is off by O(1/N) for real entries, for which the coefficient is not known to
    # be below L.
    expected = limit if delta_method is None else delta_method
    slack = L / N if field == "real" else 2 * limit
    assert logs.var() == pytest.approx(expected, rel=4 * math.sqrt(2 / samples) + slack)


def test_covariance_in_simulation():
    samples = 20_000
    values = sample_singular_values(4, 2, samples, field="complex", rng=3)
    x, y = values.mean(axis=1), (values**1.5).mean(axis=1)
    products = (x - x.mean()) * (y - y.mean())
    # 4 standard errors: one false alarm in 16000
    error = 4 * products.std() / math.sqrt(samples)
    assert complex_covariance((4, 4, 4), 0.5, 0.75) == pytest.approx(products.mean(), abs=error)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: complex_power_sum((3,), 1), ValueError, "widths must have at least 2 entries"),
        (lambda: complex_power_sum((3, 0), 1), ValueError, "widths must be an integer >= 1, got 0"),
        (
            lambda: complex_power_sum((3, 3), -1),
            ValueError,
            "z must be finite and > -1 and <= 64, got -1",
        ),
        (
            lambda: complex_covariance((3, 3), 0, 1),
            ValueError,
            "z must be finite and > 0 and <= 1, got 0",
        ),
        (
            lambda: complex_covariance((3, 3), 1, 1.5),
            ValueError,
            "w must be finite and > 0 and <= 1, got 1.5",
        ),
        (lambda: complex_covariance((1,) + (40,) * 900, 1, 1), OverflowError, "too large"),
        (lambda: complex_moment_correction(0.5, 1), ValueError, r"z must be > 1/\(depth \+ 1\)"),
        (lambda: annealed_effective_rank((3, 3), power=0), ValueError, "power must be finite and"),
        (lambda: nuclear_norm_log_variance(3, 0), ValueError, "depth must be an integer >= 1"),
        (lambda: nuclear_norm_log_variance(3, 1, "R"), ValueError, "field must be one of 'real'"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
