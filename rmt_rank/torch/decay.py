"""Weight decay on factors, or on their product."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rmt_rank._lib.validation import choice, instance, real
from rmt_rank.torch.factors import originals, overparameterized

__all__ = ["parameter_groups", "product_penalty"]


def parameter_groups(
    model: nn.Module, weight_decay: float, *, on: str = "factors"
) -> list[dict[str, Any]]:
    """Return groups of parameters for an optimizer, one with weight decay and one without.

    Biases and other parameters with one axis have none.  Decay on the factors of balanced products
    penalises a Schatten quasi-norm: the least sum of |W_i|^2 over all factorisations of W into d
    factors is d times the sum of sigma^(2/d) over the singular values of W, which prefers low rank
    for d >= 2 [1]_.  Decay on the product is that of the plain model, which has no such
    preference.

    Parameters
    ----------
    model : Module
        A model after `overparameterize`.
    weight_decay : float
        Decay, at least 0.
    on : {"factors", "product"}
        "factors": factors decay.  "product": they do not; add
        `weight_decay * product_penalty(model)` to the loss.

    Returns
    -------
    list of dict
        Every parameter that is trained, once.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    References
    ----------
    .. [1] F. Shang, Y. Liu, F. Shang, H. Liu, L. Kong, L. Jiao, "A unified scalable equivalent
       formulation for Schatten quasi-norms", arXiv:1606.00668.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import overparameterize, parameter_groups
    >>> model = torch.nn.Linear(8, 4)
    >>> _ = overparameterize(model, depth=3)
    >>> groups = parameter_groups(model, 1e-4)
    >>> [len(group["params"]) for group in groups]
    [3, 1]
    >>> optimizer = torch.optim.AdamW(groups)
    """
    instance("model", model, nn.Module)
    weight_decay = real("weight_decay", weight_decay, at_least=0)
    choice("on", on, ("factors", "product"))
    free = set()
    if on == "product":
        free = {
            id(factor)
            for _, layer, name, _ in overparameterized(model)
            for factor in originals(layer, name)
        }
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decays = [each for each in trained if each.ndim > 1 and id(each) not in free]
    kept = [each for each in trained if each.ndim <= 1 or id(each) in free]
    return [
        {"params": decays, "weight_decay": weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]


def product_penalty(model: nn.Module) -> torch.Tensor:
    """Return half the sum of squares of all products, shared ones counted once.

    Parameters
    ----------
    model : Module
        A model after `overparameterize`.

    Returns
    -------
    Tensor
        A scalar to multiply by the weight decay and add to the loss.

    Raises
    ------
    TypeError, ValueError
        If model is not a Module, or has no products.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import OverparamLinear, product_penalty
    >>> layer = OverparamLinear(4, 4, depth=2)
    >>> bool(torch.isclose(product_penalty(layer), layer.weight.square().sum() / 2))
    True
    """
    instance("model", model, nn.Module)
    weights = {
        id(layer.parametrizations[name]): getattr(layer, name)
        for _, layer, name, _ in overparameterized(model)
    }
    if not weights:
        raise ValueError("model must have products: call overparameterize first")
    return torch.stack([weight.float().square().sum() / 2 for weight in weights.values()]).sum()
