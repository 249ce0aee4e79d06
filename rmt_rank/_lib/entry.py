"""The entry point of a process: its streams, its signals and its exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable

from rmt_rank._lib.text import shown

__all__ = ["guarded", "say"]


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
    warnings.showwarning = lambda message, *_where, **_options: say(f"warning: {message}")
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        code = 130
    except BrokenPipeError:
        _silence()
        return 141
    except OSError as error:
        _silence()
        say(f"could not write: {error}")
        return 2
    if code == 130:
        # the process is about to exit and has reported everything: a second Ctrl-C changes nothing
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


def _prepare_streams() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # a descriptor, which no `with` need close: the stream stays until the process ends
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(message: str) -> None:
    """Print a message on standard error, if that is still possible."""
    with contextlib.suppress(OSError):  # there is nowhere left to report the error
        print(shown(message), file=sys.stderr, flush=True)


def _silence() -> None:
    """Let the interpreter flush its buffers into nothing when it exits."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
