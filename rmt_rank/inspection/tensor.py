"""A tensor of a model and what its source says about the layer; or a reason for its absence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt

from rmt_rank._lib.optional import optional

__all__ = ["UNKNOWN", "Layer", "Skipped", "Tensor", "needed"]


class Layer(NamedTuple):
    """Facts about the layer of a tensor that its source states; empty where it states nothing."""

    kind: str = ""
    """dense, conv, transposed conv, depthwise conv, lstm, gru, rnn, embedding, stack, other."""

    groups: int | None = None
    """Number of groups of a convolution."""

    out_last: bool | None = None
    """True if the last axis counts the outputs, as in Keras, and False if the first does."""

    gates: tuple[str, ...] = ()
    """Order of the gates of a recurrent layer."""

    init: str | None = None
    """Law of the layer's initial weights by default: uniform, normal or orthogonal."""

    why_not: str = ""
    """Reason why the tensor is not the weight of a layer."""


UNKNOWN = Layer()


@dataclass(frozen=True)
class Tensor:
    """A tensor that is read when `load` is called."""

    name: str
    """Name in the file."""

    shape: tuple[int, ...]
    """Shape as stored."""

    dtype: str
    """Stored type, such as float16 or Q4_K."""

    load: Callable[[], npt.NDArray[Any]]
    """Return the content as a NumPy array, dequantised if the format states how.  It raises an
    exception of any class if the content is damaged."""

    layer: Layer = UNKNOWN
    """What the source says about the layer."""


class Skipped(NamedTuple):
    """A tensor, a file or a part of one that gives no matrix, and why."""

    name: str
    """Name of the tensor or of the file."""

    why: str
    """Reason, as a clause that follows the name."""

    error: bool = False
    """True if it is damaged or cannot be read, and False if it is left out on purpose."""


def needed(module: str, extra: str, suffix: str) -> Any:
    """Import an optional module; ValueError that says what to install if it is missing."""
    return optional(f"reading {suffix} files", module, extra, error=ValueError)
