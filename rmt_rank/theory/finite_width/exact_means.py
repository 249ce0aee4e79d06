r"""Mean effective ranks at finite width that are known exactly.

One matrix, power 2, complex entries: Page's formula for a random state, here of two systems of
dimension N (proved by Foong and Kanno, doi:10.1103/PhysRevLett.72.1148),
sum_(k=N+1)^(N^2) 1/k - (N-1)/(2N).

One matrix of width 2: with t = (s_1 - s_2)/(s_1 + s_2), of density 3 t^2 (complex) or
t/sqrt(1 - t^2) (real) on [0, 1], elementary integrals.

Products of width 2, complex: W/|det W|^(1/2) is a product of independent matrices of SL(2, C) whose
law does not change under rotations from either side.  With r = log(sigma_1/sigma_2), the distance
in hyperbolic space, the means of the spherical functions sin(l r)/(l sinh r) multiply, and for one
matrix that is |Gamma(3/2 + i l/2)|^2 = pi (1 + l^2)/(4 cosh(pi l/2)) =: f(l).  Inversion gives

density of r = (1/pi) sinh r Im int l f(l)^L e^(i l r) dl

along any line Im l = const between 0 and 3.  So E[S] is one integral, of l f(l)^L times the Laplace
transform of S(r) sinh r at -i l, S = log(1 + e^-t) + t e^-t/(1 + e^-t) with t = power r.  With
beta(x) = int_0^1 q^(x-1)/(1+q) dq, that of log(1 + e^-t) is (log 2 - beta(y+1))/(power y), at
y = a/power, and that of e^-t/(1 + e^-t) is beta(y+1)/power; its factor t becomes a derivative of
l f(l)^L.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import special

from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import LARGEST_INTEGER, choice, integer, real

__all__ = ["ExactRank", "exact_expected_effective_rank"]

# Limits on the power in the integral: beyond them its digits cancel.
_POWERS = (1e-100, 1e4)
_CATALAN = 0.915965594177219015


class ExactRank(NamedTuple):
    """A mean effective rank in nats, and the reason why it is known."""

    value: float
    why: str


def exact_expected_effective_rank(
    width: int, depth: int, field: str = "real", *, power: float = 1
) -> ExactRank | None:
    """The mean effective rank of a product of `depth` Gaussian matrices, where it is known exactly.

    Parameters
    ----------
    width : int
        Side N of the square matrices, from 1 to 2^53.  Not a list: no exact value is known for
        unequal widths, but that of a smallest width 1, which is 0.
    depth : int
        Number L of the matrices, from 0 to 2^53.
    field : {"real", "complex"}
        Field of the Gaussian entries.
    power : float, default 1
        Power of the singular values, as in `differential_effective_rank`.

    Returns
    -------
    ExactRank or None
        None where no exact value is known.  Known are depth 0; width 1; one complex matrix of any
        width, power 2; one real matrix of width 2, powers 1 and 2; width 2 for complex entries, at
        depth 1 and power 1 in closed form, else as an integral, for powers from 1e-100 to 1e4.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    The integral is good to 1e-13 of itself for powers up to 10, and to about 1e-16 power^3 beyond
    (compared with 25 digits, at depths up to 1500).

    Deep complex products of width 2, power 1: (pi/4)^L (1/2 + 1/(2 sqrt(pi (pi^2/8 - 1) L)) + ...),
    what is left out being O(L^-3/2).

    References
    ----------
    .. [1] D. N. Page, doi:10.1103/PhysRevLett.71.1291; S. K. Foong, S. Kanno,
       doi:10.1103/PhysRevLett.72.1148.

    Examples
    --------
    (pi - 1)/4 for one complex matrix of width 2:

    >>> from rmt_rank.theory.finite_width.exact_means import exact_expected_effective_rank
    >>> round(exact_expected_effective_rank(2, 1, "complex").value, 12)
    0.535398163397
    >>> exact_expected_effective_rank(3, 1) is None
    True
    """
    N = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    L = integer("depth", depth, at_least=0, at_most=LARGEST_INTEGER)
    power = real("power", power, above=0)
    is_complex = choice("field", field, FIELDS) == "complex"
    if L == 0:
        return ExactRank(math.log(N), "a product of no matrices is the identity")
    if N == 1:
        return ExactRank(0.0, "one singular value has no entropy")
    if is_complex and L == 1 and power == 2:
        return ExactRank(_page(N), "Page's formula holds for one complex matrix")
    closed = {
        ("complex", 1.0): (math.pi - 1) / 4,
        ("real", 1.0): 2 * math.log(2) - _CATALAN,
        ("real", 2.0): math.log(2) + 0.5 - _CATALAN,
    }
    if N == 2 and L == 1 and (field, power) in closed:
        why = f"the integral for one {field} matrix of width 2 is known"
        return ExactRank(closed[field, power], why)
    if N == 2 and is_complex and _POWERS[0] <= power <= _POWERS[1]:
        why = "complex products of width 2 are a random walk in hyperbolic space; one integral"
        return ExactRank(_complex_width_two(L, power), why)
    return None


def _page(N: int) -> float:
    """sum_(k=N+1)^(N^2) 1/k - (N-1)/(2N)."""
    return float(special.digamma(N * N + 1.0) - special.digamma(N + 1.0)) - (N - 1) / (2 * N)


def _complex_width_two(L: int, power: float) -> float:
    """(1/pi) Im int [l f^L (log 2 - beta)/(power y) + i (l f^L)' beta] dl, over a horizontal line.

    Its y are (-i l - 1)/power, less the same with + 1, and half of it.
    """
    # Poles lie at l = i (1 - power), or 0, and below; f^L is as wide as 1/sqrt(L), and a line far
    # above that would cancel.  The error of the trapezoidal rule is exp(-2 pi height/step).
    low = max(0.0, 1 - power)
    height = min(1.0, 1 / math.sqrt(L))
    step = height / 6.5
    # log f(l) is about -0.23 l^2 for small l, and -pi l/2 + 2 log l for large ones: 1e-16 of it
    half = math.ceil((36 / L + 13 / math.sqrt(L)) / step)
    # half a step off the axis, where y may be 0
    line = step * (np.arange(-half, half) + 0.5) + 1j * (low + height)
    side = np.where(line.real < 0, -1, 1)  # tanh and log cosh without overflow
    decay = np.exp(-math.pi * side * line)
    log_f = (
        np.log(1 + line**2) + math.log(math.pi / 2) - math.pi / 2 * side * line - np.log1p(decay)
    )
    slope = 2 * line / (1 + line**2) - math.pi / 2 * side * (1 - decay) / (1 + decay)
    total = np.zeros(line.shape, dtype=complex)
    for sign in (-1, 1):
        y = (-1j * line + sign) / power
        beta = (special.digamma(y / 2 + 1) - special.digamma(y / 2 + 0.5)) / 2
        total -= sign * (
            line * (math.log(2) - beta) / (power * y) + 1j * (1 + L * line * slope) * beta
        )
    return float((total * np.exp(L * log_f)).imag.sum()) * step / (2 * math.pi)
