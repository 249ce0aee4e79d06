"""`generalization`: a tiny run, the mean error's two parts, and verdicts on made numbers."""

from dataclasses import replace

import numpy as np
import pytest

from rmt_rank.networks.identities import effective_weight
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.paper.experiments.experiment import shared_seed
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import generalization
from rmt_rank.training.train import train

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("generalization")


@pytest.fixture
def made(tiny):
    """Two scales, many repeats, and numbers without a trend."""
    parts = [tiny] * 4
    dataset = xarray.concat(parts, "repeat", data_vars="minimal")
    other = dataset.assign_coords(scale=[0.5])
    dataset = xarray.concat([other, dataset], "scale", data_vars="minimal")
    for name in ("converged", "learning_rate", "at_edge", "mean_test_error"):
        assert "scale" in dataset[name].dims
    dataset["converged"] = dataset.converged | True
    return dataset


def of(dataset, begin):
    (found,) = (f for f in generalization.verdict(dataset) if f.sentence.startswith(begin))
    return found


def jitter(dataset):
    return xarray.DataArray(np.linspace(1, 2, dataset.repeat.size), dims="repeat")


def test_a_tiny_run(tiny):
    assert tiny.converged.all()
    # a problem is the same for all depths, and W* P is no better than what it projects
    least = tiny.minimal_test_error
    assert (least == least.isel(depth=0)).all()
    assert ((least > 0) & (least < 1)).all()
    assert np.allclose(tiny.mean_test_error, least + tiny.left_over)
    # one layer: the error is that of both parts, and a product of them that may have any sign
    one = tiny.sel(depth=1)
    product = one.test_error - one.minimal_test_error - one.left_over
    # what is left of the loss in the span is of the order of 1e-3, twice its root in the product
    bound = 2 * np.sqrt(one.minimal_test_error * one.left_over) + 0.1
    assert (abs(product) <= bound).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_over_depth(made, sign):
    made["mean_test_error"] = 0 * made.test_error - sign * made.depth
    expected = Verdict.SUPPORTED if sign > 0 else Verdict.NOT_SUPPORTED
    opposite = Verdict.NOT_SUPPORTED if sign > 0 else Verdict.SUPPORTED
    assert of(made, "At task rank 1 deeper networks generalise better").verdict is expected
    assert of(made, "At task rank 5 deeper networks generalise worse").verdict is opposite
    assert of(made, "At task rank 1 more layers generalise better than one").verdict is expected


def test_only_at_one_scale(made):
    falls = 0 * made.test_error - made.depth
    made["mean_test_error"] = falls.where(made.scale < 1, -falls)
    found = of(made, "At task rank 1 deeper networks generalise better")
    assert found.verdict is Verdict.IN_PART
    assert "supported: scale 0.5, 3 examples" in found.statistic
    assert "not supported: scale 1, 3 examples" in found.statistic


def test_runs_that_did_not_converge_decide_nothing(made):
    made["mean_test_error"] = 0 * made.test_error - made.depth
    made["converged"] = made.converged & (made.depth < 2)
    for begin in ("deeper networks", "more layers generalise better than one"):
        assert of(made, f"At task rank 1 {begin}").verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(("lost", "verdict"), [(2, Verdict.SUPPORTED), (3, Verdict.UNDECIDED)])
def test_a_tenth_may_fail_to_converge(made, lost, verdict):
    made["mean_test_error"] = 0 * made.test_error - made.depth * jitter(made)
    fails = xarray.DataArray(np.arange(made.repeat.size) < lost, dims="repeat")
    made["converged"] = made.converged & ~(fails & (made.depth > 1))
    assert of(made, "At task rank 1 more layers generalise better than one").verdict is verdict


@pytest.mark.parametrize(("by", "verdict"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)])
def test_against_least_norm(made, by, verdict):
    made["test_error"] = made.minimal_test_error + by * jitter(made) + 0 * made.test_error
    begin = "At task rank 1 more layers generalise better than the least-norm"
    assert of(made, begin).verdict is verdict


@pytest.mark.parametrize(("by", "verdict"), [(1, Verdict.SUPPORTED), (-1, Verdict.NOT_SUPPORTED)])
def test_small_scale(made, by, verdict):
    made["mean_test_error"] = by * made.scale * jitter(made) + 0 * made.test_error
    assert of(made, "At task rank 1 one layer that starts at scale 0.5").verdict is verdict


@pytest.mark.parametrize(
    ("offset", "spread", "verdict"),
    [(0, 0.01, Verdict.SUPPORTED), (0.1, 0.01, Verdict.NOT_SUPPORTED), (0, 9, Verdict.UNDECIDED)],
)
def test_mean_error(made, offset, spread, verdict):
    signs = xarray.DataArray((-1.0) ** np.arange(made.repeat.size), dims="repeat")
    made["test_error"] = made.mean_test_error + offset + spread * signs
    assert of(made, "The mean test error").verdict is verdict


def test_networks_that_diverged_have_no_error():
    settings = generalization.EXPERIMENT.settings("tiny") | {"rates": [1e3]}
    cell = {"task_rank": 1, "examples": 3, "scale": 1.0, "depth": 2}
    seed = shared_seed(np.random.SeedSequence([0]))
    arrays = generalization.EXPERIMENT.compute(settings, cell, seed)
    assert arrays["diverged"][1].all()
    assert np.isnan(arrays["test_error"][1]).all()


def test_the_other_sign_trains_alike():
    problem = least_squares_problem(6, 2, 3, rng=0)
    outside = np.eye(6) - problem.projector
    result = train(problem, 2, learning_rate=0.1, tolerance=1e-9, record=1, rng=0)
    parameters = result.arrays["initial_parameters"][1].copy()
    first = parameters[0, 0, :36].reshape(6, 6)
    parameters[0, 0, :36] = (first - 2 * first @ outside).ravel()
    errors = []
    for begin in (result.arrays["initial_parameters"][1], parameters):
        arrays = dict(result.arrays) | {
            "initial_parameters": (result.arrays["initial_parameters"][0], begin),
            "status": (("learning_rate", "seed"), np.zeros((1, 1), dtype=int)),
            "taken": (("learning_rate", "seed"), np.zeros((1, 1), dtype=int)),
        }
        start = replace(result, arrays=arrays, state=[begin[0].copy()])
        again = train(problem, 2, learning_rate=0.1, tolerance=1e-9, record=1, start=start)
        weight = effective_weight([w[0, 0] for w in again.weights])
        errors.append(np.sum((weight - problem.task) ** 2))
    least = np.sum((problem.minimum_norm_weight - problem.task) ** 2)
    left_over = np.sum((weight @ outside) ** 2)
    # what the loss leaves in the span is of the order of its root, 3e-5, times the weight's size
    assert np.mean(errors) == pytest.approx(least + left_over, abs=1e-3)
    assert abs(errors[0] - errors[1]) > 0.1
