"""Outputs of commands, checked before the work starts and written atomically."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rmt_rank._lib.archive import has_seal
from rmt_rank._lib.atomic import clear_parts, temporary, write
from rmt_rank._lib.entry import say
from rmt_rank._lib.file_kinds import HEAD, holds_arrays
from rmt_rank._lib.names import did_you_mean

__all__ = ["Output", "refuse_same", "write_outputs"]

# Files with these endings hold arrays, and no output of a command has one.
_ARRAY_SUFFIXES = (".npy", ".npz", ".safetensors")


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
        suffix = path.suffix.removeprefix(".").lower()
        if formats is not None and suffix not in formats:
            raise ValueError(
                f"{option} must end in one of .{', .'.join(formats)}, got {str(path)!r}"
                f"{did_you_mean(suffix, formats, prefix='.')}"
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
            with temporary(path.resolve()):
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
            say(f"{prog}: could not write {output.option} {output.path}: {why}")
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
    if sys.stdout is None:
        return True
    # in notebooks and windowed programs, another stream takes the place of the missing one
    return sys.__stdout__ is None and isinstance(getattr(sys.stdout, "name", None), int)


def _to_standard_output(content: bytes) -> None:
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(content.decode())
    else:
        binary.write(content)
    sys.stdout.flush()


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
