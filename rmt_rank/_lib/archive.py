"""Files that the package writes and reads back: sealed by a digest, and parsed defensively.

A seal is a line of text inside a file: the kind of the file, its format, and the SHA-256 digest of
the file with zeros in place of the digest.  It is a key of a JSON file, the comment of a ZIP
archive of arrays, or an attribute of a NetCDF file.  It detects a change of any bit, so that
parsers only receive content written by this package.  Even so, nothing is unpickled, and no more
memory is allocated than the file has bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import re
import stat
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "arrays_in",
    "blank_seal",
    "check",
    "described",
    "dump_json",
    "has_seal",
    "load_json",
    "pack",
    "parsed",
    "read",
    "regular",
    "sealed",
    "unpack",
]

Array = npt.NDArray[Any]

# Format of all files; increase it when older files would be misread, or would hold other numbers.
FORMAT = 1

_SEAL = re.compile(rb"rmt_rank ([a-z ]{1,40}), format (\d{1,9}), sha256 ([0-9a-f]{64})")
# A seal is within this distance of the beginning or the end; other files are refused unread.
_EDGE = 1 << 16
# The header of an array as NumPy writes it, for types without Python objects.
_HEADER = re.compile(
    rb"\{'descr': '([<>|=][biufcSU]\d{1,9})', 'fortran_order': (True|False), "
    rb"'shape': \(([\d, L]{0,1300})\),? ?\}\s*"
)


def blank_seal(kind: str) -> str:
    """Return the blank seal of a file of this kind, to be filled in by `sealed`."""
    return f"rmt_rank {kind}, format {FORMAT}, sha256 {'0' * 64}"


def sealed(content: bytes) -> bytes:
    """Return the content with the digest in its blank seal."""
    (seal,) = _SEAL.finditer(content)
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[: seal.start(3)] + digest + content[seal.end(3) :]


def has_seal(head: bytes) -> bool:
    """Return whether the first bytes of a file contain a seal."""
    return _SEAL.search(head) is not None


def regular(path: Path) -> Path:
    """Return a path; ValueError if it is a pipe, a device or a folder, OSError if it is missing."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is not a regular file")
    return path


def read(path: Path, kind: str) -> bytes:
    """Return the content of a sealed file.

    Raises
    ------
    OSError
        If there is no such file, or the system cannot read it.
    ValueError
        If it is of another kind or format, or was changed after it was written.
    """
    with regular(path).open("rb") as file:
        head = file.read(_EDGE)
        file.seek(max(0, file.seek(0, io.SEEK_END) - _EDGE))
        tail = file.read(_EDGE)
        with described(path, kind):
            seal = _SEAL.search(head) or _SEAL.search(tail)
            if seal is None:
                raise ValueError(
                    "it has no seal of rmt_rank: it is truncated or damaged, is another kind of "
                    "file, or was written by another version of rmt_rank"
                    if head
                    else "it is empty"
                )
            found, version = seal[1].decode(), int(seal[2])
            if version != FORMAT:
                raise ValueError(
                    f"it was written by another version of rmt_rank, in format {version}; this "
                    f"version reads format {FORMAT}"
                )
            if found != kind:
                raise ValueError(f"it is another file of rmt_rank: a {found}")
            file.seek(0)
            content = file.read()
            place = content.find(seal[0])
            start, end = (place + seal.start(i) - seal.start() for i in (3, 3))
            end += len(seal[3])
            digest = hashlib.sha256(memoryview(content)[:start])
            digest.update(b"0" * len(seal[3]))
            digest.update(memoryview(content)[end:])
            if digest.hexdigest().encode() != seal[3]:
                raise ValueError("it is truncated or damaged: its digest does not match")
    return content


@contextlib.contextmanager
def described(path: Path, kind: str) -> Iterator[None]:
    """Turn any exception of a parser into a ValueError that names the file and the reason.

    Parsers of damaged files raise nearly everything: AttributeError, EOFError, IndexError,
    KeyError, MemoryError, NotImplementedError, RecursionError, zlib.error, and more.
    """
    try:
        yield
    except Exception as error:  # the docstring lists what parsers raise
        words = str(error) or type(error).__name__
        reason = "".join(c if c.isprintable() else "?" for c in words[:300])
        raise ValueError(f"{path} cannot be read as a {kind}: {reason}") from error


def dump_json(kind: str, content: Mapping[str, Any]) -> bytes:
    """Return the content of a sealed JSON file."""
    text = json.dumps({"seal": blank_seal(kind), **content}, indent=1)
    return sealed(f"{text}\n".encode())


