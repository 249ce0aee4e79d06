"""Singular values of residual linear networks at finite width, and of their limit.

The limit of many weak layers at width N, complex entries, needs no product.  As L grows, the
squared singular values s of the product of L layers I + a G_l, a^2 = tau/L, tend in law to those
for which log s_1, ..., log s_N are the eigenvalues of

    sqrt(2 tau) H + D,    D = diag(2 tau (k - (N+1)/2)/N), k = 1, ..., N,

H from the Gaussian unitary ensemble, E|H_ij|^2 = 1/N.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import default_namespace
from rmt_rank._lib.blas import one_blas_thread
from rmt_rank._lib.random import FIELDS, RNG, gaussian, streams
from rmt_rank._lib.validation import (
    boolean,
    choice,
    integer,
    integers,
    real,
    require_memory,
    shown,
)
from rmt_rank.simulation.products.chain import (
    LARGEST_DEPTH,
    LARGEST_SIZE,
    LARGEST_WIDTH,
    LARGEST_WORK,
    several,
)

__all__ = ["sample_residual_limit", "sample_residual_singular_values"]

Array = npt.NDArray[np.float64]

# Bytes of the matrices of a block, which has a stream of its own.
BLOCK_BYTES = 2**21
# Logarithm of the largest float.
LARGEST_LOG = 709.7
# Limits such that no matrix overflows; overflow of singular values is detected by their logarithms.
_LARGEST_TIME, _LARGEST_SCALE = 1e100, 1e300


def sample_residual_limit(width: int, time: float, size: int, *, rng: RNG = None) -> Array:
    """Singular values of residual networks in the limit of many weak layers, complex entries.

    Parameters
    ----------
    width : int
        Side N of the layers I + a G, at least 1; the entries of G have variance 1/N.  Not a list:
        residual layers are square.
    time : float
        tau >= 0: a^2 times the number of layers, as that grows; the largest singular values, near
        exp(tau/2), must be floats.
    size : int
        Number of networks, at least 1.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness, as for `numpy.random.default_rng`.

    Returns
    -------
    ndarray, shape (size, width)
        In descending order, from independent networks.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    Exact, from one Hermitian matrix: the law of the singular values of Brownian motion on GL(N, C)
    at one time.  For real entries there is no such form.  The mean of s is exp(tau) at every width,
    the mean of s^2 is exp(2 tau) (cosh(2 tau/N) + N sinh(2 tau/N)).

    References
    ----------
    .. [1] M. Auer, M. Voit, arXiv:2408.00535, 2505.05984.

    Examples
    --------
    >>> from rmt_rank.simulation.products.residual_products import sample_residual_limit
    >>> sample_residual_limit(16, time=1, size=10, rng=0).shape
    (10, 16)
    """
    N, size = _sizes(width, size, per_network=1)
    tau = real("time", time, at_least=0, at_most=_LARGEST_TIME)
    drift = 2 * tau * (np.arange(1, N + 1) - (N + 1) / 2) / N
    parts = []
    with one_blas_thread():
        for count, stream in _blocks(N, size, rng):
            G = _gaussian(stream, count, N, "complex", math.sqrt(tau / N))
            # (G + G^H)/sqrt(2) has entries of the variance of those of G
            matrix = G + np.conj(np.swapaxes(G, -1, -2)) + np.diag(drift)
            parts.append(np.linalg.eigvalsh(matrix)[:, ::-1])
    return _singular_values("time", tau, np.concatenate(parts) / 2)


def sample_residual_singular_values(
    width: int,
    depths: Sequence[int],
    size: int,
    *,
    scale: float,
    layers: int = 1,
    field: str = "real",
    rng: RNG = None,
    return_log: bool = False,
) -> Array:
    """Singular values of products of I + a G_k ... G_1, at some depths along the same chains.

    Parameters
    ----------
    width : int
        Side N of the matrices, at least 1; the entries of the G have variance 1/N.  Not a list:
        residual layers are square.
    depths : sequence of int
        Numbers of blocks at which singular values are wanted, increasing, at least 1.
    size : int
        Number of chains, at least 1.
    scale : float
        Scale a, from 0 to 1e300.
    layers : int, default 1
        Number k of matrices in a block.
    field : {"real", "complex"}, default "real"
        Field of the entries.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness, as for `numpy.random.default_rng`.
    return_log : bool, default False
        Return logarithms, finite at any depth at which the smallest singular value is more than
        rounding.

    Returns
    -------
    ndarray, shape (size, len(depths), width)
        In descending order.  Plain multiplication: every singular value has an error of about
        depth eps times the largest.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    The mean of s over the singular values is (1 + a^2)^depth at every width.  The numbers depend on
    the arguments only, not on the machine's memory.

    Examples
    --------
    >>> from rmt_rank.simulation.products.residual_products import sample_residual_singular_values
    >>> sample_residual_singular_values(16, [1, 8], 10, scale=0.5, rng=0).shape
    (10, 2, 16)
    """
    wanted = list(integers("depths", depths, at_least=1, at_most=LARGEST_DEPTH, fewest=1))
    if any(after <= before for before, after in pairwise(wanted)):
        raise ValueError(f"depths must be increasing, got {shown(wanted)}")
    N, size = _sizes(width, size, per_network=len(wanted))
    a = real("scale", scale, at_least=0, at_most=_LARGEST_SCALE)
    k = integer("layers", layers, at_least=1, at_most=LARGEST_DEPTH)
    return_log = boolean("return_log", return_log)
    if (work := size * N * N * wanted[-1] * k) > LARGEST_WORK:
        raise ValueError(
            f"width, depths, layers and size must be such that all matrices have at most 1e13 "
            f"entries, got {work:.3g}"
        )
    choice("field", field, FIELDS)
    with one_blas_thread():
        parts = [
            _chains(stream, count, N, wanted, a, k, field)
            for count, stream in _blocks(N, size, rng)
        ]
    logs = np.concatenate(parts)
    return logs if return_log else _singular_values("scale", a, logs)


def _sizes(width: int, size: int, *, per_network: int) -> tuple[int, int]:
    """Check width and size, and the memory for spectra, as parts and concatenated."""
    if several(width):
        raise TypeError(
            "width must be one integer, since residual layers I + a G are square, got "
            f"{shown(width)}"
        )
    N = integer("width", width, at_least=1, at_most=LARGEST_WIDTH)
    size = integer("size", size, at_least=1, at_most=LARGEST_SIZE)
    # complex matrices of a block: the product, a branch and LAPACK's workspace
    block = 5 * 16 * N * N * min(size, max(1, BLOCK_BYTES // (16 * N * N)))
    results = 3 * 8 * size * per_network * N
    require_memory("width" if block > results else "size", block + results)
    return N, size


def _singular_values(name: str, value: float, logs: Array) -> Array:
    if (largest := float(logs.max())) > LARGEST_LOG:
        raise ValueError(
            f"{name} must leave singular values below the largest float, got {value!r} and one of "
            f"exp({largest:g})"
        )
    return np.exp(logs)


def _chains(
    stream: np.random.Generator, count: int, N: int, depths: list[int], a: float, k: int, field: str
) -> Array:
    """Log singular values of one block, shape (count, len(depths), N)."""
    W: npt.NDArray[Any] = np.broadcast_to(np.eye(N), (count, N, N))
    log_scale = np.zeros((count, 1))
    result = np.empty((count, len(depths), N))
    for depth in range(1, depths[-1] + 1):
        branch = W
        for _ in range(k):
            branch = _gaussian(stream, count, N, field, 1 / math.sqrt(N)) @ branch
        W = W + a * branch
        # a power of two, so that nothing is rounded
        exponent = np.frexp(np.abs(W).max(axis=(1, 2)))[1]
        W = W * np.ldexp(1.0, -exponent)[:, None, None]
        log_scale += math.log(2) * exponent[:, None]
        if depth in depths:
            with np.errstate(divide="ignore"):
                logs = np.log(np.linalg.svd(W, compute_uv=False))
            result[:, depths.index(depth)] = logs + log_scale
    return result


def _gaussian(
    stream: np.random.Generator, count: int, N: int, field: str, scale: float
) -> npt.NDArray[Any]:
    xp = default_namespace()
    return np.asarray(gaussian(stream, (count, N, N), field=field, scale=scale, xp=xp))


def _blocks(N: int, size: int, rng: RNG) -> Iterator[tuple[int, np.random.Generator]]:
    """Numbers of matrices, a function of the width alone, and their streams."""
    most = max(1, BLOCK_BYTES // (16 * N * N))
    sizes = (min(most, size - first) for first in range(0, size, most))
    yield from zip(sizes, streams(rng), strict=False)
