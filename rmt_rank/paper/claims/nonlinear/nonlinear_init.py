"""Nonlinear networks at initialisation and infinite width: how correlations and the rank move."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.activations import ACTIVATIONS, Activation, sine
from rmt_rank.exact.nonlinear import dual_activations as slow
from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.theory.nonlinear.correlation_maps import correlation_map, correlations
from rmt_rank.theory.nonlinear.dual_activations import dual_activation
from rmt_rank.theory.nonlinear.neural_kernel import (
    neural_kernel_effective_rank,
    neural_kernel_of_gram,
)

__all__ = ["CLAIMS"]

Array = npt.NDArray[np.float64]

_PAGE = "docs/networks.md, Infinite width"

# The activation and the weight variance of networks that keep signals of order 1.
_ODD = ((ACTIVATIONS["tanh"], 1.0), (ACTIVATIONS["erf"], 1.0), (sine(), 2.0), (sine(3.0), 1.0))

# The invariant of ReLU's map from orthogonal inputs, see `_relu_rate`.
_RELU_CONSTANT = 4.38985


def _inputs(context: Context, samples: int, dimension: int, key: int) -> Array:
    stream = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(key, 23)))
    return stream.standard_normal((samples, dimension))


def majorisation_excess(before: Array, after: Array) -> float:
    """Growth of sums of the largest eigenvalues; at most 0 where before majorises after."""
    x, y = (np.sort(np.linalg.eigvalsh(kernel))[::-1] for kernel in (before, after))
    return float(np.max(np.cumsum(y) - np.cumsum(x)))


def _cosines(kernel: Array) -> Array:
    root = np.sqrt(np.diag(kernel))
    return kernel / root[:, None] / root


def _odd(context: Context) -> Iterator[Evidence]:
    samples, layers = 48, 6
    inputs = _inputs(context, samples, 8, 0)
    for activation, sw2 in _ODD:
        kernel, excess = inputs @ inputs.T / inputs.shape[1], []
        for _ in range(layers):
            following = neural_kernel_of_gram(kernel, 1, activation, weight_variance=sw2)
            excess.append(majorisation_excess(_cosines(kernel), _cosines(following)))
            kernel = following
        yield at_most(
            f"{activation.name}, weight variance {sw2:g}: spectra are majorised, layer by layer",
            max(excess),
            4 * samples**2 * np.finfo(float).eps,
            f"growth of sums of the largest eigenvalues, {samples} samples, {layers} layers, "
            "unequal norms; bound: rounding of as many entries and eigenvalues",
        )
    yield _finite_width(context, ACTIVATIONS["tanh"], 1.0)


def _finite_width(context: Context, activation: Activation, sw2: float) -> Evidence:
    """A network of the paper's size loses the rank that its limit gains."""
    samples, width, depth, draws = 256, 32, 8, 40
    stream = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(1, 23)))
    changes = np.empty(draws)
    for draw in range(draws):
        inputs = x = stream.standard_normal((samples, width))
        for _ in range(depth):
            x = activation(x @ stream.standard_normal((width, width)) * math.sqrt(sw2 / width))
        changes[draw] = gram_effective_rank(x) - gram_effective_rank(inputs)
    limit = np.diff(
        neural_kernel_effective_rank(inputs, [0, depth], activation, weight_variance=sw2)
    )[0]
    error = float(changes.std(ddof=1)) / math.sqrt(draws)
    return below(
        f"{activation.name}: at width {width} the rank falls; its limit rises by {limit:.3f}",
        float(changes.mean()) + errors_allowed(draws) * error,
        min(0.0, float(limit)),
        f"mean change over {depth} layers, {samples} Gaussian inputs, {draws} networks, and "
        f"sampling error; false alarm {FALSE_ALARM:g}",
    )


def _relu_invariant(depths: list[int]) -> Array:
    """x - (3/2) log x + (1 + 3 pi^2/5)/x - L, x = 3 pi/theta_L, from orthogonal inputs."""
    gap = correlations("relu", max(depths)).gap[depths]
    x = 3 * math.pi / (2 * np.arcsin(np.sqrt(gap / 2)))
    return np.asarray(x - 1.5 * np.log(x) + (1 + 3 * math.pi**2 / 5) / x - depths)


def _relu_rate(context: Context) -> Iterator[Evidence]:
    values = _relu_invariant([100, 1000, 10000])
    changes = np.abs(np.diff(values))
    yield below(
        "ReLU: the invariant of the angle settles as 1/L^2",
        changes[1] / changes[0],
        1 / 60,
        "ratio of its changes between depths 10^2, 10^3 and 10^4; bound: a term 1/x^2, whose "
        "changes are as 1 : 83",
    )
    yield at_most(
        f"its constant is {_RELU_CONSTANT}",
        abs(float(values[-1]) - _RELU_CONSTANT),
        6e-6,
        "at depth 10^4 from orthogonal inputs; bound: the digits given, and 1/x^2 for a term left",
    )
    samples, depth = 64, 1000
    gap = float(correlations("relu", depth).gap[-1])
    m = (1 - 1 / samples) * gap
    rank = neural_kernel_effective_rank(np.eye(samples), depth, "relu")
    yield at_most(
        "ReLU: effective rank m (1 + log((q - 1)/m)), m = (1 - 1/q) (1 - r_L)",
        abs(float(rank) - m * (1 + math.log((samples - 1) / m))),
        m * m,
        f"{samples} orthogonal inputs, depth {depth}; bound: the next term, m^2/2, twice",
    )


