"""Rank of Gram matrices over depth before training, by activation: lines are theory."""

from __future__ import annotations

import math
from typing import Any

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import depth_axis, key, legend_below
from rmt_rank.paper.figures.style import depth_colours, ground, markers

__all__ = ["FIGURE", "draw"]

_COLUMNS = 3


def _panels(dataset: Any) -> tuple[int, int]:
    count = dataset.activation.size
    columns = min(_COLUMNS, count)
    return math.ceil(count / columns), columns


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel per activation and a colour per width."""
    widths, names = dataset.width.values.tolist(), dataset.activation.values.tolist()
    colours, shapes = depth_colours(len(widths)), markers(len(widths))
    for panel in axes.flat[len(names) :]:
        panel.set_axis_off()
    for panel, name in zip(axes.flat, names, strict=False):
        for n, colour, marker in zip(widths, colours, shapes, strict=True):
            part = dataset.sel(activation=name, width=n)
            panel.plot(part.depth, part.limit, color=colour)
            panel.plot(part.depth, part.infinite_width, color=colour, linestyle=":")
            panel.errorbar(
                part.depth,
                part.mean_rank,
                yerr=2 * part.standard_error,
                color=colour,
                linestyle="",
                marker=marker,
                markersize=5,
                markerfacecolor=ground(),
            )
        depth_axis(panel, dataset.depth.values.tolist())
        panel.set_title(name)
    for row in axes:
        row[0].set_ylabel("effective rank of K, nats")
    legend_below(
        axes[0, 0],
        [
            *(
                key(f"n = {n}", color=colour, marker=marker, linestyle="", markerfacecolor=ground())
                for n, colour, marker in zip(widths, colours, shapes, strict=True)
            ),
            key("theory, n and q large, q = 8n"),
            key("infinite width, these q inputs", linestyle=":"),
        ],
        3,
    )


FIGURE = PaperFigure(
    name="nonlinear-init",
    title="Rank of Gram matrices of nonlinear networks before training, theory and simulation",
    aliases=(),
    experiment="nonlinear-init",
    draw=draw,
    caption="Mean effective rank of Gram matrices before training, of {samples} networks (of width "
    "n); bars: 2 standard errors, mostly smaller than the marks.",
    panels=_panels,
    row_height=1.85,
    extra_height=0.5,
    sharey="all",
)
