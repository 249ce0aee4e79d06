"""Conjugate kernels: closed forms, the reference, moments, other ratios, limits, bad input."""

import math

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from rmt_rank._lib.activations import ACTIVATIONS, Activation, activation, sine
from rmt_rank.exact.nonlinear import conjugate_kernel as slow
from rmt_rank.theory.nonlinear import gaussian_layers, kernel_recursion
from rmt_rank.theory.nonlinear.conjugate_kernel import (
    conjugate_kernel,
    conjugate_kernel_plateau,
)
from rmt_rank.theory.rectangular.law import rectangular_effective_rank

# ten times the error at which the trapezoidal rule stops; its last halving squares that
QUADRATURE = 1e-11

# b^2 = 1/2: phi = (He_1 + He_3/sqrt(6))/sqrt(2) under a Gaussian of variance 1
half_linear = Activation("half", lambda x: (x + (x**3 - 3 * x) / math.sqrt(6)) / math.sqrt(2))


@pytest.mark.parametrize("ratio", [1, 1.5, 8, 100])
def test_linear_networks_have_a_closed_form(ratio):
    depths = [0, 1, 2, 5, 40]
    for kernel, L in zip(conjugate_kernel(ratio, depths, "identity"), depths, strict=True):
        harmonic = math.fsum(1 / k for k in range(1, L + 2))
        assert kernel.entropy == pytest.approx(1 - harmonic - 1 / ratio / (L + 2), abs=QUADRATURE)
        assert (kernel.outlier, kernel.status) == (0, "proved")


@pytest.mark.parametrize("ratio", [1e5, 1e6, 1.1e6, 1e8, 1e15, 1e300])
def test_many_more_inputs_than_neurons(ratio):
    test_linear_networks_have_a_closed_form(ratio)
    # nonlinear: 1/ratio away from the limit, by a number of order 1
    kernels = [conjugate_kernel(r, [1, 3], "relu") for r in (ratio, 1e300)]
    for found, limit in zip(*kernels, strict=True):
        assert found.entropy == pytest.approx(limit.entropy, abs=QUADRATURE + 3 / ratio)


@pytest.mark.parametrize(
    ("ratio", "features"),
    [(0.3, 1), (0.3, 2), (8, 0.5), (1, 1), (8, 20), (1, 1e-6), (1e7, 1e-3), (1e7, 1e3), (1e7, 1e6)],
)
def test_linear_networks_of_other_shapes(ratio, features):
    # the chain of widths q, n_0, n, ..., n; its non-zero squares are the spectrum of K
    for L in (1, 3):
        widths = [ratio, features] + [1] * L
        expected = rectangular_effective_rank(widths, power=2) + math.log(min(widths))
        (kernel,) = conjugate_kernel(ratio, [L], "identity", features_per_width=features)
        assert kernel.entropy == pytest.approx(expected, abs=QUADRATURE)


@pytest.mark.parametrize("ratio", [0.7, 3, 1e7])
def test_linear_networks_of_unequal_widths(ratio):
    for layers in ([0.2, 0.5], [1.5, 0.5, 2]):
        widths = [ratio, 0.9, *layers]
        expected = rectangular_effective_rank(widths, power=2) + math.log(min(widths))
        (kernel,) = conjugate_kernel(
            ratio, [len(layers)], "identity", features_per_width=0.9, widths=layers
        )
        assert kernel.entropy == pytest.approx(expected, abs=QUADRATURE)


def test_unequal_widths_against_the_density():
    (kernel,) = conjugate_kernel(3, [2], "sine", features_per_width=0.8, widths=[2, 0.5])
    expected = slow.conjugate_kernel_entropy([3 / 0.8, 3 / 2, 3 / 0.5], 2, "sine", digits=8)
    # the entropy in units of n is that in units of the last width, and its logarithm
    assert kernel.entropy == pytest.approx(float(expected) + math.log(0.5), abs=1e-8)


