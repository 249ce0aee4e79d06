"""Effect of one layer of a network on jointly Gaussian pre-activations of many inputs.

Pre-activations of different inputs have variance v and correlation r: they are
sqrt(v) (sqrt(r) xi + sqrt(1-r) z) with one xi for all inputs of a neuron and a z of its own for
each.  By Stein's lemma E[phi z] is the mean slope of phi, times sqrt(v (1-r)), also at kinks.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.activations import Activation

__all__ = ["Layer", "gaussian_layers"]

Array = npt.NDArray[np.float64]

# Standard deviations of the range: the Gaussian weight is 2e-22 of its middle at 10, and the next
# is for squares that grow as much; what they may leave at the ends.
_REACHES, _TAIL = (10.0, 20.0), 1e-13
# Nodes of Gauss and Legendre's rule per smooth piece: doubled until means keep their digits.
_FEWEST, _MOST, _KEPT = 64, 2048, 1e-13
# Step of the trapezoidal rule in xi over sqrt(1-r), the width at which conditional means are
# smoothed.  The spectrum of their products ends at about exp(-(2 pi/step)^2/8).
_STEP = 0.35
# Variances whose squares and shares are floats.
_VARIANCES = (1e-250, 1e250)
# Squares of rounding errors.
_NOTHING = 1e-28
# Least 1 - r: nodes in xi are about 60/sqrt(1-r) in number.
_SMALLEST_APART = 1e-5
# Share of the variance below which a row, given xi, is left out: it adds eigenvalues below it.
_DEAD = 1e-24


class Layer(NamedTuple):
    """One layer: conditional covariance alpha + beta B of a row, B that of the layer before.

    Attributes
    ----------
    weights : ndarray, shape (k,)
        Probabilities of the values of xi at which the row is not constant.
    alpha, beta : ndarray, shape (k,)
        The nonlinear and the linear part, over E phi^2; B is the covariance given xi, mean 1 - r.
    apart : float
        1 - r after the layer.
    variance : float
        Variance of the pre-activations of the layer.
    mean_square : float
        E phi^2.
    """

    weights: Array
    alpha: Array
    beta: Array
    apart: float
    variance: float
    mean_square: float


def gaussian_layers(found: Activation, depth: int, weight_variance: float) -> list[Layer]:
    """Layers 1, ..., depth, from uncorrelated inputs of unit variance.

    Raises
    ------
    ValueError
        If the activation or its variance is not finite, or vanishes, or quadrature fails.
    """
    layers: list[Layer] = []
    variance, apart = weight_variance, 1.0
    for number in range(1, depth + 1):
        layer = _layer(found, variance, apart, number)
        layers.append(layer)
        variance, apart = weight_variance * layer.mean_square, layer.apart
    return layers


def _layer(found: Activation, v: float, apart: float, number: int) -> Layer:
    least, largest = _VARIANCES
    if not least < v < largest:
        raise ValueError(
            f"activation {found.name!r} must keep the variance of pre-activations between "
            f"{least:g} and {largest:g}; it is {v:g} in layer {number}"
        )
    for reach in _REACHES:
        xi, weights = _common(apart, reach)
        if _ends(found, v, apart, xi, weights, reach) <= _TAIL:
            break
    else:
        raise ValueError(
            f"activation {found.name!r} must have a finite mean square under a Gaussian of "
            f"variance {v:g} (layer {number}), found within {_REACHES[-1]:g} standard deviations; "
            "it grows too fast"
        )
    nodes, previous = _FEWEST, np.full(3, math.nan)
    while True:
        mean, slope, rest = _conditional(found, v, apart, xi, nodes, reach)
        with np.errstate(over="ignore", invalid="ignore"):
            parts = np.array([weights @ mean**2, weights @ slope**2, weights @ rest])
            square = float(parts.sum())
        sound = 0 < square < math.inf
        if sound and np.all(np.abs(parts - previous) <= _KEPT * square):
            break
        if nodes >= _MOST or not sound:
            raise ValueError(
                f"activation {found.name!r} must have a positive, finite mean square under a "
                f"Gaussian of variance {v:g} (layer {number}) that quadrature finds, got "
                f"{square:g}; kinks must be named"
            )
        nodes, previous = 2 * nodes, parts
    common, own = float(parts[0]), float(parts[1] + parts[2])
    if own < _SMALLEST_APART * square:
        raise ValueError(
            f"activation {found.name!r} must keep inputs apart: after layer {number} their "
            f"correlation is 1 - {own / square:.1g}"
        )
    after = 1.0 if common < _NOTHING * square else own / square
    alpha, beta = rest / square, slope**2 / (apart * square)
    alive = alpha + apart * beta > _DEAD * after
    return Layer(weights[alive], alpha[alive], beta[alive], after, v, square)


def _ends(
    found: Activation, v: float, apart: float, xi: Array, weights: Array, reach: float
) -> float:
    """Density of E phi^2 at the ends of the range, over E phi^2; 0 where that is 0 or infinite."""
    mean, slope, rest = _conditional(found, v, apart, xi, _FEWEST, reach)
    ends = math.sqrt(apart) * np.array([[-reach], [reach]])
    with np.errstate(over="ignore", invalid="ignore"):
        squares = weights * (mean**2 + slope**2 + rest)
        phi = np.asarray(found(math.sqrt(v) * (xi + ends)), dtype=float)
        tails = math.exp(-(reach**2) / 2) * float((phi**2 @ weights).sum())
        if xi.size > 1:
            tails += float(squares[0] + squares[-1])
        total = float(squares.sum())
    return tails / total if 0 < total < math.inf else 0.0


def _common(apart: float, reach: float) -> tuple[Array, Array]:
    """Nodes sqrt(r) xi and their probabilities."""
    if apart == 1:
        return np.zeros(1), np.ones(1)
    step = _STEP * math.sqrt(apart)
    count = math.ceil(reach / step)
    xi = step * np.arange(-count, count + 1.0)
    weights: Array = np.exp(-(xi**2) / 2)
    return math.sqrt(1 - apart) * xi, weights / weights.sum()


def _conditional(
    found: Activation, v: float, apart: float, xi: Array, nodes: int, reach: float
) -> tuple[Array, Array, Array]:
    """Given xi: the mean of phi, E[phi z], and the variance without the part linear in z."""
    x, w = _legendre(nodes)
    scale, width = math.sqrt(v), math.sqrt(apart)
    kinks = [np.clip((kink / scale - xi) / width, -reach, reach) for kink in sorted(found.kinks)]
    ends = [np.full_like(xi, -reach), *kinks, np.full_like(xi, reach)]
    pieces = list(itertools.pairwise(ends))
    z = np.concatenate([(a + b)[:, None] / 2 + (b - a)[:, None] / 2 * x for a, b in pieces], axis=1)
    weights = np.concatenate([(b - a)[:, None] / 2 * w for a, b in pieces], axis=1)
    weights = weights * np.exp(-(z**2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):
        phi = np.asarray(found(scale * (xi[:, None] + width * z)), dtype=float)
        mean = (weights * phi).sum(axis=1)
        phi = phi - mean[:, None]
        slope = (weights * phi * z).sum(axis=1)
        return mean, slope, (weights * (phi - slope[:, None] * z) ** 2).sum(axis=1)


@lru_cache(maxsize=8)
def _legendre(nodes: int) -> tuple[Array, Array]:
    # leggauss needs a nodes x nodes matrix
    x, w = (special.roots_legendre if nodes > 512 else np.polynomial.legendre.leggauss)(nodes)
    return x, w
