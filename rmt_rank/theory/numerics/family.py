"""Laws that differ in one shape, which a fit finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Family"]

Array = npt.NDArray[np.float64]


class _Law(Protocol):
    def support(self) -> tuple[float, float]: ...
    def logpdf(self, x: Any) -> Any: ...
    def cdf(self, x: Any) -> Any: ...
    def sf(self, x: Any) -> Any: ...
    def moment(self, order: float) -> float: ...


class Family(NamedTuple):
    """Laws of singular values with one shape.

    Attributes
    ----------
    shape : str
        Name of the shape.
    law : callable
        The law of a shape; ValueError or ArithmeticError where there is none.
    limits : tuple of float
        Smallest and largest shape.
    start : callable
        An estimate of the shape from data.
    wider : callable
        A shape whose law has a wider support.
    """

    shape: str
    law: Callable[[float], _Law]
    limits: tuple[float, float]
    start: Callable[[Array], float]
    wider: Callable[[float], float]
