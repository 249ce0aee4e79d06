"""Gradient descent with momentum."""

from __future__ import annotations

from typing import Any

from rmt_rank.training.optimizers.descent import FirstOrder

__all__ = ["Momentum"]

MOMENTUM = 0.9


class Momentum(FirstOrder):
    """v <- 0.9 v + gradient, W <- W - learning_rate * v.

    Polyak, doi:10.1016/0041-5553(64)90137-5.
    """

    remembers = 1

    def update(self, state: list[Any], gradient: Any, rate: Any, step: int) -> None:
        """Change the state in place by one step."""
        state[1] *= MOMENTUM
        state[1] += gradient
        state[0] -= rate * state[1]
