"""Singular values of products of Gaussian matrices."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from types import ModuleType
from typing import Any

import array_api_compat

from rmt_rank._lib.array import default_namespace, namespace_or_default
from rmt_rank._lib.random import RNG
from rmt_rank._lib.validation import boolean, integer, shown
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads, require_room
from rmt_rank.simulation.products.chain import LARGEST_SIZE, new_chain, precision, threads

__all__ = ["sample_singular_values"]


def sample_singular_values(
    width: int | Sequence[int],
    depth: int | None = None,
    size: int = 1,
    *,
    rng: RNG = None,
    field: str = "real",
    method: str = "auto",
    dtype: Any = None,
    xp: ModuleType | None = None,
    device: Any = None,
    return_log: bool = False,
    workers: int = 1,
) -> Any:
    """Singular values of random products of Gaussian matrices.

    Parameters
    ----------
    width : int or sequence of int
        Side N of the square factors, from 1 to 10**6; or the widths n_0, ..., n_L of a network with
        layers of n_l x n_(l-1) entries, of which N is the smallest.
    depth : int, optional
        Number of factors, from 1 to 10**6; not needed with a sequence of widths.
    size : int, default 1
        Number of products, from 1 to 10**9.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness, as for `numpy.random.default_rng`; streams have its type, SFC64 for
        a seed.  The numbers depend on its state and on the arguments only, not on the machine's
        memory or threads.  An object, such as a SeedSequence, moves on by spawning, so that a
        second call with it gives other numbers.
    field : {"real", "complex"}, default "real"
        Field of the entries, which have variance 1/N.
    method : {"auto", "dense", "triangular"}, default "auto"
        "dense" draws every entry.  "triangular" replaces the factors by triangular ones, which
        gives the same law from half the random numbers, see
        `rmt_rank.simulation.products.triangular_factors`; "auto" is that.
    dtype : dtype of xp, optional
        float64 by default; float32 computes in that.
    xp : module, optional
        Array API namespace to compute in; NumPy by default.
    device : device of xp, optional
        Where to compute; the library's default.
    return_log : bool, default False
        Return logarithms of singular values, which are accurate at any depth.
    workers : int, default 1
        Number of threads, at most 1024.  The numbers do not depend on it.

    Returns
    -------
    array of xp, shape (size, N)
        Singular values in descending order.  The largest has full relative accuracy, the others
        an error of about eps times the largest; below the smallest float they are 0, in deep
        products all of them: give `return_log=True` there.  With `return_log`, logarithms with an
        error of about N eps times the conditions of the single layers, however deep the product.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, there is not enough memory, or the
        factors of all products have more than 1e13 entries.

    Notes
    -----
    A layer takes 0.14 ms for each block of up to 2^16/N^2 matrices, and about 60 ns for each entry:
    14 s for one product of width 4 and depth 10^5.  With the compiled loops below, from depth 16384
    on, that is 2.4 s.  Ctrl-C ends it at the next layer.

    Real float64 matrices of up to 400 columns in NumPy, and of up to 128 with `return_log`, are
    multiplied and reduced by compiled loops if numba is installed (the extra `fast`) and the job is
    large enough to be worth its start.  Numbers are the same to rounding without it.

    In CuPy, products of up to 128 columns in float64 are drawn, multiplied and reduced by one
    kernel, whose random numbers come from counters: they do not depend on the card.

    Examples
    --------
    >>> from rmt_rank import sample_singular_values
    >>> sample_singular_values(32, depth=4, size=100, rng=0).shape
    (100, 32)
    >>> sample_singular_values([784, 256, 10], size=100, rng=0).shape
    (100, 10)
    """
    size = integer("size", size, at_least=1, at_most=LARGEST_SIZE)
    workers = threads(workers)
    return_log = boolean("return_log", return_log)
    xp = namespace_or_default(xp)
    dtype = precision(dtype, xp)
    _require_device(xp, device)
    own = dtype == xp.float64 and xp is default_namespace()
    chain = new_chain(
        width, depth, size, field=field, method=method, numpy_doubles=own, log=return_log
    )
    require_room(chain, size, xp=xp, dtype=dtype, log=return_log, kept=True)
    depths = (chain.depth,)
    blocks = chain_blocks(
        chain, depths, size, rng=rng, xp=xp, device=device, dtype=dtype, log=return_log
    )
    with closing(in_threads(blocks, workers)) as computed:
        parts = [block.values[0] for block in computed]
    if return_log:
        return xp.concat(parts, axis=0)
    return xp.concat([part.unscaled(xp) for part in parts], axis=0)


def _require_device(xp: ModuleType, device: Any) -> None:
    """Raise ValueError if the library has no such device."""
    if device is None:
        return
    try:
        array_api_compat.to_device(xp.zeros(1), device)
    except Exception as error:  # each array library raises its own errors
        raise ValueError(
            f"device must be one of {xp.__name__}, got {shown(device)}: {shown(error)}"
        ) from error
