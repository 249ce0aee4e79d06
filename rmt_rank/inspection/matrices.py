"""The matrices of a model: layers with the outputs first, gates and heads' projections apart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.reasons import reason, too_large
from rmt_rank.inspection.names import is_part
from rmt_rank.inspection.plan import Plan, Shapes, plan
from rmt_rank.inspection.scales import Scales
from rmt_rank.inspection.tensor import Skipped, Tensor

__all__ = ["NamedMatrix", "matrices", "scaled"]

Array = npt.NDArray[Any]

_PLAIN = re.compile(r"(float\d+|bfloat16|float8\w+|complex(64|128)|.*, (dequantised|converted))$")
_INTEGER = re.compile(r"(u?int\d+|bool)$")
# Copies in memory: a tensor as stored, in single precision, and one more.
_COPIES = 3
_PART = (
    "it is a part of a parametrised weight, such as a factor of a product; the weight itself is "
    "measured if the module is inspected, or the state dict of the collapsed model"
)


@dataclass(frozen=True, eq=False)
class NamedMatrix:
    """A matrix of a model."""

    name: str
    """Unique name: that of the tensor, with the part in brackets, such as ``qkv.weight[query]``."""

    kind: str
    """Kind of layer: dense, conv, transposed conv, grouped conv, lstm gate, gru gate, rnn, query,
    key, value, query-key-value, attention output, expert, stacked dense, or embedding."""

    matrix: Array
    """Two-dimensional array of outputs times inputs, in single or double precision; complex if
    the tensor is.  A convolution has the channels and the kernel's places as its columns."""

    stored: str
    """Type in the source, such as float16 or Q4_K, dequantised."""

    tensor: str
    """Name of the tensor that it is a part of."""

    init: str | None = None
    """Law of the initial weights that the layer's class has by default: uniform, normal or
    orthogonal; None if the source does not state the class."""

    note: str = ""
    """Assumption that was made about the layout; empty if there is none."""


def matrices(
    tensors: Iterable[Tensor | Skipped],
    *,
    embeddings: bool = False,
    groups: Mapping[str, int] | None = None,
) -> Iterator[NamedMatrix | Skipped]:
    """Yield the matrices of a model in the order of its tensors, one in memory at a time.

    Every tensor gives a matrix or more, or a `Skipped` that says why it gives none.

    Parameters
    ----------
    tensors : iterable of Tensor or Skipped
        The tensors, as `rmt_rank.inspection.tensors.tensors` yields them.
    embeddings : bool, default False
        Read embedding tables, too.
    groups : mapping of str to int, optional
        Numbers of groups of convolutions by the name of the tensor, where the source does not
        state them.

    Yields
    ------
    NamedMatrix or Skipped
        Matrices in single or double precision, with outputs as rows.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.inspection.tensors import tensors
    >>> layers = {"qkv.weight": np.ones((12, 4)), "conv.weight": np.ones((5, 2, 3))}
    >>> for each in matrices(tensors(layers)):
    ...     print(each.name, each.kind, each.matrix.shape)
    qkv.weight[query] query (4, 4)
    qkv.weight[key] key (4, 4)
    qkv.weight[value] value (4, 4)
    conv.weight conv (5, 6)
    """
    everything = list(tensors)
    known = [each for each in everything if isinstance(each, Tensor)]
    shapes, scales = Shapes(known), Scales(known)
    used: dict[str, int] = {}
    for each in everything:
        if isinstance(each, Skipped):
            yield each
            continue
        for found in _of_tensor(each, shapes, scales, groups or {}, embeddings):
            if isinstance(found, Skipped):
                yield found
                continue
            used[found.name] = used.get(found.name, 0) + 1
            yield found if used[found.name] == 1 else _again(found, used[found.name])


def _again(found: NamedMatrix, count: int) -> NamedMatrix:
    fields = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return NamedMatrix(**fields | {"name": f"{found.name} ({count})"})


