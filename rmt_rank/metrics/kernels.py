"""Kernels of real features, without overflow or underflow and with finite derivatives.

Samples may be zero, equal, parallel or of very different scales; an entry of a Gram matrix is
infinite only if its true value is out of range.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from rmt_rank._lib.array import absolute, known, matmul
from rmt_rank._lib.validation import integer, real, shown
from rmt_rank.metrics.scaling import (
    centred,
    exponents,
    far,
    largest,
    times_power_of_two,
    to_unit_scale,
)

__all__ = ["INNER_PRODUCTS", "Options", "directions", "gram", "scaled_gram"]

# Kernels that are inner products of normalised features: the samples x samples matrix has the same
# non-zero spectrum as a features x features matrix.
INNER_PRODUCTS = ("cosine", "linear", "correlation")

# Number of entries in a block of differences.
_BLOCK_SIZE = 2**22

_LARGEST_DEGREE = 1_000_000
# Beyond this x, exp(-x/2) is 0 in double precision.
_EXP_IS_ZERO = 1500.0


class Options(NamedTuple):
    """Options of the kernels, and their defaults."""

    gamma: float | None = None
    degree: int = 3
    coef0: float = 1.0
    order: int = 1

    def checked(self) -> Options:
        """Return the options as plain numbers; TypeError or ValueError if one is out of range."""
        gamma = None if self.gamma is None else real("gamma", self.gamma, above=0)
        degree = integer("degree", self.degree, at_least=1)
        if degree > _LARGEST_DEGREE:
            raise ValueError(f"degree must be an integer <= {_LARGEST_DEGREE}, got {shown(degree)}")
        if isinstance(self.order, bool) or self.order not in (0, 1):
            raise ValueError(f"order must be 0 or 1, got {shown(self.order)}")
        return Options(gamma, degree, real("coef0", self.coef0), int(self.order))


def gram(xp: Any, x: Any, kernel: str, options: Options) -> Any:
    """Gram matrix of real features."""
    x = _with_a_feature(xp, x)
    if x.shape[-2] == 0:
        return matmul(xp, x, xp.matrix_transpose(x))
    gamma, order = options.gamma, options.order
    if kernel == "linear":
        product, exponent = _products(xp, x)
        return product if exponent is None else times_power_of_two(xp, product, exponent)
    if kernel in INNER_PRODUCTS:
        x, _, _ = directions(xp, x, kernel)
        return matmul(xp, x, xp.matrix_transpose(x))
    if kernel == "arccosine":
        return _arccosine(xp, x, order)
    if kernel == "polynomial":
        return _polynomial(xp, x, options, any_scale=False)[0]
    x, exponent = to_unit_scale(xp, x, (-2, -1))
    if kernel == "laplacian":
        return _decay(xp, _sums_of_distances(xp, x), exponent, gamma, 1.0)
    squared = _squared_distances(xp, x)
    if kernel == "rbf":
        return _decay(xp, squared, None if exponent is None else 2 * exponent, gamma, 0.5)
    distance = _root(xp, squared)
    return -(distance if exponent is None else times_power_of_two(xp, distance, exponent))


def scaled_gram(xp: Any, x: Any, kernel: str, options: Options) -> tuple[Any, Any]:
    """Gram matrix over 2^exponent, of shape (..., 1, 1) or None for 0, at which none overflows."""
    if 0 in x.shape[-2:]:
        return gram(xp, x, kernel, options), None
    if kernel == "polynomial":
        return _polynomial(xp, x, options, any_scale=True)
    # powers of the features with which the matrix scales
    power = {"linear": 2, "euclidean": 1, "arccosine": 2 * options.order}.get(kernel)
    if power is None:
        return gram(xp, x, kernel, options), None
    x, exponent = to_unit_scale(xp, x, (-2, -1))
    return gram(xp, x, kernel, options), None if exponent is None else power * exponent


def _with_a_feature(xp: Any, x: Any) -> Any:
    """Replace no features, whose products and distances are 0, by a single feature of 0."""
    if x.shape[-1] > 0:
        return x
    device = array_api_compat.device(x)
    return xp.zeros((*x.shape[:-1], 1), dtype=x.dtype, device=device)


def directions(xp: Any, x: Any, kernel: str) -> tuple[Any, Any, Any]:
    """Samples over their lengths (0 for zero samples), and lengths over 2^exponents (None for 0).

    For "correlation" the means of the samples are subtracted first.
    """
    if 0 in x.shape:
        return x, x[..., :1], None
    bound = far(xp, x.dtype)
    exponent = None
    if not known(xp.max(xp.abs(x)) < bound):
        x, exponent = to_unit_scale(xp, x, -1)
    if kernel == "correlation":
        x = centred(xp, x, -1)
    square = xp.sum(x * x, axis=-1, keepdims=True)
    if exponent is None and not known(xp.min(square) > 1 / bound):
        x, exponent = to_unit_scale(xp, x, -1)
        square = xp.sum(x * x, axis=-1, keepdims=True)
    if known(xp.all(square > 0)):
        length = xp.sqrt(square)
        return x / length, length, exponent
    zero = square == 0
    length = xp.sqrt(xp.where(zero, xp.ones_like(square), square))
    return (
        xp.where(zero, xp.zeros_like(x), x / length),
        xp.where(zero, xp.zeros_like(length), length),
        exponent,
    )


def _products(xp: Any, x: Any) -> tuple[Any, Any]:
    """Inner products over 2^exponents (None for 0)."""
    bound = far(xp, x.dtype)
    top = largest(xp, x, -1)
    if known(xp.all((top < bound) & ((top > 1 / bound) | (top == 0)))):
        return matmul(xp, x, xp.matrix_transpose(x)), None
    exponent = exponents(xp, top)
    x = times_power_of_two(xp, x, -exponent)
    return matmul(xp, x, xp.matrix_transpose(x)), exponent + xp.matrix_transpose(exponent)


def _polynomial(xp: Any, x: Any, options: Options, *, any_scale: bool) -> tuple[Any, Any]:
    """(gamma x.y + coef0)^degree and None; with any_scale, over 2^exponents, and these."""
    gamma, degree, coef0, _ = options
    gamma = 1 / x.shape[-1] if gamma is None else gamma
    if abs(coef0) > float(xp.finfo(x.dtype).max):
        raise ValueError(f"coef0 must lie in the range of {x.dtype}, got {coef0!r}")
    product, exponent = _products(xp, x)
    bound = far(xp, x.dtype)
    divided: Any = 0.0
    if exponent is None and 1 / bound < gamma < bound:
        base = gamma * product + coef0
    else:
        mantissa, power = math.frexp(gamma)
        exponent = xp.zeros_like(product) if exponent is None else exponent
        exponent, product, shift = exponent + float(power), mantissa * product, coef0
        if any_scale:  # divide by the power of two of the largest term
            shift, power = math.frexp(coef0)
            terms = xp.where(product == 0, xp.full_like(exponent, -math.inf), exponent)
            divided = xp.max(terms, axis=(-2, -1), keepdims=True)
            least = float(power) if coef0 else -1e6
            divided = xp.where(divided > least, divided, xp.full_like(divided, least))
            shift = times_power_of_two(xp, xp.full_like(divided, shift), power - divided)
            exponent = exponent - divided
        base = times_power_of_two(xp, product, exponent) + shift
    if not any_scale:
        with np.errstate(over="ignore"):
            return base**degree, None
    # powers up to the largest degree stay in range only of entries up to 1
    top = xp.max(xp.abs(base), axis=(-2, -1), keepdims=True)
    top = xp.where(top == 0, xp.ones_like(top), top)
    power = degree * xp.log2(top)
    whole = xp.floor(power)
    rest = xp.full_like(power, 2.0) ** (power - whole)
    return rest * (base / top) ** degree, whole + degree * divided


def _decay(xp: Any, distance: Any, exponent: Any, gamma: float | None, rate: float) -> Any:
    """Return exp(-gamma d) with d = distance 2^exponent; by default gamma is rate/median."""
    if gamma is not None:
        bound = far(xp, distance.dtype)
        if exponent is None and 1 / bound < gamma < bound:
            return xp.exp(-gamma * distance)
        mantissa, power = math.frexp(gamma)
        exponent = float(power) + (xp.zeros_like(distance) if exponent is None else exponent)
        return xp.exp(-times_power_of_two(xp, mantissa * distance, exponent))
    median = _median(xp, distance)
    beyond = distance > _EXP_IS_ZERO * median
    distance = xp.where(beyond, xp.zeros_like(distance), distance)
    kernel = xp.exp(-rate * (distance / median))
    return xp.where(beyond, xp.zeros_like(kernel), kernel)


def _rounding(xp: Any, x: Any) -> float:
    """Relative error of inner products of samples; smaller differences of two are rounding."""
    return (4 + math.sqrt(x.shape[-1])) * float(xp.finfo(x.dtype).eps)


def _squared_distances(xp: Any, x: Any) -> Any:
    """|x-y|^2 = |x|^2 + |y|^2 - 2 x.y of centred samples, by one matrix product.

    For samples nearer to each other than 1e-8 of the extent of all samples, the distance is lost
    to rounding; it is then set to 0.
    """
    x = x - xp.mean(x, axis=-2, keepdims=True)
    square = xp.sum(x * x, axis=-1, keepdims=True)
    sums = square + xp.matrix_transpose(square)
    squared = sums - 2 * matmul(xp, x, xp.matrix_transpose(x))
    lost = squared <= _rounding(xp, x) * sums
    return xp.where(lost, xp.zeros_like(squared), squared) * _off_diagonal(xp, x)


def _sums_of_distances(xp: Any, x: Any) -> Any:
    """|x-y|_1, one block of features at a time: memory is a few times that of the result."""
    samples, features = x.shape[-2:]
    block = max(1, _BLOCK_SIZE // samples**2)
    total = xp.zeros((*x.shape[:-1], samples), dtype=x.dtype, device=array_api_compat.device(x))
    for i in range(0, features, block):
        part = x[..., i : min(i + block, features)]
        total = total + xp.sum(absolute(xp, part[..., :, None, :] - part[..., None, :, :]), axis=-1)
    return total


def _off_diagonal(xp: Any, x: Any) -> Any:
    samples = x.shape[-2]
    return 1 - xp.eye(samples, dtype=x.dtype, device=array_api_compat.device(x))


def _root(xp: Any, x: Any) -> Any:
    """Square root with slope 0 at 0."""
    zero = x <= 0
    return xp.where(zero, xp.zeros_like(x), xp.sqrt(xp.where(zero, xp.ones_like(x), x)))


def _median(xp: Any, distance: Any) -> Any:
    """Median over pairs of different samples, (..., 1, 1); the mean if that is 0; 1 if both are."""
    samples = distance.shape[-1]
    pairs = samples * (samples - 1)
    if pairs == 0:
        return xp.ones_like(distance)
    flat = xp.sort(xp.reshape(distance, (*distance.shape[:-2], samples * samples)), axis=-1)
    # the zeros of the diagonal come first
    low, high = samples + (pairs - 1) // 2, samples + pairs // 2
    median = (flat[..., low] + flat[..., high])[..., None, None] / 2
    if known(xp.all(median > 0)):
        return median
    mean = xp.sum(distance, axis=(-2, -1), keepdims=True) / pairs
    median = xp.where(median == 0, mean, median)
    return xp.where(median == 0, xp.ones_like(median), median)


def _arccosine(xp: Any, x: Any, order: int) -> Any:
    """Cho and Saul's kernel: E[step^order(w.x) step^order(w.y)] of Gaussian w, times 2."""
    unit, length, exponent = directions(xp, x, "arccosine")
    zero = length == 0
    off_diagonal = _off_diagonal(xp, x)
    cosine = matmul(xp, unit, xp.matrix_transpose(unit)) * off_diagonal + 1 - off_diagonal
    parallel = 1 - xp.abs(cosine) <= _rounding(xp, x)
    one = xp.ones_like(cosine)
    cosine = xp.where(parallel, xp.where(cosine > 0, one, -one), cosine)
    sine = _root(xp, (1 - cosine) * (1 + cosine))
    angle = xp.atan2(sine, cosine)  # its slope stays finite, unlike that of acos
    if order == 0:
        scale = xp.where(zero, xp.zeros_like(length), xp.ones_like(length))
        return (1 - angle / math.pi) * scale * xp.matrix_transpose(scale)
    kernel = (sine + (math.pi - angle) * cosine) / math.pi
    kernel = kernel * length * xp.matrix_transpose(length)
    if exponent is None:
        return kernel
    return times_power_of_two(xp, kernel, exponent + xp.matrix_transpose(exponent))