@pytest.mark.parametrize(
    ("activation", "variance", "depth"), [("tanh", 1, 1), ("sine", 2, 2), ("erf", 3, 1)]
)
def test_against_the_density(activation, variance, depth):
    (kernel,) = conjugate_kernel(3, [depth], activation, weight_variance=variance)
    expected = slow.conjugate_kernel_entropy(
        3, depth, activation, weight_variance=variance, digits=12
    )
    assert kernel.entropy == pytest.approx(float(expected), abs=QUADRATURE)


def test_known_values():
    # the design's table, of a separate program: three digits
    kernels = conjugate_kernel(8, [1, 2, 4, 8], "relu")
    assert [k.effective_rank(32) for k in kernels] == pytest.approx(
        [2.783, 2.153, 1.418, 0.783], abs=1.1e-3
    )
    kernels = conjugate_kernel(8, [1, 2, 4, 8], "gelu")
    assert [k.effective_rank(128) for k in kernels] == pytest.approx(
        [4.187, 3.751, 3.311, 2.823], abs=1.1e-3
    )
    assert kernels[0].status == "conjectured"


def test_relu_moments_by_closed_forms():
    # correlation f(r) = [sqrt(1-r^2) + r (pi - acos r)]/pi of Cho and Saul
    layers = gaussian_layers.gaussian_layers(ACTIVATIONS["relu"], 6, 2.0)
    r = 0.0
    for layer in layers:
        r = (math.sqrt(1 - r * r) + r * (math.pi - math.acos(r))) / math.pi
        # rounding of nodes and weights, some eps each
        assert layer.apart == pytest.approx(1 - r, rel=1e-12)
        assert layer.variance == pytest.approx(2, rel=1e-12)
    # first layer: phi = max(z, 0), E phi^2 = 1/2, (E phi')^2 = 1/4, (E phi)^2 = 1/(2 pi)
    assert layers[0].beta == pytest.approx([1 / 2], rel=1e-12)
    assert layers[0].alpha == pytest.approx([1 - 1 / math.pi - 1 / 2], rel=1e-12)


def test_conditional_moments_by_adaptive_quadrature():
    # the layer after one of GELU: a given xi, E over z by scipy's quad
    found = ACTIVATIONS["gelu"]
    first, second = gaussian_layers.gaussian_layers(found, 2, 1.5)
    v, apart = second.variance, first.apart
    middle = len(second.weights) // 2
    xi = gaussian_layers._common(apart, 10.0)[0][middle + 3]
    assert len(gaussian_layers._common(apart, 10.0)[0]) == len(second.weights)

    def mean(function):
        def integrand(z):
            phi = found(np.array([math.sqrt(v) * (xi + math.sqrt(apart) * z)]))[0]
            return function(phi, z) * stats.norm.pdf(z)

        return integrate.quad(integrand, -12, 12, epsabs=1e-13, epsrel=1e-12)[0]

    m, slope = mean(lambda phi, z: phi), mean(lambda phi, z: phi * z)
    variance = mean(lambda phi, z: phi**2) - m**2
    scale = second.mean_square
    assert second.beta[middle + 3] == pytest.approx(slope**2 / (apart * scale), rel=1e-10)
    # a small difference of numbers known to 1e-12
    assert second.alpha[middle + 3] == pytest.approx((variance - slope**2) / scale, abs=1e-10)


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu"])
def test_second_moment_of_the_bulk(name):
    # (1/q) tr K^2 of K = sum x_i x_i^T/n with independent rows: E[Tbar^2] + gamma E[(mean T)^2].
    # h = m1/t - m2/t^2 + m3/t^3 - ...: twice extrapolated in 1/t
    gamma, depth = 3.0, 3
    layers = gaussian_layers.gaussian_layers(ACTIVATIONS[name], depth, 1.0)
    second, apart = 1 + gamma, 1.0
    for weights, alpha, beta, after, _, _ in layers:
        a, b = weights @ alpha, weights @ beta
        whole = alpha + beta * apart
        second = a * a + 2 * a * b * apart + b * b * second + gamma * (weights @ whole**2)
        apart = after
    steps, mass = kernel_recursion._steps(layers, gamma, np.full(depth, gamma))
    t, _, h = kernel_recursion._outermost(steps, mass, 1e3 * 2.0 ** np.arange(12))
    rough = (apart / t - h) * t * t
    fit = np.polynomial.Polynomial.fit(1 / t, rough, 5)
    # m_k grow by less than 50 each; rounding of rough is eps t
    assert fit(0) == pytest.approx(second, rel=1e-7)


