"""Arrays in memory: one, or a mapping of names to arrays that may be nested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt

from rmt_rank._lib.array import to_numpy
from rmt_rank._lib.array_input import as_floating
from rmt_rank._lib.reasons import reason
from rmt_rank.inspection.tensor import UNKNOWN, Layer, Skipped, Tensor

__all__ = ["of_array", "of_mapping", "tensor_of"]


def of_array(name: str, array: Any) -> Iterator[Tensor | Skipped]:
    """Return the tensor of one array; TypeError if it is not an array of numbers.

    Integers are allowed here, since the user has chosen the array.
    """
    _, converted = as_floating(name, array, least_dimensions=1)
    values = to_numpy(converted)
    dtype = _type(array, converted)
    if "float" not in dtype and "complex" not in dtype:
        dtype += ", converted"
    return iter([Tensor("array", values.shape, dtype, lambda: values)])


def of_mapping(arrays: Mapping[Any, Any]) -> Iterator[Tensor | Skipped]:
    """Yield the arrays of a mapping; those inside others are named ``outer.inner``."""
    stack: list[tuple[str, Any]] = [("", arrays)]
    seen = set()
    while stack:
        name, value = stack.pop()
        if not isinstance(value, Mapping):
            yield tensor_of(name, value)
        elif id(value) in seen:
            yield Skipped(name, "it is a mapping that occurs twice")
        else:
            seen.add(id(value))
            inner = [(f"{name}.{key}" if name else str(key), each) for key, each in value.items()]
            stack += reversed(inner)


def tensor_of(name: str, array: Any, layer: Layer = UNKNOWN) -> Tensor | Skipped:
    """Return the tensor of an array of any library, converted when it is loaded."""
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        return Skipped(name, f"it is not an array but a {type(array).__name__}")

    def load() -> npt.NDArray[Any]:
        _, converted = as_floating("the array", array, least_dimensions=0)
        values: npt.NDArray[Any] = to_numpy(converted)
        return values

    try:
        return Tensor(name, tuple(map(int, array.shape)), _type(array, array), load, layer)
    except Exception as error:  # lazy arrays may have a shape that is unknown
        return Skipped(name, reason(error), error=True)


def _type(array: Any, otherwise: Any) -> str:
    dtype = getattr(array, "dtype", otherwise.dtype)
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2]
