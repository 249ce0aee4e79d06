"""Singular values of products: law, scale, blocks, array libraries, bad input."""

import array_api_strict
import numpy as np
import pytest

from rmt_rank import fuss_catalan_moment, sample_singular_values
from rmt_rank._array import BackendUnavailableError, namespace, to_numpy
from rmt_rank.simulation import sampling
from rmt_rank.simulation.sampling import block_sizes, singular_value_blocks


def test_descending_and_shaped():
    values = sample_singular_values(7, 3, 20, rng=1)
    assert values.shape == (20, 7)
    assert values.dtype == np.float64
    assert np.all(np.diff(values, axis=1) <= 0)
    assert np.all(values >= 0)


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_mean_square_is_one(field, depth):
    # E tr(W^T W)/N = 1 exactly, for every width and depth; five standard errors
    values = sample_singular_values(12, depth, 4000, rng=2, field=field)
    per_matrix = np.mean(values**2, axis=1)
    error = per_matrix.std(ddof=1) / np.sqrt(len(per_matrix))
    assert abs(per_matrix.mean() - 1) < 5 * error


def test_product_of_log_determinants():
    # E log |det W|/N = (L/N) sum_i [psi(i/2) + log(2/N)]/2 for real entries, exactly
    from scipy.special import digamma

    N, L = 6, 3
    log_det = np.log(sample_singular_values(N, L, 5000, rng=3)).sum(axis=1)
    expected = L * np.sum(digamma(np.arange(1, N + 1) / 2) + np.log(2 / N)) / 2
    assert abs(log_det.mean() - expected) < 5 * log_det.std(ddof=1) / np.sqrt(5000)


def test_width_one_is_a_product_of_normals():
    values = sample_singular_values(1, 2, 20_000, rng=4)
    # E |g h| = 2/pi, variance 1 - (2/pi)^2
    assert values.mean() == pytest.approx(2 / np.pi, abs=5 * np.sqrt((1 - 4 / np.pi**2) / 20_000))


def test_chain_agrees_with_itself():
    # depth 2 of a chain to depth 4 is the product that a chain to depth 2 draws first
    (short,) = singular_value_blocks(5, [1, 2], 3, rng=6)
    (long,) = singular_value_blocks(5, [2, 4], 3, rng=6)
    np.testing.assert_array_equal(short[1].values, long[0].values)


def test_blocks_are_bounded_and_do_not_depend_on_the_size(monkeypatch):
    assert block_sizes(32, 600, "real") == [256, 256, 88]
    assert block_sizes(32, 256, "complex") == [128, 128]
    assert block_sizes(5000, 2, "real") == [1, 1]
    monkeypatch.setattr(sampling, "BLOCK_BYTES", 8 * 4**2 * 10)
    many = sample_singular_values(4, 2, 25, rng=8)
    np.testing.assert_array_equal(many[:20], sample_singular_values(4, 2, 20, rng=8))


def backend(name):
    try:
        return namespace(name)
    except BackendUnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: array_api_strict, id="array_api_strict"),
        pytest.param(lambda: backend("torch"), id="torch"),
        pytest.param(lambda: backend("cupy"), id="cupy", marks=pytest.mark.gpu),
    ],
)
@pytest.mark.parametrize("field", ["real", "complex"])
def test_other_array_libraries(make, field):
    xp = make()
    values = sample_singular_values(8, 3, 30, rng=9, field=field, xp=xp)
    assert values.shape == (30, 8)
    host = to_numpy(values)
    expected = sample_singular_values(8, 3, 30, rng=9, field=field)
    if "cupy" in xp.__name__:  # draws its own numbers: 5 standard errors of E tr W^T W / N = 1
        squares = np.mean(host**2, axis=1)
        assert abs(squares.mean() - 1) < 5 * squares.std(ddof=1) / np.sqrt(30)
    else:  # the same matrices; backward stable decompositions differ by ulps of the largest
        np.testing.assert_allclose(host, expected, atol=1e-13 * expected.max())


def test_large_moment_matches_the_law():
    # mean singular value at width 64: the limit with its 1/N correction (theory/finite_width.py)
    from rmt_rank.theory.finite_width import real_moment_correction

    N, L = 64, 2
    means = sample_singular_values(N, L, 600, rng=10).mean(axis=1)
    expected = fuss_catalan_moment(0.5, L) + real_moment_correction(0.5, L)[0] / N
    # the next term is of order L^2/N^2
    slack = (L / N) ** 2 + 5 * means.std(ddof=1) / np.sqrt(600)
    assert abs(means.mean() - expected) < slack


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": 0}, ValueError, "width must be an integer >= 1, got 0"),
        ({"width": 2.0}, TypeError, "width must be an integer >= 1, got 2.0"),
        ({"depth": 0}, ValueError, "depth must be an integer >= 1, got 0"),
        ({"depth": 1.5}, TypeError, "depth must be an integer >= 1, got 1.5"),
        ({"size": 0}, ValueError, "size must be an integer >= 1, got 0"),
        ({"size": True}, TypeError, "size must be an integer >= 1, got True"),
        ({"field": "R"}, ValueError, "field must be one of 'real', 'complex', got 'R'"),
        ({"rng": "x"}, TypeError, "rng must be None"),
        ({"rng": np.random.RandomState(0)}, TypeError, "rng must be None"),
        ({"xp": "numpy"}, TypeError, "xp must be an array API namespace .* got 'numpy'"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        sample_singular_values(**({"width": 2, "depth": 1, "size": 1} | arguments))


def test_deep_products_do_not_underflow_on_the_way():
    # at width 1, E log sigma per layer is (psi(1/2) + log 2)/2 = -0.635: 1e-1379 in the end
    (deep,) = singular_value_blocks(1, [5000], 200, rng=1)
    log_sigma = np.log2(deep[0].values[:, 0]) + deep[0].exponent
    expected = 5000 * (-np.euler_gamma - 2 * np.log(2) + np.log(2)) / 2 / np.log(2)
    error = log_sigma.std(ddof=1) / np.sqrt(200)
    assert abs(log_sigma.mean() - expected) < 5 * error
    # what is above the smallest float comes out of it whole
    sigma = sample_singular_values(1, 400, 50, rng=2)[:, 0]
    (deep,) = singular_value_blocks(1, [400], 50, rng=2)
    np.testing.assert_allclose(np.log2(sigma), np.log2(deep[0].values[:, 0]) + deep[0].exponent)


def test_rescaling_does_not_change_a_bit(monkeypatch):
    expected = sample_singular_values(4, 40, 10, rng=3)
    monkeypatch.setattr(sampling, "RESCALE_EVERY", 1000)
    np.testing.assert_array_equal(sample_singular_values(4, 40, 10, rng=3), expected)
