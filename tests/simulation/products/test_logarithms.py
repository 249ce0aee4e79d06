"""Log singular values of deep products: exact references, determinants, Lyapunov exponents."""

import array_api_compat.numpy as xp
import mpmath
import numpy as np
import pytest
from scipy import special

from rmt_rank import sample_singular_values
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads
from rmt_rank.simulation.products.chain import new_chain
from rmt_rank.simulation.products.logarithms import LogProduct, log_lengths_of_orthogonal_rows


def exact(factors):
    """Log singular values of a product at 600 digits."""
    with mpmath.workdps(600):
        product = mpmath.matrix(factors[0].tolist())
        for factor in factors[1:]:
            product = mpmath.matrix(factor.tolist()) * product
        values = mpmath.eighe(product.H * product, eigvals_only=True)
        logs = [float(mpmath.log(abs(value)) / 2) for value in values]
    return np.sort(logs)[::-1][: min(min(f.shape) for f in factors)]


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("widths", [(3,) * 2, (4,) * 11, (3,) * 201, (3, 5, 4), (5, 3, 4)], ids=len)
def test_against_many_digits(widths, field):
    rng = np.random.default_rng(len(widths))
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    factors = [rng.normal(size=shape) for shape in shapes]
    if field == "complex":
        factors = [factor + 1j * rng.normal(size=factor.shape) for factor in factors]
    product = LogProduct(xp)
    for factor in factors:
        product.multiply(factor[np.newaxis])
    (logs,) = product.singular_values()
    # every layer adds a rounding error of N eps times its condition, below 100 here
    allowed = len(shapes) * max(widths) * 100 * np.finfo(float).eps
    np.testing.assert_allclose(logs, exact(factors), atol=allowed, rtol=1e-15)


def test_rows_whose_lengths_cannot_be_floats():
    # two rows at an angle with cosine c and lengths 1 and e^-5000: log values 0 and
    # -5000 + log sqrt(1 - c^2)
    rows = np.array([[[1.0, 0.0], [0.6, 0.8]], [[0.6, 0.8], [1.0, 0.0]]])
    logs = np.array([[0.0, -5000.0], [-5000.0, 0.0]])
    result = np.sort(log_lengths_of_orthogonal_rows(xp, rows, logs))
    np.testing.assert_allclose(result, [[-5000 + np.log(0.8), 0]] * 2, atol=1e-12)


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("method", ["dense", "triangular"])
def test_agrees_with_singular_values_where_these_are_accurate(field, method):
    options = {"rng": 3, "field": field, "method": method}
    logs = sample_singular_values(6, 3, 50, return_log=True, **options)
    values = sample_singular_values(6, 3, 50, **options)
    # the smallest has lost its ratio to the largest
    error = np.abs(np.exp(logs) / values - 1)
    assert np.all(error <= 100 * np.finfo(float).eps * values[:, :1] / values)


def test_sum_is_the_log_determinant():
    N, L = 12, 400
    chain = new_chain(N, L, 20)
    work = chain_blocks(chain, (L,), 20, rng=1, log=True, log_diagonal=True)
    (block,) = in_threads(work, 1)
    expected = block.log_diagonal.sum(axis=0)
    # a sum of N L logarithms of order 1, most of them of one sign
    np.testing.assert_allclose(block.values[0].sum(axis=1), expected, rtol=1e-11)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_logarithms_per_layer_are_the_lyapunov_exponents(field):
    # Newman: the k-th exponent is E log chi_(N-k+1) of the triangular factor's diagonal.  Logs of a
    # finite product repel: they differ from independent sums by O(1) in all, not by O(L).
    N, L, size = 6, 3000, 40
    logs = sample_singular_values(N, L, size, rng=2, field=field, return_log=True)
    i = np.arange(N)
    if field == "real":
        exponents = (special.digamma((N - i) / 2) + np.log(2 / N)) / 2
    else:
        exponents = (special.digamma(N - i) - np.log(N)) / 2
    error = logs.std(axis=0, ddof=1) / np.sqrt(size) / L
    # the bias is of order 1/L: gaps of some 0.1 per layer separate within tens of layers
    assert np.all(np.abs(logs.mean(axis=0) / L - exponents) < 5 * error + 3 / L)


def test_values_of_deep_products_underflow_and_logs_do_not():
    options = {"rng": 5, "width": 8, "depth": 1500, "size": 5}
    assert sample_singular_values(**options)[:, -1].max() == 0
    logs = sample_singular_values(**options, return_log=True)
    assert np.isfinite(logs).all()
    assert np.all(np.diff(logs, axis=1) <= 0)
