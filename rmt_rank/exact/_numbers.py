"""Numbers taken exactly: what a caller may pass as a depth, an angle or a value.

Everything becomes a `fractions.Fraction` first, so that no digit is lost before the working
precision is known: a float stands for the binary number it holds, a string for the decimal it
spells.
"""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
from mpmath import libmp

from rmt_rank.exact._precision import mp

__all__ = ["Number", "as_mpf", "check_digits", "exact", "exact_depth", "expm1", "positive"]

Number = Any
"""int, float, str, Fraction, Decimal or mpmath.mpf (which ships no types)."""


def exact(name: str, value: Number) -> Fraction:
    """Return ``value`` as the rational number it stands for.

    Parameters
    ----------
    name : str
        What the caller calls it; used in messages only.
    value : int, float, str, Fraction, Decimal or mpf
        A finite real number. Strings are decimals (``"0.1"``) or ratios (``"1/3"``).

    Returns
    -------
    Fraction

    Raises
    ------
    TypeError
        If ``value`` is of another type (bool included).
    ValueError
        If ``value`` is not finite, or a string that spells no number.
    """
    allowed = "a finite int, float, Fraction, Decimal, mpf or a string that spells one"
    if hasattr(value, "_mpf_"):  # of any of mpmath's contexts
        if not mpmath.isfinite(value):
            raise ValueError(f"{name} is {value}; allowed: {allowed}")
        return Fraction(*map(int, libmp.to_rational(value._mpf_)))
    if isinstance(value, bool) or not isinstance(value, numbers.Real | str | Decimal):
        raise TypeError(f"{name} is {value!r} of type {type(value).__name__}; allowed: {allowed}")
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, numbers.Real) and not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}; allowed: {allowed}")
    try:
        return Fraction(value if isinstance(value, str | Decimal) else float(value))
    except (ValueError, OverflowError, ZeroDivisionError):
        raise ValueError(f"{name} is {value!r}; allowed: {allowed}") from None


def positive(name: str, value: Number) -> Fraction:
    """Return ``value`` exactly, or raise ValueError unless it is > 0."""
    number = exact(name, value)
    if number <= 0:
        raise ValueError(f"{name} is {value!r}; allowed: a number > 0")
    return number


def exact_depth(value: Number, *, zero_allowed: bool = False) -> Fraction:
    """Return the depth L exactly, or raise ValueError unless L > 0 (or >= 0)."""
    depth = exact("depth", value)
    if depth < 0 or (depth == 0 and not zero_allowed):
        raise ValueError(
            f"depth is {value!r}; allowed: a real number {'>=' if zero_allowed else '>'} 0"
        )
    return depth


def check_digits(digits: int) -> int:
    """Return ``digits``, or raise unless it is an int between 1 and 2000."""
    if isinstance(digits, bool) or not isinstance(digits, int):
        raise TypeError(f"digits is {digits!r}; allowed: an int from 1 to 2000")
    if not 1 <= digits <= 2000:
        raise ValueError(f"digits is {digits}; allowed: an int from 1 to 2000")
    return digits


def as_mpf(number: Fraction) -> Any:
    """Return the mpf nearest to ``number`` at the working precision of the moment."""
    return mp.mpf(number.numerator) / number.denominator


def expm1(x: Any) -> Any:
    """Return exp(x) - 1 from one exponential; mpmath's own takes several times as long."""
    size = -mp.mag(x)
    if size > mp.prec:
        return x + x * x / 2
    with mp.workprec(mp.prec + max(0, size) + 4):
        difference = mp.exp(x) - 1
    return +difference
