"""Loss and gradient of networks on some data, in as few operations as possible."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rmt_rank._lib.array import namespace_of
from rmt_rank.networks.network import Network
from rmt_rank.networks.problem import ReducedData

__all__ = ["Objective"]


class Objective:
    """Loss and gradient of one network on some data, as a function of parameters (B, size).

    For NumPy arrays and plain linear networks it keeps its buffers: a gradient is then overwritten
    by the next call.  Nothing is copied as long as it is called with the same array, changed in
    place.

    For other arrays of plain linear networks of depth d a gradient takes 3 d - 1 products of
    matrices and three other operations, since on a device each is a launch that takes as long for
    a few small matrices as for many.
    """

    def __init__(self, network: Network, data: ReducedData) -> None:
        self.network, self.data = network, data
        # inputs and targets over sqrt(examples) take that number out of the rest
        root = math.sqrt(data.examples)
        self._scaled = data.inputs / root, data.targets / root, data.rest / data.examples
        self._bound: _Buffers | None = None
        self._copies = False

    def __call__(self, parameters: Any, scale: Any = None) -> tuple[Any, Any]:
        """Loss (B,) and gradient (B, size), the gradient times a scale (B, 1) if there is one."""
        if self._buffered(parameters):
            buffers = self._buffers(parameters)
            buffers.forward()
            return buffers.loss(), buffers.backward(scale)
        if self.network.plain:
            return self._plain(parameters, scale, loss=True)
        loss, gradient = self.network.loss_and_gradient(parameters, self.data)
        return loss, gradient if scale is None else gradient * scale

    def gradient(self, parameters: Any, scale: Any = None) -> Any:
        """The gradient alone, which is all that most steps need."""
        if self._buffered(parameters):
            buffers = self._buffers(parameters)
            buffers.forward()
            return buffers.backward(scale)
        if self.network.plain:
            return self._plain(parameters, scale, loss=False)[1]
        return self(parameters, scale)[1]

    def _plain(self, parameters: Any, scale: Any, *, loss: bool) -> tuple[Any, Any]:
        """Loss, if it is wanted, and gradient of a product of weights, for any array library."""
        xp = namespace_of(parameters)
        inputs, targets, rest = self._scaled
        weights = self.network.weights(parameters)
        h = [inputs]
        for w in weights:
            h.append(w @ h[-1])
        d = h[-1] - targets
        value = (xp.sum(d * d, axis=(-2, -1)) + rest) / 2 if loss else None
        if scale is not None:
            d = d * scale[:, :, None]
        gradients = []
        for i in range(len(weights) - 1, -1, -1):
            gradient = d @ xp.matrix_transpose(h[i])
            gradients.append(xp.reshape(gradient, (gradient.shape[0], -1)))
            if i > 0:
                d = xp.matrix_transpose(weights[i]) @ d
        return value, xp.concat(gradients[::-1], axis=-1)

    def _buffered(self, parameters: Any) -> bool:
        return self.network.plain and type(parameters) is np.ndarray

    def _buffers(self, parameters: Any) -> _Buffers:
        bound = self._bound
        if bound is None or bound.parameters.shape != parameters.shape:
            self._bound, self._copies = _Buffers(self.network, self._scaled, parameters), False
        elif bound.parameters is not parameters:
            if self._copies:
                np.copyto(bound.parameters, parameters)
            else:
                self._bound = _Buffers(self.network, self._scaled, parameters.copy())
                self._copies = True
        assert self._bound is not None
        return self._bound


class _Buffers:
    """All arrays of a step of plain networks, and the views into them."""

    def __init__(self, network: Network, scaled: tuple[Any, Any, float], parameters: Any) -> None:
        self.parameters = parameters
        inputs, self._targets, self._rest = scaled
        batch, examples = parameters.shape[0], inputs.shape[1]
        self._gradient = np.empty_like(parameters)
        w = network.weights(parameters)
        h = [np.empty((batch, n, examples), parameters.dtype) for n in network.widths[1:]]
        d = [np.empty_like(each) for each in h]
        self._outputs, self._residual = h[-1], d[-1]
        self._forward = list(zip(w, [inputs, *h[:-1]], h, strict=True))
        transposed = [each.swapaxes(-1, -2) for each in w]
        self._backward = list(zip(transposed[:0:-1], d[:0:-1], d[-2::-1], strict=True))
        ht = [each.swapaxes(-1, -2) for each in (inputs, *h[:-1])]
        self._backward += zip(d, ht, network.weights(self._gradient), strict=True)

    def forward(self) -> None:
        """The residual at what the parameters are now."""
        for w, h, out in self._forward:
            np.matmul(w, h, out=out)
        np.subtract(self._outputs, self._targets, out=self._residual)

    def loss(self) -> Any:
        """Loss (B,) of the residual; before `backward`, which scales it."""
        flat = self._residual.reshape(len(self._residual), -1)
        return (np.einsum("bi,bi->b", flat, flat) + self._rest) / 2

    def backward(self, scale: Any) -> Any:
        """Gradient (B, size), which is linear in the residual."""
        if scale is not None:
            self._residual *= scale[:, :, np.newaxis]
        for left, right, out in self._backward:
            np.matmul(left, right, out=out)
        return self._gradient
