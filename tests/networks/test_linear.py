"""Linear networks: forward map, losses and gradients."""

import numpy as np
import pytest

from rmt_rank._lib.array import to_numpy
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.objective import Objective
from rmt_rank.networks.problem import LeastSquaresProblem, squared_error

EPS = np.finfo(float).eps

NETWORKS = [
    pytest.param(LinearNetwork(widths, skip, batch_norm), id=name)
    for name, widths, skip, batch_norm in (
        ("depth 1", (5, 4), 0, False),
        ("plain", (5, 5, 5, 5), 0, False),
        ("unequal", (5, 8, 3, 4), 0, False),
        ("residual", (5, 5, 5, 5), 1, False),
        ("skip 2", (5, 5, 5, 5, 5), 2, False),
        ("skip 3", (5, 5, 5, 5, 5, 5, 5), 3, False),
        ("batch norm", (5, 6, 4), 0, True),
        ("residual, batch norm", (5, 5, 5, 5), 1, True),
        ("skip 2, batch norm", (5, 5, 5, 5, 5), 2, True),
    )
]


@pytest.fixture(params=[3, 11], ids=["3 examples", "11 examples"])
def problem_of(request):
    def make(network):
        stream = np.random.default_rng(5)
        # a mean of the inputs that batch normalisation has to see
        x = stream.standard_normal((request.param, network.widths[0])) + 0.5
        y = stream.standard_normal((request.param, network.widths[-1]))
        return LeastSquaresProblem(x, y)

    return make


def points(network, count=3, seed=6):
    stream = np.random.default_rng(seed)
    return stream.standard_normal((count, network.size)) / 2


