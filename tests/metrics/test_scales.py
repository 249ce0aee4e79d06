"""No scale overflows or underflows, for every measure and kernel, in both precisions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rmt_rank
from rmt_rank._lib.array import default_namespace, to_numpy
from rmt_rank.metrics import presets, spectrum
from rmt_rank.metrics.gram import KERNELS
from rmt_rank.metrics.scaling import times_power_of_two, to_unit_scale

FEATURES = np.random.default_rng(0).normal(size=(7, 4))
# a polynomial with a constant has its own scale
OPTIONS = {"polynomial": {"coef0": 0.0}}
FREE_MATRICES = ("cosine", "correlation", "rbf", "laplacian")

# from subnormal entries, which keep about ten digits at 2^-1040 (in single, 4 at 2^-138), to the
# largest; the tolerance is that of an entropy of four values from entries so rounded
PRECISIONS = {
    np.float64: (st.integers(-1040, 1020), 1e-8),
    np.float32: (st.integers(-135, 124), 2e-3),
}
exponents = st.sampled_from(list(PRECISIONS)).flatmap(
    lambda dtype: st.tuples(st.just(dtype), PRECISIONS[dtype][0])
)


def scaled(dtype, exponent):
    return np.ldexp(FEATURES.astype(dtype), exponent), PRECISIONS[dtype][1]


@pytest.mark.parametrize("kernel", KERNELS)
@given(exponents, st.sampled_from([0, 1]))
def test_ranks_of_gram_matrices_do_not_depend_on_the_scale(kernel, drawn, order):
    x, tolerance = scaled(*drawn)
    options = OPTIONS.get(kernel, {}) | {"order": order}
    expected = rmt_rank.gram_effective_rank(FEATURES, kernel, **options)
    rank = rmt_rank.gram_effective_rank(x, kernel, **options)
    assert rank.dtype == drawn[0]
    # near equal directions the kernel's rounding adds an error of single precision
    assert rank == pytest.approx(expected, rel=tolerance, abs=tolerance)
    if kernel in FREE_MATRICES:
        gram = rmt_rank.gram_matrix(x, kernel)
        expected = rmt_rank.gram_matrix(FEATURES, kernel)
        np.testing.assert_allclose(gram, expected, atol=10 * tolerance)


@given(exponents)
def test_measures_of_matrices_do_not_depend_on_the_scale(drawn):
    x, tolerance = scaled(*drawn)
    found, expected = (rmt_rank.rank_measures(a).to_dict() for a in (x, FEATURES))
    norm = np.ldexp(float(found.pop("nuclear_norm")), -drawn[1])
    assert norm == pytest.approx(expected.pop("nuclear_norm"), rel=tolerance)
    found |= {"area": rmt_rank.metrics.threshold_rank_area(x, 0.1, 0.3)}
    expected |= {"area": rmt_rank.metrics.threshold_rank_area(FEATURES, 0.1, 0.3)}
    for preset in presets.__all__:
        found[preset] = getattr(presets, preset)(x)
        expected[preset] = getattr(presets, preset)(FEATURES)
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=tolerance, abs=tolerance), name


@given(exponents)
def test_the_gradient_scales_inversely(drawn):
    x, tolerance = scaled(*drawn)
    gradient = rmt_rank.effective_rank_gradient(x).astype(np.float64)
    expected = rmt_rank.effective_rank_gradient(FEATURES)
    assert not np.isnan(gradient).any()
    inside = np.isfinite(gradient) & (np.abs(gradient) > np.finfo(drawn[0]).smallest_normal)
    back = np.ldexp(gradient[inside], drawn[1])
    np.testing.assert_allclose(back, expected[inside], rtol=0, atol=20 * tolerance)
    # and infinite entries are out of range
    with np.errstate(over="ignore"):
        outside = np.ldexp(expected, -drawn[1])[np.isinf(gradient)]
    assert np.all(np.abs(outside) > 0.9 * np.finfo(drawn[0]).max)
    assert np.all(np.sign(outside) == np.sign(gradient[np.isinf(gradient)]))


@given(exponents, st.integers(0, 6))
def test_measures_of_spectra_do_not_depend_on_the_scale(drawn, seed):
    dtype, exponent = drawn
    sigma = np.abs(np.random.default_rng(seed).normal(size=5)) + 0.1
    given_ = np.ldexp(sigma.astype(dtype), exponent)
    tolerance = PRECISIONS[dtype][1]
    for measure in (
        spectrum.effective_rank,
        lambda s: spectrum.effective_rank(s, power=2, order=0.5),
        spectrum.participation_ratio,
        spectrum.stable_rank,
        spectrum.condition_number,
        lambda s: spectrum.threshold_rank_area(s, 0.1, 0.3, relative_to="max"),
    ):
        assert measure(given_) == pytest.approx(measure(sigma), rel=tolerance)
    # the values are exactly representable, so counts are exact
    assert spectrum.threshold_rank(given_, float(given_.min()), relative_to="absolute") == 5


def test_the_nuclear_norm_is_infinite_only_where_it_overflows():
    assert rmt_rank.metrics.nuclear_norm(np.full((2, 2), 1.7e308)) == np.inf
    assert rmt_rank.metrics.nuclear_norm(np.full((2, 2), 0.8e308)) == pytest.approx(1.6e308)
    assert spectrum.nuclear_norm([1e308, 0.5e308]) == 1.5e308
    assert spectrum.nuclear_norm([1e308, 1e308]) == np.inf
    # the modulus of the entries overflows
    a = np.diag([1.7e308 + 1.7e308j, 1.7e308])
    assert rmt_rank.effective_rank(a) == pytest.approx(
        rmt_rank.effective_rank(np.diag([1 + 1j, 1])), rel=1e-14
    )


@pytest.mark.parametrize("library_name", ["torch", "jax", "array_api_strict"])
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_other_libraries(library, library_name, scale):
    xp = library(library_name)
    x = xp.asarray(FEATURES * scale)
    for kernel in KERNELS:
        options = OPTIONS.get(kernel, {})
        expected = rmt_rank.gram_effective_rank(FEATURES, kernel, **options)
        rank = to_numpy(rmt_rank.gram_effective_rank(x, kernel, **options))
        assert rank == pytest.approx(expected, rel=1e-11)
    gradient = to_numpy(rmt_rank.effective_rank_gradient(x)) * scale
    np.testing.assert_allclose(gradient, rmt_rank.effective_rank_gradient(FEATURES), atol=1e-13)


def test_kernels_reach_their_limits():
    x = np.array([[1.0, 1.0], [1.0, -1.0], [2.0, 3.0]])
    far, near = x * 1e200, x * 1e-200
    for kernel in ("rbf", "laplacian"):
        np.testing.assert_array_equal(rmt_rank.gram_matrix(far, kernel, gamma=0.3), np.eye(3))
        np.testing.assert_array_equal(rmt_rank.gram_matrix(near, kernel, gamma=0.3), 1)
        # gamma and the scale are beyond the range, their product is not
        gamma, scale = (1e-300, 1e150) if kernel == "rbf" else (1e-200, 1e200)
        np.testing.assert_allclose(
            rmt_rank.gram_matrix(x * scale, kernel, gamma=gamma),
            rmt_rank.gram_matrix(x, kernel, gamma=1.0),
            rtol=1e-12,
        )
    # orthogonal samples: no difference of infinities (with a power of two products are exact)
    far = x * 2.0**700
    infinite = np.array([[np.inf, 0, np.inf], [0, np.inf, -np.inf], [np.inf, -np.inf, np.inf]])
    np.testing.assert_array_equal(rmt_rank.gram_matrix(far, "linear"), infinite)
    expected = infinite.copy()
    expected[[0, 1], [1, 0]] = 8.0  # coef0^3
    np.testing.assert_array_equal(rmt_rank.gram_matrix(far, "polynomial", coef0=2.0), expected)
    np.testing.assert_allclose(rmt_rank.gram_matrix(near, "polynomial", coef0=2.0), 8, rtol=1e-15)
    distance = -rmt_rank.gram_matrix(far, "euclidean")
    expected = -rmt_rank.gram_matrix(x, "euclidean") * 2.0**700
    np.testing.assert_allclose(distance, expected, rtol=1e-13)


def test_the_rank_of_a_polynomial_kernel_reaches_that_of_its_leading_term():
    for dtype, scale in ((np.float64, 1e200), (np.float32, 1e20)):
        x = (FEATURES * scale).astype(dtype)
        rank = rmt_rank.gram_effective_rank(x, "polynomial", degree=3)
        expected = rmt_rank.gram_effective_rank(FEATURES, "polynomial", degree=3, coef0=0.0)
        assert rank == pytest.approx(expected, rel=2e-5 if dtype == np.float32 else 1e-12)
        # and of its constant
        assert rmt_rank.gram_effective_rank(x / scale / scale, "polynomial") == pytest.approx(
            0, abs=1e-4 if dtype == np.float32 else 1e-12
        )


@pytest.mark.parametrize("kernel", KERNELS)
def test_samples_of_scales_far_apart(kernel):
    x = np.array([[1.0, 2.0], [3.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    mixed = x * np.array([[1e-200], [1e200], [1.0], [1.0]])
    gram = rmt_rank.gram_matrix(mixed, kernel)
    assert not np.isnan(gram).any()
    assert np.isfinite(rmt_rank.gram_effective_rank(mixed, kernel))
    if kernel == "cosine":
        np.testing.assert_allclose(gram, rmt_rank.gram_matrix(x, kernel), rtol=1e-15)
    if kernel == "linear":  # 1e-200 times 1e200
        assert gram[0, 1] == pytest.approx(5)
    if kernel == "arccosine":
        assert gram[0, 1] == pytest.approx(rmt_rank.gram_matrix(x, kernel)[0, 1])


def test_constant_samples_have_no_correlation():
    # 0.1 + 0.1 + 0.1 is not 0.3
    x = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 4.0]])
    np.testing.assert_allclose(rmt_rank.gram_matrix(x, "correlation"), np.diag([0.0, 1.0]))
    assert presets.reptrix_rankme(np.full((3, 4), 0.1)) == 0


def test_default_bandwidth_where_most_samples_are_equal():
    x = np.vstack([np.zeros((5, 2)), [[3.0, 4.0]]])
    for kernel, distance in (("rbf", 0.5), ("laplacian", 1.0)):
        for scale in (1e-160, 1.0, 1e160):
            gram = rmt_rank.gram_matrix(x * scale, kernel)
            # 5 of 15 pairs differ, so the mean is a third
            assert gram[0, 5] == pytest.approx(np.exp(-3 * distance), rel=1e-13)


def test_options_far_out_of_range_do_not_warn():
    s = np.array([3.0, 2.0, 0.0], dtype=np.float32)
    assert spectrum.effective_rank(s, order=1e300) == pytest.approx(np.log(5 / 3), rel=1e-6)
    assert spectrum.effective_rank(s, power=1e300) == 0
    assert spectrum.effective_rank(s, power=1e-300) == pytest.approx(np.log(2), rel=1e-6)
    assert spectrum.threshold_rank(s, 1e300) == 0
    assert spectrum.threshold_rank(s, 1e-300) == 2
    assert spectrum.threshold_rank_area(s, 0, 1e300) == pytest.approx(1, rel=1e-6)
    assert spectrum.numerical_rank(s, rtol=1e300) == 0
    assert spectrum.renyi_effective_rank(np.float32([1e30, 1e-30]), 0) == 2


@given(st.floats(-1e3, 1e3), st.integers(-4000, 4000))
def test_times_power_of_two_is_ldexp(x, exponent):
    with np.errstate(over="ignore"):
        expected = np.ldexp(x, exponent)
    value = times_power_of_two(default_namespace(), np.asarray(x), np.asarray(float(exponent)))
    # three factors may round a subnormal result three times
    np.testing.assert_allclose(value, expected, rtol=1e-15, atol=2e-323)


def test_powers_of_two_at_both_ends_of_the_floats():
    largest = np.finfo(float).max
    for x, exponent in [(5e-324, 2097), (5e-324, 2098), (largest, -2098), (largest, -4000)]:
        with np.errstate(over="ignore"):
            expected = np.ldexp(x, exponent)
        value = times_power_of_two(default_namespace(), np.asarray(x), np.asarray(float(exponent)))
        # the first two factors stay in the normal range, so that there is one rounding
        assert value == expected


@pytest.mark.parametrize("sign", [-1, 1])
def test_unit_scale_is_that_of_the_largest_magnitude(sign):
    x = sign * np.array([[3.0, -1.0]])
    scaled, exponent = to_unit_scale(default_namespace(), 2.0**600 * x, (-2, -1))
    np.testing.assert_array_equal(scaled, x / 2)
    assert exponent == 601
