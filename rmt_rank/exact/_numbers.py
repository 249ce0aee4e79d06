"""Numbers taken exactly: what a caller may pass as a depth, an angle or a value.

Everything becomes a `fractions.Fraction` first, so that no digit is lost before the working
precision is known: a float stands for the binary number it holds, a string for the decimal it
spells.
"""

from __future__ import annotations

import math
import numbers
import reprlib
from collections.abc import Sized
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
from mpmath import libmp

from rmt_rank.exact._precision import mp

Number = Any
"""int, float, str, Fraction, Decimal or mpmath.mpf (which ships no types)."""

# Bits of numerators and denominators: numbers from 1e-1200 to 1e1200, and 1200 digits.
MOST_BITS = 4000
# Limits on the depth of laws that are integrated, and on the members of a sequence.
LEAST_DEPTH, MOST_DEPTH = Fraction(1, 10**30), Fraction(10**15)
MOST_MEMBERS = 10**6


def shown(value: object) -> str:
    """Return a short one-line text for any value, regardless of its size and its repr."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"about {'-' if value < 0 else ''}1e+{int(math.log10(abs(value)))}"
    try:
        return " ".join(reprlib.repr(value).split())
    except Exception:  # repr() of a user's class may raise anything; integers of 4300 digits do
        return f"<{type(value).__name__}>"


def exact(name: str, value: Number) -> Fraction:
    """Return ``value`` as the rational number it stands for.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
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
        If ``value`` is not finite, is a string that is not a number, is outside 1e-1200 to 1e1200,
        or has more than 1200 digits.
    """
    number = _fraction(name, value)
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > MOST_BITS:
        raise ValueError(
            f"{name} is {shown(value)}; allowed: 0, or a magnitude from 1e-1200 to 1e1200 with at "
            "most 1200 digits"
        )
    return number


def _fraction(name: str, value: Number) -> Fraction:
    allowed = "a finite int, float, Fraction, Decimal, mpf or a string that spells one"
    if hasattr(value, "_mpf_"):  # an mpf of any of mpmath's contexts
        if not mpmath.isfinite(value):
            raise ValueError(f"{name} is {value}; allowed: {allowed}")
        if abs(int(mpmath.mag(value))) > 2 * MOST_BITS:
            raise ValueError(f"{name} is {shown(value)}; allowed: a size from 1e-1200 to 1e1200")
        return Fraction(*map(int, libmp.to_rational(value._mpf_)))
    if isinstance(value, bool) or not isinstance(value, numbers.Real | str | Decimal):
        raise TypeError(
            f"{name} is {shown(value)} of type {type(value).__name__}; allowed: {allowed}"
        )
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, numbers.Real) and not math.isfinite(value):
        raise ValueError(f"{name} is {shown(value)}; allowed: {allowed}")
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) > MOST_BITS:
        raise ValueError(f"{name} is {shown(value)}; allowed: a size from 1e-1200 to 1e1200")
    try:
        if isinstance(value, str):
            _check_exponent(value)
        return Fraction(value if isinstance(value, str | Decimal) else float(value))
    except (ValueError, OverflowError, ZeroDivisionError):
        raise ValueError(f"{name} is {shown(value)}; allowed: {allowed}") from None


def _check_exponent(text: str) -> None:
    """Refuse decimals whose exponent would make an enormous fraction."""
    _, _, exponent = text.lower().partition("e")
    if len(text) > 2 * MOST_BITS or (exponent and abs(int(exponent)) > MOST_BITS):
        raise ValueError("the exponent is too large")


def positive(name: str, value: Number) -> Fraction:
    """Return ``value`` exactly, or raise ValueError unless it is > 0."""
    number = exact(name, value)
    if number <= 0:
        raise ValueError(f"{name} is {shown(value)}; allowed: a number > 0")
    return number


def exact_depth(
    value: Number,
    *,
    zero_allowed: bool = False,
    least: Fraction | int = LEAST_DEPTH,
    most: Fraction | int | None = MOST_DEPTH,
    name: str = "depth",
) -> Fraction:
    """Return the depth L exactly, or raise ValueError unless L > 0 (or >= 0) and in its range.

    The range is that of quadrature, 1e-30 to 1e15; most = None is for closed forms.
    """
    depth = exact(name, value)
    if depth < 0 or (depth == 0 and not zero_allowed):
        raise ValueError(
            f"{name} is {shown(value)}; allowed: a real number {'>=' if zero_allowed else '>'} 0"
        )
    if most is not None and depth and not least <= depth <= most:
        raise ValueError(
            f"{name} is {shown(value)}; allowed: from {float(least):g} to {float(most):g}"
        )
    return depth


def integer(name: str, value: Any, least: int, most: int) -> int:
    """Return an int from least to most; TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is {shown(value)}; allowed: an int from {least} to {most}")
    number = int(value)
    if not least <= number <= most:
        raise ValueError(f"{name} is {shown(number)}; allowed: an int from {least} to {most}")
    return number


def members(name: str, value: Any, fewest: int = 1) -> list[Any]:
    """Return the members of a list, a tuple or an array; TypeError or ValueError otherwise."""
    if (
        not isinstance(value, Sized)
        or not hasattr(value, "__getitem__")
        or hasattr(value, "keys")
        or isinstance(value, str | bytes | bytearray | memoryview)
        or getattr(value, "shape", (1,)) == ()
    ):
        raise TypeError(f"{name} is {shown(value)}; allowed: a sequence")
    try:
        count = len(value)
    except OverflowError:
        count = MOST_MEMBERS + 1
    if not fewest <= count <= MOST_MEMBERS:
        raise ValueError(f"{name} is {shown(value)}; allowed: at least {fewest} members")
    found: list[Any] = list(value)  # type: ignore[call-overload]  # value has __getitem__
    return found


def bounded(name: str, value: Number, low: Number, high: Number) -> Fraction:
    """Return ``value`` exactly, or raise ValueError unless it is from low to high."""
    number = exact(name, value)
    if not exact("low", low) <= number <= exact("high", high):
        raise ValueError(f"{name} is {shown(value)}; allowed: from {low} to {high}")
    return number


def check_digits(digits: int) -> int:
    """Return ``digits``, or raise unless it is an int between 1 and 2000."""
    return integer("digits", digits, 1, 2000)


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
