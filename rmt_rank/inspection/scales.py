"""Scales of integer and 8-bit weights that a checkpoint stores as tensors of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.inspection.tensor import Tensor

__all__ = ["Scales"]

_NARROW = re.compile(r"(u?int8|float8\w*)$")
# Endings that replace .weight, and what a scale is divided by.  SCB has the largest magnitudes of
# the rows (bitsandbytes); the values of weight_scale_inv are factors in spite of their name.
_ENDINGS = ((".weight_scale", 1.0), (".weight_scale_inv", 1.0), (".SCB", 127.0))


class Scales:
    """Scales of the weights of a source by name."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._of: dict[str, tuple[Tensor, float]] = {}
        self._weights: dict[str, str] = {}
        by_name = {each.name: each for each in tensors}
        for each in tensors:
            base = each.name.removesuffix(".weight")
            if base == each.name or not _NARROW.match(each.dtype):
                continue
            for ending, divisor in _ENDINGS:
                if (scale := by_name.get(base + ending)) is not None:
                    self._of[each.name] = scale, divisor
                    self._weights[scale.name] = each.name
                    break

    def find(self, tensor: Tensor) -> tuple[Tensor, float] | None:
        """Return the scale of a weight and its divisor."""
        return self._of.get(tensor.name)

    def why_not(self, tensor: Tensor) -> str | None:
        """Return a reason if the tensor is itself a scale."""
        weight = self._weights.get(tensor.name)
        return None if weight is None else f"it is the scale of {weight}"

    @staticmethod
    def apply(values: npt.NDArray[Any], found: tuple[Tensor, float]) -> npt.NDArray[Any]:
        """Multiply a weight by its scale: one number, one per row, or one per block.

        Raises
        ------
        ValueError
            If the shapes do not belong together.
        """
        scale = found[0].load().astype(np.float32) / np.float32(found[1])
        if scale.size == 1:
            scale = scale.reshape(())
        elif scale.shape in {(len(values),), (len(values), 1)}:
            scale = scale.reshape(len(values), *[1] * (values.ndim - 1))
        elif scale.ndim == values.ndim == 2 and all(
            0 < b <= n for n, b in zip(values.shape, scale.shape, strict=True)
        ):
            for axis, (n, blocks) in enumerate(zip(values.shape, scale.shape, strict=True)):
                # blocks have a power of two of entries, such as 128, and the last may be shorter
                block = 1 << max(0, (-(-n // blocks) - 1).bit_length())
                if -(-n // block) != blocks:
                    raise ValueError(f"its scale has the shape {scale.shape}, which does not fit")
                scale = np.repeat(scale, block, axis).take(range(n), axis)
        else:
            raise ValueError(f"its scale has the shape {scale.shape}, which does not fit")
        array: npt.NDArray[Any] = values.astype(np.float32) * scale
        return array
