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

import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import integrate, special

from rmt_rank._random import FIELDS
from rmt_rank._validation import choice, integer
from rmt_rank.theory.effective_rank import differential_effective_rank
from rmt_rank.theory.moments import log_moment

__all__ = ["LARGEST_DEPTH_PER_WIDTH", "FiniteWidthCorrection", "finite_width_correction"]
__all__ += ["complex_nuclear_variance", "complex_power_sum", "trace_moments"]

Array = npt.NDArray[np.float64]

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


def trace_moments(
    widths: Sequence[int], order: int, field: str = "real"
) -> dict[tuple[int, ...], float]:
    """Exact means of products of traces of powers of W^H W, for a product W of Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_L; layer l has n_l x n_(l-1) entries of variance 1/N, N = min(widths).
    order : int
        Total power k, from 1 to 4.
    field : {"real", "complex"}
        Field of the entries.

    Returns
    -------
    dict
        For every partition of k, in descending order, such as (2, 1):
        E[tr (W^H W)^2 tr (W^H W)] / N^2, N to the number of parts.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    Wick's theorem on a factor G of n x m entries around X: the means for G X G^H are a linear
    function of those for X, with n to the number of closed row indices as coefficients, summed over
    all pairings of the 2k factors (for complex entries, of G with conj(G) only).
    """
    widths = [integer("widths", n, at_least=1) for n in widths]
    if len(widths) < 2:
        raise ValueError(f"widths must have at least 2 entries, got {widths}")
    choice("field", field, FIELDS)
    if integer("order", order, at_least=1) > 4:
        raise ValueError(f"order must be an integer from 1 to 4, got {order}")
    N = min(widths)
    means = dict.fromkeys(_partitions(order), 1.0)  # of X = 1, over N to the number of parts
    first = widths.index(N)
    for n in (*widths[:first], *widths[first + 1 :]):
        means = {
            outer: sum(
                count
                * float(n) ** loops
                * N ** float(len(inner) - len(outer) - order)
                * means[inner]
                for (inner, loops), count in _pairings(outer, field).items()
            )
            for outer in means
        }
    return means


def _partitions(k: int, largest: int | None = None) -> list[tuple[int, ...]]:
    """Partitions of k into parts of at most `largest`, each in descending order."""
    if k == 0:
        return [()]
    parts = range(min(k, largest or k), 0, -1)
    return [(part, *rest) for part in parts for rest in _partitions(k - part, part)]


@functools.cache
def _pairings(outer: tuple[int, ...], field: str) -> Counter[tuple[tuple[int, ...], int]]:
    """Pairings of the factors of a product of traces, counted by what they leave.

    The j-th G X G^H has the ends 2j (G) and 2j + 1 (G^H); rows of 2j + 1 meet those of the next G
    in its trace, columns of 2j and 2j + 1 meet in X.  A pairing joins rows and columns of two ends:
    every cycle of rows is a free index, every cycle of columns a trace of as many X.
    """
    k = sum(outer)
    row, column = [0] * (2 * k), [j ^ 1 for j in range(2 * k)]
    start = 0
    for length in outer:
        for j in range(length):
            a, b = 2 * (start + j) + 1, 2 * (start + (j + 1) % length)
            row[a], row[b] = b, a
        start += length

    def cycles(links: list[int], pairs: list[int]) -> list[int]:
        seen, lengths = set(), []
        for end in range(2 * k):
            length = 0
            while end not in seen:
                seen |= {end, links[end]}
                end, length = pairs[links[end]], length + 1
            if length:
                lengths.append(length)
        return lengths

    def all_pairings(ends: list[int]) -> Iterator[list[tuple[int, int]]]:
        if not ends:
            yield []
            return
        first, *others = ends
        for other in others:
            if field == "real" or (first + other) % 2 == 1:
                rest = [end for end in others if end != other]
                yield from ([(first, other), *pairs] for pairs in all_pairings(rest))

    found: Counter[tuple[tuple[int, ...], int]] = Counter()
    for pairing in all_pairings(list(range(2 * k))):
        pairs = [0] * (2 * k)
        for a, b in pairing:
            pairs[a], pairs[b] = b, a
        inner = tuple(sorted(cycles(column, pairs), reverse=True))
        found[inner, len(cycles(row, pairs))] += 1
    return found


