r"""Conditional means of powers and of the logarithm of |W g|^2, given the singular values of W.

g is a Gaussian vector that is independent of the product W, with entries of the same variance 1/N
as those of W.  A Gaussian matrix takes a vector x to |x| times a Gaussian vector, so that |W g|^2
is a product of independent variables, one for each width n: chi-squared ones with n degrees of
freedom over N (gamma variables of shape n over N for complex entries).  This gives E |W g|^(2s) and
E log |W g|^2.  The conditional means, given the singular values sigma_i,

    f(s) = E[(sum_i sigma_i^2 |g_i|^2)^s | sigma],

are functions of the singular values alone with the same means; with a = 1/2 for real and a = 1 for
complex entries, x = |W g|^2/f(1) and p_i = sigma_i^2/sum_j sigma_j^2 they follow from

    P(t) = E[exp(-t x) | sigma] = prod_i (1 + t p_i/a)^(-a).

For any positive variable y of mean 1, with Q(t) = E exp(-t y),

    E x^s - E y^s = s/Gamma(1 - s) int_0^oo (Q(t) - P(t)) t^(-s-1) dt,    0 < s < 1,
    E log x - E log y = int_0^oo (Q(t) - P(t)) dt/t.

Q - P is of order t^2 for small t, since the means are equal.  y is a gamma variable, for which Q(t)
= (1 + t/8)^(-8).  In log t the integrand is analytic in a strip, of half width pi/2 at least, where
P is nearly exp(-t); the trapezoidal rule of step h has an error of about exp(-pi^2/h), 2e-11 here.
Altogether the functions have errors of about 1e-10, far below any standard error.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.array import makes_random_numbers, namespace_of

__all__ = ["POWERS", "conditional_means", "log_mean", "log_mean_power"]

Array = npt.NDArray[np.float64]

# The powers s of |W g|^2; 0 stands for its logarithm.
POWERS = (0.0, 0.25, 0.5)
# Shape of y.
_SHAPE = 8
# What is cut off is of order t^(3/2) at the lower end, and at the upper end at most t^(-1/2), for a
# graded product whose P is (1 + 2 t)^(-1/2): 4e-11 and 1e-10.
_STEP = 0.4
_T = np.exp(np.arange(-16.0, 46.0, _STEP))
_Q = (1 + _T / _SHAPE) ** -_SHAPE
# P decreases.  For most products it is negligible at the end of the first part, t = exp(6), or of
# the second, exp(16), and then so is the rest of the integral.
_PARTS = (0, 55, 80, len(_T))
_NEGLIGIBLE = 1e-13
# This many factors 1 + t p_i/a form a polynomial, whose coefficients are positive; t^8 is a float.
_FACTORS = 8
_POWERS_OF_T = _T ** np.arange(_FACTORS + 1)[:, np.newaxis]
# Numbers in an array at once: on the host they fit the second-level cache.
_AT_ONCE, _ON_DEVICE = 2**16, 2**22


def log_mean(widths: Sequence[int], field: str) -> float:
    """E log |W g|^2 for layers of these widths."""
    a, N = _shape(field), min(widths)
    return math.fsum(
        layers * (float(special.digamma(a * n)) - math.log(a * N))
        for n, layers in Counter(widths).items()
    )


def log_mean_power(widths: Sequence[int], field: str, s: float) -> float:
    """Logarithm of E |W g|^(2s) for layers of these widths."""
    a, N = _shape(field), min(widths)
    return math.fsum(
        layers * (math.lgamma(a * n + s) - math.lgamma(a * n) - s * math.log(a * N))
        for n, layers in Counter(widths).items()
    )


def conditional_means(values: Any, field: str) -> list[Any]:
    """Means of |W g|^(2s) for each s of `POWERS`, and of log |W g|^2 for s = 0.

    Parameters
    ----------
    values : array, shape (samples, N)
        Singular values; not all 0.
    field : {"real", "complex"}
        Field of the entries.

    Returns
    -------
    list of array, shape (samples,)
    """
    xp = namespace_of(values)
    rows = (_ON_DEVICE if makes_random_numbers(xp) else _AT_ONCE) // len(_T)
    parts = [
        _means(xp, values[i : i + rows, :], _shape(field)) for i in range(0, len(values), rows)
    ]
    return [xp.concat(each) for each in zip(*parts, strict=True)]


def _means(xp: Any, values: Any, a: float) -> list[Any]:
    squares = values * values
    size = xp.mean(squares, axis=1)
    factors = _polynomials(xp, squares / (size * (a * squares.shape[1]))[:, None])
    parts = []
    for begin, end in pairwise(_PARTS):
        transform = _transform(xp, factors, begin, end, a)
        parts.append(xp.asarray(_Q[begin:end]) - transform)
        if float(xp.max(transform[:, -1])) < _NEGLIGIBLE:
            break
    difference = xp.concat(parts, axis=1)
    t = _T[: difference.shape[1]]
    found = []
    for s in POWERS:
        if s == 0:
            integral = xp.sum(difference, axis=1) * _STEP
            found.append(xp.log(size) + (special.digamma(_SHAPE) - math.log(_SHAPE)) + integral)
        else:
            weights = xp.asarray(_STEP * s / math.gamma(1 - s) * t**-s)
            mean = math.exp(math.lgamma(_SHAPE + s) - math.lgamma(_SHAPE)) * _SHAPE**-s
            found.append(size**s * (mean + difference @ weights))
    return found


def _polynomials(xp: Any, p: Any) -> Any:
    """Coefficients of polynomials of degree 8 whose product is prod (1 + t p_i).

    p has the shape (samples, N), and the result (samples, factors, 9).
    """
    samples, n = p.shape
    p = xp.concat([p, xp.zeros((samples, -n % _FACTORS), dtype=p.dtype)], axis=1)
    p = xp.reshape(p, (samples, -1, _FACTORS))
    zero = xp.zeros_like(p[..., :1])
    coefficients = zero + 1
    for k in range(_FACTORS):
        shifted = xp.concat([zero, p[..., k : k + 1] * coefficients], axis=2)
        coefficients = xp.concat([coefficients, zero], axis=2) + shifted
    return coefficients


def _transform(xp: Any, factors: Any, begin: int, end: int, a: float) -> Any:
    """P at some t, from the coefficients of polynomials; shape (samples, end - begin)."""
    columns, product = xp.asarray(_POWERS_OF_T[:, begin:end]), 1.0
    with np.errstate(over="ignore"):  # where the product overflows, its inverse is 0
        for i in range(factors.shape[1]):
            product = product * (factors[:, i, :] @ columns)
    return 1 / (xp.sqrt(product) if a == 0.5 else product)


def _shape(field: str) -> float:
    return 0.5 if field == "real" else 1.0
