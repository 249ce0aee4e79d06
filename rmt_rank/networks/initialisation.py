"""Initial weights of networks.

Variances are in units of 1/fan-in: scale 1 keeps the mean square of a signal from layer to layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import (
    LARGEST_INTEGER,
    choice,
    instance,
    integer,
    real,
    require_memory,
    shown,
)
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.network import Network
from rmt_rank.networks.nonlinear import NonlinearNetwork

__all__ = ["INITIALISATIONS", "initial_parameters", "orthonormal"]

Array = npt.NDArray[np.float64]

# Limits on the scale of a layer, and on the depth of a product that it stands for.
LARGEST_SCALE, MOST_FACTORS = 1e100, 10**5


def initial_parameters(
    network: Network,
    count: int,
    stream: np.random.Generator,
    *,
    initialisation: str = "normal",
    scale: float = 1.0,
    as_depth: int | None = None,
) -> Array:
    """Draw the parameters of networks.

    Parameters
    ----------
    network : LinearNetwork or NonlinearNetwork
        Their shape.
    count : int
        Number B of networks, limited by memory.
    stream : numpy.random.Generator
        Source of randomness.
    initialisation : str, default "normal"
        "normal", "uniform": independent entries of variance scale^2/fan-in.
        "orthogonal": scale times a random matrix with orthonormal rows or columns.
        "balanced": scale times a Gaussian matrix of depth `as_depth` (1 by default), split evenly
        over the layers so that W_(l+1)^T W_(l+1) = W_l W_l^T.  Linear networks only.
        "marginals": every weight has independent entries with the law of an entry of a product
        of `as_depth` Gaussian matrices, times scale.
    scale : float, default 1
        Scale of each layer, from 0 to 1e100; for "balanced", scale of the whole product.  In a
        layer that is a product of k weights, each has the k-th root of the scale.  sqrt(2)
        preserves the mean square of a signal through ReLUs.
    as_depth : int, optional
        Depth D for "balanced" and "marginals": the two readings of "initialised with the
        distribution of the D-layer network" (Section 3.3 of the paper).  At most 10^5.

    Returns
    -------
    ndarray, shape (count, network.size)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.networks import LinearNetwork
    >>> from rmt_rank.networks.initialisation import initial_parameters
    >>> initial_parameters(LinearNetwork((8, 8, 8)), 5, np.random.default_rng(0)).shape
    (5, 128)
    """
    if not isinstance(network, LinearNetwork | NonlinearNetwork):
        raise TypeError(
            f"network must be a LinearNetwork or a NonlinearNetwork, got {shown(network)}"
        )
    count = integer("count", count, at_least=1, at_most=LARGEST_INTEGER)
    instance("stream", stream, np.random.Generator)
    choice("initialisation", initialisation, INITIALISATIONS)
    scale = real("scale", scale, at_least=0, at_most=LARGEST_SCALE)
    # the parts, and their concatenation
    require_memory("count and the network's widths", 16.0 * count * network.size)
    if as_depth is not None:
        as_depth = integer("as_depth", as_depth, at_least=1, at_most=MOST_FACTORS)
        if initialisation not in ("balanced", "marginals"):
            raise ValueError(
                "as_depth goes with the initialisations 'balanced' and 'marginals', got "
                f"{initialisation!r}"
            )
    if isinstance(network, NonlinearNetwork):
        scale **= 1 / network.expansion
    weights = INITIALISATIONS[initialisation](network, count, stream, scale, as_depth or 1)
    return np.asarray(network.parameters(weights))


def _normal(
    network: Network, count: int, stream: np.random.Generator, scale: float, _: int
) -> list[Array]:
    return [
        stream.standard_normal((count, *shape)) * (scale / math.sqrt(shape[1]))
        for shape in network.shapes
    ]


def _uniform(
    network: Network, count: int, stream: np.random.Generator, scale: float, _: int
) -> list[Array]:
    return [
        stream.uniform(-1, 1, (count, *shape)) * (scale * math.sqrt(3 / shape[1]))
        for shape in network.shapes
    ]


def orthonormal(count: int, rows: int, columns: int, stream: np.random.Generator) -> Array:
    """Random matrices with orthonormal rows or columns, whichever are fewer; Haar."""
    wide = rows < columns
    g = stream.standard_normal((count, columns, rows) if wide else (count, rows, columns))
    q, r = np.linalg.qr(g)
    # signs of the diagonal of R would make Q depend on the algorithm
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, np.newaxis]
    return np.asarray(q.swapaxes(-1, -2) if wide else q)


def _orthogonal(
    network: Network, count: int, stream: np.random.Generator, scale: float, _: int
) -> list[Array]:
    return [scale * orthonormal(count, *shape, stream) for shape in network.shapes]


def _balanced(
    network: Network, count: int, stream: np.random.Generator, scale: float, as_depth: int
) -> list[Array]:
    if not isinstance(network, LinearNetwork):
        raise ValueError("'balanced' splits the weight that a linear network is, got another")
    widths = network.widths
    n = min(widths[0], widths[-1])
    if network.bottleneck is not None:
        raise ValueError(
            "'balanced' splits a weight of full rank: hidden widths must be at least "
            f"min(inputs, outputs) = {n}, got {widths}"
        )
    inner = [widths[0], *[n] * (as_depth - 1), widths[-1]]
    u, s, vh = np.linalg.svd(scale * _chain(inner, count, stream), full_matrices=False)
    root = s ** (1 / network.depth)
    # random orthonormal frames between the layers
    frames = [np.swapaxes(vh, -1, -2)]
    frames += [orthonormal(count, width, n, stream) for width in widths[1:-1]]
    frames.append(u)
    return [
        (left * root[:, np.newaxis]) @ right.swapaxes(-1, -2) for right, left in pairwise(frames)
    ]


def _chain(widths: list[int], count: int, stream: np.random.Generator) -> Array:
    """Products of Gaussian matrices of variance 1/fan-in."""
    product: Array | None = None
    for columns, rows in pairwise(widths):
        factor = stream.standard_normal((count, rows, columns)) / math.sqrt(columns)
        product = factor if product is None else factor @ product
    return np.asarray(product)


def _marginals(
    network: Network, count: int, stream: np.random.Generator, scale: float, as_depth: int
) -> list[Array]:
    weights = []
    for rows, columns in network.shapes:
        # Given a column h, a square Gaussian matrix times h has independent entries of variance
        # |h|^2/fan-in, and |h|^2 is multiplied by a chi-squared number over its degrees of freedom.
        shape = (count, rows, columns)
        squares = np.full(shape, 1 / columns)
        for _ in range(as_depth - 1):
            squares *= stream.standard_gamma(columns / 2, shape) * (2 / columns)
        weights.append(scale * stream.standard_normal(shape) * np.sqrt(squares))
    return weights


INITIALISATIONS: dict[str, Callable[..., list[Array]]] = {
    "normal": _normal,
    "uniform": _uniform,
    "orthogonal": _orthogonal,
    "balanced": _balanced,
    "marginals": _marginals,
}
