"""Composition of convolution kernels: the kernel of one convolution after another.

A factor has the shape (groups * c_out, c_in, *kernel) of a PyTorch weight; a matrix is a factor
without kernel axes.  With y_1 = W_1 x and y_2 = W_2 y_1 (sums over taps of x[p + t], as PyTorch
computes them), the kernel of the whole is

    W[o, i, t] = sum over h and s + u = t of W_2[o, h, s] W_1[h, i, u],

which is exact only if nothing is padded in between.  A stride, a dilation and the padding of the
input do not change it: see `rmt_rank/torch/forwards.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch.nn import functional

__all__ = ["Order", "cheapest_order", "compose", "composed_kernel", "dirac", "product"]

# A factor by its number, or (order of the factors that act first, order of those that act next).
Order: TypeAlias = Any

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def compose(second: torch.Tensor, first: torch.Tensor, groups: int = 1) -> torch.Tensor:
    """Return the kernel of `second` after `first`, in the dtype of both.

    Parameters
    ----------
    second : Tensor, shape (groups * o, h, *kernel)
    first : Tensor, shape (groups * h, i, *kernel)
    groups : int, default 1
        Number of independent compositions, as the groups of a convolution.

    Returns
    -------
    Tensor, shape (groups * o, i, *kernel)
        Each size of its kernel is the sum of those of the factors, less 1.
    """
    if all(size == 1 for size in second.shape[2:]):
        # a matrix for each group, applied to all taps of `first` at once
        right = first.reshape(groups, second.shape[1], -1)
        left = second.reshape(groups, -1, second.shape[1])
        whole = left[0] @ right[0] if groups == 1 else left @ right
        return whole.reshape(second.shape[0], *first.shape[1:])
    # `first` is the image, its input channels are the batch; the outer sum needs flipped taps
    axes = tuple(range(2, second.ndim))
    padding = [size - 1 for size in second.shape[2:]]
    convolution = CONVOLUTIONS[len(axes)]
    image = first.transpose(0, 1).contiguous()
    whole = convolution(image, second.flip(axes), padding=padding, groups=groups)
    return whole.transpose(0, 1)


def composed_kernel(kernels: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the size of the kernel of convolutions with these sizes one after another."""
    return tuple(sum(sizes) - len(sizes) + 1 for sizes in zip(*kernels, strict=True))


@functools.cache
def cheapest_order(channels: tuple[int, ...], kernels: tuple[tuple[int, ...], ...]) -> Order:
    """Return the order of compositions with the fewest multiplications.

    This is the matrix-chain problem, solved by dynamic programming over runs of factors, with the
    multiplications of a full convolution as the cost of a composition.

    Parameters
    ----------
    channels : tuple of int, length depth + 1
        Input channels, those between the factors, and output channels, of one group.
    kernels : tuple of tuple of int, length depth
        Sizes of the kernels of the factors.

    Returns
    -------
    int or tuple
        Number of a factor, or the orders of two runs of factors that are composed last.

    Examples
    --------
    >>> cheapest_order((100, 2, 100, 2), ((), (), ()))
    (0, (1, 2))
    """
    depth = len(kernels)
    best: dict[tuple[int, int], tuple[int, Order]] = {(i, i + 1): (0, i) for i in range(depth)}
    for length in range(2, depth + 1):
        for start in range(depth - length + 1):
            end = start + length
            best[start, end] = min(
                (
                    (
                        best[start, cut][0]
                        + best[cut, end][0]
                        + channels[start]
                        * channels[cut]
                        * channels[end]
                        * math.prod(composed_kernel(kernels[start:cut]))
                        * math.prod(composed_kernel(kernels[cut:end])),
                        (best[start, cut][1], best[cut, end][1]),
                    )
                    for cut in range(start + 1, end)
                ),
                key=lambda found: found[0],
            )
    return best[0, depth][1]


def product(factors: Sequence[torch.Tensor], order: Order, groups: int = 1) -> torch.Tensor:
    """Return the kernel of all factors, the first of which acts first, composed in an order."""
    if isinstance(order, int):
        return factors[order]
    first, second = order
    return compose(product(factors, second, groups), product(factors, first, groups), groups)


def dirac(factor: torch.Tensor, groups: int = 1) -> torch.Tensor:
    """Return the identity as a kernel of the shape of a factor with equal channels.

    The tap is the middle one, of index size // 2 along each axis.
    """
    identity = torch.zeros_like(factor)
    channels = factor.shape[1]
    rows = torch.arange(groups * channels, device=factor.device)
    middle = tuple(size // 2 for size in factor.shape[2:])
    identity[(rows, rows % channels, *middle)] = 1
    return identity
