"""Products of triangular factors by compiled loops: in lanes, or by rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.simulation.products.bidiagonal import bidiagonal_singular_values
from rmt_rank.simulation.products.triangular_factors import TriangularFactor, pairs_above

__all__ = ["CompiledProduct", "Lanes", "Rows"]

Array = npt.NDArray[np.float64]

# Numbers of a vector.
LANES = 8
# Numbers above the diagonal that are drawn at once: they stay in the second-level cache.
_DRAWN = 2**15


class CompiledProduct:
    """Products along a block of chains of real matrices.

    The factors after the first are drawn as `draw_factors` does, in arrays that are reused: new
    ones for each layer would take as long as the numbers.

    Parameters
    ----------
    kernels : module
        The compiled loops.
    factor : TriangularFactor
        The first factors.
    scale : float
        Root mean square of the entries.
    """

    def __init__(self, kernels: Any, factor: TriangularFactor, scale: float) -> None:
        self.kernels, self.scale, self.layers = kernels, scale, 1
        self.n, self.count = map(int, factor.diagonal.shape)
        self._gammas, self._normals = np.empty((0, self.n, self.count)), np.empty((0, 0))
        self._lengths = np.ones((self.n, self.count))
        self._width, self._gamma_shape = 0, self._lengths

    @property
    def at_once(self) -> int:
        """Number of layers that are best drawn by one call."""
        return max(1, _DRAWN // max(1, pairs_above(self.n) * self.count))

    def multiply(self, stream: np.random.Generator, others: Sequence[int]) -> None:
        """Draw factors and multiply by them."""
        n, count, pairs = self.n, self.count, pairs_above(self.n)
        size = pairs * count + pairs * count % 2
        if len(others) > len(self._gammas):
            self._gammas = np.empty((len(others), n, count))
            self._normals = np.empty((len(others), size))
        for k, width in enumerate(others):
            stream.standard_gamma(self._shape(width), out=self._gammas[k])
            stream.random(out=self._normals[k])
        diagonals = self._gammas[: len(others)]
        diagonals *= 2 * self.scale**2
        np.sqrt(diagonals, out=diagonals)
        for diagonal, normals in zip(diagonals, self._normals, strict=False):
            self.kernels.box_muller(normals, self.scale)
            self._multiply(diagonal, normals[: pairs * count].reshape(pairs, count))
            self._lengths *= diagonal
            self.layers += 1

    def log_diagonal(self) -> Array:
        """Logarithms of the diagonals since the last call, added up, shape (N, block).

        Between calls there are so few layers that the product of their lengths is a float.
        """
        logs: Array = np.log(self._lengths)
        self._lengths[:] = 1
        return logs

    def rescale(self) -> None:
        """Take powers of two out of the product."""
        raise NotImplementedError

    def singular_values(self) -> tuple[Array, Array]:
        """Singular values over powers of two, or logarithms and zeros.

        Returns
        -------
        ndarray, shape (block, N)
            In descending order.
        ndarray, shape (block,)

        Raises
        ------
        ArithmeticError
            If the iteration does not converge.
        """
        raise NotImplementedError

    def _multiply(self, diagonal: Array, above: Array) -> None:
        raise NotImplementedError

    def _shape(self, width: int) -> Array:
        """Shapes of the gamma variates of a layer."""
        if width != self._width:
            shape = np.repeat((width - np.arange(self.n)) / 2, self.count)
            self._width, self._gamma_shape = width, shape.reshape(self.n, self.count)
        return self._gamma_shape


class Lanes(CompiledProduct):
    """Small matrices, eight at a time: arrays of shape (groups, N, N, 8).

    With `log`, rows are kept over powers of two, and singular values are logarithms, accurate at
    any depth.
    """

    def __init__(self, kernels: Any, factor: TriangularFactor, scale: float, *, log: bool) -> None:
        super().__init__(kernels, factor, scale)
        n, groups = self.n, -(-self.count // LANES)
        self.log = log
        self.product = np.empty((groups, n, n, LANES))
        self.exponent = np.zeros((groups, LANES))
        # powers of two of the rows: without any, the compiled loop takes an empty array
        self.powers = np.zeros((groups, n, LANES) if log else (0, 0, 0))
        kernels.start(_whole_groups(factor.diagonal), _whole_groups(factor.above), self.product)

    def rescale(self) -> None:
        """Take powers of two out of the product."""
        if self.log:
            self.kernels.take_out_powers(self.product, self.powers)
        else:
            self.exponent += _take_out_powers(self.product, (1, 2))

    def singular_values(self) -> tuple[Array, Array]:
        """Singular values over powers of two, or logarithms and zeros."""
        if self.log:
            self.rescale()
            logs = self.kernels.log_singular_values(self.product.copy(), self.powers)
            values = -np.sort(-logs.transpose(0, 2, 1).reshape(-1, self.n), axis=1)
        else:
            lanes = len(self.product) * LANES
            diagonal, above = np.empty((self.n, lanes)), np.empty((self.n - 1, lanes))
            self.kernels.bidiagonalise(self.product, diagonal, above)
            values = self.kernels.bidiagonal_singular_values(diagonal, above)
        values = _converged(values[: self.count])
        return values, self.exponent.reshape(-1)[: self.count].copy()

    def _multiply(self, diagonal: Array, above: Array) -> None:
        diagonal, above = _whole_groups(diagonal), _whole_groups(above)
        bidiagonal = self.layers == 1
        self.kernels.multiply(diagonal, above, self.product, bidiagonal, self.powers)


class Rows(CompiledProduct):
    """Matrices of some hundred columns, one by one: arrays of shape (block, height, columns)."""

    def __init__(self, kernels: Any, factor: TriangularFactor, scale: float) -> None:
        super().__init__(kernels, factor, scale)
        rows, vectors = np.arange(self.n), -(-self.n // LANES)
        # an odd number of cache lines, so that the entries of a column do not share a set
        columns = LANES * (vectors + (vectors + 1) % 2)
        self.product = np.zeros((self.count, self.n + -self.n % 4, columns))
        self.exponent = np.zeros(self.count)
        self.product[:, rows, rows] = factor.diagonal.T
        self.product[:, rows[:-1], rows[1:]] = factor.above.T

    def rescale(self) -> None:
        """Take powers of two out of the product."""
        self.exponent += _take_out_powers(self.product, (1, 2))

    def singular_values(self) -> tuple[Array, Array]:
        """Singular values over powers of two, or logarithms and zeros."""
        diagonal, above = self.kernels.bidiagonal_forms(self.product, self.n)
        if self.count >= LANES // 2:
            groups = _whole_groups(diagonal.T.copy()), _whole_groups(above.T.copy())
            values = _converged(self.kernels.bidiagonal_singular_values(*groups)[: self.count])
        else:
            values = bidiagonal_singular_values(diagonal, above)
        return values, self.exponent.copy()

    def _multiply(self, diagonal: Array, above: Array) -> None:
        entries = np.ascontiguousarray(diagonal.T), np.ascontiguousarray(above.T)
        self.kernels.multiply_rows(*entries, self.product)


def _take_out_powers(product: Array, axes: tuple[int, int]) -> Array:
    """Take a power of two out of every matrix, in place; returns the powers."""
    largest = np.abs(product).max(axis=axes, keepdims=True)
    power = np.floor(np.log2(np.where(largest > 0, largest, 1)))
    product *= 2.0**-power
    return power.squeeze(axes)


def _whole_groups(entries: Array) -> Array:
    """Entries, (.., count), of whole groups: the last matrix stands in for missing ones."""
    missing = -entries.shape[1] % LANES
    if missing == 0:
        return entries
    return np.concatenate([entries, entries[:, -1:].repeat(missing, axis=1)], axis=1)


def _converged(values: Array) -> Array:
    failed = ~np.isfinite(values).all(axis=1)
    if failed.any():
        raise ArithmeticError(
            f"the singular values of product {np.argmax(failed)} of a block did not converge"
        )
    return values
