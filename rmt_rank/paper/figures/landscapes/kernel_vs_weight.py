"""Figure 13: a point for each random network, the rank of its kernel over that of its weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_rank.paper.experiments.landscapes.kernel_vs_weight import line
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.style import depth_colours, ink, markers

__all__ = ["FIGURE"]


def _draw(dataset: Any, axes: AxesArray) -> None:
    depths = dataset.depth.values.tolist()
    named = {1, 2, 4, 8, 16}
    for panel, pixels in zip(axes.ravel(), dataset.pixels.values.tolist(), strict=True):
        part = dataset.sel(pixels=pixels)
        styles = zip(depths, depth_colours(len(depths)), markers(len(depths)), strict=True)
        for depth, colour, marker in styles:
            here = part.sel(depth=depth)
            panel.plot(
                here.weight_rank,
                here.gram_rank,
                marker,
                color=colour,
                markersize=2.5,
                markeredgewidth=0,
                alpha=0.7,
                label=f"depth {depth}" if depth in named else None,
                rasterized=True,
            )
        fit = line(part)
        ends = np.array([float(part.weight_rank.min()), float(part.weight_rank.max())])
        panel.plot(
            ends,
            fit.intercept + fit.slope * ends,
            color=ink(),
            label="least squares",
        )
        panel.set_title(
            f"pixels {pixels}\nslope {fit.slope:.3f} ± {fit.slope_error:.3f}, "
            f"$R^2$ = {fit.explained:.2f}"
        )
        panel.set_xlabel("rank of the weight (nats)")
    axes[0, 0].set_ylabel("rank of the linear kernel (nats)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[0, 0].figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), markerscale=2
    )


FIGURE = PaperFigure(
    name="kernel-vs-weight",
    title="Rank of the linear kernel of images against the rank of the weight",
    aliases=("fig13",),
    experiment="kernel-vs-weight",
    draw=_draw,
    caption="A point for each of {networks} random linear networks of width {width} at each depth "
    "{depths}, on {images} images ({data}); slopes ± one standard error.",
    panels=lambda dataset: (1, dataset.pixels.size),
    row_height=2.7,
    extra_height=0.3,
    sharey="row",
)
