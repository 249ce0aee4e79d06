r"""How far the mean effective rank at finite width lies from its limit.

Complex entries: E sum_i s_i^z is known exactly for every width N (Akemann, Ipsen, Kieburg,
doi:10.1103/PhysRevE.88.052118; the n-sum over their biorthogonal kernel telescopes), which gives
the annealed rank log c_N - q_N/c_N, c_N = E[mean sigma], q_N = E[mean sigma log sigma].  The mean
of the rank itself differs from it by the fluctuation of the nuclear norm,
L^2 (L+2)/(16 (L+1) N^2).

Real entries: E[mean s^z] = M(z) + e(z)/N + ..., see `real_moment_correction`; the fluctuation is
twice as large.  e is a conjecture for depth >= 2, checked against the exact second moment and
Monte Carlo; depth 1 is classical.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import integrate, special

from rmt_rank._random import FIELDS
from rmt_rank._validation import choice, integer
from rmt_rank.theory.effective_rank import differential_effective_rank
from rmt_rank.theory.moments import log_moment

__all__ = ["LARGEST_DEPTH_PER_WIDTH", "FiniteWidthCorrection", "finite_width_correction"]
__all__ += ["second_moment"]

# The corrections are an expansion in depth/width; at 1/4 the two kept terms still agree with
# Monte Carlo to a third of the last one (real entries, width 64, depth 16).
LARGEST_DEPTH_PER_WIDTH = 0.25


class FiniteWidthCorrection(NamedTuple):
    """E[effective rank] - log(width) - differential effective rank, in nats."""

    value: float
    remainder: float  # size of the last term kept, an estimate of what is left out


def finite_width_correction(width: int, depth: int, field: str = "real") -> FiniteWidthCorrection:
    """Leading corrections to the infinite-width effective rank.

    Parameters
    ----------
    width, depth : int
        Side N and number L of the square factors, each at least 1.
    field : {"real", "complex"}
        Field of the Gaussian entries.

    Returns
    -------
    FiniteWidthCorrection
        Meaningful for depth <= LARGEST_DEPTH_PER_WIDTH * width.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    """
    N = integer("width", width, at_least=1)
    L = integer("depth", depth, at_least=1)
    if choice("field", field, FIELDS) == "complex":
        annealed = _complex_annealed_rank(N, L) - float(differential_effective_rank(L))
        fluctuation = L**2 * (L + 2) / (16 * (L + 1) * N**2)
        return FiniteWidthCorrection(annealed + fluctuation, fluctuation)
    fluctuation = L**2 * (L + 2) / (8 * (L + 1) * N**2)
    return FiniteWidthCorrection(_real_coefficient(L) / N + fluctuation, fluctuation)


def second_moment(width: int, depth: int, field: str = "real") -> float:
    """E tr((W^H W)^2)/width of a product W of Gaussian matrices, exactly.

    Parameters
    ----------
    width, depth, field
        As in `finite_width_correction`.

    Returns
    -------
    float
        depth + 1 at infinite width.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    Wick's theorem on a new factor G around X = W W^H, with entries of variance 1/N: for
    a = E tr(X^2)/N and b = E (tr X)^2/N^2, complex entries give a' = a + b, b' = b + a/N^2, and
    real ones, which have one more pairing, a' = a + b + a/N, b' = b + 2 a/N^2.
    """
    N = integer("width", width, at_least=1)
    L = integer("depth", depth, at_least=1)
    real_entries = choice("field", field, FIELDS) == "real"
    a = b = 1.0
    for _ in range(L):
        a, b = a + b + real_entries * a / N, b + (1 + real_entries) * a / N**2
    return a


def _complex_annealed_rank(N: int, L: int) -> float:
    """log c_N - q_N/c_N from E sum_i s_i^z, a sum of positive terms over k = 0 ... N-1.

    (1+z)_k/k! (1-z)_(N-1-k)/(N-1-k)! (Gamma(k+1+z)/Gamma(k+1))^L / N^(L z), at z = 1/2.
    """
    z, k = 0.5, np.arange(N)
    r = N - 1 - k
    log_terms = (
        special.gammaln(1 + z + k)
        - special.gammaln(1 + z)
        - special.gammaln(k + 1)
        + special.gammaln(1 - z + r)
        - special.gammaln(1 - z)
        - special.gammaln(r + 1)
        + L * (special.gammaln(k + 1 + z) - special.gammaln(k + 1) - z * np.log(N))
    )
    slopes = (
        special.digamma(1 + z + k)
        - special.digamma(1 + z)
        - special.digamma(1 - z + r)
        + special.digamma(1 - z)
        + L * (special.digamma(k + 1 + z) - np.log(N))
    )
    weights = special.softmax(log_terms)
    log_c = special.logsumexp(log_terms) - np.log(N)
    # q/c = (1/2) d log(E mean s^z)/dz at z = 1/2
    return float(log_c - z * (weights @ slopes))


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
        integrate.quad(integrand, 0, b, args=(power,), epsabs=0, epsrel=1e-11)[0]
        for power in (0, 1)
    )
    M = float(np.exp(log_moment(z, L)))
    dlog_M = (
        (L + 1) * special.digamma((L + 1) * z + 1)
        - special.digamma(z + 1)
        - L * special.digamma(L * z + 2)
    )
    first = z * (L * z + 1) * M * A
    second = b * M * (L * z + 1)
    dlog = L / (L * z + 1) + dlog_M
    slope = (first * (1 / z + dlog + dA / A) - second * dlog) / 2
    return float((first - second) / 2), float(slope)


def _real_coefficient(L: int) -> float:
    """R_L in E[rank] = log N + rho + R_L/N + ...: the first variation of log c - q/c."""
    c = float(np.exp(log_moment(0.5, L)))
    q_over_c = float(log_moment(0.5, L)) - float(differential_effective_rank(L))
    c1, twice_q1 = real_moment_correction(0.5, L)
    q1 = twice_q1 / 2
    return float((c1 - q1) / c + q_over_c * c1 / c)
