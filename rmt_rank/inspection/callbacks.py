"""Ranks of a model's layers during training, for any loop and for three libraries' callbacks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from rmt_rank._lib.optional import not_installed
from rmt_rank._lib.random import RNG
from rmt_rank._lib.validation import integer, string
from rmt_rank.inspection.inspect import inspect

__all__ = ["RankCallback", "log_ranks"]

Log = Callable[[dict[str, float], int], Any]


def log_ranks(
    module: Any,
    *,
    nulls: Sequence[str] = ("gaussian",),
    prefix: str = "rank/",
    select: Callable[[str], bool] | None = None,
    rng: RNG = 0,
) -> dict[str, float]:
    """Return the ranks of a model's layers, and their deficits, under names for a logger.

    Parameters
    ----------
    module : PyTorch module, Keras model or mapping of arrays
        The model, as it is now.
    nulls : sequence of str, default ("gaussian",)
        Null models, as in `rmt_rank.inspect`.  "gaussian" has formulas and costs nothing.
    prefix : str, default "rank/"
        Beginning of every name.
    select : callable, optional
        Takes the name of a matrix and returns whether to look at it.
    rng : {int, None, SeedSequence, BitGenerator, Generator}, default 0
        Source of randomness of null models that are drawn.

    Returns
    -------
    dict of str to float
        In nats: "rank/NAME/effective_rank" and "rank/NAME/deficit_NULL" for every matrix, and
        "rank/mean_deficit_NULL".

    Raises
    ------
    TypeError, ValueError
        As `rmt_rank.inspect`.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.inspection.callbacks import log_ranks
    >>> found = log_ranks({"a": np.eye(40), "bias": np.ones(40)})
    >>> for name, value in found.items():
    ...     print(name, round(value, 3))
    rank/a/effective_rank 3.689
    rank/a/deficit_gaussian -0.224
    rank/mean_deficit_gaussian -0.224
    """
    start = string("prefix", prefix)
    found: dict[str, float] = {}
    deficits: dict[str, list[float]] = {}
    for row in inspect(_weights(module), nulls=nulls, select=select, rng=rng).rows():
        found[f"{start}{row['name']}/effective_rank"] = row["effective_rank"]
        found[f"{start}{row['name']}/deficit_{row['null']}"] = row["deficit"]
        deficits.setdefault(row["null"], []).append(row["deficit"])
    means = {f"{start}mean_deficit_{key}": sum(each) / len(each) for key, each in deficits.items()}
    return found | means


def _weights(module: Any) -> Any:
    """Return a Keras model's weights as a mapping, and anything else as it is."""
    weights = getattr(module, "weights", None)
    if hasattr(module, "named_parameters") or not isinstance(weights, list):
        return module
    # Keras 3 has a path such as dense/kernel, Keras 2 a unique name
    return {getattr(each, "path", each.name): each.numpy() for each in weights}


class RankCallback:
    """Log the ranks of a model's layers every few epochs or steps.

    Parameters
    ----------
    every : int, default 1
        Interval in epochs (Lightning, Keras) or in calls of the library's logger (Transformers).
    log : callable, optional
        Takes the numbers and the step, in addition to the library's own logger.
    **options
        Those of `log_ranks`.

    Notes
    -----
    A loop of one's own calls the object with a model and a step.  `lightning`, `transformers` and
    `keras` return callbacks of these libraries, which are imported only then.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.inspection.callbacks import RankCallback
    >>> ranks = RankCallback(every=10, log=lambda numbers, step: print(step, sorted(numbers)[0]))
    >>> for step in range(11):
    ...     _ = ranks({"a": np.eye(40)}, step)
    0 rank/a/deficit_gaussian
    10 rank/a/deficit_gaussian
    """

    def __init__(self, *, every: int = 1, log: Log | None = None, **options: Any) -> None:
        if log is not None and not callable(log):
            raise TypeError(f"log must be callable, got {log!r}")
        self.every = integer("every", every, at_least=1)
        self.log, self.options = log, options
        log_ranks({}, **options)  # wrong options end here, and not after the first epoch

    def __call__(self, model: Any, step: int) -> dict[str, float]:
        """Return and log the numbers if the step is a multiple of `every`, else nothing."""
        if step % self.every:
            return {}
        numbers = log_ranks(model, **self.options)
        if self.log is not None:
            self.log(numbers, step)
        return numbers

    def lightning(self) -> Any:
        """Return a callback for PyTorch Lightning, which logs by the module's ``log_dict``.

        Returns
        -------
        lightning.pytorch.Callback
            At the end of every epoch, on the first process.

        Raises
        ------
        ImportError
            If Lightning is not installed.
        """
        ranks = self
        base = _base("lightning.pytorch", "pytorch_lightning", name="Callback")

        def on_train_epoch_end(_self: Any, trainer: Any, pl_module: Any) -> None:
            if trainer.is_global_zero and (found := ranks(pl_module, trainer.current_epoch)):
                pl_module.log_dict(found, rank_zero_only=True)

        return type("LightningRanks", (base,), {"on_train_epoch_end": on_train_epoch_end})()

    def transformers(self) -> Any:
        """Return a callback for the Trainer of Hugging Face's transformers.

        Returns
        -------
        transformers.TrainerCallback
            It adds to what the trainer logs and to its history.  Trackers such as TensorBoard see
            the numbers if they come after it in the list of callbacks.

        Raises
        ------
        ImportError
            If transformers is not installed.
        """
        ranks, calls = self, iter(range(2**62))
        base = _base("transformers", name="TrainerCallback")

        def on_log(
            _self: Any,
            args: Any,
            state: Any,
            control: Any,
            model: Any = None,
            logs: Any = None,
            **others: Any,
        ) -> None:
            if not state.is_world_process_zero or logs is None:
                return
            if found := ranks(model, next(calls)):
                logs.update(found)
                if state.log_history:
                    state.log_history[-1].update(found)

        return type("TransformersRanks", (base,), {"on_log": on_log})()

    def keras(self) -> Any:
        """Return a callback for ``fit`` of Keras.

        Returns
        -------
        keras.callbacks.Callback
            At the end of every epoch; it adds to the logs, so that History and loggers after it
            have the numbers.

        Raises
        ------
        ImportError
            If Keras is not installed.
        """
        ranks = self
        base = _base("keras.callbacks", name="Callback")

        def on_epoch_end(self: Any, epoch: int, logs: Any = None) -> None:
            found = ranks(self.model, epoch)
            if logs is not None:
                logs.update(found)

        return type("KerasRanks", (base,), {"on_epoch_end": on_epoch_end})()


def _base(*modules: str, name: str) -> Any:
    """Return a class of the first of the modules that is installed."""
    for module in modules:
        try:
            return getattr(importlib.import_module(module), name)
        except ImportError:
            continue
    raise ImportError(not_installed("this callback", modules[0]))
