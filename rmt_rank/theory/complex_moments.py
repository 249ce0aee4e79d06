r"""Exact moments at finite width, for complex entries.

With nu_j = n_j - N >= 0 for every width but one of the smallest, N,

E sum_i s_i^z = sum_k (1+z)_k/k! (1-z)_(N-1-k)/(N-1-k)! prod_j Gamma(k+1+nu_j+z)/Gamma(k+1+nu_j)

over k = 0 ... N - 1, divided by N^(L z) for entries of variance 1/N: the double sum over the
biorthogonal kernel of Akemann, Ipsen and Kieburg (doi:10.1103/PhysRevE.88.052118) telescopes to it.
For -1 < z < 1 all terms are positive; beyond, they change sign floor(z) times, and nothing cancels
that matters.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._validation import integer, real
from rmt_rank.theory.moments import DIRECT_BELOW, LOG_GAMMA, power_differences

__all__ = ["PowerSum", "complex_nuclear_variance", "complex_power_sum"]

Array = npt.NDArray[np.float64]


class PowerSum(NamedTuple):
    """E[(1/N) sum_i s_i^z] by its logarithm, and the derivative of that in z."""

    log: float
    log_slope: float

    @property
    def value(self) -> float:
        """The mean itself."""
        return math.exp(self.log)

    @property
    def slope(self) -> float:
        """Its derivative, E[(1/N) sum_i s_i^z log s_i]."""
        return math.exp(self.log) * self.log_slope


def complex_power_sum(widths: Sequence[int], z: float) -> PowerSum:
    """Exact mean of (1/N) sum_i s_i^z, s = sigma^2, of a product of complex Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_L; layer l has n_l x n_(l-1) entries of variance 1/N, N = min(widths).
    z : float
        Greater than -1.

    Returns
    -------
    PowerSum

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    References
    ----------
    .. [1] G. Akemann, J. R. Ipsen, M. Kieburg, doi:10.1103/PhysRevE.88.052118.
    """
    widths = [integer("widths", n, at_least=1) for n in widths]
    if len(widths) < 2:
        raise ValueError(f"widths must have at least 2 entries, got {widths}")
    z = real("z", z, above=-1)
    N = min(widths)
    logs, slopes, signed, signed_slopes = _terms(widths, z)
    scale = logs.max()
    weights = np.exp(logs - scale)
    total = float(weights @ signed)
    slope = float(weights @ (slopes * signed + signed_slopes))
    return PowerSum(float(scale) + math.log(total / N), slope / total)


def complex_nuclear_variance(widths: Sequence[int]) -> float:
    """Exact variance of (1/N) sum_i sigma_i of a product of complex Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        As in `complex_power_sum`.

    Returns
    -------
    float

    Notes
    -----
    With E sum s^z = sin(pi z)/(pi z) sum_k g_k(z), the covariance of sum s^z and sum s^w is
    E sum s^(z+w) - sin(pi z) sin(pi w)/pi^2 sum_kl g_k(z) g_l(w)/((z+k-l)(w-k+l)); here z = w =
    1/2.
    """
    N = min(widths)
    logs, _, signed, _ = _terms(widths, 0.5)
    g = np.exp(logs) * signed * math.pi / 2
    # the sum over l is a convolution
    kernel = 1 / (0.25 - np.arange(1 - N, N) ** 2.0)
    inner = np.convolve(kernel, g)[N - 1 : 2 * N - 1]
    square = math.prod(n / N for n in _others(widths)) * N  # E tr W^H W
    return float((square - float(g @ inner) / math.pi**2) / N**2)


def _others(widths: Sequence[int]) -> list[int]:
    """All widths but one of the smallest."""
    first = list(widths).index(min(widths))
    return [*widths[:first], *widths[first + 1 :]]


def _terms(widths: Sequence[int], z: float) -> tuple[Array, Array, Array, Array]:
    """Terms over k as exp(log) times signed, and the derivatives of both factors in z."""
    N = min(widths)
    k = np.arange(N, dtype=np.float64)
    # (1+z)_k/k! = Gamma(k+1+z)/Gamma(k+1)/Gamma(1+z)
    logs = _log_ratio(k + 1, z) - special.gammaln(1 + z)
    slopes = special.digamma(k + 1 + z) - special.digamma(1 + z)
    for n, layers in Counter(_others(widths)).items():
        a = k + 1 + n - N
        logs = logs + layers * (_log_ratio(a, z) - z * math.log(N))
        slopes = slopes + layers * (special.digamma(a + z) - math.log(N))
    # (1-z)_r/r! and its derivative by recurrence: both may vanish or change sign for z >= 1
    signed, signed_slopes = np.empty(N), np.empty(N)
    value, slope = 1.0, 0.0
    for r in range(N):
        if r > 0:
            value, slope = value * (r - z) / r, (slope * (r - z) - value) / r
        signed[N - 1 - r], signed_slopes[N - 1 - r] = value, slope
    return logs, slopes, signed, signed_slopes


def _log_ratio(a: Array, z: float) -> Array:
    """log Gamma(a+z) - log Gamma(a), to an absolute error of a few eps."""
    result = np.empty(a.shape)
    large = a > DIRECT_BELOW
    result[~large] = special.gammaln(a[~large] + z) - special.gammaln(a[~large])
    x = a[large] - 1
    shift = np.asarray(z)
    result[large] = (
        (x + 0.5) * np.log1p(z / x)
        + z * (np.log(x + z) - 1)
        + power_differences(x, shift, LOG_GAMMA)
    )
    return result
