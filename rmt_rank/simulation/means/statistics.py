"""Statistics that Monte Carlo can estimate: functions of singular values, by name."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_of, to_numpy
from rmt_rank._lib.names import did_you_mean
from rmt_rank._lib.validation import real, real_array, shown
from rmt_rank.metrics import spectrum

__all__ = ["STATISTICS", "Statistic", "statistic"]

Array = npt.NDArray[np.float64]

STATISTICS = ("effective_rank", "log_singular_values", "singular_values", "spectral_measure")


@dataclass(frozen=True)
class Statistic:
    """A function of singular values whose mean is wanted.

    Attributes
    ----------
    name : str
        Name of the statistic.
    function : callable
        From singular values, shape (samples, N), to an array of shape (samples,) or (samples, q).
    log : bool
        Whether it takes logarithms of singular values.
    scale_free : bool
        Whether a common factor of the singular values does not change it.
    span : callable
        From the number of singular values to the length of an interval that contains all values of
        the statistic; nan if none is known.
    """

    name: str
    function: Callable[[Array], Any]
    log: bool = False
    scale_free: bool = False
    span: Callable[[int], float] = lambda _width: math.nan

    def __call__(self, values: Any) -> Any:
        """Evaluate; shape (samples, q), where the values are.

        Raises
        ------
        ValueError
            If the function returns a wrong shape or values that are not finite.  Its own exceptions
            are passed on, with a note that names the statistic.
        """
        try:
            found = self.function(values)
        except Exception as error:  # a user's function may raise anything; it is raised again
            error.add_note(f"in the statistic {self.name!r} of singular values {values.shape}")
            raise
        if not isinstance(values, np.ndarray):
            return self._on_device(values, found)
        if isinstance(found, np.ma.MaskedArray):
            raise ValueError(f"the statistic {self.name!r} must not return a masked array")
        try:
            result = np.asarray(found)
        except Exception as error:  # a ragged list, or __array__ of a user's class
            raise ValueError(
                f"the statistic {self.name!r} must return real numbers, got {shown(found)}"
            ) from error
        if result.dtype.kind not in "biuf":
            raise ValueError(
                f"the statistic {self.name!r} must return real numbers, got {_kind(found, result)}"
            )
        result = result.astype(np.float64, copy=False)
        if result.ndim == 1:
            result = result[:, np.newaxis]
        if result.ndim != 2 or len(result) != len(values) or result.shape[1] == 0:
            raise ValueError(
                f"the statistic {self.name!r} must return the shape ({len(values)},) or "
                f"({len(values)}, q), got {result.shape}"
            )
        if not np.isfinite(result).all():
            raise ValueError(f"the statistic {self.name!r} is not finite for every matrix")
        return result

    def _on_device(self, values: Any, found: Any) -> Any:
        """Check the result for an array that is not NumPy's, and return it in its library."""
        xp = namespace_of(values)
        result = xp.astype(xp.asarray(found), xp.float64)
        if result.ndim == 1:
            result = result[:, None]
        if result.ndim != 2 or result.shape[0] != values.shape[0] or result.shape[1] == 0:
            raise ValueError(
                f"the statistic {self.name!r} must return the shape ({len(values)},) or "
                f"({len(values)}, q), got {tuple(result.shape)}"
            )
        if not bool(xp.all(xp.isfinite(result))):
            raise ValueError(f"the statistic {self.name!r} is not finite for every matrix")
        return result


def statistic(
    which: str | Callable[[Array], Any],
    *,
    power: float = 1,
    order: float = 1,
    bins: Sequence[float] | Array | None = None,
) -> Statistic:
    """Return a statistic by name, or of a function.

    Parameters
    ----------
    which : str or callable
        "effective_rank" (with power and order, in nats), "singular_values", "log_singular_values",
        "spectral_measure" (the share of singular values in each bin), or a function of singular
        values, shape (samples, N) in descending order, that returns (samples,) or (samples, q).
    power, order : float
        See `rmt_rank.effective_rank`.
    bins : sequence of float, optional
        Edges of the bins, increasing.

    Returns
    -------
    Statistic

    Raises
    ------
    TypeError, ValueError
        If the name is unknown, or an option is missing or out of its range.
    """
    used = {"effective_rank": ("power", "order"), "spectral_measure": ("bins",)}
    given = {"power": _is_not_1(power), "order": _is_not_1(order), "bins": bins is not None}
    name = which if isinstance(which, str) else ""
    for option, present in given.items():
        if present and (name in STATISTICS or callable(which)) and option not in used.get(name, ()):
            raise ValueError(f"{option} is not an option of the statistic {shown(which)}")
    if not isinstance(which, str) and callable(which) and not isinstance(which, type):
        return Statistic(str(getattr(which, "__name__", "user")), which)
    if name not in STATISTICS:
        listed = ", ".join(map(repr, STATISTICS))
        hint = did_you_mean(name, STATISTICS)
        raise ValueError(f"statistic must be callable or one of {listed}, got {shown(which)}{hint}")
    if name == "effective_rank":
        power = real("power", power, at_least=sys.float_info.min)
        order = real("order", order, at_least=0, finite=False)
        return Statistic(
            name,
            lambda values: spectrum.effective_rank(values, power=power, order=order),
            scale_free=True,
            span=math.log,
        )
    if name == "spectral_measure":
        if bins is None:
            raise ValueError("spectral_measure needs bins, the edges of the bins")
        edges = real_array("bins", bins)
        if edges.ndim != 1 or edges.size < 2 or np.any(np.diff(edges) <= 0):
            raise ValueError(f"bins must be at least 2 increasing edges, got {shown(bins)}")
        return Statistic(
            name, lambda values: _shares(to_numpy(values), edges), span=lambda _width: 1.0
        )
    return Statistic(name, lambda values: values, log=name == "log_singular_values")


def _is_not_1(option: object) -> bool:
    """Return whether an option differs from its default 1; arrays and other types always do."""
    return not (isinstance(option, int | float | np.number) and option == 1)


def _kind(found: object, result: npt.NDArray[Any]) -> str:
    """Describe the result of a function, for messages."""
    return shown(found) if result.dtype.kind in "OUS" else str(result.dtype)


def _shares(values: Array, edges: Array) -> Array:
    """Per matrix, the share of values in each bin; the last one holds its right edge, too."""
    samples, width = values.shape
    place = np.searchsorted(edges, values, side="right")
    place[values == edges[-1]] = edges.size - 1
    place += (edges.size + 1) * np.arange(samples)[:, np.newaxis]
    counts = np.bincount(place.ravel(), minlength=samples * (edges.size + 1))
    shares: Array = counts.reshape(samples, edges.size + 1)[:, 1:-1] / width
    return shares
