r"""Correlations of two inputs through the layers of a random network of infinite width.

Pre-activations of the next layer have the variance and covariance

    v' = sw^2 F(v) + sb^2,    c' = sw^2 F(v, v, r) + sb^2,

F the dual activation (`dual_activations`). The code carries the gap 1 - r: where r tends to 1, a
float near 1 does not hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.activations import Activation
from rmt_rank._lib.validation import integer, real, real_array
from rmt_rank.theory.nonlinear.dual_activations import Dual, dual_of

__all__ = [
    "CorrelationMap",
    "Correlations",
    "affine",
    "after_activation",
    "correlation_map",
    "correlations",
    "next_layer",
    "variance_map",
]

Array = npt.NDArray[np.float64]
Result = npt.NDArray[np.float64] | np.float64
Given = str | Callable[[Any], Any] | Activation


# Largest number of layers, which are passed one by one.
MOST_LAYERS = 10**6


class CorrelationMap:
    """One layer without bias: the correlation after it from the one before it.

    Made by `correlation_map`.

    Attributes
    ----------
    variance : float
        Variance of the pre-activations.
    slope : float
        Derivative at correlation 1.
    spike : float
        Value at correlation 0.

    Examples
    --------
    >>> from rmt_rank.nonlinear import correlation_map
    >>> tanh = correlation_map("tanh")
    >>> tanh([0, 0.5, 1]).round(4)
    array([0.    , 0.4726, 1.    ])
    """

    def __init__(self, dual: Dual, variance: float) -> None:
        self.variance = variance
        self._dual, self._v = dual, np.asarray(variance)
        self.spike = float(self(0.0))

    @property
    def slope(self) -> float:
        """Derivative at correlation 1, v E phi'^2/E phi^2."""
        dual, v = self._dual, self._v
        return float(v * dual.slope_moment(v) / dual.second_moment(v))

    def __call__(self, correlation: npt.ArrayLike) -> Result:
        """The correlation after the layer, for correlations from -1 to 1."""
        return 1 - self.gap(1 - _bounded("correlation", correlation, -1, 1))

    def gap(self, gap: npt.ArrayLike) -> Result:
        """1 less the correlation after the layer, from 1 less the one before it (0 to 2)."""
        return self._dual.gap(self._v, self._v, _bounded("gap", gap, 0, 2))[()]


def _bounded(name: str, value: npt.ArrayLike, low: float, high: float) -> Array:
    return real_array(name, value, at_least=low, at_most=high)


def correlation_map(activation: Given, variance: float = 1.0) -> CorrelationMap:
    """The map of correlations of one layer of infinite width, without bias.

    Parameters
    ----------
    activation : str, callable or Activation
        As in `rmt_rank.theory.nonlinear.dual_activations.dual_activation`.
    variance : float, default 1
        Variance of the pre-activations, > 0; without meaning for those linear on either side of 0.

    Returns
    -------
    CorrelationMap
        A function from the correlation of two inputs to that after the layer.

    Raises
    ------
    TypeError, ValueError
        As in `dual_activation`.

    Notes
    -----
    For equal variances the gap has a relative error of about 1e-15 however small it is, in closed
    forms and Hermite series; about 1e-11 for other activations with kinks.

    References
    ----------
    .. [1] A. Daniely, R. Frostig, Y. Singer, arXiv:1602.05897.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.correlation_maps import correlation_map
    >>> relu = correlation_map("relu")
    >>> relu([0, 0.5, 1]).round(6)
    array([0.31831 , 0.608998, 1.      ])
    >>> print(f"{relu.gap(1e-20):.6e}")  # 1e-20 - (2 sqrt(2)/(3 pi)) 1e-30
    1.000000e-20
    """
    return CorrelationMap(dual_of(activation), real("variance", variance, above=0))


def variance_map(
    activation: Given,
    variance: npt.ArrayLike,
    *,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
) -> Result:
    """Variance of the pre-activations of the next layer.

    Parameters
    ----------
    activation : str, callable or Activation
        As in `correlation_map`.
    variance : array_like of float
        Variance of the pre-activations of this layer, > 0.
    weight_variance : float, default 1
        Variance of a weight times the number of inputs of its neuron, sw^2 > 0.
    bias_variance : float, default 0
        Variance of a bias, sb^2.

    Returns
    -------
    ndarray or float64
        sw^2 E phi^2 + sb^2.

    Raises
    ------
    TypeError, ValueError
        As in `correlation_map`.

    References
    ----------
    .. [1] B. Poole et al., arXiv:1606.05340, equation 3.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.correlation_maps import variance_map
    >>> print(round(float(variance_map("relu", 1.0, weight_variance=2.0)), 6))
    1.0
    """
    v = real_array("variance", variance, above=0)
    sw2 = real("weight_variance", weight_variance, above=0)
    sb2 = real("bias_variance", bias_variance, at_least=0)
    return (sw2 * dual_of(activation).second_moment(v) + sb2)[()]


