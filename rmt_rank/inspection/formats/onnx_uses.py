"""The use of constants in an ONNX graph, followed through nodes that only move or convert them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from rmt_rank.inspection.tensor import UNKNOWN, Layer

__all__ = ["Graph", "Use"]

# Nodes whose output holds the numbers of their first input in the same order of axes.
_SAME = {"Identity", "Cast", "DequantizeLinear", "Dropout"}
# Nodes that may reorder the gates or axes: what uses their output states the kind only.
_MOVED = {"Unsqueeze", "Squeeze", "Slice", "Concat", "Reshape", "Split", "Flatten"}
_ENTRYWISE = {"Add", "Sub", "Mul", "Div", "Pow", "Where", "Max", "Min", "PRelu"}
_GATES = {
    "LSTM": ("input", "output", "forget", "cell"),
    "GRU": ("update", "reset", "new"),
    "RNN": ("",),
}


class Use(NamedTuple):
    """The layer of a tensor, and how its integers are dequantised."""

    layer: Layer = UNKNOWN
    scale: Any = None
    zero: Any = None
    axis: int = 1


class Graph:
    """A graph with the nodes that use each of its values; subgraphs see the values outside.

    Protobuf refuses messages nested more than 100 deep, which bounds the recursion.
    """

    def __init__(self, onnx: Any, prefix: str, graph: Any, outer: Graph | None = None) -> None:
        self.onnx, self.prefix, self.graph, self.outer = onnx, prefix, graph, outer
        self.uses: dict[str, list[tuple[Any, int, Graph]]] = {}
        self.values = {each.name: each for each in getattr(graph, "initializer", ())}
        self.inner: list[Graph] = []
        for i, node in enumerate(graph.node):
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value" and node.output:
                    self.values[node.output[0]] = attribute.t
                graphs = [attribute.g] if attribute.type == attribute.GRAPH else attribute.graphs
                for each in graphs:
                    name = f"{prefix}{node.name or i}/{attribute.name}/"
                    self.inner.append(Graph(onnx, name, each, self))
            for place, value in enumerate(node.input):
                self._scope(value).uses.setdefault(value, []).append((node, place, self))

    def _scope(self, value: str) -> Graph:
        """Return the graph that defines a value: this one, unless only an outer one has it."""
        scope: Graph | None = self
        while scope is not None:
            if value in scope.values:
                return scope
            scope = scope.outer
        return self

    def constants(self) -> Iterator[tuple[str, Any, Use]]:
        """Yield names, tensors and uses, first those of the graph, then those of its subgraphs."""
        for name, tensor in self.values.items():
            yield f"{self.prefix}{name}", tensor, self._use(name, len(tensor.dims))
        for each in getattr(self.graph, "sparse_initializer", ()):
            layer = Layer(why_not="it is sparse")
            yield f"{self.prefix}{each.values.name}", each.values, Use(layer)
        for graph in self.inner:
            yield from graph.constants()

    def _use(self, name: str, dimensions: int) -> Use:
        scale, zero, axis, moved, flips = None, None, 1, False, 0
        value: str | None = name
        scope = self
        seen: set[str] = set()
        while value is not None and value not in seen:
            seen.add(value)
            users = scope.uses.get(value, [])
            if len(users) == 0:
                break
            node, place, scope_of_node = users[0]
            kind = node.op_type
            if kind in {"If", "Loop", "Scan"}:
                break
            if kind == "DequantizeLinear" and place == 0:
                scale = scope_of_node._constant(node.input[1])
                zero = scope_of_node._constant(node.input[2]) if len(node.input) > 2 else None
                axis = _attribute(node, "axis", 1)
            if kind == "Transpose":
                order = _attribute(node, "perm", ())
                if dimensions != 2 or (order and tuple(order) != (1, 0)):
                    moved = True
                flips += 1
            elif (kind in _MOVED and place == 0) or kind == "Concat":
                moved = True
            elif kind not in _SAME or place != 0:
                layer = _layer(node, place, flips % 2 == 1)
                if moved:  # its kind holds, the order of its axes and gates may have changed
                    kept = layer.kind in {"lstm", "gru", "rnn"}
                    layer = Layer(layer.kind) if kept else UNKNOWN
                return Use(layer, scale, zero, axis)
            value, scope = (node.output[0] if node.output else None), scope_of_node
        return Use(UNKNOWN, scale, zero, axis)

    def _constant(self, name: str) -> Any:
        return self._scope(name).values.get(name)


def _layer(node: Any, place: int, flipped: bool) -> Layer:
    """Return the layer of a node's input."""
    kind = node.op_type
    if kind in {"MatMul", "MatMulInteger"} and place in (0, 1):
        return Layer("dense", out_last=(place == 1) != flipped)
    if kind == "Gemm" and place in (0, 1):
        turned = bool(_attribute(node, "transB" if place == 1 else "transA", 0)) != flipped
        return Layer("dense", out_last=(place == 1) != turned)
    if kind in {"Conv", "ConvInteger"} and place == 1:
        return Layer("conv", groups=_attribute(node, "group", 1), out_last=False)
    if kind == "ConvTranspose" and place == 1:
        return Layer("transposed conv", groups=_attribute(node, "group", 1), out_last=False)
    if kind in _GATES and place in (1, 2):
        return Layer(kind.lower(), out_last=False, gates=_GATES[kind])
    if kind in {"Gather", "GatherElements"} and place == 0:
        return Layer("embedding")
    if kind in _ENTRYWISE:
        return Layer(why_not=f"its entries are used one by one ({kind}), not as a matrix")
    if kind in {"Conv", "ConvTranspose", "Gemm", "LSTM", "GRU", "RNN", "BatchNormalization"}:
        return Layer(why_not=f"it is another input of {kind} than the weight")
    return UNKNOWN


def _attribute(node: Any, name: str, default: Any) -> Any:
    for each in node.attribute:
        if each.name == name:
            return tuple(each.ints) if each.type == each.INTS else each.i
    return default
