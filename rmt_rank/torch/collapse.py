"""Turn products back into plain weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrize

from rmt_rank._lib.validation import instance
from rmt_rank.torch.expand import forget_plain
from rmt_rank.torch.factors import Factors, originals, overparameterized
from rmt_rank.torch.overparameterize import parameter_count
from rmt_rank.torch.report import Collapsed, CollapseReport

__all__ = ["collapse"]


def collapse(model: nn.Module) -> CollapseReport:
    """Replace all products of a model by plain weights, in place.

    Products are computed in float64 and rounded once.  Layers have the class, the names and the
    order of parameters that they had before `overparameterize`, and shared weights are shared
    again.  Batch norms between factors are folded as in evaluation mode.

    Parameters
    ----------
    model : Module
        A model after `overparameterize`, or with `OverparamLinear` and `OverparamConv2d` layers,
        which become `torch.nn.Linear` and `torch.nn.Conv2d`.

    Returns
    -------
    CollapseReport
        Largest error of each weight.

    Raises
    ------
    TypeError, ValueError
        If model is not a Module, is wrapped for several processes, or a layer has other
        parametrisations, too.  The model is unchanged then.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import collapse, overparameterize
    >>> layer = torch.nn.Linear(8, 4)
    >>> _ = overparameterize(layer, depth=3, init="preserve")
    >>> collapse(layer).error < 1e-6
    True
    >>> layer
    Linear(in_features=8, out_features=4, bias=True)
    """
    instance("model", model, nn.Module)
    _check(model)
    with torch.no_grad():
        return _collapsed(model)


def _collapsed(model: nn.Module) -> CollapseReport:
    """Replace the products of a checked model, without gradients."""
    before = parameter_count(model)
    found = list(overparameterized(model))
    plain: dict[int, nn.Parameter] = {}
    biases: dict[int, torch.Tensor] = {}
    layers = []
    for path, layer, name, factors in found:
        stored = id(layer.parametrizations[name])
        if stored not in plain:
            plain[stored], error = _weight(layer, name, factors)
            layers.append(Collapsed(f"{path}.{name}" if path else name, error))
        if factors.norms is not None:
            added = factors.bias(originals(layer, name), torch.float64)
            assert added is not None
            biases[id(layer)] = added
    for _, layer, name, factors in found:
        weight = plain[id(layer.parametrizations[name])]
        _restore(layer, name, weight, factors.names)
        if id(layer) in biases:
            bias = layer._parameters["bias"]
            assert bias is not None
            bias.copy_((bias.double() + biases.pop(id(layer))).to(bias.dtype))
    return CollapseReport(tuple(layers), before, parameter_count(model))


def _check(model: nn.Module) -> None:
    """Refuse models whose layers are wrapped, sharded or parametrised by others."""
    if isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
        raise TypeError("model must not be wrapped: pass model.module instead")
    for path, layer, name, _ in overparameterized(model):
        stored = layer.parametrizations
        if any(type(each).__name__ == "DTensor" for each in originals(layer, name)):
            raise ValueError(
                f"model must not be sharded, and {path} is: load its full state dict into an "
                "over-parameterised copy that is not"
            )
        others = [
            key for key, each in stored.items() if len(each) > 1 or type(each[0]) is not Factors
        ]
        if others:
            raise ValueError(
                f"model must have no other parametrisations where weights are products: remove "
                f"those of {others[0]} in {path or 'the model'} first"
            )


def _weight(layer: nn.Module, name: str, factors: Factors) -> tuple[nn.Parameter, float]:
    """Return the plain weight, and its error relative to what the layer used."""
    parts = originals(layer, name)
    exact = factors.product(parts, torch.float64)
    weight = exact.to(parts[0].dtype).contiguous()
    scale = float(exact.abs().max())
    error = float((factors(*parts).double() - weight.double()).abs().max())
    trained = any(part.requires_grad for part in parts)
    return nn.Parameter(weight, requires_grad=trained), error / scale if scale else error


def _restore(layer: nn.Module, name: str, weight: nn.Parameter, names: tuple[str, ...]) -> None:
    """Make one weight of a layer a parameter again; with the last one, its class is plain again.

    `parametrize.remove_parametrizations` also takes the property from the class, which copies of
    the layer share.
    """
    plain = parametrize.type_before_parametrizations(layer)
    del layer.parametrizations[name]
    if parametrize.is_parametrized(layer):
        layer._parameters[name] = weight
        return
    del layer.parametrizations
    layer.__class__ = getattr(plain, "collapses_to", plain)
    layer._parameters[name] = weight
    found = layer._parameters
    # a layer that shares the factors of another may have other parameters, too
    layer._parameters = {each: found[each] for each in names if each in found} | found
    forget_plain(layer)
