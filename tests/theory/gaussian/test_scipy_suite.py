"""SciPy's own generic tests of distributions, run unchanged on both laws.

They are private modules of SciPy; this file was written for SciPy 1.17 and skips, with the reason,
where a module or a test is missing.
"""

import inspect

import numpy as np
import pytest
from scipy import stats

from rmt_rank import fuss_catalan, singular_value_law

basic = pytest.importorskip(
    "scipy.stats.tests.test_continuous_basic",
    reason="this SciPy ships without its private test modules",
    exc_type=ImportError,
)
general = pytest.importorskip(
    "scipy.stats.tests.test_distributions",
    reason="this SciPy ships without its private test modules",
    exc_type=ImportError,
)

LAWS = {law.name: law for law in (fuss_catalan, singular_value_law)}
DEPTHS = [1.0, 2.0, 3.5]

both = pytest.mark.parametrize("name", LAWS)
each_depth = pytest.mark.parametrize("depth", DEPTHS)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Make the laws known to SciPy by name, as its tests look them up."""
    for name, law in LAWS.items():
        for module in (stats, stats.distributions):
            monkeypatch.setattr(module, name, law, raising=False)


def scipy_test(module, name):
    return getattr(module, name, None) or pytest.skip(f"this SciPy has no {name}")


@both
@each_depth
# its check_private_entropy integrates a density that diverges at 0 over x, as the reference
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_cont_basic(name, depth):
    test = scipy_test(basic, "test_cont_basic")
    # SciPy 1.15 does not ask for the number of threads
    threads = [1] if "num_parallel_threads" in inspect.signature(test).parameters else []
    test(name, (depth,), 500, *threads)


@both
@each_depth
@pytest.mark.parametrize("test", ["test_rvs_scalar", "test_rvs_broadcast"])
def test_rvs(test, name, depth):
    scipy_test(basic, test)(name, (depth,))


@both
@each_depth
def test_moments(name, depth):
    scipy_test(basic, "test_moments")(name, (depth,), True, True, True, False)


@both
@each_depth
@pytest.mark.parametrize("method", ["pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"])
def test_methods_with_lists(method, name, depth):
    scipy_test(basic, "test_methods_with_lists")(method, name, (depth,))


@both
# a fit searches the depth itself, so the depths differ in their samples only
@pytest.mark.parametrize(
    "depth", [pytest.param(d, marks=() if d == 2 else pytest.mark.slow) for d in DEPTHS]
)
@pytest.mark.parametrize("fix_args", [True, False])
@pytest.mark.parametrize("method", ["MLE", "MM"])
def test_cont_basic_fit(name, depth, method, fix_args):
    scipy_test(basic, "test_cont_basic_fit")(name, (depth,), 200, method, fix_args)


@both
@each_depth
def test_sf_isf_overrides(name, depth, monkeypatch):
    # SciPy's tolerance is 1e-12 for sf(isf(p)) = p.  Near a finite edge x has a spacing of
    # eps x_max, and sf ~ (x_max - x)^(3/2), so p is resolved to 1.5 eps/(1 - x/x_max): at these
    # depths less than 1e-12 from p = 1e-5 on.  In the angle it holds from 1e-290 on, see
    # test_inversion.py; docs/accuracy.md has the limit for every depth.
    monkeypatch.setattr(general, "distcont", [[name, (depth,)]])
    smallest = -5
    x = LAWS[name].isf(10.0**smallest, depth) / LAWS[name].support(depth)[1]
    assert 1.5 * np.finfo(float).eps / (1 - x) < 1e-12
    scipy_test(general, "test_sf_isf_overrides")((name, smallest, None, None, None))


@both
@each_depth
def test_new_infrastructure(name, depth):
    law = LAWS[name]
    X = stats.make_distribution(law)(depth=depth)
    x, p = np.linspace(0.01, 0.99, 25) * law.support(depth)[1], np.linspace(0.01, 0.99, 25)
    for new, old, at in (
        (X.pdf, law.pdf, x),
        (X.logpdf, law.logpdf, x),
        (X.cdf, law.cdf, x),
        (X.ccdf, law.sf, x),
        (X.icdf, law.ppf, p),
        (X.iccdf, law.isf, p),
    ):
        np.testing.assert_allclose(new(at), old(at, depth), rtol=1e-14)
    assert X.support() == law.support(depth)
    mean, variance, skewness, kurtosis = law.stats(depth, moments="mvsk")
    assert X.mean() == pytest.approx(mean, rel=1e-14)
    assert X.variance() == pytest.approx(variance, rel=1e-13)
    assert X.skewness() == pytest.approx(skewness, rel=1e-12)
    assert X.kurtosis() == pytest.approx(kurtosis + 3, rel=1e-12)
    assert X.entropy() == pytest.approx(law.entropy(depth), rel=1e-14)
    assert X.moment(3) == pytest.approx(law.moment(3, depth), rel=1e-13)
    assert X.sample(5, rng=np.random.default_rng(1)).shape == (5,)
