"""A checksum of a problem, made of two numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rmt_rank.networks.problem import LeastSquaresProblem

__all__ = ["fingerprint", "is_of"]

# Relative tolerance: far above rounding, because problems differ in the last bits between machines.
_TOLERANCE = 1e-9


def fingerprint(problem: LeastSquaresProblem) -> list[float]:
    """Weighted sums of the inputs and of the targets, with a weight per row and column."""
    return [_mark(problem.inputs), _mark(problem.targets)]


def is_of(problem: LeastSquaresProblem, marks: Sequence[float]) -> bool:
    """Return whether a fingerprint is that of a problem, up to rounding."""
    return all(
        abs(_mark(array) - mark) <= _TOLERANCE * float(np.linalg.norm(array))
        for array, mark in zip((problem.inputs, problem.targets), marks, strict=True)
    )


def _mark(array: npt.NDArray[np.float64]) -> float:
    # for an array without pattern, this is about half its norm
    rows, columns = (np.cos(np.arange(1, count + 1)) for count in array.shape)
    return float(rows @ array @ columns)
