"""The depth at which the share above a threshold turns: root, maximum, both ends of depth."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmt_rank import exact
from rmt_rank.theory.gaussian.limit_measures import limit_threshold_rank
from rmt_rank.theory.gaussian.threshold_rank import threshold_rank_peak, turning_threshold


def by_bisection(depth):
    """The root of the formula as it stands, at 160 digits: theta is near pi at small depth."""
    with mpmath.workdps(160):
        L, half = mpmath.mpf(depth), mpmath.mpf(1) / 2
        rise = mpmath.psi(0, L / 2 + 2) - mpmath.psi(0, L / 2 + 3 * half) - 1
        low, high = mpmath.mpf(3) / 2, mpmath.pi
        for _ in range(400):
            theta = (low + high) / 2
            phi, X = theta / (L + 1), L * theta / (L + 1)
            value = phi * mpmath.cot(phi) + rise + mpmath.log(mpmath.sin(theta) / mpmath.sin(X))
            low, high = (theta, high) if value > 0 else (low, theta)
        phi, X = low / (L + 1), L * low / (L + 1)
        log_s = (
            (L + 1) * mpmath.log(mpmath.sin(low))
            - mpmath.log(mpmath.sin(phi))
            - L * mpmath.log(mpmath.sin(X))
        )
        c = mpmath.gamma(L / 2 + 3 * half) / mpmath.gamma(3 * half) / mpmath.gamma(L / 2 + 2)
        return float(mpmath.exp(log_s / 2) / c)


# both sides of the switch of the digamma difference at L = 37, and of the series at phi = 1/2
@pytest.mark.parametrize("depth", [1e-100, 1e-8, 1e-3, 0.3, 1, 2.9, 3.1, 30, 36.9, 37.1, 1e3, 1e9])
def test_against_many_digits(depth):
    # a few roundings of numbers below 40, from the digammas
    assert turning_threshold(depth) == pytest.approx(by_bisection(depth), rel=3e-14)


@pytest.mark.parametrize("depth", ["1/8", 3])
def test_against_differences_of_the_share(depth):
    slow = exact.turning_threshold(depth, digits=12)
    L = 0.125 if depth == "1/8" else depth
    assert turning_threshold(L) == pytest.approx(float(slow), rel=1e-11)


def test_it_increases_from_one():
    depths = np.geomspace(1e-12, 1e12, 400)
    turn = turning_threshold(depths)
    assert np.all(np.diff(turn) > 0)
    assert np.all(turn > 1)
    # 1 + L/2 and a multiple of L: the next terms are L^2 log^2 L and 1
    assert turn[100] - 1 == pytest.approx(depths[100] / 2, rel=1e-3)
    root = mpmath.findroot(lambda x: mpmath.tan(x) + x, 2)
    slope = float(mpmath.sqrt(mpmath.pi * mpmath.sin(root) / (8 * mpmath.e * root)))
    assert turn[-1] / depths[-1] == pytest.approx(slope, rel=1e-11)
    assert turning_threshold(np.array([[1.0, 2.0]])).shape == (1, 2)


@settings(max_examples=30, deadline=None)
@given(t=st.floats(1.001, 200))
def test_peak_is_a_maximum(t):
    depth, share = threshold_rank_peak(t)
    assert share == limit_threshold_rank(depth, t)
    # the nearest local maximum: rounding 1e-13 against the curvature times 1e-3 squared
    for factor in (0.5, 0.999, 1.001, 2):
        assert limit_threshold_rank(depth * factor, t) < share * (1 + 1e-12)
    assert turning_threshold(depth) == pytest.approx(t, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: turning_threshold(0), ValueError, "depth must be finite and >= 1e-100"),
        (lambda: turning_threshold("a"), TypeError, "depth must be real numbers"),
        (lambda: threshold_rank_peak(1), ValueError, "threshold must be finite and > 1, got 1.0"),
        (lambda: threshold_rank_peak(1e9), ValueError, "threshold must have its peak"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
