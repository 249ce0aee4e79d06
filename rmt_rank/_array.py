"""The seam to array libraries: the only file that knows any of them by name.

Everything else receives a namespace `xp` that follows the array API standard, as wrapped by
array-api-compat.  Only NumPy is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np
import numpy.typing as npt

from rmt_rank._errors import BackendUnavailableError
from rmt_rank._validation import choice

__all__ = ["BACKENDS", "default_namespace", "makes_random_numbers", "namespace", "to_numpy"]

BACKENDS = ("numpy", "cupy", "torch")


def default_namespace() -> ModuleType:
    """NumPy, as an array API namespace."""
    return importlib.import_module("array_api_compat.numpy")


def namespace(backend: str) -> ModuleType:
    """Array API namespace of a backend.

    Parameters
    ----------
    backend : {"numpy", "cupy", "torch"}
        Name of an array library.

    Returns
    -------
    module
        The library wrapped by array-api-compat.

    Raises
    ------
    ValueError
        If the name is unknown.
    BackendUnavailableError
        If the library is not installed, or CuPy finds no CUDA device.
    """
    choice("backend", backend, BACKENDS)
    try:
        xp = importlib.import_module(f"array_api_compat.{backend}")
    except ImportError as error:
        raise BackendUnavailableError(
            f"backend {backend!r} was asked for, but it is not installed here ({error})"
        ) from error
    if backend == "cupy":
        cuda = importlib.import_module("cupy").cuda
        try:
            devices = cuda.runtime.getDeviceCount()
        except cuda.runtime.CUDARuntimeError as error:
            raise BackendUnavailableError(
                f"backend 'cupy' was asked for, but CUDA does not start here ({error})"
            ) from error
        if devices == 0:
            raise BackendUnavailableError(
                "backend 'cupy' was asked for, but there is no CUDA device here"
            )
    return xp


def makes_random_numbers(xp: ModuleType) -> bool:
    """Whether Gaussian numbers are drawn by the library itself, on its device."""
    return bool(array_api_compat.is_cupy_namespace(xp))


def to_numpy(array: Any) -> npt.NDArray[Any]:
    """Copy an array of any library to the host (NumPy arrays are returned as they are)."""
    if isinstance(array, np.ndarray):
        return array
    if array_api_compat.is_cupy_array(array):
        host: npt.NDArray[Any] = array.get()
        return host
    if array_api_compat.is_torch_array(array):
        array = array.detach().cpu()
    return np.from_dlpack(array)