class PowerSum(NamedTuple):
    """E sum_i s_i^z over N for complex entries, and its derivative in z."""

    value: float
    slope: float


def complex_power_sum(widths: Sequence[int], z: float) -> PowerSum:
    """Exact mean of (1/N) sum_i s_i^z, s = sigma^2, of a product of complex Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        As in `trace_moments`.
    z : float
        -1 < z < 1, where all terms are positive.

    Returns
    -------
    PowerSum

    References
    ----------
    .. [1] G. Akemann, J. R. Ipsen, M. Kieburg, doi:10.1103/PhysRevE.88.052118, whose double sum
       telescopes to this one.
    """
    log_terms, slopes = _complex_terms(tuple(widths), z)
    value = float(np.exp(special.logsumexp(log_terms))) / min(widths)
    return PowerSum(value, float(value * (special.softmax(log_terms) @ slopes)))


def complex_nuclear_variance(widths: Sequence[int]) -> float:
    """Exact variance of (1/N) sum_i sigma_i of a product of complex Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        As in `trace_moments`.

    Returns
    -------
    float

    Notes
    -----
    E sum s^z = sin(pi z)/(pi z) sum_k g_k, and the covariance of sum s^z and sum s^w is
    E sum s^(z+w) - sin(pi z) sin(pi w)/pi^2 sum_kl g_k(z) g_l(w)/((z+k-l)(w-k+l)); here z = w =
    1/2.
    """
    N = min(widths)
    others = _others(widths)
    log_terms, _ = _complex_terms(tuple(widths), 0.5)
    g = np.exp(log_terms) * math.pi / 2  # sin(pi/2)/(pi/2) g_k are the terms of E sum sigma
    k = np.arange(N)
    kernel = 1 / (0.25 - np.subtract.outer(k, k) ** 2)
    square = float(np.prod([n / N for n in others])) * N  # E tr W^H W
    return (square - float(g @ kernel @ g) / math.pi**2) / N**2


def _others(widths: Sequence[int]) -> list[int]:
    """All widths but one of the smallest."""
    first = list(widths).index(min(widths))
    return [*widths[:first], *widths[first + 1 :]]


def _complex_terms(widths: tuple[int, ...], z: float) -> tuple[Array, Array]:
    """Logarithms of the terms of E sum_i s_i^z, and their slopes in z, over k = 0 ... N-1.

    (1+z)_k/k! (1-z)_(N-1-k)/(N-1-k)! prod_j Gamma(k+1+nu_j+z)/Gamma(k+1+nu_j) / N^(L z), with
    nu_j = n_j - N for every width but one of the smallest.
    """
    N = min(widths)
    k = np.arange(N)
    r = N - 1 - k
    log_terms = (
        special.gammaln(1 + z + k)
        - special.gammaln(1 + z)
        - special.gammaln(k + 1)
        + special.gammaln(1 - z + r)
        - special.gammaln(1 - z)
        - special.gammaln(r + 1)
    )
    slopes = (
        special.digamma(1 + z + k)
        - special.digamma(1 + z)
        - special.digamma(1 - z + r)
        + special.digamma(1 - z)
    )
    for n, layers in Counter(_others(widths)).items():
        a = k + 1 + n - N
        step = special.gammaln(a + z) - special.gammaln(a) - z * np.log(N)
        log_terms = log_terms + layers * step
        slopes = slopes + layers * (special.digamma(a + z) - np.log(N))
    return log_terms, slopes


def _complex_annealed_rank(N: int, L: int) -> float:
    """log c_N - q_N/c_N from E sum_i s_i^z near z = 1/2."""
    log_terms, slopes = _complex_terms((N,) * (L + 1), 0.5)
    log_c = special.logsumexp(log_terms) - np.log(N)
    # q/c = (1/2) d log(E mean s^z)/dz at z = 1/2
    return float(log_c - 0.5 * (special.softmax(log_terms) @ slopes))


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
