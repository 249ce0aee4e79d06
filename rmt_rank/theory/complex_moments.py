r"""Exact moments at finite width, for complex entries, as sums of positive terms.

With nu_j = n_j - N >= 0 for every width but one of the smallest, N, nu_0 = 0 and
F(k) = prod_(j=0)^L Gamma(k+1+nu_j+z)/Gamma(k+1+nu_j),

E sum_i s_i^z = 1/Gamma(1+z) sum_(k=0)^(N-1) (1-z)_(N-1-k)/(N-1-k)! F(k)

for entries of variance 1: the double sum over the biorthogonal kernel of Akemann, Ipsen and Kieburg
(doi:10.1103/PhysRevE.88.052118) telescopes to it.  Beyond z = 1 its terms change sign and cancel to
one part in N^(z-1).  So it is summed by parts m = ceil(z) - 1 times,

E sum_i s_i^z = 1/Gamma(1+z) sum_k (m+1-z)_(N-1-k)/(N-1-k)! (D^m F)(k),  D F(k) = F(k) - F(k-1),

and D^m F is a sum of positive terms: D^i Gamma(x+z)/Gamma(x) = z ... (z-i+1) Gamma(x+z-i)/Gamma(x),
and D^m (f g)(k) = sum_i binom(m, i) D^i f(k) D^(m-i) g(k-i).

Covariances: with T_k(z) = (1+z)_k/k! (1-z)_(N-1-k)/(N-1-k)!, r_k(z) for F(k) without its factor
j = 0,
and C_kl = zw T_k(z) T_l(w)/((z+k-l)(w-k+l)),

Cov(sum s^z, sum s^w) = sum_k T_k(z+w) r_k(z+w) - sum_kl C_kl r_k(z) r_l(w),

a difference of two numbers of order N that is of order 1.  But T_k(z+w) is the sum of C_kl over l,
and that of C_lk, too: z T_k(z) is the residue of R_z(u) = prod_(j<N) (u+z-j)/(u-j) at k, so that of
R_w(v)/((z+k-v)(w-k+v)) add up to -R_w(z+k)/(z+w), and R_w(z+k) z T_k(z) = (z+w) T_k(z+w).  Hence

Cov = sum_k T_k(z+w) [r_k(z+w) - r_k(z) r_k(w)]
      + 1/2 sum_kl C_kl [r_k(z) r_k(w) + r_l(z) r_l(w) - 2 r_k(z) r_l(w)],

where both sums are of order 1, and every bracket is a difference that can be taken without loss.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._random import FIELDS
from rmt_rank._validation import choice, integer, real
from rmt_rank.theory.moments import BERNOULLI, DIRECT_BELOW, LOG_GAMMA, power_differences

__all__ = ["NuclearNormLogVariance", "PowerSum", "annealed_effective_rank", "complex_covariance"]
__all__ += ["complex_moment_correction", "complex_power_sum", "nuclear_norm_log_variance"]

Array = npt.NDArray[np.float64]
# (i, j): D^j f(k-i)/f(k) over k
_Differences = dict[tuple[int, int], npt.NDArray[np.complex128]]

# Derivatives of rational functions are their imaginary parts at z + i times this: no differences,
# no error.
_IMAGINARY_STEP = 1e-50


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


class NuclearNormLogVariance(NamedTuple):
    """Var log of the nuclear norm: its limit, and for complex entries the exact variance/mean^2."""

    limit: float
    delta_method: float | None


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
        Its `value` raises OverflowError where the mean is too large for a float; `log` is there
        always.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    All terms are positive.  Seen against 80 digits, z up to 4: the logarithm is off by at most
    1e-12 for widths 2 to 4096 and depths to 1000, and 2e-12 at depth 100000; relative to itself, or
    to 1 where it is smaller, by 3e-14 and 3e-13.

    References
    ----------
    .. [1] G. Akemann, J. R. Ipsen, M. Kieburg, doi:10.1103/PhysRevE.88.052118.

    Examples
    --------
    One matrix, E tr S^2 / N = 2 and E tr S^3 / N = 5 + 1/N^2:

    >>> from rmt_rank.theory.complex_moments import complex_power_sum
    >>> [round(complex_power_sum((10, 10), z).value, 12) for z in (2, 3)]
    [2.0, 5.01]
    """
    widths = _checked_widths(widths)
    z = real("z", z, above=-1)
    N = min(widths)
    passes = max(0, math.ceil(z) - 1)
    layers = Counter(_others(widths))
    logs, factors, slopes, factor_slopes = _weights(N, z, passes)
    k = np.arange(N, dtype=np.float64)
    for n, count in layers.items():
        a = k + 1 + n - N
        logs = logs + count * _log_ratio(a, z, N)
        slopes = slopes + count * _digamma(a + z, N)
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


