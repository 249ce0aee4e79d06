"""Conjugate kernels by the density: known laws, moments, bad input."""

from fractions import Fraction

import mpmath
import pytest

from rmt_rank.exact._precision import mp, working
from rmt_rank.exact.nonlinear.conjugate_kernel import (
    _curve,
    _edge,
    _linear_shares,
    conjugate_kernel_entropy,
    linear_kernel_entropy,
)


@pytest.mark.parametrize("ratio", [1, Fraction(5, 2), 8])
def test_linear_networks(ratio):
    for depth in (0, 1, 4):
        harmonic = sum(Fraction(1, k) for k in range(1, depth + 2))
        expected = 1 - harmonic - Fraction(1, 1) / (ratio * (depth + 2))
        found = linear_kernel_entropy(ratio, depth, digits=25)
        assert abs(found - mpmath.mpf(expected.numerator) / expected.denominator) < 1e-15
        with mpmath.mp.workdps(30):
            assert abs(found - mpmath.mpf(expected.numerator) / expected.denominator) < 1e-24


def test_no_linear_part_is_marchenko_pastur():
    # He_3 has b^2 = 0 at unit variance: Page's -n/(2q). An x of 1e-9 keeps the curve defined
    def phi(x):
        return x**3 - 3 * x + x / 10**9

    assert abs(conjugate_kernel_entropy(4, 1, phi, digits=10) + mpmath.mpf(1) / 8) < 1e-10


def test_linear_shares_in_closed_form():
    # sin: F = (1 - e^(-2v))/2 and E phi' = e^(-v/2), so that b^2 = v/sinh v; v' = w F
    with working(30):
        w = mp.mpf(2)
        shares, v = _linear_shares(mp.sin, 3, w), w
        for share in shares:
            assert abs(share - v / mp.sinh(v)) < 1e-28
            v = w * (1 - mp.exp(-2 * v)) / 2


def test_edges():
    with working(25):
        gammas = [mp.mpf(4), mp.mpf(3), mp.mpf(5)]
        # the edge of Marchenko and Pastur: (1 + sqrt(gamma))^2
        assert abs(_curve(_edge(gammas[:1], [], True), gammas[:1], [])[-1][1] - 9) < 1e-20
        shares = [mp.mpf("0.7"), mp.mpf("0.8")]
        edges = [
            _curve(_edge(gammas, shares, upper), gammas, shares)[-1] for upper in (False, True)
        ]
        # z is stationary in m there
        assert all(abs(dz) < 1e-15 for _, _, dz in edges)
        assert 0 < edges[0][1] < 1 < edges[1][1]


def test_derivative_along_the_curve():
    with working(30):
        gammas, shares = [mp.mpf(n) for n in (3, 2, 4, 3)], [mp.mpf("0.7")] * 3
        m = mp.mpc("0.1", "0.2")
        numeric = mp.diff(lambda x: _curve(x, gammas, shares)[-1][1], m)
        assert abs(_curve(m, gammas, shares)[-1][2] / numeric - 1) < 1e-12


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linear_kernel_entropy(0.5, 1), ValueError, "samples_per_width is 0.5"),
        (lambda: linear_kernel_entropy(2, -1), ValueError, "depth is -1; allowed: an int >= 0"),
        (lambda: linear_kernel_entropy(2, 1.0), TypeError, "depth is 1.0; allowed: an int >= 0"),
        (lambda: conjugate_kernel_entropy(1, 1, "tanh"), ValueError, "samples_per_width is 1"),
        (lambda: conjugate_kernel_entropy([2, 1], 1, "tanh"), ValueError, "allowed: numbers > 1"),
        (lambda: conjugate_kernel_entropy([2], 1, "tanh"), ValueError, "a number, or 2 of them"),
        (lambda: conjugate_kernel_entropy(2, 0, "tanh"), ValueError, "depth is 0"),
        (lambda: conjugate_kernel_entropy(2, 1, "relu"), ValueError, "activation is 'relu'"),
        (
            lambda: conjugate_kernel_entropy(2, 1, "tanh", weight_variance=0),
            ValueError,
            "weight_variance is 0",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
