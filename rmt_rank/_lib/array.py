"""Interface to array libraries: the only module that names any of them.

Everything else receives a namespace `xp` that follows the array API standard, as wrapped by
array-api-compat.  Only NumPy is imported before it is asked for.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from math import nan
from types import ModuleType
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import numpy.typing as npt

from rmt_rank._lib.errors import BackendUnavailableError
from rmt_rank._lib.validation import choice, shown

__all__ = ["BACKENDS", "CudaDevice", "backend_of", "cuda_device", "cuda_devices", "cuda_module"]
__all__ += ["default_namespace", "free_memory", "makes_random_numbers", "namespace"]
__all__ += ["absolute", "erf", "in_full_precision", "inf_as_nan", "jordan_wielandt", "known"]
__all__ += ["matmul", "namespace_of", "namespace_or_default", "nan_where", "svdvals", "to_numpy"]
__all__ += ["without_autocast"]

BACKENDS = ("numpy", "cupy", "torch")


def default_namespace() -> ModuleType:
    """NumPy, as an array API namespace."""
    return importlib.import_module("array_api_compat.numpy")


def namespace_or_default(xp: Any) -> ModuleType:
    """Return xp, NumPy's namespace for None; TypeError if it is not an array API namespace."""
    if xp is None:
        return default_namespace()
    if not (hasattr(xp, "asarray") and hasattr(xp, "linalg")):
        raise TypeError(f"xp must be an array API namespace (a module), got {shown(xp)}")
    chosen: ModuleType = xp
    return chosen


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
            devices = cuda_devices()
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
    """Return whether the library itself draws Gaussian numbers, on its device."""
    return bool(array_api_compat.is_cupy_namespace(xp))


def backend_of(xp: ModuleType) -> str:
    """Return the name of the library that a namespace wraps, one of `BACKENDS` if it is there."""
    if array_api_compat.is_numpy_namespace(xp):
        return "numpy"
    return "cupy" if array_api_compat.is_cupy_namespace(xp) else xp.__name__.rpartition(".")[2]


def free_memory(xp: ModuleType) -> float | None:
    """Bytes that CuPy can allocate on the current device; None for libraries on the host."""
    if not array_api_compat.is_cupy_namespace(xp):
        return None
    cupy = importlib.import_module("cupy")
    # CuPy keeps what was freed, for its own use
    free: int = cupy.cuda.runtime.memGetInfo()[0]
    return float(free + cupy.get_default_memory_pool().free_bytes())


def cuda_devices() -> int:
    """Return the number of CUDA devices, by CuPy."""
    return int(importlib.import_module("cupy").cuda.runtime.getDeviceCount())


class CudaDevice(NamedTuple):
    """The current CUDA device: its number, and sizes that launches depend on, in bytes."""

    number: int
    processors: int
    threads_of_processor: int
    shared_memory_of_processor: int
    shared_memory_of_block: int


def cuda_device() -> CudaDevice:
    """Return the current CUDA device, by CuPy."""
    device = importlib.import_module("cupy").cuda.Device()
    return CudaDevice(
        int(device.id),
        int(device.attributes["MultiProcessorCount"]),
        int(device.attributes["MaxThreadsPerMultiProcessor"]),
        int(device.attributes["MaxSharedMemoryPerMultiprocessor"]),
        int(device.attributes["MaxSharedMemoryPerBlockOptin"]),
    )


def cuda_module(source: str, options: tuple[str, ...]) -> Any:
    """CUDA source code compiled for the current device, by CuPy and NVRTC."""
    cupy = importlib.import_module("cupy")
    return cupy.RawModule(code=source, options=options, backend="nvrtc")


def to_numpy(array: Any) -> npt.NDArray[Any]:
    """Copy an array of any library to the host (NumPy arrays are returned as they are)."""
    if isinstance(array, np.ndarray | np.generic):
        return np.asarray(array)
    if array_api_compat.is_cupy_array(array):
        host: npt.NDArray[Any] = array.get()
        return host
    if array_api_compat.is_torch_array(array):
        array = array.detach().cpu().resolve_conj().resolve_neg()
        if array.dtype == importlib.import_module("torch").bfloat16:  # NumPy lacks this type
            array = array.float()
    return np.from_dlpack(array)


def known(condition: Any) -> bool:
    """Return whether a condition is known to hold; under a tracing transformation it is not."""
    try:
        return bool(condition)
    except (TypeError, RuntimeError):
        return False


def nan_where(xp: Any, condition: Any, array: Any) -> Any:
    """Return the array with nan where the condition holds.

    If it holds nowhere, no nan is created: jax_debug_nans reports even a literal nan as an error.
    """
    if known(xp.all(~condition)):
        return array
    if known(xp.any(condition)):
        return xp.where(condition, xp.full_like(array, nan), array)
    sign = xp.where(condition, -xp.ones_like(xp.abs(array)), xp.ones_like(xp.abs(array)))
    return xp.where(condition, xp.zeros_like(array), array) * xp.sqrt(sign)


def inf_as_nan(xp: Any, array: Any) -> Any:
    """Return the array with nan for infinities, whose differences and quotients would warn."""
    return nan_where(xp, ~xp.isfinite(array), array)