def complex_covariance(widths: Sequence[int], z: float, w: float) -> float:
    """Exact covariance of (1/N) sum_i s_i^z and (1/N) sum_i s_i^w, complex entries.

    Parameters
    ----------
    widths : sequence of int
        As in `complex_power_sum`.
    z, w : float
        Greater than 0, at most 1.  For integers up to a sum of 4 see `trace_moments`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    OverflowError
        If the covariance is too large for a float.

    Notes
    -----
    Relative error below 1e-14, against 70 digits at widths up to 300 and depths up to 199.  Time
    grows like N^2: a tenth of a second at N = 4096.

    References
    ----------
    .. [1] G. Akemann, J. R. Ipsen, M. Kieburg, doi:10.1103/PhysRevE.88.052118, for the kernel.

    Examples
    --------
    The variance of tr W^H W / N of one matrix is 1/N^2:

    >>> from rmt_rank.theory.complex_moments import complex_covariance
    >>> round(complex_covariance((10, 10), 1, 1), 12)
    0.01
    """
    widths = _checked_widths(widths)
    z, w = _power("z", z), _power("w", w)
    N = min(widths)
    k = np.arange(N, dtype=np.float64)
    log_p, log_q, joint = np.zeros(N), np.zeros(N), np.zeros(N)
    for n, count in Counter(_others(widths)).items():
        a = k + 1 + n - N
        log_p += count * _log_ratio(a, z, N)
        log_q += count * _log_ratio(a, w, N)
        joint += count * _log_cross_ratio(a, z, w)
    logs = log_p + log_q + joint
    scale = float(logs.max())
    if scale > _LARGEST_LOG:
        raise OverflowError("the covariance is too large for a float")
    shift = (log_p.max() - log_q.max()) / 2
    total = _diagonal(widths, z, w, logs - scale, joint)
    total += _off_diagonal(
        N, z, w, np.exp(log_p - scale / 2 - shift), np.exp(log_q - scale / 2 + shift)
    )
    return math.exp(scale) * total / N**2


def nuclear_norm_log_variance(
    width: int, depth: int, field: str = "real"
) -> NuclearNormLogVariance:
    """Variance of the logarithm of the nuclear norm of a product of `depth` Gaussian matrices.

    Parameters
    ----------
    width, depth : int
        Side N and number L of the square factors, each at least 1.
    field : {"real", "complex"}
        Field of the Gaussian entries.

    Returns
    -------
    NuclearNormLogVariance
        `limit`: (2/beta) L (L+2)^2/(16 (L+1) N^2), beta = 1 for real and 2 for complex entries,
        what it tends to as N grows at fixed depth.  `delta_method`: for complex entries the exact
        variance of the norm over its squared mean, None for real ones.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    The limit is formal, and verified by Monte Carlo for both fields; for complex entries it is the
    limit of `delta_method`, verified to five digits.  Both need a small variance, depth well below
    width: then what the delta method leaves out is of the order of its square.

    Examples
    --------
    >>> from rmt_rank.theory.complex_moments import nuclear_norm_log_variance
    >>> limit, delta_method = nuclear_norm_log_variance(64, 3, "complex")
    >>> round(limit, 7), round(delta_method, 7)
    (0.0002861, 0.0002861)
    """
    N = integer("width", width, at_least=1)
    L = integer("depth", depth, at_least=1)
    limit = L * (L + 2) ** 2 / (16 * (L + 1) * N**2)
    if choice("field", field, FIELDS) == "real":
        return NuclearNormLogVariance(2 * limit, None)
    widths = (N,) * (L + 1)
    mean = complex_power_sum(widths, 0.5)
    return NuclearNormLogVariance(
        limit, complex_covariance(widths, 0.5, 0.5) * math.exp(-2 * mean.log)
    )


