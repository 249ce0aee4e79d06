"""Conversion of array arguments: accepted types, their precision, and reasons for refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import array_api_compat
import numpy as np

from rmt_rank._lib.validation import require_room, shown

__all__ = ["as_floating"]

# Containers that NumPy would convert silently or fail on, by the root of their module's name.
_REFUSED = {
    "scipy.sparse.linalg": "is a linear operator: pass an array",
    "scipy.sparse": "is sparse: pass .toarray()",
    "cupyx.scipy.sparse": "is sparse: pass .toarray()",
    "sparse": "is sparse: pass .todense()",
    "dask": "is lazy: pass .compute()",
}


def as_floating(
    name: str, value: Any, *, least_dimensions: int, stack: bool = True
) -> tuple[Any, Any]:
    """Return a value's namespace and the value as an array of single or double precision.

    Lists, scalars, and frames of pandas and polars become NumPy arrays, and a DataArray the array
    that it holds.  Integers become the library's default float, but at least single precision;
    floats shorter than single become single, and floats longer than double become double.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        Value of the argument.
    least_dimensions : int
        Minimum number of axes.
    stack : bool, default True
        Allow more than three axes, and a parameter of a PyTorch module with three.

    Raises
    ------
    TypeError
        If the value is not an array of numbers, or if its conversion would lose information (a
        mask, missing values) or be expensive (sparse, lazy); the message says what to do.
    ValueError
        If it has fewer than least_dimensions axes or, without stack, too many; or if it holds long
        doubles beyond the range of double precision.
    """
    if type(stack) is not bool:
        raise TypeError(f"stack must be True or False, got {shown(stack)}")
    parameter = False
    if not (type(value) is np.ndarray and value.dtype.char in "fd"):
        value = _unwrapped(name, value)
        if array_api_compat.is_torch_array(value):
            parameter, value = _is_parameter(value), _torch_floating(name, value)
        elif isinstance(value, np.ndarray):
            value = _numpy_floating(name, value)
    xp = array_api_compat.array_namespace(value)
    if value.ndim < least_dimensions:
        axes = f"{least_dimensions} ax{'es' if least_dimensions > 1 else 'is'}"
        raise ValueError(f"{name} must have at least {axes}, got the shape {tuple(value.shape)}")
    if not stack and value.ndim > (2 if parameter else 3):
        what = "a parameter of a PyTorch module" if parameter and value.ndim == 3 else "an array"
        raise ValueError(
            f"{name} must be a matrix or a stack of matrices, got {what} of the shape "
            f"{tuple(value.shape)}: for the weight of a convolution pass "
            f"{name}.reshape(len({name}), -1), for a stack of stacks {name}.reshape(-1, m, n), or "
            "stack=True to take all but the last two axes as a stack"
        )
    return xp, _at_least_single(name, xp, value)


def _at_least_single(name: str, xp: Any, value: Any) -> Any:
    """Convert to a float of at least 32 bits with the namespace's own types."""
    try:
        if xp.isdtype(value.dtype, "complex floating"):
            short = xp.finfo(value.dtype).bits < 32
            return xp.astype(value, xp.complex64) if short else value
        dtype = value.dtype
        if not xp.isdtype(dtype, "real floating"):
            dtype = xp.__array_namespace_info__().default_dtypes(device=None)["real floating"]
        if xp.finfo(dtype).bits < 32:  # no library decomposes in half precision
            dtype = xp.float32
        return value if dtype == value.dtype else xp.astype(value, dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _not_numbers(name, f"the dtype {value.dtype}") from error


def _not_numbers(name: str, got: str) -> TypeError:
    return TypeError(f"{name} must be an array of numbers, got {got}")


def _roots(value: Any) -> set[str]:
    """Return the names of the packages that define the value's classes."""
    modules = [c.__module__.split(".") for c in type(value).__mro__]
    return {".".join(parts[:n]) for parts in modules for n in (1, 2, 3)}


def _unwrapped(name: str, value: Any) -> Any:
    """Return the value as an array of some library."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be ignored: pass .filled(0) or another "
            "value, or the rows without masked entries"
        )
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)  # drop subclasses: np.matrix multiplies differently
    if value is None or isinstance(value, str | bytes | bytearray | type):
        raise _not_numbers(name, shown(value))
    if isinstance(value, list | tuple):
        return _of_sequence(name, value)
    roots = _roots(value)
    for root, advice in _REFUSED.items():
        if root in roots:
            raise TypeError(f"{name} {advice}")
    if isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping ({type(value).__name__}): pass one of its arrays")
    if array_api_compat.is_array_api_obj(value):
        return value
    if "torch.nn" in roots:
        raise TypeError(f"{name} is a PyTorch module: pass the weight of one of its layers")
    if "xarray" in roots:  # a DataArray, because a Dataset is a mapping
        return _unwrapped(name, value.data)
    if "pandas" in roots:
        _refuse_missing_pandas(name, value)
    if "polars" in roots:
        _refuse_missing_polars(name, value)
    require_room(name, value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _not_numbers(name, shown(value)) from error
    if array.dtype.kind == "O" and array.ndim == 0:  # NumPy wraps objects of unknown types
        raise _not_numbers(name, shown(value))
    return array


def _check_elements(name: str, value: Any) -> None:
    for element in value:
        if isinstance(element, list | tuple):
            _check_elements(name, element)
        elif element is None or isinstance(element, str | bytes):
            raise _not_numbers(name, shown(value))
        elif not isinstance(element, int | float | complex | np.generic):
            _unwrapped(f"an element of {name}", element)


def _of_sequence(name: str, value: Any) -> Any:
    _check_elements(name, value)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors with gradients
        raise TypeError(
            f"{name} must be an array of numbers, got a {type(value).__name__} that NumPy cannot "
            "stack: pass its elements one by one if they are arrays"
        ) from error


def _refuse_missing_pandas(name: str, value: Any) -> None:
    if not hasattr(value, "dtype") and not hasattr(value, "dtypes"):  # pandas.NA
        raise _not_numbers(name, shown(value))
    dtypes = value.dtypes if hasattr(value, "dtypes") and value.ndim == 2 else [value.dtype]
    for dtype in dtypes:
        if not isinstance(dtype, np.dtype):  # one of pandas' own types
            held = str(dtype.categories.dtype if hasattr(dtype, "categories") else dtype)
            if held == "object" or "str" in held:  # older versions have text as objects
                raise _not_numbers(name, f"text, pandas' type {dtype}")
            raise TypeError(
                f"{name} holds pandas' type {dtype}, which may have missing values: pass "
                ".to_numpy(dtype=float, na_value=numpy.nan)"
            )


def _refuse_missing_polars(name: str, value: Any) -> None:
    if not hasattr(value, "to_numpy"):
        raise TypeError(f"{name} is lazy: pass .collect()")
    if np.any(np.asarray(value.null_count())):
        raise TypeError(f'{name} has missing values: pass .fill_null(float("nan"))')


def _numpy_floating(name: str, value: Any) -> Any:
    """Convert foreign dtypes, and foreign byte orders, to the nearest native NumPy dtype.

    ml_dtypes has floats below 32 bits, complex numbers made of them, and integers below 8 bits.
    """
    dtype = value.dtype
    if dtype.names is not None:
        raise TypeError(
            f"{name} must be an array of numbers, got a structured array: pass "
            "numpy.lib.recfunctions.structured_to_unstructured of it"
        )
    if dtype.type.__module__.split(".")[0] == "ml_dtypes":
        if "int" in dtype.name:
            return value.astype(np.float64)
        return value.astype(np.complex64 if "complex" in dtype.name else np.float32)
    if dtype.kind not in "biufc":
        raise _not_numbers(name, f"the dtype {dtype}")
    if dtype.char in "gG":
        return _double(name, value)
    return value if dtype.isnative else value.astype(dtype.newbyteorder("="))


def _double(name: str, value: Any) -> Any:
    """Round long doubles to doubles; ValueError where that would overflow or underflow."""
    with np.errstate(all="ignore"):
        double = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)
        given = np.abs(value[np.isfinite(value)])
        largest = given.max() if given.size else 0
    info = np.finfo(np.float64)
    if largest > info.max or 0 < largest < info.smallest_normal:
        raise ValueError(
            f"{name} must lie in the range of double precision, got {largest!s}: divide by the "
            "largest entry first"
        )
    return double


def _is_parameter(value: Any) -> bool:
    return "Parameter" in {c.__name__ for c in type(value).__mro__}


def _torch_floating(name: str, value: Any) -> Any:
    """Refuse tensors that are not dense arrays of numbers; convert short types to single."""
    if "torch.nn.parameter" in _roots(value) and "Uninitialized" in type(value).__name__:
        raise TypeError(f"{name} is a parameter that is not initialised yet: run the module once")
    if value.is_nested:
        raise TypeError(f"{name} is a nested tensor: pass the tensors of its .unbind() one by one")
    if value.is_quantized:
        raise TypeError(f"{name} is quantised: pass .dequantize()")
    if str(value.layout) != "torch.strided":
        raise TypeError(f"{name} is sparse or packed ({value.layout}): pass .to_dense()")
    if value.is_meta:
        raise TypeError(f"{name} is on the meta device and holds no numbers: pass real weights")
    return value
