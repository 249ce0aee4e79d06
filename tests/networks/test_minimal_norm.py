"""The fit of least norm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_rank.networks.minimal_norm import minimal_norm_effective_rank
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem


def test_known_values():
    # W = diag(3, 1) on the first two of four features, whatever it is on the others
    problem = LeastSquaresProblem(np.eye(2, 4), np.diag([3.0, 1.0]))
    p = np.array([3, 1]) / 4
    assert minimal_norm_effective_rank(problem) == pytest.approx(-p @ np.log(p), rel=1e-14)
    p = np.array([9, 1]) / 10
    assert minimal_norm_effective_rank(problem, power=2) == pytest.approx(-p @ np.log(p), rel=1e-14)


@given(st.integers(0, 10**6), st.integers(1, 7), st.floats(-3, 2))
def test_every_singular_value_is_least(seed, examples, log_scale):
    problem = least_squares_problem(8, 3, examples, rng=seed, test_examples=1)
    least = problem.minimum_norm_weight
    z = 10**log_scale * np.random.default_rng(seed).standard_normal((8, 8))
    other = least + z @ (np.eye(8) - problem.projector)
    low, high = (np.linalg.svd(w, compute_uv=False) for w in (least, other))
    # the projector's rounding times norms of up to 600 and a condition of up to 1e3 or so
    assert (low <= high + 1e-10).all()
    # so is every Schatten sum, p < 1 included, which heuristics for depth 2/p have
    for p in (0.25, 1, 2):
        assert np.sum(low**p) <= np.sum((high + 1e-10) ** p)


def test_the_rank_is_at_most_that_of_the_task():
    problem = least_squares_problem(32, 4, 16, rng=0)
    assert minimal_norm_effective_rank(problem) <= math.log(4)


def test_bad_input():
    with pytest.raises(TypeError, match=r"problem must be a LeastSquaresProblem, .* got float"):
        minimal_norm_effective_rank(1.0)
    with pytest.raises(ValueError, match="power"):
        minimal_norm_effective_rank(least_squares_problem(4, 2, 2, rng=0), power=0)


def test_no_fit_at_all():
    assert minimal_norm_effective_rank(LeastSquaresProblem([[1.0, 0.0]], [[0.0]])) == -np.inf