def annealed_effective_rank(widths: Sequence[int], *, power: float = 1) -> float:
    """The effective rank of the mean spectrum of a product of complex Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        As in `complex_power_sum`.
    power : float, default 1
        Power of the singular values, as in `differential_effective_rank`.

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
    >>> from rmt_rank import differential_effective_rank
    >>> from rmt_rank.theory.complex_moments import annealed_effective_rank
    >>> round(annealed_effective_rank((100, 100, 100)), 6)
    4.203815
    >>> round(float(math.log(100) + differential_effective_rank(2)), 7)
    4.2037825
    """
    z = real("power", power, above=0) / 2
    moment = complex_power_sum(widths, z)
    return math.log(min(widths)) + moment.log - z * moment.log_slope


def complex_moment_correction(z: float, depth: int) -> float:
    """The coefficient b in E[mean s^z] = M(z) (1 + b/N^2 + ...), complex entries, square factors.

    Parameters
    ----------
    z : float
        Greater than 1/(depth + 1).
    depth : int
        Number of factors L, at least 1.

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

    >>> from rmt_rank.theory.complex_moments import complex_moment_correction
    >>> round(5 * complex_moment_correction(3, depth=1), 12)
    1.0
    """
    L = integer("depth", depth, at_least=1)
    z = real("z", z)
    if (L + 1) * z <= 1:
        raise ValueError(f"z must be > 1/(depth + 1) = {1 / (L + 1):g} at depth {L}, got {z!r}")
    return L * z * (1 - z) * (L * z + 1) * (2 - L * z) / (24 * ((L + 1) * z - 1))


_LARGEST_LOG = 700.0


def _checked_widths(widths: Sequence[int]) -> list[int]:
    widths = [integer("widths", n, at_least=1) for n in widths]
    if len(widths) < 2:
        raise ValueError(f"widths must have at least 2 entries, got {widths}")
    return widths


def _power(name: str, value: float) -> float:
    value = real(name, value, above=0)
    if value > 1:
        raise ValueError(f"{name} must be > 0 and <= 1, got {value!r}")
    return value


def _others(widths: Sequence[int]) -> list[int]:
    """All widths but one of the smallest."""
    first = list(widths).index(min(widths))
    return [*widths[:first], *widths[first + 1 :]]


def _weights(N: int, z: float, passes: int) -> tuple[Array, Array, Array, Array]:
    """(1+z)_k/k! (t)_r/r! with t = passes + 1 - z and r = N - 1 - k, as exp(log) times a factor.

    Then the derivatives of the logarithm and of the factor in z.  The factor is 1 for r = 0 and
    else t, which may be 0.
    """
    k = np.arange(N, dtype=np.float64)
    r = np.maximum(N - 1 - k, 1)
    t = passes + 1 - z
    logs = _log_ratio(k + 1, z, 1) - special.gammaln(1 + z)
    slopes = special.digamma(k + 1 + z) - special.digamma(1 + z)
    # (t)_r/r! = t/r Gamma(r+t)/Gamma(r)/Gamma(1+t)
    tail = _log_ratio(r, t, 1) - np.log(r) - special.gammaln(1 + t)
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
    """Of a product of two functions."""
    return {
        (i, j): sum(
            (math.comb(j, a) * f[i, a] * g[i + a, j - a] for a in range(j + 1)),
            start=np.zeros_like(f[0, 0]),
        )
        for i, j in f
    }


def _diagonal(widths: list[int], z: float, w: float, logs: Array, joint: Array) -> float:
    """sum_k T_k(z+w) exp(logs) (1 - exp(-joint)), summed by parts if z + w > 1."""
    N, y = min(widths), z + w
    passes = int(y > 1)
    weights, factors, _, _ = _weights(N, y, passes)
    values = -np.expm1(-joint)
    if passes:
        # D of it: with the ratios exp(-ratio) of what comes before `values` and the steps of joint
        k = np.arange(1.0, N)
        ratio, step = np.log1p(y / k), np.zeros(N - 1)
        for n, count in Counter(_others(widths)).items():
            a = k + n - N
            ratio += count * np.log1p(y / a)
            step += count * _log_cross_step(a, z, w)
        values[1:] = values[1:] * -np.expm1(-ratio) + np.exp(-ratio - joint[1:]) * np.expm1(-step)
    return float(np.exp(weights + logs) @ (factors * values))


