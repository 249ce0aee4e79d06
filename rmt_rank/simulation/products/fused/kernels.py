"""Calls of the kernels, on a GPU or on the host, and the check of every batch of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np

from rmt_rank._lib.array import to_numpy
from rmt_rank.simulation.products.bidiagonalisation import bidiagonalise
from rmt_rank.simulation.products.fused.source import Variant

__all__ = ["Chains", "Kernels", "Launch"]


class Launch(Protocol):
    """A way to run a kernel."""

    def __call__(self, name: str, count: int, arguments: tuple[Any, ...], *, copies: bool) -> None:
        """Run it on `count` matrices, `copies` if matrices must be saved on the way."""


class Chains(NamedTuple):
    """Results for a block of chains.

    Attributes
    ----------
    values : list of array, shape (count, N)
        For each depth, singular values over a power of two, or their logarithms, descending.
    exponents : list of array, shape (count,)
        For each depth, the exponents of these powers of two; meaningless for logarithms.
    log_diagonal : array, shape (N, count)
        Logarithms of the factors' diagonal entries, added up over layers.
    """

    values: list[Any]
    exponents: list[Any]
    log_diagonal: Any


@dataclass(frozen=True)
class Kernels:
    """The kernels of one variant.

    Attributes
    ----------
    variant : Variant
        Width, field and kind of results.
    xp : module
        Array API namespace of the results.
    launch : callable
        Runs a kernel, see `Launch`.
    """

    variant: Variant
    xp: ModuleType
    launch: Launch

    def chains(
        self, key: int, count: int, others: Sequence[int], depths: Sequence[int], scale: float
    ) -> Chains:
        """Draw a block of chains and return their singular values.

        Parameters
        ----------
        key : int
            Seed of the block, below 2**64.
        count : int
            Number of chains.  The k-th one does not depend on it.
        others : sequence of int
            The widths of a chain but for one of the smallest.
        depths : sequence of int
            Numbers of layers at which singular values are wanted, increasing; the last is all.
        scale : float
            Root mean square of an entry.

        Returns
        -------
        Chains

        Raises
        ------
        ArithmeticError
            If singular values are not finite, not descending, or their squares do not add up.
        """
        xp, n = self.xp, self.variant.width
        results = self._results(len(depths), count)
        log_diagonal = xp.empty((n, count))
        layers = xp.asarray(np.asarray(others, dtype=np.int32))
        wanted = xp.asarray(np.asarray(depths, dtype=np.int32))
        arguments = self._arguments(key, count, layers, wanted, scale, results, log_diagonal)
        self.launch("chains", count, arguments, copies=len(depths) > 1)
        diagonal, above, exponent, squares = results
        values = []
        for i, depth in enumerate(depths):
            what = f"products of {depth} layers, width {n}, key {key}"
            if self.variant.logs:
                found = xp.permute_dims(diagonal[i, ...], (1, 0))
                _require_spectra(xp, found, None, what)
            else:
                found = self.of_bidiagonals(diagonal[i, ...], above[i, ...])
                _require_spectra(xp, found, squares[i, ...], what)
            values.append(found)
        return Chains(values, [exponent[i, ...] for i in range(len(depths))], log_diagonal)

    def of_matrices(self, matrices: Any) -> Any:
        """Return the singular values, (count, N), of given matrices, (count, N, N), descending.

        Raises
        ------
        ArithmeticError
            As for `chains`, such as for matrices that are not finite.
        """
        xp, n, count = self.xp, self.variant.width, matrices.shape[0]
        entries = xp.permute_dims(matrices, (1, 2, 0))
        if self.variant.field == "complex":
            entries = xp.stack([xp.real(entries), xp.imag(entries)], axis=2)
        entries = xp.reshape(entries, (-1,))  # contiguous
        results = self._results(1, count)
        nothing = xp.empty((1,), dtype=xp.int32)
        arguments = self._arguments(0, count, nothing, nothing, 1.0, results, xp.empty((1,)))
        self.launch("matrices", count, (*arguments, entries), copies=False)
        diagonal, above, exponent, squares = (each[0, ...] for each in results)
        values = self.of_bidiagonals(diagonal, above)
        _require_spectra(xp, values, squares, f"given matrices of width {n}")
        return values * 2.0 ** exponent[:, None]

    def of_large_matrices(self, matrices: Any) -> Any:
        """As `of_matrices`, for any size; only the bidiagonal forms meet a kernel."""
        xp = self.xp
        largest = xp.max(xp.abs(matrices), axis=(1, 2))
        unit = xp.where(largest > 0, largest, xp.ones_like(largest))
        scaled = matrices / unit[:, None, None]
        squares = xp.sum(xp.abs(scaled) ** 2, axis=(1, 2))
        values = self.of_bidiagonals(*bidiagonalise(xp, scaled))
        _require_spectra(xp, values, squares, f"given matrices of width {matrices.shape[-1]}")
        return values * unit[:, None]

    def of_bidiagonals(self, diagonal: Any, above: Any) -> Any:
        """Return the singular values, (count, n), of bidiagonal matrices of any size n.

        Parameters
        ----------
        diagonal, above : array, shape (n, count) and (n - 1, count)
            The entries, contiguous; both are overwritten.

        Returns
        -------
        array, shape (count, n)
            In descending order; the absolute error is about eps times the largest.  nan if an
            entry is not finite.
        """
        n, count = diagonal.shape
        work = self.xp.empty((n, count))
        arguments = (np.int32(n), np.int64(count), diagonal, above, work)
        self.launch("bidiagonals", count, arguments, copies=False)
        return self.xp.permute_dims(diagonal, (1, 0))

    def _results(self, depths: int, count: int) -> tuple[Any, Any, Any, Any]:
        """Diagonals, entries above, exponents, sums of squares."""
        xp, n = self.xp, self.variant.width
        shapes = (depths, n, count), (depths, max(n - 1, 1), count), (depths, count)
        diagonal, above, exponent = (xp.empty(shape) for shape in shapes)
        return diagonal, above, exponent, xp.empty((depths, count))

    def _arguments(
        self, key: int, count: int, layers: Any, wanted: Any, scale: float, results: Any, log: Any
    ) -> tuple[Any, ...]:
        numbers = np.int32(layers.shape[0]), np.int32(wanted.shape[0])
        return (
            np.uint64(key),
            np.int64(count),
            *numbers,
            layers,
            wanted,
            np.float64(scale),
            *results,
            log,
        )


def _require_spectra(xp: ModuleType, values: Any, squares: Any, what: str) -> None:
    """Raise ArithmeticError unless rows are finite, descending, and have the sums of squares."""
    good = xp.all(xp.isfinite(values), axis=1)
    good = good & xp.all(values[:, 1:] <= values[:, :-1], axis=1)
    if squares is not None:
        n = values.shape[1]
        # a reflection changes the sum of squares by a few eps, 2n reflections and n values by 32n
        allowed = 32 * n * float(np.finfo(np.float64).eps)
        good = good & (xp.abs(xp.sum(values * values, axis=1) - squares) <= allowed * squares)
    if bool(xp.all(good)):
        return
    bad = np.flatnonzero(~to_numpy(good))
    raise ArithmeticError(
        f"singular values of {len(bad)} of {len(values)} {what}, are not finite, not descending, "
        f"or do not have the matrix's sum of squares; the first of them is number {bad[0]}: "
        f"{to_numpy(values[int(bad[0]), ...])}"
    )
