"""Check the content of a training result's file: settings, arrays and states that a run can have.

Functions raise ValueError or TypeError if something is missing, has a wrong shape or type, or is
out of its range; the caller that reads the file adds its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.archive import check
from rmt_rank._lib.validation import choice, integer, real
from rmt_rank.networks.initialisation import INITIALISATIONS
from rmt_rank.networks.network import Network
from rmt_rank.training.ledger import Status
from rmt_rank.training.optimizers import OPTIMIZERS

__all__ = ["checked_arrays", "checked_settings", "checked_state"]

Array = npt.NDArray[Any]
Arrays = dict[str, tuple[tuple[str, ...], Array]]

_BATCH = ("learning_rate", "seed")
_NEEDED = {*_BATCH, "step", "threshold", "status", "taken", "initial_loss", "initial_parameters"}
_NEEDED |= {"final_loss"}
_INTEGERS = {"seed", "step", "status", "taken"}
# Endings of arrays without negative entries: sums, quotients and counts of values >= 0.
_FROM_ZERO = (
    *("_values", "stable_rank", "participation_ratio", "nuclear_norm", "condition_number"),
    *("threshold", "threshold_rank"),
)
# Index, in an optimizer's memory, of the array without negative entries.
_NOT_NEGATIVE = {"adam": 2, "cma_es": 2}
# Settings, and a test of each value.
_SETTINGS: dict[str, Callable[[Any], object]] = {
    "optimizer": lambda value: choice("optimizer", value, tuple(OPTIMIZERS)),
    "steps": lambda value: integer("steps", value, at_least=0),
    "tolerance": lambda value: real("tolerance", value, at_least=0),
    "divergence": lambda value: real("divergence", value, above=1),
    "scale": lambda value: real("scale", value, at_least=0),
    "dtype": lambda value: choice("dtype", value, ("float64", "float32")),
    "as_depth": lambda value: value is None or integer("as_depth", value, at_least=1),
    "initialisation": lambda value: choice("initialisation", value, tuple(INITIALISATIONS)),
    "problem": lambda value: [real("problem", value[i]) for i in (0, 1)],
}


def checked_settings(settings: Any, network: Network) -> dict[str, Any]:
    """Check the settings of a run of a network."""
    if not isinstance(settings, dict):
        raise TypeError(f"its settings must be an object, got a {type(settings).__name__}")
    if missing := sorted({*_SETTINGS, "depth"} - settings.keys()):
        raise ValueError(f"its settings have no {', '.join(missing)}")
    for name, allowed in _SETTINGS.items():
        allowed(settings[name])
    if settings["depth"] != network.depth:
        raise ValueError(f"its setting depth must be {network.depth}, got {settings['depth']!r}")
    return settings


def checked_arrays(dimensions: Any, content: Mapping[str, Array], network: Network) -> Arrays:
    """Check the arrays of a run of a network, and the names of their dimensions."""
    if not isinstance(dimensions, dict) or dimensions.keys() != content.keys():
        raise ValueError(f"it names other arrays than it holds: {', '.join(content)}")
    if missing := sorted(_NEEDED - content.keys()):
        raise ValueError(f"it has no {', '.join(missing)}")
    arrays: Arrays = {}
    lengths = {"parameter": network.size}
    for name, array in content.items():
        dims = tuple(dimensions[name])
        first = (name,) if name in (*_BATCH, "step", "threshold") else _BATCH
        if dims[: len(first)] != first or len({*dims}) != array.ndim or len(dims) != array.ndim:
            raise ValueError(f"its {name} has the dimensions {dims} and the shape {array.shape}")
        shape = tuple(lengths.setdefault(*each) for each in zip(dims, array.shape, strict=True))
        least = 0 if name in _INTEGERS or name.endswith(_FROM_ZERO) else -math.inf
        check(name, array, "i" if name in _INTEGERS else "f", shape, at_least=least)
        arrays[name] = dims, array
    shape = lengths["learning_rate"], lengths["seed"]
    for name in ("status", "taken", "initial_loss", "final_loss"):
        check(name, content[name], "if", shape)
    check("status", content["status"], "i", shape, at_most=max(Status))
    started = content["initial_parameters"]
    check("initial_parameters", started, "f", (*shape, network.size), finite=True)
    rates = content["learning_rate"]
    if not (np.isnan(rates).all() or (np.isfinite(rates) & (rates > 0)).all()):
        raise ValueError("its learning_rate must be positive, or nan where there is none")
    check("threshold", content["threshold"], "f", content["threshold"].shape, finite=True)
    if (np.diff(content["step"]) <= 0).any():
        raise ValueError("its step must increase")
    return arrays


def checked_state(
    state: Sequence[Array], status: Array, network: Network, optimizer: str
) -> list[Array]:
    """Check the parameters of networks, and the optimizer's memory."""
    remembered = getattr(OPTIMIZERS[optimizer], "remembers", 0)
    if len(state) not in (1, 1 + remembered):
        raise ValueError(f"its state must have {1 + remembered} arrays, got {len(state)}")
    going = status.ravel() != Status.DIVERGED
    for i, array in enumerate(state):
        check(f"state_{i}", array, "f", (status.size, network.size))
        least = 0 if i == _NOT_NEGATIVE.get(optimizer) else -math.inf
        kept, name = array[going], f"state_{i} of networks that have not diverged"
        # the optimizer's memory may overflow: the square of a gradient does so before the loss
        check(name, kept, "f", kept.shape, finite=i == 0, at_least=least)
        if np.isnan(kept).any():
            raise ValueError(f"its {name} must not be nan")
    return list(state)
