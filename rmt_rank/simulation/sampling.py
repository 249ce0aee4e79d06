"""Singular values of products of Gaussian matrices, in blocks of bounded memory."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain as joined
from itertools import islice, repeat
from types import ModuleType
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from rmt_rank._array import default_namespace, makes_random_numbers, namespace_or_default, svdvals
from rmt_rank._random import FIELDS, RNG, gaussian, streams
from rmt_rank._validation import choice, integer
from rmt_rank.simulation.bidiagonal import bidiagonal_singular_values, dlasq1_address
from rmt_rank.simulation.factors import Factor, draw_factors
from rmt_rank.simulation.logarithms import LogProduct

__all__ = ["METHODS", "Block", "Chain", "ScaledValues", "sample_singular_values"]
__all__ += ["chain_blocks", "single_blas_thread"]

METHODS = ("auto", "dense", "triangular")

# Bytes of a block of matrices: with its factors, half a megabyte fits the second-level cache.  A
# device that draws its own numbers wants more at a time.
BLOCK_BYTES = 2**19
DEVICE_BLOCK_BYTES = 2**26
# Layers between rescalings: in so few, no product comes near the ends of the floats.
RESCALE_EVERY = 16
# Up to this width the compiled loops beat LAPACK and BLAS.
COMPILED_WIDTH = 48
# Below so many entries of all factors together, loading the compiled loops is not worth it.
COMPILED_WORK = 2**25
# Side of the tiles in which large triangular matrices are multiplied.
TILE = 64


@dataclass(frozen=True)
class Chain:
    """A product of Gaussian matrices, and how it is sampled.

    Attributes
    ----------
    widths : tuple of int
        n_0, ..., n_L; layer l has n_l x n_(l-1) entries of variance 1/min(widths).
    field : {"real", "complex"}
        Field of the entries.
    method : {"dense", "triangular"}
        Whether all entries are drawn or triangular factors, see `rmt_rank.simulation.factors`.
    compiled : bool
        Whether compiled loops are used where they are faster; the numbers are the same to rounding.
    """

    widths: tuple[int, ...]
    field: str
    method: str
    compiled: bool

    @property
    def width(self) -> int:
        """Number N of singular values."""
        return min(self.widths)

    @property
    def depth(self) -> int:
        """Number of factors."""
        return len(self.widths) - 1

    @property
    def others(self) -> tuple[int, ...]:
        """All widths but one of the smallest, one for each triangular factor."""
        smallest = self.widths.index(self.width)
        return self.widths[:smallest] + self.widths[smallest + 1 :]


def sample_singular_values(
    width: int | None,
    depth: int | None,
    size: int,
    *,
    rng: RNG = None,
    field: str = "real",
    method: str = "auto",
    widths: Sequence[int] | None = None,
    dtype: Any = None,
    xp: ModuleType | None = None,
    device: Any = None,
    return_log: bool = False,
    workers: int = 1,
) -> Any:
    """Singular values of random products of Gaussian matrices.

    Parameters
    ----------
    width : int
        Side N of the square factors, at least 1.
    depth : int
        Number of factors, at least 1.
    size : int
        Number of products, at least 1.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness, as for `numpy.random.default_rng`; streams are of its kind, SFC64 for
        a seed.  The numbers depend on its state and on the arguments only, not on the machine's
        memory or threads.  An object, such as a SeedSequence, moves on by spawning, so that a
        second call with it gives other numbers.
    field : {"real", "complex"}, default "real"
        Field of the entries, which have variance 1/N.
    method : {"auto", "dense", "triangular"}, default "auto"
        "dense" draws every entry.  "triangular" replaces the factors by triangular ones, which
        gives the same law from half the random numbers, see `rmt_rank.simulation.factors`; "auto"
        is that.
    widths : sequence of int, optional
        Widths n_0, ..., n_L of a network with layers of n_l x n_(l-1) entries, in place of width
        and depth, which must be None or agree.  N is the smallest of them.
    dtype : dtype of xp, optional
        float64 by default; float32 computes in that.
    xp : module, optional
        Array API namespace to compute in; NumPy by default.
    device : device of xp, optional
        Where to compute; the library's default.
    return_log : bool, default False
        Return logarithms of singular values, of full accuracy at any depth.
    workers : int, default 1
        Number of threads.  The numbers do not depend on it.

    Returns
    -------
    array of xp, shape (size, N)
        Singular values in descending order.  The largest has full relative accuracy, the others
        an error of about eps times the largest; below the smallest float they are 0.  With
        `return_log`, logarithms with an error of about N eps times the conditions of the single
        layers, however deep the product.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    Real float64 matrices of up to 48 columns in NumPy are multiplied and reduced by compiled loops
    if numba is installed (the extra `fast`) and the job is large enough to be worth its start.
    Numbers are the same to rounding without it.

    Examples
    --------
    >>> from rmt_rank import sample_singular_values
    >>> sample_singular_values(32, depth=4, size=100, rng=0).shape
    (100, 32)
    """
    size = integer("size", size, at_least=1)
    workers = integer("workers", workers, at_least=1)
    xp = namespace_or_default(xp)
    dtype = xp.float64 if dtype is None else dtype
    if dtype not in (xp.float64, xp.float32):
        raise ValueError(f"dtype must be xp.float64 or xp.float32, got {dtype!r}")
    own = dtype == xp.float64 and xp is default_namespace() and not return_log
    chain = new_chain(width, depth, size, widths, field=field, method=method, numpy_doubles=own)
    depths = (chain.depth,)
    blocks = chain_blocks(
        chain, depths, size, rng=rng, xp=xp, device=device, dtype=dtype, log=return_log
    )
    parts = [block.values[0] for block in in_threads(blocks, workers)]
    if return_log:
        return xp.concat(parts, axis=0)
    return xp.concat([part.unscaled(xp) for part in parts], axis=0)


def new_chain(
    width: int | None,
    depth: int | None,
    size: int,
    widths: Sequence[int] | None = None,
    *,
    field: str = "real",
    method: str = "auto",
    numpy_doubles: bool = True,
) -> Chain:
    """Refuse bad arguments of `sample_singular_values` and choose how to compute."""
    if widths is None:
        width = integer("width", width, at_least=1)
        depth = integer("depth", depth, at_least=1)
        all_widths = (width,) * (depth + 1)
    else:
        if np.ndim(widths) != 1:
            raise TypeError(f"widths must be a sequence of integers, got {widths!r}")
        all_widths = tuple(integer("widths", n, at_least=1) for n in widths)
        if len(all_widths) < 2:
            raise ValueError(f"widths must have at least 2 entries, got {all_widths}")
        for name, value, expected in (
            ("width", width, min(all_widths)),
            ("depth", depth, len(all_widths) - 1),
        ):
            if value is not None and value != expected:
                raise ValueError(f"{name} must be None or {expected} with widths, got {value!r}")
    choice("field", field, FIELDS)
    choice("method", method, METHODS)
    method = "triangular" if method == "auto" else method
    N = min(all_widths)
    compiled = (
        numpy_doubles
        and method == "triangular"
        and size * N * N * (len(all_widths) - 1) >= COMPILED_WORK
        and importlib.util.find_spec("numba") is not None
    )
    return Chain(all_widths, field, method, compiled)


class ScaledValues(NamedTuple):
    """Singular values over a power of two per matrix, so that deep products do not underflow."""

    values: Any  # (block, width)
    exponent: Any  # (block,): whole numbers

    def unscaled(self, xp: ModuleType) -> Any:
        """The singular values themselves; 0 where they are below the smallest float."""
        # in two steps, since 2^exponent may be out of range where the result is not
        half = xp.floor(self.exponent / 2)
        first, second = 2.0**half, 2.0 ** (self.exponent - half)
        return self.values * first[:, None] * second[:, None]


class Block(NamedTuple):
    """What a block of chains gives.

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


