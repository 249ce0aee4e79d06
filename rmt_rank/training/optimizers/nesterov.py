"""Nesterov's accelerated gradient."""

from __future__ import annotations

from typing import Any

from rmt_rank.training.optimizers.momentum import MOMENTUM, Momentum

__all__ = ["Nesterov"]


class Nesterov(Momentum):
    """Momentum whose gradient is taken where the momentum alone leads: W - rate * 0.9 v.

    In the form of Sutskever et al., ICML 2013, with v in units of the gradient.
    """

    def look_at(self, state: list[Any], rate: Any) -> Any:
        """Point to which the momentum alone leads."""
        return state[0] - (MOMENTUM * rate) * state[1]
