"""The law of the singular values of a product of free factors, at infinite width.

The equation of the law, a product of S-transforms, is equation (1) of `curve`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rmt_rank.theory.free_products.curve import FreeProductCurve, curve_of
from rmt_rank.theory.free_products.factors import Factor
from rmt_rank.theory.free_products.panels import PanelLaw, panel_law
from rmt_rank.theory.free_products.rank import effective_rank_of_free_product
from rmt_rank.theory.numerics.interval_law import IntervalLaw

__all__ = ["FreeProductLaw", "free_product_law"]

Array = npt.NDArray[np.float64]

# The largest logarithm of a float.
LARGEST_LOG = 709.0
# Smallest log(s_max/E s) of a law that differs from a point mass.
NARROWEST = 2.0**-49


@dataclass(frozen=True)
class FreeProductLaw(IntervalLaw):
    """Limit law of the singular values of a product; made by `free_product_law`.

    Attributes
    ----------
    factors : tuple
        The factors.

    Raises
    ------
    TypeError, ValueError
        As in `free_product_law`.
    """

    factors: tuple[Factor, ...]

    def __post_init__(self) -> None:
        curve = curve_of(self.factors, point_allowed=False)
        if curve.log_edges[1] < NARROWEST:
            raise ValueError(
                f"factors must have an effective depth above about 1e-30, got {curve.depth:g}: all "
                "singular values round to one"
            )
        largest = (curve.log_mean + curve.log_edges[1]) / 2
        if largest > LARGEST_LOG:
            raise ValueError(
                f"factors must have a largest singular value below the largest float, got one of "
                f"exp({largest:g})"
            )
        object.__setattr__(self, "factors", tuple(self.factors))
        self.__dict__["_curve"] = curve

    @cached_property
    def _curve(self) -> FreeProductCurve:
        return curve_of(self.factors)

    @cached_property
    def _law(self) -> PanelLaw:
        return panel_law(self._curve)

    @property
    def _scale(self) -> float:
        """Root of the mean square."""
        return math.exp(self._curve.log_mean / 2)

    @property
    def _log_edges(self) -> tuple[float, float]:
        return self._curve.log_edges

    def effective_rank(self, *, power: float = 1, order: float = 1) -> float:
        """Effective rank of this law, see `effective_rank_of_free_product`."""
        return effective_rank_of_free_product(self.factors, power=power, order=order)

    def _log_moment(self, z: float) -> float:
        return self._law.quadrature.log_moment(z)

    def _density(self, log_ratio: Array) -> Array:
        return self._law.density(log_ratio)

    def _below(self, log_ratio: Array) -> Array:
        return self._law.below(log_ratio)

    def _above(self, log_ratio: Array) -> Array:
        return self._law.above(log_ratio)

    def _from_tails(self, below: Array, above: Array) -> Array:
        return self._law.from_tails(below, above)

    def _density_at_zero(self) -> float:
        """Coefficient of sigma^(2/(1+m) - 1) in the density near 0."""
        m = self._curve.exponent
        if m != 1:
            return math.inf if m > 1 else 0.0
        log_ratio = -2 * self._law.drop(np.array(self._law.last_y))
        density = float(self._law.density(log_ratio))
        return 2 * density * math.exp(-float(log_ratio) / 2) / self._scale


def free_product_law(factors: Sequence[Factor]) -> FreeProductLaw:
    """Limit law of the singular values of a product of free factors.

    Parameters
    ----------
    factors : sequence of GaussianFactor, ResidualFactor, OrthogonalFactor or FreeFactor
        In any sequence; not all orthogonal. The law is that of the N singular values, N the
        smallest width, that are not 0 by the shapes alone.

    Returns
    -------
    FreeProductLaw
        With the methods of a frozen distribution of `scipy.stats`, and `effective_rank`.

    Raises
    ------
    TypeError
        If factors has other members.
    ValueError
        If factors is empty, or all are orthogonal or of scale 0, so that all singular values are
        1, or round to one number, or the largest singular value is above the largest float.

    See Also
    --------
    rmt_rank.singular_value_law, rmt_rank.rectangular_law : Gaussian factors alone.

    References
    ----------
    .. [1] H. Bercovici, D. Voiculescu, "Free convolution of measures with unbounded support",
       Indiana Univ. Math. J. 42 (1993).

    Examples
    --------
    >>> from rmt_rank import ResidualFactor, free_product_law
    >>> law = free_product_law([ResidualFactor(0.5)] * 2)
    >>> print([round(edge, 3) for edge in law.support()])
    [0.267, 2.369]
    >>> round(float(law.cdf(law.mean())), 3)
    0.537
    """
    return FreeProductLaw(factors)  # type: ignore[arg-type]  # any sequence
