"""Arrays of .safetensors files, read one by one from the places that their header states."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.file_kinds import kind
from rmt_rank._lib.npy import Stored, attempt
from rmt_rank._lib.optional import optional

__all__ = ["safetensors"]

# NumPy's names of types, and those of ml-dtypes.
_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
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


def safetensors(path: Path, head: bytes) -> Iterator[Stored]:
    """Yield the arrays of a file whose header the library has checked.

    They are read from the file and not from the library's view of it, because the pages of that
    view would stay in memory until the last array is read.

    Raises
    ------
    ValueError
        If it is not such a file, or the package safetensors is not installed.
    """
    package = optional("reading .safetensors files", "safetensors", "inspect", error=ValueError)
    try:
        with package.safe_open(path, framework="numpy") as opened:
            file: Any = opened
            names = list(file.keys())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in safetensors' Rust code is not an Exception
        what = "or is damaged" if head[8:9] == b"{" else f"but {kind(head)}"
        raise ValueError(f"it is not a .safetensors file {what}") from error
    with path.open("rb") as content:
        length = int.from_bytes(content.read(8), "little")
        entries = json.loads(content.read(length))
    for name in names:
        yield attempt(_tensor, name, path, 8 + length, entries[name])


def _tensor(name: str, path: Path, start: int, entry: dict[str, Any]) -> Stored:
    shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
    code = entry["dtype"]

    def load() -> npt.NDArray[Any]:
        try:
            dtype = _dtype(_TYPES[code])
        except (KeyError, AttributeError, ImportError) as error:
            kinds = "NumPy and ml-dtypes have no such type, or ml-dtypes is not installed"
            raise ValueError(f"its type is {code}: {kinds}") from error
        with path.open("rb") as file:
            file.seek(start + begin)
            array: npt.NDArray[Any] = np.fromfile(file, dtype, (end - begin) // dtype.itemsize)
        array = array.reshape(shape)
        # bfloat16 and similar types are not NumPy's own
        return array.astype(np.float32) if dtype.kind == "V" else array

    return Stored(name, shape, _TYPES.get(code, code), 16, load)


def _dtype(name: str) -> np.dtype[Any]:
    if "bfloat" in name or "float8" in name:
        dtype: np.dtype[Any] = np.dtype(getattr(importlib.import_module("ml_dtypes"), name))
        return dtype
    return np.dtype(name).newbyteorder("<")
