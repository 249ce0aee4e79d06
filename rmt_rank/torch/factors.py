"""The parametrisation: a weight as the product of factors, with links and batch norms.

A factor maps x to norm(W x) + x; the norm and the link are left out where the chain has none.  In
evaluation mode each norm is affine, so that the composition is a kernel and a bias.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import nn

from rmt_rank.torch.chain import Chain
from rmt_rank.torch.composition import cheapest_order, dirac, product
from rmt_rank.torch.initial import factors_of, law_factors

__all__ = ["Factors", "originals", "overparameterized"]

NORMS: dict[int, type[nn.Module]] = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
NORMS[3] = nn.BatchNorm3d


class Factors(nn.Module):
    """A parametrisation of `torch.nn.utils.parametrize` from factors to their product.

    Parameters
    ----------
    chain : Chain
        Shapes of the factors.
    initial : {"law", "preserve", "balanced"}
        Initial values of the factors, given the weight that they replace.
    batch_norm : bool
        Whether a batch norm follows each factor except the last.
    names : tuple of str
        Names of the parameters of the layer, in their order.
    like : Tensor
        Tensor with the dtype and the device of the norms.
    """

    def __init__(
        self,
        chain: Chain,
        initial: str,
        batch_norm: bool,
        names: tuple[str, ...],
        like: torch.Tensor,
    ) -> None:
        super().__init__()
        self.chain, self.initial, self.names = chain, initial, names
        # computed here, since torch.compile does not trace it
        self.order = cheapest_order(chain.channels, chain.kernels)
        self.norms: nn.ModuleList | None = None
        if batch_norm and chain.depth > 1:
            kind = NORMS[len(chain.kernel)]
            channels = [chain.groups * each for each in chain.channels[1:-1]]
            self.norms = nn.ModuleList(
                kind(each, device=like.device, dtype=like.dtype) for each in channels
            )
            self.identity_norms()

    def identity_norms(self) -> None:
        """Let all norms be the identity in evaluation mode, exactly."""
        for norm in self.norms or ():
            norm.reset_parameters()
            # the norm divides by sqrt(variance + eps)
            cast(torch.Tensor, norm.running_var).fill_(1 - cast(float, norm.eps))

    def right_inverse(self, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return factors for a weight: drawn by its mean square the first time, then exact."""
        if self.initial == "law":
            return tuple(law_factors(weight, self.chain))
        self.identity_norms()
        return tuple(factors_of(weight, self.chain, self.initial))

    def extra_repr(self) -> str:
        """Return the shapes of the factors, for the text of the module."""
        return " then ".join("x".join(map(str, shape)) for shape in self.chain.shapes)

    def forward(self, *factors: torch.Tensor) -> torch.Tensor:
        """Return the product, computed in float32 or better and rounded once."""
        dtype = torch.promote_types(factors[0].dtype, torch.float32)
        return self.product(factors, dtype).to(factors[0].dtype)

    def product(self, factors: tuple[torch.Tensor, ...], dtype: torch.dtype) -> torch.Tensor:
        """Return the product, computed and returned in a dtype."""
        with torch.autocast(factors[0].device.type, enabled=False):
            return product(
                [kernel for kernel, _ in self._maps(factors, dtype)],
                self.order,
                self.chain.groups,
            )

    def bias(self, factors: tuple[torch.Tensor, ...], dtype: torch.dtype) -> torch.Tensor | None:
        """Return the bias that the norms add in evaluation mode; None without norms."""
        if self.norms is None:
            return None
        groups, whole = self.chain.groups, None
        for kernel, shift in self._maps(factors, dtype):
            if whole is not None:
                # a constant image: the sum over taps, for each group
                matrix = kernel.flatten(2).sum(2) if kernel.ndim > 2 else kernel
                matrix = matrix.reshape(groups, -1, matrix.shape[1])
                shift = shift + (matrix @ whole.reshape(groups, -1, 1)).flatten()
            whole = shift
        return whole

    def _maps(
        self, factors: tuple[torch.Tensor, ...], dtype: torch.dtype
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the kernel and the bias of each factor's map, norms in evaluation mode."""
        for i, (factor, linked) in enumerate(zip(factors, self.chain.linked, strict=True)):
            kernel = factor.to(dtype)
            shift = kernel.new_zeros(len(kernel))
            if self.norms is not None and i < len(self.norms):
                norm = self.norms[i]
                mean, variance, gain, offset = (
                    cast(torch.Tensor, each).to(dtype)
                    for each in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
                )
                gain = gain * (variance + cast(float, norm.eps)).rsqrt()
                kernel = kernel * gain.reshape(-1, *[1] * (kernel.ndim - 1))
                shift = offset - gain * mean
            if linked:
                kernel = kernel + dirac(kernel, self.chain.groups)
            yield kernel, shift


def originals(layer: nn.Module, name: str) -> tuple[torch.Tensor, ...]:
    """Return the factors of a layer's weight."""
    stored = layer.parametrizations[name]
    return tuple(getattr(stored, f"original{i}") for i in range(stored[0].chain.depth))


def overparameterized(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, Factors]]:
    """Yield (name of the layer, layer, name of its weight, its Factors) of a model."""
    for path, layer in model.named_modules():
        for name, stored in getattr(layer, "parametrizations", {}).items():
            if isinstance(stored[0], Factors):
                yield path, layer, name, stored[0]
