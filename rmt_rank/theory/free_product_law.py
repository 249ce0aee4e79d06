"""The law of the singular values of a product of free factors, at infinite width."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rmt_rank._random import RNG, streams
from rmt_rank._validation import integer, real_array
from rmt_rank.theory.free_factors import Factor
from rmt_rank.theory.free_product_curve import FreeProductCurve, curve_of
from rmt_rank.theory.free_product_panels import PanelLaw, panel_law

__all__ = ["FreeProductLaw", "free_product_law"]

Array = npt.NDArray[np.float64]

# The largest logarithm of a float.
LARGEST_LOG = 709.0


@dataclass(frozen=True)
class FreeProductLaw:
    """Limit law of the singular values of a product; made by `free_product_law`.

    Attributes
    ----------
    factors : tuple
        The factors.
    """

    factors: tuple[Factor, ...]

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

    def support(self) -> tuple[float, float]:
        """Smallest and largest singular value."""
        low, high = self._curve.log_edges
        return self._scale * math.exp(low / 2), self._scale * math.exp(high / 2)

    @property
    def mean(self) -> float:
        """Mean singular value: the nuclear norm over N."""
        return self._scale * math.exp(self._law.quadrature.log_moment(0.5))

    def pdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Density at x, any real number; at x = 0 it is the limit."""
        x = real_array("x", x, finite=False)
        positive = np.where(x > 0, x, 1)
        result = self._inside(x, self._law.density, 0, 0) * 2 / positive
        return np.where(x == 0, self._density_at_zero, result)[()]

    def cdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability of a smaller singular value, to full relative accuracy at the lower end."""
        return self._inside(real_array("x", x, finite=False), self._law.below, 0, 1)[()]

    def sf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability of a larger singular value, to full relative accuracy at the upper end."""
        return self._inside(real_array("x", x, finite=False), self._law.above, 1, 0)[()]

    def ppf(self, probability: npt.ArrayLike) -> Array | np.float64:
        """Singular value below which the probability lies.

        Raises
        ------
        TypeError, ValueError
            If a probability is not a number from 0 to 1.
        """
        u = real_array("probability", probability, at_least=0)
        if (u > 1).any():
            raise ValueError(f"probability must be <= 1, got {float(u[u > 1].flat[0])!r}")
        low, high = self.support()
        result = np.where(u > 0, high, low)
        inside = (u > 0) & (u < 1)
        log_ratio = self._law.from_tails(u[inside], 1 - u[inside])
        result[inside] = np.clip(self._scale * np.exp(log_ratio / 2), low, high)
        return result[()]

    def rvs(self, size: int, *, rng: RNG = None) -> Array:
        """Independent singular values, by the quantiles of uniform numbers.

        They do not repel each other: those of a matrix do.

        Parameters
        ----------
        size : int
            How many.
        rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
            Source of randomness, as for `numpy.random.default_rng`.

        Returns
        -------
        ndarray, shape (size,)
        """
        size = integer("size", size, at_least=1)
        return np.asarray(self.ppf(next(streams(rng)).random(size)))

    def _inside(
        self, x: Array, function: Callable[[Array], Array], below: float, above: float
    ) -> Array:
        """function(log(s/mean)) inside the support, and these values beyond."""
        low, high = self._curve.log_edges
        with np.errstate(divide="ignore"):
            log_ratio = 2 * np.log(np.maximum(x, 0) / self._scale)
        result = np.where(log_ratio < high, float(below), float(above))
        inside = (log_ratio > low) & (log_ratio < high)
        result[inside] = function(log_ratio[inside])
        return result

    @cached_property
    def _density_at_zero(self) -> float:
        """Of sigma^(2/(1+m) - 1) near 0."""
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
        With the methods `pdf`, `cdf`, `sf`, `ppf`, `rvs`, `support` and the number `mean`.

    Raises
    ------
    TypeError
        If factors has other members.
    ValueError
        If factors is empty, or all are orthogonal or of scale 0, so that all singular values are
        1, or the largest singular value is above the largest float.

    See Also
    --------
    rmt_rank.singular_value_law, rmt_rank.rectangular_law : Gaussian factors alone.

    References
    ----------
    .. [1] H. Bercovici, D. Voiculescu, "Free convolution of measures with unbounded support",
       Indiana Univ. Math. J. 42 (1993).

    Examples
    --------
    >>> from rmt_rank.theory.free_products import ResidualFactor, free_product_law
    >>> law = free_product_law([ResidualFactor(0.5)] * 2)
    >>> print([round(edge, 3) for edge in law.support()])
    [0.267, 2.369]
    >>> round(float(law.cdf(law.mean)), 3)
    0.537
    """
    curve = curve_of(factors, point_allowed=False)
    largest = (curve.log_mean + curve.log_edges[1]) / 2
    if largest > LARGEST_LOG:
        raise ValueError(
            f"factors must have a largest singular value below the largest float, got one of "
            f"exp({largest:g})"
        )
    return FreeProductLaw(tuple(factors))
