"""Arrays of .npz files, and checks of other ZIP archives: sizes, overlaps and compression."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from rmt_rank._lib.file_kinds import HEAD, kind
from rmt_rank._lib.npy import LONGEST_HEADER, MAGIC, Stored, attempt, data, declared, header
from rmt_rank._lib.reasons import short

__all__ = ["UNPACKED", "UNPACKED_RATIO", "content_of", "npz", "stored_only"]

# Compressed arrays of one .npz are unpacked to this many bytes in total, or this many times the
# size of the file, whichever is more.  Compression shrinks weights by a tenth, sparse ones by a
# factor of 10 or 20; deflate reaches a factor of 1032.
UNPACKED = 2**25
UNPACKED_RATIO = 100

# Other compression methods are not read, since Python unpacks them without a limit.
_METHODS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma", 93: "Zstandard", 95: "xz"}

_OVERLAPS = "it overlaps another part of the archive"


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


def npz(path: Path, size: int, head: bytes) -> Iterator[Stored]:
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
            yield attempt(_member, name, archive, info, budget)
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
            raise ValueError(f"its member {short(info.filename)} is compressed, which is not read")
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
        if not head.startswith(MAGIC):
            what = f"it is not a .npy array but {kind(head)}"
            if info.filename.endswith(".npy"):
                raise ValueError(what)
            return Stored(name, skipped=what)
        head += file.read(LONGEST_HEADER - len(head))

    def load() -> npt.NDArray[Any]:
        budget.spend(info)
        if info.file_size == len(head):
            return data(io.BytesIO(head))
        with archive.open(info) as file:
            return data(file)

    return declared(name, header(head, info.file_size), load)