def load_json(path: Path, kind: str) -> dict[str, Any]:
    """Return the object that `dump_json` wrote; raise the errors of `read`."""
    content = read(path, kind)
    with described(path, kind):
        found = parsed(content.decode())
        del found["seal"]
    return found


def parsed(text: str) -> dict[str, Any]:
    """Parse a JSON object; ValueError for any other text, for NaN, and for repeated keys."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            raise ValueError("a key occurs twice")
        return found

    def constant(name: str) -> float:
        if name == "NaN":
            raise ValueError("a value is NaN")
        return float(name)

    try:
        content = json.loads(text, object_pairs_hook=once, parse_constant=constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}, not an object")
    return content


def pack(kind: str, arrays: Mapping[str, npt.ArrayLike]) -> bytes:
    """Return the content of a sealed, uncompressed .npz file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
        archive.comment = blank_seal(kind).encode()
    return sealed(buffer.getvalue())


def unpack(path: Path, kind: str) -> dict[str, Array]:
    """Return the arrays that `pack` wrote; raise the errors of `read`."""
    content = read(path, kind)
    with described(path, kind):
        return arrays_in(content, len(content))


def arrays_in(content: bytes, most: int, names: Collection[str] = ()) -> dict[str, Array]:
    """Return the arrays of an .npz file that is in memory.

    Parameters
    ----------
    content : bytes
        Content of the file.
    most : int
        Largest total size of the arrays in bytes.
    names : collection of str, optional
        Names of the arrays to read; all by default.

    Raises
    ------
    Exception
        If the file is damaged; its class may be nearly any, so call this inside `described`.
    """
    found: dict[str, Array] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [
            (member.filename.removesuffix(".npy"), member)
            for member in archive.infolist()
            if not names or member.filename.removesuffix(".npy") in names
        ]
        if sum(member.file_size for _, member in members) > most:
            raise ValueError(f"its members claim more than {most} bytes")
        for name, member in members:
            if name in found:
                raise ValueError(f"its member {name!r} occurs twice")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"the compression of its member {name!r} is unknown")
            found[name] = _array(name, archive.read(member))
    if missing := sorted(set(names) - found.keys()):
        raise ValueError(f"it holds no array {', '.join(missing)}")
    return found


def _array(name: str, content: bytes) -> Array:
    """Return the array of an .npy file, without evaluating any of its text."""
    start = {1: 10, 2: 12, 3: 12}.get(content[6] if content[:6] == b"\x93NUMPY" else 0)
    if start is None:
        raise ValueError(f"its member {name!r} is not an array")
    begin = start + int.from_bytes(content[8:start], "little")
    header = _HEADER.fullmatch(content[start:begin])
    if header is None:
        raise ValueError(f"the header of its array {name!r} is not one of plain numbers or text")
    dtype = np.dtype(header[1].decode())
    shape = tuple(map(int, re.findall(rb"\d+", header[3])))
    if dtype.itemsize * math.prod(shape) != len(content) - begin:
        raise ValueError(
            f"the header of its array {name!r} claims {dtype.itemsize * math.prod(shape)} bytes, "
            f"but there are {len(content) - begin}"
        )
    array: Array = np.ndarray(
        shape, dtype, content, begin, order="F" if header[2] == b"True" else "C"
    ).copy(order="K")
    if dtype.kind == "b" and (array.view(np.uint8) > 1).any():
        raise ValueError(f"its array {name!r} holds truth values that are neither true nor false")
    return array


def check(
    name: str,
    array: Array,
    kinds: str,
    shape: tuple[int, ...],
    *,
    finite: bool = False,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> Array:
    """Return an array that was read; ValueError unless it meets the requirements.

    Parameters
    ----------
    name : str
        Name for messages.
    array : ndarray
        The array.
    kinds : str
        NumPy's letters of the kinds of types that are allowed.
    shape : tuple of int
        Required shape.
    finite : bool, default False
        Whether nan and infinities are refused.
    at_least, at_most : float, optional
        Bounds of all entries except nan.
    """
    if array.dtype.kind not in kinds or array.shape != shape:
        raise ValueError(
            f"its {name} must have the shape {shape} and a type of kind {kinds!r}, got "
            f"{array.shape} and {array.dtype}"
        )
    if finite and not np.isfinite(array).all():
        raise ValueError(f"its {name} must be finite")
    # compare only if there are bounds: text has none
    limits = [f">= {at_least:g}"] if at_least > -math.inf else []
    limits += [f"<= {at_most:g}"] if at_most < math.inf else []
    if limits and ((array < at_least).any() or (array > at_most).any()):
        raise ValueError(f"its {name} must be {' and '.join(limits)}")
    return array
