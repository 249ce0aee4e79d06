"""Nonlinear networks: forward map, losses, gradients and features."""

import pickle
from itertools import pairwise

import numpy as np
import pytest

from rmt_rank import gram_effective_rank
from rmt_rank._lib.activations import ACTIVATIONS, Activation, sine
from rmt_rank._lib.array import to_numpy
from rmt_rank.networks import nonlinear as module
from rmt_rank.networks.initialisation import initial_parameters
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.networks.objective import Objective
from rmt_rank.networks.problem import LeastSquaresProblem

EPS = np.finfo(float).eps
WIDTHS = (5, 8, 3, 6, 4)

ALL = [*ACTIVATIONS.values(), sine(30)]
NETWORKS = [
    *(pytest.param(NonlinearNetwork(WIDTHS, phi), id=phi.name) for phi in ALL),
    *(
        pytest.param(NonlinearNetwork(WIDTHS, phi, 3, criterion="cross-entropy"), id=f"3 {phi}")
        for phi in ("relu", "tanh", "gelu")
    ),
    pytest.param(NonlinearNetwork((5, 6, 4), "relu", 2), id="2 relu"),
    pytest.param(NonlinearNetwork((5, 4), "tanh"), id="depth 1"),
    pytest.param(NonlinearNetwork((5, 4), "tanh", 4), id="depth 1, 4 weights"),
]


def drawn(network, examples=11, seed=5):
    stream = np.random.default_rng(seed)
    x = stream.standard_normal((examples, network.widths[0])) + 0.5
    y = stream.standard_normal((examples, network.widths[-1]))
    if network.criterion == "cross-entropy":
        y = np.exp(y)
        y /= y.sum(axis=1, keepdims=True)
    return LeastSquaresProblem(x, y)


def points(network, count=3, seed=6):
    # factors of entries of variance 1/fan-in, so that no layer saturates
    return initial_parameters(network, count, np.random.default_rng(seed))


def tolerance(network):
    """Bound of relative errors, of gradients relative to the largest.

    A product of matrices sums at most 11 numbers, each rounded: 30 eps or less with the functions,
    for each of up to 12 weights, there and back: 1000 eps.  An activation of slope s multiplies
    the errors before it by s.
    """
    slope = 30 if network.activation.name == "sine(30)" else np.sqrt(2)
    return 1000 * EPS * slope ** (network.depth - 1)


