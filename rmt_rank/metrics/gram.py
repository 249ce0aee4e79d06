"""Gram matrices of features, and their effective rank.

Features have shape (..., samples, features): rows are samples, as in scikit-learn; the paper's
Section 2.3 has them transposed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from rmt_rank._lib.array import in_full_precision, inf_as_nan, known, matmul, without_autocast
from rmt_rank._lib.array_input import as_floating
from rmt_rank._lib.validation import choice
from rmt_rank.metrics import kernels, matrix, spectrum
from rmt_rank.metrics.prepared import prepared
from rmt_rank.metrics.scaling import times_power_of_two, to_unit_scale

__all__ = ["KERNELS", "gram_effective_rank", "gram_matrix", "gram_measures"]

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
Kernel = str | Callable[[Any], Any]


def gram_matrix(
    features: Any,
    kernel: Kernel = "cosine",
    *,
    gamma: float | None = None,
    degree: int = 3,
    coef0: float = 1.0,
    order: int = 1,
    stack: bool = False,
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
        the first two, where m is the median distance between two different samples (in the norm of
        the kernel), or the mean if more than half of them are 0; 1/features for the last.
    degree : int, default 3
        Degree of "polynomial", at least 1.
    coef0 : float, default 1
        Constant of "polynomial".
    order : {0, 1}, default 1
        Order of "arccosine".
    stack : bool, default False
        Treat all but the last two axes of an array with more than three as a stack, as in
        `effective_rank`.

    Returns
    -------
    array, shape (..., samples, samples)
        Symmetric.  A zero sample has cosine, correlation and arccosine 0 with all samples, itself
        included.  The entries of a sample that is not finite are nan; under "rbf", "laplacian" and
        "euclidean", whose distances are computed together, so are all others.  An entry overflows
        to infinity or underflows to 0 only if its true value is out of range.

    Raises
    ------
    TypeError, ValueError
        If features are complex or have fewer than two axes or, without stack, more than three; if
        the kernel is unknown; if an option is out of its range; or if a function returns a shape
        other than (..., samples, samples).

    Notes
    -----
    Under "rbf" and "euclidean", distances come from one matrix product: two samples nearer to each
    other than about 1e-8 of the extent of all samples (3e-4 in single precision) count as equal.
    The same holds for directions under "arccosine".  Where samples are equal or parallel,
    "euclidean", "laplacian" and "arccosine" of order 0 have a kink; derivatives are 0 there.

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
    xp, x = _features(features, kernel, stack)
    if callable(kernel):
        return _own(xp, x, kernel)
    options = kernels.Options(gamma, degree, coef0, order).checked()
    return kernels.gram(xp, x, kernel, options)


def gram_effective_rank(
    features: Any,
    kernel: Kernel = "cosine",
    *,
    exponentiate: bool = False,
    stack: bool = False,
    **options: Any,
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
    stack : bool, default False
        As in `gram_matrix`.
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
    decompose.  The entropy does not depend on the scale of the Gram matrix: it is finite even where
    entries of the matrix itself overflow.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Section 2.3 (whose
       features are the columns); arXiv:2103.10427.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank import gram_effective_rank
    >>> features = np.random.default_rng(0).normal(size=(256, 32))  # rows are samples
    >>> print(round(float(gram_effective_rank(features)), 3))
    3.4
    >>> print(round(float(gram_effective_rank(features, "rbf", exponentiate=True)), 1))
    10.3
    """
    if unknown := set(options) - set(kernels.Options._fields):
        raise TypeError(f"options of gram_matrix are {kernels.Options._fields}, got {unknown}")
    xp, x = _features(features, kernel, stack)
    if callable(kernel):
        return matrix.effective_rank(_own(xp, x, kernel), exponentiate=exponentiate, stack=True)
    checked = kernels.Options(**options).checked()
    if kernel not in kernels.INNER_PRODUCTS:
        gram, _ = kernels.scaled_gram(xp, x, kernel, checked)
        return matrix.effective_rank(gram, exponentiate=exponentiate, stack=True)
    if kernel == "linear":
        x = x if 0 in x.shape[-2:] else to_unit_scale(xp, x, (-2, -1))[0]
    else:
        x, _, _ = kernels.directions(xp, x, kernel)
    transposed = xp.matrix_transpose(x)
    sides = (transposed, x) if x.shape[-1] < x.shape[-2] else (x, transposed)
    small = matmul(xp, *sides)
    if 0 in small.shape:
        return matrix.effective_rank(small, exponentiate=exponentiate, stack=True)
    finite = xp.all(xp.isfinite(small), axis=(-2, -1))
    healthy = known(xp.all(finite))
    if not healthy:  # the decomposition may raise on nan
        small = xp.where(finite[..., None, None], small, xp.zeros_like(small))
    values = in_full_precision(xp, xp.linalg.eigvalsh, small)
    values = xp.where(values > 0, values, xp.zeros_like(values))  # negative by rounding only
    sides_shape = (small.shape[-1], small.shape[-1])
    s = prepared(xp, values, sides_shape, finite=None if healthy else finite)
    return spectrum.effective_rank(s, exponentiate=exponentiate)


def gram_measures(features: Any, kernel: str, tau: float) -> matrix.RankMeasures:
    """`rank_measures` of Gram matrices at any scale of the features, in their own units.

    Only the nuclear norm depends on the scale: it may be infinite, or 0.
    """
    xp, x = _features(features, kernel, stack=True)
    gram, exponent = kernels.scaled_gram(xp, x, kernel, kernels.Options().checked())
    measures = matrix.rank_measures(gram, tau, stack=True)
    if exponent is None:
        return measures
    norm = times_power_of_two(xp, measures.nuclear_norm, exponent[..., 0, 0])
    return dataclasses.replace(measures, nuclear_norm=norm)


def _features(features: Any, kernel: Kernel, stack: bool) -> tuple[Any, Any]:
    if not callable(kernel):
        choice("kernel", kernel, KERNELS)
    xp, x = as_floating("features", features, least_dimensions=2, stack=stack)
    if xp.isdtype(x.dtype, "complex floating"):
        raise TypeError(f"features must be real, got the dtype {x.dtype}")
    return xp, x if callable(kernel) else inf_as_nan(xp, x)


def _own(xp: Any, x: Any, kernel: Callable[[Any], Any]) -> Any:
    """Gram matrix by the caller's function, with its shape checked."""
    with without_autocast(xp, x):
        result = kernel(x)
    _, gram = as_floating("the kernel's result", result, least_dimensions=2)
    expected = (*x.shape[:-1], x.shape[-2])
    if tuple(gram.shape) != expected:
        raise ValueError(
            f"kernel must return a Gram matrix of the shape {expected} for features of the shape "
            f"{tuple(x.shape)}, got the shape {tuple(gram.shape)}"
        )
    return gram
