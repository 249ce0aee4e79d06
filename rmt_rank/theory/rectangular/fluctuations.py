r"""Variance of the effective rank of one product of Gaussian layers of unequal widths.

On the curve (1) of `curve` let x = t - 1.  For functions f and g of the squared singular values,

    Cov(sum f, sum g) -> (2/beta) 1/(2 pi^2) int int f'(s) g'(s') log abs((x - conj x')/(x - x'))

ds ds' over the support, beta = 1 for real and 2 for complex entries: the kernel of Bai and
Silverstein [1]_ for one layer, telescoped over the layers, with both contours on the support.  It
is proved for polynomials f and g; docs/finite-width.md has the proof.  For the effective rank
f = g is its first variation, u (1 - rho) - u log u with u = s^z/E s^z and rho = -E u log u.

The variable tau of the curve's means makes both integrals trapezoidal sums.  The logarithm of
abs(x - x') is that of (x - x')/(tau - tau'), which is smooth, and log abs(tau - tau'), whose
integral with a function of limited bandwidth has at the step h the weights h c_k,

    c_0 = log(h/pi) - gamma,    c_k = log(h k) - Ci(pi k).

.. [1] Z. D. Bai, J. W. Silverstein, "CLT for linear spectral statistics of large-dimensional sample
   covariance matrices", Ann. Probab. 32 (2004) 553-605; doi:10.1214/aop/1078415845.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import choice, real
from rmt_rank.theory.rectangular.curve import curve_of

__all__ = ["rectangular_variance"]

Array = npt.NDArray[np.float64]

# Step of the trapezoidal rule, and where it ends: the integrand falls like exp(-tau) at a soft
# edge, and like s^z at s = 0.
_STEP, _END = 0.25, 28.0
# Smallest power: the nodes, whose pairs are summed, grow like its inverse.
_LEAST_POWER, _LARGEST_POWER = 0.5, 100.0


def rectangular_variance(
    widths: Sequence[float], field: str = "real", *, power: float = 1
) -> float:
    """Coefficient of 1/N^2 in the variance of the effective rank, unequal widths.

    Parameters
    ----------
    widths : sequence of float
        n_0, ..., n_L, positive; only their ratios matter, and not their order.
    field : {"real", "complex"}
        Field of the Gaussian entries.
    power : float, default 1
        Power of the singular values that is normalised, from 0.5 to 100.

    Returns
    -------
    float
        The limit of N^2 Var S, N the smallest width, as all widths grow in proportion.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    For equal widths it is `effective_rank_variance` over N^2, in closed form.  Proved for even
    powers; elsewhere formal where the smallest width occurs more than once, since then the
    support reaches 0, where s^(power/2) is not smooth.

    References
    ----------
    .. [1] Z. D. Bai, J. W. Silverstein, Ann. Probab. 32 (2004) 553-605;
       doi:10.1214/aop/1078415845.

    Examples
    --------
    >>> from rmt_rank.theory.rectangular.fluctuations import rectangular_variance
    >>> print(round(rectangular_variance([1, 1]), 8), round(rectangular_variance([1, 2]), 8))
    0.15625 0.02372355
    """
    curve = curve_of(widths)
    scale = 2 if choice("field", field, FIELDS) == "real" else 1
    z = real("power", power, at_least=_LEAST_POWER, at_most=_LARGEST_POWER) / 2
    low, high = curve.log_edges
    # near a lower edge above 0 the integrand falls like that at the upper one
    start = low - high - _END if math.isfinite(low) else -_END / min(z, 1)
    log_ratio, rise = curve.trapezoid(start, _END, _STEP)
    t = curve.from_log_ratio(log_ratio)
    density = t.imag / math.pi * rise * _STEP
    logs = z * (log_ratio - high)
    shares = np.exp(logs)
    T = float(density @ shares)
    rho = math.log(T) - float(density @ (shares * logs)) / T
    # f'(s) ds/dtau
    slope = -z * (shares / T) * (rho + logs - math.log(T)) * rise
    # log abs(d tau/d log s . d log s/dx): on the diagonal (x - x')/(tau - tau') is dx/dtau
    tangent = np.log(np.abs(t / curve.slope(t)) * rise)
    apart = np.abs(np.subtract.outer(np.arange(t.size), np.arange(t.size))) * _STEP
    np.fill_diagonal(apart, 1)
    # two nodes near an edge may round to one point, where the slopes are below 1e-12
    distance = np.maximum(np.abs(np.subtract.outer(t, t)), np.finfo(float).tiny)
    smooth = np.log(distance / apart)
    weights = np.log(apart) - special.sici(math.pi / _STEP * apart)[1]
    np.fill_diagonal(smooth, tangent)
    np.fill_diagonal(weights, math.log(_STEP / math.pi) - np.euler_gamma)
    kernel = np.log(np.abs(np.subtract.outer(t, t.conj())))
    total = slope @ (kernel - smooth - weights) @ slope
    return float(scale * _STEP**2 * total / (2 * math.pi**2))