def chain_blocks(
    chain: Chain,
    depths: Sequence[int],
    size: int | None,
    *,
    rng: RNG = None,
    xp: ModuleType | None = None,
    device: Any = None,
    dtype: Any = None,
    log: bool = False,
    log_diagonal: bool = False,
) -> Iterator[Callable[[], Block]]:
    """Yield the work of each block: singular values of the products W_l ... W_1 along the chains.

    Parameters
    ----------
    chain : Chain
        What is sampled.
    depths : sequence of int
        The l at which singular values are wanted, increasing; other than the last one for equal
        widths only.
    size : int or None
        Number of chains; None for no end of them.
    rng, xp, device, dtype, log
        As in `sample_singular_values`.
    log_diagonal : bool, default False
        Whether these are wanted; "dense" has none.

    Yields
    ------
    callable
        Computes a `Block`.  Each has a stream of its own, so they may run in any order, in any
        thread.  The k-th matrices of all depths belong to the same chain, so that differences
        between depths have little variance.
    """
    xp = namespace_or_default(xp)
    sizes = block_sizes(chain, size, on_device=makes_random_numbers(xp))
    dtype = xp.float64 if dtype is None else dtype
    road = _Road(chain, tuple(depths), xp, device, dtype, log, log_diagonal)
    for count, stream in zip(sizes, streams(rng), strict=False):
        yield _Work(road, count, stream)


