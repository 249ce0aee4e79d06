"""Measures of matrices: invariances, every library, gradients, odd input."""

import dataclasses
import inspect
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import rmt_rank
from rmt_rank._lib.array import to_numpy
from rmt_rank.metrics import matrix, spectrum

SCALE_FREE = [
    rmt_rank.effective_rank,
    lambda a: rmt_rank.effective_rank(a, exponentiate=True),
    lambda a: rmt_rank.effective_rank(a, power=2, order=0.7),
    rmt_rank.metrics.renyi_effective_rank,
    rmt_rank.metrics.participation_ratio,
    rmt_rank.metrics.stable_rank,
    lambda a: rmt_rank.metrics.threshold_rank(a, 0.1),
    lambda a: rmt_rank.metrics.threshold_rank_area(a, 0.05, 0.2),
    rmt_rank.metrics.energy_rank,
    rmt_rank.metrics.numerical_rank,
    rmt_rank.metrics.condition_number,
]

seeds = st.integers(0, 10_000)
sides = st.integers(1, 7)


def matrices(seed, m, n, field="real"):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(3, m, n))
    return a + 1j * rng.normal(size=a.shape) if field == "complex" else a


@given(seeds, sides, sides, st.sampled_from(["real", "complex"]))
def test_invariances(seed, m, n, field):
    a = matrices(seed, m, n, field)
    rng = np.random.default_rng(seed)
    u, v = (stats.unitary_group(k, seed=rng).rvs() if k > 1 else np.eye(1) for k in (m, n))
    for measure in SCALE_FREE[:-2]:
        value = measure(a)
        for other in (
            a * 1e300,
            a * 1e-300,
            -3.7 * a,
            np.swapaxes(a, -1, -2),
            a[:, ::-1],
            u @ a @ v,
        ):
            # thresholds are steps: random values are not within 1e-12 of one
            np.testing.assert_allclose(measure(other), value, rtol=1e-11)


@given(seeds, sides, sides)
def test_bounds(seed, m, n):
    a = matrices(seed, m, n)
    entropy = rmt_rank.effective_rank(a)
    rank = rmt_rank.metrics.numerical_rank(a)
    assert np.all((entropy >= -1e-14) & (entropy <= np.log(rank) + 1e-14))
    assert np.all(rmt_rank.metrics.stable_rank(a) <= rank * (1 + 1e-14))
    np.testing.assert_array_equal(rank, np.linalg.matrix_rank(a))


@given(seeds, sides, sides)
def test_products_and_sums(seed, m, n):
    a, b = matrices(seed, m, n)[:2]
    rho = rmt_rank.effective_rank
    # a Kronecker product's entropies add
    assert rho(np.kron(a, b)) == pytest.approx(rho(a) + rho(b), abs=1e-12)
    # a direct sum: entropies weighted by the nuclear norms, and that of the weights
    block = np.block([[a, np.zeros((m, n))], [np.zeros((m, n)), b]])
    weights = rmt_rank.metrics.nuclear_norm(np.stack([a, b]))
    p = weights / weights.sum()
    expected = p @ rho(np.stack([a, b])) - p @ np.log(p)
    assert rho(block) == pytest.approx(expected, abs=1e-12)


@given(seeds, sides, sides)
def test_rank_one(seed, m, n):
    rng = np.random.default_rng(seed)
    a = np.outer(rng.normal(size=m), rng.normal(size=n))
    # rounding leaves singular values of order 1e-16, whose entropy is 1e-16 log(1e16) each
    assert rmt_rank.effective_rank(a) == pytest.approx(0, abs=1e-13)
    assert rmt_rank.effective_rank(np.eye(m)) == pytest.approx(np.log(m), abs=1e-15)


def test_against_fifty_digits():
    a = np.random.default_rng(1).normal(size=(6, 6))
    with mpmath.workdps(50):
        sigma = mpmath.svd_r(mpmath.matrix(a), compute_uv=False)
        total = mpmath.fsum(sigma)
        exact = -mpmath.fsum(s / total * mpmath.log(s / total) for s in sigma)
    assert rmt_rank.effective_rank(a) == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_every_library(make, field):
    a = np.concatenate([matrices(2, 4, 3, field), 1e-200 * matrices(3, 4, 3, field)])
    for measure in [*SCALE_FREE, rmt_rank.metrics.nuclear_norm]:
        result = measure(make(a))
        assert type(result) is type(make(np.zeros(1)))
        assert tuple(result.shape) == (6,)
        np.testing.assert_allclose(to_numpy(result), measure(a), rtol=1e-11)