def by_autograd(network, problem, parameters):
    """Outputs on all examples, loss and gradient of one network, by PyTorch."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theta = torch.tensor(parameters, requires_grad=True)
    x, y = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    start, affine = 0, sum(m * n for m, n in network.shapes)
    h = x
    for i, (rows, columns) in enumerate(network.shapes):
        if network.skip and i % network.skip == 0:
            kept = h
        w = theta[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
        h = h @ w.T
        if network.batch_norm:
            gamma, beta = theta[affine : affine + rows], theta[affine + rows : affine + 2 * rows]
            affine += 2 * rows
            h = torch.nn.functional.batch_norm(h, None, None, gamma, beta, training=True)
        if network.skip and (i + 1) % network.skip == 0:
            h = h + kept
    loss = ((h - y) ** 2).sum() / (2 * len(x))
    loss.backward()
    return h.detach().numpy(), loss.item(), theta.grad.numpy()


@pytest.mark.parametrize("network", NETWORKS)
def test_loss_and_gradient_by_autograd(network, problem_of):
    problem, parameters = problem_of(network), points(network)
    loss, gradient = network.loss_and_gradient(parameters, problem.reduced)
    for i, theta in enumerate(parameters):
        _, their_loss, their_gradient = by_autograd(network, problem, theta)
        # two orders of summation: eps, times at most 20 operations per layer and a reduced basis
        # whose error is of that size; batch normalisation divides by deviations as small as .05
        # of the values here, in every layer
        tolerance = 1000 * EPS * (20**2 if network.batch_norm else 1)
        assert loss[i] == pytest.approx(their_loss, rel=tolerance)
        scale = np.abs(their_gradient).max()
        np.testing.assert_allclose(gradient[i], their_gradient, atol=tolerance * scale)


@pytest.mark.parametrize("network", NETWORKS)
def test_gradient_by_finite_differences(network, problem_of):
    problem, parameters = problem_of(network), points(network)
    _, gradient = network.loss_and_gradient(parameters, problem.reduced)
    direction = np.random.default_rng(7).standard_normal(network.size)
    direction /= np.linalg.norm(direction)

    def along(t):
        return network.loss(parameters + t * direction, problem.reduced)

    def difference(h):
        return (along(h) - along(-h)) / (2 * h)

    # Richardson's extrapolation: its error is of fourth order, below the change of a plain
    # difference by its own second order, h^2/h0^2; rounding adds eps loss/h
    h = 1e-4
    found = (4 * difference(h) - difference(2 * h)) / 3
    slack = np.abs(difference(2 * h) - difference(h)) / 10 + 100 * EPS * along(0.0) / h
    assert np.all(np.abs(found - gradient @ direction) < slack)


@pytest.mark.parametrize("network", NETWORKS)
def test_effective_map_is_the_forward_map(network, problem_of):
    problem, parameters = problem_of(network), points(network)
    weight, bias = network.effective(parameters, problem.reduced)
    assert (bias is None) == (not network.batch_norm)
    outputs = problem.inputs @ np.swapaxes(weight, -1, -2)
    if bias is not None:
        outputs = outputs + bias[:, np.newaxis]
    for i, theta in enumerate(parameters):
        theirs, _, _ = by_autograd(network, problem, theta)
        tolerance = 1000 * EPS * (20**2 if network.batch_norm else 1) * np.abs(theirs).max()
        np.testing.assert_allclose(outputs[i], theirs, atol=tolerance)
    np.testing.assert_allclose(
        squared_error(weight, bias, problem.reduced),
        network.loss(parameters, problem.reduced),
        rtol=1000 * EPS * (20**2 if network.batch_norm else 1),
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_a_batch_is_its_networks_one_at_a_time(network, problem_of):
    problem, parameters = problem_of(network), points(network)
    loss, gradient = network.loss_and_gradient(parameters, problem.reduced)
    for i in range(len(parameters)):
        alone = network.loss_and_gradient(parameters[i : i + 1], problem.reduced)
        np.testing.assert_array_equal(loss[i], alone[0][0])
        np.testing.assert_array_equal(gradient[i], alone[1][0])


@pytest.mark.parametrize("network", NETWORKS)
def test_test_data_do_not_move_the_statistics(network, problem_of):
    problem, parameters = problem_of(network), points(network)
    same = network.test_loss(parameters, problem.reduced, problem.reduced)
    np.testing.assert_allclose(same, network.loss(parameters, problem.reduced), rtol=1e-9)


@pytest.mark.parametrize(
    "other", ["array_api_strict", "torch", pytest.param("cupy", marks=pytest.mark.gpu)]
)
@pytest.mark.parametrize("network", NETWORKS)
def test_other_array_libraries(network, problem_of, library, other):
    xp = library(other)
    problem, parameters = problem_of(network), points(network)
    loss, gradient = network.loss_and_gradient(parameters, problem.reduced)
    theirs = network.loss_and_gradient(xp.asarray(parameters), problem.reduced.to(xp, xp.float64))
    tolerance = 1000 * EPS * (20**2 if network.batch_norm else 1)
    np.testing.assert_allclose(to_numpy(theirs[0]), loss, rtol=tolerance)
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(to_numpy(theirs[1]), gradient, atol=tolerance * scale)
    moved = problem.reduced.to(xp, xp.float64)
    effective = network.effective(xp.asarray(parameters), moved)[0]
    mine = network.effective(parameters, problem.reduced)[0]
    np.testing.assert_allclose(to_numpy(effective), mine, atol=tolerance * np.abs(mine).max())
    np.testing.assert_allclose(
        to_numpy(network.test_loss(xp.asarray(parameters), moved, moved)), loss, rtol=1e-9
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_objective(network, problem_of):
    problem = problem_of(network)
    objective = Objective(network, problem.reduced)
    parameters = points(network)
    tolerance = 1000 * EPS * (20**2 if network.batch_norm else 1)

    def check():
        loss, gradient = objective(parameters)
        loss, gradient = np.array(loss), np.array(gradient)
        expected = network.loss_and_gradient(parameters, problem.reduced)
        np.testing.assert_allclose(loss, expected[0], rtol=tolerance)
        scale = np.abs(expected[1]).max()
        np.testing.assert_allclose(gradient, expected[1], atol=tolerance * scale)

    check()
    parameters += points(network, seed=8)  # changed in place: the buffers see it
    check()
    parameters = parameters[[0, 2]]  # fewer networks, another array
    check()
    parameters -= points(network, seed=9)[:2]
    check()


@pytest.mark.parametrize("network", NETWORKS)
def test_weights_and_parameters(network):
    parameters = points(network)
    weights = network.weights(parameters)
    assert [w.shape[1:] for w in weights] == list(network.shapes)
    again = network.parameters(weights)
    assert again.shape == (3, network.size)
    for mine, theirs in zip(network.weights(again), weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    if network.batch_norm:
        for gamma, beta in network.normalisations(again):
            assert (gamma == 1).all()
            assert (beta == 0).all()


def test_bottleneck():
    assert LinearNetwork((5, 3, 4)).bottleneck == 3
    assert LinearNetwork((5, 4, 4)).bottleneck is None
    assert LinearNetwork((5, 9, 2)).bottleneck is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((5,),), ValueError, r"widths must have at least 2 entries, got \(5,\)"),
        (((5, 0),), ValueError, "widths must be an integer >= 1, got 0"),
        (((5, 2.0),), TypeError, "widths must be an integer >= 1, got 2.0"),
        (((5, 5, 5), 3), ValueError, "skip must divide the depth, 2, and needs equal widths"),
        (((5, 6, 5), 1), ValueError, "skip must divide the depth, 2, and needs equal widths"),
        (((5, 5), -1), ValueError, "skip must be an integer >= 0, got -1"),
    ],
)
def test_bad_shapes(arguments, error, message):
    with pytest.raises(error, match=message):
        LinearNetwork(*arguments)
