"""Given entries in random order: limits, a plain sum, and matrices that are drawn."""

import math

import numpy as np
import pytest

from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.simulation.means.expected import expected_effective_rank
from rmt_rank.theory.rectangular.given_entries import given_entries
from rmt_rank.theory.rectangular.one_layer import circle_coefficients, entry_statistics

SHAPE = (48, 96)


def laplace(seed, shape=SHAPE):
    return np.random.default_rng(seed).laplace(size=math.prod(shape))


def plain(entries, shape):
    """The same shift by sums over all terms of the series, for entries of t <= 1."""
    p, n = shape
    x = entries - entries.mean()
    t = x**2 * math.sqrt(p * n) / np.sum(x**2)
    assert t.max() < 0.4
    laws = circle_coefficients(p / n, 0.5)
    gaussian = {2: 3, 3: 15 / math.sqrt(p * n), 4: 105 / (p * n)}
    T, Q = laws.mean_power, laws.mean_entropy
    for j in range(2, 60):
        total = float(np.sum(t**j)) - gaussian.get(j, 0)
        T += laws.power[j] * total / p
        Q += laws.entropy[j] * total / p
    start = math.log(laws.mean_power) - laws.mean_entropy / laws.mean_power
    return math.log(T) - Q / T - start


def test_shift_is_the_sum_of_the_series():
    entries = np.clip(laplace(1), -7, 7)
    # terms of t^6 and more, t <= 0.05, are left out: 1e-5 of those of t^2; 0.4^60 is nothing
    assert given_entries(entries, SHAPE)[0] == pytest.approx(plain(entries, SHAPE), rel=1e-4)


def test_small_kurtosis_is_the_term_of_second_order():
    statistics = entry_statistics((400, 800))
    entries = np.random.default_rng(2).uniform(-1, 1, 400 * 800)
    kurtosis = np.mean(entries**4) / np.mean(entries**2) ** 2 - 3
    shift, deviation = given_entries(entries, (800, 400))
    # the next terms are 15/sqrt(p n) = 0.03 of it, times a_3/a_2, which is below 1
    assert shift == pytest.approx(kurtosis * statistics.kurtosis_slope, rel=0.04)
    assert deviation == statistics.standard_deviation


def test_one_large_entry_is_a_matrix_of_rank_one():
    p, n = SHAPE
    signs = np.where(np.arange(p * n) % 2, 1.0, -1.0)
    large = signs.copy()
    large[:2] *= 12  # t = 144 sqrt(p n)/(p n + 286) = 1.99 each
    t = 144 * math.sqrt(p * n) / (p * n + 286)
    found = given_entries(large, SHAPE)[0] - given_entries(signs, SHAPE)[0]
    # two of them, less the rank one that they take from the scale; second order in 1/p
    one = entry_statistics(SHAPE).rank_one_shift(t)
    assert found == pytest.approx(2 * one, rel=0.15)


def test_variance_of_order_for_small_entries():
    p, n = 400, 800
    entries = laplace(4, (p, n))
    kurtosis = np.mean((entries - entries.mean()) ** 4) / np.var(entries) ** 2 - 3
    statistics = entry_statistics((p, n))
    more = 2 * statistics.kurtosis_slope**2 * ((kurtosis + 2) ** 2 - 4) * (1 / p + 1 / n)
    found = given_entries(entries, (p, n))[1] ** 2 - statistics.standard_deviation**2
    # the next term of the derivative is 3 a_3/(2 a_2) times sum t^3/sum t^2 = 15/sqrt(p n) = 0.03
    assert found == pytest.approx(more, rel=0.1)


# False alarms: the mean at 5 standard errors besides kurtosis^2/(2 p) deviations, which is the
# stated error, the deviation at 5 of its errors, 5/sqrt(2 100), besides the stated 10 %.
def test_against_draws():
    rng = np.random.default_rng(3)
    entries = rng.standard_normal(math.prod(SHAPE)) * (rng.random(math.prod(SHAPE)) < 0.4)
    kurtosis = np.mean((entries - entries.mean()) ** 4) / np.var(entries) ** 2 - 3
    draws = np.stack([rng.permutation(entries).reshape(SHAPE) for _ in range(100)])
    drawn = effective_rank(np.linalg.svd(draws, compute_uv=False))
    gaussian = expected_effective_rank(SHAPE, target_error=1)
    shift, deviation = given_entries(entries, SHAPE)
    error = 5 * drawn.std() / 10 + gaussian.error
    stated = 0.5 * kurtosis**2 / SHAPE[0] * deviation
    assert abs(drawn.mean() - gaussian.value - shift) < error + stated
    assert drawn.std() / deviation == pytest.approx(1, abs=0.1 + 5 / math.sqrt(200))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0, 3.0], (2, 2)), r"entries must have shape \(4,\)"),
        (([1.0, 1.0, 1.0, 1.0], (2, 2)), "must not all be equal"),
        (([1.0, 2.0, 3.0, 4.0], (1, 4)), "shape"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        given_entries(*arguments)
