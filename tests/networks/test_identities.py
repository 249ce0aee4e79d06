"""Identities that gradient training satisfies, and those it does not, on training runs."""

import numpy as np
import pytest

from rmt_rank.networks.identities import (
    balance,
    converged_weight,
    converged_weight_error,
    effective_weight,
    singular_value_velocity,
)
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.training.ledger import Status
from rmt_rank.training.train import train

EPS = np.finfo(float).eps


def whitened(width=8, examples=4, seed=0, spread=1.0):
    """Orthogonal inputs of lengths from 2 to 2 spread, and a task of full rank.

    Every method converges soon: singular values that must become 0 would take powers of time.
    """
    stream = np.random.default_rng(seed)
    x = 2 * np.linalg.qr(stream.standard_normal((width, width)))[0][:examples]
    x *= np.linspace(1, spread, examples)[:, np.newaxis]
    x = np.concatenate([x, stream.standard_normal((1, width))])
    return least_squares_problem(width, width, examples, rng=seed, inputs=x, test_examples=1)


PROBLEM = whitened(spread=0.7)
# starts of small condition
ORTHOGONAL = {"initialisation": "orthogonal"}
METHODS = ["gradient_descent", "momentum", "nesterov", "lbfgs"]


def identity_error(result, problem, tolerance):
    """Distance from the identity, and what the loss allows, for networks that converged."""
    assert (result.arrays["status"][1] == Status.CONVERGED).all()
    loss = result.arrays["final_loss"][1]
    assert (loss <= tolerance).all()
    skip = result.network.skip
    first = result.initial_weights[0]
    expected = converged_weight(problem, first, result.weights[1:], skip=skip)
    error = effective_weight(result.weights, skip=skip) - expected
    return np.linalg.norm(error, axis=(-2, -1)), converged_weight_error(problem, loss)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-12])
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("name", METHODS)
def test_the_identity_holds_at_the_end(name, depth, tolerance):
    result = train(
        PROBLEM,
        depth,
        optimizer=name,
        seeds=3,
        steps=4000,
        tolerance=tolerance,
        rng=1,
        **ORTHOGONAL,
    )
    error, allowed = identity_error(result, PROBLEM, tolerance)
    # 1e-10: rounding of up to 4000 steps of 100 eps each, in weights of norm 3
    assert (error < allowed + 1e-10).all()
    # and the bound is not idle
    assert (error > allowed / 100).all()


@pytest.mark.parametrize("skip", [1, 2])
@pytest.mark.parametrize("name", METHODS)
def test_the_identity_of_residual_networks(name, skip):
    network = LinearNetwork((8,) * 5, skip=skip)
    options = ORTHOGONAL | {"scale": 0.5, "seeds": 2, "steps": 4000}
    result = train(PROBLEM, network, optimizer=name, rng=1, **options)
    error, allowed = identity_error(result, PROBLEM, 1e-6)
    assert (error < allowed + 1e-10).all()


def test_the_identity_is_of_residual_factors_with_one():
    # skip 1: W* P + (I + W_3)(I + W_2)(I + W_1(0))(I - P)
    stream = np.random.default_rng(0)
    w = stream.standard_normal((3, 8, 8)) / 3
    eye, p = np.eye(8), PROBLEM.projector
    plain = (eye + w[2]) @ (eye + w[1]) @ (eye + w[0]) @ (eye - p) + PROBLEM.task @ p
    found = converged_weight(PROBLEM, w[0], w[1:], skip=1)
    np.testing.assert_allclose(found, plain, atol=1e-13)


@pytest.mark.parametrize(("name", "options"), [("adam", {"learning_rate": 0.01}), ("cma_es", {})])
def test_no_identity_for_methods_that_leave_the_span(name, options):
    options = {"learning_rate": 0.1, "steps": 3000} | options
    tolerance = 1e-4 if name == "cma_es" else 1e-8
    result = train(PROBLEM, 1, optimizer=name, seeds=2, tolerance=tolerance, rng=1, **options)
    error, allowed = identity_error(result, PROBLEM, tolerance)
    assert (error > 10 * allowed).all()


def test_over_determined_data_leave_nothing_of_the_start():
    problem = LeastSquaresProblem(np.eye(4)[[0, 1, 2, 3, 0]], np.ones((5, 2)))
    first = np.random.default_rng(0).standard_normal((4, 4))
    later = [np.random.default_rng(1).standard_normal((2, 4))]
    np.testing.assert_allclose(converged_weight(problem, first, later), np.ones((2, 4)), atol=1e-13)


def test_error_bound_is_reached():
    # the least singular value is that of the second input, on which all of the error is
    problem = LeastSquaresProblem([[2.0, 0, 0], [0, 0.5, 0]], [[1.0], [1.0]])
    w = problem.minimum_norm_weight + np.array([0, 0.1, 0])
    assert converged_weight_error(problem, problem.loss(w)) == pytest.approx(0.1, rel=1e-13)
    nothing = LeastSquaresProblem([[0.0, 0]], [[0.0]])
    assert converged_weight_error(nothing, 0.0) == 0


# --- balance --------------------------------------------------------------------------------------


