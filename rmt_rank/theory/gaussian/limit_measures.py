r"""Limits of the measures of rank as the width N of a product of Gaussian matrices grows.

With M(z) = E s^z of the Fuss-Catalan law at depth L, sigma = sqrt(s) and c = M(1/2), per N:

    nuclear norm c, stable rank 1/s_max = L^L/(L+1)^(L+1),
    participation ratio M(z)^2/M(2z) of the powers sigma^(2z): c^2 for z = 1/2, 1/(L+1) for z = 1,
    threshold rank P(sigma >= t c) for tau = t/N,
    energy rank P(s >= x), where E[s^z; s < x] = delta M(z).

All but the stable rank are continuous functions of the empirical law; the stable rank needs, in
addition, that the largest singular value converges to the edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.validation import broadcast, real, real_array
from rmt_rank.theory import gaussian
from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian.angle import Angle, Constants
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
from rmt_rank.theory.gaussian.moments import LARGEST_POWER, fuss_catalan_moment, log_moment

__all__ = [
    "LimitMeasures",
    "limit_energy_rank",
    "limit_measures",
    "limit_participation_ratio",
    "limit_stable_rank",
    "limit_threshold_rank",
]

Array = npt.NDArray[np.float64]
Result = npt.NDArray[np.float64] | np.float64

# Nodes v of the partial sum over eps = eps_0 v^4.  The power smooths s^z ~ eps^((L+1)z) at 0 and
# opens the layer of width 1/(L+1), or L, there.
_nodes, _weights = np.polynomial.legendre.leggauss(96)
_V = (_nodes + 1) / 2
_EPS, _EPS_WEIGHTS = _V**4, 2 * _weights * _V**3

# Range of log(eps/theta) in which the missing values may end.
_FIRST, _LAST = -140.0, 40.0

# Limits for measures that need the law itself: depths, and the largest power of its values.
DEPTHS, _LARGEST_EXPONENT = (1e-100, 1e15), 10.0


@dataclass(frozen=True, eq=False)
class LimitMeasures:
    """Limits of `rmt_rank.rank_measures` for large width N, by the same names.

    Attributes
    ----------
    effective_rank : ndarray or float64
        Limit of the measure less log(N), in nats.
    roy_vetterli_rank : ndarray or float64
        Limit of the measure over N.
    gram_effective_rank : ndarray or float64
        Limit of the measure less log(N), in nats.
    renyi_effective_rank, participation_ratio : ndarray or float64
        Limit of the measure over N.
    threshold_rank, stable_rank, nuclear_norm, energy_rank : ndarray or float64
        Limit of the measure over N.

    Examples
    --------
    >>> from rmt_rank import limit_measures
    >>> limits = limit_measures([1, 2])
    >>> limits.nuclear_norm.round(4)
    array([0.8488, 0.75  ])
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


def limit_measures(
    depth: npt.ArrayLike, threshold: float = 0.5, *, delta: float = 0.01
) -> LimitMeasures:
    """Limits of all measures of rank as the width grows.

    Parameters
    ----------
    depth : array_like of float
        Number of factors, any real from 1e-100 to 1e15; entries have variance 1/width.
    threshold : float, default 0.5
        Threshold of the threshold rank over the mean singular value, tau times the width.
    delta : float, default 0.01
        Share that the energy rank may miss.

    Returns
    -------
    LimitMeasures
        Every limit has the shape of `depth`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, or not in its range.

    See Also
    --------
    rmt_rank.rank_measures : the measures of a matrix.

    Notes
    -----
    The numerical rank over N tends to 1 and the condition number grows without bound.  The ratio
    of nuclear to Frobenius norm, over sqrt(N), has the limit of the nuclear norm over N.

    References
    ----------
    .. [1] M. Huh et al., Definitions 1 to 5; arXiv:2103.10427.

    Examples
    --------
    >>> from rmt_rank.theory.gaussian.limit_measures import limit_measures
    >>> limits = limit_measures([1, 2, 4])
    >>> limits.participation_ratio
    array([0.5       , 0.33333333, 0.2       ])
    >>> limits.threshold_rank.round(4)
    array([0.7319, 0.6074, 0.4775])
    """
    L = _depths(depth)
    rho = differential_effective_rank(L)
    return LimitMeasures(
        effective_rank=rho,
        roy_vetterli_rank=np.exp(rho),
        gram_effective_rank=differential_effective_rank(L, power=2),
        renyi_effective_rank=limit_participation_ratio(L, power=1),
        participation_ratio=limit_participation_ratio(L),
        threshold_rank=limit_threshold_rank(L, real("threshold", threshold, at_least=0)),
        stable_rank=limit_stable_rank(L),
        nuclear_norm=fuss_catalan_moment(0.5, L),
        energy_rank=limit_energy_rank(L, delta),
    )


def _depths(depth: npt.ArrayLike) -> Array:
    return real_array("depth", depth, at_least=DEPTHS[0], at_most=DEPTHS[1])


def limit_stable_rank(depth: npt.ArrayLike) -> Result:
    """Limit of the stable rank over the width, L^L/(L+1)^(L+1).

    Parameters
    ----------
    depth : array_like of float
        Number of factors, any real > 0.

    Returns
    -------
    ndarray or float64

    Raises
    ------
    TypeError, ValueError
        If depth is not real, or not > 0.

    Notes
    -----
    E s = 1 over s_max.  At finite width it is approached from above and slowly, as N^(-2/3), since
    the largest singular value is below the edge by that order.
    """
    L = real_array("depth", depth, above=0)
    return np.exp(-L * np.log1p(1 / np.maximum(L, 1e-300)) - np.log1p(L))[()]


