"""`inspect_features`: Gram matrices of features against random features and networks."""

import numpy as np
import pytest
from scipy import stats

from rmt_rank import expected_gram_effective_rank, gram_effective_rank, inspect_features


def slow_rank(features):
    """Entropy of the singular values of the cosine Gram matrix, from their definitions."""
    rows = features / np.linalg.norm(features, axis=1)[:, np.newaxis]
    values = np.linalg.svd(rows @ rows.T, compute_uv=False)
    shares = values / values.sum()
    return -sum(p * np.log(p) for p in shares if p > 0)


def test_features_are_compared_with_three_null_models():
    x = np.random.default_rng(0).normal(size=(30, 20)) ** 3
    found = inspect_features(x, activation="relu", depth=2, draws=40)
    gaussian, shuffle, network = found.rows()
    assert [row["null"] for row in found.rows()] == ["gaussian", "shuffle", "network"]
    assert gaussian["effective_rank"] == pytest.approx(slow_rank(x), rel=1e-12)
    assert gaussian["shape"] == (30, 20)
    # independent draws, in plain NumPy: the means differ by less than five standard errors
    rng = np.random.default_rng(1)
    for row, draw in (
        (gaussian, lambda: rng.normal(size=x.shape)),
        (shuffle, lambda: rng.permutation(x.ravel()).reshape(x.shape)),
        (network, lambda: relu_network(rng)),
    ):
        ranks = [slow_rank(draw()) for _ in range(200)]
        error = np.hypot(np.std(ranks) / np.sqrt(200), row["standard_deviation"] / np.sqrt(40))
        # the formula of the Gaussian mean has an error of its own, below a standard deviation
        left = row["standard_deviation"] if row["null"] != "shuffle" else 0
        assert abs(row["expected"] - np.mean(ranks)) < 5 * error + left
        assert row["standard_deviation"] == pytest.approx(np.std(ranks), rel=0.5)


def relu_network(rng):
    x = rng.normal(size=(30, 20))
    for _ in range(2):
        x = np.maximum(x @ rng.normal(size=(20, 20)), 0)
    return x


def test_the_mean_is_the_formula_s_where_that_is_more_accurate():
    row = inspect_features(np.random.default_rng(0).normal(size=(200, 100)), draws=8).rows()[0]
    expected = expected_gram_effective_rank(100, 0, 200, target_error=1)
    # eight draws know the mean to a third of a deviation
    if expected.error < row["standard_deviation"] / np.sqrt(8):
        assert row["expected"] == expected.value
    assert row["expected"] == pytest.approx(expected.value, abs=2 * expected.error)


def test_p_values_are_uniform_under_the_null_models():
    rng = np.random.default_rng(5)
    p = [inspect_features(rng.normal(size=(16, 12)), draws=64, rng=rng).rows() for _ in range(60)]
    for null in range(2):
        # false-alarm rate 1e-3
        assert stats.kstest([rows[null]["p"] for rows in p], "uniform").pvalue > 1e-3


def test_low_rank_features_are_found():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 40)) + 0.1 * rng.normal(size=(60, 40))
    for row in inspect_features(x, activation="tanh", draws=32).rows():
        assert row["deficit"] > 1
        assert row["q"] < 1e-6


def test_linear_kernel_and_scale():
    x = np.random.default_rng(0).normal(size=(30, 20)) * np.linspace(1, 5, 30)[:, np.newaxis]
    first = inspect_features(x, kernel="linear", draws=16).rows()
    assert first[0]["effective_rank"] == pytest.approx(float(gram_effective_rank(x, "linear")))
    second = inspect_features(x * 2.0**300, kernel="linear", draws=16).rows()
    for row, other in zip(first, second, strict=True):
        assert row["deficit"] == pytest.approx(other["deficit"], abs=1e-12)


@pytest.mark.parametrize("scale", [2.0**-400, 1.0, 2.0**400])
def test_singular_values_are_those_of_the_gram_matrix(scale):
    x = np.random.default_rng(0).normal(size=(4, 3))
    found = inspect_features(x * scale, kernel="linear", draws=8).matrices[0].singular_values
    expected = np.linalg.svd(x, compute_uv=False) ** 2
    assert found[:3] / scale**2 == pytest.approx(expected, rel=1e-13)


def test_features_whose_squares_overflow(capfd):
    x = np.random.default_rng(0).normal(size=(4, 3)) * 2.0**1000
    found = inspect_features(x, kernel="linear", draws=8).matrices[0].singular_values
    assert (found[:3] == np.inf).all()
    assert capfd.readouterr() == ("", "")  # LAPACK prints its complaints


@pytest.mark.parametrize(
    ("features", "options", "words"),
    [
        (np.ones((3, 4)) * 1j, {}, "features must be real"),
        (np.ones(3), {}, "features must have"),
        (np.ones((2, 3, 4)), {}, "features must be a matrix"),
        (np.ones((1, 4)), {}, "features must be a matrix"),
        (np.full((3, 3), np.nan), {}, "features must be finite"),
        (np.zeros((3, 3)), {}, "features must not all be 0"),
        ("words", {}, "features must be"),
        (np.eye(3), {"depth": -1}, "depth must be"),
        (np.eye(3), {"kernel": "rbf"}, "kernel must be"),
        (np.eye(3), {"activation": "rely"}, "did you mean 'relu'"),
        (np.eye(3), {"draws": 7}, "draws must be"),
        (np.eye(3), {"weight_variance": 0}, "weight_variance must be"),
        (np.eye(3), {"rng": "x"}, "rng must be"),
    ],
)
def test_wrong_arguments(features, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        inspect_features(features, **options)
