"""Dual activations in float64: closed forms, Hermite series and quadrature between kinks."""

import math
from fractions import Fraction
from functools import partial

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmt_rank._lib.activations import ACTIVATIONS, Activation, sine
from rmt_rank.exact.nonlinear import dual_activations as slow
from rmt_rank.theory.nonlinear.dual_activations import dual_activation, dual_of
from rmt_rank.theory.nonlinear.dual_quadrature import HermiteDual, KinkedDual

EPS = np.finfo(float).eps

GAPS = np.array([1e-14, 1e-8, 0.01, 0.3, 1.0, 1.7, 1.99])


def kinked(x):
    return np.clip(x, -1.0, 0.5)


HARD = Activation("hard", kinked, lambda x: ((x > -1) & (x < 0.5)) * 1.0, kinks=(-1.0, 0.5))


@pytest.mark.parametrize("name", ["identity", "relu", "gelu", "erf", "sine"])
@pytest.mark.parametrize(
    "point", [(1.0, 1.0, 0.5), (0.5, 3.0, -0.875), (1e-3, 40.0, 0.25)], ids=str
)
def test_closed_forms(name, point):
    a, b, r = point
    omega = 1.7 if name == "sine" else 1
    activation = sine(1.7) if name == "sine" else name
    known = slow.dual_activation_closed(name, a, b, r, omega=omega, digits=20)
    scale = math.sqrt(dual_activation(activation, a, a, 1) * dual_activation(activation, b, b, 1))
    # some ten roundings of sums of the size of the scale
    assert abs(dual_activation(activation, a, b, r) - float(known)) < 20 * EPS * scale


@pytest.mark.parametrize("point", [(1.0, 1.0, 0.5), (0.5, 3.0, -0.875), (0.2, 4.0, 0.75)], ids=str)
def test_tanh_against_the_double_integral(point):
    a, b, r = point
    known = slow.dual_activation("tanh", a, b, r, digits=14)
    # what the series leaves of mean squares below 1: its root for either factor is 1e-7, but what
    # is left out of the product is below the product of the two roots
    assert abs(dual_activation("tanh", a, b, r) - float(known)) < 2e-14


@pytest.mark.parametrize("activation", [ACTIVATIONS["erf"], ACTIVATIONS["gelu"], sine(1.7)])
def test_gaps_by_hermite_series(activation):
    closed, series = dual_of(activation), HermiteDual(activation)
    for v in map(np.asarray, (0.01, 1.0, 3.0)):
        # relative, however small: the terms are positive; a series leaves 1e-14 of the whole, of
        # which terms of order 256 and above count 256 times in a gap
        np.testing.assert_allclose(closed.gap(v, v, GAPS), series.gap(v, v, GAPS), rtol=3e-12)
        assert closed.second_moment(v) == pytest.approx(series.second_moment(v), rel=1e-14)
        assert closed.slope_moment(v) == pytest.approx(series.slope_moment(v), rel=3e-12)
    a, b = np.array([[0.01], [0.3], [3.0]]), np.array([0.02, 1.0, 5.0])
    for gap in GAPS:
        np.testing.assert_allclose(closed.gap(a, b, gap), series.gap(a, b, gap), atol=3e-14)


def test_relu_keeps_small_gaps():
    relu, one = dual_of("relu"), np.ones(())
    for power in (10, 30, 40):
        gap = Fraction(1, 2**power)
        with mpmath.workdps(50):
            known = 1 - 2 * slow.dual_activation_closed("relu", 1, 1, 1 - gap, digits=50)
        # rounding of eight steps
        found = relu.gap(one, one, np.asarray(float(gap)))
        assert found == pytest.approx(float(known), rel=8 * EPS, abs=0)
    # on both sides of the switch to the series
    angles = np.array([0.5 - 1e-9, 0.5 + 1e-9])
    below, above = relu.gap(one, one, 1 - np.cos(angles))
    slope = np.sin(0.5) * (np.pi - 0.5) / np.pi
    assert above - below == pytest.approx(2e-9 * slope, rel=1e-6)


