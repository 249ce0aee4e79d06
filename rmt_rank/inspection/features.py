"""Gram matrices of features compared with those of random networks and of random features."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.activations import Activation, Function
from rmt_rank._lib.activations import activation as activation_of
from rmt_rank._lib.array import to_numpy
from rmt_rank._lib.array_input import as_floating
from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import choice, integer, real
from rmt_rank.inspection.compare import compare
from rmt_rank.inspection.nulls import Null
from rmt_rank.inspection.result import Inspection, MatrixReport
from rmt_rank.metrics.gram import gram_effective_rank, gram_matrix
from rmt_rank.simulation.means.expected_gram import expected_gram_effective_rank
from rmt_rank.simulation.means.gram_formulas import (
    FEWEST_SAMPLES_PER_WIDTH,
    LARGEST_DEPTH_PER_WIDTH,
)
from rmt_rank.simulation.products.chain import LARGEST_DEPTH
from rmt_rank.simulation.products.random_features import KERNELS, sample_gram_effective_ranks

__all__ = ["inspect_features"]

Array = npt.NDArray[np.float64]

# Draws: as many as this number of operations allows.
_FEWEST, _MOST, _WORK = 8, 256, 3 * 10**9


def inspect_features(
    features: Any,
    *,
    activation: str | Function | Activation | None = None,
    depth: int = 1,
    kernel: str = "cosine",
    weight_variance: float = 1.0,
    draws: int | None = None,
    rng: RNG = 0,
) -> Inspection:
    """Compare the effective rank of the Gram matrix of features with null models.

    Parameters
    ----------
    features : array, shape (samples, width)
        Real features, such as the outputs of a layer; rows are samples.
    activation : str, Activation or callable, optional
        Activation of the network, as in `rmt_rank.expected_gram_effective_rank`.  If it is given,
        the null model "network" is added.
    depth : int, default 1
        Number of layers before the features, at least 0, for "network".
    kernel : {"cosine", "linear"}, default "cosine"
        As in `rmt_rank.gram_matrix`.
    weight_variance : float, default 1
        Variance of the weights times the width, for "network".
    draws : int, optional
        Number of random features for each null model, at least 8; by default as many as are cheap.
    rng : {int, None, SeedSequence, BitGenerator, Generator}, default 0
        Source of randomness of the null models.

    Returns
    -------
    Inspection
        One matrix with the name "features", and a comparison with each null model.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range; if features are complex, not a
        matrix with two rows and columns or more, not finite, or all 0.

    Notes
    -----
    The null models are "gaussian", features that are independent Gaussian numbers; "shuffle", the
    same numbers in random order; and "network", the features of a random network of equal widths
    after `depth` layers, for independent Gaussian inputs.  Its mean is that of
    `rmt_rank.expected_gram_effective_rank` where a formula has a smaller error than the draws.
    Inputs that are themselves of low rank lower the rank of features, too: a deficit against
    "network" is not one of the weights alone.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank import inspect_features
    >>> inputs, weights = np.random.default_rng(0).normal(size=(2, 64, 64))
    >>> found = inspect_features(np.tanh(inputs @ weights / 8), activation="tanh", draws=64)
    >>> [(row["null"], row["q"] < 0.01) for row in found.rows()]
    [('gaussian', True), ('shuffle', True), ('network', False)]
    """
    x = _checked(features)
    choice("kernel", kernel, KERNELS)
    layers = integer("depth", depth, at_least=0, at_most=LARGEST_DEPTH)
    variance = real("weight_variance", weight_variance, at_least=1e-250, at_most=1e250)
    count = (
        _count(*x.shape) if draws is None else integer("draws", draws, at_least=8, at_most=10**6)
    )
    network = None if activation is None else activation_of(activation)
    random = streams(rng)

    def shuffled(stream: np.random.Generator) -> Array:
        return np.array(
            [
                gram_effective_rank(stream.permuted(x.ravel()).reshape(x.shape), kernel)
                for _ in range(count)
            ]
        )

    nulls = {
        "gaussian": _of_network(x.shape, 0, "identity", kernel, 1.0, count, next(random)),
        "shuffle": _null("shuffle", shuffled(next(random))),
    }
    if network is not None:
        nulls["network"] = _of_network(
            x.shape, layers, network, kernel, variance, count, next(random)
        )
    rank = float(gram_effective_rank(x, kernel))
    # the linear kernel is in the squared units of the features, which may not be floats
    exponent = int(np.frexp(np.abs(x).max())[1])
    comparisons = tuple(replace(compare(rank, null), null=name) for name, null in nulls.items())
    values = np.linalg.svd(gram_matrix(np.ldexp(x, -exponent), kernel), compute_uv=False)
    if kernel == "linear":
        with np.errstate(over="ignore"):
            values = np.ldexp(values, 2 * exponent)
    report = MatrixReport(
        "features", "Gram matrix", x.shape, "float64", "", values, rank, comparisons
    )
    return Inspection((report,), (), tuple(nulls))


def _checked(features: Any) -> Array:
    _, converted = as_floating("features", features, least_dimensions=2)
    x = to_numpy(converted)
    if x.dtype.kind == "c":
        raise TypeError(f"features must be real, got the dtype {x.dtype}")
    if x.ndim != 2 or min(x.shape) < 2:
        raise ValueError(
            f"features must be a matrix with two rows and columns or more, got the shape {x.shape}"
        )
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError("features must be finite, got nan or infinity")
    if not x.any():
        raise ValueError("features must not all be 0")
    return x


def _count(samples: int, width: int) -> int:
    return max(_FEWEST, min(_MOST, _WORK // (samples * width * min(samples, width))))


def _null(name: str, ranks: Array) -> Null:
    ranks = np.sort(ranks[np.isfinite(ranks)])
    if ranks.size < _FEWEST:
        raise ValueError(f"the features of {name!r} are all 0 in nearly all draws")
    deviation = float(ranks.std(ddof=1))
    error = deviation / math.sqrt(ranks.size)
    return Null(name, float(ranks.mean()), deviation, error, ranks)


def _of_network(
    shape: tuple[int, int],
    depth: int,
    activation: str | Activation,
    kernel: str,
    weight_variance: float,
    count: int,
    stream: np.random.Generator,
) -> Null:
    """Features of random networks: the deviation by draws, the mean by what is more accurate."""
    samples, width = shape
    options: dict[str, Any] = {"kernel": kernel, "weight_variance": weight_variance}
    drawn = sample_gram_effective_ranks(
        (samples, width), [depth], activation, count, rng=stream, **options
    )
    null = _null("network", to_numpy(drawn)[:, 0])
    if depth > LARGEST_DEPTH_PER_WIDTH * width or samples < FEWEST_SAMPLES_PER_WIDTH * width:
        return null  # no formula is known to hold
    # a target that every formula meets
    expected = expected_gram_effective_rank(
        width, depth, samples, activation, target_error=math.log(width), rng=stream, **options
    )
    if expected.method == "monte-carlo" or expected.error >= null.error:
        return null
    return replace(null, mean=float(expected.value), error=float(expected.error))
