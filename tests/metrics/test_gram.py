"""Gram matrices: against scikit-learn and definitions, the small side, every library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

import rmt_rank
from rmt_rank._lib.array import to_numpy
from rmt_rank.metrics import gram

rng = np.random.default_rng(0)
FEATURES = rng.normal(size=(12, 5))

OPTIONS = [
    ("cosine", {}),
    ("linear", {}),
    ("correlation", {}),
    ("rbf", {"gamma": 0.3}),
    ("rbf", {}),
    ("laplacian", {"gamma": 0.3}),
    ("laplacian", {}),
    ("polynomial", {"degree": 2, "gamma": 0.5, "coef0": 0.3}),
    ("euclidean", {}),
    ("arccosine", {"order": 0}),
    ("arccosine", {"order": 1}),
]


@pytest.mark.parametrize(
    ("kernel", "function", "options"),
    [
        ("cosine", "cosine_similarity", {}),
        ("linear", "linear_kernel", {}),
        ("rbf", "rbf_kernel", {"gamma": 0.3}),
        ("laplacian", "laplacian_kernel", {"gamma": 0.3}),
        ("polynomial", "polynomial_kernel", {"degree": 3, "gamma": 0.5, "coef0": 0.3}),
    ],
)
def test_against_scikit_learn(kernel, function, options):
    pairwise = pytest.importorskip("sklearn.metrics.pairwise", reason="scikit-learn is missing")
    expected = getattr(pairwise, function)(FEATURES, **options)
    np.testing.assert_allclose(
        rmt_rank.gram_matrix(FEATURES, kernel, **options), expected, rtol=1e-13, atol=1e-14
    )


def test_other_kernels_by_definition():
    distance = np.linalg.norm(FEATURES[:, None] - FEATURES[None], axis=-1)
    np.testing.assert_allclose(
        rmt_rank.gram_matrix(FEATURES, "euclidean"), -distance, rtol=1e-13, atol=1e-14
    )
    np.testing.assert_allclose(
        rmt_rank.gram_matrix(FEATURES, "correlation"), np.corrcoef(FEATURES), rtol=1e-12, atol=1e-14
    )
    median = np.median(distance[np.triu_indices(12, 1)])
    np.testing.assert_allclose(
        rmt_rank.gram_matrix(FEATURES, "rbf"),
        # the median of the squares, which for an even number of pairs is a mean of two
        np.exp(-(distance**2) / (2 * np.median((distance**2)[np.triu_indices(12, 1)]))),
        rtol=1e-12,
    )
    assert median > 0


@pytest.mark.parametrize("order", [0, 1])
def test_arccosine_is_the_expectation_over_gaussian_weights(order):
    # in the plane of x and y, w is an angle: 2 E[step(w.x) step(w.y) (w.x w.y)^order]
    x, y = np.array([1.0, 0.0]), 2 * np.array([np.cos(1.1), np.sin(1.1)])

    def integrand(t):
        w = np.array([np.cos(t), np.sin(t)])
        a, b = w @ x, w @ y
        # E|w|^2 = 2 in the plane
        return (a > 0) * (b > 0) * (2 * a * b) ** order / np.pi

    expected = integrate.quad(integrand, -np.pi, np.pi, limit=200, epsabs=1e-10)[0]
    value = rmt_rank.gram_matrix(np.stack([x, y]), "arccosine", order=order)
    assert value[0, 1] == pytest.approx(expected, abs=1e-7)
    np.testing.assert_allclose(np.diag(value), [1, 4**order], rtol=1e-14)


@pytest.mark.parametrize(("kernel", "options"), OPTIONS)
def test_every_library(make, kernel, options):
    stack = np.stack([FEATURES, 2 * FEATURES + 1])
    result = rmt_rank.gram_matrix(make(stack), kernel, **options)
    assert type(result) is type(make(np.zeros(1)))
    expected = rmt_rank.gram_matrix(stack, kernel, **options)
    np.testing.assert_allclose(to_numpy(result), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(expected, np.swapaxes(expected, -1, -2), atol=1e-14)
    rank = rmt_rank.gram_effective_rank(make(stack), kernel, **options)
    np.testing.assert_allclose(
        to_numpy(rank), rmt_rank.effective_rank(expected), rtol=1e-11, atol=1e-12
    )


@given(
    st.integers(0, 1000),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from(["cosine", "linear", "correlation"]),
)
def test_the_small_side_gives_the_same_number(seed, samples, features, kernel):
    x = np.random.default_rng(seed).normal(size=(samples, features)) + 0.1
    whole = rmt_rank.effective_rank(gram.gram_matrix(x, kernel))
    small = rmt_rank.gram_effective_rank(x, kernel)
    # k values of rounding 1e-16 add k 1e-16 log(1e16)
    assert small == pytest.approx(whole, abs=1e-12)
    exponential = rmt_rank.gram_effective_rank(x, kernel, exponentiate=True)
    assert exponential == pytest.approx(np.exp(small))


def test_own_kernel():
    def kernel(x):
        return (x @ x.T) ** 2

    np.testing.assert_array_equal(
        rmt_rank.gram_matrix(FEATURES, kernel), (FEATURES @ FEATURES.T) ** 2
    )
    assert rmt_rank.gram_effective_rank(FEATURES, kernel) == pytest.approx(
        rmt_rank.effective_rank((FEATURES @ FEATURES.T) ** 2)
    )


def of_each(x):
    """Return a kernel of one's own."""
    return x @ np.swapaxes(x, -1, -2)


