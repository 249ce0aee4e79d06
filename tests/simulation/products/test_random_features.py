"""Networks at initialisation: by hand, blocks, laws of weights, libraries, bad input."""

import math

import numpy as np
import pytest
from scipy import special

from rmt_rank import gram_effective_rank
from rmt_rank._lib.array import erf
from rmt_rank._lib.random import normals, streams
from rmt_rank.simulation.products import random_features
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks

INPUTS = np.random.default_rng(8).standard_normal((20, 6))


@pytest.mark.parametrize("kernel", ["cosine", "linear"])
@pytest.mark.parametrize("features", ["activations", "pre-activations"])
def test_one_network_by_hand(kernel, features):
    ranks = sample_gram_effective_ranks(
        INPUTS, [2, 0, 1], "tanh", 1, width=9, weight_variance=2, rng=1,
        kernel=kernel, features=features,
    )  # fmt: skip
    stream = next(streams(1))

    def weights(rows):
        return normals(stream, (rows, 9), field="real", scale=math.sqrt(2 / rows), xp=np)

    before = INPUTS @ weights(6)
    x = np.tanh(before)
    deeper = x @ weights(9)
    seen = [np.tanh(deeper), INPUTS, x] if features == "activations" else [deeper, INPUTS, before]
    expected = [gram_effective_rank(f, kernel) for f in seen]
    # 9 x 9 eigenvalues and entropies, rounded
    np.testing.assert_allclose(ranks[0], expected, rtol=1e-12)


def test_linear_networks_by_hand():
    # inputs times the product of weights, and not layer by layer: to rounding the same
    ranks = sample_gram_effective_ranks(INPUTS, [3], "identity", 2, width=5, rng=1)
    stream = next(streams(1))
    x = INPUTS
    for rows in (6, 5, 5):
        shape = (2, rows, 5)
        x = x @ normals(stream, shape, field="real", scale=1 / math.sqrt(rows), xp=np)
    np.testing.assert_allclose(ranks[:, 0], gram_effective_rank(x), rtol=1e-12)


def test_unequal_widths_by_hand():
    ranks = sample_gram_effective_ranks(INPUTS, [1, 3], "tanh", 2, width=[9, 4, 7], rng=1)
    stream = next(streams(1))
    x, seen = INPUTS, []
    for rows, columns in ((6, 9), (9, 4), (4, 7)):
        shape = (2, rows, columns)
        x = np.tanh(x @ normals(stream, shape, field="real", scale=1 / math.sqrt(rows), xp=np))
        seen.append(gram_effective_rank(x))
    np.testing.assert_allclose(ranks, np.stack([seen[0], seen[2]], axis=-1), rtol=1e-12)
    same = sample_gram_effective_ranks(INPUTS, [2], "tanh", 2, width=[9, 9], rng=1)
    np.testing.assert_array_equal(
        same, sample_gram_effective_ranks(INPUTS, [2], "tanh", 2, width=9, rng=1)
    )


def test_compiled_numbers_are_the_same(monkeypatch):
    pytest.importorskip("numba", reason="numba is not installed")
    expected = sample_gram_effective_ranks(INPUTS, [1, 2], "tanh", 5, rng=4)
    monkeypatch.setattr(random_features, "_COMPILED_NUMBERS", 0)
    found = sample_gram_effective_ranks(INPUTS, [1, 2], "tanh", 5, rng=4)
    # weights to a few units in the last place, and two layers
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_lengths_that_vanish_or_overflow():
    inputs = INPUTS.copy()
    inputs[3] = 0
    found = sample_gram_effective_ranks(inputs, [1], "relu", 3, rng=4)
    without = sample_gram_effective_ranks(np.delete(inputs, 3, 0), [1], "relu", 3, rng=4)
    np.testing.assert_allclose(found, without, rtol=1e-12)
    # squares beyond float64, of lengths within it
    large = sample_gram_effective_ranks(1e200 * INPUTS, [1], "relu", 3, rng=4)
    np.testing.assert_allclose(
        large, sample_gram_effective_ranks(INPUTS, [1], "relu", 3, rng=4), rtol=1e-12
    )


