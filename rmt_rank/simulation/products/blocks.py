"""Blocks of matrices: their sizes, their streams, and the threads that compute them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain as joined
from itertools import islice, pairwise, repeat
from types import ModuleType
from typing import Any

import numpy as np

from rmt_rank._lib.array import free_memory, makes_random_numbers, namespace_or_default
from rmt_rank._lib.blas import one_blas_thread
from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import require_memory
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.simulation.products.fused.engine import is_fused
from rmt_rank.simulation.products.methods import Block, Job, dense, fused, triangular

__all__ = ["block_sizes", "chain_blocks", "in_threads", "require_room"]

# Bytes of a block of matrices: with its factors, half a megabyte fits the second-level cache.  A
# device that draws its own numbers needs larger blocks, and a kernel that keeps only the singular
# values of a matrix needs so many of them that a launch takes about 10 ms.
BLOCK_BYTES = 2**19
DEVICE_BLOCK_BYTES = 2**26
FUSED_BLOCK_VALUES = 2**22
# Beyond the depth DEEP, blocks have fewer matrices, because they would take too long, but at least
# DEEP_BLOCK.
DEEP, DEEP_BLOCK = 2**13, 2**9
# Matrices in memory at once: a factor, its entries, two products and LAPACK's workspace.
_MATRICES, _LOG_MATRICES = 5, 8
# Numbers for each singular value of a kernel's block, and for each depth of a chain.
_FUSED_NUMBERS = 8


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
        Number of chains; None for an unbounded stream.
    rng, xp, device, dtype, log
        As in `sample_singular_values`.
    log_diagonal : bool, default False
        Whether logarithms of the diagonals are wanted; "dense" has none.

    Returns
    -------
    iterator of callable
        Each computes a `Block` from its own stream, so they may run in any order, in any thread.
        The k-th matrices of all depths belong to the same chain, so that differences
        between depths have little variance.
    """
    xp = namespace_or_default(xp)
    dtype = xp.float64 if dtype is None else dtype
    fused = is_fused(chain, xp, dtype)
    sizes = block_sizes(chain, size, on_device=makes_random_numbers(xp), fused=fused)
    stop = threading.Event()
    job = Job(chain, tuple(depths), xp, device, dtype, log, log_diagonal, stop)
    pairs = zip(sizes, streams(rng), strict=False)
    return (_Work(job, count, stream) for count, stream in pairs)


def block_sizes(
    chain: Chain, size: int | None, *, on_device: bool = False, fused: bool = False
) -> Iterator[int]:
    """Numbers of matrices per block, a function of the problem alone."""
    most = _block_size(chain, on_device, fused)
    if size is None:
        return repeat(most)
    full, rest = divmod(size, most)
    return joined(repeat(most, full), repeat(rest, rest > 0))


def _block_size(chain: Chain, on_device: bool, fused: bool) -> int:
    most = max(1, (DEVICE_BLOCK_BYTES if on_device else BLOCK_BYTES) // (8 * chain.width**2))
    if fused:
        most = FUSED_BLOCK_VALUES // chain.width
    return min(most, max(DEEP_BLOCK, most * DEEP // max(DEEP, chain.depth)))


def require_room(
    chain: Chain,
    size: int,
    *,
    xp: ModuleType | None = None,
    dtype: Any = None,
    log: bool = False,
    kept: bool = False,
    depths: int = 1,
) -> None:
    """Refuse chains that do not fit into memory, before they are computed.

    The memory is that of the library's device, if it draws its own numbers there.

    Parameters
    ----------
    chain : Chain
        What is sampled.
    size : int
        Number of products.
    xp, dtype
        As in `sample_singular_values`.
    log : bool
        Whether logarithms of singular values are wanted.
    kept : bool
        Whether the singular values of all products are kept.
    depths : int
        Number of depths at which singular values are wanted.

    Raises
    ------
    ValueError
        If the memory needed is more than there is.
    """
    xp = namespace_or_default(xp)
    fused = is_fused(chain, xp, xp.float64 if dtype is None else dtype)
    dense = chain.method == "dense"
    largest = max(m * n for m, n in pairwise(chain.widths)) if dense else chain.width**2
    block = min(size, _block_size(chain, makes_random_numbers(xp), fused)) * largest
    matrices = _LOG_MATRICES if log else _MATRICES
    if fused:
        block, matrices = block // chain.width, _FUSED_NUMBERS * depths
    results = 2 * 8 * size * chain.width if kept else 0  # the parts, and their concatenation
    name = "width" if len(set(chain.widths)) == 1 else "widths"
    nbytes = matrices * (8 if chain.field == "real" else 16) * block
    require_memory("size" if results > nbytes else name, nbytes + results, free_memory(xp))


def in_threads(work: Iterator[Callable[[], Block]], workers: int) -> Generator[Block]:
    """Yield the results in the order of the work, computed by threads with one BLAS thread each.

    The caller must close it, see `contextlib.closing`, so that no thread outlives an exception.
    Work that is under way then is stopped by its method `stop`, if it has one.
    """
    with one_blas_thread():
        if workers == 1:
            for each in work:
                yield each()
            return
        with ThreadPoolExecutor(workers) as pool:
            running = [(pool.submit(each), each) for each in islice(work, 2 * workers)]
            try:
                while running:
                    yield running[0][0].result()
                    del running[0]
                    running.extend((pool.submit(each), each) for each in islice(work, 1))
            finally:
                for future, each in running:
                    future.cancel()
                    getattr(each, "stop", int)()


@dataclass(frozen=True)
class _Work:
    job: Job
    count: int
    stream: np.random.Generator

    def __call__(self) -> Block:
        job = self.job
        compute = dense if job.chain.method == "dense" else triangular
        if is_fused(job.chain, job.xp, job.dtype):
            compute = fused
        return compute(job, self.count, self.stream)

    def stop(self) -> None:
        """Let this block, and all others of the same job, end at their next layer."""
        self.job.stop.set()
