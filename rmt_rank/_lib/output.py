"""Outputs of commands, checked before the work starts and written atomically; exit codes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import signal
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rmt_rank._lib.archive import has_seal
from rmt_rank._lib.file_kinds import HEAD, holds_arrays
from rmt_rank._lib.text import shown

__all__ = ["Output", "clear_parts", "create", "guarded", "is_part", "refuse_same", "write"]
__all__ += ["write_outputs"]

# Name of a file while it is written; it contains the machine and the process that write it.
_PART = re.compile(r"\.rmt_rank-part-([0-9a-f]{8})-(\d{1,10})-\w{8}")
# Files with these endings hold arrays, and no output of a command has one.
_ARRAY_SUFFIXES = (".npy", ".npz", ".safetensors")
# Age in seconds after which such a file counts as abandoned: writing takes seconds.
_ABANDONED = 86400.0


class Output:
    """A destination to write to later: a file, a pipe, a device, or standard output.

    Standard output is given as - or /dev/stdout, or as the file that it was redirected to.

    Parameters
    ----------
    option : str
        The option that named it, for messages.
    path : Path or None
        Where to write; None writes nothing.
    formats : tuple of str, optional
        File name endings that are allowed; all by default.
    inputs : sequence of Path, optional
        Files that the command reads, which it must not overwrite.

    Attributes
    ----------
    standard : bool
        Whether it is standard output, where nothing else may then be printed.

    Raises
    ------
    OSError
        If it cannot be written to.
    ValueError
        If the path's suffix is not among the formats; if it is an input; or if it is a file of
        arrays or of results, or has the suffix of one.
    """

    def __init__(
        self,
        option: str,
        path: Path | None,
        formats: tuple[str, ...] | None = None,
        *,
        inputs: Sequence[Path] = (),
    ) -> None:
        self.option, self.path = option, path
        self.descriptor: int | None = None
        self.standard = False
        if path is None:
            return
        if formats is not None and path.suffix.removeprefix(".").lower() not in formats:
            raise ValueError(
                f"{option} must end in one of .{', .'.join(formats)}, got {str(path)!r}"
            )
        self.descriptor = _descriptor(path)
        self._refuse_loss(path, inputs)
        clear_parts(path.parent)
        try:
            self.standard = self.descriptor == 1 or _is_standard_output(path)
            self._try(path)
        except OSError as error:
            raise OSError(f"{option} cannot be written: {path} ({error.strerror})") from error

    def _refuse_loss(self, path: Path, inputs: Sequence[Path]) -> None:
        """ValueError if writing would replace what is read, arrays, or results of this package."""
        if any(_is(path, self.descriptor, source) for source in inputs):
            raise ValueError(f"{self.option} must not be a file that is read, got {str(path)!r}")
        if self.descriptor is not None:
            return
        if path.suffix.lower() in _ARRAY_SUFFIXES:
            raise ValueError(
                f"{self.option} must not end in {', '.join(_ARRAY_SUFFIXES)}, which are files of "
                f"arrays, got {str(path)!r}"
            )
        with contextlib.suppress(OSError):  # what cannot be read is reported by `_try`
            if path.is_file():
                with path.open("rb") as file:
                    head = file.read(HEAD)
                if holds_arrays(head) or has_seal(head):
                    raise ValueError(
                        f"{self.option} must not replace a file of arrays or results, got "
                        f"{str(path)!r}"
                    )

    def _try(self, path: Path) -> None:
        """Raise OSError if the path cannot be written; change nothing, and open no pipe."""
        if self.standard:
            if _closed():
                raise OSError(errno.EBADF, "standard output is closed")
            return
        if self.descriptor is not None:
            os.fstat(self.descriptor)
            return
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            with _temporary(path.resolve()):
                return
        if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
            raise OSError(errno.EINVAL, "it is a socket or a disk")
        if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            with path.open("ab"):
                pass
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def write(self, content: bytes) -> None:
        """Write the content, if there is a path."""
        if self.path is None:
            return
        if self.standard:
            _to_standard_output(content)
        elif self.descriptor is not None:
            with open(self.descriptor, "wb", closefd=False) as file:
                file.write(content)
        else:
            write(self.path, content)


def write_outputs(
    prog: str, outputs: Iterable[tuple[Output, Callable[[Any], bytes]]], result: Any
) -> bool:
    """Write a result to each output that has a path, encoded by the output's function.

    Failures are reported on standard error, and the other outputs are still written.

    Returns
    -------
    bool
        Whether all outputs were written.

    Raises
    ------
    OSError
        If standard output cannot be written to.
    """
    all_written = True
    for output, render in outputs:
        if output.path is None:
            continue
        content = render(result)
        try:
            output.write(content)
        except OSError as error:
            if output.standard:
                raise
            why = error.strerror or error
            _say(f"{prog}: could not write {output.option} {output.path}: {why}")
            all_written = False
    return all_written


def _descriptor(path: Path) -> int | None:
    """Return the descriptor that - or a path such as /dev/stdout or /dev/fd/3 stands for."""
    names = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}
    found = re.fullmatch(r"/(?:dev|proc/self)/fd/(\d{1,9})", str(path))
    return int(found[1]) if found else names.get(str(path))


def _is(path: Path, descriptor: int | None, source: Path) -> bool:
    """Return whether an output is the same regular file as a source, by whatever path or link."""
    with contextlib.suppress(OSError):
        status = path.stat() if descriptor is None else os.fstat(descriptor)
        return stat.S_ISREG(status.st_mode) and os.path.samestat(status, source.stat())
    return False


def _is_standard_output(path: Path) -> bool:
    """Return whether standard output was redirected to this file, which must not be replaced."""
    # in tests and notebooks standard output has no descriptor
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    return False


def _closed() -> bool:
    """Return whether the process was started without standard output; see also `guarded`."""
    return sys.stdout is None or (
        sys.__stdout__ is None and getattr(sys.stdout, "name", None) == os.devnull
    )


def _to_standard_output(content: bytes) -> None:
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(content.decode())
    else:
        binary.write(content)
    sys.stdout.flush()


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
        with _temporary(path, delete=False) as file:
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


def _temporary(path: Path, *, delete: bool = True) -> Any:
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


def refuse_same(*outputs: Output) -> None:
    """ValueError if two options name the same file."""
    given = [output for output in outputs if output.path is not None]
    places = [
        "-" if o.standard else o.descriptor if o.descriptor is not None else str(o.path.resolve())
        for o in given
        if o.path is not None
    ]
    if len(set(places)) < len(places):
        options = " and ".join(output.option for output in given)
        raise ValueError(f"{options} must be different files, got {places[0]!r} for both")


def guarded(main: Callable[[], int]) -> int:
    """Run a process's main without stack traces for Ctrl-C, a closed pipe or a full disk.

    Characters that a stream cannot encode are printed as escapes, output to a stream that was
    closed before the start is discarded, and a warning is one line on standard error.

    Returns
    -------
    int
        The value that main returns; 130 after Ctrl-C, 141 if the reader of a pipe has closed it, 2
        if standard output cannot be written.
    """
    _prepare_streams()
    warnings.showwarning = lambda message, *_where, **_options: _say(f"warning: {message}")
    try:
        code = main()
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
        # the process is about to exit and has reported everything: a second Ctrl-C changes nothing
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


def _prepare_streams() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # it stays open until the process ends
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # there is nowhere left to report the error
        print(shown(message), file=sys.stderr, flush=True)


def _silence() -> None:
    """Let the interpreter flush its buffers into nothing when it exits."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
