"""PyTorch modules in memory, whose classes say what each parameter is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rmt_rank.inspection.formats.torch import tensor_of, where
from rmt_rank.inspection.tensor import UNKNOWN, Layer, Skipped, Tensor

__all__ = ["of_module"]

_LSTM = ("input", "forget", "cell", "output")
_GRU = ("reset", "update", "new")


def of_module(module: Any) -> Iterator[Tensor | Skipped]:
    """Yield the parameters of a module in its own order, each of its layers' kind.

    A parameter with a parametrisation (`torch.nn.utils.parametrize`), such as the products of
    `rmt_rank.torch`, is one tensor, the one that the layer uses.
    """
    known: dict[Any, str] = {}
    inner: set[int] = set()  # modules that hold the parameters behind parametrisations
    for prefix, part in module.named_modules():
        stored = getattr(part, "parametrizations", {})
        for short, behind in stored.items():
            name = f"{prefix}.{short}" if prefix else short
            if id(behind) in inner:
                yield Skipped(name, f"it is the same tensor as {known[id(behind)]}")
                continue
            known[id(behind)] = name
            inner.update(map(id, behind.modules()))
            yield tensor_of(name, getattr(part, short).detach(), _layer(part, short))
        if id(part) in inner:
            continue
        for short, parameter in part.named_parameters(recurse=False):
            name = f"{prefix}.{short}" if prefix else short
            if "Uninitialized" in type(parameter).__name__:
                yield Skipped(name, "it is not initialised yet: run the module once", error=True)
                continue
            place = where(parameter)
            if place is not None and place in known:
                yield Skipped(name, f"it is the same tensor as {known[place]}")
                continue
            known[place] = name
            yield tensor_of(name, parameter, _layer(part, short))
        for short, _ in part.named_buffers(recurse=False):
            yield Skipped(f"{prefix}.{short}" if prefix else short, "it is a buffer, not a weight")


def _layer(part: Any, name: str) -> Layer:
    """Return the layer of a parameter by the class of its module, or of a base of that class."""
    for kind in (each.__name__ for each in type(part).__mro__):
        if name.startswith("bias"):
            return UNKNOWN
        if kind in {"Linear", "Bilinear"}:
            return Layer("dense", out_last=False, init="uniform")
        if kind == "Conv1D":  # a dense layer in the package transformers
            return Layer("dense", out_last=True, init="normal")
        if kind.startswith("ConvTranspose"):
            return Layer("transposed conv", groups=part.groups, out_last=False, init="uniform")
        if kind in {"Conv1d", "Conv2d", "Conv3d"}:
            return Layer("conv", groups=part.groups, out_last=False, init="uniform")
        if kind in {"LSTM", "LSTMCell"}:
            return Layer("lstm", out_last=False, gates=_LSTM, init="uniform")
        if kind in {"GRU", "GRUCell"}:
            return Layer("gru", out_last=False, gates=_GRU, init="uniform")
        if kind in {"RNN", "RNNCell"}:
            return Layer("rnn", out_last=False, gates=("",), init="uniform")
        if kind in {"Embedding", "EmbeddingBag"}:
            return Layer("embedding", init="normal")
        if kind == "MultiheadAttention" and name.endswith("proj_weight"):
            return Layer("dense", out_last=False, init="uniform")
    return UNKNOWN
