"""Arrays of .npy files, whose headers are checked before anything is read; nothing is unpickled."""

from __future__ import annotations

import io
import math
import tokenize
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.reasons import reason, short

__all__ = ["LONGEST_HEADER", "MAGIC", "Stored", "attempt", "data", "declared", "header", "npy"]

MAGIC = np.lib.format.MAGIC_PREFIX
# The longest header of a .npy of format 1.0; NumPy itself parses 10,000 characters at most.
LONGEST_HEADER = 12 + 2**16
# What NumPy raises for a header that is not one: errors of ast.literal_eval and tokenize, and of
# a dtype made from any value.
_UNREADABLE = (
    *(ValueError, TypeError, LookupError, ArithmeticError, SyntaxError),
    *(tokenize.TokenError, RecursionError, MemoryError),
)


class Stored(NamedTuple):
    """An array of a file that is not read yet, or the reason why it cannot be."""

    name: str
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    itemsize: int = 0  # bytes per entry after reading
    load: Callable[[], npt.NDArray[Any]] | None = None  # checks sizes, then reads
    skipped: str | None = None
    error: str | None = None


class _Declared(NamedTuple):
    """Shape, type and further content of an array's header."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    end: int  # where the header ends


def attempt(read: Callable[..., Stored], name: str, *arguments: Any) -> Stored:
    """Read a header; turn any error into its reason, so that the other arrays are not lost."""
    try:
        return read(name, *arguments)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in safetensors' Rust code is not an Exception
        return Stored(name, error=reason(error))


def npy(name: str, path: Path, head: bytes, size: int) -> Stored:
    def load() -> npt.NDArray[Any]:
        with path.open("rb") as file:
            return data(file)

    return declared(name, header(head, size), load)


def declared(name: str, header: _Declared, load: Callable[[], npt.NDArray[Any]]) -> Stored:
    shape, dtype, _ = header
    if skipped := _not_numbers(dtype):
        return Stored(name, shape, skipped=skipped)
    return Stored(name, shape, dtype.name, 16 if dtype.kind == "c" else 8, load)


def header(head: bytes, size: int) -> _Declared:
    """Parse the header of an array, from the first bytes of a .npy and its size in bytes.

    Raises
    ------
    ValueError
        If it is not a header, or claims a wrong number of bytes.
    """
    begin = io.BytesIO(head)
    version = tuple(head[len(MAGIC) : len(MAGIC) + 2])
    if len(version) == 2 and version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"its format is {version[0]}.{version[1]}; allowed: 1.0, 2.0, 3.0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about headers written by Python 2
            np.lib.format.read_magic(begin)
            # 3.0 is 2.0 with field names in UTF-8, and arrays with fields are skipped
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, _, dtype = read(begin)
    except _UNREADABLE as error:
        raise ValueError("its header is not readable") from error
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"its header has the shape {shape}")
    declared = _Declared(shape, dtype, begin.tell())
    claimed, there = math.prod(shape) * dtype.itemsize, size - declared.end
    if not dtype.hasobject and claimed != there:
        raise ValueError(f"its header claims {claimed} bytes of data, but there are {there}")
    return declared


def data(file: Any) -> npt.NDArray[Any]:
    """Read an array whose header has been checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _not_numbers(dtype: np.dtype[Any]) -> str | None:
    """Return why arrays of this type are not read."""
    if dtype.hasobject:
        return "its type is object, which is pickled and never loaded"
    if dtype.kind not in "biufc":
        return f"its type is {short(dtype)}"
    if dtype.itemsize > (16 if dtype.kind == "c" else 8):
        return f"its type is {dtype}, wider than double precision: save it as float64"
    return None
