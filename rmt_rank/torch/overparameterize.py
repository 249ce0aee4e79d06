"""Turn the linear and convolutional layers of a model into products of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from rmt_rank._lib.names import did_you_mean
from rmt_rank._lib.validation import boolean, instance, sequence, shown
from rmt_rank.torch.chain import Chain, chain_for
from rmt_rank.torch.expand import check_options, expand, share
from rmt_rank.torch.factors import Factors
from rmt_rank.torch.layers import can_be_tied, known_refusal, owners, refusal, weights_of
from rmt_rank.torch.report import Expanded, OverparamReport

__all__ = ["overparameterize", "parameter_count"]


class _Plan(NamedTuple):
    """A weight that becomes a product, and the layers that share it."""

    path: str
    layer: nn.Module
    name: str
    chain: Chain
    sharers: list[tuple[str, nn.Module, str]]


def overparameterize(
    model: nn.Module,
    depth: int = 2,
    *,
    width: float | None = None,
    where: Callable[[str, nn.Module], bool] | Sequence[str] | None = None,
    init: str = "law",
    mode: str = "weight",
    residual: bool = False,
    batch_norm: bool = False,
    bottleneck: bool = False,
) -> OverparamReport:
    """Replace weights of a model by products of `depth` factors, in place.

    Linear, Conv1d, Conv2d and Conv3d layers are covered, and the projections inside
    MultiheadAttention, LSTM, GRU and RNN.  The function class does not change, if no hidden width
    is below the rank of a weight: `collapse` restores plain layers with the same outputs.  Create
    the optimizer afterwards, since the model has new parameters.

    Parameters
    ----------
    model : Module
        A model, or a single layer.
    depth : int, default 2
        Number of factors of each weight.
    width : float, optional
        Hidden channels per input channel: the paper has 1, and 2 for ImageNet.  By
        default 1, or more where the rank of the weight needs more, as in most convolutions.
    where : callable or sequence of str, optional
        Layers to expand: a function of (path, layer), or paths.  By default all.
    init : {"law", "preserve", "balanced"}
        "law" draws Gaussian factors anew, whose product has the mean square of the present weight
        at every depth: for models before training.  "preserve" keeps the function, with all but
        the first factor isometric, so that training starts as that of the plain model.
        "balanced" keeps it, with factors of equal singular values.  Convolutions have the kernel
        in the first factor.
    mode : {"weight", "activation"}
        "weight" computes the product once per forward, in float32 or better, and the layer with
        it; "activation" computes the layers one after another, as the paper does.
    residual : bool, default False
        Whether the identity is added to each factor with equal channels, except the last.
    batch_norm : bool, default False
        Whether a batch norm follows each factor except the last; mode "activation" only.  It is
        linear in evaluation mode, where it is the identity at first.
    bottleneck : bool, default False
        Whether hidden widths below the rank that a weight may have are allowed.

    Returns
    -------
    OverparamReport
        Weights with their factors, numbers of parameters, and what was skipped and why.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, width limits the rank of a weight,
        or where names a layer that is not there.  The model is unchanged then.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import overparameterize
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> print(overparameterize(model, depth=3))
    0.weight: 8x3x3x3 then 8x8x1x1 then 8x8x1x1, 216 -> 344 parameters
    model: 224 -> 352 parameters, weights drawn anew
    """
    instance("model", model, nn.Module)
    check_options(init, mode, batch_norm)
    chosen = _choice_of_layers(model, where)
    bottleneck, residual = boolean("bottleneck", bottleneck), boolean("residual", residual)

    def chain_of(shape: tuple[int, ...], groups: int) -> Chain:
        return chain_for(
            shape, depth, groups=groups, width=width, bottleneck=bottleneck, residual=residual
        )

    before = parameter_count(model)
    skipped: dict[str, str] = {}
    plans = _plans(model, chosen, skipped, chain_of, init, mode, batch_norm)
    layers = [_expand_all(group, init, mode, batch_norm) for group in _by_layer(plans)]
    done = tuple(each for group in layers for each in group)
    return OverparamReport(done, skipped, before, parameter_count(model), init)


def parameter_count(model: nn.Module) -> int:
    """Return the number of parameters, shared ones counted once and lazy ones not."""
    return sum(
        parameter.numel()
        for parameter in model.parameters()
        if not isinstance(parameter, UninitializedParameter)
    )


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _choice_of_layers(
    model: nn.Module, where: Callable[[str, nn.Module], bool] | Sequence[str] | None
) -> Callable[[str, nn.Module], bool]:
    """Return a function of (path, layer) for `where`."""
    if where is None:
        return lambda path, layer: True
    if callable(where):
        return where
    paths = sequence("where", where, "paths of layers")
    known = dict(model.named_modules())
    for path in paths:
        if not isinstance(path, str) or path not in known:
            hint = did_you_mean(path, known) if isinstance(path, str) else ""
            raise ValueError(f"where must be paths of layers of the model, got {shown(path)}{hint}")
    return lambda path, layer: path in paths


def _plans(
    model: nn.Module,
    chosen: Callable[[str, nn.Module], bool],
    skipped: dict[str, str],
    chain_of: Callable[[tuple[int, ...], int], Chain],
    init: str,
    mode: str,
    batch_norm: bool,
) -> list[_Plan]:
    """Return the weights that become products, and report the others."""
    modules = dict(model.named_modules())
    shared = owners(model)
    taken: set[int] = set()
    plans = []
    for path, layer in modules.items():
        found = weights_of(layer)
        if not found and (why := known_refusal(layer)) and chosen(path, layer):
            skipped[path] = why
        parent = modules.get(path.rpartition(".")[0]) if path else None
        for name, groups in found if found and chosen(path, layer) else ():
            weight = layer._parameters.get(name)
            if id(weight) in taken:
                continue  # it shares the factors of a layer before
            others = [each for each in shared.get(id(weight), []) if each[1:] != (layer, name)]
            why = refusal(layer, name, parent, mode=mode, batch_norm=batch_norm)
            why = why or _tie_refusal(others, groups, chosen, batch_norm)
            if not why and init == "law" and weight is not None and not weight.detach().any():
                why = "it is zero, so that init='law' has no variance to match"
            if why:
                skipped[_joined(path, name)] = why
                continue
            assert weight is not None
            try:
                chain = chain_of(tuple(weight.shape), groups)
            except ValueError as error:
                raise ValueError(f"{error} (in {_joined(path, name)})") from None
            taken.add(id(weight))
            for other, _, _ in others:
                skipped.pop(other, None)
            plans.append(_Plan(path, layer, name, chain, others))
    return plans


def _tie_refusal(
    others: list[tuple[str, nn.Module, str]],
    groups: int,
    chosen: Callable[[str, nn.Module], bool],
    batch_norm: bool,
) -> str | None:
    """Return the reason why a weight that others share cannot be a product, None if it can."""
    for path, layer, name in others:
        fits = can_be_tied(layer) or (name, groups) in weights_of(layer)
        if not fits or not (can_be_tied(layer) or chosen(path, layer)) or batch_norm:
            return f"it shares its weight with {_joined(path, name)}, which is not covered"
    return None


def _by_layer(plans: list[_Plan]) -> list[list[_Plan]]:
    """Group plans by layer, since a layer is expanded at once."""
    groups: dict[int, list[_Plan]] = {}
    for plan in plans:
        groups.setdefault(id(plan.layer), []).append(plan)
    return list(groups.values())


def _expand_all(plans: list[_Plan], init: str, mode: str, batch_norm: bool) -> list[Expanded]:
    """Expand the weights of one layer, and report them."""
    layer = plans[0].layer
    before = {plan.name: layer._parameters[plan.name] for plan in plans}
    chains = {plan.name: plan.chain for plan in plans}
    expand(layer, chains, init=init, mode=mode, batch_norm=batch_norm)
    done = []
    for plan in plans:
        for _, other, name in plan.sharers:
            share(other, name, layer, plan.name)
        weight = before[plan.name]
        factors = layer.parametrizations[plan.name][0]
        assert isinstance(factors, Factors)
        assert isinstance(weight, torch.Tensor)
        after = plan.chain.size + parameter_count(factors)
        path = _joined(plan.path, plan.name)
        done.append(Expanded(path, plan.chain.shapes, weight.numel(), after))
    return done
