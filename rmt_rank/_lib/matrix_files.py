"""Read arrays from .npy, .npz and .safetensors files one by one, with reasons for unread ones.

Nothing is unpickled.  The size in a header is compared with the number of bytes in the file before
memory is allocated, and arrays that are not matrices of numbers are not read beyond their headers.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import math
import os
import re
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.file_kinds import HEAD, kind

__all__ = [
    "SUFFIXES",
    "UNPACKED",
    "UNPACKED_RATIO",
    "Member",
    "Stored",
    "content_of",
    "members",
    "reason",
    "special",
    "stored",
    "stored_only",
    "too_large",
]

SUFFIXES = (".npy", ".npz", ".safetensors")

# Compressed arrays of one .npz are unpacked to this many bytes in total, or this many times the
# size of the file, whichever is more.  Compression shrinks weights by a tenth, sparse ones by a
# factor of 10 or 20; deflate reaches a factor of 1032.
UNPACKED = 2**25
UNPACKED_RATIO = 100

_MAGIC = np.lib.format.MAGIC_PREFIX
# The longest header of a .npy of format 1.0; NumPy itself parses 10,000 characters at most.
_LONGEST_HEADER = 12 + 2**16

# Other compression methods are not read, since Python unpacks them without a limit.
_METHODS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma", 93: "Zstandard", 95: "xz"}

# What unpacking a damaged member raises.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)

_OVERLAPS = "it overlaps another part of the archive"

# Copies in memory: a matrix, its copy in double precision, and the copy that LAPACK overwrites.
_COPIES = 3


class Member(NamedTuple):
    """An array of a file: the matrix, or the reason why there is none."""

    name: str
    shape: tuple[int, ...] | None = None
    array: npt.NDArray[Any] | None = None
    skipped: str | None = None  # why it is not a matrix of numbers
    error: str | None = None  # why it could not be read


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
            yield from _npz(path, status.st_size, head)
        elif suffix == ".npy":
            if not head.startswith(_MAGIC):
                raise ValueError(f"it is not a .npy file but {kind(head)}")
            yield _attempt(_npy, path.stem, path, file.read(_LONGEST_HEADER), status.st_size)
        else:
            yield from _safetensors(path, head)


def too_large(size: int) -> str | None:
    """Return why arrays of so many bytes are refused; None if the machine has enough memory."""
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None
    if size <= there:
        return None
    return f"it needs about {size / 2**30:.3g} GiB of memory, this machine has {there / 2**30:.3g}"


def reason(error: BaseException) -> str:
    """Describe an error in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, _DAMAGED):
        return "it is damaged"
    words = _short(error)
    if isinstance(error, MemoryError):
        return f"there is not enough memory for it ({words or 'MemoryError'})"
    if type(error) is ValueError and words:
        return words
    return f"{type(error).__name__}{': ' * bool(words)}{words}"


def _short(value: object) -> str:
    words = re.sub(r" at 0x[0-9a-f]+>", ">", " ".join(str(value).split()))
    return words if len(words) <= 300 else f"{words[:300]}..."


