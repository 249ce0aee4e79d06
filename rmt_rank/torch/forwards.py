"""Forward methods of over-parameterised layers, set on the class that parametrize makes for each.

With y = W_d ... W_1 x, dilation belongs to every factor, padding to the input alone, and the stride
to the last factor with more than one tap, after which the factors act on each point alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from rmt_rank.torch.composition import CONVOLUTIONS
from rmt_rank.torch.factors import Factors, originals

__all__ = ["factor_by_factor", "read_once"]


def factor_by_factor(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return the output of a Linear or Conv layer, computed by one factor after another."""
    factors = originals(layer, "weight")
    maps = cast(Factors, layer.parametrizations["weight"][0])
    # the last factor has no link and no norm, so that it can add the bias
    biases = [None] * (len(factors) - 1) + [cast("torch.Tensor | None", layer.bias)]
    if not isinstance(layer, nn.Linear):
        return _convolutions(cast(nn.Conv2d, layer), maps, factors, biases, x)
    for i, (factor, bias) in enumerate(zip(factors, biases, strict=True)):
        x = _joined(functional.linear(x, factor, bias), maps, i, x)
    return x


def _convolutions(
    layer: nn.Conv2d,
    maps: Factors,
    factors: tuple[torch.Tensor, ...],
    biases: list[torch.Tensor | None],
    x: torch.Tensor,
) -> torch.Tensor:
    """Return the output of a convolution."""
    chain, axes = maps.chain, len(maps.chain.kernel)
    many = [i for i, kernel in enumerate(chain.kernels) if max(kernel) > 1]
    strided = many[-1] if many else 0
    # the first convolution pads by itself, which takes no memory, if it has all taps and no link
    direct = layer.padding_mode == "zeros" and chain.kernels[0] == chain.kernel
    direct = direct and not chain.linked[0]
    if not direct:
        mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        x = functional.pad(x, _outer_padding(layer), mode=mode)
    for i, factor in enumerate(factors):
        stride = layer.stride if i == strided else (1,) * axes
        y = CONVOLUTIONS[axes](
            x,
            factor,
            biases[i],
            stride=stride,
            padding=layer.padding if direct and i == 0 else 0,
            dilation=layer.dilation,
            groups=layer.groups,
        )
        if not chain.linked[i]:
            x = _joined(y, maps, i, y)
            continue
        window = []
        for size, dilation, step, count in zip(
            chain.kernels[i], layer.dilation, stride, y.shape[-axes:], strict=True
        ):
            # the middle tap of the identity
            start = dilation * (size // 2)
            window.append(slice(start, start + step * (count - 1) + 1, step))
        x = _joined(y, maps, i, x[(..., *window)])
    return x


def _joined(y: torch.Tensor, maps: Factors, i: int, link: torch.Tensor) -> torch.Tensor:
    """Return a factor's output after its norm, plus its input if it has a link."""
    if maps.norms is not None and i < len(maps.norms):
        # a norm takes (batch, channels, ...)
        rows = y.flatten(0, -2) if not maps.chain.kernel else y
        y = maps.norms[i](rows).reshape(y.shape)
    return y + link.to(y.dtype) if maps.chain.linked[i] else y


def _outer_padding(layer: nn.Conv2d) -> list[int]:
    """Return the padding of the input, as `functional.pad` takes it: last axis first."""
    pairs: list[tuple[int, int]] = []
    for axis, (size, dilation) in enumerate(zip(layer.kernel_size, layer.dilation, strict=True)):
        if layer.padding == "same":
            total = dilation * (size - 1)
            pairs.append((total // 2, total - total // 2))
        elif layer.padding == "valid":
            pairs.append((0, 0))
        else:
            pairs.append((int(layer.padding[axis]),) * 2)
    return [each for pair in reversed(pairs) for each in pair]


def read_once(plain: type[nn.Module]) -> Callable[..., Any]:
    """Return a forward method that computes each weight once, however often the layer reads it."""

    def forward(self: nn.Module, *arguments: Any, **options: Any) -> Any:
        with parametrize.cached():
            return plain.forward(self, *arguments, **options)

    return forward
