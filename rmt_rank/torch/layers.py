"""Layers and weights that can be products, and the reasons why others cannot."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

__all__ = ["Weight", "reads_weights_often", "refusal", "weights_of"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
GATES: tuple[tuple[type[nn.Module], int], ...] = ((nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1))
# other modules with a weight, which are reported as skipped
KNOWN = {
    nn.Embedding: "it is a table; only one that shares its weight with a Linear layer is covered",
    nn.Bilinear: "it is bilinear",
    nn.modules.conv._ConvTransposeNd: "it is a transposed convolution",
}


class Weight(NamedTuple):
    """A weight of a layer: its name, and the number of projections or groups that it holds."""

    name: str
    groups: int


def weights_of(layer: nn.Module) -> list[Weight]:
    """Return the weights of a layer that may be products; none for other modules."""
    if isinstance(layer, nn.Linear):
        return [Weight("weight", 1)]
    if isinstance(layer, CONVOLUTIONS):
        return [Weight("weight", layer.groups)]
    if isinstance(layer, nn.MultiheadAttention):
        # queries, keys and values, in one matrix or in three
        together = [Weight("in_proj_weight", 3)]
        apart = [Weight(f"{each}_proj_weight", 1) for each in "qkv"]
        return together if layer.in_proj_weight is not None else apart
    for kind, gates in GATES:
        if isinstance(layer, kind):
            names = [name for name in layer._parameters if name.startswith("weight_")]
            return [Weight(name, 1 if "_hr_" in name else gates) for name in names]
    return []


def reads_weights_often(layer: nn.Module) -> bool:
    """Return whether the forward of a layer reads its weights more than once."""
    return isinstance(layer, nn.MultiheadAttention | nn.RNNBase)


def refusal(
    layer: nn.Module, name: str, parent: nn.Module | None, *, mode: str, batch_norm: bool
) -> str | None:
    """Return the reason why a weight cannot be a product, None if it can."""
    weight = layer._parameters.get(name)
    if parametrize.is_parametrized(layer) or weight is None:
        return "it is parametrised already"
    if isinstance(weight, UninitializedParameter):
        return "it is lazy: call the model once first"
    if weight.is_meta:
        return "it is on the meta device: it has no values yet"
    if not weight.dtype.is_floating_point or weight.dtype.itemsize < 2:
        return f"its dtype is {weight.dtype}"
    if type(weight).__name__ == "DTensor":
        return "it is sharded: over-parameterise before fully_shard"
    if weight.numel() == 0:
        return "it is empty"
    if mode == "weight":
        return None
    if reads_weights_often(layer) or isinstance(parent, nn.MultiheadAttention):
        return "attention and recurrent layers read their weights: mode='weight' covers them"
    plain = nn.Linear if isinstance(layer, nn.Linear) else _convolution(layer)
    if type(layer).forward is not plain.forward:
        return "it has a forward of its own: mode='weight' covers it"
    if batch_norm and layer.bias is None:
        return "it has no bias, into which batch norms fold"
    if batch_norm and isinstance(parent, nn.TransformerEncoderLayer):
        return "TransformerEncoderLayer reads its weight in evaluation, without the batch norms"
    return None


def _convolution(layer: nn.Module) -> type[nn.Module]:
    return next(kind for kind in CONVOLUTIONS if isinstance(layer, kind))


def can_be_tied(layer: nn.Module) -> bool:
    """Return whether a table can share the factors of a Linear layer."""
    return isinstance(layer, nn.Embedding) and layer.max_norm is None and not layer.sparse


def known_refusal(layer: nn.Module) -> str | None:
    """Return the reason why a kind of layer with a weight is not covered, if it is reported."""
    return next((why for kind, why in KNOWN.items() if isinstance(layer, kind)), None)


def owners(model: nn.Module) -> dict[int, list[tuple[str, nn.Module, str]]]:
    """Return (path, module, name) of each module that has a parameter, by the parameter's id."""
    found: dict[int, list[tuple[str, nn.Module, str]]] = {}
    for path, module in model.named_modules():
        for name, parameter in module._parameters.items():
            if isinstance(parameter, torch.Tensor):
                found.setdefault(id(parameter), []).append((path, module, name))
    return found
