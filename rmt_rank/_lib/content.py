"""Equality and hashes of dataclasses that hold arrays."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

__all__ = ["ByContent"]


class ByContent:
    """Base of dataclasses (with eq=False) that are equal if all fields are, arrays included.

    nan equals nan, so that every object equals its copy.
    """

    def __eq__(self, other: object) -> bool:
        """Return whether another object is of the same class and has equal content."""
        if type(other) is not type(self):
            return NotImplemented
        return all(
            _same(getattr(self, name), getattr(other, name)) for name in _compared(type(self))
        )

    def __hash__(self) -> int:
        """Hash of the fields that are neither arrays nor floats."""
        values = (getattr(self, name) for name in _compared(type(self)))
        return hash(tuple(each for each in values if isinstance(each, str | int | tuple)))


def _compared(kind: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(kind) if field.compare]


def _same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, float | np.ndarray):
        text = isinstance(mine, np.ndarray) and mine.dtype.kind == "U"
        return np.array_equal(mine, theirs, equal_nan=not text)
    return type(mine) is type(theirs) and bool(mine == theirs)
