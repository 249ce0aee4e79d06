"""The kernels compiled by the host's C++ compiler."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rmt_rank._lib.array import default_namespace
from rmt_rank._lib.errors import BackendUnavailableError
from rmt_rank.simulation.products.fused.kernels import Kernels
from rmt_rank.simulation.products.fused.source import Variant, source

__all__ = ["compiler", "host_kernels", "host_library"]

_OPTIONS = (
    *("-std=c++17", "-shared", "-fPIC"),
    # the same bits as on a device: see `lanes.cuh`
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
    "-Wno-psabi",
)
_TYPES: dict[str, Any] = {
    "int32": ctypes.c_int,
    "int64": ctypes.c_longlong,
    "uint64": ctypes.c_ulonglong,
    "float64": ctypes.c_double,
}


def compiler() -> str | None:
    """Return the C++ compiler, that of the environment variable CXX if there is one, or None."""
    return shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++")


@functools.cache
def host_library(variant: Variant, vector: int, *options: str) -> ctypes.CDLL:
    """Compile and load the kernels.

    Parameters
    ----------
    variant : Variant
        What to compile.
    vector : int
        Number of matrices in a vector instruction, a power of two; results do not depend on it.
    *options : str
        Further options of the compiler.

    Returns
    -------
    CDLL

    Raises
    ------
    BackendUnavailableError
        If there is no compiler, or it fails.
    """
    command = compiler()
    if command is None:
        raise BackendUnavailableError("the kernels need a C++ compiler, and none was found")
    defined = (*variant.definitions(), f"-DVECTOR={vector}")
    with tempfile.TemporaryDirectory() as folder:
        code, library = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
        code.write_text(source(), "utf-8")
        made = subprocess.run(
            [command, *_OPTIONS, *options, *defined, str(code), "-o", str(library)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise BackendUnavailableError(f"{command} does not compile the kernels: {made.stderr}")
        return ctypes.CDLL(str(library))


def host_kernels(variant: Variant, vector: int = 4, *options: str) -> Kernels:
    """Return the kernels on NumPy arrays; arguments as for `host_library`."""
    library = host_library(variant, vector, *options)

    def launch(name: str, count: int, arguments: tuple[Any, ...], *, copies: bool) -> None:
        del count, copies  # an argument says it, and threads have their own places
        given: list[Any] = [ctypes.c_void_p()]
        for each in arguments:
            if isinstance(each, np.ndarray):
                given.append(ctypes.c_void_p(each.ctypes.data))
            else:
                given.append(_TYPES[each.dtype.name](each.item()))
        getattr(library, name)(*given)

    return Kernels(variant, default_namespace(), launch)
