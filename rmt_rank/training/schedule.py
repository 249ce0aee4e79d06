"""The steps at which networks are recorded during training."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Iterable, Set

import numpy as np

from rmt_rank._lib.validation import LARGEST_INTEGER, integer, integers, require_memory

__all__ = ["recording_schedule", "scheduled", "wanted_steps"]

_MOST_RECORDS = 10**6


def recording_schedule(steps: int, count: int = 50) -> tuple[int, ...]:
    """About `count` steps from 0 to `steps`, denser at the beginning; both at most 2^53."""
    steps = integer("steps", steps, at_least=0, at_most=LARGEST_INTEGER)
    count = min(integer("count", count, at_least=0, at_most=LARGEST_INTEGER), steps + 1)
    require_memory("count", 64.0 * count)
    if count <= 1 or steps == 0:
        return (0,)
    chosen = np.r_[0, np.geomspace(steps, 1, count - 1)].round().astype(int)
    return tuple(np.unique(chosen).tolist())


def wanted_steps(record: int | Iterable[int]) -> int | list[int]:
    """Check and return a number of steps, or a sorted list of steps."""
    if isinstance(record, numbers.Number | str | bytes) or not hasattr(record, "__iter__"):
        return integer("record", record, at_least=1, at_most=LARGEST_INTEGER)
    if not hasattr(record, "__len__"):
        record = list(itertools.islice(record, _MOST_RECORDS + 1))
    if isinstance(record, Set):
        record = list(record)
    steps = set(integers("record", record, at_least=0, at_most=LARGEST_INTEGER))
    if len(steps) > _MOST_RECORDS:
        raise ValueError(f"record must be at most {_MOST_RECORDS} steps, got more")
    return sorted(steps)


def scheduled(wanted: int | list[int], first: int, last: int) -> tuple[int, ...]:
    """Return the recorded steps of a run from a first to a last step."""
    if isinstance(wanted, list):
        return tuple(step for step in wanted if first <= step <= last)
    return tuple(first + step for step in recording_schedule(last - first, wanted))
