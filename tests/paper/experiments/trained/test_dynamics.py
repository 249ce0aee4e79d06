"""`dynamics`: a tiny run against training in one go, and verdicts on made numbers."""

import math

import numpy as np
import pytest

from rmt_rank.networks.initialisation import initial_parameters
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.paper.experiments.experiment import shared_seed
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.image_problems import image_problem
from rmt_rank.paper.experiments.trained import dynamics
from rmt_rank.paper.experiments.trained.dynamics import steps_of_the_rate, subsample_spectrum
from rmt_rank.paper.experiments.trained.dynamics_findings import dips

xarray = pytest.importorskip("xarray", reason="xarray is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("dynamics")


@pytest.fixture
def made(tiny):
    """Twelve repeats; nothing diverged, and numbers are jitter without ties or a trend."""
    dataset = tiny.isel(repeat=[0, 1] * 6).copy(deep=True)
    stream = np.random.default_rng(0)
    for name in (
        "gram_rank",
        "layer_rank",
        "initial_gram_rank",
        "final_gram_rank",
        "final_loss",
        "final_test_loss",
        "final_test_accuracy",
        "test_loss",
    ):
        shape = dataset[name].shape
        dataset[name] = (dataset[name].dims, stream.uniform(0, 0.01, shape))
    return dataset


def of(dataset, begin, end=""):
    """The verdict that all findings of that beginning and end share."""
    (found,) = {
        f.verdict
        for f in dynamics.verdict(dataset)
        if f.sentence.startswith(begin) and f.sentence.endswith(end)
    }
    return found


def test_a_tiny_run(tiny):
    assert tiny.epoch.values[[0, -1]].tolist() == [0, 120]
    assert not tiny.diverged.any()
    assert bool((tiny.final_loss < tiny.loss.isel(epoch=0)).all())
    # features are of 12 units, which may all die; layers' spectra have 8 of their values, in order
    assert bool((tiny.gram_rank.fillna(0) <= math.log(12)).all())
    assert bool((tiny.layer_values.diff("layer_value") <= 0).all())
    # variances of layers are those without over-parameterization: signals begin as large
    begin = (tiny.layer_values.sel(initialisation="pytorch", layer=2).isel(epoch=0) ** 2).sum(
        "layer_value"
    )
    ratio = begin.mean("repeat").sel(expansion=4) / begin.mean("repeat").sel(expansion=1)
    assert 0.3 < float(ratio.squeeze()) < 3


def test_training_is_momentum_with_two_steps_of_the_rate():
    """The same by hand."""
    settings = dynamics.EXPERIMENT.settings("tiny") | {"epochs": 12}
    cell = {"initialisation": "pytorch", "learning_rate": 0.05, "expansion": 4, "repeat": 0}
    seed = np.random.SeedSequence([0, 1])
    found = dynamics.EXPERIMENT.compute(settings, cell, seed)
    problem = image_problem("digits", 40, 40, shared_seed(seed, images=0))
    network = NonlinearNetwork((64, 12, 12, 12, 10), "relu", 4, criterion="cross-entropy")
    number = int(shared_seed(seed, weights=0).generate_state(1, np.uint64)[0])
    stream = np.random.default_rng(np.random.SFC64(number)).spawn(1)[0]
    w = initial_parameters(network, 1, stream, scale=math.sqrt(1 / 3))
    data, test = network.data(problem)
    velocity, losses = np.zeros_like(w), []
    assert steps_of_the_rate(12) == (6, 10)
    for epoch in range(12):
        loss, gradient = network.loss_and_gradient(w, data)
        losses.append(float(loss[0]))
        velocity = 0.9 * velocity + gradient
        w = w - (0.05 if epoch < 6 else 0.005 if epoch < 10 else 0.0005) * velocity
    losses.append(float(network.loss(w, data)[0]))
    assert found["epoch"][1].tolist() == list(range(13))
    np.testing.assert_allclose(found["loss"][1], losses, rtol=1e-9)
    np.testing.assert_allclose(found["test_loss"][1][-1], network.loss(w, test)[0], rtol=1e-9)
    s = np.linalg.svd(network.effective_weights(w)[1][0], compute_uv=False)
    expected = subsample_spectrum(s, settings["kept"])
    np.testing.assert_allclose(found["layer_values"][1][1, -1], expected, rtol=1e-6)


def test_a_network_that_diverges_ends_in_nan():
    settings = dynamics.EXPERIMENT.settings("tiny")
    cell = {"initialisation": "he", "learning_rate": 1e30, "expansion": 4, "repeat": 0}
    found = dynamics.EXPERIMENT.compute(settings, cell, np.random.SeedSequence([0, 1]))
    assert found["diverged"][1]
    assert np.isnan(found["gram_rank"][1][-1])
    assert np.isfinite(found["gram_rank"][1][0])
    assert len(found["loss"][1]) == len(found["epoch"][1])


def test_subsampled_spectrum():
    s = np.arange(64, 0, -1.0)
    kept = subsample_spectrum(s)
    assert kept.shape == (24,)
    assert kept[[0, -1]].tolist() == [64, 1]
    # even to within rounding: 63/23 between neighbours
    assert set((-np.diff(kept)).tolist()) == {2.0, 3.0}
    few = subsample_spectrum(np.ones((2, 5)), 7)
    np.testing.assert_array_equal(np.isnan(few), [[False] * 5 + [True] * 2] * 2)


@pytest.mark.parametrize(
    ("name", "begin", "sign"),
    [
        ("final_gram_rank", "The over-parameterized network learns features", -1),
        ("initial_gram_rank", "Already before training", -1),
        ("layer_rank", "The over-parameterized network's hidden layers", -1),
        ("final_test_loss", "The over-parameterized network overfits less", -1),
        ("final_test_accuracy", "The over-parameterized network generalises", 1),
        ("test_loss", "Its least held-out loss", -1),
    ],
)
def test_shifts(made, name, begin, sign):
    flat = made[name]
    made[name] = flat + sign * (made.expansion == 4)
    assert of(made, begin) is Verdict.SUPPORTED
    made[name] = flat - sign * (made.expansion == 4)
    assert of(made, begin) is Verdict.NOT_SUPPORTED
    both = xarray.where(made.initialisation == "he", 1, -1)
    made[name] = flat + both * (made.expansion == 4)
    assert of(made, begin) is Verdict.IN_PART
    # two of twelve pairs without a difference are too many
    made[name] = (flat + sign * (made.expansion == 4)).where(made.repeat > 1)
    assert of(made, begin) is Verdict.UNDECIDED


def test_the_least_loss_is_that_of_any_epoch(made):
    # half way the over-parameterized network is better, and at the end far worse
    late = made.epoch > 60
    made["test_loss"] = made.test_loss + 1 + (made.expansion == 4) * xarray.where(late, 9, -0.5)
    assert of(made, "Its least held-out loss") is Verdict.SUPPORTED


def test_overfitting_is_the_gap(made):
    # both losses larger by as much: no difference
    for name in ("final_loss", "final_test_loss"):
        made[name] = made[name] + (made.expansion == 4)
    assert of(made, "The over-parameterized network overfits less") is Verdict.UNDECIDED


def test_dips():
    falls, rises = dips([[3, 1, 2], [1, 2, 3], [3, 2, 1], [1, np.nan, 2]])
    np.testing.assert_array_equal(falls, [2, 0, 2, np.nan])
    np.testing.assert_array_equal(rises, [1, 2, 0, np.nan])


@pytest.mark.parametrize("name", ["gram_rank", "layer_rank"])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (lambda t: abs(t - 0.5), Verdict.SUPPORTED),
        (lambda t: -t, Verdict.NOT_SUPPORTED),
        (lambda t: t, Verdict.NOT_SUPPORTED),
        # within the margin of 0.05
        (lambda t: 0.05 * abs(t - 0.5), Verdict.NOT_SUPPORTED),
    ],
)
def test_falls_then_rises(made, name, shape, expected):
    what = {"gram_rank": "the features", "layer_rank": "the last hidden layer's weight"}[name]
    made[name] = made[name] + shape(made.epoch / made.epoch[-1])
    assert of(made, f"The rank of {what} first falls") is expected


def test_half_of_the_repeats_decide_nothing(made):
    dip = abs(made.epoch / made.epoch[-1] - 0.5)
    half = xarray.DataArray(np.arange(12) % 2, dims="repeat")
    made["gram_rank"] = made.gram_rank + dip * half
    assert of(made, "The rank of the features first falls") is Verdict.UNDECIDED
