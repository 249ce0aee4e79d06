"""Training nonlinear networks: every optimizer, recording, saving, resuming."""

import pickle

import numpy as np
import pytest

from rmt_rank import gram_effective_rank
from rmt_rank.networks import learning_rate_search, train
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem
from rmt_rank.training.ledger import Status
from rmt_rank.training.optimizers import OPTIMIZERS
from rmt_rank.training.result import TrainingResult

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

EPS = np.finfo(float).eps
NETWORK = NonlinearNetwork((4, 16, 16, 3), "tanh")
CLASSES = NonlinearNetwork((4, 16, 16, 3), "relu", 2, criterion="cross-entropy")


def drawn(examples=12, seed=0):
    """Three clouds around corners, one class each, and held-out ones."""
    stream = np.random.default_rng(seed)
    labels = np.arange(2 * examples) % 3
    x = 2 * np.eye(4)[labels] + stream.standard_normal((2 * examples, 4)) / 2
    y = np.eye(3)[labels]
    return LeastSquaresProblem(x[:examples], y[:examples], x[examples:], y[examples:])


PROBLEM = drawn()


def values(result, name):
    return result.arrays[name][1]


@pytest.mark.parametrize("network", [NETWORK, CLASSES], ids=["squared", "cross-entropy"])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_lowers_the_loss(name, network):
    # draws of random search are not steps: it finds little, but something
    steps = {"random_search": 500, "cma_es": 400, "adam": 2000}.get(name, 300)
    result = train(PROBLEM, network, optimizer=name, seeds=2, steps=steps, tolerance=1e-3, rng=1)
    first, last = values(result, "initial_loss"), values(result, "final_loss")
    assert (last < first * (0.95 if name == "random_search" else 0.6)).all()
    assert not result.interrupted


@pytest.mark.parametrize("network", [NETWORK, CLASSES], ids=["squared", "cross-entropy"])
def test_gradient_descent_is_torchs(network):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    result = train(PROBLEM, network, learning_rate=0.1, steps=20, tolerance=0, rng=1)
    weights = [torch.tensor(w[0, 0], requires_grad=True) for w in result.initial_weights]
    x, y = torch.tensor(PROBLEM.inputs), torch.tensor(PROBLEM.targets)
    for _ in range(20):
        h = x
        for i, w in enumerate(weights, 1):
            h = h @ w.T
            if i % network.expansion == 0 and i < len(weights):
                h = torch.tanh(h) if network is NETWORK else torch.relu(h)
        if network is NETWORK:
            loss = ((h - y) ** 2).sum() / (2 * len(x))
        else:
            loss = torch.nn.functional.cross_entropy(h, y)
        for w, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            w.data -= 0.1 * gradient
    for mine, theirs in zip(result.weights, weights, strict=True):
        # 20 steps of 1000 eps each of gradients of order 1, as in tests/networks; where the loss
        # curves down by c they grow by (1 + 0.1 c) a step: below 100 in all for c < 2.5
        np.testing.assert_allclose(mine[0, 0], theirs.detach(), rtol=0, atol=20 * 1e5 * EPS)


@pytest.mark.parametrize("network", [NETWORK, CLASSES], ids=["squared", "cross-entropy"])
def test_recorded_numbers_are_those_of_the_weights(network):
    result = train(PROBLEM, network, seeds=2, steps=40, record=[0, 40], layers=True, rng=1)
    assert "singular_values" not in result.arrays
    assert "effective_rank" not in result.arrays
    initial = values(result, "initial_parameters")[0]
    for place, parameters in ((0, initial), (1, result.state[0])):
        close = {"rtol": 1e-10, "atol": 1e-14}
        data, test = network.data(PROBLEM)
        for name, expected in (
            ("loss", network.loss(parameters, data)),
            ("test_loss", network.loss(parameters, test)),
            # held-out examples, last hidden layer
            (
                "gram_effective_rank",
                gram_effective_rank(network.features(parameters, PROBLEM.test_inputs), stack=True),
            ),
        ):
            np.testing.assert_allclose(values(result, name)[0, :, place], expected, **close)
        for i, w in enumerate(network.effective_weights(parameters), 1):
            s = np.linalg.svd(w, compute_uv=False)
            recorded = values(result, f"layer_{i}_singular_values")[0, :, place]
            np.testing.assert_allclose(recorded, s, rtol=0, atol=1000 * EPS * s.max())
        if network is CLASSES:
            accuracy = network.accuracy(parameters, data), network.accuracy(parameters, test)
            np.testing.assert_array_equal(values(result, "accuracy")[0, :, place], accuracy[0])
            np.testing.assert_array_equal(values(result, "test_accuracy")[0, :, place], accuracy[1])
    assert ("accuracy" in result.arrays) == (network is CLASSES)
    assert values(result, "gram_values").shape == (1, 2, 2, 12)
    assert result.settings["activation"] == network.activation.name
    assert result.settings["expansion"] == network.expansion
    assert result.settings["criterion"] == network.criterion
    assert result.dataset.gram_effective_rank.dims == ("learning_rate", "seed", "step")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("network", [NETWORK, CLASSES], ids=["squared", "cross-entropy"])
