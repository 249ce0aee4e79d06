"""Products along a chain, block by block: full or triangular matrices, loops, or a kernel."""

from __future__ import annotations

import contextlib
import functools
import threading
from concurrent.futures import CancelledError
from types import ModuleType
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import default_namespace
from rmt_rank._lib.random import gaussian
from rmt_rank.simulation.products.bidiagonal import bidiagonal_singular_values
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.simulation.products.compiled_loops import compiled_loops
from rmt_rank.simulation.products.compiled_products import CompiledProduct, Lanes, Rows
from rmt_rank.simulation.products.fused.engine import draw_chains, fused_singular_values
from rmt_rank.simulation.products.logarithms import LogProduct
from rmt_rank.simulation.products.triangular_factors import (
    TriangularFactor,
    draw_factors,
)
from rmt_rank.simulation.products.triangular_products import TILE, TriangularProduct

__all__ = ["Block", "Job", "ScaledValues", "dense", "fused", "triangular", "triangular_product"]

# Layers between rescalings: in so few, no product comes near the ends of the floats.
RESCALE_EVERY = 16
# Up to these widths the compiled loops beat LAPACK and BLAS, and Jacobi's rotations in NumPy.
COMPILED_WIDTH, COMPILED_LOG_WIDTH = 400, 128
# Up to this width they compute with eight matrices at a time, above it with eight entries of a row.
LANES_WIDTH = 48


class ScaledValues(NamedTuple):
    """Singular values over a power of two per matrix, so that deep products do not underflow."""

    values: Any  # (block, width)
    exponent: Any  # (block,): integers

    def unscaled(self, xp: ModuleType) -> Any:
        """The singular values themselves; 0 where they are below the smallest float."""
        # in two steps, since 2^exponent may be out of range where the result is not
        half = xp.floor(self.exponent / 2)
        first, second = 2.0**half, 2.0 ** (self.exponent - half)
        return self.values * first[:, None] * second[:, None]


class Block(NamedTuple):
    """Results of a block of chains.

    Attributes
    ----------
    values : list
        For each depth asked for, a `ScaledValues`, or an array of log singular values.
    log_diagonal : array, shape (N, block), or None
        Logarithms of the diagonal entries of the triangular factors, added up over layers, if asked
        for; their means are known.
    """

    values: list[Any]
    log_diagonal: Any


class Job(NamedTuple):
    """The settings that all blocks of a job have in common."""

    chain: Chain
    depths: tuple[int, ...]
    xp: ModuleType
    device: Any
    dtype: Any
    log: bool
    log_diagonal: bool
    stop: threading.Event

    def check(self) -> None:
        """Raise CancelledError if the result is no longer wanted, as after Ctrl-C."""
        if self.stop.is_set():
            raise CancelledError


def dense(job: Job, count: int, stream: np.random.Generator) -> Block:
    """Every entry drawn, full products: the straightforward reference method."""
    chain, xp = job.chain, job.xp
    product: Any = LogProduct(xp) if job.log else _Matrices(job)
    values = []
    scale = chain.width**-0.5
    for layer in range(1, chain.depth + 1):
        job.check()
        shape = (count, chain.widths[layer], chain.widths[layer - 1])
        factor = gaussian(stream, shape, field=chain.field, scale=scale, xp=xp)
        product.multiply(_placed(job, factor))
        if layer % RESCALE_EVERY == 0:
            product.rescale()
        if layer in job.depths:
            values.append(product.singular_values())
    return Block(values, None)


