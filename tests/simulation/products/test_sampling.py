"""Singular values of products: law, scale, blocks, array libraries, bad input."""

import numpy as np
import pytest
from scipy import stats

from rmt_rank import metrics, sample_singular_values
from rmt_rank._lib import random as _random
from rmt_rank._lib.array import jordan_wielandt, to_numpy
from rmt_rank.simulation.products import blocks
from rmt_rank.simulation.products import methods as products
from rmt_rank.simulation.products.blocks import block_sizes, chain_blocks, in_threads
from rmt_rank.simulation.products.chain import Chain, new_chain
from rmt_rank.simulation.products.triangular_factors import draw_factors
from rmt_rank.simulation.products.triangular_products import TriangularProduct
from rmt_rank.theory import fuss_catalan_moment


def blocks_of(width, depths, size, *, workers=1, **options):
    chain = new_chain(width, depths[-1], size)
    return list(in_threads(chain_blocks(chain, depths, size, **options), workers))


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
    (short,) = blocks_of(5, [1, 2], 3, rng=6)
    (long,) = blocks_of(5, [2, 4], 3, rng=6)
    np.testing.assert_array_equal(short.values[1].values, long.values[0].values)


def test_blocks_are_bounded_and_do_not_depend_on_the_size(monkeypatch):
    assert list(block_sizes(new_chain(32, 8, 150), 150)) == [64, 64, 22]
    assert list(block_sizes(new_chain(5000, 1, 2), 2)) == [1, 1]
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * 4**2 * 10)
    many = sample_singular_values(4, 2, 25, rng=8)
    np.testing.assert_array_equal(many[:20], sample_singular_values(4, 2, 20, rng=8))


@pytest.mark.parametrize(
    "name",
    ["array_api_strict", "torch", "jax", pytest.param("cupy", marks=pytest.mark.gpu)],
)
@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("options", [{}, {"method": "dense"}, {"return_log": True}], ids=str)
def test_other_array_libraries(library, name, field, options):
    xp = library(name)
    values = sample_singular_values(8, 3, 30, rng=9, field=field, xp=xp, **options)
    assert values.shape == (30, 8)
    host = to_numpy(values)
    expected = sample_singular_values(8, 3, 30, rng=9, field=field, **options)
    if "return_log" in options:
        host, expected = np.exp(host), np.exp(expected)
    if "cupy" in xp.__name__:  # draws its own numbers: 5 standard errors of E tr W^T W / N = 1
        squares = np.mean(host**2, axis=1)
        assert abs(squares.mean() - 1) < 5 * squares.std(ddof=1) / np.sqrt(30)
    else:  # the same matrices; backward stable decompositions differ by ulps of the largest
        np.testing.assert_allclose(host, expected, atol=1e-13 * expected.max())