def _of_tensor(
    tensor: Tensor, shapes: Shapes, scales: Scales, groups: Mapping[str, int], embeddings: bool
) -> Iterator[NamedMatrix | Skipped]:
    name = tensor.name
    if why := scales.why_not(tensor):
        yield Skipped(name, why)
        return
    stored = tensor.dtype
    if scaled := scales.find(tensor):
        stored += ", dequantised"
    elif _INTEGER.match(stored):
        yield Skipped(name, f"its type is {stored}, and no scale is stored: an index, or a buffer")
        return
    elif not _PLAIN.match(stored):
        stored += ", dequantised"
    found = plan(tensor, shapes, groups, embeddings)
    if isinstance(found, str):
        yield Skipped(name, found)
        return
    try:
        if refusal := too_large(_COPIES * 8 * math.prod(tensor.shape)):
            raise ValueError(refusal)
        values = tensor.load()
        if values.shape != tensor.shape:
            raise ValueError(f"it was read with the shape {values.shape}, not {tensor.shape}")
        if scaled:
            values = scales.apply(values, scaled)
        parts = list(split(values, found))
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # parsers of damaged files raise nearly everything
        yield Skipped(name, reason(error), error=True)
        return
    del values
    note = "; ".join(filter(None, (found.note, _PART if is_part(name) else "")))
    while parts:
        label, kind, part = parts.pop(0)
        full = f"{name}[{label}]" if label else name
        if min(part.shape) == 1:
            yield Skipped(full, f"it has one {_thin(part)}, so that its rank is 1")
            continue
        try:
            matrix = _precise(part)
            finite = bool(np.isfinite(matrix).all())
        except MemoryError as error:
            yield Skipped(full, reason(error), error=True)
            continue
        del part
        if not finite:
            yield Skipped(full, "it holds nan or infinity")
            continue
        yield NamedMatrix(full, kind, matrix, stored, name, tensor.layer.init, note)


def _thin(part: Array) -> str:
    return "row" if part.shape[0] == 1 else "column"


def _precise(part: Array) -> Array:
    """Convert to single precision, or to double if it is wider."""
    if part.dtype.kind == "c":
        return np.ascontiguousarray(part)
    wide = part.dtype.itemsize > 4
    return np.ascontiguousarray(part, dtype=np.float64 if wide else np.float32)


def scaled(matrix: Array) -> tuple[npt.NDArray[np.inexact], int]:
    """Return a matrix in double precision over 2^e, and e.

    The largest part of an entry is between 1/2 and 1, unless all are 0: squares and products
    neither over- nor underflow, and a power of two changes no digit.
    """
    kind = np.complex128 if np.iscomplexobj(matrix) else np.float64
    parts = np.ascontiguousarray(matrix, dtype=kind).view(np.float64)
    exponent = int(np.frexp(np.abs(parts).max())[1])
    return np.ldexp(parts, -exponent).view(kind), exponent


def split(values: Array, found: Plan) -> Iterator[tuple[str, str, Array]]:
    """Yield names of parts, kinds and two-dimensional views (copies for transposed kernels)."""
    if found.layout == "stack":
        for i, each in enumerate(values):
            yield f"{i}", found.kind, each.T if found.out_last else each
        return
    if "conv" in found.layout:
        for i, each in enumerate(_kernels(values, found)):
            label = f"group {i}" if found.groups > 1 else ""
            yield label, found.kind, each.reshape(len(each), -1)
        return
    directions = [("", values)]
    if found.parts and values.ndim == 3:  # (directions, gates x hidden, inputs) of ONNX
        names = ("forward", "backward") if len(values) == 2 else ("",)
        if len(names) != len(values):
            raise ValueError(f"it has {len(values)} directions")
        directions = list(zip(names, values, strict=True))
    for direction, each in directions:
        if found.layout == "joined":
            each = each.reshape(-1, each.shape[-1])
        if found.out_last:
            each = each.reshape(len(each), -1).T
        for part, rows in _rows(each, found):
            words = " ".join(filter(None, (direction, part)))
            yield words, found.kind or part, rows


def _kernels(values: Array, found: Plan) -> Iterator[Array]:
    """Yield a kernel per group with axes (outputs, inputs, places)."""
    turned = found.layout == "transposed conv"
    if found.out_last:  # (places, inputs, outputs), or (places, outputs, inputs) if transposed
        values = np.moveaxis(values, (-2, -1) if turned else (-1, -2), (0, 1))
        turned = False
    for each in np.split(values, found.groups):
        yield np.swapaxes(each, 0, 1) if turned else each


def _rows(values: Array, found: Plan) -> Iterator[tuple[str, Array]]:
    if len(found.parts) < 2:
        yield "".join(found.parts), values
        return
    rows = found.rows or (len(values) // len(found.parts),) * len(found.parts)
    if sum(rows) != len(values):
        raise ValueError(f"its {len(values)} outputs do not split into {len(found.parts)} parts")
    start = 0
    for part, count in zip(found.parts, rows, strict=True):
        yield part, values[start : start + count]
        start += count