def special(mode: int) -> str | None:
    """Describe a path that is not a regular file, from its mode; None for a file."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return None if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "something else")


def _attempt(read: Callable[..., Stored], name: str, *arguments: Any) -> Stored:
    """Read a header; turn any error into its reason, so that the other arrays are not lost."""
    try:
        return read(name, *arguments)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in safetensors' Rust code is not an Exception
        return Stored(name, error=reason(error))


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


# --- .npy -----------------------------------------------------------------------------------------


def _npy(name: str, path: Path, head: bytes, size: int) -> Stored:
    def load() -> npt.NDArray[Any]:
        with path.open("rb") as file:
            return _data(file)

    return _declared(name, _header(head, size), load)


def _declared(name: str, header: _Declared, load: Callable[[], npt.NDArray[Any]]) -> Stored:
    shape, dtype, _ = header
    if skipped := _not_numbers(dtype):
        return Stored(name, shape, skipped=skipped)
    return Stored(name, shape, dtype.name, 16 if dtype.kind == "c" else 8, load)


def _header(head: bytes, size: int) -> _Declared:
    """Parse the header of an array, from the first bytes of a .npy and its size in bytes.

    Raises
    ------
    ValueError
        If it is not a header, or claims a wrong number of bytes.
    """
    begin = io.BytesIO(head)
    version = tuple(head[len(_MAGIC) : len(_MAGIC) + 2])
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
    except Exception as error:  # NumPy's parser raises nearly anything
        raise ValueError("its header is not readable") from error
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"its header has the shape {shape}")
    declared = _Declared(shape, dtype, begin.tell())
    claimed, there = math.prod(shape) * dtype.itemsize, size - declared.end
    if not dtype.hasobject and claimed != there:
        raise ValueError(f"its header claims {claimed} bytes of data, but there are {there}")
    return declared


def _data(file: Any) -> npt.NDArray[Any]:
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
        return f"its type is {_short(dtype)}"
    if dtype.itemsize > (16 if dtype.kind == "c" else 8):
        return f"its type is {dtype}, wider than double precision: save it as float64"
    return None


def _no_matrix(shape: tuple[int, ...], itemsize: int) -> str | None:
    """Return why an array is not measured; ValueError for a matrix that exceeds the memory."""
    if len(shape) != 2:
        return f"it has {len(shape)} dimension{'s' * (len(shape) != 1)}, not 2"
    if 0 in shape:
        return "it is empty"
    if refusal := too_large(_COPIES * itemsize * math.prod(shape)):
        raise ValueError(refusal)
    return None


# --- .npz -----------------------------------------------------------------------------------------


class _Budget:
    """Bytes that the compressed members of an archive may still be unpacked to."""

    def __init__(self, size: int) -> None:
        self._left = max(UNPACKED, UNPACKED_RATIO * size)

    def spend(self, info: zipfile.ZipInfo) -> None:
        if info.compress_type == zipfile.ZIP_STORED:
            return
        if info.file_size > self._left:
            raise ValueError(
                f"it unpacks from {info.compress_size} bytes to {info.file_size}: an archive is "
                f"unpacked to {UNPACKED / 2**20:g} MiB, or {UNPACKED_RATIO} times its size, at most"
            )
        self._left -= info.file_size


def _npz(path: Path, size: int, head: bytes) -> Iterator[Stored]:
    try:
        archive = zipfile.ZipFile(path)  # by its path: it closes the file with its last user
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        if not head.startswith(b"PK"):
            raise ValueError(f"it is not a .npz file but {kind(head)}") from error
        raise ValueError("the archive is damaged or cut off") from error
    infos = archive.infolist()
    if any(info.filename.endswith("/data.pkl") for info in infos):
        raise ValueError("it is not a .npz file but a PyTorch file, a pickle: never loaded")
    overlapping = _overlapping(infos, archive.start_dir)
    budget = _Budget(size)
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if id(info) in overlapping:
            yield Stored(name, error=_OVERLAPS)
        else:
            yield _attempt(_member, name, archive, info, budget)
    # with a damaged length, the next directory entries are read as a comment
    if any(b"PK\x01\x02" in info.comment + info.extra for info in infos):
        raise ValueError("the directory of the archive is damaged: members are missing")


def content_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member of an archive of a model, after the checks of a .npz; ValueError if bad."""
    if id(info) in _overlapping(archive.infolist(), archive.start_dir):
        raise ValueError(_OVERLAPS)
    _check(info)
    size = Path(archive.filename).stat().st_size if archive.filename else 0
    _Budget(size).spend(info)
    with archive.open(info) as file:
        return file.read(info.file_size)


def stored_only(archive: zipfile.ZipFile) -> None:
    """Raise ValueError unless the members of an archive are uncompressed, whole and disjoint."""
    infos = archive.infolist()
    if _overlapping(infos, archive.start_dir):
        raise ValueError("parts of the archive overlap")
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its member {_short(info.filename)} is compressed, which is not read")
        _check(info)


