"""Figure 1: densities of the rank of Gram matrices at initialisation, a row for each depth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import activation_name, key, legend_below, swatch
from rmt_rank.paper.figures.ridges import curve, ridge, ridge_axis
from rmt_rank.paper.figures.style import ground, ink

__all__ = ["FIGURE", "draw"]

_COLUMNS = 3

# The end of the axis over the largest rank, with markers of ranks beyond it.
_EDGE = 1.03

# Ranks within this share of the axis would look like one: they have an axis of their own.
_NARROW = 0.05

# Areas of the first law of weights, and of the second.
_LOOKS: tuple[dict[str, Any], ...] = ({"color": "C0"}, {"color": "C5"})


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel for each activation."""
    depths, laws = dataset.depth.values.tolist(), dataset.law.values.tolist()
    names = dataset.activation.values.tolist()
    end = _EDGE * _largest(dataset)
    for panel in axes.flat[len(names) :]:
        panel.set_axis_off()
    for i, (panel, name) in enumerate(zip(axes.flat, names, strict=False)):
        part = dataset.sel(activation=name)
        low, high = (float(q) for q in part["rank"].quantile([0.001, 0.999]))
        narrow = high - low < _NARROW * end
        left, right = (low, high) if narrow else (0.0, end)
        for place, depth in enumerate(depths):
            here = part.sel(depth=depth)
            above, below = (curve(here["rank"].sel(law=law).values) for law in laws)
            ridge(panel, -place, above, below, _LOOKS)
            _theory(panel, -place, here.sel(law=laws[0]), left, right)
        inputs = float(part.input_rank.max())
        panel.axvline(inputs, color=ink(), linewidth=0.8, linestyle="--", zorder=0.6)
        panel.set_title(activation_name(name) + (" (axis enlarged)" if narrow else ""))
        panel.set_xlim(left, right)
        ridge_axis(panel, depths)
        if i + _COLUMNS >= len(names):
            panel.set_xlabel("rank of the Gram matrix (nats)")
    for row in axes:
        row[0].set_ylabel("depth")
    legend_below(
        axes[0, 0],
        [
            swatch(f"{laws[0]} weights (above the line)", facecolor=_LOOKS[0]["color"]),
            swatch(f"{laws[1]} weights (below)", facecolor=_LOOKS[1]["color"]),
            key("the inputs", linestyle="--", linewidth=0.8),
            key("mean in theory, depth ≤ width/10", marker="|", linestyle="", markersize=7),
            key("infinite width", marker="o", linestyle="", markerfacecolor=ground()),
            key("infinite width, beyond the axis", marker=">", linestyle="", **_hollow()),
        ],
        3,
    )


def _hollow() -> dict[str, Any]:
    return {"color": ink(), "markerfacecolor": ground(), "markeredgewidth": 0.8}


def _largest(dataset: Any) -> float:
    """The largest rank on the axis, from the samples, the inputs and theory."""
    names = ("rank", "input_rank", "predicted_mean")
    return max(float(np.nanmax(dataset[name].values)) for name in names)


def _theory(axes: Axes, place: float, part: Any, left: float, right: float) -> None:
    """The mean in theory, and the rank at infinite width, at the end of the axis if beyond it."""
    predicted, infinite = float(part.predicted_mean), float(part.infinite_width)
    look: dict[str, Any] = {"linestyle": "", "zorder": 3}
    if math.isfinite(predicted):
        axes.plot([predicted], [place], marker="|", color=ink(), markersize=9, **look)
    shown = min(max(infinite, left), right)
    shape = "o" if shown == infinite else ">" if infinite > right else "<"
    axes.plot([shown], [place], marker=shape, clip_on=False, **look | _hollow())


FIGURE = PaperFigure(
    name="init-pdf",
    title="Distribution of the rank of Gram matrices at initialisation",
    aliases=("fig1", "captions:fig1"),
    experiment="init-pdf",
    draw=draw,
    caption="Densities of the effective rank of the Gram matrix of {samples} inputs, over "
    "{networks} networks of width {width} for each depth, activation and law of weights. "
    "Each row has a scale of its own: the higher of its two peaks has the same height "
    "everywhere.",
    panels=lambda dataset: (-(-dataset.activation.size // _COLUMNS), _COLUMNS),
    row_height=1.95,
    extra_height=0.45,
    sharey="all",
)