def limit_participation_ratio(depth: npt.ArrayLike, *, power: float = 2) -> Result:
    """Limit of the participation ratio over the width, M(z)^2/M(2z) with z = power/2.

    Parameters
    ----------
    depth : array_like of float
        Number of factors, any real > 0.
    power : float, default 2
        Power of the singular values, > 0 and at most 1e6: 2 gives 1/(depth + 1), 1 the
        square of the mean singular value.

    Returns
    -------
    ndarray or float64

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, or not in its range.
    """
    L = real_array("depth", depth, above=0)
    z = real("power", power, above=0, at_most=LARGEST_POWER) / 2
    if (bad := 1e308 / max(2 * z, 1.0) < L).any():
        raise ValueError(
            "depth must be so small that depth * power is at most 1e308, got "
            f"{float(L[bad].flat[0])!r}"
        )
    return np.exp(2 * log_moment(z, L) - log_moment(2 * z, L))[()]


def limit_threshold_rank(depth: npt.ArrayLike, threshold: npt.ArrayLike) -> Result:
    """Limit of the threshold rank over the width, for a threshold of 1/width.

    Parameters
    ----------
    depth : array_like of float
        Number of factors, any real from 1e-100 to 1e15.
    threshold : array_like of float
        t >= 0: singular values count that are at least t times their mean, tau = t/width.

    Returns
    -------
    ndarray or float64
        Share P(sigma >= t E sigma), broadcast over both.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, or not in its range, or they do not broadcast.

    Notes
    -----
    Proved: for t <= 1 it falls at all depths; for t > 1 it is 0 at small depth, as all values
    become equal, rises to one maximum, and falls to 0.

    References
    ----------
    .. [1] M. Huh et al., Definition 3; arXiv:2103.10427.

    Examples
    --------
    >>> from rmt_rank.theory.gaussian.limit_measures import limit_threshold_rank
    >>> limit_threshold_rank([1, 2, 4, 8, 16], threshold=3).round(4)
    array([0.    , 0.0265, 0.0986, 0.1184, 0.1066])
    """
    L = _depths(depth)
    t = real_array("threshold", threshold, at_least=0)
    L, t = broadcast(depth=L, threshold=t)
    share: Result = gaussian.singular_value_law.sf(t * fuss_catalan_moment(0.5, L), L)
    return share


def limit_energy_rank(depth: npt.ArrayLike, delta: float = 0.01, *, power: float = 1) -> Result:
    """Limit of the energy rank over the width.

    Parameters
    ----------
    depth : array_like of float
        Number of factors, any real from 1e-100 to 1e15.
    delta : float, default 0.01
        Share of the sum of sigma^power that may be missing, 0 <= delta < 1.
    power : float, default 1
        Power of the singular values that is summed, > 0 and at most 20.

    Returns
    -------
    ndarray or float64
        Share of the singular values, the largest ones, that hold 1 - delta of the sum.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, or not in its range.

    Notes
    -----
    The partial sum is an integral over the angle, by Gauss-Legendre quadrature.

    References
    ----------
    .. [1] A. Kumar et al., arXiv:2010.14498 (srank).

    Examples
    --------
    >>> from rmt_rank.theory.gaussian.limit_measures import limit_energy_rank
    >>> limit_energy_rank([1, 2, 4, 8]).round(4)
    array([0.8961, 0.8211, 0.6906, 0.5127])
    """
    L = _depths(depth)
    delta = real("delta", delta, at_least=0)
    if delta >= 1:
        raise ValueError(f"delta must be >= 0 and < 1, got {delta!r}")
    z = real("power", power, above=0, at_most=2 * _LARGEST_EXPONENT) / 2
    if delta == 0:
        return np.ones(L.shape)[()]
    shares = [_energy_share(float(depth), delta, z) for depth in L.ravel()]
    return np.reshape(shares, L.shape)[()]


def _energy_share(L: float, delta: float, z: float) -> float:
    c = spectral_angle.constants(L)

    def missing(log_ratio: float) -> float:
        return _held_below(_angle(log_ratio), c, z) / delta - 1

    if missing(_FIRST) >= 0:  # all but 1e-60 of the values are needed
        return 1.0
    angle = _angle(scipy.optimize.brentq(missing, _FIRST, _LAST, xtol=1e-14, rtol=1e-14))
    return min(1.0, float(spectral_angle.sf(spectral_angle.point(angle, c), c)))


def _angle(log_ratio: float) -> Angle:
    ratio = math.exp(log_ratio)
    theta = math.pi / (1 + ratio)
    return Angle(np.asarray(theta), np.asarray(ratio * theta))


def _held_below(end: Angle, c: Constants, z: float) -> float:
    """Share of the sum of s^z that the values beyond an angle hold: E[s^z; s < s(end)]/E s^z."""
    eps = end.eps * _EPS
    # pi - eps, where eps is near pi from the two angles of the end
    theta = end.theta + end.eps * (1 - _EPS)
    angle = Angle(theta, eps)
    # dF/deps = K (L+1) dU/dtheta / pi
    density = (
        spectral_angle.density_factor(angle, c)
        * (c.L + 1)
        * spectral_angle.slope(spectral_angle.point(angle, c), c)
        / np.pi
    )
    shares = spectral_angle.value(angle, c, z) * density / fuss_catalan_moment(z, c.L)
    return float(end.eps * np.sum(_EPS_WEIGHTS * shares))
