r"""Exact moments at finite width, for complex entries, as sums of positive terms.

They give the annealed rank, from mean moments; for exact means of the rank itself see
`exact_means`.

With nu_j = n_j - N >= 0 for every width but one of the smallest, N, nu_0 = 0 and
F(k) = prod_(j=0)^L Gamma(k+1+nu_j+z)/Gamma(k+1+nu_j),

E sum_i s_i^z = 1/Gamma(1+z) sum_(k=0)^(N-1) (1-z)_(N-1-k)/(N-1-k)! F(k)

for entries of variance 1: the double sum over the biorthogonal kernel of Akemann, Ipsen and Kieburg
(doi:10.1103/PhysRevE.88.052118) telescopes to it.  Beyond z = 1 its terms change sign and cancel to
one part in N^(z-1).  So it is summed by parts m = ceil(z) - 1 times,

E sum_i s_i^z = 1/Gamma(1+z) sum_k (m+1-z)_(N-1-k)/(N-1-k)! (D^m F)(k),  D F(k) = F(k) - F(k-1),

and D^m F is a sum of positive terms: D^i Gamma(x+z)/Gamma(x) = z ... (z-i+1) Gamma(x+z-i)/Gamma(x),
and D^m (f g)(k) = sum_i binom(m, i) D^i f(k) D^(m-i) g(k-i).

"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.validation import LARGEST_INTEGER, integer, integer_widths, real, require_memory
from rmt_rank.theory.finite_width.gamma_ratios import log_ratio, shifted_digamma

__all__ = ["BYTES_PER_WIDTH", "MOST_FACTORS", "PowerSum", "annealed_effective_rank", "beta_weights"]
__all__ += ["complex_moment_correction", "complex_power_sum"]

Array = npt.NDArray[np.float64]
# (i, j): D^j f(k-i)/f(k) over k
_Differences = dict[tuple[int, int], npt.NDArray[np.complex128]]

# Limits on arrays of sums over the width, and on factors that are counted one by one.
BYTES_PER_WIDTH, MOST_FACTORS = 200.0, 10**6
# Range in which the products of so many numbers, in sums by parts, are floats.
_LARGEST_POWER = 64
# Derivatives of rational functions are their imaginary parts at z + i times this: no differences,
# no error.
_IMAGINARY_STEP = 1e-50
# The largest logarithm of a float.
LARGEST_LOG = 709.78


class PowerSum(NamedTuple):
    """E[(1/N) sum_i s_i^z] by its logarithm, and the derivative of that in z."""

    log: float
    log_slope: float

    @property
    def value(self) -> float:
        """The mean."""
        return math.exp(self.log) if self.log < LARGEST_LOG else math.inf

    @property
    def slope(self) -> float:
        """The derivative of the mean in z, E[(1/N) sum_i s_i^z log s_i]."""
        return self.value * self.log_slope


def complex_power_sum(widths: Sequence[int], z: float) -> PowerSum:
    """Exact mean of (1/N) sum_i s_i^z, s = sigma^2, of a product of complex Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_L; layer l has n_l x n_(l-1) entries of variance 1/N, N = min(widths).
    z : float
        Greater than -1, at most 64.

    Returns
    -------
    PowerSum
        Its `value` is inf where the mean is too large for a float; `log` is always given.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    All terms are positive.  Compared with 80 digits, z up to 4, the logarithm is off by at most
    1e-12 for widths 2 to 4096 and depths to 1000, and 2e-12 at depth 100000; relative to itself, or
    to 1 where it is smaller, by 3e-14 and 3e-13.

    References
    ----------
    .. [1] G. Akemann, J. R. Ipsen, M. Kieburg, doi:10.1103/PhysRevE.88.052118.

    Examples
    --------
    One matrix, E tr S^2 / N = 2 and E tr S^3 / N = 5 + 1/N^2:

    >>> from rmt_rank.theory.finite_width.complex_moments import complex_power_sum
    >>> [round(complex_power_sum((10, 10), z).value, 12) for z in (2, 3)]
    [2.0, 5.01]
    """
    widths = integer_widths(widths)
    z = real("z", z, above=-1, at_most=_LARGEST_POWER)
    N = min(widths)
    passes = max(0, math.ceil(z) - 1)
    # complex numbers for every pair of differences, of three functions
    require_memory("widths", (BYTES_PER_WIDTH + (48 * passes**2 if passes else 0)) * N)
    layers = Counter(sorted(widths)[1:])
    logs, factors, slopes, factor_slopes = beta_weights(N, z, passes)
    k = np.arange(N, dtype=np.float64)
    for n, count in layers.items():
        a = k + 1 + n - N
        logs = logs + count * log_ratio(a, z, N)
        slopes = slopes + count * shifted_digamma(a + z, N)
    if passes:
        layers[N] += 1
        differences = _differences(layers, N, complex(z, _IMAGINARY_STEP), passes)
        factor_slopes = (
            factor_slopes * differences.real + factors * differences.imag / _IMAGINARY_STEP
        )
        factors = factors * differences.real
    scale = logs.max()
    exponentials = np.exp(logs - scale)
    total = float(exponentials @ factors)
    slope = float(exponentials @ (slopes * factors + factor_slopes))
    return PowerSum(float(scale) + math.log(total / N), slope / total)


def annealed_effective_rank(widths: Sequence[int], *, power: float = 1) -> float:
    """The effective rank of the mean spectrum of a product of complex Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        As in `complex_power_sum`.
    power : float, default 1
        Power of the singular values, as in `differential_effective_rank`; at most 128.

    Returns
    -------
    float
        log N + log c - q/c in nats, c = E[mean sigma^power], q = E[mean sigma^power log
        sigma^power].

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Warnings
    --------
    Not the mean effective rank.  That is larger by the fluctuation of the scale of the product,
    L^2 (L+2)/(16 (L+1) N^2) for square matrices and power 1, in the limit; beyond depth N/2 the two
    have nothing to do with each other, and this one falls below 0.

    Examples
    --------
    >>> import math
    >>> from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
    >>> from rmt_rank.theory.finite_width.complex_moments import annealed_effective_rank
    >>> round(annealed_effective_rank((100, 100, 100)), 6)
    4.203815
    >>> round(float(math.log(100) + differential_effective_rank(2)), 7)
    4.2037825
    """
    z = real("power", power, above=0, at_most=2 * _LARGEST_POWER) / 2
    moment = complex_power_sum(widths, z)
    return math.log(min(widths)) + moment.log - z * moment.log_slope


def complex_moment_correction(z: float, depth: int) -> float:
    """The coefficient b in E[mean s^z] = M(z) (1 + b/N^2 + ...), complex entries, square factors.

    Parameters
    ----------
    z : float
        Greater than 1/(depth + 1), at most 1e30.
    depth : int
        Number of factors L, from 1 to 2^53.

    Returns
    -------
    float
        L z (1-z) (L z + 1) (2 - L z) / (24 ((L+1) z - 1)).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    M(z) is `fuss_catalan_moment`.  Formal; verified to six digits by extrapolation of the exact
    sum, and exact for z = 1, 2 and 3.  The small singular values add a term of the order
    N^-(1 + (L+1) z), which for z below 1/(L+1) is the larger one; at 1/(L+1) both have a pole, and
    the correction is log(N)/N^2.

    Examples
    --------
    E tr S^3 / N = 5 + 1/N^2 for one matrix:

    >>> from rmt_rank.theory.finite_width.complex_moments import complex_moment_correction
    >>> round(5 * complex_moment_correction(3, depth=1), 12)
    1.0
    """
    L = integer("depth", depth, at_least=1, at_most=LARGEST_INTEGER)
    z = real("z", z, at_most=1e30)
    if (L + 1) * z <= 1:
        raise ValueError(f"z must be > 1/(depth + 1) = {1 / (L + 1):g} at depth {L}, got {z!r}")
    return L * z * (1 - z) * (L * z + 1) * (2 - L * z) / (24 * ((L + 1) * z - 1))


def beta_weights(N: int, z: float, passes: int) -> tuple[Array, Array, Array, Array]:
    """(1+z)_k/k! (t)_r/r! with t = passes + 1 - z and r = N - 1 - k, as exp(log) times a factor.

    Then the derivatives of the logarithm and of the factor in z.  The factor is 1 for r = 0 and
    else t, which may be 0.
    """
    k = np.arange(N, dtype=np.float64)
    r = np.maximum(N - 1 - k, 1)
    t = passes + 1 - z
    logs = log_ratio(k + 1, z, 1) - special.gammaln(1 + z)
    slopes = special.digamma(k + 1 + z) - special.digamma(1 + z)
    # (t)_r/r! = t/r Gamma(r+t)/Gamma(r)/Gamma(1+t)
    tail = log_ratio(r, t, 1) - np.log(r) - special.gammaln(1 + t)
    tail[-1] = 0
    logs += tail
    factors = np.full(N, t)
    factor_slopes = -1 - t * (special.digamma(r + t) - special.digamma(1 + t))
    factors[-1], factor_slopes[-1] = 1, 0
    return logs, factors, slopes, factor_slopes


def _differences(
    layers: Counter[int], N: int, z: complex, order: int
) -> npt.NDArray[np.complex128]:
    """D^order F(k)/F(k), between 0 and 1 for real z."""
    total: _Differences | None = None
    for n, count in layers.items():
        x = np.arange(N, dtype=np.float64) + 1 + n - N
        power = _one_layer(x, z, order)
        while count:
            if count % 2:
                total = power if total is None else _product(total, power)
            count //= 2
            if count:
                power = _product(power, power)
    assert total is not None
    return total[0, order]


def _one_layer(x: Array, z: complex, order: int) -> _Differences:
    """[z ... (z-j+1)] [(x-1) ... (x-i)] / [(x+z-1) ... (x+z-i-j)], for Gamma(x+z)/Gamma(x)."""

    def falling(y: Any, count: int) -> Any:
        return math.prod((y - a for a in range(count)), start=np.ones(x.shape, dtype=complex))

    return {
        (i, j): falling(z, j) * falling(x - 1, i) / falling(x + z - 1, i + j)
        for i in range(order + 1)
        for j in range(order + 1 - i)
    }


def _product(f: _Differences, g: _Differences) -> _Differences:
    """Backward differences of a product of two functions, by Leibniz's rule."""
    return {
        (i, j): sum(
            (math.comb(j, a) * f[i, a] * g[i + a, j - a] for a in range(j + 1)),
            start=np.zeros_like(f[0, 0]),
        )
        for i, j in f
    }
