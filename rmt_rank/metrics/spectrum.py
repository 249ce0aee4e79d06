"""Measures of rank that start from singular values.

Every function takes an array of shape (..., k), non-negative and in any order, from any library
that follows the array API standard, and returns an array of floats of shape (...) of the same
library on the same device.  Counts are floats, too, so that they can be nan where the input was not
finite.  Integers become floats, half precision and less become single.  Nothing is changed in
place, no scale overflows or underflows, and no warning is raised.  The zero spectrum has rank 0
(its entropy is -inf).  Complex values raise TypeError, negative ones ValueError (nan where a
library traces a function and values cannot be inspected).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rmt_rank._lib.validation import boolean, real
from rmt_rank.metrics.prepared import prepare
from rmt_rank.metrics.shares import entropy, powers
from rmt_rank.metrics.thresholds import (
    energy_rank,
    numerical_rank,
    threshold_rank,
    threshold_rank_area,
)

__all__ = [
    "condition_number",
    "effective_rank",
    "energy_rank",
    "nuclear_norm",
    "numerical_rank",
    "participation_ratio",
    "renyi_effective_rank",
    "stable_rank",
    "threshold_rank",
    "threshold_rank_area",
]


def effective_rank(
    singular_values: Any,
    *,
    exponentiate: bool = False,
    power: float = 1,
    order: float = 1,
    eps: float = 0.0,
    base: float = math.e,
) -> Any:
    """Entropy of the normalised singular values.

    With p_i = sigma_i^power/sum_j sigma_j^power it is -sum_i p_i log p_i, and for the Renyi order q
    log(sum_i p_i^q)/(1 - q).

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.
    exponentiate : bool, default False
        Return the exponential of the entropy, the effective rank of Roy and Vetterli [2]_, instead
        of the entropy that the paper [1]_ calls effective rank.
    power : float, default 1
        Power of the singular values that is normalised, > 0; 2 for those of the Gram matrix.
    order : float, default 1
        Renyi order, 0 <= order <= inf; 1 is Shannon's entropy.
    eps : float, default 0
        Added to every normalised value, as some tools do, without normalising again; from 0 to
        1.
    base : float, default e
        Base of the logarithm, > 1; ignored with `exponentiate`.

    Returns
    -------
    array, shape (...)
        Entropy in nats (in units of log(base)), from 0 to log(k), -inf for the zero spectrum; or
        its exponential, from 1 to k, 0 for the zero spectrum.

    Raises
    ------
    TypeError, ValueError
        If an option is not a real number in its range, or singular_values has no axis.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Definition 1;
       arXiv:2103.10427.
    .. [2] O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality",
       EUSIPCO 2007, 606-610.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import effective_rank
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(effective_rank(singular_values).round(4))
    1.0114
    """
    power = real("power", power, above=0)
    order = real("order", order, at_least=0, finite=False)
    eps = real("eps", eps, at_least=0)
    if eps > 1:
        raise ValueError(f"eps must be >= 0 and <= 1, got {eps!r}")
    base = real("base", base, above=1)
    s = prepare(singular_values)
    found = entropy(s, power, order, eps)
    if boolean("exponentiate", exponentiate):
        return s.finish(s.xp.exp(found))
    if base != math.e:
        found = found / math.log(base)
    return s.finish(found, zero=-math.inf)


def renyi_effective_rank(singular_values: Any, order: float = 2, *, power: float = 1) -> Any:
    """Exponential of the Renyi entropy of the normalised singular values, an effective number.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.
    order : float, default 2
        Renyi order, 0 <= order <= inf: 0 counts the values above 0, 1 is the effective rank of Roy
        and Vetterli, 2 the inverse participation of the normalised values, inf is sum/max.
    power : float, default 1
        As in `effective_rank`.

    Returns
    -------
    array, shape (...)
        From 1 to k, decreasing in the order; 0 for the zero spectrum.

    Raises
    ------
    TypeError, ValueError
        As in `effective_rank`.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import renyi_effective_rank
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(renyi_effective_rank(singular_values).round(4))
    2.5714
    """
    return effective_rank(singular_values, exponentiate=True, power=power, order=order)


def participation_ratio(singular_values: Any, *, power: float = 2) -> Any:
    """Participation ratio (sum lambda)^2 / sum lambda^2, with lambda = sigma**power.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.
    power : float, default 2
        2 makes lambda the eigenvalues of the Gram or covariance matrix, as is usual; 1 takes the
        singular values themselves.

    Returns
    -------
    array, shape (...)
        From 1 to k, 0 for the zero spectrum.  It is the Renyi effective rank of order 2.

    Raises
    ------
    TypeError, ValueError
        As in `effective_rank`.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import participation_ratio
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(participation_ratio(singular_values).round(4))
    2.0
    """
    power = real("power", power, above=0)
    s = prepare(singular_values)
    weights = powers(s, power)
    total, squares = s.xp.sum(weights, axis=-1), s.xp.sum(weights * weights, axis=-1)
    return s.finish(total * total / s.divisor(squares))


def stable_rank(singular_values: Any) -> Any:
    """Stable rank, the sum of sigma^2 over the largest.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.

    Returns
    -------
    array, shape (...)
        From 1 to k, 0 for the zero spectrum.

    References
    ----------
    .. [1] M. Huh et al., Definition 4, whose first form lacks the square of the denominator;
       arXiv:2103.10427.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import stable_rank
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(stable_rank(singular_values).round(4))
    1.5556
    """
    s = prepare(singular_values)
    return s.finish(s.xp.sum(s.values * s.values, axis=-1))


def nuclear_norm(singular_values: Any) -> Any:
    """Nuclear norm, the sum of the singular values.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.

    Returns
    -------
    array, shape (...)
        In the units of the singular values; inf if it exceeds the largest float.

    References
    ----------
    .. [1] M. Huh et al., Definition 5; arXiv:2103.10427.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import nuclear_norm
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(nuclear_norm(singular_values).round(4))
    6.0
    """
    s = prepare(singular_values)
    with np.errstate(over="ignore"):
        total = s.xp.sum(s.absolute, axis=-1, keepdims=True)
        return s.finish(s.in_units(total)[..., 0])


def condition_number(singular_values: Any) -> Any:
    """Largest over smallest singular value.

    Parameters
    ----------
    singular_values : array, shape (..., k)
        Non-negative, in any order.

    Returns
    -------
    array, shape (...)
        At least 1; inf where a singular value is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics.spectrum import condition_number
    >>> singular_values = np.array([3.0, 2.0, 1.0])
    >>> float(condition_number(singular_values).round(4))
    3.0
    """
    s = prepare(singular_values)
    smallest = s.xp.min(s.values, axis=-1)
    positive = smallest > 1 / float(s.xp.finfo(smallest.dtype).max)  # or the quotient is infinite
    quotient = 1 / s.xp.where(positive, smallest, s.xp.ones_like(smallest))
    return s.finish(
        s.xp.where(positive, quotient, s.xp.full_like(quotient, math.inf)), zero=math.inf
    )
