"""Reasons why a file or an array cannot be read, in one line each."""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib

__all__ = ["reason", "short", "special", "too_large"]

# What unpacking a damaged member raises.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


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
    words = short(error)
    if isinstance(error, MemoryError):
        return f"there is not enough memory for it ({words or 'MemoryError'})"
    if type(error) is ValueError and words:
        return words
    return f"{type(error).__name__}{': ' * bool(words)}{words}"


def short(value: object) -> str:
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