def _first_layer(context: Context) -> Iterator[Evidence]:
    samples, dimension, draws = 256, 32, 10
    ranks = np.array(
        [
            neural_kernel_effective_rank(
                _inputs(context, samples, dimension, 100 + draw), [0, 1, 2, 8], "relu"
            )
            for draw in range(draws)
        ]
    )
    mean = " -> ".join(f"{value:.3f}" for value in ranks.mean(axis=0))
    yield below(
        "ReLU: what the first layer takes of the rank, which it raises",
        float(np.max(ranks[:, 0] - ranks[:, 1])),
        0.0,
        f"the most in {draws} draws of {samples} Gaussian inputs of {dimension} dimensions; "
        f"means at depths 0, 1, 2, 8: {mean}",
    )
    yield below(
        "ReLU: later layers lower it",
        float(np.max(np.diff(ranks[:, 1:], axis=1))),
        0.0,
        "largest change from depth 1 to 2 and from 2 to 8 in the same draws",
    )


def _two_implementations(context: Context) -> Iterator[Evidence]:
    digits = min(context.digits, 14)
    points = ((1.0, 1.0, 0.5), (0.5, 3.0, -0.875))
    errors: dict[str, float] = {}
    for name in ("identity", "relu", "gelu", "sine", "tanh"):
        distances = []
        for a, b, r in points:
            found = float(dual_activation(name, a, b, r))
            known = float(slow.dual_activation(name, a, b, r, digits=digits))
            scale = math.sqrt(
                float(dual_activation(name, a, a, 1) * dual_activation(name, b, b, 1))
            )
            distances.append(abs(found - known) / scale)
        errors[name] = max(distances)
    yield at_most(
        "closed forms and Hermite series against the double integral",
        max(errors.values()),
        1e-12,
        f"largest distance over root mean squares: {', '.join(errors)}",
    )
    gap = Fraction(1, 2**40)
    # arithmetic with a result keeps its precision
    known = 1 - 2 * slow.dual_activation_closed("relu", 1, 1, 1 - gap, digits=40)
    yield at_most(
        "ReLU: 1 - r keeps its digits where it is 2^-40",
        abs(float(correlation_map("relu").gap(float(gap)) / known) - 1),
        8 * float(np.finfo(float).eps),
        "relative distance from the closed form in 40 digits; bound: rounding of eight steps",
    )


CLAIMS = (
    Claim(
        name="nonlinear-init.correlation-maps",
        statement="The maps of correlations that the package uses are those of the definition.",
        assumptions="Gaussian pre-activations, infinite width",
        reference="Cho and Saul 2009; Williams 1996; Daniely, Frostig and Singer, arXiv:1602.05897",
        status="proved",
        refuted_by="a digit in which the implementations differ",
        check=_two_implementations,
        argued=_PAGE,
    ),
    Claim(
        name="nonlinear-init.odd-activations",
        statement="At infinite width the effective rank of the cosine kernel never decreases with "
        "depth where the activation is odd and there is no bias; that of tanh, erf and sine "
        "networks falls at finite width only.",
        assumptions="odd activation of finite mean square, not 0, at each variance; no bias, any "
        "weight variance, any inputs",
        reference="ours, on Observation 1",
        status="proved",
        refuted_by="a layer whose spectrum is not majorised by the one before",
        check=_odd,
        argued=_PAGE,
    ),
    Claim(
        name="nonlinear-init.relu-rate",
        statement="In ReLU networks of infinite width the angle of two inputs is 3 pi/(L + "
        "(3/2) log L + c + o(1)), and the effective rank falls to 0 as (log L)/L^2.",
        assumptions="no bias; inputs of which no two are parallel",
        reference="ours",
        status="proved",
        refuted_by="an invariant that drifts",
        check=_relu_rate,
        argued=_PAGE,
    ),
    Claim(
        name="nonlinear-init.first-layer",
        statement="Depth does not always lower the rank: at infinite width the first ReLU layer "
        "raises that of inputs of fewer dimensions than samples.",
        assumptions="256 Gaussian inputs of 32 dimensions, no bias",
        reference="ours, on Observation 1",
        status="verified",
        refuted_by="a draw of inputs whose rank falls in the first layer",
        check=_first_layer,
        argued=_PAGE,
    ),
)