@pytest.mark.parametrize("name", ["gelu", "erf"])
@pytest.mark.parametrize("v", [1e-12, 0.1, 2.0, 1e5, 1e12, 1e16, 1e40, 1e100])
def test_gaps_at_every_variance(name, v):
    gaps = [1e-40, 1e-20, 1e-10, 1e-5, 0.1, 0.9, 1.3, 1.99, 2.0]
    a = Fraction(v)
    with mpmath.workdps(250):
        one = slow.dual_activation_closed(name, a, a, 1, digits=250)
        known = [
            float(1 - slow.dual_activation_closed(name, a, a, 1 - Fraction(gap), digits=250) / one)
            for gap in gaps
        ]
    found = dual_of(name).gap(np.asarray(v), np.asarray(v), np.array(gaps))
    # some ten roundings of terms that do not cancel
    np.testing.assert_allclose(found, known, rtol=10 * EPS, atol=0)


def test_slopes_at_large_variances():
    # E Phi'^2 tends to 1/2 as for ReLU: 1/2 + O(v^-1/2); 4/(pi sqrt(1 + 4v)) of erf to 0
    for v in (1e12, 1e40, 1e250):
        assert dual_of("gelu").slope_moment(np.asarray(v)) == pytest.approx(0.5, abs=v**-0.5)

    # E (Phi(u) + u phi(u))^2 by quadrature, to ten roundings
    def square(s, z):
        return (mpmath.ncdf(s * z) + s * z * mpmath.npdf(s * z)) ** 2 * mpmath.npdf(z)

    with mpmath.workdps(30):
        for v in (0.25, 1024):
            cuts = [-12, -1, -0.1, 0, 0.1, 1, 12]
            known = float(mpmath.quad(partial(square, mpmath.sqrt(v)), cuts))
            found = dual_of("gelu").slope_moment(np.asarray(v))
            assert found == pytest.approx(known, rel=10 * EPS)


@pytest.mark.parametrize("name", ["relu", "erf"])
def test_kinks(name):
    activation = ACTIVATIONS[name]
    cut = KinkedDual(Activation("cut", activation.function, activation.derivative, kinks=(0.0,)))
    closed, v = dual_of(name), np.asarray(1.3)
    # phi(u) - phi(w), of the order of sqrt(gap), is rounded; panels leave 1e-13 of erf
    for gap in GAPS:
        found = cut.gap(v, v, np.asarray(gap))
        known = closed.gap(v, v, np.asarray(gap))
        assert found == pytest.approx(known, rel=1e-12 + 4 * EPS / math.sqrt(gap), abs=0)
    # many gaps are interpolated, to 1e-11 of the ratio of gaps
    many = np.geomspace(1e-12, 1.99, 60)
    np.testing.assert_allclose(cut.gap(v, v, many), closed.gap(v, v, many), rtol=1e-11)
    assert cut.second_moment(v) == pytest.approx(closed.second_moment(v), rel=1e-13)
    assert cut.slope_moment(v) == pytest.approx(closed.slope_moment(v), rel=1e-13)
    a, b = np.array([0.4, 2.0]), np.array([1.0, 0.7])
    for gap in (1e-6, 0.5, 1.9):
        gaps = np.full(2, gap)
        np.testing.assert_allclose(cut.gap(a, b, gaps), closed.gap(a, b, gaps), atol=1e-13)


