"""Figure 10: four measures of rank of the same weights, through training."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import key, legend_below, points, quartiles
from rmt_rank.paper.figures.style import depth_colours, markers

__all__ = ["FIGURE", "draw"]

_TAU = 0.01
_MEASURES = {
    "weight_rank": ("Effective rank", "nats"),
    "threshold_rank": (f"Threshold rank, τ = {_TAU:g}", "singular values"),
    "stable_rank": ("Stable rank", "ratio of squares"),
    "nuclear_norm": ("Nuclear norm", "sum of singular values"),
}


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel for each measure, with its final value beside its path."""
    dataset = dataset.sel(threshold=_TAU)
    depths = dataset.depth.values.tolist()
    looks = [
        {"color": colour, "marker": marker, "markersize": 4}
        for colour, marker in zip(depth_colours(len(depths)), markers(len(depths)), strict=True)
    ]
    for panel, (name, (title, unit)) in zip(axes.flat, _MEASURES.items(), strict=True):
        for place, look in enumerate(looks):
            _path(panel, dataset.isel(depth=place)[f"{name}_path"], place, look)
        _fitted(panel, dataset, name, looks)
        panel.set_title(title)
        panel.set_ylabel(unit)
    for panel in axes[-1]:
        panel.set_xlabel("epochs")
    entries = [key(f"depth {depth}", **look) for depth, look in zip(depths, looks, strict=True)]
    legend_below(axes[0, 0], entries, len(entries))


def _path(axes: Axes, path: Any, place: int, look: dict[str, Any]) -> None:
    steps = path.step.values
    low, middle, high = path.quantile([0.25, 0.5, 0.75], "repeat").values
    axes.fill_between(steps, low, high, color=look["color"], alpha=0.2, linewidth=0)
    # not all at the same steps, so that none hides another
    axes.plot(steps, middle, markevery=(place, 7), **look)


def _fitted(axes: Axes, dataset: Any, name: str, looks: list[dict[str, Any]]) -> None:
    """Final values of runs that were trained to zero training error, right of the epochs."""
    last = int(dataset.step.max())
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    ticks = [0, *(10**i for i in range(1, 1 + int(np.log10(last))))]
    axes.set_xticks([*ticks, 3 * last], [*(f"{tick}" for tick in ticks), "zero\nerror"])
    axes.minorticks_off()
    axes.set_xlim(-0.2, 4 * last)
    found = quartiles(dataset, f"fitted_{name}", "fitted")
    for place, look in enumerate(looks):
        at = (found.depths == dataset.depth.values[place]) & found.enough
        points(axes, np.full(len(at), 3 * last)[at], found.middle[at], found.enough[at], **look)


FIGURE = PaperFigure(
    name="rank-measures",
    title="Effective, threshold and stable rank and the nuclear norm of the weight in training",
    aliases=("fig10", "captions:fig8"),
    experiment="rank-measures",
    draw=draw,
    caption="Measures of rank of the weight W through training by gradient descent: medians of "
    "{repeats} networks, bands are quartiles. Width {width}, {examples} examples, task rank"
    " {task_rank}. Right of the paths: medians at zero training error (mean squared error "
    "below {tolerance}).",
    panels=lambda _dataset: (2, 2),
    row_height=1.85,
    extra_height=0.3,
    sharex="all",
)
