"""The option --backend of the commands: which array library computes, and whether on a GPU."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rmt_rank._lib.array import cuda_devices, namespace
from rmt_rank._lib.errors import BackendUnavailableError
from rmt_rank._lib.validation import integer

__all__ = ["add_backend", "chosen_backend", "require_devices"]

_AUTO = "auto"
# Devices of NVIDIA's driver on Linux; a container has those that it may use.
_DEVICES, _GPUS = Path("/dev"), "nvidia[0-9]*"


def add_backend(parser: argparse.ArgumentParser, names: Sequence[str] = ("numpy", "cupy")) -> None:
    """Add the option --backend with the names of array libraries, and auto."""
    parser.add_argument(
        "--backend",
        choices=(_AUTO, *names),
        default="numpy",
        help="array library (numpy); cupy computes on a GPU, auto does where there is one",
    )


def chosen_backend(options: argparse.Namespace, prog: str, *, hint: bool = True) -> str:
    """Return the name of the array library that the options ask for.

    Without --quiet, one line on standard error says that "auto" took a GPU, or how to use a GPU
    that is left unused.

    Parameters
    ----------
    options : Namespace
        Has `backend` and `quiet`.
    prog : str
        Name of the command, for the line.
    hint : bool, default True
        Whether the command has work for a GPU.

    Raises
    ------
    BackendUnavailableError
        If the library, or its device, is not there.
    """
    name: str = options.backend
    line = ""
    if name == _AUTO:
        name, line = _auto()
    else:
        namespace(name)
        if name == "numpy" and hint and _gpu():
            line = "a GPU is left unused: --backend cupy computes on it"
            if importlib.util.find_spec("cupy") is None:
                line += ", once CuPy is installed (the extra 'gpu')"
    if line and not options.quiet:
        print(f"{prog}: {line}", file=sys.stderr)
    return name


def require_devices(jobs: int, backend: str) -> None:
    """Raise ValueError if processes are more than the CUDA devices that they compute on."""
    if backend == "cupy":
        devices = cuda_devices()
        integer("--jobs with --backend cupy, a process for each GPU,", jobs, at_most=devices)


def _auto() -> tuple[str, str]:
    """Return CuPy where it works, else NumPy, and what to say of it."""
    try:
        namespace("cupy")
    except BackendUnavailableError as error:
        return "numpy", f"a GPU is left unused: {error}" if _gpu() else ""
    return "cupy", "computing on a GPU; --backend numpy computes on the processor"


def _gpu() -> bool:
    """Return whether this process sees an NVIDIA GPU, without loading a library."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(_DEVICES.glob(_GPUS))
