"""`convergence`: a tiny run, its identity, and verdicts on numbers made for them."""

import numpy as np
import pytest

from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import convergence, fitting
from rmt_rank.training.train import train

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("convergence")


def verdicts(dataset):
    return {finding.sentence: finding.verdict for finding in convergence.verdict(dataset)}


def of(dataset, begin):
    (found,) = {v for s, v in verdicts(dataset).items() if s.startswith(begin)}
    return found


def changed(tiny, **values):
    """The same dataset with other numbers, given as functions of it."""
    dataset = tiny.copy(deep=True)
    for name, function in values.items():
        dataset[name] = function(dataset).transpose(*tiny[name].dims)
    return dataset


def test_a_tiny_run(tiny):
    assert tiny.converged.all()
    assert (tiny.loss <= 1e-3).all()
    assert (tiny.gram_rank < np.log(8)).all()
    # with one layer the learning rate does not matter: sums of numbers of size 1, in float32
    assert abs(tiny.faster_less_slower.sel(depth=1)).max() < 1e-5
    assert of(tiny, "Deeper networks") is Verdict.SUPPORTED
    assert of(tiny, "What gradient descent converges to") is Verdict.SUPPORTED
    # a problem is the same for all depths
    assert (tiny.task_gram_rank == tiny.task_gram_rank.isel(depth=0)).all()
    assert tiny.task_gram_rank.sel(task_rank=1).max() < 1e-10


def test_identity_by_hand():
    problem = least_squares_problem(6, 2, 3, rng=0)
    result = train(problem, 2, learning_rate=0.1, seeds=2, tolerance=1e-9, record=1, rng=0)
    found = fitting.identity(problem, result)
    error, bound = found["identity_error"], found["identity_bound"]
    first, second = (w[0, 1] for w in result.weights)
    x = problem.inputs.T
    projector = x @ np.linalg.inv(x.T @ x) @ x.T
    initial = result.initial_weights[0][0, 1]
    predicted = problem.task @ projector + second @ initial @ (np.eye(6) - projector)
    expected = np.linalg.norm(second @ first - predicted) / np.linalg.norm(second @ first)
    # both are differences of numbers of size 1 by a few hundred operations
    assert error[0, 1] == pytest.approx(expected, abs=1e-13)
    assert (error <= bound).all()
    sigma = np.linalg.svd(predicted)[1] / np.linalg.svd(predicted)[1].sum()
    # a sum of 6 numbers of size 1
    assert found["identity_weight_rank"][0, 1] == pytest.approx(-sigma @ np.log(sigma), abs=1e-13)


def test_identity_is_broken_by_adam():
    problem = least_squares_problem(6, 2, 3, rng=0)
    result = train(problem, 2, optimizer="adam", learning_rate=0.01, rng=0, record=1)
    found = fitting.identity(problem, result)
    assert found["identity_error"] > 10 * found["identity_bound"]


def test_references():
    problem = least_squares_problem(6, 1, 3, rng=0)
    found = fitting.references(problem)
    assert found["task_weight_rank"] == pytest.approx(0, abs=1e-12)
    assert found["minimal_gram_rank"] == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="problem must have a task"):
        fitting.references(LeastSquaresProblem(np.eye(3)[:2], np.ones((2, 1))))


def test_depth(tiny):
    up = changed(tiny, gram_rank=lambda d: d.gram_rank * 0 + d.depth)
    assert of(up, "Deeper networks") is Verdict.NOT_SUPPORTED
    flat = changed(tiny, gram_rank=lambda d: d.gram_rank.isel(depth=0) + 0 * d.gram_rank)
    assert of(flat, "Deeper networks") is Verdict.UNDECIDED


