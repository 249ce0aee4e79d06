"""Refuse bad input before any work is done, naming the argument, its value and what is allowed."""

from __future__ import annotations

import contextlib
import math
import numbers
import os
import reprlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.names import did_you_mean

__all__ = [
    "LARGEST_INTEGER",
    "boolean",
    "choice",
    "function",
    "integer",
    "integer_widths",
    "integers",
]
__all__ += [
    "instance",
    "real",
    "real_array",
    "require_memory",
    "require_room",
    "sequence",
    "shown",
    "string",
]

Kind = TypeVar("Kind")

# Up to this integer, every integer is a float and a possible index.
LARGEST_INTEGER = 2**53
# Integers with more bits are shown by their magnitude.
_LONGEST_BITS = 128
# Sequences and arrays with more elements are refused if they, and a result of the same size, are
# too large for memory; bytes per element of a list that is not yet an array.
_LONG, _BYTES_OF_AN_OBJECT = 2**22, 40
# Files in which Linux reports how much memory may be used.
_MEMINFO = Path("/proc/meminfo")
_CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def shown(value: object) -> str:
    """Return a short one-line text for any value, regardless of its size and its repr."""
    if isinstance(value, int) and value.bit_length() > _LONGEST_BITS:
        return f"about {'-' if value < 0 else ''}1e+{int(math.log10(abs(value)))}"
    try:
        return " ".join(reprlib.repr(value).split())
    except Exception:  # repr() of a user's class may raise anything; integers of 4300 digits do
        return f"<{type(value).__name__}>"


def _bounds(above: float, at_least: float, at_most: float) -> str:
    """Return the text of bounds, such as " and > 0", or "" without bounds."""
    text = f" and > {above:g}" if above > -math.inf else ""
    text += f" and >= {at_least:g}" if at_least > -math.inf else ""
    return text + (f" and <= {at_most:g}" if at_most < math.inf else "")


def real_array(
    name: str,
    value: npt.ArrayLike,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    finite: bool = True,
    nan: bool = False,
) -> npt.NDArray[np.float64]:
    """Return value as a float64 array, every element real and inside the bounds.

    With nan, an empty array and elements that are nan are allowed, as in SciPy's distributions.

    Raises
    ------
    TypeError
        If value does not hold real numbers (strings, complex numbers, ragged lists, None), or is a
        masked array.
    ValueError
        If value is empty, or an element is nan, infinite (unless finite is False), too large for a
        float or out of bounds, or if two arrays of its size do not fit into memory.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TypeError(f"{name} must have no masked elements: fill or leave out those that it has")
    require_room(name, value)
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = _floats(name, value, array)
    except OverflowError:
        limits = "finite" + _bounds(above, at_least, at_most)
        raise ValueError(f"{name} must be {limits} as a float, got {shown(value)}") from None
    except Exception as error:  # __array__ or __float__ of a user's class may raise anything
        raise TypeError(f"{name} must be real numbers, got {shown(value)}") from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {shown(value)}")
    if array.size == 0 and not nan:
        raise ValueError(f"{name} must not be empty, got {shown(value)}")
    with np.errstate(over="ignore", invalid="ignore"):  # long doubles may overflow
        array = array.astype(np.float64, copy=False)
    allowed = "finite" if finite else "a number"
    allowed += _bounds(above, at_least, at_most)
    good = (np.isfinite(array) if finite else ~np.isnan(array)) & (array >= at_least)
    if above > -math.inf:
        good &= array > above
    if at_most < math.inf:
        good &= array <= at_most
    if nan:
        good |= np.isnan(array)
    if not good.all():
        raise ValueError(f"{name} must be {allowed}, got {float(array[~good].flat[0])!r}")
    return array


def _floats(name: str, value: object, array: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return integers beyond 64 bits, and fractions, as floats."""
    for item in array.flat:
        if isinstance(item, bool | np.bool_) or not isinstance(item, numbers.Real):
            raise TypeError(f"{name} must be real numbers, got {shown(value)}")
    floats: npt.NDArray[np.float64] = array.astype(np.float64)
    return floats


def require_room(name: str, value: object) -> None:
    """Refuse sequences and arrays that do not fit into memory."""
    if isinstance(value, np.ndarray):
        if value.size > _LONG:  # memory for the array and a result
            require_memory(name, 16 * value.size)
    elif hasattr(value, "__len__"):
        try:
            length = len(value)
        except OverflowError:
            raise ValueError(f"{name} must fit into memory, got {shown(value)}") from None
        except Exception:  # __len__ of a user's class may raise anything; NumPy then decides
            return
        if length > _LONG:
            require_memory(name, _BYTES_OF_AN_OBJECT * length)


def real(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    finite: bool = True,
) -> float:
    """Return value as one float; the errors of `real_array`, and TypeError for an array."""
    quick = type(value) is float or (type(value) is int and abs(value) <= LARGEST_INTEGER)
    if quick and above < value < math.inf and at_least <= value <= at_most:
        return float(value)
    array = real_array(name, value, above=above, at_least=at_least, at_most=at_most, finite=finite)
    if array.ndim:
        raise TypeError(f"{name} must be one number, got {shown(value)}")
    return float(array)


