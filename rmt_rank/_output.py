"""Files that a command writes: tried before the work starts, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Output", "guarded", "refuse_same", "write"]


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
        temporary = _temporary(path, delete=False)
    except PermissionError:
        path.write_bytes(content)
        return
    with temporary as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(_permissions(path))
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _temporary(path: Path, *, delete: bool = True) -> Any:
    return tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=delete)


def _permissions(path: Path) -> int:
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    # what the kernel leaves of 0o666: reading the mask itself would set it, for all threads
    probe = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
        probe.unlink()


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
