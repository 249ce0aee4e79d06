"""ONNX files: initialisers and constants of the graph, of its subgraphs and of its functions.

The nodes that use a tensor state what it is: whether the weight of a matrix product is multiplied
from the left or the right, the groups of a convolution, the order of an LSTM's gates, the scale of
quantised integers.  External data are read from the folder of the model only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.reasons import special, too_large
from rmt_rank.inspection.formats.onnx_uses import Graph
from rmt_rank.inspection.tensor import Skipped, Tensor, needed

__all__ = ["read"]


def read(path: Path) -> Iterator[Tensor | Skipped]:
    """Yield the initialisers and constants; those of a subgraph have the path to it as a prefix.

    Raises
    ------
    ValueError
        If it is not an ONNX file, or is damaged.
    """
    onnx = needed("onnx", "inspect", ".onnx")
    numpy_helper = needed("onnx.numpy_helper", "inspect", ".onnx")
    if path.stat().st_size > _LARGEST:
        raise ValueError("it is not an ONNX file: it is larger than 2 GiB, the format's limit")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's errors differ between versions
        raise ValueError("it is not an ONNX file, or is damaged") from error
    graphs = [("", model.graph), *((f"{each.name}/", each) for each in model.functions)]
    if not any(each.node for _, each in graphs):
        raise ValueError("it is not an ONNX file, or is damaged: its graph has no node")
    for prefix, graph in graphs:
        indices = 0
        for name, tensor, used in Graph(onnx, prefix, graph).constants():
            each = _tensor(onnx, numpy_helper, path, name, tensor, used)
            if isinstance(each, Tensor) and len(each.shape) < 2 and each.dtype in _INDICES:
                indices += 1
            else:
                yield each
        if indices:
            yield Skipped(
                prefix or "graph",
                f"{indices} of its constants are integers without the shape of a matrix, such as "
                "indices and sizes",
            )


def _tensor(
    onnx: Any, helper: Any, path: Path, name: str, tensor: Any, used: Any
) -> Tensor | Skipped:
    types = onnx.TensorProto
    try:
        dtype = types.DataType.Name(tensor.data_type).lower()
    except ValueError:
        return Skipped(name, f"its type {tensor.data_type} is unknown", error=True)
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape):
        return Skipped(name, f"its header has the shape {shape}", error=True)
    external = tensor.data_location == types.EXTERNAL
    if dtype == "string":
        return Skipped(name, "it is text")
    if dtype not in _BITS:
        return Skipped(name, f"its type {dtype} is not read", error=True)
    if not external:
        # without raw data, a number takes at least one byte, and two halves of an int4 share one
        size = len(tensor.raw_data)
        held = 8 * size // _BITS[dtype] if size else 8 * tensor.ByteSize() // min(_BITS[dtype], 8)
        if math.prod(shape) > held:
            why = f"it claims {math.prod(shape)} numbers, but the file has at most {held}"
            return Skipped(name, why, error=True)

    def load() -> npt.NDArray[Any]:
        if refusal := too_large(8 * math.prod(shape)):
            raise ValueError(refusal)
        if external:
            tensor_here = types()
            tensor_here.CopyFrom(tensor)
            tensor_here.raw_data = _external(path, tensor, -(-math.prod(shape) * _BITS[dtype] // 8))
            tensor_here.data_location = types.DEFAULT
            tensor_here.ClearField("external_data")
        values = helper.to_array(tensor_here if external else tensor)
        if used.scale is not None:
            return _dequantised(helper, values, used)
        array: npt.NDArray[Any] = values
        return array.astype(np.float32) if array.dtype.kind == "V" else array

    if used.scale is not None:
        dtype += ", dequantised"
    return Tensor(name, shape, dtype, load, used.layer)


# Hundreds of constants of these types are usual, so that they are counted together.
_INDICES = {"int64", "int32", "bool"}
# Limit of protobuf on a message.
_LARGEST = 2**31
# Bits of a number by type, for the check of sizes.
_BITS = {
    "float64": 64,
    "float32": 32,
    "float16": 16,
    "bfloat16": 16,
    "int64": 64,
    "int32": 32,
    "int16": 16,
    "int8": 8,
    "uint64": 64,
    "uint32": 32,
    "uint16": 16,
    "uint8": 8,
    "bool": 8,
    "complex128": 128,
    "complex64": 64,
    "float8e4m3fn": 8,
    "float8e4m3fnuz": 8,
    "float8e5m2": 8,
    "float8e5m2fnuz": 8,
    "float8e8m0": 8,
    "float4e2m1": 4,
    "int4": 4,
    "uint4": 4,
    "int2": 2,
    "uint2": 2,
}


def _dequantised(helper: Any, values: npt.NDArray[Any], used: Any) -> npt.NDArray[Any]:
    """(x - zero point) * scale, per tensor or along an axis, as DequantizeLinear defines it."""
    scale = helper.to_array(used.scale).astype(np.float32)
    zero = np.zeros(()) if used.zero is None else helper.to_array(used.zero).astype(np.float32)
    if scale.ndim == 1 and scale.size > 1:
        form = [1] * values.ndim
        form[used.axis] = -1
        scale, zero = scale.reshape(form), zero.reshape(form) if zero.ndim == 1 else zero
    elif scale.ndim > 1 and scale.shape != values.shape:  # blocks along the axis
        count = values.shape[used.axis] // scale.shape[used.axis]
        scale = np.repeat(scale, count, used.axis)
        zero = np.repeat(zero, count, used.axis) if zero.ndim else zero
    array: npt.NDArray[Any] = (values.astype(np.float32) - zero) * scale
    return array.astype(np.float32)


def _external(path: Path, tensor: Any, size: int) -> bytes:
    """Return a tensor's bytes, so many, from a file in the folder of the model."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location, folder = entries.get("location", ""), path.parent.resolve()
    if not location or Path(location).is_absolute() or "\\" in location or ":" in location:
        raise ValueError(f"its external file {location!r} is not a name inside the folder")
    found = folder / location
    if ".." in Path(location).parts or not found.resolve().is_relative_to(folder):
        raise ValueError(f"its external file {location!r} is outside the folder of the model")
    if not found.exists():
        raise ValueError(f"its external file {location!r} is missing")
    if what := special(found.stat().st_mode):
        raise ValueError(f"its external file {location!r} is {what}")
    there = found.stat().st_size
    offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
    if offset < 0 or length < 0 or offset + length > there:
        raise ValueError(f"it claims {length} bytes at {offset}, but {location!r} has {there}")
    if length != size:
        raise ValueError(f"it claims {length} bytes of {location!r}, but its shape takes {size}")
    with found.open("rb") as file:
        file.seek(offset)
        content: bytes = file.read(length)
    return content
