"""Random search: draws from triangular factors are draws of the network.

Statistical tests have fixed seeds, and a false-alarm rate below 1e-6 each.
"""

import numpy as np
import pytest
from scipy import stats

from rmt_rank._lib.random import streams
from rmt_rank.networks.initialisation import initial_parameters
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.objective import Objective
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.training.ledger import Ledger, Status
from rmt_rank.training.optimizers.random_search import RandomSearch
from rmt_rank.training.optimizers.setup import Setup
from rmt_rank.training.train import train

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

PROBLEM = least_squares_problem(8, 2, 5, rng=0)
# wide hidden layers and unequal ends; more examples than features, which leaves nothing unseen
CASES = {
    "depth 1": (LinearNetwork((8, 8)), 5),
    "depth 3": (LinearNetwork((8, 8, 8, 8)), 5),
    "unequal": (LinearNetwork((8, 12, 6, 7)), 5),
    "determined": (LinearNetwork((6, 9, 7)), 20),
}


def problem_of(network, examples):
    stream = np.random.default_rng(2)
    x = stream.standard_normal((examples, network.widths[0]))
    return LeastSquaresProblem(x, stream.standard_normal((examples, network.widths[-1])))


class Witness(Ledger):
    """A ledger that remembers what it was told of every network."""

    def observe(self, step, members, state, loss):
        self.told[members] = loss
        return super().observe(step, members, state, loss)


def search(network, problem, count, *, steps=1, scale=1.0, seed=3):
    """Losses and parameters that a search from a hopeless start ends with: those of its draws."""

    def draw(number, stream):
        return initial_parameters(network, number, stream, scale=scale)

    source = streams(seed)
    own = [next(source) for _ in range(count)]
    setup = Setup(np.full(count, np.nan), own, network, draw, "normal", scale)
    start = np.full((count, network.size), 1e3)
    ledger = Witness([start], steps, 0.0, 1e6, (), lambda *_: None)
    ledger.told = np.full(count, np.nan)
    RandomSearch(setup).run(Objective(network, problem.reduced), ledger)
    assert (ledger.status == Status.BUDGET).all()
    return ledger.told, ledger.state[0]


@pytest.mark.parametrize("scale", [1.0, 0.4])
@pytest.mark.parametrize("case", CASES)
def test_parameters_reproduce_the_loss(case, scale):
    network, examples = CASES[case]
    problem = problem_of(network, examples)
    for steps in (1, 200):
        told, parameters = search(network, problem, 20, steps=steps, scale=scale)
        # depth + 1 products with orthonormal frames, of 100 eps each
        rtol = 100 * 2.3e-16 * (network.depth + 1)
        np.testing.assert_allclose(network.loss(parameters, problem.reduced), told, rtol=rtol)


@pytest.mark.parametrize("case", CASES)
def test_losses_have_the_law_of_dense_draws(case):
    network, examples = CASES[case]
    problem = problem_of(network, examples)
    told, _ = search(network, problem, 300)
    dense = initial_parameters(network, 4000, np.random.default_rng(4))
    theirs = network.loss(dense, problem.reduced)
    assert stats.ks_2samp(told, theirs).pvalue > 1e-6
    # it sees a scale that is off by a third a layer
    wrong = network.loss(dense * (4 / 3), problem.reduced)
    assert stats.ks_2samp(told, wrong).pvalue < 1e-6


