"""Laws of singular values on an interval: the methods of SciPy's distributions.

A subclass defines the law by functions of log(s/scale^2), s = sigma^2, inside its support.  The
methods, their arguments and what they return outside the support are those of a frozen
distribution of `scipy.stats`, such as `singular_value_law(depth)`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.fit_arguments import fit_arguments
from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import (
    LARGEST_INTEGER,
    boolean,
    function,
    integer,
    real,
    real_array,
    require_memory,
    shown,
)
from rmt_rank.theory.numerics.family import Family
from rmt_rank.theory.numerics.interval_rule import END, IntervalRule

__all__ = ["IntervalLaw"]

Array = npt.NDArray[np.float64]

# The largest logarithm of a float.
LARGEST_LOG = 709.0
# The largest order of a moment.
LARGEST_ORDER = 1e6


class IntervalLaw(IntervalRule):
    """A law of singular values with a density on one interval."""

    @abstractmethod
    def _below(self, log_ratio: Array) -> Array:
        """Probability of a smaller value."""

    @abstractmethod
    def _above(self, log_ratio: Array) -> Array:
        """Probability of a larger value."""

    @abstractmethod
    def effective_rank(self, *, power: float = 1, order: float = 1) -> float:
        """Effective rank of this law, in nats, less that of equal singular values.

        Parameters
        ----------
        power : float, default 1
            Power of the singular values that is normalised; 2 is for the Gram matrix.
        order : float, default 1
            Renyi order, 0 <= order <= inf.  1 is Shannon's entropy, inf the min-entropy.

        Returns
        -------
        float
            The same number as `limit_effective_rank`; never positive.

        Raises
        ------
        TypeError, ValueError
            If an argument is not a real number in its range.
        """

    @abstractmethod
    def _family(self) -> Family:
        """Laws among which `fit` finds one; ValueError if data cannot tell which."""

    def _density_at_zero(self) -> float:
        """Limit of the density of singular values."""
        return 0.0

    def support(self) -> tuple[float, float]:
        """Smallest and largest singular value."""
        low, high = self._log_edges
        return self._scale * math.exp(low / 2), self._scale * math.exp(high / 2)

    def pdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability density at x; at x = 0 it is the limit, which may be infinite."""
        x = _numbers("x", x)
        result = self._inside(x, self._density, 0, 0) * 2 / np.where(x > 0, x, 1)
        return np.where(x == 0, self._density_at_zero(), result)[()]

    def logpdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Logarithm of the probability density at x, -inf outside the support."""
        return _log(self.pdf(x))

    def cdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability of a smaller singular value, to full relative accuracy at the lower end."""
        return self._inside(_numbers("x", x), self._below, 0, 1)[()]

    def logcdf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Logarithm of the probability of a smaller singular value."""
        return _log(self.cdf(x))

    def sf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Probability of a larger singular value, to full relative accuracy at the upper end."""
        return self._inside(_numbers("x", x), self._above, 1, 0)[()]

    def logsf(self, x: npt.ArrayLike) -> Array | np.float64:
        """Logarithm of the probability of a larger singular value."""
        return _log(self.sf(x))

    def ppf(self, q: npt.ArrayLike) -> Array | np.float64:
        """Singular value below which the probability q lies; nan unless q is from 0 to 1."""
        below = _numbers("q", q)
        return self._quantile(below, 1 - below)

    def isf(self, q: npt.ArrayLike) -> Array | np.float64:
        """Singular value above which the probability q lies; nan unless q is from 0 to 1."""
        above = _numbers("q", q)
        return self._quantile(1 - above, above)

    def median(self) -> float:
        """Singular value with probability 1/2 on either side."""
        return float(self.ppf(0.5))

    def interval(self, confidence: npt.ArrayLike) -> tuple[Any, Any]:
        """Ends of the interval around the median that has this probability.

        Parameters
        ----------
        confidence : array_like of float
            Probability, from 0 to 1; the rest is split equally between the two sides.
        """
        outside = (1 - _numbers("confidence", confidence)) / 2
        return self.ppf(outside), self.isf(outside)

    def rvs(self, size: int | tuple[int, ...] | None = None, random_state: RNG = None) -> Any:
        """Draw independent singular values.

        They do not repel each other, unlike the singular values of a matrix.

        Parameters
        ----------
        size : int or tuple of int, optional
            Shape of the result, limited by memory; one number by default.
        random_state : {None, int, SeedSequence, BitGenerator, Generator}, optional
            Source of randomness, as for `numpy.random.default_rng`.

        Returns
        -------
        ndarray or float64
            Quantiles of uniform random numbers.
        """
        sides = () if size is None else size if isinstance(size, tuple | list) else (size,)
        shape = tuple(integer("size", side, at_least=0, at_most=LARGEST_INTEGER) for side in sides)
        require_memory("size", 200.0 * math.prod(shape))
        uniform = next(streams(random_state, "random_state")).random(shape)
        return self.ppf(uniform) if uniform.size else uniform

    def moment(self, order: float) -> float:
        """Mean of a power of the singular values, E[sigma**order].

        Parameters
        ----------
        order : float
            Any real number from 0 to 1e6.

        Raises
        ------
        TypeError, ValueError
            If the order is not such a number.
        """
        order = real("order", order, at_least=0, at_most=LARGEST_ORDER)
        return _exp(order * math.log(self._scale) + self._log_moment(order / 2))

    def mean(self) -> float:
        """Mean singular value, the nuclear norm over the number of singular values."""
        return self.moment(1)

    def var(self) -> float:
        """Variance of the singular values."""
        return _exp(2 * self._log_mean + math.log(self._central(2)))

    def std(self) -> float:
        """Standard deviation of the singular values."""
        return _exp(self._log_mean + math.log(self._central(2)) / 2)

    def stats(self, moments: str = "mv") -> Any:
        """Mean, variance, skewness and excess kurtosis.

        Parameters
        ----------
        moments : str, default "mv"
            Letters of "mvsk": which of the four are returned.

        Returns
        -------
        float64 or tuple of float64
            In the sequence m, v, s, k.
        """
        if not isinstance(moments, str) or not set(moments) <= set("mvsk"):
            raise ValueError(f"moments must be made of the letters mvsk, got {shown(moments)}")
        variance = self._central(2) if set(moments) & set("sk") else math.nan
        found: dict[str, Callable[[], float]] = {
            "m": self.mean,
            "v": self.var,
            "s": lambda: self._central(3) / variance**1.5,
            "k": lambda: self._central(4) / variance**2 - 3,
        }
        values = tuple(np.float64(found[each]()) for each in "mvsk" if each in moments)
        return values[0] if len(values) == 1 else values

    def entropy(self) -> float:
        """Differential entropy of the law, in nats."""
        log_ratio, weights = self._rule
        # pdf(sigma) = 2/sigma times the density of log s
        logs = _log(self._density(log_ratio)) - log_ratio / 2
        used = weights > 0
        return float(math.log(self._scale / 2) - weights[used] @ logs[used])

    def expect(
        self,
        func: Callable[[float], float] | None = None,
        lb: float | None = None,
        ub: float | None = None,
        conditional: bool = False,
        **kwds: Any,
    ) -> float:
        """Mean of a function of the singular values, by adaptive quadrature.

        Parameters
        ----------
        func : callable, optional
            Function of one float; the identity by default.
        lb, ub : float, optional
            Interval over which the mean is taken, the support by default.
        conditional : bool, default False
            Whether to divide by the probability of that interval; nan if that is 0.
        **kwds
            Options of `scipy.integrate.quad`.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If func is not callable, or a bound is not a real number.
        """
        call = float if func is None else function("func", func)
        low, high = (
            end if bound is None else self._time(real(name, bound, finite=False))
            for name, bound, end in (("lb", lb, -END), ("ub", ub, END))
        )

        def integrand(t: float) -> float:
            log_ratio, weights = self._weighted(np.array([t]))
            if not weights.size:
                return 0.0
            return call(self._scale * math.exp(log_ratio[0] / 2)) * float(weights[0])

        value = float(scipy.integrate.quad(integrand, low, high, **kwds)[0])
        if boolean("conditional", conditional):
            first, last = self.support()
            lb, ub = first if lb is None else lb, last if ub is None else ub
            # the difference of the smaller tails
            tail = self.cdf if self.cdf(ub) < 0.5 else self.sf
            probability = abs(float(tail(ub)) - float(tail(lb)))
            return value / probability if probability > 0 else math.nan
        return value

    def fit(self, data: Any, *args: Any, floc: float = 0.0, **kwds: Any) -> tuple[float, ...]:
        """Estimate the shape of laws like this one, and a scale, by maximum likelihood.

        Parameters
        ----------
        data : array_like or scipy.stats.CensoredData
            Independent singular values, >= floc; flattened.
        *args : float
            Shape at which the search starts.
        floc : float, default 0
            Smallest value that the data can have; these laws are not shifted.
        **kwds
            As in `scipy.stats.rv_continuous.fit`: `fscale`, `f0` (or `f` and the name of the
            shape), `scale`, `method`, `optimizer`.

        Returns
        -------
        tuple of float
            The shape, floc and the scale, by which the singular values of the law are multiplied.

        Raises
        ------
        TypeError
            If data or a parameter is not made of real numbers.
        ValueError
            If this law has no shape, or more than one; if data are empty, not finite, below floc,
            or all equal to it; if they are all equal and neither shape nor scale is fixed; if the
            search ends where the likelihood is 0.

        Warns
        -----
        UserWarning
            If data are exactly floc: they come from a rank that is not full, and are left out.

        Notes
        -----
        The shape is the `time` of a residual limit; the `ratio` n/N of all widths that are not the
        smallest; or, of a free product, the `aspect` of Gaussian or the scale (here `branch`) of
        residual factors, which all factors with a parameter must have in common.  It alone is
        found: the number of layers, and which widths or factors are equal, are those of this law.
        Two ratios that are exchanged give the same law, so that they cannot be found where they are
        nearly equal, and neither can a ratio and a depth together.

        The densities fall like a square root at edges that move with the parameters.  So the
        Fisher information is infinite and there is no standard error; errors of one parameter fall
        like n^(-2/3) in the number of data [1]_.  The singular values of one matrix repel each
        other: they are not independent, and the largest may lie above the edge of the law.

        References
        ----------
        .. [1] R. L. Smith, "Maximum likelihood estimation in a class of nonregular cases",
           Biometrika 72 (1985) 67-90; doi:10.1093/biomet/72.1.67.

        Examples
        --------
        >>> from rmt_rank import residual_limit_law
        >>> data = 3 * residual_limit_law(0.5).rvs(1000, random_state=0)
        >>> time, loc, scale = residual_limit_law(1).fit(data)
        >>> print(round(time, 2), loc, round(scale, 2))
        0.48 0.0 3.06
        """
        from rmt_rank.theory.numerics.fit import fit_family  # SciPy's distributions load slowly

        family = self._family()
        kwds = {"floc": floc} | kwds
        data, args = fit_arguments(family.shape, data, args, kwds)
        return fit_family(family, data, args, kwds)

    def _inside(
        self, x: Array, function: Callable[[Array], Array], below: float, above: float
    ) -> Array:
        """function(log(s/scale^2)) inside the support, these values beyond, nan at nan."""
        low, high = self._log_edges
        with np.errstate(divide="ignore"):
            log_ratio = 2 * np.log(np.maximum(x, 0) / self._scale)
        result = np.where(log_ratio < high, float(below), float(above))
        result[np.isnan(x)] = np.nan
        inside = (log_ratio > low) & (log_ratio < high)
        result[inside] = function(log_ratio[inside])
        return result

    def _quantile(self, below: Array, above: Array) -> Array | np.float64:
        """Singular values with these probabilities on their sides, which add up to 1."""
        low, high = self.support()
        result = np.full(below.shape, np.nan)
        result[below == 0], result[above == 0] = low, high
        inside = (below > 0) & (above > 0)
        # the distance to the upper edge is as above^(2/3): less is the edge itself, to rounding
        log_ratio = self._from_tails(below[inside], np.maximum(above[inside], 1e-100))
        result[inside] = np.clip(self._scale * np.exp(log_ratio / 2), low, high)
        return result[()]


def _numbers(name: str, value: npt.ArrayLike) -> Array:
    """Return real numbers; nan and infinity are allowed."""
    return real_array(name, value, finite=False, nan=True)


def _exp(logarithm: float) -> float:
    return math.exp(logarithm) if logarithm < LARGEST_LOG else math.inf


def _log(values: Array | np.float64) -> Array | np.float64:
    with np.errstate(divide="ignore"):
        logarithms: Array | np.float64 = np.log(values)
    return logarithms
