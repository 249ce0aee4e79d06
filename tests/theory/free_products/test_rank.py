"""Free products: special cases, the reference, random matrices, limits, the order of ranks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from rmt_rank import metrics, rectangular_law, singular_value_law
from rmt_rank.exact.free_products import transforms as slow
from rmt_rank.theory import fuss_catalan_moment, rectangular_moment
from rmt_rank.theory.free_products.law import free_product_law
from rmt_rank.theory.free_products.rank import (
    FreeFactor,
    GaussianFactor,
    OrthogonalFactor,
    ResidualFactor,
    deep_effective_rank,
    effective_depth,
    effective_rank_of_free_product,
    free_product_moment,
)
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
from rmt_rank.theory.rectangular.law import rectangular_effective_rank

EPS = np.finfo(float).eps

WIDTHS = [(1, 1), (1,) * 9, (1, 2, 3), (1, 1, 4), (1, 1 + 1e-9, 2), (1, 1e6)]

PRODUCTS = {
    "residual": [ResidualFactor(0.5)] * 3,
    "hard": [ResidualFactor(1.0)] * 2,
    "block": [ResidualFactor(0.7, 2)],
    "blocks at 1": [ResidualFactor(1.0, 3)] * 2,
    "mixture": [ResidualFactor(0.3, 2), ResidualFactor(1.5), GaussianFactor(1.2)],
}


def gaussian(widths):
    return [GaussianFactor(n) for n in widths[1:]]


# --- special cases ----------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 8, 100, 1000])
def test_equal_widths(depth):
    factors = [GaussianFactor()] * depth
    for power, order in [(0.3, 1), (1, 1), (2, 1), (5, 1), (1, 0.4), (1, 3), (1, math.inf)]:
        expected = differential_effective_rank(depth, power=power, order=order)
        found = effective_rank_of_free_product(factors, power=power, order=order)
        assert found == pytest.approx(expected, rel=1e-12)
    orders = np.array([-0.99 / (depth + 1), 0.5, 2, 6])
    # log s, up to about 8 and with an error of eps, times the order; at the negative order 99 % of
    # the moment lie beyond the panels, where log s ~ -40 (L + 1): 40 eps
    expected = fuss_catalan_moment(orders, depth)
    np.testing.assert_allclose(free_product_moment(factors, orders), expected, rtol=1e-12)
    assert free_product_law(factors).mean() == pytest.approx(singular_value_law(depth).mean())


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_unequal_widths(widths):
    factors, known = gaussian(widths), rectangular_law(widths)
    for power, order in [(1, 1), (2, 1), (1, 2.5)]:
        expected = rectangular_effective_rank(widths, power=power, order=order)
        found = effective_rank_of_free_product(factors, power=power, order=order)
        # the other method loses eps over the width of log s, 4/sqrt(1e6) here
        assert found == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(
        free_product_moment(factors, [0.5, 2]), rectangular_moment(widths, [0.5, 2]), rtol=1e-12
    )
    law = free_product_law(factors)
    assert law.support() == pytest.approx(known.support(), rel=1e-13)
    assert law.pdf(0) == pytest.approx(known.pdf(0), rel=1e-12)
    u = np.array([1e-12, 1e-5, 0.01, 0.2, 0.5, 0.9, 1 - 1e-6])
    x = known.ppf(u)
    # the density of log s changes by rounding of it over the distance to a soft edge
    low, high = known.support()
    room = np.minimum(np.log(high / x), np.log(x / low) if low > 0 else np.inf)
    tolerance = 1e-12 + 20 * EPS / room
    for method in ("pdf", "cdf", "sf"):
        found, expected = getattr(law, method)(x), getattr(known, method)(x)
        assert np.all(np.abs(found / expected - 1) < tolerance)
    np.testing.assert_allclose(law.ppf(u), x, rtol=1e-12)


# --- the reference implementation -------------------------------------------------------------


def transforms(factors):
    return [
        slow.gaussian_s_transform(f.aspect)
        if isinstance(f, GaussianFactor)
        else slow.residual_s_transform(f.scale, f.layers)
        for f in factors
    ]


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("power", [1, 2])
def test_against_the_reference_implementation(name, power):
    factors = PRODUCTS[name]
    expected = slow.effective_rank_of_free_product(transforms(factors), power=power, digits=14)
    found = effective_rank_of_free_product(factors, power=power)
    assert found == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("scale", "layers"),
    [(1e-8, 1), (1e-4, 1), (0.9999999, 1), (1.0000001, 1), (1e3, 1), (1e-4, 2), (1e3, 2)],
)
def test_relative_accuracy_at_extreme_scales(scale, layers):
    factor = ResidualFactor(scale, layers)
    expected = slow.effective_rank_of_free_product(
        [slow.residual_s_transform(scale, layers)], digits=20
    )
    assert effective_rank_of_free_product([factor]) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("scale", "ranks"),
    [
        (1.0, (-0.1572, -0.2997, -0.5436, -0.9129, -1.4007, -1.9761, -2.6058)),
        (3**-0.5, (-0.0716, -0.1429, -0.2821, -0.5374, -0.9440, -1.4779, -2.0873)),
    ],
)
def test_values_of_residual_networks(scale, ranks):
    # four digits of the design note, found there on an independent contour
    for k, expected in enumerate(ranks):
        found = effective_rank_of_free_product([ResidualFactor(scale)] * 2**k)
        assert found == pytest.approx(expected, abs=0.5001e-4)


# --- moments and the law ----------------------------------------------------------------------


@pytest.mark.parametrize("name", PRODUCTS)
def test_first_moments_are_those_of_the_factors(name):
    factors = PRODUCTS[name]
    first, second = free_product_moment(factors, [1, 2])
    assert first == pytest.approx(math.prod(f.mean for f in factors), rel=1e-13)
    assert second / first**2 - 1 == pytest.approx(effective_depth(factors), rel=1e-12)


def test_negative_moments_of_a_soft_edge():
    # E 1/s = S(-1) = 1/(1 - a^2) per layer; E log s = 0 for a < 1: a small moment tells
    factors = [ResidualFactor(0.5)] * 3
    assert free_product_moment(factors, -1) == pytest.approx(0.75**-3, rel=1e-13)
    slope = (free_product_moment(factors, 1e-4) - free_product_moment(factors, -1e-4)) / 2e-4
    # the third derivative of E s^z at 0, E log^3 s, over 6, times 1e-8; rounding eps/1e-4
    assert abs(slope) < 1e-7


@pytest.mark.parametrize("name", PRODUCTS)
def test_methods_of_the_law_agree(name):
    law = free_product_law(PRODUCTS[name])
    u = np.array([1e-9, 1e-3, 0.2, 0.5, 0.8, 0.999, 1 - 1e-9])
    x = law.ppf(u)
    np.testing.assert_allclose(law.cdf(x), u, rtol=1e-6, atol=1e-13)
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1, rtol=1e-13)
    # adaptive quadrature of the density between quantiles in the middle
    mass, error = integrate.quad(law.pdf, x[2], x[4], epsabs=1e-11)
    assert mass == pytest.approx(0.6, abs=1e-10 + error)
    low, high = law.support()
    assert law.cdf(low) == law.sf(high) == law.pdf(high) == 0
    assert law.ppf(0) == low
    assert law.ppf(1) == high
    assert low < law.mean() < high


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_one_residual_layer_from_its_cubic(scale):
    # Dozier and Silverstein: m = u/(1 - u^2 s), u = 1 + a^2 m, m = E 1/(s' - s), is a cubic in m
    law = free_product_law([ResidualFactor(scale)])
    a2 = scale**2
    low, high = law.support()
    for part in (0.2, 0.5, 0.8):
        x = low + part * (high - low)
        s = x * x
        # m (1 - (1 + a^2 m)^2 s) - 1 - a^2 m
        roots = np.roots([-s * a2**2, -2 * s * a2, 1 - s - a2, -1])
        density = roots.imag.max() / np.pi * 2 * x
        assert law.pdf(x) == pytest.approx(density, rel=1e-11)


# --- random matrices --------------------------------------------------------------------------


def product(factors, n, rng):
    """A complex product of the factors; square and residual ones only."""
    matrix = np.eye(n)
    for factor in factors:
        branch = factor.scale * np.eye(n)
        for _ in range(factor.layers):
            noise = rng.standard_normal((2, n, n)) / math.sqrt(2 * n)
            branch = branch @ (noise[0] + 1j * noise[1])
        matrix = (np.eye(n) + branch) @ matrix
    return matrix


@pytest.mark.parametrize(
    "factors",
    [
        [ResidualFactor(0.5)] * 3,
        [ResidualFactor(0.7, 2)],
        [ResidualFactor(1.0, 3)],
        [ResidualFactor(2.0, 2)],
        [ResidualFactor(1.0, 2), ResidualFactor(0.4, 3)],
    ],
    ids=str,
)
def test_spectrum_of_one_large_product(factors):
    n = 300
    sigma = np.linalg.svd(product(factors, n, np.random.default_rng(11)), compute_uv=False)
    law = free_product_law(factors)
    # Complex entries: counts deviate by about log(n)/pi = 1.8 at the most; twice that
    gap = np.abs(law.cdf(np.sort(sigma)) - (np.arange(n) + 0.5) / n).max()
    assert gap < 2 * math.log(n) / math.pi / n
    # its effective rank has fluctuations of order 1/n, and a misfit of order 1/n^2
    entropy = metrics.spectrum.effective_rank(sigma) - math.log(n)
    assert abs(entropy - effective_rank_of_free_product(factors)) < 5 / n


@pytest.mark.parametrize(
    ("scale", "layers"),
    [
        *(pytest.param(*each, marks=pytest.mark.slow) for each in [(0.3, 10), (1.0, 12)]),
        (3.0, 5),
        (1e5, 3),
    ],
)
def test_blocks_of_many_layers(scale, layers):
    factor = ResidualFactor(scale, layers)
    first, second = free_product_moment([factor], [1, 2])
    # means over a law with a relative error of 1e-12, and twice that
    assert first == pytest.approx(factor.mean, rel=1e-12)
    assert second / first**2 - 1 == pytest.approx(factor.relative_variance, rel=4e-12)


def test_a_block_that_cannot_be_followed():
    message = (
        r"scale and layers of residual factors must .* up to 5 layers, .* up to 12; "
        r"got ResidualFactor\(scale=1e\+70, layers=60\)"
    )
    with pytest.raises(ValueError, match=message):
        effective_rank_of_free_product([ResidualFactor(1e70, 60)])


@pytest.mark.parametrize("order", [0.5, 1, 3])
@pytest.mark.parametrize("factor", [ResidualFactor(1e-20), GaussianFactor(1e100)], ids=str)
def test_effective_rank_of_a_narrow_law(factor, order):
    for power in (1, 2):
        found = effective_rank_of_free_product([factor] * 2, power=power, order=order)
        # next order D (1 + z (1 + q))^2 < 1e-37; rounding
        expected = -order * power**2 / 8 * effective_depth([factor] * 2)
        assert found == pytest.approx(expected, rel=8 * EPS)


def test_narrow_laws_meet_the_others():
    # effective depths 2 a^2 on both sides of 1e-16: corrections D (1 + z (1 + q))^2 < 2e-15, and
    # the law's own error 1e-12; at the edge rounding of log E s^z, 2e-15, over 2 z sqrt(D) = 1e-8
    for order in (1, 3, math.inf):
        below, above = (
            effective_rank_of_free_product([ResidualFactor(a)], order=order) for a in (7e-9, 8e-9)
        )
        ratio = (7 / 8) if order == math.inf else (7 / 8) ** 2
        error = 2e-7 if order == math.inf else 2e-12
        assert below / above == pytest.approx(ratio, rel=error)
    assert free_product_moment([ResidualFactor(1e-90)], [-1, 2]).tolist() == [1, 1]


def test_large_scales_are_those_of_the_branch():
    # 1/a^2 is lost
    assert effective_depth([ResidualFactor(1e75)]) == 1
    expected = effective_rank_of_free_product([GaussianFactor()])
    found = effective_rank_of_free_product([ResidualFactor(1e75)])
    assert found == pytest.approx(expected, rel=1e-12)


# --- depth ------------------------------------------------------------------------------------


def test_effective_depth():
    assert effective_depth([GaussianFactor(4)] * 8) == 2
    assert effective_depth([ResidualFactor(1)] * 8) == 6
    assert effective_depth([OrthogonalFactor(), ResidualFactor(0)]) == 0
    k, a2 = 3, 0.25
    expected = (2 * a2 + k * a2**2) / (1 + a2) ** 2
    assert effective_depth([ResidualFactor(0.5, k)]) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("power", [0.6, 1, 2, 3])
@pytest.mark.parametrize("factor", [GaussianFactor(), ResidualFactor(1), ResidualFactor(0.5)])
def test_deep_law(factor, power):
    errors = []
    for depth in (64, 128, 256, 512):
        factors = [factor] * depth
        rank = effective_rank_of_free_product(factors, power=power)
        errors.append(rank - deep_effective_rank(factors, power=power))
    ratios = np.array(errors[:-1]) / errors[1:]
    # c_1/L + c_2/L^2: the ratio is 2 (1 + (c_2/c_1)/(2 L)), so its misfit halves, too
    misfit = np.abs(ratios - 2)
    assert misfit[2] < 0.1
    assert np.all(misfit[1:] < 0.7 * misfit[:-1] + 1e-6)


def test_constants_of_the_deep_law():
    deep = [GaussianFactor()] * 7
    singular = 1.5 - np.euler_gamma / 2 + 0.5 * math.log(4 / math.pi) - math.log(7)
    assert deep_effective_rank(deep) == pytest.approx(singular, rel=1e-14)
    gram = 1 - np.euler_gamma - math.log(7)
    assert deep_effective_rank(deep, power=2) == pytest.approx(gram, rel=1e-14)


# --- properties -------------------------------------------------------------------------------

factor_lists = st.lists(
    st.one_of(
        st.floats(-6, 3).map(lambda x: GaussianFactor(1 + 10**x)),
        st.just(GaussianFactor()),
        st.floats(-3, 2).map(lambda x: ResidualFactor(10**x)),
        st.builds(ResidualFactor, st.floats(0.05, 4), st.integers(2, 4)),
    ),
    min_size=1,
    max_size=4,
)


orders = st.one_of(st.floats(0.1, 8), st.just(math.inf))


@given(factor_lists, factor_lists.map(lambda x: x[0]), st.floats(0.1, 4), orders)
@settings(max_examples=4, deadline=None)
def test_rank_decreases_with_every_factor(factors, one, power, order):
    rank = effective_rank_of_free_product(factors, power=power, order=order)
    more = effective_rank_of_free_product([*factors, one], power=power, order=order)
    assert more < rank < 0


@given(factor_lists)
@settings(max_examples=2, deadline=None)
def test_trivial_factors_and_sequence_change_nothing(factors):
    rank = effective_rank_of_free_product(factors)
    others = [OrthogonalFactor(), *factors[::-1], ResidualFactor(0)]
    assert effective_rank_of_free_product(others) == pytest.approx(rank, rel=1e-12)


def test_a_factor_of_the_user():
    # S = 1/(2 + u): n = 2N. The rank from real arguments, the rest from complex ones
    mine, own = [FreeFactor(lambda u: 1 / (2 + u)), GaussianFactor(3)], gaussian((1, 2, 3))
    for power in (0.5, 1, 2):
        expected = effective_rank_of_free_product(own, power=power)
        found = effective_rank_of_free_product(mine, power=power)
        assert found == pytest.approx(expected, abs=1e-10)  # stated
    law, known = free_product_law(mine), free_product_law(own)
    x = known.ppf([0.01, 0.5, 0.99])
    np.testing.assert_allclose(law.pdf(x), known.pdf(x), rtol=1e-8)
    np.testing.assert_allclose(law.cdf(x), known.cdf(x), rtol=1e-8)


def test_several_layers_may_be_one():
    # five layers in one S-transform: its argument passes pi
    law = free_product_law([FreeFactor(lambda u: (1 + u) ** -5.0, name="five layers")])
    x = singular_value_law.ppf([0.1, 0.5, 0.9], 5)
    # t is known to 1e-16/t only
    np.testing.assert_allclose(law.cdf(x), [0.1, 0.5, 0.9], rtol=1e-7)


def test_random_numbers_and_shapes():
    law = free_product_law([ResidualFactor(1), GaussianFactor(2)])
    sample = law.rvs(4000, random_state=5)
    assert stats.kstest(sample, law.cdf).pvalue > 1e-6
    for method in (law.pdf, law.cdf, law.sf, law.ppf):
        assert np.ndim(method(0.5)) == 0
        assert method([[0.5, 0.6]]).shape == (1, 2)
    assert free_product_moment(law.factors, [[1, 2]]).shape == (1, 2)
    assert effective_rank_of_free_product(law.factors, order=0) == 0
    assert effective_rank_of_free_product([OrthogonalFactor()]) == 0
    assert free_product_moment([OrthogonalFactor()], [1, 2]).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: GaussianFactor(0.5), "aspect must be >= 1, got 0.5: it is n/N, N the smallest"),
        (lambda: ResidualFactor(-1), "scale must be finite and >= 0, got -1.0"),
        (lambda: ResidualFactor(1, 0), "layers must be an integer >= 1, got 0"),
        (lambda: effective_depth([]), "factors must not be empty"),
        (lambda: free_product_law([OrthogonalFactor(), ResidualFactor(0)]), "the law is a point"),
        (lambda: ResidualFactor(1e155), "scale must be 0 or from 1e-100 to 1e\\+75, got 1e\\+155"),
        (lambda: ResidualFactor(1e-160), "scale must be 0 or from 1e-100"),
        (lambda: GaussianFactor(1e201), "aspect must be <= 1e\\+200, got 1e\\+201"),
        (lambda: free_product_law([ResidualFactor(1e-20)]), "all singular values round to one"),
        (lambda: free_product_moment([ResidualFactor(1e-20)], 1e18), "order must be smaller"),
        (
            lambda: effective_rank_of_free_product([ResidualFactor(1e-20)], order=1e16),
            "power and order must be smaller",
        ),
        (lambda: FreeFactor(lambda u: u["a"]), "s_transform must be defined .* IndexError"),
        (lambda: FreeFactor(lambda u: 1 / 0), "s_transform must be defined .* ZeroDivisionError"),
        (lambda: deep_effective_rank([OrthogonalFactor()]), "the law is a point"),
        (lambda: free_product_moment([GaussianFactor()], -0.5), "order must be > -0.5"),
        (lambda: effective_rank_of_free_product([GaussianFactor()], power=0), "power must be"),
        (lambda: free_product_law([ResidualFactor(1e3)] * 300), "largest singular value below"),
        (lambda: FreeFactor(lambda u: u, "mine"), "s_transform 'mine' must be finite and > 0"),
        (lambda: FreeFactor(lambda u: 2 + u), "s_transform must not increase"),
        (lambda: FreeFactor(lambda u: 1.0), "s_transform must return an array of the shape"),
    ],
)
def test_bad_values(function, message):
    with pytest.raises(ValueError, match=message):
        function()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: FreeFactor(3), "s_transform must be callable, got 3"),
        (lambda: FreeFactor(lambda u: math.exp(u)), "s_transform must take an array"),
        (lambda: FreeFactor(lambda u: 1 / (1 + u + 0j)), "s_transform must be real"),
        (lambda: effective_depth(GaussianFactor()), "factors must be a sequence of factors"),
        (lambda: effective_depth([GaussianFactor(), 2]), "factors must be GaussianFactor"),
    ],
)
def test_bad_types(function, message):
    with pytest.raises(TypeError, match=message):
        function()
