"""Initial weights: their laws.

Statistical tests have fixed seeds; each has a false-alarm rate below 1e-6.
"""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from rmt_rank import metrics, sample_singular_values
from rmt_rank.networks.initialisation import INITIALISATIONS, initial_parameters, orthonormal
from rmt_rank.networks.linear import LinearNetwork

NETWORK = LinearNetwork((6, 10, 8))
SIGMAS = 6  # in standard errors: false alarms below 1e-8 for means of thousands of numbers


def weights(network, count=2000, seed=0, **options):
    stream = np.random.default_rng(seed)
    return network.weights(initial_parameters(network, count, stream, **options))


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("name", ["normal", "uniform", "marginals"])
def test_mean_and_variance(name, scale):
    for w in weights(NETWORK, initialisation=name, scale=scale, as_depth=None):
        x = w * np.sqrt(w.shape[-1]) / scale
        assert abs(x.mean()) < SIGMAS / np.sqrt(x.size)
        # kurtosis at most 3: the variance of a mean square is below 2/size
        assert abs(np.mean(x**2) - 1) < SIGMAS * np.sqrt(2 / x.size)


def test_shape_of_the_marginal_law():
    for w in weights(NETWORK, initialisation="uniform"):
        limit = np.sqrt(3 / w.shape[-1])
        assert stats.kstest(w.ravel(), stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-6
    for w in weights(NETWORK):
        assert stats.kstest(w.ravel() * np.sqrt(w.shape[-1]), "norm").pvalue > 1e-6


def test_default_is_normal_of_scale_one():
    for mine, theirs in zip(weights(NETWORK), weights(NETWORK, scale=1), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(("rows", "columns"), [(7, 4), (4, 7), (5, 5), (1, 1)])
def test_orthonormal(rows, columns):
    q = orthonormal(3000, rows, columns, np.random.default_rng(0))
    small = q if rows <= columns else np.swapaxes(q, -1, -2)
    product = small @ np.swapaxes(small, -1, -2)
    np.testing.assert_allclose(product, np.eye(len(product[0])) * np.ones((3000, 1, 1)), atol=1e-14)
    # Haar: an entry squared is Beta(1/2, (n-1)/2), of either sign with equal odds
    n = max(rows, columns)
    for entry in (q[:, 0, 0], q[:, -1, -1]):
        if n > 1:
            law = stats.beta(0.5, (n - 1) / 2)
            assert stats.kstest(entry**2, law.cdf).pvalue > 1e-6
        assert abs(np.sign(entry).mean()) < SIGMAS / np.sqrt(3000)


def test_haar_in_every_direction():
    # the trace of a Haar matrix has mean 0 and variance 1; without the signs of R its mean is not 0
    q = orthonormal(4000, 5, 5, np.random.default_rng(1))
    assert abs(np.trace(q, axis1=1, axis2=2).mean()) < SIGMAS / np.sqrt(4000)


def test_orthogonal():
    for w in weights(NETWORK, 3, initialisation="orthogonal", scale=0.5):
        values = np.linalg.svd(w, compute_uv=False)
        np.testing.assert_allclose(values, 0.5, rtol=1e-13)


@pytest.mark.parametrize("widths", [(6, 6, 6, 6), (6, 9, 7, 6), (4, 8, 6), (6, 8, 4)])
@pytest.mark.parametrize("as_depth", [None, 3])
def test_balanced(widths, as_depth):
    network = LinearNetwork(widths)
    found = weights(network, 20, initialisation="balanced", as_depth=as_depth, scale=0.7)
    for first, second in pairwise(found):
        left = np.swapaxes(second, -1, -2) @ second
        right = first @ np.swapaxes(first, -1, -2)
        # 100 eps of the size, which is sigma^(2/d): of order 1
        np.testing.assert_allclose(left, right, atol=100 * np.finfo(float).eps * left.max())


@pytest.mark.parametrize("as_depth", [1, 4])
def test_balanced_has_the_law_of_a_product(as_depth):
    # effective ranks of 2000 networks of depth 3 against 2000 products of the depth it stands for
    n = 8
    found = weights(LinearNetwork((n,) * 4), initialisation="balanced", as_depth=as_depth)
    product = found[2] @ found[1] @ found[0]
    mine = np.linalg.svd(product, compute_uv=False)
    theirs = sample_singular_values(n, as_depth, 2000, rng=1)
    for statistic in (metrics.spectrum.effective_rank, lambda s: s[:, 0]):
        assert stats.ks_2samp(statistic(mine), statistic(theirs)).pvalue > 1e-6
    # and tells depths apart: three layers are not one
    other = sample_singular_values(n, as_depth + 2, 2000, rng=1)
    ranks = metrics.spectrum.effective_rank(mine), metrics.spectrum.effective_rank(other)
    assert stats.ks_2samp(*ranks).pvalue < 1e-6


def test_scale_of_balanced_is_that_of_the_product():
    network = LinearNetwork((5, 5, 5))
    one = weights(network, 3, initialisation="balanced")
    half = weights(network, 3, initialisation="balanced", scale=0.5)
    np.testing.assert_allclose(half[1] @ half[0], one[1] @ one[0] / 2, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("as_depth", [1, 2, 5])
def test_marginals_have_the_kurtosis_of_products(as_depth):
    # an entry of a product of D matrices of n columns: the kurtosis is 3 (1 + 2/n)^(D-1), since
    # E (chi^2_n/n)^2 = 1 + 2/n for each layer below the last
    n = 20
    (w,) = weights(LinearNetwork((n, n)), 2500, initialisation="marginals", as_depth=as_depth)
    x = (w * np.sqrt(n)).ravel()
    kurtosis = 3 * (1 + 2 / n) ** (as_depth - 1)
    # E x^8 = 105 prod (1 + 2/n)(1 + 4/n)(1 + 6/n) is the variance of x^4, from above
    eighth = 105 * ((1 + 2 / n) * (1 + 4 / n) * (1 + 6 / n)) ** (as_depth - 1)
    assert abs(np.mean(x**4) - kurtosis) < SIGMAS * np.sqrt(eighth / x.size)
    assert abs(np.mean(x**2) - 1) < SIGMAS * np.sqrt(kurtosis / x.size)
    # the test can tell: at depth 5 the kurtosis of one matrix would be seen
    if as_depth == 5:
        assert abs(np.mean(x**4) - 3) > SIGMAS * np.sqrt(eighth / x.size)


def test_marginals_are_those_of_products():
    # the law itself: entries of products of 3 Gaussian matrices, one entry of each
    stream = np.random.default_rng(3)
    a, b, c = stream.standard_normal((3, 4000, 6, 6)) / np.sqrt(6)
    theirs = (a @ b @ c)[:, 0, 0]
    (w,) = weights(LinearNetwork((6, 6)), 400, initialisation="marginals", as_depth=3)
    assert stats.ks_2samp(w.ravel(), theirs).pvalue > 1e-6


@pytest.mark.parametrize("name", sorted(INITIALISATIONS))
def test_scale_zero_and_reproducible(name):
    for mine, again in zip(
        weights(
            NETWORK if name != "balanced" else LinearNetwork((6, 6, 6)), 2, initialisation=name
        ),
        weights(
            NETWORK if name != "balanced" else LinearNetwork((6, 6, 6)), 2, initialisation=name
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, again)
        assert np.isfinite(mine).all()
    for zero in weights(LinearNetwork((4, 4, 4)), 2, initialisation=name, scale=0):
        assert (zero == 0).all()


def test_normalisations_start_where_they_do_nothing():
    network = LinearNetwork((3, 4), batch_norm=True)
    parameters = initial_parameters(network, 2, np.random.default_rng(0))
    ((gamma, beta),) = network.normalisations(parameters)
    assert (gamma == 1).all()
    assert (beta == 0).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"initialisation": "xavier"}, ValueError, "initialisation must be one of 'normal', "),
        ({"scale": -1}, ValueError, r"scale must be finite and >= 0 and <= 1e\+100, got -1"),
        ({"scale": np.nan}, ValueError, r"scale must be finite and >= 0 and <= 1e\+100, got nan"),
        ({"count": 0}, ValueError, "count must be an integer >= 1, got 0"),
        ({"as_depth": 2}, ValueError, "as_depth goes with .* got 'normal'"),
        ({"as_depth": 0, "initialisation": "balanced"}, ValueError, "as_depth must be an integer"),
    ],
)
def test_bad_input(arguments, error, message):
    given = {"network": NETWORK, "count": 1, "stream": np.random.default_rng(0)} | arguments
    with pytest.raises(error, match=message):
        initial_parameters(**given)


def test_balanced_refuses_a_bottleneck():
    with pytest.raises(ValueError, match=r"hidden widths must be at least .* 4, got \(4, 3, 5\)"):
        weights(LinearNetwork((4, 3, 5)), 1, initialisation="balanced")