def test_large_moment_matches_the_law():
    # mean singular value at width 64: the limit with its 1/N correction
    from rmt_rank.theory.finite_width.corrections import real_moment_correction

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
        ({"method": "fast"}, ValueError, "method must be one of 'auto', 'dense', 'triangular'"),
        ({"dtype": np.int32}, ValueError, "dtype must be xp.float64 or xp.float32"),
        ({"workers": 0}, ValueError, "workers must be an integer >= 1, got 0"),
        ({"width": [3]}, ValueError, r"widths must have at least 2 entries, got \(3,\)"),
        ({"width": [3, 0]}, ValueError, "widths must be an integer >= 1, got 0"),
        ({"width": [3, 4, 5, 6]}, ValueError, "depth must be None or 3 with 4 widths, got 1"),
        ({"xp": "numpy"}, TypeError, "xp must be an array API namespace .* got 'numpy'"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        sample_singular_values(**({"width": 2, "depth": 1, "size": 1} | arguments))


def test_deep_products_do_not_underflow_on_the_way():
    # at width 1, E log sigma per layer is (psi(1/2) + log 2)/2 = -0.635: 1e-1379 in the end
    (deep,) = blocks_of(1, [5000], 200, rng=1)
    log_sigma = np.log2(deep.values[0].values[:, 0]) + deep.values[0].exponent
    expected = 5000 * (-np.euler_gamma - 2 * np.log(2) + np.log(2)) / 2 / np.log(2)
    error = log_sigma.std(ddof=1) / np.sqrt(200)
    assert abs(log_sigma.mean() - expected) < 5 * error
    # what is above the smallest float comes out of it whole
    sigma = sample_singular_values(1, 400, 50, rng=2)[:, 0]
    (deep,) = blocks_of(1, [400], 50, rng=2)
    (deep,) = deep.values
    np.testing.assert_allclose(np.log2(sigma), np.log2(deep.values[:, 0]) + deep.exponent)


def test_rescaling_does_not_change_a_bit(monkeypatch):
    expected = sample_singular_values(4, 40, 10, rng=3)
    monkeypatch.setattr(products, "RESCALE_EVERY", 1000)
    np.testing.assert_array_equal(sample_singular_values(4, 40, 10, rng=3), expected)


# Equality in law.  Two-sample Kolmogorov-Smirnov tests of single order statistics, whose samples
# are independent: of 3 statistics in 12 cases, one rejects by chance with probability 36e-5.
LEVEL = 1e-5
WIDTHS = [(4, 4), (4, 4, 4, 4), (3, 5, 4), (5, 3, 4), (6, 2, 7, 3, 2), (1, 3, 1)]


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_triangular_factors_have_the_law_of_full_ones(widths, field):
    options = {"size": 4000, "field": field}
    dense = sample_singular_values(widths, rng=1, method="dense", **options)
    fast = sample_singular_values(widths, rng=2, method="triangular", **options)
    assert dense.shape == fast.shape == (4000, min(widths))
    entropy = metrics.spectrum.effective_rank
    for statistic in (lambda s: s[:, 0], lambda s: s[:, -1], entropy):
        if np.ptp(statistic(dense)) > 0:
            assert stats.ks_2samp(statistic(dense), statistic(fast)).pvalue > LEVEL


def test_the_law_test_can_fail():
    dense = sample_singular_values(4, 3, 4000, rng=1, method="dense")
    wrong = sample_singular_values((4, 4, 5, 4), size=4000, rng=2)
    assert stats.ks_2samp(dense[:, -1], wrong[:, -1] * np.sqrt(4 / 5)).pvalue < LEVEL


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("widths", [(5, 5, 5), (3, 5, 4), (6, 2, 7)], ids=str)
def test_factors_have_the_moments_of_their_layers(widths, field):
    # E sum of squares / N = n_l / N; five standard errors
    chain = new_chain(widths, None, 1, field=field)
    factors = draw_factors(
        np.random.default_rng(0), 4000, chain.width, chain.others, field=field, xp=np
    )
    for n, factor in zip(chain.others, factors, strict=True):
        traces = np.sum(factor.diagonal**2, axis=0) + np.sum(np.abs(factor.above) ** 2, axis=0)
        error = traces.std(ddof=1) / np.sqrt(4000)
        assert abs(traces.mean() - n) < 5 * error


@pytest.mark.parametrize("width", [1, 2, 3, 17, 32, 48, 49, 100, 130])
@pytest.mark.parametrize("depth", [1, 2, 5, 40])
def test_compiled_loops_give_the_same_numbers(width, depth):
    pytest.importorskip("numba", reason="numba is not installed")
    samples = []
    for compiled in (False, True):
        chain = Chain((width,) * (depth + 1), "real", "triangular", compiled)
        work = chain_blocks(chain, (1, depth) if depth > 1 else (1,), 30, rng=4)
        block = next(in_threads(work, 1))
        samples.append([values.unscaled(np) for values in block.values])
    for plain, fast in zip(*samples, strict=True):
        # rounding of the transform, the product and the decomposition: a few N L eps of the largest
        allowed = 10 * width * depth * np.finfo(float).eps * plain[:, :1]
        assert np.all(np.abs(plain - fast) <= allowed)


@pytest.mark.parametrize("width", [2, 8, 32])
@pytest.mark.parametrize("depth", [200, 256, 600, 1500])
def test_compiled_loops_on_products_whose_small_values_underflow(width, depth):
    # on the way to depth 600 the small ones pass through all that floats can hold
    pytest.importorskip("numba", reason="numba is not installed")
    chain = Chain((width,) * (depth + 1), "real", "triangular", True)
    size = 200 if width < 32 else 40
    block = next(in_threads(chain_blocks(chain, (depth,), size, rng=4), 1))
    logs = next(in_threads(chain_blocks(chain, (depth,), size, rng=4, log=True), 1)).values[0]
    (found,) = block.values
    largest = np.log(found.values[:, 0]) + found.exponent * np.log(2)
    # the largest has full accuracy: depth roundings of the product
    np.testing.assert_allclose(largest, logs[:, 0], atol=1e-14 * depth * width)
    assert np.isfinite(found.values).all()


def test_compiled_normal_numbers():
    kernels = pytest.importorskip(
        "rmt_rank.simulation.products.compiled", reason="numba is not installed"
    )
    uniform = np.r_[0, 1 - 2.0**-53, 0.5, np.random.default_rng(0).random(4999)]
    angles = np.r_[0, 0.125, 0.25, 0.5, 0.75, 1 - 2.0**-53, np.random.default_rng(1).random(4996)]
    radius = np.sqrt(-2 * np.log(1 - uniform))
    expected = np.r_[radius * np.cos(2 * np.pi * angles), radius * np.sin(2 * np.pi * angles)]
    both = np.r_[uniform, angles]
    for transform in (kernels.box_muller, _random._box_muller):
        error = np.abs(transform(both.copy(), 1.0) - expected)
        # the rounding of 2 pi u is up to 4 ulps of 1 in the reference itself
        assert np.all(error <= 6 * np.finfo(float).eps * np.r_[radius, radius])


def test_normal_numbers_are_normal():
    numbers = _random.normals(np.random.default_rng(3), (200_001,), field="real", scale=2.0, xp=np)
    assert stats.kstest(numbers / 2, "norm").pvalue > LEVEL
    pairs = _random.normals(np.random.default_rng(3), (100_000,), field="complex", scale=1.0, xp=np)
    for part in (pairs.real, pairs.imag, np.abs(pairs)):
        law = stats.rayleigh if part.min() > 0 else stats.norm
        assert stats.kstest(part * np.sqrt(2), law.cdf).pvalue > LEVEL


def test_workers_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * 8**2 * 10)
    one = sample_singular_values(8, 3, 95, rng=1)
    np.testing.assert_array_equal(one, sample_singular_values(8, 3, 95, rng=1, workers=3))


