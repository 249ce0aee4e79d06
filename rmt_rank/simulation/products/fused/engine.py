"""Blocks of chains and singular values of batches by the kernels, where they can compute them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from rmt_rank._lib.array import makes_random_numbers, svdvals
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.simulation.products.fused.device import device_kernels
from rmt_rank.simulation.products.fused.kernels import Chains
from rmt_rank.simulation.products.fused.source import LARGEST_FUSED_WIDTH, Variant

__all__ = ["draw_chains", "fused_singular_values", "is_fused"]


def is_fused(chain: Chain, xp: ModuleType, dtype: Any) -> bool:
    """Return whether chains are drawn and reduced by a kernel on the device."""
    return (
        makes_random_numbers(xp)
        and chain.method == "triangular"
        and chain.width <= LARGEST_FUSED_WIDTH
        and bool(dtype == xp.float64)
    )


def draw_chains(
    chain: Chain,
    depths: tuple[int, ...],
    count: int,
    stream: np.random.Generator,
    *,
    log: bool,
    xp: ModuleType,
) -> Chains:
    """Draw a block of chains on the device; the key of its random numbers comes from `stream`."""
    kernels = device_kernels(Variant(chain.width, chain.field, log), xp)
    key = int(stream.integers(2**64, dtype=np.uint64))
    return kernels.chains(key, count, chain.others, depths, chain.width**-0.5)


def fused_singular_values(xp: ModuleType, a: Any) -> Any:
    """Singular values, (count, n), of matrices, (count, m, n), in descending order.

    On a CUDA device square matrices of double precision are reduced by a kernel, larger ones in
    operations on arrays; the library decomposes all others.
    """
    m, n = a.shape[-2:]
    double = a.dtype in (xp.float64, xp.complex128)
    if not (makes_random_numbers(xp) and m == n and double):
        return svdvals(xp, a)
    field = "complex" if a.dtype == xp.complex128 else "real"
    if n <= LARGEST_FUSED_WIDTH:
        return device_kernels(Variant(n, field, False), xp).of_matrices(a)
    return device_kernels(Variant(1, "real", False), xp).of_large_matrices(a)
