"""The factor between two depths: its jumps against 50 digits, its samples against laws."""

import math
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from rmt_rank import fuss_catalan
from rmt_rank.exact.gaussian.coupling import levy_density
from rmt_rank.theory import fuss_catalan_moment
from rmt_rank.theory.gaussian.coupling import DepthRatio, _standard_jumps
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

PAIRS = [(0.001, 0.2), (0.5, 0.6), (1, 2), (3, 40), (1e3, 1e6)]
# false-alarm rate of every comparison of samples
FALSE_ALARM = 1e-6


def log_uniform(low, high):
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@given(depth=log_uniform(1e-6, 1e6), excess=log_uniform(1e-6, 1e6), size=log_uniform(1e-12, 600.0))
def test_jump_density_against_fifty_digits(depth, excess, size):
    deeper = depth * (1 + excess)
    y = size * deeper
    found = DepthRatio(depth, deeper).jump_density(y)
    expected = levy_density(y, deeper, digits=50) - levy_density(y, depth, digits=50)
    # some twenty roundings, magnified at most sixfold by the one subtraction left (x = 1/2), and
    # the condition numbers of exp(-y/deeper) and of deeper - depth
    allowed = np.finfo(float).eps * (60 + size) * deeper / (deeper - depth)
    if expected > 1e-290:
        assert abs(found / expected - 1) < allowed


def test_jump_density_at_the_smallest_jumps():
    # it is finite at 0, with a relative slope of order 1; and no product underflows to a warning
    smallest, small = DepthRatio(1, 2).jump_density([1e-300, 1e-9])
    assert smallest == pytest.approx(small, rel=1e-8)


def test_jump_density_on_both_sides_of_the_switch():
    ratio = DepthRatio(1, 2)
    below, above = ratio.jump_density([1 - 1e-12, 1 + 1e-12])
    # the density changes by about itself over 1
    assert below == pytest.approx(above, rel=1e-11)


@pytest.mark.parametrize(("depth", "deeper"), PAIRS)
def test_jump_rate_is_the_mass(depth, deeper):
    ratio = DepthRatio(depth, deeper)
    # bounded at 0 by 2 (1/L - 1/L'): what is left out there is 2e-12; exp(-60) at the far end
    ends = np.geomspace(1e-12 * depth, 60 * (deeper + 1), 12)
    mass = sum(
        integrate.quad(
            lambda x: ratio.jump_density(math.exp(x)) * math.exp(x),
            math.log(low),
            math.log(high),
            epsrel=1e-11,
        )[0]
        for low, high in pairwise(ends)
    )
    assert mass == pytest.approx(ratio.jump_rate, rel=2e-11)


@pytest.mark.parametrize(("depth", "deeper"), PAIRS)
def test_atom_is_the_limit_of_moments(depth, deeper):
    # E (Y/largest)^z -> P(Y = largest); Stirling's series leaves terms of order 1/(depth z)
    with mpmath.workdps(80):
        z = mpmath.mpf(10) ** 30

        def log_moment(L):
            L = mpmath.mpf(L)
            log_largest = (L + 1) * mpmath.log(L + 1) - L * mpmath.log(L)
            gammas = mpmath.loggamma((L + 1) * z + 1) - mpmath.loggamma(z + 1)
            return gammas - mpmath.loggamma(L * z + 2) - z * log_largest

        expected = float(mpmath.exp(log_moment(deeper) - log_moment(depth)))
    ratio = DepthRatio(depth, deeper)
    assert ratio.atom == pytest.approx(expected, rel=1e-14)
    assert ratio.atom == pytest.approx(math.exp(-ratio.jump_rate), rel=1e-14)
    assert ratio.atom == pytest.approx(
        math.sqrt((deeper + 1) / (depth + 1) * (depth / deeper) ** 3), rel=1e-14
    )


@pytest.mark.parametrize(("depth", "deeper"), PAIRS)
def test_moments_and_the_largest_value(depth, deeper):
    ratio = DepthRatio(depth, deeper)
    orders = np.array([0.0, 0.5, 1, 2, 3])
    expected = fuss_catalan_moment(orders, deeper) / fuss_catalan_moment(orders, depth)
    # each moment 1e-15 (1 + |log|), |log| < 40
    assert ratio.moment(orders) == pytest.approx(expected, rel=1e-13)
    edges = fuss_catalan.support(np.array([depth, deeper]))[1]
    assert ratio.largest == pytest.approx(edges[1] / edges[0], rel=1e-11)


