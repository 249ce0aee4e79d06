"""Layers that are products from the start, with the names and arguments of the paper's code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from rmt_rank._lib.validation import boolean, integer, sequence, shown
from rmt_rank.torch.chain import chain_for
from rmt_rank.torch.composition import composed_kernel
from rmt_rank.torch.expand import check_options, expand

__all__ = ["OverparamConv2d", "OverparamLinear"]

Size = int | tuple[int, int]


class OverparamLinear(nn.Linear):
    """A Linear layer whose weight is a product of `depth` matrices.

    Parameters
    ----------
    in_features, out_features : int
        As in `torch.nn.Linear`.
    bias : bool, default True
        Whether there is a bias.
    depth : int, default 2
        Number of factors.
    width, init, mode, residual, batch_norm, bottleneck
        As in `overparameterize`.
    device, dtype : optional
        As in `torch.nn.Linear`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import OverparamLinear
    >>> layer = OverparamLinear(32, 32, depth=4)
    >>> layer(torch.ones(5, 32)).shape, layer.weight.shape
    (torch.Size([5, 32]), torch.Size([32, 32]))
    """

    collapses_to: ClassVar[type[nn.Module]] = nn.Linear

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        depth: int = 2,
        width: float | None = None,
        init: str = "law",
        mode: str = "weight",
        residual: bool = False,
        batch_norm: bool = False,
        bottleneck: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_options(init, mode, batch_norm)
        _check_bias(bias, batch_norm)
        chain = chain_for(
            (out_features, in_features),
            depth,
            width=width,
            bottleneck=boolean("bottleneck", bottleneck),
            residual=boolean("residual", residual),
        )
        super().__init__(in_features, out_features, bias, device=device, dtype=dtype)
        expand(self, {"weight": chain}, init=init, mode=mode, batch_norm=batch_norm)


class OverparamConv2d(nn.Conv2d):
    """A Conv2d layer whose kernel is composed of several kernels.

    It computes what the convolutions do one after another if the input is padded before the first
    and nothing in between, where zero padding would not compose to one convolution.

    Parameters
    ----------
    in_channels, out_channels : int
        As in `torch.nn.Conv2d`.
    kernel_sizes : int, or sequence of int or (int, int)
        Size of the kernel of each factor; one number is that of the first, and the others are 1.
        The composed kernel has the sum of all sizes, less 1 for each factor but one.
    stride, padding, dilation, groups, bias, padding_mode
        As in `torch.nn.Conv2d`, of the composed convolution.
    depth : int, optional
        Number of factors: that of `kernel_sizes`, or 2 if this is one number.
    width, init, mode, residual, batch_norm, bottleneck
        As in `overparameterize`; "law" is the only init for kernels in several factors.
    device, dtype : optional
        As in `torch.nn.Conv2d`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or there is a padding per factor.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import OverparamConv2d
    >>> layer = OverparamConv2d(32, 64, kernel_sizes=(3, 3, 1), stride=1, padding=1)
    >>> layer.kernel_size, layer(torch.ones(1, 32, 8, 8)).shape
    ((5, 5), torch.Size([1, 64, 6, 6]))
    """

    collapses_to: ClassVar[type[nn.Module]] = nn.Conv2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_sizes: int | Sequence[Size],
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        depth: int | None = None,
        width: float | None = None,
        init: str = "law",
        mode: str = "weight",
        residual: bool = False,
        batch_norm: bool = False,
        bottleneck: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_options(init, mode, batch_norm)
        _check_bias(bias, batch_norm)
        kernels = _kernels(kernel_sizes, depth)
        if init != "law" and any(kernel != (1, 1) for kernel in kernels[1:]):
            raise ValueError(
                f"init must be 'law' for kernels in several factors, got {init!r}: they cannot "
                "represent every kernel"
            )
        if not isinstance(padding, str | int) and len(padding) != 2:
            raise ValueError(
                "padding must be one number or one per axis, of the input, got "
                f"{shown(padding)}: zero padding between factors does not compose to one "
                "convolution"
            )
        kernel = composed_kernel(kernels)
        chain = chain_for(
            (out_channels, in_channels // groups, *kernel),
            len(kernels),
            groups=groups,
            kernels=kernels,
            width=width,
            bottleneck=boolean("bottleneck", bottleneck),
            residual=boolean("residual", residual),
        )
        super().__init__(
            in_channels,
            out_channels,
            (kernel[0], kernel[1]),
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,  # type: ignore[arg-type]  # PyTorch checks which words are allowed
            device=device,
            dtype=dtype,
        )
        expand(self, {"weight": chain}, init=init, mode=mode, batch_norm=batch_norm)


def _check_bias(bias: bool, batch_norm: bool) -> None:
    if batch_norm and not bias:
        raise ValueError("bias must be True with batch_norm=True: the norms fold into it")


def _kernels(kernel_sizes: int | Sequence[Size], depth: int | None) -> tuple[tuple[int, ...], ...]:
    """Return the size of each factor's kernel along both axes."""
    if isinstance(kernel_sizes, int):
        one = integer("kernel_sizes", kernel_sizes, at_least=1)
        factors = integer("depth", 2 if depth is None else depth, at_least=1)
        return ((one, one), *[(1, 1)] * (factors - 1))
    kernels = []
    for each in sequence("kernel_sizes", kernel_sizes, "kernel sizes", at_least=1):
        pair = (each, each) if isinstance(each, int) else tuple(each)
        if len(pair) != 2:
            raise ValueError(f"kernel_sizes must have one or two sizes per factor, got {each}")
        kernels.append(tuple(integer("kernel_sizes", size, at_least=1) for size in pair))
    if depth not in (None, len(kernels)):
        raise ValueError(f"depth must be {len(kernels)}, that of kernel_sizes, got {depth}")
    return tuple(kernels)
