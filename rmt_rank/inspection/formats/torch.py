"""PyTorch files, read with ``weights_only=True`` and in no other way; TorchScript archives.

With ``weights_only=True``, PyTorch's unpickler builds tensors and plain containers, and refuses
every other class and function.  A TorchScript archive holds code, which is not read at all; see
`torchscript`.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from rmt_rank._lib.array import to_numpy
from rmt_rank._lib.npz import stored_only
from rmt_rank._lib.reasons import reason
from rmt_rank.inspection.formats import torchscript
from rmt_rank.inspection.tensor import UNKNOWN, Layer, Skipped, Tensor, needed

__all__ = ["read", "tensor_of", "where"]

# The pages of a view of a file stay in memory with the view, so that tensors of more bytes than
# this have one of their own.
_LARGE = 2**22
# Parts of a checkpoint that hold moments of gradients and the like, not weights.
_OPTIMIZER = re.compile(r"(?i)^(optim|optimizers?|lr_schedulers?)(_?states?)?(_?dict)?$")


def read(path: Path) -> Iterator[Tensor | Skipped]:
    """Yield the tensors of a checkpoint; containers give dotted names.

    Raises
    ------
    ValueError
        If it cannot be read without executing code, or is damaged.
    """
    zipped = zipfile.is_zipfile(path)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            script = torchscript.is_script(archive)
            if not script:
                stored_only(archive)
        if script:
            yield from torchscript.read(path)
            return
    torch = needed("torch", "torch", path.suffix or "PyTorch")
    known: dict[Any, str] = {}
    for index, (name, value) in enumerate(_walk(torch, _loaded(torch, path, zipped))):
        if isinstance(value, Skipped):
            yield value
            continue
        place = where(value)
        if place is not None and place in known:
            yield Skipped(name, f"it is the same tensor as {known[place]}")
            continue
        known[place] = name
        try:
            each = tensor_of(name, value)
        except Exception as error:  # nested tensors and the like have no shape
            yield Skipped(name, reason(error), error=True)
            continue
        if zipped and isinstance(each, Tensor) and not value.is_quantized and value.nbytes > _LARGE:
            each = dataclasses.replace(each, load=functools.partial(_again, torch, path, index))
        yield each


def _loaded(torch: Any, path: Path, zipped: bool) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # the unpickler and the reader of archives raise nearly everything
        raise ValueError(_why(error)) from error


def _again(torch: Any, path: Path, index: int) -> npt.NDArray[Any]:
    """Read a large tensor by a view of the file of its own, which is freed with the tensor.

    Tensors are counted, because names need not be unique: {"a.b": x, "a": {"b": y}}.
    """
    for place, (name, value) in enumerate(_walk(torch, _loaded(torch, path, True))):
        if place == index and not isinstance(value, Skipped):
            each = tensor_of(name, value)
            if isinstance(each, Tensor):
                return each.load()
    raise ValueError("the file was changed while it was read")


def _why(error: Exception) -> str:
    """Describe why a file was refused, without PyTorch's advice to read it unsafely."""
    words = str(error)
    found = re.search(r"Unsupported (?:global|class|operand|operation)[:\w]*[^\n]{0,100}", words)
    if found or "GLOBAL" in words:
        words = re.sub(r"\s*was not an allowed global by default.*", "", found[0] if found else "")
        return (
            "it holds Python objects beside tensors, whose loading could execute code, and is not "
            f"read ({words or 'weights_only=True refuses it'}): save the state dict alone"
        )
    return f"PyTorch cannot read it: {reason(error)[:200]}"


def _walk(torch: Any, content: Any) -> Iterator[tuple[str, Any]]:
    """Yield tensors of dictionaries, lists and tuples with their names, and what is skipped."""
    stack: list[tuple[str, Any]] = [("", content)]
    containers: set[int] = set()
    while stack:
        name, value = stack.pop()
        if isinstance(value, torch.Tensor):
            yield name or "tensor", value
        elif isinstance(value, Mapping | list | tuple):
            if id(value) in containers:
                continue
            containers.add(id(value))
            if _OPTIMIZER.match(name.rpartition(".")[2]):
                why = "it is the state of an optimizer, not of the model"
                yield name, Skipped(name, why)
                continue
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            inner = [(f"{name}.{key}" if name else str(key), each) for key, each in items]
            stack += reversed(inner)


def where(tensor: Any) -> Any:
    """Return what identifies the memory of a tensor; None if it shares none."""
    try:
        place = tensor.data_ptr()
        return (place, tuple(tensor.shape), tensor.stride(), tensor.dtype) if place else None
    except RuntimeError:  # sparse, nested, quantised by block, or without data
        return None


def tensor_of(name: str, tensor: Any, layer: Layer = UNKNOWN) -> Tensor | Skipped:
    """Return a tensor of PyTorch; quantised ones are dequantised when they are loaded."""
    shape = tuple(map(int, tensor.shape))
    dtype = str(tensor.dtype).removeprefix("torch.")
    if str(tensor.layout) != "torch.strided":
        return Skipped(name, f"it is sparse or packed ({tensor.layout})")
    if tensor.is_meta:
        return Skipped(name, "it is on the meta device and has no numbers")
    if not tensor.is_quantized:
        held = tensor.untyped_storage().nbytes() // max(tensor.element_size(), 1)
        if tensor.numel() > held:
            why = f"it claims {tensor.numel()} numbers, but the file has {held}"
            return Skipped(name, why, error=True)

    def load() -> npt.NDArray[Any]:
        values = tensor.detach()
        if values.is_quantized:
            values = values.dequantize()
        elif values.is_floating_point() and values.element_size() < 4:
            values = values.float()  # NumPy has no bfloat16 and no float8
        array: npt.NDArray[Any] = to_numpy(values)
        return array

    return Tensor(name, shape, dtype, load, layer)
