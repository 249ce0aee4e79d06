"""`kernel-ablation`: a tiny run against one by hand, and verdicts on made numbers."""

import numpy as np
import pytest

from rmt_rank import gram_matrix
from rmt_rank.metrics.gram import KERNELS
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.paper.experiments.experiment import shared_seed
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import fitting, kernel_ablation

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

FITTED, BEFORE, BEYOND = "Deeper networks have", "Before training", "Under every kernel"


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("kernel-ablation")


@pytest.fixture
def made(tiny):
    """Fifteen repeats; all fit, and ranks are jitter without ties or a trend."""
    dataset = tiny.isel(repeat=[0, 1, 2] * 5)
    stream = np.random.default_rng(0)
    for name in ("initial_rank", "fitted_rank"):
        dataset[name] = dataset[name] * 0 + stream.uniform(0, 0.01, dataset[name].shape)
    dataset["fitted"] = dataset.fitted | True
    return dataset


def of(dataset, begin, end=""):
    """The verdict that all findings of that beginning and end share."""
    (found,) = {
        f.verdict
        for f in kernel_ablation.verdict(dataset)
        if f.sentence.startswith(begin) and f.sentence.endswith(end)
    }
    return found


def test_a_tiny_run(tiny):
    assert tiny.kernel.values.tolist() == list(KERNELS)
    assert tiny.fitted.all()
    assert not tiny.diverged.any()
    assert bool((tiny.fitted_loss <= 1e-5).all())


@pytest.mark.parametrize("kernel", KERNELS)
def test_ranks_are_those_of_singular_values(kernel):
    """Check W* P and W*, known without training, against eigenvalues of the whole matrix."""
    settings = kernel_ablation.EXPERIMENT.settings("tiny") | {"steps": 1, "last_depth": 0}
    seed = np.random.SeedSequence([0, 1])
    found = kernel_ablation.EXPERIMENT.compute(settings, {"depth": 1, "repeat": 0}, seed)
    problem = least_squares_problem(
        8, 6, 6, rng=shared_seed(seed, problem=0), test_examples=settings["held_out"]
    )
    options = {"degree": 2} if kernel == "polynomial" else {}
    for name, weight in (("minimal", problem.minimum_norm_weight), ("task", problem.task)):
        gram = gram_matrix(problem.test_inputs @ weight.T, kernel, **options)
        values = np.linalg.eigvalsh(gram)
        # minus a distance has eigenvalues of both signs
        assert (values[0] < -1e-3 and values[-1] > 1e-3) == (kernel == "euclidean")
        share = abs(values) / abs(values).sum()
        share = share[share > 0]
        at = found["kernel"][1].tolist().index(kernel)
        # what is left of rounding: 32 values of 1e-15 of the largest, times |log| < 40
        expected = pytest.approx(-np.sum(share * np.log(share)), abs=1e-11)
        assert found[f"{name}_rank"][1][at] == expected


def test_a_network_that_diverges_has_no_rank(monkeypatch):
    class Search:
        best = 1e30

    monkeypatch.setattr(fitting, "learning_rate_search", lambda *_, **__: Search)
    settings = kernel_ablation.EXPERIMENT.settings("tiny")
    seed = np.random.SeedSequence([0, 1])
    found = kernel_ablation.EXPERIMENT.compute(settings, {"depth": 3, "repeat": 0}, seed)
    assert found["diverged"][1]
    assert not found["fitted"][1]
    assert np.isnan(found["fitted_rank"][1]).all()
    assert np.isfinite(found["initial_rank"][1]).all()


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED), (0, Verdict.UNDECIDED)],
)
def test_depth(made, slope, expected):
    for name in ("initial_rank", "fitted_rank"):
        made[name] = made[name] + slope * made.depth
    assert of(made, FITTED) is expected
    assert of(made, BEFORE) is expected
    assert of(made, BEYOND) is expected


def test_kernels_are_judged_apart(made):
    sign = xarray.where(made.kernel == "euclidean", 1, -1)
    for name in ("initial_rank", "fitted_rank"):
        made[name] = made[name] + sign * made.depth
    assert of(made, FITTED, "(euclidean).") is Verdict.NOT_SUPPORTED
    assert of(made, FITTED, "(cosine).") is Verdict.SUPPORTED
    assert of(made, BEFORE) is Verdict.IN_PART
    assert of(made, BEYOND) is Verdict.IN_PART


def test_a_fall_from_one_layer_to_two_is_not_one_beyond(made):
    made["fitted_rank"] = made.fitted_rank - (made.depth >= 2) + 0.05 * (made.depth == 3)
    assert of(made, FITTED) is not Verdict.NOT_SUPPORTED
    assert of(made, BEYOND) is Verdict.NOT_SUPPORTED


def test_runs_that_did_not_converge_decide_nothing(made):
    made["fitted_rank"] = made.fitted_rank - made.depth
    made["fitted"] = made.fitted & (made.depth < 3)
    assert of(made, FITTED) is Verdict.UNDECIDED
    assert of(made, BEYOND) is Verdict.UNDECIDED