def triangular(job: Job, count: int, stream: np.random.Generator) -> Block:
    """Triangular factors instead of full ones, see `triangular_factors`."""
    chain, xp = job.chain, job.xp
    kernels: Any = compiled_loops() if chain.compiled else None
    if chain.compiled and kernels is None:
        raise ImportError("compiled loops need numba, which does not work here")
    if kernels is not None:
        stream = kernels.compiled_stream(stream)
    in_loops = kernels is not None and chain.field == "real" and chain.width <= _widest(job)
    factors = draw_factors(
        stream,
        count,
        chain.width,
        chain.others[:1] if in_loops else chain.others,
        field=chain.field,
        xp=xp,
        box_muller=kernels and kernels.box_muller,
    )
    product: Any = LogProduct(xp, triangular=True) if job.log else _Matrices(job)
    values, logs = [], 0.0
    for layer, factor in enumerate(factors, 1):
        job.check()
        if job.log_diagonal:
            logs = logs + xp.log(factor.diagonal)
        if not in_loops:
            if job.log:
                product.multiply(_placed(job, triangular_matrices(xp, factor, first=layer == 1)))
            else:
                product.multiply_triangular(factor)
            if layer % RESCALE_EVERY == 0:
                product.rescale()
        if layer in job.depths:
            bidiagonal = layer == 1 and isinstance(factor.diagonal, np.ndarray)
            values.append(_of_bidiagonal(job, factor) if bidiagonal else product.singular_values())
        if in_loops and chain.depth > 1:
            logs = _later_layers(job, _compiled(job, kernels, factor), stream, values, logs)
    return Block(values, logs if job.log_diagonal else None)


def _widest(job: Job) -> int:
    """The largest width at which compiled loops are fastest."""
    return COMPILED_LOG_WIDTH if job.log else COMPILED_WIDTH


def _compiled(job: Job, kernels: Any, factor: TriangularFactor) -> CompiledProduct:
    width = job.chain.width
    if job.log or width <= LANES_WIDTH:
        return Lanes(kernels, factor, width**-0.5, log=job.log)
    return Rows(kernels, factor, width**-0.5)


def fused(job: Job, count: int, stream: np.random.Generator) -> Block:
    """Triangular factors drawn, multiplied and reduced by one kernel on the device."""
    job.check()
    with contextlib.nullcontext() if job.device is None else job.device:
        drawn = draw_chains(job.chain, job.depths, count, stream, log=job.log, xp=job.xp)
    pairs = zip(drawn.values, drawn.exponents, strict=True)
    values: list[Any] = drawn.values if job.log else [ScaledValues(*pair) for pair in pairs]
    return Block(values, drawn.log_diagonal if job.log_diagonal else None)


def _later_layers(
    job: Job,
    product: CompiledProduct,
    stream: np.random.Generator,
    values: list[Any],
    logs: Any,
) -> Any:
    """Multiply all layers but the first; add to the values, and return the log diagonals."""
    depth, others = job.chain.depth, job.chain.others
    ends = {*job.depths, depth, *range(RESCALE_EVERY, depth, RESCALE_EVERY)}
    layer = 1
    for end in sorted(ends - {1}):
        while layer < end:
            job.check()
            following = min(end, layer + product.at_once)
            product.multiply(stream, others[layer:following])
            layer = following
        if job.log_diagonal:
            logs = logs + product.log_diagonal()
        if layer % RESCALE_EVERY == 0:
            product.rescale()
        if layer in job.depths:
            found, exponent = product.singular_values()
            values.append(found if job.log else ScaledValues(found, exponent))
    return logs


def _of_bidiagonal(job: Job, factor: TriangularFactor) -> Any:
    """Singular values of the first factor, or their logarithms, without a decomposition."""
    values = bidiagonal_singular_values(factor.diagonal.T, factor.above.T)
    if job.log:
        return _placed(job, job.xp.asarray(np.log(values)))
    return ScaledValues(values.astype(job.dtype), np.zeros(len(values), dtype=job.dtype))


def _placed(job: Job, array: Any) -> Any:
    """An array on the device asked for, in the precision asked for."""
    xp = job.xp
    if xp.isdtype(array.dtype, "complex floating"):
        dtype = xp.complex128 if job.dtype == xp.float64 else xp.complex64
    else:
        dtype = job.dtype
    if array.dtype != dtype:
        array = xp.astype(array, dtype)
        if array.dtype != dtype:
            raise ValueError(f"{xp.__name__} gives {array.dtype} where {dtype} was asked for")
    return array if job.device is None else array_api_compat.to_device(array, job.device)


