"""Modes on whitened data: closed forms, the reference, the equation, inverses, bad input."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from rmt_rank.exact.trained import mode_dynamics as slow
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.theory.trained.mode_dynamics import (
    mode_effective_rank,
    mode_singular_values,
    mode_time,
)

EPS = np.finfo(float).eps
DEPTHS = [1, 1.5, 2, 2.001, 3, 4, 8, 64]

ratios = st.floats(-12, 6).map(lambda x: 10**x)
depths = st.one_of(st.sampled_from(DEPTHS), st.floats(1, 40))


def rate(sigma, s, depth):
    return depth * sigma ** (2 - 2 / depth) * (s - sigma)


@pytest.mark.parametrize("start", [1e-12, 0.01, 1.0, 7.0])
def test_closed_forms(start):
    s, t = np.array([2.0, 0.5, 0.0]), np.array([[0.01], [0.7], [30.0]])
    linear = start * np.exp(-t) - s * np.expm1(-t)
    np.testing.assert_allclose(mode_singular_values(t, s, start, 1), linear, rtol=8 * EPS)
    squared = s[:2] / (1 + (s[:2] / start - 1) * np.exp(-2 * s[:2] * t))
    # an error of t enters times d log(sigma)/d log(t) = 2 t (s - sigma)
    found = mode_singular_values(t, s[:2], start, 2)
    allowed = 8 * EPS * (1 + 2 * t * np.abs(s[:2] - squared))
    assert (np.abs(found / squared - 1) <= allowed).all()
    found = mode_singular_values(t, 0, start, 2)
    np.testing.assert_allclose(found, start / (1 + 2 * start * t), rtol=4 * EPS)


@pytest.mark.parametrize("depth", [2.5, 3, 5, 20])
def test_hypergeometric_function(depth):
    # Gauss's series at sigma/s up to 1/2; t = T(sigma) - T(sigma_0), of which the second is larger
    s, start, sigma = 1.5, 0.01, np.array([0.02, 0.3, 0.74])

    def primitive(x):
        power = x ** (2 / depth - 1) / (s * (2 - depth))
        return power * special.hyp2f1(1, 2 / depth - 1, 2 / depth, x / s)

    size = np.abs(primitive(start))
    expected = primitive(sigma) - primitive(start)
    found = mode_time(sigma, s, start, depth)
    assert (np.abs(found - expected) <= 20 * EPS * size).all()


@pytest.mark.parametrize("depth", [1, 2.001, 3, 16])
@pytest.mark.parametrize(
    ("sigma", "s", "start"),
    [
        (0.3, 1.0, 1e-12),
        (2e-12, 1.0, 1e-12),
        (2 - 2**-40, 2.0, 0.01),
        (0.69, 0.7, 0.5),
        (1.5, 1.0, 3.0),
        (1e-3, 1e-6, 1.0),
        (1e-6 * (1 + 2**-20), 1e-6, 1.0),
        (1e-4, 0.0, 1.0),
    ],
)
def test_times_against_the_reference_implementation(sigma, s, start, depth):
    expected = float(slow.mode_time(sigma, s, start, depth, digits=17))
    # sums of positive terms, and powers of up to 1e12: pow errs by an ulp or two
    assert mode_time(sigma, s, start, depth) == pytest.approx(expected, rel=20 * EPS)


@given(ratios, ratios, st.floats(-6, 6), depths)
def test_values_are_inverse_to_times(start, s, log_time, depth):
    # in units of the time in which the rate moves it by its own size, or by its distance
    t = 10**log_time / (depth * start ** (1 - 2 / depth) * max(s, start))
    sigma = float(mode_singular_values(t, s, start, depth))
    low, high = sorted((s, start))
    assert low * (1 - 4 * EPS) <= sigma <= high * (1 + 4 * EPS)
    if not low < sigma < high:
        return
    again = float(mode_time(sigma, s, start, depth))
    # sigma is rounded, and t: each counts in its own units
    slack = 100 * EPS * (sigma / abs(rate(sigma, s, depth)) + t)
    assert abs(again - t) <= slack + 100 * EPS * start / abs(rate(start, s, depth))


@given(ratios, ratios, depths)
def test_values_obey_the_equation(start, s, depth):
    # a step in which sigma moves by about 1e-3 of itself and of its distance; central difference
    if start == s:
        return
    sigma = start + (s - start) * 0.3
    t = float(mode_time(sigma, s, start, depth))
    speed = rate(sigma, s, depth)
    h = 1e-3 * min(sigma, abs(s - sigma)) / (abs(speed) * depth)
    if h > t or h < 1e-7 * t:
        return  # the step is lost in the time
    before, after = mode_singular_values([t - h, t + h], s, start, depth)
    # third derivatives: (h rate/sigma)^2 times numbers of order 10; rounding of values and times
    assert (after - before) / (2 * h) == pytest.approx(speed, rel=1e-4 + 1e2 * EPS * t / h)


def test_values_run_from_the_start_to_the_target():
    s, start = np.array([3.0, 1.0, 0.2]), np.array([1e-3, 1.0, 5.0])
    for depth in DEPTHS:
        np.testing.assert_allclose(mode_singular_values(0, s, start, depth), start, rtol=4 * EPS)
        np.testing.assert_array_equal(mode_singular_values(1e300, s, start, depth), s)
        assert np.isinf(mode_time(s[::2], s[::2], start[::2], depth)).all()
        np.testing.assert_array_equal(mode_time(start, s, start, depth), 0)
    assert mode_singular_values(1, 2, 1, 3).shape == ()


def test_escape_times():
    # to leading order in the start; the next is start^(1/2), and 1 in log(1e8)/2 = 9.2
    assert mode_time(0.5, 1, 1e-8, 4) == pytest.approx(1e4 / 2, rel=1e-3)
    assert mode_time(1, 2, 1e-8, 2) == pytest.approx(np.log(2e8) / 4, rel=1e-8)


def test_rank_dips_and_recovers():
    task, start = np.array([3.0, 2.0, 1.0]), 0.01
    final = float(effective_rank(task))
    least = []
    for depth in (1, 2, 3, 4, 8):
        last = 3 * float(mode_time(0.5, 1, start, depth)) + 30
        path = mode_effective_rank(np.linspace(0, last, 400), task, start, depth)
        assert path[0] == pytest.approx(np.log(3), abs=1e-14)
        assert path[-1] == pytest.approx(final, abs=1e-12)
        least.append(path.min())
    assert least[0] == pytest.approx(final, abs=1e-12)
    assert (np.diff(least) < -0.05).all()


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda: mode_singular_values(-1, 1, 1, 2), ValueError, "time must be finite and >= 0"),
        (lambda: mode_singular_values(1, -1, 1, 2), ValueError, "targets must be finite and >= 0"),
        (lambda: mode_singular_values(1, 1, 0, 2), ValueError, "initial must be finite and > 0"),
        (lambda: mode_singular_values(1, 1, 1, 0.5), ValueError, "depth must be finite and >= 1"),
        (lambda: mode_singular_values(1, 1, 1, [2]), TypeError, "depth must be one number"),
        (lambda: mode_singular_values(1, 1, 1e-101, 2), ValueError, "initial must be within 1e100"),
        (lambda: mode_time(2, 1, 0.1, 2), ValueError, "values must lie between initial"),
        (lambda: mode_time("x", 1, 0.1, 2), TypeError, "values must be real numbers"),
    ],
)
def test_bad_input(function, error, message):
    with pytest.raises(error, match=message):
        function()


def test_shapes_that_do_not_broadcast():
    for call, names in (
        (lambda: mode_singular_values([1, 2, 3], [1, 2], 0.1, 2), "time, targets and initial"),
        (lambda: mode_time([1, 2, 3], [1, 2], 0.1, 2), "values, targets and initial"),
    ):
        with pytest.raises(ValueError, match=rf"{names} must broadcast, got .*\(3,\), \(2,\)"):
            call()


def test_modes_that_are_gone_and_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"time must leave .* got 100000\.0"):
        mode_effective_rank(1e5, [0.0, 0.0], 0.1, 1)
    with pytest.raises(ValueError, match=r"targets and initial must broadcast, got .*\(3,\)"):
        mode_effective_rank([1, 2], [1, 2, 3], [0.1, 0.1], 2)


@pytest.mark.parametrize("depth", [3.0, 1e3, 1e6, 1e9, 1e12, 1e16, 1e100, 1e300])
def test_time_keeps_its_digits_at_any_depth(depth):
    # int_0.1^0.5 x^(2/d - 2)/(1 - x) dx / d at 40 digits
    with mpmath.workdps(40):
        d = mpmath.mpf(depth)
        start = mpmath.mpf(0.1)
        expected = mpmath.quad(lambda x: x ** (2 / d - 2) / (1 - x), [start, 0.2, 0.3, 0.5]) / d
    # a power, two series of 60 terms and a division: a few eps each
    assert float(mode_time(0.5, 1, 0.1, depth)) == pytest.approx(float(expected), rel=2e-14)


@pytest.mark.parametrize("depth", [1, 1.001, 2, 3, 50, 1e6, 1e300])
def test_no_valid_argument_warns_or_leaves_the_interval(depth):
    times = np.array([0, 5e-324, 1e-300, 1, 1e300, 1.7e308])[:, np.newaxis, np.newaxis]
    target = np.array([0, 1e-200, 1e-90, 1, 1e90, 1e200])
    start = np.where(target > 0, target, 1) * np.array([[1e-90], [0.5], [1], [2], [1e90]])
    found = mode_singular_values(times, target, start, depth)
    low, high = np.minimum(target, start), np.maximum(target, start)
    assert ((found >= low * (1 - 1e-12)) & (found <= high * (1 + 1e-12))).all()
    np.testing.assert_allclose(found[0], start, rtol=1e-12)
    # alone, at the far ends
    for i, j in ((0, 0), (4, 5), (0, 5)):
        alone = mode_singular_values(1, target[j], start[i, j], depth)
        np.testing.assert_allclose(alone, found[3, i, j], rtol=1e-12)
