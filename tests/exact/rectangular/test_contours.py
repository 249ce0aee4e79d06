"""The reference implementation of unequal widths against closed forms written out here."""

import math

import mpmath
import pytest
from mpmath import mp

from rmt_rank.exact.rectangular import contours as rectangular
from rmt_rank.exact.rectangular.contours import (
    rectangular_effective_rank,
    rectangular_law,
    rectangular_moment,
)


def close(value, expected, digits):
    """Return whether two numbers agree to so many significant digits."""
    with mp.workdps(digits + 30):
        return abs(mpmath.mpf(value) / expected - 1) < mpmath.mpf(10) ** -digits


def fuss_catalan(z, depth):
    return mpmath.gamma((depth + 1) * z + 1) / mpmath.gamma(z + 1) / mpmath.gamma(depth * z + 2)


@pytest.mark.parametrize("order", ["-0.3", "0.5", "2.25"])
def test_equal_widths(order):
    with mp.workdps(40):
        expected = fuss_catalan(mpmath.mpf(order), 2)
    assert close(rectangular_moment([3, 3, 3], order, digits=25), expected, 24)


def test_rank_of_equal_widths():
    # log M - z M'/M and log(M(a z)/M^a)/(1 - a) of gamma functions
    with mp.workdps(40):
        half = mpmath.mpf(1) / 2
        shannon = mpmath.log(fuss_catalan(half, 1)) - half * mpmath.diff(
            lambda z: mpmath.log(fuss_catalan(z, 1)), half
        )
        renyi = -mpmath.log(fuss_catalan(1, 1) / fuss_catalan(half, 1) ** 2)
        minimum = mpmath.log(fuss_catalan(half, 1) / 2)
    for order, expected in ((1, shannon), (2, renyi), (math.inf, minimum)):
        assert close(rectangular_effective_rank([1, 1], order=order, digits=20), expected, 19)


def test_rational_values():
    # E s, E s^2 = ... (1 + sum over j of N/n_j) times (E s)^2, Page's entropy -N/(2n)
    assert close(rectangular_moment([2, 4, 3], 1, digits=20), 3, 19)
    assert close(rectangular_moment([2, 4, 3], 2, digits=20), 9 * (1 + mpmath.mpf(7) / 6), 15)
    assert close(rectangular_moment([1, 2], -1, digits=20), 1, 19)
    assert close(rectangular_effective_rank([1, 4], power=2, digits=20), -0.125, 19)


@pytest.mark.parametrize("x", ["0.5", "1.25", "2.25"])
def test_law_of_one_factor(x):
    # s = 3 + 2 sqrt(2) cos(theta): Marchenko and Pastur; its distribution function by quadrature
    pdf, cdf, sf = rectangular_law(x, [1, 2], digits=25)
    with mp.workdps(40):
        s = mpmath.mpf(x) ** 2
        end = mpmath.acos((s - 3) / mpmath.sqrt(8))

        def density(theta):
            return 4 * mpmath.sin(theta) ** 2 / (3 + mpmath.sqrt(8) * mpmath.cos(theta)) / mp.pi

        assert close(sf, mpmath.quad(density, [0, end]), 23)
        assert close(cdf, mpmath.quad(density, [end, mpmath.pi]), 23)
        assert close(pdf, mpmath.sqrt(8) * mpmath.sin(end) / mp.pi / mpmath.mpf(x), 23)


def test_beyond_the_support():
    # the support for widths 1 and 2 is sqrt(2) - 1 ... sqrt(2) + 1
    assert rectangular_law("0.41", [1, 2]) == (0, 0, 1)
    assert rectangular_law("2.42", [1, 2]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: rectangular_moment([1], 1), "allowed: at least 2 members"),
        (lambda: rectangular_moment([1, -1], 1), "widths is -1; allowed: a number > 0"),
        (lambda: rectangular_moment([1, 1, 2], -0.5), "order is -0.5; allowed: > -1/2"),
        (lambda: rectangular_effective_rank([1, 2], order=-1), "order is -1; allowed"),
        (lambda: rectangular_law(0, [1, 2]), "x is 0; allowed: a number > 0"),
    ],
)
def test_bad_input(function, message):
    with pytest.raises(ValueError, match=message):
        function()


def test_a_small_difference_of_widths():
    # half an ellipse that ends at t = -y/2; M has a slope of order 1 in y
    value = rectangular_moment([10**30, 10**30 + 1], "0.5", digits=25)
    assert close(value, fuss_catalan(mpmath.mpf("0.5"), 1), 15)


def test_unresolved_integrals_are_refused(monkeypatch):
    monkeypatch.setattr(rectangular, "FINEST", 2)
    with pytest.raises(ArithmeticError, match="has not converged"):
        rectangular_moment([1, 2], "0.5")
