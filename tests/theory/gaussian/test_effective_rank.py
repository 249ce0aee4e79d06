"""The differential effective rank: known values, switches, Theorem 1, orders, bad input."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmt_rank.theory.gaussian.effective_rank import MEAN_ORDERS
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank as rank
from rmt_rank.theory.gaussian.effective_rank import (
    differential_effective_rank_derivative as derivative,
)
from rmt_rank.theory.gaussian.moments import DIRECT_BELOW, QUADRATURE_BELOW

depths = st.floats(1e-6, 1e9)
orders = st.floats(0.01, 50)
powers = st.floats(0.1, 8)


def in_mpmath(depth, power=1, order=1):
    """rho and d rho/dL from gamma functions at 60 digits, as they stand in the docstrings."""
    with mpmath.workdps(60):
        L, z = mpmath.mpf(depth), mpmath.mpf(power) / 2

        def log_moment(z, L):
            return (
                mpmath.loggamma((L + 1) * z + 1)
                - mpmath.loggamma(z + 1)
                - mpmath.loggamma(L * z + 2)
            )

        def rho(L):
            if order == 1:
                return log_moment(z, L) - z * mpmath.diff(lambda y: log_moment(y, L), z)
            q = mpmath.mpf(order)
            return (log_moment(q * z, L) - q * log_moment(z, L)) / (1 - q)

        return float(rho(L)), float(mpmath.diff(rho, L, h=mpmath.mpf(10) ** -20 * L))


def test_values_of_the_design():
    # computed by quadrature at 76 digits; made by validation/reference/effective_rank.py
    values = {
        0.5: -0.112713334793,
        1: -0.216861660624,
        2: -0.401387711332,
        8: -1.116099045429,
        32: -2.237939237511,
    }
    np.testing.assert_allclose(rank(list(values)), list(values.values()), atol=1e-12)


def test_gram_matrix_is_a_harmonic_number():
    L = np.arange(1, 200)
    harmonic = np.cumsum(1 / np.arange(1, 201))[1:]
    np.testing.assert_allclose(rank(L, power=2), 1 - harmonic, rtol=1e-14)


def test_ends():
    assert math.copysign(1, rank(0)) == 1
    assert derivative(0) == pytest.approx(1 - np.pi**2 / 8, rel=1e-15)
    kappa = 1.5 - np.euler_gamma / 2 + math.log(4 / math.pi) / 2
    L = 1e5
    series = kappa - math.log(L) - 3.5 / L + 65 / (12 * L**2)
    assert rank(L) == pytest.approx(series, rel=1e-14)


@pytest.mark.parametrize("power", [0.5, 1, 2, 5])
@pytest.mark.parametrize("order", [1, 0.5, 2, 0.2, 7])
@pytest.mark.parametrize("switch", [QUADRATURE_BELOW, DIRECT_BELOW])
@pytest.mark.parametrize("side", [-1e-9, 1e-9])
def test_both_sides_of_the_switches_in_depth(power, order, switch, side):
    scale = max(1, order) if switch == QUADRATURE_BELOW else 1
    depth = switch / (power / 2) / scale * (1 + side)
    expected = in_mpmath(depth, power, order)
    assert rank(depth, power=power, order=order) == pytest.approx(expected[0], rel=1e-13)
    assert derivative(depth, power=power, order=order) == pytest.approx(expected[1], rel=1e-13)


@pytest.mark.parametrize("edge", MEAN_ORDERS)
@pytest.mark.parametrize("side", [-1e-9, 0, 1e-9])
@pytest.mark.parametrize("depth", [0.01, 3, 50])
def test_both_sides_of_the_switches_in_order(edge, side, depth):
    order = edge * (1 + side)
    expected = in_mpmath(depth, 1, order)
    assert rank(depth, order=order) == pytest.approx(expected[0], rel=1e-13)
    assert derivative(depth, order=order) == pytest.approx(expected[1], rel=1e-13)


@given(depths, powers, orders)
def test_every_order_of_every_power_falls_with_depth(depth, power, order):
    # Theorem 1 in its strengthened form, by the closed derivative and by two values
    assert derivative(depth, power=power, order=order) < 0
    here, deeper = rank([depth, depth * 1.01], power=power, order=order)
    assert deeper < here < 0


@given(depths, powers)
@settings(max_examples=25)
def test_orders_decrease_and_meet_at_one(depth, power):
    values = [rank(depth, power=power, order=q) for q in (0, 0.5, 1 - 1e-9, 1, 1 + 1e-9, 3, 99)]
    assert values[0] == 0
    assert values[2] == pytest.approx(values[3], rel=1e-8)
    assert values[4] == pytest.approx(values[3], rel=1e-8)
    assert values == sorted(values, reverse=True)
    assert rank(depth, power=power, order=np.inf) < values[-1]


@given(st.floats(0.01, 1e6), powers, orders)
def test_derivative_is_the_difference_quotient(depth, power, order):
    step = 1e-4 * depth
    low, high = rank([depth - step, depth + step], power=power, order=order)
    slope = derivative(depth, power=power, order=order)
    # truncation: |third derivative| < 10 |slope|/L^2; rounding: 4e-15 |rho| / step
    slack = 2e-7 * abs(slope) + 4e-15 * abs(low) / step
    assert (high - low) / (2 * step) == pytest.approx(slope, rel=0, abs=slack)


def test_min_entropy():
    # order inf: log(mean/maximum) of the singular values
    from rmt_rank import singular_value_law
    from rmt_rank.theory import fuss_catalan_moment

    L = np.array([0.3, 1, 7])
    expected = np.log(fuss_catalan_moment(0.5, L) / singular_value_law.support(L)[1])
    np.testing.assert_allclose(rank(L, order=np.inf), expected, rtol=1e-14)
    assert derivative(0, order=np.inf) == -np.inf


@pytest.mark.parametrize(("depth", "order"), [(1e-4, 1e4), (1e-8, 1e8), (0.01, 100), (3, 1e3)])
def test_large_orders(depth, order):
    assert rank(depth, order=order) == pytest.approx(in_mpmath(depth, 1, order)[0], rel=1e-13)


def test_the_largest_depths():
    assert derivative(1e300) == pytest.approx(-1e-300, rel=1e-14)
    assert rank(1e300) == pytest.approx(-300 * math.log(10) + 1.332174405184479, rel=1e-14)


def test_slope_of_the_min_entropy_at_the_smallest_depths():
    # (log L + ...)/2, on both sides of 1e-300; the logarithms of 690 have errors of 1e-13
    depths = np.array([0.5e-300, 1.5e-300, 3e-300])
    slopes = derivative(depths, order=np.inf)
    np.testing.assert_allclose(np.diff(slopes), np.diff(np.log(depths)) / 2, atol=2e-13)


def test_shapes():
    assert isinstance(rank(3), float)
    assert rank(np.ones((2, 3))).shape == (2, 3)
    assert derivative([1, 2], order=2).shape == (2,)


@pytest.mark.parametrize("function", [rank, derivative])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"depth": -0.1}, ValueError, "depth must be finite and >= 0, got -0.1"),
        ({"depth": [1, np.nan]}, ValueError, "depth must be finite and >= 0, got nan"),
        ({"depth": []}, ValueError, "depth must not be empty"),
        ({"depth": "2"}, TypeError, "depth must be real numbers, got '2'"),
        ({"depth": [[1], [2, 3]]}, TypeError, "depth must be real numbers"),
        ({"depth": 1e308, "power": 4}, ValueError, "depth must be so small that depth . power"),
        ({"depth": 1, "power": 0}, ValueError, "power must be finite and > 0 and <= .*, got 0"),
        ({"depth": 1, "power": [1, 2]}, TypeError, r"power must be one number, got \[1, 2\]"),
        ({"depth": 1, "order": -1}, ValueError, "order must be a number and >= 0, got -1"),
        ({"depth": 1, "order": np.nan}, ValueError, "order must be a number and >= 0, got nan"),
    ],
)
def test_bad_input(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(**arguments)
