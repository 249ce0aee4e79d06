"""Figure 5: the rank from initialisation to convergence, by initial weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure, settings_of
from rmt_rank.paper.figures.over_depth import (
    HOLLOW,
    depth_axis,
    key,
    legend_below,
    points,
    quartiles,
    reference_line,
)
from rmt_rank.paper.figures.style import TASK, ground, ink

__all__ = ["FIGURE", "draw"]

_TITLES = {
    "normal": "Default initialisation",
    "balanced": "All begin as a product of {as_depth}",
    "marginals": "Weights with that product's entries",
}
# Octaves of depth from the mark after the epochs to that at zero error.
_SHIFT = 0.25
_AFTER, _FITTED = "C0", "C1"


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel for each initialisation."""
    for panel, name in zip(axes.flat, dataset.initialisation.values.tolist(), strict=True):
        part = dataset.sel(initialisation=name)
        _changes(panel, part)
        _fitted(panel, part)
        reference_line(panel, part.task_gram_rank, color=TASK)
        reference_line(panel, part.minimal_gram_rank, linestyle="--")
        panel.set_title(_TITLES[name].format(**settings_of(dataset)))
        depth_axis(panel, dataset.depth.values.tolist())
    axes[0, 0].set_ylabel("rank of the Gram matrix (nats)")
    steps = int(dataset.step.max())
    look: dict[str, Any] = {"linestyle": "", "markersize": 4}
    entries = [
        key("at initialisation", marker="_", **look | {"markersize": 7}),
        key(f"after {steps} epochs", color=_AFTER, marker="o", **look),
        key("at zero training error", color=_FITTED, marker="D", **look),
        key(f"{HOLLOW} converged", marker="o", markerfacecolor=ground(), **look),
        key("least norm W* P", linestyle="--", linewidth=1),
        key("the task: ρ(K) under W*", color=TASK, linewidth=1),
    ]
    legend_below(axes[0, 0], entries, 3)


def _changes(axes: Axes, part: Any) -> None:
    """A line from the median at initialisation to that after the epochs, and its quartiles."""
    found = quartiles(part, "gram_rank", "converged")
    start = part.gram_rank_path.isel(step=0).median("repeat").sel(depth=found.depths).values
    axes.vlines(found.depths, start, found.middle, color=_AFTER, linewidth=0.8, alpha=0.5)
    axes.plot(found.depths, start, "_", color=ink(), markersize=7)
    axes.vlines(found.depths, found.low, found.high, color=_AFTER, linewidth=2)
    points(axes, found.depths, found.middle, found.enough, color=_AFTER, marker="o", zorder=3)


def _fitted(axes: Axes, part: Any) -> None:
    """Ranks at zero error, at depths where enough runs got there."""
    found = quartiles(part, "fitted_gram_rank", "fitted")
    x, there = found.depths * 2**_SHIFT, found.enough
    axes.vlines(x[there], found.low[there], found.high[there], color=_FITTED, linewidth=2)
    full = np.ones(there.sum(), dtype=bool)
    points(axes, x[there], found.middle[there], full, color=_FITTED, marker="D", zorder=3)


FIGURE = PaperFigure(
    name="parameterization",
    title="Rank of the Gram matrix from initialisation to convergence, by initial weights",
    aliases=("fig5", "captions:fig4"),
    experiment="parameterization",
    draw=draw,
    caption="Effective rank of the Gram matrix of networks of width {width}, trained by gradient "
    "descent on {examples} examples of task rank {task_rank}: medians of {repeats} "
    "networks, bars are quartiles. Zero training error: mean squared error below "
    "{tolerance}, up to depth {last_depth}.",
    panels=lambda dataset: (1, dataset.initialisation.size),
    row_height=2.3,
    extra_height=0.5,
    sharex="all",
    sharey="all",
)
