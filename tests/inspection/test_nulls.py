"""Null models: formulas against draws, calibration, and what a comparison says."""

import math

import numpy as np
import pytest
from scipy import stats

from rmt_rank.inspection.compare import compare
from rmt_rank.inspection.nulls import (
    _NORM_ERROR,
    NULLS,
    Null,
    _entries,
    _with_norms,
    entropies,
    null_of,
    resolve,
)
from rmt_rank.metrics import spectrum
from rmt_rank.theory.rectangular.given_entries import given_entries


def stream(seed=0):
    return np.random.default_rng(seed)


def test_entropies_are_those_of_singular_values():
    matrices = stream().standard_normal((5, 7, 11))
    sigma = np.linalg.svd(matrices, compute_uv=False)
    # p singular values, each off by 1e-8 of the largest at worst, at a slope of log(1e8)
    assert entropies(matrices) == pytest.approx(spectrum.effective_rank(sigma), abs=1e-7)


def test_entropy_of_a_matrix_of_rank_one():
    matrix = np.outer(np.arange(1, 5), np.arange(1, 8)).astype(float)
    assert entropies(matrix) == pytest.approx(0, abs=1e-13)  # p log p with p of some eps


# False alarms: the mean at 5 standard errors, 6e-7, plus 0.1 standard deviations, the most that the
# formula leaves out by its own account; the deviation at 5 of its errors and 6 %, the next order.
@pytest.mark.parametrize("name", ["gaussian", "uniform", "truncated normal"])
@pytest.mark.parametrize("shape", [(48, 48), (40, 160)], ids=str)
def test_formulas_against_draws(name, shape):
    formula = null_of(name, np.ones(shape), stream(), None)
    drawn = null_of(name, np.ones(shape), stream(), 1500)
    assert formula.method == "formula"
    assert drawn.method == "1500 draws"
    deviation = formula.standard_deviation
    assert abs(formula.mean - drawn.mean) < 5 * drawn.error + 0.1 * deviation
    ratio = drawn.standard_deviation / deviation
    assert abs(ratio - 1) < 5 / math.sqrt(2 * 1500) + 0.06


@pytest.mark.parametrize("shift", [0, 0.05])
def test_shuffled_entries_against_draws(shift):
    matrix = stream(1).uniform(-1, 1, (48, 96)) + shift
    formula = null_of("shuffle", matrix, stream(2), None)
    drawn = null_of("shuffle", matrix, stream(2), 1500)
    assert formula.method == "formula"
    assert abs(formula.mean - drawn.mean) < 5 * drawn.error + 0.1 * formula.standard_deviation


@pytest.mark.parametrize(
    "matrix",
    [
        stream(3).standard_t(3, (64, 64)),
        stream(3).standard_normal((64, 64)) + 1,
        stream(3).standard_normal((8, 64)),
    ],
    ids=["heavy tails", "large mean", "few rows"],
)
def test_shuffles_are_drawn_where_no_formula_holds(matrix):
    assert null_of("shuffle", matrix, stream(), None).method == "16 draws"


def test_formula_of_entries_with_moderate_tails():
    matrix = stream(10).laplace(size=(64, 192))
    found = null_of("shuffle", matrix, stream(), None)
    gaussian = null_of("gaussian", matrix, stream(), None)
    shift, deviation = given_entries(matrix.ravel(), (64, 192))
    assert found.method == "formula"
    # the strength of the mean is 1e-4: it moves the rank by much less than a deviation
    assert found.mean - gaussian.mean == pytest.approx(shift, abs=1e-3 * deviation)
    assert found.standard_deviation == deviation > gaussian.standard_deviation


def test_kurtosis_of_a_truncated_normal_law():
    x = _entries("truncated normal", stream(4), (4 * 10**5,))
    expected = float(stats.truncnorm(-2, 2).stats("k"))
    from rmt_rank.inspection.nulls import _KURTOSIS

    assert _KURTOSIS["truncated normal"] == pytest.approx(expected, rel=1e-10)
    # the fourth moment of a bounded variable: an error of at most 4/sqrt(n) at 5 standard errors
    assert stats.kurtosis(x) == pytest.approx(expected, abs=5 * 4 / math.sqrt(x.size))
    assert np.abs(x).max() <= 2


