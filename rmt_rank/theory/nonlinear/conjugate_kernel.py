"""Spectrum of the Gram matrix of activations, the width comparable to the number of inputs.

q Gaussian inputs of n_0 features pass layers of widths n_l, and K_l is the Gram matrix of the
activations of layer l over their mean square.  As q and all widths grow in proportion, K_l is an
outlier r_l q (r_l the correlation of two activations, from their common mean) and a bulk of mean
1 - r_l, whose law `kernel_recursion` finds layer by layer.

For odd activations there is no outlier, and this is the theorem of Fan and Wang, for centred
activations and nearly orthogonal inputs.  For others it is our extension: a conjecture, compared
with simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

from rmt_rank._lib import activations as _activations
from rmt_rank._lib.activations import ACTIVATIONS, Activation, Function
from rmt_rank._lib.validation import integers, real, real_array, shown
from rmt_rank.theory.nonlinear.gaussian_layers import Layer, gaussian_layers
from rmt_rank.theory.nonlinear.kernel_recursion import kernel_entropy

__all__ = [
    "ConjugateKernel",
    "KernelPlateau",
    "conjugate_kernel",
    "conjugate_kernel_plateau",
]


# Largest number of layers; each takes a quadrature.
MOST_LAYERS = 10**5
# Range of log variances in which a fixed point is searched, and the rounding error of its equation.
_LOG_VARIANCES, _ROUNDING = (-12.0, 12.0), 1e-10


class ConjugateKernel(NamedTuple):
    """Limit of the spectrum of the normalised Gram matrix, with the parts of its effective rank.

    Attributes
    ----------
    outlier : float
        Largest eigenvalue over the number of inputs; 0 for odd activations.
    entropy : float
        Mean effective rank less (1 - outlier) log(width), in nats.
    status : {"proved", "verified", "conjectured"}
        "proved" for the identity and at depth 0, "verified" for other odd activations, where the
        limit is a theorem for nearly orthogonal inputs; "conjectured" for all others.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.conjugate_kernel import conjugate_kernel
    >>> limit = conjugate_kernel(2, [1, 4], "tanh")[1]  # depth 4
    >>> print(round(limit.entropy, 3), limit.status)
    -1.268 verified
    """

    outlier: float
    entropy: float
    status: str

    def effective_rank(self, width: float) -> float:
        """Effective rank in nats at a width, without its finite-width corrections."""
        return (1 - self.outlier) * math.log(real("width", width, above=0)) + self.entropy


def conjugate_kernel(
    samples_per_width: float,
    depths: Sequence[int],
    activation: str | Function | Activation,
    *,
    weight_variance: float = 1.0,
    features_per_width: float = 1.0,
    widths: Sequence[float] | None = None,
) -> list[ConjugateKernel]:
    """Limit of the Gram matrix of activations at several depths.

    Parameters
    ----------
    samples_per_width : float
        gamma = q/n > 0, the number of inputs over the width.
    depths : sequence of int
        Numbers l of layers, at least one, each from 0 to 10^5.
    activation : str, Activation or callable
        Activation, as in `rmt_rank._lib.activations.activation`.
    weight_variance : float, default 1
        Variance of the weights times the width of the layer before.
    features_per_width : float, default 1
        n_0/n > 0, features of the independent standard Gaussian inputs over width.
    widths : sequence of float, optional
        n_l/n > 0, the width of each layer up to the last of depths over the width n that the other
        ratios and the result's `effective_rank` refer to; all are n by default.

    Returns
    -------
    list of ConjugateKernel

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or the variance of pre-activations
        overflows or vanishes.
    ArithmeticError
        If quadrature does not converge.

    Notes
    -----
    With gamma = q/n, log q = log n + log gamma, the effective rank is
    -r log r + (1-r) log q - int_0^inf [(1-r)/(1+t) - h(t)] dt.  For the identity it is
    log n + 1 - H_(L+1) - (1/gamma)/(L+2) at n_0 = n, gamma >= 1.  Absolute error about 1e-11.

    References
    ----------
    .. [1] Z. Fan, Z. Wang, "Spectra of the Conjugate Kernel and Neural Tangent Kernel for
       Linear-Width Neural Networks", arXiv:2005.11879.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.conjugate_kernel import conjugate_kernel
    >>> [round(kernel.effective_rank(128), 3) for kernel in conjugate_kernel(8, [1, 4], "tanh")]
    [4.389, 3.656]
    """
    gamma = real("samples_per_width", samples_per_width, above=0)
    inputs = gamma / real("features_per_width", features_per_width, above=0)
    variance = real("weight_variance", weight_variance, above=0)
    if not math.isfinite(inputs):
        raise ValueError(
            "features_per_width must leave a ratio samples_per_width/features_per_width that is a "
            f"float, got {features_per_width!r}"
        )
    numbers = integers("depths", depths, at_least=0, fewest=1, at_most=MOST_LAYERS)
    layer_ratios = np.full(max(numbers), gamma)
    if widths is not None:
        shares = real_array("widths", widths, above=0)
        if shares.shape != layer_ratios.shape:
            raise ValueError(
                f"widths must hold {max(numbers)} numbers, one for each layer, got {shown(widths)}"
            )
        layer_ratios /= shares
    found = _activations.activation(activation)
    layers = gaussian_layers(found, max(numbers), variance)
    status = "verified" if found.odd else "conjectured"
    if found is ACTIVATIONS["identity"]:
        status = "proved"
    result = []
    for depth in numbers:
        apart = layers[depth - 1].apart if depth else 1.0
        outlier = 1 - apart
        spike = -outlier * math.log(outlier) if outlier > 0 else 0.0
        entropy = spike + kernel_entropy(layers[:depth], gamma, inputs, layer_ratios[:depth])
        result.append(ConjugateKernel(outlier, entropy, status if depth else "proved"))
    return result


class KernelPlateau(NamedTuple):
    """Limit of deep networks with an odd activation, at infinite width.

    Attributes
    ----------
    variance : float
        Fixed point v of the variance of pre-activations.
    gain : float
        b^2 = v (E phi')^2/E phi^2 there, the linear share of a layer.
    participation_ratio : float
        (tr K)^2/tr K^2 over the width, as the depth grows.
    depth_scale : float
        1/(1 - b^4), layers over which it is approached.
    """

    variance: float
    gain: float
    participation_ratio: float
    depth_scale: float


def conjugate_kernel_plateau(
    samples_per_width: float,
    activation: str | Function | Activation,
    *,
    weight_variance: float = 1.0,
) -> KernelPlateau:
    """Limit of the participation ratio of the Gram matrix of a deep network as depth grows.

    Parameters
    ----------
    samples_per_width, activation, weight_variance
        As in `conjugate_kernel`; the activation is odd.

    Returns
    -------
    KernelPlateau

    Raises
    ------
    TypeError, ValueError
        As in `conjugate_kernel`; if the activation is not known to be odd, or the variance of
        pre-activations has no positive fixed point.

    Notes
    -----
    Variances of the spectrum satisfy Var_l = b^4 Var_(l-1) + gamma, so that b^2 < 1 gives the
    participation ratio n (1-b^4)/(1 + (1-b^4)/gamma).

    References
    ----------
    .. [1] Z. Fan, Z. Wang, arXiv:2005.11879, for the law of a layer.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.conjugate_kernel import conjugate_kernel_plateau
    >>> round(conjugate_kernel_plateau(8, "sine", weight_variance=2).participation_ratio, 3)
    0.183
    """
    gamma = real("samples_per_width", samples_per_width, above=0)
    weight_variance = real("weight_variance", weight_variance, at_least=1e-300)
    found = _activations.activation(activation)
    if not found.odd:
        raise ValueError(f"activation must be known to be odd, got {found.name!r}")

    def growth(log_v: float) -> float:
        v = math.exp(log_v)
        return math.log(weight_variance * _alone(found, v).mean_square / v)

    low, largest = _LOG_VARIANCES
    high = low
    # a growth of 1 up to rounding is not a fixed point: the identity, or a critical variance
    if growth(low) > _ROUNDING:
        while growth(high) > 0 and high < largest:
            high += 0.5
    if high in (low, largest):
        raise ValueError(
            f"weight_variance must give the variance of pre-activations of {found.name!r} a "
            f"positive fixed point, got {weight_variance:g}"
        )
    v = math.exp(scipy.optimize.brentq(growth, high - 0.5, high, xtol=1e-14))
    gain = float(_alone(found, v).beta[0])
    gap = 1 - gain**2
    return KernelPlateau(v, gain, gap / (1 + gap / gamma), 1 / gap)


def _alone(found: Activation, v: float) -> Layer:
    """A layer whose pre-activations are uncorrelated and have variance v."""
    (layer,) = gaussian_layers(found, 1, v)
    return layer
