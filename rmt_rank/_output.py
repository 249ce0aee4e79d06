"""Files that a command writes: tried before the work starts, and written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Output", "clear_parts", "create", "guarded", "is_part", "refuse_same", "write"]

# Name of a file while it is written: it names the machine and the process that write it.
_PART = re.compile(r"\.rmt_rank-part-([0-9a-f]{8})-(\d{1,10})-\w{8}")
# Age in seconds at which one is abandoned, whoever began it: writing takes seconds.
_ABANDONED = 86400.0


class Output:
    """A path to be written later.

    Parameters
    ----------
    option : str
        The option that named it, for messages.
    path : Path or None
        Where to write; None writes nothing.
    formats : tuple of str, optional
        File name endings that are allowed; all by default.

    Raises
    ------
    OSError
        If a file cannot be written there.
    ValueError
        If the path's suffix is not among the formats.
    """

    def __init__(
        self, option: str, path: Path | None, formats: tuple[str, ...] | None = None
    ) -> None:
        self.option, self.path = option, path
        if path is None:
            return
        if formats is not None and path.suffix.removeprefix(".").lower() not in formats:
            raise ValueError(
                f"{option} must end in one of .{', .'.join(formats)}, got {str(path)!r}"
            )
        clear_parts(path.parent)
        try:
            if path.exists():
                with path.open("ab"):
                    pass
            else:
                with _temporary(path):
                    pass
        except OSError as error:
            raise OSError(f"{option} cannot be written: {path} ({error.strerror})") from error


def write(path: Path, content: bytes) -> None:
    """Replace a file in one step, keeping its permissions.

    Devices and pipes, and files in a folder where none can be made, are written to directly.
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
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def create(path: Path, content: bytes) -> bool:
    """Write a file in one step if there is none; False if another process was faster."""
    part = _part(path, content)
    try:
        # linked, not replaced: the file of the first of several processes stays
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if os.path.lexists(path):
            return False
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return True


def is_part(name: str) -> bool:
    """Return whether a name is that of a file which `write` or `create` has not finished."""
    return _PART.fullmatch(name) is not None


def clear_parts(folder: Path) -> None:
    """Remove what killed processes have left of files that they were writing.

    Files of processes that are alive, or may be, on other machines, stay for a day.
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
    """A file beside a path with its content and permissions, wholly on disk."""
    part = None
    try:
        with _temporary(path, delete=False) as file:
            part = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            part.chmod(_permissions(path))
    except BaseException as error:
        if part is not None:
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # that of a write names no file, and that of a folder one that nobody knows
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    return part


def _temporary(path: Path, *, delete: bool = True) -> Any:
    prefix = f".rmt_rank-part-{_machine()}-{os.getpid()}-"
    return tempfile.NamedTemporaryFile(dir=path.parent, prefix=prefix, delete=delete)


def _machine() -> str:
    """A mark of the machine, and of the container, since each counts its processes anew."""
    name = platform.node()
    with contextlib.suppress(OSError):
        name += str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]


def _ended(process: int) -> bool:
    """Return whether a process of this machine is known to have ended."""
    if os.name != "posix":
        return False  # where looking at a process would end it
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
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def refuse_same(*outputs: Output) -> None:
    """ValueError if two options name the same file."""
    paths = [output.path.resolve() for output in outputs if output.path is not None]
    if len(set(paths)) < len(paths):
        options = " and ".join(output.option for output in outputs)
        raise ValueError(f"{options} must be different files, got {str(paths[0])!r} for both")


def guarded(main: Callable[[], int]) -> int:
    """Run a process's main: no stack trace for Ctrl-C, a closed pipe or a full disk.

    Returns
    -------
    int
        What main returns; 130 after Ctrl-C, 141 where nobody reads on, 2 where standard output
        cannot be written.
    """
    try:
        code = main()
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        code = 130
    except BrokenPipeError:
        _silence()
        return 141
    except OSError as error:
        _silence()
        _say(f"could not write: {error}")
        return 2
    if code == 130:
        # the process is about to end, with all it has to say said: a second Ctrl-C changes nothing
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


def _say(message: str) -> None:
    if sys.stderr is not None:
        print(message, file=sys.stderr)


def _silence() -> None:
    """Let the interpreter flush its buffers into nothing when it exits."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
