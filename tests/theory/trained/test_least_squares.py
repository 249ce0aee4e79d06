"""One converged layer: known laws, the reference implementation, networks, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_rank.exact.trained import least_squares as slow
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.theory.rectangular.law import rectangular_effective_rank
from rmt_rank.theory.trained.least_squares import one_layer_effective_rank
from rmt_rank.training.train import train

# About 400 terms of each integral, whose rounding is random; power 2 subtracts terms of order 1
TOLERANCE = {1: 4e-15, 2: 4e-14}

spectra = st.lists(
    st.one_of(st.just(0.0), st.floats(-4, 2).map(lambda x: 10**x)), min_size=1, max_size=6
)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(
    ("outputs", "features", "examples"), [(8, 8, 4), (4, 10, 3), (10, 12, 11), (512, 512, 256)]
)
def test_a_task_of_0_is_marchenko_pastur(outputs, features, examples, power):
    free = features - examples
    law = rectangular_effective_rank([outputs, free], power=power)
    expected = math.log(min(outputs, free)) + law
    found = one_layer_effective_rank(np.zeros(outputs), features, examples, power=power)
    assert found == pytest.approx(expected, abs=TOLERANCE[power])


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(
    ("values", "features", "examples", "scale"),
    [
        # an atom at 0, a hard edge there, a soft one
        ([1, 1, 0, 0, 0, 0, 0, 0], 8, 4, 0.125),
        ([3, 0.5, 0, 0], 4, 2, 1),
        ([3, 0.5, 0.0078125], 4, 1, 0.25),
    ],
)
def test_against_the_reference_implementation(values, features, examples, scale, power):
    expected = slow.one_layer_effective_rank(
        values, features, examples, scale=scale, power=power, digits=14
    )
    found = one_layer_effective_rank(values, features, examples, scale=scale, power=power)
    assert found == pytest.approx(float(expected), abs=TOLERANCE[power])


@pytest.mark.parametrize("power", [1, 2])
def test_without_a_start_it_is_the_rank_of_the_fit(power):
    values = [3.0, 2.0, 0.5, 0.0]
    expected = float(effective_rank(np.array(values), power=power))
    for scale, examples in ((0, 2), (1, 4), (5, 9)):
        found = one_layer_effective_rank(values, 4, examples, scale=scale, power=power)
        assert found == pytest.approx(expected, abs=1e-15)
    # sigma log(sigma) of two values of scale 1e-12, and of the other two in second order
    found = one_layer_effective_rank(values, 4, 2, scale=1e-12, power=power)
    assert found == pytest.approx(expected, abs=1e-10)


@given(spectra, st.integers(1, 6), st.floats(-2, 1), st.sampled_from([1, 2]))
def test_units_and_bounds(values, free, log_scale, power):
    n, scale = len(values) + 6, 10**log_scale
    q = n - free
    found = one_layer_effective_rank(values, n, q, scale=scale, power=power)
    many = 2**20  # exact in float64, as long as no square is
    again = one_layer_effective_rank(
        [v * many for v in values], n, q, scale=scale * many, power=power
    )
    assert found == pytest.approx(again, abs=1e-13)
    # as many singular values as outputs, or as nonzero ones and free dimensions
    most = min(len(values), np.count_nonzero(values) + free)
    assert found < math.log(most) + 1e-13


@pytest.mark.parametrize("scale", [1, 0.1])
def test_trained_layers(scale):
    n, q, seeds = 32, 16, 100
    problem = least_squares_problem(n, 4, q, rng=0)
    result = train(
        problem,
        1,
        learning_rate=0.2,
        scale=scale,
        seeds=seeds,
        tolerance=1e-8,
        record=[],
        rng=1,
    )
    ranks = result.arrays["final_effective_rank"][1].ravel()
    sigma = np.linalg.svd(problem.minimum_norm_weight, compute_uv=False)
    error = ranks.std(ddof=1) / math.sqrt(seeds)
    # O(1/n), here at most 0.3/n; 4.5 standard errors are passed once in 150,000 seeds
    law = one_layer_effective_rank(sigma, n, q, scale=scale)
    assert abs(ranks.mean() - law) < 0.3 / n + 4.5 * error
    assert error < 0.003


@pytest.mark.parametrize(
    ("values", "keywords", "error", "message"),
    [
        ([[1.0]], {}, ValueError, "singular_values must have one axis"),
        ([-1.0], {}, ValueError, "singular_values must be finite and >= 0, got -1"),
        (["a"], {}, TypeError, "singular_values must be real"),
        ([1.0], {"features": 0}, ValueError, "features must be an integer >= 1"),
        ([1.0], {"examples": 1.5}, TypeError, "examples must be an integer"),
        ([1.0], {"scale": -1}, ValueError, "scale must be finite and >= 0, got -1"),
        ([1.0], {"power": 3}, ValueError, "power must be 1 or 2, got 3"),
        ([0.0], {"scale": 0}, ValueError, "must leave a weight that is finite and not 0"),
        ([1e200], {}, ValueError, "must leave a weight that is finite and not 0"),
    ],
)
def test_bad_input(values, keywords, error, message):
    arguments = {"features": 4, "examples": 2} | keywords
    with pytest.raises(error, match=message):
        one_layer_effective_rank(values, **arguments)


def test_a_power_that_is_a_truth_value():
    with pytest.raises(TypeError, match=r"power must be .*got True"):
        one_layer_effective_rank([1.0], 2, 1, power=True)
