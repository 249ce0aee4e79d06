"""The compiled loops against LAPACK, many digits and the NumPy implementation."""

import mpmath
import numpy as np
import pytest

from rmt_rank.simulation.products.bidiagonal import bidiagonal_singular_values
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.simulation.products.compiled_products import Lanes
from rmt_rank.simulation.products.triangular_factors import draw_factors

numba = pytest.importorskip("numba", reason="numba is not installed")
kernels = pytest.importorskip(
    "rmt_rank.simulation.products.compiled", reason="numba is not installed"
)
EPS = np.finfo(float).eps


def bidiagonals(kind, n, count, rng):
    """Diagonals and the entries above them, shapes (count, n) and (count, n - 1)."""
    d, e = rng.normal(size=(count, n)), rng.normal(size=(count, n - 1))
    scales = {
        "random": 1.0,
        "graded": 10.0 ** -np.linspace(0, 60, n),
        "graded upwards": 10.0 ** np.linspace(-60, 0, n),
        "huge": 1e300,
        "tiny": 1e-300,
        "subnormal": 1e-310,
    }
    if kind in scales:
        scale = np.broadcast_to(scales[kind], n)
        return d * scale, e * scale[: n - 1]
    if kind == "zeros":  # single entries, of different matrices of a group
        d[rng.random(d.shape) < 0.1] = 0
        e[rng.random(e.shape) < 0.2] = 0
    elif kind == "rank deficient":
        d[:, n // 2 :] = 0
    elif kind == "equal":  # values that coincide to rounding
        d[:], e[:] = 1, 1e-9
    elif kind == "zero":
        d[::2], e[::2] = 0, 0
    return d, e


KINDS = ["random", "graded", "graded upwards", "huge", "tiny", "subnormal", "zeros"]
KINDS += ["rank deficient", "equal", "zero"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 33, 128])
def test_values_of_bidiagonal_matrices(kind, n):
    count = 8 * max(2, 2000 // n**2)
    d, e = bidiagonals(kind, n, count, np.random.default_rng(n))
    found = kernels.bidiagonal_singular_values(np.ascontiguousarray(d.T), np.ascontiguousarray(e.T))
    dense = np.zeros((count, n, n))
    dense[:, range(n), range(n)] = d
    dense[:, range(n - 1), range(1, n)] = e
    expected = np.linalg.svd(dense, compute_uv=False)
    assert np.all(np.diff(found, axis=1) <= 0)
    # both are backward stable: n roundings of the largest; the smallest float's, at the least
    allowed = 4 * n * EPS * expected[:, :1] + 4 * 2.0**-1074
    assert np.all(np.abs(found - expected) <= allowed)


def test_bidiagonal_matrices_that_are_not_finite_have_no_values():
    d, e = np.ones((4, 8)), np.ones((3, 8))
    d[2, 3], e[1, 5] = np.nan, np.inf
    failed = ~np.isfinite(kernels.bidiagonal_singular_values(d, e)).all(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(failed), [3, 5])


def matrices(kind, n, count, rng):
    a = rng.normal(size=(count, n, n))
    if kind == "graded":
        a *= 10.0 ** -np.linspace(0, 60, n)[:, np.newaxis]
    elif kind == "zeros":
        a[rng.random(a.shape) < 0.7] = 0
    elif kind == "rank deficient":
        a[:, n // 2 :] = a[:, : n - n // 2]
    elif kind == "zero":
        a[::2] = 0
    return a


@pytest.mark.parametrize("kind", ["random", "graded", "zeros", "rank deficient", "zero"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 9, 32, 48, 130])
def test_bidiagonal_forms_keep_the_singular_values(kind, n):
    count = 8 * max(1, 2000 // n**2)
    a = matrices(kind, n, count, np.random.default_rng(n))
    expected = np.linalg.svd(a, compute_uv=False)
    # n reflections, each with a rounding of some n eps; in practice much less
    allowed = 4 * n * EPS * expected[:, :1]
    lanes = np.ascontiguousarray(a.reshape(-1, 8, n, n).transpose(0, 2, 3, 1))
    d, e = np.empty((n, count)), np.empty((n - 1, count))
    kernels.bidiagonalise(lanes, d, e)
    assert np.all(np.abs(kernels.bidiagonal_singular_values(d, e) - expected) <= allowed)
    by_rows = np.pad(a, ((0, 0), (0, -n % 4), (0, -n % 8)))
    values = bidiagonal_singular_values(*kernels.bidiagonal_forms(by_rows, n))
    assert np.all(np.abs(values - expected) <= allowed)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 130])
def test_triangular_products(n):
    rng = np.random.default_rng(n)
    a, b = np.triu(rng.normal(size=(2, 8, n, n)))
    diagonal, above = a[:, range(n), range(n)].copy("C"), a[:, *np.triu_indices(n, 1)].copy("C")
    product = np.pad(b, ((0, 0), (0, -n % 4), (0, -n % 8)))
    kernels.multiply_rows(diagonal, above, product)
    lanes = b.transpose(1, 2, 0).copy("C")[np.newaxis]
    kernels.multiply(diagonal.T.copy(), above.T.copy(), lanes, False, np.empty((0, 0, 0)))
    # the sums of n products, in two orders
    allowed = 2 * n * EPS * (np.abs(a) @ np.abs(b))
    assert np.all(np.abs(product[:, :n, :n] - a @ b) <= allowed)
    assert np.all(np.abs(lanes[0].transpose(2, 0, 1) - a @ b) <= allowed)


def graded(n, largest, count, rng):
    """Triangular matrices with random powers of two of their rows, in lanes."""
    rows = np.triu(rng.normal(size=(count, n, n)), 1) / n**0.5
    rows[:, range(n), range(n)] = rng.uniform(0.5, 1.5, size=(count, n))
    powers = np.rint(-np.sort(rng.uniform(0, largest, size=(count, n)), axis=1))
    lanes = np.ascontiguousarray(rows.reshape(-1, 8, n, n).transpose(0, 2, 3, 1))
    return rows, powers, lanes, np.ascontiguousarray(powers.reshape(-1, 8, n).transpose(0, 2, 1))


@pytest.mark.parametrize("largest", [1, 30, 3000])
@pytest.mark.parametrize("n", [2, 3, 6])
def test_log_values_against_many_digits(n, largest):
    rows, powers, lanes, in_lanes = graded(n, largest, 8, np.random.default_rng(n))
    found = kernels.log_singular_values(lanes, in_lanes)[0].T
    for values, matrix, power in zip(found, rows, powers, strict=True):
        with mpmath.workdps(50 + 2 * largest):
            scaled = mpmath.diag([mpmath.mpf(2) ** int(k) for k in power])
            product = scaled * mpmath.matrix(matrix.tolist())
            squares = mpmath.eighe(product * product.T, eigvals_only=True)
            expected = [float(mpmath.log(abs(square)) / 2) for square in squares]
        # relative errors of n eps times the condition of the rows, and the logarithm's
        condition = np.linalg.cond(matrix)
        allowed = 4 * n * EPS * condition + EPS * np.abs(expected)
        assert np.all(np.abs(np.sort(values) - np.sort(expected)) <= allowed)


@pytest.mark.parametrize("n", [2, 8, 31, 64])
def test_log_values_of_many_matrices(n):
    # within the range of floats, of rows that are not in order
    count = 8 * max(2, 8000 // n**2)
    rng = np.random.default_rng(n)
    rows, powers, lanes, in_lanes = graded(n, 3, count, rng)
    found = kernels.log_singular_values(lanes, in_lanes).transpose(0, 2, 1).reshape(count, n)
    expected = np.linalg.svd(rows * 2.0 ** powers[..., np.newaxis], compute_uv=False)
    found = -np.sort(-np.exp(found), axis=1)
    assert np.all(np.abs(found - expected) <= 4 * n * EPS * expected[:, :1])


@pytest.mark.parametrize("width", [1, 2, 3, 17, 32, 65])
@pytest.mark.parametrize("depth", [1, 2, 40, 200])
def test_log_values_with_and_without_compiled_loops(width, depth):
    both, size = [], 30 if width < 32 else 9
    for compiled in (False, True):
        chain = Chain((width,) * (depth + 1), "real", "triangular", compiled)
        work = chain_blocks(chain, (depth,), size, rng=4, log=True)
        both.append(np.concatenate([block.values[0] for block in in_threads(work, 1)]))
    plain, fast = both
    assert np.all(np.diff(fast, axis=1) <= 0)
    # every layer adds N eps times its condition; bounds are of rare ones, so take typical sums
    condition = layer_conditions(width)
    allowed = 4 * EPS * (width * condition * depth + np.abs(plain))
    assert np.all(np.abs(plain - fast) <= allowed)


def layer_conditions(width):
    """Root mean square condition of triangular factors with rows of length 1."""
    factors = draw_factors(np.random.default_rng(0), 50, width, (width, width), field="real", xp=np)
    *_, factor = factors
    rows = np.zeros((50, width, width))
    rows[:, *np.triu_indices(width, 1)] = factor.above.T
    rows[:, range(width), range(width)] = factor.diagonal.T
    rows /= factor.diagonal.T[..., np.newaxis]
    return np.sqrt(np.mean(np.minimum(np.linalg.cond(rows), 1e6) ** 2))


@pytest.mark.parametrize("log", [False, True])
def test_a_product_that_is_not_finite_is_an_error(log):
    (factor,) = draw_factors(np.random.default_rng(0), 20, 4, (4,), field="real", xp=np)
    lanes = Lanes(kernels, factor, 0.5, log=log)
    lanes.product[1, 0, 1, 3] = np.nan
    with pytest.raises(ArithmeticError, match="values of product 11 of a block did not converge"):
        lanes.singular_values()


def test_arrays_in_another_order_are_refused():
    # the loops address vectors by their places in memory
    product = np.zeros((1, 8, 8))
    with pytest.raises(numba.TypingError, match="a C-contiguous array of float64 is needed"):
        kernels.multiply_rows(np.ones((1, 8)), np.ones((28, 8)).T, product)
