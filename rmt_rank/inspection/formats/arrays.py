"""Files of plain arrays: .npy, .npz and .safetensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rmt_rank._lib.file_kinds import HEAD, kind
from rmt_rank._lib.matrix_files import stored
from rmt_rank.inspection.tensor import Skipped, Tensor

__all__ = ["read"]


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
            yield Tensor(each.name, each.shape, each.dtype, each.load)
