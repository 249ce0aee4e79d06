"""Refuse bad input before any work is done, naming the argument, its value and what is allowed."""

from __future__ import annotations

import math
import numbers
import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["choice", "integer", "integer_widths", "real", "real_array"]


def _shown(value: object) -> str:
    return reprlib.repr(value)


def real_array(
    name: str,
    value: npt.ArrayLike,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    finite: bool = True,
) -> npt.NDArray[np.float64]:
    """Return value as a float64 array, every element real and inside the bounds.

    Raises
    ------
    TypeError
        If value does not hold real numbers (strings, complex numbers, ragged lists, None).
    ValueError
        If value is empty, or an element is nan, infinite (unless finite is False) or out of bounds.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{name} must be real numbers, got {_shown(value)}") from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {_shown(value)}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got {_shown(value)}")
    array = array.astype(np.float64, copy=False)
    allowed = "finite" if finite else "a number"
    if above > -math.inf:
        allowed += f" and > {above:g}"
    if at_least > -math.inf:
        allowed += f" and >= {at_least:g}"
    good = (np.isfinite(array) if finite else ~np.isnan(array)) & (array >= at_least)
    if above > -math.inf:
        good &= array > above
    if not good.all():
        raise ValueError(f"{name} must be {allowed}, got {float(array[~good].flat[0])!r}")
    return array


def real(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    finite: bool = True,
) -> float:
    """Return value as one float; the errors of `real_array`, and TypeError for an array."""
    if type(value) in (float, int) and above < value < math.inf and value >= at_least:
        return float(value)
    array = real_array(name, value, above=above, at_least=at_least, finite=finite)
    if array.ndim:
        raise TypeError(f"{name} must be one number, got {_shown(value)}")
    return float(array)


def integer(name: str, value: Any, *, at_least: int) -> int:
    """Return value as an int no smaller than at_least.

    Raises
    ------
    TypeError
        If value is not an integer (a bool or a float is not).
    ValueError
        If value is too small.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer >= {at_least}, got {_shown(value)}")
    if value < at_least:
        raise ValueError(f"{name} must be an integer >= {at_least}, got {int(value)}")
    return int(value)


def integer_widths(widths: Any) -> tuple[int, ...]:
    """Return widths n_0, ..., n_L of layers as integers >= 1, at least two.

    Raises
    ------
    TypeError
        If widths is no sequence, or one is not an integer.
    ValueError
        If there are fewer than 2, or one is too small.
    """
    if np.ndim(widths) != 1:
        raise TypeError(f"widths must be a sequence of integers, got {_shown(widths)}")
    found = tuple(integer("widths", n, at_least=1) for n in widths)
    if len(found) < 2:
        raise ValueError(f"widths must have at least 2 entries, got {found}")
    return found


def choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return value if it is one of the allowed strings; ValueError otherwise."""
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise ValueError(f"{name} must be one of {listed}, got {_shown(value)}")
    return value
