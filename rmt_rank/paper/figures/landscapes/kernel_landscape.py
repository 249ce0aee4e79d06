"""Figure 12: the rank of the Gram matrix on a plane, ReLU networks of two layers and of four."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from rmt_rank.paper.experiments.landscapes.kernel_landscape import DEEP, SHALLOW
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.landscapes.landscape import maps_and_volumes

__all__ = ["FIGURE"]


# Heights of the lines' labels, where neither meets the other line.
_HEIGHTS = (0.3, 0.85)


def _draw(dataset: Any, axes: AxesArray) -> None:
    features, reaches = dataset.features.values.tolist(), dataset.reach.values.tolist()
    cases = list(itertools.product(features, reaches))
    parts = [dataset.sel(features=each, reach=reach) for each, reach in cases]
    maps_and_volumes(axes, parts, (SHALLOW, DEEP), [f"{each}\n" for each, _ in cases])
    for line, height in zip(axes[0, -1].get_lines(), _HEIGHTS, strict=False):
        x, y = line.get_data()
        at = float(x[int(np.argmax(y >= height))])
        axes[0, -1].annotate(
            str(line.get_label()),
            (at, height),
            (-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7,
        )


FIGURE = PaperFigure(
    name="kernel-landscape",
    title="Rank of the Gram matrix on a random plane; right: shares of many planes",
    aliases=("fig12", "captions:fig15"),
    experiment="kernel-landscape",
    draw=_draw,
    caption="Left: effective rank of the Gram matrix of {inputs} inputs, of ReLU networks of width "
    "{width}, on one random plane; Gram matrix of the {features}, reaches {reaches}. The "
    "bold iso-line is that of the origin, the dot. Right: the share of the plane whose rank"
    " is below a threshold, counted from the rank of two layers at the origin: mean over "
    "{planes} planes; bands are quartiles.",
    panels=lambda dataset: (dataset.features.size * dataset.reach.size, 3),
    row_height=1.85,
    extra_height=0.7,
)
