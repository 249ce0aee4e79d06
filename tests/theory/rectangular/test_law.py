"""Unequal widths: closed forms, the reference implementation, finite widths, simulation, ends."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from rmt_rank import metrics, sample_singular_values, singular_value_law
from rmt_rank.exact.rectangular import contours as slow
from rmt_rank.theory import fuss_catalan_moment
from rmt_rank.theory.finite_width.complex_moments import complex_power_sum
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
from rmt_rank.theory.rectangular.law import (
    rectangular_effective_rank,
    rectangular_law,
    rectangular_moment,
)

EPS = np.finfo(float).eps

excesses = st.lists(
    st.one_of(st.just(0.0), st.floats(-15, 6).map(lambda x: 10**x)), min_size=1, max_size=8
)


def mellin(widths, z):
    """log E s^z and its derivative by (sin(pi z)/(pi z)) int (x/(1-x))^z prod (x+y_j)^z dx.

    Trapezoidal rule in v = log(x/(1-x)); the branch points x = -y_j all lie on Im v = pi, so the
    error is exp(-2 pi^2/h) or exp(-80) at h = 1/4. It ends at exp(-39) for 0 < z <= 0.7.
    """
    N, *others = sorted(widths)
    y = np.array([(n - N) / N for n in others])
    v = np.arange(-160, 521) / 4
    x, rest = special.expit(v), special.expit(-v)
    log_s = np.log(x) - np.log(rest) + np.log(x + y[:, None]).sum(axis=0)
    terms = np.exp(z * log_s - z * log_s.max()) * x * rest
    sine = math.sin(math.pi * z) / (math.pi * z)
    log = z * log_s.max() + math.log(sine * terms.sum() / 4)
    return log, math.pi / math.tan(math.pi * z) - 1 / z + terms @ log_s / terms.sum()


# --- closed forms -----------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [1.0, 1.0 + 1e-6, 1.5, 3.0, 1e4])
def test_one_factor_is_marchenko_pastur(ratio):
    # s = 1 + r + 2 sqrt(r) cos(theta) has density 2 r sin^2(theta)/(pi s) in theta
    law = rectangular_law([1, ratio])
    angle = np.pi * np.array([0.1, 0.3, 0.6, 0.85])
    s = 1 + ratio + 2 * math.sqrt(ratio) * np.cos(angle)
    pdf = math.sqrt(ratio) * np.sin(angle) / (np.pi * s) * 2 * np.sqrt(s)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    theta = angle[:, None] * (1 + nodes) / 2
    values = 2 * ratio * np.sin(theta) ** 2 / (1 + ratio + 2 * math.sqrt(ratio) * np.cos(theta))
    sf = values @ weights * angle / 2 / np.pi
    # s, in a range of relative width 4/sqrt(r), is rounded: an error of eps sqrt(r) in the angle;
    # at r = 1 Gauss's rule meets poles at a distance of 0.1 pi or more
    tolerance = 200 * EPS * math.sqrt(ratio)
    np.testing.assert_allclose(law.pdf(np.sqrt(s)), pdf, rtol=tolerance)
    np.testing.assert_allclose(law.sf(np.sqrt(s)), sf, rtol=tolerance)
    np.testing.assert_allclose(law.cdf(np.sqrt(s)), 1 - sf, atol=tolerance)
    root = math.sqrt(ratio)
    assert law.support() == pytest.approx((root - 1, root + 1), rel=1e-15, abs=2 * EPS)


@pytest.mark.parametrize("depth", [1, 2, 8, 100])
def test_equal_widths(depth):
    widths = [3] * (depth + 1)
    for power, order in itertools.product((0.1, 1, 2, 9), (0.2, 0.999999, 1, 1.7, 6, 200, np.inf)):
        expected = differential_effective_rank(depth, power=power, order=order)
        found = rectangular_effective_rank(widths, power=power, order=order)
        assert found == pytest.approx(expected, rel=1e-12)
    orders = np.array([-0.99 / (depth + 1), 0.01, 0.5, 3, 20])
    expected = fuss_catalan_moment(orders, depth)
    np.testing.assert_allclose(rectangular_moment(widths, orders), expected, rtol=1e-12)
    law, same = rectangular_law(widths), singular_value_law(depth)
    x = np.concatenate([np.geomspace(1e-30, 0.1, 9), np.linspace(0.1, 0.95, 9) * same.support()[1]])
    # 5 % below the edge log s, with an error of 10 L eps, is 0.1 away from it
    for method in ("pdf", "cdf", "sf"):
        expected = getattr(same, method)(x)
        np.testing.assert_allclose(
            getattr(law, method)(x), expected, rtol=200 * depth * EPS + 1e-14
        )
    u = np.array([1e-12, 0.01, 0.5, 1 - 1e-6])
    # log s ~ (L+1) log u
    np.testing.assert_allclose(law.ppf(u), same.ppf(u), rtol=40 * (depth + 1) * EPS)
    assert law.mean() == pytest.approx(same.mean(), rel=1e-14)


def lagrange(excess, order):
    """E s^k = (1/k) [w^(k-1)] ((1+w) prod (1+y_j+w))^k, in rational numbers."""
    base = [Fraction(1), Fraction(1)]
    for y in excess:
        base = [
            (1 + y) * a + b for a, b in zip([*base, Fraction(0)], [Fraction(0), *base], strict=True)
        ]
    power = [Fraction(1)]
    for _ in range(order):
        product = [Fraction(0)] * (len(power) + len(base) - 1)
        for (i, a), (j, b) in itertools.product(enumerate(power), enumerate(base)):
            product[i + j] += a * b
        power = product
    return power[order - 1] / order


@pytest.mark.parametrize("excess", [(1,), (0, 2), ("1/3", "1/2", 5), (0, 0, 1, 1000)], ids=str)
def test_integer_moments_are_polynomials(excess):
    excess = [Fraction(y) for y in excess]
    widths = [1.0, *(float(1 + y) for y in excess)]
    for order in (1, 2, 3, 6):
        # rounding of the widths, and of log s times the order
        found = rectangular_moment(widths, order)
        assert found == pytest.approx(float(lagrange(excess, order)), rel=1e-13)


@pytest.mark.parametrize("excess", [(1,), (1, 2), (0, 3), ("1/2", 4, 9), (10**6,)], ids=str)
def test_gram_matrix_is_rational(excess):
    # 1 - int_0^1 [1 - (1-v) prod_j (1 - v N/n_j)]/v dv; Page's entropy -N/(2n) for one factor
    product = [Fraction(1), Fraction(-1)]
    for y in map(Fraction, excess):
        shifted = [Fraction(0), *product]
        padded = [*product, Fraction(0)]
        product = [a - b / (1 + y) for a, b in zip(padded, shifted, strict=True)]
    expected = 1 + sum(c / k for k, c in enumerate(product) if k)
    if len(excess) == 1:
        assert expected == -1 / Fraction(2 * (1 + excess[0]))
    widths = [1.0, *(float(1 + Fraction(y)) for y in excess)]
    # the narrowest support is 4e-3 wide in log s, which is rounded to eps
    found = rectangular_effective_rank(widths, power=2)
    assert found == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("zeros", [0, 1, 2, 5])
def test_hard_edge(zeros):
    # t ~ s^(1/(m+1)) near 0: pi cdf = (m+1) Im t, s = abs(t)^(m+1) y_1 y_2, up to O(t)
    m, y = zeros, (0.3, 4.0)
    law = rectangular_law([1.0] * (m + 1) + [1 + v for v in y])
    if m == 0:
        low = law.support()[0]
        assert low > 0
        assert law.pdf(low) == law.cdf(low) == law.pdf(0) == law.cdf(low / 2) == 0
        assert law.sf(low) == law.sf(-1) == 1
        return
    assert law.support()[0] == 0
    t = 1e-16
    x = math.sqrt(t ** (m + 1) * math.prod(y))
    q = t * math.sin(math.pi / (m + 1))
    assert law.cdf(x) == pytest.approx((m + 1) * q / math.pi, rel=1e-13)
    assert law.pdf(x) == pytest.approx(2 * q / (math.pi * x), rel=1e-13)
    assert law.pdf(0) == (pytest.approx(law.pdf(x), rel=1e-13) if m == 1 else math.inf)


def test_upper_edge():
    # a root at the edge: sf = (2/3) d pdf (1 + O(d)) at a distance d
    law = rectangular_law([2, 3, 5, 7])
    high = law.support()[1]
    for distance in (1e-3, 1e-4):
        x = high * (1 - distance)
        assert law.sf(x) == pytest.approx(2 / 3 * high * distance * law.pdf(x), rel=20 * distance)
    assert law.pdf(high) == law.sf(high) == law.pdf(np.inf) == 0
    assert law.cdf(high) == law.ppf(0) / law.support()[0] == law.ppf(1) / high == 1


@pytest.mark.parametrize("excess", [(0.5, 2), (1e-3, 1, 30), (2, 2, 2)], ids=str)
def test_edges_are_critical_values(excess):
    # s = P(w)/w, P = (1+w) prod (1+y+w), is critical at the roots w > 0 and -1-y < w < -1 of w P' -
    # P
    P = np.polynomial.Polynomial.fromroots([-1, *(-1 - y for y in excess)])
    w = np.polynomial.Polynomial([0, 1])
    roots = (w * P.deriv() - P).roots()
    roots = roots[np.abs(roots.imag) < 1e-6].real
    low = roots[(roots < -1) & (roots > -1 - min(excess) * (1 - 1e-6))]
    high = roots[roots > 0]
    # P by its factors: where y = 1e-3 its powers of w cancel to 1e-9 of their sum.  The error of a
    # root, some 1e-12, counts by its square over y^2; the other errors are a dozen roundings.
    expected = [
        math.sqrt((1 + r[0]) * math.prod(1 + y + r[0] for y in excess) / r[0]) for r in (low, high)
    ]
    widths = [1, *(1 + y for y in excess)]
    assert rectangular_law(widths).support() == pytest.approx(expected, rel=1e-14)


# --- other methods ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "excess",
    [
        (1e-12,),
        (1e6,),
        (0, 1e-12, 1e6),
        (1e-15, 3e-8, 0.2, 5, 1e6),
        (1e-12,) * 50 + (1e-6,) * 50,
        tuple(np.linspace(0, 10, 100)),
        (1e6,) * 100,
    ],
    ids=lambda e: f"{len(e)} from {min(e)} to {max(e)}",
)
def test_against_the_mellin_integral(excess):
    widths = [1.0, *(1 + y for y in excess)]
    for z in (0.2, 0.5, 0.7):
        log, slope = mellin(widths, z)
        # logarithms of up to 1400 are rounded
        tolerance = 20 * EPS * (1 + abs(slope))
        rank = rectangular_effective_rank(widths, power=2 * z)
        assert rank == pytest.approx(log - z * slope, rel=1e-12, abs=tolerance)
        if log < 700:
            assert rectangular_moment(widths, z) == pytest.approx(
                math.exp(log), rel=1e-13 + tolerance
            )


@pytest.mark.parametrize("widths", [(1, 2, 3), (3, 1, 1.5, 2), (1, 1, 4)], ids=str)
def test_against_the_reference_implementation(widths):
    for power, order in ((1, 1), (3, 0.5)):
        expected = slow.rectangular_effective_rank(widths, power=power, order=order, digits=15)
        found = rectangular_effective_rank(widths, power=power, order=order)
        assert found == pytest.approx(float(expected), rel=1e-13)
    law = rectangular_law(widths)
    for u in (0.01, 0.4, 0.99):
        x = float(law.ppf(u))
        expected = [float(value) for value in slow.rectangular_law(x, widths, digits=20)]
        assert [law.pdf(x), law.cdf(x), law.sf(x)] == pytest.approx(expected, rel=1e-12)


def test_means_of_the_density():
    # Gauss's rule in theta, x = middle - half cos(theta): the roots at both edges become smooth
    law = rectangular_law([4, 3, 5, 6])
    low, high = law.support()
    nodes, weights = np.polynomial.legendre.leggauss(200)
    theta = np.pi * (1 + nodes) / 2
    x = (low + high) / 2 - (high - low) / 2 * np.cos(theta)
    weights = weights * np.pi / 2 * (high - low) / 2 * np.sin(theta) * law.pdf(x)
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    assert weights @ x == pytest.approx(law.mean(), rel=1e-12)
    for z in (-1, 0.5, 2):
        expected = rectangular_moment(law.widths, z)
        assert weights @ x ** (2 * z) == pytest.approx(expected, rel=1e-12)


# --- finite widths ----------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(1, 2), (1, 3, 2), (2, 1, 3, 4)], ids=str)
@pytest.mark.parametrize("z", [0.5, 1.5])
def test_limit_of_exact_complex_moments(widths, z):
    # soft edges: an expansion in 1/N^2. Twice extrapolated, the error is about 1/63 of the last
    # difference; rounding of logarithms of up to 1e4 multiplies by less than 2
    n = (32, 64, 128, 256)
    values = [complex_power_sum([k * w for w in widths], z).value for k in n]
    once = [(4 * b - a) / 3 for a, b in itertools.pairwise(values)]
    twice = [(16 * b - a) / 15 for a, b in itertools.pairwise(once)]
    limit = rectangular_moment(widths, z)
    assert abs(twice[1] - limit) <= abs(twice[1] - twice[0]) / 16 + 1e-11 * limit
    assert abs(values[-1] - limit) > 1e-8 * limit  # there was something to extrapolate


def test_simulated_entropy_of_three_unequal_factors():
    shape = np.array([3, 2, 6, 4])
    means, variances = [], []
    for k, size in ((10, 3000), (20, 1000)):
        values = sample_singular_values(k * shape, size=size, field="complex", rng=k)
        entropy = metrics.spectrum.effective_rank(values) - math.log(2 * k)
        means.append(entropy.mean())
        variances.append(entropy.var(ddof=1) / size)
    # complex entries, soft edges: A/N^2 + B/N^4, so that (4 b - a)/3 leaves -B/(4 N^4), N = 20.
    # B/A is about L^2 = 9, see docs/finite-width.md.  Five standard errors: one in 1.7 million.
    found = (4 * means[1] - means[0]) / 3
    error = math.sqrt(16 * variances[1] + variances[0]) / 3
    limit = rectangular_effective_rank(shape)
    left = 4 / 3 * abs(means[0] - means[1]) * (3 / 20) ** 2
    assert abs(found - limit) < 5 * error + left
    assert 5 * error + left < 0.01 * abs(limit)  # sharp enough to mean something


def test_spectrum_of_one_large_product():
    N = 200
    widths = [2 * N, N, 3 * N, N]
    sigma = np.sort(sample_singular_values(widths, size=1, rng=3)[0])
    gap = np.abs(rectangular_law(widths).cdf(sigma) - (np.arange(N) + 0.5) / N).max()
    # singular values are rigid: numbers below a point deviate by at most about
    # sqrt(2/beta) log(N)/pi = 2.4, real entries shift them by at most 1/2; twice that
    assert gap < 2 * (math.sqrt(2) * math.log(N) / math.pi + 0.5) / N


# --- properties -------------------------------------------------------------------------------


@given(excesses, st.floats(0.1, 6), st.floats(0.05, 20))
@settings(max_examples=30, deadline=None)
def test_rank_is_symmetric_and_decreases_with_the_order(excess, power, order):
    widths = [1.0, *(1 + y for y in excess)]
    rank = rectangular_effective_rank(widths, power=power, order=order)
    assert rectangular_effective_rank(widths[::-1], power=power, order=order) == rank
    assert rectangular_effective_rank(
        [8 * n for n in widths], power=power, order=order
    ) == pytest.approx(rank, rel=1e-12)
    assert rank <= 0
    more = rectangular_effective_rank(widths, power=power, order=1.1 * order)
    assert rectangular_effective_rank(widths, power=power, order=math.inf) <= more <= rank + 1e-14
    # a Renyi entropy of order above 1 is at most order/(order-1) times the min-entropy
    assert rectangular_effective_rank([*widths, 2], power=power, order=order) < rank


@given(excesses)
@settings(max_examples=30, deadline=None)
def test_law_is_consistent(excess):
    law = rectangular_law([1.0, *(1 + y for y in excess)])
    tails = np.geomspace(1e-10, 0.5, 12)
    u = np.concatenate([tails, 1 - tails[::-1]])
    x = law.ppf(u)
    assert np.all(np.diff(x) >= 0)
    # x and log s are rounded to (L+1) eps or so, and the cdf changes by pdf(x) x/2 = Im(t)/pi times
    # that; the cdf is a sum of L + 2 terms below pi (1 + abs(t)), and abs(t) < 1 + sqrt(1 + min y)
    tolerance = 10 * (len(excess) + 2) * EPS * (2 + math.sqrt(1 + min(excess)))
    assert np.all(np.abs(law.cdf(x) - u) < tolerance)
    assert np.all(np.abs(law.cdf(x) + law.sf(x) - 1) < tolerance)
    low, high = law.support()
    assert low < law.mean() < high


def test_random_numbers_follow_the_law():
    law = rectangular_law([1, 1, 3])
    sample = law.rvs(4000, random_state=5)
    assert stats.kstest(sample, law.cdf).pvalue > 1e-6
    np.testing.assert_array_equal(sample, law.rvs(4000, random_state=5))
    assert isinstance(law.rvs(1, random_state=5), np.ndarray)


def test_shapes_and_scalars():
    law = rectangular_law([1, 2])
    for method in (law.pdf, law.cdf, law.sf, law.ppf):
        assert np.ndim(method(0.5)) == 0
        assert method([[0.5, 0.6]]).shape == (1, 2)
    assert rectangular_moment([1, 2], [[1, 2]]).shape == (1, 2)
    assert rectangular_effective_rank([1, 2, 3], order=0) == 0
    assert rectangular_moment([1] + [1e6] * 60, 1) == math.inf


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: rectangular_law([3]), "widths must be a sequence of at least 2 numbers"),
        (lambda: rectangular_law([[1, 2]]), "widths must be a sequence of at least 2 numbers"),
        (
            lambda: rectangular_law([1, 2**53, 2**53]),
            "widths must have a second smallest of at most",
        ),
        (lambda: rectangular_effective_rank([3, 1e15]), "widths must have a second smallest of at"),
        (lambda: rectangular_law([1, 0]), "widths must be finite and > 0, got 0.0"),
        (lambda: rectangular_law([1] + [1e6] * 104), "widths must have a largest singular value"),
        (lambda: rectangular_moment([1, 1, 2], -0.5), "order must be > -1/2 where 1 other width"),
        (lambda: rectangular_effective_rank([1, 2], order=-1), "order must be a number and >= 0"),
        (lambda: rectangular_effective_rank([1, 2], power=0), "power must be finite and > 0"),
        (lambda: rectangular_law([1, 2]).rvs(-1), "size must be an integer >= 0, got -1"),
    ],
)
def test_bad_input(function, message):
    with pytest.raises(ValueError, match=message):
        function()


def test_widths_are_numbers():
    with pytest.raises(TypeError, match="widths must be real numbers"):
        rectangular_moment(["1", "2"], 1)