def test_fewer_samples_than_width():
    # the q x q side is decomposed; the spectrum is that of the other one
    ranks = sample_gram_effective_ranks(INPUTS[:3], [1], "relu", 2, width=50, rng=2)
    assert np.all(ranks <= math.log(3))


def test_numbers_do_not_depend_on_the_size():
    few = sample_gram_effective_ranks((16, 4), [1, 3], "gelu", 3, rng=5)
    many = sample_gram_effective_ranks((16, 4), [3, 1], "gelu", 3, rng=5)
    np.testing.assert_array_equal(few, many[:, ::-1])
    assert len(np.unique(few[:, 0])) == 3  # fresh inputs
    # whole blocks of the same stream
    networks = random_features._BLOCK_BYTES // (8 * 256 * 32)
    inputs = np.random.default_rng(0).standard_normal((256, 32))
    a = sample_gram_effective_ranks(inputs, [1], "relu", networks, rng=3)
    b = sample_gram_effective_ranks(inputs, [1], "relu", networks + 1, rng=3)
    np.testing.assert_array_equal(a, b[:networks])


def test_both_laws_have_the_variance():
    # linear kernel of one layer: E tr K = variance |X|^2; here through the weights themselves
    networks = random_features._Networks(
        None, (1, 1), (1,), None, (300,), "uniform", 1.7, "linear", "activations",
        random_features.namespace_or_default(None), np.float64,
    )  # fmt: skip
    weights = random_features._weights(networks, (40, 300, 300), np.random.default_rng(1))
    # variance of the square: 0.8 of its square; five standard errors of 3.6 million entries
    assert abs(300 * weights.var() / 1.7 - 1) < 5 * math.sqrt(0.8 / weights.size)
    assert np.abs(weights).max() <= math.sqrt(3 * 1.7 / 300)
    means = [
        sample_gram_effective_ranks(
            INPUTS, [3], "relu", 3000, width=30, rng=6, weight_law=law
        )[:, 0] for law in ("normal", "uniform")
    ]  # fmt: skip
    # universality at width 30, up to terms of order kurtosis/n; 5 standard errors
    error = math.hypot(*(m.std(ddof=1) / math.sqrt(3000) for m in means))
    assert abs(means[0].mean() - means[1].mean()) < 5 * error + 1.2 / 30


def test_scale_does_not_matter_to_homogeneous_activations():
    a = sample_gram_effective_ranks(INPUTS, [5], "relu", 4, rng=7)
    b = sample_gram_effective_ranks(INPUTS, [5], "relu", 4, rng=7, weight_variance=9)
    # a kernel of rank 1, up to n eps of rounding, times log(1/eps)
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=6 * 2.2e-16 * 36)


def test_error_function_in_single_precision():
    x = np.linspace(-6, 6, 20001, dtype=np.float32)
    found, expected = erf(x), special.erf(x.astype(float))
    assert found.dtype == np.float32
    # the fit to 1e-7, and rounding of the polynomial and of tanh: four units in the last place
    np.testing.assert_allclose(found, expected, rtol=1e-7 + 3 * 2.0**-24, atol=1e-45)
    limits = np.array([np.inf, -np.inf, np.nan, 1e-30, 3e38], np.float32)
    np.testing.assert_allclose(erf(limits), special.erf(limits.astype(float)), rtol=3e-7)


@pytest.mark.parametrize("name", ["identity", "relu", "gelu", "sine"])
def test_single_precision_is_far_below_sampling_error(name):
    inputs = np.random.default_rng(0).standard_normal((256, 32))
    double, single = (
        sample_gram_effective_ranks(inputs, [1, 8, 32], name, 16, rng=7, dtype=dtype)
        for dtype in (np.float64, np.float32)
    )
    # a hundredth of the error of the mean of 4096 networks
    sampling = double.std(axis=0, ddof=1) / 64
    assert np.all(abs(single - double).max(axis=0) < 0.01 * sampling)


def test_single_precision_has_single_precision_errors():
    double = sample_gram_effective_ranks(INPUTS, [1, 4], "tanh", 8, rng=7)
    single = sample_gram_effective_ranks(INPUTS, [1, 4], "tanh", 8, rng=7, dtype=np.float32)
    assert single.dtype == np.float32
    # eigenvalues to 20 eps of the largest, times up to log(1/eps), and layers to some eps
    np.testing.assert_allclose(single, double, atol=20 * 16 * 6e-8 * 4)


