"""The phase diagram: correlation of two inputs over depth, by weight variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.style import ink

__all__ = ["FIGURE", "draw"]


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel per activation: correlation over weight variance and depth.

    Left of the dashed lines, layers become linear and correlations stay constant.
    """
    names = dataset.activation.values.tolist()
    variances, depths = dataset.weight_variance.values, dataset.depth.values
    for panel, name in zip(axes.flat, names, strict=True):
        part = dataset.sel(activation=name)
        image = panel.pcolormesh(
            variances,
            depths,
            part.correlation.transpose("depth", "weight_variance"),
            vmin=0,
            vmax=1,
            shading="nearest",
            rasterized=True,
        )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log", base=2)
        # between the weight variances where layers become linear and those where they do not
        for i in np.flatnonzero(np.diff(part.frozen.astype(int))):
            panel.axvline(
                np.sqrt(variances[i] * variances[i + 1]),
                color="white",
                linestyle="--",
                linewidth=1.4,
            )
        panel.set_title(name)
    for panel in axes[-1]:
        panel.set_xlabel("weight variance × fan-in")
    for panel in axes[:, 0]:
        panel.set_ylabel("depth")
    bar = axes[0, 0].get_figure().colorbar(image, ax=axes)
    bar.set_label("correlation of two inputs, 0.5 before the first layer", color=ink())


FIGURE = PaperFigure(
    name="phases",
    title="What depth leaves of the rank at infinite width, by activation and weight variance",
    aliases=(),
    experiment="phases",
    draw=draw,
    panels=lambda dataset: (2, dataset.activation.size // 2),
    panel_size=(2.6, 2.3),
    sharex="all",
    sharey="all",
)
