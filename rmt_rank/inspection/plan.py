"""The layer of a tensor, from its source or else from its name and shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rmt_rank.inspection import names
from rmt_rank.inspection.tensor import Tensor

__all__ = ["Plan", "Shapes", "plan"]

_PYTORCH_GATES = {
    4: ("lstm", ("input", "forget", "cell", "output")),
    3: ("gru", ("reset", "update", "new")),
    1: ("rnn", ("",)),
}
_QKV = ("query", "key", "value")


class Plan(NamedTuple):
    """Instructions that make matrices of a tensor."""

    kind: str = "dense"
    """Kind of the matrices; empty if the names in `parts` are their kinds."""

    layout: str = "dense"
    """dense, conv, transposed conv, stack, or joined (inputs on the last axes)."""

    out_last: bool = False
    """True if the last axis counts the outputs."""

    groups: int = 1
    """Number of groups of a convolution."""

    parts: tuple[str, ...] = ()
    """Names of the parts that the outputs are split into."""

    rows: tuple[int, ...] = ()
    """Numbers of outputs of the parts; equal if empty."""

    note: str = ""
    """Assumption that was made, as a sentence without its full stop."""


class Shapes:
    """Shapes of all tensors of a source by name, in their order."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.by_name = {each.name: each.shape for each in tensors}
        self.places = {name: place for place, name in enumerate(self.by_name)}
        self._first: dict[int, int] = {}
        for place, shape in enumerate(self.by_name.values()):
            if len(shape) > 1:
                self._first.setdefault(shape[0], place)

    def outputs_before(self, name: str, outputs: int) -> bool:
        """Return whether an earlier tensor of two or more axes has so many outputs."""
        return self._first.get(outputs, len(self.by_name)) < self.places[name]


def plan(tensor: Tensor, shapes: Shapes, groups: Mapping[str, int], embeddings: bool) -> Plan | str:
    """Return the plan of a tensor, or the reason why it gives no matrix."""
    layer, shape, name = tensor.layer, tensor.shape, tensor.name
    if layer.why_not:
        return layer.why_not
    if 0 in shape:
        return "it is empty"
    if len(shape) < 2:
        return f"it has {len(shape)} dimension{'s' * (len(shape) != 1)}, not a matrix"
    if len(shape) > 5:
        return f"it has {len(shape)} dimensions, more than a convolution"
    if layer.kind == "embedding" or (not layer.kind and names.is_embedding(name)):
        if len(shape) != 2:
            return "it is an embedding table of more than two dimensions"
        return Plan("embedding") if embeddings else _NO_EMBEDDING
    if layer.kind in {"lstm", "gru", "rnn"} and layer.gates:
        kind = "rnn" if layer.kind == "rnn" else f"{layer.kind} gate"
        return Plan(kind, out_last=bool(layer.out_last), parts=layer.gates)
    if (found := names.RECURRENT.search(name)) and len(shape) == 2:
        return _recurrent(name, found, shapes.by_name)
    if layer.kind == "depthwise conv":
        return _DEPTHWISE
    if "conv" in layer.kind or (not layer.kind and len(shape) > 2 and not _stacked(tensor)):
        return _convolution(tensor, shapes, groups)
    return _dense(tensor, shapes)


_NO_EMBEDDING = "it is an embedding table, which is read if embeddings are asked for"
_DEPTHWISE = "it is a depthwise convolution, whose groups have one row each and rank 1"


def _stacked(tensor: Tensor) -> bool:
    return len(tensor.shape) == 3 and names.is_experts(tensor.name)