def test_rank_measures_are_the_measures(make):
    a = matrices(5, 5, 4)
    measures = rmt_rank.rank_measures(make(a), tau=0.2, delta=0.1)
    expected = {
        "effective_rank": rmt_rank.effective_rank(a),
        "roy_vetterli_rank": rmt_rank.effective_rank(a, exponentiate=True),
        "gram_effective_rank": rmt_rank.effective_rank(a, power=2),
        "renyi_effective_rank": rmt_rank.metrics.renyi_effective_rank(a),
        "participation_ratio": rmt_rank.metrics.participation_ratio(a),
        "threshold_rank": rmt_rank.metrics.threshold_rank(a, 0.2),
        "stable_rank": rmt_rank.metrics.stable_rank(a),
        "nuclear_norm": rmt_rank.metrics.nuclear_norm(a),
        "energy_rank": rmt_rank.metrics.energy_rank(a, 0.1),
        "numerical_rank": rmt_rank.metrics.numerical_rank(a),
        "condition_number": rmt_rank.metrics.condition_number(a),
    }
    assert list(measures.to_dict()) == list(expected)
    for name, value in measures.to_dict().items():
        np.testing.assert_allclose(to_numpy(value), expected[name], rtol=1e-12)
    with pytest.raises(dataclasses.FrozenInstanceError):
        measures.stable_rank = 0


def test_defaults_are_the_thresholds_of_the_paper():
    measures = rmt_rank.rank_measures(np.diag([0.985, 0.015]))
    # shares between 0.01 and 0.02
    assert measures.threshold_rank == measures.energy_rank == 2


def test_gradient_counts_the_rank_of_a_tall_matrix_as_numpy_does():
    a = np.zeros((100, 2))
    a[0, 0], a[1, 1] = 1, 20 * np.finfo(float).eps
    assert np.linalg.matrix_rank(a) == 1
    # rank 1, where the entropy has its minimum among matrices of the same rank
    assert not rmt_rank.effective_rank_gradient(a).any()


def test_to_pandas():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = rmt_rank.rank_measures(matrices(6, 2, 2)).to_pandas()
    assert frame.shape == (3, 11)
    assert frame.index.equals(pd.RangeIndex(3))
    frame = rmt_rank.rank_measures(matrices(6, 2, 2)[:, None], stack=True).to_pandas()
    assert frame.index.tolist() == [(0, 0), (1, 0), (2, 0)]
    assert rmt_rank.rank_measures(np.eye(2)).to_pandas()["numerical_rank"].tolist() == [2]


@pytest.mark.parametrize("measure", [*SCALE_FREE, rmt_rank.metrics.nuclear_norm])
def test_odd_matrices(make, measure):
    a = np.zeros((4, 2, 3))
    a[1, 0, 0] = np.nan
    a[2, 1, 2] = np.inf
    a[3] = [[1, 2, 3], [4, 5, 7]]
    result = to_numpy(measure(make(a)))
    zero = measure(np.zeros((2, 3)))
    assert result[0] == zero
    assert np.isnan(result[1:3]).all()
    assert result[3] == pytest.approx(measure(a[3]))
    for empty in (np.zeros((0, 3)), np.zeros((3, 0))):
        assert to_numpy(measure(make(empty))) == zero
    for thin in (np.ones((1, 4)), np.ones((4, 1))):
        assert np.isfinite(to_numpy(measure(make(thin))))


