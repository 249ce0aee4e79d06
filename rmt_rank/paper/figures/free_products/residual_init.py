"""Effective rank over depth before training, plain and residual: lines are theory."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import depth_axis, key, legend_below
from rmt_rank.paper.figures.style import ground, ink, markers

__all__ = ["FIGURE", "draw"]

_NAMES = {
    "plain": "plain",
    "residual-unit": "residual, 1",
    "residual-third": "residual, 1/3",
    "residual-small": "residual, 1/depth",
}
# Octaves of depth from a network's points to the next one's, where they would hide each other.
_SHIFT = 0.2
# Factor by which the axis is longer than the lines.
_ROOM = 7
# Deepest networks over their width whose misfit is drawn: beyond, theory is not meant to hold.
_DEEPEST = 1 / 4


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw the rank less log N, and simulation less theory."""
    rank, misfit = axes.flat
    real = dataset.sel(field="real")
    shapes = markers(dataset.width.size)
    shifts = 2 ** (_SHIFT * (np.arange(dataset.network.size) - (dataset.network.size - 1) / 2))
    for i, name in enumerate(dataset.network.values.tolist()):
        part = real.sel(network=name)
        limit = part.limit.isel(width=0) - np.log(part.width[0])
        rank.plot(part.depth, limit, color=f"C{i}")
        _label(rank, name, part.depth.values, limit.values)
        for marker, n in zip(shapes, part.width.values, strict=True):
            here = part.sel(width=n)
            look: dict[str, Any] = {
                "color": f"C{i}",
                "marker": marker,
                "linestyle": "",
                "markersize": 3.5,
                "markerfacecolor": ground(),
                "markeredgewidth": 0.8,
            }
            rank.plot(here.depth, here.mean_rank - np.log(n), **look)
            here = here.where(here.depth <= _DEEPEST * n, drop=True)
            misfit.errorbar(
                here.depth * shifts[i],
                here.misfit,
                yerr=2 * here.standard_error,
                elinewidth=0.8,
                **look,
            )
    misfit.axhline(0, color=ink(), linewidth=0.8, zorder=0)
    for panel in (rank, misfit):
        depth_axis(panel, dataset.depth.values.tolist())
    # room for the names
    rank.set_xlim(right=float(dataset.depth[-1]) * _ROOM)
    rank.set_ylabel("effective rank − log N (nats)")
    misfit.set_ylabel("simulation − theory (nats)")
    look = {"linestyle": "", "markersize": 3.5, "markerfacecolor": ground()}
    legend_below(
        rank,
        [
            *(
                key(f"simulation, N = {n}", marker=marker, **look)
                for marker, n in zip(shapes, dataset.width.values, strict=True)
            ),
            key("theory, N infinite"),
        ],
        4,
    )


def _label(axes: Axes, name: str, depths: Any, limit: Any) -> None:
    """Name of a network right of its line."""
    axes.annotate(
        _NAMES[name],
        (depths[-1], limit[-1]),
        (5, 0),
        textcoords="offset points",
        va="center",
        fontsize=7,
    )


FIGURE = PaperFigure(
    name="residual-init",
    title="Rank of plain and residual networks before training, theory and simulation",
    aliases=(),
    experiment="residual-init",
    draw=draw,
    caption="Mean effective rank before training of plain and residual networks of width N, the "
    "residual ones named by the variance of their branches; real entries, {samples} networks (of "
    "width). Right: depths up to N/4, where theory is meant to hold, the networks side by side; "
    "bars are 2 standard errors.",
    panels=lambda _dataset: (1, 2),
    row_height=2.5,
    extra_height=0.3,
)