class Correlations(NamedTuple):
    """Two inputs of equal norm, layer by layer; entry l is the layer's pre-activations.

    Attributes
    ----------
    variance, gap : ndarray
        Variance, and 1 less the correlation.
    """

    variance: Array
    gap: Array

    @property
    def correlation(self) -> Array:
        """The correlation; near 1, its gap is more accurate."""
        return 1 - self.gap


def correlations(
    activation: Given,
    depth: int,
    *,
    correlation: float = 0.0,
    variance: float = 1.0,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
) -> Correlations:
    """Variance and correlation of the pre-activations of two inputs, through all layers.

    Parameters
    ----------
    activation : str, callable or Activation
        As in `correlation_map`.
    depth : int
        Number of layers to pass, from 0 to 10^6.
    correlation, variance : float, default 0 and 1
        Correlation and variance of the pre-activations of the first layer.
    weight_variance, bias_variance : float, default 1 and 0
        As in `variance_map`.

    Returns
    -------
    Correlations
        Arrays of length depth + 1.

    Raises
    ------
    TypeError, ValueError
        As in `correlation_map`; also if a variance leaves the range of float64.

    Notes
    -----
    For ReLU without bias, theta = arccos r and x = 3 pi/theta, a layer takes 1/theta to
    1/theta + 1/(3 pi) + theta/(6 pi^2) + (25 + 6 pi^2) theta^2/(270 pi^3) + ..., so that
    x - (3/2) log x + (1 + 3 pi^2/5)/x - L tends to a constant, 4.38985 from orthogonal inputs:
    theta_L = 3 pi/(L + (3/2) log L + 4.38985 + o(1)).

    An activation linear on either side of 0, without bias, ignores the variance; its entries may
    then be 0 or inf.

    References
    ----------
    .. [1] B. Poole et al., arXiv:1606.05340, equations 3 and 5.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.correlation_maps import correlations
    >>> correlations("relu", 3).correlation.round(4)
    array([0.    , 0.3183, 0.4937, 0.6048])
    """
    found = dual_of(activation)
    depth = integer("depth", depth, at_least=0, at_most=MOST_LAYERS)
    gap = np.asarray(1 - float(_bounded("correlation", real("correlation", correlation), -1, 1)))
    v = np.asarray(real("variance", variance, above=0))
    sw2 = real("weight_variance", weight_variance, above=0)
    sb2 = real("bias_variance", bias_variance, at_least=0)
    variances, gaps = np.empty(depth + 1), np.empty(depth + 1)
    variances[0], gaps[0] = v, gap
    for layer in range(1, depth + 1):
        before = v, gap
        v, gap = next_layer(found, v, gap, sw2, sb2)
        variances[layer], gaps[layer] = v, gap
        if before == (v, gap):  # a fixed point: all later layers are equal
            variances[layer:], gaps[layer:] = v, gap
            break
    if found.homogeneous and sb2 == 0:
        factor = sw2 * float(found.second_moment(np.ones(())))
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            variances *= factor ** np.arange(depth + 1.0)
    return Correlations(variances, gaps)


def next_layer(
    dual: Dual, variance: Array, gap: Array, sw2: float, sb2: float
) -> tuple[Array, Array]:
    """Pre-activations of the next layer; one variance, or one per sample and gaps of all pairs.

    Where the scale does not matter the variance is left as it is.
    """
    if dual.homogeneous and sb2 == 0:
        ones = np.ones(())
        return variance, dual.gap(ones, ones, gap)
    hidden, gap = after_activation(dual, variance, gap)
    return affine(hidden, gap, sw2, sb2)


def after_activation(dual: Dual, variance: Array, gap: Array) -> tuple[Array, Array]:
    """Mean squares and gaps of the activations of a layer."""
    if variance.ndim:
        return dual.second_moment(variance), dual.gap(variance[:, None], variance, gap)
    return dual.second_moment(variance), dual.gap(variance, variance, gap)


def affine(hidden: Array, gap: Array, sw2: float, sb2: float) -> tuple[Array, Array]:
    """Variances and gaps of sw h + sb b for features of mean square hidden."""
    v = sw2 * hidden + sb2
    if not ((v > 1e-280) & (v < 1e280)).all():
        raise ValueError(
            "weight_variance and bias_variance must keep the variance within the range of "
            f"float64, got {sw2!r} and {sb2!r}, which take it to {float(np.min(v)):.3g}"
        )
    if sb2 == 0:
        return v, gap
    root, scale = np.sqrt(hidden), np.sqrt(v)
    if hidden.ndim:
        x, y, scales = root[:, None], root, scale[:, None] * scale
    else:
        x, y, scales = root, root, scale * scale
    # sqrt(v v') - (sw^2 x y + sb^2), as a difference of squares
    mismatch = sw2 * sb2 * (x - y) ** 2 / (scales + sw2 * x * y + sb2)
    return v, (mismatch + sw2 * x * y * gap) / scales