def test_quadrature_in_xi_is_converged(monkeypatch):
    before = conjugate_kernel(8, [2, 8], "relu")
    monkeypatch.setattr(gaussian_layers, "_STEP", 0.22)
    after = conjugate_kernel(8, [2, 8], "relu")
    for a, b in zip(before, after, strict=True):
        assert a.entropy == pytest.approx(b.entropy, abs=QUADRATURE)


@pytest.mark.parametrize("v", [0.5, 1.5, 4.0, 25.0])
def test_activations_that_grow_have_a_wider_range(v):
    # exp: E e^(2u) = e^(2v), correlation e^-v, slope E e^u sqrt(v); density peaks at 2 sqrt(v)
    (layer,) = gaussian_layers.gaussian_layers(activation(np.exp), 1, v)
    # the ends leave 1e-13 of the density, some of them within the wider range
    assert layer.mean_square == pytest.approx(math.exp(2 * v), rel=3e-13)
    assert layer.apart == pytest.approx(-math.expm1(-v), rel=3e-13)
    assert layer.beta[0] == pytest.approx(v * math.exp(-v), rel=3e-13)


@pytest.mark.parametrize(("function", "v"), [(np.exp, 100.0), (np.sinh, 297.0)])
def test_activations_that_grow_beyond_any_range(function, v):
    with pytest.raises(ValueError, match="grows too fast"):
        gaussian_layers.gaussian_layers(activation(function), 1, v)


def test_polynomial_with_known_share():
    # one layer of b^2 = 1/2 and no outlier, by the density
    (kernel,) = conjugate_kernel(4, [1], half_linear)
    expected = slow.conjugate_kernel_entropy(
        4, 1, lambda x: x + (x**3 - 3 * x) / mpmath.sqrt(6), digits=12
    )
    # not declared odd: its mean is found to be 0 by quadrature
    assert kernel.outlier == 0
    assert kernel.entropy == pytest.approx(float(expected), abs=QUADRATURE)


def test_a_network_that_forgets_its_inputs_is_marchenko_pastur():
    # sin(30 x): b^2 = e^-450..., so that every layer is a Wishart matrix of independent rows
    for kernel in conjugate_kernel(8, [1, 3], sine(30)):
        assert kernel.entropy == pytest.approx(-1 / 16, abs=QUADRATURE)
    (kernel,) = conjugate_kernel(8, [0], "tanh")
    assert kernel.entropy == pytest.approx(-1 / 16, abs=QUADRATURE)


def test_both_sides_of_the_cut_of_forgotten_layers(monkeypatch):
    full = conjugate_kernel(8, [60], "sine", weight_variance=8)
    monkeypatch.setattr(kernel_recursion, "_FORGOTTEN", 1e-5)
    cut = conjugate_kernel(8, [60], "sine", weight_variance=8)
    # the square of what is left, 1e-10, times gamma
    assert cut[0].entropy == pytest.approx(full[0].entropy, abs=1e-9)


