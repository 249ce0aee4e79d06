"""The message about networks that did not converge, and what a caller asks to be done."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from rmt_rank._lib.errors import ConvergenceWarning
from rmt_rank.training.ledger import Status
from rmt_rank.training.optimizers import LEARNING_RATES

__all__ = ["UNCONVERGED", "advice_for", "respond", "unconverged_message"]

Array = npt.NDArray[Any]

# Values of the argument `unconverged`.
UNCONVERGED = ("warn", "raise", "ignore")


def unconverged_message(
    status: Array, tolerance: float, steps: int, advice: Mapping[Status, str], where: str = ""
) -> str | None:
    """Describe networks above the tolerance.

    Parameters
    ----------
    status : ndarray
        `Status` of all networks.
    tolerance, steps
        As in `train`.
    advice : mapping of Status to str
        What can be done about those that used up their steps, diverged or stalled.
    where : str, optional
        Which networks these are.

    Returns
    -------
    str or None
        None if all converged, or there is no goal.
    """
    missed = status[status != Status.CONVERGED]
    if not len(missed) or tolerance == 0 or steps == 0:
        return None
    names = {
        Status.BUDGET: f"{{}} used up {steps} steps",
        Status.DIVERGED: "{} diverged",
        Status.STALLED: "{} stalled",
    }
    counts = {kind: int((missed == kind).sum()) for kind in names}
    reasons = ", ".join(names[kind].format(count) for kind, count in counts.items() if count)
    advised = "; ".join(advice[kind] for kind, count in counts.items() if count)
    return (
        f"{len(missed)} of {status.size} networks{where} did not converge to a loss of "
        f"{tolerance:g} ({reasons}): compare ranks among converged networks only; {advised}"
    )


def respond(message: str | None, unconverged: str, stacklevel: int) -> None:
    """Warn or raise, as `unconverged` says, if there is a message."""
    if message is not None and unconverged == "raise":
        raise RuntimeError(message)
    if message is not None and unconverged == "warn":
        warnings.warn(message, ConvergenceWarning, stacklevel=stacklevel + 1)


def advice_for(optimizer: str) -> dict[Status, str]:
    """Advice for networks that did not converge, by their status."""
    more = "for more steps, resume with train(start=result)"
    smaller = "those that diverged need a smaller "
    if optimizer == "cma_es":
        more += ", or change learning_rate, the initial step"
        smaller += "learning_rate, the initial step"
    elif LEARNING_RATES[optimizer] is None:
        smaller += "scale of the initial weights"
    else:
        more += ", or change learning_rate"
        smaller += "learning_rate"
    return {
        Status.BUDGET: more,
        Status.DIVERGED: smaller,
        Status.STALLED: "those that stalled need other initial weights or another optimizer, or a "
        "larger tolerance",
    }