@pytest.mark.parametrize("kernel", [*gram.KERNELS, of_each])
def test_a_stack_has_the_ranks_of_its_features(kernel):
    # scales so far apart that each needs its own
    stack = np.stack([FEATURES, 1e-150 * FEATURES**2]).reshape(2, 1, 12, 5)
    found = rmt_rank.gram_effective_rank(stack, kernel, stack=True)
    expected = [[rmt_rank.gram_effective_rank(x, kernel) for x in part] for part in stack]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    assert rmt_rank.gram_matrix(stack, kernel, stack=True).shape == (2, 1, 12, 12)
    empty = rmt_rank.gram_effective_rank(np.ones((2, 1, 0, 5)), kernel, stack=True)
    assert np.array_equal(empty, [[-np.inf], [-np.inf]])


def test_default_options():
    found = rmt_rank.gram_matrix(FEATURES, "polynomial")
    expected = rmt_rank.gram_matrix(FEATURES, "polynomial", gamma=1 / 5, degree=3, coef0=1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kernel", gram.KERNELS)
def test_measures_have_the_units_of_the_features(kernel):
    power = {"linear": 2, "arccosine": 2, "euclidean": 1}.get(kernel, 0)
    stack = FEATURES.reshape(1, 1, 12, 5)
    measures = gram.gram_measures(stack, kernel, 0.01)
    norm = np.sum(np.linalg.svdvals(rmt_rank.gram_matrix(FEATURES, kernel)))
    # twelve singular values with errors of a few eps of the largest
    assert measures.nuclear_norm[0, 0] == pytest.approx(norm, rel=1e-13)
    if kernel != "polynomial":  # which does not scale
        large = gram.gram_measures(2.0**300 * stack, kernel, 0.01)
        expected = 2.0 ** (300 * power) * norm
        assert large.nuclear_norm[0, 0] == pytest.approx(expected, rel=1e-13)


def test_parallel_samples_have_angles_without_rounding():
    x = np.random.default_rng(0).normal(size=(20, 7))
    same = rmt_rank.gram_matrix(np.concatenate([x, 3 * x]), "arccosine", order=0)
    np.testing.assert_array_equal(np.diag(same[20:]), 1)
    opposite = rmt_rank.gram_matrix(np.concatenate([x, -3 * x]), "arccosine", order=0)
    np.testing.assert_array_equal(np.diag(opposite[20:]), 0)


def test_equal_samples_of_many_features_have_distance_0():
    x = np.random.default_rng(0).normal(size=(8, 1001))
    x[4:] = x[:4]
    distance = -rmt_rank.gram_matrix(x, "euclidean")
    np.testing.assert_array_equal(np.diag(distance[4:]), 0)


@pytest.mark.parametrize(("kernel", "options"), OPTIONS)
def test_odd_features(kernel, options):
    x = np.array([[0.0, 0.0], [1.0, 2.0], [1.0, 2.0]])
    value = rmt_rank.gram_matrix(x, kernel, **options)
    assert np.isfinite(value).all()
    if kernel in ("cosine", "arccosine", "correlation"):
        assert not value[0].any()  # a zero sample is orthogonal to all, itself included
    assert np.isfinite(rmt_rank.gram_matrix(np.ones((1, 3)), kernel, **options)).all()
    assert rmt_rank.gram_matrix(np.ones((0, 3)), kernel, **options).shape == (0, 0)
    assert rmt_rank.gram_matrix(np.ones((0, 4, 3)), kernel, **options).shape == (0, 4, 4)
    assert rmt_rank.gram_effective_rank(np.ones((0, 4, 3)), kernel, **options).shape == (0,)
    assert rmt_rank.gram_effective_rank(np.ones((0, 3)), kernel, **options) == -np.inf
    assert rmt_rank.gram_matrix(np.ones((2, 0)), kernel, **options).shape == (2, 2)
    odd = np.stack([x, np.full((3, 2), np.nan), np.array([[1.0, 2.0], [np.inf, 1.0], [0.0, 1.0]])])
    bad = rmt_rank.gram_effective_rank(odd, kernel, **options)
    assert np.isfinite(bad[0])
    assert np.isnan(bad[1:]).all()
    assert np.isnan(rmt_rank.gram_matrix(odd[2], kernel, **options)[1]).all()
    # LAPACK raises on a nan from three rows
    assert np.isnan(rmt_rank.gram_effective_rank(np.full((4, 3), np.nan), kernel, **options))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scale_of_features(scale):
    expected = rmt_rank.gram_effective_rank(FEATURES, "cosine")
    assert rmt_rank.gram_effective_rank(FEATURES * scale, "cosine") == pytest.approx(expected)
    expected = rmt_rank.gram_effective_rank(FEATURES, "linear")
    assert rmt_rank.gram_effective_rank(FEATURES * scale, "linear") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rmt_rank.gram_matrix([1.0, 2.0]), ValueError, "features must have at least 2"),
        (lambda: rmt_rank.gram_matrix([[1j]]), TypeError, "features must be real"),
        (lambda: rmt_rank.gram_matrix([[1]], "tanh"), ValueError, "kernel must be one of 'cosine'"),
        (lambda: rmt_rank.gram_matrix([[1]], "rbf", gamma=0), ValueError, "gamma must be finite"),
        (
            lambda: rmt_rank.gram_matrix([[1]], "polynomial", degree=0),
            ValueError,
            "degree must be an integer >= 1",
        ),
        (
            lambda: rmt_rank.gram_matrix([[1]], "arccosine", order=2),
            ValueError,
            "order must be 0 or 1, got 2",
        ),
        (
            lambda: rmt_rank.gram_matrix([[1]], "arccosine", order=10**400),
            ValueError,
            r"order must be 0 or 1, got about 1e\+400",
        ),
        (
            lambda: rmt_rank.gram_effective_rank(FEATURES, exponentiate="False"),
            TypeError,
            "exponentiate must be True or False",
        ),
        (
            lambda: rmt_rank.gram_matrix([[1]], "polynomial", degree=10**400),
            ValueError,
            "degree must be an integer <= 1000000, got ",
        ),
        (
            lambda: rmt_rank.gram_matrix(np.float32([[1]]), "polynomial", coef0=1e39),
            ValueError,
            "coef0 must lie in the range of float32, got 1e\\+39",
        ),
        (
            lambda: rmt_rank.gram_effective_rank(FEATURES, lambda x: x),
            ValueError,
            r"kernel must return a Gram matrix of the shape \(12, 12\) .*got the shape \(12, 5\)",
        ),
        (
            lambda: rmt_rank.gram_matrix(FEATURES, lambda x: None),
            TypeError,
            "the kernel's result must be an array of numbers, got None",
        ),
        (
            lambda: rmt_rank.gram_effective_rank([[1]], "cosine", scale=2),
            TypeError,
            "scale",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