def test_rank_never_exceeds_its_bounds_and_grows_with_samples():
    for name in ("tanh", "relu", "gelu"):
        ranks = [
            conjugate_kernel(samples / 64, [3], name)[0].effective_rank(64)
            for samples in (16, 64, 256, 4096)
        ]
        assert np.all(np.diff(ranks) > 0)
        assert ranks[0] < math.log(16)
        if name == "tanh":
            assert ranks[-1] < math.log(64)


def test_plateau():
    plateau = conjugate_kernel_plateau(8, "sine", weight_variance=2)
    v = plateau.variance
    # v = 1 - e^(-2v), b^2 = v/sinh v
    assert v == pytest.approx(1 - math.exp(-2 * v), abs=1e-12)
    assert plateau.gain == pytest.approx(v / math.sinh(v), rel=1e-11)
    deep = conjugate_kernel(8, [80, 120], "sine", weight_variance=2)
    # the spectrum converges like b^4 and v_l faster: .9015^160 = 6e-8
    assert deep[0].entropy == pytest.approx(deep[1].entropy, abs=1e-6)
    # Renyi entropies decrease in their order
    assert math.log(plateau.participation_ratio) < deep[1].entropy
    for variance in (0.5, 1):
        with pytest.raises(ValueError, match="weight_variance must give the variance"):
            conjugate_kernel_plateau(8, "tanh", weight_variance=variance)
    with pytest.raises(ValueError, match="must give the variance of pre-activations of 'identity'"):
        conjugate_kernel_plateau(8, "identity")
    with pytest.raises(ValueError, match="activation must be known to be odd, got 'relu'"):
        conjugate_kernel_plateau(8, "relu")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: conjugate_kernel(0, [1], "tanh"), ValueError, "samples_per_width must be finite"),
        (lambda: conjugate_kernel(8, [-1], "tanh"), ValueError, "depths must be an integer >= 0"),
        (lambda: conjugate_kernel(8, 1, "relu"), TypeError, "sequence of integers, got 1"),
        (lambda: conjugate_kernel(8, None, "relu"), TypeError, "sequence of integers, got None"),
        (lambda: conjugate_kernel(8, [], "relu"), ValueError, r"at least 1 entry, got \(\)"),
        (
            # E phi^2 is infinite from layer 4 on, and grows up to 20 deviations in layer 3
            lambda: conjugate_kernel(4, [3], lambda x: np.exp(x * x / 8)),
            ValueError,
            r"\(layer 3\), found within 20 standard deviations; it grows too fast",
        ),
        (
            lambda: conjugate_kernel(8, [1], lambda x: 0 * x),
            ValueError,
            "must have a positive, finite mean square",
        ),
        (lambda: conjugate_kernel(8, [1.5], "tanh"), TypeError, "depths must be an integer >= 0"),
        (lambda: conjugate_kernel(8, [1], "softplus"), ValueError, "activation must be one of"),
        (
            lambda: conjugate_kernel(8, [1], "tanh", weight_variance=0),
            ValueError,
            "weight_variance must be finite and > 0",
        ),
        (
            lambda: conjugate_kernel(8, [1], "tanh", features_per_width=-1),
            ValueError,
            "features_per_width must be finite and > 0",
        ),
        (
            lambda: conjugate_kernel(8, [1, 2], "tanh", widths=[1]),
            ValueError,
            r"widths must hold 2 numbers, one for each layer, got \[1\]",
        ),
        (
            lambda: conjugate_kernel(8, [4], lambda x: np.exp(x**2)),
            ValueError,
            "must have a positive, finite mean square",
        ),
        (
            lambda: conjugate_kernel(8, [1], lambda x: np.where(x > 0, x, 0.1 * x)),
            ValueError,
            "kinks must be named",
        ),
        (
            lambda: conjugate_kernel(8, [3], lambda x: np.ones_like(x)),
            ValueError,
            "must keep inputs apart: after layer 1",
        ),
        (
            lambda: conjugate_kernel(8, [40], "relu", weight_variance=1e-10),
            ValueError,
            "must keep the variance of pre-activations between",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
