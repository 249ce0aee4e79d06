r"""Products of free factors by real integrals of their S-transforms, at any precision.

With S the product of the S-transforms, h(x) = x/S(x-1) and M(z) = E s^z,

    M(z) = (sin(pi z)/(pi z)) int_0^1 (h(x)/(1-x))^z dx,    0 < z < 1

(Haagerup and Moeller, arXiv:1211.4457). The effective rank less log N is log M - z (log M)' at
z = 1/2; for the Gram matrix, z -> 1, it is 1 - int_0^1 [1 - h(x)/h(1)]/(1-x) dx. Neither density
nor complex numbers are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, check_digits, exact, integer, members, shown
from rmt_rank.exact._precision import for_callers, from_caller, mp, rounded, working

__all__ = ["effective_rank_of_free_product", "gaussian_s_transform", "residual_s_transform"]

STransform = Callable[[Any], Any]

FINEST = 12  # doublings of the nodes of the quadrature before giving up


def gaussian_s_transform(aspect: Number = 1) -> STransform:
    """Return the S-transform of the Marchenko-Pastur law, 1/(u + aspect).

    Parameters
    ----------
    aspect : number
        n/N >= 1 of an n x N matrix with entries of variance 1/N.

    Returns
    -------
    callable
        The S-transform as a function of u.

    Raises
    ------
    ValueError, TypeError
        If aspect is not a number >= 1.

    Examples
    --------
    >>> from rmt_rank.exact import gaussian_s_transform
    >>> float(gaussian_s_transform(2)(-0.5))
    0.6666666666666666
    """
    ratio = exact("aspect", aspect)
    if ratio < 1:
        raise ValueError(f"aspect is {shown(aspect)}; allowed: a number >= 1")
    return for_callers(lambda u: 1 / (u + as_mpf(ratio)))


def residual_s_transform(scale: Number, layers: int = 1) -> STransform:
    """Return the S-transform of |1 + scale G_k...G_1|^2, k = layers.

    Parameters
    ----------
    scale : number
        a >= 0.
    layers : int
        k >= 1. For k = 1 it is 4/((1+D)^2 - a^4), D^2 = (1+a^2)^2 + 4 a^2 u; otherwise
        b (1+b)/(u (1+u)) for the root b between u and 0 of
        a^2 b (1+b) (1+u-b)^(k-1) = u - b.

    Returns
    -------
    callable
        The S-transform as a function of u.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import mpf, nstr
    >>> from rmt_rank.exact import residual_s_transform
    >>> print(nstr(residual_s_transform(1)(mpf("-0.5")), 12))
    0.828427124746
    """
    a = exact("scale", scale)
    if a < 0:
        raise ValueError(f"scale is {shown(scale)}; allowed: a number >= 0")
    layers = integer("layers", layers, 1, 10**6)

    def one(u: Any) -> Any:
        square = as_mpf(a * a)
        root = mp.sqrt((1 + square) ** 2 + 4 * square * u)
        return 4 / ((1 + root) ** 2 - square**2)

    def several(u: Any) -> Any:
        square = as_mpf(a * a)
        if u == 0:
            return 1 / (1 + square)

        def gap(part: Any) -> Any:
            c = (1 - part) * u
            return part * square * (1 + part * u) * (1 + c) ** (layers - 1) - (1 - part)

        # -1 at 0, positive at 1, one root between
        part = mp.findroot(gap, (0, 1), solver="anderson", maxsteps=200, verify=False)
        if not abs(gap(part)) < mp.sqrt(mp.eps):
            raise ArithmeticError(f"the equation of a residual factor has no root at {u}")
        return part * (1 + part * u) / (1 + u)

    return for_callers(one if layers == 1 else several)


def effective_rank_of_free_product(
    s_transforms: Sequence[STransform], *, power: int = 1, digits: int = 30
) -> Any:
    """Return the effective rank less log N of a product of free factors, in nats.

    Parameters
    ----------
    s_transforms : sequence of callable
        S on (-1, 0] of each factor: of an mpf, at the working precision of the moment.
    power : {1, 2}
        1 for singular values, 2 for the Gram matrix.
    digits : int
        Decimal digits after the point.

    Returns
    -------
    mpf
        In nats; <= 0.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    ArithmeticError
        If the quadrature does not converge.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import effective_rank_of_free_product, gaussian_s_transform
    >>> print(nstr(effective_rank_of_free_product([gaussian_s_transform()] * 2, digits=15), 10))
    -0.4013877113
    """
    for s in members("s_transforms", s_transforms):
        if not callable(s):
            raise TypeError(f"s_transforms has {shown(s)}; allowed: functions")
    power = integer("power", power, 1, 2)
    digits = check_digits(digits)
    ours = [from_caller(each) for each in s_transforms]
    with working(2 * digits + 20):
        value = _singular_values(ours) if power == 1 else _gram(ours)
    return rounded(value, digits)


def _lost() -> Any:
    """An x below which the integrals are taken to stay constant: they are less than its root."""
    return mp.mpf(10) ** (20 - mp.dps)


def _log_inverse(u: Any, s_transforms: Sequence[STransform]) -> Any:
    return -mp.fsum(mp.log(s(u)) for s in s_transforms)


def _singular_values(s_transforms: Sequence[STransform]) -> Any:
    """log M - z (log M)' at z = 1/2, with 1 - x = v^2."""

    def both(v: Any) -> Any:
        u = -min(v * v, 1 - _lost())
        log_s = mp.log(1 + u) - 2 * mp.log(v) + _log_inverse(u, s_transforms)
        term = 2 * v * mp.exp(log_s / 2)
        return mp.mpc(term, term * log_s)

    total = _integral(both)
    # the sine over its argument is 2/pi, its logarithmic derivative -2
    return mp.log(2 / mp.pi * total.real) - (total.imag / total.real - 2) / 2


def _gram(s_transforms: Sequence[STransform]) -> Any:
    top = _log_inverse(mp.mpf(0), s_transforms)

    def missing(rest: Any) -> Any:
        rest = min(rest, 1 - _lost())
        change = _log_inverse(-rest, s_transforms) - top
        return (1 - (1 - rest) * mp.exp(change)) / rest

    return 1 - _integral(missing).real


def _integral(function: Callable[[Any], Any]) -> Any:
    """The integral from 0 to 1, by the tanh-sinh rule."""
    value, error = mp.quad(function, [0, 0.5, 1], error=True, maxdegree=FINEST)
    if error > mp.mpf(10) ** (-mp.dps // 2 - 2) * abs(value):
        raise ArithmeticError(f"quadrature has not converged: {value} with an error of {error}")
    return value
