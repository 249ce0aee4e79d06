r"""The independent factor Y > 0 of deeper products: s_L' has the law of s_L Y.

For 0 < L < L' (docs/coupling.md), log Y = A - J1 - J2, where exp(A) = s_max(L')/s_max(L) and

    J1 = L' E with probability 1 - L/L', else 0, with E exponential: E exp(-z J1) = (Lz+1)/(L'z+1),
    J2 = sum of l V/U over a Poisson process of intensity dl / (2 l (l+1)) on (L, L'),

U uniform on (l/(l+1), 1), V of the density -2 q'(v)/v with q(v) = (v/2)^2/sinh(v/2)^2, that is
P(V <= v) = (sinh v - v)/(cosh v - 1).  All of it is sampled exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import LARGEST_INTEGER, integer, real, real_array, require_memory
from rmt_rank.theory.gaussian.moments import BERNOULLI, log_moment

__all__ = ["DepthRatio"]

Array = npt.NDArray[np.float64]

# Limits on numbers of factors, and on the order of a moment times that number.
LARGEST_DEPTH, LARGEST_PRODUCT = 1e300, 1e307
# Below this y/L' the poles of the Levy density at y = 0 are taken out, above it nothing cancels.
POLES_BELOW = 0.5


@dataclass(frozen=True)
class DepthRatio:
    """The independent factor that takes the Fuss-Catalan law from one depth to a greater one.

    If s follows `rmt_rank.fuss_catalan` at `depth` and Y is this variable, independent of s, then
    s Y follows `rmt_rank.fuss_catalan` at `deeper`.  -log Y is a constant plus a compound Poisson
    variable.

    Parameters
    ----------
    depth : float
        Number of factors L, any real from 1e-300 to 1e300.
    deeper : float
        Greater number of factors L', any real > depth, at most 1e300.

    Raises
    ------
    TypeError
        If an argument is not one real number.
    ValueError
        If depth < 1e-300, deeper <= depth, or deeper > 1e300.

    Notes
    -----
    E Y^z = M_L'(z)/M_L(z) = exp(A z + int_0^oo (exp(-z y) - 1) mu(y) dy), with mu >= 0 of mass
    `jump_rate`: Malmsten's formula for log Gamma [1]_ and a positivity, both in docs/coupling.md.

    References
    ----------
    .. [1] A. Erdelyi et al., "Higher Transcendental Functions" I, 1.9 (1).

    Examples
    --------
    >>> from rmt_rank.theory.gaussian.coupling import DepthRatio
    >>> ratio = DepthRatio(depth=1, deeper=2)
    >>> round(ratio.atom, 6), round(ratio.largest, 6)
    (0.433013, 1.6875)
    >>> ratio.moment([1, 2, 3])
    array([1. , 1.5, 2.4])
    """

    depth: float
    deeper: float

    def __post_init__(self) -> None:
        depth = real("depth", self.depth, at_least=1 / LARGEST_DEPTH, at_most=LARGEST_DEPTH)
        deeper = real("deeper", self.deeper, at_most=LARGEST_DEPTH)
        if deeper <= depth:
            raise ValueError(f"deeper must be > depth = {depth!r}, got {deeper!r}")
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "deeper", deeper)

    @property
    def largest(self) -> float:
        """The largest value exp(A) = s_max(deeper)/s_max(depth)."""
        L, deeper = self.depth, self.deeper
        return math.exp(
            deeper * math.log1p(1 / deeper)
            + math.log1p(deeper)
            - L * math.log1p(1 / L)
            - math.log1p(L)
        )

    @property
    def jump_rate(self) -> float:
        """Mean number of jumps of -log Y, the mass of its Levy measure."""
        ratio = self.deeper / self.depth
        logs = math.log(self.deeper) - math.log(self.depth)
        return (math.log(ratio) if ratio < math.inf else logs) + self._second_rate

    @property
    def atom(self) -> float:
        """Probability of no jump, P(Y = largest)."""
        return self.depth / self.deeper * math.exp(-self._second_rate)

    @property
    def _second_rate(self) -> float:
        """Mean number of jumps in J2."""
        return (math.log1p(1 / self.depth) - math.log1p(1 / self.deeper)) / 2

    def moment(self, order: npt.ArrayLike) -> Array | np.float64:
        """Moment E[Y**order].

        Parameters
        ----------
        order : array_like of float
            Real orders, greater than -1/(deeper + 1).

        Returns
        -------
        ndarray or float64
            inf where it is above the largest float.

        Raises
        ------
        TypeError, ValueError
            If order is not real or not in its range, or if order * deeper is above 1e307.
        """
        most = LARGEST_PRODUCT / max(self.deeper, 1.0)
        z = real_array("order", order, above=-1 / (self.deeper + 1), at_most=most)
        with np.errstate(over="ignore"):
            return np.exp(log_moment(z, self.deeper) - log_moment(z, self.depth))[()]

    def jump_density(self, y: npt.ArrayLike) -> Array | np.float64:
        """Levy density of -log Y: mean number of jumps per unit of their size.

        Parameters
        ----------
        y : array_like of float
            Sizes of jumps, > 0.

        Returns
        -------
        ndarray or float64
            The relative error is below eps (60 + y/deeper) deeper/(deeper - depth), where the
            density is above 1e-290.

        Raises
        ------
        TypeError, ValueError
            If y is not real, or not > 0.

        Notes
        -----
        y nu_L(y) = n(y/(L+1)) - n(y) - exp(-y/L) n(y/L) with n(x) = 1/(exp(x) - 1) at both depths;
        n(y) drops out of the difference.
        """
        y = real_array("y", y, above=0)
        L, deeper = self.depth, self.deeper
        # at the shallow and the deep end, and their differences without cancellation
        a, a_deep = y / L, y / deeper
        b, b_deep = y / (L + 1), y / (deeper + 1)
        a_fall = -np.expm1(-a_deep * ((deeper - L) / L))
        b_fall = -np.expm1(-b_deep * ((deeper - L) / (L + 1)))
        tail, tail_deep = np.exp(-a), np.exp(-a_deep)
        near = tail_deep * a_fall + _without_pole(b_deep) - _without_pole(b)
        near += _without_pole(a) - _without_pole(a_deep)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # at small y
            far = np.exp(-b_deep) * b_fall / (np.expm1(-b) * np.expm1(-b_deep))
            far -= (
                tail_deep
                * a_fall
                * (tail + tail_deep - tail * tail_deep)
                / (np.expm1(-a) * np.expm1(-a_deep))
            )
            return (np.where(a_deep < POLES_BELOW, near, far) / y)[()]

    def rvs(self, size: int, rng: RNG = None) -> Array:
        """Independent samples of Y, exact up to rounding.

        Parameters
        ----------
        size : int
            Number of samples, at least 1, as many as fit into memory.
        rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
            Source of randomness, as in `rmt_rank.sample_singular_values`.

        Returns
        -------
        ndarray, shape (size,)

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type or out of its range.
        """
        size = integer("size", size, at_least=1, at_most=LARGEST_INTEGER)
        # several numbers for each sample, and for each of its jumps
        require_memory("size", size * (80 + 64 * self._second_rate))
        stream = next(streams(rng))
        first = self.deeper * stream.standard_exponential(size)
        first[stream.random(size) < self.depth / self.deeper] = 0
        samples: Array = self.largest * np.exp(-first - self._second_jumps(size, stream))
        return samples

    def _second_jumps(self, size: int, stream: np.random.Generator) -> Array:
        """Samples of J2: t = l/(l+1) has the intensity dt/(2t), uniform in -log t."""
        counts = stream.poisson(self._second_rate, size)
        total = int(counts.sum())
        minus_log_t = stream.uniform(math.log1p(1 / self.deeper), math.log1p(1 / self.depth), total)
        level = 1 / np.expm1(minus_log_t)
        stretch = 1 + np.expm1(-minus_log_t) * stream.random(total)
        jumps = level * _standard_jumps(total, stream) / stretch
        sums: Array = np.zeros(size)
        np.add.at(sums, np.repeat(np.arange(size), counts), jumps)
        return sums


def _standard_jumps(count: int, stream: np.random.Generator) -> Array:
    """Samples of V, P(V <= v) = (sinh v - v)/(cosh v - 1).

    With w = 1 - exp(-v) this is sum_j 2 w^j / ((j+1)(j+2)): V is the largest of j exponential
    variables, where P(j >= k) = 2/(k+1).
    """
    j = np.floor(2 / (1 - stream.random(count))) - 1
    jumps: Array = -np.log(-np.expm1(-stream.standard_exponential(count) / j))
    return jumps


def _without_pole(x: Array) -> Array:
    """1/(exp(x) - 1) - 1/x + 1/2, which is x/12 - x^3/720 + ..., for x > 0."""
    # at x = 1/2 the first term left out is 2 (x/(2 pi))^17/(2 pi) < 1e-19
    series = np.zeros(x.shape)
    small = np.minimum(x, 0.5)
    for k, bernoulli in reversed(list(enumerate(BERNOULLI, 1))):
        series = series * small * small + bernoulli / math.factorial(2 * k)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        plain = 1 / np.expm1(x) - 1 / x + 0.5
    return np.where(x < 0.5, series * small, plain)
