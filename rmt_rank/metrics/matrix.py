"""Measures of rank of matrices, batched over leading axes, from one decomposition each.

Every function takes an array of shape (..., m, n), real or complex, from any library that follows
the array API standard, and returns one of shape (...), see `rmt_rank.metrics.spectrum`.  Only
singular values are computed, except for the gradient.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from rmt_rank._lib.array import in_full_precision, matmul, nan_where, svdvals, to_numpy
from rmt_rank._lib.array_input import as_floating
from rmt_rank._lib.optional import optional
from rmt_rank._lib.validation import real
from rmt_rank.metrics import spectrum
from rmt_rank.metrics.prepared import Prepared, prepared
from rmt_rank.metrics.scaling import times_power_of_two, to_unit_scale
from rmt_rank.metrics.shares import sum_of_others

__all__ = [
    "RankMeasures",
    "condition_number",
    "decompose",
    "effective_rank",
    "effective_rank_gradient",
    "energy_rank",
    "nuclear_norm",
    "numerical_rank",
    "participation_ratio",
    "rank_measures",
    "renyi_effective_rank",
    "scaled",
    "stable_rank",
    "threshold_rank",
    "threshold_rank_area",
]


class _Scaled(NamedTuple):
    """Matrices divided by a power of two; 0 where they are not finite."""

    xp: Any
    a: Any
    exponent: Any  # (..., 1, 1); None for 0
    finite: Any  # (...); None where all are known to be


def scaled(a: Any, *, name: str = "a", stack: bool = False) -> _Scaled:
    """Bring matrices to a scale at which no sum of squares over- or underflows."""
    xp, a = as_floating(name, a, least_dimensions=2, stack=stack)
    if 0 in a.shape[-2:]:
        return _Scaled(xp, a, None, None)
    a, exponent = to_unit_scale(xp, a, (-2, -1))
    if exponent is None:
        return _Scaled(xp, a, None, None)
    finite = xp.all(xp.isfinite(a), axis=(-2, -1))
    a = xp.where(finite[..., None, None], a, xp.zeros_like(a))
    return _Scaled(xp, a, exponent, finite)


def decompose(a: Any, *, name: str = "a", stack: bool = False) -> Prepared:
    """Singular values by one decomposition, from which every measure of `spectrum` may start."""
    xp, a, exponent, finite = scaled(a, name=name, stack=stack)
    shape = (a.shape[-2], a.shape[-1])
    if 0 in shape:
        device = array_api_compat.device(a)
        values = xp.zeros((*a.shape[:-2], 0), dtype=xp.abs(a).dtype, device=device)
        return prepared(xp, values, shape)
    values = in_full_precision(xp, functools.partial(svdvals, xp), a)
    if exponent is not None:
        exponent = exponent[..., 0]
    return prepared(xp, values, shape, exponent=exponent, finite=finite)


_STACK = """    stack : bool, default False
        Treat all but the last two axes of an array with more than three as a stack of matrices
        (and of a PyTorch parameter with three); otherwise these raise ValueError, because
        the weight of a convolution is not a stack of matrices.
"""


def _of_matrices(measure: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a measure of singular values into one of matrices, with its options and docstring."""

    @functools.wraps(measure)
    def of_matrices(a: Any, *options: Any, stack: bool = False, **named: Any) -> Any:
        return measure(decompose(a, stack=stack), *options, **named)

    of_matrices.__doc__ = (
        (measure.__doc__ or "")
        .replace(
            "singular_values : array, shape (..., k)\n        Non-negative, in any order.",
            "a : array, shape (..., m, n)\n"
            "        Matrices, real or complex; k below is min(m, n).",
        )
        .replace("\n    Returns\n", f"{_STACK}\n    Returns\n")
        .replace("rmt_rank.metrics.spectrum import", "rmt_rank.metrics import")
        .replace("singular_values = np.array(", "a = np.diag(")
        .replace("(singular_values", "(a")
    )
    signature = inspect.signature(measure)
    first, *rest = signature.parameters.values()
    stack = inspect.Parameter("stack", inspect.Parameter.KEYWORD_ONLY, default=False)
    of_matrices.__dict__["__signature__"] = signature.replace(
        parameters=[first.replace(name="a"), *rest, stack]
    )
    of_matrices.__module__ = __name__
    del of_matrices.__wrapped__
    return of_matrices


