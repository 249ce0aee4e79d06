"""The law as a function of the angle: identities, symmetry, both ends."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian.angle import Angle, constants, point

depths = st.floats(1e-3, 1e6)
log_ratios = st.floats(-30, 200)


def angle(log_ratio):
    ratio = np.exp(np.asarray(log_ratio, dtype=float))
    theta = np.pi / (1 + ratio)
    return Angle(theta, ratio * theta)


@given(depths, log_ratios)
def test_cdf_and_sf_add_up(depth, log_ratio):
    c = constants(depth)
    both = spectral_angle.cdf(angle(log_ratio), c) + spectral_angle.sf(
        point(angle(log_ratio), c), c
    )
    assert both == pytest.approx(1, abs=1e-14)


@given(depths, log_ratios)
def test_depth_and_its_inverse_share_w(depth, log_ratio):
    here, there = (
        spectral_angle.minus_log_w(point(angle(log_ratio), constants(L)), constants(L))
        for L in (depth, 1 / depth)
    )
    assume(here < 3)  # where it is used
    # 1/L is rounded to an ulp; the condition of U in L is at most 1
    assert here == pytest.approx(there, rel=1e-14)


@given(depths, st.floats(-30, 30))
def test_slope_is_the_derivative(depth, log_ratio):
    c = constants(depth)
    step = 1e-4
    # d/d log(eps/theta) = -(theta eps / pi) d/dtheta
    low, high = (
        np.log(spectral_angle.minus_log_w(point(angle(log_ratio + s), c), c)) for s in (-step, step)
    )
    p = point(angle(log_ratio), c)
    assume(spectral_angle.minus_log_w(p, c) < 3)  # where it is used
    slope = -spectral_angle.slope(p, c) * p.theta * p.eps / np.pi
    relative = slope / spectral_angle.minus_log_w(p, c)
    # central differences: third derivative (at most 2) step^2/6, rounding 1e-15 |log U| / step
    assert (high - low) / (2 * step) == pytest.approx(relative, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("depth", [0.01, 0.5, 1, 2, 8, 1000])
def test_value_falls_from_edge_to_zero(depth):
    c = constants(depth)
    values = spectral_angle.value(angle(np.linspace(-25, 25, 2001)), c, 1.0)
    assert np.all(np.diff(values) >= 0)
    assert values[-1] == pytest.approx(spectral_angle.largest_value(depth, 1.0), rel=1e-14)


@pytest.mark.parametrize("depth", [0.5, 1, 3, 100])
def test_value_agrees_on_both_sides_of_its_switch(depth):
    # w = W_SWITCH is where a power gives way to an exponential
    c = constants(depth)
    grid = np.linspace(-10, 10, 200_001)
    values = spectral_angle.value(angle(grid), c, 1.0)
    w = (values / spectral_angle.largest_value(depth, 1.0)) ** c.a
    k = np.searchsorted(w, spectral_angle.W_SWITCH)
    logs = np.log(values[k - 5 : k + 5])
    # second differences of a smooth function on a grid of 1e-4, and (L+1) ulps
    assert np.max(np.abs(np.diff(logs, 2))) < 1e-7 * (depth + 1)


def test_depth_one_is_elementary():
    # L = 1: s = 4 cos(theta/2)^2, K = sin(theta), F = (eps + sin eps)/pi
    at, c = angle(np.linspace(-20, 20, 101)), constants(1)
    sine = np.sin(np.minimum(at.theta, at.eps))
    np.testing.assert_allclose(spectral_angle.density_factor(at, c), sine, rtol=1e-14)
    np.testing.assert_allclose(
        spectral_angle.value(at, c, 1.0), 4 * np.sin(at.eps / 2) ** 2, rtol=1e-14
    )


def test_largest_value():
    np.testing.assert_allclose(
        spectral_angle.largest_value([1, 2, 3], 1.0), [4, 27 / 4, 256 / 27], rtol=1e-15
    )
    # (L+1)^(L+1)/L^L -> 1 + L log(1/L) at 0 and e (L + 1/2) at infinity
    assert spectral_angle.largest_value(1e-300, 1.0) == 1
    assert spectral_angle.largest_value(1e15, 1.0) == pytest.approx(np.e * 1e15, rel=1e-14)
