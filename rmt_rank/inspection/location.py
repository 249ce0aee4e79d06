"""Location of a deficit of rank: in spikes beyond the bulk, in the bulk, or in a heavy tail.

The bulk of p x n independent entries of variance v is p n values of the Marchenko-Pastur law, whose
largest squared singular value, divided by v, centred and scaled, has a Tracy-Widom law [1]_.

Spikes.  Candidates are the values above the edge that belongs to the median of the values.  From
the smallest candidate on, the k-th value is compared with the (p - k + 1) x (n - k + 1) matrix that
is left when the k - 1 larger ones are removed, with v the mean square of what is left, itself
included.  The largest k that is significant is the number of spikes.  By interlacing, values below
the first that is not a spike are smaller than those of noise, so that the level, which holds for
that one, needs no correction for the sequence.

Split.  The effective rank of the p - k values that are left is compared with that of a
(p - k) x (n - k) matrix: the difference is the bulk's part of the deficit, what remains once the
spikes are removed.  The other part, deficit less bulk, is due to the spikes.

The word is, in this order,

- tail, if five values or more are spikes, the bulk's part is significant as well, and the squared
  singular values have a power law tail that is preferred to an exponential one and has a bootstrap
  p of at least 0.1 (some spikes above a bulk often have one, too, but leave the bulk as it is);
- spikes, if there are any, at most a quarter of the values, and their part is not smaller than the
  bulk's or the bulk's is not significant;
- bulk, if its part is significant, of either sign, or if more than a quarter of the values are
  beyond it, which are then a wider bulk (of rows of unequal norms, for example);
- none otherwise.

Spikes and bulk are each tested at half the level, so that a matrix of independent entries is called
none but for the level (validation/reports/inspect_spikes.md).

.. [1] I. M. Johnstone, "On the distribution of the largest eigenvalue in principal components
   analysis", Ann. Statist. 29 (2001) 295-327; doi:10.1214/aos/1009210544.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.random import FIELDS, RNG, streams
from rmt_rank._lib.validation import (
    LARGEST_INTEGER,
    boolean,
    choice,
    integers,
    real,
    real_array,
)
from rmt_rank.inspection.nulls import Null, null_of
from rmt_rank.inspection.tails import PowerLawTail, power_law_tail
from rmt_rank.metrics import spectrum
from rmt_rank.theory import gaussian
from rmt_rank.theory.rectangular.law import rectangular_law

__all__ = ["Location", "locate"]

Array = npt.NDArray[np.float64]

# Spikes from which on a heavy tail is looked for.
_MANY = 5
# Spikes are at most this share of the values.
_LARGEST_SHARE = 0.25
# Candidates are values above the edge less so many of its fluctuations: the median is uncertain.
_MARGIN = 3.0


@dataclass(frozen=True)
class Location:
    """Parts of the deficit of a matrix, and where the larger one is.

    Attributes
    ----------
    where : {"none", "bulk", "spikes", "tail"}
        The module's rule.
    spikes : int
        Number of singular values beyond the bulk.
    edge : float
        Singular value above which the next one would be a spike.
    variance : float
        Mean square of the entries that the bulk belongs to.
    deficit, spikes_deficit, bulk_deficit : float
        Null model's expected effective rank less the matrix's, in nats, and its two parts.
    z, p : float
        The bulk's part over its standard deviation, and its two-sided p.
    tail : PowerLawTail or None
        The power law, where one was fitted.
    """

    where: str
    spikes: int
    edge: float
    variance: float
    deficit: float
    spikes_deficit: float
    bulk_deficit: float
    z: float
    p: float
    tail: PowerLawTail | None


def locate(
    singular_values: npt.ArrayLike,
    shape: Sequence[int],
    *,
    null: Null | None = None,
    field: str = "real",
    level: float = 0.01,
    tail: bool = True,
    rng: RNG = None,
) -> Location:
    """Say where the deficit of a matrix's effective rank sits.

    Parameters
    ----------
    singular_values : array_like of float, shape (p,)
        All singular values of the matrix, in any order, not all 0.
    shape : (int, int)
        Its shape, at least 4 x 4, of which p is the smaller side.
    null : Null, optional
        Null model of the matrix; Gaussian entries by default.
    field : {"real", "complex"}, default "real"
        Field of the entries.
    level : float, default 0.01
        Probability that a matrix of independent entries is not called "none".
    tail : bool, default True
        Whether a heavy tail is looked for.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness of the tail's p-value.

    Returns
    -------
    Location

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.inspection.location import locate
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.standard_normal((64, 192))
    >>> spike = 40 * np.outer(rng.standard_normal(64), rng.standard_normal(192)) / 111
    >>> for matrix in (noise, noise + spike):
    ...     found = locate(np.linalg.svd(matrix, compute_uv=False), matrix.shape)
    ...     print(found.where, found.spikes)
    none 0
    spikes 1
    """
    p, n, squares, root = _checked(singular_values, shape)
    choice("field", field, FIELDS)
    level = real("level", level, above=0, at_most=0.5)
    spikes, edge = _spikes(squares, n, field, level / 2)
    bulk = squares[spikes:]
    left = (p - spikes, n - spikes)
    variance = float(bulk.mean()) / left[1]
    whole, rest = _gaussian((p, n), field), _gaussian(left, field)
    model = whole if null is None else null
    bulk_deficit = model.mean + rest.mean - whole.mean - _entropy(bulk)
    deficit = model.mean - _entropy(squares)
    shrunk = rest.standard_deviation / whole.standard_deviation
    z = bulk_deficit / math.hypot(model.standard_deviation * shrunk, model.error)
    probability = 2 * float(special.ndtr(-abs(z)))
    parts = deficit - bulk_deficit, bulk_deficit
    significant = probability < level / 2
    found = None
    if boolean("tail", tail) and spikes >= _MANY and significant:
        found = power_law_tail(squares, next(streams(rng)))
    if found is not None and found.holds:
        where = "tail"
    elif spikes > _LARGEST_SHARE * p:
        where = "bulk"
    elif spikes and (not significant or parts[0] >= abs(parts[1])):
        where = "spikes"
    else:
        where = "bulk" if significant else "none"
    return Location(
        where,
        spikes,
        math.sqrt(edge) * root,
        variance * root * root,
        deficit,
        *parts,
        z,
        probability,
        found,
    )


def _checked(singular_values: npt.ArrayLike, shape: Sequence[int]) -> tuple[int, int, Array, float]:
    """Sides, descending squares over their sum, and the square root of the sum."""
    sides = integers("shape", shape, at_least=4, fewest=2, at_most=LARGEST_INTEGER)
    if len(sides) != 2:
        raise ValueError(f"shape must hold two integers, got {len(sides)}")
    p, n = sorted(sides)
    values = real_array("singular_values", singular_values, at_least=0)
    if values.shape != (p,):
        raise ValueError(f"singular_values must have shape ({p},), got {values.shape}")
    if not values.any():
        raise ValueError("singular_values must not all be 0")
    # squares of scaled values neither overflow nor vanish
    largest = float(values.max())
    squares = np.sort((values / largest) ** 2)[::-1]
    total = float(squares.sum())
    return p, n, squares / total, math.sqrt(total) * largest


def _entropy(squares: Array) -> float:
    return float(spectrum.effective_rank(np.sqrt(squares)))


def _gaussian(shape: tuple[int, int], field: str) -> Null:
    zero = 0j if field == "complex" else 0.0
    return null_of("gaussian", np.broadcast_to(zero, shape), np.random.default_rng(0), None)


@functools.lru_cache(maxsize=1024)
def _median(shape: tuple[int, int]) -> float:
    """Median of the squared singular values of entries of variance 1, for shape (p, n), p <= n."""
    return rectangular_law(shape).median() ** 2 * shape[0]


@functools.lru_cache(maxsize=256)
def _quantile(level: float, field: str) -> float:
    return float(gaussian.tracy_widom.tracy_widom.isf(level, 2 if field == "complex" else 1))


def _largest(p: int, n: int, field: str) -> tuple[float, float]:
    """Centre and scale of the largest squared singular value of entries of variance 1 [1]_."""
    a, b = math.sqrt(n - (field == "real")), math.sqrt(p)
    return (a + b) ** 2, (a + b) * (1 / a + 1 / b) ** (1 / 3)


def _spikes(squares: Array, n: int, field: str, level: float) -> tuple[int, float]:
    """Number of spikes among descending values, and the edge of what is left."""
    p = squares.size
    quantile = _quantile(level, field)
    centre, scale = _largest(p, n, field)
    variance = float(np.median(squares)) / _median((p, n))
    candidates = int(np.count_nonzero(squares > variance * (centre - _MARGIN * scale)))

    def edge(k: int) -> float:
        """Edge of the matrix that is left when k values are removed."""
        rows, columns = p - k, n - k
        centre, scale = _largest(rows, columns, field)
        return (centre + quantile * scale) * float(squares[k:].sum()) / (rows * columns)

    # at least four values are left
    for k in range(min(candidates, p - 4), 0, -1):
        if squares[k - 1] > edge(k - 1):
            return k, edge(k)
    return 0, edge(0)
