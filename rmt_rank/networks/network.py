"""Interface of networks that can be trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from rmt_rank._lib.array import namespace_of
from rmt_rank._lib.validation import sequence
from rmt_rank.networks.problem import LeastSquaresProblem, ReducedData, require_problem

__all__ = ["Network", "check_data", "check_parameters", "check_problem", "check_weights"]
__all__ += ["flat_weights", "split_parameters"]


class Network(Protocol):
    """The shape of B networks whose parameters are one array (B, size)."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Features, hidden widths, outputs."""

    @property
    def depth(self) -> int:
        """Number of layers."""

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the weights, the first is nearest to the inputs."""

    @property
    def size(self) -> int:
        """Number of parameters."""

    @property
    def plain(self) -> bool:
        """True if the map is the product of the weights, and nothing else is trained."""

    def weights(self, parameters: Any) -> list[Any]:
        """Weights of parameters (..., size)."""

    def parameters(self, weights: Sequence[Any]) -> Any:
        """Parameters (..., size) of weights."""

    def data(self, problem: LeastSquaresProblem) -> tuple[ReducedData, ReducedData | None]:
        """Training and held-out data in the coordinates that the network needs."""

    def loss(self, parameters: Any, data: ReducedData) -> Any:
        """Loss, shape (...)."""

    def loss_and_gradient(self, parameters: Any, data: ReducedData) -> tuple[Any, Any]:
        """Loss (B,) and its gradient (B, size)."""

    def test_loss(self, parameters: Any, data: ReducedData, test: ReducedData) -> Any:
        """Loss on other data than those of training."""


def split_parameters(network: Network, parameters: Any) -> list[Any]:
    """Weights, of the shapes (..., *shapes[i]), at the beginning of parameters (..., size)."""
    check_parameters(network, parameters)
    xp = namespace_of(parameters)
    found, start = [], 0
    for shape in network.shapes:
        stop = start + math.prod(shape)
        part = parameters[..., start:stop]
        found.append(xp.reshape(part, (*part.shape[:-1], *shape)))
        start = stop
    return found


def flat_weights(network: Network, weights: Sequence[Any]) -> list[Any]:
    """Weights as arrays (..., size of one) that can be joined to parameters."""
    check_weights(network, weights)
    xp = namespace_of(weights[0])
    return [xp.reshape(w, (*w.shape[:-2], math.prod(w.shape[-2:]))) for w in weights]


def check_parameters(network: Network, parameters: Any) -> None:
    """Refuse arguments that are not an array of a network's parameters, such as its weights."""
    wanted = f"parameters must be an array (..., {network.size}), such as a result's `parameters`"
    if not hasattr(parameters, "shape"):
        raise TypeError(f"{wanted}, got a {type(parameters).__name__}")
    if tuple(parameters.shape[-1:]) != (network.size,):
        raise ValueError(f"{wanted}, got the shape {tuple(parameters.shape)}")


def check_data(network: Network, name: str, data: Any) -> None:
    """Refuse a problem given instead of its data, and data of another size."""
    if not isinstance(data, ReducedData):
        raise TypeError(
            f"{name} must be one of `training, held_out = network.data(problem)`, got a "
            f"{type(data).__name__}"
        )
    _check_ends(network, name, data.inputs.shape[-2], data.targets.shape[-2])


def check_problem(network: Network, problem: Any) -> None:
    """Refuse problems whose size differs from the network's."""
    require_problem(problem)
    _check_ends(network, "problem", problem.features, problem.outputs)


def _check_ends(network: Network, name: str, features: int, outputs: int) -> None:
    if (features, outputs) != (network.widths[0], network.widths[-1]):
        raise ValueError(
            f"{name} must have {network.widths[0]} features and {network.widths[-1]} outputs, like "
            f"the network, got {features} and {outputs}"
        )


def check_weights(network: Network, weights: Any) -> None:
    """Refuse arguments that are not a sequence of arrays with the shapes of a network's weights."""
    found = [
        tuple(getattr(w, "shape", ()))[-2:]
        for w in sequence("weights", weights, "arrays", axes=None)
    ]
    if found != list(network.shapes):
        raise ValueError(
            f"weights must be arrays of the shapes (..., n_l, n_(l-1)), {list(network.shapes)}, "
            f"got {found}"
        )
