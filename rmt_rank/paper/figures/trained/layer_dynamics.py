"""Figure 11 of the list of captions: singular values of each layer over training."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import legend_below
from rmt_rank.paper.figures.trained.dynamics import (
    colours,
    rate_steps,
    spectrum_keys,
    subtitle,
    title,
)

__all__ = ["FIGURE", "draw"]


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a row for each layer; for each network singular values, and these over the largest.

    The first initialisation, learning rate and repeat are shown.
    """
    shown = dataset.isel(initialisation=0, learning_rate=0, repeat=0)
    expansions = dataset.expansion.values.tolist()
    for row, layer in zip(axes, dataset.layer.values.tolist(), strict=True):
        for place, expansion in enumerate(expansions):
            part = shown.sel(layer=layer, expansion=expansion)
            raw, scaled = row[2 * place : 2 * place + 2]
            values = part.layer_values.values.astype(np.float64)
            values = values[:, ~np.isnan(values).all(axis=0)]
            _curves(raw, part, values)
            _curves(scaled, part, values / values[:, :1])
            scaled.set_ylim(0, 1.05)
            raw.set_ylim(bottom=0)
        row[0].set_ylabel(f"layer {layer}\nσ$_i$")
    for place, expansion in enumerate(expansions):
        start = str(shown.initialisation.values)
        axes[0, 2 * place].set_title(title(expansion, start).partition(",")[0])
        axes[0, 2 * place + 1].set_title("σ$_i$ / σ$_1$")
    for panel in axes[-1]:
        panel.set_xlabel("epoch")
        panel.set_xlim(0, int(dataset.epoch[-1]))
    legend_below(axes[0, 0], spectrum_keys(), 3)
    subtitle(axes[0, 0], dataset)


def _curves(axes: Axes, part: Any, values: Any) -> None:
    for curve, colour in zip(values.T, colours(values.shape[1]), strict=True):
        axes.plot(part.epoch.values, curve, color=colour, linewidth=0.8)
    rate_steps(axes, part.epoch.values)


FIGURE = PaperFigure(
    name="layer-dynamics",
    title="Singular values of each layer's weight over training, plain and over-parameterized",
    aliases=("captions:fig11",),
    experiment="dynamics",
    draw=draw,
    caption="Singular values of each weight, {kept} kept of each, on {data}; one of {repeats} "
    "networks. Left of each pair as they are, right over the largest.",
    panels=lambda dataset: (dataset.layer.size, 2 * dataset.expansion.size),
    row_height=1.3,
    extra_height=0.75,
    sharex="all",
)