def integer(
    name: str, value: Any, *, at_least: int | None = None, at_most: int | None = None
) -> int:
    """Return value as an int inside the bounds; by default up to 2^53, exact as a float.

    Raises
    ------
    TypeError
        If value is not an integer (a bool or a float is not).
    ValueError
        If value is too small or too large.
    """
    allowed = "an integer" + ("" if at_least is None else f" >= {at_least}")
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be {allowed}, got {shown(value)}")
    number = int(value)
    if at_least is not None and number < at_least:
        raise ValueError(f"{name} must be {allowed}, got {shown(number)}")
    if at_most is not None and number > at_most:
        limit = "2**53" if at_most == LARGEST_INTEGER else str(at_most)
        joint = " <=" if at_least is None else " and <="
        raise ValueError(f"{name} must be {allowed}{joint} {limit}, got {shown(number)}")
    return number


def sequence(
    name: str, value: Any, of: str, *, at_least: int = 0, axes: int | None = 1
) -> tuple[Any, ...]:
    """Return the members of a list, a tuple, a range or an array of one axis.

    Strings, bytes, mappings, sets and iterators are refused.

    Parameters
    ----------
    name, value
        Name and value of the argument.
    of : str
        Description of the members, for the message.
    at_least : int, default 0
        Minimum number of members.
    axes : int or None, default 1
        Number of axes of an array; None for any number except 0.

    Raises
    ------
    TypeError
        If value is not such a sequence.
    ValueError
        If it has too few members, or more than fit into memory.
    """
    is_sequence = (
        hasattr(value, "__len__")
        and hasattr(value, "__getitem__")
        and not isinstance(value, str | bytes | bytearray | memoryview)
        and not hasattr(value, "keys")
    )
    ndim = getattr(value, "ndim", axes)
    if not is_sequence or (ndim == 0 if axes is None else ndim != axes):
        raise TypeError(f"{name} must be a sequence of {of}, got {shown(value)}")
    # its members become objects
    require_room(name, range(len(value)) if isinstance(value, np.ndarray) else value)
    if len(value) < at_least:
        entries = "entry" if at_least == 1 else "entries"
        raise ValueError(
            f"{name} must have at least {at_least} {entries}, got {shown(tuple(value))}"
        )
    return tuple(value)


def integers(
    name: str,
    value: Any,
    *,
    at_least: int,
    fewest: int = 0,
    at_most: int | None = None,
) -> tuple[int, ...]:
    """Return a sequence of integers in the bounds; raise the errors of `sequence` and `integer`."""
    members = sequence(name, value, "integers", at_least=fewest)
    return tuple(integer(name, n, at_least=at_least, at_most=at_most) for n in members)


def integer_widths(widths: Any) -> tuple[int, ...]:
    """Return widths n_0, ..., n_L of layers as integers from 1 to 2^53, at least two.

    Raises
    ------
    TypeError
        If widths is not a sequence, or one is not an integer.
    ValueError
        If there are fewer than 2, or one is too small or too large.
    """
    return integers("widths", widths, at_least=1, fewest=2, at_most=LARGEST_INTEGER)


def broadcast(**arrays: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    """Return arrays broadcast to one shape; ValueError that names them if they have none."""
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError:
        *names, last = arrays
        *shapes, last_shape = (str(array.shape) for array in arrays.values())
        raise ValueError(
            f"{', '.join(names)} and {last} must broadcast, got the shapes {', '.join(shapes)} and "
            f"{last_shape}"
        ) from None


def choice(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return value if it is one of the allowed strings; ValueError otherwise."""
    allowed = tuple(allowed)
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(map(repr, allowed))
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        raise ValueError(f"{name} must be one of {listed}, got {shown(value)}{hint}")
    return value


def boolean(name: str, value: object) -> bool:
    """Return value if it is True or False; TypeError otherwise."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def string(name: str, value: object) -> str:
    """Return value if it is a string; TypeError otherwise."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {shown(value)}")
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Return value if it can be called; TypeError otherwise."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, got {shown(value)}")
    called: Callable[..., Any] = value
    return called


def instance(name: str, value: Any, kind: type[Kind]) -> Kind:
    """Return value if it is an instance of the class; TypeError otherwise."""
    if not isinstance(value, kind):
        raise TypeError(
            f"{name} must be a {kind.__name__}, got {type(value).__name__}, {shown(value)}"
        )
    return value


def require_memory(name: str, nbytes: float, available: float | None = None) -> None:
    """Refuse work that needs more memory than is available.

    Parameters
    ----------
    name : str
        The argument or arguments that determine how much is needed.
    nbytes : float
        Estimate of the bytes needed at once.
    available : float, optional
        Bytes that there are, where they are not those of this machine but of a device.

    Raises
    ------
    ValueError
        If this is more than the memory that the process can get.
    """
    available = available_memory() if available is None else available
    if nbytes > available:
        gib = 2.0**30
        raise ValueError(
            f"{name} must be smaller: about {nbytes / gib:.3g} GiB of memory are needed, "
            f"{available / gib:.3g} GiB are available"
        )


def available_memory() -> float:
    """Bytes of memory that this process can get without swapping; inf if unknown."""
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = (line.split() for line in _MEMINFO.read_text().splitlines())
        found += [1024.0 * int(line[1]) for line in lines if line[0] == "MemAvailable:"]
    if not found:
        with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows
            found.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    for path in _CGROUPS:
        with contextlib.suppress(OSError, ValueError):  # missing, or "max"
            found.append(float(int(path.read_text())))
    with contextlib.suppress(ImportError, OSError):  # Windows
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            found.append(float(limit))
    return min(found, default=math.inf)
