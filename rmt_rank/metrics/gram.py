"""Gram matrices of features, and their effective rank.

Features have shape (..., samples, features): rows are samples, as in scikit-learn; the paper's
Section 2.3 has them transposed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import array_api_compat

from rmt_rank._array import as_floating, inf_as_nan, known
from rmt_rank._validation import choice, integer, real
from rmt_rank.metrics import matrix, spectrum

__all__ = ["KERNELS", "gram_effective_rank", "gram_matrix"]

KERNELS = (
    "cosine",
    "linear",
    "correlation",
    "rbf",
    "laplacian",
    "polynomial",
    "euclidean",
    "arccosine",
)
# Kernels that are inner products of normalised features: the non-zero spectrum of the samples by
# samples matrix is that of a features by features one.
_INNER_PRODUCTS = ("cosine", "linear", "correlation")

Kernel = str | Callable[[Any], Any]

# Numbers in a block of differences.
_BLOCK_SIZE = 2**22


def gram_matrix(
    features: Any,
    kernel: Kernel = "cosine",
    *,
    gamma: float | None = None,
    degree: int = 3,
    coef0: float = 1.0,
    order: int = 1,
) -> Any:
    """Gram matrix of features under a kernel.

    Parameters
    ----------
    features : array, shape (..., samples, features)
        Real features; rows are samples.
    kernel : str or callable, default "cosine"
        "cosine", x.y/(|x||y|), the paper's; "linear", x.y; "correlation", the cosine of features
        less their mean over each sample; "rbf", exp(-gamma |x-y|^2); "laplacian",
        exp(-gamma |x-y|_1); "polynomial", (gamma x.y + coef0)^degree; "euclidean", -|x-y|;
        "arccosine" of order 0 or 1 [1]_; or a function from features to a Gram matrix.
    gamma : float, optional
        Inverse scale of "rbf", "laplacian" and "polynomial", > 0.  By default 1/(2 m^2) and 1/m for
        the first two, m being the median distance between two different samples (in the norm of
        the kernel), and 1/features for the last.
    degree : int, default 3
        Of "polynomial", at least 1.
    coef0 : float, default 1
        Of "polynomial".
    order : {0, 1}, default 1
        Of "arccosine".

    Returns
    -------
    array, shape (..., samples, samples)
        Symmetric.  A sample that is zero has cosine, correlation and arccosine 0 with all, itself
        included.  A sample that is not finite has nan with all; under "rbf", "laplacian" and
        "euclidean", whose distances are taken together, so have all others.

    Raises
    ------
    TypeError, ValueError
        If features are complex or have fewer than two axes, the kernel is unknown, or an option is
        out of its range.

    References
    ----------
    .. [1] Y. Cho, L. K. Saul, "Kernel Methods for Deep Learning", NeurIPS 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank import gram_matrix
    >>> gram_matrix(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]]))
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 1.]])
    """
    xp, x = _features(features, kernel)
    if callable(kernel):
        return kernel(x)
    choice("kernel", kernel, KERNELS)
    if gamma is not None:
        gamma = real("gamma", gamma, above=0)
    if kernel in _INNER_PRODUCTS:
        x = _normalised(xp, x, kernel)
        return x @ xp.matrix_transpose(x)
    if kernel == "polynomial":
        degree, coef0 = integer("degree", degree, at_least=1), real("coef0", coef0)
        scale = 1 / max(1, x.shape[-1]) if gamma is None else gamma
        return (scale * (x @ xp.matrix_transpose(x)) + coef0) ** degree
    if kernel == "arccosine":
        return _arccosine(xp, x, order)
    if kernel == "laplacian":
        distance = _sums_of_distances(xp, x)
        rate = 1 / _median(xp, distance) if gamma is None else gamma
        return xp.exp(-rate * distance)
    squared = _squared_distances(xp, x)
    if kernel == "euclidean":
        return -_root(xp, squared)
    rate = 0.5 / _median(xp, squared) if gamma is None else gamma
    return xp.exp(-rate * squared)


def gram_effective_rank(
    features: Any, kernel: Kernel = "cosine", *, exponentiate: bool = False, **options: Any
) -> Any:
    """Effective rank of the Gram matrix of features.

    Parameters
    ----------
    features : array, shape (..., samples, features)
        Real features; rows are samples.
    kernel : str or callable, default "cosine"
        As in `gram_matrix`.
    exponentiate : bool, default False
        As in `effective_rank`.
    **options
        Those of `gram_matrix`.

    Returns
    -------
    array, shape (...)
        Entropy in nats of the normalised singular values of the Gram matrix, or its exponential.

    Raises
    ------
    TypeError, ValueError
        As in `gram_matrix`.

    Notes
    -----
    For "cosine", "linear" and "correlation" with fewer features than samples, the non-zero spectrum
    is that of the features by features matrix, which takes (features/samples)^3 of the work to
    decompose.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Section 2.3 (whose
       features are the columns); arXiv:2103.10427.
    """
    if isinstance(kernel, str) and kernel in _INNER_PRODUCTS:
        gram_matrix_options = {"gamma", "degree", "coef0", "order"}
        if unknown := set(options) - gram_matrix_options:
            raise TypeError(f"options of gram_matrix are {gram_matrix_options}, got {unknown}")
        xp, x = _features(features, kernel)
        if kernel == "linear":  # the entropy does not see a scale
            _, x, _, given = matrix.scaled(x)
            if given is not None:
                x = xp.where(given[..., None, None], x, xp.full_like(x, math.nan))
        else:
            x = _normalised(xp, x, kernel)
        transposed = xp.matrix_transpose(x)
        small = transposed @ x if x.shape[-1] < x.shape[-2] else x @ transposed
        if 0 in small.shape:
            return matrix.effective_rank(small, exponentiate=exponentiate)
        finite = xp.all(xp.isfinite(small), axis=(-2, -1))
        if not known(xp.all(finite)):  # the decomposition may refuse nan
            small = xp.where(finite[..., None, None], small, xp.zeros_like(small))
        values = xp.linalg.eigvalsh(small)
        values = xp.where(values > 0, values, xp.zeros_like(values))  # rounding
        values = xp.where(finite[..., None], values, xp.full_like(values, math.nan))
        return spectrum.effective_rank(values, exponentiate=exponentiate)
    return matrix.effective_rank(
        gram_matrix(features, kernel, **options), exponentiate=exponentiate
    )


def _features(features: Any, kernel: Kernel) -> tuple[Any, Any]:
    xp, x = as_floating("features", features, least_dimensions=2)
    if xp.isdtype(x.dtype, "complex floating"):
        raise TypeError(f"features must be real, got the dtype {x.dtype}")
    if isinstance(kernel, str) and kernel != "cosine":  # that sees to it itself
        x = inf_as_nan(xp, x)
    return xp, x


def _normalised(xp: Any, x: Any, kernel: str) -> Any:
    """Features whose inner products are the kernel."""
    if kernel == "linear" or 0 in x.shape[-2:]:
        return x
    if kernel == "correlation":
        x = x - xp.mean(x, axis=-1, keepdims=True)
    return x / _norms(xp, x)


def _norms(xp: Any, x: Any) -> Any:
    """Lengths of the samples, 1 for zero ones, without over- or underflow."""
    far = float(xp.finfo(x.dtype).max) ** 0.25
    magnitude = xp.abs(x)
    if 0 not in x.shape and known(xp.max(magnitude) < far):
        square = xp.sum(x * x, axis=-1, keepdims=True)
        if known(xp.min(square) > 1 / far):
            return xp.sqrt(square)
    x = inf_as_nan(xp, x)
    largest = xp.max(xp.abs(x), axis=-1, keepdims=True)
    largest = xp.where(largest == 0, xp.ones_like(largest), largest)
    scaled = x / largest
    square = xp.sum(scaled * scaled, axis=-1, keepdims=True)
    return largest * xp.sqrt(xp.where(square == 0, xp.ones_like(square), square))


def _squared_distances(xp: Any, x: Any) -> Any:
    """|x-y|^2 = |x|^2 + |y|^2 - 2 x.y of centred samples: one product of matrices.

    Samples nearer to each other than 1e-8 of the cloud's size lose their distance to rounding.
    """
    if x.shape[-2] > 0:
        x = x - xp.mean(x, axis=-2, keepdims=True)
    square = xp.sum(x * x, axis=-1, keepdims=True)
    squared = square + xp.matrix_transpose(square) - 2 * (x @ xp.matrix_transpose(x))
    return xp.where(squared < 0, xp.zeros_like(squared), squared) * _off_diagonal(xp, x)


def _sums_of_distances(xp: Any, x: Any) -> Any:
    """|x-y|_1, a block of features at a time: memory is that of the result, a few times over."""
    samples, features = x.shape[-2:]
    block = max(1, _BLOCK_SIZE // max(1, samples * samples))
    total = xp.zeros((*x.shape[:-1], samples), dtype=x.dtype, device=array_api_compat.device(x))
    for i in range(0, features, block):
        part = x[..., i : min(i + block, features)]
        total = total + xp.sum(xp.abs(part[..., :, None, :] - part[..., None, :, :]), axis=-1)
    return total


def _off_diagonal(xp: Any, x: Any) -> Any:
    samples = x.shape[-2]
    return 1 - xp.eye(samples, dtype=x.dtype, device=array_api_compat.device(x))


def _root(xp: Any, x: Any) -> Any:
    """Square root with slope 0 at 0."""
    zero = x <= 0
    return xp.where(zero, xp.zeros_like(x), xp.sqrt(xp.where(zero, xp.ones_like(x), x)))


def _median(xp: Any, distance: Any) -> Any:
    """Median over pairs of different samples, of shape (..., 1, 1); 1 where it is 0."""
    samples = distance.shape[-1]
    pairs = samples * (samples - 1)
    flat = xp.sort(xp.reshape(distance, (*distance.shape[:-2], samples * samples)), axis=-1)
    if pairs == 0:
        return xp.ones((*distance.shape[:-2], 1, 1), dtype=distance.dtype)
    # the diagonal's zeros come first
    low, high = samples + (pairs - 1) // 2, samples + pairs // 2
    median = (flat[..., low] + flat[..., high])[..., None, None] / 2
    return xp.where(median > 0, median, xp.ones_like(median))


def _arccosine(xp: Any, x: Any, order: int) -> Any:
    """Cho and Saul's kernel: E[step^order(w.x) step^order(w.y)] of Gaussian w, times 2."""
    if order not in (0, 1):
        raise ValueError(f"order must be 0 or 1, got {order!r}")
    norms = _norms(xp, x)
    unit = x / norms
    off_diagonal = _off_diagonal(xp, x)
    cosine = xp.clip(unit @ xp.matrix_transpose(unit), -1.0, 1.0) * off_diagonal + 1 - off_diagonal
    angle = xp.acos(cosine)
    nonzero = xp.astype(xp.sum(xp.abs(x), axis=-1, keepdims=True) > 0, x.dtype)
    if order == 0:
        kernel = 1 - angle / math.pi
        scale = nonzero
    else:
        sine = _root(xp, (1 - cosine) * (1 + cosine))
        kernel = (sine + (math.pi - angle) * cosine) / math.pi
        scale = nonzero * norms
    return kernel * scale * xp.matrix_transpose(scale)
