"""Densities as ridges: a row for each depth, with one density above its line and one below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rmt_rank.paper.figures.density import best_window, density_grid, smoothed_density
from rmt_rank.paper.figures.style import ink

__all__ = ["ROOM", "curve", "ridge", "ridge_axis"]

Array = npt.NDArray[np.float64]

# Share of the space between rows that a density may take.
ROOM = 0.46


def curve(samples: npt.ArrayLike) -> tuple[Array, Array]:
    """Grid and density by the paper's method; what is smeared below 0 is folded back.

    Parameters
    ----------
    samples : array_like
        Ranks, which are not negative.  Where all are the same there is no curve: both are empty.
    """
    x = np.ravel(np.asarray(samples, dtype=np.float64))
    x = x[np.isfinite(x)]
    if np.unique(x).size < 2:
        return np.empty(0), np.empty(0)
    grid = density_grid(x)
    low = grid[0] < 0
    if low:
        grid = np.linspace(-grid[-1], grid[-1], 2 * grid.size - 1)
    density = smoothed_density(x, grid, best_window(x, grid))
    if low:
        middle = grid.size // 2
        grid, density = grid[middle:], density[middle:] + density[middle::-1]
    return grid, density


def ridge(
    axes: Axes,
    place: float,
    above: tuple[Array, Array],
    below: tuple[Array, Array],
    looks: Sequence[dict[str, Any]],
) -> None:
    """Draw two densities back to back, on one scale: the larger peak takes the row's height.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    place : float
        Height of the line between them.
    above, below : tuple of ndarray
        From `curve`.
    looks : sequence of dict, length 2
        Looks of the areas above and below.
    """
    top = max((float(y.max()) for _, y in (above, below) if y.size), default=1.0)
    for (x, y), sign, look in zip((above, below), (1, -1), looks, strict=True):
        if x.size:
            axes.fill_between(x, place, place + sign * ROOM * y / top, **{"linewidth": 0.5} | look)


def ridge_axis(axes: Axes, depths: Sequence[int]) -> None:
    """An axis with a row for each depth, the first on top, and a thin line through each row."""
    places = [-float(place) for place in range(len(depths))]
    axes.set_yticks(places, [str(depth) for depth in depths])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(places[-1] - 0.6, 0.6)
    for place in places:
        axes.axhline(place, color=ink(), linewidth=0.4, zorder=0.5)
