"""Singular values of products of Gaussian matrices, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from rmt_rank._array import namespace_or_default
from rmt_rank._random import FIELDS, RNG, gaussian, streams
from rmt_rank._validation import choice, integer

__all__ = ["sample_singular_values", "single_blas_thread", "singular_value_blocks"]

# Bytes of one block of matrices; a factor, the product and the decomposition's copies are alive at
# the same time.  2 MiB keeps width 32 in the cache (256 matrices of it).
BLOCK_BYTES = 2 * 2**20
# Layers between rescalings: in so few, no product comes near the ends of the floats.
RESCALE_EVERY = 16


def sample_singular_values(
    width: int,
    depth: int,
    size: int,
    *,
    rng: RNG = None,
    field: str = "real",
    xp: ModuleType | None = None,
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
        Source of randomness, as for `numpy.random.default_rng`.  The numbers depend on its state
        and on the arguments only, not on the machine's memory or threads.  An object, such as a
        SeedSequence, moves on by spawning, so that a second call with it gives other numbers.
    field : {"real", "complex"}, default "real"
        Field of the entries, which have variance 1/N.
    xp : module, optional
        Array API namespace to compute in; NumPy by default.

    Returns
    -------
    array of xp, shape (size, width), float64
        Singular values in descending order.  The largest has full relative accuracy, the others
        an error of about eps times the largest; below 1e-308 they underflow to 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> from rmt_rank import sample_singular_values
    >>> sample_singular_values(32, depth=4, size=100, rng=0).shape
    (100, 32)
    """
    depth = integer("depth", depth, at_least=1)
    xp = namespace_or_default(xp)
    blocks = singular_value_blocks(width, [depth], size, rng=rng, field=field, xp=xp)
    with single_blas_thread():
        return xp.concat([block[0].unscaled(xp) for block in blocks], axis=0)


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


def singular_value_blocks(
    width: int,
    depths: Sequence[int],
    size: int,
    *,
    rng: RNG = None,
    field: str = "real",
    xp: ModuleType | None = None,
) -> Iterator[list[ScaledValues]]:
    """Yield singular values of the partial products W_L ... W_1 along the same chains, in blocks.

    Parameters
    ----------
    width, size, rng, field, xp
        As in `sample_singular_values`.
    depths : sequence of int
        The L at which singular values are wanted, increasing.

    Yields
    ------
    list of ScaledValues
        One for each depth.  The k-th rows of all belong to the same chain, so that differences
        between depths have little variance.
    """
    width = integer("width", width, at_least=1)
    size = integer("size", size, at_least=1)
    choice("field", field, FIELDS)
    xp = namespace_or_default(xp)
    sizes = block_sizes(width, size, field)
    for block, stream in zip(sizes, streams(rng, len(sizes)), strict=True):
        product, values = None, []
        for layer in range(1, depths[-1] + 1):
            factor = gaussian(stream, (block, width, width), field=field, scale=width**-0.5, xp=xp)
            if product is None:
                product, exponent = factor, xp.zeros_like(xp.abs(factor[:, 0, 0]))
            else:
                product = factor @ product
            if layer % RESCALE_EVERY == 0:
                product, exponent = _rescaled(xp, product, exponent)
            if layer in depths:
                values.append(ScaledValues(xp.linalg.svdvals(product), exponent))
        yield values


def _rescaled(xp: ModuleType, product: Any, exponent: Any) -> tuple[Any, Any]:
    """Take a power of two out of every matrix, exactly."""
    largest = xp.max(xp.abs(product), axis=(-2, -1))
    power = xp.floor(xp.log2(xp.where(largest > 0, largest, xp.ones_like(largest))))
    return product * (2.0**-power)[:, None, None], exponent + power


def single_blas_thread() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread: more of them slow small decompositions down, up to fivefold."""
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits


def block_sizes(width: int, size: int, field: str) -> list[int]:
    """Numbers of matrices per block, a function of the problem alone."""
    itemsize = np.dtype(np.complex128 if field == "complex" else np.float64).itemsize
    most = max(1, BLOCK_BYTES // (itemsize * width * width))
    full, rest = divmod(size, most)
    return [most] * full + [rest] * (rest > 0)
