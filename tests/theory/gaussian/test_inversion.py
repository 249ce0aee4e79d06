"""From values and probabilities to the angle: the guess, Newton's method, the ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian import inversion as spectral_inversion
from rmt_rank.theory.gaussian.angle import W_SWITCH, constants, constants_of_one, point

DEPTHS = [1e-6, 0.01, 0.3, 1, 1.5, 2.5, 3, 8, 32, 100, 1000, 1e6]


def w_and_minus_log_w():
    w = np.concatenate([np.logspace(-90, -1, 400), np.linspace(0.1, 0.99, 300)])
    U = -np.log(w)
    small = np.logspace(-16, -2, 100)
    return np.concatenate([w, np.exp(-small)]), np.concatenate([U, small])


@pytest.mark.parametrize("depth", DEPTHS)
def test_guess_is_within_twelve_per_cent(depth):
    c = constants(depth)
    w, U = w_and_minus_log_w()
    theta, eps = spectral_inversion.angle_from_w(w, U, c)
    guess = spectral_inversion._guess(1 / np.expm1(U), c)
    assert np.max(np.abs(np.log(guess * theta / eps))) < 0.12


@pytest.mark.parametrize("depth", DEPTHS)
def test_newton_converges_quadratically(depth, monkeypatch):
    # LAST_STEP rests on error < 0.14 step^2: stop after one step, look at what is left
    c = constants(depth)
    w, U = w_and_minus_log_w()
    exact = spectral_inversion.angle_from_w(w, U, c)
    guess = spectral_inversion._guess(1 / np.expm1(U), c)
    monkeypatch.setattr(spectral_inversion, "MAX_STEPS", 1)
    monkeypatch.setattr(spectral_inversion, "LAST_STEP", np.inf)
    once = spectral_inversion.angle_from_w(w, U, c)
    step = np.log(once.eps / once.theta / guess)
    error = np.abs(np.log(once.eps / once.theta * exact.theta / exact.eps))
    seen = np.abs(step) > 1e-5
    assert np.all(error[seen] < 0.14 * step[seen] ** 2)


@pytest.mark.parametrize("depth", DEPTHS)
def test_both_sides_of_the_switch_agree(depth):
    c = constants(depth)
    w = np.array([np.nextafter(W_SWITCH, 0), W_SWITCH, 0.05, 0.5])
    by_power = spectral_inversion._from_w(w, c)
    by_log = spectral_inversion._from_minus_log_w(-np.log(w), c)
    # the logarithm loses (L+1) ulps of x, which the law's condition allows; here they meet
    np.testing.assert_allclose(by_power.eps, by_log.eps, rtol=1e-14 * max(1, 1 / float(c.m)))


@pytest.mark.parametrize("depth", [0.01, 0.5, 1, 2, 3.5, 8, 100, 1000])
def test_tails_round_trip_to_1e290(depth):
    # sf(isf(p)) = p and cdf(ppf(p)) = p to 1e-12, where the quantile is kept as an angle: a
    # float64 x next to x_max, or below 1e-308, could not hold it
    c = constants(depth)
    p = np.concatenate([np.logspace(-290, -1, 300), [0.3, 0.5]])
    upper = spectral_inversion.angle_from_tails(1 - p, p, c)
    np.testing.assert_allclose(spectral_angle.sf(point(upper, c), c), p, rtol=1e-12)
    lower = spectral_inversion.angle_from_tails(p, 1 - p, c)
    np.testing.assert_allclose(spectral_angle.cdf(lower, c), p, rtol=1e-12)


@given(st.floats(0.01, 1000), st.floats(1e-6, 1, exclude_max=True))
def test_value_round_trip(depth, ratio):
    c = constants(depth)
    x = ratio * spectral_angle.largest_value(depth, 1.0)
    angle = spectral_inversion.angle_from_value(x[np.newaxis], c, 1.0)
    back = spectral_angle.value(angle, c, 1.0)[0]
    # a power L + 1 of a root that is good to two ulps
    assert back == pytest.approx(x, rel=1e-15 * (4 + depth))


def test_a_nan_does_not_stop_the_others():
    c = constants(3.0)
    with np.errstate(invalid="ignore"):
        theta, _ = spectral_inversion.angle_from_value(np.array([0.5, np.nan, 2.0]), c, 1.0)
    expected = spectral_inversion.angle_from_value(np.array([0.5, 2.0]), c, 1.0).theta
    np.testing.assert_array_equal(theta[[0, 2]], expected)
    assert np.isnan(theta[1])


@given(st.floats(1e-3, 1e4), st.floats(1e-90, 1 - 1e-9))  # w > SMALLEST_W
def test_python_floats_agree_with_arrays(depth, ratio):
    c, one = constants(depth), constants_of_one(depth)
    x = ratio * float(spectral_angle.largest_value(depth, 1.0))
    many = spectral_angle.Angle(*(part[0] for part in by_value(np.array([x]), c)))
    single = by_value(x, one)
    # each Newton iteration ends within 1.4e-15 and a few ulps of the right-hand side, whose
    # logarithm moves by a |log x| ulps; near s_max an ulp of U is (L+1) ulps of 1 - x/x_max
    slack = 1e-14 + 4.5e-16 * (-np.log(ratio) / (depth + 1) + 1 / (1 - ratio))
    assert single.theta == pytest.approx(many.theta, rel=slack, abs=0)
    assert single.eps == pytest.approx(many.eps, rel=slack, abs=0)


def by_value(x, c):
    return spectral_inversion.angle_from_value(x, c, 1.0)
