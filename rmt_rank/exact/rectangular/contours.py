"""Unequal widths by contour integrals and polynomial roots, at any precision.

n_0, ..., n_L are the widths, N the smallest, y_1, ..., y_L = n_j/N - 1 for the others. With
w = E[s'/(s - s')], the mean over s' of the limit law, the squared singular values s satisfy
(Burda et al., arXiv:1007.3594)

    s w = (1 + w) prod_j (1 + w + y_j).

Moments. E s^z = (1/2 pi i) oint s^z w(s) ds/s around the support; by parts it is
(1/2 pi i z) oint s(w)^z dw, on any path around 0 and -1 that leaves w <= -1 - min y_j outside. Its
upper half is enough. The density is not needed.

The law. At a given s the equation is a polynomial in w; of its roots in the upper half plane the
one where arg(1+w) + sum_j arg(1+w+y_j) = arg w gives the density Im w/(pi s), and probabilities are
integrals of Im(w d log s)/pi from that root, by quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, check_digits, exact, members, positive, shown
from rmt_rank.exact._precision import mp, rounded, working

__all__ = ["rectangular_effective_rank", "rectangular_law", "rectangular_moment"]

MOST_RATIO = 10**12  # largest ratio of widths
FINEST = 12  # doublings of the nodes of the quadrature before giving up


def _excess(widths: Sequence[Number]) -> list[Fraction]:
    """The exact y_j, ascending."""
    first, *others = sorted(positive("widths", n) for n in members("widths", widths, 2))
    if others[-1] > MOST_RATIO * first:
        raise ValueError(
            f"widths is {shown(widths)}; allowed: at most {MOST_RATIO:g} times the smallest"
        )
    return [n / first - 1 for n in others]


def _log_square(t: Any, y: list[Any]) -> Any:
    """log s at t = 1 + w, real for t > 1 and continuous in the upper half plane."""
    return sum((mp.log(t + v) for v in y), mp.log(t) - mp.log(t - 1))


def _slope(w: Any, y: list[Any]) -> Any:
    """w d(log s)/dw."""
    return sum((w / (1 + w + v) for v in y), w / (1 + w) - 1)


def _largest_root(y: list[Any]) -> Any:
    """The w > 0 of the largest s."""
    low, high = mp.mpf(1) / (2 * len(y)), 2 * mp.sqrt(1 + y[0])
    return mp.findroot(lambda w: _slope(w, y), (low, high), solver="anderson", tol=mp.eps)


def _integral(function: Callable[[Any], Any], y: list[Any], power: int = 1) -> Any:
    """Im of the integral of function(log s) dw over the upper half of the contour, over pi.

    The integrand may grow at t = 0 like a power of t greater than 1/power - 1.
    """
    left = -y[0] / 2
    width = 1 + _largest_root(y) - left
    # half an ellipse, flatter for more layers, where the curve of real s is flatter, too
    height = width / (2 * mp.sqrt(len(y)))

    def integrand(u: Any) -> Any:
        angle = mp.pi * u**power
        # from the left, so that t keeps its relative precision where that is 0
        t = left + width * mp.sin(angle / 2) ** 2 + 1j * height * mp.sin(angle)
        speed = -width / 2 * mp.sin(angle) - 1j * height * mp.cos(angle)
        speed *= mp.pi * power * u ** (power - 1)
        return mp.im(function(_log_square(t, y)) * speed)

    value, error = mp.quad(integrand, mp.linspace(0, 1, 5), error=True, maxdegree=FINEST)
    if error > mp.mpf(10) ** (10 - mp.dps) * abs(value):
        raise ArithmeticError(f"quadrature has not converged: {value} with an error of {error}")
    return value / mp.pi


def _moment(z: Any, y: list[Any]) -> Any:
    zeros = y.count(0)
    power = math.ceil(1 / (1 + (zeros + 1) * z)) if zeros else 1  # s^z ~ t^((zeros + 1) z)
    return _integral(lambda log_s: mp.exp(z * log_s), y, power) / z


def _log_slope(z: Any, y: list[Any]) -> Any:
    """d log M/dz, M = E s^z."""
    top = _integral(lambda log_s: log_s * mp.exp(z * log_s), y)
    return top / _integral(lambda log_s: mp.exp(z * log_s), y) - 1 / z


def _guard_digits(z: Fraction, y: list[Fraction]) -> int:
    """Digits lost on the contour, where abs(s) may exceed its largest value on the support."""
    return 25 + int(abs(z) * len(y))


def rectangular_moment(widths: Sequence[Number], order: Number, *, digits: int = 30) -> Any:
    """Return E s^order of the limit law of the squared singular values, entries of variance 1/N.

    Parameters
    ----------
    widths : sequence of number
        n_0, ..., n_L, positive; only their ratios matter.
    order : number
        Real. Greater than -1/(m + 1) if m >= 1 widths other than the smallest, N, equal it.
    digits : int
        Significant decimal digits.

    Returns
    -------
    mpf
        The moment E s^order.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    ArithmeticError
        If the quadrature does not converge.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import rectangular_moment
    >>> print(nstr(rectangular_moment([2, 1, 1], 1, digits=15), 12))
    2.0
    """
    y, z, digits = _excess(widths), exact("order", order), check_digits(digits)
    zeros = y.count(Fraction(0))
    if zeros and z * (zeros + 1) <= -1:
        raise ValueError(f"order is {shown(order)}; allowed: > -1/{zeros + 1}")
    if z == 0:
        return rounded(1, digits)
    with working(digits + _guard_digits(z, y)):
        value = _moment(as_mpf(z), [as_mpf(v) for v in y])
    return rounded(value, digits)


def rectangular_effective_rank(
    widths: Sequence[Number], *, power: Number = 1, order: Number = 1, digits: int = 30
) -> Any:
    """Return the effective rank less log N of a product of infinite, unequal widths, in nats.

    Parameters
    ----------
    widths : sequence of number
        n_0, ..., n_L, positive; only their ratios matter.
    power : number
        > 0; 2 is the Gram matrix.
    order : number or inf
        a >= 0; 1 is Shannon, 0 Hartley (always 0), ``math.inf`` the min-entropy.
    digits : int
        Decimal digits after the point.

    Returns
    -------
    mpf
        In nats; <= 0.

    Raises
    ------
    ValueError, TypeError, ArithmeticError
        As `rectangular_moment`.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import rectangular_effective_rank
    >>> print(nstr(rectangular_effective_rank([2, 1, 1], digits=10), 9))
    -0.287990465
    """
    y_exact, digits = _excess(widths), check_digits(digits)
    z_exact = positive("power", power) / 2
    minimum = (isinstance(order, float) or hasattr(order, "_mpf_")) and order == mp.inf
    a_exact = Fraction(0) if minimum else exact("order", order)
    if a_exact < 0:
        raise ValueError(f"order is {shown(order)}; allowed: a number >= 0, or inf")
    if a_exact == 0 and not minimum:
        return rounded(0, digits)
    with working(digits + _guard_digits(z_exact * max(a_exact, Fraction(1)), y_exact)):
        y, z, a = [as_mpf(v) for v in y_exact], as_mpf(z_exact), as_mpf(a_exact)
        log_moment = mp.log(_moment(z, y))
        if minimum:
            value = log_moment - z * _log_square(1 + _largest_root(y), y)
        elif a_exact == 1:
            value = log_moment - z * _log_slope(z, y)
        else:
            value = (mp.log(_moment(a * z, y)) - a * log_moment) / (1 - a)
    return rounded(value, digits)


def rectangular_law(x: Number, widths: Sequence[Number], *, digits: int = 30) -> tuple[Any, ...]:
    """Return density, distribution function and survival function of a singular value at x.

    Parameters
    ----------
    x : number
        Singular value, > 0, for entries of variance 1/N.
    widths : sequence of number
        n_0, ..., n_L, positive, N the smallest; only their ratios matter.
    digits : int
        Decimal digits.

    Returns
    -------
    tuple of three mpf
        (pdf, cdf, sf).

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import rectangular_law
    >>> [nstr(value, 10) for value in rectangular_law(2, [2, 1, 1])]
    ['0.2278115197', '0.8152965631', '0.1847034369']
    """
    y_exact, x_exact, digits = _excess(widths), positive("x", x), check_digits(digits)
    zero, one = rounded(0, digits), rounded(1, digits)
    with working(2 * digits + 30):
        y, s = [as_mpf(v) for v in y_exact], as_mpf(x_exact) ** 2
        top = _largest_root(y)
        w = _upper_root(s, y)
        if w is None:
            above = mp.log(s) >= _log_square(1 + top, y)
            return (zero, one, zero) if above else (zero, zero, one)
        pdf = 2 * w.imag / (mp.pi * as_mpf(x_exact))
        sf = mp.quad(lambda v: _slope(v, y), [w, top]).imag / mp.pi
        cdf = 1 - sf
    return rounded(pdf, digits), rounded(cdf, digits), rounded(sf, digits)


def _upper_root(s: Any, y: list[Any]) -> Any:
    """The root in the upper half plane with arg s = 0; None outside the support."""
    coefficients = [mp.mpf(1)]
    for v in [mp.mpf(0), *y]:  # multiply by w + 1 + v
        shifted = [mp.mpf(0), *coefficients]
        coefficients = [*coefficients, mp.mpf(0)]
        coefficients = [a + (1 + v) * b for a, b in zip(coefficients, shifted, strict=True)]
    coefficients[-2] -= s
    small = mp.mpf(10) ** (-mp.dps // 3)
    for w in mp.polyroots(coefficients, maxsteps=500, extraprec=4 * mp.prec):
        if w.imag > small and abs(mp.im(_log_square(1 + w, y))) < small:
            return w
    return None
