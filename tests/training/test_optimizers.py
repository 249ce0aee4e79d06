"""Every optimizer against another implementation of it."""

import numpy as np
import pytest
from scipy import optimize

from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.training.ledger import Status
from rmt_rank.training.optimizers.momentum import MOMENTUM
from rmt_rank.training.train import train

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

STEPS = 50
PROBLEM = least_squares_problem(8, 2, 5, rng=0)
# orthogonal inputs and a task of full rank: every method converges soon
EASY = least_squares_problem(8, 8, 4, rng=0, inputs=np.tile(2 * np.eye(8), (33, 1)))
NETWORKS = [
    LinearNetwork((8, 8, 8, 8)),
    LinearNetwork((8, 12, 8)),
    LinearNetwork((8, 8, 8), skip=1),
    LinearNetwork((8, 8, 8), batch_norm=True),
]
RATES = {"gradient_descent": 0.05, "momentum": 0.01, "nesterov": 0.01, "adam": 0.01}
EPS = 2.3e-16


def tolerance(name, network):
    """Bound of what rounding does to a trajectory.

    A gradient is right to about 100 eps, and each of 50 steps adds as much; the maps contract where
    the loss falls.  Adam's quotient loses what alternating gradients cancel: 100 more.  The first
    layer's beta has no gradient, since the next normalisation subtracts the mean: there Adam moves
    by the quotient of 100 eps and its 1e-8.
    """
    if name == "adam" and network.batch_norm:
        return STEPS * RATES[name] * 100 * EPS / 1e-8
    return STEPS * 100 * EPS * (100 if name == "adam" else 1)


def torch_run(network, parameters, name, rate):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theta = torch.tensor(parameters, requires_grad=True)
    make = {
        "gradient_descent": lambda p: torch.optim.SGD(p, lr=rate),
        "momentum": lambda p: torch.optim.SGD(p, lr=rate, momentum=MOMENTUM),
        "nesterov": lambda p: torch.optim.SGD(p, lr=rate, momentum=MOMENTUM, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, lr=rate),
    }[name]
    method = make([theta])
    for _ in range(STEPS):
        method.zero_grad()
        _, gradient = network.loss_and_gradient(theta.detach().numpy()[np.newaxis], PROBLEM.reduced)
        theta.grad = torch.tensor(gradient[0])
        method.step()
    found = theta.detach().numpy().copy()
    if name == "nesterov":
        # PyTorch's parameters are where the gradient is taken: W - 0.9 rate v in ours
        found += MOMENTUM * rate * method.state[theta]["momentum_buffer"].numpy()
    return found


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("name", sorted(RATES))
def test_trajectories_are_those_of_torch(name, network):
    rate = RATES[name]
    result = train(
        PROBLEM,
        network,
        optimizer=name,
        learning_rate=rate,
        seeds=2,
        steps=STEPS,
        tolerance=0,
        rng=1,
    )
    assert (result.arrays["status"][1] == Status.BUDGET).all()
    initial = result.arrays["initial_parameters"][1].reshape(2, -1)
    for i in range(2):
        theirs = torch_run(network, initial[i], name, rate)
        assert np.abs(theirs - initial[i]).max() > 0.01  # it has gone somewhere
        np.testing.assert_allclose(
            result.state[0][i], theirs, atol=tolerance(name, network) * np.abs(theirs).max()
        )


def test_lbfgs_is_scipys():
    network = NETWORKS[0]
    result = train(PROBLEM, network, optimizer="lbfgs", steps=20, tolerance=0, rng=1)
    initial = result.arrays["initial_parameters"][1].ravel()

    def function(x):
        loss, gradient = network.loss_and_gradient(x[np.newaxis], PROBLEM.reduced)
        return loss[0], gradient[0]

    options = {"maxiter": 20, "ftol": 0, "gtol": 0}
    theirs = optimize.minimize(function, initial, method="L-BFGS-B", jac=True, options=options)
    assert theirs.nit == result.arrays["taken"][1][0, 0] == 20
    # line searches amplify rounding: 1e-6 of the parameters after 20 iterations, and far from where
    # it began
    np.testing.assert_allclose(result.state[0][0], theirs.x, atol=1e-6)
    assert np.abs(theirs.x - initial).max() > 0.05


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("gradient_descent", 4000),
        ("momentum", 4000),
        ("nesterov", 4000),
        ("adam", 4000),
        ("lbfgs", 500),
    ],
)
def test_all_converge(name, steps):
    options = {"initialisation": "orthogonal", "seeds": 3, "steps": steps, "rng": 2}
    result = train(EASY, 2, optimizer=name, tolerance=1e-6, **options)
    assert (result.arrays["status"][1] == Status.CONVERGED).all()
    assert (result.arrays["final_loss"][1] <= 1e-6).all()
    assert (result.arrays["taken"][1] < steps).all()


def test_random_search_keeps_the_best():
    result = train(PROBLEM, 2, optimizer="random_search", seeds=2, steps=2000, rng=3)
    loss = result.arrays["loss"][1]
    assert (np.diff(loss, axis=-1) <= 1e-12).all()
    assert (result.arrays["taken"][1] == 2000).all()
    # 2000 draws without a better one have odds of 1/2001
    assert (loss[..., -1] < loss[..., 0]).all()


def test_cma_es_lowers_the_loss():
    result = train(PROBLEM, 2, optimizer="cma_es", seeds=2, steps=300, learning_rate=0.1, rng=3)
    assert (result.arrays["final_loss"][1] < result.arrays["initial_loss"][1] / 3).all()