def descend(network, problem, rate, steps, rng=3, **options):
    return train(
        problem,
        network,
        learning_rate=rate,
        steps=steps,
        tolerance=0,
        record=[],
        rng=rng,
        **options,
    )


@pytest.mark.parametrize("widths", [(8, 8, 8, 8), (8, 12, 9, 8)])
def test_one_step_changes_the_balance_by_the_gradients_products(widths):
    network = LinearNetwork(widths)
    rate = 0.1
    result = descend(network, PROBLEM, rate, 1)
    initial = result.arrays["initial_parameters"][1][0]
    _, gradient = network.loss_and_gradient(initial, PROBLEM.reduced)
    change = zip(balance(result.weights), balance(result.initial_weights), strict=True)
    expected = balance(network.weights(gradient))
    for (after, before), product in zip(change, expected, strict=True):
        # differences of numbers of order 10: 100 eps of them
        np.testing.assert_allclose(after - before, rate**2 * product[np.newaxis], atol=1000 * EPS)


def test_drift_of_the_balance_is_of_first_order_in_the_rate():
    # eta^2 per step, so eta for a fixed time T = eta * steps
    rates = 0.02 / 2.0 ** np.arange(6)
    drifts = []
    for rate in rates:
        result = descend(3, PROBLEM, rate, round(1 / rate))
        pairs = zip(balance(result.weights), balance(result.initial_weights), strict=True)
        drifts.append(np.sqrt(sum(np.sum((after - before) ** 2) for after, before in pairs)))
    slope = np.polyfit(np.log(rates), np.log(drifts), 1)[0]
    # drift = a eta (1 + b eta + ...): local slopes differ from 1 by b eta, and the largest
    # difference bounds that of the regression, a mean of them
    local = np.diff(np.log(drifts)) / np.diff(np.log(rates))
    assert abs(slope - 1) <= np.abs(local - 1).max()
    assert np.abs(local - 1).max() < 0.2
    # and the local slopes tend to 1 as fast as the rate goes to 0
    assert abs(local[-1] - 1) < np.abs(local[0] - 1) / 4


def test_residual_networks_keep_the_balance_of_their_factors():
    network = LinearNetwork((8, 8, 8), skip=1)
    eye = np.eye(8)
    drifts = []
    for rate in (0.01, 0.005):
        result = descend(network, PROBLEM, rate, round(0.5 / rate), scale=0.3)
        (after,) = balance([eye + w for w in result.weights])
        (before,) = balance([eye + w for w in result.initial_weights])
        drifts.append(np.linalg.norm(after - before))
    # first order: halved, to within a tenth
    assert drifts[0] / drifts[1] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_singular_values_of_a_balanced_network_follow_arora(depth):
    network = LinearNetwork((8,) * (depth + 1))

    def run(rate):
        result = descend(network, PROBLEM, rate, 1, initialisation="balanced", as_depth=2)
        before = effective_weight(result.initial_weights)[0, 0]
        after = effective_weight(result.weights)[0, 0]
        return before, [np.linalg.svd(w, compute_uv=False) for w in (before, after)]

    def velocity(rate):
        _, (initial, ended) = run(rate)
        return (ended - initial) / rate

    before, _ = run(1e-4)
    gradient = (before @ PROBLEM.inputs.T - PROBLEM.targets.T) @ PROBLEM.inputs / PROBLEM.examples
    expected = singular_value_velocity(before, gradient, depth)
    # Richardson's extrapolation of a finite step; what is left is far below its own correction
    one, half = velocity(1e-4), velocity(5e-5)
    slack = np.abs(one - half) / 10 + 1e4 * EPS / 5e-5
    assert np.all(np.abs(2 * half - one - expected) < slack)
    assert np.abs(expected).max() > 1e-3 > slack.max()


# --- maps and bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize("network", [LinearNetwork((4, 6, 3)), LinearNetwork((4,) * 5, skip=2)])
def test_effective_weight_is_the_networks(network):
    problem = LeastSquaresProblem(np.eye(4), np.zeros((4, network.widths[-1])))
    parameters = np.random.default_rng(0).standard_normal((2, network.size))
    expected, _ = network.effective(parameters, problem.reduced)
    found = effective_weight(network.weights(parameters), skip=network.skip)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: balance([]), ValueError, "weights must not be empty"),
        (lambda: balance([np.eye(2), np.eye(3)]), ValueError, "weights must be matrices that can"),
        (lambda: balance([[1.0]]), ValueError, "weights must be matrices that can"),
        (lambda: balance([[["x"]]]), TypeError, "weights\\[0\\] must be real numbers"),
        (lambda: effective_weight([np.eye(2)] * 3, skip=2), ValueError, "skip must divide the dep"),
        (lambda: effective_weight([np.ones((3, 2))], skip=1), ValueError, "needs square weights"),
        (lambda: converged_weight(PROBLEM, np.eye(3)), ValueError, "weights must lead from 8 feat"),
        (lambda: converged_weight_error(PROBLEM, -1), ValueError, "loss must be finite and >= 0"),
        (lambda: singular_value_velocity(np.eye(2), np.eye(3), 2), ValueError, "matrices of one"),
        (lambda: singular_value_velocity(np.eye(2), np.eye(2), 0), ValueError, "depth must be an"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