def test_runs_that_did_not_converge_decide_nothing(tiny):
    dataset = changed(tiny, converged=lambda d: d.converged & (d.depth < 3))
    assert of(dataset, "Deeper networks") is Verdict.UNDECIDED
    nothing = changed(tiny, converged=lambda d: d.converged & False)
    assert of(nothing, "What gradient descent") is Verdict.UNDECIDED
    assert of(nothing, "Training shifts") is Verdict.UNDECIDED
    assert of(nothing, "Depth takes") is Verdict.UNDECIDED


def draws(tiny, count=64):
    """More of the same, for tests with many comparisons."""
    return xarray.concat([tiny] * (count // tiny.seed.size), "seed", data_vars="minimal")


def spread(dimension, count):
    """Numbers from 1 to 2: differences without ties."""
    return xarray.DataArray(np.linspace(1, 2, count), dims=dimension)


def test_towards_the_task(tiny):
    many = draws(tiny)
    jitter = spread("seed", many.seed.size)
    near = changed(many, gram_rank=lambda d: d.task_gram_rank + 0.1 * jitter + 0 * d.gram_rank)
    near["initial_gram_rank"] = near.gram_rank + jitter
    assert of(near, "Training shifts") is Verdict.SUPPORTED
    away = near.copy()
    away["gram_rank"], away["initial_gram_rank"] = near.initial_gram_rank, near.gram_rank
    assert of(away, "Training shifts") is Verdict.NOT_SUPPORTED
    mixed = near.copy()
    mixed["gram_rank"] = near.gram_rank.where(near.depth < 3, away.gram_rank)
    mixed["initial_gram_rank"] = near.initial_gram_rank.where(
        near.depth < 3, away.initial_gram_rank
    )
    assert of(mixed, "Training shifts") is Verdict.IN_PART


def test_task_rank(tiny):
    rises = changed(tiny, gram_rank=lambda d: d.gram_rank * 0 + d.task_rank)
    assert of(rises, "The rank at convergence rises") is Verdict.SUPPORTED
    falls = changed(tiny, gram_rank=lambda d: d.gram_rank * 0 - d.task_rank)
    assert of(falls, "The rank at convergence rises") is Verdict.NOT_SUPPORTED


@pytest.mark.parametrize(("by", "verdict"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)])
def test_below_least_norm(tiny, by, verdict):
    many = draws(tiny)
    jitter = spread("seed", many.seed.size)
    dataset = changed(
        many, identity_weight_rank=lambda d: d.minimal_weight_rank + by * jitter + 0 * d.weight_rank
    )
    assert of(dataset, "Depth takes") is verdict


@pytest.mark.parametrize(("by", "verdict"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)])
def test_learning_rate(tiny, by, verdict):
    jitter = spread("slow_seed", tiny.slow_seed.size)
    dataset = changed(tiny, faster_less_slower=lambda d: by * jitter + 0 * d.faster_less_slower)
    assert of(dataset, "A larger learning rate") is verdict


def test_a_broken_identity_is_detected(tiny):
    dataset = changed(tiny, identity_error=lambda d: 1.2 * d.identity_bound)
    assert of(dataset, "What gradient descent") is Verdict.NOT_SUPPORTED


def test_cells_that_are_not_run(tiny):
    dataset = tiny.where((tiny.task_rank < 4) | (tiny.depth < 3))
    found = {f.sentence: f for f in convergence.verdict(dataset)}
    (rank_4,) = (f for s, f in found.items() if s.startswith("Deeper") and "rank 4" in s)
    assert rank_4.verdict is Verdict.UNDECIDED
    assert "left out" not in rank_4.statistic
    assert "levels that are left: 2" in rank_4.statistic
    assert found["The rank at convergence rises with the task rank."].verdict is Verdict.SUPPORTED


def test_the_identity_of_networks_that_diverged_is_not_asked_for():
    problem = least_squares_problem(6, 2, 3, rng=0)
    result = train(problem, 2, learning_rate=[1e3, 0.1], rng=0, record=1, tolerance=1e-3)
    for values in fitting.identity(problem, result).values():
        assert np.isnan(values[0]).all()
        assert np.isfinite(values[1]).all()
