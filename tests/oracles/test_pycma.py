"""CMA-ES against pycma, given the same normal numbers."""

import numpy as np
import pytest

from rmt_rank.training.optimizers.cma_es import _Search, _Strategy

cma = pytest.importorskip("cma", reason="pycma is not installed")


def loss(points):
    return np.sum((points * np.linspace(1, 3, points.shape[1])) ** 2, axis=1)


@pytest.mark.parametrize("n", [64, 512])
def test_same_means_and_deviations(n):
    from cma.sigma_adaptation import CMAAdaptSigmaTPA

    theirs_numbers, our_numbers = np.random.default_rng(0), np.random.default_rng(0)
    options = {
        "AdaptSigma": CMAAdaptSigmaTPA,
        "CMA_diagonal": True,
        "verbose": -9,
        "randn": lambda *shape: theirs_numbers.standard_normal(shape),
        "seed": 1,
    }
    options |= dict.fromkeys(["tolfun", "tolfunhist", "tolx"], 0)
    options |= dict.fromkeys(["tolstagnation", "tolflatfitness"], np.inf)
    theirs = cma.CMAEvolutionStrategy(np.ones(n), 0.3, options)
    strategy = _Strategy(n)
    search = _Search(np.ones(n), np.full(n, 0.3), np.zeros(n), np.zeros(n))
    z = np.empty((strategy.population, n))
    for generation in range(1, 100):
        points = theirs.ask()
        theirs.tell(points, loss(np.array(points)).tolist())
        strategy.draw(search, our_numbers, z)
        losses = loss(search.mean + search.deviations * z)
        search = strategy.advance(search, z, losses, generation)
    # The same arithmetic in another order: some eps a generation.  Were ranks of near ties to
    # differ, distances would be of order 1.
    tolerance = 100 * 100 * np.finfo(float).eps
    deviations = theirs.sigma * theirs.sigma_vec.scaling
    np.testing.assert_allclose(search.mean, theirs.mean, atol=tolerance * np.abs(theirs.mean).max())
    np.testing.assert_allclose(search.deviations, deviations, rtol=tolerance)
