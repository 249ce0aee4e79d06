r"""Kernels of random networks of infinite width for given inputs, and their effective rank.

With K_0 the inputs' Gram matrix over their dimension, layer l has pre-activations of covariance
sw^2 K_(l-1) + sb^2 and K_l = E phi phi^T; the features of a wide network have this Gram matrix over
their number (R. Neal, 1994; Lee et al., arXiv:1711.00165).

Odd activations without bias never lower the effective rank: a layer takes the cosine kernel K to
K o C, with C = sum_k a_k K^(o(k-1)) of unit diagonal and a_k >= 0, sum a_k = 1. As C is positive,
X -> X o C is completely positive, unital and keeps traces, so that the spectrum of K o C is
majorised by that of K.

Where all correlations are near 1, K = s s^T - E with s_i = sqrt(K_ii) and E small, the spectrum is
that of one large eigenvalue and of E across its vector, which keeps its relative precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.activations import Activation
from rmt_rank._lib.validation import choice, real, real_array, require_memory, shown
from rmt_rank._lib.validation import integer as whole
from rmt_rank.theory.nonlinear.correlation_maps import MOST_LAYERS, affine, after_activation
from rmt_rank.theory.nonlinear.dual_activations import Dual, dual_of

__all__ = ["neural_kernel", "neural_kernel_effective_rank", "neural_kernel_of_gram"]

Array = npt.NDArray[np.float64]
Given = str | Callable[[Any], Any] | Activation

# For pairs of inputs nearer than this, the gap is computed from their difference.
_NEAR, _PAIRS = 1e-4, 2**20
# Variances whose relative spread is below this are treated as equal.
_SPREAD = 1e-13
# If the largest gap is below this, one eigenvalue dominates.
_COLLAPSED = 0.1
_SYMMETRIC = 1e-8
# Mean squares of inputs, whose products with weight variances are floats.
_MEAN_SQUARES = (1e-250, 1e250)


def neural_kernel(
    inputs: npt.ArrayLike,
    depth: int,
    activation: Given,
    *,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
) -> Array:
    """Kernel of a random network of infinite width after its last activation.

    Parameters
    ----------
    inputs : array_like of float, shape (samples, dimension)
        Rows are samples, none of them 0.
    depth : int
        Number of hidden layers, from 0 to 10^6; 0 gives the Gram matrix divided by the dimension.
        A smooth activation takes about 9 ms per layer for 8 samples, up to a fixed point if there
        is one: hours at 10^6.
    activation : str, callable or Activation
        phi: a name, a function of arrays that is smooth, or an Activation that lists its kinks.
    weight_variance : float, default 1
        sw^2, the variance of a weight times the number of inputs of its neuron.
    bias_variance : float, default 0
        sb^2, the variance of a bias.

    Returns
    -------
    ndarray, shape (samples, samples)
        Second moments of the activations, for every pair of inputs.

    Raises
    ------
    TypeError, ValueError
        If inputs have no two axes, or a row that is 0, or are not finite, or the mean square of a
        row is not between 1e-250 and 1e250; as in
        `rmt_rank.theory.nonlinear.dual_activations.dual_activation`; if a variance leaves float64.

    Notes
    -----
    Functions with kinks, other than those linear on either side of 0, cost an integral over the
    plane for each pair where norms differ.

    References
    ----------
    .. [1] J. Lee et al., "Deep Neural Networks as Gaussian Processes", arXiv:1711.00165.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.theory.nonlinear.neural_kernel import neural_kernel
    >>> neural_kernel(np.sqrt(2) * np.eye(2), 1, "relu", weight_variance=2.0).round(6)
    array([[1.     , 0.31831],
           [0.31831, 1.     ]])
    """
    return _kernel(*_from_inputs(inputs), depth, activation, weight_variance, bias_variance)


def neural_kernel_of_gram(
    gram: npt.ArrayLike,
    depth: int,
    activation: Given,
    *,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
) -> Array:
    """Kernel of the last layer from K_0, the Gram matrix of the inputs over their dimension.

    Parameters
    ----------
    gram : array_like of float, shape (samples, samples)
        Symmetric, with a positive diagonal, and positive semidefinite (only pairs are checked).
    depth, activation, weight_variance, bias_variance
        As in `neural_kernel`.

    Returns
    -------
    ndarray, shape (samples, samples)

    Raises
    ------
    TypeError, ValueError
        If gram is not such a matrix; as in `neural_kernel`.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.theory.nonlinear.neural_kernel import neural_kernel_of_gram
    >>> neural_kernel_of_gram(np.eye(2), 1, "relu").round(4)
    array([[0.5   , 0.1592],
           [0.1592, 0.5   ]])
    """
    return _kernel(*_from_gram(gram), depth, activation, weight_variance, bias_variance)


def neural_kernel_effective_rank(
    inputs: npt.ArrayLike,
    depths: npt.ArrayLike,
    activation: Given,
    *,
    kernel: str = "cosine",
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
) -> Array | np.float64:
    """Effective rank of the kernel of a random network of infinite width, at all depths.

    Parameters
    ----------
    inputs : array_like of float, shape (samples, dimension)
        Rows are samples, none of them 0.
    depths : array_like of int
        Numbers of hidden layers, from 0 to 10^6.
    activation : str, callable or Activation
        As in `neural_kernel`.
    kernel : {"cosine", "linear"}, default "cosine"
        Whether features are normalised, as in the paper's Section 2.3.
    weight_variance, bias_variance : float, default 1 and 0
        As in `neural_kernel`.

    Returns
    -------
    ndarray or float64
        Entropy in nats of the normalised eigenvalues, one per depth.

    Raises
    ------
    TypeError, ValueError
        As in `neural_kernel`; if kernel is unknown or a depth is not an integer.

    See Also
    --------
    rmt_rank.gram_effective_rank : the same of the features of a network.

    Notes
    -----
    For odd activations without bias the rank of the cosine kernel never decreases with depth: that
    of networks of finite width does. In the limit of ReLU it falls as (log L)/L^2, to 0.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Section 2.3 and
       Observation 1; arXiv:2103.10427.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.theory.nonlinear.neural_kernel import neural_kernel_effective_rank
    >>> inputs = np.random.default_rng(1).standard_normal((64, 8))
    >>> neural_kernel_effective_rank(inputs, [0, 1, 4], "tanh").round(3)
    array([2.014, 2.235, 2.362])
    >>> neural_kernel_effective_rank(inputs, [0, 1, 4], "relu").round(3)
    array([2.014, 2.501, 1.674])
    """
    choice("kernel", kernel, ("cosine", "linear"))
    given = real_array("depths", depths)
    asked = np.asarray(depths)
    if asked.dtype.kind not in "iuO":
        raise TypeError(f"depths must be integers >= 0, got {shown(depths)}")
    for depth in asked.ravel():
        whole("depths", depth, at_least=0, at_most=MOST_LAYERS)
    asked = given.astype(np.int64)
    dual, sw2, sb2 = _network(activation, weight_variance, bias_variance)
    variance, gap = _from_inputs(inputs)
    ranks, done = {}, 0
    for depth in np.unique(asked):
        variance, gap, _ = _propagated(dual, variance, gap, int(depth) - done, sw2, sb2)
        done = int(depth)
        ranks[done] = _entropy(variance if kernel == "linear" else np.ones(()), gap)
    return np.reshape([ranks[int(depth)] for depth in asked.ravel()], asked.shape)[()]


def _network(
    activation: Given, weight_variance: float, bias_variance: float
) -> tuple[Dual, float, float]:
    return (
        dual_of(activation),
        real("weight_variance", weight_variance, above=0),
        real("bias_variance", bias_variance, at_least=0),
    )


def _kernel(
    variance: Array,
    gap: Array,
    depth: int,
    activation: Given,
    weight_variance: float,
    bias_variance: float,
) -> Array:
    depth = whole("depth", depth, at_least=0, at_most=MOST_LAYERS)
    dual, sw2, sb2 = _network(activation, weight_variance, bias_variance)
    variance, gap, log_scale = _propagated(dual, variance, gap, depth, sw2, sb2)
    if abs(log_scale) > 600:
        raise ValueError(
            "weight_variance must keep the kernel within the range of float64, got "
            f"{sw2!r}, which takes it to e^{log_scale:.0f}"
        )
    root = np.sqrt(np.broadcast_to(variance, len(gap)))
    kernel: Array = np.exp(log_scale) * np.outer(root, root) * (1 - gap)
    return kernel


def _propagated(
    dual: Dual, variance: Array, gap: Array, layers: int, sw2: float, sb2: float
) -> tuple[Array, Array, float]:
    """Variances, gaps and the logarithm of a common scale after layers; the diagonal stays 0."""
    if dual.homogeneous and sb2 == 0:
        ones = np.ones(())
        for _ in range(layers):
            before, gap = gap, dual.gap(ones, ones, gap)
            if np.array_equal(before, gap):
                break
        factor = sw2 * float(dual.second_moment(ones))
        return variance, gap, _scaled(layers, factor)
    for _ in range(layers):
        last = variance, gap
        variance, gap = after_activation(dual, *affine(variance, gap, sw2, sb2))
        np.fill_diagonal(gap, 0.0)
        if np.array_equal(last[0], variance) and np.array_equal(last[1], gap):
            break  # a fixed point: all later layers are equal
    return variance, gap, 0.0


def _scaled(layers: int, factor: float) -> float:
    """Return layers * log(factor), where a factor may round to 0."""
    if layers == 0:
        return 0.0
    return layers * math.log(factor) if factor > 0 else -math.inf


def _from_inputs(inputs: npt.ArrayLike) -> tuple[Array, Array]:
    x = real_array("inputs", inputs)
    if x.ndim != 2:
        raise ValueError(f"inputs must have the shape (samples, dimension), got {x.shape}")
    require_memory("inputs", 48.0 * len(x) ** 2)
    largest = np.max(np.abs(x), axis=1, keepdims=True)
    if (largest == 0).any():
        raise ValueError(f"inputs must have no row of zeros, got one at {int(np.argmin(largest))}")
    x = x / largest
    norm = np.sqrt(np.sum(x * x, axis=1, keepdims=True))
    unit = x / norm
    gap = np.clip(1 - unit @ unit.T, 0, 2)
    rows, columns = np.nonzero(gap < _NEAR)
    for i in range(0, rows.size, _PAIRS):
        some = rows[i : i + _PAIRS], columns[i : i + _PAIRS]
        gap[some] = np.sum((unit[some[0]] - unit[some[1]]) ** 2, axis=1) / 2
    root = (norm * (largest / math.sqrt(x.shape[1])))[:, 0]
    least, most = _MEAN_SQUARES
    outside = (root < math.sqrt(least)) | (root > math.sqrt(most))
    if outside.any():
        raise ValueError(
            f"inputs must have rows of a mean square between {least:g} and {most:g}, got the root "
            f"mean square {float(root[outside][0]):.3g}; divide them by a common scale"
        )
    return _one_if_equal(root**2), gap


def _from_gram(gram: npt.ArrayLike) -> tuple[Array, Array]:
    k = real_array("gram", gram)
    if k.ndim != 2 or k.shape[0] != k.shape[1]:
        raise ValueError(f"gram must be a square matrix, got the shape {k.shape}")
    variance = np.diag(k).copy()
    if (variance <= 0).any():
        raise ValueError(f"gram must have a positive diagonal, got {float(variance.min())!r}")
    root = np.sqrt(variance)
    with np.errstate(over="ignore", invalid="ignore"):
        correlation = k / root[:, None] / root
    if not np.isfinite(correlation).all():
        raise ValueError("gram must have correlations from -1 to 1, got some beyond float64")
    if np.abs(correlation - correlation.T).max() > _SYMMETRIC:
        raise ValueError("gram must be symmetric")
    if (largest := float(np.abs(correlation).max())) > 1 + _SYMMETRIC:
        raise ValueError(f"gram must have correlations from -1 to 1, got {largest!r}")
    gap = np.clip(1 - (correlation + correlation.T) / 2, 0, 2)
    np.fill_diagonal(gap, 0.0)
    return _one_if_equal(variance), gap


def _one_if_equal(variance: Array) -> Array:
    if np.ptp(variance) <= _SPREAD * variance.max():
        return np.asarray(np.mean(variance))
    return variance


def _entropy(variance: Array, gap: Array) -> float:
    """Entropy of the spectrum of sqrt(v_i v_j) (1 - gap_ij)."""
    s = np.sqrt(np.broadcast_to(variance / np.max(variance), len(gap)))
    rest = s[:, None] * gap * s
    if len(gap) == 1:
        return 0.0
    if gap.max() < _COLLAPSED:
        return _collapsed_entropy(s, rest)
    values = np.linalg.eigvalsh(np.outer(s, s) - rest)
    shares = values[values > 0] / np.sum(values[values > 0])
    return float(-np.sum(shares * np.log(shares)))


def _collapsed_entropy(s: Array, rest: Array) -> float:
    """The same entropy for s s^T - rest, where one eigenvalue dominates."""
    size = float(s @ s)
    x = s
    # the others are below 0.1 of it: rounding after 17 steps at most
    for _ in range(18):
        x = s * (s @ x) - rest @ x
        x = x / np.sqrt(x @ x)
    # the reflection that takes x to an axis
    v = x.copy()
    v[0] += 1.0 if v[0] >= 0 else -1.0
    v *= np.sqrt(2 / (v @ v))
    across = s - v * (v @ s)
    half = rest @ v
    half -= v * (v @ half) / 2
    small = np.outer(across, across) - rest + np.outer(v, half) + np.outer(half, v)
    values = np.linalg.eigvalsh(small[1:, 1:])
    shares = values[values > 0] / size
    others = float(np.sum(shares))
    return float(-np.sum(shares * np.log(shares)) - (1 - others) * np.log1p(-others))
