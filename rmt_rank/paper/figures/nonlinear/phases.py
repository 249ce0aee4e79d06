"""The phase diagram: correlation of two inputs over depth, by weight variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import activation_name

__all__ = ["FIGURE", "draw"]

# Iso-lines of the correlation, white on dark colours and black on light ones.
_LEVELS = (0.01, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 0.99)
_LIGHT = 0.65
# Where they are labelled, as the logarithm of the variance: far from where they crowd.
_LABELS = 1.5


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel per activation: correlation over weight variance and depth, with iso-lines.

    Left of the dashed lines, layers become linear and correlations stay constant.
    """
    names = dataset.activation.values.tolist()
    variances, depths = dataset.weight_variance.values, dataset.depth.values
    for panel, name in zip(axes.flat, names, strict=True):
        part = dataset.sel(activation=name)
        correlation = part.correlation.transpose("depth", "weight_variance").values
        # colours between the depths, too, linear in the logarithm of both
        image = panel.pcolormesh(
            np.log2(variances),
            np.log2(depths),
            correlation,
            vmin=0,
            vmax=1,
            shading="gouraud",
            rasterized=True,
        )
        shown = [each for each in _LEVELS if correlation.min() < each < correlation.max()]
        if shown:
            lines = panel.contour(
                np.log2(variances),
                np.log2(depths),
                correlation,
                levels=shown,
                colors=["k" if each > _LIGHT else "w" for each in shown],
                linewidths=0.6,
            )
            paths = [path.vertices for path in lines.get_paths()]
            places = [path[np.abs(path[:, 0] - _LABELS).argmin()] for path in paths]
            panel.clabel(lines, fmt="%g", fontsize=6.5, manual=places)
        # between the weight variances where layers become linear and those where they do not
        for i in np.flatnonzero(np.diff(part.frozen.astype(int))):
            panel.axvline(
                np.log2(variances[i] * variances[i + 1]) / 2,
                color="w",
                linestyle="--",
                linewidth=1.2,
            )
        panel.set_title(activation_name(name))
        panel.set_xticks(range(-2, 3), ["¼", "½", "1", "2", "4"])
        panel.set_yticks(np.log2(depths[::2]), [str(depth) for depth in depths[::2]])
    for panel in axes[-1]:
        panel.set_xlabel("weight variance × fan-in")
    for panel in axes[:, 0]:
        panel.set_ylabel("depth")
    bar = axes[0, 0].figure.colorbar(image, ax=axes, aspect=30)
    bar.set_label("correlation of two inputs")


FIGURE = PaperFigure(
    name="phases",
    title="What depth leaves of the rank at infinite width, by activation and weight variance",
    aliases=(),
    experiment="phases",
    draw=draw,
    caption="Correlation of the features of two inputs at infinite width, 0.5 before the first "
    "layer; exact, at depths {depths} and {points} weight variances, colours between them "
    "are linear in both logarithms. Where it tends to 1 the Gram matrix loses its rank. "
    "Left of the dashed lines layers become linear, and the correlation stays.",
    panels=lambda dataset: (2, dataset.activation.size // 2),
    row_height=1.75,
    sharex="all",
    sharey="all",
)
