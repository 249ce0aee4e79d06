"""GGUF files, whose blocks of quantised numbers the gguf library dequantises.

The header is read here rather than by the library, because the library allocates what a damaged
header claims.  The format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.reasons import too_large
from rmt_rank.inspection.tensor import Skipped, Tensor, needed

__all__ = ["read"]

# Bytes of the values of metadata by type; 8 is a string and 9 an array.
_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
# Names of values have fewer bytes by the format; a header with the largest vocabularies has 20 MiB.
_LONGEST_NAME, _LARGEST_HEADER = 2**16, 2**26
# Limit on tensors, on values, and on the words of a vocabulary, of which some 1e5 are usual.
_MOST = 2**20
_PLAIN = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
}


class _Header:
    """Values read one after another from the beginning of a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def number(self, form: str) -> int:
        if self.file.tell() > _LARGEST_HEADER:
            raise ValueError(f"its header is longer than {_LARGEST_HEADER >> 20} MiB")
        content = self.file.read(struct.calcsize(form))
        try:
            (value,) = struct.unpack(form, content)
        except struct.error:
            raise ValueError("its header is cut off") from None
        return int(value)

    def count(self, what: str) -> int:
        count = self.number("<Q")
        if count > _MOST:
            raise ValueError(f"its header claims {count} {what}, more than {_MOST}")
        return count

    def skip(self, count: int) -> None:
        if count > self.size - self.file.tell():
            raise ValueError(f"its header claims {count} bytes, but the file has {self.size}")
        self.file.seek(count, 1)

    def text(self) -> str:
        length = self.number("<Q")
        if length >= _LONGEST_NAME:
            raise ValueError(f"its header claims {length} bytes for a name")
        return self.file.read(length).decode("utf-8", "replace")

    def value(self) -> int | None:
        """Skip a value of metadata; return it if it is an integer of 32 bits."""
        kind = self.number("<I")
        if kind == 4:
            return self.number("<I")
        if kind == _ARRAY:
            kind = self.number("<I")
            if kind == _ARRAY:
                raise ValueError("its header has an array of arrays, which is not read")
            if kind == _STRING:
                for _ in range(self.count("strings")):
                    self.skip(self.number("<Q"))
                return None
            self.skip(self.number("<Q") * self.scalar(kind))
            return None
        self.skip(self.number("<Q") if kind == _STRING else self.scalar(kind))
        return None

    @staticmethod
    def scalar(kind: int) -> int:
        if kind not in _SCALARS:
            raise ValueError(f"its header has a value of the unknown type {kind}")
        return _SCALARS[kind]


def read(path: Path) -> Iterator[Tensor | Skipped]:
    """Yield the tensors of a file; a shape is printed as PyTorch's, with the outputs first.

    Raises
    ------
    ValueError
        If the header is damaged, or of a version that is not read.
    """
    library = needed("gguf", "inspect", ".gguf")
    quants = needed("gguf.quants", "inspect", ".gguf")
    size = path.stat().st_size
    with path.open("rb") as file:
        header = _Header(file, size)
        header.skip(4)
        version = header.number("<I")
        if version not in (2, 3):
            raise ValueError(f"its version is {version}; allowed: 2, 3, little-endian")
        count, values = header.count("tensors"), header.count("values")
        alignment = 32
        for _ in range(values):
            key, value = header.text(), header.value()
            if key == "general.alignment":
                alignment = value or 32
        entries = []
        for _ in range(count):
            name = header.text()
            axes = header.number("<I")
            if axes > 8:
                raise ValueError(f"its header claims a tensor of {axes} dimensions")
            shape = tuple(header.number("<Q") for _ in range(axes))[::-1]
            entries.append((name, shape, header.number("<I"), header.number("<Q")))
        start = -(-file.tell() // alignment) * alignment
    for entry in entries:
        yield _tensor(library, quants, path, size - start, start, *entry)


def _tensor(
    library: Any,
    quants: Any,
    path: Path,
    there: int,
    start: int,
    name: str,
    shape: tuple[int, ...],
    code: int,
    offset: int,
) -> Tensor | Skipped:
    try:
        kind = library.GGMLQuantizationType(code)
        block, size = library.GGML_QUANT_SIZES[kind]
    except (ValueError, KeyError):
        return Skipped(name, f"its type {code} is not known to the gguf library", error=True)
    if not shape or shape[-1] % block:
        return Skipped(name, f"its shape {shape} is not made of blocks of {block}", error=True)
    length = math.prod(shape) // block * size
    if offset + length > there:
        why = f"it claims {length} bytes at {offset}, but there are {max(there, 0)}"
        return Skipped(name, why, error=True)

    def load() -> npt.NDArray[Any]:
        if refusal := too_large(8 * math.prod(shape)):
            raise ValueError(refusal)
        with path.open("rb") as file:
            file.seek(start + offset)
            content = np.frombuffer(file.read(length), np.uint8)
        plain = _PLAIN.get(kind.name)
        if plain is not None and plain != "bfloat16":
            return content.view(plain).reshape(shape)
        rows = content.reshape(*shape[:-1], shape[-1] // block * size)
        array: npt.NDArray[Any] = quants.dequantize(rows, kind)
        return array

    return Tensor(name, shape, _PLAIN.get(kind.name, kind.name), load)
