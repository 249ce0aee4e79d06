r"""The derivatives of the effective rank with respect to the ratios of widths.

In the notation of `curve`, M(z) = (1/(2 pi i z)) oint s^z dt, where log s at fixed t grows by
1/(t + y_l) per unit of y_l.  By parts it follows that

    d(log M)/dy_l = z g(z),    g(z) = E[s^z a]/M(z),    a = arg(t + y_l)/Im t > 0,             (1)

with a = 1/(t + y_l) at the edges, so that with covariances under the law weighted by s^z

    d rho/dy_l = -z^2 g'(z),    g'(z) = Cov(a, log s),                                       (2)

at order 1, -q z [g(q z) - g(z)]/(q - 1) at order q, and z [g(z) - a(s_max)] for the min-entropy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import real
from rmt_rank.theory.gaussian.moments import LARGEST_POWER
from rmt_rank.theory.rectangular.curve import STEP, Curve, checked_widths, curve_of

__all__ = ["rectangular_effective_rank_derivative"]

Array = npt.NDArray[np.float64]

# Orders in this interval are averaged; for others a quotient loses at most a bit.
_MEAN_ORDERS = (0.5, 2.0)
# Gauss's rule for that mean: g'(s z) is analytic for s > 0 and beyond the pole of M, a relative
# distance of at least 3 from [1/2, 1] and [1, 2], where 24 nodes leave (3 + sqrt 8)^-48 = 2e-37.
_GAUSS, _MEAN_WEIGHTS = np.polynomial.legendre.leggauss(24)
_MEAN_WEIGHTS = _MEAN_WEIGHTS / 2


def rectangular_effective_rank_derivative(
    widths: Sequence[float], *, power: float = 1, order: float = 1
) -> Array:
    """Derivatives of the effective rank at unequal widths with respect to their ratios.

    Parameters
    ----------
    widths, power, order
        As in `rectangular_effective_rank`.

    Returns
    -------
    ndarray, shape (len(widths),)
        In nats: entry l is the derivative with respect to n_l/N, N the smallest width.  It is 0 for
        the first width that equals N, whose ratio is 1; for others that equal N it is one-sided,
        as they can only grow.  Relative error below 1e-11 where the support is wider than 1e-3 of
        its middle.

    Raises
    ------
    TypeError, ValueError
        As in `rectangular_effective_rank`.

    Notes
    -----
    With respect to the widths themselves, divide by N; the derivative with respect to N is then
    -1/N times the sum of entry times ratio.  At power 2 and order 1 entry l is
    (1/r_l^2) int_0^1 prod_j (1 - v/r_j) dv over all widths but l, r_j = n_j/N.  At L + 1 equal
    widths it is 1/(L+1) for every power and every order > 0, where g(z) = 1/((L+1) z) + L/(L+1).
    It was positive, so that a wider layer raises the rank, at all widths, powers and orders > 0
    that were tried; this is not proved.

    Examples
    --------
    One layer, and power 2, where the rank is -N/(2n); and two layers:

    >>> from rmt_rank.theory.rectangular.rank_derivative import *
    >>> rectangular_effective_rank_derivative([1, 2], power=2).round(12)
    array([0.   , 0.125])
    >>> rectangular_effective_rank_derivative([2, 1, 4]).round(6)
    array([0.047696, 0.      , 0.009484])
    """
    ordered = checked_widths(widths)
    curve = curve_of(widths)
    z = real("power", power, above=0, at_most=LARGEST_POWER) / 2
    q = real("order", order, at_least=0, finite=False)
    first = int(np.argmin(ordered))
    excess = (ordered - ordered[first]) / ordered[first]
    slopes = dict(zip((y for y, _ in curve.excess), _derivatives(curve, z, q), strict=True))
    return np.array([0.0 if i == first else slopes[float(y)] for i, y in enumerate(excess)])


def _derivatives(curve: Curve, z: float, q: float) -> list[float]:
    """Derivatives in the distinct y_l."""
    if q == 0:
        return [0.0 for _ in curve.excess]
    growth = _Growth(curve)
    found = []
    for y, _ in curve.excess:
        if q == math.inf:
            found.append(-z * growth.below_edge(y, z))
        elif _MEAN_ORDERS[0] <= q <= _MEAN_ORDERS[1]:
            orders = [1.0] if q == 1 else (1 + (q - 1) * (_GAUSS + 1) / 2).tolist()
            weights = [1.0] if q == 1 else _MEAN_WEIGHTS
            slopes = [growth.slope(y, s * z) for s in orders]
            found.append(-q * z * z * float(np.dot(weights, slopes)))
        else:
            # g less its value at the upper edge
            change = growth.below_edge(y, z) - growth.below_edge(y, q * z)
            found.append(-q * z * change / (q - 1))
    return found


class _Growth:
    """g of (1) and its derivative, by the trapezoidal rule of the law."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        law = curve.quadrature
        self.log_ratio, self.weights, self.decay = law.log_ratio, law.weights, law.decay
        self.t = curve.from_log_ratio(law.log_ratio)

    def below_edge(self, y: float, z: float) -> float:
        """a at the upper edge less g."""
        top = self.curve.top
        share = self._share(z)
        if y == 0:
            return 1 / top - self._sum(share * self._angle(y), z) / self._total(share, z)
        change = 1 / (top + y) - self._angle(y)
        return float(share @ change) / self._total(share, z)

    def slope(self, y: float, z: float) -> float:
        """Covariance of a and log s."""
        share = self._share(z)
        share = share / self._total(share, z)
        x = self.log_ratio - float(share @ self.log_ratio)
        a = self._angle(y)
        if y == 0:
            return self._sum(share * a, z, x)
        return float(share @ ((a - float(share @ a)) * x))

    def _share(self, z: float) -> Array:
        logs = z * self.log_ratio
        result: Array = self.weights * np.exp(logs - logs.max())
        return result

    def _total(self, share: Array, z: float) -> float:
        return self._sum(share, z + self.decay)

    def _angle(self, y: float) -> Array:
        """a, at the nodes."""
        result: Array = np.arctan2(self.t.imag, self.t.real + y) / self.t.imag
        return result

    def _sum(self, terms: Array, decay: float, x: Array | None = None) -> float:
        """Sum of terms times x, 1 by default; those left out at s = 0 fall like s^decay."""
        rest = math.exp(-STEP * decay)
        # sum_k rest^k, and sum_k k rest^k STEP
        more = rest / -math.expm1(-STEP * decay)
        if x is None:
            return float(terms.sum() + terms[0] * more)
        lower = STEP * more / -math.expm1(-STEP * decay)
        return float(terms @ x + terms[0] * (x[0] * more - lower))
