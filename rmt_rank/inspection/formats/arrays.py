"""Files of plain arrays: .npy, .npz and .safetensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rmt_rank._lib.file_kinds import HEAD, kind
from rmt_rank._lib.matrix_files import stored
from rmt_rank.inspection.tensor import Skipped, Tensor

__all__ = ["read"]

# Names of types in .safetensors files.
_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I8": "int8",
    "U8": "uint8",
    "I16": "int16",
    "U16": "uint16",
    "I32": "int32",
    "U32": "uint32",
    "I64": "int64",
    "U64": "uint64",
    "BOOL": "bool",
    "C64": "complex64",
}


def read(path: Path) -> Iterator[Tensor | Skipped]:
    """Yield the arrays of a file."""
    with path.open("rb") as file:
        found = kind(file.read(HEAD))
    suffix = {"a NumPy array (.npy)": ".npy", "a .safetensors file": ".safetensors"}.get(found)
    for each in stored(path, suffix):
        if each.load is None or each.shape is None:
            why = each.error or each.skipped or "it cannot be read"
            yield Skipped(each.name, why, error=each.error is not None)
        else:
            yield Tensor(each.name, each.shape, _TYPES.get(each.dtype, each.dtype), each.load)
