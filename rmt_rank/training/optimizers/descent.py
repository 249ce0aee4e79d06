"""The loop of optimizers that take one gradient per step, for all networks of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_of
from rmt_rank.networks.objective import Objective
from rmt_rank.training.ledger import Ledger
from rmt_rank.training.optimizers.setup import Setup

__all__ = ["FirstOrder"]

# Steps from one look at the losses to the next.
_LOOK_EVERY = 10


class FirstOrder:
    """Base of first-order optimizers: they say what they remember, and how a step is made."""

    # Number of arrays, of the shape of the parameters, that it remembers.
    remembers = 0
    # True if `update` is given the gradient times the learning rate.
    scaled = False

    def __init__(self, setup: Setup) -> None:
        self.learning_rate = setup.learning_rate

    def look_at(self, state: list[Any], rate: Any) -> Any:
        """Point at which the gradient is taken; by default the parameters."""
        return state[0]

    def update(self, state: list[Any], gradient: Any, rate: Any, step: int) -> None:
        """Make a step; the arrays of the state and the gradient may be changed in place."""
        raise NotImplementedError

    def run(self, objective: Objective, ledger: Ledger) -> None:
        """Train the networks of a ledger until it has stopped them all."""
        xp = namespace_of(ledger.state[0])
        ledger.state += [
            xp.zeros_like(ledger.state[0]) for _ in range(1 + self.remembers - len(ledger.state))
        ]
        members = np.arange(ledger.state[0].shape[0])
        state = [array * 1 for array in ledger.state]  # copies, in any library
        rate = self._rates(state[0], members)
        step = ledger.first_step
        # where an interrupted run resumes: arrays change in place, and a step may be half done
        kept = members, ledger.state, step
        try:
            while True:
                place = self.look_at(state, rate)
                scale = rate if self.scaled else None
                look = step % _LOOK_EVERY == 0 or step == ledger.first_step or ledger.due(step)
                if not look:
                    gradient = objective.gradient(place, scale)
                else:
                    loss, gradient = objective(place, scale)
                    if place is not state[0]:
                        loss = objective.network.loss(state[0], objective.data)
                    kept = members, [array * 1 for array in state], step
                    going = ledger.observe(step, members, state, loss)
                    if not going.all():
                        members = members[going]
                        if members.size == 0:
                            return
                        rows = xp.asarray(np.flatnonzero(going))
                        gradient = xp.take(gradient, rows, axis=0)
                        state = [xp.take(array, rows, axis=0) for array in state]
                        kept = members, [array * 1 for array in state], step
                        rate = self._rates(state[0], members)
                self.update(state, gradient, rate, step)
                step += 1
        except KeyboardInterrupt:
            ledger.interrupt(*kept)
            raise

    def _rates(self, parameters: Any, members: npt.NDArray[np.intp]) -> Any:
        rates = self.learning_rate[members][:, np.newaxis]
        return namespace_of(parameters).asarray(rates, dtype=parameters.dtype)
