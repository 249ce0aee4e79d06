"""Arguments, starts and checks for the fits of laws with one shape by SciPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.validation import real, real_array

__all__ = ["by_likelihood", "fit_arguments", "require_density", "start"]

Array = npt.NDArray[np.float64]

# Number of steps to wider laws before the search starts.
_WIDENED = 40


def fit_arguments(
    shape: str, data: Any, args: tuple[Any, ...], kwds: dict[str, Any]
) -> tuple[Any, tuple[float, ...]]:
    """Check the arguments of a fit with one shape; `kwds` become floats in place.

    Values at floc are left out with a warning if the likelihood is maximised, among censored data
    too.
    """
    fixed = {"f0", f"f{shape}", f"fix_{shape}", "fscale"}
    for name, value in kwds.items():
        if name in fixed | {shape, "scale"}:
            kwds[name] = real(name, value, above=0)
        elif name in ("floc", "loc"):
            kwds[name] = real(name, value)
    args = tuple(real(shape, value, above=0) for value in args)
    censored = None
    if isinstance(data, scipy.stats.CensoredData):
        if len(data) == 0:
            raise ValueError("data must not be empty, got CensoredData of no values")
        censored, data = (
            (data, data._uncensored) if data.num_censored() else (None, data._uncensor())
        )
    values = data if censored is not None else real_array("data", data).ravel()
    if by_likelihood(kwds) and "floc" in kwds:
        values = _above(values, kwds["floc"], censored)
    if censored is not None:
        parts = {"left": censored._left, "right": censored._right, "interval": censored._interval}
        return scipy.stats.CensoredData(values, **parts), args
    if not fixed & kwds.keys() and np.all(values == values[0]):
        raise ValueError(
            f"data must hold two different values, or {shape} or scale must be fixed, got "
            f"{values.size} times {float(values[0])!r}"
        )
    return values, args


def by_likelihood(kwds: dict[str, Any]) -> bool:
    """Return whether a fit maximises the likelihood."""
    return str(kwds.get("method", "mle")).lower() == "mle"


def _above(values: Array, loc: float, censored: Any) -> Array:
    """Values above loc; values at loc are left out with a warning, values below are refused."""
    if (below := values[values < loc]).size:
        raise ValueError(f"data must be >= floc = {loc!r}, got {float(below[0])!r}")
    if censored is not None:
        bounds = np.concatenate([censored._left, censored._interval[:, 1]])
        if (below := bounds[bounds <= loc]).size:
            raise ValueError(
                f"data must have upper bounds above floc = {loc!r} where they are censored, got "
                f"{float(below[0])!r}"
            )
    kept = values[values > loc]
    if kept.size == 0 and censored is None:
        raise ValueError(f"data must hold values above floc = {loc!r}, got none of {values.size}")
    if kept.size < values.size:
        warnings.warn(
            f"{values.size - kept.size} of {values.size} data are exactly {loc:g}, where the "
            "density may be infinite: they are left out of the fit",
            UserWarning,
            stacklevel=4,
        )
    return kept


def start(
    law: Callable[[float], Any],
    first: Callable[[Array], float],
    wider: Callable[[float], float],
    data: Any,
    shape: float | None,
    kwds: dict[str, Any],
) -> tuple[float, float]:
    """A shape and a scale at which all data are inside the support, if there are any.

    SciPy's search does not find its way where the likelihood is 0.  `law` returns the law of a
    shape, with ValueError or ArithmeticError where there is none, `first` estimates a shape from
    data, and `wider` returns a shape whose law has a wider support.
    """
    if isinstance(data, scipy.stats.CensoredData):
        data = data._uncensor()  # with the ends of those that are censored
    values, scale = data[data > kwds["floc"]] - kwds["floc"], kwds.get("fscale")
    least, most = (float(values.min()), float(values.max())) if values.size else (1.0, 1.0)
    mean = float(np.mean(values / most)) * most if values.size else 1.0
    begin = at = first(values) if shape is None else shape
    for step in range(_WIDENED):
        try:
            here = law(at)
        except (ValueError, ArithmeticError):
            break
        low, high = here.support()
        bottom, top = most / high, least / low if low > 0 else np.inf
        unit = mean / here.moment(1) if scale is None else scale
        if scale is None and bottom < top:
            unit = min(max(unit, 1.001 * bottom), max(0.999 * top, (bottom * top) ** 0.5))
        if bottom < unit < top:
            return at, unit
        for _ in range(1 + step // 4):
            at = wider(at)
    return begin, mean if scale is None else scale


def require_density(law: Any, data: Any, found: tuple[float, ...]) -> None:
    """Raise ValueError if the likelihood is 0 at the parameters where its maximisation ended."""
    values = data._uncensored if isinstance(data, scipy.stats.CensoredData) else data
    outside = values[np.isneginf(law.logpdf(values, *found))]
    if outside.size:
        shape, loc, scale = (float(each) for each in found)
        raise ValueError(
            f"data must be possible for a law that the search finds, got {float(outside[0])!r}, "
            f"which is not at its last {law.shapes} = {shape:g}, loc = {loc:g} and "
            f"scale = {scale:g}: let more parameters vary, or start it elsewhere"
        )
