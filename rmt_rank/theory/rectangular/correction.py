r"""The term of order 1/N of the mean effective rank, real entries, unequal widths.

With x = t - 1 on the curve (1) of `curve` and zeta = s over its mean, the mean of
sum_i log(zeta - s_i) has, beyond N times its limit, the term (1/2) log J + O(1/N),

    J = -x^2 d zeta/dx = prod_l (1 + x N/n_l) [1 - sum_l (x N/n_l)/(1 + x N/n_l)],           (1)

over all L + 1 widths: one real layer on a fixed matrix adds (1/2) log(d zeta/d w), w being the
subordinated variable [1]_, and these terms telescope.  For polynomials g it follows that

    e(g) = lim E sum_i g(s_i) - N int g dmu = -(1/(2 pi)) int g'(s) arg J ds                   (2)

over the support, arg J = -pi/2 just below its upper edge.  The effective rank needs g = s^z and
g = s^z log s^z.  They are analytic on the support if the smallest width occurs once; else (2) is
their formal value at the hard edge 0.

.. [1] Z. D. Bai, J. W. Silverstein, "CLT for linear spectral statistics of large-dimensional sample
   covariance matrices", Ann. Probab. 32 (2004) 553-605; doi:10.1214/aop/1078415845.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import real
from rmt_rank.theory.gaussian.moments import LARGEST_POWER
from rmt_rank.theory.rectangular.curve import Curve, curve_of

__all__ = ["rectangular_correction"]

Array = npt.NDArray[np.float64]

# Step of the trapezoidal rule in the variable of the curve's means, and where it ends: the
# integrand falls like exp(-tau) at a soft edge, and like s^z at s = 0.
_STEP, _END = 0.125, 39.0


class _Means(NamedTuple):
    law: float  # over the limit law
    term: float  # the coefficient of 1/N


def rectangular_correction(widths: Sequence[float], *, power: float = 1) -> float:
    """Coefficient of 1/N in the mean effective rank of real Gaussian layers of unequal widths.

    Parameters
    ----------
    widths : sequence of float
        n_0, ..., n_L, positive; only their ratios matter, and not their order.
    power : float, default 1
        Power of the singular values that is normalised, at most 1e6.

    Returns
    -------
    float
        R: the mean entropy is log(N) + `limit_effective_rank` + R/N + O(1/N^2), N the smallest
        width, up to what the hard edge adds where N occurs more than once.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    Proved for integer moments of the squared singular values, for which (2) of the module is exact;
    for one layer of two different widths it is a theorem [1]_.

    References
    ----------
    .. [1] Z. D. Bai, J. W. Silverstein, Ann. Probab. 32 (2004) 553-605;
       doi:10.1214/aop/1078415845.

    Examples
    --------
    >>> from rmt_rank.theory.rectangular.correction import rectangular_correction
    >>> print(round(rectangular_correction([1, 2]), 5), round(rectangular_correction([2, 1, 2]), 5))
    -0.08447 -0.16656
    """
    curve = curve_of(widths)
    z = real("power", power, above=0, at_most=LARGEST_POWER) / 2
    log_ratio, rate = _nodes(curve, z)
    t = curve.from_log_ratio(log_ratio)
    # -(1/(2 pi)) arg J and the density of log s, at the nodes
    weight = -_phase(curve, t) / (2 * math.pi) * rate
    density = t.imag / math.pi * rate
    shares = np.exp(z * (log_ratio - log_ratio.max()))
    logs = z * (log_ratio - log_ratio.max())
    P = _Means(float(density @ shares), float(weight @ (z * shares)))
    T = _Means(float(density @ (shares * logs)), float(weight @ (z * shares * (logs + 1))))
    return P.term / P.law - T.term / P.law + T.law * P.term / P.law**2


def _nodes(curve: Curve, z: float) -> tuple[Array, Array]:
    """log(s/mean) inside the support, and weights of integrals over it."""
    low, high = curve.log_edges
    start = low - high - _END if math.isfinite(low) else -_END / min(z, 1 / (curve.zeros + 1))
    log_ratio, rise = curve.trapezoid(start, _END, _STEP)
    return log_ratio, _STEP * rise


def _phase(curve: Curve, t: npt.NDArray[np.complex128]) -> Array:
    """arg J at points of the curve in increasing order, continuous from -pi/2 at the top."""
    x = t - 1
    phase = np.unwrap((2 * np.angle(x) - np.angle(t) + np.angle(-curve.slope(t)))[::-1])[::-1]
    turns = np.round((phase[-1] + math.pi / 2) / (2 * math.pi))
    result: Array = phase - 2 * math.pi * turns
    return result
