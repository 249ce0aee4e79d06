"""Kernels of networks of infinite width and their effective rank."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmt_rank import gram_effective_rank, gram_matrix
from rmt_rank._lib.activations import Activation, sine
from rmt_rank.theory.nonlinear.correlation_maps import correlations
from rmt_rank.theory.nonlinear.dual_activations import dual_activation
from rmt_rank.theory.nonlinear.neural_kernel import (
    neural_kernel,
    neural_kernel_effective_rank,
    neural_kernel_of_gram,
)

EPS = np.finfo(float).eps


def gaussian(samples, dimension, seed=0):
    return np.random.default_rng(seed).standard_normal((samples, dimension))


def cosines(kernel):
    root = np.sqrt(np.diag(kernel))
    return kernel / root[:, None] / root


def entropy(kernel):
    shares = np.linalg.eigvalsh(kernel)
    shares = shares[shares > 0] / shares[shares > 0].sum()
    return -np.sum(shares * np.log(shares))


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "erf", sine(2.0)])
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_against_the_definition(activation, bias):
    inputs = gaussian(7, 3)
    kernel = inputs @ inputs.T / 3
    found = neural_kernel(inputs, 2, activation, weight_variance=1.3, bias_variance=bias)
    for _ in range(2):
        covariance = 1.3 * kernel + bias
        v = np.diag(covariance)
        r = np.clip(covariance / np.sqrt(np.outer(v, v)), -1, 1)
        kernel = dual_activation(activation, v[:, None], v, r)
    # correlations near 1 carry roundings of 1 in their gaps; slopes are at most 6
    np.testing.assert_allclose(found, kernel, atol=1e-13 * kernel.max())
    from_gram = neural_kernel_of_gram(
        inputs @ inputs.T / 3, 2, activation, weight_variance=1.3, bias_variance=bias
    )
    np.testing.assert_allclose(from_gram, kernel, atol=1e-13 * kernel.max())


def test_arccosine_kernel_of_cho_and_saul():
    inputs = gaussian(9, 4)
    expected = gram_matrix(inputs, "arccosine") / 4
    found = neural_kernel(inputs, 1, "relu", weight_variance=2.0)
    np.testing.assert_allclose(found, expected, atol=1e-14 * expected.max())


def test_depth_zero_and_linear_networks():
    inputs = gaussian(20, 6)
    for depth in (0, 3):
        found = neural_kernel(inputs, depth, "identity")
        np.testing.assert_allclose(found, inputs @ inputs.T / 6, atol=1e-14 * found.max())
        for kernel in ("cosine", "linear"):
            rank = neural_kernel_effective_rank(inputs, depth, "identity", kernel=kernel)
            # zero eigenvalues are rounded to at most 20 eps, of shares s with s log s
            assert rank == pytest.approx(gram_effective_rank(inputs, kernel), abs=1e-12)


@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.sampled_from(["tanh", "erf", "sine", "identity", 3.0]),
    st.floats(0.3, 4),
)
@settings(max_examples=40, deadline=None)
def test_odd_activations_majorise(seed, dimension, given_activation, sw2):
    # spectra of cosine kernels are majorised layer by layer, whatever the norms
    activation = sine(3.0) if given_activation == 3.0 else given_activation
    samples = 12
    inputs = gaussian(samples, dimension, seed)
    inputs *= np.geomspace(0.3, 3, samples)[:, None] / np.linalg.norm(inputs, axis=1)[:, None]
    before = inputs @ inputs.T
    rank = -math.inf
    for _ in range(3):
        after = neural_kernel_of_gram(before, 1, activation, weight_variance=sw2)
        x, y = (np.linalg.eigvalsh(cosines(k))[::-1] for k in (before, after))
        # rounding of 144 entries of at most 1 and of 12 eigenvalues of at most 12
        assert np.all(np.cumsum(y) <= np.cumsum(x) + 4 * samples**2 * EPS)
        previous, rank = rank, entropy(cosines(after))
        assert rank >= previous - 1e-11
        before = after


def test_ranks_of_gaussian_inputs():
    # 256 Gaussian inputs of dimension 32; the draw moves ranks by about 0.01
    inputs = gaussian(256, 32)
    depths = [0, 1, 2, 4, 8, 32]
    cases = {
        ("relu", 1.0): (3.412, 3.581, 3.052, 2.210, 1.310, 0.255),
        ("tanh", 1.0): (3.405, 3.735, 3.834, 3.910, 3.960, 4.002),
        ("sine", 2.0): (3.407, 4.791, 4.966, 5.154, 5.355, 5.543),
        ("erf", 1.0): (3.405, 3.801, 3.937, 4.071, 4.206, 4.614),
    }
    for (name, sw2), expected in cases.items():
        found = neural_kernel_effective_rank(inputs, depths, name, weight_variance=sw2)
        # three times the distance of two draws
        np.testing.assert_allclose(found, expected, atol=0.03)
        if name != "relu":
            assert np.all(np.diff(found) > 0)


@pytest.mark.parametrize("kernel", ["cosine", "linear"])
@pytest.mark.parametrize("depth", [30, 1000])
def test_collapsed_kernels(kernel, depth):
    # against eigenvalues in 40 digits of the same gaps
    inputs = gaussian(5, 5)
    found = neural_kernel_effective_rank(inputs, depth, "relu", kernel=kernel)
    norms = np.linalg.norm(inputs, axis=1)
    unit = inputs / norms[:, None]
    with mpmath.workdps(40):
        matrix = mpmath.zeros(5)
        for i in range(5):
            for j in range(5):
                r = 1.0 if i == j else float(unit[i] @ unit[j])
                gap = correlations("relu", depth, correlation=r).gap[-1] if i != j else 0.0
                size = mpmath.mpf(norms[i]) * norms[j] if kernel == "linear" else 1
                matrix[i, j] = size * (1 - mpmath.mpf(float(gap)))
        values = mpmath.eigsy(matrix, eigvals_only=True)
        total = mpmath.fsum(values)
        known = -mpmath.fsum(v / total * mpmath.log(v / total) for v in values)
    # gaps are rounded in each layer, which forgets the errors of earlier ones
    assert found == pytest.approx(float(known), rel=1e-11, abs=0)


def test_equicorrelated_collapse():
    # eigenvalues q - (q - 1) d and d, q - 1 times
    q, depth = 20, 3000
    d = correlations("relu", depth).gap[-1]
    others = (q - 1) / q * d
    known = -others * math.log(d / q) - (1 - others) * math.log1p(-others)
    found = neural_kernel_effective_rank(np.eye(q), depth, "relu")
    assert found == pytest.approx(known, rel=1e-12, abs=0)


def test_equal_inputs_stay_equal():
    # rounding would grow by the slope in each layer, as chaos has it
    q = 40
    inputs = np.concatenate([gaussian(q, 7), gaussian(q, 7)])
    kernel = neural_kernel(inputs, 200, "erf", weight_variance=8.0)
    np.testing.assert_array_equal(np.diag(kernel[:q, q:]), np.diag(kernel)[:q])
    rank = neural_kernel_effective_rank(inputs, 200, "erf", weight_variance=8.0)
    assert rank == pytest.approx(math.log(q), rel=1e-12)


def test_wide_network():
    # K is the mean of features' Gram matrices: 4096 neurons, one layer, entries of variance
    # (E phi^2 phi'^2 - K^2)/4096 < 1/4096; five standard errors for each of 36 entries
    inputs, width = gaussian(8, 16), 4096
    weights = np.random.default_rng(4).standard_normal((16, width)) / 4
    features = np.tanh(inputs @ weights)
    found = neural_kernel(inputs, 1, "tanh")
    assert np.abs(features @ features.T / width - found).max() < 5 / math.sqrt(width)


def test_kinks_at_unequal_norms():
    hard = Activation("hard", lambda x: np.clip(x, -1, 1), kinks=(-1.0, 1.0), odd=True)
    inputs = gaussian(3, 2)
    found = neural_kernel(inputs, 1, hard)
    sample = np.random.default_rng(1).standard_normal((2, 200_000))
    features = np.clip(inputs @ sample / math.sqrt(2), -1, 1)
    # features of at most 1: five standard errors
    assert np.abs(found - features @ features.T / 200_000).max() < 5 / math.sqrt(200_000)


def test_shapes():
    inputs = gaussian(4, 2)
    assert neural_kernel_effective_rank(inputs, [[1, 2], [2, 1]], "relu").shape == (2, 2)
    assert np.ndim(neural_kernel_effective_rank(inputs, 2, "relu")) == 0
    assert neural_kernel_effective_rank(inputs[:1], 2, "relu") == 0


def test_norms_of_all_sizes():
    inputs = gaussian(20, 10)
    spread = inputs * np.logspace(-100, 100, 20)[:, None]
    ranks = neural_kernel_effective_rank(spread, [0, 1, 3], "gelu")
    # at depth 0 norms do not matter: rounding of 20 eigenvalues
    assert ranks[0] == pytest.approx(neural_kernel_effective_rank(inputs, 0, "gelu"), rel=1e-13)
    # GELU is x/2 far below 1 and relu far above: a linear and a relu part
    kernel = cosines(neural_kernel(spread, 1, "gelu"))
    correlation = cosines(inputs @ inputs.T)
    np.testing.assert_allclose(kernel[:8, :8], correlation[:8, :8], atol=1e-15)
    relu = cosines(neural_kernel(inputs, 1, "relu"))
    np.testing.assert_allclose(kernel[12:, 12:], relu[12:, 12:], atol=1e-14)
    # all norms grow as 2^depth
    deep = neural_kernel_effective_rank(inputs, [80, 150], "gelu", weight_variance=4.0)
    relu = neural_kernel_effective_rank(inputs, [80, 150], "relu")
    # GELU's layers differ from ReLU's by v^-1/2 = 2^-l/2, the first of them by parts of one
    np.testing.assert_allclose(deep, relu, rtol=0.05)
    assert deep[1] < deep[0] / 2


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: neural_kernel([1.0, 2], 1, "relu"), r"inputs must have the shape \(samples"),
        (lambda: neural_kernel([[1.0], [0.0]], 1, "relu"), "no row of zeros, got one at 1"),
        (lambda: neural_kernel([[1.0], [1e200]], 1, "relu"), "mean square between 1e-250 and"),
        (lambda: neural_kernel([[1e-200]], 1, "relu"), "divide them by a common scale"),
        (lambda: neural_kernel_of_gram([[1e-300, 1e300], [1, 1]], 1, "relu"), "beyond float64"),
        (lambda: neural_kernel([[1.0]], -1, "relu"), "depth must be an integer >= 0, got -1"),
        (lambda: neural_kernel([[1.0]], 2000, "relu"), "within the range of float64"),
        (lambda: neural_kernel([[1.0]], 2000, "erf", weight_variance=0.1), "within the range"),
        (lambda: neural_kernel_of_gram([[1.0, 2]], 1, "relu"), "gram must be a square matrix"),
        (lambda: neural_kernel_of_gram([[0.0]], 1, "relu"), "positive diagonal, got 0.0"),
        (lambda: neural_kernel_of_gram([[1.0, 0], [0.5, 1]], 1, "relu"), "must be symmetric"),
        (lambda: neural_kernel_of_gram([[1.0, 2], [2, 1]], 1, "relu"), "correlations from -1"),
        (lambda: neural_kernel_effective_rank([[1.0]], 1, "relu", kernel="rbf"), "kernel must be"),
        (lambda: neural_kernel_effective_rank([[1.0]], [-1], "relu"), "depths must be an integer"),
    ],
)
def test_bad_input(function, message):
    with pytest.raises(ValueError, match=message):
        function()


def test_depths_are_integers():
    with pytest.raises(TypeError, match="depths must be integers >= 0"):
        neural_kernel_effective_rank([[1.0]], [0.5], "relu")