def _lowered(array: Any) -> bool:
    """Return whether PyTorch may multiply this tensor in less than its own precision."""
    torch = importlib.import_module("torch")
    if array.dtype not in (torch.float32, torch.complex64) or array.device.type == "mps":
        return False
    if torch.is_autocast_enabled(array.device.type):
        return True
    try:
        return bool(torch.get_float32_matmul_precision() != "highest")
    except RuntimeError:  # the precision was set for individual backends
        return True


def in_full_precision(xp: Any, function: Callable[..., Any], *arrays: Any) -> Any:
    """Call a function of matrices so that no setting of the library lowers its precision.

    PyTorch's autocast and float32_matmul_precision affect single precision, in the backward pass as
    well, and belong to the user: if one of them is set, the call is made in double precision, which
    they do not affect.
    """
    if not (array_api_compat.is_torch_namespace(xp) and any(map(_lowered, arrays))):
        return function(*arrays)
    wide = [a.to(xp.complex128 if a.is_complex() else xp.float64) for a in arrays]
    result = function(*wide)
    if not isinstance(result, tuple):
        return _narrowed(xp, result)
    return tuple(_narrowed(xp, each) for each in result)


def _narrowed(xp: Any, array: Any) -> Any:
    return array.to(xp.complex64 if array.is_complex() else xp.float32)


def matmul(xp: Any, a: Any, b: Any) -> Any:
    """Product of matrices in the full precision of their type, on any device."""
    if array_api_compat.is_jax_namespace(xp):
        return xp.matmul(a, b, precision="highest")
    return in_full_precision(xp, xp.matmul, a, b)


def absolute(xp: Any, x: Any) -> Any:
    """|x| of real numbers with slope 0 at 0, where JAX's own abs has slope 1."""
    return x * xp.sign(x) if array_api_compat.is_jax_namespace(xp) else xp.abs(x)


def without_autocast(xp: Any, array: Any) -> contextlib.AbstractContextManager[Any]:
    """Context in which PyTorch does not lower precision automatically; empty for the others."""
    if not array_api_compat.is_torch_namespace(xp):
        return contextlib.nullcontext()
    context: contextlib.AbstractContextManager[Any] = importlib.import_module("torch").autocast(
        array.device.type, enabled=False
    )
    return context


# CuPy's decomposition of many matrices at once (Jacobi) takes sides up to this.
_CUPY_BATCHED_SIDE = 32


def svdvals(xp: Any, a: Any) -> Any:
    """Singular values of matrices, batched, in descending order, by the library's best method.

    CuPy decomposes larger matrices of a batch one by one; there, they are the positive half of the
    eigenvalues of [[0, a], [a^H, 0]], which it finds for all at once and as accurately.
    """
    large = max(a.shape[-2:]) > _CUPY_BATCHED_SIDE
    if large and a.ndim > 2 and array_api_compat.is_cupy_namespace(xp):
        return jordan_wielandt(xp, a)
    return xp.linalg.svdvals(a)


def jordan_wielandt(xp: Any, a: Any) -> Any:
    """Singular values as eigenvalues of [[0, a], [a^H, 0]], without squaring anything."""
    m, n = a.shape[-2:]
    adjoint = xp.matrix_transpose(a)
    if xp.isdtype(a.dtype, "complex floating"):
        adjoint = xp.conj(adjoint)
    top = xp.concat([xp.zeros_like(a @ adjoint), a], axis=-1)
    bottom = xp.concat([adjoint, xp.zeros_like(adjoint @ a)], axis=-1)
    values = xp.linalg.eigvalsh(xp.concat([top, bottom], axis=-2))
    values = xp.flip(values[..., max(m, n) :], axis=-1)
    return xp.where(values < 0, xp.zeros_like(values), values)  # negative by rounding; keep nan


def namespace_of(array: Any) -> Any:
    """Array API namespace of an array; NumPy's own without a search, for small ones."""
    if type(array) is np.ndarray:
        return default_namespace()
    return array_api_compat.array_namespace(array)


# atanh(erf(x))/x as a polynomial in x^2, lowest power first: a least-squares fit whose weights were
# changed until the relative errors of erf were level, 1e-7, for |x| < 4.2; beyond, it rounds to 1.
_ERF_SINGLE = (
    1.12837927,
    1.02769052e-1,
    -1.91820200e-4,
    -6.19795794e-4,
    8.76421972e-5,
    -5.66937158e-6,
    1.41908633e-7,
)
_ERF_IS_ONE = 4.2


def erf(x: Any) -> Any:
    """Error function, which the standard lacks: the library's own, or SciPy's on the host.

    For NumPy's single precision it is within four units in the last place, by tanh, which NumPy
    vectorises.
    """
    if array_api_compat.is_torch_array(x):
        return x.erf()
    if array_api_compat.is_cupy_array(x):
        return importlib.import_module("cupyx.scipy.special").erf(x)
    if isinstance(x, np.ndarray) and x.dtype == np.float32:
        return _erf_single(x)
    values = importlib.import_module("scipy.special").erf(to_numpy(x))
    return values if isinstance(x, np.ndarray | np.generic) else namespace_of(x).asarray(values)


def _erf_single(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    x = np.clip(x, -_ERF_IS_ONE, _ERF_IS_ONE)
    square = x * x
    *lower, value = _ERF_SINGLE
    result = square * value
    for coefficient in lower[:0:-1]:
        result += coefficient
        result *= square
    result += lower[0]
    result *= x
    np.tanh(result, out=result)
    return result