def test_single_precision_has_single_precision_errors():
    single = sample_singular_values(8, 3, 50, rng=1, dtype=np.float32)
    double = sample_singular_values(8, 3, 50, rng=1)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, atol=1e-5 * double.max())


def test_large_triangular_products():
    rng = np.random.default_rng(0)
    a, b = (np.triu(rng.normal(size=(2, 200, 200))) for _ in range(2))
    result = products.triangular_product(np, a, b)
    # each entry is a sum of at most 200 products
    np.testing.assert_allclose(result, a @ b, atol=1e-13 * np.abs(a @ b).max())
    assert not np.tril(result, -1).any()


@pytest.mark.parametrize("width", [2, 128, 130, 200])
@pytest.mark.parametrize("field", ["real", "complex"])
def test_triangular_products_in_place(width, field):
    factors = list(
        draw_factors(np.random.default_rng(0), 2, width, (width,) * 4, field=field, xp=np)
    )
    dtype = np.float64 if field == "real" else np.complex128
    product, expected = TriangularProduct(factors[0], dtype), np.eye(width)
    for layer, factor in enumerate(factors):
        if layer > 0:
            product.multiply(factor)
        expected = products.triangular_matrices(np, factor, first=layer == 0) @ expected
    # each entry is a sum of at most 200 products in each layer
    error = np.abs(product.product - expected).max()
    assert error <= 4 * 200 * np.finfo(float).eps * np.abs(expected).max()
    assert not np.tril(product.product, -1).any()


@pytest.mark.parametrize("shape", [(3, 5, 5), (2, 4, 7), (2, 7, 4)])
@pytest.mark.parametrize("field", ["real", "complex"])
def test_eigenvalues_instead_of_a_decomposition(shape, field):
    a = _random.gaussian(np.random.default_rng(0), shape, field=field, scale=1.0, xp=np)
    import array_api_compat.numpy as xp

    np.testing.assert_allclose(jordan_wielandt(xp, a), np.linalg.svdvals(a), atol=1e-14)
