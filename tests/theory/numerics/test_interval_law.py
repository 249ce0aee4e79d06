"""The methods that all laws have, against SciPy's own of the square law, and against each other."""

import copy
import math
import pickle

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

import rmt_rank as rr
from rmt_rank import exact
from rmt_rank.theory.numerics.renyi_deficit import renyi_deficit

LAWS = {
    "square": rr.rectangular_law([1, 1, 1, 1]),
    "unequal": rr.rectangular_law([784, 256, 10]),
    "reaching 0": rr.rectangular_law([1, 2, 1e6, 1]),
    "residual": rr.free_product_law([rr.ResidualFactor(0.5)] * 3),
    "residual, at 0": rr.free_product_law([rr.ResidualFactor(1.5, layers=2), rr.GaussianFactor(2)]),
    "early": rr.residual_limit_law(1e-6),
    "late": rr.residual_limit_law(30.0),
}
# pdf and ppf of the laws are accurate to about 1e-13 (their own tests); means over them add the
# error of some hundred terms of one sign
ACCURATE = 1e-12


@pytest.fixture(params=LAWS)
def law(request):
    return LAWS[request.param]


def test_every_method_of_a_frozen_distribution():
    frozen = type(stats.norm())
    methods = {name for name in dir(frozen) if not name.startswith("_")}
    methods -= {"a", "b", "dist", "args", "kwds", "random_state", "freeze"}
    assert "logsf" in methods
    for each in [*LAWS.values(), rr.singular_value_law(3), rr.fuss_catalan(3)]:
        assert all(callable(getattr(each, name)) for name in methods | {"effective_rank"})


@pytest.mark.parametrize("depth", [1, 3, 8, 32])
def test_square_law_as_scipy_has_it(depth):
    ours, theirs = rr.rectangular_law([1] * (depth + 1)), rr.singular_value_law(depth)
    for name in ("mean", "var", "std", "median", "entropy"):
        assert getattr(ours, name)() == pytest.approx(getattr(theirs, name)(), rel=ACCURATE), name
    np.testing.assert_allclose(ours.stats("mvsk"), theirs.stats("mvsk"), rtol=ACCURATE)
    assert len(ours.stats()) == 2
    x, q = np.linspace(-1, 1.2 * ours.support()[1], 30), np.array([0, 1e-9, 0.2, 0.7, 1])
    for name in ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"):
        np.testing.assert_allclose(getattr(ours, name)(x), getattr(theirs, name)(x), rtol=1e-11)
    for name in ("ppf", "isf"):
        np.testing.assert_allclose(
            getattr(ours, name)(q), getattr(theirs, name)(q), rtol=1e-11, atol=1e-290
        )
    np.testing.assert_allclose(ours.interval([0.5, 0.9]), theirs.interval([0.5, 0.9]), rtol=1e-11)
    assert ours.moment(3) == pytest.approx(theirs.moment(3), rel=ACCURATE)
    for options in ({}, {"lb": 0.3, "ub": 0.9}, {"lb": 0.3, "conditional": True}, {"ub": -1}):
        # the square law's integrand is a function of the angle with a singular derivative at 0
        assert ours.expect(np.sqrt, **options) == pytest.approx(
            theirs.expect(np.sqrt, **options), rel=1e-6
        )
    assert ours.expect(np.sqrt) == pytest.approx(ours.moment(0.5), rel=1e-10)
    assert ours.effective_rank(power=2, order=3) == pytest.approx(
        theirs.effective_rank(power=2, order=3), rel=ACCURATE
    )


def test_means_by_quadrature_of_the_density(law):
    """Each method against an integral over quantiles, which uses neither nodes nor moments."""
    u, weights = np.polynomial.legendre.leggauss(400)
    # quantiles behave like powers of the distance to an end; t^4 (35 - 84 t + 70 t^2 - 20 t^3) has
    # three vanishing derivatives at both, so that the integrand is smooth enough for 1e-9
    t = (u + 1) / 2
    below = np.clip(t**4 * (35 - 84 * t + 70 * t**2 - 20 * t**3), 0, 1)
    rate = 140 * t**3 * (1 - t) ** 3 * weights / 2
    x = law.ppf(below)
    mean = rate @ x
    assert law.mean() == pytest.approx(mean, rel=1e-7)
    assert law.var() == pytest.approx(rate @ (x - mean) ** 2, rel=1e-6)
    assert law.std() == pytest.approx(math.sqrt(law.var()), rel=1e-14)
    inside = law.pdf(x) > 0  # some quantiles round to the edge
    assert law.entropy() == pytest.approx(-(rate[inside] @ law.logpdf(x[inside])), rel=1e-6)
    skewness, kurtosis = law.stats("sk")
    z = (x - mean) / law.std()
    assert skewness == pytest.approx(rate @ z**3, rel=1e-5, abs=1e-6)
    assert kurtosis == pytest.approx(rate @ z**4 - 3, rel=1e-5, abs=1e-6)


