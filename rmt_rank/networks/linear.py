r"""Linear networks: loss and gradients in closed form, many networks at once.

A network of depth d computes h_l = W_l h_{l-1} from h_0 = x.  With a skip interval s it computes
h <- h + W_{l+s-1} ... W_l h, a residual network.  Batch normalisation brings W_l h, over the
examples, to mean beta and standard deviation gamma, both learned.

Half the mean squared error over q examples is |h_d - y|_F^2 / (2q), and its gradient in W_l (Eq. 21
of the paper) is D_l h_{l-1}^T with D_d = (h_d - y)/q and D_{l-1} = W_l^T D_l: three products of a
square matrix with the data a layer, all else being linear in their size.

Parameters of B networks are one array (B, parameters), so that optimizers need not know layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from rmt_rank._lib.array import namespace_of
from rmt_rank._lib.validation import boolean, integer, integer_widths, shown
from rmt_rank.networks.network import (
    check_data,
    check_problem,
    flat_weights,
    split_parameters,
)
from rmt_rank.networks.problem import LeastSquaresProblem, ReducedData, squared_error

__all__ = ["LinearNetwork"]

# Added to the variance that batch normalisation divides by, as is usual.
_EPSILON = 1e-5


@dataclass(frozen=True)
class LinearNetwork:
    """Shape of a linear network.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_d: features, hidden widths, outputs; layer l has n_l x n_(l-1) weights.
    skip : int, default 0
        Number of layers that a residual connection bridges; 0 for none.  It must divide the depth,
        and all widths must be equal.
    batch_norm : bool, default False
        Whether every layer is followed by batch normalisation, inside the residual connection.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> from rmt_rank.networks import LinearNetwork
    >>> network = LinearNetwork((16, 8, 16))
    >>> network.shapes
    ((8, 16), (16, 8))
    """

    widths: tuple[int, ...]
    skip: int = 0
    batch_norm: bool = False

    def __post_init__(self) -> None:
        widths = integer_widths(self.widths)
        object.__setattr__(self, "widths", widths)
        skip = integer("skip", self.skip, at_least=0)
        object.__setattr__(self, "skip", skip)
        object.__setattr__(self, "batch_norm", boolean("batch_norm", self.batch_norm))
        if skip and (len(set(widths)) > 1 or self.depth % skip):
            raise ValueError(
                f"skip must divide the depth, {self.depth}, and needs equal widths, got "
                f"{shown(skip)} and widths {shown(widths)}"
            )

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.widths) - 1

    @property
    def bottleneck(self) -> int | None:
        """A hidden width below both ends, which bounds the rank of the weight; None if none is."""
        narrow = min(self.widths)
        return narrow if narrow < min(self.widths[0], self.widths[-1]) else None

    @property
    def plain(self) -> bool:
        """True if the map is the product of the weights, and nothing else is trained."""
        return not (self.skip or self.batch_norm)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the weights W_1, ..., W_d."""
        return tuple((rows, columns) for columns, rows in pairwise(self.widths))

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        weights = sum(math.prod(shape) for shape in self.shapes)
        return weights + (2 * sum(self.widths[1:]) if self.batch_norm else 0)

    def weights(self, parameters: Any) -> list[Any]:
        """W_1, ..., W_d, shapes (..., n_l, n_(l-1)), of parameters (..., size)."""
        return split_parameters(self, parameters)

    def normalisations(self, parameters: Any) -> list[tuple[Any, Any]]:
        """gamma and beta of every layer, (..., n_l); ones and zeros are where training starts."""
        start = sum(math.prod(shape) for shape in self.shapes)
        found = []
        for n in self.widths[1:]:
            middle, stop = start + n, start + 2 * n
            found.append((parameters[..., start:middle], parameters[..., middle:stop]))
            start = stop
        return found

    def parameters(self, weights: Sequence[Any]) -> Any:
        """Parameters (..., size) of the given weights, normalisations where training starts."""
        parts = flat_weights(self, weights)
        xp, batch = namespace_of(weights[0]), weights[0].shape[:-2]
        if self.batch_norm:
            for n in self.widths[1:]:
                parts += [xp.ones((*batch, n), dtype=parts[0].dtype)]
                parts += [xp.zeros((*batch, n), dtype=parts[0].dtype)]
        return xp.concat(parts, axis=-1)

    def data(self, problem: LeastSquaresProblem) -> tuple[ReducedData, ReducedData | None]:
        """Training and held-out data, reduced to a basis of the space that they span."""
        check_problem(self, problem)
        return problem.reduced, problem.reduced_test

    # --- the map ------------------------------------------------------------------------------

    def forward(self, parameters: Any, data: ReducedData) -> Any:
        """Outputs h_d, shape (..., outputs, k), in the coordinates of the data."""
        h, _ = self._forward(parameters, data)
        return h

    def _forward(self, parameters: Any, data: ReducedData) -> tuple[Any, list[_Layer]]:
        check_data(self, "data", data)
        weights = self.weights(parameters)
        affine = self.normalisations(parameters) if self.batch_norm else [None] * self.depth
        h = data.inputs
        layers = []
        for i, (w, gamma_beta) in enumerate(zip(weights, affine, strict=True)):
            if self.skip and i % self.skip == 0:
                kept = h
            out = w @ h
            layer = _Layer(w, h)
            if gamma_beta is not None:
                out = layer.normalise(out, *gamma_beta, data)
            if self.skip and (i + 1) % self.skip == 0:
                out = out + kept
            layers.append(layer)
            h = out
        return h, layers

    def loss(self, parameters: Any, data: ReducedData) -> Any:
        """Half the mean squared error, shape (...)."""
        return self._error(self.forward(parameters, data), data)[0]

    @staticmethod
    def _error(h: Any, data: ReducedData) -> tuple[Any, Any]:
        residual = h - data.targets
        square = namespace_of(h).sum(residual * residual, axis=(-2, -1))
        return (square + data.rest) / (2 * data.examples), residual

    def loss_and_gradient(self, parameters: Any, data: ReducedData) -> tuple[Any, Any]:
        """Loss (B,) and its gradient (B, size).

        Parameters
        ----------
        parameters : array, shape (B, size)
            Parameters of B networks.
        data : ReducedData
            Arrays of the same library.
        """
        h, layers = self._forward(parameters, data)
        xp = namespace_of(parameters)
        loss, residual = self._error(h, data)
        d = residual / data.examples
        gradients, affine = [], []
        for i in range(self.depth - 1, -1, -1):
            layer = layers[i]
            if self.skip and (i + 1) % self.skip == 0:
                through = d
            if self.batch_norm:
                d, dgamma, dbeta = layer.normalise_back(d, data)
                affine.append(xp.concat([dgamma, dbeta], axis=-1))
            gradient = d @ xp.matrix_transpose(layer.h)
            gradients.append(xp.reshape(gradient, (*gradient.shape[:-2], -1)))
            if i > 0:
                d = xp.matrix_transpose(layer.w) @ d
                if self.skip and i % self.skip == 0:
                    d = d + through
        return loss, xp.concat(gradients[::-1] + affine[::-1], axis=-1)

    def effective(self, parameters: Any, data: ReducedData) -> tuple[Any, Any]:
        """The affine map that the network is: W_e (..., outputs, features), b (..., outputs).

        With batch normalisation it is that of the statistics of the data; b is None without.
        """
        _, layers = self._forward(parameters, data)
        xp = namespace_of(parameters)
        batch = parameters.shape[:-1]
        eye = xp.eye(self.widths[0], dtype=parameters.dtype)
        weight = xp.broadcast_to(eye, (*batch, *eye.shape))
        bias = xp.zeros((*batch, self.widths[0]), dtype=parameters.dtype)
        for i, layer in enumerate(layers):
            if self.skip and i % self.skip == 0:
                kept = weight, bias
            weight, bias = layer.w @ weight, (layer.w @ bias[..., None])[..., 0]
            if self.batch_norm:
                weight = weight * layer.slope[..., None]
                bias = (bias - layer.mean) * layer.slope + layer.beta
            if self.skip and (i + 1) % self.skip == 0:
                weight, bias = weight + kept[0], bias + kept[1]
        return weight, bias if self.batch_norm else None

    def test_loss(self, parameters: Any, data: ReducedData, test: ReducedData) -> Any:
        """Half the mean squared error on other data, normalised by the statistics of `data`."""
        check_data(self, "test", test)
        return squared_error(*self.effective(parameters, data), test)


class _Layer:
    """Values of a layer that the backward pass needs."""

    def __init__(self, w: Any, h: Any) -> None:
        self.w, self.h = w, h

    def normalise(self, a: Any, gamma: Any, beta: Any, data: ReducedData) -> Any:
        """Batch normalisation of pre-activations (..., n, k)."""
        q = data.examples
        self.mean = (a @ data.ones) / q
        centred = a - self.mean[..., None] * data.ones
        square = namespace_of(a).sum(centred * centred, axis=-1)
        deviation = (square / q + _EPSILON) ** 0.5
        self.slope, self.beta = gamma / deviation, beta
        self.deviation, self.unit = deviation, centred / deviation[..., None]
        return gamma[..., None] * self.unit + beta[..., None] * data.ones

    def normalise_back(self, d: Any, data: ReducedData) -> tuple[Any, Any, Any]:
        """Gradients in the pre-activations, gamma and beta."""
        q = data.examples
        dbeta = d @ data.ones
        dgamma = namespace_of(d).sum(d * self.unit, axis=-1)
        inner = d - (dbeta / q)[..., None] * data.ones - (dgamma / q)[..., None] * self.unit
        return self.slope[..., None] * inner, dgamma, dbeta
