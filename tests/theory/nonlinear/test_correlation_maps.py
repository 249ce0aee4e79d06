"""Maps of correlations, their iteration, and the phases they lead to."""

import math

import numpy as np
import pytest

from rmt_rank._lib.activations import ACTIVATIONS, Activation, sine
from rmt_rank.theory.nonlinear.correlation_maps import correlation_map, correlations, variance_map
from rmt_rank.theory.nonlinear.phases import critical_weight_variance, phase

EPS = np.finfo(float).eps


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "erf", "sine"])
def test_slope_and_spike(name):
    found = correlation_map(name, 0.8)
    # a gap of d is d slope - O(d^(3/2))
    assert found.gap(1e-14) / 1e-14 == pytest.approx(found.slope, rel=1e-6)
    mean = {"relu": 1 / math.pi, "tanh": 0, "erf": 0, "sine": 0}.get(name, found(0.0))
    assert found.spike == pytest.approx(mean, abs=4 * EPS)
    r = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(found(r), 1 - found.gap(1 - r), atol=4 * EPS)
    assert found(1) == 1


def test_variance_map():
    # E relu^2 = v/2
    v = np.array([0.5, 2.0])
    expected = 3 * v / 2 + 0.1
    found = variance_map("relu", v, weight_variance=3, bias_variance=0.1)
    np.testing.assert_allclose(found, expected, rtol=4 * EPS)


def test_layers_with_bias_against_the_definition():
    found = correlations(
        "erf", 2, correlation=0.3, variance=1.5, weight_variance=1.2, bias_variance=0.4
    )
    v, c = 1.5, 0.45
    for layer in range(3):
        assert found.variance[layer] == pytest.approx(v, rel=1e-14)
        assert found.correlation[layer] == pytest.approx(c / v, abs=20 * EPS)
        v, c = (1.2 * 2 / math.pi * math.asin(2 * x / (1 + 2 * v)) + 0.4 for x in (v, c))


def test_relu_rate():
    # x - (3/2) log x + (1 + 3 pi^2/5)/x - L is constant up to 1/x^2, x = 3 pi/theta
    depths = np.array([100, 1000, 10000])
    gap = correlations("relu", 10000).gap[depths]
    x = 3 * math.pi / (2 * np.arcsin(np.sqrt(gap / 2)))
    invariant = x - 1.5 * np.log(x) + (1 + 3 * math.pi**2 / 5) / x - depths
    first, second = np.abs(np.diff(invariant))
    # (x_1000/x_100)^2 = 83
    assert first / 100 < second < first / 60


def test_homogeneous_networks_do_not_underflow():
    found = correlations("relu", 3000, weight_variance=1.0)
    assert found.variance[-1] == 0
    np.testing.assert_array_equal(found.gap, correlations("relu", 3000, weight_variance=2.0).gap)


def test_phases():
    assert phase("relu", 2.0).limit_rank(10) == 0
    name, *limits = phase("relu", 1.0, 0.1)
    assert name == "ordered"
    assert limits == pytest.approx([0.2, 0.5, 1.0], rel=1e-14)
    for name, sw2 in (("tanh", 1.0), ("tanh", 0.5), ("erf", 0.7), ("gelu", 1.0), ("gelu", 2.0)):
        found = phase(name, sw2)
        assert (found.name, found.correlation, found.limit_rank(5)) == ("frozen", None, None)
    for activation in (ACTIVATIONS["tanh"], ACTIVATIONS["erf"], sine()):
        found = phase(activation, 2.0)
        assert (found.name, found.correlation) == ("chaotic", 0.0)
        assert found.limit_rank(64) == pytest.approx(math.log(64), rel=1e-15)
        following = variance_map(activation, found.variance, weight_variance=2.0)
        assert following == pytest.approx(found.variance, rel=1e-13)
    # v = 1 - exp(-2 v) for sine
    assert found.variance == pytest.approx(1 - math.exp(-2 * found.variance), rel=1e-13)


