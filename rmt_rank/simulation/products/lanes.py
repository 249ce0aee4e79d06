"""Products of triangular factors by compiled loops, eight matrices at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.simulation.products.triangular_factors import TriangularFactor, pairs_above

__all__ = ["Lanes"]

Array = npt.NDArray[np.float64]

# Matrices that a compiled loop computes with at once.
LANES = 8
# Numbers above the diagonal that are drawn at once: they stay in the second-level cache.
_DRAWN = 2**15


class Lanes:
    """Products along a block of chains, in arrays of shape (groups, N, N, 8).

    Parameters
    ----------
    kernels : module
        The compiled loops.
    factor : TriangularFactor
        The first factors.
    scale : float
        Root mean square of the entries.
    log : bool
        Whether rows are kept over powers of two, so that logarithms of singular values are accurate
        at any depth.
    """

    def __init__(self, kernels: Any, factor: TriangularFactor, scale: float, *, log: bool) -> None:
        self.kernels, self.scale, self.log = kernels, scale, log
        n, self.count = map(int, factor.diagonal.shape)
        self.n, groups = n, -(-self.count // LANES)
        self.gammas, self.normals = np.empty((0, n, self.count)), np.empty((0, 0))
        self.product = np.empty((groups, n, n, LANES))
        self.exponent = np.zeros((groups, LANES))
        # powers of two of the rows: without any, the compiled loop takes an empty array
        self.powers = np.zeros((groups, n, LANES) if log else (0, 0, 0))
        self.layers = 1
        self.diagonal = np.ones((n, self.count))  # product of those of the layers
        self._width, self._gamma_shape = 0, self.diagonal
        kernels.start(self._padded(factor.diagonal), self._padded(factor.above), self.product)

    @property
    def at_once(self) -> int:
        """Number of layers that are best drawn by one call."""
        return max(1, _DRAWN // max(1, pairs_above(self.n) * self.count))

    def multiply(self, stream: np.random.Generator, others: Sequence[int]) -> None:
        """Multiply by factors after the first, drawn as `draw_factors` does.

        The arrays are reused: new ones for each layer would take as long as the numbers.
        """
        n, count, pairs = self.n, self.count, pairs_above(self.n)
        size = pairs * count + pairs * count % 2
        if len(others) > len(self.gammas):
            self.gammas = np.empty((len(others), n, count))
            self.normals = np.empty((len(others), size))
        for k, width in enumerate(others):
            stream.standard_gamma(self._shape(width), out=self.gammas[k])
            stream.random(out=self.normals[k])
        diagonals = self.gammas[: len(others)]
        diagonals *= 2 * self.scale**2
        np.sqrt(diagonals, out=diagonals)
        for k, diagonal in enumerate(diagonals):
            self.kernels.box_muller(self.normals[k], self.scale)
            above = self.normals[k, : pairs * count].reshape(pairs, count)
            self.kernels.multiply(
                self._padded(diagonal),
                self._padded(above),
                self.product,
                self.layers == 1,
                self.powers,
            )
            self.diagonal *= diagonal
            self.layers += 1

    def log_diagonal(self) -> Array:
        """Logarithms of the diagonals since the last call, added up, shape (N, block).

        Between calls there are so few layers that the product of their lengths is a float.
        """
        logs: Array = np.log(self.diagonal)
        self.diagonal[:] = 1
        return logs

    def rescale(self) -> None:
        """Take powers of two out of the product."""
        if self.log:
            self.kernels.take_out_powers(self.product, self.powers)
            return
        largest = np.abs(self.product).max(axis=(1, 2))
        power = np.floor(np.log2(np.where(largest > 0, largest, 1)))
        self.product *= 2.0 ** -power[:, np.newaxis, np.newaxis]
        self.exponent += power

    def singular_values(self) -> tuple[Array, Array]:
        """Singular values, descending, over powers of two; or log singular values, and zeros.

        Returns
        -------
        ndarray, shape (block, N)
        ndarray, shape (block,)

        Raises
        ------
        ArithmeticError
            If the iteration does not converge.
        """
        if self.log:
            self.rescale()
            logs = self.kernels.log_singular_values(self.product.copy(), self.powers)
            values = -np.sort(-logs.transpose(0, 2, 1).reshape(-1, self.n), axis=1)
        else:
            lanes = len(self.product) * LANES
            diagonal, above = np.empty((self.n, lanes)), np.empty((self.n - 1, lanes))
            self.kernels.bidiagonalise(self.product, diagonal, above)
            values = self.kernels.bidiagonal_singular_values(diagonal, above)
        values = values[: self.count]
        if not np.isfinite(values).all():
            which = int(np.argmin(np.isfinite(values).all(axis=1)))
            raise ArithmeticError(
                f"the singular values of product {which} of a block did not converge"
            )
        return values, self.exponent.reshape(-1)[: self.count].copy()

    def _shape(self, width: int) -> Array:
        """Shapes of the gamma variates of a layer."""
        if width != self._width:
            shape = np.repeat((width - np.arange(self.n)) / 2, self.count)
            self._width, self._gamma_shape = width, shape.reshape(self.n, self.count)
        return self._gamma_shape

    def _padded(self, entries: Array) -> Array:
        """Entries of whole groups: the last matrix stands in for those that are missing."""
        missing = -self.count % LANES
        if missing == 0:
            return entries
        return np.concatenate([entries, entries[:, -1:].repeat(missing, axis=1)], axis=1)