def test_norms_are_kept():
    matrix = stream(5).standard_normal((6, 20)) * np.geomspace(1, 30, 20)
    matrix[2] = 0
    squares = matrix**2
    g = _with_norms(stream(6).standard_normal((3, 6, 20)), squares.sum(axis=1), squares.sum(axis=0))
    # the last step sets the columns exactly, and the rows to the accuracy of the iteration
    assert (g**2).sum(axis=1) == pytest.approx(np.tile(squares.sum(axis=0), (3, 1)), rel=1e-12)
    assert (g**2).sum(axis=2) == pytest.approx(np.tile(squares.sum(axis=1), (3, 1)), rel=1e-4)


def test_norms_of_small_matrices_are_kept():
    # the squares tend to [[a, 1-a], [1-a, a]] with a = 0.01, and each step reduces the error by a
    # factor of (1 - 2a)^2 = 0.96, so that it takes some 200 steps
    g = _with_norms(np.array([[1.0, 0.1], [1.0, 1e-3]]), np.ones(2), np.ones(2))
    assert (g**2).sum(axis=0) == pytest.approx(np.ones(2), rel=1e-12)
    assert (g**2).sum(axis=1) == pytest.approx(np.ones(2), rel=1.01 * _NORM_ERROR)


def test_orthogonal_null_has_the_logarithm_of_the_side_and_no_deviation():
    found = compare(math.log(5), null_of("orthogonal", np.ones((5, 9)), stream(), None))
    assert (found.deficit, found.p) == (0, 1)
    assert math.isnan(found.z)
    assert compare(1.0, null_of("orthogonal", np.ones((5, 9)), stream(), None)).p == 0


@pytest.mark.parametrize("name", NULLS)
def test_every_null_model_of_complex_matrices(name):
    matrix = stream(7).standard_normal((6, 9)) + 1j * stream(8).standard_normal((6, 9))
    found = null_of(name, matrix, stream(), 64)
    assert 0 < found.mean <= math.log(6)


# Kolmogorov and Smirnov's distance of 400 p-values from uniform; a false alarm at 1e-6.
@pytest.mark.parametrize("name", ["gaussian", "uniform", "shuffle"])
@pytest.mark.parametrize("shape", [(6, 9), (48, 96)], ids=str)
def test_p_values_are_uniform(name, shape):
    rng = stream(9)
    found = []
    for _ in range(400):
        matrix = rng.standard_normal(shape) if name == "gaussian" else rng.uniform(-1, 1, shape)
        rank = float(entropies(matrix))
        found.append(compare(rank, null_of(name, matrix, rng, None)).p)
    assert stats.kstest(found, "uniform").pvalue > 1e-6


def test_student_for_few_draws():
    null = Null("shuffle", 2.0, 0.1, 0.1 / math.sqrt(9), np.linspace(1.8, 2.2, 9))
    found = compare(1.7, null)
    scale = 0.1 * math.sqrt(1 + 1 / 9)
    assert found.z == pytest.approx(0.3 / scale)
    assert found.p == pytest.approx(2 * stats.t.sf(0.3 / scale, 8))
    assert found.high - found.deficit == pytest.approx(stats.t.ppf(0.975, 8) * scale)


def test_exact_draws_have_a_floor():
    null = Null("gaussian", 2.0, 0.1, 0.0, np.linspace(1.8, 2.2, 99), exact=True)
    assert compare(0.5, null).p == pytest.approx(2 / 100)


def test_aliases_resolve_and_misspelled_names_get_a_hint():
    assert resolve("kaiming_uniform") == "uniform"
    with pytest.raises(ValueError, match="did you mean 'gaussian'"):
        resolve("gausian")