def _overlapping(infos: list[zipfile.ZipInfo], end: int) -> set[int]:
    """Return the members that share bytes with the next one, or with the directory at the end."""
    found: set[int] = set()
    ordered = sorted(infos, key=lambda info: info.header_offset)
    # a local header has 30 bytes, and its names may be longer than those in the directory
    for info, after in zip(ordered, [*ordered[1:], None], strict=True):
        limit = end if after is None else after.header_offset
        if info.header_offset + 30 + info.compress_size > limit:
            found |= {id(info)} if after is None else {id(info), id(after)}
    return found


def _check(info: zipfile.ZipInfo) -> None:
    """Raise ValueError for a member that is encrypted, or whose sizes or method are wrong."""
    if info.header_offset < 0:
        raise ValueError("it begins before the archive")
    if info.flag_bits & 1:
        raise ValueError("it is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise ValueError(f"it is compressed by {method}; allowed: stored, or deflate")
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise ValueError(
            f"the archive says that it has {info.file_size} bytes, but it has {info.compress_size}"
        )


def _member(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> Stored:
    if info.is_dir() and info.header_offset >= 0:
        return Stored(name, skipped="it is a folder")
    _check(info)
    with archive.open(info) as file:
        head = file.read(HEAD)
        if not head.startswith(_MAGIC):
            what = f"it is not a .npy array but {kind(head)}"
            if info.filename.endswith(".npy"):
                raise ValueError(what)
            return Stored(name, skipped=what)
        head += file.read(_LONGEST_HEADER - len(head))

    def load() -> npt.NDArray[Any]:
        budget.spend(info)
        if info.file_size == len(head):
            return _data(io.BytesIO(head))
        with archive.open(info) as file:
            return _data(file)

    return _declared(name, _header(head, info.file_size), load)


# --- .safetensors ---------------------------------------------------------------------------------


def _safetensors(path: Path, head: bytes) -> Iterator[Stored]:
    try:
        from safetensors import safe_open
    except ImportError:
        raise ValueError(
            "reading .safetensors needs the packages of the extra 'files': safetensors"
        ) from None
    with contextlib.suppress(ImportError):
        importlib.import_module("ml_dtypes")  # adds bfloat16 to NumPy
    try:
        opened = safe_open(path, framework="numpy")
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in safetensors' Rust code is not an Exception
        what = "or is damaged" if head[8:9] == b"{" else f"but {kind(head)}"
        raise ValueError(f"it is not a .safetensors file {what}") from error
    file: Any = opened
    for name in file.keys():  # noqa: SIM118 - a safe_open handle cannot be iterated
        yield _attempt(_tensor, name, file, path)


# Types that safetensors does not give to NumPy, and their names in ml-dtypes.
_FLOATS8 = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu"}


def _tensor(name: str, file: Any, path: Path) -> Stored:
    declared = file.get_slice(name)
    stored_as = declared.get_dtype()

    def load() -> npt.NDArray[Any]:
        try:
            array: npt.NDArray[Any]
            array = (
                _float8(path, name, stored_as) if stored_as in _FLOATS8 else file.get_tensor(name)
            )
        except (TypeError, KeyError, AttributeError, ImportError) as error:
            kinds = "NumPy and ml-dtypes have no such type, or ml-dtypes is not installed"
            raise ValueError(f"its type is {stored_as}: {kinds}") from error
        # bfloat16 and similar types are not NumPy's own
        return array.astype(np.float32) if array.dtype.kind == "V" else array

    return Stored(name, tuple(declared.get_shape()), stored_as, 16, load)


def _float8(path: Path, name: str, stored_as: str) -> npt.NDArray[Any]:
    """Read a tensor of bytes at the place that the header states, which safetensors has checked."""
    dtype = np.dtype(getattr(importlib.import_module("ml_dtypes"), _FLOATS8[stored_as]))
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))[name]
        begin, end = entry["data_offsets"]
        file.seek(8 + length + begin)
        content = file.read(end - begin)
    return np.frombuffer(content, dtype).reshape(entry["shape"]).astype(np.float32)
