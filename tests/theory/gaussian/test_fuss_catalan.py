"""The SciPy distributions: closed forms at depth 1, SciPy's conventions, entropy, expectation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from rmt_rank import fuss_catalan, singular_value_law
from rmt_rank.theory import fuss_catalan_moment
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

LAWS = [fuss_catalan, singular_value_law]
depths = st.floats(0.05, 50)


def test_depth_one_is_marchenko_pastur():
    x = np.linspace(1e-6, 4 - 1e-6, 1001)
    np.testing.assert_allclose(
        fuss_catalan.pdf(x, 1), np.sqrt((4 - x) / x) / (2 * np.pi), rtol=1e-12
    )
    sigma = np.linspace(0, 2, 1001)[:-1]
    np.testing.assert_allclose(
        singular_value_law.pdf(sigma, 1), np.sqrt(4 - sigma**2) / np.pi, rtol=1e-12
    )


def test_effective_rank_is_that_of_the_singular_values():
    for law, power in ((singular_value_law, 1), (fuss_catalan, 2)):
        expected = differential_effective_rank(3, power=power)
        assert law.effective_rank(3) == law(3).effective_rank() == expected
        expected = differential_effective_rank(3, power=3 * power, order=2)
        assert law.effective_rank(3, power=3, order=2) == expected
        assert law(3, scale=2).effective_rank(power=3, order=2) == expected


def test_scipy_searches_all_real_depths():
    for law in (fuss_catalan, singular_value_law):
        (depth,) = law._shape_info()
        assert not depth.integrality
        assert 0 < depth.domain[0] < 1e-300


def test_depth_two_in_closed_form():
    # Penson and Zyczkowski 2011 (arXiv:1103.3453), Eq. for P_2, in elementary functions
    x = np.linspace(0.01, 6.74, 500)
    root = np.sqrt(81 - 12 * x)
    inner = np.cbrt(27 + 3 * root)
    expected = (
        (np.cbrt(2) * np.sqrt(3) / (12 * np.pi))
        * (np.cbrt(2) * inner**2 - 6 * np.cbrt(x))
        / (x ** (2 / 3) * inner)
    )
    np.testing.assert_allclose(fuss_catalan.pdf(x, 2), expected, rtol=1e-11)


@pytest.mark.parametrize("law", LAWS)
class TestConventions:
    @pytest.mark.parametrize("depth", [1e-100, 1e-50, 1e50, 1e100])
    def test_extreme_depths_give_numbers_and_no_warnings(self, law, depth):
        # Warnings are errors.  Shallow: all mass near 1; deep: all near 0, since E log s = -L.
        assert law.cdf(0.5, depth) == pytest.approx(0 if depth < 1 else 1, abs=1e-15)
        assert law.sf(0.5, depth) == pytest.approx(1 if depth < 1 else 0, abs=1e-15)
        assert law.ppf(0.5, depth) == pytest.approx(1 if depth < 1 else 0, abs=1e-15)
        assert law.pdf(0.5, depth) > 0
        assert law.isf(0.5, depth) == law.ppf(0.5, depth)
        for value in (law.logpdf(0.5, depth), law.entropy(depth), *law.stats(depth)):
            assert np.isfinite(value)
        # many points at one depth
        assert np.isfinite(law.pdf(np.linspace(0.01, 0.9, 5000), depth)).all()

    def test_samples_that_do_not_fit(self, law):
        for size in (10**13, (10**7, 10**6)):
            with pytest.raises(ValueError, match=r"size must be smaller: about .* are needed"):
                law.rvs(2, size=size)
            with pytest.raises(ValueError, match="size must be smaller"):
                law(2).rvs(size)

    def test_outside_the_support(self, law):
        edge = law.support(2.5)[1]
        assert law.pdf([-1, edge * 1.01], 2.5).tolist() == [0, 0]
        assert law.cdf([-1, 0, edge, 9], 2.5).tolist() == [0, 0, 1, 1]
        assert law.sf([-1, 0, edge, 9], 2.5).tolist() == [1, 1, 0, 0]
        assert law.logpdf(-1, 2.5) == -np.inf

    @pytest.mark.parametrize("depth", [0, -1, np.nan, np.inf, -np.inf, 1e308, 1e-308])
    def test_invalid_depths(self, law, depth):
        for value in (
            law.pdf(0.5, depth),
            law.cdf(0.5, depth),
            law.ppf(0.5, depth),
            law.support(depth)[1],
            law.mean(depth),
            law.entropy(depth),
        ):
            assert np.isnan(value)
        with pytest.raises(ValueError, match="Domain error"):
            law.rvs(depth)

    def test_nan_empty_and_strings(self, law):
        assert np.isnan(law.pdf(np.nan, 2))
        assert law.pdf([], 2).shape == (0,)
        assert law.ppf([-0.1, 1.1], 2).tolist() == pytest.approx([np.nan] * 2, nan_ok=True)
        with pytest.raises((TypeError, ValueError)):
            law.pdf("a", 2)

    def test_broadcasting(self, law):
        x, depth = np.linspace(0.1, 1.5, 5), np.array([[0.5], [1.0], [7.0]])
        table = law.cdf(x, depth)
        assert table.shape == (3, 5)
        expected = [[law.cdf(a, d) for a in x] for d in depth[:, 0]]
        np.testing.assert_allclose(table, expected, rtol=1e-14)

    @pytest.mark.parametrize("depth", [0.01, 1, 3.5, 1000])
    def test_edges(self, law, depth):
        edge = law.support(depth)[1]
        assert law.ppf([0, 1], depth).tolist() == [0, edge]
        assert law.isf([0, 1], depth).tolist() == [edge, 0]
        assert law.pdf(edge, depth) == 0
        assert law.ppf(np.nextafter(1, 0), depth) <= edge
        assert law.isf(1e-300, depth) == pytest.approx(edge, rel=1e-15)

    @pytest.mark.parametrize("depth", [0.3, 1, 4])
    def test_samples(self, law, depth):
        # Kolmogorov-Smirnov with a fixed seed: false alarm 1e-3 for a fresh one
        sample = law.rvs(depth, size=20_000, random_state=np.random.default_rng(7))
        assert stats.kstest(sample, law.cdf, (depth,)).pvalue > 1e-3

    def test_fit_recovers_the_depth(self, law):
        sample = law.rvs(3.0, size=4000, random_state=np.random.default_rng(3))
        depth, loc, scale = law.fit(sample, floc=0, fscale=1)
        assert (loc, scale) == (0, 1)
        # the Fisher information per point is about 0.05 at depth 3: s.e. about 0.07; five of them
        assert depth == pytest.approx(3, abs=0.35)


@pytest.mark.parametrize("p", [1e-280, 1e-299, 1e-301, 1e-305])
def test_quantiles_near_the_smallest_float(p):
    # depth 1: density 2/pi at 0, and p^2 below it all digits
    assert singular_value_law.ppf(p, 1) / p == pytest.approx(np.pi / 2, rel=1e-13, abs=0)


def test_density_at_zero():
    # sigma^((1-L)/(1+L)): 0, the quarter circle's 2/pi, infinity
    assert singular_value_law.pdf(0, [0.5, 1, 2]).tolist() == [0, 2 / np.pi, np.inf]
    assert fuss_catalan.pdf(0, [0.5, 1, 2]).tolist() == [np.inf] * 3
    assert fuss_catalan.logpdf(0, 2) == np.inf


@pytest.mark.parametrize("depth", [0.01, 0.5, 0.9, 1, 3])
def test_power_law_far_below_the_smallest_square(depth):
    # sigma^2 underflows here; the density is 2 sin(pi a)/pi sigma^(2a-1), a = 1/(L+1)
    sigma = np.array([1e-200, 1e-300])
    a = 1 / (depth + 1)
    expected = 2 * np.sin(np.pi * a) / np.pi * sigma ** (2 * a - 1)
    # the exponent is rounded to half an ulp of 2a - 1 <= 1: 5.6e-17 |log sigma| < 4e-14, twice
    np.testing.assert_allclose(singular_value_law.pdf(sigma, depth), expected, rtol=1e-13)


@given(depths, st.floats(1e-5, 1 - 1e-5))
def test_quantiles_round_trip(depth, p):
    for law in LAWS:
        x, edge = law.ppf(p, depth), law.support(depth)[1]
        if x < 1e-300:
            continue
        # half an ulp of x moves cdf by its condition; 8 ulps for the rest
        slack = 1.2e-16 * x * law.pdf(x, depth) + 1e-15
        assert law.cdf(x, depth) == pytest.approx(p, rel=1e-13, abs=slack)
        x = law.isf(p, depth)
        if 1e-300 < x < edge:
            slack = 1.2e-16 * x * law.pdf(x, depth) + 1e-15
            assert law.sf(x, depth) == pytest.approx(p, rel=1e-13, abs=slack)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("depth", [0.01, 0.5, 1, 3.5, 50])
def test_moments_are_those_of_the_law(law, depth):
    for order in (1, 2, 3, 4):
        expected = fuss_catalan_moment(order * law._exponent, depth)
        assert law.moment(order, depth) == pytest.approx(expected, rel=1e-13)
        # quad's own tolerance is 1.5e-8
        assert law.expect(lambda x, n=order: x**n, (depth,)) == pytest.approx(expected, rel=1e-8)
    mean, variance, skewness, kurtosis = law.stats(depth, moments="mvsk")
    central = [
        law.expect(lambda x, n=n: (x - mean) ** n, (depth,), epsabs=1e-14) for n in (2, 3, 4)
    ]
    assert central[0] == pytest.approx(variance, rel=1e-9)
    assert central[1] / variance**1.5 == pytest.approx(skewness, rel=1e-8, abs=1e-9)
    assert central[2] / variance**2 - 3 == pytest.approx(kurtosis, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("depth", [0.02, 0.5, 1, 2, 8, 30])
def test_entropy_in_closed_form(law, depth):
    numerical = law.expect(lambda x: -law.logpdf(x, depth), (depth,))
    assert law.entropy(depth) == pytest.approx(numerical, abs=2e-8)


def test_entropy_at_depth_one():
    # the semicircle's entropy log(2 pi) - 1/2 less log 2; Marchenko-Pastur's log(2 pi) - 1
    assert singular_value_law.entropy(1) == pytest.approx(np.log(np.pi) - 0.5, abs=1e-15)
    assert fuss_catalan.entropy(1) == pytest.approx(np.log(2 * np.pi) - 1, abs=1e-15)


class TestExpect:
    def test_where_quadrature_over_x_fails(self):
        # SciPy's own integrates to 1.05 here
        assert fuss_catalan.expect(lambda _x: 1.0, (8.0,)) == pytest.approx(1, abs=1e-10)

    def test_bounds_location_and_condition(self):
        law = fuss_catalan(3.0, loc=1, scale=2)
        inside = law.cdf(4) - law.cdf(2)
        assert law.expect(lambda _x: 1.0, lb=2, ub=4) == pytest.approx(inside, rel=1e-9)
        conditional = law.expect(lb=2, ub=4, conditional=True)
        by_x = integrate.quad(lambda x: x * law.pdf(x), 2, 4)[0] / inside
        assert conditional == pytest.approx(by_x, rel=1e-8)
        assert law.expect(lb=-5, ub=100) == pytest.approx(law.mean(), rel=1e-9)

    def test_bad_depth(self):
        assert np.isnan(fuss_catalan.expect(args=(-1.0,)))
        assert np.isnan(fuss_catalan.expect(args=(2.0,), scale=0))

    @pytest.mark.parametrize("distance", [1e-3, 1e-7, 1e-11])
    def test_condition_on_the_upper_tail(self, distance):
        edge = fuss_catalan.support(2.0)[1]
        one = fuss_catalan.expect(
            lambda _x: 1.0, (2.0,), lb=edge * (1 - distance), conditional=True, epsabs=0
        )
        # sf at the bound is conditioned as 1.5 eps/distance
        assert one == pytest.approx(1, rel=1e-9 + 4e-16 / distance)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("depth", [0.5, 1, 3.5])
def test_complex_step_gives_the_derivative(law, depth):
    x = law.ppf([0.01, 0.3, 0.6, 0.99], depth)
    slope = law.cdf(x + 1e-20j, depth).imag / 1e-20
    np.testing.assert_allclose(slope, law.pdf(x, depth), rtol=1e-13)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("depth", [1e-100, 1e-8, 0.01, 1, 9.9, 31, 500, 1e6, 1e9, 1e100])
def test_every_float_has_an_answer(law, depth):
    # warnings are errors here; subnormal x and 40000 points take all branches
    edge = law.support(depth)[1]
    tiny = [0, 5e-324, 1e-320, 2.3e-308, 1e-300, 1e-150, 1e-20]
    x = np.sort([*tiny, *np.linspace(1e-3, 1, 40_000) * edge, np.nextafter(edge, 0)])
    for method in ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"):
        many = getattr(law, method)(x, depth)
        assert not np.isnan(many).any()
        alone = [getattr(law, method)(value, depth) for value in x[:8]]
        np.testing.assert_allclose(alone, many[:8], rtol=1e-12)
    cdf, sf = law.cdf(x, depth), law.sf(x, depth)
    assert np.all(np.diff(cdf) >= -1e-15)
    np.testing.assert_allclose(cdf + sf, 1, atol=1e-14)
    p = np.array([0, 1e-300, 1e-100, 1e-16, *np.linspace(0.01, 0.99, 40_000), 1 - 1e-16, 1])
    assert np.all(np.diff(law.ppf(p, depth)) >= 0)
    assert np.all(np.diff(law.isf(p, depth)) <= 0)
    assert np.isfinite(law.entropy(depth))