def _recurrent(
    name: str, found: re.Match[str], by_name: Mapping[str, tuple[int, ...]]
) -> Plan | str:
    """Split the gates of names such as weight_ih_l0, whose number follows from weight_hh_l0."""
    if found["side"] == "hr":
        return Plan("dense")

    def sibling(side: str) -> tuple[int, ...]:
        return by_name.get(name[: found.start("side")] + side + name[found.end("side") :], ())

    recurrent, projection = sibling("hh"), sibling("hr")
    if len(recurrent) != 2:
        return Plan("dense", note="its gates are not split, since there is no recurrent weight")
    hidden = projection[1] if len(projection) == 2 else recurrent[1]
    gates = recurrent[0] // hidden if hidden and recurrent[0] % hidden == 0 else 0
    if gates not in _PYTORCH_GATES or by_name[name][0] != recurrent[0]:
        return Plan("dense", note="its gates are not split, since their number is not 1, 3 or 4")
    kind, parts = _PYTORCH_GATES[gates]
    return Plan("rnn" if kind == "rnn" else f"{kind} gate", parts=parts)


def _convolution(tensor: Tensor, shapes: Shapes, given: Mapping[str, int]) -> Plan | str:
    layer, shape, name = tensor.layer, tensor.shape, tensor.name
    turned = layer.kind == "transposed conv" or re.search(r"(?i)deconv|conv_?transpose", name)
    layout = "transposed conv" if turned else "conv"
    out_last = layer.out_last
    if out_last is None:
        out_last = re.search(r"[._/]kernel(:0)?$", name) is not None
    inputs, outputs = (shape[-2], shape[-1]) if out_last else (shape[1], shape[0])
    if turned:
        inputs, outputs = (outputs, inputs) if out_last else (shape[0], shape[1])
    groups, note = given.get(name, layer.groups), ""
    if groups is None and layout == "conv" and not out_last and inputs == 1 and outputs > 1:
        named = re.search(r"(?i)depth_?wise|(^|[._/])dw(_?conv)?\d*([._/]|$)", name)
        if named or shapes.outputs_before(name, outputs):
            return (
                "it is taken for a depthwise convolution: it has one input channel, and its file "
                "does not state the number of groups, which can be given"
            )
    if groups is None:
        groups, note = 1, "its file does not state the number of groups; 1 was assumed"
    whole = inputs if turned and not out_last else outputs
    if groups < 1 or whole % groups:
        return f"its {whole} channels do not split into {groups} groups"
    if groups > 1 and (whole if turned else inputs * groups) == groups:
        return _DEPTHWISE
    kind = "grouped conv" if groups > 1 else layout
    return Plan(kind, layout, bool(out_last), groups, note=note)


def _dense(tensor: Tensor, shapes: Shapes) -> Plan | str:
    layer, shape, name = tensor.layer, tensor.shape, tensor.name
    out_last = layer.out_last
    if out_last is None:
        kernel = re.search(r"(^|[._/])kernel(:0)?$", name) is not None
        out_last = kernel or names.is_conv1d(name, shapes.by_name)
    kind = names.attention_kind(name) or "dense"
    if len(shape) == 3:
        if _stacked(tensor):
            return Plan("expert", "stack", note="its outputs are taken to be the rows")
        if layer.out_last and kind == "attention output":  # (heads, width, outputs) of Keras
            return Plan(kind, "joined", out_last=True)
        if layer.out_last and kind != "dense":  # (inputs, heads, width)
            return Plan(kind, out_last=True)
        return Plan("stacked dense", "stack", bool(out_last))
    if len(shape) > 3:
        return f"it is a dense layer of {len(shape)} dimensions, which is not read"
    outputs, inputs = shape[::-1] if out_last else shape
    if not names.is_fused(name):
        return Plan(kind, out_last=out_last)
    if "query_key_value" in name:
        note = "query, key and value are not split, since their order depends on the model"
        return Plan("query-key-value", out_last=out_last, note=note)
    if outputs == 3 * inputs or (outputs % 3 == 0 and outputs > 3 * inputs):
        return Plan("", out_last=out_last, parts=_QKV)
    if inputs < outputs < 3 * inputs and (outputs - inputs) % 2 == 0:
        rows = (inputs, (outputs - inputs) // 2, (outputs - inputs) // 2)
        note = "the query is assumed to have as many outputs as inputs"
        return Plan("", out_last=out_last, parts=_QKV, rows=rows, note=note)
    note = f"query, key and value are not split, since {outputs} outputs are not three parts"
    return Plan("query-key-value", out_last=out_last, note=note)
