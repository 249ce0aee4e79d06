r"""The limit law of the singular values of a product of Gaussian matrices, as SciPy distributions.

`fuss_catalan` is the law of the squared singular values s, `singular_value_law` that of the
singular values sigma = sqrt(s): Eq. 5 of Huh et al., arXiv:2103.10427, after Neuschel,
doi:10.1142/S2010326314500038; real depth: Forrester and Liu, arXiv:1404.5759.
Probabilities come from the closed form in the angle, quantiles from one monotone inversion.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy import special

from rmt_rank._lib.fit_arguments import by_likelihood, fit_arguments, require_density, start
from rmt_rank._lib.validation import function, real, require_memory, shown
from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian import angle_law as spectral_law
from rmt_rank.theory.gaussian import inversion as spectral_inversion
from rmt_rank.theory.gaussian.angle import Angle, Array
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
from rmt_rank.theory.gaussian.moments import log_moment

__all__ = ["fuss_catalan", "singular_value_law"]

# Depths between which no intermediate result leaves float64; beyond, as for depth 0, all is nan.
LEAST_DEPTH, LARGEST_DEPTH = 1e-100, 1e100


# SciPy's class of frozen laws has no public name.
_Frozen: Any = type(scipy.stats.norm())


class _FrozenLaw(_Frozen):
    """A law at given depth, loc and scale."""

    def __repr__(self) -> str:
        given = [repr(each) for each in self.args]
        given += [f"{name}={value!r}" for name, value in self.kwds.items()]
        return f"{self.dist.name}({', '.join(given)})"

    def effective_rank(self, *, power: float = 1, order: float = 1) -> Any:
        """Effective rank of the law, in nats, less that of equal values.

        Parameters
        ----------
        power : float, default 1
            Power of the values that is normalised.
        order : float, default 1
            Renyi order, 0 <= order <= inf.  1 is Shannon's entropy, inf the min-entropy.

        Returns
        -------
        ndarray or float64
            For `singular_value_law(depth)` the same number as `limit_effective_rank(depth)`; never
            positive, and independent of scale.

        Raises
        ------
        TypeError, ValueError
            If an argument is not a real number in its range, or loc is not 0.
        """
        (depth,), loc, _ = self.dist._parse_args(*self.args, **self.kwds)
        if np.any(np.asarray(loc) != 0):
            raise ValueError(f"loc must be 0: shifted values have another rank, got {shown(loc)}")
        return self.dist.effective_rank(depth, power=power, order=order)


class _SpectralLaw(scipy.stats.rv_continuous):
    """The law of s**exponent.

    The underscored methods are SciPy's extension points.  They receive valid depths and x inside
    the support, and are vectorised over both.
    """

    _exponent: float

    def freeze(self, *args: Any, **kwds: Any) -> _FrozenLaw:
        """Fix the depth, and loc and scale if they are given."""
        return _FrozenLaw(self, *args, **kwds)

    def effective_rank(self, depth: Any, *, power: float = 1, order: float = 1) -> Any:
        """Effective rank of the law at these depths, see `limit_effective_rank`."""
        power = real("power", power, above=0)
        return differential_effective_rank(depth, power=2 * self._exponent * power, order=order)

    def _shape_info(self) -> list[Any]:
        from scipy.stats._distn_infrastructure import _ShapeInfo

        return [_ShapeInfo("depth", False, (0, np.inf), (False, False))]

    def _argcheck(self, depth: Any) -> Any:
        return (depth >= LEAST_DEPTH) & (depth <= LARGEST_DEPTH)

    def _get_support(self, depth: Any) -> tuple[Any, Any]:
        depth = np.asarray(depth, dtype=np.float64)
        if depth.ndim == 0:
            one = depth.item()
            valid = LEAST_DEPTH <= one <= LARGEST_DEPTH
            return 0.0, spectral_angle.largest_value(one, self._exponent) if valid else np.nan
        valid = self._argcheck(depth)
        largest = spectral_angle.largest_value(np.where(valid, depth, 1.0), self._exponent)
        return 0.0, np.where(valid, largest, np.nan)[()]

    def _pdf(self, x: Any, depth: Any) -> Array:
        return spectral_law.evaluate(spectral_law.PDF, x, depth, self._exponent)

    def _logpdf(self, x: Any, depth: Any) -> Array:
        with np.errstate(divide="ignore"):
            log_density: Array = np.log(self._pdf(x, depth))
        return log_density

    def _cdf(self, x: Any, depth: Any) -> Array:
        return spectral_law.evaluate(spectral_law.CDF, x, depth, self._exponent)

    def _sf(self, x: Any, depth: Any) -> Array:
        return spectral_law.evaluate(spectral_law.SF, x, depth, self._exponent)

    def _ppf(self, q: Any, depth: Any) -> Array:
        return spectral_law.evaluate(spectral_law.PPF, q, depth, self._exponent)

    def _isf(self, q: Any, depth: Any) -> Array:
        return spectral_law.evaluate(spectral_law.ISF, q, depth, self._exponent)

    def _valid(self, depth: Any) -> Any:
        """Depth with nan for what is none: SciPy passes scalars on unchecked."""
        return np.where(self._argcheck(depth), depth, np.nan)

    def rvs(self, *args: Any, **kwds: Any) -> Any:
        """Draw from the law, as `scipy.stats.rv_continuous.rvs` does, but safely in any thread."""
        size = kwds.get("size", args[3] if len(args) > 3 else None)
        with contextlib.suppress(TypeError, OverflowError):  # SciPy refuses what is not a size
            # uniform numbers, angles and values
            require_memory("size", 64.0 * math.prod(np.atleast_1d(1 if size is None else size)))
        # SciPy stores the call's random_state in the object while it draws
        return super(_SpectralLaw, copy.copy(self)).rvs(*args, **kwds)

    def _munp(self, n: Any, depth: Any) -> Any:
        return np.exp(log_moment(n * self._exponent, self._valid(depth)))[()]

    def _entropy(self, depth: Any) -> Any:
        # E log s = -L, and E log K = -log 2 - Cl2(2 pi a)/(2 pi a b), from
        # d cdf = (d eps + L dK)/pi, where the integral of log K dK vanishes
        c = spectral_angle.constants(self._valid(depth))
        clausen = special.spence(-special.expm1(2j * np.pi * c.m)).imag
        clausen = np.where(c.alpha_is_small, clausen, -clausen) / (2 * np.pi * c.m * c.M)
        h = self._exponent
        return (np.log(2 * np.pi * h) - h * c.L + clausen)[()]

    def expect(
        self,
        func: Callable[[Any], Any] | None = None,
        args: tuple[Any, ...] = (),
        loc: float = 0,
        scale: float = 1,
        lb: float | None = None,
        ub: float | None = None,
        conditional: bool = False,
        **kwds: Any,
    ) -> Any:
        """Expected value of a function, by adaptive quadrature over the angle.

        Parameters and result are those of `scipy.stats.rv_continuous.expect`.  SciPy's own
        quadrature runs over x, where the density diverges at 0: at depth 8 it misses 5 % of the
        mass.  As a function of the angle the integrand is smooth.
        """
        given = (kwds.pop("depth"),) if "depth" in kwds and args == () else args
        if not isinstance(given, tuple) or len(given) != 1:
            raise TypeError(
                f"expect() needs one depth, args=(depth,), or a frozen law, {self.name}(depth)."
                f"expect(func), got args={shown(args)}"
            )
        # SciPy returns nan for a depth that is nan
        depth = np.nan if given[0] is np.nan else real("depth", given[0], finite=False)
        loc, scale = real("loc", loc), real("scale", scale, finite=False)
        if func is not None:
            function("func", func)
        if not (self._argcheck(depth) and scale > 0):
            return np.nan
        c = spectral_angle.constants(depth)
        largest = spectral_angle.largest_value(depth, self._exponent)

        def theta(x: float | None, default: float) -> float:
            if x is None:
                return default
            at = np.clip(np.array([(x - loc) / scale]), 0.0, largest)
            return float(spectral_inversion.angle_from_value(at, c, self._exponent).theta[0])

        def integrand(theta: float) -> Any:
            angle = Angle(np.asarray(theta), np.asarray(np.pi - theta))
            x = loc + scale * spectral_angle.value(angle, c, self._exponent)[()]
            p = spectral_angle.point(angle, c)
            # dF/deps = K (L+1) dU/dtheta / pi
            weight = spectral_angle.density_factor(angle, c) * spectral_angle.slope(p, c)
            return (x if func is None else func(x)) * (weight * (c.L + 1) / np.pi)

        value = scipy.integrate.quad(integrand, theta(ub, 0.0), theta(lb, np.pi), **kwds)[0]
        if conditional:
            low, high = self.support(depth, loc, scale)
            low, high = low if lb is None else lb, high if ub is None else ub
            # the difference of the smaller tails
            tail = self.cdf if self.cdf(high, depth, loc, scale) < 0.5 else self.sf
            value /= abs(tail(high, depth, loc, scale) - tail(low, depth, loc, scale))
        return value

    def fit(self, data: Any, *args: Any, **kwds: Any) -> tuple[float, ...]:
        """Estimate depth, loc and scale from data, by default by maximum likelihood.

        Parameters and result are those of `scipy.stats.rv_continuous.fit`; pass ``floc=0``.  For
        depth > 1 the density is infinite at 0, and so is the likelihood if one value is exactly 0,
        regardless of the others.  An exact 0 is a rounded smaller number or comes from a rank that
        is not full, and has no information on the depth: maximum likelihood leaves zeros out, with
        a UserWarning that gives their number.  Singular values at the rounding error of the
        largest one are not exactly 0; remove them first.

        Raises
        ------
        TypeError
            If data or a parameter is not made of real numbers.
        ValueError
            If data are empty, not finite, below ``floc``, or all equal to it; if they are all equal
            and neither depth nor scale is fixed; if the search with ``floc`` ends where the
            likelihood is 0.
        """
        values, args = fit_arguments("depth", data, args, kwds)
        # the search also visits parameters without a density
        with np.errstate(all="ignore"):
            if not (by_likelihood(kwds) and "floc" in kwds):
                found: tuple[float, ...] = super().fit(values, *args, **kwds)
                return found
            fixed = [kwds[name] for name in ("f0", "fdepth", "fix_depth") if name in kwds]
            first = fixed[0] if fixed else args[0] if args else None
            depth, scale = start(self, lambda _: 1.0, lambda L: 1.3 * L, values, first, kwds)
            found = super().fit(values, *(args or (depth,)), **{"scale": scale} | kwds)
            require_density(self, values, found)
        return found


class _FussCatalan(_SpectralLaw):
    r"""A Fuss-Catalan continuous random variable.

    The limit law of the squared singular values of a product of `depth` square matrices with
    independent Gaussian entries of variance 1/width, as the width grows.

    %(before_notes)s

    Notes
    -----
    For any real depth L > 0 (from 1e-100 to 1e100; SciPy's nan beyond) the law is parametrised by
    an angle phi in (0, pi/(L+1)):

    .. math::

        s &= \frac{\sin^{L+1}((L+1)\varphi)}{\sin\varphi\,\sin^L(L\varphi)},\qquad
        K = \frac{\sin\varphi\,\sin((L+1)\varphi)}{\sin(L\varphi)}, \\
        f(s) &= \frac{K}{\pi s},\qquad
        F(s) = 1 - \frac{(L+1)\varphi - L K}{\pi},

    on :math:`0 < s < (L+1)^{L+1}/L^L` [1]_ [2]_.  Depth 1 is the Marchenko-Pastur law of ratio 1.
    The moments are the Fuss-Catalan numbers, see `rmt_rank.theory.fuss_catalan_moment`; the mean is
    1 and the variance L.  The density diverges at 0 as s**(-L/(L+1)), so a maximum likelihood fit
    needs ``floc=0``, and leaves exact zeros out, with a warning.

    The relative error of pdf, cdf and sf is below 1e-13 (1 + abs(x f'(x)/f(x))) for depth 0.01 to
    1000 and x/x_max from 1e-300 to 1 - 1e-12, as long as the result is not below 1e-308.

    %(after_notes)s

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Eq. 5, for sqrt(s);
       arXiv:2103.10427.
    .. [2] T. Neuschel, "Plancherel-Rotach formulae for average characteristic polynomials of
       products of Ginibre random matrices and the Fuss-Catalan distribution", Random Matrices
       Theory Appl. 3 (2014) 1450003; doi:10.1142/S2010326314500038.

    Examples
    --------
    >>> from rmt_rank import fuss_catalan
    >>> fuss_catalan.stats(depth=4)
    (np.float64(1.0), np.float64(4.0))
    >>> fuss_catalan.cdf([0.1, 1, 10], depth=4).round(6)
    array([0.524604, 0.76153 , 0.992728])
    """

    _exponent = 1.0

    def _stats(self, depth: Any) -> tuple[Any, Any, Any, Any]:
        depth = self._valid(depth)
        skewness = (3 * depth - 1) / (2 * np.sqrt(depth))
        kurtosis = (8 * depth - 1) * (depth - 1) / (3 * depth)
        return depth / depth, depth[()], skewness, kurtosis


class _SingularValueLaw(_SpectralLaw):
    r"""The limit law of the singular values of a product of Gaussian matrices.

    The law of the square root of a `rmt_rank.fuss_catalan` variable: the singular values of a
    product of `depth` square matrices with independent Gaussian entries of variance 1/width, as
    the width grows.

    %(before_notes)s

    Notes
    -----
    The density is Eq. 5 of [1]_, for any real depth L > 0 (from 1e-100 to 1e100; SciPy's nan
    beyond), on :math:`0 < \sigma < \sqrt{(L+1)^{L+1}/L^L}`.  Depth 1 is the quarter-circle law.
    At 0 the density behaves as sigma**((1-L)/(1+L)), so a maximum likelihood fit needs ``floc=0``
    for depth > 1, and leaves exact zeros out, with a warning.  Skewness and kurtosis come from raw
    moments, and lose accuracy at small depth: 1e-12 at depth 0.01, 1e-8 at 1e-6.

    The relative error of pdf, cdf and sf is below 1e-13 (1 + abs(x f'(x)/f(x))) for depth 0.01 to
    1000 and x/x_max from 1e-300 to 1 - 1e-12, as long as the result is not below 1e-308.

    %(after_notes)s

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Eq. 5;
       arXiv:2103.10427.

    Examples
    --------
    >>> from rmt_rank import singular_value_law
    >>> round(float(singular_value_law.mean(depth=1)), 12)  # 8 / (3 pi)
    0.848826363157
    >>> singular_value_law.ppf([0.25, 0.5, 0.75], depth=4).round(6)
    array([0.041654, 0.275398, 0.949827])
    """

    _exponent = 0.5

    def _stats(self, depth: Any) -> tuple[Any, Any, Any, Any]:
        depth = self._valid(depth)
        log_mean = log_moment(0.5, depth)
        mean = np.exp(log_mean)
        variance = -np.expm1(2 * log_mean)  # E[sigma^2] = 1
        third = np.exp(log_moment(1.5, depth))
        # central moments from raw ones: at depth L the skewness loses 1/L^1.5, the kurtosis 1/L^2
        # in relative accuracy
        skewness = (third - 3 * mean + 2 * mean**3) / variance**1.5
        kurtosis = (1 + depth - 4 * mean * third + 6 * mean**2 - 3 * mean**4) / variance**2 - 3
        return mean[()], variance[()], skewness[()], kurtosis[()]


fuss_catalan = _FussCatalan(a=0.0, name="fuss_catalan")
singular_value_law = _SingularValueLaw(a=0.0, name="singular_value_law")
