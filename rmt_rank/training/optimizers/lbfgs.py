"""L-BFGS, SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from rmt_rank._lib.array import namespace_of, to_numpy
from rmt_rank.networks.objective import Objective
from rmt_rank.training.ledger import Ledger, Status
from rmt_rank.training.optimizers.setup import Setup

__all__ = ["LBFGS"]


class LBFGS:
    """`scipy.optimize.minimize(method="L-BFGS-B")`, one network after the other.

    A step is an iteration; where the line search finds nothing lower, the network has stalled.
    """

    def __init__(self, setup: Setup) -> None:
        pass

    def run(self, objective: Objective, ledger: Ledger) -> None:
        """Train the networks of a ledger until it has stopped them all."""
        ledger.state = ledger.state[:1]
        for member, begin in enumerate(to_numpy(ledger.state[0]).astype(np.float64)):
            _descend(objective, ledger, np.array([member]), begin)


def _descend(objective: Objective, ledger: Ledger, here: Any, begin: Any) -> None:
    """Train one network."""
    xp, dtype = namespace_of(ledger.state[0]), ledger.state[0].dtype
    taken, last = ledger.first_step, begin

    def as_batch(x: Any) -> Any:
        return xp.asarray(x[np.newaxis], dtype=dtype)

    def function(x: Any) -> tuple[float, Any]:
        loss, gradient = objective(as_batch(x))
        return float(loss[0]), to_numpy(gradient)[0].astype(np.float64)

    def after(intermediate_result: Any) -> None:
        nonlocal taken, last
        taken, last = taken + 1, intermediate_result.x.copy()
        loss = np.array([intermediate_result.fun])
        if not ledger.observe(taken, here, [as_batch(last)], loss)[0]:
            raise StopIteration

    try:
        if ledger.observe(taken, here, [as_batch(last)], objective(as_batch(last))[0])[0]:
            # no tolerance of its own: the ledger stops it
            options = {"maxiter": ledger.steps, "maxfun": 50 * ledger.steps, "ftol": 0, "gtol": 0}
            scipy.optimize.minimize(
                function, begin, method="L-BFGS-B", jac=True, callback=after, options=options
            )
            if ledger.status[here[0]] == Status.RUNNING:
                ledger.stop(here, [as_batch(last)], np.array([Status.STALLED]))
    except KeyboardInterrupt:
        ledger.interrupt(here, [as_batch(last)])
        raise
