"""All laws return what SciPy's frozen distributions return: shapes, scalars, nan, outside."""

import math

import numpy as np
import pytest
from scipy import stats

import rmt_rank as rr

LAWS = {
    "square": rr.singular_value_law(3),
    "squares": rr.fuss_catalan(2.5, scale=2),
    "rectangular": rr.rectangular_law([1, 2, 3]),
    "rectangular, at 0": rr.rectangular_law([1, 1, 1, 2]),
    "residual limit": rr.residual_limit_law(0.7),
    "free product": rr.free_product_law([rr.ResidualFactor(0.5)] * 2),
}
ARGUMENTS = [
    0.5,
    0,
    [],
    [0.2],
    [0.1, math.nan, 2, -3],
    [[0.3], [0.9]],
    np.float32(0.5),
    (0.5, 0.25),
]
POINTWISE = ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf")


@pytest.fixture(params=LAWS)
def law(request):
    return LAWS[request.param]


@pytest.fixture
def scipys(law):
    """The law as SciPy makes it from a distribution function alone."""

    class ByCdf(stats.rv_continuous):
        def _cdf(self, x):
            return law.cdf(x)

    low, high = law.support()
    return ByCdf(a=low, b=high)()


@pytest.mark.parametrize("argument", ARGUMENTS, ids=str)
def test_shapes_and_kinds_of_pointwise_methods(law, argument):
    expected = stats.uniform()
    for name in POINTWISE:
        ours, theirs = getattr(law, name)(argument), getattr(expected, name)(argument)
        assert np.shape(ours) == np.shape(theirs), name
        assert isinstance(ours, np.ndarray) == isinstance(theirs, np.ndarray), name
        assert ours.dtype == np.float64, name
        np.testing.assert_array_equal(np.isnan(argument), np.isnan(ours) & np.isnan(argument))


def test_values_against_the_distribution_function(law, scipys):
    low, high = law.support()
    x = np.array([low - 1, *np.linspace(low, high, 7)[1:-1], high + 1, math.nan])
    q = np.array([-0.1, 0, 0.05, 0.5, 0.95, 1, 1.1, math.nan])
    for name in ("cdf", "logcdf", "sf", "logsf"):
        # 1 - cdf, with rounding 1e-16, in tails of 1e-3 and more
        np.testing.assert_allclose(getattr(law, name)(x), getattr(scipys, name)(x), rtol=1e-12)
    for name in ("ppf", "isf"):
        # SciPy's root finder stops at 1e-14 absolute; slopes of quantiles are below 100
        np.testing.assert_allclose(
            getattr(law, name)(q), getattr(scipys, name)(q), rtol=1e-11, atol=1e-11
        )
    np.testing.assert_allclose(law.interval(0.9), scipys.interval(0.9), rtol=1e-11, atol=1e-11)
    ends = law.interval([0.5, 0.9])
    assert [np.shape(end) for end in ends] == [(2,), (2,)]


def test_means_against_quantiles(law):
    """Against equally likely values, the midpoint rule in the probability."""
    count = 20000
    values = law.ppf((np.arange(count) + 0.5) / count)
    mean, variance, skewness, kurtosis = law.stats("mvsk")
    # a function that falls by a in all and rises by b is off by at most (a + b)/count
    low, high = law.support()
    part, width = (high - low) / count, (high - low) / math.sqrt(variance)
    assert mean == pytest.approx(values.mean(), abs=part)
    assert variance == pytest.approx(values.var(), abs=(high - low) * part)
    z = (values - mean) / math.sqrt(variance)
    assert skewness == pytest.approx((z**3).mean(), abs=2 * width**3 / count)
    assert kurtosis == pytest.approx((z**4).mean() - 3, abs=2 * width**4 / count)
    assert law.expect(np.cos) == pytest.approx(np.cos(values).mean(), abs=part)
    assert law.expect() == pytest.approx(mean, rel=1e-7)  # the quadrature's aim is 1.5e-8


@pytest.mark.parametrize("moments", ["m", "v", "sk", "mvsk", "km"])
def test_stats_are_numbers_in_one_sequence(law, moments):
    ours, theirs = law.stats(moments), stats.norm().stats(moments)
    assert np.shape(ours) == np.shape(theirs)
    assert np.ndim(law.mean()) == np.ndim(law.var()) == np.ndim(law.median()) == 0


@pytest.mark.parametrize("size", [None, 0, 3, (2, 3), (2, 0)], ids=str)
def test_random_numbers(law, size):
    ours = law.rvs(size=1 if size is None else size, random_state=0)
    theirs = stats.norm().rvs(size=1 if size is None else size, random_state=0)
    assert np.shape(ours) == np.shape(theirs) or size is None
    low, high = law.support()
    assert np.all((ours >= low) & (ours <= high))
    np.testing.assert_array_equal(ours, law.rvs(size=1 if size is None else size, random_state=0))
