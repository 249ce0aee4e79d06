"""Limits of the measures of rank: quadrature at many digits, known laws, both ends of depth."""

import dataclasses
import math

import mpmath
import numpy as np
import pytest
from scipy import integrate

from rmt_rank import exact, singular_value_law
from rmt_rank.metrics import RankMeasures
from rmt_rank.theory.gaussian.limit_measures import (
    limit_energy_rank,
    limit_measures,
    limit_participation_ratio,
    limit_stable_rank,
    limit_threshold_rank,
)

# rounding of logarithms of moments, a few units each
ROUNDING = 1e-14


def test_names_are_those_of_the_measures_of_matrices():
    limits = {field.name for field in dataclasses.fields(limit_measures(1))}
    measures = {field.name for field in dataclasses.fields(RankMeasures)}
    assert measures - limits == {"numerical_rank", "condition_number"}
    assert limits < measures


@pytest.mark.parametrize("depth", ["1/2", 3, 20])
def test_against_quadrature(depth):
    mean, square, cube = (exact.moment(z, depth, digits=20) for z in ("1/2", 1, "3/2"))
    L = float(mpmath.mpf(exact.moment(2, depth, digits=20)) - 1)
    limits = limit_measures(L, threshold=1.2)
    expected = {
        "nuclear_norm": mean,
        "renyi_effective_rank": mean**2 / square,
        "participation_ratio": 1 / (L + 1),
        "stable_rank": L**L / (L + 1) ** (L + 1),
        "effective_rank": exact.differential_effective_rank(depth, digits=20),
        "gram_effective_rank": exact.differential_effective_rank(depth, power=2, digits=20),
        "roy_vetterli_rank": mpmath.exp(exact.differential_effective_rank(depth, digits=20)),
        # the threshold in float64 moves the share by a few eps
        "threshold_rank": exact.law(1.2 * float(mean), depth, squared=False, digits=20)[2],
    }
    for name, value in expected.items():
        assert getattr(limits, name) == pytest.approx(float(value), rel=10 * ROUNDING), name
    # <sigma>^2/<sigma^2>, <sigma^1.5>^2/<sigma^3> by their powers
    middle = exact.moment("3/4", depth, digits=20)
    assert limit_participation_ratio(L, power=1.5) == pytest.approx(
        float(middle**2 / cube), rel=10 * ROUNDING
    )


@pytest.mark.parametrize("depth", [1e-8, 1e-6, 1e6, 1e9])
def test_both_ends_of_depth(depth):
    with mpmath.workdps(40):
        L = mpmath.mpf(depth)
        c = mpmath.gamma((L + 3) / 2) / mpmath.gamma(1.5) / mpmath.gamma((L + 4) / 2)
        stable = L**L / (L + 1) ** (L + 1)
        expected = [float(x) for x in (c, c * c, 1 / (L + 1), stable)]
    limits = limit_measures(depth)
    found = [
        limits.nuclear_norm,
        limits.renyi_effective_rank,
        limits.participation_ratio,
        limits.stable_rank,
    ]
    # log moments of size up to 21
    assert found == pytest.approx(expected, rel=3 * ROUNDING)
    assert all(0 < value < 1 for value in found)


def test_order_two_is_the_participation_ratio():
    depths = np.geomspace(1e-4, 1e4, 9)
    limits = limit_measures(depths)
    assert limits.roy_vetterli_rank == pytest.approx(np.exp(limits.effective_rank))
    # Renyi orders fall: 2 below 1, infinity (sum/max) below 2
    assert np.all(limits.renyi_effective_rank < limits.roy_vetterli_rank)
    assert np.all(limits.stable_rank < limits.participation_ratio)


def test_these_measures_fall_with_depth():
    limits = limit_measures(np.geomspace(1e-3, 1e5, 81))
    for name, values in dataclasses.asdict(limits).items():
        # thresholds below the mean, too
        assert np.all(np.diff(values) < 0), name