effective_rank = _of_matrices(spectrum.effective_rank)
renyi_effective_rank = _of_matrices(spectrum.renyi_effective_rank)
participation_ratio = _of_matrices(spectrum.participation_ratio)
stable_rank = _of_matrices(spectrum.stable_rank)
nuclear_norm = _of_matrices(spectrum.nuclear_norm)
threshold_rank = _of_matrices(spectrum.threshold_rank)
threshold_rank_area = _of_matrices(spectrum.threshold_rank_area)
energy_rank = _of_matrices(spectrum.energy_rank)
condition_number = _of_matrices(spectrum.condition_number)


def numerical_rank(a: Any, *, rtol: float | None = None, stack: bool = False) -> Any:
    """Number of singular values above rounding error, as `numpy.linalg.matrix_rank` counts them.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Matrices, real or complex.
    rtol : float, optional
        Tolerance relative to the largest singular value, >= 0; by default max(m, n) times the
        machine epsilon.
    stack : bool, default False
        As in `effective_rank`.

    Returns
    -------
    array, shape (...)
        From 0 to min(m, n).

    Raises
    ------
    TypeError, ValueError
        If rtol is not a number >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics import numerical_rank
    >>> float(numerical_rank(np.outer([1, 2, 3], [1, 1, 1])))
    1.0
    """
    return spectrum.numerical_rank(decompose(a, stack=stack), rtol=rtol)


