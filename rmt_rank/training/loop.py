"""The training loop: an optimizer runs batches of networks, which are recorded along the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.work import progress_bar
from rmt_rank.networks.objective import Objective
from rmt_rank.training.ledger import Ledger, Standing
from rmt_rank.training.recording import History, Observer

__all__ = ["Run", "run_batches"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Run:
    """Arguments of a run that all of its batches share.

    Attributes
    ----------
    objective : Objective
        Network and data.
    observer : Observer
        Computes the recorded numbers from parameters.
    optimizer : str
        Name of the optimizer, for the progress bar.
    steps, tolerance, divergence
        As in `train`.
    schedule : tuple of int
        Steps that are recorded.
    xp, dtype
        Array API namespace, and the type in which networks are trained.
    progress : bool
        Whether to show progress on a terminal.
    """

    objective: Objective
    observer: Observer
    optimizer: str
    steps: int
    tolerance: float
    divergence: float
    schedule: tuple[int, ...]
    xp: ModuleType
    dtype: Any
    progress: bool


def run_batches(
    run: Run, standing: Standing, batches: Sequence[tuple[int, Array]], methods: Sequence[Any]
) -> tuple[dict[str, Array], bool]:
    """Run each batch by its method, and update the state of the networks.

    Parameters
    ----------
    run : Run
        What the batches share.
    standing : Standing
        State of every network; changed in place.
    batches : sequence of (int, ndarray)
        Step at which each batch starts, and its networks.
    methods : sequence
        An optimizer for each batch.

    Returns
    -------
    history : dict of str to ndarray, shape (networks, recorded steps, ...)
        Recorded numbers, nan where a network was not recorded.
    interrupted : bool
        Whether Ctrl-C ended the run; `standing` then holds the state at that moment.
    """
    history = History(run.observer, len(standing.status), len(run.schedule))
    with _bar(run, batches) as tell:
        for (step, members), method in zip(batches, methods, strict=True):
            ledger = Ledger(
                [run.xp.asarray(array[members], dtype=run.dtype) for array in standing.state],
                run.steps,
                run.tolerance,
                run.divergence,
                run.schedule,
                partial(history.note, members),
                tell,
                step,
                standing.first[members],
            )
            interrupted = False
            try:
                with np.errstate(over="ignore", invalid="ignore"):  # the ledger detects divergence
                    method.run(run.objective, ledger)
            except KeyboardInterrupt:
                interrupted = True
            standing.update(members, ledger)
            history.measure()
            if interrupted:
                return history.arrays, True
    return history.arrays, False


@contextmanager
def _bar(run: Run, batches: Sequence[tuple[int, Array]]) -> Iterator[Callable[[int], None]]:
    """Show progress on a terminal; yield a function of the step that updates it."""
    if not (run.progress and batches):
        yield lambda _step: None
        return
    first = batches[0][0]
    with progress_bar(run.optimizer, "steps") as report:
        yield lambda step: report(step - first, run.steps)
