"""Initial values of factors: redrawn by the law of Gaussian products, or with a given product.

Singular value decompositions are in float64, one per group.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch

from rmt_rank.torch.chain import Chain
from rmt_rank.torch.composition import dirac

__all__ = ["INITIAL", "factors_of", "law_factors"]

INITIAL = ("law", "preserve", "balanced")


def law_factors(weight: torch.Tensor, chain: Chain) -> list[torch.Tensor]:
    """Draw Gaussian factors whose product has entries of the mean square of a weight.

    A factor with fan-in f and entries of variance a/f multiplies the mean square of a signal by a.
    The product of all a is that of the weight, inputs * taps * mean square, at every depth.
    Factors without a link share it equally.  A factor with a link multiplies by 1 + a; it has
    a = 1/depth, so that all links together cost at most a factor of e.

    Parameters
    ----------
    weight : Tensor, shape chain.shape
        A weight as its layer draws it.
    chain : Chain

    Returns
    -------
    list of Tensor
        Factors of the shapes chain.shapes, in the dtype and on the device of the weight.
    """
    fan_in = chain.channels[0] * math.prod(chain.kernel)
    gain = fan_in * float(weight.detach().double().square().mean())
    branch = 1 / chain.depth
    links = sum(chain.linked)
    rest = (gain / (1 + branch) ** links) ** (1 / (chain.depth - links))
    factors = []
    for shape, linked in zip(chain.shapes, chain.linked, strict=True):
        scale = math.sqrt((branch if linked else rest) / math.prod(shape[1:]))
        factors.append(
            torch.empty(shape, dtype=weight.dtype, device=weight.device).normal_() * scale
        )
    return factors


def _orthonormal(rows: int, columns: int, like: torch.Tensor) -> torch.Tensor:
    """Return a random matrix with orthonormal columns, or rows if there are fewer of them."""
    gaussian = torch.randn(max(rows, columns), min(rows, columns), dtype=torch.float64)
    q = torch.linalg.qr(gaussian).Q.to(like.device)
    return q if rows >= columns else q.mT


def _preserving(matrix: torch.Tensor, chain: Chain) -> list[torch.Tensor]:
    """Return factors of one group: singular values in the first, isometries in the others.

    The product is that of the decomposition U S V^T.  Hidden directions that it does not need have
    zero input weights and random output weights, so that training can use them.
    """
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    outputs, hidden, rank = matrix.shape[0], chain.channels[1], len(s)
    bases = [_orthonormal(hidden, hidden, matrix) for _ in range(chain.depth - 1)]
    last = torch.zeros(outputs, hidden, dtype=torch.float64, device=matrix.device)
    last[:, :rank] = u
    last[:, rank:] = _orthonormal(outputs, max(hidden - rank, 1), matrix)[:, : hidden - rank]
    first = bases[0][:, :rank] @ (s[:, None] * vt)
    middle = [after @ before.mT for before, after in pairwise(bases)]
    return [first, *middle, last @ bases[-1].mT]


def _balanced(matrix: torch.Tensor, chain: Chain) -> list[torch.Tensor]:
    """Return balanced factors of one group: W_(l+1)^T W_(l+1) = W_l W_l^T for all l.

    Each has the singular values S^(1/depth) in bases that are random where the product leaves them
    free.
    """
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    root = s ** (1 / chain.depth)
    bases = [_orthonormal(chain.channels[1], len(s), matrix) for _ in range(chain.depth - 1)]
    left, right = [*bases, u], [vt.mT, *bases]
    return [(a * root) @ b.mT for a, b in zip(left, right, strict=True)]


def factors_of(weight: torch.Tensor, chain: Chain, initial: str) -> list[torch.Tensor]:
    """Return factors whose product is a weight.

    Parameters
    ----------
    weight : Tensor, shape chain.shape
    chain : Chain
        All factors except the first have one tap.
    initial : {"preserve", "balanced"}
        "preserve": the singular values are in the first factor, and the others are isometries.
        "balanced": all factors have the same singular values.

    Returns
    -------
    list of Tensor
        Factors of the shapes chain.shapes, in the dtype and on the device of the weight.

    Raises
    ------
    ValueError
        If a hidden width is below the rank that the weight may have, or several factors have more
        than one tap.
    """
    if any(size > 1 for kernel in chain.kernels[1:] for size in kernel):
        raise ValueError(
            "init must be 'law' for kernels in several factors, which cannot represent every "
            f"kernel; kernel_sizes are {chain.kernels}"
        )
    matrices = weight.detach().double().reshape(chain.groups, chain.channels[-1], -1)
    if chain.depth == 1:
        return [weight.detach().clone()]
    if chain.channels[1] < min(matrices.shape[1:]):
        raise ValueError(
            f"init must be 'law' with {chain.channels[1]} hidden channels: a weight of shape "
            f"{chain.shape} may have rank {min(matrices.shape[1:])}"
        )
    split = _balanced if initial == "balanced" else _preserving
    groups = [split(matrix, chain) for matrix in matrices]
    factors = []
    for parts, shape, linked in zip(
        zip(*groups, strict=True), chain.shapes, chain.linked, strict=True
    ):
        factor = torch.cat(parts).reshape(shape)
        if linked:
            factor = factor - dirac(factor, chain.groups)
        factors.append(factor.to(weight.dtype))
    return factors