def test_hard_tanh_is_a_difference_of_relus():
    # at correlation 1 the mean square is an integral of one variable
    v, nodes = 1.7, np.linspace(-12, 12, 2_400_001)
    density = np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi)
    # the trapezoid rule errs by h^2/12 times the jumps of slope, of 1e-11
    square = np.trapezoid(kinked(math.sqrt(v) * nodes) ** 2 * density, nodes)
    assert dual_activation(HARD, v, v, 1) == pytest.approx(square, abs=1e-10)
    # E phi(u) phi(w) at correlation 0
    mean = np.trapezoid(kinked(math.sqrt(v) * nodes) * density, nodes)
    assert dual_activation(HARD, v, v, 0) == pytest.approx(mean**2, abs=1e-10)
    # Gaussian sampling: 4e5 pairs, five standard errors, one false alarm in 1.7 million
    u, w = np.random.default_rng(2).standard_normal((2, 400_000))
    products = kinked(math.sqrt(v) * u) * kinked(0.6 * u + 0.8 * w)
    error = products.std() / math.sqrt(products.size)
    assert abs(dual_activation(HARD, v, 1, 0.6) - products.mean()) < 5 * error


@given(st.floats(1e-3, 30), st.floats(1e-3, 30), st.floats(-1, 1))
@settings(max_examples=60, deadline=None)
def test_symmetry_and_cauchy_schwarz(a, b, r):
    for activation in ("identity", "relu", "gelu", "erf", "sine", sine(30.0)):
        value = dual_activation(activation, a, b, r)
        scale = math.sqrt(
            dual_activation(activation, a, a, 1) * dual_activation(activation, b, b, 1)
        )
        assert abs(value) <= scale * (1 + 8 * EPS)
        assert dual_activation(activation, b, a, r) == pytest.approx(value, abs=20 * EPS * scale)
        if activation not in ("relu", "gelu"):
            assert dual_activation(activation, a, b, -r) == pytest.approx(
                -value, abs=20 * EPS * scale
            )


def test_other_functions_are_recognised_by_their_values():
    leaky = Activation("leaky", lambda x: np.where(x > 0, x, 0.1 * x), kinks=(0.0,))
    x = np.array([-1.0, -0.3, 0.8])
    relu = dual_activation("relu", 2, 3, x)
    # 0.1 x + 0.9 relu(x); E u relu(w) is half the covariance
    expected = 0.81 * relu + (0.01 + 0.09) * x * math.sqrt(6)
    np.testing.assert_allclose(dual_activation(leaky, 2, 3, x), expected, rtol=0, atol=10 * EPS)
    # the name of a sine does not make one
    impostor = Activation("sine", np.tanh, lambda x: 1 / np.cosh(x) ** 2, odd=True)
    assert isinstance(dual_of(impostor), HermiteDual)
    # six digits of a name are not all of omega
    assert dual_of(sine(1.23456789)).omega == 1.23456789


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: dual_activation("tanh", 0, 1, 0), "first must be finite and > 0, got 0.0"),
        (lambda: dual_activation("tanh", 1, 1, 1.5), "correlation must be <= 1, got 1.5"),
        (lambda: dual_activation("tanh", [1, 2], 1, [0, 0, 0]), "must broadcast, got the shapes"),
        (lambda: dual_activation(np.sign, 1, 1, 0), "one with kinks must list them"),
        (lambda: dual_activation(lambda x: np.exp(x * x), 9, 9, 0), "must be finite where"),
        (lambda: dual_activation(np.log, 1, 1, 0), r"'log' must be finite on \[-1.5, 1.5\]"),
        (
            lambda: dual_activation(lambda x: 0 * x, 1, 1, 0),
            "positive, finite mean square.*or is 0",
        ),
        (
            lambda: dual_activation(Activation("0", lambda x: 0 * x, kinks=(0.0,)), 1, 1, 0),
            "'0' must have a positive mean square",
        ),
        (lambda: dual_activation(lambda x: np.exp(0.3 * x * x), 1, 1, 0), "finite mean square"),
        (lambda: KinkedDual(Activation("k", abs, kinks=(0.0,))).slope_moment(np.ones(1)), "deriva"),
    ],
)
def test_bad_input(function, message):
    with pytest.raises(ValueError, match=message):
        function()
