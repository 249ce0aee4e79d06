"""The law of the singular values of a product of free factors, at infinite width.

The equation of the law, a product of S-transforms, is equation (1) of `curve`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import shown
from rmt_rank.theory.free_products.curve import FreeProductCurve, curve_of
from rmt_rank.theory.free_products.factors import Factor, GaussianFactor, ResidualFactor
from rmt_rank.theory.free_products.panels import PanelLaw, panel_law
from rmt_rank.theory.free_products.rank import effective_rank_of_free_product
from rmt_rank.theory.numerics.family import Family
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

    Examples
    --------
    >>> from rmt_rank import GaussianFactor, ResidualFactor, free_product_law
    >>> law = free_product_law([GaussianFactor(), ResidualFactor(0.5)])
    >>> print(round(float(law.mean()), 3), round(float(law.cdf(1)), 3))
    0.912 0.596
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

    def _family(self) -> Family:
        """Laws by the parameter that all factors with one have in common."""
        free = {each for each in self.factors if _parameter(each) is not None}
        if len(free) != 1:
            raise ValueError(
                "factors must have one aspect or scale in common for a fit, which finds it; square "
                f"Gaussian and orthogonal ones are kept: got {shown(self.factors)}"
            )
        (factor,) = free
        name, value = _parameter(factor) or ("", 0.0)
        kind: Any = type(factor)
        rest = {"layers": factor.layers} if isinstance(factor, ResidualFactor) else {}

        def law(value: float) -> FreeProductLaw:
            changed = kind(value, **rest)
            return FreeProductLaw(tuple(changed if f == factor else f for f in self.factors))

        if name == "aspect":
            return Family("aspect", law, (1.0, 1e12), lambda _: value, lambda a: 1 + (a - 1) / 1.3)
        return Family("branch", law, (1e-6, 100.0), lambda _: value, lambda a: 1.3 * a)

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


def _parameter(factor: Factor) -> tuple[str, float] | None:
    """Name and value of the parameter that a fit may find; `scale` is the unit of the data."""
    if isinstance(factor, ResidualFactor):
        return "branch", factor.scale
    if isinstance(factor, GaussianFactor) and factor.aspect > 1:
        return "aspect", factor.aspect
    return None


def free_product_law(factors: Sequence[Factor]) -> FreeProductLaw:
    """Limit law of the singular values of a product of free factors.

    Parameters
    ----------
    factors : sequence of GaussianFactor, ResidualFactor, OrthogonalFactor or FreeFactor
        Factors in any order; not all orthogonal. The law is that of the N singular values, N the
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
