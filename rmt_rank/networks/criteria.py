"""Losses of a network's outputs, in closed form with their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_rank._lib.array import namespace_of
from rmt_rank.networks.problem import ReducedData

__all__ = ["CRITERIA", "check_probabilities", "loss_of_outputs"]

CRITERIA = ("squared", "cross-entropy")


def loss_of_outputs(criterion: str, outputs: Any, data: ReducedData) -> tuple[Any, Any]:
    """The loss, (...), and its gradient in outputs (..., outputs, examples)."""
    xp, q = namespace_of(outputs), data.examples
    if criterion == "squared":
        residual = outputs - data.targets
        return xp.sum(residual * residual, axis=(-2, -1)) / (2 * q), residual / q
    shifted = outputs - xp.max(outputs, axis=-2, keepdims=True)
    exponentials = xp.exp(shifted)
    total = xp.sum(exponentials, axis=-2, keepdims=True)
    losses = data.targets * (xp.log(total) - shifted)
    return xp.sum(losses, axis=(-2, -1)) / q, (exponentials / total - data.targets) / q


def check_probabilities(name: str, targets: Any) -> None:
    """Refuse targets (outputs, examples) that are not distributions over the outputs."""
    off = np.abs(targets.sum(axis=0) - 1)
    # sums of as many numbers, each rounded
    allowed = 4 * len(targets) * np.finfo(np.float64).eps
    if targets.min() < 0 or off.max() > allowed:
        raise ValueError(
            f"{name} must be probabilities that sum to 1 over the outputs (one-hot labels) for the "
            f"cross-entropy, got a row that sums to {float(targets.sum(axis=0)[off.argmax()]):g} "
            f"and the least entry {float(targets.min()):g}"
        )
