"""Products of Gaussian matrices of unequal widths, as all of them grow in fixed proportions.

Moments, effective rank and law of the singular values follow from the curve in `curve.py`, whose
equation (1) and symbols are used here: n_0, ..., n_L are the widths, N the smallest, and
y_j = n_j/N - 1 >= 0 for all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import real, real_array, shown
from rmt_rank.theory.gaussian.moments import LARGEST_POWER
from rmt_rank.theory.numerics.family import Family
from rmt_rank.theory.numerics.interval_law import IntervalLaw
from rmt_rank.theory.numerics.renyi_deficit import renyi_deficit
from rmt_rank.theory.rectangular.curve import Curve, checked_widths, curve_of

__all__ = ["RectangularLaw", "rectangular_effective_rank", "rectangular_law", "rectangular_moment"]

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

# Probabilities below this are extrapolated.
_LEAST_TAIL = 1e-250
# The largest logarithm of a float.
LARGEST_LOG = 709.0
# The largest ratio of widths that a fit considers: the law is a few thousand floats wide.
_LARGEST_RATIO = 1e12


def rectangular_moment(widths: Sequence[float], order: npt.ArrayLike) -> Array | np.float64:
    """Moment E[s**order] of the limit law of the squared singular values, for unequal widths.

    Parameters
    ----------
    widths : sequence of float
        n_0, ..., n_L, positive; only their ratios matter. Layer l has n_l x n_(l-1) entries of
        variance 1/N, N = min(widths), and s is one of the N squared singular values.
    order : array_like of float
        Real order. If m widths other than N equal N, m >= 1, it must be greater than
        -1/(m + 1), where the moment diverges; otherwise any.

    Returns
    -------
    ndarray or float64
        The moments, inf where they are above the largest float; relative error about
        1e-15 (1 + abs(log(moment))) for orders up to 20.

    Raises
    ------
    TypeError
        If an argument is not real.
    ValueError
        If there are fewer than 2 widths, one is not positive and finite, or an order is out of its
        range.

    See Also
    --------
    rmt_rank.theory.fuss_catalan_moment : equal widths, in closed form.

    Notes
    -----
    Order 1 is the product of the ratios n_j/N. For integer orders k the moment is 1/k times the
    coefficient of w^(k-1) in ((1+w) prod_j (1+y_j+w))^k, y_j = n_j/N - 1 (Lagrange inversion).

    References
    ----------
    .. [1] Z. Burda, A. Jarosz, G. Livan, M. A. Nowak, A. Swiech, "Eigenvalues and singular values
       of products of rectangular Gaussian random matrices", arXiv:1007.3594.

    Examples
    --------
    One factor, 2 n x n: the moments of the Marchenko-Pastur law.

    >>> from rmt_rank.theory.rectangular.law import rectangular_moment
    >>> rectangular_moment([1, 2], [-1, 1, 2]).round(12)
    array([1., 2., 6.])
    """
    curve = curve_of(widths)
    z = real_array("order", order)
    least = -1 / (curve.zeros + 1) if curve.zeros else -math.inf
    if (bad := z[z <= least]).size:
        raise ValueError(
            f"order must be > -1/{curve.zeros + 1} where {curve.zeros} other widths equal the "
            f"smallest, got {float(bad.flat[0])!r}"
        )
    log_mean = curve.log_mean()
    logs = [curve.quadrature.log_moment(x) + x * log_mean for x in z.flat]
    with np.errstate(over="ignore"):
        return np.exp(np.reshape(logs, z.shape))[()]


def rectangular_effective_rank(
    widths: Sequence[float], *, power: float = 1, order: float = 1
) -> float:
    """Effective rank of a product of Gaussian matrices of unequal, infinite widths.

    The entropy of the normalised singular values is log(N) plus this number as all widths grow in
    fixed proportions, N being the smallest.

    Parameters
    ----------
    widths : sequence of float
        n_0, ..., n_L, positive; only their ratios matter, not their order.
    power : float, default 1
        Power of the singular values that is normalised, at most 1e6; 2 is for the Gram matrix.
    order : float, default 1
        Renyi order, 0 <= order <= inf. 1 is Shannon's entropy, inf the min-entropy.

    Returns
    -------
    float
        In nats, never positive.

    Raises
    ------
    TypeError
        If an argument is not real, or power or order is not one number.
    ValueError
        If there are fewer than 2 widths, one is not positive and finite or is above 1e150 times
        another, the second smallest is above 1e12 times the smallest, power is <= 0 or > 1e6, or
        order is < 0 or nan.

    See Also
    --------
    rmt_rank.limit_effective_rank : equal widths, in closed form.

    Notes
    -----
    With r = sigma^power over its mean, order 1 is -E[r log r - r + 1], the mean of numbers of one
    sign, and order q is -log(1 + (q-1) E[d_q(r)])/(q-1), d_q(r) = (r^q - 1 - q(r-1))/(q-1).

    Relative error below 1e-12 where the support is wider than 1e-3 of its middle; it is about
    eps over this width.

    At power 2 and order 1 it is rational: 1 - int_0^1 [1 - prod_j (1 - v N/n_j)]/v dv over all
    widths, from the residue of s^z at z = 1; -N/(2n) for one factor (Page), 1 - H(L+1) for equal
    widths.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Definition 6;
       arXiv:2103.10427.

    Examples
    --------
    Two factors, the middle width half the others, and equal widths:

    >>> from rmt_rank.theory.rectangular.law import rectangular_effective_rank
    >>> round(rectangular_effective_rank([2, 1, 2]), 4)
    -0.1537
    >>> round(rectangular_effective_rank([1, 1, 1]), 4)
    -0.4014
    """
    curve = curve_of(widths)
    power = real("power", power, above=0, at_most=LARGEST_POWER)
    order = real("order", order, at_least=0, finite=False)
    law = curve.quadrature
    return renyi_deficit(
        law.log_moment,
        law.log_ratio,
        law.weights,
        curve.log_edges[1],
        power=power,
        order=order,
    )


@dataclass(frozen=True)
class RectangularLaw(IntervalLaw):
    """Limit law of the nonzero singular values for unequal widths; made by `rectangular_law`.

    Attributes
    ----------
    widths : tuple of float
        n_0, ..., n_L.

    Raises
    ------
    TypeError, ValueError
        As in `rectangular_law`.

    Examples
    --------
    >>> from rmt_rank import rectangular_law
    >>> law = rectangular_law([784, 256, 10])
    >>> print(round(float(law.median()), 3), round(float(law.effective_rank()), 4))
    44.341 -0.0066
    """

    widths: tuple[float, ...]

    def __post_init__(self) -> None:
        widths = tuple(float(n) for n in checked_widths(self.widths))
        object.__setattr__(self, "widths", widths)
        largest = (self._curve.log_mean() + self._curve.log_edges[1]) / 2
        if largest > LARGEST_LOG:
            raise ValueError(
                f"widths must have a largest singular value below the largest float, got one of "
                f"exp({largest:g})"
            )

    @cached_property
    def _curve(self) -> Curve:
        return curve_of(self.widths)

    @property
    def _scale(self) -> float:
        """Root of the mean square."""
        return math.prod(math.pow(1 + y, count / 2) for y, count in self._curve.excess)

    @property
    def _log_edges(self) -> tuple[float, float]:
        return self._curve.log_edges

    def effective_rank(self, *, power: float = 1, order: float = 1) -> float:
        """Effective rank of this law, see `rectangular_effective_rank`."""
        return rectangular_effective_rank(self.widths, power=power, order=order)

    def _family(self) -> Family:
        """Laws by the ratio of all widths that are not the smallest to that."""
        smallest, wide = min(self.widths), max(self.widths)
        if set(self.widths) != {smallest, wide} or smallest == wide:
            raise ValueError(
                "widths must have two different values for a fit, which finds their ratio, got "
                f"{shown(self.widths)}; singular_value_law.fit finds the depth of equal widths"
            )
        equal, others = self.widths.count(smallest) - 1, self.widths.count(wide)

        def law(ratio: float) -> RectangularLaw:
            return RectangularLaw((1.0,) * (equal + 1) + (ratio,) * others)

        def start(values: Array) -> float:
            # Var(s)/E[s]^2 is the sum of N/n over all widths but one that is N
            squares = (values / values.max()) ** 2
            rest = float(np.var(squares) / np.mean(squares) ** 2) - equal
            return min(max(others / rest, 1.01), 1e8) if rest > 0 else 100.0

        return Family("ratio", law, (1.0, _LARGEST_RATIO), start, lambda r: 1 + (r - 1) / 1.3)

    def _log_moment(self, z: float) -> float:
        return self._curve.quadrature.log_moment(z)

    def _density(self, log_ratio: Array) -> Array:
        """q/pi for the solution p + iq of (1)."""
        return np.asarray(self._curve.from_log_ratio(log_ratio).imag / np.pi)

    def _below(self, log_ratio: Array) -> Array:
        return self._curve.cdf(self._curve.from_log_ratio(log_ratio))

    def _above(self, log_ratio: Array) -> Array:
        return self._curve.sf(self._curve.from_log_ratio(log_ratio))

    def _from_tails(self, below: Array, above: Array) -> Array:
        # below _LEAST_TAIL the law is a power law, or the value is its lower edge
        known = np.maximum(below, _LEAST_TAIL)
        logs = np.asarray(self._curve.log_ratio(self._curve.from_tails(known, above)))
        if self._curve.zeros:
            logs = logs + (1 + self._curve.zeros) * (np.log(below) - np.log(known))
        return logs

    def _density_at_zero(self) -> float:
        if self._curve.zeros > 1:
            return math.inf
        if self._curve.zeros == 0:
            return 0.0
        log_rest = sum(count * math.log(y) for y, count in self._curve.excess if y > 0)
        with np.errstate(over="ignore"):
            return float(2 / np.pi * np.exp(-log_rest / 2))


def rectangular_law(widths: Sequence[float]) -> RectangularLaw:
    """Limit law of the singular values of a product of Gaussian matrices of unequal widths.

    Parameters
    ----------
    widths : sequence of float
        n_0, ..., n_L, positive; only their ratios matter. Layer l has n_l x n_(l-1) entries of
        variance 1/N, N = min(widths). The law is that of the N singular values that are not 0 by
        the shapes alone.

    Returns
    -------
    RectangularLaw
        With the methods of a frozen distribution of `scipy.stats`, and `effective_rank`.

    Raises
    ------
    TypeError
        If a width is not real.
    ValueError
        If there are fewer than 2 widths, one is not positive and finite, or the largest singular
        value is above the largest float.

    See Also
    --------
    rmt_rank.singular_value_law : equal widths.

    References
    ----------
    .. [1] Z. Burda, A. Jarosz, G. Livan, M. A. Nowak, A. Swiech, arXiv:1007.3594.

    Examples
    --------
    >>> from rmt_rank.theory.rectangular.law import rectangular_law
    >>> law = rectangular_law([784, 256, 10])
    >>> print([round(edge, 3) for edge in law.support()])
    [34.827, 55.205]
    >>> round(float(law.cdf(law.mean())), 3)
    0.511
    """
    return RectangularLaw(widths)  # type: ignore[arg-type]  # any sequence
