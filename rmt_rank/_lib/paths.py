"""Path arguments, and readable messages for errors of the operating system."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rmt_rank._lib.validation import shown

__all__ = ["path_option", "sentence", "user_path"]


def path_option(text: str) -> Path:
    """Return the path that an option of a command names; argparse reports an empty one."""
    if not text:
        raise argparse.ArgumentTypeError("a path must not be empty, got ''")
    return Path(text)


def user_path(name: str, path: str | os.PathLike[str]) -> Path:
    """Return a path, with a leading ~ replaced by the home folder.

    Raises
    ------
    TypeError
        If it is not a path.
    ValueError
        If it is empty, or not a valid path on this system.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a path, got {shown(path)}")
    if not text:
        raise ValueError(f"{name} must not be empty")
    if "\0" in text:
        raise ValueError(f"{name} must be a path, got {shown(text)}")
    try:
        os.fsencode(text)  # unpaired surrogates have no bytes
        found = Path(text).expanduser()
        found.exists()
    except (RuntimeError, ValueError, OSError) as error:  # unknown user, or path far too long
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{name} must be a path, got {shown(text)}: {reason}") from error
    return found


def sentence(error: BaseException) -> str:
    """Return the message of an error, without the operating system's error number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}"
    return str(error)
