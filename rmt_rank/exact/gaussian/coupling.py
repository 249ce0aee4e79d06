"""The Levy density of log s at any precision, and that it grows with depth, in ball arithmetic.

log M_L(z) = z log s_max + int_0^oo (exp(-zy) - 1) nu_L(y) dy with, n(x) = 1/(exp(x) - 1),

    y nu_L(y) = n(y/(L+1)) - n(y) - exp(-y/L) n(y/L).

With q(x) = (x/2)^2/sinh(x/2)^2, x = y/L > 0 and t = L/(L+1) in (0, 1), y^2 d nu_L/dL is

    growth(x, t) = q(tx) - q(x) + x^2 exp(-x).

On paper it is positive since q decreases.  The certificate does not use that.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb

from rmt_rank.exact._numbers import (
    Number,
    as_mpf,
    bounded,
    check_digits,
    exact_depth,
    expm1,
    integer,
    positive,
)
from rmt_rank.exact._precision import mp, rounded, working, working_bits
from rmt_rank.exact.gaussian.balls import _arb, _mpf

__all__ = ["GrowthCertificate", "certify_levy_growth", "levy_density", "levy_khintchine"]

Box = tuple[Fraction, Fraction, Fraction, Fraction]
"""Ends in x and in t."""


def levy_density(y: Number, depth: Number, *, digits: int = 30) -> Any:
    """Return the Levy density nu_L(y) of log(s_max/s).

    Parameters
    ----------
    y : number
        > 0.
    depth : number
        L > 0.
    digits : int
        Significant decimal digits.

    Returns
    -------
    mpf
        The density at y.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import levy_density
    >>> print(nstr(levy_density(1, 2), 12))
    1.01078634346
    """
    at, L, digits = positive("y", y), exact_depth(depth), check_digits(digits)
    # terms of size 1/x, x = y / max(L, 1), leave x; far out L < 1 leaves exp(-y) L
    with working(digits):
        lost = 2 * abs(mp.mag(as_mpf(at))) + 4 * abs(mp.mag(as_mpf(L)))
        with mp.workprec(int(3.33 * digits + lost) + 40):
            value = _levy(as_mpf(at), as_mpf(L))
    return rounded(value, digits)


def _levy(y: Any, L: Any) -> Any:
    last = expm1(y / L)  # exp(-y/L) = 1/(1 + last)
    return (1 / expm1(y / (L + 1)) - 1 / expm1(y) - 1 / (last * (1 + last))) / y


def levy_khintchine(order: Number, depth: Number, *, digits: int = 30) -> tuple[Any, Any]:
    """Return log E s^order from gamma functions, and from the integral over the Levy density.

    Parameters
    ----------
    order : number
        z > 0.
    depth : number
        L > 0.
    digits : int
        Decimal digits of both.

    Returns
    -------
    tuple of two mpf
        The logarithm from gamma functions, then that from the integral.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import levy_khintchine
    >>> [nstr(value, 12) for value in levy_khintchine(1.5, 2, digits=15)]
    ['0.495077266798', '0.495077266798']
    """
    z_exact, L_exact = positive("order", order), exact_depth(depth, least=Fraction(1, 10**15))
    bounded("order", order, 0, 10**20)
    digits = check_digits(digits)
    with working(2 * digits + 30):
        z, L = as_mpf(z_exact), as_mpf(L_exact)
        gammas = mp.loggamma((L + 1) * z + 1) - mp.loggamma(z + 1) - mp.loggamma(L * z + 2)
        drift = z * ((L + 1) * mp.log(L + 1) - L * mp.log(L))
        # poles at 2 pi i L and 2 pi i: pieces as long as their distance from 0
        ends = [mp.mpf(0), min(L, 1, 1 / z)]
        while ends[-1] < (L + 1) * (digits + 5) * mp.log(10):
            ends.append(2 * ends[-1])
        jumps = mp.quad(lambda y: expm1(-z * y) * _levy(y, L), ends, method="gauss-legendre")
        integral = drift + jumps
    return rounded(gammas, digits), rounded(integral, digits)


@dataclass(frozen=True)
class GrowthCertificate:
    """The outcome of `certify_levy_growth`.

    Attributes
    ----------
    high : Fraction
        Up to which x = y/L boxes were evaluated; all t from 0 to 1.
    boxes : int
        How many, undecided ones included.
    smallest_lower_bound : mpf
        Over the final boxes, of growth(x, t), over x^2 where x < 1.
    tail_holds : bool
        Whether the two inequalities hold that settle all x >= high.
    holds : bool
        Whether the growth is proved positive for all x > 0 and 0 < t < 1.

    Examples
    --------
    >>> from rmt_rank.exact import certify_levy_growth
    >>> certify_levy_growth(2).boxes > 0
    True
    """

    high: Fraction
    boxes: int
    smallest_lower_bound: Any
    tail_holds: bool
    holds: bool

    def __str__(self) -> str:
        return (
            f"the Levy density {'grows' if self.holds else 'is NOT proved to grow'} with depth for "
            f"every y > 0 and L > 0: {self.boxes} boxes for y/L <= {self.high}, smallest lower "
            f"bound {mp.nstr(self.smallest_lower_bound, 3)}, and inequalities beyond"
        )


def certify_levy_growth(high: Number = 20, *, most_boxes: int = 20000) -> GrowthCertificate:
    """Prove, by covering a box and by two inequalities beyond it, that growth(x, t) > 0.

    Parameters
    ----------
    high : number
        >= 1; boxes cover 0 <= x <= high, 0 <= t <= 1.
    most_boxes : int
        After so many boxes the attempt ends, with ``holds`` False.

    Returns
    -------
    GrowthCertificate
        ``holds`` is False where the proof did not succeed; this never raises for that.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Notes
    -----
    Let q(x) = 1 - x^2 p(x).  By the Bernoulli series, whose terms alternate and fall for x <= 2,
    1/12 - x^2/240 <= p(x) <= 1/12 there, and growth/x^2 = exp(-x) + p(x) - t^2 p(tx) is evaluated.

    For x >= 1, growth = q(tx) - g(x) with g(x) = x^2 exp(-2x) (2 - exp(-x))/(1 - exp(-x))^2, which
    decreases there, being a product of decreasing factors.  For x >= high, two cases.  Where
    v = tx >= 1, q(v) >= v^2 exp(-v), which on [1, x] is at least its smaller end value (it rises
    to v = 2, then falls): exp(-1) > g(high), checked, or x^2 exp(-x) > g(x), which is equivalent to
    exp(-x) < 1 - sqrt(1/2), checked at high.  Where v <= 1, sinh u <= u cosh u at u = v/2 gives
    q(v) >= 1/cosh(1/2)^2 > exp(-1).

    Examples
    --------
    >>> from rmt_rank.exact import certify_levy_growth
    >>> certify_levy_growth(2).holds
    True
    """
    last = bounded("high", high, 1, 10**6)
    most_boxes = integer("most_boxes", most_boxes, 1, 10**9)
    zero, one = Fraction(0), Fraction(1)
    with working_bits(64):
        x = _arb(last)
        tail = bool((-x).exp() < 1 - arb(0.5).sqrt() and _correction(x) < arb(-1).exp())
        boxes, smallest, holds = _cover(
            [(zero, one, zero, one), (one, last, zero, one)], most_boxes
        )
    return GrowthCertificate(last, boxes, smallest, tail, holds and tail)


def _cover(todo: list[Box], most_boxes: int) -> tuple[int, Any, bool]:
    """Bisect boxes until the growth is positive on each, or give up."""
    smallest, count = rounded(mp.inf, 15), 0
    while todo:
        box = todo.pop()
        x_low, x_high, t_low, t_high = box
        bound = _growth(_arb(x_low).union(_arb(x_high)), _arb(t_low).union(_arb(t_high))).lower()
        count += 1
        if bound > 0:
            smallest = min(smallest, _mpf(bound))
        elif count + len(todo) >= most_boxes:
            return count, rounded(-mp.inf, 15), False
        elif x_high - x_low > (t_high - t_low) * max(Fraction(1), x_low):
            middle = (x_low + x_high) / 2
            todo += [(middle, x_high, t_low, t_high), (x_low, middle, t_low, t_high)]
        else:
            middle = (t_low + t_high) / 2
            todo += [(x_low, x_high, middle, t_high), (x_low, x_high, t_low, middle)]
    return count, smallest, True


def _growth(x: arb, t: arb) -> arb:
    """Return growth(x, t), over x^2 on boxes below 2, as in `certify_levy_growth`."""
    if x.upper() < 2:
        return (-x).exp() + _defect(x) - t * t * _defect(t * x)
    return _q(t * x) - _correction(x)


def _correction(x: arb) -> arb:
    """Return q(x) - x^2 exp(-x)."""
    e = (-x).exp()
    return (x * e / (1 - e)) ** 2 * (2 - e)


def _defect(x: arb) -> arb:
    """Return (1 - q(x))/x^2 for 0 <= x <= 2."""
    return arb(1) / 12 - (x * x / 240).union(arb(0))


def _q(v: arb) -> arb:
    """Return q(v) for v >= 0, by the series below 2."""
    if v.upper() < 2:
        return 1 - v * v * _defect(v)
    if v.lower() > 1:
        e = (-v).exp()
        return v * v * e / (1 - e) ** 2
    between = arb(1.5)
    return _q(v.lower().union(between)).union(_q(between.union(v.upper())))
