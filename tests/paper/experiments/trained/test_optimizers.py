"""`optimizers`: a tiny run of all seven, and verdicts on numbers made for them."""

import numpy as np
import pytest

from rmt_rank.paper.experiments.experiment import shared_seed
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import optimizers
from rmt_rank.training.optimizers import OPTIMIZERS

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("optimizers")


def more(tiny, count=10):
    """With more repeats, so that small p-values are possible."""
    parts = [tiny] * (count // tiny.repeat.size + 1)
    return xarray.concat(parts, "repeat", data_vars="minimal")


def of(dataset, begin):
    (found,) = (f for f in optimizers.verdict(dataset) if f.sentence.startswith(begin))
    return found


COMMON = "Common optimizers"


def test_a_tiny_run(tiny):
    assert tiny.optimizer.values.tolist() == list(OPTIMIZERS)
    trained = tiny.sel(optimizer=[name for name in OPTIMIZERS if name != "random_search"])
    assert trained.converged.all()
    assert not tiny.converged.sel(optimizer="random_search").any()
    assert of(tiny, "Gradient descent, momentum").verdict is Verdict.SUPPORTED
    # the same weights to start from
    start = tiny.initial_gram_rank
    assert (start == start.isel(optimizer=0)).all()
    assert (tiny.learning_rate.isnull() == tiny.optimizer.isin(["lbfgs", "random_search"])).all()


def test_depth(tiny):
    dataset = more(tiny)
    falling = dataset.gram_rank * 0 - dataset.depth
    dataset["gram_rank"] = falling
    assert of(dataset, COMMON).verdict is Verdict.SUPPORTED
    assert of(dataset, "random_search").verdict is Verdict.SUPPORTED
    dataset["gram_rank"] = -falling
    assert of(dataset, COMMON).verdict is Verdict.NOT_SUPPORTED
    assert of(dataset, "random_search").verdict is Verdict.NOT_SUPPORTED
    dataset["gram_rank"] = falling.where(dataset.optimizer != "adam", -falling)
    found = of(dataset, COMMON)
    assert found.verdict is Verdict.IN_PART
    assert "not supported: adam" in found.statistic


def test_runs_that_did_not_converge_do_not_count(tiny):
    dataset = more(tiny)
    dataset["gram_rank"] = dataset.gram_rank * 0 - dataset.depth
    dataset["converged"] = dataset.converged & (dataset.optimizer != "lbfgs")
    assert of(dataset, "lbfgs").verdict is Verdict.UNDECIDED
    assert "1 (0%), 2 (0%), 3 (0%)" in of(dataset, "lbfgs").statistic
    # random search is not asked to converge
    assert of(dataset, "random_search").verdict is Verdict.SUPPORTED


@pytest.mark.parametrize(("by", "verdict"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)])
def test_random_search_against_zero(tiny, by, verdict):
    dataset = more(tiny)
    jitter = xarray.DataArray(np.linspace(1, 2, dataset.repeat.size), dims="repeat")
    dataset["loss"] = dataset.zero_loss + by * jitter
    assert of(dataset, "The best of random search").verdict is verdict


@pytest.mark.parametrize(("by", "verdict"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)])
def test_against_gradient_descent(tiny, by, verdict):
    dataset = more(tiny)
    first = dataset.gram_rank.sel(optimizer="gradient_descent", drop=True)
    jitter = xarray.DataArray(np.linspace(1, 2, dataset.repeat.size), dims="repeat")
    other = first + by * jitter + 0 * dataset.gram_rank
    dataset["gram_rank"] = other.where(other.optimizer != "gradient_descent", first)
    assert of(dataset, "Optimizers converge to lower rank").verdict is verdict


def test_a_step_outside_of_the_span_is_detected(tiny):
    dataset = tiny.copy(deep=True)
    dataset["moved_outside"] = dataset.moved_outside.where(dataset.optimizer != "lbfgs", 1e-6)
    assert of(dataset, "Gradient descent, momentum").verdict is Verdict.NOT_SUPPORTED


def test_networks_that_diverged():
    settings = optimizers.EXPERIMENT.settings("tiny")
    settings["rates"] = {"gradient_descent": [1e3]}
    cell = {"optimizer": "gradient_descent", "task_rank": 1, "depth": 2}
    seed = shared_seed(np.random.SeedSequence([0]))
    arrays = optimizers.EXPERIMENT.compute(settings, cell, seed)
    assert arrays["diverged"][1].all()
    assert np.isnan(arrays["moved_outside"][1]).all()


def test_depths_that_are_not_run_are_not_named(tiny):
    dataset = more(tiny)
    there = (dataset.optimizer != "cma_es") | (dataset.depth < 3)
    dataset = dataset.where(there)
    assert "left out" not in of(dataset, "cma_es").statistic
    assert of(dataset, "cma_es").verdict is Verdict.UNDECIDED
