r"""Difference between the mean effective rank at finite width and its limit.

With s the squared singular values, z = power/2, T = mean s^z and Q = mean s^z log s^z, the rank is
log N + log T - Q/T.  Its mean has an annealed part, with E T and E Q instead of T and Q, and a
fluctuation, of second order in the deviations of T and Q.

Complex entries: E sum_i s_i^z is known exactly for every width, see `complex_moments`, and so is
the annealed part.  Real entries: E[mean s^z] = M(z) + e(z)/N + ..., see `real_moment_correction`;
e is a conjecture for depth >= 2, checked against the exact second moment and Monte Carlo; depth 1
is classical.  The coefficient of 1/N in the mean rank is the first variation of log M - z M'/M,

    R = e/M - z e'/M + z M' e/M^2,    e(z) = [s_max^z I_b(Lz+1, z) - b (Lz+1) M(z)]/2,

with b = L/(L+1) and the regularised incomplete beta function I.

The fluctuation: N^2 Cov(mean s^z, mean s^w) tends to (2/beta) (L/(L+1)) zw/(z+w) B(z) B(w) with
B(z) = (Lz+1) M(z), beta = 1 for real and 2 for complex entries (proved for integers, formal at
z = 1/2; verified by Monte Carlo).
For z = 1/2 the rank moves by L^2 (L+2)/(8 (L+1) N^2) for real, and by half of it for complex ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy
from scipy import special

from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import LARGEST_INTEGER, choice, integer, real, require_memory
from rmt_rank.theory.finite_width.complex_moments import (
    BYTES_PER_WIDTH,
    LARGEST_LOG,
    MOST_FACTORS,
    complex_power_sum,
)
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
from rmt_rank.theory.gaussian.moments import log_moment

__all__ = ["LARGEST_DEPTH_PER_WIDTH", "FiniteWidthCorrection", "finite_width_correction"]

# The corrections are an expansion in depth/width; at 1/4 the two kept terms still agree with
# Monte Carlo to a third of the last one (real entries, width 64, depth 16).
LARGEST_DEPTH_PER_WIDTH = 0.25


# Limits on the power of singular values.
_POWERS = (1e-6, 100.0)


class FiniteWidthCorrection(NamedTuple):
    """E[effective rank] - log(width) - differential effective rank, in nats."""

    value: float
    remainder: float  # size of the last term kept: an estimate of the terms left out


def finite_width_correction(
    width: int, depth: int, field: str = "real", *, power: float = 1
) -> FiniteWidthCorrection:
    """Leading corrections to the infinite-width effective rank.

    Parameters
    ----------
    width, depth : int
        Side N and number L of the square factors, each at least 1; L at most 10^6, and N as large
        as memory allows.  Unequal widths have a coefficient of their own, see
        `rmt_rank.theory.rectangular.correction.rectangular_correction`.
    field : {"real", "complex"}
        Field of the Gaussian entries.
    power : float, default 1
        Power of the singular values, as in `differential_effective_rank`; from 1e-6 to 100.

    Returns
    -------
    FiniteWidthCorrection
        Meaningful for depth <= LARGEST_DEPTH_PER_WIDTH * width.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> from rmt_rank.theory.finite_width.corrections import finite_width_correction
    >>> print(f"{finite_width_correction(64, 4).value:.6f}")
    -0.010130
    """
    N = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    L = integer("depth", depth, at_least=1, at_most=MOST_FACTORS)
    z = real("power", power, at_least=_POWERS[0], at_most=_POWERS[1]) / 2
    if (size := _largest_log(z, L)) > LARGEST_LOG:
        raise ValueError(
            f"power must keep moments of the limit law below exp({LARGEST_LOG:g}), got {power!r} "
            f"at depth {L}, where they reach exp({size:.4g})"
        )
    fluctuation = _fluctuation(z, L) / N**2
    if choice("field", field, FIELDS) == "complex":
        require_memory("width", BYTES_PER_WIDTH * N)
        moment = complex_power_sum((N,) * (L + 1), z)
        annealed = moment.log - z * moment.log_slope
        limit = float(differential_effective_rank(L, power=power))
        return FiniteWidthCorrection(annealed - limit + fluctuation, abs(fluctuation))
    value = _real_coefficient(z, L) / N + 2 * fluctuation
    return FiniteWidthCorrection(value, 2 * abs(fluctuation))


def _largest_log(z: float, L: int) -> float:
    """Logarithm of s_max^z, an upper bound of moments."""
    return z * float(L * np.log1p(1 / L) + np.log1p(L))


def _limit(z: float, L: float) -> tuple[float, float]:
    """M(z) = E s^z and the derivative of its logarithm."""
    slope = (
        (L + 1) * special.digamma((L + 1) * z + 1)
        - special.digamma(z + 1)
        - L * special.digamma(L * z + 2)
    )
    return math.exp(float(log_moment(z, L))), float(slope)


def _fluctuation(z: float, L: float) -> float:
    """N^2 times the fluctuation part for complex entries: (S_TT Var T)/2 + S_TQ Cov(T, Q).

    Over M^2, with l = M'/M and b = B'/B = L/(Lz+1) + l: Var T is (z/2) B^2, and Cov(T, Q) is z
    times the derivative in w of zw/(z+w) B(z) B(w), which is B^2 (1/4 + z b/2).
    """
    _, slope = _limit(z, L)
    B = L * z + 1  # over M
    variance = z / 2 * B * B
    covariance = z * B * B * (0.25 + z / 2 * (L / B + slope))
    second = -1 - 2 * z * slope  # T^2 S_TT, as Q/T = z M'/M
    return L / (L + 1) * (second * variance / 2 + covariance)


def _real_coefficient(z: float, L: int) -> float:
    """R in E[rank] = log N + rho + R/N + ...: the first variation of log M - z M'/M by e/N."""
    M, slope = _limit(z, L)
    e, de = real_moment_correction(z, L)
    return e / M - z * de / M + z * slope * e / M


def real_moment_correction(z: float, L: float) -> tuple[float, float]:
    """e(z) and e'(z), where E[mean s^z] = M(z) + e(z)/N for real entries; z > 0.

    e(z) = [s_max^z I_b(L z + 1, z) - b M(z) (L z + 1)]/2 with b = L/(L+1) and the regularised
    incomplete beta function I.  The first term is z (L z + 1) M(z) A(z),
    A(z) = int_0^b (s_max t^L (1-t))^z dt/(1-t), which is differentiated under the integral.
    """
    b = L / (L + 1)
    log_scale = L * np.log1p(1 / L) + np.log1p(L)

    def integrand(t: float, power: int) -> float:
        log_y = log_scale + L * np.log(t) + np.log1p(-t)
        return float(np.exp(z * log_y) * log_y**power / (1 - t))

    A, dA = (
        scipy.integrate.quad(integrand, 0, b, args=(power,), epsabs=0, epsrel=1e-11)[0]
        for power in (0, 1)
    )
    M, dlog_M = _limit(z, L)
    first = z * (L * z + 1) * M * A
    second = b * M * (L * z + 1)
    dlog = L / (L * z + 1) + dlog_M
    slope = (first * (1 / z + dlog + dA / A) - second * dlog) / 2
    return float((first - second) / 2), float(slope)
