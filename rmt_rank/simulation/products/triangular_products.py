"""Products of upper triangular matrices in NumPy, in arrays that are made once.

New arrays for each layer, and parts that are joined, cost as much as the triangle saves.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.simulation.products.triangular_factors import TriangularFactor

__all__ = ["TriangularProduct"]

# Side of the tiles in which large triangular matrices are multiplied.
TILE = 64


class TriangularProduct:
    """The product of a block of triangular factors.

    Parameters
    ----------
    first : TriangularFactor
        The first factors, which are bidiagonal.
    dtype : dtype
        That of the products.

    Attributes
    ----------
    product : ndarray, shape (block, N, N)
    """

    def __init__(self, first: TriangularFactor, dtype: Any) -> None:
        n, block = first.diagonal.shape
        self.n = n
        self.product, self._factor = np.zeros((2, block, n, n), dtype=dtype)
        # one row of tiles, or all rows
        self._rows = np.empty((block, n if n <= 2 * TILE else TILE, n), dtype=dtype)
        rows = np.arange(n)
        self.product[:, rows, rows] = first.diagonal.T
        self.product[:, rows[:-1], rows[1:]] = first.above.T

    def multiply(self, factor: TriangularFactor) -> None:
        """Multiply by factors on the left."""
        diagonal, above = _places(self.n)
        entries = self._factor.reshape(len(self._factor), -1)
        entries[:, diagonal] = factor.diagonal.T
        entries[:, above] = factor.above.T
        self._multiply(self._factor)

    def _multiply(self, a: npt.NDArray[Any]) -> None:
        b, rows, n = self.product, self._rows, self.n
        if n <= 2 * TILE:
            np.matmul(a, b, out=rows)
            self.product, self._rows = rows, b
            return
        # a row of tiles needs those below it only, so that it may be overwritten
        for i in range(0, n, TILE):
            height = min(TILE, n - i)
            for j in range(i, n, TILE):
                end = min(j + TILE, n)
                np.matmul(
                    a[:, i : i + height, i:end], b[:, i:end, j:end], out=rows[:, :height, j:end]
                )
            b[:, i : i + height, i:] = rows[:, :height, i:]


@functools.lru_cache(maxsize=8)
def _places(n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Places of the diagonal and of the entries above it among n^2 entries."""
    rows, columns = np.triu_indices(n, 1)
    return np.arange(n) * (n + 1), rows * n + columns
