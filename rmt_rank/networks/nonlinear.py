r"""Nonlinear networks as plain arrays: loss and gradients in closed form, many networks at once.

A network of depth d computes h_l = phi(E_l h_(l-1)) from h_0 = x for l < d, and its outputs E_d
h_(d-1); there are no biases.  With D_d the gradient of the loss in the outputs and * the product
entry by entry, the gradient in E_l is G_l = D_l h_(l-1)^T, where

    D_(l-1) = phi'(E_(l-1) h_(l-2)) * (E_l^T D_l).

Over-parameterised k times (Appendix B of the paper), every E_l is a product W_k ... W_1 of weights,
which are trained in its place.  The gradient in W_j is (W_k ... W_(j+1))^T G_l (W_(j-1) ... W_1)^T:
products of small matrices, and the data pass through as many layers as without.

For NumPy arrays all is done for a block of networks at a time, which fits the cache.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from rmt_rank._lib.activations import activation
from rmt_rank._lib.array import namespace_of
from rmt_rank._lib.validation import choice, integer, integer_widths, shown
from rmt_rank.networks.criteria import CRITERIA, check_probabilities, loss_of_outputs
from rmt_rank.networks.network import (
    check_data,
    check_parameters,
    check_problem,
    flat_weights,
    split_parameters,
)
from rmt_rank.networks.problem import LeastSquaresProblem, ReducedData

__all__ = ["NonlinearNetwork"]

# Largest number of weights whose product is a layer.
MOST_FACTORS = 10**6
# Numbers in an array of activations of a block of networks.
_BLOCK_NUMBERS = 1 << 15


@dataclass(frozen=True)
class NonlinearNetwork:
    """Shape of a network with an activation after every layer but the last.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_d: features, hidden widths, outputs; layer l has n_l x n_(l-1) weights.
    activation : str, Activation or callable, default "relu"
        "relu", "tanh", "gelu", "erf", "sine", "sine(30)" for another frequency, "identity", a
        function that works entry by entry, or an `rmt_rank.nonlinear.Activation` of it with its
        derivative, without which the network has no gradient.
    expansion : int, default 1
        Number k of weights whose product is a layer, at most 10^6.  The inner dimension is n_(l-1),
        so that the network can represent the same functions as without.
    criterion : {"squared", "cross-entropy"}
        The loss: half the mean squared error, or the mean cross-entropy of targets that are
        probabilities (such as one-hot labels) with the softmax of the outputs, in nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    References
    ----------
    .. [1] M. Huh et al., "The Low-Rank Simplicity Bias in Deep Networks", arXiv:2103.10427,
       Section 2.1 and Appendix B.

    Examples
    --------
    >>> import numpy as np
    >>> import rmt_rank as rr
    >>> from rmt_rank.networks.initialisation import initial_parameters
    >>> from rmt_rank.networks.nonlinear import NonlinearNetwork
    >>> network = NonlinearNetwork((16, 32, 32, 4), "tanh")
    >>> parameters = initial_parameters(network, 100, np.random.default_rng(0))
    >>> inputs = np.random.default_rng(1).standard_normal((256, 16))
    >>> rr.gram_effective_rank(network.features(parameters, inputs)).shape
    (100,)
    """

    widths: tuple[int, ...]
    activation: Any = "relu"
    expansion: int = 1
    criterion: str = field(default="squared", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", integer_widths(self.widths))
        object.__setattr__(self, "activation", activation(self.activation))
        expansion = integer("expansion", self.expansion, at_least=1, at_most=MOST_FACTORS)
        object.__setattr__(self, "expansion", expansion)
        choice("criterion", self.criterion, CRITERIA)

    @property
    def depth(self) -> int:
        """Number of layers, of `expansion` weights each."""
        return len(self.widths) - 1

    @property
    def plain(self) -> bool:
        """False: the map is never treated as the product of the weights."""
        return False

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the weights, `expansion` of them a layer."""
        k = self.expansion
        return tuple(
            shape
            for columns, rows in pairwise(self.widths)
            for shape in [(columns, columns)] * (k - 1) + [(rows, columns)]
        )

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes)

    def weights(self, parameters: Any) -> list[Any]:
        """All weights, each of the shape (...) + its own, of parameters (..., size)."""
        return split_parameters(self, parameters)

    def parameters(self, weights: Sequence[Any]) -> Any:
        """Parameters (..., size) of the given weights."""
        parts = flat_weights(self, weights)
        return namespace_of(weights[0]).concat(parts, axis=-1)

    def effective_weights(self, parameters: Any) -> list[Any]:
        """E_1, ..., E_d, shapes (..., n_l, n_(l-1)): the product of each layer's weights."""
        return [products[-1] for products in self._products(self.weights(parameters))]

    def _products(self, weights: list[Any]) -> list[list[Any]]:
        """W_1, W_2 W_1, ..., W_k ... W_1 of every layer."""
        layers = []
        for start in range(0, len(weights), self.expansion):
            products = [weights[start]]
            for w in weights[start + 1 : start + self.expansion]:
                products.append(w @ products[-1])
            layers.append(products)
        return layers

    # --- the data -----------------------------------------------------------------------------

    def data(self, problem: LeastSquaresProblem) -> tuple[ReducedData, ReducedData | None]:
        """Training and held-out examples, one by one, as `loss` and `accuracy` want them.

        Parameters
        ----------
        problem : LeastSquaresProblem
            A problem with as many features and outputs as the network.

        Returns
        -------
        training : ReducedData
        held_out : ReducedData or None
            None if the problem has none.

        Raises
        ------
        ValueError
            If targets are not probabilities, and the criterion is the cross-entropy.
        """
        check_problem(self, problem)
        whole, test = problem.whole, problem.whole_test
        if self.criterion == "cross-entropy":
            for name, data in (("targets", whole), ("test_targets", test)):
                if data is not None:
                    check_probabilities(name, data.targets)
        return whole, test

    # --- the map ------------------------------------------------------------------------------

    def forward(self, parameters: Any, data: ReducedData) -> Any:
        """Outputs, shape (..., outputs, examples)."""
        check_data(self, "data", data)
        return self._last(parameters, data.inputs, self.depth)

    def features(self, parameters: Any, inputs: Any, layer: int | None = None) -> Any:
        """Activations of a layer, as `gram_matrix` wants them.

        Parameters
        ----------
        parameters : array, shape (..., size)
            Parameters of one network or many, such as `TrainingResult.parameters`.
        inputs : array, shape (examples, features)
            An array of the same library; rows are samples.
        layer : int, optional
            From 1 to depth, which means the outputs.  By default the last hidden layer, and the
            outputs of a network that has none.

        Returns
        -------
        array, shape (..., examples, n_layer)

        Raises
        ------
        TypeError, ValueError
            If layer is not an integer in its range, parameters are weights instead, or an array
            is of the wrong shape.
        """
        check_parameters(self, parameters)
        last = max(1, self.depth - 1)
        chosen = last if layer is None else integer("layer", layer, at_least=1)
        if chosen > self.depth:
            raise ValueError(
                f"layer must be from 1 to the depth, {self.depth}, got {shown(chosen)}"
            )
        if not hasattr(inputs, "shape"):
            raise TypeError(f"inputs must be an array, got a {type(inputs).__name__}")
        if len(inputs.shape) != 2 or inputs.shape[1] != self.widths[0]:
            raise ValueError(
                f"inputs must have the shape (examples, {self.widths[0]}), got {inputs.shape}"
            )
        xp = namespace_of(parameters)
        columns = xp.matrix_transpose(inputs)
        if parameters.ndim == 1:
            return xp.matrix_transpose(self._last(parameters, columns, chosen))
        parts = self._blocks(parameters, inputs.shape[0])
        return xp.matrix_transpose(xp.concat([self._last(p, columns, chosen) for p in parts]))

    def _last(self, parameters: Any, inputs: Any, layer: int) -> Any:
        """Activations (..., n_layer, examples); those before it are forgotten."""
        weights = self.effective_weights(parameters)[:layer]
        return deque(self._layers(weights, inputs), maxlen=1)[0][1]

    def _layers(self, weights: list[Any], inputs: Any) -> Iterator[tuple[Any, Any]]:
        """Values before and after the activation of every layer."""
        h = inputs
        for i, w in enumerate(weights, 1):
            a = w @ h
            h = a if i == self.depth else self.activation.function(a)
            yield a, h

    def _blocks(self, parameters: Any, examples: int) -> Iterator[Any]:
        """Parameters of as many networks at a time as the cache takes; of all, if not NumPy's."""
        count = parameters.shape[0]
        if isinstance(parameters, np.ndarray):
            count = max(1, _BLOCK_NUMBERS // (examples * max(self.widths[1:])))
        for start in range(0, parameters.shape[0], count):
            yield parameters[start : start + count, :]

    # --- the loss -----------------------------------------------------------------------------

    def loss(self, parameters: Any, data: ReducedData) -> Any:
        """Loss by the criterion.

        Parameters
        ----------
        parameters : array, shape (..., size)
            Parameters of one network or many, such as `TrainingResult.parameters`.
        data : ReducedData
            Training or held-out examples: one of the two that `data` gives.

        Returns
        -------
        array, shape (...)
        """
        check_parameters(self, parameters)
        check_data(self, "data", data)
        if parameters.ndim == 1:
            return loss_of_outputs(self.criterion, self.forward(parameters, data), data)[0]
        parts = self._blocks(parameters, data.examples)
        losses = [
            loss_of_outputs(self.criterion, self.forward(part, data), data)[0] for part in parts
        ]
        return namespace_of(parameters).concat(losses)

    def test_loss(self, parameters: Any, data: ReducedData, test: ReducedData) -> Any:
        """The same on other data; those of training do not matter."""
        check_data(self, "data", data)
        check_data(self, "test", test)
        return self.loss(parameters, test)

    def accuracy(self, parameters: Any, data: ReducedData) -> Any:
        """Share of the examples whose largest output is where their largest target is.

        Parameters
        ----------
        parameters, data
            As for `loss`.

        Returns
        -------
        array, shape (...)
        """
        check_parameters(self, parameters)
        check_data(self, "data", data)
        xp = namespace_of(parameters)
        right = xp.argmax(self.forward(parameters, data), axis=-2) == xp.argmax(
            data.targets, axis=-2
        )
        return xp.mean(xp.astype(right, parameters.dtype), axis=-1)

    def loss_and_gradient(self, parameters: Any, data: ReducedData) -> tuple[Any, Any]:
        """Loss (B,) and its gradient (B, size).

        Parameters
        ----------
        parameters : array, shape (B, size)
            Parameters of B networks.
        data : ReducedData
            Arrays of the same library, as `data` gives them.

        Raises
        ------
        ValueError
            If the activation has no derivative.
        """
        self.require_derivative()
        check_parameters(self, parameters)
        check_data(self, "data", data)
        xp = namespace_of(parameters)
        parts = [self._step(part, data) for part in self._blocks(parameters, data.examples)]
        return tuple(xp.concat(list(each)) for each in zip(*parts, strict=True))

    def require_derivative(self) -> None:
        """ValueError if the activation has no derivative."""
        if self.activation.derivative is None:
            raise ValueError(
                f"activation {self.activation.name!r} has no derivative, which gradients need: "
                "give an rmt_rank.nonlinear.Activation with one"
            )

    def _step(self, parameters: Any, data: ReducedData) -> tuple[Any, Any]:
        """Loss and gradient of a block."""
        xp = namespace_of(parameters)
        weights = self.weights(parameters)
        products = self._products(weights)
        layers = list(self._layers([each[-1] for each in products], data.inputs))
        loss, d = loss_of_outputs(self.criterion, layers[-1][1], data)
        gradients: list[Any] = []
        for i in range(self.depth - 1, -1, -1):
            whole = d @ xp.matrix_transpose(layers[i - 1][1] if i else data.inputs)
            start = i * self.expansion
            gradients += _of_factors(whole, weights[start : start + self.expansion], products[i])
            if i:
                d = xp.matrix_transpose(products[i][-1]) @ d
                d = d * self.activation.derivative(layers[i - 1][0])
        return loss, self.parameters(gradients[::-1])


def _of_factors(whole: Any, factors: list[Any], products: list[Any]) -> list[Any]:
    """Gradients in the factors of a product, the last factor's first, from that in the product."""
    xp = namespace_of(whole)
    gradients = []
    for w, before in zip(factors[:0:-1], products[-2::-1], strict=True):
        gradients.append(whole @ xp.matrix_transpose(before))
        whole = xp.matrix_transpose(w) @ whole
    return [*gradients, whole]