@dataclass(frozen=True, eq=False)
class RankMeasures:
    """All measures of rank of a batch of matrices.

    Attributes
    ----------
    effective_rank : array, shape (...)
        Entropy of the normalised singular values in nats, the paper's Definition 1.
    roy_vetterli_rank : array, shape (...)
        Its exponential.
    gram_effective_rank : array, shape (...)
        Entropy of the normalised squares in nats, the effective rank of a^H a.
    renyi_effective_rank, participation_ratio : array, shape (...)
        Renyi order 2 of the singular values, and of their squares.
    threshold_rank, stable_rank, nuclear_norm : array, shape (...)
        Definitions 3, 4 (corrected) and 5 of the paper.
    energy_rank, numerical_rank, condition_number : array, shape (...)
        See the functions of these names.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank import rank_measures
    >>> measures = rank_measures(np.diag([3.0, 2.0, 1.0]))
    >>> print(round(float(measures.stable_rank), 4), float(measures.numerical_rank))
    1.5556 3.0
    """

    effective_rank: Any
    roy_vetterli_rank: Any
    gram_effective_rank: Any
    renyi_effective_rank: Any
    participation_ratio: Any
    threshold_rank: Any
    stable_rank: Any
    nuclear_norm: Any
    energy_rank: Any
    numerical_rank: Any
    condition_number: Any

    def to_dict(self) -> dict[str, Any]:
        """Arrays by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def to_pandas(self) -> Any:
        """A pandas DataFrame with a row per matrix, indexed by its place in the batch."""
        pd = optional("to_pandas", "pandas", "pandas")

        columns = {name: np.asarray(to_numpy(v)) for name, v in self.to_dict().items()}
        shape = columns["effective_rank"].shape
        index = pd.MultiIndex.from_product(map(range, shape)) if len(shape) > 1 else None
        return pd.DataFrame({name: v.ravel() for name, v in columns.items()}, index=index)


def rank_measures(
    a: Any, tau: float = 0.01, *, delta: float = 0.01, stack: bool = False
) -> RankMeasures:
    """All measures of rank from one decomposition.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Matrices, real or complex.
    tau : float, default 0.01
        Threshold of the threshold rank, relative to the sum of the singular values; the paper's
        Figure 10 uses 0.01.
    delta : float, default 0.01
        Share that the energy rank may miss.
    stack : bool, default False
        As in `effective_rank`.

    Returns
    -------
    RankMeasures
        Every measure is an array of shape (...).

    Raises
    ------
    TypeError, ValueError
        If tau or delta is not a number in its range, or a is not a batch of matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank import rank_measures
    >>> measures = rank_measures(np.diag([2.0, 2.0, 0.0]))
    >>> float(measures.stable_rank), float(measures.numerical_rank)
    (2.0, 2.0)
    """
    real("tau", tau, at_least=0)
    s = decompose(a, stack=stack)
    entropy = spectrum.effective_rank(s)
    return RankMeasures(
        effective_rank=entropy,
        roy_vetterli_rank=s.xp.exp(entropy),
        gram_effective_rank=spectrum.effective_rank(s, power=2),
        renyi_effective_rank=spectrum.participation_ratio(s, power=1),  # order 2, without a log
        participation_ratio=spectrum.participation_ratio(s),
        threshold_rank=spectrum.threshold_rank(s, tau),
        stable_rank=spectrum.stable_rank(s),
        nuclear_norm=spectrum.nuclear_norm(s),
        energy_rank=spectrum.energy_rank(s, delta),
        numerical_rank=spectrum.numerical_rank(s),
        condition_number=spectrum.condition_number(s),
    )


def effective_rank_gradient(a: Any, *, power: float = 1, stack: bool = False) -> Any:
    """Gradient of the entropy effective rank with respect to the matrix.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Matrices, real or complex, not zero.
    power : float, default 1
        As in `effective_rank`.
    stack : bool, default False
        As in `effective_rank`.

    Returns
    -------
    array, shape (..., m, n)
        G with d rho = Re sum(conj(G) da), in nats per unit of a: the convention of PyTorch; JAX
        returns its conjugate for complex a.  nan where a is zero or not finite.  G scales as 1/a:
        an entry that exceeds the largest float, as at 1e-310, is inf with its sign, never nan.

    Raises
    ------
    TypeError, ValueError
        If power is not a number > 0, or a is not a batch of matrices.

    Notes
    -----
    With a = U diag(sigma) V^H, p = sigma^power / sum sigma^power and rho = -sum p log p,
    G = U diag(h) V^H, h_i = -(power p_i / sigma_i) (log p_i + rho).  The entropy is a symmetric
    function of the singular values, so G is the same for every choice of U and V where singular
    values repeat.  At a singular value 0 (to rounding) the entropy has an infinite slope for power
    1; there G is the gradient among matrices of the same rank, h_i = 0.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank import effective_rank_gradient
    >>> np.diag(effective_rank_gradient(np.diag([3.0, 2.0, 1.0]))).round(4)
    array([-0.053 ,  0.0145,  0.1301])
    """
    power = min(real("power", power, above=0), 1e30)  # beyond 1e30 only the largest value matters
    xp, a, exponent, finite = scaled(a, stack=stack)
    if 0 in a.shape[-2:]:
        return a
    u, sigma, vh = in_full_precision(xp, functools.partial(xp.linalg.svd, full_matrices=False), a)
    largest = sigma[..., :1]
    rtol = max(a.shape[-2:]) * float(xp.finfo(sigma.dtype).eps)
    kept = sigma > rtol * largest
    safe = xp.where(kept, sigma, xp.ones_like(sigma))
    ratio = safe / xp.where(kept, largest, safe)
    weights = xp.where(kept, ratio**power, xp.zeros_like(sigma))
    others = sum_of_others(xp, weights)[..., None]
    p = weights / (1 + others)
    log_p = xp.log(xp.where(p > 0, weights, xp.ones_like(p))) - xp.log1p(others)
    entropy = -xp.sum(p * log_p, axis=-1, keepdims=True)
    h = -power * p / safe * (log_p + entropy)
    gradient = matmul(xp, u * xp.astype(h, u.dtype)[..., None, :], vh)
    if exponent is None:  # the matrix is then finite and not zero
        return gradient
    bad = ~finite | (largest[..., 0] == 0)
    return times_power_of_two(xp, nan_where(xp, bad[..., None, None], gradient), -exponent)
