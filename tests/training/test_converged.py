"""Distances of trained networks from where gradients lead."""

import dataclasses

import numpy as np
import pytest

from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.training.converged import converged_weight_distance
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.train import train

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

# Norms of order 1 and thousands of steps that each round.
ROUNDING = 1e-11
RATES = {"gradient_descent": 0.03, "momentum": 0.01, "nesterov": 0.01, "lbfgs": None}
LEAVING = {"adam": 0.01, "cma_es": 0.1, "random_search": None}


@pytest.fixture(scope="module")
def problem():
    return least_squares_problem(5, 2, 3, rng=0)


@pytest.mark.parametrize("network", [1, 2, LinearNetwork((5,) * 3, skip=1)], ids=str)
@pytest.mark.parametrize("optimizer", RATES)
def test_methods_that_stay_in_the_span(problem, optimizer, network):
    for steps in (2, 10000):
        result = train(
            problem,
            network,
            optimizer=optimizer,
            learning_rate=RATES[optimizer],
            seeds=2,
            steps=steps,
            record=[],
            rng=1,
        )
        found = converged_weight_distance(result, problem)
        assert found.outside.shape == (1, 2)
        assert (found.outside <= ROUNDING).all()
        assert (found.distance <= found.allowed + ROUNDING).all()
        # the least singular value counts for all of the error: not by much more than is needed
        assert (found.distance >= 0.1 * found.allowed).all()
    assert (result.arrays["status"][1] == Status.CONVERGED).all()
    # sqrt(2 q 1e-6) over the least singular value and the weight's norm
    assert (found.distance < 0.01).all()


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("optimizer", LEAVING)
def test_methods_that_leave_it(problem, optimizer, depth):
    result = train(
        problem,
        depth,
        optimizer=optimizer,
        learning_rate=LEAVING[optimizer],
        steps=200 if optimizer == "random_search" else 3000,
        tolerance=1e-4,
        record=[],
        rng=1,
    )
    found = converged_weight_distance(result, problem)
    assert (found.outside > 0.05).all()
    if optimizer != "random_search":
        assert (result.arrays["status"][1] == Status.CONVERGED).all()
        assert (found.distance > 3 * found.allowed).all()


def test_noise_that_no_weight_fits():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 4))  # 6 examples in 2 dimensions
    noisy = LeastSquaresProblem(x, rng.standard_normal((6, 3)))
    result = train(noisy, 1, learning_rate=0.05, steps=20000, tolerance=0, record=[], rng=1)
    found = converged_weight_distance(result, noisy)
    assert result.arrays["final_loss"][1] > 0.1
    assert found.distance < 1e-10
    # difference that a loss known to a rounding of 1e-16 cannot resolve
    assert found.allowed < 1e-6


def test_networks_that_diverged(problem):
    result = train(problem, 2, learning_rate=[0.05, 1e3], record=[], rng=1)
    found = converged_weight_distance(result, problem)
    for values in found:
        np.testing.assert_array_equal(np.isnan(values), [[False], [True]])


def test_bad_input(problem):
    result = train(problem, 1, steps=1, record=[], rng=1)
    with pytest.raises(TypeError, match="result must be a TrainingResult, got int"):
        converged_weight_distance(1, problem)
    with pytest.raises(TypeError, match=r"problem must be a LeastSquaresProblem, .* got int"):
        converged_weight_distance(result, 1)
    with pytest.raises(ValueError, match="4 inputs and 5 outputs, got the widths"):
        converged_weight_distance(result, LeastSquaresProblem(np.eye(4), np.eye(4, 5)))
    normed = dataclasses.replace(result, network=LinearNetwork((5, 5), batch_norm=True))
    with pytest.raises(ValueError, match="without batch normalisation"):
        converged_weight_distance(normed, problem)


def test_another_problem_is_refused(problem, tmp_path):
    result = train(problem, 1, steps=1, record=[], rng=1)
    result.save(tmp_path / "run.npz")
    other = least_squares_problem(5, 2, 3, rng=1)
    for each in (result, TrainingResult.load(tmp_path / "run.npz")):
        assert (converged_weight_distance(each, problem).outside < ROUNDING).all()
        with pytest.raises(ValueError, match=r"problem must be the one .* got LeastSq.* 256 held"):
            converged_weight_distance(each, other)
    # files from before results knew their problem
    del result.settings["problem"]
    assert (converged_weight_distance(result, other).outside > 0.05).all()
