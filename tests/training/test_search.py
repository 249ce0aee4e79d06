"""The search for a learning rate."""

import warnings

import numpy as np
import pytest

from rmt_rank._lib.errors import ConvergenceWarning
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.training.search import learning_rate_search
from rmt_rank.training.train import train

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

# orthogonal inputs: every method converges soon
PROBLEM = least_squares_problem(8, 2, 4, rng=0, inputs=np.tile(2 * np.eye(8), (33, 1)))
GRID = [0.5, 0.05, 0.1, 0.2, 4.0]


def test_the_table_is_that_of_single_runs():
    found = learning_rate_search(PROBLEM, 2, GRID, seeds=3, steps=2000, tolerance=1e-5, rng=1)
    np.testing.assert_array_equal(found.learning_rate, np.sort(GRID))
    for i, rate in enumerate(found.learning_rate):
        run = train(
            PROBLEM, 2, learning_rate=rate, seeds=3, steps=2000, tolerance=1e-5, record=[], rng=1
        )
        status, taken, loss = (run.arrays[n][1][0] for n in ("status", "taken", "final_loss"))
        assert found.converged[i] == np.sum(status == 1)
        assert found.diverged[i] == np.sum(status == 3)
        if found.converged[i]:
            assert found.median_steps[i] == np.median(taken[status == 1])
        else:
            assert np.isnan(found.median_steps[i])
        if not found.diverged[i]:
            assert found.median_loss[i] == np.median(loss)
    best = found.learning_rate == found.best
    assert found.converged[best] == found.converged.max() == 3
    assert found.median_steps[best] == np.nanmin(found.median_steps)
    assert found.diverged[-1] == 3
    assert found.median_loss[-1] == np.inf
    assert not found.at_edge


@pytest.mark.parametrize("grid", [[0.01, 0.02], [4.0, 8.0], [0.3]])
def test_an_edge_is_reported_and_the_grid_grows(grid):
    options = {"seeds": 3, "steps": 300, "rng": 1}
    short = learning_rate_search(PROBLEM, 2, grid, **options)
    assert short.at_edge
    assert short.learning_rate.tolist() == grid
    long = learning_rate_search(PROBLEM, 2, grid, extensions=12, **options)
    assert not long.at_edge
    ratios = long.learning_rate[1:] / long.learning_rate[:-1]
    np.testing.assert_allclose(ratios, 2, rtol=1e-12)
    assert set(grid) <= set(long.learning_rate)
    # what the whole grid gives at once
    whole = learning_rate_search(PROBLEM, 2, long.learning_rate, **options)
    assert whole.best == long.best
    for name in ("converged", "diverged", "median_steps", "median_loss"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(long, name))


def test_extensions_have_a_limit():
    found = learning_rate_search(PROBLEM, 2, [1e-6, 2e-6], steps=20, extensions=3, rng=1)
    assert found.at_edge
    assert len(found.learning_rate) == 5


def test_without_convergence_the_least_loss_decides():
    found = learning_rate_search(PROBLEM, 2, GRID, seeds=3, steps=20, tolerance=0, rng=1)
    assert (found.converged == 0).all()
    assert found.best == found.learning_rate[np.argmin(found.median_loss)]


@pytest.mark.parametrize("tolerance", [1e-6, 0])
def test_no_rate_is_best_where_all_networks_diverged(tolerance):
    options = {"steps": 10, "tolerance": tolerance}
    message = "all networks diverged at every rate from 1e\\+08 to 1e\\+09"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        found = learning_rate_search(PROBLEM, 2, [1e9, 1e8], **options)
    assert caught[0].filename == __file__
    assert np.isnan(found.best)
    assert found.at_edge
    assert (found.diverged == found.seeds).all()
    with pytest.raises(RuntimeError, match=message):
        learning_rate_search(PROBLEM, 2, [1e9, 1e8], unconverged="raise", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silent = learning_rate_search(PROBLEM, 2, [1e9], unconverged="ignore", **options)
    assert np.isnan(silent.best)


def test_networks_that_do_not_converge_at_the_best_rate_warn_once():
    message = r"3 of 3 networks at the best rate, 0.001, .* \(3 used up 5 steps\).* give more steps"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        found = learning_rate_search(PROBLEM, 2, [1e-3, 1e9], seeds=3, steps=5)
    assert len(caught) == 1
    assert found.best == 1e-3
    with pytest.raises(RuntimeError, match=message):
        learning_rate_search(PROBLEM, 2, [1e-3], seeds=3, steps=5, unconverged="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # converged at the best rate, diverged at another
        found = learning_rate_search(PROBLEM, 2, [0.1, 1e9], seeds=3)
    assert found.diverged.tolist() == [0, 3]


@pytest.mark.parametrize("rng", [None, np.random.default_rng(3), np.random.SeedSequence(3)])
def test_sources_of_randomness(rng):
    # the same networks in every part of the grid: the middle of three is found from either end
    found = learning_rate_search(PROBLEM, 1, [0.1], steps=300, extensions=8, rng=rng)
    assert not found.at_edge


@pytest.mark.parametrize("optimizer", ["momentum", "nesterov", "adam"])
def test_other_optimizers(optimizer):
    found = learning_rate_search(
        PROBLEM, 2, [0.001, 0.01], optimizer=optimizer, steps=200, extensions=10, rng=1
    )
    assert not found.at_edge


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rates": []}, ValueError, "rates must not be empty"),
        ({"rates": [0.1, 0]}, ValueError, "rates must be finite and > 0, got 0"),
        ({"optimizer": "lbfgs"}, ValueError, "optimizer must be one of .* got 'lbfgs'"),
        ({"extensions": -1}, ValueError, "extensions must be an integer >= 0, got -1"),
        ({"record": 5}, TypeError, r"settings must not hold \['record'\]"),
        ({"learning_rate": 5}, TypeError, r"settings must not hold \['learning_rate'\]"),
        ({"rng": "x"}, TypeError, "rng must be None"),
        ({"unconverged": "no"}, ValueError, "unconverged must be one of 'warn', 'raise', 'ignore'"),
        ({"seeds": 0}, ValueError, "seeds must be an integer >= 1"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        learning_rate_search(**({"problem": PROBLEM, "network": 2, "rates": [0.1]} | arguments))


def test_order_of_learning_rates():
    from rmt_rank.training.search import _best

    # converged, diverged, median steps, median loss
    fewer, slower, quicker = (2, 0, 10, 0.0), (3, 0, 30, 1e-9), (3, 0, 20, 1e-8)
    assert _best(np.array([fewer, slower, quicker])) == 2
    assert _best(np.array([fewer, slower])) == 1
    assert _best(np.array([(0, 0, np.nan, 2.0), (0, 0, np.nan, 1.0), (0, 3, np.nan, np.inf)])) == 1
    # a rate with which some did not diverge is better than one with which all did
    assert _best(np.array([(0, 3, np.nan, np.inf), (0, 2, np.nan, np.inf)])) == 1
