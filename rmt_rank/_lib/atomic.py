"""Files that are written whole or not at all, and cleared of what killed processes left."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

__all__ = ["clear_parts", "create", "is_part", "temporary", "write"]

# Name of a file while it is written; it contains the machine and the process that write it.
_PART = re.compile(r"\.rmt_rank-part-([0-9a-f]{8})-(\d{1,10})-\w{8}")
# Age in seconds after which such a file counts as abandoned: writing takes seconds.
_ABANDONED = 86400.0


def write(path: Path, content: bytes) -> None:
    """Replace a file atomically, keeping its permissions.

    Devices and pipes, and files in a read-only folder, are written to directly.
    """
    path = path.resolve()  # the file that a link points to, not the link
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    try:
        part = _part(path, content)
    except PermissionError:
        path.write_bytes(content)
        return
    try:
        part.replace(path)
    except BaseException:  # Ctrl-C must not leave the part behind either
        part.unlink(missing_ok=True)
        raise


def create(path: Path, content: bytes) -> bool:
    """Write a file atomically if there is none; return False if another process was faster."""
    part = _part(path, content)
    try:
        # link instead of replace: among several processes, the first one's file stays
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:  # the file system does not support links
        if os.path.lexists(path):
            return False
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return True


def is_part(name: str) -> bool:
    """Return whether a name is that of an unfinished file of `write` or `create`."""
    return _PART.fullmatch(name) is not None


def clear_parts(folder: Path) -> None:
    """Remove unfinished files that killed processes have left behind.

    Files of processes that are alive, or may be alive on other machines, are kept for a day.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            owner = _PART.fullmatch(entry.name)
            with contextlib.suppress(OSError):
                if owner is not None and entry.is_file(follow_symlinks=False):
                    age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                    if age > _ABANDONED or (owner[1] == _machine() and _ended(int(owner[2]))):
                        Path(entry.path).unlink()


def _part(path: Path, content: bytes) -> Path:
    """Write a temporary file beside a path, with its permissions, and flush it to disk."""
    part = None
    try:
        with temporary(path, delete=False) as file:
            part = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            part.chmod(_permissions(path))
    except BaseException as error:  # Ctrl-C must not leave the part behind either
        if part is not None:
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # name the user's file: a failed write names no file, and a failed open the temporary
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    return part


def temporary(path: Path, *, delete: bool = True) -> Any:
    """Open a temporary file beside a path, whose name says which process writes it."""
    return tempfile.NamedTemporaryFile(dir=path.parent, prefix=_part_prefix(), delete=delete)


def _part_prefix() -> str:
    """Prefix of the name of a file that this process is writing, see `_PART`."""
    return f".rmt_rank-part-{_machine()}-{os.getpid()}-"


def _machine() -> str:
    """Identify the machine and the container, since each numbers its own processes."""
    name = platform.node()
    with contextlib.suppress(OSError):
        name += str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]


def _ended(process: int) -> bool:
    """Return whether a process of this machine is known to have ended."""
    if os.name != "posix":
        return False  # on systems where probing a process would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _permissions(path: Path) -> int:
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    # the permissions that the kernel leaves of 0o666: reading the umask sets it, for all threads
    probe = path.with_name(_part_prefix() + secrets.token_hex(4))
    descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
        probe.unlink()
