"""Moments at real order: exact integers, the gamma functions in mpmath, switches, bad input."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_rank.theory import fuss_catalan_moment
from rmt_rank.theory.gaussian.moments import DIRECT_BELOW, QUADRATURE_BELOW, log_moment


def by_gamma_functions(z, depth):
    with mpmath.workdps(40):
        z, L = mpmath.mpf(z), mpmath.mpf(depth)
        return (
            mpmath.loggamma((L + 1) * z + 1) - mpmath.loggamma(z + 1) - mpmath.loggamma(L * z + 2)
        )


@pytest.mark.parametrize("depth", [1, 2, 3, 10])
def test_whole_orders_are_fuss_catalan_numbers(depth):
    for k in range(8):
        expected = math.comb((depth + 1) * k, k) / (depth * k + 1)
        assert fuss_catalan_moment(k, depth) == pytest.approx(expected, rel=2e-14)


@given(st.floats(0, 1000), st.floats(-0.999, 20))
def test_any_real_order(depth, order):
    if order < 0:
        order = order / (depth + 1)  # -1/(depth + 1) < order < 0
    expected = float(mpmath.exp(by_gamma_functions(order, depth)))
    # ulps of the largest of the three logarithms; next to the pole its condition
    slack = 1 + abs(math.lgamma((depth + 1) * order + 1)) * (depth * order < DIRECT_BELOW)
    slack += abs(math.log(expected)) + 1 / ((depth + 1) * order + 1)
    assert fuss_catalan_moment(order, depth) == pytest.approx(expected, rel=1e-15 * (4 + slack))


@pytest.mark.parametrize("z", [0.5, 1.5, 3])
@pytest.mark.parametrize("switch", [QUADRATURE_BELOW, DIRECT_BELOW])
@pytest.mark.parametrize("side", [-1e-9, 0, 1e-9])
def test_both_sides_of_the_switches(z, switch, side):
    depth = switch / z * (1 + side)
    expected = float(by_gamma_functions(z, depth))
    assert log_moment(z, depth) == pytest.approx(expected, rel=2e-14)


@pytest.mark.parametrize(
    ("order", "depth"), [(1e3, 3e-4), (1e6, 3e-7), (1e12, 1e-12), (30, 0.3), (11, 1.5)]
)
def test_large_orders_of_shallow_laws(order, depth):
    expected = float(by_gamma_functions(order, depth))
    assert log_moment(order, depth) == pytest.approx(expected, rel=1e-14)


def test_exact_values():
    assert fuss_catalan_moment(0, 7) == 1
    assert fuss_catalan_moment(1, 1e6) == pytest.approx(1, rel=1e-14)
    assert fuss_catalan_moment(3.3, 0) == 1  # depth 0: a unitary matrix
    # mean singular value of the quarter circle, and E 1/sigma at depth 1/2
    assert fuss_catalan_moment(0.5, 1) == pytest.approx(8 / (3 * np.pi), rel=1e-15)


def test_shapes():
    assert isinstance(fuss_catalan_moment(2, 3), float)
    assert fuss_catalan_moment([[1], [2]], [1, 2, 3]).shape == (2, 3)


@pytest.mark.parametrize(
    ("order", "depth", "error", "message"),
    [
        (-0.5, 1, ValueError, r"order must be > -1/\(depth \+ 1\) = -0.5 at depth 1, got -0.5"),
        (np.nan, 1, ValueError, "order must be finite, got nan"),
        (1, -1, ValueError, "depth must be finite and >= 0, got -1.0"),
        (1, np.inf, ValueError, "depth must be finite and >= 0, got inf"),
        (1, [], ValueError, r"depth must not be empty, got \[\]"),
        ("1", 1, TypeError, "order must be real numbers, got '1'"),
        (1, None, TypeError, "depth must be real numbers, got None"),
        (1, 1j, TypeError, "depth must be real numbers, got 1j"),
        (
            [1, 2, 3],
            [1, 2],
            ValueError,
            r"order and depth must broadcast, got .* \(3,\) and \(2,\)",
        ),
        (1, True, TypeError, "depth must be real numbers, got True"),
    ],
)
def test_bad_input(order, depth, error, message):
    with pytest.raises(error, match=message):
        fuss_catalan_moment(order, depth)
