r"""The triangular factors of a chain of Gaussian matrices: their law, and how they are drawn.

A chain W = G_L ... G_1 of independent Gaussian matrices, G_l of n_l x n_(l-1) entries, has N =
min n_l non-zero singular values.  They have the law of those of R_L ... R_2 B, where all factors
are N x N, and so do the singular values of all partial products together, if the widths are equal:

Triangular factors.  Let n_0 = N.  G_1 = Q_1 R_1 with orthonormal columns Q_1.  G_2 Q_1 has again
independent Gaussian entries and is independent of R_1, since Gaussian matrices are invariant under
unitary factors; G_2 Q_1 = Q_2 R_2, and so on: W = Q_L R_L ... R_1.  The R_l are independent; above
the diagonal their entries are Gaussian, and the i-th entry on it, i = 0 ... N - 1, is the length of
a Gaussian vector with n_l - i entries: it has the chi distribution (Bartlett).

The first one is bidiagonal.  R_1 = U B V^H by Golub and Kahan's reduction; R_2 U has the law of
R_2 up to a unitary factor on its left, and V changes no singular value.  B has lengths of n_1 - i
entries on its diagonal and of N - 1 - i entries above it (Silverstein, doi:10.1214/aop/1176992819;
Dumitriu and Edelman, doi:10.1063/1.1507823).

The smallest width may stand anywhere.  With n_m = N, W = A C^H, A = G_L ... G_(m+1) and C^H = G_m
... G_1, which are independent; A V has the law of A for every unitary V.  So the singular values of
W depend on C through its singular values alone, and these are those of the chain G_1^H ... G_m^H,
which begins with N columns: the factors of W are those of A and of that chain, one for each width
but one of those that equal N.  They may come in any order: square factors that are invariant in law
under unitary ones on both sides commute as far as the law of the singular values goes.

A layer takes N(N-1)/2 normal numbers and N gamma variates instead of n_l n_(l-1) normal numbers.
The stream of a block of matrices: for each layer its diagonal, gamma variates g with shape k/2
(k for complex entries) of which sqrt(2 g) (sqrt(g)) are the lengths; then, for the first, the
superdiagonal, too; for the others, 2h uniform numbers u, two for each two normal numbers
r cos(2 pi u_(h+j)), r sin(2 pi u_(h+j)) with r = sqrt(-2 log(1 - u_j)) (Box and Muller).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.random import lengths, normals

__all__ = ["TriangularFactor", "draw_factors", "pairs_above"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TriangularFactor:
    """A block of triangular factors, entry by entry; matrices are along the last axis.

    Attributes
    ----------
    diagonal : array, shape (N, block)
        Real and positive.
    above : array, shape (N - 1, block) or (N(N-1)/2, block)
        For the first factor its superdiagonal, real; for the others the entries above the diagonal,
        row by row.
    """

    diagonal: Any
    above: Any


def draw_factors(
    stream: np.random.Generator,
    block: int,
    width: int,
    others: tuple[int, ...],
    *,
    field: str,
    xp: ModuleType,
    box_muller: Callable[..., Array] | None = None,
) -> Iterator[TriangularFactor]:
    """Draw the factors of a block of chains, first to last, with entries of variance 1/width.

    Parameters
    ----------
    stream : numpy.random.Generator
        Source of randomness.
    block : int
        Number of matrices.
    width : int
        The smallest width N.
    others : tuple of int
        All other widths (N again for square factors), one for each layer.
    field : {"real", "complex"}
        Field of the entries.
    xp : module
        Array API namespace of the results.
    box_muller : callable, optional
        Turns uniform into normal numbers, see `rmt_rank._lib.random.normals`.

    Yields
    ------
    TriangularFactor
    """
    scale = width**-0.5
    rows = np.arange(width)
    for layer, n in enumerate(others):
        diagonal = lengths(stream, n - rows, block, field=field, scale=scale, xp=xp)
        if layer == 0:
            shape = rows[:0:-1]  # N - 1, ..., 1
            above = lengths(stream, shape, block, field=field, scale=scale, xp=xp)
        else:
            above = normals(
                stream,
                (pairs_above(width), block),
                field=field,
                scale=scale,
                xp=xp,
                box_muller=box_muller,
            )
        yield TriangularFactor(diagonal, above)


def pairs_above(width: int) -> int:
    """Number of entries above the diagonal."""
    return math.comb(width, 2)
