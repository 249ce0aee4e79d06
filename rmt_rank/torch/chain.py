"""Shapes of the factors that stand for one weight."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rmt_rank._lib.validation import integer, real
from rmt_rank.torch.composition import composed_kernel

__all__ = ["Chain", "chain_for"]


@dataclass(frozen=True)
class Chain:
    """Shapes of factors, the first of which acts first.

    Attributes
    ----------
    channels : tuple of int, length depth + 1
        Channels of one group: input, between the factors, output.
    kernels : tuple of tuple of int, length depth
        Sizes of the kernels; empty tuples for matrices.
    groups : int
        Number of independent chains: groups of a convolution, or projections in one matrix.
    linked : tuple of bool, length depth
        Whether the identity is added to a factor.
    """

    channels: tuple[int, ...]
    kernels: tuple[tuple[int, ...], ...]
    groups: int
    linked: tuple[bool, ...]

    @property
    def depth(self) -> int:
        """Number of factors."""
        return len(self.kernels)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Size of the kernel of the product."""
        return composed_kernel(self.kernels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the product."""
        return (self.groups * self.channels[-1], self.channels[0], *self.kernel)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the factors."""
        return tuple(
            (self.groups * self.channels[i + 1], self.channels[i], *kernel)
            for i, kernel in enumerate(self.kernels)
        )

    @property
    def size(self) -> int:
        """Number of entries of all factors."""
        return sum(math.prod(shape) for shape in self.shapes)


def full_width(inputs: int, outputs: int, kernel: tuple[int, ...]) -> int:
    """Return the least hidden width that leaves the rank of a weight free.

    The weight is a matrix of outputs x (inputs * taps), and its rank is at most the lesser of the
    two; a product with fewer hidden channels cannot reach it.
    """
    return min(outputs, inputs * math.prod(kernel))


def chain_for(
    shape: tuple[int, ...],
    depth: int,
    *,
    groups: int = 1,
    kernels: tuple[tuple[int, ...], ...] | None = None,
    width: float | None = None,
    bottleneck: bool = False,
    residual: bool = False,
) -> Chain:
    """Return the chain of a weight.

    Parameters
    ----------
    shape : tuple of int
        Shape of the weight, (groups * outputs, inputs, *kernel).
    depth : int
        Number of factors.
    groups : int, default 1
        Number of independent chains.
    kernels : tuple of tuple of int, optional
        Sizes of the kernels of the factors; by default the first has the whole kernel, as in
        Appendix B of the paper, and the others have one tap.
    width : float, optional
        Hidden channels per input channel; by default there are as many as input channels, or more
        if the rank of the weight needs more.
    bottleneck : bool, default False
        Whether hidden widths that limit the rank are allowed.
    residual : bool, default False
        Whether the identity is added to each factor with equal channels, except the last.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or width limits the rank.
    """
    depth = integer("depth", depth, at_least=1, at_most=1000)
    outputs, inputs, kernel = shape[0] // groups, shape[1], shape[2:]
    kernels = kernels or (kernel, *[(1,) * len(kernel)] * (depth - 1))
    needed = full_width(inputs, outputs, composed_kernel(kernels))
    hidden = max(inputs, needed)
    if width is not None:
        width = real("width", width, above=0)
        hidden = max(1, round(width * inputs))
        if hidden < needed and depth > 1 and not bottleneck:
            raise ValueError(
                f"width must give at least {needed} hidden channels, the largest rank of a weight "
                f"of shape {tuple(shape)}, unless bottleneck=True; width={width:g} gives {hidden}"
            )
    channels = (inputs, *[hidden] * (depth - 1), outputs)
    linked = tuple(
        residual and i < depth - 1 and channels[i] == channels[i + 1] for i in range(depth)
    )
    return Chain(channels, tuple(kernels), groups, linked)
