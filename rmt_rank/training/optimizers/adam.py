"""Adam."""

from __future__ import annotations

from typing import Any

from rmt_rank.training.optimizers.descent import FirstOrder

__all__ = ["Adam"]

_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-8


class Adam(FirstOrder):
    """Kingma and Ba, arXiv:1412.6980, Algorithm 1, with its decay rates 0.9 and 0.999.

    The step of an entry depends on that entry's gradients alone: unlike the other methods, it does
    not keep the rows of the first weight's update in the span of the data.
    """

    remembers = 2

    def update(self, state: list[Any], gradient: Any, rate: Any, step: int) -> None:
        """Change the state in place by one step."""
        state[1] *= _FIRST
        state[1] += (1 - _FIRST) * gradient
        state[2] *= _SECOND
        state[2] += (1 - _SECOND) * (gradient * gradient)
        first, second = 1 - _FIRST ** (step + 1), 1 - _SECOND ** (step + 1)
        state[0] -= (rate / first) * state[1] / ((state[2] / second) ** 0.5 + _EPSILON)