@pytest.mark.parametrize("name", ["torch", "array_api_strict"])
def test_other_libraries_give_the_same_ranks(library, name):
    xp = library(name)
    expected = sample_gram_effective_ranks(INPUTS, [0, 2], "gelu", 3, rng=7)
    found = sample_gram_effective_ranks(xp.asarray(INPUTS), [0, 2], "gelu", 3, rng=7, xp=xp)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("function", "name", "layer"),
    [(np.exp, "exp", 2), (np.sinh, "sinh", 2), (lambda x: x**3, "<lambda>", 6)],
)
def test_overflow_names_its_layer(function, name, layer):
    # exp(exp(10)) and 3^6 powers of 10 are beyond float64; the layer before is within
    match = f"'{name}' must keep features finite, got some that are not in layer {layer};"
    for depth in (layer, layer + 1, 8):
        with pytest.raises(ValueError, match=match):
            sample_gram_effective_ranks((20, 10), [depth], function, 2, rng=0, weight_variance=10)
    ranks = sample_gram_effective_ranks((20, 10), [layer - 1], function, 2, rng=0)
    assert np.isfinite(ranks).all()


def test_overflow_before_a_bounded_activation():
    with pytest.raises(ValueError, match=r"'tanh' must keep features finite.* in layer 1;"):
        sample_gram_effective_ranks(1e300 * INPUTS, [2], "tanh", 2, rng=0, weight_variance=1e30)
    with pytest.raises(ValueError, match="'identity' must keep features finite"):
        sample_gram_effective_ranks(1e300 * INPUTS, [1], "identity", 2, weight_variance=1e30)


def test_dead_networks_have_no_rank():
    # a weight of one neuron is negative half of the time: 3 positive in a row, 1 of 8
    ranks = sample_gram_effective_ranks(np.ones((3, 1)), [1, 3], "relu", 800, width=1, rng=4)
    assert set(ranks.ravel()) == {0.0, -math.inf}
    # five standard errors each
    for column, alive in zip(ranks.T, (1 / 2, 1 / 8), strict=True):
        error = math.sqrt(alive * (1 - alive) / 800)
        assert abs(np.mean(column == 0) - alive) < 5 * error


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"inputs": (3,)}, ValueError, "inputs must be an array or a shape"),
        ({"inputs": (3, 0)}, ValueError, "inputs must be an integer >= 1, got 0"),
        ({"inputs": np.ones((2, 2, 2))}, ValueError, "inputs must have shape"),
        ({"inputs": [[1.0, np.nan]]}, ValueError, "inputs must be finite"),
        ({"inputs": [[1.0, -np.inf]]}, ValueError, "inputs must be finite"),
        ({"inputs": "data"}, TypeError, "inputs must be"),
        ({"depths": []}, ValueError, "depths must have at least 1 entry"),
        ({"depths": 3}, TypeError, "depths must be a sequence of integers"),
        ({"depths": [1.5]}, TypeError, "depths must be an integer >= 0"),
        ({"activation": "swish"}, ValueError, "activation must be one of"),
        ({"size": 0}, ValueError, "size must be an integer >= 1, got 0"),
        ({"width": 0}, ValueError, "width must be an integer >= 1, got 0"),
        ({"weight_law": "cauchy"}, ValueError, "weight_law must be one of 'normal', 'uniform'"),
        ({"weight_variance": -1}, ValueError, "weight_variance must be finite and > 0"),
        ({"kernel": "rbf"}, ValueError, "kernel must be one of 'cosine', 'linear'"),
        ({"features": "both"}, ValueError, "features must be one of 'activations'"),
        ({"dtype": np.int64}, ValueError, "dtype must be xp.float64 or xp.float32"),
        ({"rng": "seed"}, TypeError, "rng must be None"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        sample_gram_effective_ranks(
            **({"inputs": (4, 3), "depths": [1], "activation": "relu", "size": 1} | arguments)
        )