@pytest.mark.parametrize("case", CASES)
def test_weights_are_gaussian(case):
    network, examples = CASES[case]
    problem = problem_of(network, examples)
    _, parameters = search(network, problem, 200, scale=0.7)
    x = problem.inputs.T
    seen, below = np.linalg.qr(x)[0], x
    for w in network.weights(parameters):
        unit = w * np.sqrt(w.shape[-1]) / 0.7
        assert stats.kstest(unit.ravel(), "norm").pvalue > 1e-6
        # a frame whose first columns are what the layer sees of the data
        rank = seen.shape[-1]
        q = np.linalg.qr(below, mode="complete")[0]
        on, off = unit @ q[..., :rank], unit @ q[..., rank:]
        for part in (on, off):
            if part.size:
                assert stats.kstest(part.ravel(), "norm").pvalue > 1e-6
        if off.size:
            # independent: the mean of products is 0, with variance 1/count, entry by entry
            means = np.einsum("bij,bkl->ijkl", on, off) / len(on)
            z = means.ravel() * np.sqrt(len(on))
            assert np.abs(z).max() < 8  # Bernstein: 1e-9 for each of a thousand
        below = w @ below


def test_joint_law_of_the_layers():
    # singular values of the product: frames must fit between layers, beyond each layer's own law
    network, examples = CASES["depth 3"]
    _, parameters = search(network, problem_of(network, examples), 300)
    dense = initial_parameters(network, 2000, np.random.default_rng(4))
    values = []
    for points in (parameters, dense):
        w = network.weights(points)
        values.append(np.linalg.svd(w[2] @ w[1] @ w[0], compute_uv=False))
    for i in (0, 3, 7):
        assert stats.ks_2samp(values[0][:, i], values[1][:, i]).pvalue > 1e-6


def test_the_best_of_many_has_its_law():
    network, examples = CASES["depth 3"]
    problem = problem_of(network, examples)
    told, _ = search(network, problem, 150, steps=30)
    dense = initial_parameters(network, 30 * 150, np.random.default_rng(4))
    theirs = network.loss(dense, problem.reduced).reshape(150, 30).min(axis=1)
    assert stats.ks_2samp(told, theirs).pvalue > 1e-6


@pytest.mark.parametrize(
    ("network", "options"),
    [
        (LinearNetwork((8, 3, 8)), {}),
        (LinearNetwork((8, 8, 8), skip=1), {}),
        (LinearNetwork((8, 8), batch_norm=True), {}),
        (LinearNetwork((8, 8, 8)), {"initialisation": "orthogonal"}),
    ],
    ids=["bottleneck", "residual", "batch norm", "orthogonal"],
)
# one of the networks is a bottleneck, of which `train` warns; tests/training/test_train.py looks
@pytest.mark.filterwarnings("ignore:a hidden width:UserWarning")
def test_dense_draws(network, options):
    # networks that are not Gaussian chains, or too narrow for the frames
    result = train(
        PROBLEM, network, optimizer="random_search", steps=500, record=[0, 500], rng=1, **options
    )
    first, last = result.arrays["loss"][1][0, 0]
    # 500 draws without a better one have odds of 1/501
    assert last < first
    if options:
        for w in result.weights:
            np.testing.assert_allclose(np.linalg.svd(w, compute_uv=False), 1, rtol=1e-13)


def test_a_budget_is_exactly_used():
    for steps in (1, 7, 3000):
        result = train(PROBLEM, 2, optimizer="random_search", steps=steps, record=3, rng=1)
        assert result.arrays["taken"][1][0, 0] == steps


def test_a_tolerance_that_is_met():
    start = train(PROBLEM, 1, steps=0, rng=1)
    tolerance = 0.9 * start.arrays["final_loss"][1][0, 0]
    result = train(PROBLEM, 1, optimizer="random_search", steps=20_000, tolerance=tolerance, rng=1)
    assert result.arrays["status"][1][0, 0] == Status.CONVERGED
    assert result.arrays["final_loss"][1][0, 0] <= tolerance


def test_recording_does_not_change_the_draws():
    network, examples = CASES["depth 3"]
    problem = problem_of(network, examples)
    runs = [
        train(problem, network, optimizer="random_search", steps=3000, rng=2, record=record)
        for record in (5, [0, 777, 3000])
    ]
    np.testing.assert_array_equal(runs[0].state[0], runs[1].state[0])
