"""Optimizers, one per file; each has the method `run(objective, ledger)`.

An optimizer moves the networks of a ledger until the ledger has stopped them all.  It looks at
losses and gradients through the objective alone, and tells the ledger of what it did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rmt_rank.training.optimizers.adam import Adam
from rmt_rank.training.optimizers.cma_es import CMAES
from rmt_rank.training.optimizers.gradient_descent import GradientDescent
from rmt_rank.training.optimizers.lbfgs import LBFGS
from rmt_rank.training.optimizers.momentum import Momentum
from rmt_rank.training.optimizers.nesterov import Nesterov
from rmt_rank.training.optimizers.random_search import RandomSearch
from rmt_rank.training.optimizers.setup import Setup

__all__ = ["LEARNING_RATES", "OPTIMIZERS"]

OPTIMIZERS: dict[str, Callable[[Setup], Any]] = {
    "gradient_descent": GradientDescent,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
    "lbfgs": LBFGS,
    "cma_es": CMAES,
    "random_search": RandomSearch,
}

# Modest ones, None where there is none; the best depends on depth and data, and is searched for.
LEARNING_RATES: dict[str, float | None] = {
    "gradient_descent": 0.05,
    "momentum": 0.005,
    "nesterov": 0.005,
    "adam": 1e-3,
    "lbfgs": None,
    "cma_es": 0.05,
    "random_search": None,
}