# --- threshold rank ---------------------------------------------------------------------------


def test_threshold_rank_of_the_quarter_circle():
    # depth 1: P(sigma >= x) = 1 - [x sqrt(4 - x^2)/2 + 2 arcsin(x/2)]/pi, mean 8/(3 pi)
    t = np.array([0.0, 0.3, 1, 2, 2.3])
    x = t * 8 / (3 * np.pi)
    expected = 1 - (x * np.sqrt(4 - x * x) / 2 + 2 * np.arcsin(x / 2)) / np.pi
    assert limit_threshold_rank(1, t) == pytest.approx(expected, abs=ROUNDING)
    assert limit_threshold_rank(1, 2.4) == 0


def test_threshold_rank_is_not_monotone():
    # at the mean and below it falls, above it rises from 0 and returns
    depths = np.geomspace(1e-4, 1e6, 201)
    for t in (0.2, 0.6, 1.0):
        assert np.all(np.diff(limit_threshold_rank(depths, t)) < 0)
    for t in (1.1, 1.5, 3.0, 20.0):
        shares = limit_threshold_rank(depths, t)
        changes = np.diff(shares[shares > 0])
        assert shares[0] == 0
        assert np.sum(changes[1:] * changes[:-1] < 0) == 1
    assert limit_threshold_rank(2, 3) > limit_threshold_rank(1, 3)


# --- energy rank ------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [1e-9, 0.01, 0.3, 0.9])
def test_energy_rank_of_the_quarter_circle(delta):
    # density sqrt(4 - x^2)/pi: what is below x holds 1 - (1 - x^2/4)^(3/2) of the sum
    x = 2 * math.sqrt(-math.expm1(math.log1p(-delta) * 2 / 3))
    share = 1 - (x * math.sqrt(4 - x * x) / 2 + 2 * math.asin(x / 2)) / math.pi
    # quadrature of a few 1e-15, solved to a few more
    assert limit_energy_rank(1, delta) == pytest.approx(share, rel=1e-13)


@pytest.mark.parametrize(("depth", "delta", "power"), [(0.3, 0.05, 1), (4, 0.01, 1), (9, 0.2, 2)])
def test_energy_rank_against_the_quantile_function(depth, delta, power):
    # another integral: of quantiles, over the probability
    share = limit_energy_rank(depth, delta, power=power)
    held, _ = integrate.quad(
        lambda u: singular_value_law.isf(u, depth) ** power, 0, share, epsabs=0, epsrel=1e-11
    )
    total = float(exact.moment(power / 2, depth))
    assert held / total == pytest.approx(1 - delta, rel=1e-9)


def test_energy_rank_at_both_ends():
    assert limit_energy_rank([1, 2], 0).tolist() == [1, 1]
    # all values become equal: depth 1e-8 moves a share by about depth log(1/depth)
    assert limit_energy_rank(1e-8, 0.25) == pytest.approx(0.75, abs=1e-6)
    # and at great depth their number is proportional to 1/depth
    shares = limit_energy_rank([1e6, 1e7]) * np.array([1e6, 1e7])
    assert shares[0] == pytest.approx(shares[1], rel=1e-4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: limit_measures(0),
            ValueError,
            "depth must be finite and >= 1e-100 and .*, got 0.0",
        ),
        (lambda: limit_measures(1, -1), ValueError, "threshold must be finite and >= 0"),
        (lambda: limit_stable_rank("a"), TypeError, "depth must be real numbers"),
        (lambda: limit_participation_ratio(1, power=0), ValueError, "power must be finite and > 0"),
        (
            lambda: limit_threshold_rank([1, 2], [1, 2, 3]),
            ValueError,
            "depth and threshold must broadcast",
        ),
        (lambda: limit_energy_rank(1, 1), ValueError, "delta must be >= 0 and < 1, got 1.0"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