def test_a_network_that_diverges_leaves_the_others_unchanged(network, dtype):
    # cross-entropy may survive a large rate; 1e30 it does not
    rates = [0.02, 1e30, 0.01]
    options = {"seeds": 2, "steps": 60, "tolerance": 0, "rng": 1, "dtype": dtype}
    both = train(PROBLEM, network, learning_rate=rates, layers=True, **options)
    assert (values(both, "status")[1] == Status.DIVERGED).all()
    assert np.isnan(values(both, "final_gram_effective_rank")[1]).all()
    alone = train(PROBLEM, network, learning_rate=[rates[0], rates[2]], **options)
    for name in ("loss", "gram_values", "final_loss"):
        np.testing.assert_array_equal(values(both, name)[[0, 2]], values(alone, name))
    np.testing.assert_array_equal(both.state[0][[0, 1, 4, 5]], alone.state[0])


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_saved_loaded_and_resumed(name, tmp_path):
    options = {"optimizer": name, "learning_rate": [0.005, 0.01], "seeds": 2, "tolerance": 0}
    whole = train(PROBLEM, CLASSES, steps=50, record=[0, 50], rng=1, **options)
    train(PROBLEM, CLASSES, steps=20, record=[0], rng=1, **options).save(tmp_path / "part.npz")
    part = TrainingResult.load(tmp_path / "part.npz")
    assert part.network == CLASSES
    rest = train(PROBLEM, part.network, steps=30, record=[50], start=part, rng=1, **options)
    np.testing.assert_array_equal(rest.state[0], whole.state[0])
    np.testing.assert_array_equal(values(rest, "test_loss"), values(whole, "test_loss"))


def test_an_activation_without_a_name_is_not_saved(tmp_path):
    network = NonlinearNetwork((4, 3, 3), np.arctan)
    result = train(PROBLEM, network, optimizer="cma_es", steps=2, rng=1)
    with pytest.raises(ValueError, match=r"activation must be one with a name .* got 'arctan'"):
        result.save(tmp_path / "run.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("other", ["array_api_strict", "torch"])
@pytest.mark.parametrize("network", [NETWORK, CLASSES], ids=["squared", "cross-entropy"])
def test_other_array_libraries(library, network, other):
    options = {"seeds": 2, "steps": 12, "tolerance": 0, "rng": 1, "layers": True}
    mine = train(PROBLEM, network, **options)
    theirs = train(PROBLEM, network, xp=library(other), **options)
    for name in ("loss", "gram_effective_rank", "layer_2_singular_values"):
        # 12 steps of 1000 eps
        np.testing.assert_allclose(values(theirs, name), values(mine, name), rtol=1e-10)


def test_learning_rate_search():
    found = learning_rate_search(PROBLEM, CLASSES, [0.1, 1e30], steps=20, seeds=2)
    assert found.best == 0.1
    np.testing.assert_array_equal(found.diverged, [0, 2])


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (NonlinearNetwork((5, 3)), {}, "network must have 4 inputs and 3 outputs, got the widths"),
        (NonlinearNetwork((4, 3, 3), np.arctan), {}, "activation 'arctan' has no derivative"),
        (NETWORK, {"initialisation": "balanced"}, "'balanced' splits the weight that a linear"),
        (CLASSES, {"problem": LeastSquaresProblem(np.eye(4), np.ones((4, 3)))}, "targets must be"),
    ],
)
def test_bad_input_before_any_work(network, options, message, monkeypatch):
    def work(*_):
        raise AssertionError("work was done")

    monkeypatch.setattr("rmt_rank.training.loop.Ledger", work)
    with pytest.raises(ValueError, match=message):
        train(**({"problem": PROBLEM, "network": network} | options))


@pytest.mark.parametrize("network", [NETWORK, CLASSES], ids=["squared", "cross-entropy"])
def test_results_are_pickled_and_go_into_the_networks_methods(network):
    result = train(PROBLEM, network, learning_rate=[0.05, 0.1], seeds=3, steps=5, rng=1)
    again = pickle.loads(pickle.dumps(result))
    assert again.network == network
    training, held_out = network.data(PROBLEM)
    assert result.parameters.shape == (2, 3, network.size)
    # sums over 12 examples and 3 outputs of numbers that are the same, in another order at most
    for data, prefix in ((training, "final_"), (held_out, "final_test_")):
        np.testing.assert_allclose(
            network.loss(again.parameters, data), values(result, prefix + "loss"), rtol=1e3 * EPS
        )
    features = network.features(again.parameters, PROBLEM.test_inputs)
    assert features.shape == (2, 3, 12, 16)
    np.testing.assert_allclose(
        gram_effective_rank(features, stack=True),
        values(result, "final_gram_effective_rank"),
        rtol=1e-9,
    )
