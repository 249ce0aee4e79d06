"""Gradient descent."""

from __future__ import annotations

from typing import Any

from rmt_rank.training.optimizers.descent import FirstOrder

__all__ = ["GradientDescent"]


class GradientDescent(FirstOrder):
    """W <- W - learning_rate * gradient."""

    scaled = True

    def update(self, state: list[Any], gradient: Any, rate: Any, step: int) -> None:
        """Change the state in place by one step."""
        state[0] -= gradient