def block_sizes(chain: Chain, size: int | None, *, on_device: bool = False) -> Iterator[int]:
    """Numbers of matrices per block, a function of the problem alone."""
    most = max(1, (DEVICE_BLOCK_BYTES if on_device else BLOCK_BYTES) // (8 * chain.width**2))
    if size is None:
        return repeat(most)
    full, rest = divmod(size, most)
    return joined(repeat(most, full), repeat(rest, rest > 0))


def in_threads(work: Iterator[Callable[[], Block]], workers: int) -> Iterator[Block]:
    """Results of the work in its order, by some threads, with BLAS held to one thread each."""
    with single_blas_thread():
        if workers == 1:
            for each in work:
                yield each()
            return
        with ThreadPoolExecutor(workers) as pool:
            running = [pool.submit(each) for each in islice(work, 2 * workers)]
            try:
                while running:
                    yield running.pop(0).result()
                    running.extend(pool.submit(each) for each in islice(work, 1))
            finally:
                for future in running:
                    future.cancel()


def single_blas_thread() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread: more of them slow small decompositions down, up to fivefold."""
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits


# --- roads ------------------------------------------------------------------------------------


class _Road(NamedTuple):
    """How the blocks of a job are computed."""

    chain: Chain
    depths: tuple[int, ...]
    xp: ModuleType
    device: Any
    dtype: Any
    log: bool
    log_diagonal: bool


@dataclass(frozen=True)
class _Work:
    road: _Road
    count: int
    stream: np.random.Generator

    def __call__(self) -> Block:
        if self.road.chain.method == "dense":
            return Block(list(_dense(self.road, self.count, self.stream)), None)
        return _triangular(self.road, self.count, self.stream)


def _dense(road: _Road, count: int, stream: np.random.Generator) -> Iterator[Any]:
    """Every entry drawn, full products: the obviously right road."""
    chain, xp = road.chain, road.xp
    product: Any = _Matrices(road)
    for layer in range(1, chain.depth + 1):
        shape = (count, chain.widths[layer], chain.widths[layer - 1])
        factor = gaussian(stream, shape, field=chain.field, scale=chain.width**-0.5, xp=xp)
        factor = _placed(road, factor)
        if layer == 1 and road.log:
            product = LogProduct(xp, factor)
        elif layer == 1:
            product.set(factor)
        elif road.log:
            product.multiply(factor)
        else:
            product.set(factor @ product.matrices)
        if layer % RESCALE_EVERY == 0 and not road.log:
            product.rescale()
        if layer in road.depths:
            yield product.log_singular_values() if road.log else product.singular_values()


def _triangular(road: _Road, count: int, stream: np.random.Generator) -> Block:
    chain, xp = road.chain, road.xp
    box_muller = None
    product: Any = _Matrices(road)
    if chain.compiled:
        from rmt_rank.simulation import kernels

        box_muller = kernels.box_muller
        if chain.field == "real" and chain.width <= COMPILED_WIDTH:
            product = _Lanes(chain.width, count)
    factors = draw_factors(
        stream,
        count,
        chain.width,
        chain.others,
        field=chain.field,
        xp=xp,
        box_muller=box_muller,
    )
    values, logs = [], 0.0
    for layer, factor in enumerate(factors, 1):
        if road.log_diagonal:
            logs = logs + xp.log(factor.diagonal)
        if road.log:
            matrices = triangular_matrices(xp, factor, bidiagonal=layer == 1)
            matrices = _placed(road, matrices)
            if layer == 1:
                product = LogProduct(xp, matrices, triangular=True)
            else:
                product.multiply(matrices)
        elif layer == 1:
            product.start(factor)
        else:
            product.multiply(factor)
        if layer % RESCALE_EVERY == 0 and not road.log:
            product.rescale()
        if layer in road.depths:
            values.append(product.log_singular_values() if road.log else product.singular_values())
    return Block(values, logs if road.log_diagonal else None)


def _placed(road: _Road, array: Any) -> Any:
    """An array on the device asked for, in the precision asked for."""
    xp = road.xp
    if xp.isdtype(array.dtype, "complex floating"):
        dtype = xp.complex128 if road.dtype == xp.float64 else xp.complex64
    else:
        dtype = road.dtype
    if array.dtype != dtype:
        array = xp.astype(array, dtype)
        if array.dtype != dtype:
            raise ValueError(f"{xp.__name__} gives {array.dtype} where {dtype} was asked for")
    return array if road.device is None else array_api_compat.to_device(array, road.device)


def triangular_matrices(xp: ModuleType, factor: Factor, *, bidiagonal: bool) -> Any:
    """Matrices of shape (block, N, N) from the entries of a factor."""
    n, block = factor.diagonal.shape
    place = xp.asarray(_places(n, bidiagonal))
    table = xp.concat(
        [
            xp.astype(factor.diagonal, factor.above.dtype),
            factor.above,
            xp.zeros((1, block), dtype=factor.above.dtype),
        ],
        axis=0,
    )
    entries = xp.take(xp.permute_dims(table, (1, 0)), place, axis=1)
    return xp.reshape(entries, (block, n, n))


@functools.lru_cache(maxsize=8)
def _places(n: int, bidiagonal: bool) -> npt.NDArray[np.intp]:
    """Where each entry of a matrix stands among diagonal, entries above, and one zero."""
    rows, columns = np.triu_indices(n, 1)
    if bidiagonal:
        rows, columns = np.arange(n - 1), np.arange(1, n)
    place = np.full((n, n), n + rows.size)
    place[rows, columns] = n + np.arange(rows.size)
    np.fill_diagonal(place, np.arange(n))
    return place.ravel()


class _Matrices:
    """A product in arrays of shape (block, m, n) of any library."""

    def __init__(self, road: _Road) -> None:
        self.road, self.xp = road, road.xp
        self.first: Factor | None = None  # while the product is bidiagonal

    def set(self, matrices: Any) -> None:
        self.first, self.matrices = None, matrices
        if not hasattr(self, "exponent"):
            self.exponent = self.xp.zeros_like(self.xp.abs(matrices[:, 0, 0]))

    def start(self, factor: Factor) -> None:
        matrices = triangular_matrices(self.xp, factor, bidiagonal=True)
        self.set(_placed(self.road, matrices))
        self.first = factor

    def multiply(self, factor: Factor) -> None:
        matrices = _placed(self.road, triangular_matrices(self.xp, factor, bidiagonal=False))
        if self.xp.isdtype(matrices.dtype, "complex floating"):
            self.matrices = self.xp.astype(self.matrices, matrices.dtype)
        self.set(triangular_product(self.xp, matrices, self.matrices))

    def rescale(self) -> None:
        xp = self.xp
        power = _power_of_two(xp, xp.max(xp.abs(self.matrices), axis=(-2, -1)))
        self.matrices = self.matrices * (2.0**-power)[:, None, None]
        self.exponent = self.exponent + power

    def singular_values(self) -> ScaledValues:
        if self.first is not None and isinstance(self.matrices, np.ndarray):
            diagonal, above = self.first.diagonal.T, self.first.above.T
            values = bidiagonal_singular_values(diagonal, above)
            return ScaledValues(values.astype(self.matrices.dtype), self.exponent)
        values = svdvals(self.xp, self.matrices)
        # a narrow layer inside leaves zeros behind the others
        return ScaledValues(values[:, : self.road.chain.width], self.exponent)


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


class _Lanes:
    """A product in NumPy arrays of shape (N, N, block), by compiled loops."""

    def __init__(self, width: int, count: int) -> None:
        self.product = np.empty((width, width, count))
        self.exponent = np.zeros(count)
        self.first: Factor | None = None

    def start(self, factor: Factor) -> None:
        from rmt_rank.simulation import kernels

        kernels.start(factor.diagonal, factor.above, self.product)
        self.first = factor

    def multiply(self, factor: Factor) -> None:
        from rmt_rank.simulation import kernels

        kernels.multiply(
            factor.diagonal, factor.above, self.product, bidiagonal=self.first is not None
        )
        self.first = None

    def rescale(self) -> None:
        power = _power_of_two(np, np.abs(self.product).max(axis=(0, 1)))
        self.product *= 2.0**-power
        self.exponent = self.exponent + power

    def singular_values(self) -> ScaledValues:
        from rmt_rank.simulation import kernels

        if self.first is not None:
            diagonal, above = self.first.diagonal, self.first.above
        else:
            n, _, count = self.product.shape
            diagonal, above = np.empty((n, count)), np.empty((n - 1, count))
            kernels.bidiagonalise(self.product.copy(), diagonal, above)
        values = kernels.bidiagonal_singular_values(dlasq1_address(), diagonal, above)
        if not np.isfinite(values).all():
            raise ArithmeticError("dlasq1 did not converge")
        return ScaledValues(values, self.exponent)


def _power_of_two(xp: Any, largest: Any) -> Any:
    """The power of two that may be taken out of every matrix, exactly."""
    return xp.floor(xp.log2(xp.where(largest > 0, largest, xp.ones_like(largest))))
