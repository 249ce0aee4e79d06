"""`parameterization`: a tiny run, training to the end, and verdicts on made numbers."""

import numpy as np
import pytest

from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import fitting, parameterization

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

SETTINGS = {"steps": 40, "tolerance": 1e-3, "last_steps": 500, "last_depth": 2}


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("parameterization")


@pytest.fixture
def made(tiny):
    """Twelve repeats; all fit, and ranks are jitter without ties or a trend."""
    dataset = tiny.isel(repeat=[0, 1, 2] * 4)
    stream = np.random.default_rng(0)
    for name in ("gram_rank", "fitted_gram_rank", "fitted_weight_rank"):
        dataset[name] = dataset[name] * 0 + stream.uniform(0, 0.1, dataset[name].shape)
    dataset["minimal_weight_rank"] = 0 * dataset.minimal_weight_rank
    dataset["fitted"] = dataset.fitted | True
    dataset["converged"] = dataset.converged | True
    return dataset


def of(dataset, begin):
    """The verdict that all findings of that beginning share."""
    (found,) = {
        f.verdict for f in parameterization.verdict(dataset) if f.sentence.startswith(begin)
    }
    return found


def train(depth=2, problem=None, settings=SETTINGS, **initialisation):
    problem = problem or least_squares_problem(6, 4, 4, rng=0)
    network = LinearNetwork((6,) * (depth + 1))
    rng = np.random.SeedSequence(1)
    return {
        name: values
        for name, (_, values) in fitting.train_to_the_end(
            problem, network, settings, rng, **initialisation
        ).items()
    }


def test_a_tiny_run(tiny):
    assert tiny.fitted.all()
    assert (tiny.fitted_loss <= 1e-5).all()
    # rounding of norms of about 1 comes on top of what the loss allows
    assert (tiny.identity_error <= tiny.identity_bound + 1e-12).all()
    # balanced networks of all depths begin as the same map, up to the rounding of its split
    begin = tiny.initial_gram_rank.sel(initialisation="balanced")
    assert float(abs(begin - begin.isel(depth=0)).max()) < 1e-10
    begin = tiny.initial_gram_rank.sel(initialisation="normal")
    assert float(abs(begin - begin.isel(depth=0)).max()) > 0.01


def test_paths_continue_after_the_stop(tiny):
    for name in ("gram_rank", "loss", "threshold_rank"):
        path = tiny[f"{name}_path"]
        # in a run to the budget, the last entry records the same network again
        assert np.isfinite(path).all()
        assert np.array_equal(path.isel(step=-1), tiny[name].broadcast_like(path.isel(step=-1)))
        assert np.array_equal(path.isel(step=0), tiny[f"initial_{name}"])
    stopped = tiny.steps < tiny.step
    assert bool(stopped.any())
    assert float(abs(tiny.loss_path - tiny.loss).where(stopped).max()) == 0


def test_the_last_steps():
    found = train()
    assert not found["converged"]
    assert found["fitted"]
    assert found["fitted_loss"] <= 1e-3 < found["loss"]
    assert found["steps"] == 40
    # deeper than asked for: as gradient descent left it
    found = train(3)
    assert not found["fitted"]
    assert found["fitted_loss"] == found["loss"]
    assert np.isnan(found["identity_error"])


def test_the_least_rate_is_still_too_large():
    problem = least_squares_problem(6, 4, 4, rng=0)
    huge = LeastSquaresProblem(1e6 * problem.inputs, problem.targets, task=problem.task)
    with pytest.raises(ValueError, match="held-out"):
        train(problem=huge)
    huge = LeastSquaresProblem(
        1e6 * problem.inputs,
        problem.targets,
        problem.test_inputs,
        problem.test_targets,
        problem.task,
    )
    found = train(problem=huge)
    assert found["diverged"]
    assert found["at_edge"]
    assert not found["fitted"]
    assert np.isnan(found["fitted_gram_rank"])
    assert np.isfinite(found["minimal_gram_rank"])


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED), (0, Verdict.UNDECIDED)],
)
@pytest.mark.parametrize(
    ("begin", "name"),
    [("Deeper networks learn", "gram_rank"), ("Deeper networks have", "fitted_gram_rank")],
)
def test_depth(made, begin, name, slope, expected):
    made[name] = made[name] + slope * made.depth
    assert of(made, begin) is expected


def test_runs_that_did_not_converge_decide_nothing(made):
    for name in ("gram_rank", "fitted_gram_rank"):
        made[name] = made[name] - made.depth
    made["converged"] = made.converged & (made.depth < 3)
    assert of(made, "Deeper networks learn") is Verdict.UNDECIDED
    assert of(made, "Deeper networks have") is Verdict.SUPPORTED
    assert of(made, "The Gram matrix's rank falls on") is Verdict.SUPPORTED
    made["fitted"] = made.fitted & (made.depth < 3)
    assert of(made, "Deeper networks have") is Verdict.UNDECIDED
    assert of(made, "The Gram matrix's rank falls on") is Verdict.UNDECIDED
    made["fitted"] = made.fitted & False
    assert of(made, "Depth takes") is Verdict.UNDECIDED
    assert of(made, "The Gram matrix's rank falls on") is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("difference", "expected"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)]
)
def test_shifts(made, difference, expected):
    made["fitted_weight_rank"] = made.fitted_weight_rank + difference
    assert of(made, "Depth takes") is expected
    steps = difference * (made.depth > 2) - (made.depth > 1)
    changed = made.assign(fitted_gram_rank=made.fitted_gram_rank + steps)
    assert of(changed, "The Gram matrix's rank falls on") is expected
    made["gram_rank"] = made.gram_rank + difference
    assert of(made, "Networks that have not") is Verdict.UNDECIDED
    made["converged"] = made.converged & False
    assert of(made, "Networks that have not") is expected


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "other.txt").write_text("")
    with pytest.raises(ValueError, match="is not the folder of an experiment"):
        parameterization.run("tiny", folder=tmp_path)
