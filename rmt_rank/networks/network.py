"""What training asks of a network, of whatever kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rmt_rank.networks.problem import LeastSquaresProblem, ReducedData

__all__ = ["Network"]


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
        """Whether the map is the product of the weights, and nothing else is trained."""

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
