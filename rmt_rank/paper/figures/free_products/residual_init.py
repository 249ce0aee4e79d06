"""Effective rank over depth before training, plain and residual: lines are theory."""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import depth_axis, key, legend_below
from rmt_rank.paper.figures.style import ground, ink, markers

__all__ = ["FIGURE", "draw"]

_NAMES = {
    "plain": "plain",
    "residual-unit": "residual, branches of variance 1",
    "residual-third": "residual, 1/3",
    "residual-small": "residual, 1/depth",
}
# Octaves of depth from a network's points to the next one's, where they would hide each other.
_SHIFT = 0.2
_LINES = ("-", "--", "-.", ":")


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw the rank less log N, and simulation less theory."""
    rank, misfit = axes.flat
    real = dataset.sel(field="real")
    shapes = markers(dataset.width.size)
    shifts = 2 ** (_SHIFT * (np.arange(dataset.network.size) - (dataset.network.size - 1) / 2))
    for i, name in enumerate(dataset.network.values.tolist()):
        part = real.sel(network=name)
        limit = part.limit.isel(width=0) - np.log(part.width[0])
        rank.plot(part.depth, limit, color=f"C{i}", linestyle=_LINES[i])
        for marker, n in zip(shapes, part.width.values, strict=True):
            here = part.sel(width=n)
            look: dict[str, Any] = {
                "color": f"C{i}",
                "marker": marker,
                "linestyle": "",
                "markersize": 4.5,
                "markerfacecolor": ground(),
            }
            rank.plot(here.depth, here.mean_rank - np.log(n), **look)
            misfit.errorbar(
                here.depth * shifts[i],
                n * here.misfit,
                yerr=2 * n * here.standard_error,
                linewidth=1,
                **look,
            )
    misfit.axhline(0, color=ink(), linewidth=1, zorder=0)
    for panel in (rank, misfit):
        depth_axis(panel, dataset.depth.values.tolist())
    rank.set_title("Before training, real entries")
    rank.set_ylabel("effective rank − log N, nats")
    misfit.set_title("Misfit (bars: 2 s.e.; shifted sideways)")
    misfit.set_ylabel("N × (simulation − theory), nats")
    legend_below(
        rank,
        [
            *(
                key(f"{_NAMES[name]}: theory", color=f"C{i}", linestyle=_LINES[i])
                for i, name in enumerate(dataset.network.values.tolist())
            ),
            *(
                key(f"N = {n}", marker=marker, linestyle="", markerfacecolor=ground())
                for marker, n in zip(shapes, dataset.width.values, strict=True)
            ),
        ],
        3,
    )


FIGURE = PaperFigure(
    name="residual-init",
    title="Rank of plain and residual networks before training, theory and simulation",
    aliases=(),
    experiment="residual-init",
    draw=draw,
    panels=lambda _dataset: (1, 2),
    panel_size=(4.2, 3.7),
)
