"""Rigorous enclosures of rho and d rho/dL, and a certificate that rho decreases.

The formulas are those of `balls`; here digits are chosen and intervals are covered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import Any

from flint import arb

from rmt_rank.exact._numbers import Number, check_digits, exact_depth, integer, positive, shown
from rmt_rank.exact._precision import mp, rounded, working_bits
from rmt_rank.exact.gaussian.balls import (
    Enclosure,
    _arb,
    _derivative,
    _derivative_between,
    _enclosure,
    _rho,
)

__all__ = ["Certificate", "certify_decreasing", "enclose_derivative", "enclose_effective_rank"]

Depth = Any
"""A number, or a pair (low, high) of numbers."""

MOST_BITS = 40000


@dataclass(frozen=True)
class Certificate:
    """The outcome of `certify_decreasing`.

    Attributes
    ----------
    low, high : Fraction
        The depths between which d rho/dL was examined, both included.
    power : Fraction
        The power of the singular values.
    boxes : int
        How many subintervals were evaluated to cover [low, high], undecided ones included.
    largest_upper_bound : mpf
        The largest upper bound of d rho/dL, in nats per factor, over the final subintervals.
    holds : bool
        Whether d rho/dL < 0 is proved on the whole of [low, high].

    Examples
    --------
    >>> from rmt_rank.exact import certify_decreasing
    >>> certificate = certify_decreasing(1, 2)
    >>> certificate.holds, certificate.boxes > 0
    (True, True)
    """

    low: Fraction
    high: Fraction
    power: Fraction
    boxes: int
    largest_upper_bound: Any
    holds: bool

    def __str__(self) -> str:
        verdict = "proved" if self.holds else "NOT proved"
        return (
            f"d rho/dL < 0 {verdict} for depths from {self.low} to {self.high}, power "
            f"{self.power}: {self.boxes} intervals, largest upper bound "
            f"{mp.nstr(self.largest_upper_bound, 6)}"
        )


def _ends(depth: Depth, names: tuple[str, str] = ("depth", "depth")) -> tuple[Fraction, Fraction]:
    if not isinstance(depth, tuple | list):
        point = exact_depth(depth, zero_allowed=True, most=None, name=names[0])
        return point, point
    if len(depth) != 2:
        raise ValueError(f"depth is {shown(depth)}; allowed: a number or a pair (low, high)")
    low, high = (
        exact_depth(end, zero_allowed=True, most=None, name=name)
        for end, name in zip(depth, names, strict=True)
    )
    if low > high:
        raise ValueError(f"depth is {shown(depth)}; allowed: a pair with low <= high")
    return low, high


def _enclose_point(
    formula: Callable[[arb, arb], arb], L: Fraction, z: Fraction, digits: int
) -> Enclosure:
    """Enclose to a relative radius <= 10^-digits, doubling the precision until it is reached."""
    bits = int(3.33 * digits) + 64
    while bits <= MOST_BITS:
        with working_bits(bits):
            ball = formula(_arb(L), _arb(z))
            if ball.is_finite() and ball.rel_accuracy_bits() > 3.33 * digits:
                return _enclosure(ball)
        bits *= 2
    raise ArithmeticError(f"{MOST_BITS} bits do not give {digits} digits at depth {L}")


def enclose_effective_rank(depth: Depth, *, power: Number = 1, digits: int = 30) -> Enclosure:
    """Enclose the differential effective rank rho, in nats.

    Parameters
    ----------
    depth : number or pair of numbers
        L >= 0, taken exactly, or (low, high): then the range of rho over that interval.
    power : number
        > 0; the entropy is that of the normalised sigma^power.
    digits : int
        The relative radius is below 10^-digits for one depth; for an interval it is that of the
        values at its two ends, once rho is proved to decrease between them.

    Returns
    -------
    Enclosure
        An interval that contains rho, or its whole range.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    ArithmeticError
        If the digits asked for take more than 40000 bits, or monotonicity was not proved.

    Examples
    --------
    >>> from rmt_rank.exact import enclose_effective_rank
    >>> interval = enclose_effective_rank(8)
    >>> print(float(interval.lower), float(interval.upper - interval.lower) < 1e-25)
    -1.1160990454294744 True
    """
    (low, high), z = _ends(depth), positive("power", power) / 2
    check_digits(digits)
    if low == high == 0:
        return Enclosure(rounded(0, digits), rounded(0, digits))
    if low == high:
        return _enclose_point(_rho, low, z, digits)
    ends = [enclose_effective_rank(end, power=power, digits=digits) for end in (low, high)]
    if certify_decreasing(low, high, power=power).holds:
        return Enclosure(ends[1].lower, ends[0].upper)
    raise ArithmeticError(f"rho is not proved monotone on {depth!r}, so its range is not enclosed")


def enclose_derivative(depth: Depth, *, power: Number = 1, digits: int = 30) -> Enclosure:
    """Enclose d rho/dL, in nats per factor.

    At depth 0 it is the derivative to the right. An interval is cut into 64 pieces of equal ratio
    in 1 + L; the enclosure is the hull of theirs, so it is somewhat wider than the range.

    Parameters
    ----------
    depth : number or pair of numbers
        As in `enclose_effective_rank`.
    power : number, default 1
        As in `enclose_effective_rank`.
    digits : int, default 30
        As in `enclose_effective_rank`.

    Returns
    -------
    Enclosure
        An interval that contains the derivative, or its whole range.

    Raises
    ------
    TypeError, ValueError
        As in `enclose_effective_rank`.

    Examples
    --------
    >>> from rmt_rank.exact import enclose_derivative
    >>> interval = enclose_derivative(8)
    >>> float(interval.upper) < 0  # a proof that the rank falls at depth 8
    True
    """
    (low, high), z = _ends(depth), positive("power", power) / 2
    check_digits(digits)
    if low == high:
        return _enclose_point(_derivative, low, z, digits)
    with working_bits(int(3.33 * digits) + 64 + 2 * high.numerator.bit_length()):
        # finer where the derivative varies faster
        ratio = float((1 + high) / (1 + low))
        inner = ((1 + low) * Fraction(ratio ** (k / 64)) - 1 for k in range(1, 64))
        cuts = [_arb(cut) for cut in (low, *(min(max(c, low), high) for c in inner), high)]
        pieces = [_derivative_between(a.union(b), _arb(z)) for a, b in pairwise(cuts)]
        return _enclosure(reduce(arb.union, pieces))


def _cover(
    bound: Callable[[Fraction, Fraction], Any], low: Fraction, high: Fraction, most_boxes: int
) -> tuple[int, Any, bool]:
    """Bisect [low, high] until ``bound`` is negative on each piece, or give up.

    Returns
    -------
    tuple of int, mpf, bool
        How many pieces were evaluated, the largest upper bound over the final ones, and whether all
        of [low, high] was shown to be negative.
    """
    largest, count, todo = rounded(-mp.inf, 15), 0, [(low, high)]
    while todo:
        left, right = todo.pop()
        upper = bound(left, right)
        count += 1
        if upper < 0:
            largest = max(largest, upper)
        elif count + len(todo) >= most_boxes or left == right:
            return count, max(largest, upper), False
        else:
            middle = (left + right) / 2
            todo += [(middle, right), (left, middle)]
    return count, largest, True


def certify_decreasing(
    low: Number = 0, high: Number = 1000, *, power: Number = 1, most_boxes: int = 20000
) -> Certificate:
    """Prove, by covering [low, high] with intervals, that rho decreases there.

    This is the computer's half. For all depths at once there is an argument on paper: with
    z = power/2,

        -(1/z^2) d rho/dL = psi'(a) + L [psi'(a) - psi'(b)],   a = (L+1)z + 1,  b = Lz + 2,

    and psi' is positive and decreasing, being the sum of 1/(x+k)^2. For power <= 2 we have a <= b,
    so both summands are >= 0 and the first is positive: d rho/dL < 0 for every real L >= 0. For
    every power, with x = Lz and h(y) = y psi'(y+1),

        -(1/z) d rho/dL = h(x+z) - h(x) + x/(1+x)^2,

    and h increases: h(y) = 1 - int_0^oo (-g'(t)) exp(-yt) dt with g(t) = t/(exp(t) - 1), which
    decreases.

    Parameters
    ----------
    low, high : number
        0 <= low <= high; 0 itself is allowed and included.
    power : number
        > 0.
    most_boxes : int
        After so many intervals the attempt ends, with ``holds`` False.

    Returns
    -------
    Certificate
        ``holds`` is False where the proof did not succeed; this never raises for that.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from rmt_rank.exact import certify_decreasing
    >>> certify_decreasing(1, 2).holds
    True
    """
    (left, right), power_exact = _ends((low, high), ("low", "high")), positive("power", power)
    most_boxes = integer("most_boxes", most_boxes, 1, 10**9)
    # Once the intervals are wide, more bits than these would not make the bounds tighter.
    with working_bits(64 + 2 * right.numerator.bit_length()):
        z = _arb(power_exact / 2)

        def bound(start: Fraction, end: Fraction) -> Any:
            return _enclosure(_derivative(_arb(start).union(_arb(end)), z)).upper

        boxes, largest, holds = _cover(bound, left, right, most_boxes)
    return Certificate(left, right, power_exact, boxes, largest, holds)
