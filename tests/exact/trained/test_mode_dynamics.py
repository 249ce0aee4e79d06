"""The reference implementation of the modes against closed forms and against itself."""

import mpmath
import pytest
from mpmath import mp

from rmt_rank.exact.trained import mode_dynamics
from rmt_rank.exact.trained.mode_dynamics import mode_singular_value, mode_time


def close(value, expected, digits):
    with mp.workdps(digits + 30):
        return abs(mpmath.mpf(value) / expected - 1) < mpmath.mpf(10) ** -digits


@pytest.mark.parametrize(("value", "target", "start"), [("0.9", "1", "1e-9"), ("1.5", "1", "3")])
def test_one_layer_and_two(value, target, start):
    with mp.workdps(60):
        x, s, a = (mpmath.mpf(v) for v in (value, target, start))
        one = mpmath.log((s - a) / (s - x))
        two = mpmath.log(x / a * (s - a) / (s - x)) / (2 * s)
    assert close(mode_time(value, target, start, 1), one, 29)
    assert close(mode_time(value, target, start, 2), two, 29)


def test_three_layers_and_more():
    with mp.workdps(60):
        x, a, s, d = (mpmath.mpf(v) for v in ("1.9", "1e-6", "2", "3.5"))

        def primitive(sigma):
            power = sigma ** (2 / d - 1) / (s * (2 - d))
            return power * mpmath.hyp2f1(1, 2 / d - 1, 2 / d, sigma / s)

        expected = primitive(x) - primitive(a)
    assert close(mode_time("1.9", "2", "1e-6", "3.5"), expected, 29)


def test_towards_0():
    # (sigma^-k - sigma_0^-k)/(d k), k = 2 - 2/d
    with mp.workdps(60):
        expected = (mpmath.mpf(10) ** 3 - 1) / 6
    assert close(mode_time("0.01", 0, 1, 4), expected, 29)


@pytest.mark.parametrize(
    ("time", "target", "start", "depth"),
    [("2.5", "1", "1e-3", 3), ("8", "1", "0.1", "1.5"), ("0.2", "0.5", "2", 8), (3, 0, 1, 2)],
)
def test_values_are_inverse_to_times(time, target, start, depth):
    value = mode_singular_value(time, target, start, depth, digits=20)
    again = mode_time(value, target, start, depth, digits=20)
    # sigma is rounded in its last digit, of which a time near the target shows fewer
    with mp.workdps(20):
        expected = mpmath.mpf(time)
    assert close(again, expected, 16)


def test_at_the_target():
    assert mode_singular_value(1, "0.5", "0.5", 3) == mpmath.mpf("0.5")
    assert mode_time("0.25", "0.5", "0.25", 3) == 0


def test_unresolved_integrals_are_refused(monkeypatch):
    monkeypatch.setattr(mode_dynamics, "FINEST", 2)
    with pytest.raises(ArithmeticError, match="has not converged"):
        mode_time("0.9", 1, "1e-6", 3)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: mode_time(1, 1, "0.1", 2), "allowed: from initial, '0.1', to below target, 1"),
        (lambda: mode_time("0.05", 1, "0.1", 2), "value is '0.05'; allowed"),
        (lambda: mode_time("0.5", 1, "0.1", "0.5"), "depth is '0.5'; allowed: from 1"),
        (lambda: mode_time("0.5", -1, "0.1", 2), "target is -1; allowed: from 0"),
        (lambda: mode_singular_value(0, 1, "0.1", 2), "time is 0; allowed: a number > 0"),
    ],
)
def test_bad_input(function, message):
    with pytest.raises(ValueError, match=message):
        function()
