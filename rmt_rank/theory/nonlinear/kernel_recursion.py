"""The spectrum of a Gram matrix through layers with conditional covariances alpha + beta B.

Rows of a layer are independent given the inputs; their covariance is alpha + beta B, where B is the
bulk of the Gram matrix of the layer before, and alpha, beta depend on one Gaussian number xi of the
row.  With h(t) = mean x/(x+t) over the bulk of a layer, so that (1-h)/t is the mean of 1/(x+t), it
maps the (s, h) of the layer before to

    t = C (s - a),  h_l(t) = h + (1-h) a/s,  a = E[alpha/(C+k)],  1 = E[beta/(C+k)],
    k = gamma_l [alpha (1-h)/s + beta h],   gamma_l = inputs over the width of the layer,

with one root C (the deterministic equivalent of sums of independent rows).  From s of the innermost
layer, all outer t are explicit: real numbers only, and no sum of terms of two signs but t.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank.theory.nonlinear.gaussian_layers import Layer

__all__ = ["kernel_entropy"]

Array = npt.NDArray[np.float64]

# A layer whose linear part is this small a share of the bulk, through all layers after it, is
# treated as having independent inputs: the rank changes by the square of it.
_FORGOTTEN = 1e-9
# Trapezoidal rule in u = log(s - smallest s): first step, error that ends its halving, range.
_STEP, _ERROR, _HALVINGS = 0.5, 1e-12, 10
_RANGE = 44.0
# Limit on the steps of Newton's method in a layer, which takes 4 to 8.
_NEWTON_STEPS = 100
# Terms below this are left out.
_NEGLIGIBLE = 1e-19
# Ratio of inputs to width beyond which only the term of order 1/gamma matters, and rounding grows.
_MANY = 1e6


class _Step(NamedTuple):
    """A layer as a map of (s, h): its conditional covariances and gamma_l."""

    weights: Array
    alpha: Array
    beta: Array
    ratio: float


def kernel_entropy(layers: list[Layer], gamma: float, inputs: float, ratios: Array) -> float:
    """Entropy of the bulk less (1-r) log width: -E[x log(x/gamma)], for mean 1 - r.

    Parameters
    ----------
    layers : list of Layer
        From the first to the last.
    gamma, inputs : float
        Number of inputs over the width, and over the number of their features.
    ratios : ndarray, shape (len(layers),)
        Number of inputs over the width of each layer.

    Raises
    ------
    ArithmeticError
        If quadrature does not converge.
    """
    least = float(min(gamma, inputs, *ratios))
    if least <= _MANY:
        return _entropy(layers, gamma, inputs, ratios)
    ratio = _MANY / least
    many, half = (_entropy(layers, f * gamma, f * inputs, f * ratios) for f in (ratio, 0.5 * ratio))
    return many + (half - many) * (ratio - 1)


def _entropy(layers: list[Layer], gamma: float, inputs: float, ratios: Array) -> float:
    """The same entropy by the integral, which resolves the largest eigenvalues, of size c.

    Eigenvalues far below them, where t is a difference of larger numbers, hardly contribute.
    """
    apart = layers[-1].apart if layers else 1.0
    c = float(max(gamma, inputs, *ratios, 1.0))
    return apart * (math.log(gamma) - math.log(c)) - _log_mean(
        *_steps(layers, inputs, ratios), apart, c
    )


def _steps(layers: list[Layer], inputs: float, ratios: Array) -> tuple[list[_Step], float]:
    """The maps from a multiple of the identity, and that multiple."""
    steps: list[_Step] = []
    share = 1.0
    for number in range(len(layers) - 1, -1, -1):
        weights, alpha, beta = layers[number][:3]
        before = layers[number - 1].apart if number else 1.0
        linear = before * float(weights @ beta)
        share *= linear / (linear + float(weights @ alpha))
        if share < _FORGOTTEN:
            whole = beta + alpha / before
            steps.append(_Step(weights, np.zeros_like(alpha), whole, ratios[number]))
            return steps[::-1], before
        steps.append(_Step(weights, alpha, beta, ratios[number]))
    steps.append(_Step(np.ones(1), np.zeros(1), np.ones(1), inputs))
    return steps[::-1], 1.0


def _log_mean(steps: list[_Step], mass: float, apart: float, c: float) -> float:
    """E[x log(x/c)] over the bulk: the integral of apart/(c+t) - h(t) over t > 0.

    In u the terms decay like exp(-abs(u)) and are analytic, and the trapezoidal rule's error is
    squared when its step is halved.
    """
    smallest, scale = _smallest(steps, mass)

    def terms(u: Array) -> Array:
        s = smallest + np.exp(u)
        t, slope, h = _outermost(steps, mass, s)
        good = t > 0
        values = (apart / (c + t[good]) - h[good]) * slope[good] * np.exp(u[good])
        result = np.zeros_like(u)
        result[good] = values
        return result

    coarse = math.log(scale) + np.arange(-_RANGE, _RANGE, _STEP)
    values = terms(coarse)
    kept = np.flatnonzero(np.abs(values) > _NEGLIGIBLE)
    if kept.size == 0:  # the whole bulk is at 1
        return 0.0
    u = coarse[max(0, kept[0] - 2) : kept[-1] + 3]
    step, total = _STEP, _STEP * float(terms(u).sum())
    for _ in range(_HALVINGS):
        middle = step * float(terms(u + step / 2).sum())
        previous, total = total, (total + middle) / 2
        if abs(total - previous) <= _ERROR:
            return total
        u, step = np.concatenate([u, u + step / 2]), step / 2
    raise ArithmeticError(f"the integral over the spectrum has not converged: {total!r}")


def _smallest(steps: list[_Step], mass: float) -> tuple[float, float]:
    """Smallest s of the innermost layer for which all t are positive, and the scale of s over t."""
    scale = 1.0
    for step in steps:
        scale /= float(step.weights @ step.beta)
    low, high = 1e-300, 1e20 * scale
    if _outermost(steps, mass, np.array([low]))[0][0] > 0:
        return 0.0, scale
    while high > low * (1 + 1e-15):
        grid = np.geomspace(low, high, 66)
        good = _outermost(steps, mass, grid[1:-1])[0] > 0
        first = int(np.argmax(good)) if good.any() else good.size
        bracket = float(grid[first]), float(grid[first + 1])
        if bracket == (low, high):
            break
        low, high = bracket
    return high, scale


def _outermost(steps: list[_Step], mass: float, s: Array) -> tuple[Array, Array, Array]:
    """t of the last layer, its derivative in s, and h(t); t is nan where there is none."""
    h, dh = mass / (mass + s), -mass / (mass + s) ** 2
    ds = np.ones_like(s)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for step in steps:
            s, ds, h, dh = _through(step, s, ds, h, dh)
    return s, ds, h


def _through(step: _Step, s: Array, ds: Array, h: Array, dh: Array) -> tuple[Array, ...]:
    """A layer: t, h and their derivatives in s of the innermost layer."""
    weights, alpha, beta, ratio = step
    g = (1 - h) / s
    dg = -(dh + g * ds) / s
    k = ratio * (np.multiply.outer(g, alpha) + np.multiply.outer(h, beta))
    dk = ratio * (np.multiply.outer(dg, alpha) + np.multiply.outer(dh, beta))
    C = _root(weights, beta, k)
    inverse = 1 / (C[:, None] + k)
    square = inverse**2
    dC = -((square * dk) @ (weights * beta)) / (square @ (weights * beta))
    a = inverse @ (weights * alpha)
    da = -((square * (dC[:, None] + dk)) @ (weights * alpha))
    t = np.where(s > a, C * (s - a), np.nan)
    return t, dC * (s - a) + C * (ds - da), h + g * a, dh + dg * a + g * da


def _root(weights: Array, beta: Array, k: Array) -> Array:
    """C > 0 with E[beta/(C+k)] = 1 by Newton's method from below; nan where there is none.

    The mean is convex and decreasing in C, so that Newton's steps from the left never pass the
    root.  By Jensen's inequality C >= E beta - E[beta k]/E beta, an equality for a single xi.
    """
    terms = weights * beta
    mean = float(terms.sum())
    C = mean - k @ terms / mean
    if len(weights) == 1:
        return np.where(C > 0, C, np.nan)
    exists = (1 / k) @ terms > 1
    C = np.where(exists, np.maximum(C, 0), np.nan)
    for _ in range(_NEWTON_STEPS):
        inverse = 1 / (C[:, None] + k)
        change = (inverse @ terms - 1) / ((inverse**2) @ terms)
        C = C + change
        if not np.any(change > 4e-16 * C):
            break
    # the next step would be of the order of the square of the last; rounding is that of C + k
    if np.any(left := change > 1e-8 * (C + k.max(axis=1))):
        raise ArithmeticError(
            f"C with E[beta/(C+k)] = 1 was not found in {_NEWTON_STEPS} steps of Newton's method, "
            f"for {int(left.sum())} of {C.size} points of the spectrum"
        )
    return C