def by_autograd(network, problem, parameters):
    """Activations of every layer, loss and gradient of one network, by PyTorch."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    functions = {
        "identity": lambda a: a,
        "relu": torch.relu,
        "tanh": torch.tanh,
        "gelu": torch.nn.functional.gelu,
        "erf": torch.erf,
        "sine": torch.sin,
        "sine(30)": lambda a: torch.sin(30 * a),
    }
    theta = torch.tensor(parameters, requires_grad=True)
    h, y = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    start, layers = 0, []
    for i, (columns, rows) in enumerate(pairwise(network.widths), 1):
        for j in range(1, network.expansion + 1):
            shape = (rows if j == network.expansion else columns, columns)
            w = theta[start : start + shape[0] * shape[1]].reshape(shape)
            start += shape[0] * shape[1]
            h = h @ w.T
        if i < network.depth:
            h = functions[network.activation.name](h)
        layers.append(h.detach().numpy())
    if network.criterion == "squared":
        loss = ((h - y) ** 2).sum() / (2 * len(y))
    else:
        loss = torch.nn.functional.cross_entropy(h, y)
    loss.backward()
    return layers, loss.item(), theta.grad.numpy()


@pytest.mark.parametrize("network", NETWORKS)
def test_loss_gradient_and_features_by_autograd(network):
    problem, parameters = drawn(network), points(network)
    data, _ = network.data(problem)
    loss, gradient = network.loss_and_gradient(parameters, data)
    rtol = tolerance(network)
    for i, theta in enumerate(parameters):
        layers, their_loss, their_gradient = by_autograd(network, problem, theta)
        assert loss[i] == pytest.approx(their_loss, rel=rtol)
        np.testing.assert_allclose(
            gradient[i], their_gradient, rtol=0, atol=rtol * np.abs(their_gradient).max()
        )
        for layer, values in enumerate(layers, 1):
            mine = network.features(parameters, problem.inputs, layer)[i]
            np.testing.assert_allclose(mine, values, rtol=0, atol=rtol * np.abs(values).max())
        np.testing.assert_allclose(
            network.forward(theta, data).T, layers[-1], rtol=0, atol=rtol * np.abs(layers[-1]).max()
        )
    np.testing.assert_allclose(network.loss(parameters, data), loss, rtol=rtol)


@pytest.mark.parametrize("network", NETWORKS)
def test_gradient_by_finite_differences(network):
    problem, parameters = drawn(network), points(network)
    data, _ = network.data(problem)
    _, gradient = network.loss_and_gradient(parameters, data)
    direction = np.random.default_rng(7).standard_normal(network.size)
    direction /= np.linalg.norm(direction)

    def along(t):
        return network.loss(parameters + t * direction, data)

    def difference(h):
        return (along(h) - along(-h)) / (2 * h)

    # Richardson's extrapolation: its error is of fourth order, below the change of a plain
    # difference by its own second order; rounding adds eps loss/h
    h = 2e-6 if network.activation.name == "sine(30)" else 1e-4
    if network.activation.kinks:
        for layer in range(1, network.depth):
            signs = [
                network.features(parameters + t * direction, problem.inputs, layer) > 0
                for t in (-2 * h, 2 * h)
            ]
            assert np.array_equal(*signs)  # no kink in between
    found = (4 * difference(h) - difference(2 * h)) / 3
    rounding = tolerance(network) * along(0.0) / h
    slack = np.abs(difference(2 * h) - difference(h)) / 10 + rounding
    assert np.all(np.abs(found - gradient @ direction) < slack)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("numbers", [1, 200])
def test_blocks_and_neighbours_do_not_matter(network, numbers, monkeypatch):
    problem, parameters = drawn(network), points(network, 5)
    data, _ = network.data(problem)
    loss, gradient = network.loss_and_gradient(parameters, data)
    features = network.features(parameters, problem.inputs)
    for i in range(len(parameters)):
        alone = network.loss_and_gradient(parameters[i : i + 1], data)
        np.testing.assert_array_equal(loss[i], alone[0][0])
        np.testing.assert_array_equal(gradient[i], alone[1][0])
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", numbers)
    assert len(list(network._blocks(parameters, 11))) > 1
    np.testing.assert_array_equal(network.loss_and_gradient(parameters, data)[1], gradient)
    np.testing.assert_array_equal(network.loss(parameters, data), loss)
    np.testing.assert_array_equal(network.features(parameters, problem.inputs), features)


@pytest.mark.parametrize(
    "other", ["array_api_strict", "torch", pytest.param("cupy", marks=pytest.mark.gpu)]
)
@pytest.mark.parametrize("network", NETWORKS)
def test_other_array_libraries(network, library, other):
    xp = library(other)
    problem, parameters = drawn(network), points(network)
    data, _ = network.data(problem)
    moved, theirs = data.to(xp, xp.float64), xp.asarray(parameters)
    loss, gradient = network.loss_and_gradient(parameters, data)
    their_loss, their_gradient = network.loss_and_gradient(theirs, moved)
    rtol = tolerance(network)
    np.testing.assert_allclose(to_numpy(their_loss), loss, rtol=rtol)
    np.testing.assert_allclose(to_numpy(network.loss(theirs, moved)), loss, rtol=rtol)
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(to_numpy(their_gradient), gradient, rtol=0, atol=rtol * scale)
    features = network.features(parameters, problem.inputs)
    np.testing.assert_allclose(
        to_numpy(network.features(theirs, xp.asarray(problem.inputs))),
        features,
        rtol=0,
        atol=rtol * np.abs(features).max(),
    )
    np.testing.assert_array_equal(
        to_numpy(network.accuracy(theirs, moved)), network.accuracy(parameters, data)
    )


# --- identities -----------------------------------------------------------------------------------


def test_without_an_activation_it_is_a_linear_network():
    network, linear = NonlinearNetwork(WIDTHS, "identity"), LinearNetwork(WIDTHS)
    problem, parameters = drawn(network), points(network)
    mine = network.loss_and_gradient(parameters, problem.whole)
    theirs = linear.loss_and_gradient(parameters, problem.reduced)
    np.testing.assert_allclose(mine[0], theirs[0], rtol=tolerance(network))
    scale = np.abs(theirs[1]).max()
    np.testing.assert_allclose(mine[1], theirs[1], rtol=0, atol=tolerance(network) * scale)


@pytest.mark.parametrize("expansion", [1, 3])
def test_homogeneous_networks_have_balanced_gradients(expansion):
    # scaling a weight by 1 + t and another by 1/(1 + t) leaves ReLU networks as they are, so that
    # <W_i, dL/dW_i> is the same for all weights
    network = NonlinearNetwork(WIDTHS, "relu", expansion, criterion="cross-entropy")
    parameters = points(network)
    _, gradient = network.loss_and_gradient(parameters, drawn(network).whole)
    pairs = zip(network.weights(parameters), network.weights(gradient), strict=True)
    products = np.array([np.sum(w * g, axis=(-2, -1)) for w, g in pairs])
    scale = np.linalg.norm(parameters) * np.linalg.norm(gradient)
    np.testing.assert_allclose(products - products[0], 0, atol=tolerance(network) * scale)
    assert np.abs(products).max() > 1e-3 * scale


@pytest.mark.parametrize("expansion", [2, 4])
def test_an_expanded_network_is_the_one_of_its_products(expansion):
    expanded = NonlinearNetwork(WIDTHS, "gelu", expansion)
    short = NonlinearNetwork(WIDTHS, "gelu")
    parameters = points(expanded)
    data = drawn(short).whole
    products = expanded.effective_weights(parameters)
    # Appendix B: weights between are square, of the width before the layer
    inner = [w.shape[1:] for w in expanded.weights(parameters)]
    layers = zip(pairwise(WIDTHS), inner[expansion - 1 :: expansion], strict=True)
    assert all(shape == (rows, columns) for (columns, rows), shape in layers)
    assert inner[:expansion] == [(5, 5)] * (expansion - 1) + [(8, 5)]
    np.testing.assert_array_equal(
        expanded.loss(parameters, data), short.loss(short.parameters(products), data)
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_weights_and_parameters(network):
    parameters = points(network)
    weights = network.weights(parameters)
    assert [w.shape[1:] for w in weights] == list(network.shapes)
    np.testing.assert_array_equal(network.parameters(weights), parameters)


@pytest.mark.parametrize("network", NETWORKS)
def test_objective(network):
    problem, parameters = drawn(network), points(network)
    objective = Objective(network, network.data(problem)[0])
    expected = network.loss_and_gradient(parameters, problem.whole)
    rates = np.array([[0.5], [1.0], [2.0]])
    for scale in (None, rates):
        loss, gradient = objective(parameters, scale)
        np.testing.assert_array_equal(loss, expected[0])
        np.testing.assert_array_equal(gradient, expected[1] * (1 if scale is None else rates))
    np.testing.assert_array_equal(objective.gradient(parameters), expected[1])


def test_features_give_the_gram_matrices():
    network = NonlinearNetwork((5, 7, 6, 3), "tanh")
    parameters = points(network, 4)
    x = np.random.default_rng(0).standard_normal((20, 5))
    features = network.features(parameters, x)
    assert features.shape == (4, 20, 6)
    np.testing.assert_array_equal(features, network.features(parameters, x, layer=2))
    assert gram_effective_rank(features).shape == (4,)
    one = network.features(parameters[1], x)
    np.testing.assert_array_equal(one, features[1])
    # no hidden layer: the outputs
    shallow = NonlinearNetwork((5, 3))
    w = points(shallow)
    outputs = shallow.features(w, x)
    np.testing.assert_allclose(outputs, x @ np.swapaxes(shallow.weights(w)[0], 1, 2), atol=1e-14)


# --- criteria -------------------------------------------------------------------------------------


def test_cross_entropy_of_large_outputs():
    # log(1 + exp(-t)) for two outputs that differ by t, far beyond where exp overflows
    network = NonlinearNetwork((1, 2), criterion="cross-entropy")
    problem = LeastSquaresProblem([[1.0]], [[1.0, 0.0]])
    t = np.array([0.0, 1.0, 40.0, 1e4, -1e4])
    parameters = np.stack([t, np.zeros(5)], axis=1) + 3e5
    loss, gradient = network.loss_and_gradient(parameters, network.data(problem)[0])
    expected = np.logaddexp(0, -t)
    # log(1 + x) is known to eps alone
    np.testing.assert_allclose(loss, expected, rtol=4 * EPS, atol=4 * EPS)
    np.testing.assert_allclose(gradient[:, 0], -np.exp(-np.logaddexp(0, t)), atol=4 * EPS)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=4 * EPS)


def test_accuracy():
    network = NonlinearNetwork((3, 3), criterion="cross-entropy")
    problem = LeastSquaresProblem(np.eye(3), np.eye(3))
    cycle = np.roll(np.eye(3), 1, axis=0)
    parameters = network.parameters([np.stack([np.eye(3), cycle, np.eye(3)[[0, 2, 1]]])])
    data, _ = network.data(problem)
    np.testing.assert_allclose(network.accuracy(parameters, data), [1, 0, 1 / 3], rtol=EPS)


@pytest.mark.parametrize(
    "targets", [[[1.0, 1.0]], [[0.5, 0.4]], [[1.5, -0.5]], [[1.0, 0.0], [0.0, 0.0]]]
)
def test_targets_must_be_probabilities(targets):
    network = NonlinearNetwork((2, 2), criterion="cross-entropy")
    bad = LeastSquaresProblem(np.ones((len(targets), 2)), targets)
    with pytest.raises(ValueError, match="targets must be probabilities that sum to 1 over"):
        network.data(bad)
    NonlinearNetwork((2, 2)).data(bad)
    good = np.ones((1, 2)), [[0.3, 0.7]]
    with pytest.raises(ValueError, match="test_targets must be probabilities"):
        network.data(LeastSquaresProblem(*good, bad.inputs, bad.targets))
    network.data(LeastSquaresProblem(*good, *good))


# --- initial weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("initialisation", ["normal", "uniform", "orthogonal"])
@pytest.mark.parametrize("expansion", [1, 4])
def test_scale_is_that_of_a_layer(expansion, initialisation):
    # |E x|^2 has mean 2 |x|^2 for scale sqrt(2) and square weights, whatever the number of factors
    network = NonlinearNetwork((6, 6), "relu", expansion)
    stream = np.random.default_rng(0)
    options = {"initialisation": initialisation, "scale": np.sqrt(2)}
    drawn = initial_parameters(network, 4000, stream, **options)
    squares = np.sum(network.effective_weights(drawn)[0][:, :, 0] ** 2, axis=1)
    # six standard errors, measured: below 1e-6 for a mean of 4000 numbers with a few moments
    assert abs(squares.mean() - 2) < 6 * squares.std() / np.sqrt(4000) + 1e-12


def test_balanced_is_for_linear_networks():
    with pytest.raises(ValueError, match="'balanced' splits the weight that a linear network is"):
        initial_parameters(
            NonlinearNetwork((4, 4)), 1, np.random.default_rng(0), initialisation="balanced"
        )


# --- bad input ------------------------------------------------------------------------------------


def smooth(x):
    return x / (1 + x * x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"widths": (5,)}, ValueError, r"widths must have at least 2 entries, got \(5,\)"),
        ({"widths": (5, 2.0)}, TypeError, "widths must be an integer >= 1, got 2.0"),
        ({"activation": "relux"}, ValueError, "activation must be one of 'identity', 'relu'"),
        ({"activation": 3}, TypeError, "activation must be a name or a function on arrays"),
        ({"activation": np.sum}, TypeError, "activation 'sum' must give real arrays"),
        ({"expansion": 0}, ValueError, "expansion must be an integer >= 1, got 0"),
        ({"expansion": 1.5}, TypeError, "expansion must be an integer >= 1, got 1.5"),
        ({"criterion": "hinge"}, ValueError, "criterion must be one of 'squared', 'cross-entropy'"),
    ],
)
def test_bad_shapes(arguments, error, message):
    with pytest.raises(error, match=message):
        NonlinearNetwork(**({"widths": (5, 4)} | arguments))


@pytest.mark.parametrize(
    ("inputs", "layer", "error", "message"),
    [
        (np.ones((3, 5)), 0, ValueError, "layer must be an integer >= 1, got 0"),
        (np.ones((3, 5)), 5, ValueError, "layer must be from 1 to the depth, 4, got 5"),
        (np.ones((3, 5)), 1.0, TypeError, "layer must be an integer >= 1, got 1.0"),
        (np.ones((3, 4)), None, ValueError, r"inputs must have the shape \(examples, 5\), got \(3"),
        (np.ones(5), None, ValueError, r"inputs must have the shape \(examples, 5\), got \(5,\)"),
    ],
)
def test_bad_layers_and_inputs(inputs, layer, error, message):
    network = NonlinearNetwork(WIDTHS)
    with pytest.raises(error, match=message):
        network.features(points(network), inputs, layer)


def test_functions_of_a_users_own():
    network = NonlinearNetwork((5, 8, 4), smooth)
    parameters, data = points(network), drawn(network).whole
    assert np.isfinite(network.loss(parameters, data)).all()
    with pytest.raises(ValueError, match="activation 'smooth' has no derivative, which gradients"):
        network.loss_and_gradient(parameters, data)
    phi = Activation("smooth", smooth, lambda x: (1 - x * x) / (1 + x * x) ** 2, odd=True)
    with_slope = NonlinearNetwork((5, 8, 4), phi)
    direction = np.random.default_rng(0).standard_normal(network.size)
    _, gradient = with_slope.loss_and_gradient(parameters, data)
    ahead, behind = (network.loss(parameters + t * direction, data) for t in (1e-5, -1e-5))
    # second order in 1e-5, third derivatives along the direction of order |direction|^3 = 600
    np.testing.assert_allclose((ahead - behind) / 2e-5, gradient @ direction, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_pickled_and_shown(network):
    again = pickle.loads(pickle.dumps(network))
    assert again == network
    assert again.activation is network.activation
    assert "0x" not in repr(network)


def test_weights_and_problems_instead_of_parameters_and_data_are_refused():
    network = NonlinearNetwork(WIDTHS, "tanh")
    problem = drawn(network)
    parameters = points(network)
    training, held_out = network.data(problem)
    assert held_out is None
    assert network.accuracy(parameters, training).shape == (3,)
    for method in (network.loss, network.accuracy):
        for wrong in (problem, (training, held_out)):
            with pytest.raises(TypeError, match="data must be one of `training, held_out"):
                method(parameters, wrong)
    for method, data in (
        (network.features, problem.inputs),
        (network.loss, training),
        (network.accuracy, training),
    ):
        with pytest.raises(TypeError, match=r"parameters must be an array \(\.\.\., 106\).* list"):
            method(network.weights(parameters), data)
        with pytest.raises(ValueError, match=r"such as a result's .* got the shape \(3, 8, 5\)"):
            method(network.weights(parameters)[0], data)