class TestGradient:
    @pytest.mark.parametrize("power", [1, 2, 0.5])
    @pytest.mark.parametrize("field", ["real", "complex"])
    @pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 6)])
    def test_against_differences(self, shape, field, power):
        a = matrices(7, *shape, field)
        gradient = rmt_rank.effective_rank_gradient(a, power=power)
        direction = matrices(8, *shape, field)
        step = 1e-5
        low, high = (rmt_rank.effective_rank(a + h * direction, power=power) for h in (-step, step))
        expected = np.sum((gradient.conj() * direction).real, axis=(-2, -1))
        # central differences: third derivatives of order 100, rounding 1e-15/1e-5
        np.testing.assert_allclose((high - low) / (2 * step), expected, atol=2e-8)

    @pytest.mark.parametrize("scale", [1e-200, 1, 1e200])
    def test_scale(self, scale):
        a = matrices(9, 3, 3)
        gradient = rmt_rank.effective_rank_gradient(a * scale)
        np.testing.assert_allclose(
            gradient * scale, rmt_rank.effective_rank_gradient(a), rtol=1e-10, atol=1e-13
        )

    @given(seeds, sides, sides)
    def test_it_is_orthogonal_to_the_matrix(self, seed, m, n):
        # the measure does not depend on a scale (Euler)
        a = matrices(seed, m, n)
        gradient = rmt_rank.effective_rank_gradient(a)
        np.testing.assert_allclose(np.sum(a * gradient, axis=(-2, -1)), 0, atol=1e-12)

    def test_repeated_singular_values(self):
        # the same gradient in every basis, and 0 at the maximum
        np.testing.assert_allclose(rmt_rank.effective_rank_gradient(np.eye(3)), 0, atol=1e-15)
        rotation = np.linalg.qr(matrices(10, 4, 4)[0])[0]
        a = np.diag([2.0, 2.0, 1.0, 1.0])
        expected = rmt_rank.effective_rank_gradient(a)
        turned = rmt_rank.effective_rank_gradient(rotation @ a @ rotation.T)
        np.testing.assert_allclose(rotation.T @ turned @ rotation, expected, atol=1e-14)

    def test_zero_singular_values_take_no_part(self):
        a = np.diag([3.0, 1.0, 0.0])
        gradient = rmt_rank.effective_rank_gradient(a)
        assert np.isfinite(gradient).all()
        np.testing.assert_allclose(
            gradient[:2, :2], rmt_rank.effective_rank_gradient(a[:2, :2]), atol=1e-15
        )
        assert not gradient[2].any()
        assert np.isnan(rmt_rank.effective_rank_gradient(np.zeros((2, 2)))).all()

    def test_every_library(self, make):
        a = matrices(11, 4, 3)
        result = rmt_rank.effective_rank_gradient(make(a))
        np.testing.assert_allclose(
            to_numpy(result), rmt_rank.effective_rank_gradient(a), atol=1e-13
        )

    def test_torch_differentiates(self):
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        for field in ("real", "complex"):
            a = torch.tensor(matrices(12, 4, 3, field), requires_grad=True)
            rmt_rank.effective_rank(a).sum().backward()
            expected = rmt_rank.effective_rank_gradient(a.detach())
            torch.testing.assert_close(a.grad, expected, rtol=0, atol=1e-12)

    def test_jax_differentiates_compiles_and_batches(self):
        jax = pytest.importorskip("jax", reason="JAX is not installed")
        jax.config.update("jax_enable_x64", True)
        a = matrices(13, 4, 3)
        gradient = jax.vmap(jax.grad(jax.jit(rmt_rank.effective_rank)))(a)
        np.testing.assert_allclose(gradient, rmt_rank.effective_rank_gradient(a), atol=1e-12)
        # JAX's convention for complex numbers is the conjugate
        a = matrices(13, 4, 3, "complex")
        gradient = jax.vmap(jax.grad(rmt_rank.effective_rank))(a)
        np.testing.assert_allclose(gradient, rmt_rank.effective_rank_gradient(a).conj(), atol=1e-12)


def test_half_precision_is_upcast():
    a = np.float16([[1, 2], [3, 5]])
    assert rmt_rank.effective_rank(a).dtype == np.float32
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert rmt_rank.effective_rank(torch.tensor(a)).dtype == torch.float32
    assert rmt_rank.effective_rank(torch.tensor(a).bfloat16()).dtype == torch.float32


def test_the_twin_documents_itself():
    assert "a : array, shape (..., m, n)" in matrix.stable_rank.__doc__
    assert str(inspect.signature(matrix.stable_rank)) == "(a: 'Any', *, stack=False) -> 'Any'"
    assert matrix.stable_rank.__name__ == "stable_rank"
    assert "singular_values : array" in spectrum.stable_rank.__doc__
    with pytest.raises(TypeError, match="a must be an array of numbers"):
        rmt_rank.metrics.stable_rank("x")
    assert math.isclose(rmt_rank.metrics.threshold_rank(np.eye(4), tau=0.25), 4)


def test_every_measure_refuses_the_weight_of_a_convolution():
    weight = np.ones((2, 3, 4, 4))
    names = set(rmt_rank.metrics.__all__) - {"RankMeasures"}
    functions = [getattr(rmt_rank.metrics, name) for name in names]
    functions = [each for each in functions if callable(each)]
    assert len(functions) >= 15
    for function in functions:
        with pytest.raises(ValueError, match=r"reshape\(len\(\w+\), -1\), .* or stack=True"):
            function(weight, *([0.1] if function is rmt_rank.metrics.threshold_rank else []))
    for kernel in rmt_rank.metrics.gram.KERNELS:
        with pytest.raises(ValueError, match=r"reshape\(len\(features\), -1\)"):
            rmt_rank.gram_matrix(weight, kernel)
