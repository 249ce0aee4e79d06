"""Shared parts of figures over depth: axis, medians with quartiles, legend below all panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rmt_rank.paper.experiments.judges import ENOUGH
from rmt_rank.paper.figures.style import ground, ink

__all__ = [
    "HOLLOW",
    "Quartiles",
    "activation_name",
    "depth_axis",
    "key",
    "legend_below",
    "plot_medians",
    "points",
    "quartiles",
    "reference_line",
    "swatch",
]

Array = npt.NDArray[Any]

# Meaning of a hollow marker, for legends.
HOLLOW = f"hollow: under {ENOUGH:.0%} of runs"


# Names of activations that are not written as in code.
_ACTIVATIONS = {"identity": "linear", "relu": "ReLU", "gelu": "GELU"}


class Quartiles(NamedTuple):
    """Medians and quartiles of the runs that count, by depth."""

    depths: Array
    low: Array
    middle: Array
    high: Array
    enough: Array  # True where the share of runs that got there is large enough for a verdict


def quartiles(part: Any, name: str, reached: str) -> Quartiles:
    """Quartiles over the repeats, at each depth.

    Parameters
    ----------
    part : xarray.Dataset
        With the dimensions depth and repeat.
    name : str
        Variable of these dimensions; depths without numbers are left out.
    reached : str
        Flag of the runs that got where they should.  The others are left out where at least
        `ENOUGH` of the runs did; elsewhere all are taken.
    """
    part = part.dropna("depth", how="all", subset=[name])
    values = part[name].transpose("repeat", "depth").values.astype(np.float64)
    good = (part[reached] == 1).transpose("repeat", "depth").values
    enough = good.mean(axis=0) >= ENOUGH
    low, middle, high = np.nanquantile(
        np.where(good | ~enough, values, np.nan), (0.25, 0.5, 0.75), axis=0
    )
    return Quartiles(part.depth.values, low, middle, high, enough)


def plot_medians(axes: Axes, part: Any, name: str, reached: str, **look: Any) -> None:
    """A line of medians with a band of quartiles; hollow where too few runs got there.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    part, name, reached
        As for `quartiles`.
    **look
        Properties of the line and its markers; a color is needed.
    """
    found = quartiles(part, name, reached)
    axes.fill_between(
        found.depths, found.low, found.high, color=look["color"], alpha=0.2, linewidth=0
    )
    (line,) = axes.plot(found.depths, found.middle, **look | {"marker": ""})
    points(
        axes,
        found.depths,
        found.middle,
        found.enough,
        color=look["color"],
        marker=look.get("marker", "o"),
        zorder=line.get_zorder() + 0.1,
    )


def points(axes: Axes, x: Array, y: Array, full: Array, **look: Any) -> None:
    """Markers, full or hollow.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    x, y : ndarray, shape (k,)
    full : ndarray of bool, shape (k,)
    **look
        Color and marker among others.
    """
    small: dict[str, Any] = {"linestyle": "", "markersize": 4, "markeredgewidth": 0.9}
    for chosen, face in ((full, look["color"]), (~full, ground())):
        if chosen.any():
            axes.plot(x[chosen], y[chosen], markerfacecolor=face, **small | look)


def activation_name(name: str) -> str:
    """Name of an activation for titles."""
    return _ACTIVATIONS.get(name, name)


def depth_axis(axes: Axes, depths: Sequence[int], label: str = "depth") -> None:
    """An axis of logarithms with the depths themselves as ticks."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(depths, [f"{depth:g}" for depth in depths])
    axes.minorticks_off()
    axes.set_xlim(depths[0] / 2**0.4, depths[-1] * 2**0.4)
    axes.set_xlabel(label)


def reference_line(axes: Axes, value: Any, *, across: bool = True, **look: Any) -> None:
    """A line at the median of the numbers that are not nan."""
    draw = axes.axhline if across else axes.axvline
    thin: dict[str, Any] = {"color": ink(), "linewidth": 1, "zorder": 1}
    draw(float(np.nanmedian(value)), **thin | look)


def key(label: str, **look: Any) -> Line2D:
    """A legend's entry for a line or marker."""
    return Line2D([], [], label=label, **{"color": ink()} | look)


def swatch(label: str, **look: Any) -> Patch:
    """A legend's entry for an area."""
    plain: dict[str, Any] = {"facecolor": ink(), "linewidth": 0}
    return Patch(label=label, **plain | look)


def legend_below(axes: Axes, entries: Sequence[Artist], columns: int) -> None:
    """One legend under all panels of the figure that the Axes belong to."""
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.legend(handles=list(entries), loc="outside lower center", ncols=columns)
