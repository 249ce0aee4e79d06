"""Read arrays from .npy, .npz and .safetensors files one by one, with reasons for unread ones.

Nothing is unpickled.  The size in a header is compared with the number of bytes in the file before
memory is allocated, and arrays that are not matrices of numbers are not read beyond their headers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from rmt_rank._lib.file_kinds import HEAD, kind
from rmt_rank._lib.npy import LONGEST_HEADER, MAGIC, Stored, attempt, npy
from rmt_rank._lib.npz import npz
from rmt_rank._lib.reasons import reason, special, too_large
from rmt_rank._lib.safetensors_files import safetensors

__all__ = ["SUFFIXES", "Member", "members", "stored"]

SUFFIXES = (".npy", ".npz", ".safetensors")

# Copies in memory: a matrix, its copy in double precision, and the copy that LAPACK overwrites.
_COPIES = 3


class Member(NamedTuple):
    """An array of a file: the matrix, or the reason why there is none."""

    name: str
    shape: tuple[int, ...] | None = None
    array: npt.NDArray[Any] | None = None
    skipped: str | None = None  # why it is not a matrix of numbers
    error: str | None = None  # why it could not be read


def members(path: Path) -> Iterator[Member]:
    """Yield the matrices of a file; a damaged array does not affect the others.

    Raises
    ------
    OSError, ValueError
        Those of `stored`.
    """
    for each in stored(path):
        yield _matrix(each)


def stored(path: Path, suffix: str | None = None) -> Iterator[Stored]:
    """Yield the arrays of a file, with functions that read them; the file stays open meanwhile.

    Parameters
    ----------
    path : Path
        The file.
    suffix : str, optional
        Its format, one of `SUFFIXES`; that of its name by default.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If the content does not match the suffix; the message says what it is.
    """
    status = path.stat()
    if what := special(status.st_mode):
        raise ValueError(f"it is {what}, not a file")
    with path.open("rb") as file:
        head = file.read(HEAD)
        suffix = suffix or path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(
                f"unknown kind of file; allowed: {', '.join(SUFFIXES)}; it is {kind(head)}"
            )
        file.seek(0)
        if suffix == ".npz":
            yield from npz(path, status.st_size, head)
        elif suffix == ".npy":
            if not head.startswith(MAGIC):
                raise ValueError(f"it is not a .npy file but {kind(head)}")
            yield attempt(npy, path.stem, path, file.read(LONGEST_HEADER), status.st_size)
        else:
            yield from safetensors(path, head)


def _matrix(each: Stored) -> Member:
    """Read an array if it is a matrix that fits into memory."""
    if each.load is None or each.shape is None:
        return Member(each.name, each.shape, skipped=each.skipped, error=each.error)
    try:
        if skipped := _no_matrix(each.shape, each.itemsize):
            return Member(each.name, each.shape, skipped=skipped)
        return Member(each.name, each.shape, each.load())
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in safetensors' Rust code is not an Exception
        return Member(each.name, error=reason(error))


def _no_matrix(shape: tuple[int, ...], itemsize: int) -> str | None:
    """Return why an array is not measured; ValueError for a matrix that exceeds the memory."""
    if len(shape) != 2:
        return f"it has {len(shape)} dimension{'s' * (len(shape) != 1)}, not 2"
    if 0 in shape:
        return "it is empty"
    if refusal := too_large(_COPIES * itemsize * math.prod(shape)):
        raise ValueError(refusal)
    return None
