"""Turn the weights of one layer into products, and load plain checkpoints into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from rmt_rank._lib.validation import boolean, choice
from rmt_rank.torch.chain import Chain
from rmt_rank.torch.factors import Factors
from rmt_rank.torch.forwards import factor_by_factor, read_once
from rmt_rank.torch.initial import INITIAL
from rmt_rank.torch.layers import reads_weights_often

__all__ = ["check_options", "expand", "forget_plain", "load_plain", "share"]


def check_options(init: str, mode: str, batch_norm: bool) -> None:
    """Refuse options that are not allowed, alone or together."""
    choice("init", init, INITIAL)
    choice("mode", mode, ("weight", "activation"))
    if boolean("batch_norm", batch_norm) and mode == "weight":
        raise ValueError(
            "mode must be 'activation' with batch_norm=True, got 'weight': a batch norm needs the "
            "activations between factors"
        )


def expand(
    layer: nn.Module,
    chains: Mapping[str, Chain],
    *,
    init: str,
    mode: str = "weight",
    batch_norm: bool = False,
) -> None:
    """Turn weights of a layer into products, in place.

    Parameters
    ----------
    layer : Module
        A layer that `weights_of` covers, or a table that shares the weight of one.
    chains : dict of str to Chain
        Chains by the names of the weights.
    init, mode, batch_norm
        As in `overparameterize`.
    """
    plain = type(layer)
    names = tuple(layer._parameters)
    for name, chain in chains.items():
        weight = layer._parameters[name]
        assert weight is not None
        factors = Factors(chain, init, batch_norm, names, weight).train(layer.training)
        parametrize.register_parametrization(layer, name, factors)
        if init == "law":
            # from here on, weights that are assigned or loaded are kept
            factors.initial = "balanced"
    _take_over(layer, plain, mode)


def share(layer: nn.Module, name: str, source: nn.Module, source_name: str) -> None:
    """Let a layer use the factors of another layer, in place of a weight that both shared."""
    plain, names, weight = type(layer), tuple(layer._parameters), layer._parameters[name]
    assert weight is not None
    original = source.parametrizations[source_name][0]
    # its values are replaced at once, so that they do not matter
    stand_in = Factors(original.chain, "balanced", False, names, weight)
    parametrize.register_parametrization(layer, name, stand_in)
    layer.parametrizations[name] = source.parametrizations[source_name]
    _take_over(layer, plain, "weight")


def _take_over(layer: nn.Module, plain: type[nn.Module], mode: str) -> None:
    """Set the forward of a layer's own class, and let it load plain checkpoints."""
    own: Any = type(layer)
    if mode == "activation":
        own.forward = factor_by_factor
    elif reads_weights_often(layer):
        own.forward = read_once(plain)
    layer.register_load_state_dict_pre_hook(load_plain)


def load_plain(
    layer: nn.Module, state_dict: dict[str, torch.Tensor], prefix: str, *_: object
) -> None:
    """Replace plain weights in a state dict by factors, before it is loaded."""
    for name, stored in getattr(layer, "parametrizations", {}).items():
        start = f"{prefix}parametrizations.{name}."
        plain = state_dict.get(prefix + name)
        if plain is None or any(key.startswith(start) for key in state_dict):
            continue
        factors = stored[0]
        if tuple(plain.shape) != factors.chain.shape:
            continue  # PyTorch reports the key
        del state_dict[prefix + name]
        for i, factor in enumerate(factors.right_inverse(plain)):
            state_dict[f"{start}original{i}"] = factor
        for key, value in factors.state_dict().items():
            # the norms, which right_inverse has made identities
            state_dict[f"{start}0.{key}"] = value


def forget_plain(layer: nn.Module) -> None:
    """Remove the hook that loads plain checkpoints."""
    hooks = layer._load_state_dict_pre_hooks
    for key, hook in list(hooks.items()):
        if getattr(hook, "hook", hook) is load_plain:
            del hooks[key]