def triangular_matrices(xp: ModuleType, factor: TriangularFactor, *, first: bool) -> Any:
    """Matrices of shape (block, N, N) from the entries of a factor; the first is bidiagonal."""
    n, block = factor.diagonal.shape
    place = xp.asarray(_places(n, first))
    table = xp.concat(
        [
            xp.astype(factor.diagonal, factor.above.dtype, copy=False),
            factor.above,
            xp.zeros((1, block), dtype=factor.above.dtype),
        ],
        axis=0,
    )
    entries = xp.take(xp.permute_dims(table, (1, 0)), place, axis=1)
    return xp.reshape(entries, (block, n, n))


@functools.lru_cache(maxsize=8)
def _places(n: int, bidiagonal: bool) -> npt.NDArray[np.intp]:
    """Index of each entry of a matrix among diagonal, entries above, and one zero."""
    rows, columns = np.triu_indices(n, 1)
    if bidiagonal:
        rows, columns = np.arange(n - 1), np.arange(1, n)
    place = np.full((n, n), n + rows.size)
    place[rows, columns] = n + np.arange(rows.size)
    np.fill_diagonal(place, np.arange(n))
    return place.ravel()


class _Matrices:
    """A product in arrays of shape (block, m, n) of any library."""

    def __init__(self, job: Job) -> None:
        self.job, self.xp = job, job.xp
        self.product: Any = None
        self.in_place: TriangularProduct | None = None

    def multiply(self, factor: Any) -> None:
        xp = self.xp
        if self.product is None:
            self.product = factor
            self.exponent = xp.zeros_like(xp.abs(factor[:, 0, 0]))
            return
        # the first factor may be real where the others are complex
        product = xp.astype(self.product, factor.dtype, copy=False)
        dense = self.job.chain.method == "dense"
        self.product = factor @ product if dense else triangular_product(xp, factor, product)

    def multiply_triangular(self, factor: TriangularFactor) -> None:
        """Multiply by triangular factors; in NumPy without new arrays."""
        if self.xp is not default_namespace():
            first = self.product is None
            self.multiply(_placed(self.job, triangular_matrices(self.xp, factor, first=first)))
            return
        if self.in_place is None:
            dtype = np.result_type(self.job.dtype, 1j if self.job.chain.field == "complex" else 0.0)
            self.in_place = TriangularProduct(factor, dtype)
            self.exponent = np.zeros(factor.diagonal.shape[1], dtype=self.job.dtype)
        else:
            self.in_place.multiply(factor)
        self.product = self.in_place.product

    def rescale(self) -> None:
        xp = self.xp
        power = _power_of_two(xp, xp.max(xp.abs(self.product), axis=(-2, -1)))
        if self.in_place is None:
            self.product = self.product * (2.0**-power)[:, None, None]
        else:
            self.product *= (2.0**-power)[:, None, None]
        self.exponent = self.exponent + power

    def singular_values(self) -> ScaledValues:
        values = fused_singular_values(self.xp, self.product)
        # a narrow layer inside makes all further values zero
        return ScaledValues(values[:, : self.job.chain.width], self.exponent)


def triangular_product(xp: ModuleType, a: Any, b: Any) -> Any:
    """Product of upper triangular matrices by tiles: up to a third of the operations."""
    n = a.shape[-1]
    if n <= 2 * TILE:
        return a @ b
    starts = range(0, n, TILE)
    panels = []
    for i in starts:
        rows = a[..., i : i + TILE, :]
        tiles = [
            rows[..., i : j + TILE] @ b[..., i : j + TILE, j : j + TILE]
            for j in starts[i // TILE :]
        ]
        if i > 0:  # zeros, of the right kind and on the right device
            tiles.insert(0, 0 * rows[..., :i])
        panels.append(xp.concat(tiles, axis=-1))
    return xp.concat(panels, axis=-2)


def _power_of_two(xp: Any, largest: Any) -> Any:
    """The power of two that may be taken out of every matrix, exactly."""
    return xp.floor(xp.log2(xp.where(largest > 0, largest, xp.ones_like(largest))))