@pytest.mark.parametrize(("sw2", "sb2"), [(4.0, 0.3), (1.5, 0.3)])
def test_phases_are_where_layers_end(sw2, sb2):
    found = phase("tanh", sw2, sb2)
    last = correlations("tanh", 150, weight_variance=sw2, bias_variance=sb2)
    # what is left falls by the slopes at the fixed points, below 0.9 for both
    assert last.variance[-1] == pytest.approx(found.variance, rel=1e-6)
    assert last.correlation[-1] == pytest.approx(found.correlation, abs=1e-6)
    assert found.name == ("chaotic" if sw2 == 4 else "ordered")


def test_odd_activations_are_chaotic_beyond_their_slope_at_zero():
    # tanh: E phi^2 = v - 2 v^2 + ..., so that v = (sw^2 - 1)/2 and the next is of its square
    found = phase("tanh", 1 + 1e-7)
    assert (found.name, found.correlation) == ("chaotic", 0.0)
    assert found.variance == pytest.approx(5e-8, rel=1e-6)
    assert found.slope >= 1
    # to rounding, and where the variance is below what stands for 0
    assert phase("tanh", 1 + 1e-14).name == "chaotic"
    assert phase("erf", math.pi / 4 * (1 + 1e-9)).correlation == 0
    assert phase(Activation("user", np.tanh, odd=True), 1.001).name == "chaotic"
    for name, sw2 in (("tanh", 1 - 1e-7), ("tanh", 1.0), ("erf", math.pi / 4)):
        assert phase(name, sw2).name == "frozen"
    # linear networks keep correlations
    assert phase("identity", 1 + 1e-7).correlation is None


def test_gelu_at_variances_of_deep_networks():
    # ReLU's 0.9095 there; the terms left out are of order v^-1/2
    relu = correlation_map("relu")(0.9)
    for v in (1e12, 1e16, 1e40):
        found = correlation_map("gelu", v)
        assert found(0.9) == pytest.approx(relu, abs=2 * v**-0.5 + 1e-15)
        assert found.gap(1e-10) == pytest.approx(
            correlation_map("relu").gap(1e-10), rel=1e5 * v**-0.5 + 1e-14
        )


def test_limits_that_depend_on_the_start():
    # GELU: no fixed point; orthogonal inputs freeze at a correlation set by their variance
    ends = [
        correlations("gelu", 60, variance=v, weight_variance=1.0).correlation[[-10, -1]]
        for v in (0.1, 1.0)
    ]
    assert all(abs(a - b) < 1e-12 for a, b in ends)
    assert ends[0][1] < 0.1 < 0.3 < ends[1][1]


def test_critical_weight_variances():
    assert critical_weight_variance("relu") == pytest.approx(2, rel=1e-15)
    assert critical_weight_variance("tanh") == pytest.approx(1, rel=1e-13)
    assert critical_weight_variance("erf") == pytest.approx(math.pi / 4, rel=1e-13)
    assert critical_weight_variance(sine(30)) == pytest.approx(1 / 900, rel=1e-13)
    edge = critical_weight_variance("tanh", 0.05)
    assert phase("tanh", 0.999 * edge, 0.05).name == "ordered"
    assert phase("tanh", edge, 0.05).name == "critical"
    assert phase("tanh", 1.001 * edge, 0.05).name == "chaotic"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda: correlation_map("relu")(1.5),
            "correlation must be finite and >= -1 and <= 1, got 1.5",
        ),
        (lambda: correlation_map("relu").gap(2.5), "gap must be finite and >= 0 and <= 2, got 2.5"),
        (lambda: correlation_map("tanh", 0), "variance must be finite and > 0, got 0.0"),
        (lambda: correlations("tanh", -1), "depth must be an integer >= 0, got -1"),
        (lambda: correlations("erf", 2000, weight_variance=0.5), "within the range of float64"),
        (lambda: critical_weight_variance("relu", 0.1), "'relu' must have a critical weight"),
        (lambda: phase(Activation("cut", np.tanh, kinks=(0.0,))), "must have a derivative"),
    ],
)
def test_bad_input(function, message):
    with pytest.raises(ValueError, match=message):
        function()
