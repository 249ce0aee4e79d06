"""Effective ranks of the Gram matrices of many networks at initialisation, at several depths."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from rmt_rank._lib import activations as _activations
from rmt_rank._lib.activations import ACTIVATIONS, Activation, Function
from rmt_rank._lib.array import free_memory, makes_random_numbers, namespace_or_default
from rmt_rank._lib.array_input import as_floating
from rmt_rank._lib.blas import one_blas_thread
from rmt_rank._lib.random import RNG, gaussian, normals, streams
from rmt_rank._lib.validation import choice, integer, integers, real, require_memory, shown
from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.simulation.products.chain import (
    LARGEST_DEPTH,
    LARGEST_SIZE,
    LARGEST_WIDTH,
    LARGEST_WORK,
    precision,
    several,
)
from rmt_rank.simulation.products.compiled_loops import compiled_loops

__all__ = ["sample_gram_effective_ranks"]

_IDENTITY = ACTIVATIONS["identity"]

LAWS = ("normal", "uniform")
KERNELS = ("cosine", "linear")
FEATURES = ("activations", "pre-activations")

# Bytes of the activations of a block: what fits the second-level cache, and more on a device that
# draws its own numbers.
_BLOCK_BYTES, _DEVICE_BLOCK_BYTES = 2**19, 2**26
# glibc returns freed memory to the system at once and fetches it again for the next layer, unless a
# larger piece was freed before (mallopt(3), M_MMAP_THRESHOLD).  A piece of this size is allocated
# and freed for that; it is never touched.
_KEPT_BYTES = 2**22
# Normal numbers that take longer to draw than compiled code takes to load.
_COMPILED_NUMBERS = 5 * 10**7


@dataclass(frozen=True)
class _Networks:
    """Settings of a block."""

    inputs: Any  # (samples, features), or None for fresh ones
    shape: tuple[int, int]
    depths: tuple[int, ...]
    activation: Activation
    widths: tuple[int, ...]  # one for each layer up to the last of depths
    law: str
    variance: float
    kernel: str
    features: str
    xp: ModuleType
    dtype: Any
    box_muller: Any = None


def sample_gram_effective_ranks(
    inputs: Any,
    depths: Sequence[int],
    activation: str | Function | Activation,
    size: int,
    *,
    width: int | Sequence[int] | None = None,
    weight_law: str = "normal",
    weight_variance: float = 1.0,
    kernel: str = "cosine",
    features: str = "activations",
    xp: ModuleType | None = None,
    dtype: Any = None,
    rng: RNG = None,
) -> Any:
    """Effective ranks of the Gram matrices of random networks without biases.

    Parameters
    ----------
    inputs : array, shape (samples, features), or tuple of two int
        Inputs of all networks, finite, rows are samples; or this shape, for standard Gaussian
        inputs drawn anew for each network.
    depths : sequence of int
        Numbers of layers after which ranks are computed, each at least 0, for the same networks.
    activation : str, Activation or callable
        Activation after every layer, see `rmt_rank._lib.activations.activation`.
    size : int
        Number of networks, at least 1.
    width : int or sequence of int, optional
        Width of all layers, or of each up to the last of depths; the number of features by default.
    weight_law : {"normal", "uniform"}, default "normal"
        Law of the weights; both are centred.
    weight_variance : float, default 1
        Their variance times the width of the layer before; 2 is He's, uniform with 1/3 PyTorch's
        default.
    kernel : {"cosine", "linear"}, default "cosine"
        As in `rmt_rank.gram_matrix`.
    features : {"activations", "pre-activations"}, default "activations"
        Vectors of which the Gram matrix is taken; at depth 0 they are the inputs.
    xp : module, optional
        Array API namespace to compute in; NumPy by default.
    dtype : dtype of xp, optional
        float64 by default; float32 takes a third to a half of the time, with errors of 1e-6 nat
        where layers do not amplify rounding errors.  Where they do (sin(30 x)), either precision
        gives other networks of the same law, since that depends on the Gram matrix alone.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness, as for `numpy.random.default_rng`.  The numbers depend on it and on
        the problem alone.

    Returns
    -------
    array of xp, shape (size, len(depths))
        In nats; -inf for a network whose features are all 0, as those of ReLU may be.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or features overflow.

    Notes
    -----
    A network takes a product of matrices per layer, and per depth the eigenvalues of a matrix of
    the smaller of samples and width.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", Observation 1;
       arXiv:2103.10427.

    Examples
    --------
    >>> from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks
    >>> ranks = sample_gram_effective_ranks((256, 32), [1, 8], "tanh", 64, rng=0)
    >>> ranks.mean(axis=0).round(1)
    array([3. , 1.9])
    """
    size = integer("size", size, at_least=1, at_most=LARGEST_SIZE)
    xp = namespace_or_default(xp)
    dtype = precision(dtype, xp)
    layers = integers("depths", depths, at_least=0, at_most=LARGEST_DEPTH, fewest=1)
    fixed, shape = _inputs(inputs, xp, dtype)
    widths = _widths(shape[1] if width is None else width, max(layers))
    networks = _Networks(
        fixed,
        shape,
        layers,
        _activations.activation(activation),
        widths,
        choice("weight_law", weight_law, LAWS),
        real("weight_variance", weight_variance, above=0),
        choice("kernel", kernel, KERNELS),
        choice("features", features, FEATURES),
        xp,
        dtype,
        _compiled_box_muller(size * sum(n * n for n in widths)),
    )
    most = _block_size(networks)
    _require_room(networks, size, most)
    parts = []
    np.empty(_KEPT_BYTES, dtype=np.uint8)
    with one_blas_thread():
        for start, stream in zip(range(0, size, most), streams(rng), strict=False):
            parts.append(_block(networks, min(most, size - start), stream))
    return xp.concat(parts, axis=0)


def _inputs(inputs: Any, xp: ModuleType, dtype: Any) -> tuple[Any, tuple[int, int]]:
    """The inputs, None if they are fresh, and their shape."""
    if isinstance(inputs, tuple) and all(isinstance(n, numbers.Number) for n in inputs):
        if len(inputs) != 2:
            raise ValueError(
                f"inputs must be an array or a shape (samples, features), got {shown(inputs)}"
            )
        samples, features = integers("inputs", inputs, at_least=1, at_most=LARGEST_WIDTH)
        return None, (samples, features)
    _, array = as_floating("inputs", inputs, least_dimensions=2)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"inputs must have shape (samples, features), both at least 1, got {array.shape}"
        )
    array = xp.asarray(array, dtype=dtype)
    if not bool(xp.all(xp.isfinite(array))):
        raise ValueError("inputs must be finite")
    return array, tuple(array.shape)


def _widths(width: Any, layers: int) -> tuple[int, ...]:
    """The width of each layer; one width if there are no layers."""
    if not several(width):
        return (integer("width", width, at_least=1, at_most=LARGEST_WIDTH),) * max(layers, 1)
    widths = integers("width", width, at_least=1, at_most=LARGEST_WIDTH)
    if len(widths) != layers:
        raise ValueError(
            f"width must be one integer or {layers}, one for each layer, got {shown(width)}"
        )
    return widths


def _require_room(networks: _Networks, size: int, block: int) -> None:
    """Refuse networks that need too much memory or time."""
    (samples, features), n = networks.shape, max(networks.widths, default=1)
    work = size * (samples + n) * (features + sum(networks.widths[: max(networks.depths)]))
    if work > LARGEST_WORK:
        raise ValueError(
            f"inputs, width, depths and size must be such that all networks have at most 1e13 "
            f"weights and activations, got {work:.3g}"
        )
    # activations before and after a layer, weights, and one Gram matrix per depth
    wide = max(features, n)
    gram = min(samples, wide) ** 2 * (3 + len(networks.depths))
    numbers_at_once = min(size, block) * (3 * samples * wide + 2 * wide * n + gram)
    results = 2 * size * len(networks.depths)
    name = "inputs" if samples * features >= n * n else "width"
    name = "size" if results > numbers_at_once else name
    require_memory(name, 8 * (numbers_at_once + results), free_memory(networks.xp))


def _block_size(networks: _Networks) -> int:
    """Networks per block, a function of the problem alone."""
    samples, features = networks.shape
    entries = max(samples, *networks.widths) * max(features, *networks.widths)
    device = makes_random_numbers(networks.xp)
    return max(1, (_DEVICE_BLOCK_BYTES if device else _BLOCK_BYTES) // (8 * entries))


def _block(networks: _Networks, count: int, stream: np.random.Generator) -> Any:
    """Effective ranks of some networks, shape (count, depths)."""
    xp = networks.xp
    x = networks.inputs
    if x is None:
        x = gaussian(stream, (count, *networks.shape), field="real", scale=1.0, xp=xp)
        x = xp.astype(x, networks.dtype, copy=False)
    ranks, grams = {}, {}
    if 0 in networks.depths:
        ranks[0] = xp.broadcast_to(gram_effective_rank(x, networks.kernel), (count,))
    for depth, features in _features(networks, x, count, stream):
        gram = _small_gram(networks, features)
        if gram is None:
            ranks[depth] = gram_effective_rank(features, networks.kernel)
        else:
            grams[depth] = gram
    for shape in {gram.shape for gram in grams.values()}:
        alike = {depth: gram for depth, gram in grams.items() if gram.shape == shape}
        values = xp.linalg.eigvalsh(xp.stack(list(alike.values())))
        values = xp.where(values > 0, values, xp.zeros_like(values))  # rounding
        found = effective_rank(values)
        ranks |= {depth: found[i, ...] for i, depth in enumerate(alike)}
    return xp.stack([ranks[depth] for depth in networks.depths], axis=-1)


def _small_gram(networks: _Networks, x: Any) -> Any:
    """Matrix with the spectrum of the cosine kernel, while features are in the cache.

    None for the linear kernel, and where lengths vanish or their squares may under- or overflow:
    `gram_effective_rank` handles these.
    """
    xp = networks.xp
    if networks.kernel != "cosine":
        return None
    far = float(xp.finfo(x.dtype).max) ** 0.25
    if not xp.max(xp.abs(x)) < far:
        return None
    square = xp.linalg.vecdot(x, x)[..., None]
    if not xp.min(square) > 1 / far:
        return None
    x = x / xp.sqrt(square)
    transposed = xp.matrix_transpose(x)
    return transposed @ x if x.shape[-1] < x.shape[-2] else x @ transposed


def _features(
    networks: _Networks, inputs: Any, count: int, stream: np.random.Generator
) -> Iterator[tuple[int, Any]]:
    """Yield each depth that is wanted, except 0, and the features there."""
    linear = networks.activation is _IDENTITY and networks.shape[0] > networks.shape[1]
    x = None if linear else inputs
    wanted = set(networks.depths)
    rows = networks.shape[1]
    for depth, width in enumerate(networks.widths[: max(wanted)], 1):
        weights = _weights(networks, (count, rows, width), stream)
        rows = width
        last = x
        before, x = _layer(networks, last, weights)
        if not _finite(networks, before):
            sound = last is None or _finite(networks, last)
            raise _overflow(networks, depth if sound else depth - 1)
        if depth in wanted:
            features = x if networks.features == "activations" else before
            if linear:
                with np.errstate(over="ignore", invalid="ignore"):
                    features = inputs @ features
            if not _finite(networks, features):
                raise _overflow(networks, depth)
            yield depth, features


def _layer(networks: _Networks, x: Any, weights: Any) -> tuple[Any, Any]:
    """Pre-activations and activations; x is None for the identity matrix."""
    with np.errstate(over="ignore", invalid="ignore"):
        before = weights if x is None else x @ weights
        if networks.activation is _IDENTITY:
            return before, before
        return before, networks.activation(before)


def _finite(networks: _Networks, x: Any) -> bool:
    xp = networks.xp
    with np.errstate(over="ignore", invalid="ignore"):
        # one pass, and finite but for numbers near the largest
        return bool(xp.isfinite(xp.sum(x))) or bool(xp.all(xp.isfinite(x)))


def _overflow(networks: _Networks, layer: int) -> ValueError:
    return ValueError(
        f"activation {networks.activation.name!r} must keep features finite, got some that are "
        f"not in layer {layer}; a smaller weight_variance may help"
    )


def _weights(networks: _Networks, shape: tuple[int, ...], stream: np.random.Generator) -> Any:
    xp = networks.xp
    scale = math.sqrt(networks.variance / shape[-2])
    if networks.law == "normal":
        weights = normals(
            stream, shape, field="real", scale=scale, xp=xp, box_muller=networks.box_muller
        )
    else:
        source: Any = stream
        if makes_random_numbers(xp):
            source = xp.random.default_rng(int(stream.integers(2**63)))
        weights = (2 * math.sqrt(3) * scale) * (xp.asarray(source.random(shape)) - 0.5)
    return xp.astype(weights, networks.dtype, copy=False)


def _compiled_box_muller(numbers: int) -> Any:
    """The compiled transform, if numba works and the work is worth loading it."""
    loops = compiled_loops() if numbers >= _COMPILED_NUMBERS else None
    return None if loops is None else loops.box_muller