def test_the_rule_and_the_moments_agree(law):
    """Effective ranks by the rule against those of the laws' own quadrature."""
    # free products that reach 0 are polynomials and a power law below; their densities were seen to
    # be off by 6e-12 of the whole mass
    assert law._rule[1].sum() == pytest.approx(1, rel=2e-11)
    for power, order in ((1, 1), (1, 0.7), (2, 3), (1, math.inf), (0.5, 0)):
        by_rule = renyi_deficit(
            law._log_moment, *law._rule, law._log_edges[1], power=power, order=order
        )
        # the same error, as a part of ranks of 0.3 and more
        assert law.effective_rank(power=power, order=order) == pytest.approx(by_rule, rel=7e-11)


def test_ends_and_nan(law):
    low, high = law.support()
    assert np.isnan([law.pdf(np.nan), law.cdf(np.nan), law.ppf(np.nan)]).all()
    assert np.isnan([law.ppf(-0.1), law.ppf(1.1), law.isf(1.1)]).all()
    assert (law.ppf(0), law.ppf(1), law.isf(0), law.isf(1)) == (low, high, high, low)
    assert law.cdf([]).shape == law.rvs(0).shape == (0,)
    assert (law.logpdf(-1), law.logcdf(-1), law.logsf(2 * high)) == (-math.inf,) * 3
    assert law.logpdf(2 * high) == -math.inf
    assert law.median() == law.ppf(0.5)
    assert law.expect(lb=2 * high) == 0
    assert law.moment(0) == pytest.approx(1, rel=1e-15)


def test_random_numbers(law):
    assert np.ndim(law.rvs(random_state=1)) == 0
    assert law.rvs((2, 3), random_state=1).shape == (2, 3)
    sample = law.rvs(2000, random_state=2)
    np.testing.assert_array_equal(sample, law.rvs(2000, random_state=2))
    # false alarm 1e-6; distances of 2000 values scale like 1/sqrt(2000)
    assert stats.kstest(sample, law.cdf).pvalue > 1e-6


def test_copies(law):
    for copied in (copy.deepcopy(law), pickle.loads(pickle.dumps(law))):
        assert copied == law
        assert copied.entropy() == law.entropy()


@pytest.mark.parametrize("tau", [1e-9, 0.3, 4.0, 80.0, 5000.0, 1e9])
@pytest.mark.parametrize("order", [0.1, 0.5, 0.999, 1 + 1e-9, 1.5, 2, 7])
@pytest.mark.parametrize("power", [0.3, 1, 2])
def test_orders_of_the_residual_limit(tau, order, power):
    """Against the closed form of the moments, at 60 digits."""
    with mpmath.workdps(60):
        t = mpmath.mpf(tau)

        def log_moment(z):
            return mpmath.log(mpmath.exp(-z * t) * mpmath.hyp1f1(1 + z, 2, 2 * z * t))

        z, q = mpmath.mpf(power) / 2, mpmath.mpf(order)
        expected = float((log_moment(q * z) - q * log_moment(z)) / (1 - q))
    found = rr.limit_effective_rank(time=tau, power=power, order=order)
    assert found == pytest.approx(expected, rel=1e-11)


def test_laws_of_scipy_have_a_rank():
    law = rr.singular_value_law(3)
    assert repr(law) == "singular_value_law(3)"
    assert repr(rr.fuss_catalan(depth=2.5, scale=3)) == "fuss_catalan(depth=2.5, scale=3)"
    assert law.effective_rank() == rr.limit_effective_rank(3)
    assert rr.fuss_catalan(3, scale=7).effective_rank() == rr.limit_effective_rank(3, power=2)
    assert rr.singular_value_law([1, 2]).effective_rank().shape == (2,)
    assert pickle.loads(pickle.dumps(law)).effective_rank(order=2) == law.effective_rank(order=2)
    with pytest.raises(ValueError, match="loc must be 0"):
        rr.singular_value_law(3, loc=1).effective_rank()


def test_one_function_for_every_network():
    square = float(rr.limit_effective_rank(2, power=2, order=3))
    options = {"power": 2, "order": 3}
    assert rr.limit_effective_rank(widths=[5, 5, 5], **options) == pytest.approx(square, rel=1e-12)
    two = [rr.GaussianFactor()] * 2
    assert rr.limit_effective_rank(factors=two, **options) == pytest.approx(square, rel=1e-12)
    assert rr.limit_effective_rank(2, derivative=True) == pytest.approx(
        float(exact.differential_effective_rank_derivative(2)), rel=1e-13
    )
    with pytest.raises(TypeError, match="exactly one of depth, widths, factors and time"):
        rr.limit_effective_rank()
    with pytest.raises(TypeError, match="got depth and time"):
        rr.limit_effective_rank(2, time=1)
    with pytest.raises(ValueError, match="derivative must be False with factors"):
        rr.limit_effective_rank(factors=two, derivative=True)


def test_far_ends_of_the_integral_are_left_out():
    # the rule leaves out probability 1e-40 at most, and no more
    law = LAWS["reaching 0"]
    value = integrate.quad(law.pdf, 0, law.ppf(1e-6))[0]
    assert value == pytest.approx(1e-6, rel=1e-6)
