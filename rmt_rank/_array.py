"""The seam to array libraries: the only file that knows any of them by name.

Everything else receives a namespace `xp` that follows the array API standard, as wrapped by
array-api-compat.  Only NumPy is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from math import nan
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._errors import BackendUnavailableError
from rmt_rank._validation import choice, shown

__all__ = ["BACKENDS", "default_namespace", "makes_random_numbers", "namespace"]
__all__ += ["as_floating", "erf", "inf_as_nan", "jordan_wielandt", "known", "namespace_of"]
__all__ += ["namespace_or_default"]
__all__ += ["svdvals", "to_numpy"]

BACKENDS = ("numpy", "cupy", "torch")


def default_namespace() -> ModuleType:
    """NumPy, as an array API namespace."""
    return importlib.import_module("array_api_compat.numpy")


def namespace_or_default(xp: Any) -> ModuleType:
    """Return xp, NumPy's namespace for None; TypeError if it is no array API namespace."""
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
    if isinstance(array, np.ndarray | np.generic):
        return np.asarray(array)
    if array_api_compat.is_cupy_array(array):
        host: npt.NDArray[Any] = array.get()
        return host
    if array_api_compat.is_torch_array(array):
        array = array.detach().cpu()
    return np.from_dlpack(array)


def as_floating(name: str, value: Any, *, least_dimensions: int) -> tuple[Any, Any]:
    """Return a value's namespace and the value as an array of at least single precision.

    Lists and scalars become NumPy arrays, integers the library's default float, half precision
    single.

    Raises
    ------
    TypeError
        If the value is not numeric.
    ValueError
        If it has fewer than least_dimensions axes.
    """
    if not array_api_compat.is_array_api_obj(value):
        try:
            value = np.asarray(value)
        except ValueError as error:  # ragged lists
            raise TypeError(f"{name} must be an array of numbers, got {shown(value)}") from error
    xp = array_api_compat.array_namespace(value)
    if isinstance(value, np.ndarray) and value.dtype.kind not in "biufc":
        raise TypeError(f"{name} must be an array of numbers, got the dtype {value.dtype}")
    if value.ndim < least_dimensions:
        axes = f"{least_dimensions} ax{'es' if least_dimensions > 1 else 'is'}"
        raise ValueError(f"{name} must have at least {axes}, got the shape {tuple(value.shape)}")
    if not xp.isdtype(value.dtype, ("real floating", "complex floating")):
        default = xp.__array_namespace_info__().default_dtypes(device=None)["real floating"]
        return xp, xp.astype(value, default)
    if xp.finfo(value.dtype).bits < 32:  # no library decomposes in half precision
        return xp, xp.astype(value, xp.float32)
    return xp, value


def known(condition: Any) -> bool:
    """Whether a condition is known to hold; under a tracing transformation it is not known."""
    try:
        return bool(condition)
    except (TypeError, RuntimeError):
        return False


def inf_as_nan(xp: Any, array: Any) -> Any:
    """Return the array with nan for infinities, whose differences and quotients would warn."""
    finite = xp.isfinite(array)
    return array if known(xp.all(finite)) else xp.where(finite, array, xp.full_like(array, nan))


# CuPy's decomposition of many matrices at once (Jacobi) takes sides up to this.
_CUPY_BATCHED_SIDE = 32


def svdvals(xp: Any, a: Any) -> Any:
    """Singular values of matrices, batched, in descending order, by the library's best road.

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
    return xp.flip(values[..., max(m, n) :], axis=-1)


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

    Of NumPy's single precision to four units in the last place, by tanh, which NumPy vectorises.
    """
    if array_api_compat.is_torch_array(x):
        return x.erf()
    if array_api_compat.is_cupy_array(x):
        return importlib.import_module("cupyx.scipy.special").erf(x)
    if isinstance(x, np.ndarray) and x.dtype == np.float32:
        return _erf_single(x)
    values = special.erf(to_numpy(x))
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