def test_standard_jumps_follow_their_law():
    # the mixture of j against the law it is derived from, P(V > v) = -2 int_v^oo q'(x)/x dx
    def tail(v):
        with mpmath.workdps(30):

            def slope(x):
                return mpmath.diff(lambda u: (u / 2) ** 2 / mpmath.sinh(u / 2) ** 2, x) / x

            return float(-2 * mpmath.quad(slope, [v, v + 2, v + 8, v + 40, v + 120]))

    def cdf(v):
        return (np.sinh(v) - v) / (np.cosh(v) - 1)

    for v in (0.1, 1.0, 5.0):
        assert 1 - cdf(v) == pytest.approx(tail(v), rel=1e-12)
    samples = _standard_jumps(100_000, np.random.default_rng(1))
    assert stats.kstest(samples, cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize(("depth", "deeper"), [(0.001, 0.2), (0.5, 0.6), (1, 2), (3, 40)])
def test_samples_take_one_law_to_the_other(depth, deeper):
    n, rng = 50_000, np.random.default_rng(2)
    ratio = DepthRatio(depth, deeper)
    Y = ratio.rvs(n, rng)
    assert Y.shape == (n,)
    assert 0 <= Y.min() < Y.max() <= ratio.largest
    s = fuss_catalan.rvs(depth, size=n, random_state=rng)
    assert stats.kstest(s * Y, fuss_catalan(deeper).cdf).pvalue > FALSE_ALARM
    # the atom, and the transform of what remains: a normal law for bounded means of 50000
    allowed = special.ndtri(1 - FALSE_ALARM / 2)
    for values, mean in (
        (ratio.largest == Y, ratio.atom),
        ((Y / ratio.largest) ** 0.5, ratio.moment(0.5) / ratio.largest**0.5),
        ((Y / ratio.largest) ** 4, ratio.moment(4) / ratio.largest**4),
    ):
        assert abs(np.mean(values) - mean) < allowed * np.std(values) / math.sqrt(n)


def test_samples_depend_on_the_seed_alone():
    ratio = DepthRatio(1, 8)
    assert np.array_equal(ratio.rvs(10, rng=3), ratio.rvs(10, rng=3))
    assert not np.array_equal(ratio.rvs(10, rng=3), ratio.rvs(10, rng=4))


def test_a_step_of_depth_that_hardly_moves():
    ratio = DepthRatio(5, 5 * (1 + 1e-9))
    # the rate is 1e-9 (3/2 - 5/12): the difference of depths is known to eps/1e-9
    assert ratio.jump_rate == pytest.approx(1e-9 * (1.5 - 5 / 12), rel=1e-6)
    assert np.all(ratio.rvs(1000, rng=0) == ratio.largest)


def test_the_law_at_the_greater_depth_is_more_spread_out():
    # E f(Ybar s) >= E f(s) for convex f: here f(x) = (x - 1)^2 has the means 1 and 3
    Y, s = DepthRatio(1, 3).moment(2), fuss_catalan_moment(2, 1)
    assert s * Y == pytest.approx(4)
    change = np.diff(differential_effective_rank([1, 3], power=2))[0]
    z = 1 + np.array([-1e-5, 1e-5])
    slope = np.diff(np.log(DepthRatio(1, 3).moment(z)))[0] / 2e-5
    # -E Y log Y, E Y = 1; central difference: 1e-10 and rounding 1e-15/1e-5
    assert change == pytest.approx(-slope, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 1), ValueError, "depth must be finite and >= 1e-300 and"),
        ((2, 2), ValueError, "deeper must be > depth = 2.0, got 2.0"),
        ((1, math.inf), ValueError, "deeper must be finite and <= .*, got inf"),
        (([1, 2], 3), TypeError, "depth must be one number"),
    ],
)
def test_bad_depths(arguments, error, message):
    with pytest.raises(error, match=message):
        DepthRatio(*arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ratio: ratio.rvs(0), "size must be an integer >= 1, got 0"),
        (lambda ratio: ratio.moment(-0.5), "order must be finite and > -0.333333 and .*, got -0.5"),
        (
            lambda ratio: ratio.moment(0.9e307),
            "order must be .* <= 5e[+]306, got 9e[+]306",
        ),
        (lambda ratio: ratio.jump_density([1, 0]), "y must be finite and > 0, got 0.0"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(DepthRatio(1, 2))
