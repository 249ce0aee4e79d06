"""Record of each network of a run: when and why it stopped, and the recorded values."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_of, to_numpy

__all__ = ["Ledger", "Standing", "Status"]

Array = npt.NDArray[Any]


class Status(enum.IntEnum):
    """Why a network stopped."""

    RUNNING = 0
    CONVERGED = 1  # the loss reached the tolerance
    BUDGET = 2  # the number of steps is used up
    DIVERGED = 3  # the loss is not finite, or far above where it began
    STALLED = 4  # the optimizer found no way down


@dataclass
class Ledger:
    """Decide which networks continue, store their final states, and record along the way.

    Parameters
    ----------
    state : list of arrays, shape (B, size)
        Where training starts: the parameters, then what the optimizer remembers.  In the end, the
        same of where each network stopped.
    steps : int
        Budget of each network, in steps of its optimizer.
    tolerance : float
        Loss at which a network has converged.
    divergence : float
        A network has diverged if its loss is above this multiple of its first one.
    schedule : sequence of int
        Steps at which networks are recorded.
    record : callable
        From (parameters (b, size), their places in the batch, place in the schedule).
    progress : callable
        From the number of the step.
    first_step : int, default 0
        Number of the first step, for a run that resumes.
    first : ndarray, shape (B,), optional
        Losses that divergence is measured by, for a run that resumes; the first that are observed.
    """

    state: list[Any]
    steps: int
    tolerance: float
    divergence: float
    schedule: tuple[int, ...]
    record: Callable[[Any, Array, int], None]
    progress: Callable[[int], None] = lambda _step: None
    first_step: int = 0
    first: Array = field(default_factory=lambda: np.empty(0))
    status: Array = field(init=False)
    taken: Array = field(init=False)
    _own: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        count = self.state[0].shape[0]
        self.status = np.full(count, Status.RUNNING)
        self.first = self.first.copy() if self.first.size else np.full(count, np.nan)
        self.taken = np.full(count, self.first_step)
        self._places = {step: i for i, step in enumerate(self.schedule)}

    @property
    def last(self) -> int:
        """Number of the last step of the budget."""
        return self.first_step + self.steps

    def due(self, step: int) -> bool:
        """Return whether something must be recorded at this step, or it is the last."""
        return step in self._places or step >= self.last

    def observe(self, step: int, members: Array, state: Sequence[Any], loss: Any) -> Array:
        """Note the losses of some networks; return a mask of those that continue.

        Parameters
        ----------
        step : int
            Number of steps that they have taken.
        members : ndarray of int, shape (b,)
            Their places in the batch.
        state : sequence of arrays, shape (b, size)
            Their parameters, to which the losses belong, and what the optimizer remembers.
        loss : array, shape (b,)
        """
        loss = to_numpy(loss).astype(np.float64)
        fresh = np.isnan(self.first[members])
        self.first[members[fresh]] = loss[fresh]
        self.taken[members] = step
        if step in self._places:
            self.record(state[0], members, self._places[step])
        status = np.full(len(members), Status.BUDGET if step >= self.last else Status.RUNNING)
        status[loss <= self.tolerance] = Status.CONVERGED
        limit = self.divergence * np.maximum(self.first[members], self.tolerance)
        status[~(np.isfinite(loss) & (loss <= limit))] = Status.DIVERGED
        self.stop(members, state, status)
        self.progress(step)
        running: Array = status == Status.RUNNING
        return running

    def stop(self, members: Array, state: Sequence[Any], status: Array) -> None:
        """Keep the state of those that stopped."""
        stopped = np.flatnonzero(status != Status.RUNNING)
        self.status[members] = status
        if stopped.size == 0:
            return
        if not self._own:
            # the optimizer's arrays may be views, and of one another
            self.state, self._own = [array * 1 for array in self.state], True
        for i, array in enumerate(state):
            if isinstance(array, np.ndarray):
                self.state[i][members[stopped]] = array[stopped]
                continue
            rows = {int(members[j]): array[int(j), ...] for j in stopped}
            all_rows = range(self.state[i].shape[0])
            kept = [rows.get(k, self.state[i][k, ...]) for k in all_rows]
            self.state[i] = namespace_of(array).stack(kept)

    def interrupt(self, members: Array, state: Sequence[Any], step: int | None = None) -> None:
        """Keep the state of networks that are still running: that of a step, if it is given."""
        self.stop(members, state, np.full(len(members), Status.BUDGET))
        self.status[members] = Status.RUNNING
        if step is not None:
            self.taken[members] = step


@dataclass
class Standing:
    """State of all networks of a run, on the host.

    Attributes
    ----------
    state : list of ndarray, shape (B, size)
        Parameters, then what the optimizer remembers.
    status, taken : ndarray of int, shape (B,)
        `Status`, and number of steps.
    first : ndarray, shape (B,)
        First loss, nan before it is known.
    """

    state: list[Array]
    status: Array
    taken: Array
    first: Array

    @classmethod
    def at(cls, parameters: Array) -> Standing:
        """Before the first step."""
        count = len(parameters)
        taken = np.zeros(count, dtype=np.intp)
        return cls([parameters], np.full(count, Status.RUNNING), taken, np.full(count, np.nan))

    def batches(self) -> list[tuple[int, Array]]:
        """Numbers of steps, and the networks that continue from there."""
        running = self.status == Status.RUNNING
        return [
            (int(step), np.flatnonzero(running & (self.taken == step)))
            for step in np.unique(self.taken[running])
        ]

    def update(self, members: Array, ledger: Ledger) -> None:
        """Take over what a ledger says of some networks."""
        self.status[members], self.taken[members] = ledger.status, ledger.taken
        self.first[members] = ledger.first
        for i, array in enumerate(map(to_numpy, ledger.state)):
            if i == len(self.state):
                self.state.append(np.zeros(self.state[0].shape, array.dtype))
            self.state[i] = self.state[i].astype(array.dtype)
            self.state[i][members] = array