def _off_diagonal(N: int, z: float, w: float, p: Array, q: Array) -> float:
    """1/2 sum_kl C_kl [p_k (q_k - q_l) - q_l (p_k - p_l)], over k - l = m and -m at a time."""
    bare_z, bare_w = (v * np.exp(_weights(N, v, 0)[0]) for v in (z, w))
    # v T_k(v) is bare (1 - v), without that factor for the last k
    full_z, full_w = (1 - z) * bare_z, (1 - w) * bare_w
    full_z[-1], full_w[-1] = bare_z[-1], bare_w[-1]
    total = 0.0
    for m in range(1, N):
        dp, dq = p[m:] - p[:-m], q[m:] - q[:-m]
        # (1 - w)/(w - m), also at w = 1
        factor_w, factor_z = (-1.0 if m == 1 else (1 - v) / (v - m) for v in (w, z))
        total += factor_w / (z + m) * float((full_z[m:] * bare_w[:-m]) @ (p[m:] * dq - q[:-m] * dp))
        total += factor_z / (w + m) * float((bare_z[:-m] * full_w[m:]) @ (q[m:] * dp - p[:-m] * dq))
    return total / 2


def _log_cross_step(a: Array | float, z: float, w: float) -> Any:
    """log of (a+z)(a+w)/(a (a+z+w)), which `_log_cross_ratio` falls by from a to a + 1."""
    return -np.log1p(-z * w / ((a + z) * (a + w)))


def _log_cross_ratio(a: Array, z: float, w: float) -> Array:
    """log of Gamma(a+z+w) Gamma(a)/(Gamma(a+z) Gamma(a+w)), to a few eps of itself; z, w > 0."""
    x = np.maximum(a - 1, DIRECT_BELOW)
    result: Array = (
        z * np.log1p(w / (x + z))
        + w * np.log1p(z / (x + w))
        - (x + 0.5) * _log_cross_step(x, z, w)
        + power_differences(x + z, np.asarray(w), LOG_GAMMA)
        - power_differences(x, np.asarray(w), LOG_GAMMA)
    )
    for b in range(1, int(DIRECT_BELOW) + 1):
        result[a <= b] += _log_cross_step(float(b), z, w)
    return result


def _log_ratio(a: Array, z: float, unit: int) -> Array:
    """log of Gamma(a+z)/Gamma(a)/unit^z, to a few eps of its few parts; a are integers."""
    x = np.maximum(a - 1, DIRECT_BELOW)
    t = z / x
    result: Array = (
        (x + 0.5) * _log1p_less(t)
        + t / 2
        + z * _log_quotient(x, z, unit)
        + power_differences(x, np.asarray(z), LOG_GAMMA)
    )
    for b in range(1, int(DIRECT_BELOW) + 1):
        result[a <= b] -= math.log1p(z / b)
    return result


def _digamma(a: Array, unit: int) -> Array:
    """psi(a) - log(unit)."""
    result = np.empty(a.shape)
    large = a > DIRECT_BELOW
    result[~large] = special.digamma(a[~large]) - math.log(unit)
    y = a[large]
    result[large] = (
        _log_quotient(y, 0.0, unit)
        - 0.5 / y
        - sum(B / (2 * n) * y ** (-2 * n) for n, B in enumerate(BERNOULLI, 1))
    )
    return result


def _log_quotient(x: Array, z: float, unit: int) -> Array:
    """log((x+z)/unit), also where that is near 0."""
    excess = (x - unit + z) / unit
    result: Array = np.where(np.abs(excess) < 0.5, np.log1p(excess), np.log((x + z) / unit))
    return result


def _log1p_less(t: Array) -> Array:
    """log(1+t) - t; with y = t/(2+t) it is -t y + 2 y^3 (1/3 + y^2/5 + y^4/7 + ...)."""
    y = t / (2 + t)
    square = y * y
    series = np.zeros_like(y)
    # below |t| = 0.3, y^2 is below 0.032, and the first term left out 2e-17 of the first
    for n in range(11, -1, -1):
        series = series * square + 1 / (2 * n + 3)
    result: Array = np.where(np.abs(t) < 0.3, -t * y + 2 * y**3 * series, np.log1p(t) - t)
    return result
