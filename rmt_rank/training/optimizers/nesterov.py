"""Nesterov's accelerated gradient."""

from __future__ import annotations

from typing import Any

from rmt_rank.training.optimizers.descent import FirstOrder
from rmt_rank.training.optimizers.momentum import MOMENTUM

__all__ = ["Nesterov"]


class Nesterov(FirstOrder):
    """Momentum whose gradient is taken where the momentum alone leads: W - rate * 0.9 v.

    In the form of Sutskever et al., ICML 2013, with v in units of the gradient.
    """

    remembers = 1

    def look_at(self, state: list[Any], rate: Any) -> Any:
        """Point to which the momentum alone leads."""
        return state[0] - (MOMENTUM * rate) * state[1]

    def update(self, state: list[Any], gradient: Any, rate: Any, step: int) -> None:
        """Change the state in place by one step."""
        state[1] *= MOMENTUM
        state[1] += gradient
        state[0] -= rate * state[1]
